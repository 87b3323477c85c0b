"""Every language says everything: the same keys, the same named places; the reader's language is chosen.

Keep out: what single messages say.
"""

import ast
import re
import string
from pathlib import Path

import pytest

from orchestration import errors, messages

PACKAGE = Path(messages.__file__).parents[1]


def places(words: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(words) if name}


def keyed(language: str) -> dict[str, str]:
    return {k: w for k, w in messages.catalogue(language).items() if not k.startswith("errors.")}


def test_every_language_has_the_same_keys_and_places() -> None:
    english = keyed("en")
    assert {"en", "zh"} <= set(messages.languages())
    for language in messages.languages():
        found = keyed(language)
        assert not set(english) ^ set(found), f"{language} differs in {sorted(set(english) ^ set(found))}"
        differing = [k for k in english if places(english[k]) != places(found[k])]
        assert not differing, f"{language}: other places in {differing}"


def test_every_message_that_is_asked_for_exists_and_every_message_is_asked_for() -> None:
    code = "\n".join(p.read_text(encoding="utf-8") for p in PACKAGE.rglob("*.py"))
    named = set(re.findall(r"""["']([a-z_]+\.[a-z_]+)["']""", code))
    asked = set(re.findall(r"""\btext\(\s*["']([a-z_]+\.[a-z_]+)["']""", code))
    known = set(keyed("en"))
    assert not asked - known, f"no catalogue has {sorted(asked - known)}"
    assert not known - named, f"nobody says {sorted(known - named)}"


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LANG": "en_US.UTF-8", "VOICEHOUSE_LANG": "zh"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "VOICEHOUSE_LANG": "en"}, "en"),
    ],
)
def test_the_language_is_the_chosen_one_else_the_locales(
    environment: dict[str, str], language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("VOICEHOUSE_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert messages.language() == language


def test_an_error_is_translated_with_its_names_and_an_unknown_one_told_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        messages, "_errors", lambda language: [(re.compile("there is no (.*?) in (.*?)"), "{1} 里没有 {0}")]
    )
    assert messages.translated("there is no a in b") == "b 里没有 a"
    assert messages.translated("there is none") == "there is none"


# Where a person meets errors first: the commands and what they call before any step runs.
MET = (
    "alerts",
    "backup",
    "commands",
    "home",
    "landing",
    "logs",
    "modelling",
    "pipeline",
    "running",
    "sources/contract",
)
MET_TOO = (
    "sources/registry",
    "sources/scaffold",
    "privacy/keys",
    "privacy/policy",
    "privacy/conform",
    "lake/quarantine",
)


def templates(node: ast.expr) -> str | None:
    """An error's words as the catalogues know them: `{}` for what is filled in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(v.value) if isinstance(v, ast.Constant) else "{}" for v in node.values)
    return None


def raised(path: Path) -> set[str]:
    """Every error of ours that a module raises."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and isinstance(node.exc.func, ast.Name):
            kind = getattr(errors, node.exc.func.id, None)
            if kind and node.exc.args and (words := templates(node.exc.args[0])):
                found.add(words)
    return {w for w in found if len(re.sub(r"\{\}|\W", "", w)) > 5}  # names alone need no translation


@pytest.mark.parametrize("language", [x for x in messages.languages() if x != messages.DEFAULT])
def test_errors_that_a_person_meets_are_translated(language: str) -> None:
    modules = [p for p in PACKAGE.rglob("*.py") if str(p.relative_to(PACKAGE)).startswith((*MET, *MET_TOO))]
    known = {k.removeprefix("errors.") for k in messages.catalogue(language) if k.startswith("errors.")}
    every = {words for path in modules for words in raised(path)}
    assert len(every) > 40
    assert not every - known, f"[errors] of {language}.toml lacks {sorted(every - known)}"


def test_a_translated_error_keeps_its_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICEHOUSE_LANG", "zh")
    told = messages.translated("run 1 (process 7, since noon) is writing to this home: wait for it to end")
    assert told == "run 1（进程 7，自 noon）正在写入这个家：请等待其结束"
    for words in (k.removeprefix("errors.") for k in messages.catalogue("zh") if k.startswith("errors.")):
        filled = words.replace("{}", "X")
        assert messages.translated(filled).count("X") == filled.count("X"), words
