"""Check C7 on what lies in the house.

Hashes are alike within a domain, others across domains, and nobody's without the key.

Keep out: how hashes are made (pseudonyms.py) and every other check (audit.py).

Looked at are hashes below a bound, about `AT_MOST` rows' worth: a keyed hash is as good as random, so that they stand
for all.
Domains: pseudonyms of persons, of staff, keys of records, contents, the vault's blind index, and each recipient's own.
"""

import duckdb

from orchestration.engine import identifier
from orchestration.privacy import marks, pseudonyms
from orchestration.privacy.keys import Keyring
from orchestration.privacy.pseudonyms import scoped
from orchestration.privacy.vault import unseal_identities
from orchestration.records import KINDS, Privacy

AT_MOST = 100_000  # rows whose hashes are looked at, about
VALUES = 500  # hashed in every domain
IDENTITIES = 5_000  # opened for the attack
EXPORTS = "pseudonym.export."


def prove(con: duckdb.DuckDBPyConnection, keyring: Keyring) -> tuple[int, int, str]:
    """Hashes looked at, how many tell more than they may, and the sentence that says what was compared.

    Needs the lake (`lake`), the vault and the macros of the keyed hashes on `con`.
    """
    share, bound = _bound(con)
    _take(con, bound)
    try:
        n = _number(con, "SELECT count(*) FROM _hashes")
        if not n:
            return 0, 0, "the vault holds no identities"
        same, differing = _within(con, bound)
        values, domains, alike = _across(con, keyring)
        guesses, found, led = _attacked(con, bound)
    finally:
        con.execute("DROP TABLE IF EXISTS _hashes; DROP TABLE IF EXISTS _written")
    if guesses and not led:
        return n, n, "the attack's control found nothing: the check itself is broken"
    return (
        n,
        differing + alike + found,
        f"keyed hashes, {share} % of all; within a domain alike: {same} rows and members of staff held against the vault, {differing} differ; "
        f"across domains different: {values} values under {domains} keys and all these hashes, {alike} alike; "
        f"without the key: {guesses} guesses from true values, {found} lead to a hash, with the key {led} do",
    )


def _bound(con: duckdb.DuckDBPyConnection) -> tuple[str, str]:
    """The share of all hashes that AT_MOST rows are, in hundredths, and what hashes of that share are less than."""
    rows = " UNION ALL ".join(f"SELECT count(*) AS n FROM lake.{identifier(kind)}" for kind in KINDS)
    n = _number(con, f"SELECT sum(n) FROM ({rows} UNION ALL SELECT count(*) FROM vault.identity)")
    return ("100", "g") if n <= AT_MOST else (f"{100 * AT_MOST / n:.2g}", f"{AT_MOST * 16**8 // n:08x}")


def _take(con: duckdb.DuckDBPyConnection, bound: str) -> None:
    """Temp table `_hashes` (domain, hash): what lies in lake and vault, each once."""
    selects = [f"SELECT 'index' AS domain, index_hash AS hash FROM vault.identity WHERE index_hash < '{bound}'"]
    for kind, record in KINDS.items():
        columns = {"content_hash": "content"}
        columns |= {"subject_key": "person"} if record.has_person else {}
        columns |= {"agent_key": "agent"} if "agent_key" in record.protected_schema.names else {}
        columns |= {
            str(f.protected_name): "record"
            for f in record.fields
            if f.privacy is Privacy.RECORD_KEY and f.type == "string"
        }
        selects += [
            f"SELECT '{domain}', {hash_} FROM lake.{identifier(kind)} WHERE {hash_} < '{bound}'"
            for c, domain in columns.items()
            for hash_ in [marks.bare(c) if domain == "agent" else identifier(c)]
        ]
    con.execute(f"CREATE OR REPLACE TEMP TABLE _hashes AS SELECT DISTINCT * FROM ({' UNION ALL '.join(selects)})")


def _within(con: duckdb.DuckDBPyConnection, bound: str) -> tuple[int, int]:
    """Rows of records, and members of staff, whom the vault knows; how many carry a pseudonym that is not their own.

    A record may have come to another person since the vault first saw it: then its rows are under that one's pseudonym.
    Wrong is one of nobody the vault knows, while whom it knows the record by has no row at all.
    """
    rows = " UNION ALL ".join(
        f"SELECT {identifier(str(f.protected_name))} AS key_hash, subject_key FROM lake.{identifier(kind)} "
        f"WHERE subject_key IS NOT NULL AND {identifier(str(f.protected_name))} < '{bound}'"
        for kind, record in KINDS.items()
        if record.has_person and kind != "deletion"
        for f in record.own_keys
        if f.type == "string"
    )
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE _rows_of_records AS
        SELECT r.subject_key, v.own, count(*) AS n FROM ({rows}) r JOIN (
            SELECT key_hash, hmac_pseudonym_person(subject_id) AS own FROM vault.record_key
            WHERE subject_id IS NOT NULL AND key_hash < '{bound}'
        ) v USING (key_hash) GROUP BY ALL
        """
    )
    same = _number(con, "SELECT coalesce(sum(n), 0) FROM _rows_of_records")
    differing = 0
    if _number(con, "SELECT count(*) FROM _rows_of_records WHERE subject_key <> own"):
        held = " UNION ALL ".join(
            f"SELECT subject_key FROM lake.{identifier(k)}" for k, r in KINDS.items() if r.has_person
        )
        differing = _number(
            con,
            f"""
            SELECT coalesce(sum(n), 0) FROM _rows_of_records WHERE subject_key <> own
            AND subject_key NOT IN (SELECT hmac_pseudonym_person(subject_id) FROM vault.subject)
            AND own NOT IN (SELECT subject_key FROM ({held}) WHERE subject_key IS NOT NULL)
            """,
        )
    con.execute("DROP TABLE _rows_of_records")
    for (source,) in con.execute("SELECT DISTINCT source FROM lake.agent ORDER BY 1").fetchall():
        row = con.execute(
            f"SELECT count(*), count(*) FILTER (agent_key <> hmac_pseudonym_agent({scoped('original', source, 'agent.id')})) "
            "FROM (SELECT DISTINCT agent_key FROM lake.agent WHERE source = ?) JOIN vault.agent USING (agent_key)",
            [source],
        ).fetchone() or (0, 0)
        same, differing = same + int(row[0]), differing + int(row[1])
    return same, differing


def _across(con: duckdb.DuckDBPyConnection, keyring: Keyring) -> tuple[int, int, int]:
    """Values, keys they were hashed under, and hashes that two domains share.

    Of these values, and of what lies in the house.
    """
    recipients = tuple(p for p in keyring.purposes() if p.startswith(EXPORTS))
    pseudonyms.install(con, keyring, recipients)
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE _values_hashed AS
        (SELECT DISTINCT original AS v FROM vault.record_key
         WHERE NOT starts_with(original, chr(30)) AND NOT starts_with(original, chr(31)) ORDER BY 1 LIMIT {VALUES})
        UNION ALL (SELECT subject_id FROM vault.subject ORDER BY 1 LIMIT {VALUES})
        """
    )
    scopes = con.execute("SELECT DISTINCT source, domain FROM vault.record_key ORDER BY ALL").fetchall()
    made = [f"hmac_{p.replace('.', '_')}(v)" for p in (*pseudonyms.PURPOSES, *recipients)]
    made += [f"hmac_record_key({scoped('v', source, domain)})" for source, domain in scopes]
    computed = _number(
        con,
        "SELECT count(*) - count(DISTINCT hash) FROM ("
        + " UNION ALL ".join(f"SELECT DISTINCT {sql} AS hash FROM _values_hashed" for sql in made)
        + ")",
    )
    lying = _number(con, "SELECT count(*) - count(DISTINCT hash) FROM _hashes")
    values = _number(con, "SELECT count(*) FROM _values_hashed")
    con.execute("DROP TABLE _values_hashed")
    return values, len(pseudonyms.PURPOSES) + len(recipients), computed + lying


def _attacked(con: duckdb.DuckDBPyConnection, bound: str) -> tuple[int, int, int]:
    """Guesses of who has the code and true values but no key.

    How many hashes they give, and, the control, how many with it.
    True values are written as the code writes them before it hashes; guessed are plain SHA-256, and HMAC without a key.
    """
    known = con.execute(
        "SELECT v.subject_id, v.domain, v.index_hash, v.sealed, s.secret FROM vault.identity v "
        f"JOIN vault.subject s USING (subject_id) ORDER BY v.index_hash LIMIT {IDENTITIES}"
    ).to_arrow_table()
    con.register("_opened", known.select(["subject_id", "domain"]).append_column("value", unseal_identities(known)))
    scope = "source || chr(31) || domain || chr(31) || original"
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE _written AS SELECT DISTINCT w FROM (
            SELECT unnest([subject_id, value, lower(value), domain || chr(31) || lower(value)]) AS w FROM _opened
            UNION ALL SELECT unnest([original, {scope}, ltrim(original, chr(31))]) FROM (
                SELECT * FROM vault.record_key WHERE key_hash < '{bound}' LIMIT {AT_MOST})
        )
        """
    )
    # What the gate makes of the persons whose identities were opened, whether or not it lies below the bound.
    con.execute("INSERT INTO _hashes SELECT DISTINCT 'person', hmac_pseudonym_person(subject_id) FROM _opened")
    con.unregister("_opened")
    pseudonyms.install_macro(con, "hmac_without_key", [b""])

    def found(*ways: str) -> int:
        guessed = " UNION ALL ".join(f"SELECT {way} FROM _written" for way in ways)
        return _number(con, f"SELECT count(DISTINCT hash) FROM _hashes WHERE hash IN ({guessed})")

    blind = ("sha256(w)", "hmac_without_key(w)")
    led = found("hmac_pseudonym_person(w)", "hmac_record_key(w)", "hmac_blind_index(w)")
    return len(blind) * _number(con, "SELECT count(*) FROM _written"), found(*blind), led


def _number(con: duckdb.DuckDBPyConnection, sql: str) -> int:
    row = con.execute(sql).fetchone()
    return int(row[0]) if row and row[0] is not None else 0
