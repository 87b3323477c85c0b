"""The sample company at any size for the benches: its whole history, and an increment of chosen shape.

Keep out: running and timing.
"""

import subprocess
import sys
from pathlib import Path

RECORDS_PER_CUSTOMER = 31.6  # of the history; 31.7 seen at 31,000 customers, so that a million is one
NEWEST_DAYS = 6
LATE_DAYS = 90  # late records lie this far back at most
LATE_SHARE = 0.008  # of the records of those days: about 0.1 % of all

WRITE = """
import sys
from pathlib import Path
from orchestration.sample import clock, company, exports, reference
exports.CUT = cut = clock.END - {days} * clock.DAY
world = company.build(seed=7, customers={customers})
world.sql(f\"\"\"create or replace macro fate(n, s) as case
    when s >= {{cut}} then 'new'
    when s >= {{cut}} - {late_days} * 86400 and luck(n) < {late_share} then 'late' else 'plain' end\"\"\")
folder = Path(sys.argv[1])
for wave, name in ((1, 'history'), (2, 'increment')):
    world.written.clear()
    exports.write(world, folder / name, (wave,))
    if wave == 1:
        for stream, rows in reference.write(folder / 'reference').items():
            world.written['reference', stream] += rows
    (folder / name / '.records').write_text(str(sum(world.written.values())))
"""


def write(folder: Path, records: int) -> tuple[int, int]:
    """Write `folder`/history and `folder`/increment.

    Returns how many records each holds, history with `folder`/reference.
    In a process of its own, so that neither its memory nor its clock stays with the measure.
    """
    script = WRITE.format(
        days=NEWEST_DAYS,
        late_days=LATE_DAYS,
        late_share=LATE_SHARE,
        customers=max(100, round(records / RECORDS_PER_CUSTOMER)),
    )
    subprocess.run([sys.executable, "-c", script, str(folder)], stdout=subprocess.DEVNULL, check=True)
    history, increment = (int((folder / wave / ".records").read_text()) for wave in ("history", "increment"))
    return history, increment
