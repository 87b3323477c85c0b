"""The rule address_zh, alone.

Keep out: other rules.
"""

import pytest


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("住在上海市浦东新区世纪大道100号5栋301室,", "住在<ADDRESS>,"),
        ("地址:成都市武侯区建设路12号", "地址:<ADDRESS>"),
        ("寄到文三路 259 号", "寄到<ADDRESS>"),
        ("我在阳光花园3栋2单元501", "我在<ADDRESS>"),
        ("送幸福小区12号楼1203室", "送<ADDRESS>"),
    ],
)
def test_address_zh_masks_addresses_and_nothing_around_them(rule, text, expected):
    assert rule("address_zh", text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "一号店的东西",
        "世纪大道堵车",
        "买了3号的鞋",
        "商场3楼",
        "上海市很大",
        "第一单元考试",
        "空调得弄一弄了",
    ],
)
def test_address_zh_leaves_readable_what_only_looks_alike(rule, text):
    assert rule("address_zh", text) == text
