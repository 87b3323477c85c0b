"""Check C7 in its three parts, each on a home where it holds and on one where it does not.

Keep out: attacks (tests/attacks).
"""

import re

import duckdb
import pytest

from orchestration import pipeline
from orchestration.messages import translated
from orchestration.privacy import pseudonyms, unlinkable
from orchestration.privacy.audit import Check, check_home
from orchestration.privacy.keys import Keyring
from tests.house import TestHouse, write_source
from tests.integration.test_gate import CASE, case, lines
from tests.integration.test_subjects import filled, made

__all__ = ["filled", "made"]

AGENT = "select _record, raw ->> '$.agent' as agent_id, raw ->> '$.at' as updated_at from rows where raw ->> '$.agent' <> ''"


def proved(house: TestHouse) -> Check:
    return next(c for c in check_home(house.home, house.keyring, pipeline.sources(house.home)) if c.check_id == "C7")


def parts(found: Check) -> tuple[int, int, int]:
    """How many differ within a domain, are alike across domains, fall without the key."""
    told = re.search(r"(\d+) differ; .* (\d+) alike; .* (\d+) lead to a hash", found.evidence)
    assert told, found.evidence
    return int(told[1]), int(told[2]), int(told[3])


def take(house: TestHouse) -> None:
    write_source(house.sources, "desk", {"case": CASE, "agent": AGENT})
    known = {"email": "p@example.org", "verified": "true", "agent": "X"}
    house.drop("rows.jsonl", lines(case(1, account="A1", **known), case(2, account="A2", name="Zora Quill")))
    house.take()


def test_a_home_proves_all_three_and_says_how_many(filled: TestHouse) -> None:
    filled.keyring.key("pseudonym.export.lab")
    found = proved(filled)
    assert (found.status, parts(found)) == ("passed", (0, 0, 0)) and found.n_checked > 20
    # Four cases of persons under case_key; what two persons have in the lake and the vault, under the keys of a
    # recipient too.
    assert "alike: 4 rows" in found.evidence and "under 6 keys" in found.evidence and "100 % of all" in found.evidence
    assert int(re.findall(r"with the key (\d+) do", found.evidence)[0]) > 10
    assert translated(found.evidence, "zh").startswith("密钥哈希，占全部的 100%；域内一致")


def test_a_sample_is_of_the_share_it_says(filled: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = proved(filled).n_checked
    monkeypatch.setattr(unlinkable, "AT_MOST", 4)
    found = proved(filled)
    share = float(re.findall(r"hashes, ([\d.]+) %", found.evidence)[0])
    assert found.status == "passed" and share < 50 and found.n_checked < whole


def test_a_gate_that_gives_a_person_another_pseudonym_shows(house: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    real = pseudonyms.install_macro

    def salted(con: duckdb.DuckDBPyConnection, name: str, keys: list[bytes]) -> None:
        is_person = name in ("hmac_pseudonym_person", "hmac_pseudonym_agent")
        real(con, name, [b"another key"] if is_person else keys)

    with monkeypatch.context() as broken:
        broken.setattr(pseudonyms, "install_macro", salted)
        take(house)
    assert (proved(house).status, parts(proved(house))) == ("failed", (3, 0, 0))  # two rows and one of staff


def test_one_key_for_all_domains_shows(filled: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Keyring, "versions", lambda keyring, _: [keyring.key("pseudonym.person")])
    assert parts(proved(filled))[1] > 0


def test_keys_of_records_that_forget_their_source_show(filled: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unlinkable, "scoped", lambda value, source, domain: value)
    assert parts(proved(filled))[1] > 0


def test_a_hash_that_lies_in_two_domains_shows(filled: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody made a column of one domain from another's: no key tells, the hashes do."""
    real = unlinkable._take

    def leaky(con: duckdb.DuckDBPyConnection, bound: str) -> None:
        real(con, bound)
        con.execute("INSERT INTO _hashes SELECT 'content', min(hash) FROM _hashes WHERE domain = 'person'")

    monkeypatch.setattr(unlinkable, "_take", leaky)
    assert parts(proved(filled)) == (0, 1, 0)


def test_pseudonyms_without_a_key_fall(house: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    def unkeyed(con: duckdb.DuckDBPyConnection, name: str, keys: object) -> None:
        con.execute(f"CREATE OR REPLACE TEMP MACRO {name}(v) AS CASE WHEN v IS NULL THEN NULL ELSE sha256(v) END")

    monkeypatch.setattr(pseudonyms, "install_macro", unkeyed)
    take(house)
    found = proved(house)
    assert found.status == "failed" and parts(found)[2] >= 4  # two persons and their cases, at least


def test_an_attack_that_finds_nothing_with_the_key_either_proves_nothing(
    filled: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unlinkable, "_attacked", lambda *_: (10, 0, 0))
    assert proved(filled).status == "failed" and "the check itself is broken" in proved(filled).evidence
