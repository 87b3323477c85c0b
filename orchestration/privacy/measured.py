"""What redaction was measured to find.

Figures kept as reviewed data, written by a command, and whether they still hold.

Keep out: measuring (tests/bench/bench_redaction.py, which the users of this package do not have the public texts for).
"""

import json
from functools import cache
from math import sqrt
from pathlib import Path
from typing import Any

from orchestration.privacy.redaction import version

FILE = Path(__file__).with_name("redaction_measured.json")

# Least recall by kind of value, and by set where it differs; what is not listed is reported without a target.
TARGETS = {
    "CARD": 0.99, "ID": 0.99, "IBAN": 0.99, "EMAIL": 0.99, "IP": 0.99, "PHONE": 0.99, "PLATE": 0.99, "HANDLE": 0.99, "URL": 0.99,
    ("public", "PHONE"): 0.97,
    ("own values", "NAME_full"): 0.99, ("own values", "NAME_given"): 0.99, ("own values", "NAME_title"): 0.99,
    ("own values", "NAME_pinyin"): 0.99, ("own values", "NAME_initials"): 0.99,
    ("own values", "ADDRESS"): 0.99, ("own values", "PHONE_spelling"): 0.99,
    ("own values", "NAME_slip"): 0.9, ("own values", "NAME_slip_3"): 0.9, ("own values", "NAME_slip_pinyin"): 0.9,
    ("own values", "EMAIL_slip"): 0.9, ("own values", "PHONE_slip"): 0.9, ("own values", "ADDRESS_slip"): 0.9,
    ("public, with a model", "NAME"): 0.8, ("third persons, with a model", "NAME"): 0.8,
}  # fmt: skip
WITH_A_MODEL = "with a model"  # sets the language models read too: what they mask wrongly is stated, without a target
LEAST_PRECISION = 0.98
MOST_WRONG = 0.005


@cache
def measured() -> dict[str, Any]:
    """The kept figures: redaction_version, measured_at (naive UTC), rows, speed.

    Rows: set, language, what, n, hits, recall, low, high, precision.
    """
    result: dict[str, Any] = json.loads(FILE.read_text())
    return result


def is_current() -> bool:
    """Whether the figures were measured on the rules as they are."""
    return bool(measured()["redaction_version"] == version())


def least(of: str, what: str) -> float:
    """The least recall of a kind of value in a set; 0 where none is asked."""
    return TARGETS.get((of, what), TARGETS.get(what, 0.0))


def wilson(hits: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927); (nan, nan) without cases."""
    if not n:
        return float("nan"), float("nan")
    z = 1.959963984540054
    middle = (hits + z * z / 2) / (n + z * z)
    half = z / (n + z * z) * sqrt(hits * (n - hits) / n + z * z / 4)
    return max(0.0, middle - half), min(1.0, middle + half)


def missed() -> list[str]:
    """The rows of the kept figures that miss their target, each named by set, language and kind of value."""
    result = []
    for row in measured()["rows"]:
        name = f"{row['set']}, {row['language']}, {row['what']}"
        is_by_rules = WITH_A_MODEL not in row["set"]
        if row["what"] == "characters":
            if is_by_rules and row["hits"] > MOST_WRONG * row["n"]:
                result.append(name)
            continue
        if row["recall"] < least(row["set"], row["what"]) or (
            is_by_rules and row.get("precision", 1.0) < LEAST_PRECISION
        ):
            result.append(name)
    return result


def evidence() -> tuple[int, int, str] | None:
    """For check C19: values measured, targets missed, words; None when the rules have changed since."""
    if not is_current():
        return None
    kept = measured()
    rows = [r for r in kept["rows"] if r["what"] != "characters"]
    below = missed()
    words = (
        f"recall and precision of {len(rows)} kinds of values on held-out and public labelled texts, "
        f"measured on version {kept['redaction_version']} of the rules"
    )
    return sum(r["n"] for r in rows), len(below), words + (f"; below target: {'; '.join(below)}" if below else "")
