"""A lake written by hand, load by load, behind the gate: for tests of what is made from it.

Keep out: assertions, and the gate.
"""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import duckdb
import pyarrow as pa

from orchestration import modelling
from orchestration.engine import connect, identifier, literal
from orchestration.home import Home
from orchestration.lake.store import LAKE_KEY, SUBJECTS_FILE, Lake
from orchestration.privacy.keys import Keyring
from tests.unit.protected_rows import rows

# dbt's words for what is built record by record; metric families and marts are made anew from it by every build.
ROW_LEVEL = ("--exclude", "path:models/marts/kpis", "int_metrics_*")

Versions = list[dict[str, str]]  # one row each: SQL by column


class ProtectedLake:
    """A home whose lake is committed by the test; its models are built by dbt itself."""

    def __init__(self, root: Path):
        self.home = Home.open(root)
        self.keyring = Keyring(self.home)

    def commit(self, load_id: str, source: str, loaded_at: str, given: Mapping[str, Versions], times: int = 1) -> None:
        """Commit one load: rows by kind; what a row does not say keeps the contract.

        Each so many times: its SQL tells them apart by `i`.
        """
        con = connect(self.home.temp)
        parts, ledger = [], []
        try:
            con.execute(f"PRAGMA add_parquet_key('{LAKE_KEY}', '{self.keyring.base64(LAKE_KEY)}')")
            lineage = {
                "source": literal(source),
                "load_id": literal(load_id),
                "loaded_at": f"timestamp '{loaded_at}'",
            }
            for kind, versions in given.items():
                table = pa.concat_tables([rows(kind, times, **{**_plain(kind), **v, **lineage}) for v in versions])
                con.register("batch", table)
                folder = self.home.folder("lake", kind, f"source={source}", f"load={load_id}")
                # what tells two versions with equal content apart
                con.execute(
                    f"COPY (SELECT * REPLACE (sha256(content_hash || {literal(load_id)}) AS content_hash) FROM batch) "
                    f"TO {literal(str(folder / 'part-0.parquet'))} "
                    f"(FORMAT parquet, ENCRYPTION_CONFIG {{footer_key: '{LAKE_KEY}'}})"
                )
                path = str((folder / "part-0.parquet").relative_to(self.home.lake))
                parts.append({"kind": kind, "path": path, "rows": table.num_rows})
                for measure in ("emitted", "staged", "promoted"):
                    ledger.append(
                        {"level": "rows", "name": kind, "measure": measure, "reason": None, "n": table.num_rows}
                    )
        finally:
            con.close()
        about = {
            "observed_until": None,
            "is_public_set": False,
            "timezone": "UTC",
            "name_zh": source,
            "name_en": source,
        }
        commit = {"load_id": load_id, "replay": 0, "source": source, "loaded_at": loaded_at, "about": about}
        path = self.home.folder("lake", "_commits") / f"{load_id}.json"
        path.write_text(json.dumps({**commit, "parts": parts, "ledger": ledger}))

    def subjects(self, given: Mapping[str, str | None], since: str) -> None:
        """Publish who goes on as whom since then (null: nobody); what was published before stays."""
        path = self.home.lake / SUBJECTS_FILE
        lake = Lake(self.home, self.keyring.base64(LAKE_KEY))
        con = connect(self.home.temp)
        try:
            lake.open_key(con)
            con.execute(f"CREATE TABLE published AS {lake.subjects_sql()}")
            for key, current in given.items():
                reason = "unmerge" if key == current else "merge"
                con.execute("INSERT INTO published VALUES (?, ?, ?, ?)", [key, current, since, reason])
            con.execute(
                f"COPY published TO {literal(str(path))} (FORMAT parquet, ENCRYPTION_CONFIG {{footer_key: '{LAKE_KEY}'}})"
            )
        finally:
            con.close()

    def build(self, *arguments: str) -> modelling.Build:
        """Build the models as a run does, without their tests."""
        with modelling.building(self.home, self.keyring) as build:
            done = subprocess.run(
                [
                    modelling.executable(),
                    *build.arguments("test"),
                    *arguments,
                ],
                env={**os.environ, **modelling.environment(self.home, self.keyring)},
                cwd=modelling.PROJECT,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stdout[-4000:]
        return build

    def attach(self, con: duckdb.DuckDBPyConnection, path: Path, alias: str) -> None:
        """Open a warehouse of this home for reading."""
        con.execute(
            f"ATTACH {literal(str(path))} AS {alias} "
            f"(READ_ONLY, ENCRYPTION_KEY '{self.keyring.hex('warehouse')}', ENCRYPTION_CIPHER 'GCM')"
        )


def differences(
    con: duckdb.DuckDBPyConnection, here: str, there: str, leave_out: tuple[str, ...] = ()
) -> dict[str, int]:
    """Tables of two warehouses that are not equal, with how many rows differ; floats by their last bits.

    A spread near nought is a root of last bits: hence a millionth.
    """
    found: dict[str, int] = {}
    names = [
        {(s, t) for s, t in con.execute(
            "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = ? AND schema_name <> 'main'", [c]
        ).fetchall() if t not in leave_out}
        for c in (here, there)
    ]  # fmt: skip
    found.update({f"{s}.{t}": -1 for s, t in names[0] ^ names[1]})
    for schema, table in sorted(names[0] & names[1]):
        columns = con.execute(f"DESCRIBE {here}.{schema}.{table}").fetchall()
        exact = [identifier(c) for c, kind, *_ in columns if kind != "DOUBLE" and c != "modelled_in"]
        floats = [identifier(c) for c, kind, *_ in columns if kind == "DOUBLE"]
        order = ", ".join([*exact, *(f"round({c}, 3)" for c in floats)])
        numbered = [
            f"(SELECT row_number() OVER (ORDER BY {order}) AS n, * FROM {catalog}.{schema}.{table})"
            for catalog in (here, there)
        ]
        same = [f"a.{c} IS NOT DISTINCT FROM b.{c}" for c in exact] + [
            f"(a.{c} IS NOT DISTINCT FROM b.{c} OR abs(a.{c} - b.{c}) <= 1e-6 * greatest(1, abs(a.{c})))"
            for c in floats
        ]
        unequal = con.execute(
            f"SELECT a, b FROM {numbered[0]} a FULL JOIN {numbered[1]} b USING (n) "
            f"WHERE a.n IS NULL OR b.n IS NULL OR NOT ({' AND '.join(same)})"
        ).fetchall()
        if unequal:
            found[f"{schema}.{table}"] = len(unequal)
            print(schema, table, *(f"{a}\n{b}" for a, b in unequal[:3]), sep="\n")  # pytest shows it where a test fails
    return found


def _plain(kind: str) -> dict[str, str]:
    """Rows of a person who gave no reason to hold anything back."""
    return {"basis": "'contract'", "retain_until": "timestamp '2030-01-01'"}


def case(name: str, version: int, subject: str, updated: str, opened: str, **more: str) -> dict[str, str]:
    """A case at one version, open since."""
    return {
        "case_key": f"'{name}'",
        "source_version": str(version),
        "subject_key": f"'{subject}'",
        "updated_at": f"timestamp '{updated}'",
        "opened_at": f"timestamp '{opened}'",
        "resolved_at": "null",
        "closed_at": "null",
        "status": "'open'",
        "content_hash": f"'{name}{version}'",
        **more,
    }


def review(name: str, subject: str, updated: str, **more: str) -> dict[str, str]:
    """A review of March 2025."""
    return {
        "review_key": f"'{name}'",
        "subject_key": f"'{subject}'",
        "updated_at": f"timestamp '{updated}'",
        "posted_at": "timestamp '2025-03-01'",
        "content_hash": f"'{name}'",
        **more,
    }


def answer(name: str, response: str, subject: str) -> dict[str, str]:
    """An answer of March 2025."""
    return {
        "answer_key": f"'{name}'",
        "response_key": f"'{response}'",
        "subject_key": f"'{subject}'",
        "answered_at": "timestamp '2025-03-01'",
        "updated_at": "timestamp '2025-03-01'",
        "content_hash": f"'{name}'",
    }


def consent(name: str, subject: str, action: str, given: str) -> dict[str, str]:
    """A grant or withdrawal."""
    return {
        "consent_key": f"'{name}'",
        "subject_key": f"'{subject}'",
        "purpose": "'analytics'",
        "action": f"'{action}'",
        "given_at": f"timestamp '{given}'",
        "content_hash": f"'{name}'",
    }


def deletion(name: str, kind: str, key: str, deleted: str, subject: str = "nobody") -> dict[str, str]:
    """A tombstone."""
    return {
        "deletion_key": f"'{name}'",
        "deleted_kind": f"'{kind}'",
        "deleted_key": f"'{key}'",
        "subject_key": f"'{subject}'",
        "deleted_at": f"timestamp '{deleted}'",
        "content_hash": f"'{name}'",
    }


def orders(subjects: str, basis: str = "contract") -> Versions:
    """Three purchases of each person, told by digit."""
    return [
        {
            "order_key": f"'o{s}{month}'",
            "subject_key": f"'p{s}'",
            "basis": f"'{basis}'",
            "order_type": "'purchase'",
            "amount": "10",
            "ordered_at": f"timestamp '2025-0{month}-10'",
            "updated_at": f"timestamp '2025-0{month}-10'",
            "content_hash": f"'o{s}{month}'",
        }
        for s in subjects
        for month in (1, 2, 5)
    ]
