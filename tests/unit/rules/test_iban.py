"""The rule iban, alone.

Keep out: other rules.
"""

import pytest


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("退到DE89370400440532013000吧", "退到<IBAN>吧"),
        ("GB82 WEST 1234 5698 7654 32 is mine", "<IBAN> is mine"),
        ("gb82west12345698765432", "<IBAN>"),
        ("NO93 8601 1117 947 this year", "<IBAN> this year"),
        ("BE68539007547034,", "<IBAN>,"),
    ],
)
def test_iban_masks_account_numbers_and_nothing_around_them(rule, text, expected):
    assert rule("iban", text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "DE89370400440532013001",
        "GB82 WEST 1234",
        "AB12 3456 7890 1234 5678",
        "order DE20240101123456789012",
    ],
)
def test_iban_leaves_readable_what_only_looks_alike(rule, text):
    assert rule("iban", text) == text
