"""The register of requests: who asked for what (by the vault's own ids), when it is due, how it ended.

Keep out: doing what was asked. Terms are defaults for a lawyer to confirm: one month (GDPR 12(3)), 15 working days
(mainland China, by common practice), the earlier where the law is not known; set in policy.toml, [requests].
"""

import secrets
import tomllib
from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import duckdb

from orchestration.errors import VoicehouseError
from orchestration.home import Home, now
from orchestration.privacy.marks import STAFF
from orchestration.privacy.policy import EU

ACTIONS = ("access", "erase", "rectify", "restrict", "object")
OF_STAFF = ("access", "restrict", "object")  # the rest is their employer's to do in its directory
NOT_OF_STAFF = (
    f"a member of staff asks for one of {', '.join(OF_STAFF)}. What the directory says is corrected at its source, where the day "
    "somebody left (left_on) is entered too; then `voicehouse run`: rows, names and addresses of theirs go with their term after "
    "that day. Meanwhile `voicehouse subject restrict --agent` keeps them out of every row of staff"
)


@dataclass(frozen=True)
class Request:
    """One request. Times are naive UTC.

    `subject_ids`, of staff keys after marks.STAFF, is empty once the person is erased.
    """

    request_id: str
    action: str
    subject_ids: tuple[str, ...]
    received_at: datetime
    due_at: datetime
    closed_at: datetime | None = None
    outcome: str | None = None
    wrong: tuple[str, ...] = ()


def draft(
    con: duckdb.DuckDBPyConnection, home: Home, action: str, subject_ids: list[str], wrong: Sequence[str] = ()
) -> Request:
    """A request of the persons in `_person` as it would be registered now.

    `wrong`: blind indexes of what a rectification takes away from them.
    """
    if wrong and action != "rectify":
        raise VoicehouseError("what is not theirs is taken away by a request to rectify")
    if action not in ACTIONS:
        raise VoicehouseError(f"there is no request {action}: one of {', '.join(ACTIONS)}")
    if action not in OF_STAFF and any(i.startswith(STAFF) for i in subject_ids):
        raise VoicehouseError(NOT_OF_STAFF)
    at = now().replace(tzinfo=None)
    row = con.execute("SELECT max(country) FROM vault.subject WHERE subject_id IN (FROM _person)").fetchone()
    number = f"R{at:%Y%m%d}-{secrets.token_hex(3)}"
    return Request(number, action, tuple(subject_ids), at, due(home, at, row[0] if row else None), wrong=tuple(wrong))


def register(
    con: duckdb.DuckDBPyConnection, home: Home, action: str, subject_ids: list[str], wrong: Sequence[str] = ()
) -> Request:
    """Write a request of the persons in `_person` into the vault's register; the vault is open for writing on `con`."""
    request = draft(con, home, action, subject_ids, wrong)
    con.execute(
        "INSERT INTO vault.request (request_id, action, subject_ids, received_at, due_at, wrong) VALUES (?, ?, ?, ?, ?, ?)",
        [request.request_id, action, subject_ids, request.received_at, request.due_at, list(wrong)],
    )
    return request


def due(home: Home, received_at: datetime, country: str | None) -> datetime:
    """When a request is due, by the law of the person's country; unknown: the earlier."""
    path = home.root / "policy.toml"
    terms = tomllib.loads(path.read_text()).get("requests", {}) if path.exists() else {}
    months, days = int(terms.get("gdpr_months", 1)), int(terms.get("mainland_working_days", 15))
    year, month = divmod(received_at.month - 1 + months, 12)
    year, month = received_at.year + year, month + 1
    gdpr = received_at.replace(year=year, month=month, day=min(received_at.day, monthrange(year, month)[1]))
    mainland = received_at
    while days:
        mainland += timedelta(days=1)
        days -= mainland.weekday() < 5
    if country == "CN":
        return mainland
    return gdpr if country in EU else min(gdpr, mainland)


def take_wrong(con: duckdb.DuckDBPyConnection, request_id: str) -> list[str]:
    """Blind indexes of what a rectification takes away from the person; the register forgets them."""
    found = con.execute("SELECT unnest(wrong) FROM vault.request WHERE request_id = ?", [request_id]).fetchall()
    con.execute("UPDATE vault.request SET wrong = [] WHERE request_id = ?", [request_id])
    return [mark for (mark,) in found]


def close(con: duckdb.DuckDBPyConnection, request_id: str, outcome: str, forget: bool = False) -> None:
    """End a request; `forget` takes the person's ids out of the register."""
    con.execute(
        "UPDATE vault.request SET closed_at = ?, outcome = ?, subject_ids = CASE WHEN ? THEN [] ELSE subject_ids END "
        "WHERE request_id = ?",
        [now().replace(tzinfo=None), outcome, forget, request_id],
    )


def listed(con: duckdb.DuckDBPyConnection, open_only: bool = False) -> list[Request]:
    """Every request, those due first first."""
    rows = con.execute(
        "SELECT request_id, action, subject_ids, received_at, due_at, closed_at, outcome FROM vault.request "
        f"{'WHERE closed_at IS NULL ' if open_only else ''}ORDER BY due_at, request_id"
    ).fetchall()
    return [Request(i, a, tuple(s), r, d, c, o) for i, a, s, r, d, c, o in rows]
