"""docs/operate.md: every command runs in a fresh clone, every finding and exit code is spoken of.

Keep out: what single commands do.
"""

import re
import tomllib
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from orchestration.alerts import Channels
from orchestration.errors import EXIT_CODES
from orchestration.home import Home, House
from orchestration.messages import catalogue
from tests.typed import is_mere_name, refusal

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "operate.md").read_text(encoding="utf-8")
PAGES = [DOCS.parent / "README.md", *sorted(DOCS.glob("*.md"))]


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


@pytest.mark.parametrize(("page", "table"), [("operate.md", "alerts"), ("bi.md", "postgres")])
def test_lines_for_house_toml_fit_under_the_table_that_init_writes(
    page: str, table: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (lines,) = re.findall(r"^```toml\n(.*?)^```$", (DOCS / page).read_text(encoding="utf-8"), re.M | re.S)
    home = Home.open(tmp_path)
    home.furnish(House())
    written = (tmp_path / "house.toml").read_text(encoding="utf-8")
    assert written.count(f"\n[{table}]\n") == 1
    (tmp_path / "house.toml").write_text(written.replace(f"[{table}]\n", f"[{table}]\n{lines}"), encoding="utf-8")
    assert getattr(home.told, table) == tomllib.loads(lines) != {}
    monkeypatch.setenv("VOICEHOUSE_ALERT_WEBHOOK", "https://hooks.example.org/1")
    monkeypatch.setenv("VOICEHOUSE_SMTP_PASSWORD", "made-up")
    assert bool(Channels.of(home).names) == (table == "alerts")


def test_the_transcript_shows_the_commands_of_the_page(script: ModuleType) -> None:
    shown = [line[2:] for line in script.TRANSCRIPT.read_text(encoding="utf-8").splitlines() if line.startswith("$ ")]
    assert shown == script.commands(), "run python docs/operate.py"


def quoted(page: str) -> set[str]:
    """The commands that a page gives to type, but for blocks marked sh, which are run.

    In a sentence a mere name only speaks of a command; under "what to do" it is what to type.
    """
    prose = re.sub(r"^ *```.*?^ *```$", "", page, flags=re.M | re.S)
    found = {" ".join(words.split()) for words in re.findall(r"`(voicehouse [^`]+)`", prose)}
    whole = {words for words in found if not is_mere_name(words)}
    for table in re.findall(r"^\|.*\| what to do \|\n((?:\|.*\n)+)", page, re.M):
        cells = " ".join(line.rpartition(" | ")[2] for line in table.splitlines())
        whole |= set(re.findall(r"`(voicehouse [^`]+)`", cells))
    for block in re.findall(r"^ *```text\n(.*?)^ *```$", page, re.M | re.S):
        whole |= {f"voicehouse {words}" for words in re.findall(TYPED, re.sub(r"\\\n *", "", block), re.M)}
    return whole


# In a shell: at the start of a line, by its path, or inside a container.
TYPED = r"(?:^ *|bin/|--entrypoint )voicehouse (?:code )?(.+)$"


def test_every_command_that_a_page_gives_to_type_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "1").mkdir()  # a folder, where one has to be there
    whole = {(path.name, words) for path in PAGES for words in quoted(path.read_text(encoding="utf-8"))}
    assert len(whole) > 25
    refused = {f"{page}: {words}: {why}" for page, words in whole if (why := refusal(words))}
    assert refused == set()


# What the doctor finds in the restored home, each time that the page asks it.
MASTER = ["the master key lies in the home"]
EXAMINED = [
    MASTER,
    ["open to others", "leftovers of dead processes: 1", "rehearsal (process 1) died", "keyring.json is gone"]
    + ["the inbox", "front_desk"],
    MASTER,
    ["vault/vault.duckdb is gone"],
    ["files missing in the lake: 1"],
    MASTER,
    ["there are two master keys"],
    ["its master key is not"],
    ["nothing to worry about"],
]


@pytest.mark.operate
@pytest.mark.slow
def test_every_command_runs_in_a_fresh_clone(script: ModuleType, tmp_path: Path) -> None:
    results = list(script.run(script.clone(tmp_path / "clone")))
    assert len(results) == len(script.commands()) > 20
    failed = [(command, code, printed[-500:]) for command, code, printed in results if code]
    assert not failed
    runs = [p for command, _, p in results if command.endswith("restored run")]
    assert "nothing new" in runs[0] and "nothing new" in runs[-1]  # cursors, lake and warehouse came back together
    refused = [p for command, _, p in results if "restored run ||" in command]
    for words, found in zip(("the vault is gone", "the lake lacks 1 of the files"), refused, strict=True):
        assert words in found and "exit code 1" in found, found
    examined = [p for command, _, p in results if "--home restored doctor" in command]
    for words, found in zip(EXAMINED, examined, strict=True):
        assert not [w for w in words if w not in found], found
        assert ("error " in found) == ("exit code 1" in found)
    quiet = "".join(printed for _, _, printed in results)
    assert "Traceback" not in quiet and "13800138000" not in quiet
