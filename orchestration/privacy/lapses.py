"""Lapses: what makes a row lose a purpose, or go.

A consent taken back, a minor without a guardian's, a consent under a notice that is not listed, or of somebody that the
person was taken for, a law that was learnt late and knows no ground, and a purpose that its source, or the house, names
no more.

Keep out: carrying it out (withdrawal.py) and letting rows in (protect.py). A row that rests on other grounds too stays
for those. Persons told to be minors keep what a guardian's consent in force stands for.
"""

from collections.abc import Collection, Mapping, Sequence

import duckdb

from orchestration.engine import identifier, literal
from orchestration.privacy import flows
from orchestration.privacy.marks import MARK, UNNAMED, bare_purpose, is_unnamed, unmarked
from orchestration.privacy.policy import (
    UNCONSENTED_KINDS,
    Policy,
    agreed_country_sql,
    basis_sql,
    ground_without_customer,
    jurisdiction_sql,
    laws_without_ground,
    notice_sql,
)
from orchestration.privacy.protect import OTHER_NOTICE, prepare_consents
from orchestration.records import KINDS, Record
from orchestration.sources.contract import CROSS_BORDER, Settings

BOUND = tuple(k for k in KINDS if k not in UNCONSENTED_KINDS)  # by their purposes; the others are kept as evidence
JUDGED = tuple(k for k in BOUND if KINDS[k].has_person)
FOR_NOTHING = "purpose"  # why rows went that were there for nothing that is named still
# A query (person) of those told to be minors, under whichever of the ids that were found to be one.
MINORS = "SELECT coalesce(current_id, subject_id) AS person FROM vault.subject GROUP BY ALL HAVING bool_or(is_minor)"
NO_BASIS = "no_basis"  # why rows went whose law, learnt since they came, knows no ground for what they were there for


def unnamed(sources: Mapping[str, Settings], policy: Policy, record: Record) -> str:
    """SQL: whether row `r` of a kind has a purpose that its source or the house names no more (C1, C2).

    Or that its source names without a ground under the row's law.

    One that waits behind a mark to be named again is none.
    """
    told = f"list_filter(r.purposes, lambda p: NOT {is_unnamed('p')})"
    return f"NOT list_has_all({policy.named_sql(sources, 'r.', record)}, {unmarked(told)})"


def waits(purpose: str | None = None) -> str:
    """SQL: whether row `r` has a purpose (this one) that waits behind a mark to be named again."""
    asked = "" if purpose is None else f" AND ends_with(p, {literal(':' + purpose)})"
    return f"len(list_filter(r.purposes, lambda p: {is_unnamed('p')}{asked})) > 0"


def prepare(con: duckdb.DuckDBPyConnection, sources: Mapping[str, Settings], policy: Policy) -> None:
    """Temp tables `_withdrawn` (subject_key, purposes), `_unguarded` (subject_key, guarded) of minors, and of consents.

    Needs the vault. `_learnt` (subject_key, law): who is known to live under a law that some source has no ground by.
    The newest word of a person on a purpose counts: whoever consents again is not withdrawn. `_noticed`: consents in
    force of those persons of whom one was given under a notice that some list of versions does not hold. `_parted`:
    whatever was granted, taken back since or not, by those who were once taken for one person and are not now (a row
    without a purpose where they granted nothing).
    """
    prepare_consents(con)
    strictest = notice_sql([policy.notices, *(s.notices for s in sources.values())], "NULL", "c.purpose", "c.notice")
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE _withdrawn AS
        WITH person AS (
            SELECT subject_id, coalesce(current_id, subject_id) AS current_id FROM vault.subject
        ), newest AS (
            SELECT p.current_id, c.purpose, c.action FROM vault.consent c JOIN person p USING (subject_id)
            QUALIFY row_number() OVER (PARTITION BY p.current_id, c.purpose ORDER BY c.given_at DESC, c.action DESC) = 1
        ), lost AS (
            SELECT current_id, list(purpose ORDER BY purpose) AS purposes FROM newest WHERE action = 'withdraw' GROUP BY 1
        )
        SELECT hmac_pseudonym_person(p.subject_id) AS subject_key, l.purposes FROM person p JOIN lost l USING (current_id);
        CREATE OR REPLACE TEMP TABLE _unguarded AS
        SELECT hmac_pseudonym_person(s.subject_id) AS subject_key,
               coalesce(list(c.purpose) FILTER (c.is_guardian), []) AS guarded
        FROM vault.subject s LEFT JOIN _consents c ON c.subject_id = coalesce(s.current_id, s.subject_id)
        WHERE coalesce(s.current_id, s.subject_id) IN ({MINORS}) GROUP BY 1;
        CREATE OR REPLACE TEMP TABLE _noticed AS
        SELECT hmac_pseudonym_person(s.subject_id) AS subject_key, c.purpose, c.notice, c.valid_from, c.valid_to, c.is_guardian,
               c.subject_id IN ({MINORS}) AS is_minor
        FROM vault.subject s JOIN _consents c ON c.subject_id = coalesce(s.current_id, s.subject_id)
        WHERE c.subject_id IN (SELECT c.subject_id FROM _consents c WHERE NOT ({strictest}));
        CREATE OR REPLACE TEMP TABLE _parted AS
        WITH parted AS (
            SELECT DISTINCT subject_id FROM vault.merge WHERE reason = 'unmerge'
        ), stood AS (
            SELECT current_id AS subject_id FROM vault.merge WHERE subject_id IN (FROM parted) UNION FROM parted
        ), concerned AS (
            SELECT subject_id FROM vault.merge WHERE current_id IN (FROM stood) UNION FROM stood
        ), granted AS (
            SELECT p.current_id, c.* FROM vault.consent c JOIN vault.subject p USING (subject_id) WHERE c.action = 'grant'
        )
        SELECT hmac_pseudonym_person(s.subject_id) AS subject_key, g.purpose, g.given_at AS valid_from,
               coalesce(g.expires_at, TIMESTAMP '9999-12-31') AS valid_to, g.consent_type IN ('separate', 'guardian') AS is_separate
        FROM vault.subject s JOIN concerned USING (subject_id) LEFT JOIN granted g ON g.current_id = s.current_id;
        CREATE OR REPLACE TEMP TABLE _learnt AS
        SELECT hmac_pseudonym_person(subject_id) AS subject_key, law FROM ({located(sources, policy)})
        """
    )


def located(sources: Mapping[str, Settings], policy: Policy) -> str:
    """A query (subject_id, law) of persons known to live under a law by which some source has no ground."""
    laws = {law for s in sources.values() for p in policy.purposes_of(s) for law in laws_without_ground(s, p)}
    if not laws:
        return "SELECT NULL::VARCHAR AS subject_id, NULL::VARCHAR AS law WHERE false"
    return f"""
        SELECT s.subject_id, p.law FROM vault.subject s JOIN (
            SELECT coalesce(current_id, subject_id) AS person, {jurisdiction_sql(agreed_country_sql("country"))} AS law
            FROM vault.subject GROUP BY 1
        ) p ON p.person = coalesce(s.current_id, s.subject_id) WHERE p.law IN ({_listed(laws)})
    """


def decide(
    con: duckdb.DuckDBPyConnection,
    sources: Mapping[str, Settings],
    policy: Policy,
    kind: str,
    rows: str,
    names: Sequence[str],
    is_struck: bool = False,
) -> tuple[int, int]:
    """Temp table `_decided_<kind>`: what becomes of those of `rows` (a relation of the kind) that change, one row each.

    Asked are the rows of the persons concerned, and where `is_struck` those with a purpose that is named no more: it
    goes behind a mark, and for good where temp table `_ended` (source, purpose) tells that its term is over. One that
    is named again comes back from behind it.
    `names`: purposes, every one that the rows have. Returns rows gone and rows changed. By the tables of `prepare`.
    """
    record, leaves = KINDS[kind], _leaves(sources, policy)
    decided = identifier(f"_decided_{kind}")
    columns = ["source", "content_hash", "loaded_at", "subject_key", "jurisdiction", "purposes", "basis"]
    columns += [record.event_time] if record.event_time and record.event_time not in columns else []
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE _concerned AS
        SELECT {", ".join(f"r.{identifier(c)}" for c in columns)}, coalesce(w.purposes, []) AS taken_back, u.guarded
        FROM {rows} AS r
        LEFT JOIN (SELECT subject_key, any_value(purposes) AS purposes FROM _withdrawn GROUP BY 1) w USING (subject_key)
        LEFT JOIN (SELECT subject_key, any_value(guarded) AS guarded FROM _unguarded GROUP BY 1) u USING (subject_key)
        WHERE subject_key IN (SELECT subject_key FROM _withdrawn UNION ALL SELECT subject_key FROM _unguarded
                              UNION ALL SELECT subject_key FROM _noticed UNION ALL SELECT subject_key FROM _parted)
        OR r.jurisdiction = 'unknown' AND subject_key IN (SELECT subject_key FROM _learnt)
        {f"OR {unnamed(sources, policy, record)} OR {waits()}" if is_struck else ""}
        """
    )
    if not _number(con, "SELECT count(*) FROM _concerned"):
        return 0, 0
    grounds = {p: _ground(sources, p) if record.has_person else _ground_of_nobody(sources, p, record) for p in names}
    lapsed, others = _lapsed(sources, policy, record, grounds, leaves), _others(record, grounds, leaves)
    baseless = _baseless(sources, names)
    refused = {
        p: f"({grounds[p]} = 'consent' AND (list_contains(r.taken_back, {literal(p)}) "
        f"OR {leaves} AND list_contains(r.taken_back, {literal(CROSS_BORDER)})) "
        f"OR NOT coalesce(list_contains(r.guarded, {literal(p)}), true) OR {others[p]})"
        for p in names
    }
    named = policy.named_sql(sources, "r.", record)
    struck = {p: f"NOT list_contains({named}, {literal(p)})" if is_struck else waits(p) for p in names}
    ended = {
        p: f"({struck[p]} AND (r.source, {literal(p)}) IN (SELECT (source, purpose) FROM _ended))"
        if is_struck
        else "false"
        for p in names
    }
    flags = {"refused": refused, "lapsed": lapsed, "baseless": baseless, "ended": ended, "struck": struck}
    told = "".join(f", {flag[p]} AS _{name}_{i}" for name, flag in flags.items() for i, p in enumerate(names))

    def kept_but_for(*lost: str) -> str:
        by = {p: " OR ".join(f"r._{name}_{i}" for name in lost) for i, p in enumerate(names)}
        return _kept(by, {p: f"r._struck_{i}" for i, p in enumerate(names)})

    # Of several purposes the last tells the basis, and of rows about nobody the first, as at the gate.
    telling = f"{unmarked('r.left_purposes')}[{-1 if record.has_person else 1}]"
    basis = " ".join(f"WHEN {literal(p)} THEN {grounds[p]}" for p in names)
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE {decided} AS
        WITH flagged AS (SELECT r.*{told} FROM _concerned r),
        left_over AS (
            SELECT r.*, {kept_but_for("refused", "lapsed", "baseless", "ended")} AS left_purposes,
                   {kept_but_for("refused")} AS not_refused, {kept_but_for("refused", "lapsed")} AS not_lapsed,
                   {kept_but_for("refused", "lapsed", "baseless")} AS not_baseless
            FROM flagged r
        )
        SELECT DISTINCT source AS of_source, content_hash AS of_content, loaded_at AS of_version,
               len(left_purposes) = 0 AS is_gone, left_purposes,
               CASE WHEN len(not_refused) = 0 THEN 'withdrawn' WHEN len(not_lapsed) = 0 THEN '{OTHER_NOTICE}'
                    WHEN len(not_baseless) = 0 THEN '{NO_BASIS}' ELSE '{FOR_NOTHING}' END AS gone_for,
               coalesce({f"CASE {telling} {basis} END, " if basis else ""}r.basis) AS left_basis
        FROM left_over r WHERE len(left_purposes) = 0 OR NOT list_has_all(left_purposes, r.purposes)
        """
    )
    gone = _number(con, f"SELECT count(*) FROM {decided} WHERE is_gone")
    return gone, _number(con, f"SELECT count(*) FROM {decided}") - gone


def decide_lake(
    con: duckdb.DuckDBPyConnection, sources: Mapping[str, Settings], policy: Policy, struck: Collection[str] = ()
) -> dict[str, tuple[int, int]]:
    """`decide` for every kind of the lake, registered on `con`; rows gone and rows changed, of kinds that have any.

    `struck`: kinds asked for purposes that are named no more, too; by their table `_ended`.
    """
    names = purposes_of_rows(con, policy)
    asked = [k for k in BOUND if k in JUDGED or k in struck]
    found = {k: decide(con, sources, policy, k, f"lake.{identifier(k)}", names, k in struck) for k in asked}
    return {k: n for k, n in found.items() if any(n)}


def under_other_notice(con: duckdb.DuckDBPyConnection, sources: Mapping[str, Settings], policy: Policy) -> int:
    """Rows of the lake used for what a consent stands for that was given under a notice that is not listed (C1).

    By the tables of `prepare`; needs the lake registered on `con`.
    """
    grounds, leaves = _grounds_of(con, sources, policy, "_noticed"), _leaves(sources, policy)
    return _used(con, "_noticed", {k: _lapsed(sources, policy, KINDS[k], grounds, leaves) for k in JUDGED})


def of_others(con: duckdb.DuckDBPyConnection, sources: Mapping[str, Settings], policy: Policy) -> int:
    """Rows of the lake used for what none but somebody else consented to, whom their person was taken for (C1).

    By the tables of `prepare`; needs the lake registered on `con`.
    """
    grounds, leaves = _grounds_of(con, sources, policy, "_parted"), _leaves(sources, policy)
    return _used(con, "_parted", {k: _others(KINDS[k], grounds, leaves) for k in JUDGED})


def without_basis(con: duckdb.DuckDBPyConnection, sources: Mapping[str, Settings], policy: Policy) -> int:
    """Rows of the lake let in before their person's law was known, for what it knows no ground (C1).

    By the tables of `prepare`; needs the lake registered on `con`.
    """
    asked = _number(con, "SELECT count(*) FROM _learnt")
    return _used(
        con, "_learnt", dict.fromkeys(JUDGED, _baseless(sources, purposes_of_rows(con, policy) if asked else ()))
    )


def untold(con: duckdb.DuckDBPyConnection) -> int:
    """Consents in force that came before the vault kept under which notice; by the tables of `prepare`."""
    return _number(con, "SELECT count(*) FROM _consents WHERE notice IS NULL")


def purposes_of_rows(con: duckdb.DuckDBPyConnection, policy: Policy, relations: Sequence[str] = ()) -> list[str]:
    """Every purpose that a row of `relations` (the lake's) has, in the order of sources' lists, then the house's."""
    held = relations or [f"lake.{identifier(k)}" for k in BOUND]
    rows = " UNION ALL ".join(f"SELECT DISTINCT purposes FROM {relation}" for relation in held)
    found = con.execute(
        f"SELECT {bare_purpose('p')} AS purpose FROM (SELECT unnest(purposes) AS p, "
        f"generate_subscripts(purposes, 1) AS place FROM ({rows})) GROUP BY 1 ORDER BY min(place), 1"
    ).fetchall()
    return list(dict.fromkeys([*(p for (p,) in found), *policy.purposes]))


def purposes_by_source(
    con: duckdb.DuckDBPyConnection, relation: str, sources: Mapping[str, Settings], policy: Policy, record: Record
) -> list[tuple[str, str, bool, bool, int]]:
    """Rows of a relation by source, purpose without marks, whether it waits to be named again, whether it is named."""
    alike = f"SELECT source, jurisdiction, purposes, count(*) AS n FROM {relation} GROUP BY ALL"
    return con.execute(
        f"SELECT source, {bare_purpose('p')} AS bare, {is_unnamed('p')}, list_contains(named, bare), sum(n)::BIGINT "
        f"FROM (SELECT source, n, {policy.named_sql(sources, '', record)} AS named, unnest(purposes) AS p FROM ({alike})) "
        "GROUP BY ALL ORDER BY ALL"
    ).fetchall()


def _grounds_of(
    con: duckdb.DuckDBPyConnection, sources: Mapping[str, Settings], policy: Policy, persons: str
) -> dict[str, str]:
    """SQL of the basis by purpose; of none, without a look at the lake, where the table `persons` is empty."""
    asked = _number(con, f"SELECT count(*) FROM {persons}")
    return {p: _ground(sources, p) for p in (purposes_of_rows(con, policy) if asked else ())}


def _used(con: duckdb.DuckDBPyConnection, persons: str, lost: Mapping[str, Mapping[str, str]]) -> int:
    """Rows of `persons` (a table) in the lake with a purpose that a condition tells to be lost, by kind and purpose."""
    n = 0
    for kind, by_purpose in lost.items():
        used = " OR ".join(f"list_contains(r.purposes, {literal(p)}) AND {told}" for p, told in by_purpose.items())
        rows = f"(SELECT * FROM lake.{identifier(kind)} WHERE subject_key IN (SELECT subject_key FROM {persons}))"
        n += _number(con, f"SELECT count(*) FROM {rows} AS r WHERE {used}") if used else 0
    return n


def _kept(lost: Mapping[str, str], struck: Mapping[str, str]) -> str:
    """SQL: the purposes of row `r` less those that a condition (by purpose) tells to be lost.

    Behind a mark are those that another (`struck`) tells to be named no more, and those that a person had struck out.
    """
    bare = unmarked("r.purposes")
    each = ", ".join(
        f"CASE WHEN list_contains({bare}, {literal(p)}) AND NOT ({condition}) THEN "
        f"{{'place': list_position({bare}, {literal(p)}), 'purpose': "
        f"CASE WHEN list_has_any(r.purposes, [{literal(MARK + p)}, {literal(MARK + UNNAMED + p)}]) THEN '{MARK}' ELSE '' END "
        f"|| CASE WHEN {struck[p]} THEN '{UNNAMED}' ELSE '' END || {literal(p)}}} END"
        for p, condition in lost.items()
    )
    none = "NULL::STRUCT(place INTEGER, purpose VARCHAR)"  # where no row has any
    kept = f"list_sort(list_filter([{each or none}], lambda p: p IS NOT NULL))"
    return f"list_transform({kept}, lambda p: p.purpose)"


def _are_listed(sources: Mapping[str, Settings], policy: Policy) -> bool:
    """Whether anybody lists versions of a notice."""
    return bool(policy.notices or any(s.notices for s in sources.values()))


def _leaves(sources: Mapping[str, Settings], policy: Policy) -> str:
    """SQL: whether row `r` leaves the mainland by a way that takes a separate consent."""
    leaving = ", ".join(literal(n) for n, s in sources.items() if flows.needs_separate_consent(s, policy)) or "NULL"
    return f"coalesce(r.source IN ({leaving}) AND r.jurisdiction IN ('CN', 'unknown'), false)"


def _lapsed(
    sources: Mapping[str, Settings], policy: Policy, record: Record, grounds: Mapping[str, str], leaves: str
) -> dict[str, str]:
    """SQL by purpose: whether consents cover row `r`, each under a notice that is not listed.

    A consent counts where it is what the row rests on, as at the gate: a guardian's for a minor, whatever the ground
    (`grounds`).
    """
    if not _are_listed(sources, policy):
        return dict.fromkeys(grounds, "false")
    law = "nullif(r.jurisdiction, 'unknown')"
    listed = {n: (policy.notices, s.notices) for n, s in sorted(sources.items())}
    by_source = " ".join(
        f"WHEN {literal(n)} THEN {notice_sql(of, law, 'n.purpose', 'n.notice')}" for n, of in listed.items()
    )
    valid = f"CASE r.source {by_source} ELSE {notice_sql([policy.notices], law, 'n.purpose', 'n.notice')} END"
    at = _at(record)

    def uncovered(purpose: str, ground: str) -> str:
        return (
            f"coalesce((SELECT NOT bool_or({valid}) FROM _noticed n WHERE n.subject_key = r.subject_key "
            f"AND n.purpose = {literal(purpose)} AND {at} >= n.valid_from AND {at} < n.valid_to "
            f"AND CASE WHEN n.is_minor THEN n.is_guardian ELSE {ground} = 'consent' END), false)"
        )

    return {p: f"({uncovered(p, g)} OR {leaves} AND {uncovered(CROSS_BORDER, g)})" for p, g in grounds.items()}


def _others(record: Record, grounds: Mapping[str, str], leaves: str) -> dict[str, str]:
    """SQL by purpose: whether row `r` rests on consent, and its person, who was parted from others, gave none to it.

    A consent that was taken back since counts: that is judged apart. So does one that ended after the event.
    """
    at = _at(record)

    def uncovered(covers: str) -> str:
        return (
            f"coalesce((SELECT NOT bool_or(coalesce({covers} AND {at} >= n.valid_from AND {at} < n.valid_to, false)) "
            "FROM _parted n WHERE n.subject_key = r.subject_key), false)"
        )

    abroad = uncovered(f"n.purpose = {literal(CROSS_BORDER)} AND n.is_separate")
    return {
        p: f"coalesce({g} = 'consent' AND ({uncovered(f'n.purpose = {literal(p)}')} OR {leaves} AND {abroad}), false)"
        for p, g in grounds.items()
    }


def _baseless(sources: Mapping[str, Settings], names: Sequence[str]) -> dict[str, str]:
    """SQL by purpose: whether row `r` came in before its person's law was known, and that law has no ground for it."""

    def lost(settings: Settings, purpose: str) -> str:
        persons = f"SELECT subject_key FROM _learnt WHERE law IN ({_listed(laws_without_ground(settings, purpose))})"
        return f"r.source = {literal(settings.name)} AND r.subject_key IN ({persons})"

    told = {p: [lost(s, p) for s in sources.values() if laws_without_ground(s, p)] for p in names}
    return {
        p: f"coalesce(r.jurisdiction = 'unknown' AND ({' OR '.join(by_source)}), false)" if by_source else "false"
        for p, by_source in told.items()
    }


def _listed(words: Collection[str]) -> str:
    return ", ".join(map(literal, sorted(words))) or "NULL"


def _at(record: Record) -> str:
    """SQL: when what row `r` tells of happened, as the gate has it."""
    times = [f"r.{identifier(record.event_time)}::TIMESTAMP"] if record.event_time else []
    return f"coalesce({', '.join([*times, 'r.loaded_at'])})"


def _ground(sources: Mapping[str, Settings], purpose: str) -> str:
    """SQL: the basis of a purpose in row `r`, by its source.

    Of a source that is not configured any more the row's own.
    """
    by_source = " ".join(
        f"WHEN {literal(name)} THEN {basis_sql(s, purpose, '''nullif(r.jurisdiction, 'unknown')''')}"
        for name, s in sorted(sources.items())
    )
    return f"coalesce(CASE r.source {by_source} END, r.basis)" if by_source else "r.basis"


def _ground_of_nobody(sources: Mapping[str, Settings], purpose: str, record: Record) -> str:
    """SQL: the same of a row about no customer: the ground that its source has whoever is concerned."""
    grounds = {n: ground_without_customer(s, purpose, record.names_staff) for n, s in sorted(sources.items())}
    by_source = " ".join(f"WHEN {literal(name)} THEN {literal(g)}" for name, g in grounds.items() if g)
    return f"coalesce(CASE r.source {by_source} END, r.basis)" if by_source else "r.basis"


def _number(con: duckdb.DuckDBPyConnection, sql: str) -> int:
    row = con.execute(sql).fetchone()
    return int(row[0]) if row else 0
