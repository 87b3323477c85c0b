"""Restriction and objection: a person's rows stay, and are not used: for anything (GDPR 18), or for one purpose (21; PIPL 44).

Keep out: withdrawn consents, which come from the sources. A purpose is struck out with a mark, in the lake's rows and in
rows to come; lifting takes the mark away.
"""

import duckdb

from orchestration.engine import literal
from orchestration.home import now
from orchestration.lake import rewrite as rewriting
from orchestration.lake.rewrite import Change
from orchestration.lake.store import Lake
from orchestration.privacy import subjects
from orchestration.privacy.marks import EVERY, MARK


def restrict(
    con: duckdb.DuckDBPyConnection, lake: Lake, purpose: str | None, request_id: str, lift: bool = False
) -> int:
    """Strike out (or `lift`) a purpose, None for all, in every row of `_person`; returns how many rows changed.

    Needs the lake registered and the vault open for writing on `con`: rows that come later are marked by what it holds.
    """
    wanted = changes(con, purpose, lift)
    con.execute("DELETE FROM vault.restriction WHERE subject_id IN (FROM _person) AND purpose = ?", [purpose or EVERY])
    if not lift:
        con.execute(
            "INSERT INTO vault.restriction SELECT subject_id, ?, ?, ?, ? FROM _person",
            [purpose or EVERY, "objection" if purpose else "restriction", now().replace(tzinfo=None), request_id],
        )
    return sum(rewriting.rewrite(con, lake, "withdrawal", wanted, {"request": request_id}).changed.values())


def changes(con: duckdb.DuckDBPyConnection, purpose: str | None, lift: bool = False) -> dict[str, Change]:
    """What `restrict` makes of the rows of `_person`, by kind; needs the lake registered on `con`."""
    meant = "true" if purpose is None else f"replace(p, '{MARK}', '') = {literal(purpose)}"
    if lift:
        hit, becomes = f"starts_with(p, '{MARK}') AND {meant}", f"substr(p, {len(MARK) + 1})"
    else:
        hit, becomes = f"NOT starts_with(p, '{MARK}') AND {meant}", f"'{MARK}' || p"
    change = {"purposes": f"list_transform(purposes, lambda p: CASE WHEN {hit} THEN {becomes} ELSE p END)"}
    concerned = f"len(list_filter(purposes, lambda p: {hit})) > 0"
    return {
        kind: Change(becomes=change, concerns=f"({condition}) AND {concerned}")
        for kind, condition in subjects.reach(con).items()
        if kind not in ("consent", "deletion")
    }
