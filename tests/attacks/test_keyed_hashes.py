"""Attacks on pseudonyms and keys of records by who has the lake and the code, but no key. Keep out: ciphertexts."""

import hashlib
import hmac
from pathlib import Path

import duckdb
import pytest

from orchestration.engine import connect
from orchestration.home import Home
from orchestration.privacy import pseudonyms
from orchestration.privacy.keys import Keyring
from tests.house import TestHouse, write_source
from tests.integration.test_gate import CASE, case, lines

N = 20
VALUES = [value for i in range(N) for value in (f"T{i}", f"A{i}", f"p{i}@example.org", f"1380000{1000 + i}")]
# What the code says of how values are written before they are hashed.
WRITTEN = [
    *VALUES,
    *(f"desk\x1f{domain}\x1f{value}" for domain in ("case", "person.account", "agent.id") for value in VALUES),
    *(f"{domain}\x1f{value}" for domain in ("email", "phone", "name") for value in VALUES),
    *(f"account\x1fdesk\x1fperson.account\x1f{value}".lower() for value in VALUES),
]


def taken(house: TestHouse) -> set[str]:
    """Every keyed hash of a lake with N cases of N persons."""
    write_source(house.sources, "desk", {"case": CASE})
    house.drop(
        "rows.jsonl",
        lines(
            *(
                case(i, account=f"A{i}", email=f"p{i}@example.org", verified="true", phone=f"1380000{1000 + i}", country="CN")
                for i in range(N)
            )
        ),
    )  # fmt: skip
    house.take()
    return hashes(house)


def hashes(house: TestHouse) -> set[str]:
    listed = "select unnest([subject_key, case_key, content_hash, consent_ref]) as h from lake.case"
    return {h for (h,) in house.rows(f"select h from ({listed}) where h is not null")}


def guesses(strange: Keyring) -> set[str]:
    """What the code gives for every true value without this home's keys.

    Unkeyed, under keys one would try, under another's.
    """
    keys = [b"", bytes(32), b"voicehouse", *(strange.key(p) for p in pseudonyms.PURPOSES)]
    found = {hashlib.sha256(v.encode()).hexdigest() for v in WRITTEN}
    return found | {hmac.new(k, v.encode(), hashlib.sha256).hexdigest() for k in keys for v in WRITTEN}


def test_a_dictionary_of_all_true_values_gives_no_pseudonym_and_no_key_of_a_record(
    house: TestHouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    strange = Keyring(Home.open(tmp_path / "strange"))
    assert len(taken(house)) == 3 * N
    assert hashes(house) & guesses(strange) == set()

    def unkeyed(con: duckdb.DuckDBPyConnection, name: str, keys: object) -> None:
        con.execute(
            f"CREATE OR REPLACE TEMP MACRO {name}(v) AS CASE WHEN v IS NULL THEN NULL "
            "WHEN starts_with(v, chr(30)) THEN substr(v, 2) ELSE sha256(v) END"
        )

    # The control: a house that hashes without keys falls to the same dictionary, case by case.
    monkeypatch.setattr(pseudonyms, "install_macro", unkeyed)
    careless = TestHouse(tmp_path / "careless")
    assert len(taken(careless) & guesses(strange)) == N
    # And the keys of this home do give them: it is the key that is missing, not the way.
    own = house.keyring.key("record_key")
    known = {hmac.new(own, v.encode(), hashlib.sha256).hexdigest() for v in WRITTEN}
    assert len(hashes(house) & known) == N


def test_one_number_in_two_domains_two_sources_or_two_homes_cannot_be_joined(house: TestHouse, tmp_path: Path) -> None:
    """X1 is an account, a case and an agent, in two sources, in two homes."""
    event = (
        "select _record, 'E' || (raw ->> '$.id') as event_id, raw ->> '$.id' as case_id, raw ->> '$.at' as occurred_at, "
        "'note' as event_type, raw ->> '$.agent' as agent_id from rows"
    )
    other = TestHouse(tmp_path / "other")
    for each in (house, other):
        for name in ("desk", "shop"):
            write_source(each.sources, name, {"case": CASE, "case_event": event})
        each.drop("rows.jsonl", lines({**case(1), "id": "X1", "account": "X1", "agent": "X1"}))
        each.take()
    found = {}
    for number, each in enumerate((house, other)):
        for source, subject, key in each.rows("select source, subject_key, case_key from lake.case"):
            found |= {(number, source, "account"): subject, (number, source, "case"): key}
        for source, agent, key in each.rows("select source, agent_key, case_key from lake.case_event"):
            found[(number, source, "agent")] = agent
            assert key == found[(number, source, "case")]  # the control: inside a domain it joins
    assert len(found) == 12 and None not in found.values()
    assert len(set(found.values())) == 12


def test_what_the_vault_seals_is_no_use_to_who_has_the_lake(house: TestHouse) -> None:
    """Blind indexes of the vault and pseudonyms of the lake are of different keys: a stolen index leads to no row."""
    from orchestration.privacy.vault import open_vault

    lake = taken(house)
    con = connect(house.home.temp)
    try:
        pseudonyms.install(con, house.keyring)
        with open_vault(con, house.home, house.keyring, read_only=True):
            blind = {h for (h,) in con.execute("select index_hash from vault.identity").fetchall()}
            ids = {i for (i,) in con.execute("select subject_id from vault.subject").fetchall()}
            led = con.execute("select hmac_pseudonym_person(subject_id) from vault.subject").fetchall()
    finally:
        con.close()
    assert blind and blind & lake == set() and ids & lake == set()
    assert len({h for (h,) in led} & lake) == N  # the control: with the key they lead there
