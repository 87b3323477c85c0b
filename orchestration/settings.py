"""Settings files of a home: reading them, and refusing keys that they do not have and values that cannot be meant.

Keep out: what the settings mean (home.py, privacy/policy.py) and those of sources (sources/contract.py).
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestration.errors import ContractError, VoicehouseError

NAMES = list  # a list of names: a text in its place would be taken for its letters
# Every key of a file: None for what whoever uses it checks, NAMES, `dict` for a table whose content is checked there, a
# table for a section; `*` stands for any name.
KEYS: dict[str, dict[str, Any]] = {
    "house.toml": {
        **dict.fromkeys(("inbox", "inbox_policy", "reporting_tz", "profile", "wait_for_sign_off")),
        "sources": NAMES,
        "alerts": dict,
        "postgres": {
            **dict.fromkeys(("schema", "team_schema", "place", "transfer")),
            "readers": NAMES,
            "handlers": {"*": NAMES},
            "vendor": dict.fromkeys(("name", "role", "agreement")),
        },
    },
    "policy.toml": {
        **dict.fromkeys(("version", "place")),
        **dict.fromkeys(("purposes", "blocked_sources", "name_models"), NAMES),
        **dict.fromkeys(("notices", "staff", "terms"), dict),
        "controller": dict.fromkeys(("name", "contact", "assessment")),
        "inbox": dict.fromkeys(("place", "transfer")),
        "recipients": {
            "*": {
                **dict.fromkeys(("role", "agreement", "place", "transfer")),
                **dict.fromkeys(("purposes", "sources", "laws"), NAMES),
            }
        },
        "requests": dict.fromkeys(("gdpr_months", "mainland_working_days")),
        "roles": dict.fromkeys(("engineer", "analyst", "handler", "compliance"), NAMES),
    },
}


def read_toml(path: Path) -> dict[str, Any]:
    """Settings of a home; none where there is no file.

    Raises VoicehouseError where it cannot be read. One without a byte is what a power cut leaves, never nobody's word:
    it would lift what the file restricts. Raises ContractError for a key that does not exist, or a text where a list or
    a table belongs: a slip of the pen would lift it too.
    """
    if not path.exists():
        return {}
    try:
        content = path.read_text(encoding="utf-8")
        if content:
            raw = tomllib.loads(content)
            refuse_unknown(raw, KEYS[path.name], path.name)
            refuse_other_types(raw, KEYS[path.name], path.name)
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
            if isinstance(below, Mapping):
                refuse_unknown(table, below, f"{where} [{key}]")


def refuse_other_types(given: Mapping[str, Any], known: Mapping[str, Any], where: str) -> None:
    """Raise ContractError for the first value that is no list of names, or no table, where `known` says it is one."""
    for key, value in given.items():
        below = known.get(key, known.get("*"))
        if below is NAMES and not (isinstance(value, list) and all(isinstance(name, str) for name in value)):
            raise ContractError(f'{where}: {key} is a list of names, such as ["one", "two"]')
        if (below is dict or isinstance(below, Mapping)) and not isinstance(value, dict):
            raise ContractError(f"{where}: {key} is a table, [{key}]")
        if isinstance(below, Mapping):
            refuse_other_types(value, below, f"{where} [{key}]")
