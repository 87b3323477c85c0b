"""The table of docs/privacy.md: each target of redaction, what was measured, on how many, and whether it is met.

Keep out: measuring (bench_redaction.py), least values of single kinds (orchestration/privacy/measured.py).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from orchestration.privacy.measured import wilson
from tests.bench.redaction_speed import ratios

PAGE = Path(__file__).parents[2] / "docs" / "privacy.md"
BEGIN, END = "<!-- begin of the table, written by make bench-redaction -->\n", "<!-- end of the table -->\n"

KINDS = {"CARD": "card", "ID": "identity number, SSN", "IBAN": "IBAN", "EMAIL": "e-mail", "IP": "IP"}
OWN = {
    "NAME_full": "full name", "NAME_given": "given name or surname alone", "NAME_title": "surname and title", "NAME_pinyin": "pinyin",
    "NAME_initials": "initials", "EMAIL": "e-mail", "PHONE": "telephone", "PHONE_spelling": "telephone, other spellings",
    "ADDRESS": "address",
}  # fmt: skip
SLIPS = {
    "NAME_slip": "full name", "NAME_slip_3": "name of three characters", "NAME_slip_pinyin": "pinyin", "EMAIL_slip": "e-mail",
    "PHONE_slip": "telephone", "ADDRESS_slip": "address",
}  # fmt: skip
# Followed no further, because it would cost too many ordinary words: measured, without a target.
LIMITS = {
    "NAME_slip_2": "name of two characters: mostly another person's",
}
LANGUAGES = {"en": "English", "zh": "Chinese"}

Line = tuple[str, str, str, str, str, bool | None]


def markdown(kept: dict[str, Any]) -> str:
    """The table of the kept figures (see orchestration/privacy/measured.py)."""
    lines = ["| what | target | measured | n | 95 % interval | met |", "|---|---|--:|--:|---|---|"]
    for what, target, value, n, interval, met in _lines(kept):
        verdict = "stated" if met is None else "yes" if met else "no"
        lines.append(f"| {what} | {target} | {value} | {n} | {interval} | {verdict} |")
    return "\n".join(lines) + "\n"


def write(kept: dict[str, Any]) -> None:
    """Put the table into the page, between its marks."""
    head, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(head + BEGIN + markdown(kept) + END + rest.partition(END)[2])


def _lines(kept: dict[str, Any]) -> Iterator[Line]:
    rows = {(r["set"], r["language"], r["what"]): r for r in kept["rows"]}
    for what, name in KINDS.items():
        yield _recall(f"{name}, public English", rows["public", "en", what], 0.99)
        yield _recall(f"{name}, made up, English", rows["made up", "en", what], 0.99)
        yield _recall(f"{name}, made up, Chinese touching it", rows["made up", "zh", what], 0.99)
    yield _recall("telephone, public English", rows["public", "en", "PHONE"], 0.97)
    yield _recall("telephone, made up, English", rows["made up", "en", "PHONE"], 0.97)
    yield _recall("telephone, made up, Chinese touching it", rows["made up", "zh", "PHONE"], 0.99)
    for least, kinds, slip in ((0.99, OWN, ""), (0.9, SLIPS, " with one slip"), (None, LIMITS, " with one slip")):
        for what, name in kinds.items():
            for language, words in LANGUAGES.items():
                if row := rows.get(("own values", language, what)):
                    yield _recall(f"own {words} {_slipped(name, slip)}", row, least)
    yield _recall("third persons' names, public English, without a model", rows["public", "en", "NAME"], None)
    yield _recall("third persons' names, made up Chinese, without a model", rows["third persons", "zh", "NAME"], None)
    yield _recall("third persons' names, public English, with a model", rows["public, with a model", "en", "NAME"], 0.8)
    yield _recall(
        "third persons' names, made up Chinese, with a model", rows["third persons, with a model", "zh", "NAME"], 0.8
    )
    yield _recall("addresses of unknown persons, public English (foreign forms)", rows["public", "en", "ADDRESS"], None)
    yield _recall("names of domains alone: a site is no person", rows["public", "en", "DOMAIN"], None)
    for name in ("made up", "own values", "public"):
        yield _precision(f"precision of tokens, {name}", [r for r in kept["rows"] if r["set"] == name], 0.98)
    for language, words in LANGUAGES.items():
        of_self = [r for r in kept["rows"] if (r["set"], r["language"]) == ("own identity", language)]
        yield _precision(f"precision of `<SELF>`, own values and texts of others, {words}", of_self, 0.98)
    for name, words in (("public, with a model", "public English"), ("third persons, with a model", "made up Chinese")):
        yield _precision(f"precision of a model's tokens, {words}", [r for r in kept["rows"] if r["set"] == name], None)
    for (name, language, what), row in rows.items():
        if what == "characters":
            yield _wrong(
                f"characters masked wrongly, {name}, {LANGUAGES[language]}", row, None if "model" in name else 0.005
            )
    for name, measured in kept["speed"].items():
        yield from _speeds(name, {row["what"]: row for row in measured})
    evasion = kept["evasion"]
    yield (
        f"evasion: each caught, or among {evasion['limits']} known limits",
        "all",
        _share(evasion["hits"], evasion["n"]),
        str(evasion["n"]),
        "",
        evasion["hits"] == evasion["n"],
    )


def _slipped(name: str, slip: str) -> str:
    head, colon, reason = name.partition(": ")
    return f"{head}{slip}{colon}{reason}"


def _recall(what: str, row: dict[str, Any], least: float | None) -> Line:
    return _line(what, row["hits"], row["n"], least)


def _line(what: str, hits: int, n: int, least: float | None) -> Line:
    low, high = wilson(hits, n)
    target = "" if least is None else f"≥ {least:.2f}"
    return (
        what,
        target,
        _share(hits, n),
        f"{n:,}",
        f"{low:.3f}-{high:.3f}",
        None if least is None else hits >= least * n,
    )


def _precision(what: str, rows: list[dict[str, Any]], least: float | None) -> Line:
    put = sum(r.get("put", 0) for r in rows)
    right = sum(round(r["precision"] * r["put"]) for r in rows if "put" in r)
    return _line(what, right, put, least)


def _wrong(what: str, row: dict[str, Any], most: float | None) -> Line:
    low, high = wilson(row["hits"], row["n"])
    target = "" if most is None else f"≤ {most:.1%}"
    met = None if most is None else row["hits"] <= most * row["n"]
    return what, target, f"{row['hits'] / row['n']:.3%}", f"{row['n']:,}", f"{low:.3%}-{high:.3%}", met


def _speeds(name: str, rows: dict[str, dict[str, Any]]) -> Iterator[Line]:
    """Times as fast as Presidio, in CPU time of one thread; `n` is the texts, the interval that of the rounds."""
    for r in ratios(rows.values()):
        row = rows[f"voicehouse, {r.ours}"]
        yield (
            f"{r.ours}, beside Presidio's {r.theirs}, {name}, {row['texts']:,.0f} texts/s",
            f"≥ {r.least}x",
            f"{r.times:,.0f}x",
            f"{row['n']:,}",
            f"{r.slowest:,.0f}x-{r.fastest:,.0f}x",
            r.times >= r.least,
        )
    row = rows["voicehouse, all rules, models"]
    low, high = row["n"] / row["slowest"], row["n"] / row["fastest"]
    what = f"all rules and models, {name}, texts/s"
    yield what, "", f"{row['texts']:,.0f}", f"{row['n']:,}", f"{low:,.0f}-{high:,.0f}", None


def _share(hits: int, n: int) -> str:
    return f"{hits / n:.3f}"
