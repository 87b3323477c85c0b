"""How redaction is measured: the masked stretches of a text, recall of labelled values, precision of tokens.

Keep out: where texts come from, and thresholds.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb
import pyarrow as pa

from orchestration.privacy.redaction import redact
from orchestration.privacy.rules.rule import TOKENS

Own = Mapping[str, Sequence[str | None]]
TOKEN = re.compile("<(" + "|".join(TOKENS) + ")>")


@dataclass(frozen=True)
class Labelled:
    """A text with its labelled values (start, end, token), its language, and the own values of its record by role."""

    text: str
    spans: tuple[tuple[int, int, str], ...]
    language: str = "en"
    own: Own = field(default_factory=dict)


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


def given(con: duckdb.DuckDBPyConnection, texts: Sequence[str | None], own: Sequence[Own] = ()) -> None:
    """Tables `given` (row_no, field, text) and `given_own` (row_no, role, value) of texts and their own values."""
    rows = list(range(len(texts)))
    con.register("_given", pa.table({"row_no": rows, "text": pa.array(texts, pa.string())}))
    con.execute("create or replace table given as select row_no, 'text' as field, text from _given")
    values = [(row, role, v) for row, roles in enumerate(own) for role, listed in roles.items() for v in listed]
    columns = [pa.array([v[i] for v in values], kind) for i, kind in enumerate((pa.int64(), pa.string(), pa.string()))]
    con.register("_given_own", pa.table(columns, ["row_no", "role", "value"]))
    con.execute("create or replace table given_own as from _given_own")


def redacted(texts: Sequence[str | None], own: Sequence[Own] = (), models: Sequence[str] = ()) -> list[dict[str, Any]]:
    """What `redact` makes of texts, in their order; `own` lists, per text, values by role; `models` are languages."""
    con = duckdb.connect()
    given(con, texts, own)
    redact(con, "from given", "from given_own" if own else None, "result", models=models)
    relation = con.execute(
        "select r.text, coalesce(r.n, 0) as n, coalesce(r.counts, map([]::varchar[], []::bigint[])) as counts, "
        "coalesce(r.residual, false) as residual, coalesce(r.is_sensitive, false) as is_sensitive "
        "from given g left join result r using (row_no) order by row_no"
    )
    names = [column[0] for column in relation.description]
    return [dict(zip(names, row, strict=True)) for row in relation.fetchall()]


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


def _texts(samples: Sequence[Labelled]) -> tuple[list[str], list[Own]]:
    return [s.text for s in samples], [s.own for s in samples] if any(s.own for s in samples) else []


def measure(samples: Iterable[Labelled], models: Sequence[str] = ()) -> Measured:
    """Redact the texts and count; `models` are the languages in which a model looks for names."""
    samples = list(samples)
    measured = Measured()
    for sample, result in zip(samples, redacted(*_texts(samples), models), strict=True):
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
