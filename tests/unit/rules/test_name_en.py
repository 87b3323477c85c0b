"""The rule name_en, alone.

Keep out: other rules.
"""

import pytest


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("My name is John Smith and", "My name is <NAME> and"),
        ("Mr. Brown was rude", "Mr. <NAME> was rude"),
        ("Dr Anna K. Meier helped", "Dr <NAME> helped"),
        ("Mr Élodie Martin, Ms Żak", "Mr <NAME>, Ms <NAME>"),
        ("my name is Özgür Şahin.", "my name is <NAME>."),
        ("Name: José García\nx", "Name: <NAME>\nx"),
    ],
)
def test_name_en_masks_names_and_nothing_around_them(rule, text, expected):
    assert rule("name_en", text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "the name is wrong",
        "my name is not shown",
        "ms excel",
        "Miss you",
    ],
)
def test_name_en_leaves_readable_what_only_looks_alike(rule, text):
    assert rule("name_en", text) == text
