"""What the language models find in texts that no rule was tuned on, and that the gate masks it (make test-names).

Keep out: what becomes of a found name in a text (test_ner.py).
"""

import pytest

from tests.bench.redaction_measure import measure, redacted
from tests.bench.third_persons import plain, third_labelled
from tests.house import TestHouse, write_source
from tests.integration.test_gate import CASE, case, lines
from tests.unit.test_ner import ask_for

pytestmark = pytest.mark.names
MODELS = ("en", "zh")
TEXTS = [
    "I told Tamara Novak and Judy that 13800138000 is wrong. Judy wrote to a@example.com",
    "Szczepańska never called back, and Kovalev laughed",
    "上门安装的王小明态度很好,电话13800138000",
    "要表扬李建军和赵春梅,半夜还来抢修",
    "<NAME> and <EMAIL> were given, Tamara not",
    "马上就要过年了,快递还没到,高铁也方便",
    "nothing of the kind here",
    "",
]


def texts(given: list[str], **more) -> list[str]:
    return [row["text"] for row in redacted(given, models=MODELS, **more)]


def test_names_of_persons_nobody_knows_are_masked_and_the_rest_stays():
    assert texts(TEXTS) == [
        "I told <NAME> and <NAME> that <PHONE> is wrong. <NAME> wrote to <EMAIL>",
        "<NAME> never called back, and <NAME> laughed",
        "上门安装的<NAME>态度很好,电话<PHONE>",
        "要表扬<NAME>和<NAME>,半夜还来抢修",
        "<NAME> and <EMAIL> were given, <NAME> not",
        *TEXTS[5:],
    ]
    counts = [row["counts"] for row in redacted(TEXTS, models=MODELS)]
    assert counts[0] == {"NAME": 3, "PHONE": 1, "EMAIL": 1} and counts[4] == {"NAME": 1}


def test_a_model_of_one_language_reads_no_other():
    assert redacted([TEXTS[2]], models=["en"])[0]["text"] == "上门安装的王小明态度很好,电话<PHONE>"


def test_own_names_keep_their_token():
    assert texts([TEXTS[2]], own=[{"agent": ["王小明"]}]) == ["上门安装的<AGENT>态度很好,电话<PHONE>"]


def test_redaction_of_redacted_texts_changes_nothing_whatever_the_batch():
    given = TEXTS + [s.text for s in third_labelled("tune", 4)] + ["Anna Bauer, Zora\nXylo Peer " * 400]
    once = texts(given)
    assert texts(once) == once
    assert once == [text for start in range(0, len(given), 7) for text in texts(given[start : start + 7])]


def test_the_chinese_model_finds_third_persons_in_the_half_nobody_tuned_on():
    found = measure(third_labelled("report", 20), ["zh"])
    assert sum(found.masked.values()) >= 0.95 * sum(found.labelled.values())
    assert found.precision("NAME") >= 0.98
    assert measure(plain("report"), ["zh"]).wrong_characters == 0


def test_the_gate_stores_what_the_model_left(house: TestHouse):
    write_source(house.sources, "desk", {"case": CASE})
    house.drop("rows.jsonl", lines(case(1, text=TEXTS[2]), case(2, text=TEXTS[1])))
    ask_for(house, '["en", "zh"]')
    house.take()
    assert house.rows("select text, text_redactions from lake.case order by 2, 1") == [
        ("<NAME> never called back, and <NAME> laughed", 2),
        ("上门安装的<NAME>态度很好,电话<PHONE>", 2),
    ]
