"""Whatever is known of a person last: the rows let in, and for what, are the same.

Keep out: single consents (attacks/).
"""

from pathlib import Path

import pytest

from orchestration import pipeline
from orchestration.landing import pages
from tests.house import TestHouse, write_source
from tests.integration.test_gate import lines

CONSENT = """
select
    _record, raw ->> '$.id' as consent_id, raw ->> '$.email' as person_email, 'true' as person_email_verified,
    'analytics' as purpose, raw ->> '$.action' as action, 'general' as consent_type, parse_iso(raw ->> '$.at') as given_at
from consents
"""
ANSWER = """
select
    _record, raw ->> '$.id' as answer_id, raw ->> '$.id' as response_id, 'pulse' as survey_id, 'overall' as question_id,
    parse_iso('2025-03-05T00:00:00Z') as answered_at, '5' as score, raw ->> '$.account' as person_account_id
from answers
"""
USAGE = """
select
    _record, raw ->> '$.id' as usage_id, account_ref('app', raw ->> '$.account') as person_account_id,
    '2025-03-05' as used_on, 'x' as feature, '1' as use_count
from uses
"""
ORDER = """
select
    _record, raw ->> '$.id' as order_id, parse_iso('2025-03-01T00:00:00Z') as ordered_at, 'purchase' as order_type,
    '1' as amount, 'EUR' as currency, account_ref('app', raw ->> '$.account') as person_account_id,
    raw ->> '$.email' as person_email, 'true' as person_email_verified, raw ->> '$.country' as person_country,
    raw ->> '$.minor' as person_is_minor
from links
"""
# Account: country, minor, word of consent. E has no order, so that nobody knows who it is.
PEOPLE = {
    "A": ("CN", "false", "grant"),
    "B": ("CN", "false", "withdraw"),
    "C": ("DE", "false", None),
    "D": ("CN", "true", "grant"),
    "F": ("CN", "false", None),
}
WANTED = {
    "answer": {"A": ["analytics"], "C": ["service", "analytics"]},
    "usage": {a: ["service"] for a in "BEF"} | {a: ["service", "analytics"] for a in "AC"},
}

# Each source is last once, and nobody is known before the rows are judged in two of them.
ORDERS = (
    ("register", "app", "phone_app", "shop"),
    ("app", "phone_app", "shop", "register"),
    ("phone_app", "shop", "register", "app"),
    ("shop", "register", "app", "phone_app"),
)


def furnished(folder: Path) -> TestHouse:
    """Four sources: a register of consents by address, answers and uses by account, a shop that knows both."""
    house = TestHouse(folder)
    write_source(house.sources, "register", {"consent": CONSENT}, stream="consents")
    for name, sql, stream, basis in (
        ("app", {"survey_answer": ANSWER}, "answers", '{ analytics = "consent" }'),
        ("phone_app", {"usage": USAGE}, "uses", '{ service = "contract", analytics = "consent" }'),
    ):
        path = write_source(house.sources, name, sql, stream=stream) / "source.toml"
        path.write_text(path.read_text().replace('CN = "contract"', f"CN = {basis}"))
    write_source(house.sources, "shop", {"order": ORDER}, stream="links")
    return house


def drop(house: TestHouse) -> None:
    """What the four have to say."""
    words = [(a, word) for a, (_, _, word) in PEOPLE.items() if word]
    house.drop(
        "consents.jsonl",
        lines(
            *({"id": f"k{a}", "email": f"{a}@x.example", "action": "grant", "at": "2025-01-01T00:00:00Z"} for a, _ in words),
            *({"id": f"w{a}", "email": f"{a}@x.example", "action": w, "at": "2025-04-01T00:00:00Z"} for a, w in words if w == "withdraw"),
        ),
    )  # fmt: skip
    everybody = [*PEOPLE, "E"]
    house.drop("answers.jsonl", lines(*({"id": f"s{a}", "account": a} for a in everybody)))
    house.drop("uses.jsonl", lines(*({"id": f"u{a}", "account": a} for a in everybody)))
    house.drop(
        "links.jsonl",
        lines(
            *(
                {"id": f"o{a}", "account": a, "email": f"{a}@x.example", "country": country, "minor": minor}
                for a, (country, minor, _) in PEOPLE.items()
            )
        ),
    )


def granted(house: TestHouse) -> dict[str, list[list[str]]]:
    """By kind the purposes of every row, of its newest version, once minors told late have left, as after every run."""
    pipeline.expire(house.home, house.keyring, "test")
    newest = "qualify row_number() over (partition by content_hash order by loaded_at desc) = 1"
    return {
        name: sorted(p for (p,) in house.rows(f"select purposes from (select * from lake.{kind} {newest})"))
        for name, kind in (("answer", "survey_answer"), ("usage", "usage"))
    }


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_rows_and_their_purposes_are_the_same_in_every_order_of_sources(tmp_path: Path, order: tuple[str, ...]) -> None:
    house = furnished(tmp_path)
    drop(house)
    for name in order:
        house.take(name)
    assert granted(house) == {name: sorted(rows.values()) for name, rows in WANTED.items()}
    assert pipeline.ledger_faults(house.home, house.keyring) == []
    ledger = house.ledger()
    house.take()  # and again: there is nothing to do
    assert house.ledger() == ledger


def test_rows_gain_without_their_pages_and_refused_ones_wait_as_long_as_theirs(tmp_path: Path) -> None:
    house = furnished(tmp_path)
    drop(house)
    house.take("app", "phone_app")
    assert granted(house) == {"answer": [], "usage": [["service"]] * 6}  # the control: nobody is known yet
    for path in house.home.root.glob("landing/*/pages/*.parquet"):
        path.unlink()
    assert pages.loads(house.home, "app") == []
    house.take("register", "shop")
    assert granted(house) == {"answer": [], "usage": sorted(WANTED["usage"].values())}
