"""The rule address_en, alone.

Keep out: other rules.
"""

import pytest


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I live at 12 Baker Street, ok", "I live at <ADDRESS>, ok"),
        ("Ship to 1600 Old Mill Road, Suite 400", "Ship to <ADDRESS>"),
        ("12 Day Street, 7 Hard Drive", "<ADDRESS>, <ADDRESS>"),
        ("PO Box 1234", "<ADDRESS>"),
        ("742 Evergreen Terrace, Springfield, IL 62704", "<ADDRESS>"),
    ],
)
def test_address_en_masks_addresses_and_nothing_around_them(rule, text, expected):
    assert rule("address_en", text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "the 2nd street",
        "Baker Street is long",
        "My 500 GB Hard Drive died",
        "It took 3 Days In Court",
        "5 stars on the road",
        "waited 20 minutes at the Court",
    ],
)
def test_address_en_leaves_readable_what_only_looks_alike(rule, text):
    assert rule("address_en", text) == text
