"""Names of other persons the vault knows, where they stand in texts: by hash join, without opening a single identity.

Keep out: a record's own persons (linked.py), names told by the words around them (rules/).

Every stretch that could be a name becomes a candidate: three characters from a surname on, two when a word before says
that a person follows, two capitalised words side by side. Candidates are hashed as the vault hashes names and joined.
A name that is an ordinary word is no candidate, nor is one of two characters without such a word before it.
"""

from itertools import pairwise

from orchestration.privacy.linked import ordinary_words
from orchestration.privacy.rules.name_zh import DOUBLE_SURNAMES, SURNAMES
from orchestration.privacy.rules.rule import LATIN

_BEFORE_A_PERSON = "找|问|联系|客服|经理|店员|导购|同事|朋友|我是|我叫|叫|跟|和|给|让|请|谢谢|感谢|投诉|表扬"


# A Chinese character that a given name can hold: none of the small words that every sentence is full of.
_SMALL = sorted(
    map(ord, "的了是在我你他她它们这那不也很就都把被从对给到去来说看吃买用太最没会能要想让还又再只个次块号里吗呢吧啊哦")
)
NAME_SIGN = (
    "["
    + "".join(rf"\x{{{a + 1:x}}}-\x{{{b - 1:x}}}" for a, b in pairwise([0x4DFF, *_SMALL, 0xA000]) if b - a > 1)
    + "]"
)


def name_hash(name: str) -> str:
    """SQL: the blind index of a name, as the vault keeps it."""
    return f"hmac_blind_index('name' || chr(31) || lower({name}))"


def find(texts: str, hashes: str) -> str:
    """A query (row_no, field, names) of texts (row_no, field, t) that hold names hashed in a table (index_hash)."""
    words = f"[A-Z][{LATIN}''’\\-]+"
    person = f"[{SURNAMES}]{NAME_SIGN}{{2}}"
    # One name may begin inside what another took: at its second character, or at its third.
    told = ", ".join(
        f"regexp_extract_all(t, '{pattern}', {group})"
        for pattern, group in (
            (person, 0),
            (f"[{SURNAMES}]({person})", 1),
            (f"[{SURNAMES}]{NAME_SIGN}({person})", 1),
            (f"(?:{DOUBLE_SURNAMES}){NAME_SIGN}{{2}}", 0),
            (f"(?:{_BEFORE_A_PERSON})([{SURNAMES}]{NAME_SIGN})", 1),
        )
    )
    # What the lambdas go over is made beside them, not in them: they would make it for every element anew.
    prepared = f"""
        select row_no, field, case when regexp_matches(t, '[{SURNAMES}]{NAME_SIGN}') then flatten([{told}]) else [] end as told,
            case when regexp_matches(t, '{words}\\s{words}') then list_transform(
                regexp_extract_all(t, '{words}(?:\\s{words})+'), lambda run: string_split(run, ' ')) else [] end as runs
        from {texts}
    """
    pairs = (
        "flatten(list_transform(runs, lambda run: list_transform(generate_series(1, len(run) - 1), "
        "lambda i: run[i] || ' ' || run[i + 1])))"
    )
    return f"""
        with candidate as materialized (
            select row_no, field, unnest(list_distinct(list_concat(told, {pairs}))) as name
            from ({prepared})
        ), hit as materialized (
            select name from (select distinct name from candidate) where {name_hash("name")} in (select index_hash from {hashes})
        ), known as (
            select name from hit where not list_has_all({ordinary_words()}, string_split(lower(name), ' '))
        )
        select row_no, field, list(name order by length(name) desc, name) as names
        from candidate where name in (from known) group by row_no, field
    """
