"""Resolve: which identifiers belong to one person, over a whole load and what the vault already knows.

Keep out: storing identities (vault.py) and writing pseudonyms (protect.py).
What proves identity: the source's account id, a verified e-mail, a mobile phone in E.164. Never: a name, a handle,
an address, a role mailbox, a landline.
"""

import secrets
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from orchestration.privacy import normalise, vault
from orchestration.privacy.pseudonyms import scoped
from orchestration.records import KINDS

ACCOUNT_CAP = 5  # an e-mail or phone with more accounts than this is shared, and proves nothing
ROLE_MAILBOXES = [
    "info",
    "office",
    "service",
    "support",
    "contact",
    "sales",
    "admin",
    "help",
    "kefu",
    "hr",
    "mail",
    "team",
    "hello",
    "reception",
    "frontdesk",
    "postmaster",
    "noreply",
    "no-reply",
    "accounts",
    "billing",
    "marketing",
    "enquiries",
    "inquiries",
    "webmaster",
    "customerservice",
]


@dataclass(frozen=True)
class Resolution:
    """How many subjects a load named, found new, and merged. The map itself is temp table `_subject_map`."""

    subjects: int
    new_subjects: int
    merged: int


def collect(con: duckdb.DuckDBPyConnection, source: str, kinds: list[str]) -> None:
    """Temp table `_named`: one row per row of a kind that names a person; `_ident`: one per identifier of it."""
    role = ", ".join(f"'{m}'" for m in ROLE_MAILBOXES)
    columns = {
        "account": scoped("nullif(trim(person_account_id), '')", source, "person.account"),
        "email": "nullif(trim(person_email), '')",
        "is_verified": "coalesce(person_email_verified, false)",
        "phone": "nullif(trim(person_phone), '')",
        "name": "nullif(trim(person_name), '')",
        "handle": "nullif(trim(person_handle), '')",
        "address": "nullif(trim(person_address), '')",
        "country": "upper(person_country)",
        "is_minor": "person_is_minor",
    }
    empty = ", ".join(f"NULL::{'BOOLEAN' if c.startswith('is_') else 'VARCHAR'} AS {c}" for c in columns)
    selects = [f"SELECT NULL::VARCHAR AS kind, NULL::BIGINT AS row_no, {empty} WHERE false"]
    given = ", ".join(f"{sql} AS {c}" for c, sql in columns.items())
    selects += [f"SELECT '{k}', _row_no, {given} FROM conformed_{k}" for k in kinds if KINDS[k].has_person]
    con.execute(f"CREATE OR REPLACE TEMP TABLE _named AS {' UNION ALL '.join(selects)}")
    # A value is normalised and hashed once, however many rows carry it.
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE _values AS
        SELECT domain, written, country, is_verified, value, is_proving,
               hmac_blind_index(domain || chr(31) || lower(value)) AS index_hash
        FROM (
            SELECT 'account' AS domain, account AS written, NULL AS country, NULL AS is_verified,
                   scope || {normalise.normal_account("id")} AS value, true AS is_proving
            FROM (SELECT DISTINCT account, regexp_extract(account, '^.*\x1f') AS scope,
                         regexp_extract(account, '[^\x1f]*$') AS id FROM _named WHERE account IS NOT NULL)
            UNION ALL
            SELECT 'email', email, NULL, is_verified, value, is_verified AND split_part(value, '@', 1) NOT IN ({role}) FROM (
                SELECT email, is_verified, {normalise.normal_email("email")} AS value
                FROM (SELECT DISTINCT email, is_verified FROM _named WHERE email IS NOT NULL))
            UNION ALL
            SELECT 'phone', phone, country, NULL, value, {normalise.is_mobile("value")} FROM (
                SELECT phone, country, {normalise.normal_phone("phone", "country")} AS value
                FROM (SELECT DISTINCT phone, country FROM _named WHERE phone IS NOT NULL))
            UNION ALL
            SELECT 'name', name, NULL, NULL, name, false FROM (SELECT DISTINCT name FROM _named WHERE name IS NOT NULL)
            UNION ALL
            SELECT 'handle', handle, NULL, NULL, handle, false
            FROM (SELECT DISTINCT handle FROM _named WHERE handle IS NOT NULL)
            UNION ALL
            SELECT 'address', address, NULL, NULL, address, false
            FROM (SELECT DISTINCT address FROM _named WHERE address IS NOT NULL)
        ) WHERE value IS NOT NULL
        """
    )
    joins = " UNION ALL ".join(
        f"SELECT n.kind, n.row_no, v.domain, v.value, coalesce(v.is_proving, false) AS is_proving, v.index_hash "
        f"FROM _named n JOIN _values v ON v.domain = '{domain}' AND v.written = n.{domain}{extra}"
        for domain, extra in {
            "account": "",
            "email": " AND v.is_verified = n.is_verified",
            "phone": " AND v.country IS NOT DISTINCT FROM n.country",
            "name": "",
            "handle": "",
            "address": "",
        }.items()
    )
    con.execute(f"CREATE OR REPLACE TEMP TABLE _ident AS {joins}")


def resolve(con: duckdb.DuckDBPyConnection, load_id: str, merged_at: str) -> Resolution:
    """Temp table `_subject_map` (kind, row_no, subject_id, country, is_minor), and what is new into the vault.

    Connected components over rows, proving identifiers and subjects already known; the oldest subject's id wins.
    """
    con.execute(
        f"""
        INSERT INTO vault.link
        SELECT DISTINCT i.index_hash, a.index_hash FROM _ident i JOIN _ident a USING (kind, row_no)
        WHERE i.is_proving AND i.domain IN ('email', 'phone') AND a.domain = 'account'
        EXCEPT SELECT index_hash, account_hash FROM vault.link;
        CREATE OR REPLACE TEMP TABLE _shared AS
        SELECT index_hash FROM vault.link GROUP BY 1 HAVING count(*) > {ACCOUNT_CAP}
        """
    )
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE _groups AS
        SELECT hashes, row_number() OVER (ORDER BY first_row) - 1 AS group_no FROM (
            SELECT hashes, min(first_row) AS first_row FROM (
                SELECT kind, row_no, list_sort(list_distinct(list(index_hash))) AS hashes, min((kind, row_no)) AS first_row
                FROM _ident WHERE is_proving AND index_hash NOT IN (FROM _shared) GROUP BY kind, row_no
            ) GROUP BY hashes
        )
        """
    )
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE _hashes AS
        SELECT h.index_hash, row_number() OVER (ORDER BY h.index_hash) - 1 AS hash_no, k.subject_id
        FROM (SELECT DISTINCT unnest(hashes) AS index_hash FROM _groups) h
        LEFT JOIN (SELECT index_hash, min(subject_id) AS subject_id FROM vault.identity WHERE is_proving GROUP BY 1) k
        USING (index_hash)
        """
    )
    edges = con.execute(
        "SELECT g.group_no, h.hash_no FROM (SELECT group_no, unnest(hashes) AS index_hash FROM _groups) g "
        "JOIN _hashes h USING (index_hash)"
    ).to_arrow_table()
    known = con.execute(
        "SELECT h.hash_no, s.subject_id, s.number FROM _hashes h JOIN vault.subject s USING (subject_id) ORDER BY s.number"
    ).to_arrow_table()
    n_groups, n_hashes = _count(con, "_groups"), _count(con, "_hashes")
    component = _components(n_groups, n_hashes, edges, known)

    row = con.execute("SELECT coalesce(max(number), 0) FROM vault.subject").fetchone()
    next_number = int(row[0]) + 1 if row else 1
    winner: dict[int, str] = {}
    merged: list[tuple[str, str]] = []
    for hash_no, subject in zip(known["hash_no"].to_pylist(), known["subject_id"].to_pylist(), strict=True):
        part = int(component[n_groups + hash_no])
        if winner.setdefault(part, subject) != subject:
            merged.append((subject, winner[part]))
    parts = sorted(set(component[:n_groups].tolist()))
    fresh = [p for p in parts if p not in winner]
    new_ids = [secrets.token_hex(16) for _ in fresh]
    winner.update(zip(fresh, new_ids, strict=True))

    if fresh:
        subjects = pa.table(
            {
                "subject_id": new_ids,
                "secret": pa.array([secrets.token_bytes(32) for _ in fresh], pa.binary()),
                "number": pa.array(range(next_number, next_number + len(fresh)), pa.int64()),
            }
        )
        con.register("_new_subjects", subjects)
        con.execute(
            "INSERT INTO vault.subject SELECT subject_id, secret, number, NULL, NULL, ? FROM _new_subjects", [load_id]
        )
        con.unregister("_new_subjects")
    if merged:
        vault.merge(con, dict(merged), merged_at, load_id)

    groups = pa.table(
        {
            "group_no": pa.array(range(n_groups), pa.int64()),
            "subject_id": pa.array([winner[int(c)] for c in component[:n_groups]], pa.string()),
        }
    )
    con.register("_group_subjects", groups)
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE _subject_map AS
        WITH mapped AS (
            SELECT DISTINCT i.kind, i.row_no, g.subject_id
            FROM (SELECT kind, row_no, min(index_hash) AS index_hash FROM _ident
                  WHERE is_proving AND index_hash NOT IN (FROM _shared) GROUP BY 1, 2) i
            JOIN (SELECT unnest(hashes) AS index_hash, group_no FROM _groups) u USING (index_hash)
            JOIN _group_subjects g USING (group_no)
        ), told AS (
            SELECT m.subject_id, max(n.country) AS country, bool_or(n.is_minor) AS is_minor
            FROM mapped m JOIN _named n USING (kind, row_no) GROUP BY 1
        )
        SELECT n.kind, n.row_no, m.subject_id, coalesce(n.country, t.country, s.country) AS country,
               coalesce(n.is_minor, t.is_minor, s.is_minor, false) AS is_minor
        FROM _named n LEFT JOIN mapped m USING (kind, row_no) LEFT JOIN told t USING (subject_id)
        LEFT JOIN vault.subject s USING (subject_id)
        """
    )
    con.unregister("_group_subjects")
    con.execute(
        """
        UPDATE vault.subject SET country = coalesce(t.country, subject.country), is_minor = coalesce(t.is_minor, subject.is_minor)
        FROM (SELECT subject_id, max(country) AS country, bool_or(is_minor) AS is_minor FROM _subject_map
              WHERE subject_id IS NOT NULL GROUP BY 1) t
        WHERE t.subject_id = subject.subject_id
          AND (t.country IS DISTINCT FROM subject.country OR t.is_minor IS DISTINCT FROM subject.is_minor)
        """
    )
    _remember(con, load_id)
    return Resolution(len(parts), len(fresh), len(dict(merged)))


def _components(n_groups: int, n_hashes: int, edges: pa.Table, known: pa.Table) -> np.ndarray:
    """Component number of every group and hash; hashes of one known subject hang together."""
    left = edges["group_no"].to_numpy()
    right = edges["hash_no"].to_numpy() + n_groups
    if known.num_rows:
        codes = known["subject_id"].combine_chunks().dictionary_encode().indices.to_numpy()
        left = np.concatenate([left, known["hash_no"].to_numpy() + n_groups])
        right = np.concatenate([right, codes + n_groups + n_hashes])
    size = n_groups + n_hashes + known.num_rows
    if not size:
        return np.empty(0, dtype=np.int64)
    graph = coo_matrix((np.ones(len(left), dtype=np.int8), (left, right)), shape=(size, size))
    return connected_components(graph, directed=False)[1]


def _remember(con: duckdb.DuckDBPyConnection, load_id: str) -> None:
    """Identifiers the vault does not hold yet, sealed under their subject's key."""
    rows = con.execute(
        """
        SELECT DISTINCT ON (m.subject_id, i.domain, i.index_hash) m.subject_id, i.domain, i.index_hash,
               (i.is_proving AND i.index_hash NOT IN (FROM _shared)) AS is_proving, i.value, s.secret
        FROM _ident i JOIN _subject_map m USING (kind, row_no) JOIN vault.subject s USING (subject_id)
        WHERE NOT EXISTS (SELECT 1 FROM vault.identity v
                          WHERE v.subject_id = m.subject_id AND v.domain = i.domain AND v.index_hash = i.index_hash
                            AND v.is_proving >= i.is_proving)
        ORDER BY m.subject_id, i.domain, i.index_hash, 4 DESC
        """
    ).to_arrow_table()
    if not rows.num_rows:
        return
    by_subject = dict(zip(rows["subject_id"].to_pylist(), rows["secret"].to_pylist(), strict=True))
    sealed = vault.seal_identities(rows, by_subject)
    fresh = rows.drop(["value", "secret"]).append_column("sealed", sealed)
    con.register("_fresh", fresh)
    con.execute(
        "INSERT INTO vault.identity SELECT subject_id, domain, index_hash, is_proving, sealed, ? FROM _fresh", [load_id]
    )
    con.unregister("_fresh")


def _count(con: duckdb.DuckDBPyConnection, table: str) -> int:
    row = con.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(row[0]) if row else 0
