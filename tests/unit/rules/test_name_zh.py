"""The rule name_zh, alone.

Keep out: other rules.
"""

import pytest


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("我叫王小明,想退货", "我叫<NAME>,想退货"),
        ("姓名:李娜 电话", "姓名:<NAME> 电话"),
        ("客服张女士态度好", "客服<NAME>女士态度好"),
        ("请欧阳先生回电", "请<NAME>先生回电"),
        ("我叫牛志强", "我叫<NAME>"),
        ("联系人：牛志强，電話", "联系人：<NAME>，電話"),
        ("收件人: 耿丽", "收件人: <NAME>"),
        ("姓名：陳志強", "姓名：<NAME>"),
        ("请牛先生和安小雨女士回电", "请<NAME>先生和<NAME>女士回电"),
    ],
)
def test_name_zh_masks_names_and_nothing_around_them(rule, text, expected):
    assert rule("name_zh", text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "我很高兴",
        "老师很好",
        "服务员小姐",
        "我叫了外卖",
        "我叫车回家,联系人关系",
        "安装师傅没来",
        "车主女士,全体女士,成年女士",
        "区域经理和空调师傅",
        "先生您好",
    ],
)
def test_name_zh_leaves_readable_what_only_looks_alike(rule, text):
    assert rule("name_zh", text) == text
