"""Every language says everything: the same keys, the same named places; the reader's language is chosen.

Keep out: what single messages say.
"""

import re
import string
from pathlib import Path

import pytest

from orchestration import messages

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
