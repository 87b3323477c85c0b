"""Normal forms of identifiers: one form for one person, NULL for what is none.

Keep out: identifiers in free text.
"""

import duckdb
import pytest

from orchestration.privacy.normalise import (
    PLAIN,
    folded_text,
    is_mobile,
    normal_account,
    normal_email,
    normal_phone,
)
from tests.bench.redaction_measure import redacted


def value(expression: str, *given: str | None) -> object:
    """The value of a SQL expression over columns a and b."""
    row = duckdb.execute(
        f"select {expression} from (select $1::varchar as a, $2::varchar as b)", [*given, None, None][:2]
    ).fetchone()
    assert row
    return row[0]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (" Zhang.Wei@Example.COM ", "zhang.wei@example.com"),
        ("ｚｗ＠ｅｘａｍｐｌｅ．ｃｏｍ", "zw@example.com"),
        ("z\u200bw@example.com", "zw@example.com"),
        ("nobody", None),
        ("a@b", None),
        ("a b@example.com", None),
        ("", None),
        (None, None),
    ],
)
def test_emails_are_case_folded_or_null(given, expected):
    assert value(normal_email("a"), given) == expected


@pytest.mark.parametrize(
    ("given", "country", "expected"),
    [
        ("13800138000", "CN", "+8613800138000"),
        ("138-0013-8000", None, "+8613800138000"),
        ("１３８００１３８０００", "CN", "+8613800138000"),
        ("+86 138 0013 8000", None, "+8613800138000"),
        ("008613800138000", "US", "+8613800138000"),
        ("8613800138000", "CN", "+8613800138000"),
        ("013800138000", "CN", "+8613800138000"),
        ("0176 12345678", "DE", "+4917612345678"),
        ("0176 12345678", None, None),  # a mobile of Germany, or one of China behind a trunk 0
        ("010-65432109", "CN", "+861065432109"),
        ("(0755) 2654 3210", "cn", "+8675526543210"),
        ("(415) 555-2671", "US", "+14155552671"),
        ("1-415-555-2671", "CA", "+14155552671"),
        ("+1 415 555 2671 x12", None, "+14155552671"),
        ("0151 23456789", "DE", "+4915123456789"),
        ("+49 (0)151 23456789", None, "+4915123456789"),
        ("06 12 34 56 78", "FR", "+33612345678"),
        ("07700 900123", "GB", "+447700900123"),
        ("+81 3-1234-5678", None, "+81312345678"),
        ("4155552671", None, None),
        ("12345", "CN", None),
        ("123 456 7890", "US", None),
        ("+1 123 456 7890", None, None),
        ("none", "CN", None),
        ("call me 13800138000", "CN", None),
        (None, "CN", None),
    ],
)
def test_phones_become_e164_or_null(given, country, expected):
    assert value(normal_phone("a", "b"), given, country) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("+8613800138000", True),
        ("+861065432109", False),
        ("+4915123456789", True),
        ("+49301234567", False),
        ("+33612345678", True),
        ("+447700900123", True),
        ("+442079460000", False),
        ("+14155552671", False),
        (None, False),
    ],
)
def test_only_numbers_that_are_surely_mobile_prove_a_person(given, expected):
    assert value(is_mobile("a"), given) is expected


def test_accounts_have_one_form():
    assert value(normal_account("a"), " @Li_Na ") == "LI_NA"
    assert value(normal_account("a"), "  ") is None


def test_folding_keeps_chinese_punctuation_and_dashes():
    assert value(folded_text("a"), "你好，世界：（１２３）——“好”！？；ＡＢ％") == "你好，世界：（123）——“好”！？；AB%"


def test_what_counts_as_plain_is_what_folding_leaves_as_it_is():
    every = "".join(c for c in map(chr, range(0x20000)) if not 0xD800 <= ord(c) <= 0xDFFF)
    plain = value(f"regexp_replace(a, '[^{PLAIN.removeprefix('[').removesuffix(']*')}]+', '', 'g')", every)
    assert {"A", "9", "\n", "一", "，"} < set(plain) and not {"Ａ", "９", "\u200b", "\x00"} & set(plain)
    assert value(folded_text("a"), plain) == plain


@pytest.mark.parametrize("entity", ["&#138 ", "&#138;", "&#x8a;", "&#145;", "&#127;"])
def test_an_entity_for_a_control_character_is_a_space_so_that_nothing_changes_a_second_time(entity: str) -> None:
    once = redacted([f"13800138000{entity}0013"], [{}])[0]["text"]
    assert once == redacted([once], [{}])[0]["text"]
    assert not any(0x7F <= ord(c) <= 0x9F for c in once)
