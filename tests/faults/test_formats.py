"""Every store says its format; one of another release is told with what to do, in every language.

Keep out: the home's folders and lock (test_home.py).
"""

import json
from pathlib import Path

import duckdb
import pytest

from orchestration import formats, messages, pipeline
from orchestration.doctor import examine
from orchestration.engine import connect, literal
from orchestration.errors import VoicehouseError
from orchestration.home import Home
from orchestration.lake.store import Lake
from orchestration.privacy.audit import check_published
from orchestration.privacy.disclosure import PROFILES
from orchestration.privacy.keys import Keyring
from orchestration.privacy.vault import open_vault
from orchestration.running import summary
from orchestration.serving.history import History
from orchestration.serving.report import write_report

NEWER, EARLIER = "of a newer release; this one reads .*: install the newer release", "of an earlier release"
# How the vault was laid out before the links between a person's identifiers were kept.
FORMAT_1 = """
CREATE TABLE vault.subject (
    subject_id VARCHAR, secret BLOB, number BIGINT, country VARCHAR, is_minor BOOLEAN, first_load VARCHAR);
CREATE TABLE vault.identity (
    subject_id VARCHAR, domain VARCHAR, index_hash VARCHAR, is_proving BOOLEAN, sealed BLOB, first_load VARCHAR);
CREATE TABLE vault.merge (
    from_subject VARCHAR, into_subject VARCHAR, merged_at TIMESTAMP, reason VARCHAR, load_id VARCHAR);
CREATE TABLE vault.generation (number BIGINT);
INSERT INTO vault.subject VALUES ('s1', 'k', 1, 'CN', false, 'l1');
INSERT INTO vault.generation VALUES (1);
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.open(tmp_path / "home")


def change_vault(home: Home, sql: str) -> Path:
    """Do something to the home's vault as only somebody with its key can."""
    path = home.folder("vault") / "vault.duckdb"
    with connect(home.temp) as con:
        key = Keyring(home).hex("vault")
        con.execute(f"ATTACH {literal(str(path))} AS vault (ENCRYPTION_KEY '{key}', ENCRYPTION_CIPHER 'GCM')")
        con.execute(sql)
        con.execute("DETACH vault")
    return path


def opened(home: Home, read_only: bool = False) -> None:
    con = connect(home.temp)
    try:
        with open_vault(con, home, Keyring(home), read_only=read_only):
            pass
    finally:
        con.close()


def serve(home: Home, columns: str) -> Path:
    """A served file that says this of itself."""
    path = home.serving / "kpi.duckdb"
    with duckdb.connect(str(path)) as con:
        con.execute(f"CREATE TABLE publication AS SELECT 'internal' AS profile{columns}")
        con.execute("CREATE TABLE kpi_values AS SELECT 'nps' AS metric_id, 3.0 AS value")
    return path


@pytest.mark.parametrize("store", formats.FORMATS)
def test_every_store_tells_of_another_release_what_to_do_in_every_language(
    store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = formats.FORMATS[store]
    formats.check(store, known)
    for found, words in ((known + 1, NEWER), (known - 1 or -1, EARLIER)):
        with pytest.raises(VoicehouseError, match=words) as error:
            formats.check(store, found)
        told = str(error.value)
        assert f"format {found}" in told and str(known) in told
        for language in set(messages.languages()) - {messages.DEFAULT}:
            monkeypatch.setenv("VOICEHOUSE_LANG", language)
            assert messages.translated(told) != told and str(found) in messages.translated(told)


@pytest.mark.parametrize("read_only", [True, False])
def test_a_vault_of_an_earlier_layout_is_told_and_left_as_it_is(home: Home, read_only: bool) -> None:
    path = change_vault(home, FORMAT_1)
    before = path.read_bytes()
    with pytest.raises(VoicehouseError, match="the vault is in format 1, .*`voicehouse vault reinit --role engineer`"):
        opened(home, read_only)
    assert path.read_bytes() == before


def test_a_vault_that_does_not_say_its_format_yet_opens_and_says_it_from_then_on(home: Home) -> None:
    opened(home)
    change_vault(home, "DROP TABLE vault.format")
    opened(home, read_only=True)
    opened(home)
    change_vault(home, "UPDATE vault.format SET number = number + 1")
    with pytest.raises(VoicehouseError, match="vault of the home is in format 3, " + NEWER):
        opened(home)
    assert [f.told for f in examine(home.root) if f.key == "doctor.format"] == [
        "vault of the home is in format 3, of a newer release; this one reads 2: install the newer release, or restore "
        "a backup made before it"
    ]


@pytest.mark.parametrize("folder", ["_commits", "_rewrites"])
def test_a_lake_with_a_commit_of_a_newer_release_is_not_read(home: Home, folder: str) -> None:
    Keyring(home)
    commit = {"format": 99, "load_id": "l", "loaded_at": "2026-01-01T00:00:00", "parts": [], "replaces": []}
    (home.folder("lake", folder) / "l.json").write_text(json.dumps(commit))
    with pytest.raises(VoicehouseError, match="lake of the home is in format 99"):
        Lake(home, "").part_entries("case")
    assert [f for f in examine(home.root) if f.key == "doctor.format"]


def test_a_history_of_a_newer_release_is_not_added_to(home: Home) -> None:
    (home.folder("published") / "format.json").write_text('{"format": 99}')
    with duckdb.connect() as con, pytest.raises(VoicehouseError, match="published of the home is in format 99"):
        History(con, home, PROFILES["internal"])


def test_a_run_of_a_newer_release_in_the_history_is_told(home: Home) -> None:
    (home.folder("ops") / "runs.jsonl").write_text('{"format": 99, "run_id": "r", "status": "succeeded"}\n')
    with pytest.raises(VoicehouseError, match="ops of the home is in format 99"):
        pipeline.run_history(home)


def test_what_an_earlier_release_served_stays_until_the_run_makes_it_anew(home: Home) -> None:
    path = serve(home, "")
    assert check_published(path) == {}
    assert pipeline.recheck_served(home, "r") == [] and path.exists()
    with pytest.raises(VoicehouseError, match="`voicehouse run` makes it anew"):
        summary(home, print)
    assert "written by an earlier release" in write_report(home).read_text(encoding="utf-8")


def test_a_served_file_that_cannot_be_read_keeps_nobody_from_looking_at_the_home(home: Home) -> None:
    Keyring(home)
    (home.serving / "kpi.duckdb").write_bytes(b"torn")
    assert "doctor.format" not in [f.key for f in examine(home.root)]


def test_what_an_earlier_release_served_goes_at_once_if_it_shows_persons(home: Home) -> None:
    path = serve(home, ", 'p1' AS subject_key")
    assert pipeline.recheck_served(home, "r") == ["personal_column:publication"] and not path.exists()


def test_what_a_newer_release_served_is_left_alone(home: Home) -> None:
    path = serve(home, ", 99 AS format")
    for read in (lambda: check_published(path), lambda: pipeline.recheck_served(home, "r"), lambda: write_report(home)):
        with pytest.raises(VoicehouseError, match="serving/kpi.duckdb of the home is in format 99, " + NEWER):
            read()
    assert path.exists()
