"""The rule phone_world, alone.

Keep out: other rules.
"""

import pytest


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("call me at (415) 555-2671.", "call me at <PHONE>."),
        ("415-555-2671x12", "<PHONE>"),
        ("+49 (0)151 23456789", "<PHONE>"),
        ("001-748-088-2851x818", "<PHONE>"),
        ("01 23 45 67 89", "<PHONE>"),
        ("06-10446904", "<PHONE>"),
        ("07700900123", "<PHONE>"),
        ("reach me on 2813882583", "reach me on <PHONE>"),
        ("9493 7477 office", "<PHONE> office"),
        ("Phone:\n60-56-85-91", "Phone:\n<PHONE>"),
    ],
)
def test_phone_world_masks_numbers_and_nothing_around_them(rule, text, expected):
    assert rule("phone_world", text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "order 2813882583",
        "order number: 2813882583",
        "112-3456789-0123456",
        "2024-01-01",
        "called on 2024-01-05",
        "01.02.2024 12:30",
        "978-7-111-54742-6",
        "400-800-8820",
        "1,234,567.00",
        "call 5 times",
        "+5 points",
    ],
)
def test_phone_world_leaves_readable_what_only_looks_alike(rule, text):
    assert rule("phone_world", text) == text
