"""What rests on a consent taken back leaves every live store with the next run, and does not come back from a backup.

Keep out: what the gate refuses (tests/attacks/test_consent.py).
"""

import shutil
import socket
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from orchestration import answering, backup, pipeline, watch
from orchestration.cli import main
from orchestration.home import Home
from orchestration.lake import rewrite as rewriting
from orchestration.privacy import lapses, restriction, rotation, withdrawal
from orchestration.privacy.audit_log import AuditLog
from orchestration.privacy.erased import RestrictedList
from orchestration.privacy.keys import Keyring
from orchestration.privacy.policy import furnish
from orchestration.privacy.subjects import Sought
from orchestration.privacy.withdrawal import Withdrawn
from orchestration.serving import postgres, publish
from tests.house import TestHouse, copy_of, died, write_source
from tests.integration.test_gate import CASE, CONSENT, case, lines
from tests.integration.test_privacy_checks import checks
from tests.integration.test_subjects import erase, request_for

SECRET = backup.passphrase("correct horse battery")


WARE = "select _record, raw ->> '$.id' as product_id, raw ->> '$.id' as name_en from wares"


def word(account: str, action: str, month: int, purpose: str = "analytics", **more: str) -> dict[str, object]:
    at = f"2025-{month:02d}-01T00:00:00Z"
    return {"id": f"{account}{action}{month}{purpose}", "account": account, "purpose": purpose, "action": action,
            "type": "general", "at": at, **more}  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> TestHouse:
    """Ann and Bob, of the mainland; service rests on the contract, analytics on consent."""
    house = TestHouse(tmp_path_factory.mktemp("made"))
    write_source(house.sources, "register", {"consent": CONSENT}, stream="rows")
    sql = CASE.replace("raw ->> '$.account' as", "account_ref('register', raw ->> '$.account') as")
    for name, cn in (("desk", "consent"), ("shop", '{ service = "contract", analytics = "consent" }')):
        folder = write_source(house.sources, name, {"case": sql.replace("from rows", "from cases")}, stream="cases")
        toml = folder / "source.toml"
        toml.write_text(toml.read_text().replace('CN = "contract"', f'CN = "{cn}"' if name == "desk" else f"CN = {cn}"))
    house.drop("rows.jsonl", lines(word("ann", "grant", 1), word("bob", "grant", 1)))
    house.drop("cases.jsonl", lines(*(case(i, account=a, country="CN") for i, a in enumerate(["ann", "ann", "bob"]))))
    house.take("register", "desk", "shop")
    return house


@pytest.fixture
def filled(made: TestHouse, tmp_path: Path) -> TestHouse:
    """A copy of it for one test."""
    return copy_of(made, tmp_path / "house")


def expire(house: TestHouse) -> int:
    return pipeline.expire(house.home, house.keyring, "test")["withdrawn"]


def held(house: TestHouse, source: str) -> list[tuple]:
    return house.rows(
        f"select basis, purposes, count(*) from lake.case where source = '{source}' group by all order by all"
    )


def test_rows_that_rest_on_it_go_with_the_next_run_and_others_stay_for_what_they_rest_on(filled: TestHouse) -> None:
    both = [("consent", ["analytics"], 3)], [("consent", ["service", "analytics"], 3)]
    assert expire(filled) == 0 and (held(filled, "desk"), held(filled, "shop")) == both
    filled.home.warehouse.write_bytes(b"made of rows that will be gone")
    filled.drop("rows_2.jsonl", lines(word("ann", "withdraw", 3)))
    filled.take("register")
    assert checks(filled)["C3"].status == "failed" and checks(filled)["C3"].n_failed == 4  # the control
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(rewriting, "rewrite", died)
        expire(filled)
    assert not filled.home.warehouse.exists()  # before a row goes
    assert expire(filled) == 2
    assert held(filled, "desk") == [("consent", ["analytics"], 1)]
    assert held(filled, "shop") == [("consent", ["service", "analytics"], 1), ("contract", ["service"], 2)]
    assert checks(filled)["C3"].status == "passed" and checks(filled)["C3"].n_checked == 1
    assert filled.ledger()[("case", "withheld", "withdrawn")] == 2
    assert pipeline.ledger_faults(filled.home, filled.keyring) == []
    line = AuditLog(filled.home, filled.keyring).newest("withdrawal")
    assert line and line["facts"] == {"rows": 2, "purposes": 2, "quarantined": 0}
    assert expire(filled) == 0


def test_a_withdrawal_by_an_address_that_nobody_verified_is_heeded_and_a_grant_is_not(filled: TestHouse) -> None:
    unverified = CONSENT.replace("'true' as", "raw ->> '$.verified' as")
    write_source(filled.sources, "register", {"consent": unverified}, stream="rows")
    of_ann = {"account": "ann", "email": "li@example.com", "verified": "true", "country": "CN"}
    filled.drop("cases_2.jsonl", lines(case(3, **of_ann), case(4, account="carl", country="CN")))
    listed = [{**word("", a, m), "email": who} for who, a, m in (("Li@Example.com", "withdraw", 3), ("x@example.com", "withdraw", 3),
                                                                ("li@example.com", "grant", 4))]  # fmt: skip
    filled.drop("rows_2.jsonl", lines(*(w | {"id": f"u{n}", "account": None} for n, w in enumerate(listed))))
    filled.take("desk", "register")
    assert filled.ledger()[("consent", "unread", "withdrawal_of_nobody")] == 1
    assert (
        checks(filled)["C3"].n_failed == 5
        and "1 withdrawals that name nobody who is known" in checks(filled)["C3"].evidence
    )
    assert expire(filled) == 3 and checks(filled)["C3"].status == "passed"
    assert held(filled, "desk") == [("consent", ["analytics"], 1)]  # Bob's: the control
    # Who is known by that address only later: what was granted before is withdrawn, what is granted after is not.
    filled.drop("rows_3.jsonl", lines(word("carl", "grant", 1, email="x@example.com", verified="true")))
    filled.drop("cases_3.jsonl", lines(case(5, **of_ann | {"updated": "2025-06-01T00:00:00Z"})))
    filled.take("register", "desk")
    assert held(filled, "desk") == [("consent", ["analytics"], 1)]
    assert "1 withdrawals that name nobody" not in checks(filled)["C3"].evidence
    assert rotation.rotate(filled.home, filled.keyring).is_sound
    filled.drop("rows_4.jsonl", lines(word("dora", "grant", 2, email="x@example.com"), word("carl", "grant", 5)))
    filled.drop(
        "cases_4.jsonl",
        lines(
            case(6, account="dora", country="CN"),
            {**case(7, account="carl", country="CN"), "at": "2025-06-01T00:00:00Z"},
        ),
    )
    filled.take("register", "desk")
    assert held(filled, "desk") == [("consent", ["analytics"], 2)]
    assert pipeline.ledger_faults(filled.home, filled.keyring) == []


def test_nothing_withdrawn_opens_no_file_of_the_lake(filled: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(lapses, "decide_lake", opened)
    every = pipeline.sources(filled.home)
    assert withdrawal.run(filled.home, filled.keyring, every) == Withdrawn()
    filled.drop("rows_2.jsonl", lines(word("ann", "withdraw", 3)))
    filled.take("register")
    with pytest.raises(AssertionError):
        withdrawal.run(filled.home, filled.keyring, every)  # the control
    monkeypatch.undo()
    assert withdrawal.run(filled.home, filled.keyring, every).rows == 2
    monkeypatch.setattr(lapses, "decide_lake", opened)
    assert withdrawal.run(filled.home, filled.keyring, every) == Withdrawn()  # nothing has changed since


def test_a_dry_run_counts_and_leaves_everything(filled: TestHouse) -> None:
    filled.drop("rows_2.jsonl", lines(word("ann", "withdraw", 3)))
    filled.take("register")
    before = sorted(p.name for p in filled.home.lake.rglob("*.parquet"))
    every = pipeline.sources(filled.home)
    assert withdrawal.run(filled.home, filled.keyring, every, dry_run=True) == Withdrawn(2, 2, 0)
    assert sorted(p.name for p in filled.home.lake.rglob("*.parquet")) == before
    assert withdrawal.run(filled.home, filled.keyring, every) == Withdrawn(2, 2, 0)


def test_the_newest_word_counts(filled: TestHouse) -> None:
    filled.drop("rows_2.jsonl", lines(word("ann", "withdraw", 3), word("ann", "grant", 4)))
    filled.take("register")
    assert expire(filled) == 0 and held(filled, "desk") == [("consent", ["analytics"], 3)]


def test_whoever_withdrew_under_another_account_is_known_once_both_are_one(filled: TestHouse) -> None:
    filled.drop("rows_2.jsonl", lines(word("other", "withdraw", 3, email="ann@example.org")))
    filled.take("register")
    assert expire(filled) == 0
    filled.drop("cases_2.jsonl", lines(case(9, account="ann", email="ann@example.org", verified="true", country="CN")))
    filled.take("desk")
    assert expire(filled) == 2
    assert ("consent", ["analytics"], 1) in held(filled, "desk")


@pytest.mark.parametrize("dies_first", [False, True])
def test_quarantined_rows_go_too_and_the_audit_log_tells_it_first(
    filled: TestHouse, monkeypatch: pytest.MonkeyPatch, dies_first: bool
) -> None:
    from orchestration.lake import audit, quarantine
    from orchestration.lake.audit import AuditResult, CheckResult

    with monkeypatch.context() as patch:
        failing = AuditResult((CheckResult("planned to fail", False, 2, 1),))
        patch.setattr(audit, "audit_batch", lambda *_, **__: failing)
        filled.drop(
            "cases_2.jsonl", lines(*(case(10 + i, account=a, country="CN") for i, a in enumerate(["ann", "bob"])))
        )
        filled.take("desk")
    filled.drop("rows_2.jsonl", lines(word("ann", "withdraw", 3)))
    filled.take("register")
    if dies_first:
        with monkeypatch.context() as patch:
            patch.setattr(quarantine, "place_durably", died)
            with pytest.raises(KeyboardInterrupt):
                expire(filled)
        line = AuditLog(filled.home, filled.keyring).newest("withdrawal")
        assert line and line["facts"]["quarantined"] == 1
    expire(filled)
    line = AuditLog(filled.home, filled.keyring).newest("withdrawal")
    assert line and line["facts"]["quarantined"] == 1
    (note,) = quarantine.batches(filled.home)
    assert quarantine.replay(filled.home, filled.keyring, note["batch"])
    assert held(filled, "desk") == [("consent", ["analytics"], 2)]
    assert pipeline.ledger_faults(filled.home, filled.keyring) == []


def test_a_child_told_of_late_or_no_longer_consented_for_goes(house: TestHouse) -> None:
    write_source(house.sources, "register", {"consent": CONSENT}, stream="rows")
    sql = CASE.replace("raw ->> '$.account' as", "account_ref('register', raw ->> '$.account') as")
    write_source(house.sources, "desk", {"case": sql.replace("from rows", "from cases")}, stream="cases")
    house.drop("rows.jsonl", lines(word("kid", "grant", 1, "service", type="guardian")))
    house.drop(
        "cases.jsonl",
        lines(
            case(1, account="kid", minor="true", country="DE"),
            case(2, account="late", country="DE", email="late@example.org", verified="true"),
            case(4, account="late again", country="DE", email="late@example.org", verified="true"),
        ),
    )  # the same child by two accounts: what is told under one holds for the other
    house.take("register", "desk")
    assert expire(house) == 0 and held(house, "desk")[0][1:] == (["service"], 1)
    house.drop("rows_2.jsonl", lines(word("kid", "withdraw", 3, "service", type="guardian")))
    house.drop("cases_2.jsonl", lines(case(3, account="late", minor="true", country="DE")))
    house.take("register", "desk")
    assert checks(house)["C21"].n_failed == 3  # the control, whatever account it is told under
    assert expire(house) == 3
    assert checks(house)["C21"].status == "passed" and held(house, "desk") == []


def unname(house: TestHouse, by: str, *sources: str) -> None:
    """Analytics is named no more: by `sources`, or by the house for all."""
    if by == "house":
        furnish(house.home)
    paths = [house.home.root / "policy.toml"] if by == "house" else [house.sources / n / "source.toml" for n in sources]
    for path in paths:
        path.write_text(path.read_text().replace('["service", "analytics"]', '["service"]'))


def name_again(house: TestHouse) -> None:
    policy = house.home.root / "policy.toml"
    policy.write_text(policy.read_text().replace('purposes = ["service"]', 'purposes = ["service", "analytics"]'))


def days_later(patch: pytest.MonkeyPatch, days: int) -> None:
    patch.setenv("VOICEHOUSE_CLOCK", (datetime.now(UTC) + timedelta(days=days)).isoformat())


@pytest.mark.parametrize("by", ["source", "house"])
def test_rows_for_a_purpose_that_is_named_no_more_wait_unused_and_then_go(
    filled: TestHouse, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    assert expire(filled) == 0 and checks(filled)["C2"].status == "passed"
    unname(filled, by, "desk")
    assert checks(filled)["C2"].n_failed == (3 if by == "source" else 6)  # the control
    assert checks(filled)["C1"].n_failed == (0 if by == "source" else 6)
    assert checks(filled)["C3"].n_failed == 0  # nobody withdrew
    before, every = pipeline.fingerprint(filled.home), pipeline.sources(filled.home)
    n = 6 if by == "house" else 3
    assert withdrawal.run(filled.home, filled.keyring, every, dry_run=True) == Withdrawn(0, n, 0)
    assert watch.status(filled.home)["unnamed"] == []  # a dry run begins no term
    filled.home.warehouse.write_bytes(b"made of rows that are not to be used")
    assert expire(filled) == 0
    assert not filled.home.warehouse.exists() and pipeline.fingerprint(filled.home) != before
    assert held(filled, "desk") == [("consent", ["unnamed:analytics"], 3)]
    both = [("consent", ["service", "analytics"], 3)]
    assert held(filled, "shop") == ([("consent", ["service", "unnamed:analytics"], 3)] if by == "house" else both)
    found = {c: checks(filled)[c] for c in ("C1", "C2", "C3")}
    assert {c.status for c in found.values()} == {"passed"} and found["C2"].evidence.endswith(f": {n}")
    told = watch.status(filled.home)["unnamed"]
    assert [(w["source"], w["purpose"], w["rows"]) for w in told][:1] == [("desk", "analytics", 3)]
    assert len(told) == n // 3
    printed = CliRunner().invoke(main, ["--home", str(filled.home.root), "status"]).output
    assert "desk: rows for analytics" in printed and told[0]["until"][:10] in printed
    after = pipeline.fingerprint(filled.home)
    filled.take()
    assert expire(filled) == 0 and pipeline.fingerprint(filled.home) == after

    days_later(monkeypatch, 29)
    assert expire(filled) == 0 and len(held(filled, "desk")) == 1
    days_later(monkeypatch, 32)
    assert checks(filled)["C2"].n_failed == n  # past their term
    assert expire(filled) == 3
    assert held(filled, "desk") == []
    assert held(filled, "shop") == ([("contract", ["service"], 3)] if by == "house" else both)
    assert filled.rows("select count(*) from lake.consent") == [(2,)]  # the evidence stays
    assert {c: checks(filled)[c].status for c in ("C1", "C2", "C3")} == dict.fromkeys(("C1", "C2", "C3"), "passed")
    assert filled.ledger()[("case", "withheld", "purpose")] == 3
    assert pipeline.ledger_faults(filled.home, filled.keyring) == []
    assert watch.status(filled.home)["unnamed"] == []


def test_a_purpose_whose_ground_under_their_law_is_named_no_more_waits_in_those_rows(filled: TestHouse) -> None:
    toml = filled.sources / "shop" / "source.toml"
    before = toml.read_text()
    toml.write_text(before.replace(', analytics = "consent" }', " }"))
    assert checks(filled)["C2"].n_failed == 3  # the control
    assert expire(filled) == 0
    assert held(filled, "shop") == [("consent", ["service", "unnamed:analytics"], 3)]
    assert held(filled, "desk") == [("consent", ["analytics"], 3)] and checks(filled)["C2"].status == "passed"
    toml.write_text(before)
    assert expire(filled) == 0
    assert held(filled, "shop") == [("consent", ["service", "analytics"], 3)]


def test_a_purpose_named_again_brings_back_every_row_as_it_was(
    filled: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_source(filled.sources, "stock", {"product": WARE}, stream="wares")
    filled.drop("wares.jsonl", lines({"id": "p1"}))
    filled.take("stock")
    answering.restrict(filled.home, filled.keyring, request_for(filled, Sought(account="register:bob"), "object"))
    kinds = "select source, basis, purposes from lake.{} order by all"
    before = [filled.rows(kinds.format(kind)) for kind in ("case", "product")]
    unname(filled, "house")
    expire(filled)
    assert ("desk", "consent", ["restricted:unnamed:analytics"]) in filled.rows(kinds.format("case"))
    assert checks(filled)["C3"].n_failed == 0
    path = filled.home.root / "ops" / "unnamed.json"
    path.unlink()  # its loss begins the term anew, and ends none early or never
    days_later(monkeypatch, 31)
    assert expire(filled) == 0 and path.exists()
    name_again(filled)
    assert filled.take() == [] and expire(filled) == 0
    assert [filled.rows(kinds.format(kind)) for kind in ("case", "product")] == before
    assert {c: checks(filled)[c].status for c in ("C1", "C2", "C3")} == dict.fromkeys(("C1", "C2", "C3"), "passed")


def test_what_waits_for_its_purpose_heeds_a_withdrawal_and_an_objection(filled: TestHouse) -> None:
    unname(filled, "house")
    expire(filled)
    filled.drop("rows_2.jsonl", lines(word("ann", "withdraw", 3)))
    filled.take("register")
    assert expire(filled) == 2 and held(filled, "desk") == [("consent", ["unnamed:analytics"], 1)]
    name_again(filled)
    answering.restrict(filled.home, filled.keyring, request_for(filled, Sought(account="register:bob"), "object"))
    assert held(filled, "desk") == [("consent", ["restricted:unnamed:analytics"], 1)]
    assert expire(filled) == 0 and held(filled, "desk") == [("consent", ["restricted:analytics"], 1)]


def test_marked_purposes_rows_about_nobody_and_waiting_batches_lose_it_too(
    filled: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orchestration.lake import audit, quarantine
    from orchestration.lake.audit import AuditResult, CheckResult

    write_source(filled.sources, "stock", {"product": WARE}, stream="wares")
    write_source(filled.sources, "shelf", {"product": WARE}, stream="wares")
    toml = filled.sources / "shelf" / "source.toml"
    toml.write_text(toml.read_text().replace('["service", "analytics"]', '["analytics"]'))
    filled.drop("wares.jsonl", lines({"id": "p1"}))
    filled.take("stock", "shelf")
    answering.restrict(filled.home, filled.keyring, request_for(filled, Sought(account="register:bob"), "object"))
    with monkeypatch.context() as patch:
        failing = AuditResult((CheckResult("planned to fail", False, 2, 1),))
        patch.setattr(audit, "audit_batch", lambda *_, **__: failing)
        filled.drop("cases_2.jsonl", lines(case(10, account="ann", country="CN")))
        filled.take("shop")
    assert expire(filled) == 0 and ("consent", ["restricted:analytics"], 1) in held(filled, "desk")
    unname(filled, "house")
    assert expire(filled) == 0
    assert filled.rows("select source, purposes from lake.product order by all") == [
        ("shelf", ["unnamed:analytics"]), ("stock", ["service", "unnamed:analytics"])
    ]  # fmt: skip
    policy = filled.home.root / "policy.toml"
    policy.write_text(policy.read_text().replace("unnamed_days = 30", "unnamed_days = 9"))
    days_later(monkeypatch, 10)
    assert expire(filled) == 4
    assert filled.rows("select source, basis, purposes from lake.product") == [("stock", "contract", ["service"])]
    assert held(filled, "desk") == [] and held(filled, "shop") == [("contract", ["service"], 3)]
    assert checks(filled)["C1"].n_failed == checks(filled)["C2"].n_failed == 0
    (note,) = quarantine.batches(filled.home)
    assert quarantine.replay(filled.home, filled.keyring, note["batch"])
    assert expire(filled) == 0
    assert held(filled, "shop") == [("contract", ["service"], 4)]
    assert checks(filled)["C1"].n_failed == checks(filled)["C2"].n_failed == 0


def test_of_a_source_that_is_gone_the_house_alone_says_what_rows_are_for(
    filled: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(filled.sources / "desk")
    assert expire(filled) == 0 and len(held(filled, "desk")) == 1
    assert checks(filled)["C2"].status == "passed"
    unname(filled, "house")
    assert expire(filled) == 0 and held(filled, "desk") == [("consent", ["unnamed:analytics"], 3)]
    assert checks(filled)["C1"].status == checks(filled)["C2"].status == "passed"
    days_later(monkeypatch, 32)
    assert expire(filled) == 3 and held(filled, "desk") == []
    assert checks(filled)["C1"].status == checks(filled)["C2"].status == "passed"


def test_a_purpose_by_another_name_keeps_the_rows_that_it_has_a_ground_for(house: TestHouse) -> None:
    toml = write_source(house.sources, "desk", {"case": CASE}) / "source.toml"
    toml.write_text(toml.read_text().replace('"service", "analytics"', '"analytics"'))
    furnish(house.home)
    house.drop("rows.jsonl", lines(case(1, account="a", country="DE")))
    house.take()
    for path in (toml, house.home.root / "policy.toml"):
        path.write_text(path.read_text().replace('"analytics"', '"insight"'))
    house.take()
    expire(house)
    assert held(house, "desk") == [("contract", ["insight"], 1), ("contract", ["unnamed:analytics"], 1)]
    assert checks(house)["C1"].n_failed == checks(house)["C2"].n_failed == 0
    assert pipeline.ledger_faults(house.home, house.keyring) == []


def test_a_home_from_a_backup_has_forgotten_before_it_is_opened(filled: TestHouse, tmp_path: Path) -> None:
    """Made before Ann withdrew and Bob was erased.

    With the lists kept outside both are done again, without them not.
    """
    backup.write(filled.home, tmp_path / "b", SECRET)
    filled.drop("rows_2.jsonl", lines(word("ann", "withdraw", 3)))
    filled.take("register")
    assert expire(filled) == 2
    erase(filled, Sought(account="register:bob"))
    lists = shutil.copytree(filled.home.root / "erased", tmp_path / "lists")
    assert not any(value in path.read_bytes() for path in lists.iterdir() for value in (b"ann", b"bob", b"analytics"))

    backup.restore(tmp_path / "b", tmp_path / "bare", SECRET)
    bare = Home.open(tmp_path / "bare")
    found = rows_of(bare)
    assert (len(found), found[0]) == (6, ("desk", ["analytics"]))  # the control: both are back

    done = backup.restore(tmp_path / "b", tmp_path / "new", SECRET, erased=lists)
    assert (done.erasures, done.withdrawals) == (1, 2)
    assert rows_of(Home.open(tmp_path / "new")) == [("shop", ["service"]), ("shop", ["service"])]
    again = backup.restore(tmp_path / "b", tmp_path / "third", SECRET, erased=tmp_path / "new" / "erased")
    assert (again.erasures, again.withdrawals) == (1, 2)  # the list went on with the home


def test_a_home_that_is_being_restored_leaves_postgresql_to_its_first_run(
    filled: TestHouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        monkeypatch.setenv("PUBLISH__POSTGRES__CONNECTION", f"host=127.0.0.1 port={port} user=owner connect_timeout=2")
        server.settimeout(0)
        filled.home.furnish(replace(filled.home.house, postgres={"schema": "voicehouse"}), anew=True)
        backup.write(filled.home, tmp_path / "b", SECRET)
        erase(filled, Sought(account="register:bob"))
        done = backup.restore(tmp_path / "b", tmp_path / "new", SECRET, erased=filled.home.root / "erased")
        new = Home.open(tmp_path / "new")
        assert done.erasures == 1 and (new.serving / "withdrawn.json").exists() and postgres.is_due(new)
        with pytest.raises(BlockingIOError):
            server.accept()
        publish.withdraw(new, "a test")  # the control
        server.accept()[0].close()


def test_a_home_from_a_backup_heeds_what_was_restricted_and_objected_to_since(
    filled: TestHouse, tmp_path: Path
) -> None:
    backup.write(filled.home, tmp_path / "b", SECRET)
    for who, action in (("ann", "object"), ("bob", "restrict")):
        request = request_for(filled, Sought(account=f"register:{who}"), action)
        assert answering.restrict(filled.home, filled.keyring, request)
    wanted = rows_of(filled.home)
    lists = shutil.copytree(filled.home.root / "erased", tmp_path / "lists")
    assert not any(value in path.read_bytes() for path in lists.iterdir() for value in (b"ann", b"bob", b"analytics"))

    backup.restore(tmp_path / "b", tmp_path / "bare", SECRET)
    assert rows_of(Home.open(tmp_path / "bare")) != wanted  # the control

    done = backup.restore(tmp_path / "b", tmp_path / "new", SECRET, erased=lists)
    new = Home.open(tmp_path / "new")
    assert done.restrictions and rows_of(new) == wanted
    assert restriction.renew(new, Keyring(new)) == 0
    erase(filled, Sought(account="register:bob"))
    assert len(RestrictedList(filled.home, filled.keyring).entries()) == 1  # of whom is erased nothing is kept there
    lifted = replace(request_for(filled, Sought(account="register:ann"), "object"), is_lift=True)
    answering.restrict(filled.home, filled.keyring, lifted)
    assert RestrictedList(filled.home, filled.keyring).entries() == []


def test_a_word_of_whom_the_backup_does_not_know_is_told_and_kept_for_another(
    filled: TestHouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup.write(filled.home, tmp_path / "b", SECRET)
    filled.drop("cases_2.jsonl", lines(case(9, account="cleo", country="DE"), case(10, account="ann", country="CN")))
    filled.take("desk")
    late = request_for(filled, Sought(account="register:cleo"), "restrict")
    known = request_for(filled, Sought(account="register:ann"), "object")
    assert answering.restrict(filled.home, filled.keyring, late)
    assert answering.restrict(filled.home, filled.keyring, known)
    told = RestrictedList(filled.home, filled.keyring).entries()
    lists = shutil.copytree(filled.home.root / "erased", tmp_path / "lists")

    done = backup.restore(tmp_path / "b", tmp_path / "new", SECRET, erased=lists)
    assert done.unplaced == (late.request_id,)
    new = Home.open(tmp_path / "new")
    assert restriction.renew(new, Keyring(new)) == 0
    assert RestrictedList(new, Keyring(new)).entries() == told  # of both: a later backup may know them
    monkeypatch.setenv("VOICEHOUSE_HOME", str(tmp_path / "third"))
    monkeypatch.setenv("VOICEHOUSE_BACKUP_PASSPHRASE", "correct horse battery")
    said = CliRunner().invoke(main, ["restore", str(tmp_path / "b"), "--erased", str(new.root / "erased")])
    assert said.exit_code == 0 and late.request_id in said.stdout and known.request_id not in said.stdout


def rows_of(home: Home) -> list[tuple]:
    from orchestration.engine import connect
    from orchestration.lake.store import Lake

    con = connect(home.temp)
    try:
        Lake(home, Keyring(home).base64("lake")).register(con)
        return con.execute("select source, purposes from lake.case order by all").fetchall()
    finally:
        con.close()


def test_a_restore_cut_short_while_it_forgets_leaves_no_home(
    filled: TestHouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup.write(filled.home, tmp_path / "b", SECRET)
    erase(filled, Sought(account="register:bob"))

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(withdrawal, "reapply", die)
    with pytest.raises(KeyboardInterrupt):
        backup.restore(tmp_path / "b", tmp_path / "new", SECRET, erased=filled.home.root / "erased")
    assert not (tmp_path / "new").exists()
