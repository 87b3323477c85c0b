"""A source whose folder cannot be read is that source's failure alone, and everybody who looks is told.

Keep out: a run over it (tests/faults/test_source_down.py).
"""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from click.testing import CliRunner

from orchestration import pipeline
from orchestration.cli import main
from orchestration.defs.resources import HouseResource
from orchestration.errors import ContractError
from orchestration.messages import translated
from orchestration.sources.contract import Window
from orchestration.sources.registry import discover
from tests.house import TestHouse, write_source
from tests.integration.test_gate import CASE, case, lines
from tests.integration.test_retention import object_to_analytics


def not_toml(path: Path) -> None:
    path.write_text("purposes = [")


def not_utf8(path: Path) -> None:
    path.write_bytes('name_zh = "测试"'.encode("gb18030"))


def no_file(path: Path) -> None:
    """A link that leads nowhere: any user meets with an error, root too."""
    path.unlink()
    path.symlink_to("nowhere")


def other_type(path: Path) -> None:
    path.write_text("retention_months = []\n" + path.read_text())


def text_for_a_list(path: Path) -> None:
    path.write_text(path.read_text().replace('purposes = ["service", "analytics"]', 'purposes = "service"'))


def text_for_columns(path: Path) -> None:
    path.write_text(path.read_text().replace("columns = []", 'columns = "a"'))


def text_for_a_table(path: Path) -> None:
    path.write_text(re.sub(r"\[basis\][^\[]*", "", "basis = 'consent'\n" + path.read_text()))


def unknown_setting_of_a_stream(path: Path) -> None:
    path.write_text(path.read_text().replace("columns = []", "column = []"))


def unknown_kind(path: Path) -> None:
    (path.parent / "no_such_kind.sql").write_text("select 1")


def unknown_option(folder: Path) -> None:
    toml = folder / "source.toml"
    toml.write_text(toml.read_text() + "[options]\nslip = 1\n")


FAULTS: tuple[tuple[Callable[[Path], None], str], ...] = (
    (not_toml, "source.toml cannot be read"),
    (not_utf8, "source.toml cannot be read: it is not in UTF-8"),
    (no_file, "source.toml cannot be read: No such file"),
    (other_type, "source.toml has a setting of another type than it should"),
    (text_for_a_list, 'source.toml: purposes is a list of names, such as ["one", "two"]'),
    (text_for_columns, 'source.toml [streams] [rows]: columns is a list of names, such as ["one", "two"]'),
    (text_for_a_table, "source.toml: basis is a table, [basis]"),
    (unknown_setting_of_a_stream, "source.toml [streams] [rows] has no setting 'column': it knows columns, encoding,"),
    (unknown_kind, "no record kind is called"),
)


@pytest.mark.parametrize(("fault", "told"), FAULTS, ids=lambda f: getattr(f, "__name__", ""))
def test_a_source_that_cannot_be_read_is_told_and_the_others_go_on(
    house: TestHouse, monkeypatch: pytest.MonkeyPatch, fault: Callable[[Path], None], told: str
) -> None:
    write_source(house.sources, "desk", {"case": "select 1"})
    fault(write_source(house.sources, "torn", {"case": "select 1"}) / "source.toml")
    assert "desk" in pipeline.sources(house.home) and "torn" not in pipeline.sources(house.home)
    (reason,) = pipeline.broken_sources(house.home).values()
    assert reason.startswith("torn: ") and told in reason and translated(reason, "zh") != reason
    for strict in (discover, pipeline.whole_sources):
        with pytest.raises(ContractError, match="torn: "):
            strict(house.home)
    monkeypatch.setenv("VOICEHOUSE_HOME", str(house.home.root))
    for command in (["status"], ["status", "--json"], ["doctor"], ["sources", "list"]):
        done = CliRunner().invoke(main, ["--home", str(house.home.root), *command])
        assert "torn: " in done.output, command
    asked = CliRunner().invoke(main, ["--home", str(house.home.root), "run", "--source", "torn"])
    assert asked.exit_code == 1 and "torn: " in asked.output


def test_a_run_that_was_asked_for_others_by_name_does_not_fail_for_a_broken_one(
    house: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOICEHOUSE_HOME", str(house.home.root))
    write_source(house.sources, "desk", {"case": "select 1"})
    not_toml(write_source(house.sources, "torn", {"case": "select 1"}) / "source.toml")
    for only, failed in ((["desk"], []), ([], ["torn"])):
        with HouseResource(only=only).yield_for_execution(dg.build_init_resource_context()):
            wrong = pipeline.conclude(house.home, "manual")
        last = pipeline.run_history(house.home)[-1]
        assert last["failed_sources"] == failed and len(wrong) == len(failed)
        assert last["status"] == ("failed" if failed else "succeeded") and "torn" in last["reasons"]


def test_pages_of_a_broken_source_that_expire_unread_are_told_as_lost(
    house: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOICEHOUSE_CLOCK", "2026-06-01T00:00:00Z")
    toml = write_source(house.sources, "torn", {"case": "select 1"}) / "source.toml"
    house.drop("rows.jsonl", lines(case(1, account="A1")))
    pipeline.extract(house.home, house.keyring, pipeline.sources(house.home)["torn"], Window(), "test")
    not_toml(toml)
    monkeypatch.setenv("VOICEHOUSE_CLOCK", "2026-06-16T00:00:00Z")
    assert pipeline.expire(house.home, house.keyring, "test")["pages"] == 1
    reason = pipeline.Outcomes(house.home, "test").failures["torn"]["reason"]
    assert "source.toml cannot be read" in reason and reason.endswith("before the gate could read them (1)")
    assert "已到期" in translated(reason, "zh") and "cannot be read" not in translated(reason, "zh")


def test_an_objection_is_followed_while_a_source_is_broken(house: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """In rows that turn out to be of who objected; and a look back made before does not outlast that."""
    write_source(house.sources, "desk", {"case": CASE})
    given = {"country": "DE", "at": "2026-05-01T00:00:00Z"}
    monkeypatch.setenv("VOICEHOUSE_CLOCK", "2026-06-01T00:00:00Z")
    house.drop("rows_1.jsonl", lines(case(1, email="zora@example.org", verified="true", **given)))
    house.take()
    house.drop("rows_2.jsonl", lines(case(2, account="A2", **given)))
    house.take()
    object_to_analytics(house, "desk:A2")
    both = case(3, account="A2", email="zora@example.org", verified="true", **given)
    house.drop("rows_3.jsonl", lines(both))  # one person by this
    house.take()
    used = "select count(*) from lake.case where list_contains(purposes, 'analytics')"
    assert house.rows(used) == [(1,)]  # the control
    not_toml(write_source(house.sources, "torn", {"case": "select 1"}) / "source.toml")
    pipeline.expire(house.home, house.keyring, "test")
    assert house.rows(used) == [(0,)]
    look_back = house.home.folder("known_at") / "2026-06-01T00-00-00.duckdb"
    look_back.write_bytes(b"made of rows that are struck out")
    os.utime(look_back, (0, 0))
    pipeline.expire(house.home, house.keyring, "test")
    assert not look_back.exists()


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (lambda folder: (folder / "extract.py").unlink(), "desk: extract.py is missing"),
        (unknown_option, "desk: source.toml [options] has no setting 'slip': it knows"),
    ],
    ids=["no_extract", "unknown_option"],
)
def test_what_is_wrong_with_a_source_that_is_asked_is_told_as_it_is_and_not_asked_again(
    house: TestHouse, fault: Callable[[Path], None], told: str
) -> None:
    fault(write_source(house.sources, "desk", {"case": CASE}))
    house.drop("rows.jsonl", lines(case(1, account="A1")))
    done = pipeline.extract(house.home, house.keyring, pipeline.sources(house.home)["desk"], Window(), "test", False)
    assert done.failure is not None and done.failure.startswith(told) and not done.is_transient
    assert pipeline.Outcomes(house.home, "test").failures["desk"]["reason"] == done.failure
    assert translated(done.failure, "zh") != done.failure


def test_a_broken_source_of_a_built_in_ones_name_does_not_bring_that_one_back(house: TestHouse) -> None:
    built_in = next(iter(discover(house.home, active_only=False)))
    not_toml(write_source(house.sources, built_in, {}) / "source.toml")
    assert built_in in pipeline.broken_sources(house.home)
    assert built_in not in discover(house.home, active_only=False, broken={})


def test_a_folder_that_this_user_may_not_enter_is_no_folder_that_is_not_there(
    house: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    torn = write_source(house.sources, "torn", {})

    def closed(real: Callable[..., Any]) -> Callable[..., Any]:
        def refuse(path: Path, *given: Any, **named: Any) -> Any:
            if path.parent == torn:
                raise PermissionError(13, "Permission denied", str(path))
            return real(path, *given, **named)

        return refuse

    for way in ("lstat", "read_text"):
        monkeypatch.setattr(Path, way, closed(getattr(Path, way)))
    assert pipeline.broken_sources(house.home)["torn"] == "torn: source.toml cannot be read: Permission denied"
