"""What a build of the models takes in: everything, or what no build has seen yet.

Keep out: deciding which (orchestration.modelling) and the models (dbt_project/).
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from orchestration.home import Home, write_durably


@dataclass(frozen=True)
class Increment:
    """What is new since the models were last built. Number 0: everything is, the build is full.

    known_before: loaded_at of the newest load that the last build knew. fresh: loads it did not know.
    Pseudonyms whose current subject is another than then, and the subjects they had and have, lie in remapped_file().
    """

    number: int = 0
    known_before: str | None = None
    fresh: tuple[str, ...] = ()


def note(home: Home, increment: Increment) -> None:
    """Tell the processes of a build what it takes in."""
    write_durably(_path(home), json.dumps(asdict(increment)).encode())


def noted(home: Home) -> Increment:
    """What the build under way takes in; everything when nothing was noted."""
    if not _path(home).exists():
        return Increment()
    raw = json.loads(_path(home).read_text())
    return Increment(raw["number"], raw["known_before"], tuple(raw["fresh"]))


def forget(home: Home) -> None:
    """Drop the note, once the build is over."""
    _path(home).unlink(missing_ok=True)
    remapped_file(home).unlink(missing_ok=True)


def remapped_file(home: Home) -> Path:
    """Where the pseudonyms lie, encrypted as the lake is."""
    return home.folder("dbt") / "remapped.parquet"


def _path(home: Home) -> Path:
    return home.folder("dbt") / "increment.json"
