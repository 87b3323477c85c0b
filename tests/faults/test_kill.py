"""A process killed at the worst moments: nothing readable is left behind, and the next run makes it good.

Keep out: failures that a process survives (test_source_down.py).
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestration import pipeline, watch
from orchestration.lake import audit, quarantine
from orchestration.lake.store import Lake
from orchestration.landing import pages
from orchestration.records import KINDS
from tests import same_content
from tests.faults.child import refused
from tests.faults.traces import found_in, found_under
from tests.house import TestHouse, write_source
from tests.same_content import Tables, differences

ROOT = Path(__file__).parents[2]
PLANTED = ("planted.person@example.org", "13700001234", "普兰特", "ACC-4417-PLANTED", "TICKET-PLANTED-3")
# Where the process dies; in the home's very first load, which dlt treats differently, or in a later one.
DEATHS = (
    ("extracting", "later"),
    ("sealing", "first"),
    ("before_normalizing", "later"),
    ("before_loading", "first"),
    ("after_copying", "later"),
    ("in_the_vaults_transaction", "later"),
    ("before_the_vaults_checkpoint", "first"),
    ("after_the_vaults_commit", "first"),
    ("before_manifest", "first"),
    ("auditing", "later"),
    ("quarantining", "first"),
    ("between_folders", "first"),
    ("before_commit", "later"),
    ("in_the_commit", "later"),
    ("while_forgetting", "later"),
)
# Deaths in a home whose models stood before, so that what follows is an increment; a build takes longer than all else
# here.
BUILT = ("in_the_vaults_transaction", "while_forgetting")

# Ten pages and more, so that dlt has written some of them to its folder before the end.
EXTRACT = '''"""Pages of three records, one after the other; dies on the way when told to."""

import os
import signal
import time
from pathlib import Path

from orchestration.sources.contract import Page


def pages(settings, state, window):
    seen = state.setdefault("files", [])
    for path in sorted(Path(settings.inbox).glob("*.jsonl")):
        key = settings.file_id(path.name)
        if key in seen:
            continue
        lines = path.read_bytes().splitlines()
        for start in range(0, len(lines), 3):
            if start == 33 and os.environ.get("DIE") == "extracting":
                os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(0.01)
            yield Page("rows", b"\\n".join(lines[start : start + 3]), file=path.name, first_row=start + 1)
        seen.append(key)
'''
CASE = """
select
    _record, raw ->> '$.id' as case_id, raw ->> '$.at' as opened_at, raw ->> '$.account' as person_account_id,
    raw ->> '$.email' as person_email, 'true' as person_email_verified, raw ->> '$.phone' as person_phone,
    raw ->> '$.name' as person_name, 'CN' as person_country, raw ->> '$.text' as text
from rows where raw ->> '$.what' = 'case'
"""
CONSENT = """
select
    _record, raw ->> '$.id' as consent_id, raw ->> '$.account' as person_account_id, raw ->> '$.email' as person_email,
    'true' as person_email_verified, 'analytics' as purpose, 'grant' as action, 'general' as consent_type,
    raw ->> '$.at' as given_at
from rows where raw ->> '$.what' = 'consent'
"""


def furnish(house: TestHouse, load: str) -> None:
    """A source of 45 records about 11 persons: one line broken, one record twice.

    Before a later load, an earlier one.
    """
    folder = write_source(house.sources, "desk", {"case": CASE, "consent": CONSENT})
    (folder / "extract.py").write_text(EXTRACT)
    if load == "later":
        early = {"what": "case", "id": "E1", "at": "2025-01-01T00:00:00Z", "account": "A1"}
        house.drop("early.jsonl", json.dumps(early) + "\n")
        house.take()
    records = []
    for i in range(43):
        person = i % 11
        record = {
            "what": "consent" if i % 7 == 0 else "case",
            "id": f"R{i}",
            "at": f"2025-01-{1 + i % 28:02d}T03:04:05Z",
            "account": f"A{person}",
            "email": f"p{person}@example.org",
            "phone": f"1380000{1000 + person}",
            "text": f"第 {i} 号 the parcel is late, write to p{person}@example.org",
        }
        if i in (3, 40):  # an early and a late page
            email, phone, name, account, ticket = PLANTED
            record |= {"email": email, "phone": phone, "name": name, "account": account, "id": ticket + str(i)}
            record |= {"what": "case", "text": f"我是{name}，电话{phone}，{email}"}
        records.append(json.dumps(record, ensure_ascii=False))
    house.drop("rows of planted.person@example.org.jsonl", "\n".join([*records, records[5], "{broken"]) + "\n")


def content(house: TestHouse) -> Tables:
    """The lake's rows by kind."""
    return same_content.lake(house.home, house.keyring)


@dataclass(frozen=True)
class Undisturbed:
    """What a run comes to that nothing disturbed. Its house may be copied, not changed."""

    house: TestHouse
    rows: Tables
    ledger: dict[tuple[str, str, str], int]
    marts: Tables


def orphans(house: TestHouse) -> list[str]:
    """Files of the home that no step will ever read again."""
    home = house.home
    lake = Lake(home, house.keyring.base64("lake"))
    listed = {str(p) for kind in KINDS for p in lake.parts(kind)}
    left = [p for p in home.lake.glob("*/source=*/load=*/*") if str(p) not in listed]
    left += list((home.lake / "_staged").iterdir())
    left += [p for p in home.folder("quarantine").glob("*/*.parquet") if not p.with_suffix(".json").exists()]
    left += [p for p in (home.root / "dlt").rglob("*") if p.is_file() and p.suffix in (".parquet", ".arrow", ".jsonl")]
    left += [p for p in home.temp.rglob("*") if p.is_file()]
    left += list(home.root.rglob(".*.draft"))
    return [str(p.relative_to(home.root)) for p in left]


def killed(house: TestHouse, point: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Take what is new in a process that dies at a point; its temporary files go to `folder`/tmp."""
    temp = folder / "tmp"
    temp.mkdir()
    given = {"DIE": point, "TMPDIR": str(temp), "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, "-m", "tests.faults.child", str(house.home.root), point],
        env={**os.environ, **given},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(("point", "load"), DEATHS)
def test_a_killed_run_leaves_nothing_readable_and_the_next_makes_it_good(
    emptied_house: TestHouse,
    undisturbed: dict[str, Undisturbed],
    point: str,
    load: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    house = emptied_house
    furnish(house, load)
    if point in BUILT:
        house.build()
    died, temp = killed(house, point, tmp_path), tmp_path / "tmp"
    assert died.returncode == -signal.SIGKILL, died.stdout[-2000:] + died.stderr[-2000:]
    assert not any(p in died.stdout + died.stderr for p in PLANTED)
    assert found_under([house.inbox], PLANTED) == set(PLANTED)  # the control: the search finds what is in the clear
    assert found_under([house.home.root, temp], PLANTED) == set()
    assert found_in(house.home, PLANTED) == ()

    monkeypatch.setattr(tempfile, "tempdir", str(temp))
    again = TestHouse(house.home.root.parent)  # keys and folders as the next process finds them
    again.take()
    rows, ledger = undisturbed[load].rows, undisturbed[load].ledger
    assert differences(content(again), rows) == {}
    assert again.ledger() == ledger
    assert pipeline.ledger_faults(again.home, again.keyring) == []
    assert orphans(again) == []
    assert found_under([house.home.root, temp], PLANTED) == set()
    assert found_in(again.home, PLANTED) == ()
    n_loads = 1 if load == "first" else 2
    assert len(pages.loads(again.home, "desk")) == n_loads
    again.take()  # and once more there is nothing to do
    assert differences(content(again), rows) == {} and len(pages.loads(again.home, "desk")) == n_loads
    assert (again.build().why_full == "") == (point in BUILT)
    assert differences(same_content.marts(again.home, again.keyring), undisturbed[load].marts) == {}


def test_a_batch_that_is_refused_again_after_a_death_waits_once_and_whole(
    house: TestHouse, undisturbed: dict[str, Undisturbed], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    furnish(house, "first")
    assert killed(house, "quarantining", tmp_path).returncode == -signal.SIGKILL
    assert len(orphans(house)) > 0  # the control: a copy that no note tells of
    again = TestHouse(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(audit, "audit_batch", refused)
        assert {v.passed for v in again.take()} == {False}
    assert orphans(again) == [] and not content(again).keys() & KINDS.keys()
    notes = quarantine.batches(again.home)
    assert [note["part"]["kind"] for note in notes] == ["case", "consent"]
    assert pipeline.ledger_faults(again.home, again.keyring) == []
    assert all(quarantine.replay(again.home, again.keyring, note["batch"]) for note in notes)
    expected = undisturbed["first"].rows
    assert (
        differences(*({kind: found[kind] for kind in ("case", "consent")} for found in (content(again), expected)))
        == {}
    )


def test_a_whole_run_killed_while_extracting_leaves_nothing_readable_in_any_tools_folder(
    house: TestHouse, tmp_path: Path
) -> None:
    """Under the command itself: Dagster has written of the run, dlt holds pages, dbt's folder is of a build before."""
    furnish(house, "later")
    house.build()
    died = whole_run(house, tmp_path, "extracting")
    assert died.returncode == -signal.SIGKILL, died.stdout[-2000:] + died.stderr[-2000:]
    for folder in ("dagster", "dbt", "dlt"):
        assert [p for p in (house.home.root / folder).rglob("*") if p.is_file()], f"nothing stands in {folder}"
    everywhere = [house.home.root, tmp_path / "tmp"]
    assert found_under([house.inbox], PLANTED) == set(PLANTED)  # the control
    assert found_under(everywhere, PLANTED) == set() and found_in(house.home, PLANTED) == ()
    again = whole_run(house, tmp_path, "")
    assert again.returncode == 0, again.stdout[-2000:] + again.stderr[-2000:]
    assert house.rows("select count(*) > 30 from lake.case") == [(True,)]
    assert found_under(everywhere, PLANTED) == set() and found_in(house.home, PLANTED) == ()
    assert [r["status"] for r in pipeline.run_history(house.home)] == ["died", "succeeded"]
    assert watch.died(house.home) == []


def whole_run(house: TestHouse, folder: Path, point: str) -> subprocess.CompletedProcess[str]:
    """`voicehouse run` in a process of its own, that may die while extracting; temporary files go to `folder`/tmp."""
    temp = folder / "tmp"
    temp.mkdir(exist_ok=True)
    return subprocess.run(
        [sys.executable, "-m", "orchestration.cli", "--home", str(house.home.root), "run"],
        env={**os.environ, "DIE": point, "TMPDIR": str(temp), "PYTHONPATH": str(ROOT)},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("load", ["first", "later"])
def test_a_disk_that_fails_after_the_last_page_keeps_pages_and_cursor_together(
    house: TestHouse, load: str, undisturbed: dict[str, Undisturbed], monkeypatch: pytest.MonkeyPatch
) -> None:
    from dlt.pipeline.pipeline import Pipeline

    furnish(house, load)

    def full(*_: object, **__: object) -> None:
        raise OSError(f"no space left for {PLANTED[0]}")

    with monkeypatch.context() as patched:
        patched.setattr(Pipeline, "load", full)
        house.take()
    told = pipeline.Outcomes(house.home, "test").failures["desk"]["reason"]
    assert re.match(r"desk: OSError while extracting, after page 15, of file [0-9a-f]{24}: run again, and if", told), (
        told
    )
    assert found_in(house.home, PLANTED) == ()
    house.take()
    assert differences(content(house), undisturbed[load].rows) == {}
    assert house.ledger() == undisturbed[load].ledger
    assert orphans(house) == []
