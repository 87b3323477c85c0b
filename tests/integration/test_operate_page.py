"""docs/operate.md: every command runs in an empty folder, every finding and exit code is spoken of.

Keep out: what single commands do.
"""

import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from orchestration.errors import EXIT_CODES
from orchestration.messages import catalogue

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "operate.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = spec_from_file_location("operate", DOCS / "operate.py")
    assert spec and spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_finding_of_the_doctor_has_a_line() -> None:
    told = {k.partition(".")[2] for k in catalogue("en") if k.startswith("doctor.")}
    findings = told - {"help", "is_error", "is_warning", "is_note", "well"}
    lines = set(re.findall(r"`(\w+)`", " ".join(re.findall(r"^\|([^|]+)\|", PAGE, re.M))))
    assert findings == lines


def test_exit_codes_of_the_page_are_those_of_the_code() -> None:
    rows = re.findall(r"^\| (\d+) \| (.+) \|$", PAGE, re.M)
    assert {int(code): words for code, words in rows} == EXIT_CODES


def test_the_transcript_shows_the_commands_of_the_page(script: ModuleType) -> None:
    shown = [line[2:] for line in script.TRANSCRIPT.read_text(encoding="utf-8").splitlines() if line.startswith("$ ")]
    assert shown == script.commands(), "run python docs/operate.py"


@pytest.mark.operate
@pytest.mark.slow
def test_every_command_runs_in_an_empty_folder(script: ModuleType, tmp_path: Path) -> None:
    results = list(script.run(tmp_path))
    assert len(results) == len(script.commands()) > 20
    failed = [(command, code, printed[-500:]) for command, code, printed in results if code]
    assert not failed
    last_run = next(printed for command, _, printed in reversed(results) if command.endswith("restored run"))
    assert "nothing new" in last_run  # cursors, lake and warehouse came back together
    quiet = "".join(printed for _, _, printed in results)
    assert "Traceback" not in quiet and "13800138000" not in quiet
