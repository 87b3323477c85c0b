"""A person's case on the desk: found, counted, a request written down; the command line and Dagster both call it.

Keep out: who may ask (roles.py), asking for what is typed (commands/subject.py), answering (orchestration.answering).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import duckdb

from orchestration.engine import connect
from orchestration.errors import VoicehouseError
from orchestration.home import Home
from orchestration.lake import quarantine
from orchestration.lake.store import LAKE_KEY, Lake
from orchestration.privacy import pseudonyms, requests, resolve, subjects
from orchestration.privacy.audit_log import AuditLog, tag
from orchestration.privacy.keys import Keyring
from orchestration.privacy.subjects import Sought
from orchestration.privacy.vault import open_vault


class Desk:
    """One person, by what they are sought, and who asks why: both go on record whenever the vault opens."""

    def __init__(self, home: Home, keyring: Keyring, sought: Sought, role: str, reason: str):
        self.home, self.keyring, self.sought = home, keyring, sought
        self.role, self.reason = role, reason
        self.lake = Lake(home, keyring.base64(LAKE_KEY))
        self.log = AuditLog(home, keyring)

    @contextmanager
    def open(self, action: str, write: bool = False) -> Iterator[tuple[duckdb.DuckDBPyConnection, list[str]]]:
        """The vault open, the person found and the audit line written; raises where nobody is found."""
        con = connect(self.home.temp)
        try:
            pseudonyms.install(con, self.keyring)
            quarantine.register(con, self.lake)  # before the vault is open: one transaction writes to one database
            with open_vault(con, self.home, self.keyring, read_only=not write):
                ids = subjects.find(con, self.sought)
                by = [k for k, v in asdict(self.sought).items() if v and k != "country"][0]
                self.log.append(
                    f"subject {action}",
                    role=self.role,
                    reason=self.reason,
                    by=by,
                    subject=[tag(self.keyring, i) for i in ids],
                )
                if not ids:
                    raise VoicehouseError("the vault knows nobody by that")
                yield con, ids
        finally:
            con.close()

    def held(self) -> dict[str, Any]:
        """How much is held of the person: pseudonyms, identifiers by type, rows by kind, those that wait; no value."""
        with self.open("find") as (con, _):
            conditions = subjects.reach(con)
            identities = subjects.count_identities(con)
            keys = "SELECT subject_key FROM _person_keys UNION ALL SELECT agent_key FROM _staff_keys ORDER BY 1"
            return {
                "pseudonyms": [k for (k,) in con.execute(keys).fetchall()],
                "identities": identities,
                "rows": subjects.count_rows(con, conditions),
                "waiting": subjects.count_rows(con, conditions, "waiting"),
            }

    def register(
        self,
        action: str,
        verb: str | None = None,
        wrong: Sequence[Sought] = (),
        purpose: str | None = None,
        is_lift: bool = False,
        dry_run: bool = False,
    ) -> requests.Request:
        """A request written into the register; the audit log says `verb`. `wrong`: identifiers that are not theirs.

        `purpose`: what an objection is to. `is_lift`: it ends a restriction or objection. `dry_run` only says what
        would be written.
        """
        requests.check_action(action)  # the audit log takes no other word
        said = f"{verb or action}, dry run" if dry_run else verb or action
        with self.open(said, write=not dry_run) as (con, ids):
            marks = self.theirs(con, wrong)
            if dry_run:
                return requests.draft(con, self.home, action, ids, marks, purpose, is_lift)
            return requests.register(con, self.home, action, ids, marks, purpose, is_lift)

    def theirs(self, con: duckdb.DuckDBPyConnection, wrong: Sequence[Sought]) -> list[str]:
        """Blind indexes of identifiers to be taken away; raises where one of them is not held for the person."""
        marks = [subjects.index_hash(con, one) for one in wrong]
        if not all(resolve.links(con, [mark]) for mark in marks):
            raise VoicehouseError(
                "the house does not hold that address or number for this person: nothing to take away"
            )
        return marks

    def would(self, action: str, counted: Callable[[duckdb.DuckDBPyConnection], Any]) -> Any:
        """A dry run: what `counted` finds of the person; nothing is changed."""
        with self.open(f"{action}, dry run") as (con, _):
            return counted(con)
