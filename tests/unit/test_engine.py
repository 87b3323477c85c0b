"""Every connection of the house: spills encrypted, no query log, no unsafe library. Keep out: what is asked on it."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from orchestration import engine
from orchestration.engine import connect, open_read_only, prepare, sweep_spills
from orchestration.errors import VoicehouseError
from tests.bench import serving_measure

ROOT = Path(__file__).parents[2]
SUM = "SELECT sum(a), sum(b), count(*) FROM many"


def test_a_connection_spills_encrypted_and_writes_no_query_down(tmp_path: Path) -> None:
    con = connect(tmp_path / "tmp")
    settings = dict(con.execute("SELECT name, value FROM duckdb_settings()").fetchall())
    assert settings["temp_file_encryption"] in ("true", "1")
    assert Path(settings["temp_directory"]).parent == tmp_path / "tmp"
    assert settings["enable_logging"] in ("false", "0") and settings["log_query_path"] == ""
    assert settings["autoinstall_known_extensions"] in ("false", "0")
    assert (tmp_path / "tmp").stat().st_mode & 0o077 == 0


def test_an_extension_is_proved_once_and_nothing_unproved_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    con = connect(tmp_path / "tmp")
    with pytest.raises(duckdb.Error, match="while database is running"):
        con.execute("SET allow_unsigned_extensions = true")
    own = engine._extension("httpfs")
    kept = own.read_bytes()
    monkeypatch.setattr(engine, "_extension", lambda package: tmp_path / own.name)

    def lies_there(content: bytes) -> None:
        (tmp_path / "draft").write_bytes(content)
        (tmp_path / "draft").rename(tmp_path / own.name)

    lies_there(bytes([kept[0] ^ 1]) + kept[1:])
    for _ in range(2):  # what was refused is not taken for proved
        with pytest.raises(duckdb.Error, match="signature"):
            connect(tmp_path / "tmp")
    lies_there(kept)
    assert connect(tmp_path / "tmp")
    lies_there(kept[:-1] + bytes([kept[-1] ^ 1]))  # another file by the same name is looked at anew
    with pytest.raises(duckdb.Error, match="signature"):
        connect(tmp_path / "tmp")


@pytest.mark.parametrize(
    ("memory", "threads"), [("60MB", 1), ("150MB", 1), ("300MB", 2), ("1GB", 8), ("2GB", 8), ("1TB", 8)]
)
def test_no_more_threads_than_the_memory_carries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, memory: str, threads: int
) -> None:
    monkeypatch.delenv("VOICEHOUSE_THREADS", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setenv("VOICEHOUSE_MEMORY_LIMIT", memory)
    assert connect(tmp_path / "tmp").execute("SELECT current_setting('threads')").fetchone() == (threads,)
    monkeypatch.setenv("VOICEHOUSE_THREADS", "3")
    assert connect(tmp_path / "tmp").execute("SELECT current_setting('threads')").fetchone() == (3,)


def test_an_unsafe_encryption_library_is_refused(tmp_path: Path) -> None:
    con = duckdb.connect()
    prepare(con, tmp_path / "tmp")  # the control
    con.execute("SET force_mbedtls_unsafe = true")
    with pytest.raises(VoicehouseError, match="unsafe encryption library"):
        prepare(con, tmp_path / "tmp")


def test_connections_that_spill_at_once_keep_out_of_each_others_files(tmp_path: Path) -> None:
    """In one folder the second is not even opened; were it, both would write to files of the same names."""

    def spilling(seed: int) -> tuple[duckdb.DuckDBPyConnection, tuple[int, ...] | None]:
        con = connect(tmp_path / "tmp", memory_limit="40MB")
        con.execute(f"CREATE TEMP TABLE many AS SELECT hash(range + {seed}) AS a, hash(range) AS b FROM range(4000000)")
        return con, con.execute(SUM).fetchone()

    first, of_first = spilling(1)
    second, of_second = spilling(2)
    spills = list((tmp_path / "tmp").glob("*/*"))
    assert len({p.parent for p in spills}) == 2  # the control: both did spill
    assert second.execute(SUM).fetchone() == of_second
    second.close()
    assert first.execute(SUM).fetchone() == of_first
    first.close()
    assert not list((tmp_path / "tmp").iterdir())


def test_spills_of_a_dead_process_are_swept_and_those_of_a_living_one_are_not(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    for pid in (dead.pid, os.getpid()):
        (tmp_path / f"spills-{pid}-aa").mkdir()
        (tmp_path / f"spills-{pid}-aa" / "duckdb_temp_storage_DEFAULT-0.tmp").touch()
    assert sweep_spills(tmp_path) == 1
    assert [p.name for p in tmp_path.iterdir()] == [f"spills-{os.getpid()}-aa"]


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="asks Linux what the process has mapped")
def test_readers_of_a_served_file_share_no_spills(tmp_path: Path) -> None:
    served = tmp_path / "kpi.duckdb"
    duckdb.connect(str(served)).close()
    told = "SELECT current_setting('temp_directory')"
    with duckdb.connect(str(served), read_only=True) as con:  # what DuckDB does by itself
        assert con.execute(told).fetchone() == (f"{served}.tmp",)
    for config in ({}, {"enable_external_access": "false"}):
        with open_read_only(served, **config) as con:
            assert con.execute(told).fetchone() == ("",)
    blocks = re.findall(r"```json\n(.*?)```", (ROOT / "docs" / "bi.md").read_text(), re.S)
    given = json.loads(blocks[0])["connect_args"]
    assert given == {"read_only": True, "config": serving_measure.SETTINGS}, "the bench reads as the page tells"
    with duckdb.connect(str(served), **given) as con:
        assert con.execute(told).fetchone() == ("",)


def test_homes_share_one_copy_of_the_encryption_library(tmp_path: Path) -> None:
    """Two hundred copies in one process use up its thread keys, and then nothing can be encrypted any more."""

    def mapped() -> set[str]:
        return {line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines() if "httpfs" in line}

    before = mapped()  # a test that opens files without the house's engine has DuckDB find its own
    for home in ("one", "two"):
        connect(tmp_path / home / "tmp").close()
    assert len(mapped() - before) <= 1 and not any(str(tmp_path) in path for path in mapped())
    assert not list(tmp_path.rglob("*.duckdb_extension"))


def test_a_result_larger_than_what_is_buffered_comes_to_its_end(tmp_path: Path) -> None:
    """Of two pipelines that both wait for the reader, DuckDB wakes neither: with its own setting this never returns."""
    asked = """
import sys
from pathlib import Path
from orchestration.engine import connect
con = connect(Path(sys.argv[1]) / "tmp")
con.execute("CREATE TEMP TABLE l AS SELECT i AS id, i % 1000000 AS o FROM range(4000000) t(i)")
con.execute("CREATE TEMP TABLE r AS SELECT i AS o FROM range(1000000) t(i)")
both = "SELECT id FROM l JOIN r ON l.o = r.o UNION ALL SELECT id FROM l JOIN r ON l.id = r.o"
for _ in range(3):
    print(len(con.execute(both).fetchnumpy()["id"]))
"""
    done = subprocess.run(
        [sys.executable, "-c", asked, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.split() == ["5000000"] * 3
