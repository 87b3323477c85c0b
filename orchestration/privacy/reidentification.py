"""The way back: who is behind a pseudonym, and where at the source an item lies.

Both by rule, on record, and never in bulk.

Keep out: requests of the person itself (access.py). A name leaves the vault only for one pseudonym at a time, or for
more when two persons have said so, or for whoever leads the team; an item's place at its source names nobody. Dagster
knows not who starts a run: what is asked there counts for everybody's hour, and for many at once the two persons are
those who approved.
"""

import json
import re
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import duckdb

from orchestration.engine import connect, literal
from orchestration.errors import VoicehouseError
from orchestration.home import Home, now, write_durably
from orchestration.lake.store import LAKE_KEY, Lake
from orchestration.privacy import marks, pseudonyms
from orchestration.privacy.audit_log import AuditLog, account, actor
from orchestration.privacy.keys import Keyring
from orchestration.privacy.policy import Policy
from orchestration.privacy.pseudonyms import scoped
from orchestration.privacy.roles import NotAllowedError, names_nobody
from orchestration.privacy.subjects import Sought, find
from orchestration.privacy.vault import open_vault, unseal_identities
from orchestration.records import KINDS
from orchestration.serving.postgres import TEAM_KEY
from orchestration.sources.registry import discover

AT_MOST = 10  # pseudonyms an hour and person, without a second one's approval
HOURS = 1
APPROVAL_HOURS = 24
PSEUDONYM = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class Item:
    """Where one record lies at its source; no name."""

    source: str
    kind: str
    record_id: str
    link: str | None


@dataclass(frozen=True)
class Asking:
    """In which role, why, under which ticket one asks, and what others approved; `run`: the Dagster run that asks."""

    role: str
    reason: str
    ticket: str
    approvals: tuple[str, ...] = ()
    run: str | None = None


def show(home: Home, keyring: Keyring, asked: list[str], by: Asking) -> dict[str, list[dict[str, str]]]:
    """`reidentify` on a connection of its own."""
    con = connect(home.temp)
    try:
        pseudonyms.install(con, keyring)
        with open_vault(con, home, keyring, read_only=True):
            return reidentify(con, home, keyring, asked, by)
    finally:
        con.close()


def reidentify(
    con: duckdb.DuckDBPyConnection, home: Home, keyring: Keyring, asked: list[str], by: Asking
) -> dict[str, list[dict[str, str]]]:
    """Identities behind the pseudonyms `asked`; the audit lines are on the disk first. Needs the vault on `con`.

    Raises VoicehouseError over AT_MOST an hour, unless two persons have said so: whoever asks and approves.
    """
    log = AuditLog(home, keyring)
    if any(not PSEUDONYM.fullmatch(p) for p in asked):
        raise VoicehouseError("a pseudonym is written as in the lake: 64 digits and letters a to f")
    if by.approvals:
        _use(home, log, by, len(asked))
    elif _asked_lately(log, by) + len(asked) > AT_MOST:
        log.append("refused", operation="reidentify", asked=len(asked), ticket=by.ticket)
        raise VoicehouseError(
            f"more than {AT_MOST} persons within an hour need a second person: "
            f"`voicehouse reidentify approve --persons {len(asked)} --role compliance --ticket …`"
        )
    found: dict[str, list[dict[str, str]]] = {}
    run = {"run": by.run} if by.run else {}
    why = {"role": by.role, "reason": by.reason, "ticket": by.ticket, **run}
    for pseudonym in asked:
        ids = find(con, Sought(pseudonym=pseudonym))
        log.append("reidentify", pseudonym=pseudonym[:16], known=bool(ids), **why)
        rows = con.execute(
            "SELECT v.domain, v.index_hash, v.sealed, s.secret FROM vault.identity v JOIN vault.subject s USING (subject_id) "
            "WHERE v.subject_id IN (FROM _person)"
        ).to_arrow_table()
        values = unseal_identities(rows).to_pylist()
        pairs = sorted({(d, v.rsplit("\x1f", 1)[-1]) for d, v in zip(rows["domain"].to_pylist(), values, strict=True)})
        found[pseudonym] = [{"type": d, "value": v} for d, v in pairs]
    return found


def approve(home: Home, keyring: Keyring, n: int, ticket: str) -> str:
    """Allow somebody else to ask for `n` persons at once, within APPROVAL_HOURS; returns the number to pass on."""
    number = f"A{secrets.token_hex(4)}"
    path = home.folder("ops", "approvals") / f"{number}.json"
    AuditLog(home, keyring).append("reidentify approved", approval=number, n=n, ticket=ticket)
    until = (now() + timedelta(hours=APPROVAL_HOURS)).isoformat()
    write_durably(path, json.dumps({"by": actor(), "account": account(), "n": n, "until": until}).encode())
    return number


def _asked_lately(log: AuditLog, by: Asking) -> int:
    """Pseudonyms asked for within the hour under this name or account; nobody knows who asked in a run of Dagster."""
    lines = log.since("reidentify", HOURS)
    mine = (x for x in lines if x["actor"] == actor() or x.get("account") == account() or "run" in x["facts"])
    return len(lines) if by.run else len(list(mine))


def _use(home: Home, log: AuditLog, by: Asking, n: int) -> None:
    """Use up approvals by which, with whoever asks, two persons have said so: two names under two accounts.

    What a run of Dagster asks goes by names alone: all that is done there may run under one account.
    """
    folder = home.folder("ops", "approvals")
    paths = [folder / f"{number}.json" for number in dict.fromkeys(by.approvals) if number.isalnum()]
    told: list[dict[str, Any]] = [json.loads(path.read_text()) for path in paths if path.exists()]
    persons = {one["by"] for one in told} | (set() if by.run else {actor()})
    accounts = {one.get("account", account()) for one in told} | {account()}
    wrong = (
        "there is no such approval, or it was used"
        if len(told) < len(by.approvals)
        else "the second person has to be another, under an account of the machine of their own"
        if len(persons) < 2 or (len(accounts) < 2 and not by.run)
        else "the approval is for fewer persons"
        if any(one["n"] < n for one in told)
        else "the approval has expired"
        if any(one["until"] < now().isoformat() for one in told)
        else None
    )
    if wrong:
        log.append("refused", operation="reidentify", approval=", ".join(by.approvals))
        raise VoicehouseError(wrong)
    for path in paths:
        path.unlink()


def names_of_team(
    con: duckdb.DuckDBPyConnection, home: Home, keyring: Keyring, team: str, role: str, reason: str
) -> dict[str, list[str]]:
    """Names, by key, of the members of staff of one team, for whoever leads it; the audit line is on the disk first.

    Needs the vault on `con`, and the restricted file in the home. Raises NotAllowedError for accounts that policy.toml
    does not name as the team's leads, VoicehouseError where figures of staff are off or no file is served.
    """
    policy, log = Policy.of(home), AuditLog(home, keyring)
    if not policy.staff_purpose:
        raise VoicehouseError("figures of staff are off: policy.toml, [staff], names no purpose for them")
    if actor() not in policy.leads.get(team, ()):
        log.append("refused", operation="team names", team=team, role=role)
        raise NotAllowedError(
            "names of a team are for those who lead it: policy.toml, [staff] leads, does not name you"
        )
    path = home.serving / "team.duckdb"
    if not path.exists():
        raise VoicehouseError("there is no restricted file yet: run `voicehouse run` first")
    con.execute(f"ATTACH {literal(str(path))} AS team (READ_ONLY, ENCRYPTION_KEY {literal(keyring.hex(TEAM_KEY))})")
    try:
        rows = con.execute(
            "SELECT DISTINCT a.agent_key, a.names FROM team.dim_agents d JOIN vault.agent a USING (agent_key) "
            "WHERE d.is_current AND d.team = ? AND ? || a.agent_key NOT IN (SELECT subject_id FROM vault.restriction) ORDER BY 1",
            [team, marks.STAFF],
        ).fetchall()
    finally:
        con.execute("DETACH team")
    log.append("team_names_shown", team=team, n=len(rows), role=role, reason=reason, purpose=policy.staff_purpose)
    return {str(key): [str(n) for n in names or ()] for key, names in rows}


def places(
    home: Home, keyring: Keyring, most: int, by: dict[str, str], agent: str = "", agent_key: str = ""
) -> list[Item]:
    """Where the open cases of a handler lie at their sources; told by `agent` (source:id) or their key.

    `by`: who asks, for the audit log: the role, and the run if one of Dagster asks. Raises NotAllowedError for a list
    that is neither the account's own nor of a team it leads, on record.
    """
    links = {n: str(s.options["case_link"]) for n, s in discover(home).items() if "case_link" in s.options}
    con = connect(home.temp)
    try:
        pseudonyms.install(con, keyring)
        Lake(home, keyring.base64(LAKE_KEY)).register(con)
        handler = key_of_agent(con, agent) if agent else agent_key
        keys = open_cases(con, handler, most)
        _require_own(con, home, keyring, handler, by)
        with open_vault(con, home, keyring, read_only=True):
            return worklist(con, home, keyring, [("case", k) for k in keys], links, by | {"agent_key": handler})
    finally:
        con.close()


def require_list(home: Home, keyring: Keyring, agent_key: str, by: dict[str, str]) -> None:
    """Let the list of this handler be read, or raise NotAllowedError, on record, as `places` does."""
    con = connect(home.temp)
    try:
        pseudonyms.install(con, keyring)
        Lake(home, keyring.base64(LAKE_KEY)).register(con)
        _require_own(con, home, keyring, agent_key, by)
    finally:
        con.close()


def _require_own(
    con: duckdb.DuckDBPyConnection, home: Home, keyring: Keyring, agent_key: str, by: dict[str, str]
) -> None:
    if not (names_nobody(home) or _is_own(con, Policy.of(home), agent_key)):
        AuditLog(home, keyring).append("refused", operation="worklist", **by, agent_key=agent_key)
        raise NotAllowedError(
            "a work list is for its handler, or for who leads the team: policy.toml, [staff] accounts and leads, names "
            "you as neither"
        )


def _is_own(con: duckdb.DuckDBPyConnection, policy: Policy, agent_key: str) -> bool:
    """Whether the list of this key belongs to the account at work, or to a team it leads. Needs the lake on `con`."""
    if agent_key in [key_of_agent(con, agent) for agent in policy.accounts.get(actor(), ())]:
        return True
    row = con.execute(
        f"SELECT team FROM lake.agent WHERE {marks.bare('agent_key')} = ? "
        "ORDER BY source_version DESC NULLS LAST, updated_at DESC NULLS LAST, loaded_at DESC, content_hash DESC LIMIT 1",
        [agent_key],
    ).fetchone()
    return bool(row and actor() in policy.leads.get(row[0], ()))


def key_of_agent(con: duckdb.DuckDBPyConnection, agent: str) -> str:
    """The key under which rows name an agent (source:id). Needs the keyed hashes on `con`."""
    source, _, agent_id = agent.partition(":")
    if not agent_id:
        raise VoicehouseError("an agent is written source:id")
    row = con.execute(
        f"SELECT hmac_pseudonym_agent({scoped('$agent', source, 'agent.id')})", {"agent": agent_id}
    ).fetchone()
    return str(row[0]) if row else ""


def open_cases(con: duckdb.DuckDBPyConnection, agent_key: str, most: int) -> list[str]:
    """Keys of the open cases of an agent whose rows may be used for service, oldest first. Needs the lake on `con`."""
    if not PSEUDONYM.fullmatch(agent_key):
        raise VoicehouseError("a pseudonym is written as in the lake: 64 digits and letters a to f")
    rows = con.execute(
        f"""
        WITH ranked AS (
            SELECT case_key, agent_key, status, opened_at, purposes, row_number() OVER (
                PARTITION BY source, case_key ORDER BY source_version DESC NULLS LAST, updated_at DESC NULLS LAST,
                loaded_at DESC, content_hash DESC) AS version_rank
            FROM lake."case"
        )
        SELECT case_key FROM ranked
        WHERE version_rank = 1 AND {marks.bare("agent_key")} = $agent
          AND coalesce(status, 'open') NOT IN ('resolved', 'closed', 'cancelled') AND list_contains(purposes, 'service')
        ORDER BY opened_at, case_key LIMIT $most
        """,
        {"agent": agent_key, "most": most},
    ).fetchall()
    return [key for (key,) in rows]


def worklist(
    con: duckdb.DuckDBPyConnection,
    home: Home,
    keyring: Keyring,
    items: list[tuple[str, str]],
    links: dict[str, str],
    by: dict[str, str],
) -> list[Item]:
    """Where items (kind, key) lie at their sources, one audit line each; needs the vault. Unknown ones are left out.

    `links`: address template by source, with `{id}`. `by`: what the lines tell of who asks, and whose list it is.
    """
    log = AuditLog(home, keyring)
    found = []
    for kind, key in items:
        domain = KINDS[kind].field(KINDS[kind].key[0]).domain
        row = con.execute(
            "SELECT source, original FROM vault.record_key WHERE key_hash = ? AND domain = ?", [key, domain]
        ).fetchone()
        log.append("worklist", kind=kind, item=key[:16], known=row is not None, purpose="service", **by)
        if row:
            template = links.get(row[0])
            found.append(Item(row[0], kind, row[1], template.replace("{id}", row[1]) if template else None))
    return found
