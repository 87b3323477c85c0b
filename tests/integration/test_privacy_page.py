"""docs/privacy.md: its ten tasks run as they stand, one command after another. Keep out: what each does to the data."""

import re
from pathlib import Path
from types import ModuleType

import dagster as dg
import pytest
from click.testing import CliRunner

from orchestration.cli import main
from orchestration.commands import privacy, reidentify, subject, vault
from orchestration.defs import incidents, operations, persons
from tests.integration.test_operate_page import script

__all__ = ["script"]

PAGE = Path(__file__).parents[2] / "docs" / "privacy.md"


@pytest.fixture
def page(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The runner of operate.md, on this page; commands of a list stand indented."""
    blocks = re.findall(r"^( *)```sh\n(.*?)^ *```$", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    lines = [line.strip() for _, block in blocks for line in block.splitlines() if line.strip()]
    monkeypatch.setattr(script, "commands", lambda: lines)
    return script


def test_ten_tasks_stand_on_the_page_and_every_command_there_exists(page: ModuleType) -> None:
    section = PAGE.read_text(encoding="utf-8").partition("## Operations, ten tasks")[2].partition("\n## ")[0]
    assert re.findall(r"^(\d+)\. \*\*", section, re.M) == [str(n) for n in range(1, 11)]
    asked = [line.split() for line in page.commands() if line.startswith("voicehouse ")]
    assert len(asked) > 15
    told = {tuple(words) for words in re.findall(r"`?voicehouse ([a-z]+) ([a-z-]+)", section)}
    for words in sorted(told):
        verbs = [w for w in words if w not in ("FILE",)]
        done = CliRunner().invoke(main, [*verbs, "--help"])
        assert done.exit_code == 0, verbs


def test_the_table_tells_every_job_its_configuration_and_the_command_it_does_the_same_as() -> None:
    table = PAGE.read_text(encoding="utf-8").partition("| command | job (op) | configuration |")[2].partition("\n\n")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]
    told, commands = {}, set()
    for command, job, config in rows:
        for words in re.findall(r"`voicehouse ([a-z -]+)`", command):
            assert CliRunner().invoke(main, [*words.split(), "--help"]).exit_code == 0, words
            commands.add(words)
        if not job.startswith("none"):
            name, op = re.findall(r"`(\w+)`", job)
            told[name] = (op, set(re.findall(r"`(\w+)`", config)))
    found = {}
    for job in dg.Definitions.merge(operations.defs(), persons.defs(), incidents.defs()).jobs or ():
        (node,) = job.nodes
        schema = node.definition.config_schema.as_field().config_type
        found[job.name] = (node.name, set(getattr(schema, "fields", None) or {}))
    assert told == found
    for group, members in (("subject", subject), ("privacy", privacy), ("reidentify", reidentify), ("vault", vault)):
        for verb in members.command.commands:
            known = f"{group} {verb}"
            assert any(known == c or c.startswith(f"{known} ") for c in commands), known


@pytest.mark.operate
@pytest.mark.timeout(3600)
@pytest.mark.slow
def test_every_task_runs_in_an_empty_folder(page: ModuleType, tmp_path: Path) -> None:
    results = list(page.run(tmp_path))
    assert [(command, code, printed[-400:]) for command, code, printed in results if code] == []
    printed = "".join(text for _, _, text in results)
    email = (tmp_path / "sample-truth" / "persons.csv").read_text(encoding="utf-8").splitlines()[1].split(",")[3]
    assert email not in printed and "Traceback" not in printed
    assert email in (tmp_path / "copy.json").read_text(encoding="utf-8")  # the control: it is her copy
