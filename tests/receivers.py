"""A webhook and a mail server of one's own: they take what is sent to them and keep it.

Keep out: assertions.
"""

import base64
import json
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Webhook(ThreadingHTTPServer):
    """Takes JSON by POST; answers `status`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Post)
        self.got: list[dict[str, Any]] = []
        self.status = 200

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hook/a-token-nobody-may-see"


class _Post(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        server = self.server
        assert isinstance(server, Webhook)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if server.status == 200:
            server.got.append(json.loads(body))
        self.send_response(server.status)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on the terminal."""


class MailServer(socketserver.ThreadingTCPServer):
    """Speaks as much SMTP as smtplib needs; keeps envelopes and messages.

    `certificate`: a PEM file with key and certificate; STARTTLS is offered then, and asked for. `login`: user and
    password that are asked for.
    """

    allow_reuse_address = True

    def __init__(self, certificate: Path | None = None, login: tuple[str, str] | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Smtp)
        self.got: list[dict[str, Any]] = []
        self.logins: list[bool] = []  # of every attempt, whether it was right
        self.login = login
        self.tls: ssl.SSLContext | None = None
        if certificate:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(certificate)

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Smtp(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        try:
            self._talk()
        except (ssl.SSLError, ConnectionError):
            return  # the other side did not like the certificate

    def _talk(self) -> None:
        server = self.server
        assert isinstance(server, MailServer)
        mail: dict[str, Any] = {"to": [], "encrypted": False, "user": None}
        self._say("220 here")
        while line := self.rfile.readline().decode().strip():
            verb = line.split(":")[0].upper()
            is_closed = bool(server.tls and not mail["encrypted"]) or bool(server.login and not mail["user"])
            if verb.startswith("EHLO"):
                self._say("250-here")
                if server.tls and not mail["encrypted"]:
                    self._say("250-STARTTLS")
                if server.login:
                    self._say("250-AUTH PLAIN")
                self._say("250 8BITMIME")
            elif verb == "STARTTLS" and server.tls:
                self._say("220 go on")
                self.request = server.tls.wrap_socket(self.request, server_side=True)
                self.setup()
                mail["encrypted"] = True
            elif verb.startswith("AUTH PLAIN") and server.login:
                _, user, password = base64.b64decode(line.split()[2]).decode().split("\0")
                server.logins.append((user, password) == server.login)
                mail["user"] = user if server.logins[-1] else None
                self._say("235 welcome" if server.logins[-1] else "535 who are you")
            elif verb == "QUIT":
                self._say("221 bye")
                return
            elif is_closed:
                self._say("530 not like this")
            elif verb == "DATA":
                self._say("354 go on")
                lines = []
                while (text := self.rfile.readline()) not in (b".\r\n", b""):
                    lines.append(text)
                server.got.append({**mail, "data": b"".join(lines)})
                self._say("250 taken")
            else:
                if verb == "RCPT TO":
                    mail["to"].append(line.partition(":")[2].strip("<> "))
                self._say("250 well")

    def _say(self, words: str) -> None:
        self.wfile.write(words.encode() + b"\r\n")


def certificate(folder: Path) -> Path:
    """A PEM file with a fresh key and a certificate for 127.0.0.1 that nobody but itself vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a mail server of the tests")])
    at = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - timedelta(hours=1))
        .not_valid_after(at + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "mail.pem"
    pem = serialization.Encoding.PEM
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path.write_bytes(key.private_bytes(pem, *plain) + made.public_bytes(pem))
    return path


Server = TypeVar("Server", Webhook, MailServer)


@contextmanager
def running(server: Server) -> Iterator[Server]:
    """The server in a thread of its own."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
