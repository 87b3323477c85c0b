"""Names of files: the keyed id that stands for one wherever something is kept, and the way back for a person.

Keep out: reading files. Real names go to the terminal of whoever started the run, and nowhere else.
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from orchestration.errors import SourceError
from orchestration.home import Home
from orchestration.privacy.keys import Keyring
from orchestration.sources.contract import Settings
from orchestration.sources.files import listed

ID = re.compile(r"\bfile ([0-9a-f]{24})\b")


def file_ids(keyring: Keyring, source: str) -> Callable[[str], str]:
    """The function that gives a file of a source its id: stable across loads, worth nothing without the key."""
    key = keyring.key("file_names")

    def file_id(name: str) -> str:
        return hmac.new(key, f"{source}\x1f{name}".encode(errors="replace"), hashlib.sha256).hexdigest()[:24]

    return file_id


def with_names(home: Home, keyring: Keyring, sources: Iterable[Settings], sentences: Sequence[str]) -> list[str]:
    """Sentences with the real name behind every file id in them, where the file still lies in the inbox."""
    wanted = {found for sentence in sentences for found in ID.findall(sentence)}
    real: dict[str, str] = {}
    for settings in sources if wanted else ():
        file_id = file_ids(keyring, settings.name)
        here = replace(settings, inbox=home.inbox)
        for stream in (s for s in settings.streams.values() if s.files):
            try:
                names = [name for name, _ in listed(here, stream)]
            except (SourceError, OSError):
                continue
            real |= {found: name for name in names if (found := file_id(name)) in wanted}

    def named(match: re.Match[str]) -> str:
        found = match[1]
        # A name is somebody's data: a line break in it must not forge a line of the terminal.
        return f"file {real[found]!r} ({found})" if found in real else match[0]

    return [ID.sub(named, sentence) for sentence in sentences]
