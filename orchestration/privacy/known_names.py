"""Names of other persons the vault knows, where they stand in texts: by hash join, without opening a single identity.

Keep out: a record's own persons (linked.py), names told by the words around them (rules/).

Every stretch that could be a name becomes a candidate, at whatever character it begins: three or four Chinese
characters from a surname on, or any after a word that says that a person follows, two from a surname on after such a
word; Chinese characters around one to three points; two to four words of letters, the first and the last capitalised.
Candidates are hashed as the vault hashes names and joined. A name that is an ordinary word is no candidate.
Without a surname, three characters are no candidate alone: a customer who calls himself 很好用 is in half of all texts.
"""

from orchestration.engine import literal
from orchestration.privacy.linked import ordinary_words
from orchestration.privacy.rules.name_zh import ANY_SURNAME, DOUBLE_SURNAMES, NAME_SIGN
from orchestration.privacy.rules.rule import CAPITAL, HAN, LATIN

_SURE = "找|问|联系人?|客服|经理|店员|导购|同事|朋友|我是|我叫|名叫|姓名|收[件货]人|跟|谢谢|感谢|投诉|表扬"
_BEFORE_A_PERSON = f"(?:{_SURE}|叫|和|给|让|请)[:：]?"
_WORD = rf"[{CAPITAL}][{LATIN}'’\-]+"
# What stands between, or before, the capitalised words of a name: an initial, a particle.
_LINK = rf"(?:[{CAPITAL}]\.?|(?:v[ao]n|de[nrl]?|d[aiou]s?|la|le|ten?|ter|bin|al|el|y|e|zu)\b)"
_RUN = rf"(?:(?:\b{_LINK}\s+){{0,2}}{_WORD})(?:\s+(?:{_LINK}|{_WORD}))*\s+{_WORD}"
_TWO = rf"{_WORD}\s"
_DOTTED = rf"[{HAN}]{{2,7}}(?:·[{HAN}]{{2,7}}){{1,3}}"
# Forms of names that are looked for wherever they stand; of two Chinese characters only after a word.
_FORMS = (
    f"[{ANY_SURNAME}]{NAME_SIGN}{{1,3}}",
    f"(?:{DOUBLE_SURNAMES}){NAME_SIGN}{{1,2}}",
    f"{NAME_SIGN}{{3,4}}",
    _DOTTED,
    rf"(?:{_LINK} ){{0,2}}{_WORD}(?: (?:{_LINK}|{_WORD})){{0,2}} {_WORD}",
)


def spelt(name: str) -> str:
    """SQL: a name with single blanks."""
    return rf"regexp_replace(trim({name}), '\s+', ' ', 'g')"


def name_hash(name: str) -> str:
    """SQL: the blind index of a name, as the vault keeps it."""
    return f"hmac_blind_index('name' || chr(31) || lower({spelt(name)}))"


def find(texts: str, hashes: str) -> str:
    """A query (row_no, field, names) of texts (row_no, field, t) that hold names hashed in a table (index_hash)."""
    three, four = _grams("run", ".{3}", ".", 3), _grams("run", ".{4}", ".", 4)
    words = ", ".join(_grams("run", rf"\S+(?:\s+\S+){{{n - 1}}}", r"\S+\s+", n) for n in (2, 3, 4))
    return f"""
        with chinese as materialized (
            select row_no, field, t from {texts} where regexp_matches(t, '[{HAN}]')
        ), run as (
            select row_no, field, unnest(regexp_extract_all(t, '[{ANY_SURNAME}{_FIRSTS}]{NAME_SIGN}{{2,}}')) as run from chinese
        ), gram as (
            select row_no, field, unnest(list_concat({three}, case when length(run) > 3 then {four} else [] end)) as written from run
        ), dotted as (
            select row_no, field, unnest(regexp_extract_all(t, '{_DOTTED}')) as run from chinese where contains(t, '·')
        ), latin as (
            select row_no, field, unnest(regexp_extract_all(t, {literal(_RUN)})) as run
            from {texts} where regexp_matches(t, {literal(_TWO)})
        ), candidate as materialized (
            select distinct row_no, field, written from (
                select * from gram where contains('{ANY_SURNAME}', written[1])
                    or regexp_matches(written, '^(?:{DOUBLE_SURNAMES})')
                union all
                select row_no, field, unnest(flatten([
                    regexp_extract_all(t, '{_BEFORE_A_PERSON}([{ANY_SURNAME}]{NAME_SIGN})', 1),
                    regexp_extract_all(t, '(?:{_SURE})[:：]?({NAME_SIGN}{{3}})', 1),
                    regexp_extract_all(t, '(?:{_SURE})[:：]?({NAME_SIGN}{{4}})', 1)])) from chinese
                union all
                select row_no, field, right(parts[1], i) || '·' || middle || parts[-1][1:j] from (
                    select row_no, field, parts, coalesce(list_aggregate(list_transform(parts[2:-2], lambda part: part || '·'), 'string_agg', ''), '') as middle
                    from (select row_no, field, string_split(run, '·') as parts from dotted)
                ), range(2, 8) x(i), range(2, 8) y(j) where i <= length(parts[1]) and j <= length(parts[-1])
                union all
                select row_no, field, unnest(flatten([{words}])) from latin
            )
        ), hit as materialized (
            select written from (select distinct written from candidate)
            where {name_hash("written")} in (select index_hash from {hashes})
        ), known as (
            select written from (select written, unnest(string_split(lower({spelt("written")}), ' ')) as word from hit)
            where word not in (select unnest({ordinary_words()}))
        )
        select row_no, field, list(written order by length(written) desc, written) as names
        from candidate where written in (from known) group by row_no, field
    """


def is_sought(name: str) -> str:
    """SQL boolean: a name in normal form is of a form that is looked for, in whatever case, and no ordinary word."""
    return (
        f"(regexp_full_match({spelt(name)}, {literal('|'.join(_FORMS))}, 'i') "
        f"and not list_has_all({ordinary_words()}, string_split(lower({spelt(name)}), ' ')))"
    )


def _grams(run: str, gram: str, step: str, n: int) -> str:
    """SQL: every stretch of n steps of a run: side by side from its first step on, from its second, up to its n-th."""
    starts = (f"regexp_replace({run}, '^(?:{step}){{{k}}}', '')" if k else run for k in range(n))
    return "flatten([" + ", ".join(f"regexp_extract_all({start}, '{gram}')" for start in starts) + "])"


_FIRSTS = "".join(sorted({name[0] for name in DOUBLE_SURNAMES.split("|")} - {*ANY_SURNAME}))
