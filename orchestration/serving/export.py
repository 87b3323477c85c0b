"""Row-level exports: a table of pseudonymous rows for one recipient and one purpose, or a refusal that says why.

Keep out: publication of figures (publish.py).

What leaves is still personal data: pseudonyms of a domain of its own, generalised quasi-identifiers, one sensitive
value, no text, no keys of records. Rows are those whose purposes contain the one asked for.

No two exports share a pseudonym, be it to one recipient: it is the hash, under the recipient's key, of the export's
random salt and the person. The salt stands on the receipt and in the audit log, so that who has the key traces a row
back. Values of rows may join two files all the same (amounts do): what the recipient has got of a data set before
counts among the quasi-identifiers of the next.
"""

import hashlib
import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import duckdb

from orchestration.engine import identifier, literal
from orchestration.errors import VoicehouseError
from orchestration.home import Home, now, write_durably
from orchestration.privacy import flows, pseudonyms
from orchestration.privacy.anonymity import Anonymity, measure, of_too_few
from orchestration.privacy.audit_log import AuditLog
from orchestration.privacy.keys import Keyring
from orchestration.privacy.policy import Policy

ROLES = {"engineer": (), "analyst": ("analytics",), "handler": (), "compliance": ("analytics", "service")}
PERSON = ("age_band", "gender", "region", "segment", "language")  # of the newest row of the person, any source
MOST_LEFT_OUT = 0.2  # of the rows; beyond it the export says something else than the table


@dataclass(frozen=True)
class Dataset:
    """What may be exported: one row per record of a staging model, its quasi-identifiers and its sensitive value."""

    model: str
    happened: str
    quasi: tuple[str, ...]
    sensitive: str
    where: str = "true"


DATASETS = {
    "survey_answers": Dataset("stg_survey_answers", "answered_at", (*PERSON, "quarter"), "score", "score IS NOT NULL"),
    "cases": Dataset("stg_cases", "opened_at", (*PERSON, "quarter"), "category"),
    "orders": Dataset("stg_orders", "ordered_at", (*PERSON, "quarter"), "amount", "order_type = 'purchase'"),
}


@dataclass(frozen=True)
class Exported:
    """The receipt: what left, for whom, how anonymous, and where it stands in the audit log."""

    dataset: str
    recipient: str
    role: str
    purpose: str
    columns: tuple[str, ...]
    counted_with: tuple[str, ...]  # quasi-identifiers the recipient has of this data set from before
    anonymity: Anonymity
    left_out: int
    kept_back: int  # rows that rest on a consent and would have left the mainland
    at: str
    salt: str  # of its pseudonyms
    path: str | None = None
    sha256: str | None = None
    audit_line: int | None = None


def export(
    con: duckdb.DuckDBPyConnection,
    home: Home,
    dataset: str,
    *,
    recipient: str,
    role: str,
    purpose: str,
    into: Path | None,
    quasi: Sequence[str] = (),
    leave_out: bool = False,
    catalog: str = "wh",
) -> Exported:
    """Write the rows of `dataset` to the Parquet file `into`, with its receipt beside it; without `into` only measure.

    `quasi`: the quasi-identifiers to export, default all of the dataset's. `leave_out` drops persons in classes of too
    few or of one answer, with all their rows, up to a fifth of these. Refuses with the reasons, written to the audit
    log: a role or purpose that may not, a recipient without role or agreement, or too little anonymity (privacy check
    C14).
    """
    keyring = Keyring(home)
    log = AuditLog(home, keyring)
    facts: dict[str, Any] = {"dataset": dataset, "recipient": recipient, "role": role, "purpose": purpose}
    refused = _may_not(home, dataset, recipient, role, purpose, quasi)
    if refused:
        log.append("export_refused", **facts, reasons=len(refused))
        raise VoicehouseError("not exported: " + "; ".join(refused))
    about = DATASETS[dataset]
    kept = tuple(quasi) or about.quasi
    way = flows.of_recipient(recipient, Policy.of(home))
    before = _got_before(log, dataset, recipient, kept)
    counted, salt = (*kept, *before), secrets.token_hex(16)
    leaves = way.leaves_mainland
    # A try makes no key: what it measures is the same under any.
    keys = keyring.versions(f"pseudonym.export.{recipient}") if into else [secrets.token_bytes(32)]
    reach = flows.reach_sql(recipient, Policy.of(home))
    kept_back = _rows(con, keys, catalog, about, counted, salt, purpose, reach, leaves)
    few = of_too_few("gathered", "subject", counted, about.sensitive)
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE exported AS FROM gathered WHERE {f'subject NOT IN ({few})' if leave_out else 'true'}"
    )
    found = measure(con, "exported", "subject", counted, about.sensitive)
    left_out = _number(con, "SELECT count(*) FROM gathered") - found.rows
    short = found.shortfalls() if found.rows or not left_out else []
    if left_out > MOST_LEFT_OUT * (found.rows + left_out):
        short.append(f"{left_out} rows of {found.rows + left_out} would be left out, more than a fifth")
    if short and before:
        short.append(f"counted with what {recipient} has already: {', '.join(before)}")
    if not found.rows + left_out:
        short = ["there are no rows for this purpose"]
        if reach != "true":
            short.append(f"policy.toml lists {recipient} for rows of some sources or laws alone")
        if kept_back:
            short.append(f"{kept_back} rows rest on a consent and do not leave the mainland")
    if short:
        log.append(
            "export_refused",
            **facts,
            reasons=len(short),
            k=found.k_persons,
            l=found.l_values,
            t=round(found.t_distance, 4),
        )
        raise VoicehouseError(
            "not exported: " + "; ".join([*short, *_advice(con, kept, before, about.sensitive, leave_out)])
        )
    columns = ("subject", *kept, about.sensitive)
    at = now().isoformat()
    receipt = Exported(dataset, recipient, role, purpose, columns, before, found, left_out, kept_back, at, salt)
    if into is None:
        return receipt
    draft = into.with_name(f".{into.name}.draft")
    draft.unlink(missing_ok=True)
    listed = ", ".join(identifier(c) for c in columns)
    con.execute(
        f"COPY (SELECT {listed} FROM exported ORDER BY subject, {listed}) TO {literal(str(draft))} "
        "(FORMAT parquet, COMPRESSION zstd)"
    )
    draft.chmod(0o600)
    digest = hashlib.sha256(draft.read_bytes()).hexdigest()
    line = log.append(
        "export",
        **facts,
        quasi=kept,
        salt=salt,
        rows=found.rows,
        persons=_number(con, "SELECT count(DISTINCT subject) FROM exported"),
        k=found.k_persons,
        l=found.l_values,
        t=round(found.t_distance, 4),
        left_out=left_out,
        kept_back=kept_back,
        sha256=digest,
    )
    draft.replace(into)
    receipt = replace(receipt, path=into.name, sha256=digest, audit_line=line)
    write_durably(into.with_name(into.name + ".receipt.json"), json.dumps(asdict(receipt), indent=1).encode())
    return receipt


def _may_not(home: Home, dataset: str, recipient: str, role: str, purpose: str, quasi: Sequence[str]) -> list[str]:
    if dataset not in DATASETS:
        return [f"there is no data set {dataset}: choose one of {', '.join(DATASETS)}"]
    found = []
    if not re.fullmatch(r"[a-z][a-z0-9_]{1,30}", recipient):
        found.append("a recipient is a short name of letters, digits and _")
    else:
        found += flows.missing_recipient(recipient, Policy.of(home))
    if purpose not in Policy.of(home).purposes:
        found.append(f"the house does not pursue the purpose {purpose} (policy.toml)")
    elif purpose not in Policy.of(home).recipients.get(recipient, {}).get("purposes", [purpose]):
        found.append(f"policy.toml lists {recipient} for other purposes than {purpose}")
    if purpose not in ROLES.get(role, ()):
        found.append(f"role {role} may not export for {purpose}")
    if unknown := [q for q in quasi if q not in DATASETS[dataset].quasi]:
        found.append(f"{dataset} has no quasi-identifier {', '.join(unknown)}")
    return found


def _got_before(log: AuditLog, dataset: str, recipient: str, kept: Sequence[str]) -> tuple[str, ...]:
    """Quasi-identifiers beside `kept` that the recipient has got of this data set.

    All of them where the line does not say which.
    """
    every = DATASETS[dataset].quasi
    given = [line["facts"] for line in log.lines() if line["action"] == "export"]
    got = {
        q
        for f in given
        if (f.get("dataset"), f.get("recipient")) == (dataset, recipient)
        for q in f.get("quasi", every)
    }
    return tuple(q for q in every if q in got and q not in kept)


def _rows(
    con: duckdb.DuckDBPyConnection,
    keys: Sequence[bytes],
    catalog: str,
    about: Dataset,
    kept: Sequence[str],
    salt: str,
    purpose: str,
    reach: str,
    leaves: bool,
) -> int:
    """Temp table `gathered`: subject, quasi-identifiers, sensitive value. Returns how many rows were kept back.

    The subject is hashed behind the salt, as text up to its own separator: a domain of each export's own.
    `reach`: SQL on a row `r`, whether it may go to this recipient at all.
    `leaves`: it goes out of the mainland; what rests on the consent of its people, or of the unknown, stays (PIPL 39).
    """
    pseudonyms.install_macro(con, "hmac_export", keys)
    newest = ", ".join(f"max_by({c}, coalesce(updated_at, loaded_at)) FILTER ({c} IS NOT NULL) AS {c}" for c in PERSON)
    taken = ", ".join(
        f"CAST(date_trunc('quarter', r.{about.happened}) AS DATE) AS quarter" if q == "quarter" else f"p.{q}"
        for q in kept
    )
    stays = "r.basis = 'consent' AND coalesce(r.jurisdiction, 'unknown') IN ('CN', 'unknown')" if leaves else "false"
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE gathered AS
        WITH persons AS (
            SELECT subject_key, {newest} FROM {catalog}.staging.stg_customers
            WHERE is_current AND subject_basis = 'person' AND list_contains(purposes, {literal(purpose)}) GROUP BY subject_key
        )
        SELECT {stays} AS stays, hmac_export({literal(salt)} || chr(31) || r.subject_key) AS subject{", " + taken if taken else ""}, r.{about.sensitive}
        FROM {catalog}.staging.{about.model} r LEFT JOIN persons p ON p.subject_key = r.subject_key
        WHERE r.is_current AND r.subject_basis = 'person' AND r.subject_key IS NOT NULL
            AND list_contains(r.purposes, {literal(purpose)}) AND {about.where} AND {reach}
        """
    )
    kept_back = con.execute("DELETE FROM gathered WHERE stays").fetchone()
    con.execute("ALTER TABLE gathered DROP stays")
    return int(kept_back[0]) if kept_back else 0


def _advice(
    con: duckdb.DuckDBPyConnection, kept: Sequence[str], before: Sequence[str], sensitive: str, leave_out: bool
) -> list[str]:
    """What leaving one quasi-identifier out would give, and what leaving persons out would cost."""
    found = []
    for q in kept:
        rest = [c for c in (*kept, *before) if c != q]
        without = measure(con, "gathered", "subject", rest, sensitive)
        found.append(f"without {q}: k = {without.k_persons}, l = {without.l_values}, t = {without.t_distance:.2f}")
    few = of_too_few("gathered", "subject", (*kept, *before), sensitive)
    if not leave_out and (n := _number(con, f"SELECT count(*) FROM gathered WHERE subject IN ({few})")):
        found.append(f"with leave_out {n} rows of {_number(con, 'SELECT count(*) FROM gathered')} would go")
    return found


def _number(con: duckdb.DuckDBPyConnection, sql: str) -> int:
    row = con.execute(sql).fetchone()
    return int(row[0]) if row else 0
