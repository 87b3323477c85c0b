"""The rule phone_zh, alone.

Keep out: other rules.
"""

import pytest


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("电话13800138000身份证", "电话<PHONE>身份证"),
        ("138 0013 8000", "<PHONE>"),
        ("+86-138-0013-8000", "<PHONE>"),
        ("(+86)13800138000", "<PHONE>"),
        ("8613800138000", "<PHONE>"),
        ("tel13800138000ok", "tel<PHONE>ok"),
        ("138\n0013\n8000", "<PHONE>"),
        ("010-65432109转801", "<PHONE>"),
        ("(021) 6543 2109", "<PHONE>"),
        ("工单13800138000, 工单 电话 010-65432109", "工单<PHONE>, 工单 电话 <PHONE>"),
        ("075526543210", "<PHONE>"),
        ("电话是 6543 2109", "电话是 <PHONE>"),
        ("2024-01-01 13800138000", "2024-01-01 <PHONE>"),
        ("13800138000,13900139000", "<PHONE>,<PHONE>"),
    ],
)
def test_phone_zh_masks_numbers_and_nothing_around_them(rule, text, expected):
    assert rule("phone_zh", text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "订单138001380001234",
        "12800138000",
        "400-800-8820",
        "工单 010-2024-0001",
        "order 010-2024-0001",
        "10086",
        "价格13800元",
        "电话95588",
        "+49 151 23456789",
        "2024-01-01 10:30",
        "手机20240101买的",
        "发票号码:10342543",
    ],
)
def test_phone_zh_leaves_readable_what_only_looks_alike(rule, text):
    assert rule("phone_zh", text) == text
