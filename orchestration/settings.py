"""Settings files of a home: reading them, and refusing keys that they do not have.

Keep out: what the settings mean (home.py, privacy/policy.py) and those of sources (sources/contract.py).
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestration.errors import ContractError, VoicehouseError

# Every key of a file: None for what whoever uses it checks, a table for a section; `*` stands for any name.
KEYS: dict[str, dict[str, Any]] = {
    "house.toml": {
        **dict.fromkeys(("sources", "inbox", "inbox_policy", "reporting_tz", "profile", "wait_for_sign_off", "alerts")),
        "postgres": dict.fromkeys(("schema", "team_schema", "readers", "handlers", "place", "transfer")),
    },
    "policy.toml": {
        **dict.fromkeys(
            ("version", "purposes", "blocked_sources", "place", "name_models", "notices", "staff", "terms")
        ),
        "controller": dict.fromkeys(("name", "contact", "assessment")),
        "recipients": {"*": dict.fromkeys(("role", "agreement", "place", "transfer"))},
        "requests": dict.fromkeys(("gdpr_months", "mainland_working_days")),
        "roles": dict.fromkeys(("engineer", "analyst", "handler", "compliance")),
    },
}


def read_toml(path: Path) -> dict[str, Any]:
    """Settings of a home; none where there is no file.

    Raises VoicehouseError where it cannot be read. One without a byte is what a power cut leaves, never nobody's word:
    it would lift what the file restricts. Raises ContractError for a key that does not exist: a slip of the pen would
    lift it too.
    """
    if not path.exists():
        return {}
    try:
        content = path.read_text(encoding="utf-8")
        if content:
            raw = tomllib.loads(content)
            refuse_unknown(raw, KEYS[path.name], path.name)
            return raw
        wrong = "it is empty"
    except UnicodeDecodeError:
        wrong = "it is not in UTF-8"
    except tomllib.TOMLDecodeError as error:
        wrong = str(error)
    raise VoicehouseError(f"{path.name} cannot be read ({wrong}): mend it, or take it from a backup")


def refuse_unknown(given: Any, known: Mapping[str, Any], where: str) -> None:
    """Raise ContractError that names the first key which is none of `known`, where it stands and the keys there are."""
    for key, value in given.items() if isinstance(given, Mapping) else ():
        if key not in known and "*" not in known:
            raise ContractError(f"{where} has no setting '{key}': it knows {', '.join(sorted(known))}")
        below = known.get(key, known.get("*"))
        for table in value if isinstance(value, list) else [value]:
            if below is not None:
                refuse_unknown(table, below, f"{where} [{key}]")
