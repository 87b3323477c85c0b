"""The rule plate, alone.

Keep out: other rules.
"""

import pytest


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("车牌京A12345被刮", "车牌<PLATE>被刮"),
        ("沪AD12345", "<PLATE>"),
        ("粤B·12345", "<PLATE>"),
        ("苏a 8b123", "<PLATE>"),
    ],
)
def test_plate_masks_plates_and_nothing_around_them(rule, text, expected):
    assert rule("plate", text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "最新A12345型号",
        "京东ABCDEF",
        "川A",
        "京ABCDEF",
        "云A123",
    ],
)
def test_plate_leaves_readable_what_only_looks_alike(rule, text):
    assert rule("plate", text) == text
