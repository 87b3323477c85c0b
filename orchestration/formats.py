"""Formats of what a home keeps: the number each store writes beside its content, and what to do when it is another.

Keep out: reading and writing a store. A number grows when a release could no longer read what an earlier one wrote;
what is only added (a column, a table, a key of a file) leaves it alone.
"""

import duckdb

from orchestration.errors import VoicehouseError

HOME, VAULT, LAKE, PUBLISHED, SERVED, OPS = "format.json", "vault", "lake", "published", "serving/kpi.duckdb", "ops"
FORMATS = {
    HOME: 1,
    VAULT: 2,  # 1: persons before their links were kept
    LAKE: 1,  # commit files, and what they list
    PUBLISHED: 1,
    # 1: before files said their format; 2: before ledgers told what is withheld; 3: with sizes of hidden cells in
    # registers; 4: with counts of all rows in the checks
    SERVED: 5,
    OPS: 1,  # runs.jsonl
}
# How runs end that say nothing of the data, for whoever asks about the last one that does.
QUIET_ENDS = ("nothing_new", "interrupted", "died", "partial")


def check(store: str, found: int | None) -> None:
    """Let a store pass that is in the format of this release.

    One that says none was written before stores did: format 1.
    Raises VoicehouseError that names the store and says what to do.
    """
    found, known = found or 1, FORMATS[store]
    if found > known:
        raise VoicehouseError(
            f"{store} of the home is in format {found}, of a newer release; this one reads {known}: install the newer "
            "release, or restore a backup made before it"
        )
    if found < known and store == VAULT:
        raise VoicehouseError(
            f"the vault is in format {found}, of an earlier release; this one reads {known}: go on with the earlier "
            "release, or move vault/vault.duckdb away and start one without the persons known so far: "
            "`voicehouse vault reinit --role engineer`"
        )
    if found < known and store == SERVED:
        raise VoicehouseError(
            f"what is served is in format {found}, of an earlier release; this one reads {known}: "
            "`voicehouse run` makes it anew"
        )
    if found < known:
        raise VoicehouseError(
            f"{store} of the home is in format {found}, of an earlier release; this one reads {known}: go on with the "
            "earlier release, or start a new home"
        )


def of_served(con: duckdb.DuckDBPyConnection) -> int | None:
    """The format that the published file behind a connection says it is in."""
    says = "SELECT 1 FROM duckdb_columns() WHERE table_name = 'publication' AND column_name = 'format'"
    row = con.execute("SELECT max(format) FROM publication").fetchone() if con.execute(says).fetchone() else None
    return row[0] if row else None


def is_served_by_earlier(con: duckdb.DuckDBPyConnection) -> bool:
    """Whether an earlier release wrote the published file behind a connection: it is not judged, but made anew.

    Raises VoicehouseError when a newer one did.
    """
    found = of_served(con) or 1
    if found >= FORMATS[SERVED]:
        check(SERVED, found)
    return found < FORMATS[SERVED]
