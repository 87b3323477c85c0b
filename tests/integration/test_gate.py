"""The gate on small loads of real files: conform, resolve, protect, stage, promote. Keep out: dbt and serving."""

import base64
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from orchestration import pipeline
from orchestration.errors import ContractError, VoicehouseError
from orchestration.home import Home
from orchestration.lake import stage
from orchestration.lake.store import LAKE_KEY, Lake
from orchestration.landing import pages
from orchestration.privacy import redaction, vault
from orchestration.privacy.keys import Keyring
from orchestration.sources.contract import Window
from tests.house import TestHouse, died, write_source

CASE = """
select
    _record, raw ->> '$.id' as case_id, raw ->> '$.at' as opened_at, raw ->> '$.priority' as priority,
    raw ->> '$.account' as person_account_id, raw ->> '$.email' as person_email, raw ->> '$.verified' as person_email_verified,
    raw ->> '$.phone' as person_phone, raw ->> '$.name' as person_name, raw ->> '$.country' as person_country,
    raw ->> '$.minor' as person_is_minor, raw ->> '$.text' as text, raw ->> '$.updated' as updated_at
from rows
"""
CONSENT = """
select
    _record, raw ->> '$.id' as consent_id, raw ->> '$.account' as person_account_id, raw ->> '$.email' as person_email,
    'true' as person_email_verified, raw ->> '$.purpose' as purpose, raw ->> '$.action' as action,
    raw ->> '$.type' as consent_type, raw ->> '$.at' as given_at
from rows
"""


CURRENT = """
select case_key, case when m.subject_key is null then c.subject_key else m.current_subject_key end
from lake.case c left join (
    select subject_key, arg_max_null(current_subject_key, valid_from) as current_subject_key from lake._subjects group by 1
) m using (subject_key)
"""


def case(number: int, **given: object) -> dict[str, object]:
    return {"id": f"T{number}", "at": "2025-01-02T03:04:05Z", "priority": "high", **given}


def lines(*records: dict[str, object]) -> str:
    return "\n".join(json.dumps(r, ensure_ascii=False) for r in records) + "\n"


SHOWN = {  # what a source may put into a column of words, and what only looks like somebody's
    "category": ["11010519491231002X", "DE89370400440532013000", "4111 1111 1111 1111", "+49 30 901820", "13800138000",
                 "WhatsApp+4915112345678", "86+13800138000", "+491511234567890", "１３８００１３８０００", "536-90-4399",
                 "zora@example.org", "zora(at)example.org", "zora.@example.org", "8613800138000", "Zora Quill"],
    "region": ["朝阳区中山路12号", "zora quill", "12 High Street, Springfield"],
}  # fmt: skip
HARMLESS = {
    "category": ["iPhone 13", "billing", "Order 2024-001234", "24/7 support", "Tarif 5G", "未知", "4.12.0.1", "3号线",
                 "0735619670", "016000275287", "4710088410139", "100-500-1000", "Standing Desk 120 60 75", "-", "无",
                 "Microsoft Office 2019 2021", "Ring 925 018 16", "100-200-3000"],
    "region": ["北京市", "Berlin", "Unknown", "NUTS-2 DE30", "上海市"],
}  # fmt: skip
CUT = {"北京市朝阳区中山路12号": "北京市", "上海浦东新区": "上海"}  # of where a customer lives the prefecture passes
# What is written where nothing is known, or a desk wrote its own name: it stands for nobody, wherever it stands twice.
STORES = ["星巴克南京西路1376号店", "Costa 25 Oxford Street"]
ALIKE = ["-", "无", "其他", "客服部", "Support", "Unknown"]


def test_a_word_that_shows_somebody_is_no_word_and_its_row_is_refused_with_the_column(house: TestHouse) -> None:
    fields = ", ".join(f"raw ->> '$.{f}' as {f}" for f in SHOWN)
    store = "select _record, raw ->> '$.id' as store_id, raw ->> '$.store' as name_zh from rows where raw ->> '$.store' is not null"
    cases = CASE.replace("\nfrom rows", f", {fields}\nfrom rows where raw ->> '$.store' is null")
    write_source(house.sources, "desk", {"case": cases, "store": store})
    shown = [{"name": "Zora Quill", f: w} for f, words in SHOWN.items() for w in words]
    harmless = [{"name": "Zora Quill", f: w} for f, words in HARMLESS.items() for w in words]
    harmless += [{"name": word, "category": word} for word in ALIKE]
    cut = [{"name": "Zora Quill", "region": place} for place in CUT]
    rows = [case(n, account=f"A{n}", **told) for n, told in enumerate(shown + harmless + cut)]
    stores = [{"id": f"S{n}", "store": name} for n, name in enumerate(STORES)]
    house.drop("rows.jsonl", lines(*rows, *stores))
    house.take()
    kept = house.rows("select category, region from lake.case")
    assert sorted(c or r for c, r in kept) == sorted(
        [*(r.get("category") or r["region"] for r in harmless), *CUT.values()]
    )
    refused = dict(house.rows("select reason, n from lake._ledger where level = 'rows' and measure = 'rejected'"))
    assert refused == {f"residual_identifier:{f}": len(words) for f, words in SHOWN.items()}
    assert house.rows("select count(*) from lake.store") == [(len(STORES),)]


def test_what_the_audit_would_stop_a_batch_for_costs_its_row_alone_in_codes_and_the_houses_own_words(
    house: TestHouse,
) -> None:
    from orchestration.lake import quarantine

    store = "select _record, raw ->> '$.id' as store_id, raw ->> '$.store' as name_zh from rows where raw ->> '$.store' is not null"
    cases = CASE.replace("\nfrom rows", ", raw ->> '$.ware' as product_id\nfrom rows where raw ->> '$.store' is null")
    write_source(house.sources, "desk", {"case": cases, "store": store})
    wares = ["zora@example.org", "13800138000", "P-7"]  # a code may look like a number: it is one of the house
    names = ["老王 13800138000", "刷卡 4111111111111111", "11010519491231002X", "ask zora.@example.org", *STORES]
    rows = [case(n, account=f"A{n}", country="DE", ware=ware) for n, ware in enumerate(wares)]
    house.drop("rows.jsonl", lines(*rows, *({"id": f"S{n}", "store": name} for n, name in enumerate(names))))
    house.take()
    assert quarantine.batches(house.home) == []
    assert house.rows("select product_id from lake.case order by 1") == [("13800138000",), ("P-7",)]
    assert house.rows("select count(*) from lake.store") == [(len(STORES),)]
    refused = dict(house.rows("select reason, n from lake._ledger where level = 'rows' and measure = 'rejected'"))
    assert refused == {"residual_identifier:product_id": 1, "residual_identifier:name_zh": 4}
    assert pipeline.ledger_faults(house.home, house.keyring) == []


def test_identities_become_pseudonyms_and_texts_lose_what_names_people(house: TestHouse) -> None:
    write_source(house.sources, "desk", {"case": CASE})
    text = "我叫张伟，请打电话13800138000或写信给 zhang@example.org"
    house.drop("rows.jsonl", lines(case(1, account="A1", name="张伟", phone="13800138000", country="CN", text=text)))
    house.take()
    (row,) = house.rows(
        "select case_key, subject_key, subject_basis, jurisdiction, text, text_redactions from lake.case"
    )
    key, subject, basis, jurisdiction, redacted, n = row
    assert len(key) == len(subject) == 64 and basis == "person" and jurisdiction == "CN"
    assert n == 3
    assert not any(value in redacted for value in ("张伟", "13800138000", "zhang"))


def test_two_identifiers_of_one_person_are_one_subject_and_shared_ones_prove_nothing(house: TestHouse) -> None:
    write_source(house.sources, "desk", {"case": CASE})
    same = [
        case(1, account="A1", email="Li@Example.org", verified="true"),
        case(2, email=" li@example.ORG", verified="true"),
        case(3, phone="+86 139-1111-2222", email="li@example.org", verified="true"),
        case(4, phone="13911112222", country="CN"),
    ]
    others = [
        case(5, account="B1", email="info@firm.example", verified="true"),
        case(6, account="B2", email="info@firm.example", verified="true"),
        case(7, email="li@example.org", verified="false"),
        case(8, name="Li"),
    ]
    house.drop("rows.jsonl", lines(*same, *others))
    house.take()
    subjects = dict(house.rows(CURRENT))
    by_number = dict(zip([c["id"] for c in (*same, *others)], _in_order(house, subjects), strict=True))
    assert len({by_number[f"T{i}"] for i in (1, 2, 3, 4)}) == 1
    assert len({by_number[f"T{i}"] for i in (1, 5, 6)}) == 3
    assert by_number["T7"] is None and by_number["T8"] is None


def _in_order(house: TestHouse, subjects: dict[str, str | None]) -> list[str | None]:
    """Subjects in the order of the case ids, by the way back that the vault keeps."""
    from orchestration.engine import connect
    from orchestration.privacy import pseudonyms
    from orchestration.privacy.vault import open_vault

    con = connect(house.home.temp)
    try:
        pseudonyms.install(con, house.keyring)
        with open_vault(con, house.home, house.keyring):
            found = con.execute(
                "select key_hash from vault.record_key where domain = 'case' order by original"
            ).fetchall()
    finally:
        con.close()
    return [subjects[k] for (k,) in found]


def test_a_person_proved_one_later_is_merged_without_touching_old_rows(house: TestHouse) -> None:
    write_source(house.sources, "desk", {"case": CASE})
    house.drop("rows_1.jsonl", lines(case(1, account="A1"), case(2, email="x@example.org", verified="true")))
    house.take()
    before = house.rows("select case_key, subject_key from lake.case order by 1")
    assert len({s for _, s in before}) == 2
    house.drop("rows_2.jsonl", lines(case(3, account="A1", email="x@example.org", verified="true")))
    house.take()
    after = dict(house.rows("select case_key, subject_key from lake.case"))
    assert all(after[k] == s for k, s in before)
    ((old, new, reason),) = house.rows("select subject_key, current_subject_key, reason from lake._subjects")
    assert {old, new} == {s for _, s in before} and reason == "merge"


def test_who_is_who_is_published_once_by_the_load_and_by_the_next_where_that_one_died(
    house: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_source(house.sources, "desk", {"case": CASE})
    house.drop("rows_1.jsonl", lines(case(1, account="A1"), case(2, email="x@example.org", verified="true")))
    house.take()
    house.drop("rows_2.jsonl", lines(case(3, account="A1", email="x@example.org", verified="true")))
    desk = pipeline.sources(house.home)["desk"]
    pipeline.extract(house.home, house.keyring, desk, Window(), "test")
    pipeline.guard_source(house.home, house.keyring, desk, "test")
    assert house.rows("from lake._subjects") == []  # the rows that prove it are not in the lake either
    with monkeypatch.context() as patch:
        patch.setattr(vault, "place_durably", died)
        with pytest.raises(KeyboardInterrupt):
            pipeline.load_staged(house.home, house.keyring)
    assert house.rows("from lake._subjects") == []
    pipeline.load_staged(house.home, house.keyring)
    assert house.rows("select reason from lake._subjects") == [("merge",)]
    written = (house.home.lake / "_subjects.parquet").stat().st_mtime_ns
    house.drop("rows_3.jsonl", lines(case(4, account="A4")))
    house.take()  # nobody was merged: what is there stays
    assert (house.home.lake / "_subjects.parquet").stat().st_mtime_ns == written


@pytest.mark.parametrize("order", [("a", "b", "c"), ("c", "b", "a"), ("b", "c", "a")])
def test_shuffled_loads_give_the_same_clusters(house: TestHouse, order: tuple[str, ...]) -> None:
    loads = {
        "a": case(1, account="A1"),
        "b": case(2, email="x@example.org", verified="true"),
        "c": case(3, account="A1", email="x@example.org", verified="true"),
    }
    for name, record in loads.items():
        sql = CASE.replace("from rows", f"from rows_{name}")
        write_source(house.sources, name, {"case": sql}, stream=f"rows_{name}")
        house.drop(f"rows_{name}.jsonl", lines(record))
    # Accounts are scoped by source: all three name the one of source a.
    for name in loads:
        path = house.sources / name / "case.sql"
        path.write_text(path.read_text().replace("raw ->> '$.account' as", "account_ref('a', raw ->> '$.account') as"))
    house.take(*order)
    assert len({subject for _, subject in house.rows(CURRENT)}) == 1


def test_the_same_file_again_changes_nothing_and_is_counted(house: TestHouse) -> None:
    write_source(house.sources, "desk", {"case": CASE})
    house.drop("rows.jsonl", lines(case(1), case(2), case(2)))
    house.take()
    house.drop("rows.jsonl", lines(case(1), case(2), case(2), case(3)))
    house.take()
    assert house.rows("select count(*) from lake.case") == [(3,)]
    ledger = house.ledger()
    assert ledger[("case", "emitted", "")] == 7 and ledger[("case", "duplicate", "")] == 4
    assert pipeline.ledger_faults(house.home, house.keyring) == []


def test_bad_values_are_rejected_with_a_counted_reason_and_no_value(house: TestHouse) -> None:
    write_source(house.sources, "desk", {"case": CASE})
    bad = [
        case(1, at="soon, says planted@example.org"),
        case(2, priority="planted"),
        case(3, at=None),
        case(4, at="2999-01-01T00:00:00Z"),
        case(5, at="0001-01-01T00:00:00Z"),
    ]
    house.drop("rows.jsonl", lines(*bad, case(6)) + "{not json\n")
    house.take()
    ledger = house.ledger()
    assert house.rows("select count(*) from lake.case") == [(1,)]
    assert ledger[("case", "rejected", "unparsable:opened_at")] == 1
    assert ledger[("case", "rejected", "unknown_value:priority")] == 1
    assert ledger[("case", "rejected", "missing:opened_at")] == 1
    assert (
        ledger[("case", "rejected", "out_of_range:opened_at")]
        + ledger.get(("case", "rejected", "in_future:opened_at"), 0)
        == 2
    )
    assert ledger[("rows", "rejected", "malformed_json")] == 1
    commits = "".join(p.read_text() for p in (house.home.root / "lake" / "_commits").iterdir())
    assert "planted" not in commits


def test_consent_decides_by_person_purpose_and_time(house: TestHouse) -> None:
    write_source(house.sources, "register", {"consent": CONSENT}, stream="rows")
    desk = CASE.replace("raw ->> '$.account' as", "account_ref('register', raw ->> '$.account') as").replace(
        "from rows", "from cases"
    )
    write_source(house.sources, "desk", {"case": desk}, stream="cases", cn="consent")
    grant = {"purpose": "analytics", "action": "grant", "type": "general", "at": "2025-01-01T00:00:00Z"}
    house.drop(
        "rows.jsonl",
        lines(
            {"id": "c1", "account": "given", **grant},
            {"id": "c2", "account": "late", **grant, "at": "2025-06-01T00:00:00Z"},
            {"id": "c3", "account": "withdrawn", **grant},
            {"id": "c4", "account": "withdrawn", **grant, "action": "withdraw", "at": "2025-02-01T00:00:00Z"},
            {"id": "c5", "account": "child", **grant},
            {"id": "c6", "account": "guarded", **grant, "type": "guardian"},
        ),
    )
    people = ["given", "late", "withdrawn", "never"]
    minors = ["child", "guarded"]
    records = [case(i, account=a, country="CN") for i, a in enumerate(people)]
    records += [case(10 + i, account=a, country="CN", minor="true") for i, a in enumerate(minors)]
    records += [case(20, account="german", country="DE")]
    house.drop("cases.jsonl", lines(*records))
    house.take("register", "desk")
    ledger = house.ledger()
    assert ledger[("case", "rejected", "no_consent")] == 3
    assert ledger[("case", "rejected", "minor_without_guardian")] == 1
    found = sorted(house.rows("select jurisdiction, basis, purposes, consent_ref is not null from lake.case"))
    assert found == [
        ("CN", "consent", ["analytics"], True),
        ("CN", "consent", ["analytics"], True),
        ("EU", "contract", ["service", "analytics"], False),
    ]


def test_a_source_that_breaks_its_contract_is_an_outcome_and_the_others_go_on(house: TestHouse) -> None:
    write_source(house.sources, "good", {"case": CASE})
    write_source(house.sources, "bad", {"case": "select _record, 'x' as no_such_column from rows"})
    house.drop("rows.jsonl", lines(case(1)))
    house.take()
    assert house.rows("select source from lake.case") == [("good",)]
    failures = pipeline.Outcomes(house.home, "test").failures
    assert list(failures) == ["bad"] and "no_such_column" in failures["bad"]["reason"]


@pytest.mark.parametrize(
    ("basis", "found", "refused"),
    [
        # PIPL 13 knows no legitimate interest: what stands for the rest of the world is no ground there.
        ('other = "legitimate_interests"', {"DE": ["service", "analytics"], None: ["service", "analytics"]}, 1),
        # A law that names one purpose gives no ground for another, nor for whoever it might protect.
        ('CN = { service = "contract" }\nother = "contract"',
         {"CN": ["service"], "DE": ["service", "analytics"], None: ["service"]}, 0),
        ('other = "contract"', dict.fromkeys(("CN", "DE", None), ["service", "analytics"]), 0),  # the control
    ],
)  # fmt: skip
def test_a_law_that_is_not_named_takes_no_basis_it_does_not_know(
    house: TestHouse, basis: str, found: dict[str | None, list[str]], refused: int
) -> None:
    folder = write_source(house.sources, "desk", {"case": CASE})
    toml = folder / "source.toml"
    toml.write_text(re.sub(r"CN = .*\nEU = .*\nother = .*", basis, toml.read_text()))
    countries = ("CN", "DE", None)
    house.drop("rows.jsonl", lines(*(case(i, account=f"A{i}", country=c) for i, c in enumerate(countries))))
    house.take()
    law = {"CN": "CN", "EU": "DE", "unknown": None}
    assert {law[j]: p for j, p in house.rows("select jurisdiction, purposes from lake.case")} == found
    assert house.ledger().get(("case", "rejected", "no_basis"), 0) == refused


@pytest.mark.parametrize(
    ("basis", "found"),
    [
        # Of staff no country is known: mainland ones stand on no ground that their law does not know.
        ('CN = "contract"\nother = "legitimate_interests"', {"contract": ["service", "analytics"]}),
        ('CN = { service = "contract" }\nother = "contract"', {"contract": ["service"]}),
        ('CN = { analytics = "contract" }\nother = { service = "legitimate_interests" }', {}),
        ('EU = "contract"\nother = "legitimate_interests"', {"legitimate_interests": ["service", "analytics"]}),  # control
    ],
)  # fmt: skip
def test_staff_of_an_unknown_law_stand_on_the_strictest_that_their_source_names(
    house: TestHouse, basis: str, found: dict[str, list[str]]
) -> None:
    staff = "select _record, raw ->> '$.id' as agent_id, 'north' as team from rows"
    shop = "select _record, raw ->> '$.id' as store_id from rows"
    toml = write_source(house.sources, "directory", {"agent": staff, "store": shop}) / "source.toml"
    toml.write_text(re.sub(r"CN = .*\nEU = .*\nother = .*", basis, toml.read_text()))
    house.drop("rows.jsonl", lines({"id": "S1"}))
    house.take()
    assert dict(house.rows("select basis, purposes from lake.agent")) == found
    assert house.ledger().get(("agent", "rejected", "no_basis"), 0) == (not found)
    other = re.findall(r'other = .*"(\w+)"', basis)  # of a thing: what stands for everybody else
    assert house.rows("select basis from lake.store") == [tuple(other)]


def test_a_row_on_a_basis_its_law_does_not_know_shows(house: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    from orchestration.privacy import protect
    from tests.integration.test_privacy_checks import checks

    write_source(house.sources, "desk", {"case": CASE})
    monkeypatch.setattr(protect, "basis_sql", lambda *_: "'legitimate_interests'")
    house.drop("rows.jsonl", lines(case(1, account="A", country="CN"), case(2, account="B", country="DE")))
    house.take()
    assert (checks(house)["C1"].n_checked, checks(house)["C1"].n_failed) == (2, 1)


def test_an_unknown_basis_in_a_source_is_refused(house: TestHouse) -> None:
    write_source(house.sources, "desk", {"case": CASE}, cn="legitimate_interests")
    with pytest.raises(ContractError, match="no basis under the law of CN"):
        pipeline.whole_sources(house.home)


def test_nothing_planted_stands_in_the_clear_anywhere_under_the_home(house: TestHouse) -> None:
    write_source(house.sources, "desk", {"case": CASE})
    planted = ["planted.person@example.org", "13700001234", "普兰特"]
    text = f"我是{planted[2]}，{planted[1]}，{planted[0]}"
    record = case(1, account="A1", name=planted[2], phone=planted[1], email=planted[0], country="CN", text=text)
    house.drop("rows planted.person@example.org.jsonl", lines(record))
    house.take()
    assert found_under(house.inbox, planted) == set(planted)  # the control: the search finds what is in the clear
    assert found_under(house.home.root, planted) == set()
    assert house.rows("select count(*) from lake.case where text not like '%普兰特%'") == [(1,)]


def found_under(folder: Path, planted: list[str]) -> set[str]:
    """Which of the values stand in any byte or any name below a folder."""
    found = set()
    for path in folder.rglob("*"):
        content = (path.read_bytes() if path.is_file() else b"") + str(path.name).encode()
        found |= {p for p in planted if p.encode() in content or p.encode("utf-16-le") in content}
    return found


def test_a_batch_that_fails_is_quarantined_and_replayed(house: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    from orchestration.lake import audit, quarantine
    from orchestration.lake.audit import AuditResult, CheckResult

    write_source(house.sources, "desk", {"case": CASE})
    house.drop("rows.jsonl", lines(case(1), case(2)))
    real = audit.audit_batch
    monkeypatch.setattr(
        audit, "audit_batch", lambda *_, **__: AuditResult((CheckResult("planned to fail", False, 2, 1),))
    )
    house.take()
    assert house.rows("select count(*) from lake.case") == [(0,)]
    (note,) = quarantine.batches(house.home)
    assert note["failed"][0]["name"] == "planned to fail"
    assert not re.search(r"\bT1\b", json.dumps(note))  # the case of the export; an instant may say T11
    assert not quarantine.replay(house.home, house.keyring, note["batch"])
    monkeypatch.setattr(audit, "audit_batch", real)
    # A death between a batch that was rewritten and its note left the note with a row too many.
    path = house.home.root / "quarantine" / f"{note['batch']}.json"
    path.write_text(json.dumps(note | {"part": note["part"] | {"rows": 3}}))
    assert quarantine.replay(house.home, house.keyring, note["batch"])
    assert house.rows("select count(*) from lake.case") == [(2,)]
    assert quarantine.batches(house.home) == []
    assert Lake(house.home, house.keyring.base64(LAKE_KEY)).rows == 2
    assert pipeline.ledger_faults(house.home, house.keyring) == []


def test_a_death_between_promotion_and_commit_leaves_no_orphans_and_loses_nothing(house: TestHouse) -> None:
    write_source(house.sources, "desk", {"case": CASE})
    house.drop("rows.jsonl", lines(case(1)))
    orphan = Home.open(house.home.root).folder("lake", "case", "source=desk", "load=dead") / "part-0.parquet"
    orphan.write_bytes(b"half a file")
    house.take()
    assert not orphan.exists()
    assert house.rows("select count(*) from lake.case") == [(1,)]


def test_a_vault_put_back_from_older_days_is_refused(house: TestHouse) -> None:
    from orchestration.errors import VoicehouseError

    write_source(house.sources, "desk", {"case": CASE})
    house.drop("rows_1.jsonl", lines(case(1, account="A1")))
    house.take()
    vault = house.home.root / "vault" / "vault.duckdb"
    old = vault.read_bytes()
    house.drop("rows_2.jsonl", lines(case(2, account="A2")))
    house.take()
    vault.write_bytes(old)
    house.drop("rows_3.jsonl", lines(case(3, account="A3")))
    with pytest.raises(VoicehouseError, match="older"):
        house.take()


def test_sealed_pages_expire_with_their_keys(house: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    from orchestration.landing import pages
    from orchestration.privacy.keys import Keyring

    write_source(house.sources, "desk", {"case": CASE})
    house.drop("rows.jsonl", lines(case(1)))
    monkeypatch.setenv("VOICEHOUSE_CLOCK", "2026-01-01T00:00:00Z")
    house.take()
    (load,) = pages.loads(house.home, "desk")
    assert pipeline.expire(house.home, house.keyring, "test")["pages"] == 0
    monkeypatch.setenv("VOICEHOUSE_CLOCK", "2026-01-20T00:00:00Z")
    assert pipeline.expire(house.home, house.keyring, "test")["pages"] == 1
    assert pages.loads(house.home, "desk") == []
    assert f"landing:{load.load_id}" not in Keyring(house.home).purposes()
    assert pipeline.Outcomes(house.home, "test").failures == {}
    assert house.rows("select count(*) from lake.case") == [(1,)]


def test_an_old_number_can_be_computed_again_from_what_was_known_then(
    house: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    from datetime import datetime

    from orchestration.engine import connect
    from orchestration.lake.store import Lake

    write_source(house.sources, "desk", {"case": CASE})
    for day, number in ((1, 1), (2, 2)):
        monkeypatch.setenv("VOICEHOUSE_CLOCK", f"2026-01-0{day}T00:00:00Z")
        house.drop(f"rows_{number}.jsonl", lines(case(number)))
        house.take()
    counts = []
    for known_at in (datetime(2026, 1, 1, 12), datetime(2026, 1, 2, 12), None):
        con = connect(house.home.temp)
        Lake(house.home, house.keyring.base64("lake"), known_at).register(con)
        counts.append(con.execute("select count(*) from lake.case").fetchone())
        con.close()
    assert counts == [(1,), (2,), (2,)]


def test_rows_refused_for_want_of_consent_come_in_when_it_is_given(house: TestHouse) -> None:
    write_source(house.sources, "register", {"consent": CONSENT}, stream="rows")
    desk = CASE.replace("raw ->> '$.account' as", "account_ref('register', raw ->> '$.account') as").replace(
        "from rows", "from cases"
    )
    write_source(house.sources, "desk", {"case": desk}, stream="cases", cn="consent")
    grant = {"purpose": "analytics", "action": "grant", "type": "general", "at": "2025-01-01T00:00:00Z"}
    house.drop("rows_1.jsonl", lines({"id": "c1", "account": "early", **grant}))
    house.drop("cases.jsonl", lines(case(1, account="early", country="CN"), case(2, account="later", country="CN")))
    house.take("register", "desk")
    assert house.rows("select count(*) from lake.case") == [(1,)]
    house.take("register", "desk")
    assert house.rows("select count(*) from lake.case") == [(1,)]
    house.drop("rows_2.jsonl", lines({"id": "c2", "account": "later", **grant}))
    house.take("register", "desk")
    assert house.rows("select count(*) from lake.case") == [(2,)]
    ledger = house.ledger()
    assert ledger[("case", "rejected", "no_consent")] == 0 and ledger[("case", "promoted", "")] == 2
    assert pipeline.ledger_faults(house.home, house.keyring) == []


def test_a_consent_of_the_same_source_lets_older_rows_in_at_once(house: TestHouse) -> None:
    kinds = {
        "case": f"{CASE} where raw ->> '$.purpose' is null",
        "consent": f"{CONSENT} where raw ->> '$.purpose' is not null",
    }
    write_source(house.sources, "desk", kinds, stream="rows", cn="consent")
    house.drop("rows.jsonl", lines(case(1, account="later", country="CN")))
    house.take("desk")
    assert house.rows("select count(*) from lake.case") == [(0,)]
    grant = {"purpose": "analytics", "action": "grant", "type": "general", "at": "2025-01-01T00:00:00Z"}
    house.drop("rows_2.jsonl", lines({"id": "c1", "account": "later", **grant}))
    house.take("desk")
    assert house.rows("select count(*) from lake.case") == [(1,)]
    assert house.take("desk") == []
    assert pipeline.ledger_faults(house.home, house.keyring) == []


def _refused_case(house: TestHouse) -> None:
    """A case refused for want of a consent, of a source whose SQL is broken since; then the consent is read."""
    write_source(house.sources, "register", {"consent": CONSENT}, stream="rows")
    desk = CASE.replace("raw ->> '$.account' as", "account_ref('register', raw ->> '$.account') as")
    write_source(house.sources, "desk", {"case": desk.replace("from rows", "from cases")}, stream="cases", cn="consent")
    house.drop("cases.jsonl", lines(*(case(i, account=who, country="CN") for i, who in ((1, "later"), (2, "never")))))
    house.take("register", "desk")
    (house.sources / "desk" / "case.sql").write_text("select _record, 'x' as no_such_column from cases")
    grant = {"purpose": "analytics", "action": "grant", "type": "general", "at": "2025-01-01T00:00:00Z"}
    house.drop("rows.jsonl", lines({"id": "c1", "account": "later", **grant}))


def test_a_refused_row_is_taken_up_by_itself_and_its_load_not_gone_over(house: TestHouse) -> None:
    _refused_case(house)
    house.take("register", "desk")
    assert pipeline.Outcomes(house.home, "test").failures == {}
    assert house.rows("select count(*) from lake.case") == [(1,)]
    # The other waits on: the list that was written last still holds it, and what was conformed of it is there.
    grant = {"purpose": "analytics", "action": "grant", "type": "general", "at": "2025-01-01T00:00:00Z"}
    house.drop("rows_2.jsonl", lines({"id": "c2", "account": "never", **grant}))
    house.take("register", "desk")
    assert house.rows("select count(*), count(distinct case_key) from lake.case") == [(2, 2)]
    assert house.ledger()[("case", "rejected", "no_consent")] == 0
    assert pipeline.ledger_faults(house.home, house.keyring) == []


@pytest.mark.parametrize("order", ["batch first", "rows first"])
def test_a_batch_let_in_again_and_rows_taken_up_are_commits_of_their_own(
    house: TestHouse, monkeypatch: pytest.MonkeyPatch, order: str
) -> None:
    from orchestration.lake import audit, quarantine
    from orchestration.lake.audit import AuditResult, CheckResult

    write_source(house.sources, "register", {"consent": CONSENT}, stream="rows")
    desk = CASE.replace("raw ->> '$.account' as", "account_ref('register', raw ->> '$.account') as").replace(
        "from rows", "from cases"
    )
    write_source(house.sources, "desk", {"case": desk}, stream="cases", cn="consent")
    grant = {"purpose": "analytics", "action": "grant", "type": "general", "at": "2025-01-01T00:00:00Z"}
    house.drop("rows_1.jsonl", lines({"id": "c1", "account": "early", **grant}))
    house.take("register")
    house.drop("cases.jsonl", lines(*(case(i, account=who, country="CN") for i, who in enumerate(("early", "a", "b")))))
    real = audit.audit_batch
    monkeypatch.setattr(
        audit, "audit_batch", lambda *_, **__: AuditResult((CheckResult("planned to fail", False, 1, 1),))
    )
    house.take("desk")
    monkeypatch.setattr(audit, "audit_batch", real)

    def let_in() -> None:
        (note,) = quarantine.batches(house.home)
        assert quarantine.replay(house.home, house.keyring, note["batch"])

    def take_up(who: str) -> None:
        house.drop(f"rows_{who}.jsonl", lines({"id": who, "account": who, **grant}))
        house.take("register", "desk")

    for step in [let_in, lambda: take_up("a")] if order == "batch first" else [lambda: take_up("a"), let_in]:
        step()
    take_up("b")
    assert house.rows("select count(*), count(distinct case_key) from lake.case") == [(3, 3)]
    assert pipeline.ledger_faults(house.home, house.keyring) == []


def test_rows_that_a_death_kept_from_being_staged_are_taken_up_by_the_next_run(
    house: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    _refused_case(house)
    real = stage.finish

    def dies(home: Home, manifest: stage.Manifest) -> None:
        if manifest.replay:
            raise KeyboardInterrupt
        real(home, manifest)

    monkeypatch.setattr(stage, "finish", dies)
    with pytest.raises(KeyboardInterrupt):
        house.take("register", "desk")
    monkeypatch.setattr(stage, "finish", real)
    house.take("register", "desk")
    assert house.rows("select count(*) from lake.case") == [(1,)]
    assert house.ledger()[("case", "rejected", "no_consent")] == 1
    assert pipeline.ledger_faults(house.home, house.keyring) == []


@pytest.mark.parametrize("pages_are", ["removed", "torn"])
def test_refused_rows_and_their_key_go_in_time_whatever_became_of_their_pages(
    house: TestHouse, monkeypatch: pytest.MonkeyPatch, pages_are: str
) -> None:
    _refused_case(house)
    for path in house.home.root.glob("landing/desk/pages/*.parquet"):
        if pages_are == "removed":
            path.unlink()
        else:
            path.write_bytes(path.read_bytes()[:40])
    monkeypatch.setenv("VOICEHOUSE_CLOCK", f"{datetime.now(UTC) + timedelta(days=15):%Y-%m-%dT%H:%M:%SZ}")
    pipeline.expire(house.home, house.keyring, "test")
    assert list((house.home.root / "landing" / "_refused").iterdir()) == []
    assert [p for p in Keyring(house.home).purposes() if p.startswith("landing:") and p.endswith("-desk")] == []


@pytest.mark.parametrize("place", [0.5, "emptied", "cut"])
def test_refused_rows_that_do_not_open_are_read_again_from_their_pages(house: TestHouse, place: float | str) -> None:
    _refused_case(house)
    _mend_sql(house)
    (kept,) = house.home.root.glob("landing/_refused/*.case.rows")
    _damage(kept, place)
    house.take("register", "desk")
    assert pipeline.Outcomes(house.home, "test").failures == {}
    assert house.rows("select count(*) from lake.case") == [(1,)]
    assert house.ledger()[("case", "rejected", "no_consent")] == 1
    assert pipeline.ledger_faults(house.home, house.keyring) == []


def test_a_load_whose_key_is_lost_is_its_sources_failure_and_the_others_go_on(house: TestHouse) -> None:
    for name in ("desk", "shop"):
        write_source(house.sources, name, {"case": CASE.replace("from rows", f"from {name}")}, stream=name)
        house.drop(f"{name}.jsonl", lines(case(1)))
        pipeline.extract(house.home, house.keyring, pipeline.sources(house.home)[name], Window(), "test")
    (load,) = pages.loads(house.home, "desk")
    house.keyring.drop(f"landing:{load.load_id}")
    house.take()
    ((source, failure),) = pipeline.Outcomes(house.home, "test").failures.items()
    (sealed,) = house.home.root.glob("landing/desk/pages/*.parquet")
    assert source == "desk" and failure["reason"] == (
        f"desk: the key of load {load.load_id} is gone, its pages can never be opened: remove {sealed.name} from landing, "
        "then ask again with --since"
    )
    assert house.rows("select source, (select count(*) from lake.case) from lake._sources") == [("shop", 1)]
    sealed.unlink()
    pipeline.guard_source(house.home, house.keyring, pipeline.sources(house.home)["desk"], "next")
    assert pipeline.Outcomes(house.home, "next").failures == {}


def test_an_old_load_gone_over_again_does_not_put_old_names_of_staff_back(house: TestHouse) -> None:
    from orchestration.engine import connect
    from orchestration.privacy.vault import open_vault

    write_source(house.sources, "register", {"consent": CONSENT}, stream="rows")
    staff = (
        "select _record, raw ->> '$.agent' as agent_id, raw ->> '$.called' as agent_name, 'service' as team, "
        "raw ->> '$.at' as updated_at from cases where raw ->> '$.called' is not null"
    )
    desk = CASE.replace("raw ->> '$.account' as", "account_ref('register', raw ->> '$.account') as").replace(
        "from rows", "from cases where raw ->> '$.priority' is not null"
    )
    folder = write_source(house.sources, "desk", {"case": desk, "agent": staff}, stream="cases")
    toml = folder / "source.toml"
    toml.write_text(toml.read_text().replace('CN = "contract"', 'CN = "consent"'))
    at = {"agent": "a7", "at": "2025-01-02T03:04:05Z"}
    house.drop("cases.jsonl", lines({**at, "called": "Mona Quint"}, case(1, account="later", country="CN")))
    house.take("register", "desk")
    house.drop("cases_2.jsonl", lines({**at, "called": "Mona Oberg"}))
    house.take("desk")
    (kept,) = house.home.root.glob("landing/_refused/*.case.rows")
    _damage(kept, 0.5)
    grant = {"purpose": "analytics", "action": "grant", "type": "general", "at": "2025-01-01T00:00:00Z"}
    house.drop("rows.jsonl", lines({"id": "c1", "account": "later", **grant}))
    house.take("register", "desk")
    assert house.rows("select count(*) from lake.case") == [(1,)]
    con = connect(house.home.temp)
    with open_vault(con, house.home, house.keyring, read_only=True):
        assert con.execute("select names from vault.agent").fetchall() == [(["Mona Oberg"],)]
    con.close()


def test_a_list_that_memory_does_not_hold_is_not_told_to_be_removed(house: TestHouse) -> None:
    from orchestration.engine import connect
    from orchestration.privacy import refusals

    _refused_case(house)
    (kept,) = house.home.root.glob("landing/_refused/*-desk.0.parquet")
    (name,) = (p for p in house.keyring.purposes() if p.startswith("landing:") and p.endswith("-desk"))
    key = base64.b64encode(house.keyring.key(name)).decode()
    con = connect(house.home.temp)
    con.execute(f"PRAGMA add_parquet_key('refusals', '{key}'); SET memory_limit = '100KB'")
    with pytest.raises(duckdb.OutOfMemoryException):
        refusals.prove(con, kept, "refusals")
    con.execute("SET memory_limit = '100MB'")
    refusals.prove(con, kept, "refusals")  # the control: nothing is wrong with it
    con.close()


@pytest.mark.parametrize("place", [0.5, "emptied"])
def test_a_list_of_refused_rows_that_does_not_open_is_its_sources_failure_and_the_others_go_on(
    house: TestHouse, place: float | str
) -> None:
    _refused_case(house)
    _mend_sql(house)
    shop = CASE.replace("raw ->> '$.account' as", "account_ref('register', raw ->> '$.account') as")
    write_source(house.sources, "shop", {"case": shop.replace("from rows", "from sales")}, stream="sales", cn="consent")
    house.drop("sales.jsonl", lines(case(9, account="later", country="CN")))
    settings = pipeline.sources(house.home)["shop"]
    pipeline.extract(house.home, house.keyring, settings, Window(), "test")
    pipeline.guard_source(house.home, house.keyring, settings, "test")
    pipeline.load_staged(house.home, house.keyring)
    (kept,) = house.home.root.glob("landing/_refused/*-desk.0.parquet")
    whole = kept.read_bytes()
    _damage(kept, place)
    house.take("register", "desk", "shop")
    failure = pipeline.Outcomes(house.home, "test").failures
    assert list(failure) == ["desk"]
    assert kept.name in failure["desk"]["reason"] and "--since" in failure["desk"]["reason"]
    assert house.rows("select source, count(*) from lake.case group by 1") == [("shop", 1)]
    assert pipeline.ledger_faults(house.home, house.keyring) == []
    check = next(c for c in pipeline.check_privacy(house.home, house.keyring) if c.check_id == "C8")
    assert check.status != "failed"
    with pytest.raises(VoicehouseError, match="desk: refused rows of load"):
        pipeline.rotate_keys(house.home, house.keyring)
    kept.write_bytes(whole)  # what did not open is put back: nothing of it was lost
    house.take("desk")
    assert sorted(house.rows("select source, count(*) from lake.case group by 1")) == [("desk", 1), ("shop", 1)]


def test_refused_rows_that_open_neither_in_their_file_nor_in_their_pages_are_their_sources_failure(
    house: TestHouse,
) -> None:
    _refused_case(house)
    _mend_sql(house)
    (kept,) = house.home.root.glob("landing/_refused/*.case.rows")
    _damage(kept, 0.5)
    (sealed,) = house.home.root.glob("landing/desk/pages/*.parquet")
    table = pq.read_table(sealed)
    changed = [value.as_py()[:-1] + b"x" for value in table["sealed"]]
    pq.write_table(table.set_column(table.schema.get_field_index("sealed"), "sealed", pa.array(changed)), sealed)
    house.take("register", "desk")
    told = pipeline.Outcomes(house.home, "test").failures["desk"]["reason"]
    assert "does not open" in told and f"remove {sealed.name} from landing, then ask again with --since" in told
    assert house.rows("select count(*) from lake.consent") == [(1,)]
    assert house.ledger()[("case", "rejected", "no_consent")] == 2
    assert pipeline.ledger_faults(house.home, house.keyring) == []


def _mend_sql(house: TestHouse) -> None:
    """The SQL of `_refused_case` as it was before it broke."""
    desk = CASE.replace("raw ->> '$.account' as", "account_ref('register', raw ->> '$.account') as")
    (house.sources / "desk" / "case.sql").write_text(desk.replace("from rows", "from cases"))


def _damage(path: Path, place: float | str) -> None:
    """Change the byte that stands at a part of a file's length, empty it or cut it in half."""
    whole = path.read_bytes()
    if isinstance(place, str):
        path.write_bytes(whole[: len(whole) // 2] if place == "cut" else b"")
        return
    at = int(place * len(whole))
    path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])


def test_refused_rows_go_with_the_pages_of_their_load(house: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    _refused_case(house)
    folder = house.home.root / "landing" / "_refused"
    (kept,) = folder.glob("*.case.rows")
    assert b"later" not in kept.read_bytes() and kept.read_bytes()[:4] == b"PARE"
    monkeypatch.setenv("VOICEHOUSE_CLOCK", f"{datetime.now(UTC) + timedelta(days=15):%Y-%m-%dT%H:%M:%SZ}")
    pipeline.expire(house.home, house.keyring, "test")
    assert list(folder.iterdir()) == []


def test_rows_that_an_earlier_release_refused_are_conformed_again_and_a_broken_contract_is_an_outcome(
    house: TestHouse,
) -> None:
    _refused_case(house)
    for kept in house.home.root.glob("landing/_refused/*.rows"):  # it kept none
        kept.unlink()
    sql = house.sources / "desk" / "case.sql"
    broken = sql.read_text()
    house.take("register", "desk")
    assert list(pipeline.Outcomes(house.home, "test").failures) == ["desk"]
    assert house.rows("select count(*) from lake.case") == [(0,)]
    desk = CASE.replace("raw ->> '$.account' as", "account_ref('register', raw ->> '$.account') as")
    sql.write_text(desk.replace("from rows", "from cases"))
    assert sql.read_text() != broken
    house.take("register", "desk")
    assert house.rows("select count(*) from lake.case") == [(1,)]


def test_a_withdrawal_under_the_id_of_its_grant_counts(house: TestHouse) -> None:
    write_source(house.sources, "register", {"consent": CONSENT}, stream="rows")
    desk = CASE.replace("raw ->> '$.account' as", "account_ref('register', raw ->> '$.account') as").replace(
        "from rows", "from cases"
    )
    write_source(house.sources, "desk", {"case": desk}, stream="cases", cn="consent")
    grant = {"id": "c1", "account": "a", "purpose": "analytics", "type": "general"}
    house.drop("rows_1.jsonl", lines({**grant, "action": "grant", "at": "2025-01-01T00:00:00Z"}))
    house.take("register")
    house.drop("rows_2.jsonl", lines({**grant, "action": "withdraw", "at": "2025-01-02T00:00:00Z"}))
    house.drop("cases.jsonl", lines(case(1, account="a", country="CN")))
    house.take("register", "desk")
    assert house.ledger()[("case", "rejected", "no_consent")] == 1


def test_a_mailbox_shared_over_many_loads_proves_nothing_and_what_it_merged_is_parted(house: TestHouse) -> None:
    """Five accounts may be one person's; from the sixth on they never were, nor were those who wrote from it."""
    write_source(house.sources, "desk", {"case": CASE})
    shared = {"email": "shared@firm.example", "verified": "true"}
    house.drop("rows_0.jsonl", lines(case(100, **shared), case(101, phone="+8613900000000", **shared)))
    for i in range(1, 7):
        house.drop(f"rows_{i}.jsonl", lines(case(i, account=f"A{i}", **shared)))
        house.take()
        current = _in_order(house, dict(house.rows(CURRENT)))
        if i <= 5:
            assert len(set(current)) == 1 and None not in current
    assert current[1] is None  # T100 names nothing but the mailbox
    assert len(set(current) - {None}) == 7  # six accounts, and the number of T101
    reasons = house.rows(
        "select reason, count(*) from lake._subjects where valid_from = (select max(valid_from) from lake._subjects) group by 1"
    )
    assert reasons == [("unmerge", 7)]


def test_more_accounts_than_one_person_has_are_not_one_person_whatever_links_them(house: TestHouse) -> None:
    """A chain: each address joins two accounts only, all together more than any person's."""
    write_source(house.sources, "desk", {"case": CASE})
    chain = [
        case(2 * i + side, account=f"A{i + side}", email=f"m{i}@firm.example", verified="true")
        for i in range(30)
        for side in (0, 1)
    ]
    for n, part in enumerate((chain[::2], chain[1::2])):
        house.drop(f"rows_{n}.jsonl", lines(*part))
        house.take()
    assert len({s for _, s in house.rows(CURRENT)}) == 31


def test_absurd_times_are_rejections_not_failures(house: TestHouse) -> None:
    parsed = CASE.replace("raw ->> '$.at' as opened_at", "parse_iso(raw ->> '$.at') as opened_at")
    write_source(house.sources, "desk", {"case": parsed})
    house.drop("rows.jsonl", lines(case(1, at="294247-01-10T04:00:54.775807Z"), case(2, at="-4712-01-01"), case(3)))
    house.take()
    assert pipeline.Outcomes(house.home, "test").failures == {}
    assert house.rows("select count(*) from lake.case") == [(1,)]


def test_a_house_that_pursues_no_purpose_of_a_source_takes_none_of_its_rows(house: TestHouse) -> None:
    write_source(house.sources, "desk", {"case": CASE})
    (house.home.root / "policy.toml").write_text('version = "2"\npurposes = ["marketing"]\n')
    house.drop("rows.jsonl", lines(case(1, account="A1")))
    house.take()
    assert house.ledger()[("case", "rejected", "no_purpose")] == 1


def test_rows_about_nobody_are_used_for_what_has_a_ground_and_refused_where_nothing_has(house: TestHouse) -> None:
    product = "select _record, raw ->> '$.id' as product_id, raw ->> '$.id' as name_en from rows"
    folder = write_source(house.sources, "shop", {"product": product})
    settings = folder / "source.toml"
    told = settings.read_text()
    settings.write_text(told.replace('other = "contract"', 'other = { analytics = "contract" }'))
    house.drop("rows.jsonl", lines(case(1)))
    assert all(v.passed for v in house.take())
    assert house.rows("select basis, purposes from lake.product") == [("contract", ["analytics"])]
    settings.write_text(told.replace('other = "contract"', 'other = { marketing = "contract" }'))
    house.drop("rows.jsonl", lines(case(2)))
    house.take()
    assert house.ledger()[("product", "rejected", "no_basis")] == 1


def test_the_policy_says_how_long_pages_wait(house: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    write_source(house.sources, "desk", {"case": CASE})
    house.drop("rows.jsonl", lines(case(1, account="A1")))
    house.take()
    policy = house.home.root / "policy.toml"
    policy.write_text('version = "2"\npurposes = ["service"]\n[terms]\nlanding_days = 3\n')
    monkeypatch.setenv("VOICEHOUSE_CLOCK", (datetime.now(UTC) + timedelta(days=2)).isoformat())
    assert pipeline.expire(house.home, house.keyring, "test")["pages"] == 0
    monkeypatch.setenv("VOICEHOUSE_CLOCK", (datetime.now(UTC) + timedelta(days=4)).isoformat())
    assert pipeline.expire(house.home, house.keyring, "test")["pages"] == 1
    policy.write_text('version = "2"\npurposes = ["service"]\n[terms]\nlanding = 3\n')
    with pytest.raises(ContractError, match="landing_days"):
        pipeline.expire(house.home, house.keyring, "test")


def test_an_unknown_zone_taken_from_data_rejects_its_row_alone(house: TestHouse) -> None:
    zoned = CASE.replace(
        "raw ->> '$.at' as opened_at", "parse_time(raw ->> '$.at', '%Y-%m-%d %H:%M', raw ->> '$.zone') as opened_at"
    )
    write_source(house.sources, "desk", {"case": zoned})
    at = "2025-01-02 03:04"
    zones = ["Asia/Shanghai", "Asia/Nowhere", "planted@example.org", "", None, "UTC"]
    house.drop("rows.jsonl", lines(*(case(i, at=at, zone=zone) for i, zone in enumerate(zones))))
    house.take()
    assert pipeline.Outcomes(house.home, "test").failures == {}
    assert [str(t) for (t,) in house.rows("select opened_at from lake.case order by 1")] == [
        "2025-01-01 19:04:00",
        "2025-01-02 03:04:00",
    ]
    assert house.ledger()[("case", "rejected", "unparsable:opened_at")] == 4


def test_a_text_that_still_showed_an_identifier_comes_in_once_the_rules_are_others(
    house: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = redaction.redact

    def doubtful(con: duckdb.DuckDBPyConnection, texts: str, own: str, into: str, *rest: tuple[str, ...]) -> None:
        real(con, texts, own, into, *rest)
        con.execute(f"UPDATE {into} SET residual = true WHERE contains(text, 'odd')")

    write_source(house.sources, "desk", {"case": CASE})
    odd, known = case(1, account="A1", country="CN", text="odd"), case(2, account="A1", text="fine")
    house.drop("rows.jsonl", lines(odd, case(3, text="odd too"), known))
    with monkeypatch.context() as patch:
        patch.setattr(redaction, "redact", doubtful)
        house.take()
        house.take()
        assert house.rows("select text from lake.case") == [("fine",)]
    house.take()  # by the same rules nothing is gone over again
    assert house.ledger()[("case", "rejected", "residual_identifier:text")] == 2
    monkeypatch.setattr(redaction, "version", lambda: "another")
    house.take()
    assert house.rows("select text from lake.case order by 1") == [("fine",), ("odd",), ("odd too",)]
    assert house.ledger()[("case", "rejected", "residual_identifier:text")] == 0
    assert pipeline.ledger_faults(house.home, house.keyring) == []


def test_a_country_is_read_in_any_writing_and_one_that_is_none_takes_the_strictest_law(house: TestHouse) -> None:
    path = write_source(house.sources, "desk", {"case": CASE, "consent": CONSENT.replace("from rows", "from consents")})
    text = path.joinpath("source.toml").read_text()
    for law, basis in (("CN", "consent"), ("EU", "consent"), ("other", "legitimate_interests")):
        text = re.sub(rf'^{law} = ".*"$', f'{law} = "{basis}"', text, flags=re.M)
    columns = '[streams.consents]\nfiles = "consents*"\nformat = "jsonl"\ncolumns = []\n'
    path.joinpath("source.toml").write_text(text + columns)
    written = {"China": "CN", "中国": "CN", "CHN": "CN", "Germany": "EU", "UK": "EU", "德国": "EU", "USA": "other"}
    written |= {"Narnia": "unknown", "XX": "unknown"}
    told = [{"account": f"{word} {given}", "country": word} for word in written for given in ("granted", "not")]
    house.drop("rows.jsonl", lines(*(case(n, **one) for n, one in enumerate(told))))
    consents = [
        {"id": f"K{n}", "account": f"{word} granted", "purpose": "service", "action": "grant", "type": "general", "at": "2024-01-01T00:00:00Z"}
        for n, word in enumerate(written)
    ]  # fmt: skip
    house.drop("consents.jsonl", lines(*consents))
    house.take()
    ground = {"CN": "consent", "EU": "consent", "unknown": "consent", "other": "legitimate_interests"}
    kept = house.rows("select jurisdiction, basis, count(*)::int from lake.case group by all order by all")
    laws = sorted([*written.values(), "other"])  # who consented; of the others nobody asks
    assert kept == [(law, ground[law], laws.count(law)) for law in sorted(set(laws))]
    unread = "select name, reason, n from lake._ledger where level = 'rows' and measure = 'unread'"
    assert house.rows(unread) == [("case", "person_country", 4)]
    assert pipeline.ledger_faults(house.home, house.keyring) == []


def test_a_number_is_read_by_its_country_in_any_writing(house: TestHouse) -> None:
    write_source(house.sources, "desk", {"case": CASE})
    told = [{"phone": "13800138000", "country": "中国"}, {"phone": "+86 138 0013 8000"}]
    house.drop("rows.jsonl", lines(*(case(n, **one) for n, one in enumerate(told))))
    house.take()
    assert len({person for _, person in house.rows(CURRENT)}) == 1
    assert house.rows("select count(*) from lake.case where subject_key is null") == [(0,)]
