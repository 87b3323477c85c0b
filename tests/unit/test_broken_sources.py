"""A source whose folder cannot be read is that source's failure alone, and everybody who looks is told.

Keep out: a run over it (tests/faults/test_source_down.py).
"""

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
from orchestration.sources.registry import discover
from tests.house import TestHouse, write_source


def not_toml(path: Path) -> None:
    path.write_text("purposes = [")


def not_utf8(path: Path) -> None:
    path.write_bytes('name_zh = "测试"'.encode("gb18030"))


def no_file(path: Path) -> None:
    """A link that leads nowhere: any user meets with an error, root too."""
    path.unlink()
    path.symlink_to("nowhere")


def other_type(path: Path) -> None:
    path.write_text(path.read_text().replace('purposes = ["service", "analytics"]', "purposes = 5"))


def unknown_kind(path: Path) -> None:
    (path.parent / "no_such_kind.sql").write_text("select 1")


FAULTS: tuple[tuple[Callable[[Path], None], str], ...] = (
    (not_toml, "source.toml cannot be read"),
    (not_utf8, "source.toml cannot be read: it is not in UTF-8"),
    (no_file, "source.toml cannot be read: No such file"),
    (other_type, "source.toml has a setting of another type than it should"),
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
