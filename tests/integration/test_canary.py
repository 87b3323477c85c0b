"""The search for canaries finds them wherever they stand, and its proof holds for the code it was made of.

Keep out: whole runs, but for one that is marked.
"""

import base64
import gzip
import json
from pathlib import Path

import dagster as dg
import pytest

from orchestration import canary, pipeline
from orchestration.defs import operations
from orchestration.errors import VoicehouseError
from orchestration.home import Home
from orchestration.landing import pages
from orchestration.messages import text
from orchestration.privacy import evidence
from orchestration.privacy.audit import Check, check_home
from tests.house import TestHouse, write_source
from tests.integration.test_gate import CASE, case, lines

VALUE = "zkqwv@canary.example"


@pytest.fixture
def filled(house: TestHouse) -> TestHouse:
    write_source(house.sources, "desk", {"case": CASE})
    house.drop("rows.jsonl", lines(case(1, account="A1", email=VALUE, country="DE", text=f"write to {VALUE}")))
    house.take()
    return house


def test_a_home_without_traces_is_clean(filled: TestHouse) -> None:
    swept = canary.sweep(filled.home, [VALUE])
    assert swept.found == () and swept.files > 10 and swept.columns > 300


@pytest.mark.parametrize(
    ("end", "where"),
    [
        ("committed", "lake, case.text"),
        ("quarantined", "quarantine/{load}/case-0.parquet.text"),
        ("staged", "lake/_staged/{load}/case-0.parquet.text"),
        ("forgotten", "lake/case/source=desk/load={load}/.part-0.parquet.draft.text"),
    ],
)
def test_what_a_careless_gate_lets_through_is_found_in_its_column(
    house: TestHouse, monkeypatch: pytest.MonkeyPatch, end: str, where: str
) -> None:
    """All of it is encrypted and packed: bytes alone would never show it."""
    from orchestration.lake import audit
    from orchestration.lake.audit import AuditResult, CheckResult
    from orchestration.privacy import redaction

    def careless(con, texts, own, into, *_) -> None:
        con.execute(
            f"CREATE TABLE {into} AS SELECT row_no, field, text, 0 AS n, false AS residual, false AS is_sensitive FROM ({texts})"
        )

    judged = (CheckResult("planned to fail", False, 1, 1),) if end == "quarantined" else ()
    monkeypatch.setattr(redaction, "redact", careless)
    monkeypatch.setattr(audit, "audit_batch", lambda *_, **__: AuditResult(judged))
    if end == "staged":
        monkeypatch.setattr(pipeline, "load_staged", lambda *_: [])
    write_source(house.sources, "desk", {"case": CASE})
    house.drop("rows.jsonl", lines(case(1, text=f"write to {VALUE.upper()}")))
    house.take()
    if end == "forgotten":  # what a rewriting that died left beside the part that is listed no more
        (commit,) = (house.home.lake / "_commits").glob("*.json")
        commit.unlink()
        (part,) = (house.home.lake / "case").rglob("*.parquet")
        part.rename(part.with_name(f".{part.name}.draft"))
    (load,) = (x.load_id for x in pages.loads(house.home, "desk"))
    assert canary.sweep(house.home, [VALUE]).found == (where.format(load=load),)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("plain.log", VALUE.encode()),
        ("packed.gz", gzip.compress(VALUE.encode(), mtime=0)),
        ("wide.bin", VALUE.encode("utf-16-le")),
        ("address.txt", VALUE.replace("@", "%40").encode()),
        ("sealed.txt", base64.b64encode(VALUE.encode())),
        (f"of {VALUE}", b""),
    ],
)
def test_a_value_in_any_file_or_name_is_found_and_not_told(filled: TestHouse, name: str, content: bytes) -> None:
    (filled.home.folder("ops") / name).write_bytes(content)
    found = canary.sweep(filled.home, [VALUE]).found
    assert len(found) == 1 and VALUE not in found[0]


def checked(house: TestHouse) -> Check:
    found = check_home(house.home, house.keyring, pipeline.sources(house.home))
    return next(c for c in found if c.check_id == "C6")


def test_the_proof_holds_for_the_code_it_was_made_of(filled: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    assert checked(filled).status == "not_proved" and "privacy canary" in checked(filled).evidence
    monkeypatch.setenv("VOICEHOUSE_CLOCK", "2026-01-02T03:04:05Z")
    evidence.note(filled.home, "C6", 900, 0, "nothing found", of=evidence.code())
    monkeypatch.setenv("VOICEHOUSE_CLOCK", "2026-02-02T03:04:05Z")
    proved = checked(filled)
    assert (proved.status, proved.cadence, proved.n_checked) == ("passed", "release", 900)
    assert proved.last_proved_at == "2026-01-02T03:04:05"  # when it was proved, not when it was read
    evidence.note(filled.home, "C6", 900, 1, "found", of=evidence.code())
    assert checked(filled).status == "failed"
    evidence.note(filled.home, "C6", 900, 0, "nothing found", of="another release")
    assert checked(filled).status == "not_proved"


def test_a_search_that_finds_nothing_in_the_clear_proves_nothing(
    house: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(canary, "_contents", lambda path: [])
    with pytest.raises(VoicehouseError, match="proves nothing"):
        canary.prove(house.home)
    assert evidence.noted(house.home) == {} and not list(house.home.temp.glob("canary-*"))


def test_canaries_that_came_nowhere_prove_nothing(house: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canary, "_run", lambda *given: b"")  # as of a gate that lets nobody in
    with pytest.raises(VoicehouseError, match=r"did not reach lake \(canary_letters\), models.*it proves nothing"):
        canary.prove(house.home)
    assert evidence.noted(house.home) == {}


def test_canaries_differ_from_proof_to_proof() -> None:
    first, second = ({v for c in canary.hatch() for v in c.values.values()} for _ in range(2))
    assert len(first) == 15 and not first & second


def test_a_run_of_canaries_that_breaks_says_why_without_a_value(tmp_path: Path) -> None:
    canaries = canary.hatch()
    home = canary.plant(tmp_path, canaries)
    values = [v for c in canaries for v in c.values.values()]
    pipeline.Outcomes(home, "r").conclude(home, "r", "failed", "load")
    (home.root / "house.toml").write_text("no TOML")
    with pytest.raises(VoicehouseError, match=r"ended with 1, not 0 \(begin; house.toml cannot be read"):
        canary._run(home, 0, values)
    reason = text("run.failed", reason=f"no news from letters ({values[1].upper()})")
    words = f"[ 1.2 s] load\n{reason}\n\nmaster.key has been made\n".encode()
    assert canary._last_words(words, values) == "no news from letters (?)"
    assert canary._last_words(b"", values) == "it said nothing"


@pytest.mark.operate
@pytest.mark.timeout(3600)
@pytest.mark.slow
def test_canaries_stand_nowhere_after_a_good_and_a_failing_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home.open(tmp_path / "home")
    monkeypatch.setenv("VOICEHOUSE_HOME", str(home.root))
    done = operations.defs().get_job_def("privacy_canary").execute_in_process()
    (output,) = [e for e in done.all_events if e.event_type == dg.DagsterEventType.STEP_OUTPUT]
    swept = {name: value.value for name, value in output.step_output_data.metadata.items()}
    assert swept["found"] == 0 and swept["files"] > 500 and swept["columns"] > 3000
    proof = json.loads((home.root / "ops" / "evidence.json").read_text())["C6"]
    assert proof["failed"] == 0 and not list(home.temp.glob("canary-*"))
