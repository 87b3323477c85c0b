"""Sealing pages: zstd, then AES-256-GCM under a key of the load, bound to source, load, stream and page number.

Keep out: where sealed pages lie.
"""

import io
import secrets
from collections.abc import Mapping
from typing import Any

import orjson
import pyarrow as pa
import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from orchestration.errors import SourceError
from orchestration.sources.contract import Page
from orchestration.sources.files import json_line


def seal(page: Page, key: bytes, source: str, load_id: str, number: int, file_id: str, is_last: bool) -> bytes:
    """A page as one opaque value: 12 bytes of nonce, then the ciphertext. `file_id` replaces the file's real name.

    The last page of a load says so, sealed: none can be taken away unnoticed.
    """
    content: Any = page.content
    if isinstance(content, pa.Table):
        form, body = "arrow", _ipc(content)
    elif isinstance(content, bytes):
        form, body = "lines", content
    else:
        form, body = "lines", b"\n".join(json_line(record) for record in content)
    head = orjson.dumps(
        {
            "form": form,
            "file": file_id,
            "first_row": page.first_row,
            "is_sweep": page.is_sweep,
            "rejected": dict(page.rejected),
            "is_last": is_last,
        }
    )
    packed = zstandard.ZstdCompressor(level=3).compress(len(head).to_bytes(4, "big") + head + body)
    nonce = secrets.token_bytes(12)
    return nonce + AESGCM(key).encrypt(nonce, packed, _bound_to(source, load_id, page.stream, number))


def open_page(
    sealed: bytes, key: bytes, source: str, load_id: str, stream: str, number: int, kept_in: str
) -> tuple[Page, bool]:
    """The page behind a sealed value, and whether it is the last of its load. `kept_in`: the name of the file it is in.

    Raises SourceError when the value was changed, moved, or sealed under another key.
    """
    try:
        packed = AESGCM(key).decrypt(sealed[:12], sealed[12:], _bound_to(source, load_id, stream, number))
    except InvalidTag:
        raise SourceError(
            f"{source}: page {number} of load {load_id} does not open, for it was changed or moved, or its key is "
            f"another: remove {kept_in} from landing, then ask again with --since"
        ) from None
    raw = zstandard.ZstdDecompressor().decompress(packed)
    size = int.from_bytes(raw[:4], "big")
    head: Mapping[str, Any] = orjson.loads(raw[4 : 4 + size])
    body = raw[4 + size :]
    content = pa.ipc.open_stream(io.BytesIO(body)).read_all() if head["form"] == "arrow" else body
    page = Page(
        stream,
        content,
        file=head["file"],
        first_row=head["first_row"],
        is_sweep=head["is_sweep"],
        rejected=head["rejected"],
    )
    return page, head.get("is_last", True)  # pages of the release before said nothing


def opens(sealed: bytes, key: bytes, source: str, load_id: str, stream: str, number: int) -> bool:
    """Whether a sealed value is one, under this key, in its place."""
    try:
        return bool(AESGCM(key).decrypt(sealed[:12], sealed[12:], _bound_to(source, load_id, stream, number)))
    except (InvalidTag, ValueError):
        return False


def reseal(sealed: bytes, old: bytes, new: bytes, source: str, load_id: str, stream: str, number: int) -> bytes:
    """The same page under another key; a value that does not open stays as it is, for whoever asks to be told so."""
    bound = _bound_to(source, load_id, stream, number)
    try:
        packed = AESGCM(old).decrypt(sealed[:12], sealed[12:], bound)
    except InvalidTag:
        return sealed
    nonce = secrets.token_bytes(12)
    return nonce + AESGCM(new).encrypt(nonce, packed, bound)


def _bound_to(source: str, load_id: str, stream: str, number: int) -> bytes:
    return "\x1f".join((source, load_id, stream, str(number))).encode()


def _ipc(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()
