"""The power goes between any two system calls of a change to the vault: it stands whole, the old one or the new one.

Keep out: deaths of the process alone (test_kill.py) and what a step of the gate writes (test_power_cut.py).
"""

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestration.engine import connect
from orchestration.errors import VoicehouseError
from orchestration.home import Home
from orchestration.privacy.audit_log import AuditLog
from orchestration.privacy.keys import Keyring
from orchestration.privacy.vault import open_vault
from tests.faults.disk import DISKS, Recording, lay
from tests.faults.system_calls import recorded_from

ROOT = Path(__file__).parents[2]
ROWS = 4_000  # several blocks of the file
CHANGE = f"""
import sys
from pathlib import Path
from orchestration.engine import connect
from orchestration.home import Home
from orchestration.privacy.keys import Keyring
from orchestration.privacy.vault import open_vault

home = Home.open(Path(sys.argv[1]))
con = connect(home.temp)
with open_vault(con, home, Keyring(home)):
    con.execute("INSERT INTO vault.identity BY NAME SELECT md5(i::VARCHAR) AS subject_id, 'email' AS domain, md5((i + 1)::VARCHAR) AS index_hash, true AS is_proving, "
                "encode(repeat(md5((i + 2)::VARCHAR), 4)) AS sealed, 'load' AS first_load FROM range({ROWS}) AS rows(i)")
"""


@dataclass(frozen=True)
class Change:
    """One change to a vault, as the kernel saw it, on a home as it was before."""

    base: Path
    recording: Recording


def change(home: Path, folder: Path) -> Change:
    """Change a vault in a process of its own; its home is left as it is then."""
    base = shutil.copytree(home, folder / "base")
    recording = recorded_from(
        [sys.executable, "-c", CHANGE, str(home)], home, folder, {**os.environ, "PYTHONPATH": str(ROOT)}
    )
    return Change(base, recording)


@pytest.fixture(scope="module")
def changes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Change]:
    if not shutil.which("strace"):
        pytest.fail("this test asks the kernel what DuckDB writes: install strace (make test-faults does)")
    root = tmp_path_factory.mktemp("vault")
    home = Home.open(root / "home")
    Keyring(home).key("vault")
    made = {}
    for number, name in enumerate(("the first vault", "one that holds rows")):
        (root / str(number)).mkdir()
        made[name] = change(home.root, root / str(number))
    return made


def rows_in(home: Home) -> int:
    """Rows of persons in the vault, -1 where there is none yet. Raises VoicehouseError when it is refused."""
    con = connect(home.temp)
    try:
        with open_vault(con, home, Keyring(home), read_only=True):
            found = con.execute("SELECT count(*), count(DISTINCT subject_id) FROM vault.identity").fetchone()
    except VoicehouseError as error:
        if "no vault yet" not in str(error):
            raise
        return -1
    finally:
        con.close()
    return found[0] if found else -1


def change_again(home: Home) -> None:
    con = connect(home.temp)
    with open_vault(con, home, Keyring(home)):
        con.execute("INSERT INTO vault.identity (subject_id) VALUES ('one more')")
    con.close()


@pytest.mark.parametrize(("name", "before"), [("the first vault", -1), ("one that holds rows", ROWS)])
def test_after_a_power_cut_the_vault_is_the_old_or_the_new_one(
    changes: dict[str, Change], tmp_path: Path, name: str, before: int
) -> None:
    change = changes[name]
    file = "vault/vault.duckdb"
    # The control: were nothing synced, the change would be lost that the audit log tells of.
    mean = Recording(
        change.recording.top, [s for s in change.recording.steps if s[0] != "fsync" or "vault.d" not in s[1]]
    )
    lost, whole = (r.state(change.base, len(r.steps), "hasty") for r in (mean, change.recording))
    assert lost["audit/head.json"] == whole["audit/head.json"] and lost[file] != whole[file]
    left: dict[object, tuple[str, dict[str, bytes | None]]] = {}
    for disk in DISKS:
        for n in range(len(change.recording.steps) + 1):
            state = change.recording.state(change.base, n, disk)
            left.setdefault(frozenset((p, c) for p, c in state.items() if c is not None), (f"{disk} disk, {n}", state))
    seen, wrong = set(), {}
    for number, (where, state) in enumerate(left.values()):
        lay(state, tmp_path / str(number))
        home = Home.open(tmp_path / str(number))
        rows = rows_in(home)
        change_again(home)
        seen.add(rows)
        told = rows_in(home) - max(rows, 0), AuditLog(home, Keyring(home)).verify()[1]
        if told != (1, []):
            wrong[where] = told
        shutil.rmtree(home.root)
    assert wrong == {}
    # an empty vault is a whole one, at its place before its first rows
    assert {before, max(before, 0) + ROWS} <= seen <= {before, max(before, 0), max(before, 0) + ROWS}
