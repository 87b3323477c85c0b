"""What people read in the terminal: a catalogue per language, `<language>.toml`, and the choice between them.

Keep out: logs and what the report says (its own templates). English is the language of the code's own errors; the other
catalogues translate them under [errors], where `{}` stands for a name or a number, and what click says under [click].
"""

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

DEFAULT = "en"


@dataclass(frozen=True)
class Finding:
    """Something a person should know of. `level`: error, warning or note; `key`: its message; `values`: its places."""

    level: str
    key: str
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def told(self) -> str:
        """The message in the reader's language."""
        return text(self.key, **self.values)

    def as_row(self) -> dict[str, Any]:
        """For machines: the message's key is stable, its words are not."""
        return {"level": self.level, "code": self.key.partition(".")[2], "values": dict(self.values), "text": self.told}


def grain(period_grain: str) -> str:
    """A week or a month, in the reader's language."""
    return text({"week": "status.week", "month": "status.month"}[period_grain])


def languages() -> list[str]:
    """Every language there is a catalogue for."""
    return sorted(p.stem for p in Path(__file__).parent.glob("*.toml"))


def language() -> str:
    """VOICEHOUSE_LANG, else the locale's language, else English."""
    for name in ("VOICEHOUSE_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        given = os.environ.get(name)
        if given:
            found = re.split(r"[_.@-]", given.lower())[0]
            return found if found in languages() else DEFAULT
    return DEFAULT


@cache
def catalogue(language: str) -> dict[str, str]:
    """Messages of one language: 'section.key' → text; translated errors: 'errors.<English>' → text."""
    raw = tomllib.loads((Path(__file__).parent / f"{language}.toml").read_text(encoding="utf-8"))
    return {f"{section}.{key}": words for section, lines in raw.items() for key, words in lines.items()}


def text(key: str, **values: Any) -> str:
    """One message in the reader's language, its named places filled in."""
    return catalogue(language())[key].format(**values)


def of_click(words: str) -> str:
    """What click says of options and headings of help, in the reader's language."""
    return catalogue(language()).get(f"click.{words}", words)


def translated(message: str, into: str | None = None) -> str:
    """An error's or a proof's words in the reader's language, or `into` another.

    As they are when no catalogue knows them.
    What is filled in may be sentences of the catalogue itself, and so may what stands between `; `.
    """
    into = into or language()
    sentences = _sentences(message)
    if len(sentences) > 1:
        if whole := _matched(message, into, "; "):
            return whole
        told = [translated(s, into) for s in sentences]
        if all(t != s for t, s in zip(told, sentences, strict=True)):
            return "；".join(told)
    return _matched(message, into) or message


def _sentences(message: str) -> list[str]:
    """What stands between `; `, but for those in brackets: a reason in them may be sentences too."""
    found = [""]
    for part in message.split("; "):
        is_whole = found[-1].count("(") <= found[-1].count(")")
        found = [*found, part] if is_whole else [*found[:-1], f"{found[-1]}; {part}"]
    return found[1:]


def _matched(message: str, into: str, holding: str = "") -> str | None:
    """The message by the first pattern that fits it whole, of those whose own words hold something."""
    for pattern, words in _errors(into):
        found = pattern.fullmatch(message) if re.escape(holding) in pattern.pattern else None
        if found:
            return words.format(*(translated(given, into) for given in found.groups()))
    return None


@cache
def _errors(language: str) -> list[tuple[re.Pattern[str], str]]:
    """Patterns of the known errors, those with the longest fixed text first."""
    known = {k.removeprefix("errors."): w for k, w in catalogue(language).items() if k.startswith("errors.")}
    ordered = sorted(known, key=lambda k: -len(k.replace("{}", "")))
    return [(re.compile("(.*?)".join(re.escape(p) for p in k.split("{}")), re.DOTALL), known[k]) for k in ordered]
