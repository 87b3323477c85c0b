"""What a master key opens in a home, whatever file it lies in. Keep out: assertions."""

import re

from orchestration.errors import KeyMissingError
from orchestration.home import Home
from orchestration.privacy.master import unwrap

WRAPPED = re.compile(rb"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{80}(?![A-Za-z0-9+/=])")  # 60 bytes: nonce, key, tag
BESIDE = ("erased", "master.old", "master.new")  # what is wrapped outside the ring


def opened(home: Home, master: bytes, purposes: list[str]) -> list[str]:
    """Files of a home with a key that the master key opens, one for each key."""
    found = []
    for path in sorted(p for p in home.root.rglob("*") if p.is_file()):
        for wrapped in WRAPPED.findall(path.read_bytes()):
            if any(_opens(master, purpose, wrapped.decode()) for purpose in (*purposes, *BESIDE)):
                found.append(str(path.relative_to(home.root)))
    return found


def _opens(master: bytes, purpose: str, wrapped: str) -> bool:
    try:
        return bool(unwrap([master], purpose, wrapped))
    except KeyMissingError:
        return False
