"""Heeded: a withdrawal counts by e-mail and phone as written, verified or not; an unsubscribe list proves nobody.

Keep out: what a withdrawal comes to (lapses.py), and who is who (resolve.py): nobody becomes one with anybody here.
A withdrawal protects, so that it needs no proof; a grant does. It counts for whoever the vault knows by that address or
number, now or later. One that many share counts for all of them only where nothing else says who withdrew.
"""

import duckdb

from orchestration.privacy.pseudonyms import scoped


def remember(con: duckdb.DuckDBPyConnection, source: str) -> int:
    """Keep the withdrawals of a load by what they name somebody by; returns how many name nobody who is known.

    Needs `_ident` and `_subject_map`, and the consents that are proved in the vault.
    """
    ref = f"hmac_record_key({scoped('c.consent_id', source, 'consent')})"
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE _withdrawals AS
        SELECT DISTINCT i.index_hash, c.purpose, c.given_at, {ref} AS consent_ref, m.written_id IS NULL AS is_unproved
        FROM conformed_consent c JOIN _subject_map m ON m.who = c._who
        LEFT JOIN (
            SELECT who, i.index_hash, h.index_hash IS NOT NULL AS is_shared
            FROM _ident i LEFT JOIN vault.shared h USING (index_hash) WHERE domain IN ('email', 'phone')
        ) i ON i.who = c._who AND (m.subject_id IS NULL OR NOT i.is_shared)
        WHERE c.action = 'withdraw' AND (i.index_hash IS NOT NULL OR m.written_id IS NULL);
        INSERT INTO vault.withdrawal BY NAME
        SELECT * EXCLUDE (is_unproved) FROM _withdrawals w WHERE NOT EXISTS (
            SELECT 1 FROM vault.withdrawal v WHERE v.index_hash IS NOT DISTINCT FROM w.index_hash
            AND v.purpose = w.purpose AND v.given_at = w.given_at AND v.consent_ref = w.consent_ref)
        """
    )
    return _number(con, f"{_OF_NOBODY.format('_withdrawals')} AND w.is_unproved")


def heed(con: duckdb.DuckDBPyConnection) -> None:
    """Count every withdrawal kept for whom the vault knows by its address or number. Needs `_new_links`.

    Asked are the withdrawals of this load, and whoever became known by something in it.
    """
    con.execute("CREATE TEMP TABLE IF NOT EXISTS _withdrawals (index_hash VARCHAR)")
    con.execute(
        """
        INSERT INTO vault.consent BY NAME
        SELECT k.subject_id, w.purpose, 'withdraw' AS action, 'general' AS consent_type, w.given_at,
               any_value(w.consent_ref) AS consent_ref, '' AS notice_version
        FROM vault.withdrawal w JOIN (
            SELECT subject_id, index_hash FROM vault.identity WHERE index_hash IN (SELECT index_hash FROM _withdrawals)
            UNION SELECT subject_id, index_hash FROM _new_links
        ) k USING (index_hash)
        WHERE NOT EXISTS (SELECT 1 FROM vault.consent v WHERE v.subject_id = k.subject_id AND v.action = 'withdraw'
                          AND v.purpose = w.purpose AND v.given_at = w.given_at)
        GROUP BY k.subject_id, w.purpose, w.given_at
        """
    )


def of_nobody(con: duckdb.DuckDBPyConnection) -> int:
    """How many withdrawals that are kept name nobody who is known so far."""
    return _number(con, _OF_NOBODY.format("vault.withdrawal")) if is_kept(con) else 0


def is_kept(con: duckdb.DuckDBPyConnection) -> bool:
    """Whether the vault, open for reading, has been opened for writing since such withdrawals are kept."""
    of = "FROM duckdb_tables() WHERE database_name = 'vault' AND table_name = 'withdrawal'"
    return bool(_number(con, f"SELECT count(*) {of}"))


def ended(con: duckdb.DuckDBPyConnection, before: str) -> str:
    """A query of those given before an instant (SQL), which is as long as consents are kept as evidence."""
    told = "SELECT consent_ref, purpose, 'withdraw' AS action, given_at"
    return (
        f"{told} FROM vault.withdrawal WHERE given_at < {before}"
        if is_kept(con)
        else f"{told} FROM vault.consent WHERE false"
    )


_OF_NOBODY = (
    "SELECT count(DISTINCT (w.consent_ref, w.purpose, w.given_at)) FROM {} w WHERE NOT EXISTS ("
    "SELECT 1 FROM vault.consent v WHERE v.consent_ref = w.consent_ref AND v.action = 'withdraw') AND NOT EXISTS ("
    "SELECT 1 FROM vault.identity i WHERE i.index_hash = w.index_hash)"
)


def _number(con: duckdb.DuckDBPyConnection, sql: str) -> int:
    row = con.execute(sql).fetchone()
    return int(row[0]) if row else 0
