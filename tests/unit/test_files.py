"""The file reader: encodings, packings, odd rows. Keep out: sealing and conforming."""

import gzip
import io
import json
import threading
import zipfile
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from orchestration.errors import SourceError
from orchestration.sources import files
from orchestration.sources.contract import Page, Settings, Stream, Window, read_settings
from tests.house import write_source

TEXT = 'id,说明\n1,"第一行\n第二行"\n2,"他说""好"""\n3,\n'


def rows(data: bytes, **stream: object) -> tuple[list[dict[str, str]], dict[str, int]]:
    found: list[dict[str, str]] = []
    rejected: dict[str, int] = {}
    for page in files.read_file(io.BytesIO(data), "f", Stream(**{"name": "s", "format": "csv", **stream})):
        assert isinstance(page.content, pa.Table)
        found += page.content.to_pylist()
        for reason, n in page.rejected.items():
            rejected[reason] = rejected.get(reason, 0) + n
    return found, rejected


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
def test_csv_reads_the_same_in_every_encoding_with_newlines_and_quotes_inside(encoding: str) -> None:
    found, rejected = rows(TEXT.encode(encoding))
    assert [r["说明"] for r in found] == ["第一行\n第二行", '他说"好"', None]
    assert not rejected


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize(
    "text",
    [TEXT, "id,name\n1,Miller\n", "编号,说明\n一,一丁下上\n二,开卡慢\n", "id,name\r\n1,Müller\r\n" * 40_000],
    ids=["mixed", "ascii", "chinese", "long"],
)
def test_utf_16_without_a_mark_is_known_by_its_line_breaks(text: str, encoding: str) -> None:
    assert len(text.encode(encoding)) > 0
    assert rows(text.encode(encoding)) == rows(text.encode())


@pytest.mark.parametrize("text", ["一丁", "一一一一"])
def test_utf_16_without_a_mark_that_reads_both_ways_is_told_and_never_guessed(text: str) -> None:
    both = text.encode("utf-16-le")
    assert both.decode("utf-16-be")[0] == "N"
    with pytest.raises(SourceError, match="reads both ways"):
        rows(both, format="lines")


def test_one_line_of_utf_16_without_a_mark_is_known_by_its_quotes() -> None:
    (page,) = files.read_file(io.BytesIO('{"id": "一"}'.encode("utf-16-be")), "f", Stream("s", format="jsonl"))
    assert page.content == '{"id": "一"}'.encode()


def test_latin_1_is_told_from_chinese() -> None:
    found, _ = rows("id,name\n1,Müller\n".encode("latin-1"))
    assert found == [{"id": "1", "name": "Müller"}]


def test_a_file_that_changes_its_encoding_on_the_way_is_told_and_its_readable_rows_stay() -> None:
    head = "id,name\n" + "".join(f"{i},plain\n" for i in range(120_000))
    data = head.encode() + "".join(f"{i},张伟\n" for i in range(100)).encode("gb18030")
    assert len(head) > 1 << 20  # the encoding is judged by the first megabyte
    seen = 0
    with pytest.raises(SourceError, match="cannot be read: save it in one encoding"):
        for page in files.read_file(io.BytesIO(data), "f", Stream(name="s", format="csv")):
            assert isinstance(page.content, pa.Table)
            seen += page.content.num_rows
    assert seen >= 120_000


def test_gzip_and_zip_are_read_in_memory() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("../climbs/out.csv", "a\n1\n")
        archive.writestr("b.csv", "a\n2\n")
    assert rows(gzip.compress(b"a\n1\n"))[0] == [{"a": "1"}]
    assert rows(packed.getvalue())[0] == [{"a": "1"}, {"a": "2"}]


def test_a_damaged_gzip_is_a_clear_error_without_content() -> None:
    whole = gzip.compress(b"a,b\n" + b"secret,2\n" * 5000)
    with pytest.raises(SourceError, match="damaged") as error:
        rows(whole[: len(whole) // 2])
    assert "secret" not in str(error.value)


def test_rows_with_another_number_of_cells_are_counted_not_lost() -> None:
    found, rejected = rows(b"a,b\n1,2\n1,2,3\n4\n5,6\n")
    assert [r["a"] for r in found] == ["1", "5"]
    assert rejected == {"malformed_row": 2}


def test_a_header_without_rows_gives_nothing_and_a_file_without_a_header_is_no_export() -> None:
    assert rows(b"a,b\n") == ([], {})
    with pytest.raises(SourceError, match="empty, without even a header"):
        rows(b"")


def test_headers_that_repeat_or_are_blank_get_names_of_their_own() -> None:
    found, _ = rows(b",a,a\n0,1,2\n")
    assert found == [{"unnamed": "0", "a": "1", "a_2": "2"}]


def test_a_binary_file_is_refused() -> None:
    with pytest.raises(SourceError, match="binary"):
        rows(bytes(range(256)) * 64 + b"\x00" * 4096)


def test_a_large_file_comes_in_pages_that_number_their_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LONGEST_ROW", 1 << 16)
    data = b"a,b\n" + b"".join(b"%d,x\n" % i for i in range(50_000))
    pages = list(files.read_file(io.BytesIO(data), "f", Stream("s", format="csv")))
    assert len(pages) > 3
    assert [p.first_row for p in pages][:2] == [1, 1 + pages[0].content.num_rows]
    assert sum(p.content.num_rows for p in pages) == 50_000


def test_a_long_row_is_read_wherever_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LONGEST_ROW", 1 << 16)
    long = b"L," + b"x" * 60_000 + b"\n"
    for before in range(0, 40_000, 1_500):
        found, rejected = rows(b"a,b\n" + b"1,x\n" * before + long + b"2,x\n" * 3)
        assert len(found) == before + 4 and len(found[before]["b"]) == 60_000 and not rejected
    with pytest.raises(SourceError, match="has a row longer than"):
        rows(b"a,b\n" + b"1,x\n" + b"L," + b"x" * 200_000 + b"\n")


def test_a_saved_api_page_gives_its_records_and_a_broken_one_is_counted() -> None:
    stream = Stream("s", format="json_pages", records="calls")
    good = list(files.read_file(io.BytesIO(json.dumps({"calls": [{"id": 1}, {"id": 2}]}).encode()), "f", stream))
    assert good[0].content == b'{"id":1}\n{"id":2}'
    broken = list(files.read_file(io.BytesIO(b'{"calls": [{"id": 1}, {'), "f", stream))
    told = "is no whole JSON document: send it again"
    assert broken == [Page("s", b"", file="f", rejected={"malformed_json": 1}, problem=told)]


def test_a_saved_api_page_beyond_all_bounds_is_told_not_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Stream("s", format="json_pages", records="calls")
    page = json.dumps({"calls": [{"id": 1}]}).encode()
    monkeypatch.setattr(files, "LARGEST_DOCUMENT", len(page))
    assert next(files.read_file(io.BytesIO(page), "f", stream)).content == b'{"id":1}'
    for larger in (page + b" ", gzip.compress(page + b" ")):
        with pytest.raises(SourceError, match="one JSON document of more than .*: export it as JSON lines"):
            list(files.read_file(io.BytesIO(larger), "f", stream))


def test_parquet_comes_as_text() -> None:
    sink = io.BytesIO()
    pq.write_table(pa.table({"n": [1, None], "t": ["a", "b"]}), sink)
    found, _ = rows(sink.getvalue(), format="parquet")
    assert found == [{"n": "1", "t": "a"}, {"n": None, "t": "b"}]


def parquet(numbers: list[int]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table({"n": numbers}), sink, row_group_size=2)
    return sink.getvalue()


def test_parquet_is_read_from_archives_too_and_a_member_that_is_none_is_told() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.parquet", parquet([1, 2, 3]))
        archive.writestr("b.parquet", b"secret")
        archive.writestr("c.parquet", parquet([4]))
    found, rejected = rows(packed.getvalue(), format="parquet", columns=("n",))
    assert [row["n"] for row in found] == ["1", "2", "3", "4"]
    assert rejected == {"damaged_file": 1}
    assert rows(gzip.compress(parquet([5])), format="parquet")[0] == [{"n": "5"}]


def test_parquet_packed_into_an_archive_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MOST_PACKED_PARQUET", 1000)
    with pytest.raises(SourceError, match="is packed already: send it as it is"):
        rows(gzip.compress(parquet(list(range(1000)))), format="parquet")


def test_a_pattern_may_not_leave_the_inbox(tmp_path: Path) -> None:
    from dataclasses import replace

    from tests.house import settings

    outside = replace(
        settings(tmp_path), streams={"s": Stream("s", files="../x.csv", format="csv")}, inbox=str(tmp_path)
    )
    with pytest.raises(SourceError, match="leaves the inbox"):
        list(files.pages(outside, {}, files.Window()))


def dropped(tmp_path: Path) -> Settings:
    """A source that reads rows*, and an inbox of its own."""
    (tmp_path / "inbox").mkdir()
    return replace(read_settings(write_source(tmp_path, "desk", {})), inbox=str(tmp_path / "inbox"))


def test_a_file_that_is_still_being_copied_is_left_for_the_next_run(tmp_path: Path) -> None:
    settings, state = dropped(tmp_path), {}
    path = tmp_path / "inbox" / "rows.jsonl"
    path.write_bytes(b'{"a": 1}\n')
    ended = threading.Event()

    def copy_on() -> None:
        while not ended.wait(0.1):
            with path.open("ab") as handle:
                handle.write(b'{"a": 2}\n')

    copying = threading.Thread(target=copy_on)
    copying.start()
    try:
        assert list(files.pages(settings, state, Window())) == []
    finally:
        ended.set()
        copying.join()
    (page,) = files.pages(settings, state, Window())
    assert page.content == path.read_bytes().rstrip()
    assert list(files.pages(settings, state, Window())) == []


def test_a_file_just_written_and_whole_is_read_at_once(tmp_path: Path) -> None:
    settings = dropped(tmp_path)
    (tmp_path / "inbox" / "rows.jsonl").write_bytes(b'{"a": 1}\n')
    assert [p.content for p in files.pages(settings, {}, Window())] == [b'{"a": 1}']


@pytest.mark.parametrize("name", ["rows.jsonl.part", "rows.jsonl.TMP", "rows.crdownload", "rows.jsonl.filepart"])
def test_names_of_unfinished_copies_are_left_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    settings, told = dropped(tmp_path), []
    monkeypatch.setattr(files, "event", lambda what, **about: told.append((what, about["why"])))
    (tmp_path / "inbox" / name).write_bytes(b'{"a": 1}\n')
    assert list(files.pages(settings, {}, Window())) == []
    assert told == [("inbox.left", "name of an unfinished copy")]
    (tmp_path / "inbox" / name).rename(tmp_path / "inbox" / "rows.jsonl")
    assert len(list(files.pages(settings, {}, Window()))) == 1
