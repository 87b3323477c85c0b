"""A disk that fills up in the middle of each step: said in those words, nothing torn, and the next run makes it good.

Keep out: deaths (test_kill.py) and power cuts (test_power_cut.py). The disk is filled by a limit on the size of files.
"""

import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from orchestration import home as home_module
from orchestration import pipeline
from orchestration.errors import VoicehouseError
from orchestration.lake import promote, stage
from orchestration.privacy import guard as guard_module
from tests.faults.test_kill import PLANTED, content, furnish, orphans
from tests.faults.traces import found_under
from tests.house import TestHouse

# How much of the vault still fits: nothing; its log, but no block of the file itself.
VAULT = {"vault": 1000, "vault_checkpoint": 100_000}
POINTS = ("extracting", "normalizing", "loading", *VAULT, "staging", "manifest", "promoting")


@contextmanager
def full_disk(limit: int = 1000) -> Iterator[None]:
    """No file of this process may grow beyond `limit` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def filling(step: Callable[..., Any]) -> Callable[..., Any]:
    """The step on a disk that is full."""

    def filled(*args: Any, **kwargs: Any) -> Any:
        with full_disk():
            return step(*args, **kwargs)

    return filled


def fill(point: str, patch: pytest.MonkeyPatch) -> None:
    """Let the disk be full in one step."""
    from dlt.pipeline.pipeline import Pipeline

    if point in VAULT:
        open_vault = guard_module.open_vault

        @contextmanager
        def opened(*args: Any, **kwargs: Any) -> Iterator[Any]:
            with full_disk(VAULT[point]), open_vault(*args, **kwargs) as generation:
                yield generation

        patch.setattr(guard_module, "open_vault", opened)
        return
    owner, name = {
        "extracting": (Pipeline, "extract"),
        "normalizing": (Pipeline, "normalize"),
        "loading": (Pipeline, "load"),
        "staging": (stage, "write_part"),
        "manifest": (stage, "finish"),
        "promoting": (promote, "promote"),
    }[point]
    patch.setattr(owner, name, filling(getattr(owner, name)))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict, dict]:
    """Rows and ledger of a run that nothing disturbed."""
    house = TestHouse(tmp_path_factory.mktemp("undisturbed"))
    furnish(house, "first")
    house.take()
    return content(house), house.ledger()


@pytest.mark.parametrize("point", POINTS)
def test_a_full_disk_is_named_and_the_next_run_makes_it_good(
    house: TestHouse, undisturbed: tuple[dict, dict], point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    furnish(house, "first")
    told = ""
    with monkeypatch.context() as patch:
        fill(point, patch)
        try:
            house.take()
        except (VoicehouseError, OSError) as error:
            told = str(error)
    failures = pipeline.Outcomes(house.home, "test").failures
    told = told or failures["desk"]["reason"]
    assert "disk is full" in told or "File too large" in told, told
    assert not [p for p in PLANTED if p in told]
    assert found_under([house.home.root], PLANTED) == set()
    house.take()
    assert (content(house), house.ledger()) == undisturbed
    assert pipeline.ledger_faults(house.home, house.keyring) == []
    assert orphans(house) == []


def test_a_file_that_does_not_fit_leaves_the_old_one_whole(tmp_path: Path) -> None:
    path = tmp_path / "commit.json"
    home_module.write_durably(path, b"old")
    with full_disk(), pytest.raises(OSError, match="File too large"):
        home_module.write_durably(path, b"x" * 5000)
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]
