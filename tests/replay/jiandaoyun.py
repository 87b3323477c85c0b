"""A stand-in for 简道云's v5 API on 127.0.0.1, written from its documentation; it never met the real service.

Keep out: anything of voicehouse itself: the connector must not find here what it would not find at the vendor.

From the documentation (help.jodoo.com/open/11261, 14216, 14220, 10993; hc.jiandaoyun.com/open/14220): POST and JSON,
Bearer keys, `data_id` keyset in ascending order of id, `limit` 1 to 100 (default 10), `filter` with and/or, `fields`,
error bodies `{"code", "msg"}` with a status outside 2xx, 30 requests a second.
Guessed: the numbers of the codes, and that a projection keeps the vendor's own columns.
"""

import json
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ROOT = "/api/v5"
OWN_COLUMNS = ("_id", "appId", "entryId", "creator", "updater", "createTime", "updateTime")
LOOK_SOUND = ("half", "again", "endless", "first_page", "numbers")
CREATOR = {"name": "小简", "username": "xiaojian", "status": 1, "type": 0}


class ManualClock:
    """Seconds that pass only when somebody sleeps."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds


def stamp(moment: datetime) -> str:
    """An instant as the API writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


@dataclass
class FormData:
    """One form: its fields and rows."""

    app_id: str
    entry_id: str
    name: str
    widgets: list[dict[str, Any]] = field(default_factory=list)
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)

    def put(self, data_id: str, moment: datetime, creator: dict[str, Any] | None = None, **values: Any) -> None:
        """Create a row, or change one: its fields are then replaced."""
        old = self.rows.get(data_id, {})
        self.rows[data_id] = {
            "_id": data_id,
            "appId": self.app_id,
            "entryId": self.entry_id,
            "creator": old.get("creator", creator or CREATOR),
            "updater": CREATOR,
            "createTime": old.get("createTime", stamp(moment)),
            "updateTime": stamp(moment),
            **values,
        }

    def remove(self, data_id: str) -> None:
        """The row is gone; no tombstone is left."""
        del self.rows[data_id]


@dataclass
class Request:
    """What was asked."""

    path: str
    body: dict[str, Any]
    at: float


class RefusalError(Exception):
    """An error answer."""

    def __init__(self, status: int, code: int) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


class Tenant:
    """A company at the vendor: forms, keys, and the faults that shall happen. Use as a context manager."""

    def __init__(self, clock: ManualClock, requests_per_second: int = 30) -> None:
        self.clock = clock
        self.requests_per_second = requests_per_second
        self.keys = {"replay-key"}
        self.forms: dict[tuple[str, str], FormData] = {}
        self.requests: list[Request] = []
        self.faults: list[tuple[str, str]] = []  # (end of the path, fault), consumed one a request
        self.actions: list[tuple[str, int, Callable[[], None]]] = []  # before the n-th request of a path
        self.down = (0.0, "")
        self.answered: dict[str, Any] = {}  # the last answer of rows
        self._recent: deque[float] = deque()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self) -> "Tenant":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}{ROOT}"

    def form(self, app_id: str, entry_id: str, name: str, widgets: list[dict[str, Any]]) -> FormData:
        """Add a form."""
        self.forms[app_id, entry_id] = FormData(app_id, entry_id, name, widgets)
        return self.forms[app_id, entry_id]

    def fail(self, fault: str, times: int = 1, path: str = "/data/list") -> None:
        """Let the next requests whose path ends so fail.

        Faults: a status such as '503' ('429:17' with Retry-After), throttled, truncated, cut, html, empty, expired,
        expired_in_body, refused, redirect, drop, listless; and answers that look sound: half (of a page), again (the
        page before once more), endless (new rows for ever), first_page (whatever was skipped), numbers (ids that are
        no texts).
        """
        self.faults += [(path, fault)] * times

    def fail_until(self, seconds: float, fault: str) -> None:
        """Let every request fail so until the clock shows these seconds."""
        self.down = (seconds, fault)

    def bend(self, fault: str, answer: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
        """An answer that looks sound and is not."""
        rows: list[dict[str, Any]] = answer.get("data", [])
        if fault == "half":
            return {"data": rows[: len(rows) // 2]}
        if fault == "again":
            return self.answered
        if fault == "endless":
            start = body.get("data_id", "")
            return {"data": [{"_id": f"{start[:20]}~{len(self.requests):08d}{n:03d}"} for n in range(100)]}
        if fault == "numbers":
            return {"data": [{**row, "_id": n} for n, row in enumerate(rows, start=1)]}
        return answer

    def before(self, path: str, number: int, action: Callable[[], None]) -> None:
        """Do something just before the `number`-th request (from 1) whose path ends so is answered."""
        self.actions.append((path, number, action))

    def asked(self, path: str) -> list[dict[str, Any]]:
        """Bodies of the requests whose path ends so."""
        return [request.body for request in self.requests if request.path.endswith(path)]

    def answer(self, path: str, authorization: str, body: dict[str, Any]) -> dict[str, Any]:
        """The vendor's answer to a sound request. Raises RefusalError."""
        if authorization.removeprefix("Bearer ") not in self.keys:
            raise RefusalError(401, 8301)
        if path == "/app/list":
            apps = sorted({app_id for app_id, _ in self.forms})
            return {"apps": [{"app_id": a, "name": f"应用 {a}"} for a in _slice(apps, body)]}
        if path == "/app/entry/list":
            forms = [f for f in self.forms.values() if f.app_id == body.get("app_id")]
            listed = [{"app_id": f.app_id, "entry_id": f.entry_id, "name": f.name} for f in forms]
            return {"forms": _slice(listed, body)}
        form = self.forms.get((body.get("app_id", ""), body.get("entry_id", "")))
        if form is None:
            raise RefusalError(400, 4001)
        if path == "/app/entry/widget/list":
            return {"widgets": form.widgets, "sysWidgets": [{"name": n} for n in ("_id", "creator", "updateTime")]}
        if path == "/app/entry/data/list":
            return {"data": _rows(form, body)}
        raise RefusalError(404, 4004)

    def is_too_fast(self) -> bool:
        """Whether this request is one too many within the last second."""
        moment = self.clock.monotonic()
        while self._recent and moment - self._recent[0] >= 1 - 1e-9:
            self._recent.popleft()
        if len(self._recent) >= self.requests_per_second:
            return True
        self._recent.append(moment)
        return False

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        tenant = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 1 << 20  # one packet an answer: small writes would wait for each other

            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                with tenant._lock:
                    self._answer(raw)

            def do_GET(self) -> None:
                self._send(405, b'{"code": 4005, "msg": "POST"}')

            def _answer(self, raw: bytes) -> None:
                path = self.path.removeprefix(ROOT)
                body = json.loads(raw)
                tenant.requests.append(Request(path, body, tenant.clock.monotonic()))
                number = sum(1 for request in tenant.requests if request.path == path)
                for end, wanted, action in tenant.actions:
                    if path.endswith(end) and wanted == number:
                        action()
                fault = next((f for f in tenant.faults if path.endswith(f[0])), None)
                if fault:
                    tenant.faults.remove(fault)
                elif tenant.clock.monotonic() < tenant.down[0]:
                    fault = (path, tenant.down[1])
                if fault and fault[1] == "first_page":
                    body = {**body, "skip": 0}
                try:
                    if tenant.is_too_fast():
                        raise RefusalError(400, 8303)
                    answer = tenant.answer(path, self.headers.get("Authorization", ""), body)
                except RefusalError as refusal:
                    self._refuse(refusal.status, refusal.code)
                    return
                name = fault[1] if fault else ""
                if name in LOOK_SOUND:
                    answer, name = tenant.bend(name, answer, body), ""
                if "data" in answer:
                    tenant.answered = answer
                self._send_with(name, json.dumps(answer, ensure_ascii=False).encode())

            def _send_with(self, fault: str, content: bytes) -> None:
                if fault == "":
                    self._send(200, content)
                elif fault.partition(":")[0].isdecimal():
                    status, _, after = fault.partition(":")
                    self._send(int(status), b"<html>busy</html>", kind="text/html", after=after)
                elif fault == "throttled":
                    self._refuse(400, 8303)
                elif fault == "expired":
                    self._refuse(401, 8301)
                elif fault == "expired_in_body":
                    self._refuse(200, 8301)
                elif fault == "refused":
                    self._refuse(400, 4001)
                elif fault == "truncated":
                    self._send(200, content[: len(content) // 2])
                elif fault == "cut":
                    self._send(200, content[: len(content) // 2], length=len(content))
                    self.close_connection = True
                elif fault == "html":
                    self._send(200, "<!doctype html><title>登录</title>".encode(), kind="text/html")
                elif fault == "empty":
                    self._send(200, b"")
                elif fault == "redirect":
                    self._send(302, b"", location="https://example.invalid/login")
                elif fault == "listless":
                    self._send(200, b"{}")
                elif fault == "drop":
                    self.close_connection = True
                else:
                    raise ValueError(f"no fault is called {fault}")

            def _refuse(self, status: int, code: int) -> None:
                self._send(status, json.dumps({"code": code, "msg": "小简 13800138000"}, ensure_ascii=False).encode())

            def _send(
                self,
                status: int,
                content: bytes,
                kind: str = "application/json",
                length: int | None = None,
                location: str | None = None,
                after: str = "",
            ) -> None:
                self.send_response(status)
                self.send_header("Content-Type", f"{kind}; charset=utf-8")
                self.send_header("Content-Length", str(len(content) if length is None else length))
                if location:
                    self.send_header("Location", location)
                if after:
                    self.send_header("Retry-After", after)
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

        return Handler


def _slice(items: list[Any], body: dict[str, Any]) -> list[Any]:
    limit, skip = body.get("limit", 100), body.get("skip", 0)
    if not 0 < limit <= 100:
        raise RefusalError(400, 4002)
    return items[skip : skip + limit]


def _rows(form: FormData, body: dict[str, Any]) -> list[dict[str, Any]]:
    limit = body.get("limit", 10)
    if not isinstance(limit, int) or not 1 <= limit <= 100:
        raise RefusalError(400, 4002)
    after = body.get("data_id", "")
    rows = [form.rows[key] for key in sorted(form.rows) if key > after]
    if "filter" in body:
        combine = {"and": all, "or": any}[body["filter"]["rel"]]
        rows = [row for row in rows if combine(_matches(row, cond) for cond in body["filter"]["cond"])]
    if "fields" in body:
        kept = {*OWN_COLUMNS, *body["fields"]}
        rows = [{key: value for key, value in row.items() if key in kept} for row in rows]
    return rows[:limit]


def _matches(row: dict[str, Any], cond: dict[str, Any]) -> bool:
    value = row.get(cond["field"])
    if cond["method"] == "range":
        low, high = cond["value"]
        moment = datetime.fromisoformat(value)
        return (low is None or moment >= _moment(low)) and (high is None or moment <= _moment(high))
    if cond["method"] == "eq":
        return value in cond["value"]
    if cond["method"] == "not_empty":
        return value not in (None, "", [])
    raise RefusalError(400, 4003)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
