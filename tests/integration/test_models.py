"""dbt on an empty lake: every model builds on zero rows, every unit test of a model passes. Keep out: data."""

import subprocess
from pathlib import Path

import pytest

from orchestration import modelling
from orchestration.home import Home
from orchestration.privacy.keys import Keyring


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    home = Home.open(tmp_path_factory.mktemp("models") / "home")
    return subprocess.run(
        [modelling.executable(), "build"],
        env={"PATH": "/usr/bin:/bin", "HOME": str(home.root), **modelling.environment(home, Keyring(home))},
        cwd=modelling.PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_models_build_on_an_empty_lake_and_their_unit_tests_pass(built: subprocess.CompletedProcess[str]) -> None:
    assert built.returncode == 0, built.stdout[-4000:]


def test_the_build_held_unit_tests_and_data_tests(built: subprocess.CompletedProcess[str]) -> None:
    assert "unit tests" in built.stdout and "data tests" in built.stdout


def test_no_key_reaches_a_file_or_a_log(tmp_path: Path) -> None:
    home = Home.open(tmp_path / "home")
    keyring = Keyring(home)
    environment = modelling.environment(home, keyring)
    subprocess.run(
        [modelling.executable(), "--debug", "run", "--select", "+stg_stores"],
        env={"PATH": "/usr/bin:/bin", "HOME": str(home.root), **environment},
        cwd=modelling.PROJECT,
        capture_output=True,
        check=True,
    )
    keys = [environment[n].encode() for n in ("DBT_ENV_SECRET_LAKE_KEY", "DBT_ENV_SECRET_WAREHOUSE_KEY")]
    files = [p for p in (home.root / "dbt").rglob("*") if p.is_file()]
    assert any(b"stg_stores" in p.read_bytes() for p in files)  # the control: the log is there and in the clear
    assert [p for p in files for k in keys if k in p.read_bytes()] == []
