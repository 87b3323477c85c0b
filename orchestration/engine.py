"""DuckDB connections as every step needs them: no network, no spills in the clear, UTC, bounded threads.

Keep out: SQL of any step.
"""

import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from orchestration.errors import UsedWronglyError, VoicehouseError, is_disk_full

MEMORY = "2GB"  # for DuckDB, whatever the machine has; what is more goes to encrypted files
MIB_A_THREAD = 119  # 125 MB, the least that DuckDB names for a thread (Guides, Environment)


def open_read_only(path: Path, **config: str) -> duckdb.DuckDBPyConnection:
    """A finished DuckDB file to read from, by the engine's settings alone, but that nothing is spilled.

    Spills would go to a folder beside the file that all its readers share, and DuckDB names them alike in every
    process.
    DuckDB refuses the setting where it comes before `enable_external_access`.
    """
    con = duckdb.connect(str(path), read_only=True, config={**config, "temp_directory": ""})
    let_results_end(con)
    return con


def let_results_end(con: duckdb.DuckDBPyConnection) -> None:
    """Have results wait to be fetched without a limit.

    What does not fit its buffer blocks the tasks that make it, and DuckDB 1.5 does not always wake them again
    (duckdb/duckdb#22215): the query never ends. Results here are fetched whole, so that nothing is saved by the limit.
    """
    con.execute("SET streaming_buffer_size = '1TB'")


def connect(temp: Path, database: str = ":memory:", memory_limit: str | None = None) -> duckdb.DuckDBPyConnection:
    """An in-process DuckDB; spills go to a folder of its own below `temp`, encrypted.

    Raises VoicehouseError when the encryption library is missing or DuckDB would fall back to an unsafe one.
    """
    _prove(_extension("httpfs"))
    con = duckdb.connect(database, config={"allow_unsigned_extensions": "true"})
    prepare(con, temp, memory_limit)
    con.execute("SET allow_unsigned_extensions = false")  # from here on nothing unproved is loaded
    return con


def _prove(extension: Path) -> None:
    """Have DuckDB check the extension's signature, once a process for one and the same file: each takes 60 ms.

    Raises ImportError when the package is missing, duckdb.Error when the file is not DuckDB's own.
    """
    told = extension.stat() if extension.exists() else None
    _prove_once(extension, told and (told.st_ino, told.st_size, told.st_mtime_ns))


@cache
def _prove_once(extension: Path, _told: tuple[int, ...] | None) -> None:
    with duckdb.connect(config={"temp_directory": ""}) as con:
        _load(con, extension, extension.name.partition(".")[0])


def prepare(con: duckdb.DuckDBPyConnection, temp: Path, memory_limit: str | None = None) -> None:
    """Bring a connection to the house's settings; the one place where they stand.

    Raises UsedWronglyError for a variable that is no such setting.
    """
    temp.mkdir(mode=0o700, parents=True, exist_ok=True)
    con.execute("SET autoinstall_known_extensions = false")
    con.execute("SET autoload_known_extensions = false")
    load_extension(con, "httpfs")
    con.execute("SET temp_file_encryption = true")
    con.execute(f"SET temp_directory = {literal(str(_spills(temp)))}")
    let_results_end(con)
    con.execute("SET TimeZone = 'UTC'")
    con.execute("SET preserve_insertion_order = true")
    _limit(con, memory_limit or MEMORY)
    threads = os.environ.get("VOICEHOUSE_THREADS") or str(_threads(con))
    if not re.fullmatch("0*[1-9][0-9]{0,3}", threads):
        raise UsedWronglyError(f"VOICEHOUSE_THREADS is a whole number from 1 on, not '{threads}'")
    con.execute(f"SET threads = {int(threads)}")
    row = con.execute("SELECT value FROM duckdb_settings() WHERE name = 'force_mbedtls_unsafe'").fetchone()
    if row and row[0] not in ("false", "0", ""):
        raise VoicehouseError("DuckDB is set to its unsafe encryption library (force_mbedtls_unsafe): unset it")


def memory_share() -> float:
    """What a connection may take, as a multiple of MEMORY: 4.0 where VOICEHOUSE_MEMORY_LIMIT says 8GB."""
    with duckdb.connect(config={"temp_directory": ""}) as con:
        usual = _mib(con.execute(f"SET memory_limit = {literal(MEMORY)}"))
        _limit(con, MEMORY)
        return _mib(con) / usual


def _limit(con: duckdb.DuckDBPyConnection, usual: str) -> None:
    limit = os.environ.get("VOICEHOUSE_MEMORY_LIMIT") or usual
    try:
        con.execute(f"SET memory_limit = {literal(limit)}")
    except duckdb.Error:
        raise UsedWronglyError(f"VOICEHOUSE_MEMORY_LIMIT is a size such as 8GB, not '{limit}'") from None


def _threads(con: duckdb.DuckDBPyConnection) -> int:
    """As many threads as there are cores, up to 8, and as the connection's memory carries.

    Each holds blocks of its own that cannot be spilled: a statement runs out of memory where fewer threads would do.
    """
    return max(1, min(os.cpu_count() or 2, 8, int(_mib(con) / MIB_A_THREAD)))


def _mib(con: duckdb.DuckDBPyConnection) -> float:
    """A connection's memory in MiB."""
    told = str(con.execute("SELECT current_setting('memory_limit')").fetchall()[0][0])  # such as 143.0 MiB
    size, _, unit = told.partition(" ")
    return float(size) * {"MiB": 1, "GiB": 1 << 10, "TiB": 1 << 20, "PiB": 1 << 30}.get(unit, 0)


def _spills(temp: Path) -> Path:
    """Where one connection spills: DuckDB names spills alike everywhere, and two that share a folder overwrite theirs.

    DuckDB makes it with the first spill and removes it with the last use.
    """
    return temp / f"spills-{os.getpid()}-{secrets.token_hex(4)}"


def sweep_spills(temp: Path) -> int:
    """Delete spills of processes that are gone (their keys went with them); returns how many folders."""
    gone = [p for p in temp.glob("spills-*") if not _is_alive(int(p.name.split("-")[1]))]
    for folder in gone:
        shutil.rmtree(folder)
    return len(gone)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True


def load_extension(con: duckdb.DuckDBPyConnection, package: str, name: str | None = None) -> None:
    """Load one of DuckDB's extensions out of its package, from where pip put it; `name` where the package's differs.

    A copy by home would be loaded beside every other copy in a process, and each takes five of its 1,024 thread keys
    (POSIX, PTHREAD_KEYS_MAX) until OpenSSL finds none and nothing more can be encrypted.
    Raises ImportError when the package is missing, duckdb.Error when it is of another version of DuckDB.
    """
    _load(con, _extension(package), name or package)


def _extension(package: str) -> Path:
    folder = Path(str(files(f"duckdb_extension_{package}"))) / "extensions" / f"v{duckdb.__version__}"
    return folder / f"{package}.duckdb_extension"


def _load(con: duckdb.DuckDBPyConnection, extension: Path, name: str) -> None:
    with TemporaryDirectory() as links:  # DuckDB takes the name to enter by from the file's
        link = Path(links) / f"{name}.duckdb_extension"
        link.symlink_to(extension)
        con.execute(f"LOAD {literal(str(link))}")


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
