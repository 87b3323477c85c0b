"""Restriction and objection: a person's rows stay, and are not used: for anything (GDPR 18), or for one purpose (21; PIPL 44).

Keep out: withdrawn consents, which come from the sources. A purpose is struck out with a mark, in the lake's rows and in
rows to come; lifting takes the mark away. Of a member of staff the directory's rows are treated so; rows about others, or
of the house, stay as they are, and the key in them goes behind the mark: no figure and no row of staff is made of it.
"""

import duckdb

from orchestration.engine import literal
from orchestration.home import now
from orchestration.lake import rewrite as rewriting
from orchestration.lake.rewrite import Change
from orchestration.lake.store import Lake
from orchestration.privacy import subjects
from orchestration.privacy.marks import EVERY, MARK, bare


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
    if subjects.is_staff(con):
        return _of_staff(con, purpose, lift)
    change, concerned = _purposes(purpose, lift)
    return {
        kind: Change(becomes=change, concerns=f"({condition}) AND {concerned}")
        for kind, condition in subjects.reach(con).items()
        if kind not in ("consent", "deletion")
    }


def _purposes(purpose: str | None, lift: bool) -> tuple[dict[str, str], str]:
    """What becomes of the purposes of a row, and SQL of the rows that this changes."""
    meant = "true" if purpose is None else f"replace(p, '{MARK}', '') = {literal(purpose)}"
    if lift:
        hit, becomes = f"starts_with(p, '{MARK}') AND {meant}", f"substr(p, {len(MARK) + 1})"
    else:
        hit, becomes = f"NOT starts_with(p, '{MARK}') AND {meant}", f"'{MARK}' || p"
    change = {"purposes": f"list_transform(purposes, lambda p: CASE WHEN {hit} THEN {becomes} ELSE p END)"}
    return change, f"len(list_filter(purposes, lambda p: {hit})) > 0"


def _of_staff(con: duckdb.DuckDBPyConnection, purpose: str | None, lift: bool) -> dict[str, Change]:
    """The same of a member of staff; a key stays behind its mark while another word of theirs stands."""
    conditions = subjects.reach(con)
    change, concerned = _purposes(purpose, lift)
    found = {"agent": Change(becomes=change, concerns=f"({conditions['agent']}) AND {concerned}")}
    others = con.execute(
        "SELECT count(*) FROM vault.restriction WHERE subject_id IN (FROM _person) AND purpose <> ?", [purpose or EVERY]
    ).fetchone()
    if lift and others and others[0]:
        return found
    marked = f"starts_with(agent_key, '{MARK}')"
    becomes = {"agent_key": bare("agent_key") if lift else f"'{MARK}' || agent_key"}
    for kind in subjects.staff_kinds():
        if kind != "agent":
            found[kind] = Change(
                becomes=becomes, concerns=f"({conditions[kind]}) AND {marked if lift else f'NOT {marked}'}"
            )
    return found
