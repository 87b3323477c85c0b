"""Row-level exports: who may, what leaves, what is refused and why, and what is written down.

Keep out: the measures themselves (tests/properties/test_anonymity_properties.py).
"""

import json
from pathlib import Path

import dagster as dg
import duckdb
import pyarrow.parquet as pq
import pytest

from orchestration import pipeline
from orchestration.defs import operations
from orchestration.errors import VoicehouseError
from orchestration.home import Home
from orchestration.messages import translated
from orchestration.privacy.audit import exports_checked
from orchestration.privacy.audit_log import AuditLog
from orchestration.privacy.keys import Keyring
from orchestration.privacy.policy import furnish
from orchestration.serving.export import Exported, export

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


def test_two_recipients_cannot_join_what_they_got(house, home: Home, tmp_path: Path) -> None:
    exported(house, home, tmp_path / "a.parquet")
    exported(house, home, tmp_path / "again.parquet")
    exported(house, home, tmp_path / "b.parquet", recipient="agency")
    first, again, other = (
        set(pq.read_table(tmp_path / f"{n}.parquet")["subject"].to_pylist()) for n in ("a", "again", "b")
    )
    assert first == again  # the control: the same recipient gets the same pseudonyms
    assert not first & other


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
