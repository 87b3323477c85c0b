"""One name in several spellings: traditional and simplified characters, letters with marks and as they are transcribed.

Keep out: which spellings of a record's own values are looked for (linked.py), and the tables of characters.

Chinese is compared in simplified characters. Letters are compared without marks, and where a letter has a transcription
(Müller and Mueller, Søren and Soeren, Åse and Aase), in that form too.
"""

from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from orchestration.engine import literal
from orchestration.privacy.normalise import ranges
from orchestration.privacy.rules.rule import HAN, MARK, in_turn, sql_text
from orchestration.privacy.traditional import SIMPLIFIED, TRADITIONAL

HAN_FORMS = ranges(TRADITIONAL)
LETTERS = r"[\x{c0}-\x{24f}\x{300}-\x{36f}\x{1e00}-\x{1eff}]"  # of Latin alphabets, with marks, and the marks
_TRANSCRIBED = {"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa"}
_NO_MARKS = {"ß": "ss", "æ": "ae", "œ": "oe", "þ": "th", "ł": "l", "đ": "d", "ð": "d", "ı": "i"}
# What may stand with a mark: neither Chinese nor signs, which most of what is no plain letter is.
MARKABLE = r"[\x{a0}-\x{1fff}\x{20d0}-\x{20ff}\x{2c00}-\x{2dff}\x{3040}-\x{33ff}\x{a000}-\x{fdff}\x{10000}-\x{10ffff}]"
RARE, UMLAUTS = f"[{''.join(_NO_MARKS)}]", f"[{''.join(_TRANSCRIBED)}]"
_AT_ONCE = 1 << 18  # bytes whose characters are looked up together: the engine makes the table anew for every row
# Where a letter may stand in a pattern of linked.py: at an edge of a word, before or behind what is let pass there.
_EDGES = (r"\b[a-z]?_", r"\b_", r"_[a-z]?[0-9]{0,4}\b", r"_[0-9]{0,4}\b", r"_\b", "_")
# Two letters in capitals that may stand in a text as one.
_PAIRS = ("SSß", "AEä", "AEæ", "OEö", "OEø", "OEœ", "UEü", "AAå", "THþ")


@dataclass(frozen=True)
class Scripts:
    """What texts, and their records' values, hold besides plain letters and simplified characters.

    What is not there is not asked for: to compile a class of all traditional characters takes 5 ms.
    """

    marked_values: bool = True
    traditional_texts: bool = True
    traditional_values: bool = True


def scripts(con: DuckDBPyConnection, texts: str, own: str) -> Scripts:
    """What texts and values hold, and temp table `_traditional` (row_no, field) of texts with traditional characters.

    `texts` is a table (row_no, field, t), `own` one of (row_no, role, value).
    """
    named = f"{own} where role not in ('email', 'phone') and strlen(value) <> length(value)"
    value_is_chinese = f"regexp_matches(value, '[{HAN}]')"
    is_chinese = in_turn("strlen(t) <> length(t)", f"regexp_matches(t, '[{HAN}]')")
    row = con.execute(
        f"select (select bool_or({is_chinese}) from {texts}), count(*), bool_or({value_is_chinese}) from {named}"
    ).fetchone()
    has_chinese, has_odd, is_own_chinese = map(bool, row or (True, True, True))
    con.execute("create or replace temp table _traditional (row_no bigint, field varchar)")
    traditional = [False, False]
    if has_chinese:
        con.execute(f"insert into _traditional select row_no, field from {texts} where {has_traditional('t')}")
    for n, query in enumerate(("_traditional", f"{named} and {has_traditional('value')}")):
        if (has_chinese, is_own_chinese)[n]:
            row = con.execute(f"select exists (from {query})").fetchone()
            traditional[n] = bool(row and row[0])
    return Scripts(has_odd, *traditional)


def has_traditional(text: str) -> str:
    """SQL boolean: whether a text holds a traditional character."""
    return in_turn(f"strlen({text}) <> length({text})", f"regexp_matches({text}, {literal(HAN_FORMS)})")


def has_marks(text: str) -> str:
    """SQL boolean: whether a text holds a letter with a mark."""
    return in_turn(f"strlen({text}) <> length({text})", f"regexp_matches({text}, {literal(LETTERS)})")


def spelt_out(text: str) -> str:
    """SQL: a text in small letters, those that no mark makes as they are written without them: Groß is gross."""
    for letter, plain in _NO_MARKS.items():
        text = f"replace({text}, '{letter}', '{plain}')"
    return text


def bare(text: str) -> str:
    """SQL: a text in small letters, spelt out, without marks."""
    return f"strip_accents(replace({text}, 'ø', 'o'))"


def transcribed(text: str) -> str:
    """SQL: a text in small letters, spelt out, its letters as they are transcribed: Müller is mueller."""
    for letter, plain in _TRANSCRIBED.items():
        text = f"replace({text}, '{letter}', '{plain}')"
    return f"strip_accents({text})"


def both(text: str) -> str:
    """SQL: a text in small letters, spelt out, in both forms, one after the other."""
    bare_too = f"translate({text}, '{''.join(_TRANSCRIBED)}', 'aouoa')"
    for letter, plain in _TRANSCRIBED.items():
        text = f"replace({text}, '{letter}', '{plain}')"
    return f"({bare_too} || ' ' || {text})"


def simplified(relation: str, column: str) -> str:
    """A query over a relation, `column` (never null, without control characters) in simplified characters."""
    mark = sql_text(MARK)
    return f"""
        select * exclude (_simple, _batch) replace (_simple as {column}) from (
            select unnest(rows, recursive := true), unnest(string_split(translate(
                array_to_string(list_transform(rows, lambda row: row.{column}), {mark}), '{TRADITIONAL}', '{SIMPLIFIED}'), {mark})) as _simple
            from (
                select list(r) as rows from (
                    select *, sum(strlen({column})) over (rows unbounded preceding) // {_AT_ONCE} as _batch from {relation}
                ) r group by r._batch
            )
        )
    """


def marked_letters(text: str) -> str:
    """SQL: the letters with marks of a text for which there is a `pattern`, each once."""
    return f"case when pattern <> '' and regexp_matches({text}, {literal(LETTERS)}) then array_to_string(list_distinct(regexp_extract_all(lower({text}), {literal(LETTERS)})), '') else '' end"


def fitted(pattern: str, text: str, held: Scripts) -> str:
    """SQL: a pattern made for a text: with the marks and, where `is_traditional`, the characters that stand there.

    `letters` are its marked letters.
    Its own letters are capital, so that they can be told from the syntax around them; its Chinese characters stand in
    no class. RE2 knows no boundary of words at a letter with a mark.
    """
    plain, sign = "form[1:length(form) - 1]", "form[length(form):]"
    either = "seen"
    for edge in _EDGES:
        start, end = edge.split("_")
        written = f"{literal(start)} || {plain} || {literal(end)}"
        inner = f"lower({written})" if edge != "_" else written  # done with
        before, after = (literal(side.replace(r"\b", "")) for side in (start, end))
        marked_one = f"{before} || {sign} || {after}"
        either = f"replace({either}, {written}, '(?:' || {inner} || '|' || {marked_one} || ')')"
    pairs = ", ".join(map(literal, _PAIRS))
    singles = "list_transform(string_split(letters, ''), lambda sign: upper(strip_accents(translate(sign, 'øłđðı', 'olddi'))) || sign)"
    forms = (
        f"list_concat(list_filter([{pairs}], lambda pair: contains(letters, pair[3])), "
        f"list_filter({singles}, lambda form: regexp_matches(form, '^[A-Z].$')))"
    )
    marked = f"list_reduce({forms}, lambda seen, form: {either}, {pattern})"
    pattern = f"(case when letters <> '' then {marked} else {pattern} end)"
    if not held.traditional_texts:
        return pattern
    signs = f"list_filter(list_distinct(string_split({text}, '')), lambda sign: sign > '一' and sign <= '鿿')"
    plain = f"string_split(translate(array_to_string({signs}, ' '), '{TRADITIONAL}', '{SIMPLIFIED}'), ' ')"
    pairs = (
        f"list_filter(list_transform({plain}, lambda sign, nth: sign || {signs}[nth]), lambda pair: pair[1] <> pair[2])"
    )
    return (
        f"(case when is_traditional then list_reduce({pairs}, "
        f"lambda seen, pair: replace(seen, pair[1], '(?:' || pair[1] || '|' || pair[2] || ')'), {pattern}) else {pattern} end)"
    )
