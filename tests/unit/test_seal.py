"""Sealed pages: closed, bound to their place, the same when opened. Keep out: dlt."""

import os

import pyarrow as pa
import pytest

from orchestration.errors import VoicehouseError
from orchestration.landing.seal import open_page, seal
from orchestration.sources.contract import Page

PAGES = [
    Page("tickets", [{"id": 1, "text": "planted@example.org"}, {"id": 2, "text": "很慢"}], file="real name.jsonl"),
    Page("tickets", b'{"id": 1}\n{"id": 2}', first_row=7, rejected={"malformed_row": 2}),
    Page("tickets", pa.table({"id": ["1", "2"], "text": [None, "planted@example.org"]}), is_sweep=True),
]


@pytest.mark.parametrize("is_last", [True, False])
@pytest.mark.parametrize("page", PAGES)
def test_a_page_opens_to_what_it_was_and_shows_nothing_before(page: Page, is_last: bool) -> None:
    key = os.urandom(32)
    sealed = seal(page, key, "helpdesk", "load-1", 3, "keyed-name", is_last)
    assert b"planted" not in sealed and b"real name" not in sealed
    opened, is_opened_last = open_page(sealed, key, "helpdesk", "load-1", "tickets", 3, "a.parquet")
    assert is_opened_last == is_last
    assert (opened.file, opened.first_row, opened.is_sweep) == ("keyed-name", page.first_row, page.is_sweep)
    assert dict(opened.rejected) == dict(page.rejected)
    if isinstance(page.content, pa.Table | bytes):
        assert opened.content == page.content
    else:
        assert b"planted@example.org" in opened.content  # the control: it was there to be found


@pytest.mark.parametrize(
    ("source", "load", "stream", "number"),
    [("other", "l", "s", 0), ("a", "other", "s", 0), ("a", "l", "other", 0), ("a", "l", "s", 1)],
)
def test_a_page_moved_to_another_place_does_not_open(source: str, load: str, stream: str, number: int) -> None:
    key = os.urandom(32)
    sealed = seal(Page("s", b"{}"), key, "a", "l", 0, "", True)
    with pytest.raises(VoicehouseError, match="changed or moved.*remove a.parquet from landing"):
        open_page(sealed, key, source, load, stream, number, "a.parquet")


def test_a_flipped_byte_or_another_key_does_not_open() -> None:
    key = os.urandom(32)
    sealed = bytearray(seal(Page("s", b"{}"), key, "a", "l", 0, "", True))
    with pytest.raises(VoicehouseError):
        open_page(bytes(sealed), os.urandom(32), "a", "l", "s", 0, "a.parquet")
    sealed[-1] ^= 1
    with pytest.raises(VoicehouseError):
        open_page(bytes(sealed), key, "a", "l", "s", 0, "a.parquet")
