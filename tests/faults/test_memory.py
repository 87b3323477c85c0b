"""Less memory than the work wants: it spills, what it spills is encrypted, and the rows are the same.

Keep out: how fast that is (tests/bench).
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from orchestration import pipeline
from tests import same_content
from tests.faults.traces import found_in, found_under
from tests.house import TestHouse, write_source
from tests.watching import watched

ROOT = Path(__file__).parents[2]
PLANTED = "planted.person@example.org"
N = 30_000
NOTE = """
select
    _record, raw ->> '$.id' as note_id, parse_iso(raw ->> '$.at') as noted_at, raw ->> '$.email' as person_email,
    'true' as person_email_verified, 'CN' as person_country, 'customer' as party, 'interview' as method,
    raw ->> '$.text' as text
from rows
"""


def test_what_does_not_fit_into_memory_spills_encrypted_and_changes_nothing(
    house: TestHouse, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = "".join(
        json.dumps(
            {"id": f"N{i}", "at": "2025-01-02T03:04:05Z", "email": PLANTED if i % 9 == 0 else f"p{i % 700}@example.org",
             "text": f"{i} write to {PLANTED} about it, " + f"{i * 7919 % 10007} word " * 40}
        ) + "\n"
        for i in range(N)
    )  # fmt: skip
    roomy = TestHouse(tmp_path_factory.mktemp("roomy"))
    for each in (house, roomy):
        write_source(each.sources, "desk", {"note": NOTE})
        each.drop("rows.jsonl", lines)
    roomy.take()
    monkeypatch.setenv("VOICEHOUSE_MEMORY_LIMIT", "150MB")
    with watched(house.home.temp, PLANTED) as watch:
        house.take()
        seen = watch.seen()
    assert pipeline.Outcomes(house.home, "test").failures == {}
    assert any(name.startswith("duckdb_temp") for name in seen.files), "nothing spilled: the test proves nothing"
    assert seen.most > 1 << 20 and not any(seen.files.values())
    assert found_under([house.inbox], [PLANTED]) == {PLANTED}  # the control
    assert found_in(house.home, [PLANTED]) == ()
    assert house.rows("select count(*) from lake.note where text like '%<EMAIL>%' or text like '%<SELF>%'") == [(N,)]
    assert house.rows("select count(*) from lake.note") == [(N,)]
    there = same_content.lake(roomy.home, roomy.keyring)
    assert same_content.differences(same_content.lake(house.home, house.keyring), there) == {}
    assert house.ledger() == roomy.ledger()


def read_in_little_memory(format: str, megabytes: int, limit: int) -> list[str]:
    """What tests.faults.reader prints, a process whose memory the operating system limits."""
    environment = {**os.environ, "ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "2"}
    command = [sys.executable, "-m", "tests.faults.reader", format, str(megabytes), str(limit)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


# Arrow reads up to 32 pieces of a CSV ahead: 384 MB, whatever the file's size.
@pytest.mark.parametrize(("format", "megabytes", "limit"), [("csv", 2048, 768), ("jsonl", 512, 128)])
def test_a_file_larger_than_memory_is_read_page_by_page(format: str, megabytes: int, limit: int) -> None:
    at_once, by_page = read_in_little_memory(format, megabytes, limit)
    assert at_once == "at once: too large"  # the control: the limit holds
    read, there = re.fullmatch(r"page by page: (\d+) of (\d+) rows", by_page).groups()
    assert read == there and int(there) > 500_000


def test_a_json_document_larger_than_a_page_of_an_api_is_told_and_not_parsed() -> None:
    assert read_in_little_memory("json_pages", 512, 128) == [
        "at once: too large",
        "page by page: is one JSON document of more than 64 MB: export it as JSON lines",
    ]
