"""The register of requests: who asked for what (by the vault's own ids), when it is due, how it ended.

Keep out: doing what was asked. Who a person is may change before the answer: two turn out to be one, or are parted. The
ids say who it was that day, `set_person` who that is now. Terms are defaults for a lawyer to confirm: one month (GDPR
12(3)), 15 working days (mainland China, by common practice), the earlier where the law is not known; set in
policy.toml, [requests].
"""

import secrets
from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

import duckdb

from orchestration.errors import UsedWronglyError, VoicehouseError
from orchestration.home import Home, now
from orchestration.privacy import subjects
from orchestration.privacy.marks import EVERY, STAFF
from orchestration.privacy.policy import EU, Policy, agreed_country_sql
from orchestration.settings import read_toml

ACTIONS = ("access", "erase", "rectify", "restrict", "object")
OBJECTED = "analytics"  # what an objection is to where nothing else is said
# How a request ends without an answer of this house; `corrected`: the records of a rectification, at their sources.
ENDS = ("refused", "withdrawn", "corrected")
TAKEN = "identifier taken away"  # the outcome so far of a rectification whose sources have yet to correct records
OF_STAFF = ("access", "restrict", "object")  # the rest is their employer's to do in its directory
NOT_OF_STAFF = (
    f"a member of staff asks for one of {', '.join(OF_STAFF)}. What the directory says is corrected at its source, where the day "
    "somebody left (left_on) is entered too; then `voicehouse run`: rows, names and addresses of theirs go with their term after "
    "that day. Meanwhile `voicehouse subject restrict --agent … --role compliance --reason …` keeps them out of every row of staff"
)


@dataclass(frozen=True)
class Request:
    """One request. Times are naive UTC.

    `subject_ids`, of staff keys after marks.STAFF, is empty once the person is erased; `sought` are those among them by
    which whoever asked was found. `purpose`: what an objection is to. `is_lift`: a restriction or objection is to end.
    """

    request_id: str
    action: str
    subject_ids: tuple[str, ...]
    received_at: datetime
    due_at: datetime
    closed_at: datetime | None = None
    outcome: str | None = None
    wrong: tuple[str, ...] = ()
    sought: tuple[str, ...] = ()
    purpose: str | None = None
    is_lift: bool = False


def check_action(action: str) -> None:
    """Raise VoicehouseError where there is no request of that name."""
    if action not in ACTIONS:
        raise VoicehouseError(f"there is no request {action}: one of {', '.join(ACTIONS)}")


def check_purpose(con: duckdb.DuckDBPyConnection, home: Home, purpose: str, is_lift: bool) -> None:
    """Raise UsedWronglyError for an objection to what this house does not pursue; needs the vault and `_person`.

    What stands against a purpose that was pursued once can be lifted.
    """
    policy = Policy.of(home)
    known = {*policy.purposes, policy.staff_purpose} - {""}
    if is_lift:
        stands = "SELECT DISTINCT purpose FROM vault.restriction WHERE subject_id IN (FROM _person)"
        known |= {p for (p,) in con.execute(stands).fetchall()} - {EVERY}
    if purpose not in known:
        raise UsedWronglyError(
            f"the house does not pursue that purpose (policy.toml): one of {', '.join(sorted(known))}"
        )


def draft(
    con: duckdb.DuckDBPyConnection,
    home: Home,
    action: str,
    subject_ids: list[str],
    wrong: Sequence[str] = (),
    purpose: str | None = None,
    is_lift: bool = False,
) -> Request:
    """A request of the person `subjects.find` found as it would be registered now.

    `wrong`: blind indexes of what a rectification takes away from them. `purpose`: what an objection is to (OBJECTED).
    """
    check_action(action)
    if wrong and action != "rectify":
        raise VoicehouseError("what is not theirs is taken away by a request to rectify")
    if purpose and action != "object":
        raise VoicehouseError("a purpose is what an objection is to: say it with a request to object")
    if is_lift and action not in ("restrict", "object"):
        raise VoicehouseError("what is lifted is a restriction or an objection")
    if action not in OF_STAFF and any(i.startswith(STAFF) for i in subject_ids):
        raise VoicehouseError(NOT_OF_STAFF)
    if action == "object":
        check_purpose(con, home, purpose or OBJECTED, is_lift)
    at = now().replace(tzinfo=None)
    told = f"SELECT {agreed_country_sql('country')} FROM vault.subject WHERE subject_id IN (FROM _person)"
    row = con.execute(told).fetchone()
    number = f"R{at:%Y%m%d}-{secrets.token_hex(3)}"
    sought = con.execute("SELECT subject_id FROM _sought ORDER BY 1").fetchall()
    return Request(
        number,
        action,
        tuple(subject_ids),
        at,
        due(home, at, row[0] if row else None),
        wrong=tuple(wrong),
        sought=tuple(i for (i,) in sought),
        purpose=(purpose or OBJECTED) if action == "object" else None,
        is_lift=is_lift,
    )


def register(
    con: duckdb.DuckDBPyConnection,
    home: Home,
    action: str,
    subject_ids: list[str],
    wrong: Sequence[str] = (),
    purpose: str | None = None,
    is_lift: bool = False,
) -> Request:
    """Write a `draft` into the vault's register; the vault is open for writing on `con`."""
    request = draft(con, home, action, subject_ids, wrong, purpose, is_lift)
    columns = [f.name for f in fields(request)]
    values = [list(v) if isinstance(v := getattr(request, c), tuple) else v for c in columns]
    con.execute(f"INSERT INTO vault.request ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})", values)
    return request


def set_person(con: duckdb.DuckDBPyConnection, request: Request) -> tuple[str, ...]:
    """Temp table `_person` of whoever asked as the vault knows them now; needs the vault, returns the ids.

    Everybody the registered ids stand for by now, if that is one person. Were they parted since, whoever it is that was
    sought. Raises VoicehouseError where those are several too: a stranger's data must not go to, or with, the other's.
    """
    if any(i.startswith(STAFF) for i in request.subject_ids):
        subjects.set_person(con, request.subject_ids)
        return request.subject_ids
    if subjects.set_standing(con, request.subject_ids) > 1 and subjects.set_standing(con, request.sought) != 1:
        raise VoicehouseError(
            f"request {request.request_id} is of persons that were parted since: register it again by an account or a record, "
            f"and end this one with `voicehouse subject close {request.request_id} --outcome withdrawn --role compliance --reason …`"
        )
    return tuple(i for (i,) in con.execute("SELECT subject_id FROM _person ORDER BY 1").fetchall())


def terms(home: Home) -> tuple[int, int]:
    """Months by which a request is due in the EU, and working days in mainland China."""
    told = read_toml(home.root / "policy.toml").get("requests", {})
    return int(told.get("gdpr_months", 1)), int(told.get("mainland_working_days", 15))


def due(home: Home, received_at: datetime, country: str | None) -> datetime:
    """When a request is due, by the law of the person's country; unknown: the earlier."""
    months, days = terms(home)
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
        f"UPDATE vault.request SET closed_at = ?, outcome = ?{', subject_ids = [], sought = []' if forget else ''} "
        "WHERE request_id = ?",
        [now().replace(tzinfo=None), outcome, request_id],
    )


def check_end(request: Request, outcome: str) -> None:
    """Raise VoicehouseError where a request cannot end so without being answered."""
    if outcome not in ENDS or (outcome == "corrected" and request.action != "rectify"):
        raise VoicehouseError(
            f"a request to {request.action} that is not answered ends as refused or withdrawn, a rectification as corrected too"
        )


def has_taken(con: duckdb.DuckDBPyConnection, request_id: str) -> bool:
    """Whether an earlier answer to a rectification took what was wrong away."""
    row = con.execute("SELECT outcome FROM vault.request WHERE request_id = ?", [request_id]).fetchone()
    return bool(row and row[0] == TAKEN)


def note_taken(con: duckdb.DuckDBPyConnection, request_id: str) -> None:
    """Remember, while the request stays open, that what was wrong was taken away."""
    con.execute("UPDATE vault.request SET outcome = ? WHERE request_id = ?", [TAKEN, request_id])


def others_open(con: duckdb.DuckDBPyConnection, request: Request, subject_ids: Sequence[str]) -> list[str]:
    """Numbers of the open requests of these subjects but this one; needs the vault."""
    of = set(subject_ids)
    return [
        r.request_id
        for r in listed(con, open_only=True)
        if r.request_id != request.request_id and of & {*r.subject_ids, *r.sought}
    ]


def listed(con: duckdb.DuckDBPyConnection, open_only: bool = False) -> list[Request]:
    """Every request, those due first first."""
    rows = con.execute(  # of a vault that nobody wrote to since, columns may be missing
        f"FROM vault.request {'WHERE closed_at IS NULL ' if open_only else ''}ORDER BY due_at, request_id"
    ).to_arrow_table()
    told: list[dict[str, Any]] = [
        {name: tuple(v) if isinstance(v, list) else v for name, v in row.items() if v is not None}
        for row in rows.to_pylist()
    ]
    return [Request(**one) for one in told]
