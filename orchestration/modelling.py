"""Running dbt on a home: its environment, its manifest, its command; and how much of the models a build makes anew.

Keep out: models (dbt_project/). Keys travel in the environment of the dbt process alone.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import duckdb

from orchestration.engine import connect, forget_stillborn, identifier, literal, memory_share, told_when_full
from orchestration.errors import VoicehouseError, is_disk_full, is_out_of_memory
from orchestration.home import Home
from orchestration.lake import increment, metrics
from orchestration.lake.increment import Increment
from orchestration.lake.store import LAKE_KEY, Lake
from orchestration.privacy import policy
from orchestration.privacy.keys import Keyring

PROJECT = Path(__file__).parents[1] / "dbt_project"
# Rows of the lake beyond which two models at once need more than engine.MEMORY for the cells of their metrics.
ROWS_SIDE_BY_SIDE = 2_000_000
# What DuckDB says of a file whose headers, or what they point to, never came to the disk.
NEVER_WHOLE = ("not a valid DuckDB database file", "AES tag differs", "Could not read enough bytes")
# Rows of these kinds decide what rows of others come to, long models among them: new ones ask for a full build.
LEANT_ON = ("question", "calendar", "sla_policy")


def environment(home: Home, keyring: Keyring | None = None, known_at: str | None = None) -> dict[str, str]:
    """Variables dbt needs; without a keyring enough for `dbt parse`."""
    found = {
        "VOICEHOUSE_HOME": str(home.root),
        "VOICEHOUSE_WAREHOUSE": str(home.warehouse),
        "DBT_PROJECT_DIR": str(PROJECT),
        "DBT_PROFILES_DIR": str(PROJECT),
        "DBT_TARGET_PATH": str(home.folder("dbt", "target")),
        "DBT_LOG_PATH": str(home.folder("dbt", "logs")),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DBT_VERSION_CHECK": "false",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(PROJECT.parent), os.environ.get("PYTHONPATH")])),
    }
    if keyring:
        found["DBT_ENV_SECRET_LAKE_KEY"] = keyring.base64("lake")
        found["DBT_ENV_SECRET_WAREHOUSE_KEY"] = keyring.hex("warehouse")
    if known_at:
        found["VOICEHOUSE_KNOWN_AT"] = known_at
    return found


def executable() -> str:
    """The dbt command of this very environment."""
    found = Path(sys.executable).parent / "dbt"
    if not found.exists():
        raise VoicehouseError("dbt is not installed beside this Python: run `make setup`")
    return str(found)


def as_known_at(home: Home, keyring: Keyring, known_at: datetime) -> Path:
    """The exact marts as they were known at an instant (naive UTC).

    A closed file of their own, encrypted as the warehouse.
    Made in a scratch database that is gone afterwards; what is served and the warehouse stay as they are.
    Raises VoicehouseError when nothing was known yet.
    """
    lake = Lake(home, keyring.base64(LAKE_KEY), known_at)
    if not lake.commits:
        raise VoicehouseError("nothing was known then: the first load came later")
    marts_file = home.folder("known_at") / f"{known_at:%Y-%m-%dT%H-%M-%S}.duckdb"
    target = home.folder("dbt", "known_at")
    scratch = target / "warehouse.duckdb"
    scratch.unlink(missing_ok=True)
    increment.forget(home)
    try:
        run(
            home,
            Build(Increment(), "", lake.rows, variables(home)).arguments(),
            {
                **environment(home, keyring, known_at.isoformat()),
                "VOICEHOUSE_WAREHOUSE": str(scratch),
                "DBT_TARGET_PATH": str(target),
            },
        )
        marts_file.unlink(missing_ok=True)
        with _attached(lake, keyring, scratch, "wh") as con:
            con.execute(_attach_sql(keyring, marts_file, "marts"))
            names = con.execute(
                "SELECT table_name FROM duckdb_tables() WHERE database_name = 'wh' AND schema_name = 'kpis'"
            ).fetchall()
            for (name,) in names:
                con.execute(f"CREATE TABLE marts.{identifier(name)} AS FROM wh.kpis.{identifier(name)}")
            con.execute("DETACH marts")
        os.chmod(marts_file, 0o600)
    finally:
        shutil.rmtree(target, ignore_errors=True)
    return marts_file


def variables(home: Home) -> dict[str, str]:
    """dbt's vars for this home."""
    return {"reporting_tz": home.house.reporting_tz, "staff_purpose": policy.staff_purpose(home)}


def manifest(home: Home, keyring: Keyring | None = None) -> Path:
    """dbt's manifest, made (or made anew) when a file of the project is newer.

    A build need not parse again what was parsed with its variables and, given the keyring, its connection.
    """
    path = home.folder("dbt", "target") / "manifest.json"
    newest = max(
        (p.stat().st_mtime for p in PROJECT.rglob("*") if p.suffix in (".sql", ".yml", ".md", ".csv")), default=0
    )
    if not path.exists() or path.stat().st_mtime < newest:
        run(home, ["parse", "--vars", json.dumps(variables(home))], environment(home, keyring))
    return path


def marts(home: Home) -> list[str]:
    """Names of the KPI marts, as dbt knows them."""
    nodes = json.loads(manifest(home).read_text())["nodes"].values()
    return sorted(n["name"] for n in nodes if n["resource_type"] == "model" and n["schema"] == "kpis")


def run(home: Home, arguments: list[str], env: Mapping[str, str]) -> None:
    """Run dbt and wait.

    Raises VoicehouseError: where the engine ran, with the names of what failed; else with dbt's own last lines, which
    then speak of the project alone.
    """
    results = forget_results(Path(env["DBT_TARGET_PATH"]))
    done = subprocess.run(
        [executable(), *arguments],
        env={**os.environ, **env},
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        if is_disk_full(OSError(done.stdout)):
            raise VoicehouseError(f"dbt {arguments[0]} broke off, the disk is full: free space, then run again")
        if results.exists():
            raise VoicehouseError(_failed(results, "dbt/logs"))
        tail = "\n".join(done.stdout.strip().splitlines()[-25:])
        raise VoicehouseError(f"dbt {arguments[0]} failed:\n{tail}\n(the whole log: dbt/logs in the home)")


def forget_results(target: Path) -> Path:
    """Where dbt will write what became of each model; what an earlier build wrote there goes."""
    path = target / "run_results.json"
    path.unlink(missing_ok=True)
    return path


def check_built(results: Path, error: Exception | None) -> None:
    """Raise VoicehouseError for dbt's error, if there is one; its own words, the engine's too, may quote values."""
    if is_disk_full(error):
        raise VoicehouseError("dbt build broke off, the disk is full: free space, then run again")
    if error:
        raise VoicehouseError(_failed(results, "dbt/target/dbt.log"))


def _failed(results: Path, log: str) -> str:
    """What did not build, by name."""
    found = json.loads(results.read_bytes())["results"] if results.exists() else []
    failed = [r for r in found if r["status"] in ("error", "fail", "runtime error")]
    names = ", ".join(r["unique_id"].split(".")[2] for r in failed) or "its start"
    if any(is_out_of_memory(r.get("message") or "") for r in failed):
        return f"dbt build failed at {names} (memory is too little: raise VOICEHOUSE_MEMORY_LIMIT, then run again)"
    return f"dbt build failed at {names} (the whole log: {log} in the home)"


def _threads(rows: int) -> list[str]:
    """dbt's arguments for a lake of so many rows: of one that is large for the memory models are made one at a time."""
    return ["--threads", "1"] if rows > ROWS_SIDE_BY_SIDE * memory_share() else []


@dataclass(frozen=True)
class Build:
    """One build of the models: full, or of what is new."""

    increment: Increment
    why_full: str  # empty for an increment
    rows: int  # of the lake
    variables: Mapping[str, str]  # dbt's

    def arguments(self, *left_out: str) -> list[str]:
        """What dbt has to be told.

        `left_out`: types of its resources, besides unit tests, which prove models, not data.
        """
        command = ["build", "--exclude-resource-type", "unit_test", *left_out, "--vars", json.dumps(self.variables)]
        return [*command, *(["--full-refresh"] if self.why_full else []), *_threads(self.rows)]


@contextmanager
def building(home: Home, keyring: Keyring) -> Iterator[Build]:
    """Decide what a build takes in, let it happen, and write into the warehouse what it was built from.

    An increment needs a warehouse whose last build came to its end, from the same models, settings and policy, and a
    lake that has only grown since: a commit that is gone or a rewriting (erasure, withdrawal, retention,
    rotation) asks for a full build, and so does a build that broke off.
    """
    metrics.house_metrics(home)  # what does not fit is told before anything is built
    lake = Lake(home, keyring.base64(LAKE_KEY))
    state = _state(lake)
    increment.forget(home)
    _forget_never_whole(lake, keyring)
    why, taken = "there is no finished build to build on", Increment()
    if home.warehouse.exists():
        with _warehouse(lake, keyring) as con:
            row = _remembered(con)
            before: dict[str, Any] = json.loads(row[0]) if row else {}
            con.execute("DROP TABLE IF EXISTS wh.main.built")  # unknown, until this build has ended
            if before:
                why = _why_full(con, lake, before, state)
            if not why:
                taken = Increment(before["number"] + 1, before["known_at"], _fresh_loads(lake, before))
                _write_remapped(con, lake)
    increment.note(home, taken)
    state["number"] = taken.number
    try:
        yield Build(taken, why, lake.rows, variables(home))
    finally:
        increment.forget(home)
    with _warehouse(lake, keyring) as con:
        con.execute(f"CREATE OR REPLACE TABLE wh.main.subjects_then AS {_subjects_now(lake)}")
        con.execute("CREATE TABLE wh.main.built AS SELECT ?::VARCHAR AS state", [json.dumps(state)])


def _forget_never_whole(lake: Lake, keyring: Keyring) -> None:
    """Remove a warehouse that a full disk or a power cut kept from being one: all that it would hold is in the lake."""
    warehouse = lake.home.warehouse
    forget_stillborn(warehouse)
    if not warehouse.exists():
        return
    try:
        with _warehouse(lake, keyring):
            pass
    except duckdb.Error as error:
        if not any(words in str(error) for words in NEVER_WHOLE):
            raise
        warehouse.unlink()
        warehouse.with_name(warehouse.name + ".wal").unlink(missing_ok=True)


def _state(lake: Lake) -> dict[str, Any]:
    """What a build made now would be made from."""
    models = hashlib.sha256(version("dbt-core").encode())
    for path in sorted(p for p in PROJECT.rglob("*") if p.suffix in (".sql", ".yml", ".csv")):
        models.update(path.name.encode() + b"\x1f" + path.read_bytes())
    policy = lake.home.root / "policy.toml"
    return {
        "models": models.hexdigest(),
        "settings": variables(lake.home),
        "policy": hashlib.sha256(policy.read_bytes() if policy.exists() else b"").hexdigest(),
        "metrics": metrics.digest(lake.home),
        "commits": {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in _commit_files(lake)},
        # Packing files together changes no row.
        "rewrites": sorted(
            p.name for p in lake.home.folder("lake", "_rewrites").glob("*.json") if not p.stem.endswith("compaction")
        ),
        "known_at": max((c["loaded_at"] for c in lake.commits), default=None),
    }


def _commit_files(lake: Lake) -> list[Path]:
    return sorted(lake.home.folder("lake", "_commits").glob("*.json"))


def _remembered(con: duckdb.DuckDBPyConnection) -> tuple[str] | None:
    """What the warehouse was built from; None when its last build did not end."""
    there = con.execute(
        "SELECT 1 FROM duckdb_tables() WHERE database_name = 'wh' AND schema_name = 'main' AND table_name = 'built'"
    ).fetchone()
    found: tuple[str] | None = con.execute("SELECT state FROM wh.main.built").fetchone() if there else None
    return found


def _why_full(con: duckdb.DuckDBPyConnection, lake: Lake, before: dict[str, Any], state: dict[str, Any]) -> str:
    """Why what stands cannot be built on; empty when it can."""
    for name in ("models", "settings", "policy", "metrics"):
        if before.get(name) != state[name]:
            return f"the {name} changed"
    grown = all(state["commits"].get(name) == digest for name, digest in before["commits"].items())
    if not grown or before["rewrites"] != state["rewrites"]:
        return "the lake's past was rewritten"
    lost = f"SELECT subject_key FROM wh.main.subjects_then EXCEPT SELECT subject_key FROM ({_subjects_now(lake)})"
    if con.execute(f"{lost} LIMIT 1").fetchone():
        return "subjects are gone"
    fresh = set(_fresh_loads(lake, before))
    if any(p["kind"] in LEANT_ON for c in lake.commits if c["load_id"] in fresh for p in c["parts"]):
        return "there are new rows of a kind that others lean on"
    ended = " UNION ALL ".join(
        f"(SELECT 1 FROM ({lake.relation_sql(kind)}) WHERE retain_until >= $then::TIMESTAMP "
        "AND retain_until < $now::TIMESTAMP)"
        for kind in LEANT_ON
    )
    if con.execute(f"{ended} LIMIT 1", {"then": before["known_at"], "now": state["known_at"]}).fetchone():
        return "the term of rows that others lean on has ended"
    return ""


def _fresh_loads(lake: Lake, before: dict[str, Any]) -> tuple[str, ...]:
    """Loads with commits that the last build did not see."""
    fresh = [p for p in _commit_files(lake) if p.name not in before["commits"]]
    return tuple(sorted({json.loads(p.read_text())["load_id"] for p in fresh}))


def _subjects_now(lake: Lake) -> str:
    """A select of each pseudonym's current subject."""
    return (
        f"SELECT subject_key, current_subject_key FROM ({lake.subjects_sql()}) QUALIFY row_number() OVER "
        "(PARTITION BY subject_key ORDER BY valid_from DESC NULLS LAST, current_subject_key) = 1"
    )


def _write_remapped(con: duckdb.DuckDBPyConnection, lake: Lake) -> None:
    """Write down the pseudonyms whose current subject changed, with the subjects they had and have."""
    path = increment.remapped_file(lake.home)
    con.execute(
        f"""
        COPY (
            SELECT unnest([now.subject_key, now.current_subject_key, before.current_subject_key]) AS subject_key
            FROM ({_subjects_now(lake)}) AS now LEFT JOIN wh.main.subjects_then AS before USING (subject_key)
            WHERE before.subject_key IS NULL OR now.current_subject_key IS DISTINCT FROM before.current_subject_key
        ) TO {literal(str(path))} (FORMAT parquet, ENCRYPTION_CONFIG {{footer_key: '{LAKE_KEY}'}})
        """
    )
    os.chmod(path, 0o600)


def _warehouse(lake: Lake, keyring: Keyring) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
    """The warehouse, open for writing, as catalog `wh`; the lake's files can be read beside it."""
    return _attached(lake, keyring, lake.home.warehouse, "wh")


@contextmanager
def _attached(lake: Lake, keyring: Keyring, path: Path, alias: str) -> Iterator[duckdb.DuckDBPyConnection]:
    con = connect(lake.home.temp)
    try:
        with told_when_full("the build of the models"):
            lake.open_key(con)
            con.execute(_attach_sql(keyring, path, alias))
            yield con
            con.execute(f"DETACH {alias}")
    finally:
        con.close()


def _attach_sql(keyring: Keyring, path: Path, alias: str) -> str:
    key = keyring.hex("warehouse")
    return f"ATTACH {literal(str(path))} AS {alias} (ENCRYPTION_KEY '{key}', ENCRYPTION_CIPHER 'GCM')"
