"""Attacks by what persons write: names and texts that look like SQL, patterns or tokens, through the whole gate.

Keep out: single rules and evasion (tests/unit).
"""

import pytest

from orchestration import pipeline
from orchestration.serving.privacy_report import redacted
from tests.house import TestHouse, write_source
from tests.integration.test_gate import CASE, case, lines

HARMLESS = [
    "Will you tell me when it will come? We will wait, will we not.",
    "我们很高兴,孩子也高兴,高兴得不得了。",
    "a plan b and c is fine, x marks the spot (.*) \\1 $1",
    "Please keep order 20260102-17, 3.5 kg, 12:30, version 1.2.3.",
]
NASTY = [
    "'); ATTACH 'stolen.db' AS s; --",
    '"; DROP TABLE vault.identity; --',
    "\\1",
    ".*",
    "$1",
    "(",
    "[a-z]+",
    "<EMAIL>",
    "<SELF>",
    "Will",
    "高兴",
    "",
    " ",
    "x",
    "伟",
    "\x1f",
    "\x1erow",
    "%00",
    "NULL",
]  # fmt: skip


def masked(given: str, kept: str) -> float:
    """Share of the letters of a text that are gone from it."""
    letters = [c for c in given if c.isalnum()]
    left = [c for c in kept if c.isalnum()]
    return 1 - len(left) / len(letters)


def test_no_name_however_chosen_blacks_out_what_others_say(house: TestHouse) -> None:
    """Customers of such names write ordinary texts, then others do: the vault knows the names by then."""
    write_source(house.sources, "desk", {"case": CASE})
    named = [
        case(i, account=f"N{i}", name=name, email=f"n{i}@example.org", text=HARMLESS[i % len(HARMLESS)])
        for i, name in enumerate(NASTY)
    ]
    control = case(90, account="Z1", name="Zora Quill", text="I am Zora Quill.")
    house.drop("rows_1.jsonl", lines(*named, control))
    house.take()
    others = [case(100 + i, account=f"O{i}", text=text) for i, text in enumerate(HARMLESS)]
    house.drop("rows_2.jsonl", lines(*others, case(99, account="O9", text="please ask Zora Quill about it")))
    house.take()
    assert pipeline.Outcomes(house.home, "test").failures == {}
    texts = [text for (text,) in house.rows("select text from lake.case")]
    assert len(texts) == len(NASTY) + 1 + len(HARMLESS) + 1
    assert not any("Zora" in text or "Quill" in text for text in texts)  # the control: names are masked
    kept = [text for text in texts if "<SELF>." not in text and "please ask" not in text]
    worst = max(min(masked(given, text) for given in HARMLESS) for text in kept)
    assert worst <= 0.02, sorted(kept, key=len)[0]


def test_what_looks_like_sql_or_a_pattern_is_data_in_every_field(house: TestHouse) -> None:
    """In names, accounts, addresses, numbers, ids and texts at once.

    The same rows come out, nothing is run, nothing opened.
    """
    write_source(house.sources, "desk", {"case": CASE})
    records = [
        {**case(i, account=f"{n}-{i}", name=n, email=n, phone=n, country=n, text=f"first {n} last"), "id": f"{n}-{i}"}
        for i, n in enumerate(NASTY)
    ]
    house.drop("rows.jsonl", lines(*records, case(90, account="Z1", text="first last")))
    house.take()
    assert pipeline.Outcomes(house.home, "test").failures == {}
    ledger = house.ledger()
    rejected = sum(n for (_, measure, _), n in ledger.items() if measure == "rejected")
    ((n, keys, persons),) = house.rows(
        "select count(*), count(distinct case_key), count(distinct subject_key) from lake.case"
    )
    assert n == ledger[("case", "promoted", "")] and n + rejected == len(records) + 1
    assert n == keys == persons == len(records) + 1, ledger
    assert pipeline.ledger_faults(house.home, house.keyring) == []
    for name in ("stolen.db", "s", "row"):
        assert not list(house.home.root.parent.rglob(name))


@pytest.mark.parametrize("format", ["jsonl", "csv"])
def test_no_id_passes_for_a_hash_made_before_or_for_the_id_of_another_source(house: TestHouse, format: str) -> None:
    """The house's own marks for "hashed already" and "of that source", written into a ticket's number or account."""
    write_source(house.sources, "shop", {"case": CASE})
    house.drop("rows.jsonl", lines(case(1, account="A1")))
    house.take()
    ((victim, key),) = house.rows("select subject_key, case_key from lake.case")
    columns = ("id", "opened", "account")
    fields = ", ".join(f"raw ->> '$.{c}' as {c}" for c in columns)
    rows = f"(select _record, {fields} from tickets)" if format == "jsonl" else "tickets"
    sql = f"select _record, id as case_id, opened as opened_at, account as person_account_id from {rows}"
    write_source(house.sources, "desk", {"case": sql}, stream="tickets", format=format, columns=columns)
    forged = [
        ("\x1e" + key, "\x1fshop\x1fperson.account\x1fa1"),
        ("\x1fshop\x1fcase\x1fT1", "\x1e" + victim),
        *((f"T{n}", f"A{n}") for n in range(10, 40)),  # the control: these pass, as somebody else
    ]
    at = "2025-01-02T03:04:05Z"
    if format == "jsonl":
        house.drop("tickets.jsonl", lines(*({"id": i, "opened": at, "account": a} for i, a in forged)))
    else:
        house.drop("tickets.csv", "id,opened,account\n" + "".join(f"{i},{at},{a}\n" for i, a in forged))
    house.take("desk")
    found = house.rows("select subject_key, case_key from lake.case where source = 'desk'")
    assert len(found) == len(forged)
    assert not [f for f in found if victim in f or key in f]
    assert house.rows("select count(*) from lake._subjects") == [(0,)]  # nobody was joined to the victim


@pytest.mark.parametrize("token", ["<EMAIL>", "<SELF>", "<NAME>", "&lt;EMAIL&gt;", "＜EMAIL＞"])
def test_tokens_that_stand_in_a_text_count_for_nothing(house: TestHouse, token: str) -> None:
    """Whoever writes tokens cannot make a redaction look done, nor pad the counts of what was taken out."""
    write_source(house.sources, "desk", {"case": CASE})
    house.drop(
        "rows.jsonl",
        lines(case(1, account="A1", text=f"{token} {token}"), case(2, account="A1", text=f"{token} me@example.org")),
    )
    house.take()
    found = house.rows("select text, text_redactions from lake.case order by 2")
    assert [n for _, n in found] == [0, 1]  # the control: the address counts
    assert not any("me@" in text for text, _ in found)
    text = found[1][0]
    told = {row["type"]: row["n"] for row in redacted(house.home, house.keyring)}
    assert told == ({"EMAIL": 1} if text.count("<") == 1 else {"not_told_apart": 1})
    house.drop("rows_2.jsonl", lines(case(3, account="A1", text="me@example.org and 13800138000")))
    house.take()
    told = {row["type"]: row["n"] for row in redacted(house.home, house.keyring)}
    assert told["PHONE"] == 1 and sum(told.values()) == 3  # the control
