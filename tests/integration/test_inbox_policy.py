"""What becomes of a file in the inbox once its rows are in the lake: kept, moved or deleted, as the home says.

Keep out: reading files (tests/unit/test_files.py).
"""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestration import pipeline
from orchestration.errors import VoicehouseError
from orchestration.lake import promote, quarantine
from orchestration.sources.contract import Window
from tests.house import TestHouse, write_source

CASE = "select _record, raw ->> '$.id' as case_id, raw ->> '$.at' as opened_at from rows"
ROWS = '{"id": "1", "at": "2025-01-02T03:04:05Z"}\n{"id": "2", "at": "2025-01-02T03:04:05Z"}\n'
OTHER = ROWS.replace('"1"', '"3"').replace('"2"', '"4"')
Take = Callable[[], dict[str, dict[str, str]]]


@pytest.fixture
def take(house: TestHouse, monkeypatch: pytest.MonkeyPatch) -> Take:
    """One run's way from the inbox to the lake; what went wrong, by source."""
    monkeypatch.delenv("VOICEHOUSE_INBOX_POLICY", raising=False)
    write_source(house.sources, "desk", {"case": CASE})
    number = iter(range(99))

    def take() -> dict[str, dict[str, str]]:
        run_id = f"run_{next(number)}"
        for settings in pipeline.sources(house.home).values():
            pipeline.extract(house.home, house.keyring, settings, Window(), run_id)
        for settings in pipeline.sources(house.home).values():
            pipeline.guard_source(house.home, house.keyring, settings, run_id)
        pipeline.load_staged(house.home, house.keyring)
        pipeline.tidy_inbox(house.home, house.keyring, run_id)
        return pipeline.Outcomes(house.home, run_id).failures

    return take


def lies(house: TestHouse) -> list[str]:
    """Every file in the inbox."""
    return sorted(p.relative_to(house.inbox).as_posix() for p in house.inbox.rglob("*") if not p.is_dir())


def is_policy(house: TestHouse, policy: str) -> None:
    path = house.home.root / "house.toml"
    path.write_text(path.read_text().replace('inbox_policy = "keep"', f'inbox_policy = "{policy}"'))


@pytest.mark.parametrize(
    ("policy", "left"), [("keep", ["rows_1.jsonl"]), ("move", ["done/rows_1.jsonl"]), ("delete", [])]
)
def test_a_file_whose_load_is_in_the_lake_is_kept_moved_or_deleted(
    house: TestHouse, take: Take, policy: str, left: list[str]
) -> None:
    is_policy(house, policy)
    house.drop("rows_1.jsonl", ROWS)
    assert take() == {}
    assert lies(house) == left
    house.home.warehouse.write_bytes(b"the models")
    pipeline.mark_served(house.home)
    assert take() == {} and pipeline.is_served(house.home)  # nothing new
    assert house.rows("select count(*), count(distinct load_id) from lake.case") == [(2, 1)]


def test_a_name_that_was_there_before_is_kept_beside_it(house: TestHouse, take: Take) -> None:
    is_policy(house, "move")
    for content in (ROWS, OTHER):
        house.drop("rows_1.jsonl", content)
        take()
    first, second = lies(house)
    assert (house.inbox / second).read_text() == ROWS and second == "done/rows_1.jsonl"
    (load_id,) = house.rows("select load_id from lake.case where case_key is not null order by loaded_at desc limit 1")
    assert first == f"done/rows_1.{load_id[0]}.jsonl" and (house.inbox / first).read_text() == OTHER
    assert house.rows("select count(*) from lake.case") == [(4,)]


def test_what_was_moved_is_never_read_whatever_the_pattern(house: TestHouse, take: Take) -> None:
    settings = house.sources / "desk" / "source.toml"
    settings.write_text(settings.read_text().replace('files = "rows*"', 'files = "**/*.jsonl"'))
    is_policy(house, "move")
    (house.inbox / "shop").mkdir()
    house.inbox.chmod(0o2770)  # whoever may drop files may see what became of them
    house.drop("shop/rows.jsonl", ROWS)
    before = os.umask(0o077)
    assert take() == {}
    os.umask(before)
    assert lies(house) == ["done/shop/rows.jsonl"]
    assert {p.stat().st_mode & 0o7777 for p in (house.inbox / "done", house.inbox / "done" / "shop")} == {0o2770}
    (house.inbox / "done" / "gone.jsonl").symlink_to(house.inbox / "nothing")
    assert take() == {}
    assert house.rows("select count(*), count(distinct load_id) from lake.case") == [(2, 1)]
    settings.write_text(settings.read_text().replace("**/*.jsonl", "done/**/*.jsonl"))
    assert "done" in take()["desk"]["reason"]


@pytest.mark.parametrize("policy", ["move", "delete"])
def test_a_file_that_was_not_read_whole_stays(house: TestHouse, take: Take, policy: str) -> None:
    is_policy(house, policy)
    house.drop("rows_1.jsonl.gz", b"\x1f\x8b\x08\x00damaged")
    house.drop("rows_2.jsonl", ROWS + '{"id": "3", ')
    assert take()
    house.drop("rows_3.jsonl", OTHER)
    assert take() == {}
    assert [name for name in lies(house) if "done" not in name] == ["rows_1.jsonl.gz", "rows_2.jsonl"]


def test_rows_that_a_csv_reader_cannot_split_keep_their_file_and_one_without_rows_goes(
    house: TestHouse, take: Take
) -> None:
    write_source(
        house.sources,
        "till",
        {"case": "select _record, id as case_id from tills"},
        "tills",
        "csv",
        columns=("id", "at"),
    )
    is_policy(house, "delete")
    house.drop("tills_1.csv", "id,at\n1,2025-01-02\n2,2025-01-02,more\n")
    house.drop("tills_2.csv", "id,at\n3,2025-01-02\n")
    take()
    house.drop("tills_3.csv", "id,at\n")
    assert take() == {}
    assert lies(house) == ["tills_1.csv"]


@pytest.mark.parametrize("broken", ["desk", "archive"])
def test_a_file_waits_until_its_one_source_or_both_took_it_in(house: TestHouse, take: Take, broken: str) -> None:
    is_policy(house, "delete")
    folder = write_source(house.sources, broken, {"case": "select _record, no_such_column as case_id from rows"})
    house.drop("rows_1.jsonl", ROWS)
    assert {source: failure["step"] for source, failure in take().items()} == {broken: "guard"}
    assert lies(house) == ["rows_1.jsonl"]
    (folder / "case.sql").write_text(CASE)
    assert take() == {} and lies(house) == []


def test_a_file_waits_while_a_source_that_may_have_to_read_it_cannot_be_understood(
    house: TestHouse, take: Take
) -> None:
    is_policy(house, "delete")
    settings = write_source(house.sources, "archive", {"case": CASE}) / "source.toml"
    whole = settings.read_text()
    settings.write_text(whole + "slip = [")
    house.drop("rows_1.jsonl", ROWS)
    assert take() == {}  # the slip is told where a run begins
    assert lies(house) == ["rows_1.jsonl"]
    settings.write_text(whole)
    assert take() == {} and lies(house) == []
    assert house.rows("select count(distinct load_id) from lake.case") == [(2,)]


def test_a_load_in_quarantine_keeps_its_files_until_it_passes(
    house: TestHouse, take: Take, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_policy(house, "delete")
    house.drop("rows_1.jsonl", ROWS)
    with monkeypatch.context() as patch:
        # The batch is sound: only its verdict is another, so that the replay can pass.
        promoted = promote.promote
        failed = {("case", 0): [{"name": "made_up"}]}
        patch.setattr(promote, "promote", lambda home, manifest, _: promoted(home, manifest, failed))
        take()
    (batch,) = quarantine.batches(house.home)
    take()
    assert lies(house) == ["rows_1.jsonl"]
    assert quarantine.replay(house.home, house.keyring, batch["batch"])
    take()
    assert lies(house) == []


def test_a_file_that_changed_since_it_was_read_stays_and_is_read_again(
    house: TestHouse, take: Take, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_policy(house, "delete")
    house.drop("rows_1.jsonl", ROWS)
    with monkeypatch.context() as patch:
        loaded = pipeline.load_staged

        def and_changed(*arguments: object) -> list[pipeline.BatchVerdict]:
            verdicts = loaded(house.home, house.keyring)
            house.drop("rows_1.jsonl", ROWS + OTHER)
            return verdicts

        patch.setattr(pipeline, "load_staged", and_changed)
        take()
    assert lies(house) == ["rows_1.jsonl"]
    take()
    assert lies(house) == [] and house.rows("select count(*) from lake.case") == [(4,)]


def test_a_crash_between_commit_and_move_is_made_up_for_by_the_next_run(house: TestHouse, take: Take) -> None:
    is_policy(house, "move")
    house.drop("rows_1.jsonl", ROWS)
    house.take()  # committed; the process dies before the inbox is tidied
    assert lies(house) == ["rows_1.jsonl"]
    assert take() == {}
    assert lies(house) == ["done/rows_1.jsonl"]
    assert not list((house.home.root / "landing" / "_read").glob("*"))


def test_a_link_stays_and_so_does_what_it_leads_to(house: TestHouse, take: Take) -> None:
    is_policy(house, "delete")
    (house.inbox / "elsewhere").mkdir()
    house.drop("elsewhere/real.jsonl", ROWS)
    (house.inbox / "rows.jsonl").symlink_to(house.inbox / "elsewhere" / "real.jsonl")
    assert take() == {}
    assert house.rows("select count(*) from lake.case") == [(2,)]
    assert lies(house) == ["elsewhere/real.jsonl", "rows.jsonl"]


def test_an_inbox_that_cannot_be_written_to_is_told_and_tried_again(house: TestHouse, take: Take) -> None:
    is_policy(house, "move")
    house.drop("rows_1.jsonl", ROWS)
    (house.inbox / "done").write_text("a file where the folder should be")
    for _ in range(2):
        assert "could not be moved" in take()["desk"]["reason"]
        assert lies(house) == ["done", "rows_1.jsonl"]
    (house.inbox / "done").unlink()
    assert take() == {} and lies(house) == ["done/rows_1.jsonl"]


def test_no_name_of_a_file_is_noted(house: TestHouse, take: Take) -> None:
    is_policy(house, "move")
    house.drop("rows_planted.person@example.org.jsonl", ROWS)
    house.take()
    (note,) = (house.home.root / "landing" / "_read").glob("*")
    assert "planted" not in f"{note.name}{note.read_text()}"


def test_the_environment_goes_first_and_what_is_no_policy_is_told(
    house: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VOICEHOUSE_INBOX_POLICY", raising=False)
    assert house.home.inbox_policy == "keep"
    monkeypatch.setenv("VOICEHOUSE_INBOX_POLICY", "delete")
    assert house.home.inbox_policy == "delete"
    monkeypatch.setenv("VOICEHOUSE_INBOX_POLICY", "burn")
    with pytest.raises(VoicehouseError, match="keep, move or delete"):
        pipeline.tidy_inbox(house.home, house.keyring, "test")


def test_an_object_store_is_left_alone(house: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICEHOUSE_INBOX", "s3://drop/feedback")
    write_source(house.sources, "desk", {"case": CASE})
    settings = pipeline.sources(house.home)["desk"]
    monkeypatch.setenv("VOICEHOUSE_INBOX_POLICY", "move")
    with pytest.raises(VoicehouseError, match="object store"):
        pipeline.extract(house.home, house.keyring, settings, Window(), "test")


def test_a_file_just_written_is_not_mistaken_for_the_one_that_was_read(house: TestHouse, take: Take) -> None:
    """Same name, same size, another time: another file."""
    is_policy(house, "delete")
    house.drop("rows_1.jsonl", ROWS)
    house.take()
    path: Path = house.inbox / "rows_1.jsonl"
    path.write_text(OTHER)
    os.utime(path, ns=(time.time_ns() - 1800 * 10**9,) * 2)
    take()
    assert lies(house) == [] and house.rows("select count(*) from lake.case") == [(4,)]
