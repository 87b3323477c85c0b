"""The errors voicehouse raises itself: they say what to do and never carry a value of somebody's data.

Keep out: catching anything.
"""


class VoicehouseError(Exception):
    """A fault that a person can act on. The text names places and codes, never values."""


class HomeLockedError(VoicehouseError):
    """Another process is writing to the same home."""


class SourceError(VoicehouseError):
    """A source could not be read: an outcome of the run, not the end of it."""


class ContractError(VoicehouseError):
    """A source's SQL or settings break a contract."""


class KeyMissingError(VoicehouseError):
    """A key that should be there is not."""
