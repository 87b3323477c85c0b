"""The rule url, alone.

Keep out: other rules.
"""

import pytest


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("看 https://shop.example.com/o?id=1&u=li 这里", "看 <URL> 这里"),
        ("点https://a.example.com/x?id=1请查看", "点<URL>请查看"),
        ("go to www.example.com/u/77123 now", "go to <URL> now"),
        ("shop.example.com/reset?token=abc.", "<URL>."),
        ("https://user:pw@example.com/", "<URL>"),
        ("https://weibo.com/lina", "<URL>"),
        ("我的weibo.com/u/1234567890。", "我的<URL>。"),
        ("facebook.com/anna.smith, m.facebook.com/anna", "<URL>, <URL>"),
        ("see linkedin.com/in/anna-smith-1 or t.me/annasmith!", "see <URL> or <URL>!"),
        ("Twitter.com/anna x.com/anna", "<URL> <URL>"),
    ],
)
def test_url_masks_links_and_nothing_around_them(rule, text, expected):
    assert rule("url", text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "see https://example.com/help",
        "www.example.com",
        "and/or? yes",
        "file://",
        "3/4?",
        "on facebook.com/ or weibo.com",
        "linkedin.com/company",
        "fox.com/news, a-x.com/news",
        "example.com/help",
    ],
)
def test_url_leaves_readable_what_only_looks_alike(rule, text):
    assert rule("url", text) == text
