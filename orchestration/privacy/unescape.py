"""HTML entities and %xx read, as SQL over a text `t`.

Keep out: folding of letters (normalise.py), and the order of the steps (redaction.py).

What reads as no character stays: bytes that are no UTF-8, names that HTML does not know. A percent sign of prose stays
too: `50% off`, `100%25`, `10%30天`, `%20 indirim`. Letters and digits need no %xx: only a run of three is read.
"""

from functools import cache
from html.entities import html5

from orchestration.engine import literal
from orchestration.privacy.rules.rule import MARK, joined, sql_text

_TAIL = "%[89AB][0-9A-F]"
_BEYOND_ASCII = (
    f"%(?:C[2-9A-F]|D[0-9A-F]|E0%[AB][0-9A-F]|ED%[89][0-9A-F]|E[1-9A-CEF]{_TAIL}|F0%[9AB][0-9A-F]{_TAIL}"
    f"|F[1-3]{_TAIL}{_TAIL}|F4%8[0-9A-F]{_TAIL}){_TAIL}"
)
_SIGN = "%(?:0[9AD]|2[0-46-9A-F]|3[A-F]|40|5[B-F]|60|7[B-E])"
_LETTER = "%(?:3[0-9]|[46][1-9A-F]|[57][0-9A])"
_BYTES = f"(?:{_BEYOND_ASCII}|{_SIGN}|{_LETTER}){{3,}}|(?:{_BEYOND_ASCII}|{_SIGN})+"
# Stands before blanks and stops: a percentage. Nothing else that is looked for has four characters.
_PROSE = r"%[0-9]{2}[\s,;!?)，。；！？）]"
_AGAIN = "%(?:25)+(2[0-46-9A-F]|3[A-F]|40|5[B-F]|60|7[B-E]|[89A-F][0-9A-F])"  # %40 that was escaped again: %2540
_NUMBERED = "&#(?:[0-9]{1,7}|x[0-9a-f]{1,6});?"
_BEFORE, _AFTER = "\ue000", "\ue001"
_AND = "(?i)&(?:amp;|#0{0,5}38;|#x0{0,4}26;)+"

# SQL boolean: whether a text can hold anything of it.
NEEDED = "contains(t, '&') or case when contains(t, '%') then regexp_matches(t, '%[0-9A-Fa-f]{2}') else false end"


@cache
def _bare() -> str:
    """RE2: named entities that need no semicolon, of which only blanks, & and letters with accents are read.

    `?a=1&copy=2` holds none.
    """
    letters = [n for n, v in html5.items() if n[-1] != ";" and "À" <= v <= "ÿ" and v not in "×÷ðÐ"]
    return f"&(?:{'|'.join(letters)}|nbsp|amp)"


@cache
def _listed() -> str:
    """SQL: of a name, all of HTML's with the same initial, each between two signs, with what it stands for.

    Texts, because the engine copies a list or a map that stands in a lambda for every row.
    """
    known = {name.rstrip(";"): value for name, value in html5.items()}
    initials = sorted({name[0] for name in known})
    listed = {i: "".join(f"{_BEFORE}{n}{_AFTER}{v}" for n, v in known.items() if n[0] == i) for i in initials}
    return "case name[1] " + " ".join(f"when '{i}' then {literal(text)}" for i, text in listed.items()) + " else '' end"


def percent_steps() -> tuple[str, ...]:
    """SQL expressions, one after the other, that read %xx once."""
    return f"regexp_replace(t, '(?i){_AGAIN}', '%\\1', 'g')", _percent("coalesce(try(url_decode(part)), part)")


def entity_steps() -> tuple[str, ...]:
    """SQL expressions, one after the other, that read HTML's entities once."""
    return f"regexp_replace(t, '{_AND}', '&', 'g')", _entities("{}")


def blank_steps() -> tuple[str, ...]:
    """SQL expressions that put a blank for what would be read still."""
    return _entities("case when {} = part then part else ' ' end"), _percent("' '", f"{_AGAIN}|")


def _percent(read: str, also: str = "") -> str:
    return _parted(f"(?i){_PROSE}|{also}{_BYTES}", f"case when length(part) = 4 then part else {read} end")


def _entities(read: str) -> str:
    code = (
        "case when part[3:3] in ('x', 'X') then try_cast('0x' || rtrim(part[4:], ';') as int) "
        "else try_cast(rtrim(part[3:], ';') as int) end"
    )
    numbered = (
        f"list_transform([{code}], lambda code: case when code between 32 and 126 or code between 160 and 55295 "
        "or code between 57344 and 1114111 then chr(code) else ' ' end)[1]"
    )
    # As it is written, or else in small letters.
    value = f"nullif(split_part(split_part({_listed()}, '{_BEFORE}' || name || '{_AFTER}', 2), '{_BEFORE}', 1), '')"
    given = "rtrim(part[2:], ';')"
    named = (
        f"coalesce(list_transform([{given}], lambda name: {value})[1], "
        f"list_transform([lower({given})], lambda name: {value})[1], part)"
    )
    pattern = f"(?i:{_NUMBERED})|&[A-Za-z][A-Za-z0-9]{{1,31}};|{_bare()}"
    return _parted(pattern, read.format(f"(case when starts_with(part, '&#') then {numbered} else {named} end)"))


def _parted(pattern: str, read: str) -> str:
    """SQL: the text with each `part` of it that matches a pattern read by an expression."""
    mark = sql_text(MARK)
    parts = f"string_split(regexp_replace(t, '{pattern}', {mark} || '\\0' || {mark}, 'g'), {mark})"
    return joined(f"list_transform({parts}, lambda part, nth: case when nth % 2 = 1 then part else {read} end)")
