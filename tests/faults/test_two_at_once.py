"""Two at once on one home: writers wait or refuse with a clear word, readers never see a torn file, nothing is lost.

Keep out: deaths (test_kill.py).
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner

from orchestration import pipeline
from orchestration.cli import main
from orchestration.errors import HomeLockedError
from orchestration.serving.swap import swap
from orchestration.sources.contract import Window
from tests.house import TestHouse, write_source

ROOT = Path(__file__).parents[2]
HOLD = """
import sys
from orchestration.home import Home
with Home.open(sys.argv[1]).writing("run 4711aaaa"):
    print("held", flush=True)
    sys.stdin.read()
"""
# Opens the file anew again and again, as a dashboard does, until told to stop; counts what it saw.
READ = """
import json, sys, threading
import duckdb
stopped = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), stopped.set()), daemon=True).start()
seen, torn, reads, pooled = set(), 0, 0, duckdb.connect(sys.argv[2], read_only=True)
first = pooled.execute("select min(n), max(n), count(*) from t").fetchone()
print("reading", flush=True)
while not stopped.is_set():
    with duckdb.connect(sys.argv[1], read_only=True) as con:
        low, high, rows = con.execute("select min(n), max(n), count(*) from t").fetchone()
    torn += low != high or rows != 2000 or pooled.execute("select min(n), max(n), count(*) from t").fetchone() != first
    seen.add(low)
    reads += 1
print(json.dumps({"reads": reads, "torn": torn, "versions": len(seen)}))
"""


def python(script: str, *arguments: str) -> subprocess.Popen[str]:
    """Another process, up to its first word."""
    environment = {k: v for k, v in os.environ.items() if k != "VOICEHOUSE_LOCK_HELD"}
    started = subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        env={**environment, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert started.stdout is not None
    assert started.stdout.readline().strip() in ("held", "reading")
    return started


@contextmanager
def held(house: TestHouse) -> Iterator[subprocess.Popen[str]]:
    """Another process holds the home for writing."""
    holder = python(HOLD, str(house.home.root))
    try:
        yield holder
    finally:
        holder.communicate()


def test_a_second_command_refuses_naming_who_holds_the_home(house: TestHouse) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("VOICEHOUSE_")}
    with held(house) as holder:
        done = subprocess.run(
            [sys.executable, "-m", "orchestration.cli", "--home", str(house.home.root), "run"],
            env={**environment, "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8"},
            cwd=house.home.root.parent,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 3
    assert "run 4711aaaa" in done.stderr and str(holder.pid) in done.stderr and "wait" in done.stderr
    assert "Traceback" not in done.stderr


CONFIRMED = [
    "keys rotate --role engineer",
    "keys rewrap --role engineer",
    "vault reinit --role engineer",
    "subject erase --email a@example.org --role compliance --reason asked",
]


@pytest.mark.parametrize("typed", CONFIRMED)
def test_a_question_comes_after_who_writes_and_a_no_has_a_line_of_its_own(
    house: TestHouse, monkeypatch: pytest.MonkeyPatch, typed: str
) -> None:
    monkeypatch.setenv("VOICEHOUSE_HOME", str(house.home.root))
    for answer in ("n\n", ""):
        declined = CliRunner().invoke(main, typed.split(), input=answer)
        assert declined.exit_code == 1 and "[y/N]: " in declined.stdout, declined.output
        assert declined.output.splitlines()[-1] == "not confirmed: nothing was done"
    with held(house):
        locked = CliRunner().invoke(main, typed.split(), input="y\n")
    assert locked.exit_code == 3 and "run 4711aaaa" in locked.stderr and "[y/N]" not in locked.output


def test_a_dagster_run_waits_for_the_command_and_gives_up_by_name(
    house: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dagster as dg

    from orchestration.defs import resources

    monkeypatch.setenv("VOICEHOUSE_HOME", str(house.home.root))
    context = dg.build_init_resource_context()
    monkeypatch.setattr(resources, "WAIT_SECONDS", 0.3)
    with (
        held(house) as holder,
        pytest.raises(HomeLockedError, match=f"run 4711aaaa .process {holder.pid}"),
        resources.HouseResource().yield_for_execution(context),
    ):
        raise AssertionError("two writers at once")
    (told,) = pipeline.run_history(house.home)  # no hook tells of a run that has not begun
    assert told["status"] == "failed" and str(holder.pid) in told["reason"]
    monkeypatch.setattr(resources, "WAIT_SECONDS", 60.0)
    with held(house) as holder:
        assert holder.stdin is not None
        holder.stdin.close()  # it ends while we wait
        with resources.HouseResource().yield_for_execution(context):
            pass
        holder.stdin = None


def test_a_lock_whose_holder_was_killed_is_free_at_once(house: TestHouse) -> None:
    with held(house) as holder:
        with pytest.raises(HomeLockedError), house.home.writing("run 2"):
            raise AssertionError("two writers at once")
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
        assert json.loads((house.home.root / "lock").read_text())["pid"] == holder.pid  # its note is still there
        with house.home.writing("run 2"):
            assert json.loads((house.home.root / "lock").read_text())["run"] == "run 2"


def version(folder: Path, n: int) -> Path:
    """A closed file whose every row says its version."""
    draft = folder / ".kpi.draft.duckdb"
    with duckdb.connect(str(draft)) as con:
        con.execute(f"create table t as select {n} as n from range(2000)")
        con.execute("checkpoint")
    return draft


def test_readers_never_fail_and_never_read_torn_during_a_hundred_swaps(tmp_path: Path) -> None:
    served, kept = tmp_path / "kpi.duckdb", tmp_path / "kept.duckdb"
    swap(version(tmp_path, 0), served, 0o640)
    os.link(served, kept)
    # One process holds nothing else of the file; in the other a pool holds the version that the swaps take away.
    fresh, pooled = (python(READ, str(served), str(path)) for path in (kept, served))
    for n in range(1, 101):
        swap(version(tmp_path, n), served, 0o640)
    for reader in (fresh, pooled):
        out, _ = reader.communicate()
        told = json.loads(out.splitlines()[-1])
        assert reader.returncode == 0 and told["torn"] == 0 and told["reads"] > 20
        assert told["versions"] > 5 if reader is fresh else told["versions"] == 1


def test_a_pooled_reader_is_fresh_once_its_process_has_closed_every_connection(tmp_path: Path) -> None:
    served = tmp_path / "kpi.duckdb"
    swap(version(tmp_path, 1), served, 0o640)

    def seen(con: duckdb.DuckDBPyConnection) -> int:
        return con.execute("select max(n) from t").fetchone()[0]

    pooled = duckdb.connect(str(served), read_only=True)
    swap(version(tmp_path, 2), served, 0o640)
    assert seen(pooled) == 1
    second = duckdb.connect(str(served), read_only=True)
    assert seen(second) == 1  # one process, one database: the pool must be emptied, not only added to
    pooled.close()
    second.close()
    with duckdb.connect(str(served), read_only=True) as con:
        assert seen(con) == 2
    rule = (ROOT / "docs" / "bi.md").read_text(encoding="utf-8")
    assert "until every connection of its process to the old one is closed" in rule


CASE = "select _record, raw ->> '$.id' as case_id, raw ->> '$.at' as opened_at, 'CN' as person_country from rows"


def records(first: int, number: int) -> str:
    at = "2025-01-02T03:04:05Z"
    return "".join(json.dumps({"id": f"C{i}", "at": at}) + "\n" for i in range(first, first + number))


def test_a_sensor_that_fires_during_a_run_asks_once_and_writes_nothing(
    house: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dagster as dg

    from orchestration.defs.jobs import inbox

    monkeypatch.setenv("VOICEHOUSE_HOME", str(house.home.root))
    write_source(house.sources, "desk", {"case": CASE})
    house.drop("rows_1.jsonl", records(0, 3))

    def fire(cursor: str | None) -> tuple[list[dg.RunRequest], str | None]:
        with dg.build_sensor_context(cursor=cursor) as context:
            asked = [e for e in inbox(context) if isinstance(e, dg.RunRequest)]
            return asked, context.cursor

    with held(house):
        before = sorted(p for p in house.home.root.rglob("*"))
        (first,), cursor = fire(None)
        assert fire(cursor) == ([], cursor)  # not once more for the same files
        house.drop("rows_2.jsonl", records(3, 3))  # it came while the run was reading
        (second,), _ = fire(cursor)
        assert second.run_key != first.run_key
        assert sorted(p for p in house.home.root.rglob("*")) == before
    house.take()
    assert house.rows("select count(*) from lake.case") == [(6,)]


def test_a_backfill_beside_todays_run_adds_nothing_twice_and_moves_no_cursor(house: TestHouse) -> None:
    write_source(house.sources, "desk", {"case": CASE})
    house.drop("rows_1.jsonl", records(0, 5))
    house.take()
    (settings,) = pipeline.sources(house.home).values()
    window = Window(datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 2, 1, tzinfo=UTC))
    house.drop("rows_2.jsonl", records(5, 5))
    # Both are extracted before either is loaded, as when one waits for the other.
    again = pipeline.extract(house.home, house.keyring, settings, window, "backfill")
    today = pipeline.extract(house.home, house.keyring, settings, Window(), "today")
    assert again.load_id and today.load_id and again.load_id != today.load_id
    pipeline.guard_source(house.home, house.keyring, settings, "backfill")
    pipeline.load_staged(house.home, house.keyring)
    assert house.rows("select count(*), count(distinct case_key) from lake.case") == [(10, 10)]
    assert house.ledger()["case", "duplicate", ""] == 10  # the five of before, and the five that both brought
    assert pipeline.ledger_faults(house.home, house.keyring) == []
    assert pipeline.extract(house.home, house.keyring, settings, Window(), "next").load_id is None
