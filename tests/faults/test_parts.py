"""A load passes the gate in parts: whatever their size, the same rows and numbers; memory and disk show nothing.

Keep out: what the gate does to a row (test_gate.py).
"""

import json

import pytest

from orchestration import pipeline
from orchestration.engine import connect
from orchestration.errors import VoicehouseError
from orchestration.lake import stage
from orchestration.lake.store import Lake
from orchestration.landing import pages
from orchestration.messages import translated
from orchestration.privacy import scratch
from orchestration.privacy.guard import Guarded, guard
from orchestration.sources.contract import Window
from tests.house import TestHouse, write_source
from tests.integration.test_gate import CASE, CONSENT, case, lines
from tests.watching import watched

PLANTED = "planted.person@example.org"


def records(n: int) -> list[dict[str, object]]:
    """Cases of a few persons: equal copies far apart, further versions, refused values, texts, nobody's cases."""
    found = []
    for i in range(n):
        who = {"account": f"A{i % 7}", "name": f"Person {i % 7}"} if i % 5 else {}
        found.append(
            case(i, updated="2025-02-01T00:00:00Z", text=f"written by {PLANTED}, no. {i}", country="DE", **who)
        )
        if i % 4 == 0:
            found.append(case(i, updated="2025-03-01T00:00:00Z", text="again", country="DE", **who))
        if i % 9 == 0:
            found.append(case(i, priority="no such", country="DE"))
    return [*found, *found[: n // 3], *found[n // 2 :]]


def staged_rows(house: TestHouse) -> list[tuple]:
    """All that is staged, in an order of its own, and the ledger."""
    (manifest,) = stage.staged(house.home)
    lake = Lake(house.home, house.keyring.base64("lake"))
    con = connect(house.home.temp)
    try:
        lake.open_key(con)
        paths = [house.home.lake / p.path for p in manifest.parts]
        rows = con.execute(f"from ({lake.read_sql('case', paths)}) order by case_key, content_hash").fetchall()
    finally:
        con.close()
    assert sum(p.rows for p in manifest.parts) == len(rows)
    return [*rows, *sorted(tuple(line.items()) for line in manifest.ledger if line["n"])]


def extracted(house: TestHouse) -> pages.Load:
    settings = pipeline.sources(house.home)["desk"]
    pipeline.extract(house.home, house.keyring, settings, Window(), "test")
    (load,) = pages.loads(house.home, "desk")
    return load


def guarded(house: TestHouse, load: pages.Load) -> Guarded:
    return guard(house.home, house.keyring, pipeline.sources(house.home)["desk"], load)


def test_parts_of_any_size_give_the_same_rows_and_numbers(house: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICEHOUSE_CLOCK", "2026-01-01T00:00:00Z")
    write_source(house.sources, "desk", {"case": CASE})
    house.drop("rows.jsonl", lines(*records(12)))
    load = extracted(house)
    whole = guarded(house, load)
    expected = staged_rows(house)
    assert (whole.staged, whole.duplicates, whole.rejected) == (15, 13, 4)
    for rows, text in ((2, 1 << 30), (7, 60), (1000, 1)):
        monkeypatch.setattr(stage, "PART_ROWS", rows)
        monkeypatch.setattr(stage, "PART_TEXT", text)
        done = guarded(house, load)
        assert staged_rows(house) == expected
        assert (done.read, done.staged, done.duplicates) == (whole.read, whole.staged, whole.duplicates)
        (manifest,) = stage.staged(house.home)
        assert max(p.rows for p in manifest.parts) <= rows
        assert len(manifest.parts) > 3


def test_one_part_is_quarantined_while_the_others_are_promoted(
    house: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orchestration.lake import audit, quarantine
    from orchestration.lake.audit import AuditResult, CheckResult

    monkeypatch.setattr(stage, "PART_ROWS", 2)
    write_source(house.sources, "desk", {"case": CASE})
    house.drop("rows.jsonl", lines(*(case(i, text=f"no. {i}") for i in range(5))))
    real = audit.audit_batch

    def judge(table, kind, **given):
        fails = "no. 2" in table["text"].to_pylist()
        return AuditResult((CheckResult("planned", False, 2, 1),)) if fails else real(table, kind, **given)

    monkeypatch.setattr(audit, "audit_batch", judge)
    verdicts = house.take()
    assert [(v.part, v.rows, v.passed) for v in verdicts] == [(0, 2, True), (1, 2, False), (2, 1, True)]
    assert sorted(house.rows("select text from lake.case")) == [("no. 0",), ("no. 1",), ("no. 4",)]
    ledger = house.ledger()
    assert (ledger[("case", "staged", "")], ledger[("case", "promoted", "")]) == (5, 3)
    assert ledger[("case", "quarantined", "planned")] == 2
    (note,) = quarantine.batches(house.home)
    monkeypatch.setattr(audit, "audit_batch", real)
    assert quarantine.replay(house.home, house.keyring, note["batch"])
    assert house.rows("select count(*) from lake.case") == [(5,)]
    assert pipeline.ledger_faults(house.home, house.keyring) == []


def test_a_load_larger_than_memory_gives_the_same_and_its_spills_show_nothing(
    house: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOICEHOUSE_CLOCK", "2026-01-01T00:00:00Z")
    write_source(house.sources, "desk", {"case": CASE})
    many = [json.dumps(case(i, account=f"{PLANTED}{i:060d}", country="DE")) for i in range(60_000)]
    house.drop("rows.jsonl", "\n".join(many))
    load = extracted(house)
    with watched(house.home.temp, PLANTED) as watch:
        guarded(house, load)
        plenty = watch.seen().files
    expected = staged_rows(house)
    assert len(expected) > 60_000 and not any(name.startswith("duckdb_temp") for name in plenty)
    monkeypatch.setenv("VOICEHOUSE_MEMORY_LIMIT", "150MB")
    monkeypatch.setattr(scratch, "COMPRESSION", "uncompressed")
    with watched(house.home.temp, PLANTED) as watch:
        guarded(house, load)
        seen = watch.seen().files
    assert staged_rows(house) == expected
    assert any(name.startswith("duckdb_temp") for name in seen), "the limit made nothing spill"
    assert any(name.endswith(".parquet") for name in seen)
    assert not any(seen.values())
    assert not any(p.is_file() for p in (house.home.temp / scratch.FOLDER).rglob("*"))


def test_a_gate_without_memory_says_so_and_what_to_do(house: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    write_source(house.sources, "desk", {"case": CASE})
    house.drop("rows.jsonl", lines(*(case(i, account=f"{i:060d}", country="DE") for i in range(20_000))))
    load = extracted(house)
    monkeypatch.setenv("VOICEHOUSE_MEMORY_LIMIT", "60MB")
    with pytest.raises(VoicehouseError, match="memory is too little: raise VOICEHOUSE_MEMORY_LIMIT") as told:
        guarded(house, load)
    assert translated(str(told.value), "zh") != str(told.value)
    monkeypatch.delenv("VOICEHOUSE_MEMORY_LIMIT")
    assert guarded(house, load).staged == 20_000


def test_the_search_finds_what_is_written_in_the_clear(house: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control of the test above: the same search, scratch files without encryption."""
    monkeypatch.setattr(scratch, "COMPRESSION", "uncompressed")
    con = connect(house.home.temp)
    with scratch.scratch(con, house.home.temp) as kept, watched(house.home.temp, PLANTED) as watch:
        kept.put("sealed", f"select '{PLANTED}' || range as person_email from range(20000)")
        plain = house.home.temp / "plain.parquet"
        con.execute(f"copy (from sealed) to '{plain}' (format parquet, compression uncompressed)")
        seen = watch.seen().files
    con.close()
    assert seen == {"sealed-0.parquet": False, "plain.parquet": True}


def test_a_replay_moves_each_row_out_of_the_reason_it_was_counted_under(house: TestHouse) -> None:
    write_source(house.sources, "register", {"consent": CONSENT}, stream="rows")
    desk = CASE.replace("raw ->> '$.account' as", "account_ref('register', raw ->> '$.account') as").replace(
        "from rows", "from cases"
    )
    write_source(house.sources, "desk", {"case": desk}, stream="cases", cn="consent")
    people = [
        case(1, account="grown", country="CN"),
        case(2, account="child", country="CN", minor="true"),
        case(3, account="ward", country="CN", minor="true"),
        case(4, account="never", country="CN"),
    ]
    house.drop("cases.jsonl", lines(*people, people[1]))
    house.take("register", "desk")

    def refused() -> dict[str, int]:
        return {r: n for (kind, m, r), n in house.ledger().items() if (kind, m) == ("case", "rejected")}

    assert refused() == {"no_consent": 2, "minor_without_guardian": 3}
    grant = {"purpose": "analytics", "action": "grant", "type": "general", "at": "2025-01-01T00:00:00Z"}
    house.drop("rows_1.jsonl", lines({"id": "c1", "account": "grown", **grant}))
    house.take("register", "desk")
    assert refused() == {"no_consent": 1, "minor_without_guardian": 3}
    house.drop("rows_2.jsonl", lines({"id": "c2", "account": "child", **grant, "type": "guardian"}))
    house.take("register", "desk")
    assert refused() == {"no_consent": 1, "minor_without_guardian": 1}
    ledger = house.ledger()
    assert (ledger[("case", "promoted", "")], ledger[("case", "duplicate", "")]) == (2, 1)
    assert house.rows("select count(*), count(distinct case_key) from lake.case") == [(2, 2)]
    assert pipeline.ledger_faults(house.home, house.keyring) == []
