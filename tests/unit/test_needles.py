"""Many values are found at once, wherever they stand. Keep out: what tests look for with it."""

import pytest

from tests.needles import Needles

VALUES = ("user000123@mail.example", "王建国王建国", "13700001234", "short")


@pytest.mark.parametrize("before", range(9))
def test_every_value_is_found_at_any_place_in_either_encoding(before: int) -> None:
    needles = Needles(VALUES, ("utf-8", "utf-16-le"))
    for value in VALUES[:3]:
        for encoding in ("utf-8", "utf-16-le"):
            for after in (0, 5):
                assert needles.found(b"x" * before + value.encode(encoding) + b"y" * after) == {value}
    assert needles.found(b"x" * before + b"user000124@mail.example 1370000123") == set()


def test_values_too_short_to_tell_are_not_sought() -> None:
    assert Needles(VALUES).sought == set(VALUES[:3])


def test_a_whole_word_is_not_part_of_a_longer_one() -> None:
    needles = Needles(["W5000001"])
    assert needles.found(b"a W5000001, W5000001") == {"W5000001"}
    assert needles.found(b"aW5000001 W50000012", whole_words=True) == set()
    assert needles.found(b"(W5000001)", whole_words=True) == {"W5000001"}


def test_a_number_inside_a_fraction_or_a_hash_stands_there_by_chance() -> None:
    needles = Needles(["995470000", "13700001234"])
    assert needles.found(b'{"duration_ms": 608.9954700000817}') == set()
    assert needles.found(b"ab12cd34ef56ab12" + b"13700001234" + b"cd34ef56ab12cd34") == set()
    assert needles.found(b"no. 1.13700001234, from 2.5 to 995470000") == {"13700001234", "995470000"}
    assert needles.found(b"deadbeef13700001234") == {"13700001234"}
