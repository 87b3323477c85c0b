"""The whole job when a source is down, breaks its contract, or figures fail their checks: the rest is served.

Keep out: processes that die (test_kill.py).
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from orchestration import pipeline
from orchestration.privacy import incidents
from orchestration.sources.contract import Window
from tests.faults.traces import found_in, found_under
from tests.house import TestHouse, write_source

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PLANTED = ("planted.person@example.org", "13700001234")
CASE = """
select
    _record, raw ->> '$.id' as case_id, raw ->> '$.at' as opened_at, raw ->> '$.email' as person_email,
    'true' as person_email_verified, raw ->> '$.phone' as person_phone, 'CN' as person_country,
    raw ->> '$.text' as text
from {stream}
"""
DOWN = '''"""A source whose server does not answer."""

from orchestration.errors import SourceError


def pages(settings, state, window):
    raise SourceError("flaky: the server answers 503")
    yield
'''


def cases(prefix: str, first: int, number: int) -> str:
    rows = (
        {"id": f"{prefix}{i}", "at": f"2025-01-{1 + i % 28:02d}T08:00:00Z", "email": f"{prefix}{i}@example.org"}
        for i in range(first, first + number)
    )
    return "".join(json.dumps(r) + "\n" for r in rows)


def flip(path: Path, place: int) -> None:
    """Change one bit of a file."""
    content = path.read_bytes()
    path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])


class Job:
    """A home with two sound sources, one that is down, one that breaks its contract, one whose sealed page was changed.

    And the command line on it.
    """

    def __init__(self, root: Path):
        self.house = TestHouse(root)
        self.home = self.house.home
        self.temp = root / "temp"  # the run's own TMPDIR
        for name in ("desk", "shop", "flaky", "broken", "damaged"):
            write_source(self.house.sources, name, {"case": CASE.format(stream=f"{name}_rows")}, stream=f"{name}_rows")
            self.house.drop(f"{name}_rows_1.jsonl", cases(name[0], 0, 30))
        (self.house.sources / "flaky" / "extract.py").write_text(DOWN)
        broken = CASE.replace("as text", "as no_such_column").format(stream="broken_rows")
        (self.house.sources / "broken" / "case.sql").write_text(broken)
        write_source(self.house.sources, "mistyped", {"case": "select 1"})
        (self.house.sources / "mistyped" / "source.toml").write_text("purposes = [")
        write_source(self.house.sources, "latin", {"case": CASE.format(stream="latin_rows")}, stream="latin_rows")
        self.house.drop("latin_rows_1.jsonl", cases("l", 0, 30))
        (self.house.sources / "latin" / "case.sql").write_bytes("-- café\nselect 1".encode("latin-1"))
        planted = {"id": "P1", "at": "2025-01-02T00:00:00Z", "email": PLANTED[0], "phone": PLANTED[1]}
        planted["text"] = f"call {PLANTED[1]} or write to {PLANTED[0]}"
        self.house.drop("desk_rows_2.jsonl", json.dumps(planted) + "\n")

        settings = pipeline.sources(self.home)["damaged"]
        pipeline.extract(self.home, self.house.keyring, settings, Window(), "before")
        pipeline.Outcomes(self.home, "before").conclude(self.home, "before", "failed")
        (path,) = self.home.root.glob("landing/damaged/pages/*.parquet")
        (sealed,) = pq.read_table(path)["sealed"].to_pylist()
        flip(path, path.read_bytes().index(sealed) + len(sealed) // 2)

    def serve_a_leak(self) -> None:
        """What is served stems from a day on which nobody checked it: it has a row per person."""
        with duckdb.connect(str(self.home.serving / "kpi.duckdb")) as con:
            con.execute("create or replace table kpi_leak as select 'k' as subject_key")

    def run(self) -> subprocess.CompletedProcess[str]:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("VOICEHOUSE_")}
        self.temp.mkdir(exist_ok=True)
        return subprocess.run(
            [sys.executable, "-m", "orchestration.cli", "--home", str(self.home.root), "run"],
            env={**environment, "PYTHONPATH": str(ROOT), "TMPDIR": str(self.temp)},
            cwd=self.home.root.parent,
            capture_output=True,
            text=True,
            check=False,
        )

    def served(self, sql: str) -> list[tuple]:
        with duckdb.connect(str(self.home.serving / "kpi.duckdb"), read_only=True) as con:
            return con.execute(sql).fetchall()

    def promoted(self) -> dict[str, int]:
        """Rows of the served ledger by source."""
        rows = self.served("select source, sum(n)::int from load_ledger where measure = 'promoted' group by 1")
        return dict(rows)

    def open_cases(self) -> float:
        """The served figure that is easiest to know: no case of these sources was ever resolved."""
        ((value,),) = self.served(
            "select value from kpi_values where metric_id = 'backlog' and breakdown = '' and period_grain = 'all'"
        )
        return value

    @property
    def last_run(self) -> dict:
        return pipeline.run_history(self.home)[-1]

    @property
    def report(self) -> str:
        return (self.home.serving / "report" / "index.html").read_text()


class Day:
    """One run of the job on that home."""

    def __init__(self, job: Job):
        self.job = job
        job.serve_a_leak()
        self.leak_made_at = (job.home.serving / "kpi.duckdb").stat().st_mtime_ns
        self.done = job.run()


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    """A bad day, once for all tests; the last two of them change the home."""
    yield Day(Job(tmp_path_factory.mktemp("down")))


@pytest.fixture
def job(day: Day) -> Job:
    return day.job


def banner(report: str) -> str:
    """The part of the page that says a run failed; empty when there is none."""
    _, found, rest = report.partition('class="banner failed"')
    return rest.partition("</div>")[0] if found else ""


def test_sources_that_fail_are_named_and_the_others_are_served(day: Day, job: Job) -> None:
    assert day.done.returncode == 1
    _, _, told = day.done.stderr.partition("the run failed: ")  # behind what it said of where it was
    assert "flaky: the server answers 503" in told
    assert "broken" in told and "no_such_column" in told
    assert "damaged: page 0 of load" in told and "does not open" in told
    assert "mistyped: source.toml cannot be read" in told
    assert "latin: case.sql cannot be read: it is not in UTF-8" in told
    assert "desk" not in told and "shop" not in told
    assert job.last_run["status"] == "failed" and job.last_run["failed_sources"] == [
        "broken",
        "damaged",
        "flaky",
        "latin",
        "mistyped",
    ]
    assert job.promoted() == {"desk": 31, "shop": 30} and job.open_cases() == 61
    assert "flaky" in banner(job.report) and "broken" in banner(job.report)
    assert "damaged" in banner(job.report)


def test_what_was_served_and_shows_persons_is_withdrawn_and_made_anew(day: Day, job: Job) -> None:
    assert "personal_column:kpi_leak" in day.done.stderr
    assert "personal_column:kpi_leak" in job.last_run["withdrawn"]
    (incident,) = incidents.listed(job.home)
    assert incident.begun["failed"] == job.last_run["withdrawn"] and incident.removed == ["kpi.duckdb"]
    assert (job.home.serving / "kpi.duckdb").stat().st_mtime_ns > day.leak_made_at
    assert job.served("select count(*) from duckdb_tables() where table_name = 'kpi_leak'") == [(0,)]
    assert not (job.home.serving / "withdrawn.json").exists()


def test_no_key_and_no_planted_value_stands_in_what_the_run_wrote_about_itself(job: Job) -> None:
    keyring = job.house.keyring
    keys = [
        form for purpose in ("lake", "warehouse", "vault") for form in (keyring.base64(purpose), keyring.hex(purpose))
    ]
    probe = job.home.root.parent / "probe"
    probe.mkdir()
    (probe / "log").write_text("key=" + keys[0])
    assert found_under([probe], keys) == {keys[0]}  # the control
    told = [*(job.home.root / name for name in ("dagster", "dbt", "dlt", "ops", "serving", "tmp")), job.temp]
    assert all(folder.is_dir() for folder in told)
    assert found_under(told, keys) == set()
    assert found_under([job.house.inbox], PLANTED) == set(PLANTED)
    assert found_under([job.home.root, job.temp], PLANTED) == set()
    assert found_in(job.home, PLANTED) == ()


def test_figures_that_fail_their_checks_are_not_served_and_the_next_run_tries_again(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orchestration.lake import audit

    path = job.home.serving / "kpi.duckdb"
    good = path.read_bytes()
    (job.home.root / "ops" / "served.json").unlink()
    monkeypatch.setattr(audit, "published_failures", lambda _: ["kpi_values:planned to fail"])
    pipeline.Outcomes(job.home, "candidate").begin()
    result = pipeline.publish(job.home, job.house.keyring, "candidate")
    (wrong,) = pipeline.conclude(job.home, "candidate")
    assert not result.is_served and "planned to fail" in wrong and "last good" in wrong
    assert path.read_bytes() == good and not list(job.home.serving.glob(".kpi.draft*"))
    assert job.last_run["status"] == "failed" and job.last_run["refused"] == ["kpi_values:planned to fail"]
    assert not pipeline.is_served(job.home)


def test_nothing_of_a_served_file_that_cannot_be_read_stays(job: Job) -> None:
    (job.home.serving / "kpi.duckdb").write_bytes(b"half a file")
    assert pipeline.recheck_served(job.home, "torn") == ["unreadable"]
    left = sorted(p.name for p in job.home.serving.rglob("*") if p.is_file())
    assert left == ["withdrawn.json"]
    assert pipeline.recheck_served(job.home, "torn") == []
