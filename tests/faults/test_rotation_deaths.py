"""A rotation of keys that dies at any of its writes.

Keep out: what a rotation changes (tests/integration/test_rotation.py).
"""

from collections.abc import Callable, Iterator

import pytest

from orchestration.lake import quarantine
from orchestration.lake import rewrite as rewriting
from orchestration.privacy import keys, rotation
from orchestration.privacy.keys import Keyring
from orchestration.privacy.subjects import Sought
from tests.house import TestHouse, copy_of
from tests.integration.test_rotation import clusters, filled, hashes, pages_of
from tests.integration.test_subjects import request_count

__all__ = ["filled"]

MADE = ("warehouse.duckdb", "serving/team.duckdb", "known_at/2026-01-01T00-00-00.duckdb")


def test_wherever_a_rotation_dies_the_next_finds_all_of_it_or_none_and_nothing_under_a_key_that_went(
    filled: TestHouse, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At every write that a rotation makes durable, from the first on until none is left to die at."""
    before, sizes, pages = hashes(filled), clusters(filled), pages_of(filled)
    old = filled.keyring.key("team")
    for name in MADE:
        path = filled.home.root / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"made under keys of before")
    outcomes, folder = [], tmp_path_factory.mktemp("died")
    for step in range(100):
        house = copy_of(filled, folder / str(step))
        house.keyring = Keyring(house.home)
        left = iter(range(step))

        def durable(real: Callable[..., None], left: Iterator[int] = left) -> Callable[..., None]:
            def write(*given: object) -> None:
                if next(left, None) is None:
                    raise KeyboardInterrupt
                real(*given)

            return write

        with monkeypatch.context() as patch:
            for module in (keys, rewriting):
                for name in ("place_durably", "write_durably"):
                    patch.setattr(module, name, durable(getattr(module, name)))
            try:
                rotation.rotate(house.home, house.keyring)
                break
            except KeyboardInterrupt:
                pass
        house.keyring = Keyring(house.home)
        is_old = house.keyring.key("team") == old
        outcomes.append(is_old)
        assert hashes(house) == before if is_old else hashes(house) & before == set()
        assert pages_of(house) == pages
        assert clusters(house) == sizes and request_count(house, Sought(account="desk:A1")) == 2
        assert is_old or not any((house.home.root / name).exists() for name in MADE)
        (note,) = quarantine.batches(house.home)
        assert quarantine.replay(house.home, house.keyring, note["batch"])
    assert outcomes == sorted(outcomes, reverse=True) and set(outcomes) == {True, False}
    assert len(outcomes) > 8
