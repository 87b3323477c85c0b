"""How the 简道云 v5 API is spoken to: pacing, retries, faults inside answers, keyset paging.

Keep out: which forms are read, when, and what their rows mean.

Marks: [D] vendor documentation, [C] seen in client code, [G] not documented, therefore configurable.
- every call is a POST with a JSON body, `Authorization: Bearer <API key>` [D: help.jodoo.com/open/11261];
- 30 requests a second for reading, 50 over all interfaces [D: the same page and /open/14216];
- an error is an HTTP status outside 2xx with `{"code": …, "msg": …}` [D]; which code means "too fast" (8303 [C]) or
  "key not valid" (8301, 8302 [G]) is not documented. `msg` may quote data and is never passed on;
- rows come in ascending order of their id, `data_id` = id of the last row read, `limit` 1 to 100, and a page shorter
  than its limit is the last [D: help.jodoo.com/open/14220]; read is until an empty page all the same, for one request
  more: a page cut short on the way then hides nothing.
"""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import pairwise
from typing import Any, Protocol
from urllib.parse import urlsplit

from dlt.sources.helpers.rest_client.auth import BearerTokenAuth
from dlt.sources.helpers.rest_client.client import RESTClient
from dlt.sources.helpers.rest_client.paginators import BasePaginator, OffsetPaginator, SinglePagePaginator
from requests import PreparedRequest, Request, Response, Session
from requests.exceptions import ChunkedEncodingError, ConnectionError, ContentDecodingError, Timeout

from orchestration.errors import SourceError, TransientSourceError

PAGE_ROWS = 100  # the most a page may hold [D]

APPS = "/app/list"
FORMS = "/app/entry/list"
WIDGETS = "/app/entry/widget/list"
ROWS = "/app/entry/data/list"
ANSWERED_UNDER = {APPS: "apps", FORMS: "forms", WIDGETS: "widgets", ROWS: "data"}


class Clock(Protocol):
    """What pacing and back-off need of time, in seconds."""

    def monotonic(self) -> float: ...

    def sleep(self, seconds: float) -> None: ...


class WallClock:
    """The machine's own clock."""

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


@dataclass(frozen=True)
class Manners:
    """How hard and how often the API may be asked; every number can be set in [options]."""

    requests_per_second: float = 30
    attempts: int = 6
    backoff_seconds: float = 1  # doubles with each attempt
    backoff_limit_seconds: float = 60
    retry_after_limit_seconds: float = 600  # a server that wants a longer pause is left to the next run
    timeout_seconds: float = 60
    most_pages: int = 100_000  # a walk that is longer than this does not end
    rate_codes: Sequence[int] = (8303, 8304)
    key_codes: Sequence[int] = (8301, 8302)


class _PoliteSession(Session):
    """An HTTP session that keeps the pace, asks again after passing faults, and returns sound JSON objects only."""

    def __init__(self, source: str, path_root: str, manners: Manners, clock: Clock) -> None:
        super().__init__()
        self._source = source
        self._path_root = path_root
        self._manners = manners
        self._clock = clock
        self._next_turn = clock.monotonic()
        self._pages: dict[str, int] = {}  # by path: the page its walk asks for

    def send(self, request: PreparedRequest, **kwargs: Any) -> Response:
        path = urlsplit(request.url or "").path.removeprefix(self._path_root)
        body = _parsed(request.body or b"") or {}  # type: ignore[arg-type]
        goes_on = "data_id" in body or body.get("skip")
        self._pages[path] = self._pages.get(path, 0) + 1 if goes_on else 1
        at = f"{path}: page {self._pages[path]}"
        fixed = {"allow_redirects": False, "timeout": self._manners.timeout_seconds}
        fault = ""
        for attempt in range(self._manners.attempts):
            self._wait_turn()
            wait = min(self._manners.backoff_seconds * 2**attempt, self._manners.backoff_limit_seconds)
            try:
                response = super().send(request, **{**kwargs, **fixed})
            except (ConnectionError, Timeout, ChunkedEncodingError, ContentDecodingError) as error:
                fault = f"no whole answer ({type(error).__name__}): check the network and base_url"
            else:
                fault = self._passing_fault(path, at, response)
                if not fault:
                    return response
                wait = _asked_to_wait(response, wait)
                if wait > self._manners.retry_after_limit_seconds:
                    break
            if attempt + 1 < self._manners.attempts:
                self._clock.sleep(wait)
        raise TransientSourceError(
            f"{self._source}: {path}: page {self._pages[path]}: {fault} (asked {attempt + 1} times)"
        )

    def _wait_turn(self) -> None:
        now = self._clock.monotonic()
        if now < self._next_turn:
            self._clock.sleep(self._next_turn - now)
        self._next_turn = max(now, self._next_turn) + 1 / self._manners.requests_per_second

    def _passing_fault(self, path: str, at: str, response: Response) -> str:
        """What may be gone at the next attempt; '' for a sound answer. Raises what will not go away."""
        status = response.status_code
        body = _parsed(response.content)
        code = body.get("code") if isinstance(body, dict) else None
        if status == 429 or code in self._manners.rate_codes:
            return "throttled: lower requests_per_second, or share the key with fewer programs"
        if status >= 500:
            return f"server error {status}: run again later, and ask the vendor if it stays"
        if status in (401, 403) or code in self._manners.key_codes:
            raise SourceError(
                f"{self._source}: {at}: the API key is not accepted (status {status}, code {code}): it expired, was "
                "switched off, or lacks this application: make or allow one under 开放平台 > API Key, set the secret "
                f"SOURCES__{self._source.upper()}__API_KEY"
            )
        if 300 <= status < 400:
            raise SourceError(f"{self._source}: {at}: redirected (status {status}): check base_url")
        if not response.content.strip():
            return "an empty answer: run again later, and ask the vendor if it stays"
        if body is None:
            is_page = response.content.lstrip()[:1] == b"<" or "html" in response.headers.get("Content-Type", "")
            if is_page:
                return "a web page instead of JSON: check base_url and proxies"
            return "broken JSON: run again later, and ask the vendor if it stays"
        if status >= 400 or code not in (None, 0):
            raise SourceError(
                f"{self._source}: {at}: refused (status {status}, code {code}): look up the code, "
                "and check that the form still exists"
            )
        key = ANSWERED_UNDER[path]
        if not isinstance(body, dict) or not isinstance(body.get(key), list):
            return f"an answer without the list '{key}': check base_url, and ask the vendor if it stays"
        return ""


def _asked_to_wait(response: Response, otherwise: float) -> float:
    """Seconds until the server wants to be asked again, of which it tells the number or the moment by its own clock."""
    after = response.headers.get("Retry-After", "")
    if after.isdecimal():
        return float(after)
    try:
        told_at = response.headers.get("Date")
        since = parsedate_to_datetime(told_at) if told_at else datetime.now(UTC)
        return max(0.0, (parsedate_to_datetime(after) - since).total_seconds())
    except (ValueError, TypeError):  # no date, or one without a zone
        return otherwise


def _parsed(content: bytes) -> Any:
    """The JSON value; None where the bytes are not whole JSON."""
    try:
        return json.loads(content)
    except (json.JSONDecodeError, UnicodeDecodeError):
        return None


class _Keyset(BasePaginator):
    """Pages by the id of the last row, until an empty one."""

    def __init__(self, source: str, body: dict[str, Any], most_pages: int) -> None:
        super().__init__()
        self._source = source
        self._body = {**body, "limit": PAGE_ROWS}
        self._most_pages = most_pages
        self._page = 0
        self._last = ""

    def init_request(self, request: Request) -> None:
        request.json = self._body

    def update_state(self, response: Response, data: list[Any] | None = None) -> None:
        self._page += 1
        at = f"{self._source}: {ROWS}: page {self._page}"
        ids: list[str] = [row["_id"] for row in data or () if isinstance(row, dict) and isinstance(row.get("_id"), str)]
        if len(ids) < len(data or ()):
            raise SourceError(f"{at}: a row whose _id is missing or no text: nothing of it is kept, ask the vendor")
        if any(before >= after for before, after in pairwise([self._last, *ids])):
            raise SourceError(
                f"{at}: rows do not come in ascending order of _id, or came before: paging is not safe, "
                "nothing is kept, ask the vendor"
            )
        if self._page >= self._most_pages:
            raise SourceError(
                f"{at}: the walk does not end: raise most_pages if there are so many rows, else ask the vendor"
            )
        self._has_next_page = bool(ids)
        self._last = ids[-1] if ids else self._last

    def update_request(self, request: Request) -> None:
        request.json = {**self._body, "data_id": self._last}


class Client:
    """The interfaces of the API that reading needs.

    Raises SourceError where no sound answer can be had; its text says what to do and quotes nothing of an answer.
    """

    def __init__(self, source: str, base_url: str, api_key: str, manners: Manners, clock: Clock) -> None:
        parts = urlsplit(base_url)
        if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "localhost"):
            raise SourceError(f"{source}: base_url must begin with https://: the key would travel in the clear")
        self._source = source
        self._most_pages = manners.most_pages
        self._rest = RESTClient(
            base_url=base_url,
            auth=BearerTokenAuth(token=api_key),
            session=_PoliteSession(source, parts.path.rstrip("/"), manners, clock),
        )

    def apps(self) -> list[dict[str, Any]]:
        """Applications that the key may read: app_id, name."""
        return [app for page in self._offset_pages(APPS, {}) for app in page]

    def forms(self, app_id: str) -> list[dict[str, Any]]:
        """Forms of an application: entry_id, name."""
        return [form for page in self._offset_pages(FORMS, {"app_id": app_id}) for form in page]

    def widgets(self, app_id: str, entry_id: str) -> dict[str, Any]:
        """A form's fields: `widgets` (name, label, type, items) and `sysWidgets` (name)."""
        body = {"app_id": app_id, "entry_id": entry_id}
        for page in self._rest.paginate(
            WIDGETS, "POST", json=body, paginator=SinglePagePaginator(), hooks={"response": []}, data_selector="$"
        ):
            answer = dict(page[0])
            items = [item for widget in answer["widgets"] for item in (widget, *(widget.get("items") or ()))]
            if all(isinstance(item.get("name"), str) for item in (*items, *(answer.get("sysWidgets") or ()))):
                return answer
        raise SourceError(f"{self._source}: {WIDGETS}: a field without a name: ask the vendor")

    def rows(
        self,
        app_id: str,
        entry_id: str,
        changed: tuple[str | None, str | None] | None = None,
        fields: list[str] | None = None,
    ) -> Iterator[list[dict[str, Any]]]:
        """Pages of a form's rows in ascending order of id; `changed` bounds updateTime, both ends included."""
        body: dict[str, Any] = {"app_id": app_id, "entry_id": entry_id}
        if fields:
            body["fields"] = fields
        if changed:
            condition = {"field": "updateTime", "type": "datetime", "method": "range", "value": list(changed)}
            body["filter"] = {"rel": "and", "cond": [condition]}
        paginator = _Keyset(self._source, body, self._most_pages)
        for page in self._rest.paginate(
            ROWS, "POST", json=body, paginator=paginator, hooks={"response": []}, data_selector="data"
        ):
            yield list(page)

    def _offset_pages(self, path: str, body: dict[str, Any]) -> Iterator[list[dict[str, Any]]]:
        paginator = OffsetPaginator(
            limit=PAGE_ROWS, offset_param=None, limit_param=None, offset_body_path="skip", limit_body_path="limit",
            total_path=None, stop_after_empty_page=True,
        )  # fmt: skip
        before: list[Any] = []
        walk = self._rest.paginate(
            path, "POST", json=dict(body), paginator=paginator, hooks={"response": []},
            data_selector=ANSWERED_UNDER[path],
        )  # fmt: skip
        for number, page in enumerate(walk, start=1):
            if page and list(page) == before:
                raise SourceError(
                    f"{self._source}: {path}: page {number}: the same page again: paging is not safe, ask the vendor"
                )
            before = list(page)
            yield before
