"""Row-level exports: who may, what leaves, what is refused and why, and what is written down.

Keep out: the measures themselves (tests/properties/test_anonymity_properties.py).
"""

import hashlib
import hmac
import json
from pathlib import Path

import dagster as dg
import duckdb
import pyarrow.parquet as pq
import pytest

from orchestration import pipeline
from orchestration.defs import operations
from orchestration.errors import ContractError, VoicehouseError
from orchestration.home import Home
from orchestration.messages import translated
from orchestration.privacy.audit import exports_checked
from orchestration.privacy.audit_log import AuditLog
from orchestration.privacy.keys import Keyring
from orchestration.privacy.policy import Policy, furnish
from orchestration.serving.export import Exported, export

NUMBER = "CAST(substr(subject_key, 2) AS INTEGER)"
PAPERS = 'role = "processor"\nagreement = "DPA-1"\n'


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home.open(tmp_path / "home")
    furnish(home)
    with (home.root / "policy.toml").open("a") as policy:
        policy.write(
            f'[recipients.lab]\n{PAPERS}place = "CN"\n[recipients.agency]\n{PAPERS}place = "CN"\n'
            f'[recipients.abroad]\n{PAPERS}place = "DE"\n'
            f'[recipients.partner]\n{PAPERS}place = "DE"\ntransfer = "standard_contract"\n'
            '[recipients.friend]\nrole = "friend"\nagreement = "A-1"\nplace = "CN"\n'
            '[recipients.bare]\nrole = "controller"\nplace = "CN"\n'
            '[recipients.sure]\nrole = "joint_controller"\nagreement = "none needed"\nplace = "CN"\n'
        )
    return home


@pytest.fixture
def house() -> duckdb.DuckDBPyConnection:
    """Answers of 60 persons of two regions; one more person alone in a third; some who agreed to service only."""
    con = duckdb.connect()
    con.execute("ATTACH ':memory:' AS wh; CREATE SCHEMA wh.staging")
    con.execute(
        """
        CREATE TABLE wh.staging.stg_customers AS
        SELECT 'p' || i AS subject_key, true AS is_current, 'person' AS subject_basis, ['service', 'analytics'] AS purposes,
            '30-39' AS age_band, NULL::VARCHAR AS gender, CASE WHEN i = 60 THEN 'far' WHEN i % 2 = 0 THEN 'north' ELSE 'south' END
            AS region, 'loyal' AS segment, 'zh' AS language, TIMESTAMP '2026-01-01' AS updated_at, TIMESTAMP '2026-01-01' AS loaded_at
        FROM range(61) t(i);
        CREATE TABLE wh.staging.stg_survey_answers AS
        SELECT 'p' || i AS subject_key, true AS is_current, 'person' AS subject_basis,
            CASE WHEN i % 10 = 9 THEN ['service'] ELSE ['service', 'analytics'] END AS purposes, 3.0 + i % 3 AS score,
            TIMESTAMP '2026-02-03' AS answered_at, 'the parcel is late' AS text,
            CASE WHEN i < 4 THEN 'consent' ELSE 'contract' END AS basis, ['CN', 'unknown', 'EU', NULL][1 + i % 4] AS jurisdiction
        FROM range(61) t(i)
        """
    )
    return con


def exported(con: duckdb.DuckDBPyConnection, home: Home, into: Path | None, **given: object) -> Exported:
    asked = {"recipient": "lab", "role": "analyst", "purpose": "analytics", "quasi": ["region"], "leave_out": True}
    return export(con, home, "survey_answers", into=into, **{**asked, **given})


def test_what_leaves_is_pseudonymous_generalised_and_for_the_purpose(house, home: Home, tmp_path: Path) -> None:
    done = exported(house, home, tmp_path / "rows.parquet")
    rows = pq.read_table(tmp_path / "rows.parquet")
    assert rows.column_names == ["subject", "region", "score"]
    assert rows.num_rows == 54  # of 61: six for service only, one alone in a region
    assert not set(rows["subject"].to_pylist()) & {f"p{i}" for i in range(61)}
    assert done.left_out == 1 and done.anonymity.k_persons >= 10
    assert json.loads((tmp_path / "rows.parquet.receipt.json").read_text())["sha256"] == done.sha256
    assert (tmp_path / "rows.parquet").stat().st_mode & 0o077 == 0


def subjects(path: Path) -> set[str]:
    return set(pq.read_table(path)["subject"].to_pylist())


def test_no_two_exports_can_be_joined_by_pseudonym_and_the_house_can_trace_each(
    house, home: Home, tmp_path: Path
) -> None:
    done = [
        exported(house, home, tmp_path / "a.parquet"),
        exported(house, home, tmp_path / "again.parquet"),
        exported(house, home, tmp_path / "b.parquet", recipient="agency"),
    ]
    files = [subjects(tmp_path / f"{n}.parquet") for n in ("a", "again", "b")]
    assert len(set.union(*files)) == sum(map(len, files))
    key = Keyring(home).key("pseudonym.export.lab")
    for receipt, found in zip(done[:2], files[:2], strict=True):
        line = next(x for x in AuditLog(home, Keyring(home)).lines() if x["number"] == receipt.audit_line)
        assert line["facts"]["salt"] == receipt.salt
        told = f"{receipt.salt}\x1f".encode()
        own = {hmac.new(key, told + f"p{i}".encode(), hashlib.sha256).hexdigest() for i in range(61)}
        assert found <= own  # the control: with its key and the receipt's salt the house finds them


def test_what_the_recipient_has_got_before_counts_too(house, home: Home, tmp_path: Path) -> None:
    """Values of rows, such as amounts, join two files whatever the pseudonyms: three persons are alike in neither."""
    house.execute(
        f"UPDATE wh.staging.stg_customers SET region = CASE WHEN {NUMBER} < 30 THEN 'north' ELSE 'south' END, "
        f"age_band = CASE WHEN {NUMBER} < 26 THEN '20-29' ELSE '30-39' END"
    )
    exported(house, home, tmp_path / "age.parquet", quasi=["age_band"], leave_out=False)
    with pytest.raises(VoicehouseError, match=r"k = 3.*counted with what lab has already: age_band") as told:
        exported(house, home, tmp_path / "region.parquet", leave_out=False)
    assert "lab 已有的一并计入：age_band" in translated(str(told.value), "zh")
    exported(house, home, tmp_path / "other.parquet", recipient="agency", leave_out=False)
    done = exported(house, home, tmp_path / "region.parquet")
    assert done.columns == ("subject", "region", "score") and done.counted_with == ("age_band",)
    assert done.left_out == 3 and done.anonymity.k_persons >= 10
    assert pq.read_table(tmp_path / "region.parquet").column_names == ["subject", "region", "score"]


def test_a_person_is_known_by_all_their_rows_together(house, home: Home, tmp_path: Path) -> None:
    """Each quarter holds enough persons, and one person alone has rows in both."""
    house.execute(
        f"UPDATE wh.staging.stg_survey_answers SET answered_at = TIMESTAMP '2026-05-03' WHERE {NUMBER} >= 30;"
        "INSERT INTO wh.staging.stg_survey_answers SELECT * REPLACE (TIMESTAMP '2026-05-03' AS answered_at) "
        "FROM wh.staging.stg_survey_answers WHERE subject_key = 'p0'"
    )
    with pytest.raises(VoicehouseError, match=r"k = 1: .*in the same classes.*with leave_out 2 rows of 56") as told:
        exported(house, home, tmp_path / "rows.parquet", quasi=["quarter"], leave_out=False)
    assert "等价类" in translated(str(told.value), "zh") and "class" not in translated(str(told.value), "zh")
    done = exported(house, home, tmp_path / "rows.parquet", quasi=["quarter"])
    assert done.anonymity.k_persons >= 10 and done.left_out == 2  # both rows of the one person


def test_leaving_everybody_out_is_no_want_of_rows(house, home: Home, tmp_path: Path) -> None:
    house.execute("UPDATE wh.staging.stg_customers SET region = subject_key")
    with pytest.raises(VoicehouseError, match=r"55 rows of 55 would be left out.*without region: k = 55") as told:
        exported(house, home, tmp_path / "rows.parquet")
    assert "no rows" not in str(told.value)


def test_too_little_anonymity_is_refused_with_reasons_and_nothing_written(house, home: Home, tmp_path: Path) -> None:
    with pytest.raises(VoicehouseError, match=r"k = 1.*without region: k = 55") as told:
        exported(house, home, tmp_path / "rows.parquet", leave_out=False)
    assert "不含 region 时：k = 55" in translated(str(told.value), "zh") and "class" not in translated(
        str(told.value), "zh"
    )
    assert list(tmp_path.glob("*.parquet*")) == []
    line = list(AuditLog(home, Keyring(home)).lines())[-1]
    assert line["action"] == "export_refused" and line["facts"]["k"] == 1


def test_one_answer_in_a_class_is_refused_however_large_it_is(house, home: Home, tmp_path: Path) -> None:
    house.execute("UPDATE wh.staging.stg_survey_answers SET score = 5")
    with pytest.raises(VoicehouseError, match="l = 1"):
        exported(house, home, tmp_path / "rows.parquet", leave_out=False, quasi=["language"])


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"role": "handler"}, "role handler may not"),
        ({"role": "engineer"}, "role engineer may not"),
        ({"purpose": "marketing"}, "does not pursue"),
        ({"role": "analyst", "purpose": "service"}, "may not export for service"),
        ({"recipient": "x'; drop"}, "short name"),
        ({"recipient": "stranger"}, r"lists no recipient stranger: add \[recipients.stranger\] with role"),
        ({"recipient": "friend"}, "the role is to be one of controller"),
        ({"recipient": "bare"}, r"\[recipients.bare\]: no agreement"),
        ({"recipient": "sure"}, r"\[recipients.sure\]: no agreement"),
        ({"recipient": "abroad"}, "from CN to DE names no mechanism"),
        ({"quasi": ["text"]}, "no quasi-identifier text"),
    ],
)
def test_who_may_not_is_refused(house, home: Home, tmp_path: Path, given: dict, told: str) -> None:
    with pytest.raises(VoicehouseError, match=told):
        exported(house, home, tmp_path / "rows.parquet", **given)
    assert list(AuditLog(home, Keyring(home)).lines())[-1]["action"] == "export_refused"


NARROW = f"[recipients.narrow]\n{PAPERS}place = 'CN'\n"


@pytest.mark.parametrize(
    ("listed", "rows"),
    [
        ("", 55),  # the control
        ("purposes = ['analytics']", 55),
        ("sources = ['helpdesk']", 31),
        ("laws = ['CN', 'other']", 16),  # nobody whose law is not known
        ("sources = ['helpdesk']\nlaws = ['EU']", 15),
    ],
)
def test_a_recipient_gets_rows_of_the_sources_and_laws_listed_alone(house, home: Home, listed: str, rows: int) -> None:
    house.execute("ALTER TABLE wh.staging.stg_survey_answers ADD COLUMN source VARCHAR")
    house.execute(f"UPDATE wh.staging.stg_survey_answers SET source = ['helpdesk', 'shop'][1 + {NUMBER} % 2]")
    (home.root / "policy.toml").open("a").write(NARROW + listed)
    done = exported(house, home, None, recipient="narrow", quasi=["segment"], leave_out=False)
    assert done.anonymity.rows == rows


def test_a_recipient_listed_for_a_purpose_gets_nothing_for_another(house, home: Home, tmp_path: Path) -> None:
    (home.root / "policy.toml").open("a").write(NARROW + "purposes = ['service']\nsources = []")
    with pytest.raises(VoicehouseError, match="lists narrow for other purposes than analytics"):
        exported(house, home, tmp_path / "rows.parquet", recipient="narrow")
    house.execute("ALTER TABLE wh.staging.stg_survey_answers ADD COLUMN source VARCHAR")
    with pytest.raises(VoicehouseError, match="no rows for this purpose; policy.toml lists narrow for rows of some"):
        exported(house, home, None, recipient="narrow", purpose="service", role="compliance")


@pytest.mark.parametrize("listed", ["laws = ['PIPL']", "purposes = ['analytic']"])
def test_a_law_or_purpose_that_there_is_not_is_refused(home: Home, listed: str) -> None:
    (home.root / "policy.toml").open("a").write(NARROW + listed)
    with pytest.raises(ContractError, match=r"\[recipients.narrow\] .* knows .*; not '") as told:
        Policy.of(home)
    assert "只认" in translated(str(told.value), "zh")


def test_rows_go_over_a_border_under_a_mechanism(house, home: Home, tmp_path: Path) -> None:
    assert exported(house, home, tmp_path / "rows.parquet", recipient="partner").path


def test_the_check_reads_every_export_of_the_log(house, home: Home, tmp_path: Path) -> None:
    log = AuditLog(home, Keyring(home))
    assert exports_checked(log) is None
    exported(house, home, tmp_path / "rows.parquet")
    assert exports_checked(log)[:2] == (1, 0)
    log.append("export", k=3, l=2, t=0.1)
    assert exports_checked(log)[:2] == (2, 1)


def test_what_rests_on_consent_does_not_leave_the_mainland(house, home: Home, tmp_path: Path) -> None:
    inside = exported(house, home, tmp_path / "inside.parquet")
    abroad = exported(house, home, tmp_path / "abroad.parquet", recipient="partner")
    assert (inside.kept_back, abroad.kept_back) == (0, 3)  # the fourth is a person of the EU
    assert abroad.anonymity.rows == inside.anonymity.rows - 3
    assert json.loads((tmp_path / "abroad.parquet.receipt.json").read_text())["kept_back"] == 3
    house.execute("UPDATE wh.staging.stg_survey_answers SET basis = 'consent', jurisdiction = 'CN'")
    with pytest.raises(VoicehouseError, match="55 rows rest on a consent"):
        exported(house, home, None, recipient="partner")


def test_rows_are_exported_by_a_job(house, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICEHOUSE_HOME", str(home.root))
    monkeypatch.setattr(pipeline, "open_warehouse", lambda *_: house.cursor())

    def run(**given: object) -> dg.ExecuteInProcessResult:
        asked = {"dataset": "survey_answers", "recipient": "lab", "purpose": "analytics", "quasi": ["region"], **given}
        job = operations.defs().get_job_def("rows_export")
        return job.execute_in_process(run_config={"ops": {"export_rows": {"config": asked}}}, raise_on_error=False)

    out = str(tmp_path / "rows.parquet")
    assert not run(leave_out=True).success  # where to?
    assert not run(out=out).success  # one person alone in a region
    assert not run(out=out, leave_out=True, role="handler").success
    assert run(leave_out=True, dry_run=True).success and not list(tmp_path.glob("*.parquet*"))
    assert run(out=out, leave_out=True).success
    assert pq.read_table(out).num_rows == 54 and (tmp_path / "rows.parquet.receipt.json").exists()
