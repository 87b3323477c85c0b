"""The rule handle, alone.

Keep out: other rules.
"""

import pytest


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("thanks @john_doe!", "thanks <HANDLE>!"),
        ("@小明 你好", "<HANDLE> 你好"),
        ("转发@li-na: 不错", "转发<HANDLE>: 不错"),
    ],
)
def test_handle_masks_mentions_and_nothing_around_them(rule, text, expected):
    assert rule("handle", text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "meet @ noon",
        "a@b",
        "@",
        "5@3",
        "weigh @140 lbs",
    ],
)
def test_handle_leaves_readable_what_only_looks_alike(rule, text):
    assert rule("handle", text) == text
