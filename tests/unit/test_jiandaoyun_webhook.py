"""The signature of a 简道云 push: what is signed passes, anything else does not.

Keep out: reading forms.
"""

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from orchestration.sources.jiandaoyun.webhook import delivery_id, verify_signature

text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)


def sign(nonce: str, body: bytes, secret: str, timestamp: str) -> str:
    """The signature as the documentation spells it, put together from text."""
    return hashlib.sha1(f"{nonce}:{body.decode()}:{secret}:{timestamp}".encode()).hexdigest()


@given(nonce=text, body=st.text(st.characters(exclude_categories=["Cs"]), max_size=200), secret=text, timestamp=text)
def test_what_is_signed_passes(nonce: str, body: str, secret: str, timestamp: str) -> None:
    signature = sign(nonce, body.encode(), secret, timestamp)
    query = {"nonce": nonce, "timestamp": timestamp}
    for name, value in (("X-JDY-Signature", signature), ("x-jdy-signature", signature.upper())):
        assert verify_signature({name: value}, query, body.encode(), secret)


@given(nonce=text, body=st.binary(max_size=60), secret=text, timestamp=text, more=text)
def test_one_changed_part_fails(nonce: str, body: bytes, secret: str, timestamp: str, more: str) -> None:
    signed = b":".join((nonce.encode(), body, secret.encode(), timestamp.encode()))
    headers = {"X-JDY-Signature": hashlib.sha1(signed).hexdigest()}
    query = {"nonce": nonce, "timestamp": timestamp}
    assert verify_signature(headers, query, body, secret)
    assert not verify_signature(headers, query, body + more.encode(), secret)
    assert not verify_signature(headers, query, body, secret + more)
    assert not verify_signature(headers, {**query, "nonce": nonce + more}, body, secret)
    assert not verify_signature(headers, {**query, "timestamp": timestamp + more}, body, secret)
    assert not verify_signature({"X-JDY-Signature": more}, query, body, secret)


def test_a_push_without_signature_nonce_or_secret_fails() -> None:
    good = sign("n", b"{}", "s", "1")
    query = {"nonce": "n", "timestamp": "1"}
    assert verify_signature({"X-JDY-Signature": good}, query, b"{}", "s")
    assert not verify_signature({}, query, b"{}", "s")
    assert not verify_signature({"X-JDY-Signature": ""}, query, b"{}", "s")
    assert not verify_signature({"X-JDY-Signature": good}, {"timestamp": "1"}, b"{}", "s")
    assert not verify_signature({"X-JDY-Signature": good}, {"nonce": "n"}, b"{}", "s")
    assert not verify_signature({"X-JDY-Signature": sign("n", b"{}", "", "1")}, query, b"{}", "")


def test_delivery_id_is_found_in_any_case() -> None:
    assert delivery_id({"x-jdy-deliverid": "d1"}) == "d1"
    assert delivery_id({}) is None
