"""DuckDB connections as every step needs them: no network, no spills in the clear, UTC, bounded threads.

Keep out: SQL of any step.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from orchestration.errors import VoicehouseError, is_disk_full

MEMORY = "2GB"  # for DuckDB, whatever the machine has; what is more goes to encrypted files


def connect(temp: Path, database: str = ":memory:", memory_limit: str | None = None) -> duckdb.DuckDBPyConnection:
    """An in-process DuckDB; spills go to `temp`, encrypted.

    Raises VoicehouseError when the encryption library is missing or DuckDB would fall back to an unsafe one.
    """
    con = duckdb.connect(database)
    prepare(con, temp, memory_limit)
    return con


def prepare(con: duckdb.DuckDBPyConnection, temp: Path, memory_limit: str | None = None) -> None:
    """Bring a connection to the house's settings; the one place where they stand."""
    from duckdb_extensions import import_extension

    temp.mkdir(mode=0o700, parents=True, exist_ok=True)
    con.execute("SET autoinstall_known_extensions = false")
    con.execute("SET autoload_known_extensions = false")
    con.execute(f"SET extension_directory = {literal(str(temp.parent / 'extensions'))}")
    import_extension("httpfs", con=con)
    con.execute("LOAD httpfs")
    con.execute(f"SET temp_directory = {literal(str(temp))}")
    con.execute("SET temp_file_encryption = true")
    con.execute("SET TimeZone = 'UTC'")
    con.execute("SET preserve_insertion_order = true")
    con.execute(f"SET threads = {os.environ.get('VOICEHOUSE_THREADS') or min(os.cpu_count() or 2, 8)}")
    limit = os.environ.get("VOICEHOUSE_MEMORY_LIMIT") or memory_limit or MEMORY
    con.execute(f"SET memory_limit = {literal(limit)}")
    row = con.execute("SELECT value FROM duckdb_settings() WHERE name = 'force_mbedtls_unsafe'").fetchone()
    if row and row[0] not in ("false", "0", ""):
        raise VoicehouseError("DuckDB is set to its unsafe encryption library (force_mbedtls_unsafe): unset it")


@contextmanager
def told_when_full(step: str) -> Iterator[None]:
    """Say of a step that broke off because nothing more fits on the disk that it was this; the engine quotes paths.

    Raises VoicehouseError then; every other error as it is.
    """
    try:
        yield
    except (duckdb.Error, OSError) as error:
        if is_disk_full(error):
            raise VoicehouseError(f"{step} broke off, the disk is full: free space, then run again") from None
        raise


def forget_stillborn(path: Path) -> None:
    """Remove a database file that a full disk kept from even its three headers: it never held anything."""
    if path.exists() and path.stat().st_size < 3 * 4096:
        path.unlink()
        path.with_name(path.name + ".wal").unlink(missing_ok=True)


def literal(value: str) -> str:
    """A string as a SQL literal."""
    return "'" + value.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """A name as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'
