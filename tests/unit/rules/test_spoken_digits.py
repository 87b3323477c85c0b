"""The rule spoken_digits, alone.

Keep out: other rules.
"""

import pytest


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("电话一三八零零一三八零零零", "电话<PHONE>"),
        ("幺三八 零零一三 八零零零。", "<PHONE>。"),
        ("1三8零零1三8零零零", "<PHONE>"),
        ("一一零一零五一九四九一二三一零零二X", "<ID>"),
        ("四一一一一一一一一一一一一一一一", "<CARD>"),
        ("座机六五四三二一〇九", "座机<PHONE>"),
    ],
)
def test_spoken_digits_masks_spoken_numbers_and_nothing_around_them(rule, text, expected):
    assert rule("spoken_digits", text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "二〇二四年一月一日",
        "一二三四五六七",
        "三十五块",
        "13800138000",
        "二〇二四一二三一",
    ],
)
def test_spoken_digits_leaves_readable_what_only_looks_alike(rule, text):
    assert rule("spoken_digits", text) == text
