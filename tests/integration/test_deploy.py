"""What stands in deploy/: Dagster's history in a real PostgreSQL, and files that their linters take.

Keep out: building images.
"""

import configparser
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import yaml
from click.testing import CliRunner

from orchestration import pipeline
from orchestration.cli import main
from orchestration.defs.extract.assets import _asset as extract_asset
from orchestration.defs.guard.assets import _asset as guard_asset
from orchestration.defs.resources import HouseResource
from tests.house import TestHouse, write_source
from tests.postgres import Server

DEPLOY = Path(__file__).parents[2] / "deploy"
PAGE = (DEPLOY.parent / "docs" / "operate.md").read_text(encoding="utf-8")
PLANTED = "planted.person@example.org"
CASE = "select _record, raw ->> '$.id' as case_id, '2025-01-01' as opened_at, raw ->> '$.e' as person_email from rows"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    root = Path(tempfile.mkdtemp(prefix="pg"))  # short: a socket's path has at most 107 characters
    server = Server(root)
    yield server
    server.stop()
    shutil.rmtree(root)


@pytest.mark.servers
@pytest.mark.slow
def test_dagsters_history_lies_in_postgresql_without_anybodys_data(
    server: Server, house: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_source(house.sources, "desk", {"case": CASE})
    house.drop("rows_1.jsonl", f'{{"id": "1", "e": "{PLANTED}"}}\n')
    monkeypatch.setenv("VOICEHOUSE_HOME", str(house.home.root))
    monkeypatch.setenv("DAGSTER_PG_URL", server.address)
    folder = house.home.folder("dagster")
    shutil.copyfile(DEPLOY / "dagster.yaml", folder / "dagster.yaml")
    settings = pipeline.sources(house.home)["desk"]
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        result = dg.materialize(
            [extract_asset(settings), guard_asset(settings, [])],
            resources={"house": HouseResource()},
            instance=instance,
        )
        assert result.success
    with dg.DagsterInstance.from_config(str(folder)) as later:
        (run,) = later.get_runs()
        assert run.run_id == result.run_id and run.is_success
        assert later.get_latest_materialization_event(dg.AssetKey(["guard", "desk"])) is not None
    assert not list(folder.rglob("*.db"))  # nothing in SQLite
    dump = subprocess.run(
        ["pg_dump", "-h", str(server.root), "-U", "owner", "postgres"], capture_output=True, text=True, check=True
    ).stdout
    assert "guard__desk" in dump and PLANTED not in dump


def linted(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_container_file_passes_its_linter() -> None:
    linted(str(Path(sys.executable).parent / "hadolint"), str(DEPLOY / "Containerfile"))


def test_what_lies_beside_the_home_in_a_container_is_mounted() -> None:
    """The root is read-only: without a volume nobody could add a source there, or drop a file."""
    made = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    mounted = {mount.split(":")[1] for mount in made["services"]["code"]["volumes"]}
    assert mounted == {f"/home/voicehouse/{name}" for name in ("house", "inbox", "sources", "backups")}
    image = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
    assert all(folder in image for folder in mounted), "a volume is owned as the image's folder is"
    assert {f"/home/voicehouse/{name}" for name in re.findall(r"/home/voicehouse/(\w+)", PAGE)} <= mounted


def test_the_compose_file_fits_its_schema() -> None:
    tool = str(Path(sys.executable).parent / "check-jsonschema")
    linted(tool, "--builtin-schema", "vendor.compose-spec", str(DEPLOY / "compose.yaml"))


def unit(name: str, section: str) -> dict[str, str]:
    found = configparser.ConfigParser(strict=False, interpolation=None)
    found.optionxform = str
    found.read(DEPLOY / name)
    return dict(found[section])


def test_the_systemd_units_are_whole() -> None:
    for name, section, keys in (
        ("voicehouse.service", "Service", {"Type", "User", "ExecStartPre", "ExecStart", "UMask"}),
        ("voicehouse.timer", "Timer", {"OnCalendar", "Persistent"}),
        ("voicehouse-alerts.service", "Service", {"Type", "User", "ExecStart", "UMask"}),
        ("voicehouse-alerts.timer", "Timer", {"OnCalendar"}),
    ):
        assert keys <= set(unit(name, section)), name
        assert name in PAGE, name


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not on this machine")
    for path in DEPLOY.glob("voicehouse*.*"):
        text = path.read_text(encoding="utf-8").replace("/opt/voicehouse/.venv/bin/voicehouse", sys.executable)
        (tmp_path / path.name).write_text(text)
    units = sorted(str(p) for p in tmp_path.iterdir())
    assert len(units) == 4
    verify = ["systemd-analyze", "verify", "--man=no", "--generators=no"]
    done = subprocess.run([*verify, *units], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    (tmp_path / "voicehouse.timer").write_text("[Timer]\nOnCalendar=every night\n")  # the control
    done = subprocess.run([*verify, str(tmp_path / "voicehouse.timer")], capture_output=True, text=True, check=False)
    assert done.returncode or done.stderr


def test_alerts_are_sent_by_the_same_user_from_the_same_home_as_closed_in() -> None:
    nightly, alerts = unit("voicehouse.service", "Service"), unit("voicehouse-alerts.service", "Service")
    command = nightly.pop("ExecStart").removesuffix(" run")
    assert alerts.pop("ExecStart") == f"{command} alerts send"
    del nightly["ExecStartPre"]
    assert nightly == alerts


def test_the_nightly_unit_fails_until_the_pages_init_has_made_the_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`run` would make a home without sources, and end well every night."""
    monkeypatch.setenv("VOICEHOUSE_HOME", "elsewhere")  # init sets it for what it starts
    service = unit("voicehouse.service", "Service")
    before = shlex.split(service["ExecStartPre"].replace("/var/lib/voicehouse", str(tmp_path)))
    (init,) = re.findall(r"^sudo -u (\w+) (\S+) (.* init .*)$", PAGE.replace("\\\n", ""), re.M)
    assert init[:2] == (service["User"], service["ExecStart"].split()[0])
    assert subprocess.run(before, check=False).returncode == 1
    (tmp_path / "sources").mkdir()
    words = shlex.split(init[2].replace("/var/lib/voicehouse", str(tmp_path)))
    made = CliRunner().invoke(main, words)
    assert made.exit_code == 0, made.output
    assert subprocess.run(before, check=False).returncode == 0
    assert f"VOICEHOUSE_HOME={words[1]}" in service["Environment"].replace("/var/lib/voicehouse", str(tmp_path))


def test_what_the_container_copies_exists() -> None:
    root = DEPLOY.parent
    for line in (DEPLOY / "Containerfile").read_text().splitlines():
        if line.startswith("COPY"):
            *given, _ = [word for word in line.split()[1:] if not word.startswith("--")]
            assert all((root / g).exists() for g in given), line
