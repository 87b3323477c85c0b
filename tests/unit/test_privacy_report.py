"""The privacy report: what it says, that its hash binds it, and that figures can wait for its signature.

Keep out: its look (tests/browser) and the checks themselves.
"""

import json
from dataclasses import replace
from pathlib import Path

import dagster as dg
import duckdb
import pytest
import served_house
from click.testing import CliRunner

from orchestration import pipeline
from orchestration.cli import main
from orchestration.defs import operations
from orchestration.engine import load_extension
from orchestration.errors import VoicehouseError
from orchestration.formats import FORMATS, SERVED
from orchestration.home import Home, House
from orchestration.messages import translated
from orchestration.privacy import incidents
from orchestration.privacy.audit import _chain, analyst_reach, check_published, found_last
from orchestration.privacy.audit_log import AuditLog
from orchestration.privacy.incidents import _published
from orchestration.privacy.keys import Keyring
from orchestration.serving import publish as publishing
from orchestration.serving.privacy_report import newest, read, sign_off, sign_off_of, write_page, write_privacy_report
from orchestration.serving.publish import publish, release, waiting, withdraw
from tests.house import died


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    con = served_house.warehouse(tmp_path_factory.mktemp("made"), answers=300, cases=200, days=60)
    con.execute("DELETE FROM wh.kpis.kpi_values WHERE metric_id <> 'nps' OR period_grain NOT IN ('month', 'all')")
    load_extension(con, "httpfs")
    return con


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return served_house.home(tmp_path)


def test_the_report_says_what_was_checked_and_what_each_table_is(home: Home, house: duckdb.DuckDBPyConnection) -> None:
    publish(house, home, "internal", None)
    done = write_privacy_report(home, Keyring(home), {}, home.serving / "kpi.duckdb")
    found = json.loads(done.path.read_text())
    checks = {c["check_id"]: c for c in found["checks"]}
    grounds = " ".join(c["ground"] for c in checks.values())
    assert "PIPL 24, 26, 28-30" in grounds and "WP216 singling out, linkability, inference" in grounds
    assert len(checks) == 23 and all(c["ground"] and c["cadence"] for c in checks.values())
    assert checks["C15"]["status"] == "passed" and "not controlled" in checks["C15"]["evidence"]
    kinds = {store: t["kind"] for t in found["tables"] for store in t["tables"].split(", ")}
    assert kinds["published"] == kinds["known_at"] == kinds["erased"] == kinds["kpi_values"] == "deidentified"
    assert kinds["audit"] == kinds["vault"] == kinds["ops/copies"] == "identified" and "none" in kinds.values()
    assert "hidden by size only" in checks["C15"]["evidence"] and "可由其余推算" in checks["C15"]["evidence_zh"]
    by_class = {r["class"]: r["n"] for r in found["hidden_by_class"]}
    assert by_class["subject"] > 0 and sum(by_class.values()) == found["publication"]["n_hidden"]
    assert any("may follow by subtraction" in r["en"] and "相减" in r["zh"] for r in found["limits"])
    for row in found["recall"]:  # either share with what it is of, and its interval
        assert row["n"] > 0 and row["low"] <= row["recall"] <= row["high"]
        assert ("put" in row) == ("precision" in row) == ("precision_low" in row)
        assert "put" not in row or row["precision_low"] < row["precision"] <= row["precision_high"] + 5e-5, row
    page = done.path.with_suffix(".html").read_text()
    (card,) = (r for r in found["recall"] if (r["set"], r["language"], r["what"]) == ("public", "en", "CARD"))
    assert (
        f"{card['precision_low']:.3f} – {card['precision_high']:.3f}</small></td>" in page
        and f">{card['put']}<" in page
    )
    assert "不重新证明任何检查" in page and "it proves no check anew" in page
    assert "cannot be computed from what is shown" not in page and "may follow by subtraction" in page
    for word in ("金丝雀身份：", "可推导（可推算）：", "k 匿名：", "Canary persons: ", "Derivable: ", "k-anonymity: "):
        assert word in page
    assert done.sha256 in page and "http" not in page.replace("http-equiv", "")


def test_the_report_prints_every_default_and_says_which_are_settings(
    home: Home, house: duckdb.DuckDBPyConnection
) -> None:
    (home.root / "policy.toml").write_text(
        'version = "1"\npurposes = ["service"]\n[terms]\naudit_days = 2190\nevidence_months = 60\nbackup_days = 7\n'
        "[requests]\nmainland_working_days = 10\n"
    )
    publish(house, home, "internal", None)
    done = write_privacy_report(home, Keyring(home), {}, home.serving / "kpi.duckdb")
    told = {row["en"]: (row["value"], row["set_in"]) for row in json.loads(done.path.read_text())["defaults"]}
    assert told["Audit log, days"] == ("2190", "policy.toml [terms] audit_days")
    assert told["Evidence of a consent out of force, months"][0] == "60" and told["Backups, days"][0] == "7"
    assert told["Answer to a request, mainland China: working days"][0] == "10"
    floors = {en: value for en, (value, where) in told.items() if where is None}
    assert floors["Persons in a cell at least, profile internal"] == "10"
    assert floors["A guardian consents, mainland China: under the age of"] == "14"
    assert floors["Export of rows: t at most"] == "0.5" and len(floors) == 12
    page = done.path.with_suffix(".html").read_text()
    assert "程序中的下限" in page and "floor in code" in page and "policy.toml [terms] audit_days" in page


def test_the_report_tells_what_refusals_left_of_the_records_behind_the_headlines(
    home: Home, house: duckdb.DuckDBPyConnection
) -> None:
    publish(house, home, "internal", None)
    done = write_privacy_report(home, Keyring(home), {}, home.serving / "kpi.duckdb")
    found = json.loads(done.path.read_text())
    counts = {(r["n_in_analysis"], r["n_refused"], r["n_withheld"]): (r["coverage"], r["en"]) for r in found["covered"]}
    assert counts == {
        (6000, 1500, 0): (80.0, "Satisfaction (CSAT) · Net Promoter Score · Mean rating"),
        (6000, 0, 0): (100.0, "Open cases · First reply, median · Resolution, median · SLA attainment"),
    }
    page = done.path.with_suffix(".html").read_text()
    assert "各指标的覆盖率" in page and "80.0 %" in page and "净推荐值" in page
    kinds = {t["tables"]: t["kind"] for t in found["tables"]}  # counts of rows are no figures about persons
    assert next(kind for tables, kind in kinds.items() if "kpi_coverage" in tables) == "none"
    publish(house, home, "external", None)  # which tells refusals, and no sizes
    done = write_privacy_report(home, Keyring(home), {}, home.serving / "kpi.duckdb")
    assert "others are hidden and cannot be computed from what is shown" in done.path.with_suffix(".html").read_text()
    covered = json.loads(done.path.read_text())["covered"]
    assert {(r["n_in_analysis"], r["n_refused"], r["coverage"]) for r in covered} == {
        (None, 1500, None),
        (None, 0, None),
    }
    assert '<td class="n">–</td><td class="n">1,500</td>' in done.path.with_suffix(".html").read_text()


def test_the_report_of_a_file_without_coverage_is_written_all_the_same(
    home: Home, house: duckdb.DuckDBPyConnection
) -> None:
    path = publish(house, home, "internal", None).path
    with duckdb.connect(str(path)) as con:
        con.execute("DROP TABLE kpi_coverage")  # as an earlier release published
    done = write_privacy_report(home, Keyring(home), {}, path)
    assert json.loads(done.path.read_text())["covered"] == []
    assert "各指标的覆盖率" not in done.path.with_suffix(".html").read_text()


def test_the_checks_of_a_publication_say_the_same_wherever_they_are_read(
    home: Home, house: duckdb.DuckDBPyConnection
) -> None:
    columns = "check_id, status, evidence, n_checked, n_failed"
    path = publish(house, home, "internal", None).path
    report = json.loads(write_privacy_report(home, Keyring(home), {}, path).path.read_text())
    with duckdb.connect(str(path), read_only=True) as con:
        told = {r[0]: r for r in con.execute(f"SELECT {columns} FROM privacy_checks").fetchall()}
        parquet = con.execute(f"SELECT {columns} FROM '{home.serving}/parquet/privacy_checks.parquet'").fetchall()
    assert {told[i][1] for i in ("C9", "C15", "C22")} == {"passed"} and "was tried" in told["C9"][2]
    assert told["C15"][3] != 700 and "cells hidden" in told["C15"][2]  # not what the mart was built with
    assert {r[0]: r for r in parquet} == told
    named = columns.split(", ")
    assert {c["check_id"]: tuple(c[k] for k in named) for c in report["checks"] if c["check_id"] in told} == told


@pytest.mark.parametrize("check_id", ["C9", "C15", "C22"])
def test_a_candidate_that_fails_a_privacy_check_leaves_the_last_good_version(
    home: Home, house: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch, check_id: str
) -> None:
    path = publish(house, home, "internal", None).path
    good = path.read_bytes()
    if check_id == "C9":
        home.folder("vault").chmod(0o755)
    elif check_id == "C22":
        monkeypatch.setattr("orchestration.privacy.audit.could_hold_text", lambda column: column == "label_zh")
    else:
        real = publishing._describe
        monkeypatch.setattr(
            publishing, "_describe", lambda *given: real(*given[:4], replace(given[4], derivable=3), given[5])
        )
    result = publish(house, home, "internal", None)
    assert not result.is_served and check_id in result.failed_checks
    assert path.read_bytes() == good and not waiting(home).exists()


def test_what_is_served_goes_when_it_could_hold_what_a_person_wrote(
    home: Home, house: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = publish(house, home, "internal", None).path
    monkeypatch.setattr("orchestration.lake.audit.published_failures", lambda _: [])
    monkeypatch.setattr("orchestration.privacy.audit.could_hold_text", lambda column: column == "label_zh")
    assert pipeline.recheck_served(home, "recheck") == ["C22"] and not path.exists()


def test_only_the_external_profile_calls_its_figures_anonymous(home: Home, house: duckdb.DuckDBPyConnection) -> None:
    publish(house, home, "external", None)
    done = write_privacy_report(home, Keyring(home), {}, home.serving / "kpi.duckdb")
    kinds = {t["tables"]: t["kind"] for t in json.loads(done.path.read_text())["tables"]}
    assert next(kind for tables, kind in kinds.items() if "kpi_values" in tables) == "anonymous"


def test_a_sign_off_binds_what_was_read(home: Home, house: duckdb.DuckDBPyConnection) -> None:
    keyring = Keyring(home)
    publish(house, home, "internal", None)
    done = write_privacy_report(home, keyring, {}, home.serving / "kpi.duckdb")
    assert newest(home) == done.path and sign_off_of(done.path) is None
    signed = sign_off(home, keyring, done.path, "Compliance", "read")
    assert sign_off_of(done.path) == signed
    assert list(AuditLog(home, keyring).lines())[-1]["facts"]["sha256"] == done.sha256
    assert newest(home) == done.path
    changed = json.loads(done.path.read_text())
    changed["checks"][0]["status"] = "failed"
    done.path.write_text(json.dumps(changed, ensure_ascii=False))
    with pytest.raises(VoicehouseError, match="changed after it was written"):
        sign_off(home, keyring, done.path, "Compliance", "")


def test_a_report_asked_for_again_leaves_the_signed_one(
    home: Home, house: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyring = Keyring(home)
    AuditLog(home, keyring).append("a line")  # with which its key is made
    publish(house, home, "internal", None)
    first = pipeline.report_privacy(home, keyring)
    signed = sign_off(home, keyring, first.path, "Compliance", "read")
    again = pipeline.report_privacy(home, keyring)  # it says the same
    assert again == replace(first, is_new=False) and sign_off_of(first.path) == signed
    monkeypatch.setattr("orchestration.serving.privacy_report.LIMITS", (("新", "new"),))
    second = pipeline.report_privacy(home, keyring)
    assert second.path != first.path and newest(home) == second.path and sign_off_of(second.path) is None
    assert read(first.path)["sha256"] == first.sha256 and sign_off_of(first.path) == signed
    assert "Compliance" in first.path.with_suffix(".html").read_text()
    assert len(_published(home)) == 1  # still one publication
    monkeypatch.setattr("orchestration.serving.privacy_report.LIMITS", (("新", "newer"),))
    third = pipeline.report_privacy(home, keyring)
    assert third.path == second.path and third.sha256 != second.sha256  # nobody signed the second
    end = AuditLog(home, keyring).end()
    assert read(third.path)["audit_log"] == end and _chain(home, keyring)[1] == 0
    third.path.write_text(third.path.read_text().replace(end["hash"], "0" * len(end["hash"])))
    assert _chain(home, keyring)[1] == 1  # the log is held against the newest
    assert pipeline.report_privacy(home, keyring).path == third.path and _chain(home, keyring)[1] == 0  # written anew


def test_days_hours_and_ages_of_a_report_that_says_the_same_are_those_of_the_moment_its_page_is_made(
    home: Home, house: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOICEHOUSE_CLOCK", "2026-11-20T06:00:00")
    keyring = Keyring(home)
    AuditLog(home, keyring).append("a line")  # with which its key is made
    incidents.begin(home, keyring, "opened", reason="lost laptop", ticket="T-1", noticed_at="2026-11-20T06:00:00+00:00")
    publish(house, home, "internal", None)
    first = pipeline.report_privacy(home, keyring)
    report = json.loads(first.path.read_text())
    assert [i["hours_left"] for i in report["incidents"]] == [72.0] and {k["age_days"] for k in report["keys"]} == {0}
    page = first.path.with_suffix(".html")
    assert '<td class="n">72.0</td>' in page.read_text() and "as of</span> 2026-11-20 06:00" in page.read_text()
    monkeypatch.setenv("VOICEHOUSE_CLOCK", "2027-01-20T06:00:00")
    assert pipeline.report_privacy(home, keyring) == replace(first, is_new=False)
    told = page.read_text()
    assert '<td class="n bad">-1392.0</td>' in told and '<td class="n">72.0</td>' not in told
    assert (
        '<td class="n">61</td>' in told
        and "as of</span> 2027-01-20 06:00" in told
        and "Written</span> 2026-11-20" in told
    )
    asked = {
        "request_id": "R1",
        "action": "erase",
        "received_at": "2026-11-10 00:00:00",
        "due_at": "2026-12-15 00:00:00",
    }
    first.path.write_text(json.dumps(report | {"requests": [asked | {"days_left": 20}]}))
    assert '<td class="n bad">-37</td>' in write_page(home, first.path).read_text()


def test_a_report_tried_dry_says_whether_it_would_be_a_new_one(
    home: Home, house: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOICEHOUSE_HOME", str(home.root))
    keyring = Keyring(home)
    AuditLog(home, keyring).append("a line")  # with which its key is made
    publish(house, home, "internal", None)

    def tried() -> dict[str, object]:
        done = CliRunner().invoke(main, ["privacy", "report", "--dry-run", "--json"])
        assert done.exit_code == 0, done.output
        return dict(json.loads(done.stdout))

    assert tried()["new"] is True and newest(home) is None
    done = pipeline.report_privacy(home, keyring)
    assert tried() == {"dry_run": True, "report": done.path.stem, "sha256": done.sha256, "new": False}
    assert done.sha256 in CliRunner().invoke(main, ["privacy", "report", "--dry-run"]).stdout


def test_a_check_that_fails_after_the_publication_shows_and_lets_nobody_sign(
    home: Home, house: duckdb.DuckDBPyConnection
) -> None:
    keyring = Keyring(home)
    publish(house, home, "internal", None)
    pipeline.check_privacy(home, keyring)
    before = pipeline.report_privacy(home, keyring)
    assert json.loads(before.path.read_text())["unpublished"] == [] and pipeline.to_sign(home)  # the control
    home.folder("vault").chmod(0o755)
    proved_at = {i: c["last_proved_at"] for i, c in found_last(home).items() if c["status"] == "passed"}
    failed = {c.check_id: c for c in pipeline.check_privacy(home, keyring) if c.status == "failed" and c.is_blocking}
    assert {"C8", "C9"} <= failed.keys()
    path = newest(home)
    assert path
    report = read(path)
    told = {c["check_id"]: c for c in report["checks"]}
    assert set(report["unpublished"]) == failed.keys()
    for check_id, check in failed.items():
        assert told[check_id]["status"] == "failed" and told[check_id]["last_proved_at"] == check.last_proved_at
        assert check.last_proved_at == proved_at[check_id] < told[check_id]["checked_at"]
    page = path.with_suffix(".html").read_text()
    assert "未发布" in page and "What was checked last was not published" in page
    assert "failed on</span>" in page and "last proved on</span>" in page
    with pytest.raises(VoicehouseError, match="nothing is signed while they do") as refused:
        pipeline.to_sign(home)
    assert "C8" in translated(str(refused.value), "zh") != str(refused.value)


def test_a_sign_off_tried_dry_says_what_would_be_signed_and_signs_nothing(
    home: Home, house: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOICEHOUSE_HOME", str(home.root))
    publish(house, home, "internal", None)
    done = write_privacy_report(home, Keyring(home), {}, home.serving / "kpi.duckdb")
    ask = ["privacy", "sign-off", "--name", "C", "--role", "compliance"]
    told = CliRunner().invoke(main, [*ask, "--dry-run"])
    assert told.exit_code == 0 and done.sha256 in told.stdout and sign_off_of(done.path) is None
    assert AuditLog(home, Keyring(home)).newest("privacy_signed_off") is None
    assert CliRunner().invoke(main, ask).exit_code == 0 and sign_off_of(done.path)  # the control


def test_the_report_is_written_by_a_job(
    home: Home, house: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOICEHOUSE_HOME", str(home.root))
    publish(house, home, "internal", None)
    done = operations.defs().get_job_def("privacy_report").execute_in_process()
    (output,) = [e for e in done.all_events if e.event_type == dg.DagsterEventType.STEP_OUTPUT]
    path = newest(home)
    assert path and output.step_output_data.metadata["sha256"].value == json.loads(path.read_text())["sha256"]


def test_a_job_signs_the_report_that_was_read_in_the_name_of_its_role(
    home: Home, house: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOICEHOUSE_HOME", str(home.root))

    def signed(**config: object) -> bool:
        job = operations.defs().get_job_def("privacy_sign_off")
        asked = {"ops": {"sign": {"config": config}}}
        return bool(job.execute_in_process(run_config=asked, raise_on_error=False).success)

    assert not signed(sha256="0" * 64)  # there is no report
    publish(house, home, "internal", None)
    done = write_privacy_report(home, Keyring(home), {}, home.serving / "kpi.duckdb")
    assert not signed(sha256="0" * 64) and not signed(sha256="") and not signed(sha256=done.sha256, role="analyst")
    assert signed(sha256=done.sha256, dry_run=True) and sign_off_of(done.path) is None
    refused = AuditLog(home, Keyring(home)).newest("refused")
    assert refused and refused["facts"] == {"operation": "privacy sign-off", "role": "analyst"}
    assert signed(sha256=done.sha256, remark="read")
    found = sign_off_of(done.path)
    assert found and (found["name"], found["remark"], found["sha256"]) == ("compliance", "read", done.sha256)
    assert AuditLog(home, Keyring(home)).newest("privacy_signed_off")


def test_figures_wait_for_the_sign_off_and_the_old_ones_stay(home: Home, house: duckdb.DuckDBPyConnection) -> None:
    home.furnish(House(waits_for_sign_off=True), anew=True)
    assert home.house.waits_for_sign_off
    result = publish(house, home, "internal", None, waits=True)
    assert result.is_waiting and waiting(home).exists() and not (home.serving / "kpi.duckdb").exists()
    assert not list((home.root / "published").glob("part-*"))  # not published, so no history
    assert pipeline.report_privacy(home, Keyring(home)).path.exists()
    release(house, home)
    assert (home.serving / "kpi.duckdb").exists() and (home.serving / "team.duckdb").exists()
    assert not waiting(home).exists() and list((home.root / "published").glob("part-*"))


def test_what_nobody_signed_is_replaced_by_the_next(home: Home, house: duckdb.DuckDBPyConnection) -> None:
    publish(house, home, "internal", None, waits=True)
    publish(house, home, "internal", None, waits=True)
    assert not list((home.root / "published").glob("part-*"))
    release(house, home)
    assert len(list((home.root / "published").glob("part-*"))) == 1


def test_figures_that_came_after_the_report_are_not_served_by_its_signature(
    home: Home, house: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyring = Keyring(home)
    monkeypatch.setattr(pipeline, "open_warehouse", lambda *_: house.cursor())
    monkeypatch.setattr("orchestration.serving.report.write_report", lambda *_: None)
    publish(house, home, "internal", None, waits=True)
    earlier = pipeline.report_privacy(home, keyring)
    publish(house, home, "internal", None, waits=True)  # and the run died before it wrote the report
    with pytest.raises(VoicehouseError, match="not those of the newest privacy report") as told:
        pipeline.sign(home, keyring, "C", "read", earlier.sha256)
    assert translated(str(told.value), "zh") != str(told.value)
    assert waiting(home).exists() and not (home.serving / "kpi.duckdb").exists() and not sign_off_of(earlier.path)
    done = pipeline.report_privacy(home, keyring)
    checked = waiting(home).read_bytes()
    with duckdb.connect(str(waiting(home))) as con:
        con.execute("UPDATE kpi_values SET category = 'anna@example.org'")  # after it was checked
    with pytest.raises(VoicehouseError, match="not any more as it was checked") as told:
        pipeline.sign(home, keyring, "C", "read", done.sha256)
    assert translated(str(told.value), "zh") != str(told.value) and not sign_off_of(done.path)
    waiting(home).write_bytes(checked)
    assert pipeline.sign(home, keyring, "C", "read", done.sha256)[2] and (home.serving / "kpi.duckdb").exists()


@pytest.mark.parametrize(
    "point", ["orchestration.serving.publish._write_parquet", "orchestration.serving.report.write_report"]
)
def test_a_sign_off_that_is_cut_short_is_made_up_for_by_the_next_run(
    home: Home, house: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    keyring, note = Keyring(home), home.folder("ops") / "served.json"
    monkeypatch.setattr(pipeline, "open_warehouse", lambda *_: house.cursor())

    def wait() -> bytes:
        publish(house, home, "internal", None, waits=True)
        pipeline.report_privacy(home, keyring)
        pipeline.mark_served(home)
        return note.read_bytes()

    def told(relation: str) -> object:
        with duckdb.connect() as con:
            con.execute(f"ATTACH '{home.serving / 'kpi.duckdb'}' AS kpi (READ_ONLY)")
            return con.execute(f"SELECT published_at FROM {relation}").fetchone()

    noted = wait()
    assert pipeline.sign(home, keyring, "C", "read")[2] and note.read_bytes() == noted
    wait()
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(point, died)
        pipeline.sign(home, keyring, "C", "read")
    assert not note.exists()  # there is something to do
    publish(house, home, "internal", None, waits=True)
    assert told("kpi.publication") == told(f"'{home.serving}/parquet/publication.parquet'")


def test_what_waits_goes_with_a_withdrawal_and_no_signature_brings_it_back(
    home: Home, house: duckdb.DuckDBPyConnection
) -> None:
    keyring = Keyring(home)
    publish(house, home, "internal", None, waits=True)
    pipeline.report_privacy(home, keyring)
    assert "waiting.duckdb" in withdraw(home, "a test")
    assert not pipeline.sign(home, keyring, "C", "read")[2] and not (home.serving / "kpi.duckdb").exists()
    publish(house, home, "internal", None)
    assert len(list((home.root / "published").glob("part-*"))) == 1  # of the withdrawn one nothing became history


def test_a_published_text_column_fails_the_check(tmp_path: Path) -> None:
    path = tmp_path / "kpi.duckdb"
    with duckdb.connect(str(path)) as con:
        con.execute(
            f"CREATE TABLE publication AS SELECT {FORMATS[SERVED]} AS format, 1 AS n_cells, 0 AS n_derivable, 0 AS n_held_derivable, 0 AS n_hidden, "
            "0 AS n_held, true AS holds, 'external' AS profile"
        )
        assert con.execute("CREATE TABLE kpi_quotes AS SELECT 'late again' AS text") is not None
    assert check_published(path)["C22"][1] == 1


def test_an_analysts_connection_reaches_nothing_but_the_served_figures(
    home: Home, house: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    Keyring(home)
    served = publish(house, home, "internal", None).path
    checked, reached, _ = analyst_reach(home, served)
    assert checked >= 12 and reached == 0
    real = duckdb.connect
    monkeypatch.setattr(
        "orchestration.privacy.audit.duckdb.connect", lambda path, **_: real(str(home.temp / "open.duckdb"))
    )
    assert analyst_reach(home, served)[1] >= 2  # the control: a connection that was not closed is told
