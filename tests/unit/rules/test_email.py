"""The rule email, alone.

Keep out: other rules.
"""

import pytest


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("写信到li.na+x@mail.example.cn。谢谢", "写信到<EMAIL>。谢谢"),
        ("a@b.co,c_d@e-f.org", "<EMAIL>,<EMAIL>"),
        ("zhang(at)example.com", "<EMAIL>"),
        ("jürgen(at)gmx.de", "<EMAIL>"),
        ("zhang [at] example [dot] com!", "<EMAIL>!"),
        ("zhang at example dot com", "<EMAIL>"),
        ("zhang%40example.com", "<EMAIL>"),
        ("zhang@\nexample.com", "<EMAIL>"),
        ("张三@qq.com", "<EMAIL>"),
        ("li@例子.中国", "<EMAIL>"),
        ("an jürgen.müller@gmx.de!", "an <EMAIL>!"),
        ("josé@correo.es, anna@büro.de", "<EMAIL>, <EMAIL>"),
        ("пишите иван@почта.рф", "пишите <EMAIL>"),
        ("写zhang@qq。com谢谢", "写<EMAIL>谢谢"),
        ("zhangwei@163点com", "<EMAIL>"),
        ("li@mail.tsinghua。edu。cn", "<EMAIL>"),
    ],
)
def test_email_masks_addresses_and_nothing_around_them(rule, text, expected):
    assert rule("email", text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "hello @john.doe thanks",
        "a @ b",
        "look at example pages",
        "5 @ 3.50",
        "@",
        "user@localhost",
        "hello@li。谢谢",
        "见@张三点评",
        "at dot com",
        "not good at all. it is",
        "a manager at example.com",
        "look (at) this. It is",
    ],
)
def test_email_leaves_readable_what_only_looks_alike(rule, text):
    assert rule("email", text) == text
