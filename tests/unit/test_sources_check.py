"""`sources check` finds what would go wrong before anything is read; `sources add` writes a source that works.

Keep out: what sources mean.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from orchestration.cli import main
from tests.house import TestHouse, write_source

CASE = "select _record, raw ->> '$.id' as case_id, raw ->> '$.at' as opened_at from rows"


@pytest.fixture
def ask(house: TestHouse, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("VOICEHOUSE_HOME", str(house.home.root))

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(main, ["sources", *arguments])

    return invoke


def codes(result: Result, name: str) -> dict[str, str]:
    return {f["code"]: f["level"] for f in json.loads(result.stdout)[name]}


def test_a_new_source_passes_its_own_test_and_is_known_to_the_home(ask, house: TestHouse) -> None:
    done = ask("add", "front_desk")
    assert done.exit_code == 0, done.output
    folder = house.sources / "front_desk"
    tested = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert tested.returncode == 0, tested.stdout[-2000:]
    checked = ask("check", "front_desk", "--json")
    assert checked.exit_code == 0 and codes(checked, "front_desk")["on_fixtures"] == "note"
    assert "front_desk" in ask("list").output


def test_a_first_source_makes_its_folder_and_house_toml_names_it(ask, house: TestHouse, tmp_path: Path) -> None:
    done = ask("add", "front_desk", "--folder", str(tmp_path / "mine"))
    assert done.exit_code == 0 and str(tmp_path / "mine") in house.home.house.sources


@pytest.mark.parametrize("name", ["Front-Desk", "../x", "1st"])
def test_a_name_that_does_not_do_is_refused(ask, name: str) -> None:
    done = ask("add", name)
    assert done.exit_code == 1 and "is no name" in done.stderr


def test_a_name_that_is_taken_is_refused(ask, house: TestHouse) -> None:
    write_source(house.sources, "desk", {"case": CASE})
    assert ask("add", "desk").exit_code == 1


@pytest.mark.parametrize(
    ("setting", "instead", "words"),
    [
        ('timezone = "Asia/Shanghai"', 'timezone = "Asia/Peking"', "no IANA time zone"),
        ('CN = "contract"', 'CN = "legitimate_interests"', "no basis"),
        ('place = "CN"', "", "lacks 'place'"),
        ('format = "jsonl"', 'format = "xls"', "format is one of"),
        ('place = "CN"', 'place = "CN"\nretention_month = 3', "has no setting 'retention_month': it knows active"),
        ('role = "con', 'rolle = "con', "source.toml [vendor] has no setting 'rolle': it knows agreement, name, role"),
        ('place = "CN"', 'place = "CN"\noptions = { pages = 3 }', "desk: source.toml [options] has no setting 'pages'"),
        ('place = "CN"', 'place = "CN"\nexpected_every_hours = "daily"', "number of hours"),
    ],
)
def test_a_setting_that_is_wrong_is_named(ask, house: TestHouse, setting: str, instead: str, words: str) -> None:
    path = write_source(house.sources, "desk", {"case": CASE}) / "source.toml"
    assert setting in path.read_text()
    path.write_text(path.read_text().replace(setting, instead))
    done = ask("check", "desk")
    assert done.exit_code == 1 and words in done.stdout, done.output


def test_sql_that_does_not_run_is_named_with_its_file(ask, house: TestHouse) -> None:
    write_source(house.sources, "desk", {"case": CASE.replace("case_id", "no_such_field")})
    done = ask("check", "desk")
    assert done.exit_code == 1 and "desk/case.sql" in done.stdout


def test_extract_that_cannot_be_loaded_is_told_without_its_text(ask, house: TestHouse) -> None:
    folder = write_source(house.sources, "desk", {"case": CASE})
    (folder / "extract.py").write_text("import a_module_that_is_not_there_13800138000\n")
    done = ask("check", "desk")
    assert done.exit_code == 1 and "ModuleNotFoundError" in done.stdout and "13800138000" not in done.stdout


def test_files_that_no_glob_finds_and_purposes_nobody_pursues_are_told(ask, house: TestHouse) -> None:
    write_source(house.sources, "desk", {"case": CASE})
    assert codes(ask("check", "desk", "--json"), "desk")["no_files"] == "warning"
    # A home's own reference files are its choice.
    assert "no_files" not in codes(ask("check", "reference", "--json"), "reference")
    (house.home.root / "policy.toml").write_text('version = "1"\npurposes = ["research"]\n')
    done = ask("check", "desk", "--json")
    assert done.exit_code == 1 and codes(done, "desk")["no_purpose"] == "error"


def test_the_first_page_of_the_inbox_is_tried_and_no_value_is_told(ask, house: TestHouse) -> None:
    write_source(house.sources, "desk", {"case": CASE})
    house.drop("rows_1.jsonl", '{"id": "13800138000", "at": "2025-01-01"}\n{"id": "2", "at": "planted@example.org"}\n')
    done = ask("check", "desk", "--json")
    (told,) = [f for f in json.loads(done.stdout)["desk"] if f["code"] == "on_inbox"]
    assert told["values"]["rows"] == 1 and "unparsable:opened_at" in done.stdout
    assert "13800138000" not in done.output and "planted" not in done.output


def test_files_that_do_not_read_are_told_although_there_are_fixtures(ask, house: TestHouse) -> None:
    assert ask("add", "front_desk").exit_code == 0
    (house.inbox / "front_desk").mkdir()
    for n in range(300):
        house.drop(f"front_desk/junk_{n}.csv", b"\x00\xff\x13800138000" * 9 if n % 2 else "a,b\n1,2\n")
    house.drop("front_desk/a.csv", (house.sources / "front_desk/fixtures/front_desk/cards.csv").read_bytes())
    done = ask("check", "front_desk", "--json")
    told = {f["code"]: f for f in json.loads(done.stdout)["front_desk"]}
    assert told["unread"]["level"] == "warning" and told["unread"]["values"]["n"] == 4
    assert "13800138000" not in done.output and "junk" not in done.output
    assert {"on_fixtures", "on_inbox"} <= set(told)


def test_a_rejected_row_is_told_once(ask, house: TestHouse) -> None:
    assert ask("add", "front_desk").exit_code == 0
    told = [f["values"] for f in json.loads(ask("check", "front_desk", "--json").stdout)["front_desk"]]
    assert [v["reason"] for v in told if "reason" in v] == ["unparsable:score"]


def test_a_source_that_is_not_there_is_used_wrongly(ask) -> None:
    assert ask("check", "nowhere").exit_code == 2
