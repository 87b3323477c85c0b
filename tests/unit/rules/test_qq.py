"""The rule qq, alone.

Keep out: other rules.
"""

import pytest


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("加QQ12345678聊", "加QQ<HANDLE>聊"),
        ("qq:1234567", "qq:<HANDLE>"),
        ("扣扣号 88 888 888", "扣扣号 <HANDLE>"),
        ("QQ群:123456789", "QQ群:<HANDLE>"),
    ],
)
def test_qq_masks_QQ_numbers_and_nothing_around_them(rule, text, expected):
    assert rule("qq", text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "QQ 2024",
        "qq音乐",
        "QQ:0123456",
    ],
)
def test_qq_leaves_readable_what_only_looks_alike(rule, text):
    assert rule("qq", text) == text
