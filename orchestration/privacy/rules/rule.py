"""What a redaction rule is: constant patterns, an optional check in SQL, one token.

Keep out: any one rule, and the order of the pipeline around them.

A rule never looks at rows: it is compiled to steps, SQL over a text column `t`. Candidates are put between two marks by
one constant regular expression, the text is cut at the marks, each candidate is judged, and the parts are joined again:
linear time, and only rows that match `needs` pay. Patterns are RE2, where `\\b` is ASCII, so that a value glued to
Chinese text is still found. Where a run of digits must be taken whole or not at all, the last alternative of `value`
swallows the whole run and the check refuses it (RE2 has no look-behind).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from orchestration.engine import literal

MARK = "\x01"
TOKENS = ("SELF", "AGENT", "NAME", "EMAIL", "PHONE", "CARD", "ID", "IBAN", "ADDRESS", "URL", "IP", "PLATE", "HANDLE")

# While the rules run, a token is one control character (input never holds one: they are stripped first), so that no
# rule can match inside a token. Tokens that stood in the input get the other set and are not counted.
SIGNS = {token: chr(0x0E + i) for i, token in enumerate(TOKENS)}
GIVEN_SIGNS = {token: chr(0x90 + i) for i, token in enumerate(TOKENS)}

# Chinese characters in the plain range, and letters of Latin alphabets: as ranges, because a Unicode class such as
# \p{Han} makes a pattern many times slower to compile.
HAN = r"\x{4e00}-\x{9fff}"
LATIN = r"A-Za-z\x{c0}-\x{24f}"
# First letters of names: from Ā on capitals and others stand by turns, and no list of pairs is needed for a guard.
CAPITAL = r"A-Z\x{c0}-\x{d6}\x{d8}-\x{de}\x{100}-\x{24f}"

# Between the digits of one number: one to three of these.
GAP = r"[ \t\n\-.·•_*/–—]{1,3}"

# What stands before the number of a record, whatever that looks like.
RECORD = r"(?:工单|订单|单号|(?i:\b(?:order|ticket)))(?:号码?|编号|(?i:\s(?:no\.?|number|id)))?[\s:：#]{0,3}"


@dataclass(frozen=True)
class Pattern:
    """One constant expression, with a token of its own where it differs from the rule's.

    `before` and `after` are context that stays; `value` is what the token replaces.
    `check` builds a SQL boolean from the SQL of a candidate; None means that the pattern alone decides. Most candidates
    are short runs of digits: a check asks for their length first (`in_turn`).
    Groups inside the three parts must not capture.
    """

    value: str
    before: str = ""
    after: str = ""
    check: Callable[[str], str] | None = None
    token: str | None = None


@dataclass(frozen=True)
class Rule:
    """One kind of identifier: `order` is its place, `needs` a cheap RE2 pattern that every row with a hit matches.

    `reads` says which texts it looks at: those in which some rule of words finds what it needs, those with a Chinese
    character, those with a digit or Chinese numeral, or those with six digits together.
    """

    name: str
    token: str
    order: int
    needs: str
    patterns: tuple[Pattern, ...]
    reads: Literal["words", "chinese", "digits", "numbers"] = "words"

    def steps(self) -> list[tuple[str, str]]:
        """Columns made anew, each with its SQL expression over a normalised text `t`, to be computed one by one.

        They make `t`, and a boolean `is_needed` on the way. Few steps, because the engine binds each anew for every
        batch.
        """
        if not any(p.check for p in self.patterns):
            return [("t", f"case when {self.guard} then {_put('t', self.patterns, self.token)} else t end")]
        steps = [("is_needed", self.guard)]
        for is_judged, patterns in groupby(self.patterns, key=lambda p: p.check is not None):
            for some in ([p] for p in patterns) if is_judged else [list(patterns)]:
                steps.append(("t", f"case when is_needed then {_put('t', some, self.token)} else t end"))
                steps += [("t", _judged(p.check, p.token or self.token)) for p in some if p.check]
        return steps

    @property
    def guard(self) -> str:
        """SQL boolean: whether the rule can find anything in `t` at all; reads a boolean has_…, named after `reads`."""
        return in_turn(f"has_{self.reads}", f"regexp_matches(t, {literal(self.needs)})")


def in_turn(*conditions: str) -> str:
    """SQL boolean: all conditions, each asked only where those before hold.

    Outside a filter the engine works out every side of an AND for every row.
    """
    *before, last = conditions
    for condition in reversed(before):
        last = f"case when {condition} then {last} else false end"
    return last


def _put(text: str, patterns: Sequence[Pattern], token: str) -> str:
    """SQL: a text in which signs, or marks around candidates, stand where the patterns match, one after the other.

    Without context the rewrite names no group: RE2 then finds matches by its automaton alone.
    """
    for pattern in patterns:
        if pattern.before or pattern.after:
            expression = f"({pattern.before})({pattern.value})({pattern.after})"
            before, value, after = r"\1", r"\2", r"\3"
        else:
            expression, before, value, after = f"(?:{pattern.value})", "", r"\0", ""
        put = SIGNS[pattern.token or token] if pattern.check is None else MARK + value + MARK
        text = f"regexp_replace({text}, {literal(expression)}, {sql_text(before + put + after)}, 'g')"
    return text


def _judged(check: Callable[[str], str], token: str) -> str:
    """SQL: a text in which candidates that pass the check have become signs, and the others are left without marks."""
    judged = joined(
        f"list_transform(string_split(t, {sql_text(MARK)}), lambda piece, place: case when place % 2 = 0 "
        f"and coalesce({check('piece')}, false) then {sql_text(SIGNS[token])} else piece end)"
    )
    return f"case when is_needed and contains(t, {sql_text(MARK)}) then {judged} else t end"


def sql_text(value: str) -> str:
    """A string as SQL that holds no control character itself."""
    pieces, plain = [], ""
    for character in value:
        if character < " " or "\x7f" <= character <= "\x9f":
            if plain:
                pieces.append(literal(plain))
            pieces.append(f"chr({ord(character)})")
            plain = ""
        else:
            plain += character
    if plain or not pieces:
        pieces.append(literal(plain))
    return pieces[0] if len(pieces) == 1 else "(" + " || ".join(pieces) + ")"


def joined(texts: str, between: str = "") -> str:
    """SQL: the texts of a list that is not empty, as one.

    The engine's array_to_string is a macro that names its list twice: inside a CASE it is worked out twice.
    """
    return f"list_aggregate({texts}, 'string_agg', {literal(between)})"


def digits(candidate: str) -> str:
    """SQL: the ASCII digits of a candidate."""
    return f"regexp_replace({candidate}, '[^0-9]+', '', 'g')"


def luhn(number: str) -> str:
    """SQL boolean: a string of digits passes the Luhn check (ISO/IEC 7812-1, annex B).

    No cast may fail: the engine is free to judge a candidate before the conditions beside this one.
    """
    return (
        f"list_sum(list_transform(string_split(reverse({number}), ''), lambda digit, nth: "
        "case when nth % 2 = 1 then try_cast(digit as int) when digit > '4' then try_cast(digit as int) * 2 - 9 "
        "else try_cast(digit as int) * 2 end)) % 10 = 0"
    )
