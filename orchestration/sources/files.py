"""Reading files: CSV, JSON, Parquet and plain lines, packed or not, in any of the usual encodings, page by page.

Keep out: where files come from (dlt's filesystem source) and what their columns mean.
"""

import codecs
import csv
import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.csv as pc

from orchestration.errors import SourceError
from orchestration.sources.contract import Page, Settings, Stream, Window

PAGE_BYTES = 8 << 20
LONGEST_LINE = 64 << 20


def pages(settings: Settings, state: dict[str, Any], window: Window) -> Iterator[Page]:
    """Pages of every file that is new or changed since the last run.

    state: keyed file id → fingerprint (size and modification time), kept with the pages. A backfill reads all files
    again; rows the lake already holds are removed later as duplicates.
    """
    seen: dict[str, str] = state.setdefault("files", {})
    for stream in settings.streams.values():
        if not stream.files:
            continue
        for item in _list(settings, stream):
            key = settings.file_id(f"{stream.name}/{item['relative_path']}")
            fingerprint = f"{item['size_in_bytes']}:{item['modification_date']}"
            if seen.get(key) == fingerprint and not window.is_backfill:
                continue
            try:
                with item.open(compression="disable") as handle:
                    yield from read_file(handle, item["relative_path"], stream)
            except SourceError:
                # One damaged file is a counted rejection; a corrected one has another fingerprint and is read again.
                yield Page(stream.name, _nothing(stream), file=item["relative_path"], rejected={"damaged_file": 1})
            seen[key] = fingerprint


def _nothing(stream: Stream) -> bytes | pa.Table:
    if stream.format in ("jsonl", "json_pages"):
        return b""
    names = ["line"] if stream.format == "lines" else stream.columns
    return pa.table({n: pa.array([], pa.string()) for n in names})


def _list(settings: Settings, stream: Stream) -> list[Any]:
    """File items of dlt's filesystem source, in the order of their names."""
    from dlt.sources.filesystem import filesystem

    pattern = str(stream.files)
    root = settings.inbox
    if pattern.startswith("@"):
        root, pattern = str(settings.folder), pattern[1:]
    elif "://" not in root and not Path(root).is_dir():
        return []
    if ".." in Path(pattern).parts or Path(pattern).is_absolute():
        raise SourceError(f"{settings.name}: the pattern of stream '{stream.name}' leaves the inbox")
    items = list(filesystem(bucket_url=root, file_glob=pattern))
    if "://" not in root:
        top = Path(root).resolve()
        items = [i for i in items if (top / i["relative_path"]).resolve().is_relative_to(top)]
    return sorted(items, key=lambda i: str(i["relative_path"]))


def read_file(handle: IO[bytes], name: str, stream: Stream) -> Iterator[Page]:
    """Pages of one open file; archives are read in memory, never unpacked to disk.

    Raises SourceError without values; the file is named by the page or by the caller, not by the message.
    """
    head = handle.read(4)
    handle.seek(0)
    if head[:2] == b"\x1f\x8b":
        try:
            yield from _read(gzip.GzipFile(fileobj=handle), name, stream)
        except (EOFError, gzip.BadGzipFile, zlib.error):
            raise SourceError(
                f"a packed file of stream '{stream.name}' is damaged (gzip ends early): send it again"
            ) from None
    elif head[:4] == b"PK\x03\x04" and stream.format != "parquet":
        try:
            with zipfile.ZipFile(handle) as archive:
                for member in sorted(archive.namelist()):
                    if not member.endswith("/") and not Path(member).name.startswith((".", "__MACOSX")):
                        with archive.open(member) as inner:
                            yield from _read(inner, f"{name}!{member}", stream)
        except zipfile.BadZipFile:
            raise SourceError(f"a packed file of stream '{stream.name}' is damaged (zip): send it again") from None
    else:
        yield from _read(handle, name, stream)


def _read(handle: IO[bytes] | gzip.GzipFile, name: str, stream: Stream) -> Iterator[Page]:
    if stream.format == "parquet":
        yield from _parquet(handle, name, stream)
        return
    text = _utf8(handle, stream)
    if stream.format in ("csv", "tsv"):
        yield from _delimited(text, name, stream, "," if stream.format == "csv" else "\t")
    elif stream.format == "json_pages":
        yield from _json_document(text, name, stream)
    else:
        yield from _lines(text, name, stream)


class _Recoded(io.RawIOBase):
    """A byte stream decoded from one encoding and encoded as UTF-8, a block at a time."""

    def __init__(self, head: bytes, rest: IO[bytes] | gzip.GzipFile, encoding: str):
        self._rest = rest
        self._decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
        self._ready = self._decoder.decode(head).encode()
        self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready and not self._ended:
            block = self._rest.read(1 << 20)
            self._ended = not block
            self._ready = self._decoder.decode(block, final=self._ended).encode()
        n = min(len(buffer), len(self._ready))
        buffer[:n] = self._ready[:n]
        self._ready = self._ready[n:]
        return n


def _utf8(handle: IO[bytes] | gzip.GzipFile, stream: Stream) -> io.BufferedReader:
    head = handle.read(1 << 20)
    encoding = detect_encoding(head) if stream.encoding == "auto" else stream.encoding
    if encoding in ("utf-8", "utf-8-sig"):
        encoding = "utf-8-sig"
    return io.BufferedReader(_Recoded(head, handle, encoding), 1 << 20)


def detect_encoding(head: bytes) -> str:
    """The encoding of a text by its first bytes: BOM, then UTF-8, then GB18030, then Latin-1.

    Raises SourceError for bytes that are no text at all.
    """
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if head.count(b"\x00") > len(head) // 20:
        raise SourceError("a file that should be text holds binary data: check what was dropped there")
    for encoding in ("utf-8", "gb18030"):
        decoder = codecs.getincrementaldecoder(encoding)()
        try:
            text = decoder.decode(head)
        except UnicodeDecodeError:
            continue
        # Latin-1 decodes as GB18030 too, into rare characters; Chinese text is made of those of GB 2312.
        wide = [c for c in text if c > "\x7f"]
        if encoding == "gb18030" and len("".join(wide).encode("gb2312", "ignore")) < 1.8 * len(wide):
            continue
        return encoding
    return "latin-1"


def _delimited(text: IO[bytes], name: str, stream: Stream, delimiter: str) -> Iterator[Page]:
    """Rows of a delimited file, all strings; rows with another number of cells are counted, not lost."""
    first = text.readline(LONGEST_LINE)
    while first.count(b'"') % 2 and (more := text.readline(LONGEST_LINE)):
        first += more
    if not first.strip():
        return
    header = next(csv.reader([first.decode("utf-8", "replace")], delimiter=delimiter))
    names = _unique([h.strip() for h in header])
    malformed: list[int] = []

    def skip(row: Any) -> str:
        malformed.append(row.expected_columns)
        return "skip"

    try:
        reader = pc.open_csv(
            text,
            read_options=pc.ReadOptions(column_names=names, block_size=PAGE_BYTES),
            parse_options=pc.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=skip),
            convert_options=pc.ConvertOptions(
                column_types={n: pa.string() for n in names},
                strings_can_be_null=True,
                null_values=[""],
                check_utf8=False,
            ),
        )
    except pa.ArrowInvalid as error:
        if "Empty" in str(error):
            return
        raise SourceError(
            f"a file of stream '{stream.name}' cannot be split into columns: check its delimiter"
        ) from None
    first_row, counted = 1, 0
    while True:
        try:
            batch = reader.read_next_batch()
        except StopIteration:
            break
        except pa.ArrowInvalid:
            raise SourceError(
                f"a file of stream '{stream.name}' cannot be split into columns: check its delimiter"
            ) from None
        rejected = {"malformed_row": len(malformed) - counted} if len(malformed) > counted else {}
        counted = len(malformed)
        yield Page(stream.name, pa.Table.from_batches([batch]), file=name, first_row=first_row, rejected=rejected)
        first_row += batch.num_rows
    if len(malformed) > counted:
        empty = pa.table({n: pa.array([], pa.string()) for n in names})
        yield Page(stream.name, empty, file=name, rejected={"malformed_row": len(malformed) - counted})


def _unique(names: list[str]) -> list[str]:
    seen: dict[str, int] = {}
    found = []
    for name in names:
        name = name or "unnamed"
        seen[name] = seen.get(name, 0) + 1
        found.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return found


def _lines(text: IO[bytes], name: str, stream: Stream) -> Iterator[Page]:
    """JSON lines as bytes, plain lines as one column; an empty line is no record."""
    first_row = 1
    while lines := text.readlines(PAGE_BYTES):
        kept = [line.rstrip(b"\r\n") for line in lines if line.strip()]
        if stream.format == "jsonl":
            yield Page(stream.name, b"\n".join(kept), file=name, first_row=first_row)
        else:
            column = pa.array([line.decode("utf-8", "replace") for line in kept], pa.string())
            yield Page(stream.name, pa.table({"line": column}), file=name, first_row=first_row)
        first_row += len(kept)


def _json_document(text: IO[bytes], name: str, stream: Stream) -> Iterator[Page]:
    """One saved API page: the records under the stream's `records` key."""
    import orjson

    try:
        document = orjson.loads(text.read())
    except orjson.JSONDecodeError:
        yield Page(stream.name, b"", file=name, rejected={"malformed_json": 1})
        return
    records = document.get(stream.records) if stream.records and isinstance(document, dict) else document
    if not isinstance(records, list):
        yield Page(stream.name, b"", file=name, rejected={"no_records": 1})
        return
    yield Page(stream.name, b"\n".join(orjson.dumps(r) for r in records), file=name)


def _parquet(handle: IO[bytes] | gzip.GzipFile, name: str, stream: Stream) -> Iterator[Page]:
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(handle)
    except pa.ArrowInvalid:
        raise SourceError(f"a file of stream '{stream.name}' is no Parquet file") from None
    first_row = 1
    for batch in file.iter_batches(batch_size=50_000):
        columns = {f.name: batch.column(i).cast(pa.string()) for i, f in enumerate(batch.schema)}
        yield Page(stream.name, pa.table(columns), file=name, first_row=first_row)
        first_row += batch.num_rows
