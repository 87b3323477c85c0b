"""Checks that events prove, on homes where they hold and where they do not. Keep out: checks of settings alone."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from orchestration import pipeline
from orchestration.engine import connect
from orchestration.formats import FORMATS, SERVED
from orchestration.messages import translated
from orchestration.privacy import measured
from orchestration.privacy.audit import Check, check_candidate, check_home, check_served, found_last
from orchestration.privacy.rules import all_rules
from orchestration.privacy.subjects import Sought
from orchestration.privacy.vault import open_vault
from orchestration.serving import privacy_report
from tests.house import TestHouse, write_source
from tests.integration.test_gate import CASE, CONSENT, case, lines
from tests.integration.test_subjects import erase


def checks(house: TestHouse) -> dict[str, Check]:
    return {c.check_id: c for c in check_home(house.home, house.keyring, pipeline.sources(house.home))}


@pytest.fixture
def filled(house: TestHouse) -> TestHouse:
    write_source(house.sources, "register", {"consent": CONSENT}, stream="rows")
    desk = CASE.replace("raw ->> '$.account' as", "account_ref('register', raw ->> '$.account') as")
    write_source(house.sources, "desk", {"case": desk.replace("from rows", "from cases")}, stream="cases", cn="consent")
    grant = {"purpose": "analytics", "action": "grant", "type": "general", "at": "2025-01-01T00:00:00Z"}
    house.drop("rows.jsonl", lines({"id": "c1", "account": "a", **grant}, {"id": "c2", "account": "b", **grant}))
    house.drop("cases.jsonl", lines(case(1, account="a", country="CN"), case(2, account="b", country="CN")))
    house.take("register", "desk")
    return house


def test_an_untouched_home_proves_what_it_can_and_says_what_had_no_occasion(filled: TestHouse) -> None:
    found = checks(filled)
    for check_id in ("C1", "C2", "C3", "C10", "C13"):
        assert (found[check_id].status, found[check_id].n_failed) == ("passed", 0), found[check_id]
    assert {found[i].status for i in ("C11", "C12", "C17", "C18")} == {"not_proved"}
    erase(filled, Sought(account="register:a"))
    found = checks(filled)
    assert {found[i].status for i in ("C11", "C12")} == {"passed"} and found["C11"].n_checked == 1


def test_redaction_is_proved_on_the_day_it_was_measured_not_on_that_of_a_run(filled: TestHouse) -> None:
    told = {check_id: c.last_proved_at for check_id, c in checks(filled).items()}
    assert told["C19"] == measured.measured()["measured_at"] < str(told["C1"])


def test_a_line_cut_off_the_audit_log_shows_on_a_day_without_news(
    filled: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    erase(filled, Sought(account="register:a"))
    served = filled.home.folder("ops") / "served.json"
    with connect(filled.home.temp) as con:
        sealed = f"(ENCRYPTION_KEY '{filled.keyring.hex('warehouse')}', ENCRYPTION_CIPHER 'GCM')"
        con.execute(f"ATTACH '{filled.home.warehouse}' AS wh {sealed}; CHECKPOINT wh")
    filled.home.warehouse.chmod(0o600)
    before = checks(filled)
    pipeline.mark_served(filled.home)
    assert pipeline.check_privacy(filled.home, filled.keyring) == [] and served.exists()  # the control
    log = filled.home.root / "audit" / "log.jsonl"
    log.write_text("".join(log.read_text().splitlines(keepends=True)[:-1]))
    after = {c.check_id: c.status for c in pipeline.check_privacy(filled.home, filled.keyring)}
    assert (before["C10"].status, after["C10"]) == ("passed", "failed") and not served.exists()
    pipeline.mark_served(filled.home)  # once it is told, a day without news is one again
    assert pipeline.check_privacy(filled.home, filled.keyring) == []


def test_a_purpose_dropped_since_shows_until_no_row_carries_it(filled: TestHouse) -> None:
    toml = filled.sources / "desk" / "source.toml"
    toml.write_text(toml.read_text().replace('"service", "analytics"', '"service"'))
    assert (checks(filled)["C2"].status, checks(filled)["C2"].n_failed) == ("failed", 2)


def test_a_row_let_in_after_its_consent_was_withdrawn_shows(filled: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    withdraw = {"purpose": "analytics", "action": "withdraw", "type": "general", "at": "2025-02-01T00:00:00Z"}
    filled.drop("rows_2.jsonl", lines({"id": "c3", "account": "a", **withdraw}))
    filled.take("register")
    pipeline.expire(filled.home, filled.keyring, "test")
    assert (checks(filled)["C3"].n_checked, checks(filled)["C3"].n_failed) == (1, 0)
    # The control: a gate that does not know of withdrawals.
    from orchestration.privacy import guard

    def careless(con: duckdb.DuckDBPyConnection, persons: str) -> None:
        con.execute(
            "CREATE OR REPLACE TEMP TABLE _consents AS SELECT s.current_id AS subject_id, purpose, "
            "false AS is_guardian, false AS is_separate, given_at AS valid_from, TIMESTAMP '9999-12-31' AS valid_to, consent_ref, '' AS notice "
            "FROM vault.consent JOIN vault.subject s USING (subject_id) WHERE action = 'grant'"
        )

    monkeypatch.setattr(guard, "prepare_consents", careless)
    filled.drop("cases_2.jsonl", lines(case(3, account="a", country="CN")))
    filled.take("desk")
    assert (checks(filled)["C3"].status, checks(filled)["C3"].n_failed) == ("failed", 1)


def test_consents_of_which_no_notice_is_known_are_counted_where_consents_are_judged(filled: TestHouse) -> None:
    assert "valid under any list: 0" in checks(filled)["C1"].evidence
    con = connect(filled.home.temp)
    try:
        with open_vault(con, filled.home, filled.keyring):  # as an earlier release left it
            con.execute("UPDATE vault.consent SET notice_version = NULL")
    finally:
        con.close()
    assert "valid under any list: 2" in checks(filled)["C1"].evidence


def test_a_log_cut_off_with_its_head_is_missed_by_what_commits_tell(filled: TestHouse) -> None:
    for name in ("log.jsonl", "head.json"):
        (filled.home.root / "audit" / name).unlink()
    assert checks(filled)["C10"].status == "failed"
    assert json.loads((filled.home.lake / "_checks.json").read_text())


def test_every_proof_is_told_in_chinese_too(filled: TestHouse) -> None:
    erase(filled, Sought(account="register:a"))
    told = {c.check_id: c.evidence for c in checks(filled).values()}
    assert [i for i, words in told.items() if translated(words, "zh") == words] == []


def left(house: TestHouse) -> tuple[int, str]:
    """What C5 finds, and its evidence, with a file of figures that is about to be served."""
    checked, failed, evidence = check_candidate(house.home, house.keyring, figures(house))["C5"]
    assert checked
    return failed, evidence


def figures(house: TestHouse) -> Path:
    path = house.home.root / "candidate.duckdb"
    if not path.exists():
        with duckdb.connect(str(path)) as con:
            con.execute(
                f"CREATE TABLE publication AS SELECT {FORMATS[SERVED]} AS format, 1 AS n_cells, 0 AS n_derivable, "
                "0 AS n_held_derivable, 0 AS n_hidden, 0 AS n_held, true AS holds, 'external' AS profile"
            )
    return path


def test_an_identifier_in_any_store_that_may_hold_none_shows(filled: TestHouse) -> None:
    assert checks(filled)["C5"].status == "not_proved" and left(filled)[0] == 0
    proved_at = found_last(filled.home)["C5"]["last_proved_at"]
    with duckdb.connect(str(figures(filled))) as con:
        con.execute("CREATE TABLE kpi_leak AS SELECT 'write to a@example.org' AS category, 'b@example.org' AS case_key")
    filled.home.warehouse.unlink(missing_ok=True)
    con = connect(filled.home.temp)
    con.execute(
        f"ATTACH '{filled.home.warehouse}' AS w (ENCRYPTION_KEY '{filled.keyring.hex('warehouse')}', ENCRYPTION_CIPHER 'GCM')"
    )
    con.execute("CREATE TABLE w.leak AS SELECT '13700001234' AS city UNION ALL SELECT '2025-01-01'")
    con.close()
    failed, evidence = left(filled)
    assert failed == 2 and "published file 2" in evidence and "warehouse 1" in evidence
    told = {c["check_id"]: c for c in json.loads((filled.home.lake / "_checks.json").read_text())}
    assert (told["C5"]["status"], told["C5"]["n_failed"]) == ("failed", 2)  # where the one who is refused looks
    assert told["C5"]["last_proved_at"] == proved_at < told["C5"]["checked_at"]  # a failure proves nothing
    assert checks(filled)["C5"].last_proved_at == proved_at
    assert check_served(filled.home, figures(filled))["C5"][1] == 1


def test_a_column_that_nothing_describes_shows_in_any_store(filled: TestHouse) -> None:
    def asked() -> int:
        return check_candidate(filled.home, filled.keyring, figures(filled))["C4"][1]

    def planted(path: Path, key: str) -> int:
        """One more column in an encrypted file, taken out again once the check has looked."""
        whole = path.read_bytes()
        con = connect(filled.home.temp)
        con.execute(f"PRAGMA add_parquet_key('k', '{filled.keyring.base64(key)}')")
        one = f"read_parquet('{path}', hive_partitioning = false, encryption_config = {{footer_key: 'k'}})"
        con.execute(f"CREATE TABLE t AS SELECT *, 'x' AS remark FROM {one}")
        con.execute(f"COPY t TO '{path}' (FORMAT parquet, ENCRYPTION_CONFIG {{footer_key: 'k'}})")
        con.close()
        n = asked()
        path.write_bytes(whole)
        return n

    part = next((filled.home.lake / "case").rglob("*.parquet"))
    held = filled.home.folder("quarantine", "desk") / "case-0.parquet"
    held.write_bytes(part.read_bytes())
    note = {"batch": "desk/case-0", "part": {"kind": "case"}, "failed": [], "loaded_at": "2026-01-01T00:00:00"}
    held.with_suffix(".json").write_text(json.dumps(note))
    publication = filled.home.folder("published") / "part-1.parquet"
    con = connect(filled.home.temp)
    con.execute(f"PRAGMA add_parquet_key('k', '{filled.keyring.base64('published')}')")
    con.execute(
        f"COPY (SELECT 'nps' AS metric_id, 'x' AS cell) TO '{publication}' (FORMAT parquet, ENCRYPTION_CONFIG {{footer_key: 'k'}})"
    )
    for path, key in ((filled.home.warehouse, "warehouse"), (filled.home.folder("serving") / "team.duckdb", "team")):
        path.unlink(missing_ok=True)
        con.execute(f"ATTACH '{path}' AS {key} (ENCRYPTION_KEY '{filled.keyring.hex(key)}', ENCRYPTION_CIPHER 'GCM')")
    con.execute("CREATE SCHEMA warehouse.core; CREATE SCHEMA warehouse.staging; CREATE SCHEMA warehouse.intermediate")
    for relation in (
        "warehouse.core.fct_cases",
        "warehouse.staging.stg_cases",
        "warehouse.intermediate.int_x",
        "team.main.fct_cases",
    ):
        con.execute(f"CREATE TABLE {relation} AS SELECT 'x' AS case_key")
    with duckdb.connect(str(figures(filled))) as served:
        served.execute("CREATE TABLE kpi_nps AS SELECT 'nps' AS metric_id")
    con.close()
    assert asked() == checks(filled)["C4"].n_failed == 0
    assert check_served(filled.home, figures(filled))["C4"][1] == 0  # the control
    for path, key in ((part, "lake"), (held, "lake"), (publication, "published")):
        assert planted(path, key) == 1
    for relation, key, column, n in (
        ("core.fct_cases", "warehouse", "remark", 1),
        ("staging.stg_cases", "warehouse", "remark", 2),
        ("intermediate.int_x", "warehouse", "remark", 2),  # what models note on the way is theirs to name
        ("intermediate.int_x", "warehouse", "case_id", 3),
        ("main.fct_cases", "team", "remark", 1),
    ):
        path = filled.home.warehouse if key == "warehouse" else filled.home.serving / "team.duckdb"
        con = connect(filled.home.temp)
        con.execute(f"ATTACH '{path}' AS f (ENCRYPTION_KEY '{filled.keyring.hex(key)}', ENCRYPTION_CIPHER 'GCM')")
        con.execute(f"ALTER TABLE f.{relation} ADD COLUMN {column} VARCHAR")
        con.close()
        found = check_served(filled.home, figures(filled))["C4"][1] if key == "team" else asked()
        assert found == n, (relation, column)
    with duckdb.connect(str(figures(filled))) as served:
        served.execute("ALTER TABLE kpi_nps ADD COLUMN remark VARCHAR; CREATE TABLE kpi_leak AS SELECT 1 AS n")
    assert asked() == 5 and check_served(filled.home, figures(filled))["C4"][1] == 3


# What each rule of the gate masks, one text a rule.
MASKED = {
    "address_en": "I live at 12 Baker Street", "address_zh": "住在世纪大道100号5栋301室", "card": "card 4111 1111 1111 1111",
    "document": "护照号码 E12345678", "email": "to a@example.org", "handle": "thanks @tom_1 for that",
    "iban": "IBAN DE89 3704 0044 0532 0130 00", "ip": "from 192.168.17.4", "name_en": "Mr. Brown rang", "name_zh": "我叫王小明",
    "phone_world": "my number is 020 7946 0958", "phone_zh": "电话 010-65432109", "plate": "我的车京A12345没过",
    "qq": "加我QQ 123456789", "resident_id": "身份证 11010519491231002X", "spoken_digits": "一三八零零一三八零零零",
    "ssn": "ssn 536-22-1234", "url": "see http://example.org/?user=17", "wechat": "微信号:abc_123",
}  # fmt: skip


def test_what_any_rule_finds_in_a_text_behind_the_gate_shows(filled: TestHouse) -> None:
    filled.home.warehouse.unlink(missing_ok=True)
    key = f"(ENCRYPTION_KEY '{filled.keyring.hex('warehouse')}', ENCRYPTION_CIPHER 'GCM')"
    found = {}
    for rule, text in {**MASKED, "": "iPhone 13"}.items():
        con = connect(filled.home.temp)
        con.execute(f"ATTACH '{filled.home.warehouse}' AS w {key}")
        con.execute(
            f"CREATE OR REPLACE TABLE w.fct_cases AS SELECT '{text}' AS text, '4111111111111111' AS product, 'iPhone 13' AS category "
            "UNION ALL SELECT 'order 20250101, <PHONE>, 3 of 4 on 2025-01-01 12:30:00', 'T-1', '4111 1111 1111 1111'"
        )
        con.close()
        found[rule] = left(filled)[0] - 1  # the card number that stands for a category
    assert found == {r.name: 1 for r in all_rules()} | {"": 0}


def take_texts_as_they_come(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gate that does not redact, and nobody who notices when a batch is audited."""
    from orchestration.lake import audit
    from orchestration.lake.audit import AuditResult
    from orchestration.privacy import redaction

    def careless(con: duckdb.DuckDBPyConnection, texts: str, own: str, into: str, *_: object) -> None:
        con.execute(
            f"CREATE TABLE {into} AS SELECT row_no, field, text, 0 AS n, false AS residual, false AS is_sensitive FROM ({texts})"
        )

    monkeypatch.setattr(redaction, "redact", careless)
    monkeypatch.setattr(audit, "audit_batch", lambda *_, **__: AuditResult(()))


def test_a_number_that_is_somebodys_shows_and_one_that_is_nobodys_does_not(
    house: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_texts_as_they_come(monkeypatch)
    write_source(house.sources, "desk", {"case": CASE})
    said = [(1, "call +49 151 2345-6789"), (2, "call +49 151 9999 9999"), (3, "order 0049151 and 2345 6789")]
    house.drop(
        "rows.jsonl",
        lines(*(case(n, account=f"A{n}", country="DE", phone="+4915123456789" if n == 1 else None, text=t) for n, t in said)),
    )  # fmt: skip
    house.take()
    assert left(house)[0] == 3  # two by their shape, one of them by the vault too; the order's number is nobody's


def test_a_name_that_the_vault_knew_shows_and_one_learnt_since_is_told(
    house: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads = (
        [
            case(1, account="a", name="Zora Quill", text="Zora Quill rang"),
            case(2, account="b", text="王小明 was rude"),
            case(6, account="f", name="牛志强"),
            case(7, account="g", name="Élodie Żak"),
        ],
        [
            case(3, account="c", name="王小明", text="fine"),
            case(4, account="d", name="Best Day", text="请联系王小明吧"),
            case(8, account="h", text="我找牛志强说过"),
            case(9, account="i", text="Élodie  Żak rang"),
            case(5, account="e", name="高兴", text="高兴 to have had the Best Day of all"),  # words that are names too
        ],
    )

    def found(each: TestHouse) -> tuple[int, int]:
        write_source(each.sources, "desk", {"case": CASE})
        for number, rows in enumerate(loads):
            each.drop(f"rows_{number}.jsonl", lines(*rows))
            each.take()
        failed, evidence = left(each)
        assert "Zora" not in evidence and "王小明" not in evidence and translated(evidence, "zh") != evidence
        assert "of 4 names and 0 of staff" in evidence and "not looked for: 2" in evidence
        return failed, int(re.findall(r"learnt since[^:]*: (\d+)", evidence)[0])

    assert found(TestHouse(house.home.root / "gated")) == (0, 1)
    take_texts_as_they_come(monkeypatch)
    assert found(house) == (4, 1)


CASES_OF_STAFF = (
    CASE.replace("as text,", "as text, raw ->> '$.agent' as agent_id,") + " where raw ->> '$.priority' is not null"
)
STAFF = (
    "select _record, raw ->> '$.agent' as agent_id, raw ->> '$.called' as agent_name, 'service' as team, "
    "raw ->> '$.at' as updated_at from rows where raw ->> '$.called' is not null"
)


def test_a_name_of_staff_shows_in_a_row_that_names_them(house: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    at = {"at": "2025-01-02T03:04:05Z"}
    loads = (
        [{"agent": "a7", "called": "Mona Quint", **at}, {"agent": "a8", "called": "Nils Oberg", **at}],
        [
            case(1, agent="a7", text="Mona Quint was slow"),
            case(2, agent="a7", text="told Nils Oberg"),  # a third person here
            case(3, agent="a9", text="Ida Late was kind"),
        ],
        [{"agent": "a9", "called": "Ida Late", **at}],
    )

    def found(each: TestHouse) -> tuple[int, str]:
        write_source(each.sources, "desk", {"case": CASES_OF_STAFF, "agent": STAFF})
        for number, rows in enumerate(loads):
            each.drop(f"rows_{number}.jsonl", lines(*rows))
            each.take()
        failed, evidence = left(each)
        assert "0 names and 3 of staff" in evidence and "not looked for: 0" in evidence and "Mona" not in evidence
        return failed, re.findall(r"learnt since[^:]*: (\d+)", evidence)[0]

    assert found(TestHouse(house.home.root / "gated")) == (0, "1")  # who was unknown when the text came
    take_texts_as_they_come(monkeypatch)
    assert found(house) == (1, "1")


def test_a_new_name_of_staff_is_known_since_the_load_that_told_it_though_its_batch_was_refused(
    house: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_source(house.sources, "desk", {"case": CASES_OF_STAFF, "agent": STAFF})
    take_texts_as_they_come(monkeypatch)
    at = {"at": "2025-01-02T03:04:05Z"}
    for number, rows in enumerate(
        ([{"agent": "a7", "called": "Mona Quint", **at}], [case(1, agent="a7", text="Mona Oberg was slow")])
    ):
        house.drop(f"rows_{number}.jsonl", lines(*rows))
        house.take()
    from orchestration.lake import audit
    from orchestration.lake.audit import AuditResult, CheckResult

    with monkeypatch.context() as patch:
        failing = AuditResult((CheckResult("planned to fail", False, 1, 1),))
        patch.setattr(audit, "audit_batch", lambda *_, **__: failing)
        house.drop("rows_2.jsonl", lines({"agent": "a7", "called": "Mona Oberg", **at}))
        house.take()
    failed, evidence = left(house)
    assert (failed, re.findall(r"learnt since[^:]*: (\d+)", evidence)) == (
        0,
        ["1"],
    )  # nobody knew it when the text came
    house.drop("rows_3.jsonl", lines(case(2, agent="a7", text="told Mona Oberg again")))
    house.take()
    assert left(house)[0] == 1  # now the vault did


def test_names_of_staff_that_an_earlier_release_kept_are_dated_by_the_directory(
    house: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orchestration.engine import connect
    from orchestration.privacy.vault import open_vault

    write_source(house.sources, "desk", {"case": CASES_OF_STAFF, "agent": STAFF})
    take_texts_as_they_come(monkeypatch)
    mona = {"agent": "a7", "called": "Mona Quint", "at": "2025-01-02T03:04:05Z"}
    for number, rows in enumerate(([mona], [case(1, agent="a7", text="Mona Quint was slow")])):
        house.drop(f"rows_{number}.jsonl", lines(*rows))
        house.take()
    assert left(house)[0] == 1
    con = connect(house.home.temp)
    with open_vault(con, house.home, house.keyring):
        con.execute("UPDATE vault.agent SET first_load = NULL")
    con.close()
    assert left(house)[0] == 1
    house.drop("rows_2.jsonl", lines(mona | {"at": "2025-02-02T03:04:05Z"}))  # the directory tells it again
    house.take()
    assert house.rows("select count(*) from lake.agent") == [(2,)] and left(house)[0] == 1


def test_a_text_that_comes_again_for_more_purposes_is_as_old_as_it_was(house: TestHouse) -> None:
    desk = CASE.replace("raw ->> '$.account' as", "account_ref('register', raw ->> '$.account') as")
    toml = (
        write_source(house.sources, "desk", {"case": desk.replace("from rows", "from cases")}, "cases") / "source.toml"
    )
    grounds = '{ service = "contract", analytics = "consent" }'
    toml.write_text(toml.read_text().replace('CN = "contract"', f"CN = {grounds}"))
    write_source(house.sources, "register", {"consent": CONSENT})
    grant = {"purpose": "analytics", "action": "grant", "type": "general", "at": "2025-01-01T00:00:00Z"}
    for name, rows in (
        ("cases_1.jsonl", case(1, account="a", country="CN", text="王小明 was rude")),
        ("cases_2.jsonl", case(2, account="b", country="CN", name="王小明")),
        ("rows.jsonl", {"id": "c1", "account": "a", **grant}),
    ):
        house.drop(name, lines(rows))
        house.take()
    assert house.rows("select count(*), count(distinct load_id) from lake.case where text is not null") == [(2, 2)]
    assert left(house)[0] == 0 and "names are: 1;" in left(house)[1]


def test_a_name_in_a_text_that_the_models_made_shows(filled: TestHouse) -> None:
    filled.drop("cases_2.jsonl", lines(case(3, account="a", country="CN", name="Zora Quill", text="rang again")))
    filled.take()
    filled.home.warehouse.unlink(missing_ok=True)
    with connect(filled.home.temp) as con:
        key = filled.keyring.hex("warehouse")
        con.execute(f"ATTACH '{filled.home.warehouse}' AS w (ENCRYPTION_KEY '{key}', ENCRYPTION_CIPHER 'GCM')")
        con.execute(
            "CREATE TABLE w.fct_cases AS SELECT 'from Zora Quill: rang again' AS text UNION ALL SELECT 'rang again'"
        )
    assert left(filled)[0] == 1


def test_a_file_that_opens_without_a_key_or_to_others_shows(filled: TestHouse) -> None:
    assert checks(filled)["C8"].status == "passed"
    filled.home.folder("published")
    leak = filled.home.root / "published" / "part-0.parquet"
    duckdb.execute(f"COPY (SELECT 1 AS n) TO '{leak}' (FORMAT parquet)")
    leak.chmod(0o600)
    assert checks(filled)["C8"].n_failed == 1
    leak.unlink()
    (filled.home.root / "published").chmod(0o750)
    assert checks(filled)["C8"].n_failed == 1


@pytest.mark.parametrize(
    ("place", "mode", "n"),
    [
        ("ops/privacy", 0o750, 1),
        ("ops/receipts/r1.json", 0o640, 1),
        ("dagster/storage/runs.db", 0o604, 1),
        ("dbt/target/manifest.json", 0o644, 1),
        ("what_nobody_made/deep/copy.csv", 0o644, 1),
        ("serving/report/index.html", 0o644, 1),
        ("serving/team.duckdb", 0o640, 1),
        ("", 0o711, 1),
        ("serving/report/index.html", 0o640, 0),
        ("policy.toml", 0o644, 0),
        ("policy.toml", 0o664, 1),
        ("reference/holidays.csv", 0o644, 0),
    ],
)
def test_every_file_and_folder_of_the_home_is_closed_but_for_what_is_listed(
    filled: TestHouse, place: str, mode: int, n: int
) -> None:
    path = filled.home.root / place
    filled.home.folder(*Path(place).parts[:-1])
    if not path.exists():
        path.touch(0o600) if path.suffix else path.mkdir(0o700)
    assert checks(filled)["C8"].n_failed == 0
    path.chmod(mode)
    assert checks(filled)["C8"].n_failed == n


def test_what_is_kept_beyond_its_term_shows_and_goes_also_for_a_source_switched_off(
    filled: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline.extract(filled.home, filled.keyring, pipeline.sources(filled.home)["desk"], pipeline.Window(), "test")
    toml = filled.sources / "desk" / "source.toml"
    toml.write_text("active = false\n" + toml.read_text())
    copy = filled.home.folder("ops", "copies") / "R1.json"
    copy.write_text("{}")
    later = datetime.now(UTC) + timedelta(days=20)
    monkeypatch.setenv("VOICEHOUSE_CLOCK", later.isoformat())
    assert checks(filled)["C13"].n_failed == 3  # the sealed loads of both sources, and the copy
    gone = pipeline.expire(filled.home, filled.keyring, "test")
    assert (gone["pages"], gone["copies"]) == (2, 1) and not copy.exists()
    assert not list((filled.home.root / "landing").rglob("*.parquet"))
    assert checks(filled)["C13"].n_failed == 0
    assert pipeline.Outcomes(filled.home, "test").failures == {}


def test_the_report_counts_what_was_taken_out_and_repeats_no_word_that_somebody_put_in_brackets(
    house: TestHouse,
) -> None:
    write_source(house.sources, "desk", {"case": CASE})
    texts = ("<WANGXIAOMING> says: write to zora@example.org", "<SMITH> and <BR>", "I typed <EMAIL> myself")
    house.drop("rows.jsonl", lines(*(case(i, account=f"A{i}", country="DE", text=t) for i, t in enumerate(texts))))
    house.take()
    assert {t for (t,) in house.rows("select text from lake.case")} >= set(texts[1:])  # the control: they are kept
    assert privacy_report.redacted(house.home, house.keyring) == [{"type": "EMAIL", "n": 1}]
