"""What dbt's connection needs: the house's engine settings, and the committed lake as schema `lake`.

Keep out: models. dbt-duckdb finds `Plugin` here by the name in profiles.yml; keys come from the environment of the
process that starts dbt and reach neither a file nor a log.
"""

import os
from datetime import datetime
from typing import Any

from dbt.adapters.duckdb.plugins import BasePlugin

from orchestration.engine import prepare
from orchestration.home import Home
from orchestration.lake.increment import noted
from orchestration.lake.store import Lake


class Plugin(BasePlugin):
    """Loads the lake into dbt's in-memory catalog (`memory.lake.<kind>`)."""

    def initialize(self, plugin_config: dict[str, Any]) -> None:
        self._known_at = os.environ.get("VOICEHOUSE_KNOWN_AT")
        self._home = os.environ["VOICEHOUSE_HOME"]
        self._key = plugin_config["lake_key"]

    def configure_connection(self, conn: Any) -> None:
        home = Home.open(self._home)
        prepare(conn, home.temp)
        known_at = datetime.fromisoformat(self._known_at) if self._known_at else None
        Lake(home, self._key, known_at).register(conn, increment=noted(home))
