"""The errors voicehouse raises itself: they say what to do and never carry a value of somebody's data.

Keep out: catching anything. Their English words are translated in orchestration/messages/.
"""

import errno
from typing import ClassVar

EXIT_CODES = {
    0: "done",
    1: "the run, a check or the operation failed",
    2: "used wrongly: an unknown command, option or value",
    3: "another process is writing to the home",
    4: "a key is missing or does not fit",
    5: "the role does not allow it",
    130: "interrupted",
}


# What engines and the system's library say when nothing more fits on the disk.
FULL = ("No space left on device", "File too large", "Disk quota exceeded", "database or disk is full")


class VoicehouseError(Exception):
    """A fault that a person can act on. The text names places and codes, never values."""

    exit_code: ClassVar[int] = 1


class UsedWronglyError(VoicehouseError):
    """A command, option, variable or path that cannot be meant."""

    exit_code = 2


class HomeLockedError(VoicehouseError):
    """Another process is writing to the same home."""

    exit_code = 3


class SourceError(VoicehouseError):
    """A source could not be read: an outcome of the run, not the end of it."""


class TransientSourceError(SourceError):
    """A source could not be read just now: worth asking again in a while (no answer, too busy, its server broke)."""


class ContractError(VoicehouseError):
    """A source's SQL or settings break a contract."""


class KeyMissingError(VoicehouseError):
    """A key that should be there is not."""

    exit_code = 4


def kept(error: BaseException) -> str:
    """What the history may keep of an error: our own words; of a foreign one, which may quote data, its kind alone."""
    return str(error) if isinstance(error, VoicehouseError) else type(error).__name__


def is_disk_full(error: BaseException | None) -> bool:
    """Whether an error, or one that led to it, says that no more fits on the disk; engines say it in words."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            return True
        if any(words in str(error) for words in FULL):
            return True
        error = error.__cause__ or error.__context__
    return False


def is_out_of_memory(words: str) -> bool:
    """Whether the engine's words say that its memory was too little; dbt passes them on as text."""
    return "Out of Memory Error" in words
