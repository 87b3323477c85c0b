"""Running dbt on a home: its environment, its manifest, its command.

Keep out: models (dbt_project/). Keys travel in the environment of the dbt process alone.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from orchestration.errors import VoicehouseError
from orchestration.home import Home
from orchestration.privacy.keys import Keyring

PROJECT = Path(__file__).parents[1] / "dbt_project"


def environment(home: Home, keyring: Keyring | None = None, known_at: str | None = None) -> dict[str, str]:
    """Variables dbt needs; without a keyring enough for `dbt parse`."""
    found = {
        "VOICEHOUSE_HOME": str(home.root),
        "VOICEHOUSE_WAREHOUSE": str(home.warehouse),
        "DBT_PROJECT_DIR": str(PROJECT),
        "DBT_PROFILES_DIR": str(PROJECT),
        "DBT_TARGET_PATH": str(home.folder("dbt", "target")),
        "DBT_LOG_PATH": str(home.folder("dbt", "logs")),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DBT_VERSION_CHECK": "false",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(PROJECT.parent), os.environ.get("PYTHONPATH")])),
    }
    if keyring:
        found["DBT_ENV_SECRET_LAKE_KEY"] = keyring.base64("lake")
        found["DBT_ENV_SECRET_WAREHOUSE_KEY"] = keyring.hex("warehouse")
    if known_at:
        found["VOICEHOUSE_KNOWN_AT"] = known_at
    return found


def executable() -> str:
    """The dbt command of this very environment."""
    found = Path(sys.executable).parent / "dbt"
    if not found.exists():
        raise VoicehouseError("dbt is not installed beside this Python: run `make setup`")
    return str(found)


def variables(home: Home) -> dict[str, str]:
    """dbt's vars for this home."""
    return {"reporting_tz": home.house.reporting_tz}


def manifest(home: Home) -> Path:
    """dbt's manifest, made (or made anew) when a file of the project is newer."""
    path = home.folder("dbt", "target") / "manifest.json"
    newest = max(
        (p.stat().st_mtime for p in PROJECT.rglob("*") if p.suffix in (".sql", ".yml", ".md", ".csv")), default=0
    )
    if not path.exists() or path.stat().st_mtime < newest:
        run(home, ["parse"], environment(home))
    return path


def marts(home: Home) -> list[str]:
    """Names of the KPI marts, as dbt knows them."""
    nodes = json.loads(manifest(home).read_text())["nodes"].values()
    return sorted(n["name"] for n in nodes if n["resource_type"] == "model" and n["schema"] == "kpis")


def run(home: Home, arguments: list[str], env: Mapping[str, str]) -> None:
    """Run dbt and wait.

    Raises VoicehouseError with dbt's own last lines (names of models; dbt is shown no data).
    """
    done = subprocess.run(
        [executable(), *arguments],
        env={**os.environ, **env},
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        tail = "\n".join(done.stdout.strip().splitlines()[-25:])
        raise VoicehouseError(f"dbt {arguments[0]} failed:\n{tail}\n(the whole log: dbt/logs in the home)")
