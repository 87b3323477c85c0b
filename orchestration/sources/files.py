"""Reading files: CSV, JSON, Parquet and plain lines, packed or not, in any of the usual encodings, page by page.

Keep out: where files come from (dlt's filesystem source) and what their columns mean.
"""

import codecs
import csv
import gzip
import hashlib
import io
import os
import re
import time
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.csv as pc

from orchestration.errors import SourceError
from orchestration.logs import event
from orchestration.sources.contract import Page, Settings, Stream, Window

OPTIONS: dict[str, Any] = {}  # keys of a source's [options]: files are read by their streams' settings alone

PAGE_BYTES = 8 << 20
LONGEST_ROW = 12 << 20  # of a CSV, wherever it stands: Arrow reads so much at once, and a row ends in the next piece
LONGEST_LINE = 64 << 20
LARGEST_DOCUMENT = 64 << 20  # one saved API page: parsed as a whole, in memory many times as large
FEW_LOST = 10  # characters that cannot be read, in a file that is whole otherwise
MOST_COLUMNS = 2_000
MOST_MEMBERS = 10_000  # files in one archive
# Exports pack to a tenth or a fiftieth; what unpacks to more than this is a bomb, or was never data.
GREATEST_RATIO = 200
SMALL_BYTES = 256 << 20  # … unless it is this small
MOST_PACKED_PARQUET = 1 << 30  # bytes; read in memory, for it is read from its end
SETTLING_SECONDS = 1.0  # a file written to since is looked at twice
UNFINISHED = re.compile(
    r"(?:^|/)(?:\.|~\$)[^/]*$|\.(?:part|partial|tmp|temp|crdownload|download|filepart|swp)$", re.IGNORECASE
)
LEADS_NOWHERE = "is a link to nothing: mend the link or remove it"
LEADS_OUT = "is a link that leads out of the inbox: put the file itself there"
DONE = "done"  # folder of the inbox for what was read and moved away: nothing in it is ever read
OFFICE = b"\xd0\xcf\x11\xe0"  # how the older formats of office programs begin


def pages(settings: Settings, state: dict[str, Any], window: Window) -> Iterator[Page]:
    """Pages of every file that is new or changed since the last run.

    state: keyed file id → fingerprint (size and modification time), kept with the pages. A backfill reads all files
    again; rows the lake already holds are removed later as duplicates. A file that is still being copied is left for
    the next run, and one that has the name of an unfinished copy until it is renamed.
    """
    seen: dict[str, str] = state.setdefault("files", {})
    for stream in settings.streams.values():
        if not stream.files:
            continue
        for name, item in _settled(settings, stream):
            key = settings.file_id(f"{stream.name}/{name}")
            about = f"file {settings.file_id(name)}"
            if isinstance(item, str):
                if seen.get(key) != item:
                    yield _unread(stream, name, f"{about}: {item}")
                seen[key] = item
                continue
            now = fingerprint(item)
            if seen.get(key) == now and not window.is_backfill:
                continue
            is_whole = stream.is_dropped
            try:
                with item.open(compression="disable") as handle:
                    for page in read_file(handle, name, stream):
                        is_whole = is_whole and not (page.problem or page.rejected)
                        yield replace(page, problem=f"{about}: {page.problem}") if page.problem else page
                if is_whole:
                    settings.read_whole(key, now)
            except SourceError as error:
                yield _unread(stream, name, f"{about}: {error}")
            except PermissionError:
                # Not the file's own state: it is tried again, and told again, until it can be read.
                yield _unread(stream, name, f"{about}: may not be read by this user: change its permissions")
                continue
            # One damaged file is a counted rejection; a corrected one has another fingerprint and is read again.
            seen[key] = now


def fingerprint(item: Any) -> str:
    """What tells a file (dlt's item) from itself after a change: size and modification time."""
    return f"{item['size_in_bytes']}:{item['modification_date']}"


def _settled(settings: Settings, stream: Stream) -> Iterator[tuple[str, Any]]:
    """A stream's files without those that somebody is still writing: they are told in the log and left for later.

    A file of an object store is there whole or not at all. One on disk that was written to a moment ago is looked at
    twice: if it changes in between, its copy goes on.
    """
    first: dict[str, os.stat_result] = {}
    for name, item in listed(settings, stream):
        if UNFINISHED.search(name):
            event("inbox.left", source=settings.name, file=settings.file_id(name), why="name of an unfinished copy")
            continue
        path = _on_disk(settings, stream, name)
        if not isinstance(item, str) and path and time.time() - path.stat().st_mtime < SETTLING_SECONDS:
            first[name] = path.stat()
            continue
        yield name, item
    if not first:
        return
    time.sleep(SETTLING_SECONDS)
    for name, item in listed(settings, stream):
        if name not in first:
            continue
        path = _on_disk(settings, stream, name)
        now = path.stat() if path else first[name]
        if (now.st_size, now.st_mtime_ns) == (first[name].st_size, first[name].st_mtime_ns):
            yield name, item
        else:
            event("inbox.left", source=settings.name, file=settings.file_id(name), why="still being written")


def _on_disk(settings: Settings, stream: Stream, name: str) -> Path | None:
    """Where a file of the inbox lies, if it is one that people put there."""
    path = Path(settings.inbox) / name
    return path if "://" not in settings.inbox and stream.is_dropped and path.exists() else None


def _unread(stream: Stream, name: str, problem: str) -> Page:
    """The page that stands for a file, or the rest of one, that could not be read."""
    return Page(stream.name, _nothing(stream), file=name, rejected={"damaged_file": 1}, problem=problem)


def _nothing(stream: Stream) -> bytes | pa.Table:
    if stream.format in ("jsonl", "json_pages"):
        return b""
    names = ["line"] if stream.format == "lines" else stream.columns
    return pa.table({n: pa.array([], pa.string()) for n in names})


def listed(settings: Settings, stream: Stream) -> list[tuple[str, Any]]:
    """A stream's files as (name under the inbox, dlt's item), by name; a link that is not followed has the reason why.

    A file that can be reached by several ways (links, loops of links) stands here once, by its shortest name. What
    lies outside the inbox is not read. A pattern with `@` in front means files beside source.toml, with `~` files in
    the home. What was moved away is never listed. Raises SourceError when the pattern leaves its folder, or asks for
    that.
    """
    from dlt.sources.filesystem import filesystem

    pattern = str(stream.files)
    root = settings.inbox
    if pattern.startswith("@"):
        root, pattern = str(settings.folder), pattern[1:]
    elif pattern.startswith("~"):
        root, pattern = str(settings.home), pattern[1:]
    elif "://" not in root and not Path(root).is_dir():
        return []
    if ".." in Path(pattern).parts or Path(pattern).is_absolute():
        raise SourceError(f"{settings.name}: the pattern of stream '{stream.name}' leaves the inbox: name files in it")
    if "://" in root:
        items = filesystem(bucket_url=root, file_glob=pattern)
        return sorted(((str(i["relative_path"]), i) for i in items), key=lambda found: found[0])
    if stream.is_dropped and Path(pattern).parts[:1] == (DONE,):
        raise SourceError(
            f"{settings.name}: the pattern of stream '{stream.name}' names the folder '{DONE}', never read: "
            "name another"
        )
    top = Path(root).resolve()
    disk = _folder_with_links(top)
    items = list(filesystem(bucket_url=str(top), credentials=disk, file_glob=pattern))
    found: dict[Path, tuple[str, Any]] = {}
    for item in sorted(items, key=lambda i: (len(Path(i["relative_path"]).parts), str(i["relative_path"]))):
        real = (top / item["relative_path"]).resolve()
        found.setdefault(real, (str(item["relative_path"]), item if real.is_relative_to(top) else LEADS_OUT))
    found |= {real: (name, LEADS_NOWHERE) for real, name in disk.broken.items()}
    moved = top / DONE if stream.is_dropped else None
    return sorted((f for real, f in found.items() if not (moved and real.is_relative_to(moved))), key=lambda f: f[0])


def inbox_digest(inbox: str) -> str | None:
    """A digest of the names, sizes and times of all files in an inbox, without those moved away; None when it is empty.

    Raises SourceError, without values, when an object store cannot be asked.
    """
    if "://" in inbox:
        found = _in_store(inbox)
    else:
        top = Path(inbox)
        paths = [p for p in top.rglob("*") if p.is_file() and p.relative_to(top).parts[0] != DONE]
        stats = [(p.relative_to(top).as_posix(), p.stat()) for p in paths]
        found = [f"{name}\x1f{s.st_size}\x1f{s.st_mtime_ns}" for name, s in stats]
    return hashlib.sha256("\x1e".join(sorted(found)).encode(errors="replace")).hexdigest() if found else None


def _in_store(address: str) -> list[str]:
    """Name, size and time of every file of an object store, listed by what reads them."""
    from dlt.common.exceptions import DltException
    from dlt.sources.filesystem import filesystem

    try:
        return [f"{i['relative_path']}\x1f{fingerprint(i)}" for i in filesystem(bucket_url=address, file_glob="**/*")]
    except (DltException, OSError, ValueError) as error:
        raise SourceError(
            f"the inbox cannot be listed ({type(error.__cause__ or error).__name__}): check its address, "
            "its credentials and the network"
        ) from None


def _folder_with_links(top: Path) -> Any:
    """The local file system of fsspec, for which a link to nothing is a finding and not the end of the listing."""
    from fsspec.implementations.local import LocalFileSystem

    class Folder(LocalFileSystem):
        cachable = False

        def __init__(self) -> None:
            super().__init__()
            self.broken: dict[Path, str] = {}

        def info(self, path: Any, **kwargs: Any) -> dict[str, Any]:
            try:
                return super().info(path, **kwargs)
            except OSError:
                link = Path(path)
                real = link.parent.resolve() / link.name
                if not real.exists():  # it does where a loop of links has only grown too long
                    name = link.relative_to(top).as_posix()
                    self.broken[real] = min(self.broken.get(real, name), name, key=len)
                return {"name": str(path), "type": "other"}

    return Folder()


def read_file(handle: IO[bytes], name: str, stream: Stream) -> Iterator[Page]:
    """Pages of one open file; archives are read in memory, never unpacked to disk.

    Raises SourceError without values; the file is named by the page or by the caller, not by the message.
    """
    head = handle.read(4)
    size = handle.seek(0, io.SEEK_END)
    handle.seek(0)
    limit = max(SMALL_BYTES, GREATEST_RATIO * size)
    if head == OFFICE:
        raise SourceError("is a document of an office program: export it as CSV")
    if head[:2] == b"\x1f\x8b":
        try:
            yield from _read(gzip.GzipFile(fileobj=handle), name, stream, limit)
        except (EOFError, gzip.BadGzipFile, zlib.error):
            raise SourceError("is damaged (gzip ends early): send it again") from None
    elif head == b"PK\x03\x04":
        yield from _archive(handle, name, stream, limit)
    else:
        yield from _read(handle, name, stream, None)


def _archive(handle: IO[bytes], name: str, stream: Stream, limit: int) -> Iterator[Page]:
    """Files of a zip archive, each for itself: one that is damaged does not keep the others."""
    try:
        archive = zipfile.ZipFile(handle)
    except zipfile.BadZipFile:
        raise SourceError("is damaged (zip): send it again") from None
    with archive:
        members = [m for m in archive.infolist() if not m.is_dir() and not Path(m.filename).name.startswith(".")]
        members = [m for m in members if not m.filename.startswith("__MACOSX/")]
        if any(m.filename == "[Content_Types].xml" for m in members):
            raise SourceError("is a document of an office program: export it as CSV")
        if len(members) > MOST_MEMBERS:
            raise SourceError(f"holds more than {MOST_MEMBERS:,} files: pack them in several archives")
        if sum(m.file_size for m in members) > limit:
            raise SourceError(
                f"unpacks to more than {GREATEST_RATIO} times its size, nothing of it was read: check what it holds, "
                "and if that is right, send it unpacked"
            )
        for number, member in enumerate(sorted(members, key=lambda m: m.filename), start=1):
            inner_name = f"{name}!{member.filename}"
            try:
                with archive.open(member) as inner:
                    yield from _read(inner, inner_name, stream, limit)
            except SourceError as error:
                yield _unread(stream, inner_name, f"member {number}, {error}")
            except (zipfile.BadZipFile, zlib.error, EOFError):
                yield _unread(stream, inner_name, f"member {number}, is damaged (zip): send it again")
            except (RuntimeError, NotImplementedError):
                # zipfile's words for a password that is wanted, and for a way of packing it does not know
                yield _unread(stream, inner_name, f"member {number}, is locked or packed unusually: pack it plainly")


def _read(handle: IO[bytes] | gzip.GzipFile, name: str, stream: Stream, limit: int | None) -> Iterator[Page]:
    if stream.format == "parquet":
        yield from _parquet(handle if limit is None else _whole(handle, limit), name, stream)
        return
    recoded = _recoded(handle, stream, limit)
    text = io.BufferedReader(recoded, 1 << 20)
    if stream.format in ("csv", "tsv"):
        yield from _delimited(text, name, stream, "," if stream.format == "csv" else "\t")
    elif stream.format == "json_pages":
        yield from _json_document(text, name, stream)
    else:
        yield from _lines(text, name, stream)
    recoded.check()


def _whole(packed: IO[bytes] | gzip.GzipFile, limit: int) -> io.BytesIO:
    """A packed Parquet file in memory: it is read from its end, which a packed one has only after all of it."""
    most = min(limit, MOST_PACKED_PARQUET)
    content = packed.read(most + 1)
    if len(content) > most:
        raise SourceError(f"holds more than {most >> 20:,} MB of Parquet, which is packed already: send it as it is")
    return io.BytesIO(content)


class _Recoded(io.RawIOBase):
    """A byte stream decoded from one encoding and encoded as UTF-8, a block at a time.

    Raises SourceError when more than `limit` bytes come out, or a line longer than `longest` (None: no limit).
    """

    def __init__(
        self,
        head: bytes,
        rest: IO[bytes] | gzip.GzipFile,
        encoding: str,
        limit: int | None = None,
        longest: int | None = None,
    ):
        self._rest = rest
        self._decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
        self._limit = limit
        self._longest = longest
        self._ended = False
        self._n_bytes = self._n_since_break = self._n_wide = self._n_lost = 0
        self._ready = self._checked(self._decoded(head))

    def _decoded(self, block: bytes) -> bytes:
        text = self._decoder.decode(block, final=self._ended)
        self._n_wide += len(text) - len(text.encode("ascii", "ignore"))
        self._n_lost += text.count("\ufffd")
        return text.encode()

    def check(self) -> None:
        """Raises SourceError when much of what was read is not in the encoding that the file began with."""
        if self._n_lost > max(FEW_LOST, self._n_wide // 20):
            raise SourceError(f"holds {self._n_lost:,} characters that cannot be read: save it in one encoding, UTF-8")

    def _checked(self, block: bytes) -> bytes:
        self._n_bytes += len(block)
        if self._limit is not None and self._n_bytes > self._limit:
            raise SourceError(
                f"unpacks to more than {GREATEST_RATIO} times its size, the rest of it was not read: check what it "
                "holds, and if that is right, send it unpacked"
            )
        last = block.rfind(b"\n")
        self._n_since_break = len(block) - last - 1 if last >= 0 else self._n_since_break + len(block)
        if self._longest is not None and self._n_since_break > self._longest:
            raise SourceError(f"has a line longer than {self._longest >> 20} MB: check that it is what it should be")
        return block

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready and not self._ended:
            block = self._rest.read(1 << 20)
            self._ended = not block
            self._ready = self._checked(self._decoded(block))
        n = min(len(buffer), len(self._ready))
        buffer[:n] = self._ready[:n]
        self._ready = self._ready[n:]
        return n


def _recoded(handle: IO[bytes] | gzip.GzipFile, stream: Stream, limit: int | None) -> _Recoded:
    head = handle.read(1 << 20)
    encoding = detect_encoding(head) if stream.encoding == "auto" else stream.encoding
    if encoding in ("utf-8", "utf-8-sig"):
        encoding = "utf-8-sig"
    longest = None if stream.format == "json_pages" else LONGEST_LINE
    return _Recoded(head, handle, encoding, limit, longest)


def _is_utf8(head: bytes) -> bool:
    """Whether it is UTF-8, be it with half characters (CESU-8) or a few broken ones among many that are whole."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="surrogatepass")
    try:
        decoder.decode(head)
    except UnicodeDecodeError:
        text = head.decode("utf-8", "replace")
        n_wide = len(text) - sum(map(str.isascii, text))
        return text.count("\ufffd") < n_wide / 20
    return True


CONTROL = bytes({*range(32), 127} - {*b"\t\n\v\f\r\x1b"})  # what texts do not hold, but for a stray one


def detect_encoding(head: bytes) -> str:
    """The encoding of a text by its first bytes: BOM, then UTF-16 without one, UTF-8, GB18030, Latin-1.

    Raises SourceError for bytes that are no text at all, or UTF-16 that reads both ways.
    """
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    n_control = len(head) - len(head.translate(None, CONTROL))
    if n_control > len(head) // 50:
        if utf_16 := _utf16_without_mark(head):
            return utf_16
        raise SourceError("holds binary data where text should be: check what was dropped there")
    if _is_utf8(head):
        return "utf-8"
    try:
        text = codecs.getincrementaldecoder("gb18030")().decode(head)
    except UnicodeDecodeError:
        return "latin-1"
    # Latin-1 decodes as GB18030 too, into rare characters; Chinese text is made of those of GB 2312.
    wide = [c for c in text if c > "\x7f"]
    if len("".join(wide).encode("gb2312", "ignore")) >= 1.8 * len(wide):
        return "gb18030"
    return "latin-1"


def _utf16_without_mark(head: bytes) -> str | None:
    """Which UTF-16 a text without a byte order mark is in; None for what is no such text.

    A line break the wrong way round is no character, so only one way has any; a single line is told by being mostly
    ASCII with its quotes and commas. Raises SourceError when neither tells.
    """
    breaks, narrow = {}, {}
    for encoding in ("utf-16-le", "utf-16-be"):
        try:
            text = codecs.getincrementaldecoder(encoding)().decode(head[: 1 << 18])
        except UnicodeDecodeError:
            continue
        n_strange = sum(unicodedata.category(c) in ("Cc", "Cn", "Co", "Cs") and not c.isspace() for c in text)
        if text and n_strange <= len(text) // 20:
            breaks[encoding] = text.count("\n") + text.count("\r")
            narrow[encoding] = 2 * sum(map(str.isascii, text)) > len(text) and any(c in text for c in '",\t')
    for told in (breaks, narrow):
        ways = [encoding for encoding, n in told.items() if n]
        if len(ways) == 1:
            return ways[0]
    if breaks:
        raise SourceError("is UTF-16 without a byte order mark, and reads both ways: save it as UTF-8")
    return None


def _delimited(text: IO[bytes], name: str, stream: Stream, delimiter: str) -> Iterator[Page]:
    """Rows of a delimited file, all strings; rows with another number of cells are counted, not lost."""
    first = text.readline(LONGEST_LINE)
    while first.count(b'"') % 2 and (more := text.readline(LONGEST_LINE)):
        first += more
        if len(first) > LONGEST_LINE:
            raise SourceError("has a header that does not end: close the quote that is left open in it")
    if not first.strip():
        raise SourceError("is empty, without even a header: check its export")
    if first.count(delimiter.encode()) >= MOST_COLUMNS:
        raise SourceError(f"has more than {MOST_COLUMNS:,} columns: check its delimiter and its export")
    header = next(csv.reader([first.decode("utf-8", "replace")], delimiter=delimiter))
    names = _unique([h.strip() for h in header])
    problem = _missing_columns(names, stream)
    malformed: list[int] = []

    def skip(row: Any) -> str:
        malformed.append(row.text.count("\n") if row.text else 0)
        return "skip"

    options = {
        "read_options": pc.ReadOptions(column_names=names, block_size=LONGEST_ROW),
        "parse_options": pc.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=skip),
        "convert_options": pc.ConvertOptions(
            column_types={n: pa.string() for n in names},
            strings_can_be_null=True,
            null_values=[""],
            check_utf8=False,
        ),
    }
    first_row, counted = 1, 0
    reader = None
    while True:
        try:
            reader = reader or pc.open_csv(text, **options)
            batch = reader.read_next_batch()
        except StopIteration:
            break
        except pa.ArrowInvalid as error:
            if reader is None and "Empty" in str(error):
                break
            if "straddling" in str(error):
                raise SourceError(
                    f"has a row longer than {LONGEST_ROW >> 20} MB, from row {first_row} on: close the quote "
                    "that is left open, or export shorter texts"
                ) from None
            raise SourceError("cannot be split into columns: check its delimiter") from None
        rejected = {"malformed_row": len(malformed) - counted} if len(malformed) > counted else {}
        counted = len(malformed)
        page = Page(stream.name, pa.Table.from_batches([batch]), name, first_row, rejected=rejected, problem=problem)
        yield page
        first_row += batch.num_rows
        problem = ""
    if any(malformed):
        lines = max(malformed)
        unclosed = f"a quote is never closed, {lines} lines went into one row that was rejected: mend it, send it again"
        problem = "; ".join(filter(None, [problem, unclosed]))
    if len(malformed) > counted or problem:
        empty = pa.table({n: pa.array([], pa.string()) for n in names})
        rejected = {"malformed_row": len(malformed) - counted} if len(malformed) > counted else {}
        yield Page(stream.name, empty, file=name, rejected=rejected, problem=problem)


def _missing_columns(names: list[str], stream: Stream) -> str:
    """What to tell of a header that lacks columns of source.toml; its own names may be data and are not repeated.

    Raises SourceError when it has none of them.
    """
    missing = [c for c in stream.columns if c not in names]
    if missing and len(missing) == len(stream.columns):
        raise SourceError(
            "has none of the columns of source.toml: check its delimiter and that it begins with a header"
        )
    if not missing:
        return ""
    return f"lacks the columns {', '.join(missing)}: read without them, ask who exports it or mend source.toml"


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
    """One saved API page: the records under the stream's `records` key.

    Raises SourceError for one that is larger than a page of an API can be: it is parsed as a whole.
    """
    import json

    import orjson

    content = text.read(LARGEST_DOCUMENT + 1)
    if len(content) > LARGEST_DOCUMENT:
        raise SourceError(f"is one JSON document of more than {LARGEST_DOCUMENT >> 20} MB: export it as JSON lines")
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError:
        try:
            document = json.loads(content)  # takes half characters and numbers beyond a double, which are no reason
        except (ValueError, RecursionError):
            problem = "is no whole JSON document: send it again"
            yield Page(stream.name, b"", file=name, rejected={"malformed_json": 1}, problem=problem)
            return
    records = document.get(stream.records) if stream.records and isinstance(document, dict) else document
    if not isinstance(records, list):
        problem = f"has no list under '{stream.records}': check source.toml and its export"
        yield Page(stream.name, b"", file=name, rejected={"no_records": 1}, problem=problem)
        return
    yield Page(stream.name, b"\n".join(json_line(r) for r in records), file=name)


def json_line(record: Any) -> bytes:
    """A record as one line of JSON; half characters become '?', numbers keep all their digits."""
    import json

    import orjson

    try:
        return orjson.dumps(record)
    except TypeError:  # a lone surrogate, or an integer of more than 64 bits
        return json.dumps(record, ensure_ascii=False).encode("utf-8", "replace")


def _parquet(handle: IO[bytes] | gzip.GzipFile, name: str, stream: Stream) -> Iterator[Page]:
    import pyarrow.parquet as pq

    first_row = 1
    try:
        file = pq.ParquetFile(handle)
        problem = _missing_columns(file.schema_arrow.names, stream)
        if len(file.schema_arrow.names) > MOST_COLUMNS:
            raise SourceError(f"has more than {MOST_COLUMNS:,} columns: check its export")
        for batch in file.iter_batches(batch_size=50_000):
            columns = {f.name: batch.column(i).cast(pa.string()) for i, f in enumerate(batch.schema)}
            yield Page(stream.name, pa.table(columns), file=name, first_row=first_row, problem=problem)
            first_row += batch.num_rows
            problem = ""
    except (ConnectionError, TimeoutError, PermissionError):
        raise
    except (pa.ArrowInvalid, OSError):
        raise SourceError("is no Parquet file, or a damaged one: send it again") from None
    except (pa.ArrowNotImplementedError, KeyError):
        raise SourceError("has columns that are no plain values: export texts, numbers and times") from None
