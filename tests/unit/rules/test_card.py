"""The rule card, alone.

Keep out: other rules.
"""

import pytest


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("卡4111111111111111扣款", "卡<CARD>扣款"),
        ("card 4111 1111 1111 1111.", "card <CARD>."),
        ("4111-1111-1111-1111", "<CARD>"),
        ("amex 3782 822463 10005", "amex <CARD>"),
        ("6011000990139424", "<CARD>"),
        ("99 4111 1111 1111 1111", "99 <CARD>"),
        ("4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", "<CARD>"),
        ("卡号:6222020000000000001", "卡号:<CARD>"),
        ("5555555555554444 and 4012888888881881", "<CARD> and <CARD>"),
        ("card number 6304000000000000 lost", "card number <CARD> lost"),
    ],
)
def test_card_masks_card_numbers_and_nothing_around_them(rule, text, expected):
    assert rule("card", text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "4111111111111112",
        "order 20240101123456789",
        "12345678901234567890123",
        "0000000000000000",
        "2024-01-01 12:30:00 100 200 300",
    ],
)
def test_card_leaves_readable_what_only_looks_alike(rule, text):
    assert rule("card", text) == text
