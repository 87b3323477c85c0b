"""The rule ssn, alone.

Keep out: other rules.
"""

import pytest


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SSN:123-45-6789.", "SSN:<ID>."),
        ("我的123-45-6789号", "我的<ID>号"),
        ("social security number is 123 45 6789", "social security number is <ID>"),
        ("in order, 123-45-6789", "in order, <ID>"),
        ("ssn 123456789", "ssn <ID>"),
    ],
)
def test_ssn_masks_social_security_numbers_and_nothing_around_them(rule, text, expected):
    assert rule("ssn", text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "000-12-3456",
        "666-12-3456",
        "912-12-3456",
        "123-00-4567",
        "123-45-0000",
        "1123-45-67890",
        "123-45-6789-1",
        "2024-01-2024",
        "123456789",
        "order 123-45-6789",
        "Order no. 123-45-6789",
        "订单号:123-45-6789",
    ],
)
def test_ssn_leaves_readable_what_only_looks_alike(rule, text):
    assert rule("ssn", text) == text
