"""Marks on purposes: a purpose that a person had struck out stays in its row behind a mark, and is none for whoever reads it.

Keep out: striking out rows that are in the lake already (restriction.py).
"""

import duckdb

MARK = "restricted:"
EVERY = "*"


def prepare(con: duckdb.DuckDBPyConnection) -> None:
    """Temp table `_restrictions` (written_id, struck): purposes the gate strikes out of new rows; needs the vault."""
    con.execute(
        "CREATE OR REPLACE TEMP TABLE _restrictions AS WITH struck AS ("
        "SELECT coalesce(s.current_id, s.subject_id) AS person, list_distinct(list(r.purpose)) AS struck "
        "FROM vault.restriction r JOIN vault.subject s USING (subject_id) GROUP BY 1) "
        "SELECT s.subject_id AS written_id, t.struck FROM vault.subject s JOIN struck t "
        "ON t.person = coalesce(s.current_id, s.subject_id)"
    )


def strike(con: duckdb.DuckDBPyConnection) -> None:
    """Mark the purposes in temp table `_basis` (written_id, purposes) that the persons of its rows had struck out."""
    con.execute(
        f"UPDATE _basis SET purposes = list_transform(purposes, lambda p: CASE WHEN list_contains(r.struck, p) "
        f"OR list_contains(r.struck, '{EVERY}') THEN '{MARK}' || p ELSE p END) "
        "FROM _restrictions r WHERE r.written_id = _basis.written_id"
    )


def unmarked(purposes: str) -> str:
    """SQL: the purposes of a row without marks."""
    return f"list_transform({purposes}, lambda p: replace(p, '{MARK}', ''))"
