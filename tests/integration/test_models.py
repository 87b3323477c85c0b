"""dbt on an empty lake: every model builds on zero rows, every unit test of a model passes. Keep out: data."""

import subprocess
from dataclasses import dataclass

import pytest

from orchestration import modelling
from orchestration.home import Home
from orchestration.privacy.keys import Keyring


@dataclass(frozen=True)
class Built:
    """A build that wrote down all it could say, and what it was given."""

    home: Home
    environment: dict[str, str]
    done: subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    home = Home.open(tmp_path_factory.mktemp("models") / "home")
    environment = modelling.environment(home, Keyring(home))
    done = subprocess.run(
        [modelling.executable(), "--log-level-file", "debug", "build"],
        env={"PATH": "/usr/bin:/bin", "HOME": str(home.root), **environment},
        cwd=modelling.PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    return Built(home, environment, done)


def test_models_build_on_an_empty_lake_and_their_unit_tests_pass(built: Built) -> None:
    assert built.done.returncode == 0, built.done.stdout[-4000:]


def test_the_build_held_unit_tests_and_data_tests(built: Built) -> None:
    assert "unit tests" in built.done.stdout and "data tests" in built.done.stdout


def test_no_key_reaches_a_file_or_a_log(built: Built) -> None:
    keys = [built.environment[n].encode() for n in ("DBT_ENV_SECRET_LAKE_KEY", "DBT_ENV_SECRET_WAREHOUSE_KEY")]
    files = [p for p in (built.home.root / "dbt").rglob("*") if p.is_file()]
    log = (built.home.root / "dbt" / "logs" / "dbt.log").read_bytes()
    assert b"create" in log and b"stg_stores" in log  # the control: statements are there, in the clear
    assert [p for p in files for k in keys if k in p.read_bytes()] == []
    assert not [k for k in keys if k.decode() in built.done.stdout + built.done.stderr]
