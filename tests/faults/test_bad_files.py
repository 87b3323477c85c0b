"""Every way a file can be broken, all in one inbox: told or counted, nothing lost, nothing quoted, the rest goes on.

Keep out: the table of faults (bad_files.py).
"""

import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from orchestration import logs, pipeline, running
from orchestration.cli import main
from orchestration.commands import named
from orchestration.landing.names import file_ids, with_names
from orchestration.running import Outcome
from orchestration.sources import files
from tests.faults.bad_files import FAULTS, FILE, HEADER, JSON_SOUND, PHONE, PLANTED, SOUND, Fault, content, parquet
from tests.faults.traces import found_under
from tests.house import TestHouse, write_source

CSV = """
select
    _record, id as review_id, parse_time("at", '%d/%m/%Y', 'Asia/Shanghai') as posted_at,
    scale_score(stars, 'csat_5') as rating, 5 as rating_max, remark as text, email as person_email,
    'true' as person_email_verified, 'CN' as person_country
from {stream}
"""
JSON = """
select
    _record, raw ->> '$.id' as review_id, parse_time(raw ->> '$.at', '%d/%m/%Y', 'Asia/Shanghai') as posted_at,
    scale_score(raw ->> '$.stars', 'csat_5') as rating, 5 as rating_max, raw ->> '$.email' as person_email,
    'true' as person_email_verified, 'CN' as person_country
from {stream}
"""
NAMES = {"csv": "sound.csv", "jsonl": "sound.jsonl", "parquet": "sound.parquet"}


@dataclass(frozen=True)
class Taken:
    """The house after one run over every fault."""

    house: TestHouse
    failures: dict[str, str]


def furnish(house: TestHouse, name: str, format: str) -> Path:
    """A source of its own for a fault, with one sound file of two rows."""
    stream = f"{name}_rows"
    sql = (JSON if format == "jsonl" else CSV).format(stream=stream)
    columns = () if format == "jsonl" else tuple(HEADER.split(","))
    folder = write_source(house.sources, name, {"review": sql}, stream=stream, format=format, columns=columns)
    toml = (folder / "source.toml").read_text(encoding="utf-8")
    (folder / "source.toml").write_text(toml.replace(f'"{stream}*"', f'"{name}/**/*"'), encoding="utf-8")
    inbox = house.inbox / name
    inbox.mkdir()
    sound = JSON_SOUND if format == "jsonl" else SOUND
    if format == "parquet":
        header, *rows = (line.split(",") for line in SOUND.splitlines())
        (inbox / NAMES[format]).write_bytes(parquet([dict(zip(header, row, strict=True)) for row in rows]))
    else:
        content(sound, NAMES[format])(inbox)
    return inbox


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Taken]:
    """All faults in one home, each a source, and one run over them."""
    house = TestHouse(tmp_path_factory.mktemp("bad_files"))
    for fault in FAULTS:
        fault.write(furnish(house, fault.name, fault.format))
    furnish(house, "zz_sound", "csv")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "SMALL_BYTES", 1 << 20)  # bombs of the test are small
        house.take()
    failures = pipeline.Outcomes(house.home, "test").failures
    yield Taken(house, {source: failure["reason"] for source, failure in failures.items()})


def ledger(house: TestHouse, source: str, level: str, measure: str) -> dict[str, int]:
    """Counts of one source by reason."""
    rows = house.rows(
        f"select reason, sum(n)::int from lake._ledger where source = '{source}' and level = '{level}' "
        f"and measure = '{measure}' group by 1"
    )
    return dict(rows)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_broken_file_is_told_or_counted_and_the_rest_goes_on(taken: Taken, fault: Fault) -> None:
    house = taken.house
    reason = taken.failures.get(fault.name, "")
    if fault.told:
        assert reason.startswith(f"{fault.name}: file ")
        assert file_ids(house.keyring, fault.name)(f"{fault.name}/{fault.file}") in reason
        assert re.search(fault.told, reason), reason
    else:
        assert reason == ""
    assert ledger(house, fault.name, "records", "rejected") == fault.records
    assert ledger(house, fault.name, "rows", "rejected") == fault.refused
    assert ledger(house, fault.name, "records", "unselected") == fault.unselected
    ((rows,),) = house.rows(f"select count(*) from lake.review where source = '{fault.name}'")
    assert rows == 2 + fault.rows
    if fault.holds:
        aggregate, value = fault.holds
        assert house.rows(f"select {aggregate} from lake.review where source = '{fault.name}'") == [(value,)]


def test_nothing_is_lost_and_no_value_stands_in_what_is_told_or_kept(taken: Taken) -> None:
    house = taken.house
    assert pipeline.ledger_faults(house.home, house.keyring) == []
    ((sound,),) = house.rows("select count(*) from lake.review where source = 'zz_sound'")
    assert sound == 2
    told = "\n".join(taken.failures.values())
    planted = (PLANTED, PHONE, FILE)
    assert not [p for p in planted if p in told]
    assert found_under([house.inbox], planted) == set(planted)  # the control
    assert found_under([house.home.root], planted) == set()
    assert not list(house.home.root.parent.rglob("climbed.csv"))


def test_only_the_terminal_gets_the_real_name_of_a_file(taken: Taken) -> None:
    house = taken.house
    sentence = taken.failures["empty_file"]
    sources = pipeline.sources(house.home).values()
    named, plain = with_names(house.home, house.keyring, sources, [sentence, "desk: down"])
    assert f"{FILE}.csv" in named and FILE not in sentence
    assert plain == "desk: down"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_name_goes_to_a_terminal_and_to_no_file_or_journal(taken: Taken, monkeypatch: pytest.MonkeyPatch) -> None:
    house, sentence = taken.house, taken.failures["empty_file"]
    assert named(house.home, [sentence], io.StringIO()) == [sentence]
    (read,) = named(house.home, [sentence], Terminal())
    assert f"{FILE}.csv" in read
    monkeypatch.setenv("VOICEHOUSE_HOME", str(house.home.root))
    ended = Outcome(success=False, nothing_new=False, reason=sentence)
    monkeypatch.setattr(running, "execute", lambda *_, **__: ended)
    done = CliRunner().invoke(main, ["--home", str(house.home.root), "run"])  # its streams are no terminal
    assert done.exit_code == 1 and sentence in done.stderr and FILE not in done.output


def test_every_broken_file_is_named_in_the_log(house: TestHouse, capsys: pytest.CaptureFixture[str]) -> None:
    write_source(
        house.sources, "desk", {"case": "select _record, a as case_id from rows"}, format="csv", columns=("a",)
    )
    for i in range(8):
        house.drop(f"rows {FILE} {i}.csv", "")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VOICEHOUSE_LOG", "json")
        logs.configure()
        house.take()
    logs.configure()
    events = [json.loads(line) for line in capsys.readouterr().err.splitlines() if '"file.unread"' in line]
    assert (
        "and 3 more files: `voicehouse status --files` lists them"
        in pipeline.Outcomes(house.home, "test").failures["desk"]["reason"]
    )
    ids = {file_ids(house.keyring, "desk")(f"rows {FILE} {i}.csv") for i in range(8)}
    assert {told["file"] for told in events} == ids and len(events) == 8
    assert all(told["source"] == "desk" and told["file"] in told["reason"] for told in events)
    assert FILE not in json.dumps(events)


def test_every_broken_file_is_listed_with_its_name_on_a_terminal_alone(
    house: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_source(
        house.sources, "desk", {"case": "select _record, a as case_id from rows"}, format="csv", columns=("a",)
    )
    for i in range(8):
        house.drop(f"rows {FILE} {i}.csv", "")
    house.take()
    asked = ["--home", str(house.home.root), "status", "--files"]
    ids = [file_ids(house.keyring, "desk")(f"rows {FILE} {i}.csv") for i in range(8)]
    plain = CliRunner().invoke(main, asked).output
    machines = json.loads(CliRunner().invoke(main, [*asked, "--json"]).output)
    assert all(i in plain for i in ids) and FILE not in plain and len(plain.splitlines()) == 8
    assert len(machines["desk"]) == 8 and FILE not in json.dumps(machines)
    read = named(house.home, machines["desk"], Terminal())
    assert all(f"rows {FILE} {i}.csv" in "".join(read) for i in range(8))
    assert found_under([house.home.root], [FILE]) == set()
    house.drop(f"rows {FILE} 3.csv", "a\n1\n")
    house.take()  # one is mended, the others were told
    assert len(json.loads(CliRunner().invoke(main, [*asked, "--json"]).output)["desk"]) == 7
    for i in range(8):
        house.drop(f"rows {FILE} {i}.csv", f"a\n{i}{i}\n")
    house.take()
    assert CliRunner().invoke(main, asked).output == "every file was read\n"


def test_what_was_told_once_is_not_told_again_until_the_file_changes(taken: Taken) -> None:
    house = taken.house
    pipeline.Outcomes(house.home, "test").conclude(house.home, "test", "failed")
    house.take("empty_file", "truncated_gzip", "symlink_loop")
    assert pipeline.Outcomes(house.home, "test").failures == {}
    content(SOUND.replace("S1", "R8").replace("S2", "R9"))(house.inbox / "empty_file")
    house.take("empty_file")
    ((rows,),) = house.rows("select count(*) from lake.review where source = 'empty_file'")
    assert rows == 4


def test_a_file_that_may_not_be_read_is_told_until_it_may(house: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    inbox = furnish(house, "desk", "csv")
    content(SOUND.replace("S1", "R1").replace("S2", "R2"), f"{FILE}.csv")(inbox)

    def refuse(handle: io.BufferedReader, name: str, stream: files.Stream) -> Iterator[files.Page]:
        if FILE in name:
            raise PermissionError(13, "Permission denied", name)
        yield from read(handle, name, stream)

    read = files.read_file
    with monkeypatch.context() as patch:
        patch.setattr(files, "read_file", refuse)
        for _ in range(2):
            house.take()
            told = pipeline.Outcomes(house.home, "test").failures["desk"]["reason"]
            assert "may not be read by this user: change its permissions" in told and FILE not in told
            pipeline.Outcomes(house.home, "test").conclude(house.home, "test", "failed")
    house.take()
    assert pipeline.Outcomes(house.home, "test").failures == {}
    assert house.rows("select count(*) from lake.review") == [(4,)]


def test_a_pattern_that_leaves_the_inbox_is_its_sources_failure_alone(house: TestHouse) -> None:
    furnish(house, "desk", "csv")
    furnish(house, "sound", "csv")
    toml = house.sources / "desk" / "source.toml"
    toml.write_text(toml.read_text(encoding="utf-8").replace('"desk/**/*"', '"../**/*"'), encoding="utf-8")
    house.take()
    failures = pipeline.Outcomes(house.home, "test").failures
    assert list(failures) == ["desk"] and "leaves the inbox" in failures["desk"]["reason"]
    assert house.rows("select source, count(*) from lake.review group by 1") == [("sound", 2)]
