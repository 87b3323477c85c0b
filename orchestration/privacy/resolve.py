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

from orchestration.lake.store import duckdb_type
from orchestration.privacy import countries, known_names, normalise, vault
from orchestration.privacy.policy import agreed_country_sql, minor_sql
from orchestration.privacy.pseudonyms import scoped
from orchestration.records import KINDS, TYPES, Record
from orchestration.records.contract import person

ACCOUNT_CAP = 5  # an e-mail or phone with more accounts than this is shared, and proves nothing
CLUSTER_CAP = 25  # more accounts than this are not one person's, whatever links them
SEALED_AT_ONCE = 200_000  # identifiers, so that memory does not grow with a load
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
    """How many subjects a load named and found new, and how many known ones it merged or parted.

    `is_regrouped` tells that `lake/_subjects` has to be published anew. The map itself is temp table `_subject_map`.
    """

    subjects: int
    new_subjects: int
    merged: int
    parted: int
    is_regrouped: bool


def _told_age(record: Record) -> dict[str, str]:
    """Where a kind tells an age, it tells minors as well as the flag does."""
    if "age" not in {f.name for f in record.fields}:
        return {}
    return {"person_is_minor": f"{minor_sql('person_is_minor', 'age', 'k.code')} AS person_is_minor"}


def collect(con: duckdb.DuckDBPyConnection, source: str, kinds: list[str]) -> None:
    """Temp table `_named`: one row per person as written (`who`, first `seen` where).

    `_ident`: one per identifier of it. `_countries`: countries as written, and their codes. The code is what phones,
    ages, and the law are read by; the conformed row keeps what was written.
    """
    told_of = [k for k in sorted(kinds) if KINDS[k].has_person]
    named = [f"SELECT person_country FROM conformed_{k}" for k in told_of]
    countries.prepare(con, " UNION ALL ".join(named) or "SELECT NULL::VARCHAR")
    role = ", ".join(f"'{m}'" for m in ROLE_MAILBOXES)
    columns = {
        "account": scoped("nullif(trim(person_account_id), '')", source, "person.account"),
        "email": "nullif(trim(person_email), '')",
        "is_verified": "coalesce(person_email_verified, false)",
        "phone": "nullif(trim(person_phone), '')",
        "name": "nullif(trim(person_name), '')",
        "handle": "nullif(trim(person_handle), '')",
        "address": "nullif(trim(person_address), '')",
        "country": "person_country",
        "is_minor": "person_is_minor",
    }
    any_of = {"person_is_minor": "bool_or"}  # of a flag here and an age there, the one that tells a minor
    given = ", ".join(f"{any_of.get(f.name, 'any_value')}({f.name}) AS {f.name}" for f in person())
    plain = {f.name: f.name for f in person()} | {"person_country": "k.code AS person_country"}
    empty = ", ".join(f"CAST(NULL AS {duckdb_type(TYPES[f.type])}) AS {f.name}" for f in person())
    rows = [f"SELECT CAST(NULL AS UUID) AS _who, CAST(NULL AS BIGINT) AS seen, {empty} WHERE false"]
    rows += [
        f"SELECT _who, {n << 40} + _row_no, {', '.join((plain | _told_age(KINDS[k])).values())} "
        f"FROM conformed_{k} AS c LEFT JOIN _countries AS k ON k.written = c.person_country"
        for n, k in enumerate(told_of)
    ]
    told = ", ".join(f"{sql} AS {c}" for c, sql in columns.items())
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE _named AS SELECT who, seen, {told} FROM ("
        f"SELECT _who AS who, min(seen) AS seen, {given} FROM ({' UNION ALL '.join(rows)}) GROUP BY _who)"
    )
    # A value is normalised and hashed once, however many rows carry it.
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE _values AS
        SELECT domain, written, country, is_verified, value, is_proving,
               hmac_blind_index(domain || chr(31) || lower(
                   CASE WHEN domain = 'name' THEN {normalise.normal_name("value")} ELSE value END)) AS index_hash
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
        f"SELECT n.who, n.seen, v.domain, v.value, coalesce(v.is_proving, false) AS is_proving, v.index_hash "
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
    con.execute("CREATE OR REPLACE TEMP TABLE _erased_rows (kind VARCHAR, row_no BIGINT)")  # filled by erased.block
    con.execute("CREATE OR REPLACE TEMP TABLE _restrictions (written_id VARCHAR, struck VARCHAR[])")  # by restriction
    con.execute("CREATE OR REPLACE TEMP TABLE _restricted_agents (agent_key VARCHAR, struck VARCHAR[])")


def resolve(con: duckdb.DuckDBPyConnection, source: str, load_id: str, merged_at: str) -> Resolution:
    """Temp table `_subject_map` (who, written_id, subject_id, country, is_minor), and what is new into the vault.

    A row's subject *as written* (`written_id`) is its account, or, without one, the set of its proving identifiers:
    the finest that can ever be told apart, so that no later finding has to touch the row. Who that is now
    (`subject_id`, null for nobody) follows from all links the vault holds, whatever order they came in.
    """
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE _row_anchors AS
        SELECT who, min(seen) AS seen, bool_or(domain = 'account') AS is_account,
               coalesce(max(index_hash) FILTER (domain = 'account'),
                        array_to_string(list_sort(list_distinct(list(index_hash))), '+')) AS anchor
        FROM _ident WHERE is_proving GROUP BY who
        """
    )
    fresh = _remember_subjects(con, load_id)
    linked = _remember_identities(con, load_id)
    _mark_shared(con, load_id)
    changed = _regroup(con, load_id, merged_at) if fresh or linked else {}
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE _written AS
        SELECT a.who, s.subject_id AS written_id, s.current_id AS subject_id
        FROM _row_anchors a JOIN vault.subject s USING (anchor)
        """
    )
    _remember_told(con, source)
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE _subject_map AS
        WITH kept AS (
            SELECT current_id AS subject_id, {agreed_country_sql("country")} AS country, bool_or(is_minor) AS is_minor
            FROM vault.subject WHERE current_id IN (SELECT subject_id FROM _written) GROUP BY 1
        )
        SELECT n.who, m.written_id, m.subject_id, coalesce(n.country, k.country) AS country,
               coalesce(n.is_minor, false) OR coalesce(k.is_minor, false) AS is_minor
        FROM _named n LEFT JOIN _written m USING (who) LEFT JOIN kept k USING (subject_id);
        DROP TABLE _written
        """
    )
    named = _number(con, "SELECT count(DISTINCT subject_id) FROM _subject_map")
    new = _number(con, "SELECT count(*) FROM vault.subject WHERE first_load = ? AND current_id = subject_id", [load_id])
    return Resolution(named, new, changed.get("merge", 0), changed.get("unmerge", 0), bool(changed))


def _remember_told(con: duckdb.DuckDBPyConnection, source: str) -> None:
    """What this load tells of a subject as written: its country, and whether it is a minor.

    The newest word counts, but that somebody is a minor is taken back by the source alone that told it: elsewhere a
    flag may be a column's default.
    """
    con.execute(
        f"""
        UPDATE vault.subject SET country = coalesce(t.country, subject.country),
            is_minor = CASE WHEN t.is_minor THEN true WHEN t.is_minor IS NULL
                OR subject.is_minor AND subject.minor_by <> $source THEN subject.is_minor ELSE false END,
            minor_by = CASE WHEN t.is_minor AND NOT coalesce(subject.is_minor, false) THEN $source ELSE subject.minor_by END
        FROM (
            SELECT m.written_id, {agreed_country_sql("n.country")} AS country, bool_or(n.is_minor) AS is_minor
            FROM _written m JOIN _named n USING (who) GROUP BY 1
        ) t
        WHERE t.written_id = subject.subject_id AND (t.country IS DISTINCT FROM subject.country AND t.country IS NOT NULL
            OR t.is_minor IS DISTINCT FROM subject.is_minor AND t.is_minor IS NOT NULL)
        """,
        {"source": source},
    )


def _remember_subjects(con: duckdb.DuckDBPyConnection, load_id: str) -> int:
    """A subject of its own, with a key of its own, for every anchor the vault does not know; returns how many."""
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE _new_anchors AS
        SELECT anchor, any_value(is_account) AS is_account, row_number() OVER (ORDER BY min(seen)) AS position
        FROM _row_anchors WHERE anchor NOT IN (SELECT anchor FROM vault.subject) GROUP BY anchor
        """
    )
    n = _number(con, "SELECT count(*) FROM _new_anchors")
    if n:
        known = _number(con, "SELECT coalesce(max(number), 0) FROM vault.subject")
        random = secrets.token_bytes(48 * n)
        born = pa.table(
            {
                "position": pa.array(range(1, n + 1), pa.int64()),
                "subject_id": pa.array([random[i : i + 16].hex() for i in range(0, 16 * n, 16)], pa.string()),
                "secret": pa.array([random[i : i + 32] for i in range(16 * n, 48 * n, 32)], pa.binary()),
            }
        )
        con.register("_born", born)
        con.execute(
            "INSERT INTO vault.subject BY NAME SELECT subject_id, secret, ? + position AS number, anchor, is_account, "
            "subject_id AS current_id, ? AS first_load FROM _new_anchors JOIN _born USING (position)",
            [known, load_id],
        )
        con.unregister("_born")
    return n


def _remember_identities(con: duckdb.DuckDBPyConnection, load_id: str) -> int:
    """Identifiers the vault does not hold yet, sealed under their subject's key; returns how many links are new."""
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE _new_links AS
        SELECT s.subject_id, i.domain, i.index_hash, bool_or(i.is_proving) AS is_proving, any_value(i.value) AS value,
               any_value(s.secret) AS secret, any_value(v.subject_id IS NOT NULL) AS is_held
        FROM _ident i JOIN _row_anchors a USING (who) JOIN vault.subject s USING (anchor)
        LEFT JOIN vault.identity v
          ON v.subject_id = s.subject_id AND v.domain = i.domain AND v.index_hash = i.index_hash
        WHERE v.subject_id IS NULL OR (i.is_proving AND NOT v.is_proving)
        GROUP BY s.subject_id, i.domain, i.index_hash
        """
    )
    con.execute(
        "UPDATE vault.identity SET is_proving = true FROM _new_links n WHERE n.is_held AND n.subject_id = identity.subject_id "
        "AND n.domain = identity.domain AND n.index_hash = identity.index_hash"
    )
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE _unsealed AS SELECT * EXCLUDE (is_held), row_number() OVER () // {SEALED_AT_ONCE} "
        f"AS bundle, CASE WHEN domain = 'name' THEN {known_names.is_sought(normalise.normal_name('value'))} END AS is_sought FROM _new_links WHERE NOT is_held"
    )
    for (bundle,) in con.execute("SELECT DISTINCT bundle FROM _unsealed ORDER BY 1").fetchall():
        rows = con.execute("SELECT * EXCLUDE (bundle) FROM _unsealed WHERE bundle = ?", [bundle]).to_arrow_table()
        con.register("_sealed", rows.drop(["value", "secret"]).append_column("sealed", vault.seal_identities(rows)))
        con.execute(
            "INSERT INTO vault.identity BY NAME "
            "SELECT subject_id, domain, index_hash, is_proving, sealed, ? AS first_load, is_sought FROM _sealed",
            [load_id],
        )
        con.unregister("_sealed")
    con.execute("DROP TABLE _unsealed")
    return _number(con, "SELECT count(*) FROM _new_links WHERE is_proving")


def _mark_shared(con: duckdb.DuckDBPyConnection, load_id: str) -> None:
    """Temp table `_newly_shared`: e-mails and phones that by now have more accounts than one person would; for good."""
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE _newly_shared AS
        SELECT v.index_hash FROM vault.identity v JOIN vault.subject s USING (subject_id)
        WHERE v.is_proving AND s.is_account AND v.domain <> 'account'
          AND v.index_hash IN (SELECT index_hash FROM _new_links WHERE is_proving AND domain <> 'account')
          AND v.index_hash NOT IN (SELECT index_hash FROM vault.shared)
        GROUP BY v.index_hash HAVING count(*) > {ACCOUNT_CAP}
        """
    )
    con.execute("INSERT INTO vault.shared SELECT index_hash, ? FROM _newly_shared", [load_id])


def _regroup(con: duckdb.DuckDBPyConnection, load_id: str, merged_at: str) -> dict[str, int]:
    """Who is one with whom, anew for every subject that the new links reach; returns how many changed, by reason.

    Subjects that hang together by identifiers which are not shared are one person, the oldest standing for all;
    where more than CLUSTER_CAP accounts hang together, something is shared that does not look so: each stays for
    itself.
    """
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE _region AS
        SELECT DISTINCT subject_id FROM _new_links WHERE is_proving
        UNION SELECT subject_id FROM vault.identity WHERE is_proving AND index_hash IN (FROM _newly_shared)
        """
    )
    while con.execute(
        """
        INSERT INTO _region
        SELECT DISTINCT v.subject_id FROM vault.identity v
        WHERE v.is_proving AND v.subject_id NOT IN (SELECT subject_id FROM _region) AND v.index_hash IN (
            SELECT o.index_hash FROM vault.identity o WHERE o.is_proving AND o.subject_id IN (SELECT subject_id FROM _region)
            AND o.index_hash NOT IN (SELECT index_hash FROM vault.shared
                                     WHERE index_hash NOT IN (FROM _newly_shared)))
        RETURNING subject_id
        """
    ).fetchone():
        pass
    subjects = con.execute(
        "SELECT subject_id, is_account FROM vault.subject WHERE subject_id IN (FROM _region) ORDER BY number"
    ).to_arrow_table()
    links = con.execute(
        "SELECT s.position, dense_rank() OVER (ORDER BY v.index_hash) - 1 AS hash_no FROM vault.identity v JOIN ("
        "  SELECT subject_id, row_number() OVER (ORDER BY number) - 1 AS position FROM vault.subject "
        "  WHERE subject_id IN (FROM _region)) s USING (subject_id) "
        "WHERE v.is_proving AND v.index_hash NOT IN (SELECT index_hash FROM vault.shared)"
    ).to_arrow_table()
    standing = clusters(
        subjects["is_account"].to_numpy(zero_copy_only=False),
        links["position"].to_numpy(),
        links["hash_no"].to_numpy(),
    )
    ids = subjects["subject_id"].combine_chunks()
    found = pa.table({"subject_id": ids, "current_id": ids.take(pa.array(standing, mask=standing < 0))})
    con.register("_found", found)
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE _changed AS
        SELECT s.subject_id, f.current_id, s.first_load = $load AS is_new,
               CASE WHEN f.current_id IS NOT NULL AND (s.current_id IS NULL OR s.first_load = $load
                         OR coalesce(o.current_id = f.current_id, false)) THEN 'merge' ELSE 'unmerge' END AS reason
        FROM _found f JOIN vault.subject s USING (subject_id) LEFT JOIN _found o ON o.subject_id = s.current_id
        WHERE f.current_id IS DISTINCT FROM s.current_id
        """,
        {"load": load_id},
    )
    con.unregister("_found")
    con.execute(
        "UPDATE vault.subject SET current_id = c.current_id FROM _changed c WHERE c.subject_id = subject.subject_id"
    )
    con.execute(
        "INSERT INTO vault.merge SELECT subject_id, current_id, ?, reason, ?, "
        "(SELECT coalesce(max(number), 0) FROM vault.merge) + row_number() OVER () FROM _changed",
        [merged_at, load_id],
    )
    return dict(
        con.execute("SELECT CASE WHEN is_new THEN 'born' ELSE reason END, count(*) FROM _changed GROUP BY 1").fetchall()
    )


def unlink(con: duckdb.DuckDBPyConnection, index_hash: str, reference: str, at: str) -> int:
    """Take an identifier that is not theirs away from `_person`, and group anew whom it joined.

    Returns links removed.
    """
    con.execute(
        "CREATE OR REPLACE TEMP TABLE _new_links AS SELECT subject_id, domain, index_hash, is_proving FROM vault.identity "
        "WHERE index_hash = ? AND subject_id IN (FROM _person)",
        [index_hash],
    )
    con.execute("CREATE OR REPLACE TEMP TABLE _newly_shared AS SELECT index_hash FROM vault.shared WHERE false")
    con.execute("DELETE FROM vault.identity WHERE index_hash = ? AND subject_id IN (FROM _person)", [index_hash])
    _regroup(con, reference, at)
    return _number(con, "SELECT count(*) FROM _new_links")


def links(con: duckdb.DuckDBPyConnection, index_hashes: list[str]) -> int:
    """How many links `unlink` would take away from `_person`."""
    row = con.execute(
        "SELECT count(*) FROM vault.identity WHERE list_contains(?, index_hash) AND subject_id IN (FROM _person)",
        [index_hashes],
    ).fetchone()
    return int(row[0]) if row else 0


def clusters(is_account: np.ndarray, subject: np.ndarray, identifier: np.ndarray) -> np.ndarray:
    """For each subject (by position, the oldest first) the position of the one that stands for it; -1 for nobody.

    `subject` and `identifier` are the links, without shared identifiers. A pure function of the links: their order,
    and the order of the subjects but for who stands for a cluster, do not matter.
    """
    n = len(is_account)
    if not n:
        return np.empty(0, dtype=np.int64)
    size = n + (int(identifier.max()) + 1 if len(identifier) else 0)
    graph = coo_matrix((np.ones(len(subject), dtype=np.int8), (subject, identifier + n)), shape=(size, size))
    component = connected_components(graph, directed=False)[1][:n]
    _, oldest, part = np.unique(component, return_index=True, return_inverse=True)
    too_large = np.bincount(part, weights=is_account) > CLUSTER_CAP
    standing = np.where(too_large[part], np.arange(n), oldest[part])
    proves = np.zeros(n, dtype=bool)
    proves[subject] = True
    return np.where(proves, standing, -1)


def _number(con: duckdb.DuckDBPyConnection, sql: str, parameters: list[str] | None = None) -> int:
    row = con.execute(sql, parameters or []).fetchone()
    return int(row[0]) if row else 0
