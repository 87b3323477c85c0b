"""Attacks on an erasure: traces in what others wrote, in what left the house, in a backup.

Keep out: what tests/integration has.
"""

import json
from pathlib import Path

import pytest

from orchestration.privacy.audit_log import AuditLog
from orchestration.privacy.subjects import Sought
from tests.house import TestHouse, write_source
from tests.integration.test_gate import CASE, case, found_under, lines
from tests.integration.test_subjects import erase

ZORA = ["zora@example.org", "quill@example.net", "Zora Quill", "4915112345678"]
MENTION = "please ask Zora Quill about it: zora@example.org, quill@example.net or +49 1511 2345678"


@pytest.fixture
def mentioned(house: TestHouse) -> TestHouse:
    """Zora, and Otto who writes about her, later and in the same load."""
    write_source(house.sources, "desk", {"case": CASE})
    zora = {"name": "Zora Quill", "verified": "true", "country": "DE", "account": "Z1"}
    house.drop(
        "rows_1.jsonl",
        lines(
            case(1, email="zora@example.org", phone="+4915112345678", **zora),
            case(2, email="quill@example.net", **zora),
            case(3, account="O1", text=MENTION),
        ),
    )
    house.take()
    house.drop("rows_2.jsonl", lines(case(4, account="O1", text=MENTION)))
    house.take()
    return house


def words(house: TestHouse) -> str:
    return " ".join(text for (text,) in house.rows("select text from lake.case where text is not null"))


def test_what_others_wrote_about_an_erased_person_names_nobody_and_is_not_read_anew(mentioned: TestHouse) -> None:
    receipt = erase(mentioned, Sought(email="quill@example.net"))
    assert receipt.is_complete and receipt.before["lake"] == 2
    told = words(mentioned)
    assert told.count("please ask") == 2  # the control: what Otto wrote is there
    assert [value for value in ZORA if value in told or value.split("@")[0] in told] == []
    assert len(found_under(mentioned.inbox, ZORA)) == 4  # the control: the search finds them where they are
    assert found_under(mentioned.home.root, ZORA) == set()
    # The whole file once more, with a line of new: her name is unknown now, and no text of before is read a second
    # time.
    again = (mentioned.inbox / "rows_1.jsonl").read_text() + lines(case(5, account="O1", text="thanks"))
    mentioned.drop("rows_1.jsonl", again)
    mentioned.take()
    assert [value for value in ZORA if value in words(mentioned)] == []
    assert mentioned.ledger()[("case", "duplicate", "")] == 1


def test_whoever_got_rows_before_the_erasure_is_named_on_the_receipt(mentioned: TestHouse) -> None:
    """Files that left the house are out of its reach: the receipt says who has to be told (GDPR 19)."""
    log = AuditLog(mentioned.home, mentioned.keyring)
    for recipient in ("agency", "agency", "institute"):
        log.append("export", dataset="survey_answers", recipient=recipient, role="analyst", k=12, l=3, t=0.1)
    receipt = erase(mentioned, Sought(account="desk:Z1"))
    assert "agency" in receipt.by_schedule["exports"] and "institute" in receipt.by_schedule["exports"]
    kept = json.loads((mentioned.home.root / "ops" / "receipts" / f"{receipt.request_id}.json").read_text())
    assert kept["by_schedule"] == receipt.by_schedule
    assert "institute" in kept["by_schedule_zh"]["exports"]
    assert all(kept["by_schedule_zh"][store] != told for store, told in receipt.by_schedule.items())
    other = erase(mentioned, Sought(account="desk:O1"))
    assert "exports" in other.by_schedule  # rows of his may have left too: pseudonyms of a recipient tell nobody apart


def test_a_house_that_gave_nobody_rows_has_nobody_to_tell(mentioned: TestHouse) -> None:
    assert "exports" not in erase(mentioned, Sought(account="desk:Z1")).by_schedule


def test_no_file_of_an_erased_person_is_left_beside_the_stores(mentioned: TestHouse) -> None:
    """Drafts, spills, free blocks of the vault: the old files are gone, not only what they say."""
    before = {p for p in mentioned.home.root.rglob("*") if p.is_file()}
    inode = (mentioned.home.root / "vault" / "vault.duckdb").stat().st_ino
    erase(mentioned, Sought(account="desk:Z1"))
    after = {p for p in mentioned.home.root.rglob("*") if p.is_file()}
    gone = {p.parent.parent.parent.name for p in before - after if p.suffix == ".parquet"}
    assert gone == {"case"}  # the control: both files of the lake that held her were written anew
    assert (mentioned.home.root / "vault" / "vault.duckdb").stat().st_ino != inode
    assert not [p for p in after if ".draft" in p.name or p.suffix == ".wal" or Path("tmp") in p.parents]
