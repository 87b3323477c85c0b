"""Incidents: written down, counted, told, closed; counts and names only.

Keep out: what opens one by itself (test_serving.py).
"""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from orchestration import backup
from orchestration.engine import connect
from orchestration.lake import audit
from orchestration.lake.audit import AuditResult, CheckResult
from orchestration.messages import translated
from orchestration.privacy import incidents, reached
from orchestration.privacy.audit_log import AuditLog
from orchestration.privacy.vault import open_vault
from tests.faults.traces import found_under
from tests.house import TestHouse
from tests.integration.test_gate import case, lines
from tests.integration.test_operations import metadata, run
from tests.integration.test_subjects import command, filled, made

__all__ = ["filled", "made"]

PLANTED = ["zora@example.org", "quill@example.net", "Zora Quill", "it broke", "mine too"]
BY = ["--role", "compliance"]
OPEN = ["privacy", "incident", "open", "--reason", "a laptop is gone", "--ticket", "T-9", *BY]


def opened(house: TestHouse, monkeypatch: pytest.MonkeyPatch, *more: str) -> str:
    done = command(house, monkeypatch, *OPEN, *more, "--json")
    assert done.exit_code == 0, done.output
    return str(json.loads(done.stdout)["incident"])


def steps(house: TestHouse, number: str) -> list[str]:
    lines = AuditLog(house.home, house.keyring).lines()
    return [line["action"] for line in lines if line["facts"].get("incident") == number]


def test_the_term_runs_from_when_it_was_noticed(filled: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICEHOUSE_CLOCK", "2026-03-03T10:00:00Z")
    number = opened(filled, monkeypatch, "--noticed-at", "2026-03-02T22:00:00Z")
    (row,) = json.loads(command(filled, monkeypatch, "privacy", "incident", "list", "--json").stdout)
    assert (row["incident"], row["due_at"][:16], row["hours_left"]) == (number, "2026-03-05T22:00", 60.0)
    ahead = command(filled, monkeypatch, *OPEN, "--noticed-at", "2026-03-04")
    assert ahead.exit_code == 1 and "noticed in the past" in ahead.stderr
    assert number in command(filled, monkeypatch, "status").stdout


def test_an_incident_from_beginning_to_end(filled: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    number = opened(filled, monkeypatch)
    early = command(filled, monkeypatch, "privacy", "incident", "export", number, *BY)
    assert early.exit_code == 1 and "not counted yet" in early.stderr
    told = json.loads(command(filled, monkeypatch, "privacy", "incident", "scope", number, *BY, "--json").stdout)
    # Zora under two addresses and Otto; the events of their cases count as rows, not as further persons.
    assert (told["persons"], told["persons_by_law"]) == (2, {"CN": 1, "EU": 1})
    assert {(r["kind"], r["n"]) for r in told["rows"]} == {("case", 4), ("case_event", 2)}
    assert (told["persons_by_identifier"]["email"], told["persons_by_identifier"]["name"]) == (1, 2)
    assert "case.text" in told["fields"]["text"] and told["sealed_loads"] == {"desk": 2}
    done = command(filled, monkeypatch, "privacy", "incident", "export", number, *BY)
    assert done.exit_code == 0, done.output
    page = (filled.home.root / "ops" / "incidents" / f"{number}.html").read_text()
    assert "72 h" in page and "a laptop is gone" in page and "http" not in page.replace("http-equiv", "")
    assert command(filled, monkeypatch, "privacy", "incident", "close", number, "--outcome", "none", *BY).exit_code == 0
    assert steps(filled, number) == [f"incident {what}" for what in ("opened", "scoped", "exported", "closed")]
    assert json.loads(command(filled, monkeypatch, "privacy", "incident", "list", "--open", "--json").stdout) == []
    assert command(filled, monkeypatch, "privacy", "incident", "scope", number, *BY).exit_code == 1
    assert found_under([filled.home.root / "ops", filled.home.root / "audit"], PLANTED) == set()


def test_a_scope_keeps_to_its_window_sources_and_kinds(filled: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = sorted(t for (t,) in filled.rows("select distinct loaded_at from lake.case"))

    def rows(*given: str) -> int:
        ask = ["privacy", "incident", "scope", number, *BY, "--dry-run", "--json", *given]
        return sum(r["n"] for r in json.loads(command(filled, monkeypatch, *ask).stdout)["rows"])

    number = opened(filled, monkeypatch)
    assert rows() == 6
    assert rows("--since", second.isoformat()) == 1 and rows("--until", second.isoformat()) == 5
    assert rows("--until", first.isoformat()) == 0
    assert rows("--source", "desk") == 6 and rows("--source", "elsewhere") == 0
    assert rows("--kind", "case_event") == 2
    assert incidents.find(filled.home, number).scope is None  # tried dry, each
    assert command(filled, monkeypatch, "privacy", "incident", "scope", number, *BY, "--kind", "x").exit_code == 2


def test_an_export_within_the_window_is_in_the_scope(filled: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    log = AuditLog(filled.home, filled.keyring)
    log.append("export", dataset="orders", recipient="lab", role="analyst", rows=30, k=12, l=3, t=0.1)
    number = opened(filled, monkeypatch)
    ask = ["privacy", "incident", "scope", number, *BY, "--json"]
    told = json.loads(command(filled, monkeypatch, *ask).stdout)
    assert told["exports"] == [{"recipient": "lab", "dataset": "orders", "rows": 30}]
    later = json.loads(command(filled, monkeypatch, *ask, "--since", "2099-01-01").stdout)
    assert later["exports"] == [] and later["persons"] == 0


def test_dry_runs_write_nothing_and_roles_bind_every_step(filled: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    dry = command(filled, monkeypatch, *OPEN, "--dry-run")
    assert dry.exit_code == 0 and "would" in dry.stdout and incidents.listed(filled.home) == []
    number = opened(filled, monkeypatch)
    command(filled, monkeypatch, "privacy", "incident", "scope", number, *BY)
    register = (filled.home.root / "ops" / "incidents.jsonl").read_text()
    for step in (["export", number], ["close", number, "--outcome", "x"]):
        tried = command(filled, monkeypatch, "privacy", "incident", *step, *BY, "--dry-run")
        assert tried.exit_code == 0 and number in tried.stdout
        assert command(filled, monkeypatch, "privacy", "incident", *step, "--role", "engineer").exit_code == 5
    assert command(filled, monkeypatch, *OPEN[:-1], "analyst").exit_code == 5
    assert (filled.home.root / "ops" / "incidents.jsonl").read_text() == register
    assert not (filled.home.root / "ops" / "incidents").exists()


def test_what_the_page_says_stands_there_in_chinese_too(filled: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICEHOUSE_LANG", "zh")
    number = opened(filled, monkeypatch)
    told = command(filled, monkeypatch, "privacy", "incident", "export", number, *BY)
    assert "尚未统计" in told.stderr
    assert translated(f"no incident {number} is open: see `voicehouse privacy incident list`", "zh").startswith("没有")


@pytest.fixture
def spread(filled: TestHouse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> TestHouse:
    """Zora (two subjects) and Otto, with rows in every store.

    One in quarantine, two built, one restricted, a backup, an export.
    """
    with monkeypatch.context() as failing:
        failing.setattr(audit, "audit_batch", lambda *_, **__: AuditResult((CheckResult("x", False, 1, 1),)))
        filled.drop("rows_9.jsonl", lines(case(9, account="O1", country="CN", text="held")))
        filled.take()
    subjects = filled.rows("select distinct subject_key, load_id from lake.case")
    for path, purpose in ((filled.home.warehouse, "warehouse"), (filled.home.serving / "team.duckdb", "team")):
        with connect(filled.home.temp) as con:
            key = filled.keyring.hex(purpose)
            con.execute(f"ATTACH '{path}' AS w (ENCRYPTION_KEY '{key}', ENCRYPTION_CIPHER 'GCM')")
            con.execute("CREATE TABLE w.fct_cases (subject_key VARCHAR, load_id VARCHAR)")
            con.executemany(
                "INSERT INTO w.fct_cases VALUES (?, ?)", subjects if purpose == "warehouse" else subjects[:1]
            )
            con.execute(
                "INSERT INTO w.fct_cases VALUES ('somebody else', 'some load'); CREATE TABLE w.kpi AS SELECT 1 AS n"
            )
    backup.write(filled.home, tmp_path / "copy.backup", backup.passphrase("correct horse battery"))
    log = AuditLog(filled.home, filled.keyring)
    log.append("export", dataset="orders", recipient="lab", role="analyst", rows=30, persons=12, k=12, l=3, t=0.1)
    return filled


def test_a_scope_tells_what_each_store_holds_of_whom(spread: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICEHOUSE_CLOCK", "2099-03-03T10:00:00Z")
    number = opened(spread, monkeypatch)

    def scoped(*given: str) -> dict:
        ask = ["privacy", "incident", "scope", number, *BY, "--json", *given]
        return json.loads(command(spread, monkeypatch, *ask).stdout)

    told = scoped()
    held = {s["store"]: (s["persons"], s["rows"]) for s in told["reached"]["stores"]}
    subjects = spread.rows("select count(distinct (subject_key, load_id)), count(distinct subject_key) from lake.case")
    assert subjects == [(4, 3)]
    assert held["lake"] == (2, 6) and held["quarantine"] == (1, 1) and held["warehouse"] == (2, 4)
    assert held["served"] == (1, 1) and held["exports"] == (12, 30) and held["backups"] == (2, 6)
    assert held["landing"] == (2, 5) and held["vault"][0] == 2 and held["vault"][1] >= 6
    assert [(t["law"], t["persons"], t["due_at"][:16]) for t in told["terms"]] == [
        ("CN", 1, "2099-03-03T10:00"),  # at once
        ("EU", 1, "2099-03-06T10:00"),
    ]
    only = scoped("--store", "quarantine")
    assert [s["store"] for s in only["reached"]["stores"]] == ["quarantine"]
    assert (only["persons"], only["persons_by_law"]) == (1, {"CN": 1})
    (later,) = spread.rows("select max(load_id) from lake.case")[0]
    last = scoped("--load", later, "--store", "lake", "--store", "warehouse")
    assert [(s["persons"], s["rows"]) for s in last["reached"]["stores"]] == [(1, 1), (1, 1)]
    assert scoped("--until", "2001-01-01")["persons"] == 0
    assert command(spread, monkeypatch, "privacy", "incident", "scope", number, *BY, "--store", "x").exit_code == 2
    assert "  warehouse " in command(spread, monkeypatch, "privacy", "incident", "scope", number, *BY).stdout
    assert command(spread, monkeypatch, "privacy", "incident", "export", number, *BY).exit_code == 0
    page = (spread.home.root / "ops" / "incidents" / f"{number}.html").read_text()
    assert "受限文件" in page and "2099-03-06 10:00 (GDPR 33(1))" in page
    assert found_under([spread.home.root / "ops", spread.home.root / "audit"], PLANTED) == set()


def test_who_stands_in_sealed_pages_alone_is_counted_everywhere(
    filled: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The vault knows a minor whose rows went from the lake: the pages that told of them are sealed still."""
    with connect(filled.home.temp) as con, open_vault(con, filled.home, filled.keyring):
        load = con.execute("SELECT min(first_load) FROM vault.subject").fetchone()
        con.execute(
            "INSERT INTO vault.subject BY NAME SELECT * REPLACE ('S-minor' AS subject_id, NULL AS current_id, true AS is_minor, "
            "? AS first_load) FROM vault.subject LIMIT 1",
            load,
        )
    number = opened(filled, monkeypatch)
    done = command(filled, monkeypatch, "privacy", "incident", "scope", number, *BY, "--json")
    told = json.loads(done.stdout)
    assert (told["persons"], told["minors"], sum(told["persons_by_law"].values())) == (3, 1, 3)
    assert sum(t["persons"] for t in told["terms"]) == 3 and "persons" not in told["reached"]
    said = command(filled, monkeypatch, "privacy", "incident", "scope", number, *BY, "--dry-run").stdout
    assert "persons: 3, rows: 6, minors: 1" in said
    assert incidents.find(filled.home, number).as_row()["persons"] == 3
    (line,) = (x for x in AuditLog(filled.home, filled.keyring).lines() if x["action"] == "incident scoped")
    assert line["facts"]["persons"] == 3
    counted = metadata(run(filled, monkeypatch, "incident_scope", incident=number, dry_run=True))
    assert (counted["persons"], counted["minors"], counted["staff"]) == (3, 1, told["staff"])
    assert command(filled, monkeypatch, "privacy", "incident", "export", number, *BY).exit_code == 0
    material = json.loads((filled.home.root / "ops" / "incidents" / f"{number}.json").read_text())
    assert material["persons"] == material["scope"]["persons"] == 3
    assert "minors" in {c["of"] for c in material["consequences"]}


def test_rows_that_went_to_postgresql_are_counted(spread: TestHouse) -> None:
    about = reached.Concerned()

    def held() -> tuple[int, int]:
        (store,) = reached.count(spread.home, spread.keyring, about, ["postgres"])["stores"]
        return store["persons"], store["rows"]

    assert held() == (0, 0)  # nothing goes there
    house = replace(spread.home.house, postgres={"schema": "voicehouse", "readers": ["analyst"]})
    spread.home.furnish(house, anew=True)
    assert held() == (0, 0)  # figures only
    spread.home.furnish(replace(house, postgres={**house.postgres, "handlers": {"boss": ["*"]}}), anew=True)
    assert held() == (1, 1)  # what the restricted file holds
    (spread.home.folder("ops") / "postgres_due.json").write_text("{}")
    assert held() == (2, 6)  # of what it shows nothing is known but that the lake held it


def test_an_incident_is_opened_counted_told_and_closed_by_jobs(
    filled: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    opening = {"reason": "a laptop is gone", "ticket": "T-9", "noticed_at": "2026-03-02"}
    dry = metadata(run(filled, monkeypatch, "incident_open", **opening, dry_run=True))
    assert dry == {"due_at": "2026-03-05T00:00:00+00:00", "dry_run": True} and incidents.listed(filled.home) == []
    done = run(filled, monkeypatch, "incident_open", **opening)
    number = str(metadata(done)["incident"])
    assert str(metadata(done)["due_at"]).startswith("2026-03-05T00:00")
    assert not run(filled, monkeypatch, "incident_export", incident=number).success  # not counted yet
    counted = metadata(run(filled, monkeypatch, "incident_scope", incident=number, stores=["lake", "vault"]))
    assert counted["persons"] == 2 and counted["lake"] == {"persons": 2, "rows": 6} and "landing" not in counted
    assert not run(filled, monkeypatch, "incident_export", incident=number, role="engineer").success
    told = run(filled, monkeypatch, "incident_export", incident=number)
    material = json.loads((filled.home.root / "ops" / "incidents" / f"{number}.json").read_text())
    assert told.success and metadata(told)["sha256"] == material["sha256"]
    ending = {"incident": number, "outcome": "reported, file 12"}
    assert not run(filled, monkeypatch, "incident_close", **ending, role="engineer").success
    assert run(filled, monkeypatch, "incident_close", **ending, dry_run=True).success
    assert steps(filled, number) == [f"incident {what}" for what in ("opened", "scoped", "exported")]
    assert run(filled, monkeypatch, "incident_close", **ending).success
    assert incidents.listed(filled.home, open_only=True) == [] and steps(filled, number)[-1] == "incident closed"
    assert not run(filled, monkeypatch, "incident_close", **ending).success  # it is closed
    assert found_under([filled.home.root / "ops", filled.home.root / "dagster"], PLANTED) == set()
