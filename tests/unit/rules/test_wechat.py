"""The rule wechat, alone.

Keep out: other rules.
"""

import pytest


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("微信号:lina_88谢谢", "微信号:<HANDLE>谢谢"),
        ("加微信abc12345", "加微信<HANDLE>"),
        ("wechat id: tom_2020", "wechat id: <HANDLE>"),
        ("加v:zhangsan1", "加v:<HANDLE>"),
        ("微信:liangliang", "微信:<HANDLE>"),
    ],
)
def test_wechat_masks_ids_of_WeChat_and_nothing_around_them(rule, text, expected):
    assert rule("wechat", text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "微信支付很好",
        "wechat payment works",
        "via WeChat yesterday",
        "微信wallet",
    ],
)
def test_wechat_leaves_readable_what_only_looks_alike(rule, text):
    assert rule("wechat", text) == text
