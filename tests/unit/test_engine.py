"""Every connection of the house: spills encrypted, no query log, no unsafe library. Keep out: what is asked on it."""

from pathlib import Path

import duckdb
import pytest

from orchestration.engine import connect, prepare
from orchestration.errors import VoicehouseError


def test_a_connection_spills_encrypted_and_writes_no_query_down(tmp_path: Path) -> None:
    con = connect(tmp_path / "tmp")
    settings = dict(con.execute("SELECT name, value FROM duckdb_settings()").fetchall())
    assert settings["temp_file_encryption"] in ("true", "1")
    assert settings["temp_directory"] == str(tmp_path / "tmp")
    assert settings["enable_logging"] in ("false", "0") and settings["log_query_path"] == ""
    assert settings["autoinstall_known_extensions"] in ("false", "0")
    assert (tmp_path / "tmp").stat().st_mode & 0o077 == 0


def test_an_unsafe_encryption_library_is_refused(tmp_path: Path) -> None:
    con = duckdb.connect()
    prepare(con, tmp_path / "tmp")  # the control
    con.execute("SET force_mbedtls_unsafe = true")
    with pytest.raises(VoicehouseError, match="unsafe encryption library"):
        prepare(con, tmp_path / "tmp")


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="asks Linux what the process has mapped")
def test_homes_share_one_copy_of_the_encryption_library(tmp_path: Path) -> None:
    """Two hundred copies in one process use up its thread keys, and then nothing can be encrypted any more."""
    for home in ("one", "two"):
        connect(tmp_path / home / "tmp").close()
    mapped = {line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines() if "httpfs" in line}
    assert len(mapped) == 1 and not any(str(tmp_path) in path for path in mapped)
    assert not list(tmp_path.rglob("*.duckdb_extension"))
