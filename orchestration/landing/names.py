"""Names of files: the keyed id that stands for one wherever something is kept, and the way back for a person.

Keep out: reading files. Real names go to the terminal of whoever started the run, and nowhere else.
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Iterable
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


def with_names(home: Home, keyring: Keyring, sources: Iterable[Settings], sentence: str) -> str:
    """A sentence with the real name behind every file id in it, where the file still lies in the inbox."""
    wanted = set(ID.findall(sentence))
    for settings in sources if wanted else ():
        file_id = file_ids(keyring, settings.name)
        here = replace(settings, inbox=home.inbox)
        for stream in (s for s in settings.streams.values() if s.files):
            try:
                names = [name for name, _ in listed(here, stream)]
            except (SourceError, OSError):
                continue
            for name in names:
                found = file_id(name)
                if found in wanted:
                    # A name is somebody's data: a line break in it must not forge a line of the terminal.
                    sentence = sentence.replace(f"file {found}", f"file {name!r} ({found})")
    return sentence
