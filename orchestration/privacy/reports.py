"""Privacy reports by their names: which there are, and of what publication each is.

Keep out: what they say (orchestration.serving.privacy_report).

A report bears the moment of its publication; one written when another of that publication was signed bears the moment
of its own writing, too. Nothing is written over what somebody signed.
"""

from datetime import UTC, datetime
from pathlib import Path

from orchestration.home import Home

PUBLISHED, WRITTEN = "%Y%m%dT%H%M%S", "%Y%m%dT%H%M%S%f"
SIGN_OFF = ".sign-off.json"


def every(home: Home) -> list[Path]:
    """The JSON of every report, by publication and then by when it was written."""
    found = home.folder("ops", "privacy").glob("*.json")
    return sorted((p for p in found if not p.name.endswith(SIGN_OFF)), key=lambda path: path.stem)


def published_at(path: Path) -> datetime:
    """When what a report is of was published, UTC, to the second."""
    return datetime.strptime(path.stem.partition("-")[0], PUBLISHED).replace(tzinfo=UTC)


def place(home: Home, published_at: datetime, written_at: datetime) -> Path:
    """Where the report of a publication goes: over its newest, or beside that where somebody signed it."""
    stem = f"{published_at:{PUBLISHED}}"
    of_publication = [p for p in every(home) if p.stem.partition("-")[0] == stem]
    path = of_publication[-1] if of_publication else home.folder("ops", "privacy") / f"{stem}.json"
    return path.with_name(f"{stem}-{written_at:{WRITTEN}}.json") if path.with_suffix(SIGN_OFF).exists() else path
