"""Who is one with whom, for any set of links in any order. Keep out: loads through the whole gate.

Identifiers here are made up: small pools, so that mailboxes get shared, clusters grow, merge and part.
"""

from collections import defaultdict

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.home import Home
from orchestration.privacy import pseudonyms
from orchestration.privacy import resolve as resolving
from orchestration.privacy.keys import Keyring
from orchestration.privacy.vault import SCHEMA

Row = tuple[int | None, int | None, int | None]  # account, mailbox, phone: numbers in a pool

rows = st.lists(
    st.tuples(st.none() | st.integers(0, 12), st.none() | st.integers(0, 4), st.none() | st.integers(0, 6)).filter(
        lambda row: any(v is not None for v in row)
    ),
    min_size=1,
    max_size=40,
)


@pytest.fixture(scope="module")
def keyring(tmp_path_factory: pytest.TempPathFactory) -> Keyring:
    return Keyring(Home.open(tmp_path_factory.mktemp("home")))


def partition(keyring: Keyring, loads: list[list[tuple[int, Row]]]) -> dict[int, frozenset[int] | None]:
    """For each row its cluster as the set of rows in it, by the vault's own tables; None for nobody."""
    con = duckdb.connect()
    pseudonyms.install(con, keyring)
    con.execute("ATTACH ':memory:' AS vault")
    con.execute(SCHEMA)
    anchors: dict[int, str] = {}
    for n, load in enumerate(loads):
        table = pa.table(
            {
                "row_no": [number for number, _ in load],
                "account": [None if r[0] is None else f"A{r[0]}" for _, r in load],
                "email": [None if r[1] is None else f"m{r[1]}@example.org" for _, r in load],
                "phone": [None if r[2] is None else f"+861390000000{r[2]}" for _, r in load],
            }
        ).cast(pa.schema([("row_no", pa.int64()), *((c, pa.string()) for c in ("account", "email", "phone"))]))
        con.register("_load", table)
        con.execute(
            "CREATE OR REPLACE TABLE conformed_case AS SELECT row_no, row_no AS _row_no, md5(row_no::VARCHAR)::UUID AS _who, account AS person_account_id, "
            "email AS person_email, true AS person_email_verified, phone AS person_phone, NULL::VARCHAR AS person_name, "
            "NULL::VARCHAR AS person_handle, NULL::VARCHAR AS person_address, 'CN' AS person_country, "
            "NULL::BOOLEAN AS person_is_minor FROM _load"
        )
        resolving.collect(con, "desk", ["case"])
        resolving.resolve(con, "some", f"load{n}", f"2026-01-01 00:00:{n:02d}")
        anchors.update(
            con.execute("SELECT row_no, written_id FROM _subject_map JOIN conformed_case ON _who = who").fetchall()
        )
    current = dict(con.execute("SELECT subject_id, current_id FROM vault.subject").fetchall())
    # What is published tells the same as the vault: the last word of the history.
    told = dict(
        con.execute("SELECT subject_id, arg_max_null(current_id, number) FROM vault.merge GROUP BY 1").fetchall()
    )
    con.close()
    assert {s: told.get(s, s) for s in current} == current
    members: dict[str, set[int]] = defaultdict(set)
    for number, written in anchors.items():
        if current[written] is not None:
            members[current[written]].add(number)
    return {n: frozenset(members[current[w]]) if current[w] is not None else None for n, w in anchors.items()}


def expected(all_rows: list[Row]) -> dict[int, frozenset[int] | None]:
    """The rule in plain words.

    Subjects as written, shared mailboxes left out, joined one by one, too large ones apart.
    """
    written = [("account", r[0]) if r[0] is not None else ("rest", r[1], r[2]) for r in all_rows]
    links = defaultdict(set)  # subject as written → identifiers
    for w, (account, mailbox, phone) in zip(written, all_rows, strict=True):
        links[w] |= {i for i in (("a", account), ("m", mailbox), ("p", phone)) if i[1] is not None}
    holders = defaultdict(set)
    for w, identifiers in links.items():
        for i in identifiers:
            holders[i].add(w)
    shared = {
        i for i, ws in holders.items() if i[0] != "a" and sum(w[0] == "account" for w in ws) > resolving.ACCOUNT_CAP
    }
    cluster = {}
    for w in links:
        if w in cluster:
            continue
        found, waiting = set(), [w]
        while waiting:
            at = waiting.pop()
            if at not in found:
                found.add(at)
                waiting += [o for i in links[at] - shared for o in holders[i]]
        too_large = sum(f[0] == "account" for f in found) > resolving.CLUSTER_CAP
        for f in found:
            cluster[f] = {f} if too_large else found
    return {
        n: frozenset(k for k, o in enumerate(written) if o in cluster[w]) if links[w] - shared else None
        for n, w in enumerate(written)
    }


@settings(max_examples=30, deadline=None)
@given(data=st.data(), all_rows=rows)
def test_clusters_are_a_function_of_the_links_whatever_their_order(
    keyring: Keyring, data: st.DataObject, all_rows: list[Row]
) -> None:
    order = data.draw(st.permutations(list(enumerate(all_rows))))
    cuts = sorted(data.draw(st.sets(st.integers(0, len(order)), max_size=6)))
    loads = [order[i:j] for i, j in zip([0, *cuts], [*cuts, len(order)], strict=True) if order[i:j]]
    assert partition(keyring, loads) == expected(all_rows)


def test_the_cap_on_a_cluster_holds_in_any_order(keyring: Keyring, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolving, "CLUSTER_CAP", 3)
    chain: list[Row] = [(n // 2 + n % 2, n // 2, None) for n in range(8)]
    forward = partition(keyring, [[row] for row in enumerate(chain)])
    backward = partition(keyring, [[row] for row in reversed(list(enumerate(chain)))])
    assert forward == backward == expected(chain)
    assert len(set(forward.values())) == 5
