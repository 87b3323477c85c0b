"""Attacks on what a row may be used for: consent gone, of another kind, of another time.

Keep out: the law (policy.py).
"""

import duckdb
import pytest

from orchestration import answering, pipeline
from orchestration.engine import connect, literal
from orchestration.errors import ContractError
from orchestration.privacy import pseudonyms, requests, subjects
from orchestration.privacy.policy import furnish, notice_sql
from orchestration.privacy.vault import open_vault
from orchestration.sources.contract import Window, read_notices
from tests.house import TestHouse, write_source
from tests.integration.test_gate import CASE, CONSENT, case, lines
from tests.integration.test_privacy_checks import checks

GRANT = {"purpose": "analytics", "action": "grant", "type": "general", "at": "2025-01-01T00:00:00Z"}


@pytest.fixture
def desk(house: TestHouse) -> TestHouse:
    """A register of consents and a desk in the mainland that needs them."""
    write_source(house.sources, "register", {"consent": CONSENT}, stream="rows")
    sql = CASE.replace("raw ->> '$.account' as", "account_ref('register', raw ->> '$.account') as")
    write_source(house.sources, "desk", {"case": sql.replace("from rows", "from cases")}, stream="cases", cn="consent")
    return house


@pytest.mark.parametrize("is_withdrawn", [True, False])
def test_a_consent_withdrawn_between_extraction_and_gate_counts_at_the_gate(
    desk: TestHouse, is_withdrawn: bool
) -> None:
    desk.drop("rows.jsonl", lines({"id": "c1", "account": "a", **GRANT}))
    desk.take("register")
    desk.drop("cases.jsonl", lines(case(1, account="a", country="CN")))
    found = pipeline.sources(desk.home)
    pipeline.extract(desk.home, desk.keyring, found["desk"], Window(), "test")  # its pages are sealed now
    if is_withdrawn:
        gone = {**GRANT, "action": "withdraw", "at": "2025-03-01T00:00:00Z"}
        desk.drop("rows_2.jsonl", lines({"id": "c2", "account": "a", **gone}))
        desk.take("register")
    pipeline.guard_source(desk.home, desk.keyring, found["desk"], "test")
    pipeline.load_staged(desk.home, desk.keyring)
    assert desk.rows("select count(*) from lake.case") == [(0 if is_withdrawn else 1,)]
    assert desk.ledger().get(("case", "rejected", "no_consent"), 0) == int(is_withdrawn)


@pytest.mark.parametrize(
    ("given", "purposes"),
    [
        ({}, ["analytics"]),  # the control
        ({"purpose": "service"}, ["service"]),  # one purpose is not another
        ({"purpose": "marketing"}, None),
        ({"purpose": "ANALYTICS "}, None),  # nor is a like one
        ({"at": "2025-01-02T03:04:06Z"}, None),  # a second after what it should cover
        ({"at": "2999-01-01T00:00:00Z"}, None),
        ({"action": "withdraw"}, None),
        ({"account": "b"}, None),  # another person's
    ],
)
def test_only_the_consent_of_that_person_for_that_purpose_at_that_time_lets_a_row_in(
    desk: TestHouse, given: dict[str, str], purposes: list[str] | None
) -> None:
    desk.drop("rows.jsonl", lines({"id": "c1", "account": "a", **GRANT, **given}))
    desk.drop("cases.jsonl", lines(case(1, account="a", country="CN")))
    desk.take("register", "desk")
    assert desk.rows("select purposes from lake.case") == ([] if purposes is None else [(purposes,)])
    assert desk.ledger().get(("case", "rejected", "no_consent"), 0) == (purposes is None)
    assert pipeline.ledger_faults(desk.home, desk.keyring) == []


def test_a_consent_under_a_notice_that_is_not_listed_covers_nothing(desk: TestHouse) -> None:
    told = CONSENT.replace("given_at", "given_at, raw ->> '$.notice' as notice_version")
    (desk.sources / "register" / "consent.sql").write_text(told)
    furnish(desk.home)
    policy = desk.home.root / "policy.toml"
    settings = policy.read_text()

    def allow(*versions: str) -> None:
        policy.write_text(f"{settings}\n[notices.CN]\nanalytics = {list(versions)}\n")

    def refused() -> dict[str, int]:
        return {r: n for (kind, m, r), n in desk.ledger().items() if (kind, m) == ("case", "rejected") and n}

    given = {"new": ["v2"], "old": ["v1"], "untold": [None], "again": ["v1", "v3"]}
    said = [{"id": f"{a}{v}", "account": a, "notice": v, **GRANT} for a, versions in given.items() for v in versions]
    desk.drop("rows.jsonl", lines(*said))
    desk.drop("cases.jsonl", lines(*(case(i, account=a, country="CN") for i, a in enumerate([*given, "never"]))))
    allow("v2", "v3")
    desk.take("register", "desk")
    assert refused() == {"consent_under_other_notice": 2, "no_consent": 1}
    assert desk.rows("select count(*) from lake.case") == [(2,)]
    assert desk.rows("select count(*) from lake.consent") == [(5,)]  # the evidence stays
    allow("v1", "v2", "v3")
    desk.take("desk")  # its sealed page is there still
    assert refused() == {"consent_under_other_notice": 1, "no_consent": 1}
    allow("v1", "v3")
    found = checks(desk)["C1"]
    assert (found.status, found.n_failed) == ("failed", 1) and "not listed: 1" in found.evidence
    assert pipeline.let_go(desk.home, desk.keyring)[0].rows == 1
    assert desk.rows("select count(*) from lake.case") == [(2,)] and checks(desk)["C1"].n_failed == 0
    gone = {r: n for (kind, m, r), n in desk.ledger().items() if (kind, m) == ("case", "withheld")}
    assert gone == {"consent_under_other_notice": 1}  # nobody took a consent back
    assert pipeline.ledger_faults(desk.home, desk.keyring) == []


def rectify(house: TestHouse, account: str, email: str) -> None:
    """Take an address away that is not theirs: of all four that it joins."""
    con = connect(house.home.temp)
    try:
        pseudonyms.install(con, house.keyring)
        with open_vault(con, house.home, house.keyring):
            ids = subjects.find(con, subjects.Sought(account=account))
            wrong = [subjects.index_hash(con, subjects.Sought(email=email))]
            request = requests.register(con, house.home, "rectify", ids, wrong)
    finally:
        con.close()
    assert answering.rectify(house.home, house.keyring, request).removed == 4


@pytest.mark.parametrize("parted_by", ["rectification", "sixth account", "nobody"])  # nobody: the control
def test_the_consent_of_whom_a_person_was_taken_for_covers_none_of_their_rows(desk: TestHouse, parted_by: str) -> None:
    """One address joins them, and the first of them consented; the first to be known is another, who never did."""
    shared = {"email": "office-4@example.net", "verified": "true", "country": "CN"}
    until = {"expires_at": "2025-02-01T00:00:00Z"}
    told = CONSENT.replace("given_at", "given_at, raw ->> '$.expires_at' as expires_at")
    (desk.sources / "register" / "consent.sql").write_text(told)
    desk.drop(
        "rows.jsonl",
        lines({"id": "c1", "account": "a", **GRANT, **until}, {"id": "c2", "account": "own", **GRANT}),
    )
    people = ["oldest", "a", "b", "own"]
    desk.drop("cases.jsonl", lines(*(case(i, account=p, **shared) for i, p in enumerate(people))))
    desk.drop("cases_2.jsonl", lines(case(9, account="elsewhere", country="CN")))
    desk.take("desk", "register")
    assert desk.rows("select count(*) from lake.case") == [(4,)]
    assert pipeline.let_go(desk.home, desk.keyring)[0].rows == 0
    if parted_by == "rectification":
        rectify(desk, "register:b", shared["email"])
    elif parted_by == "sixth account":
        desk.drop("cases_3.jsonl", lines(*(case(20 + i, account=f"new{i}", **shared) for i in range(2))))
        desk.take("desk")
    gone = 0 if parted_by == "nobody" else 2
    found = checks(desk)["C1"]
    assert (found.status, found.n_failed) == ("failed" if gone else "passed", gone)
    assert pipeline.let_go(desk.home, desk.keyring)[0].rows == gone
    left = desk.rows("select count(*), count(distinct subject_key) from lake.case")
    assert left == [(4 - gone, 4 - gone)]  # an end after the event takes nothing away
    assert desk.ledger().get(("case", "withheld", "withdrawn"), 0) == gone
    assert checks(desk)["C1"].status == checks(desk)["C3"].status == "passed"
    desk.take()
    assert pipeline.let_go(desk.home, desk.keyring)[0].rows == 0
    assert desk.rows("select count(*) from lake.case") == [(4 - gone,)]
    assert pipeline.ledger_faults(desk.home, desk.keyring) == []


@pytest.mark.parametrize(
    ("law", "notice", "is_valid"),
    [
        ("'CN'", "'a'", True),
        ("'CN'", "'b'", False),  # the source lists fewer than the house
        ("'CN'", "''", False),  # none was told
        ("'EU'", "'c'", True),  # neither names that law: that of others
        ("'EU'", "'a'", False),
        ("NULL", "'a'", False),  # all that are named
        ("'CN'", "NULL", True),  # written down before versions were
    ],
)
def test_house_and_source_both_say_under_which_notice(law: str, notice: str, is_valid: bool) -> None:
    house = read_notices({"CN": {"analytics": ["a", "b"]}, "other": ["c"]}, ("service", "analytics"), "policy.toml")
    source = read_notices({"CN": ["a"]}, ("analytics",), "desk")

    def valid(purpose: str) -> bool:
        row = duckdb.execute(f"select {notice_sql((house, source), law, literal(purpose), notice)}").fetchone()
        return bool(row and row[0])

    assert valid("analytics") == is_valid
    assert valid("marketing")  # the control: what is not named takes any


@pytest.mark.parametrize(
    ("listed", "told"),
    [
        ({"FR": ["a"]}, "not 'FR'"),
        ({"CN": {"analytic": ["a"]}}, "names the purpose 'analytic'"),
        ({"CN": {"analytics": "a"}}, "lists versions"),
        ({"CN": []}, "lists versions"),
    ],
)
def test_a_misspelt_list_of_notices_lets_nothing_run(listed: dict[str, object], told: str) -> None:
    with pytest.raises(ContractError, match=told):
        read_notices(listed, ("service", "analytics"), "policy.toml")


def test_what_happens_in_the_future_is_no_ground_to_let_anything_in(desk: TestHouse) -> None:
    """An event dated ahead would lie under any consent without an end and leave no store for long."""
    desk.drop("rows.jsonl", lines({"id": "c1", "account": "a", **GRANT}))
    desk.drop(
        "cases.jsonl",
        lines(case(1, account="a", country="CN"), case(2, account="a", country="CN", at="2999-01-01T00:00:00Z")),
    )
    desk.take("register", "desk")
    assert desk.rows("select count(*), max(opened_at) < timestamp '2030-01-01' from lake.case") == [(1, True)]
    rejected = {
        reason: n for (kind, measure, reason), n in desk.ledger().items() if (kind, measure) == ("case", "rejected")
    }
    assert sum(rejected.values()) == 1 and "opened_at" in next(iter(rejected))


@pytest.mark.parametrize("place", ["DE", "CN"])  # CN: the control, nothing leaves
def test_a_general_consent_does_not_send_anybody_of_the_mainland_abroad(desk: TestHouse, place: str) -> None:
    furnish(desk.home)
    policy = desk.home.root / "policy.toml"
    policy.write_text(policy.read_text().replace('place = "CN"', f'place = "{place}"'))
    for name in ("register", "desk"):
        toml = desk.sources / name / "source.toml"
        toml.write_text('transfer = "standard_contract"\n' + toml.read_text())
    border = {**GRANT, "purpose": "cross_border"}
    said = [
        {"id": "1", "account": "plain", **GRANT},
        {"id": "2", "account": "vague", **GRANT},
        {"id": "3", "account": "vague", **border},
        {"id": "4", "account": "apart", **GRANT},
        {"id": "5", "account": "apart", **border, "type": "separate"},
        {"id": "6", "account": "silent", **border, "type": "separate"},  # to leave, but for what?
    ]
    desk.drop("rows.jsonl", lines(*said))
    people = {"plain": "CN", "vague": "CN", "apart": "CN", "silent": "CN", "german": "DE"}
    desk.drop("cases.jsonl", lines(*(case(i, account=a, country=c) for i, (a, c) in enumerate(people.items()))))
    desk.take("register", "desk")
    held = "select jurisdiction, count(*)::integer from lake.case group by 1 order by 1"
    assert desk.rows(held) == [("CN", 1 if place == "DE" else 3), ("EU", 1)]
    assert desk.ledger()[("case", "rejected", "no_consent")] == (3 if place == "DE" else 1)
    gone = {**border, "type": "separate", "action": "withdraw", "at": "2025-03-01T00:00:00Z"}
    desk.drop("rows_2.jsonl", lines({"id": "7", "account": "apart", **gone}))
    desk.take("register")
    assert checks(desk)["C3"].n_failed == int(place == "DE")
    pipeline.expire(desk.home, desk.keyring, "test")
    assert desk.rows(held) == ([("EU", 1)] if place == "DE" else [("CN", 3), ("EU", 1)])
    assert checks(desk)["C3"].n_failed == 0
