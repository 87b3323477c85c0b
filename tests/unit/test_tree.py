"""The README describes what is there: its tree, its commands, its links and its example source."""

import re
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pytest
from click.testing import CliRunner

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(language):
    """Fenced blocks of the README, without their indent."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```$", README, re.M | re.S)
    return [re.sub(rf"^{indent}", "", text, flags=re.M) for indent, text in found]


def told():
    """Every path of the README's tree."""
    tree = next(b for b in blocks("") if b.startswith("README.md"))
    stack, found = [], []
    for line in tree.splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        names = re.split(r"\s{2,}", line.strip())
        entries = []
        for name in names:
            if not re.fullmatch(r"[\w./-]+", name):
                break
            entries.append(name)
        stack = stack[:depth]
        found += ["/".join([*stack, e]).replace("//", "/").rstrip("/") for e in entries]
        if len(entries) == 1 and entries[0].endswith("/"):
            stack.append(entries[0].rstrip("/"))
    return found


def test_every_path_of_the_tree_exists():
    missing = [p for p in told() if not (ROOT / p).exists()]
    assert not missing, f"the README tells of {', '.join(missing)}"


def test_tree_tells_of_every_folder_and_module_of_the_package():
    known = set(told())
    steps = {f"orchestration/defs/{p.name}" for p in (ROOT / "orchestration" / "defs").iterdir() if p.is_dir()}
    parts = {f"orchestration/{p.name}" for p in (ROOT / "orchestration").iterdir() if p.is_dir() or p.suffix == ".py"}
    built_in = {
        f"orchestration/sources/{p.parent.name}" for p in (ROOT / "orchestration" / "sources").glob("*/source.toml")
    }
    tests = {f"tests/{p.name}" for p in (ROOT / "tests").iterdir() if p.is_dir()}
    there = {p for p in steps | parts | built_in | tests if Path(p).name not in {"__pycache__", "__init__.py"}}
    assert not there - known, f"the README's tree leaves out {', '.join(sorted(there - known))}"


@pytest.mark.parametrize("folder", [".", "docs", "deploy", "dbt_project"])
def test_tree_tells_of_everything_in_a_folder_that_it_opens(folder):
    known = set(told())
    known |= {str(parent) for path in known for parent in Path(path).parents}
    not_kept = {line.strip("/") for line in (ROOT / ".gitignore").read_text().splitlines()}
    there = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / folder).iterdir()
        if not path.name.startswith(".") and not any(path.match(pattern) for pattern in not_kept if pattern)
    }
    assert there - known == set(), f"the README's tree leaves out {', '.join(sorted(there - known))}"


def test_every_make_target_of_the_docs_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    for path in DOCS:
        named = set(re.findall(r"(?:^|`)make ([a-z-]+)", path.read_text(encoding="utf-8"), re.M))
        assert named <= targets, f"{path.name} names targets that do not exist: {sorted(named - targets)}"


def test_every_voicehouse_command_of_the_docs_exists(monkeypatch, tmp_path):
    from orchestration.cli import main

    monkeypatch.setenv("VOICEHOUSE_HOME", str(tmp_path / "home"))

    for path in DOCS:
        text = " ".join(path.read_text(encoding="utf-8").split())
        for command in re.findall(r"`voicehouse ((?:[a-z]+(?:-[a-z]+)* ?)+)", text):
            result = CliRunner().invoke(main, [*command.split(), "--help"])
            assert result.exit_code == 0, f"{path.name}: voicehouse {command}"


def test_every_link_of_the_docs_leads_somewhere():
    for path in DOCS:
        for target in re.findall(r"\]\(([^)#]+)", path.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (path.parent / target).exists(), f"{path.name} links to {target}"


def test_picture_is_the_one_its_script_draws():
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location("flow", ROOT / "docs" / "flow.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (ROOT / "docs" / "flow.svg").read_text(encoding="utf-8") == module.draw(), "run python docs/flow.py"


@pytest.fixture
def example(tmp_path):
    """The README's example source as a folder."""
    folder = tmp_path / "front_desk"
    folder.mkdir()
    (folder / "source.toml").write_text(next(b for b in blocks("toml") if "streams" in b), encoding="utf-8")
    (folder / "extract.py").write_text(next(b for b in blocks("python")), encoding="utf-8")
    (folder / "survey_answer.sql").write_text(next(b for b in blocks("sql")), encoding="utf-8")
    return folder


def test_sources_add_writes_what_the_readme_shows(example, tmp_path):
    from orchestration.sources import scaffold

    scaffold.write(tmp_path / "added", example.name)
    for shown in example.iterdir():
        written = tmp_path / "added" / example.name / shown.name
        assert written.read_text(encoding="utf-8").strip() == shown.read_text(encoding="utf-8").strip()


def test_example_source_of_the_readme_works(example, tmp_path):
    from orchestration.engine import connect
    from orchestration.privacy.conform import conform
    from orchestration.privacy.scratch import scratch
    from orchestration.sources.contract import Page, read_settings
    from orchestration.sources.registry import extractor

    settings = read_settings(example)
    assert settings.kinds == ("survey_answer",)
    assert extractor(settings).__name__ == "pages"
    cards = pa.table(
        {
            "card_date": ["2026-01-05", "2026-01-05", "5 Jan"],
            "mood": ["满意", "so-so", "一般"],
            "phone": ["13800138000", None, None],
            "remark": ["快", None, None],
        },
        schema=pa.schema([(c, pa.string()) for c in ("card_date", "mood", "phone", "remark")]),
    )
    with connect(tmp_path / "tmp") as con, scratch(con, tmp_path / "tmp") as kept:
        result = conform(con, kept, settings, [Page("cards", cards, file="f1")], datetime(2026, 1, 6))
        rows = con.execute("select score, answered_at, person_phone from conformed_survey_answer").fetchall()
    assert rows == [(5.0, datetime(2026, 1, 4, 16, 0), "13800138000")]
    assert result.streams["cards"].read == 3
    assert result.streams["cards"].conformed == 1
