"""Checking what 简道云 pushes: is it signed with our secret, and was it delivered before.

Keep out: a server. Whoever runs one calls these before it believes a push. Pushes only bring news earlier: batch edits,
batch deletions and imports are never pushed [D: hc.jiandaoyun.com/open/11507], so the sweep of ids stays the truth.
"""

import hashlib
import hmac
from collections.abc import Mapping


def verify_signature(headers: Mapping[str, str], query: Mapping[str, str], body: bytes, secret: str) -> bool:
    """Whether X-JDY-Signature is the hex SHA-1 of "{nonce}:{raw body}:{secret}:{timestamp}" in UTF-8 [D].

    `query` holds the push address's `nonce` and `timestamp`; `body` is the raw body, before any parsing. It is the
    vendor's scheme, a plain SHA-1: reject stale timestamps and serve the address over https only. Constant time.
    """
    given = _header(headers, "X-JDY-Signature")
    nonce, timestamp = query.get("nonce"), query.get("timestamp")
    if not (given and nonce and timestamp and secret):
        return False
    signed = b":".join((nonce.encode(), body, secret.encode(), timestamp.encode()))
    expected = hashlib.sha1(signed, usedforsecurity=False).hexdigest()
    return hmac.compare_digest(expected.encode(), given.strip().lower().encode())


def delivery_id(headers: Mapping[str, str]) -> str | None:
    """The push's own id (X-JDY-DeliverId), the same when it is sent again: what was seen before is dropped."""
    return _header(headers, "X-JDY-DeliverId")


def _header(headers: Mapping[str, str], name: str) -> str | None:
    """A header whatever its case."""
    return next((value for key, value in headers.items() if key.lower() == name.lower()), None)
