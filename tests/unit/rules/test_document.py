"""The rule document, alone.

Keep out: other rules.
"""

import pytest


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("护照号E12345678丢了", "护照号<ID>丢了"),
        ("passport number: X1234567", "passport number: <ID>"),
        ("My driver's license number is F162823540116", "My driver's license number is <ID>"),
        ("证件号:H12345678", "证件号:<ID>"),
        ("证件号码 E12345678", "证件号码 <ID>"),
        ("驾照编号:310109199001", "驾照编号:<ID>"),
    ],
)
def test_document_masks_documents_and_nothing_around_them(rule, text, expected):
    assert rule("document", text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "my passport expired in 2024",
        "license agreement 12",
        "护照还没办",
        "证件2024001",
    ],
)
def test_document_leaves_readable_what_only_looks_alike(rule, text):
    assert rule("document", text) == text
