"""The rule resident_id, alone.

Keep out: other rules.
"""

import pytest


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("身份证11010519491231002X登记", "身份证<ID>登记"),
        ("11010519491231002x", "<ID>"),
        ("440524188001010014号", "<ID>号"),
        ("110105 19491231 002X", "<ID>"),
        ("1 1 0 1 0 5 1 9 4 9 1 2 3 1 0 0 2 X", "<ID>"),
        ("身份证号:110105491231002", "身份证号:<ID>"),
    ],
)
def test_resident_id_masks_identity_numbers_and_nothing_around_them(rule, text, expected):
    assert rule("resident_id", text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "110105194912310021",
        "990105194912310022",
        "110105194913310026",
        "订单110105194912310029999",
    ],
)
def test_resident_id_leaves_readable_what_only_looks_alike(rule, text):
    assert rule("resident_id", text) == text
