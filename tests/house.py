"""Small homes and sources for tests: settings written by hand, files dropped, one load taken through the gate.

Keep out: assertions.
"""

import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

from orchestration import modelling, pipeline
from orchestration.home import Home, House
from orchestration.lake.store import Lake
from orchestration.privacy.keys import Keyring
from orchestration.sources.contract import Settings, Window, read_settings

SOURCE = """
name_zh = "测试"
name_en = "Test"
timezone = "Asia/Shanghai"
purposes = ["service", "analytics"]
place = "CN"
vendor = {{ name = "test", role = "controller", agreement = "none needed" }}
[basis]
CN = "{cn}"
EU = "contract"
other = "contract"
[streams.{stream}]
files = "{stream}*"
format = "{format}"
columns = {columns}
"""

EXTRACT = '"""Files of the test."""\n\nfrom orchestration.sources.files import pages\n\n__all__ = ["pages"]\n'


def write_source(
    folder: Path,
    name: str,
    sql: Mapping[str, str],
    stream: str = "rows",
    format: str = "jsonl",
    columns: tuple[str, ...] = (),
    cn: str = "contract",
) -> Path:
    """A source folder with one stream and the given SQL per kind."""
    path = folder / name
    path.mkdir(parents=True, exist_ok=True)
    text = SOURCE.format(stream=stream, format=format, columns=list(columns), cn=cn)
    (path / "source.toml").write_text(text, encoding="utf-8")
    (path / "extract.py").write_text(EXTRACT)
    for kind, select in sql.items():
        (path / f"{kind}.sql").write_text(select)
    return path


def settings(tmp_path: Path) -> Settings:
    """Settings of some source."""
    return read_settings(write_source(tmp_path / "some", "some", {}))


def died(*_: object, **__: object) -> None:
    """Stands where a process dies."""
    raise KeyboardInterrupt


def copy_of(made: "TestHouse", folder: Path) -> "TestHouse":
    """A copy of a home that several tests begin with, for one of them to change."""
    shutil.copytree(made.home.root.parent, folder)
    house = TestHouse(folder)
    house.home.furnish(House((str(house.sources),), str(house.inbox), "UTC", "internal"), anew=True)
    return house


def emptied(folder: Path) -> "TestHouse":
    """An empty home where another stood, with its keys and what dbt parsed there.

    To parse the models takes a quarter of a build, and dbt parses anew for another place or other keys.
    """
    before = folder.with_name(f"{folder.name}.before")
    if folder.exists():
        folder.rename(before)
    for kept in (before / "home" / "keys", before / "home" / "dbt" / "target" / "partial_parse.msgpack"):
        if kept.exists():
            place = folder / kept.relative_to(before)
            place.parent.mkdir(parents=True, exist_ok=True)
            kept.rename(place)
    shutil.rmtree(before, ignore_errors=True)
    return TestHouse(folder)


class TestHouse:
    """A home with an inbox and a folder of sources of its own."""

    __test__ = False

    def __init__(self, tmp_path: Path):
        self.inbox = tmp_path / "inbox"
        self.sources = tmp_path / "sources"
        self.inbox.mkdir(parents=True, exist_ok=True)
        self.sources.mkdir(parents=True, exist_ok=True)
        self.home = Home.open(tmp_path / "home")
        self.home.furnish(House((str(self.sources),), str(self.inbox), "UTC", "internal"))
        self.keyring = Keyring(self.home)

    def drop(self, name: str, content: str | bytes) -> None:
        """Put a file into the inbox."""
        data = content.encode() if isinstance(content, str) else content
        path = self.inbox / name
        path.write_bytes(data)
        # Written a while ago: nobody is still copying it.
        os.utime(path, ns=(time.time_ns() - 3600 * 10**9,) * 2)

    def take(self, *names: str) -> list[pipeline.BatchVerdict]:
        """Extract, guard, audit and commit; sources in the order named (default: as found)."""
        found = pipeline.sources(self.home)
        for name in names or found:
            pipeline.extract(self.home, self.keyring, found[name], Window(), "test")
            pipeline.guard_source(self.home, self.keyring, found[name], "test")
        verdicts = pipeline.load_staged(self.home, self.keyring)
        if pipeline.revisit(self.home, self.keyring, "test"):
            verdicts += pipeline.load_staged(self.home, self.keyring)
        return verdicts

    def build(self) -> modelling.Build:
        """Build the models as a run does, without their tests."""
        with modelling.building(self.home, self.keyring) as build:
            modelling.run(self.home, build.arguments("test"), modelling.environment(self.home, self.keyring))
        return build

    def rows(self, sql: str) -> list[tuple]:
        """Rows of the committed lake (`lake.<kind>`)."""
        from orchestration.engine import connect

        con = connect(self.home.temp)
        try:
            Lake(self.home, self.keyring.base64("lake")).register(con)
            return con.execute(sql).fetchall()
        finally:
            con.close()

    def ledger(self) -> dict[tuple[str, str, str], int]:
        """(name, measure, reason) → n over all loads."""
        found: dict[tuple[str, str, str], int] = {}
        for line in Lake(self.home, self.keyring.base64("lake")).ledger_rows():
            key = (line["name"], line["measure"], line["reason"] or "")
            found[key] = found.get(key, 0) + line["n"]
        return found
