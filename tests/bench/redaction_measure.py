"""How redaction is measured: the masked stretches of a text, recall of labelled values, precision of tokens.

Keep out: where texts come from, and thresholds.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import duckdb

from orchestration.privacy.redaction import install, redact_sql
from orchestration.privacy.rules.rule import TOKENS

TOKEN = re.compile("<(" + "|".join(TOKENS) + ")>")


@dataclass(frozen=True)
class Labelled:
    """A text with its labelled values: (start, end, token)."""

    text: str
    spans: tuple[tuple[int, int, str], ...]


@dataclass
class Measured:
    """Counts by token: labelled values, those wholly masked, tokens put, tokens put on a labelled value."""

    labelled: Counter[str] = field(default_factory=Counter)
    masked: Counter[str] = field(default_factory=Counter)
    put: Counter[str] = field(default_factory=Counter)
    right: Counter[str] = field(default_factory=Counter)
    missed: list[tuple[str, str, str]] = field(default_factory=list)
    wrong: list[tuple[str, str, str]] = field(default_factory=list)
    wrong_characters: int = 0
    characters: int = 0

    def recall(self, token: str) -> float:
        """Share of labelled values of which no letter or digit is left."""
        return self.masked[token] / self.labelled[token] if self.labelled[token] else float("nan")

    def precision(self, token: str) -> float:
        """Share of tokens of a kind that stand on a labelled value of any kind."""
        return self.right[token] / self.put[token] if self.put[token] else float("nan")


def redacted(texts: Sequence[str | None], columns: str = "text", **own: str) -> list[dict]:
    """The structs of `redact_sql` for texts, in their order."""
    con = duckdb.connect()
    install(con)
    con.execute("create table given as select unnest($1::varchar[]) as text", [list(texts)])
    rows = con.execute(f"select {redact_sql(columns, own, None)} from given").fetchall()
    return [row[0] for row in rows]


def stretches(text: str, result: str) -> list[tuple[int, int, str]]:
    """Which stretches of `text` became which token; the text must be in normal form already."""
    found, place, pieces = [], 0, TOKEN.split(result)
    for nth in range(1, len(pieces), 2):
        start = place + len(pieces[nth - 1])
        following = pieces[nth + 1]
        if following:
            end = text.find(following, start + 1) if nth + 2 < len(pieces) else len(text) - len(following)
        else:
            end = len(text) if nth + 2 >= len(pieces) else start + 1
        found.append((start, end, pieces[nth]))
        place = end
    return found


def measure(samples: Iterable[Labelled]) -> Measured:
    """Redact the texts and count."""
    samples = list(samples)
    measured = Measured()
    for sample, result in zip(samples, redacted([s.text for s in samples]), strict=True):
        masks = stretches(sample.text, result["text"])
        covered = bytearray(len(sample.text))
        for start, end, _ in masks:
            covered[start:end] = b"\x01" * (end - start)
        labelled = bytearray(len(sample.text))
        for start, end, token in sample.spans:
            labelled[start:end] = b"\x01" * (end - start)
            measured.labelled[token] += 1
            if all(covered[i] or not sample.text[i].isalnum() for i in range(start, end)):
                measured.masked[token] += 1
            else:
                measured.missed.append((token, sample.text[start:end], result["text"]))
        for start, end, token in masks:
            measured.put[token] += 1
            if any(labelled[start:end]):
                measured.right[token] += 1
            else:
                measured.wrong.append((token, sample.text[start:end], sample.text))
        measured.characters += len(sample.text)
        measured.wrong_characters += sum(1 for mask, right in zip(covered, labelled, strict=True) if mask and not right)
    return measured
