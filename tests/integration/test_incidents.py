"""Incidents: written down, counted, told, closed; counts and names only. Keep out: what opens one by itself (test_serving.py)."""

import json

import pytest

from orchestration.messages import translated
from orchestration.privacy import incidents
from orchestration.privacy.audit_log import AuditLog
from tests.faults.traces import found_under
from tests.house import TestHouse
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
