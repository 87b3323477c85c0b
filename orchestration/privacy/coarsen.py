"""Places that rows of before tell more exactly than the gate lets them by now: an earlier release cut less.

Keep out: how a place is cut (place.py), and the gate. What the gate cuts is not cut further by the same rules, so once
all rows have been gone through after a change of these, nothing is left to do.
"""

import json

import duckdb

from orchestration.engine import connect, identifier
from orchestration.home import Home, write_durably
from orchestration.lake import quarantine
from orchestration.lake import rewrite as rewriting
from orchestration.lake.rewrite import Change
from orchestration.lake.store import LAKE_KEY, Lake
from orchestration.privacy import place
from orchestration.privacy.audit_log import AuditLog
from orchestration.privacy.keys import Keyring
from orchestration.records import KINDS


def run(home: Home, keyring: Keyring) -> int:
    """Cut places in lake and quarantine as the gate does now; returns how many rows changed.

    Opens no file of the lake while the rules are those of the last time. The caller holds the home's lock.
    """
    noted = home.folder("ops") / "places.json"
    if noted.exists() and json.loads(noted.read_text())["rules"] == place.version():
        return 0
    lake = Lake(home, keyring.base64(LAKE_KEY))
    changed = 0
    con = connect(home.temp)
    try:
        quarantine.register(con, lake)
        wanted = _wanted(con)
        changed = sum(n for _, n in rewriting.count(con, lake, wanted).values())
        changed += sum(quarantine.change(con, lake, note, wanted, dry_run=True)[1] for note in quarantine.batches(home))
        if changed:
            AuditLog(home, keyring).append("retention", places=changed)
            home.remove_warehouse()
            rewriting.rewrite(con, lake, "retention", wanted, {"places": changed})
            for note in quarantine.batches(home):
                quarantine.change(con, lake, note, wanted)
    finally:
        con.close()
    write_durably(noted, json.dumps({"rules": place.version()}).encode())
    return changed


def _wanted(con: duckdb.DuckDBPyConnection) -> dict[str, Change]:
    """By kind its rows with a place that is told too exactly; each place of lake and quarantine is looked at once."""
    found = {}
    for kind, record in KINDS.items():
        for name in (f.name for f in record.fields if f.generalise == "region"):
            column, finer = identifier(name), identifier(f"_finer_{kind}")
            rows = " UNION ".join(f"SELECT {column} AS told FROM {s}.{identifier(kind)}" for s in ("lake", "waiting"))
            con.execute(f"CREATE OR REPLACE TEMP TABLE _told AS {rows}")
            con.execute(
                f"CREATE OR REPLACE TEMP TABLE {finer} AS "
                f"SELECT * FROM (SELECT told, {place.generalised_sql('told')} AS kept FROM _told) WHERE told <> kept"
            )
            row = con.execute(f"SELECT count(*) FROM {finer}").fetchone()
            if row and row[0]:
                found[kind] = Change(
                    becomes={name: "f.kept"},
                    concerns="f.kept IS NOT NULL",
                    beside=f"LEFT JOIN {finer} AS f ON f.told = r.{column}",
                )
    return found
