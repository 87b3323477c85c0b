"""The run history's databases are written without a wait at every commit, and left as they were found."""

from pathlib import Path

from sqlalchemy import NullPool, create_engine, text

from orchestration.unhurried import unhurried_history

NORMAL, FULL = 1, 2


def test_commits_do_not_wait_for_the_disk_and_nothing_is_left_open(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool)
    with engine.connect() as con:
        con.execute(text("PRAGMA journal_mode=WAL"))
        assert con.execute(text("PRAGMA synchronous")).scalar() == FULL
    with unhurried_history():
        with engine.begin() as con:
            assert con.execute(text("PRAGMA synchronous")).scalar() == NORMAL
            con.execute(text("CREATE TABLE runs (id INTEGER)"))
            con.execute(text("INSERT INTO runs VALUES (1)"))
        wal = path.with_name(path.name + "-wal")
        assert wal.exists() and wal.stat().st_size > 0  # no checkpoint was forced when the connection closed
    assert not wal.exists()
    with engine.connect() as con:
        assert con.execute(text("SELECT count(*) FROM runs")).scalar() == 1
        assert con.execute(text("PRAGMA synchronous")).scalar() == FULL


def test_one_connection_serves_all_events_and_one_beside_it_is_another(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'history.db'}"

    def connections() -> object:
        engine = create_engine(url, poolclass=NullPool)
        with engine.begin() as con:
            con.execute(text("CREATE TABLE IF NOT EXISTS runs (id INTEGER)"))
            con.execute(text("INSERT INTO runs VALUES (1)"))
            with create_engine(url, poolclass=NullPool).connect() as beside:
                return con.connection.dbapi_connection, beside.connection.dbapi_connection

    with unhurried_history():
        (first, beside), (again, _) = connections(), connections()
        assert first is again and beside is not first
    with create_engine(url).connect() as con:
        assert con.execute(text("SELECT count(*) FROM runs")).scalar() == 2
