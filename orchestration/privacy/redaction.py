"""Free text without identifiers: the pipeline that turns texts into redacted texts, set by set.

Keep out: any one kind of identifier (rules/), a record's own values (linked.py), normal forms for the blind index.

A regular expression inside a lambda is compiled anew for every chunk of rows; so the steps are nested selects, each a
plain expression over the text as the step before left it.
"""

import hashlib
from collections.abc import Iterable, Sequence
from functools import cache

from duckdb import DuckDBPyConnection

from orchestration.engine import literal
from orchestration.privacy import known_names, linked, ner, spellings, unescape
from orchestration.privacy.normalise import PLAIN, folding_steps
from orchestration.privacy.rules import Rule, all_rules
from orchestration.privacy.rules.rule import GIVEN_SIGNS, MARK, SIGNS, TOKENS, in_turn, joined, sql_text
from orchestration.privacy.sensitive import SENSITIVE
from orchestration.privacy.spellings import Scripts

__all__ = ["redact", "version"]

_TURNS = 4  # times a text that still changes is read; what changes in the last is refused
_LONG = 4_096  # bytes of a text that is looked at alone
_SIDE_BY_SIDE = 64  # texts with the same own pattern that are masked in one go
_SIGNS = rf"[\x{ord(SIGNS['SELF']):02x}-\x{ord(SIGNS[TOKENS[-1]]):02x}]"
# How many digits together a text holds: six, twelve, fewer. A check in a lambda is compiled, and learns, anew for every
# chunk of rows with a candidate: such texts lie side by side.
_DIGITS = (
    "case when not regexp_matches(t, '[0-9](?:[^0-9A-Za-z]{0,3}[0-9]){5}') then 0 "
    "when regexp_matches(t, '[0-9](?:[^0-9A-Za-z]{0,3}[0-9]){11}') then 2 else 1 end"
)
_READS = {
    "has_chinese": in_turn("strlen(t) <> length(t)", "regexp_matches(t, '[\\x{3007}\\x{25cb}\\x{4e00}-\\x{9fff}]')"),
    "has_digits": "case when regexp_matches(t, '[0-9]') then true else "
    + in_turn("has_chinese", "regexp_matches(t, '[零〇○一二三四五六七八九十百幺两壹贰叁肆伍陆柒捌玖]')")
    + " end",
    "has_numbers": in_turn("has_digits", "regexp_matches(t, '[0-9](?:[^0-9A-Za-z]{0,3}[0-9]){5}')"),
}


def redact(
    con: DuckDBPyConnection,
    texts: str,
    own: str | None,
    into: str,
    known: str | None = None,
    models: Sequence[str] = (),
) -> None:
    """Temp table `into` (row_no, field, text, n, counts, residual, is_sensitive) from a query of texts.

    `texts` is a query (row_no BIGINT, field VARCHAR, text VARCHAR), one row per row_no and field; `own` one of
    (row_no, role, value), role as in linked.py: what the row's persons and agents are called. `n` is the
    number of redactions, `counts` a MAP from token to number. `residual` says that a cheap second look still finds an
    identifier: such a text must not pass. Texts that are NULL give no row. `known` is a table (index_hash) of names the
    vault holds; it needs the macro hmac_blind_index. `models` are languages in which a model looks for further names in
    texts that the rules leave alone; raises VoicehouseError where one is not installed.
    """
    con.execute(
        f"create or replace temp table _normal as select row_no, field, t, {_DIGITS} as digits from "
        + normal_form(f"(select row_no, field, text::varchar as t from ({texts}) where text is not null)")
    )
    alike = " union all ".join(f"select row_no, field, t from _normal where digits = {n}" for n in range(3))
    con.execute(f"create or replace temp table _redacting as {alike}; drop table _normal")
    held = None
    if own is not None:
        con.execute(
            f"""
            create or replace temp table _own_of_text as
            select row_no, hash(role, value) as value_no, role, value from ({own}) where value <> ''
            """
        )
        held = linked.near(con, "_redacting", "_own_of_text")
        linked.prepare(con, "_own_of_text", held)
    con.execute(
        "create or replace temp table _settled (row_no bigint, field varchar, t varchar, is_settled boolean, signs varchar)"
    )
    turns = _TURNS * 2 if models else _TURNS
    for turn in range(1, turns + 1):
        # What one pass changes may uncover more: texts that changed are read again, so that the result is a fixed
        # point.
        con.execute(
            f"create or replace temp table _read as select row_no, field, t, t = before as is_settled "
            f"from {_pass(con, held, known)}"
        )
        if models:
            ner.find(con, "select t from _read where is_settled", "_named", models)
            con.execute(
                "update _read set t = masked, is_settled = false from _named where _named.t = _read.t and is_settled; "
                "drop table _named"
            )
        con.execute(
            f"insert into _settled select row_no, field, t, is_settled, {_signs_of('t') if turn > 1 else literal('')} "
            f"from _read where is_settled or {turn == turns}; "
            "create or replace temp table _redacting as select row_no, field, t from _read where not is_settled"
        )
        row = con.execute("select count(*) from _redacting").fetchone()
        if not row or not row[0]:
            break
    con.execute(f"create or replace temp table {into} as {_finished('_settled')}")
    con.execute("drop table _redacting; drop table _read; drop table _settled")
    for table in ("_masked", "_spelt"):
        con.execute(f"drop table if exists {table}")
    if held:
        for table in ("_own_of_text", "_gate", "_number", "_near", "_near_number", "_needle", "_found", "_traditional"):
            con.execute(f"drop table {table}")
    if known:
        con.execute("drop table _known_found")


def chain(relation: str, steps: Iterable[str]) -> str:
    """A subquery in which each step has made the column `t` of the relation anew."""
    for step in steps:
        relation = f"(select * replace ({step} as t) from {relation})"
    return relation


def rules_chain(relation: str, rules: Iterable[Rule]) -> str:
    """Rules in the order given over a subquery with a column `t`, each over the texts it reads as they came."""
    rules = list(rules)
    words = "|".join(f"(?:{rule.needs})" for rule in rules if rule.reads == "words")
    has_words = f"regexp_matches(t, {literal(words)})" if words else "false"
    for name, sql in {"is_needed": "true", "has_words": has_words, **_READS}.items():
        relation = f"(select *, {sql} as {name} from {relation})"
    for rule in rules:
        for column, sql in rule.steps():
            relation = f"(select * replace ({sql} as {column}) from {relation})"
    return relation


@cache
def version() -> str:
    """A short hash of everything that decides what is masked: figures measured for another version are stale."""
    parts = [
        normal_form("texts"),
        rules_chain("texts", all_rules()),
        linked.definition(),
        known_names.find("texts", "hashes"),
        ner.definition(),
        SENSITIVE,
    ]
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:12]


def _pass(con: DuckDBPyConnection, held: Scripts | None, known: str | None) -> str:
    """A query (row_no, field, before, t): own values, then names the vault knows, then the rules, once.

    `held`: what texts and own values hold, None where there are none of these.
    """
    masked, joins = "t", ""
    if held and _makes_rows(con, "_found", linked.find("_redacting", held)):
        con.execute(f"create or replace temp table _spelt as {_own_masked('_redacting', '_found', held)}")
        joins += " left join _spelt using (row_no, field)"
        masked = "coalesce(spelt, t)"
    if known and _makes_rows(con, "_known_found", known_names.find("_redacting", known)):
        joins += " left join _known_found using (row_no, field)"
        sign = sql_text(SIGNS["NAME"])
        masked = f"case when names is null then {masked} else list_reduce(names, lambda seen, name: replace(seen, name, {sign}), {masked}) end"
    if not joins:
        return rules_chain("(select row_no, field, t as before, t from _redacting)", all_rules())
    # Stored, because what a join gives comes in small chunks, for each of which the rules' checks are compiled anew.
    con.execute(
        f"create or replace temp table _masked as select row_no, field, t as before, {masked} as t from _redacting{joins}"
    )
    return rules_chain("_masked", all_rules())


def _own_masked(texts: str, found: str, held: Scripts) -> str:
    """A query (row_no, field, spelt): texts (row_no, field, t) without what `found` says of their own values.

    A pattern that differs from row to row is compiled for each; so short texts with the same pattern are put side by
    side, a mark between them, which no pattern matches, and are cut apart again.
    """
    relation = f"(select row_no, field, t, self_pattern, agent_pattern, is_traditional from {texts} join {found} using (row_no, field))"
    mark, letters = sql_text(MARK), spellings.marked_letters("t")
    for column, token in (("self_pattern", "SELF"), ("agent_pattern", "AGENT")):
        replaced = f"regexp_replace(t, '(?i)' || {linked.fitted('pattern', held)}, {sql_text(SIGNS[token])}, 'g')"
        relation = f"""(
            select unnest(texts, recursive := true), unnest(string_split(case when pattern = '' then t else {replaced} end, {mark})) as t
            from (select *, {letters} as letters from (
                select {column} as pattern, bool_or(is_traditional) as is_traditional, list({{'row_no': row_no, 'field': field, 'self_pattern': self_pattern, 'agent_pattern': agent_pattern, 'is_traditional': is_traditional}}
                    order by row_no, field) as texts, string_agg(t, {mark} order by row_no, field) as t
                from (select *, case when strlen(t) > {_LONG} then -row_no - 1
                    else row_number() over (partition by {column}, strlen(t) > {_LONG}) // {_SIDE_BY_SIDE} end as batch from {relation})
                group by {column}, batch
            ))
        )"""
    return f"select row_no, field, t as spelt from {relation}"


def _makes_rows(con: DuckDBPyConnection, name: str, query: str) -> bool:
    con.execute(f"create or replace temp table {name} as {query}")
    row = con.execute(f"select count(*) from {name}").fetchone()
    return bool(row and row[0])


def normal_form(relation: str) -> str:
    """A query over a relation with `t`: signs that show nothing gone, letters folded, HTML, %xx read, tokens marked."""
    given = "t"
    for token in TOKENS:
        given = f"replace({given}, '<{token}>', {sql_text(GIVEN_SIGNS[token])})"
    fold = folding_steps()
    once = (*unescape.entity_steps(), *unescape.percent_steps(), *fold)
    relation = f"(select *, not regexp_full_match(t, {literal(PLAIN)}) as is_odd from {relation})"
    relation = chain(relation, (f"case when is_odd then {step} else t end" for step in fold))
    relation = f"(select *, {unescape.NEEDED} as is_escaped from {relation})"
    # What is written doubly is read twice.
    relation = chain(
        relation, (f"case when is_escaped then {step} else t end" for step in (*once, *once, *unescape.blank_steps()))
    )
    return chain(
        relation,
        (
            r"case when (is_odd or is_escaped) and regexp_matches(t, '[0-9][\p{Mn}\p{Me}]') "
            r"then regexp_replace(t, '([0-9])[\p{Mn}\p{Me}]+', '\1', 'g') else t end",
            f"case when contains(t, '<') and regexp_matches(t, '<(?:{'|'.join(TOKENS)})>') then {given} else t end",
        ),
    )


def _signs_of(text: str) -> str:
    """SQL: the signs of tokens in a text, in their order."""
    return f"coalesce({joined(f'regexp_extract_all({text}, {literal(_SIGNS)})')}, '')"


def _finished(settled: str) -> str:
    """A query of what `redact` promises, from a table (row_no, field, t, is_settled, signs)."""
    residual = in_turn(
        "contains(t, '@') or contains(t, '1') or contains(t, '2')",
        r"regexp_matches(t, '[A-Za-z0-9._%+\-]@[A-Za-z0-9\-]+\.[A-Za-z]{2}|(?:^|[^0-9])1[3-9][0-9]{9}(?:[^0-9]|$)"
        r"|(?:^|[^0-9])[1-9][0-9]{5}(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:[0-2][0-9]|3[01])[0-9]{3}[Xx]')",
    )
    shown = [
        f"case when contains(signs, {sql_text(SIGNS[token])}) then replace(t, {sql_text(SIGNS[token])}, '<{token}>') else t end"
        for token in TOKENS
    ]
    given = "t"
    for token in TOKENS:
        given = f"replace({given}, {sql_text(GIVEN_SIGNS[token])}, '<{token}>')"
    has_given = in_turn("strlen(t) <> length(t)", "regexp_matches(t, '[\\x{90}-\\x{9f}]')")
    tokens = "[" + ", ".join(f"'{t}'" for t in TOKENS) + "]"
    counts = (
        f"map_from_entries(list_filter(list_transform({tokens}, lambda token, nth: {{'key': token, "
        f"'value': (length(signs) - length(replace(signs, chr((13 + nth)::int), '')))::bigint}}), lambda entry: entry.value > 0))"
    )
    relation = f"(select *, not is_settled or {residual} as residual, regexp_matches(t, {literal(SENSITIVE)}) as is_sensitive from {settled})"
    relation = chain(relation, [*shown, f"case when {has_given} then {given} else t end"])
    # Counted once for all texts with the same tokens in the same order.
    return (
        "select row_no, field, t as text, length(signs)::bigint as n, counts, residual, is_sensitive "
        f"from {relation} join (select signs, {counts} as counts from (select distinct signs from {settled})) using (signs)"
    )
