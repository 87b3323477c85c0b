"""docs/privacy.md and these tests name the same attacks. Keep out: what a test proves."""

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
PAGE = (TESTS.parent / "docs" / "privacy.md").read_text(encoding="utf-8").partition("\n## Attacks\n")[2]


def test_every_attack_of_the_page_is_tried_and_every_one_tried_is_on_the_page() -> None:
    lines = [line for line in PAGE.partition("\n## ")[0].splitlines() if line.startswith("| ")][1:]
    named = {found for line in lines for found in re.findall(r"`([\w/]+\.py)::(\w+)`", line)}
    tests = {path: path.read_text(encoding="utf-8") for path in TESTS.rglob("test_*.py")}
    there = {
        (str(path.relative_to(TESTS)), test)
        for path, text in tests.items()
        for test in re.findall(r"^def (test_\w+)", text, re.M)
    }
    assert len(lines) > 30 and [line for line in lines if "::" not in line] == []
    assert [line for line in lines if not line.split(" | ")[1].strip(" |")] == [], "without a positive control"
    assert named - there == set(), "on the page without a test"
    assert {t for t in there if t[0].startswith("attacks/") and t[0] != "attacks/test_list.py"} - named == set()
