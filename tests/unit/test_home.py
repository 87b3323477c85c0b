"""The home: its folders, lock, clock and durable writes. Keep out: what steps put there."""

import fcntl
import os
import re
import stat
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from orchestration.errors import ContractError, HomeLockedError, VoicehouseError
from orchestration.home import Home, House, append_durably, now, read_lines, sync_paths, write_durably
from orchestration.messages import translated
from orchestration.privacy import policy, requests, roles
from orchestration.privacy.keys import Keyring
from tests.faults.disk import Recording, recorded
from tests.faults.test_disk_full import full_disk


def test_folders_are_closed_to_others(tmp_path: Path) -> None:
    home = Home.open(tmp_path / "home")
    assert stat.S_IMODE(home.folder("vault").stat().st_mode) == 0o700
    assert stat.S_IMODE(home.root.stat().st_mode) == 0o710


def test_many_files_come_to_the_disk_before_their_folders_and_each_folder_once(tmp_path: Path) -> None:
    files = ["a/x", "a/b/y", "a/b/z"]
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    recording = Recording(tmp_path)
    with recorded(recording):
        sync_paths((tmp_path / name for name in files), tmp_path)
    assert [(what, path) for what, path, _ in recording.steps] == [("fsync", p) for p in (*files, "a/b", "a", ".")]


def test_readers_of_the_group_reach_serving_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        home = Home.open(tmp_path / "home")
        modes = [stat.S_IMODE(path.stat().st_mode) for path in (home.root, home.serving, home.lake)]
    finally:
        os.umask(before)
    assert modes == [0o710, 0o750, 0o700]


def test_a_warehouse_goes_with_what_is_not_yet_in_its_file(tmp_path: Path) -> None:
    home = Home.open(tmp_path / "home")
    for name in ("warehouse.duckdb", "warehouse.duckdb.wal"):
        (home.root / name).write_bytes(b"rows")
    for _ in range(2):
        home.remove_warehouse()
        assert [p.name for p in home.root.iterdir()] == ["format.json"]


def test_a_home_of_another_format_is_refused_with_a_word_on_what_to_do(tmp_path: Path) -> None:
    home = Home.open(tmp_path)
    (home.root / "format.json").write_text('{"format": 99}')
    with pytest.raises(VoicehouseError, match="format 99"):
        Home.open(tmp_path)


def test_a_second_writer_is_refused_with_the_name_of_the_first(tmp_path: Path) -> None:
    home = Home.open(tmp_path)
    child = (
        "import sys\nfrom orchestration.home import Home\n"
        f"h = Home.open({str(tmp_path)!r})\n"
        "with h.writing('the first run'):\n    print('held', flush=True)\n    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", child], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stdin is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(HomeLockedError, match="the first run"), home.writing("the second run"):
            pass
        process.kill()
        process.wait()
    with home.writing("after a death the lock is free"):
        pass


def test_a_writer_may_write_again_inside_its_own_lock(tmp_path: Path) -> None:
    home = Home.open(tmp_path)
    with home.writing("outer"), home.writing("inner"):
        assert os.environ["VOICEHOUSE_LOCK_HELD"] == str(home.root)
    assert "VOICEHOUSE_LOCK_HELD" not in os.environ


def test_house_settings_are_written_once_and_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VOICEHOUSE_SOURCES", raising=False)
    monkeypatch.delenv("VOICEHOUSE_INBOX", raising=False)
    home = Home.open(tmp_path)
    house = House(("/a folder", "/b"), str(tmp_path / "in"), "Asia/Shanghai", "external")
    home.furnish(house)
    home.furnish(House(("/other",)))
    assert home.house == house
    assert home.inbox == str(tmp_path / "in")


def test_the_clock_can_be_set_and_is_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICEHOUSE_CLOCK", "2026-03-01T08:00:00+08:00")
    assert now() == datetime(2026, 3, 1, tzinfo=UTC)


def test_a_durable_write_leaves_no_draft(tmp_path: Path) -> None:
    write_durably(tmp_path / "f", b"one")
    write_durably(tmp_path / "f", b"two")
    assert [p.name for p in tmp_path.iterdir()] == ["f"]
    assert (tmp_path / "f").read_bytes() == b"two"


def test_lines_are_added_whole_and_one_that_is_damaged_is_told_by_its_number(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    assert read_lines(path) == []
    lines = [{"n": 1, "told": "一行\u2028not two"}, {"n": 2}]
    for line in lines:
        append_durably(path, line)
    assert read_lines(path) == lines and stat.S_IMODE(path.stat().st_mode) == 0o600
    path.write_bytes(path.read_bytes().replace(b'"n": 1', b'"n" 1'))
    with pytest.raises(VoicehouseError, match=r"^line 1 of lines.jsonl in the home is damaged: remove that line"):
        read_lines(path)


def test_a_last_line_that_an_editor_left_without_its_end_counts_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_bytes(b'{"n": 1}\n{"n": 2}')
    assert read_lines(path) == [{"n": 1}, {"n": 2}]
    append_durably(path, {"n": 3})
    assert path.read_bytes() == b'{"n": 1}\n{"n": 2}\n{"n": 3}\n'


def test_an_empty_line_is_no_damage(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_bytes(b'{"n": 1}\n\n \r\n{"n": 2}\n\n')
    assert read_lines(path) == [{"n": 1}, {"n": 2}]
    append_durably(path, {"n": 3})
    assert read_lines(path) == [{"n": 1}, {"n": 2}, {"n": 3}]


@pytest.mark.parametrize("torn", [b'{"n": 2', b'{"n": "\xe4\xb8', b" "])
def test_what_a_death_left_of_a_last_line_is_none_and_makes_room(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_bytes(b'{"n": 1}\n' + torn)
    assert read_lines(path) == [{"n": 1}]
    append_durably(path, {"n": 3})
    assert read_lines(path) == [{"n": 1}, {"n": 3}]


def test_a_line_added_on_a_full_disk_leaves_an_unended_last_one_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_bytes(b'{"n": 1}')
    with full_disk(10), pytest.raises(OSError, match="File too large"):
        append_durably(path, {"n": 2})
    assert path.read_bytes() == b'{"n": 1}'


@pytest.mark.parametrize("look", [1, 2])
def test_a_draft_that_another_process_puts_in_place_meanwhile_is_no_fault(
    tmp_path: Path, look: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft, stat_of = tmp_path / ".f.draft", Path.stat
    draft.write_bytes(b"theirs")
    looks: list[Path] = []

    def placed(path: Path, **given: bool) -> os.stat_result:
        looks.append(path)
        if len(looks) == look:
            os.replace(draft, tmp_path / "f")
        return stat_of(path, **given)

    monkeypatch.setattr(Path, "stat", placed)
    write_durably(tmp_path / "f", b"ours")
    monkeypatch.undo()
    assert (tmp_path / "f").read_bytes() == b"ours"


def test_who_only_looks_for_a_writer_keeps_no_writer_out(tmp_path: Path) -> None:
    """A glance takes the lock for a moment; a run that starts in that moment is not told of another writer."""
    home = Home.open(tmp_path)
    (tmp_path / "lock").touch()
    with (tmp_path / "lock").open() as glance:
        fcntl.flock(glance, fcntl.LOCK_SH)
        threading.Timer(0.15, fcntl.flock, (glance, fcntl.LOCK_UN)).start()
        with home.writing("a run"):
            assert home.holder() is not None


@pytest.mark.parametrize("content", ["", "{", '{"other": 1}', "[]"])
def test_a_home_whose_format_is_torn_says_what_to_do(tmp_path: Path, content: str) -> None:
    Home.open(tmp_path)
    (tmp_path / "format.json").write_text(content)
    with pytest.raises(
        VoicehouseError, match="format.json of the home is damaged: take it from a backup, or delete it"
    ):
        Home.open(tmp_path)


@pytest.mark.parametrize("content", [b"", b"= =", b"\xff", b"\x00\x00"])
def test_settings_that_are_torn_are_told_and_never_taken_for_defaults(tmp_path: Path, content: bytes) -> None:
    home = Home.open(tmp_path)
    keyring = Keyring(home)
    home.furnish(House())
    policy.furnish(home)
    roles.require(home, keyring, "engineer", "keys rotate")  # the control
    for name, read in (
        ("house.toml", lambda: home.house),
        ("policy.toml", lambda: policy.Policy.of(home)),
        ("policy.toml", lambda: roles.require(home, keyring, "engineer", "keys rotate")),
    ):
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(content)
        with pytest.raises(
            VoicehouseError, match=rf"^{name} cannot be read \(.+\): mend it, or take it from a backup$"
        ):
            read()
        (tmp_path / name).write_bytes(whole)


@pytest.mark.parametrize(
    ("name", "line", "told"),
    [
        (
            "house.toml",
            "inbox_polici = 'delete'",
            "house.toml has no setting 'inbox_polici': it knows alerts, inbox, inbox",
        ),
        (
            "house.toml",
            "[postgres]\nschemas = 'v'",
            "house.toml [postgres] has no setting 'schemas': it knows handlers,",
        ),
        (
            "policy.toml",
            "blocked_source = ['x']",
            "policy.toml has no setting 'blocked_source': it knows blocked_sources,",
        ),
        ("policy.toml", "[role]\ncompliance = ['ada']", "policy.toml has no setting 'role': it knows blocked_sources,"),
        (
            "policy.toml",
            "[roles]\ncomplience = ['ada']",
            "policy.toml [roles] has no setting 'complience': it knows ana",
        ),
        ("policy.toml", "[requests]\ndays = 3", "policy.toml [requests] has no setting 'days': it knows gdpr_months,"),
        (
            "policy.toml",
            "[recipients.lab]\ntransfers = 'x'",
            "policy.toml [recipients] [lab] has no setting 'transfers': ",
        ),
    ],
)
def test_a_setting_that_does_not_exist_is_told_by_every_reader_and_restricts_nothing_silently(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, line: str, told: str
) -> None:
    monkeypatch.delenv("VOICEHOUSE_SOURCES", raising=False)
    home = Home.open(tmp_path)
    keyring = Keyring(home)
    content = f"{line}\n" if name == "house.toml" else f"{line}\n[terms]\nlanding_days = 14\n"
    if name == "policy.toml":
        content = ('version = "1"\npurposes = ["service"]\n') + content
    (tmp_path / name).write_text(content)
    readers = {
        "house.toml": [lambda: home.house],
        "policy.toml": [
            lambda: policy.Policy.of(home),
            lambda: roles.require(home, keyring, "engineer", "keys rotate"),
            lambda: requests.due(home, now(), None),
        ],
    }
    for read in readers[name]:
        with pytest.raises(ContractError, match=re.escape(told)) as refused:
            read()
        assert "没有设置" in translated(str(refused.value), "zh")


@pytest.mark.parametrize(
    ("name", "line", "told"),
    [
        ("policy.toml", "blocked_sources = 'desk'", "policy.toml: blocked_sources is a list of names, such as"),
        ("policy.toml", "purposes = 'service'", "policy.toml: purposes is a list of names, such as"),
        ("policy.toml", "name_models = ['en', 1]", "policy.toml: name_models is a list of names, such as"),
        ("policy.toml", "[roles]\ncompliance = 'li.na'", "policy.toml [roles]: compliance is a list of names, such as"),
        ("policy.toml", "roles = 'li.na'", "policy.toml: roles is a table, [roles]"),
        ("policy.toml", "terms = 14", "policy.toml: terms is a table, [terms]"),
        ("policy.toml", "staff = []", "policy.toml: staff is a table, [staff]"),
        ("policy.toml", "[recipients]\nlab = 'x'", "policy.toml [recipients]: lab is a table, [lab]"),
        ("house.toml", "sources = '/opt/sources'", "house.toml: sources is a list of names, such as"),
        ("house.toml", "alerts = 'https'", "house.toml: alerts is a table, [alerts]"),
        ("house.toml", "[postgres]\nreaders = 'bi'", "house.toml [postgres]: readers is a list of names, such as"),
        (
            "house.toml",
            "[postgres.handlers]\nlead = 'north*'",
            "house.toml [postgres] [handlers]: lead is a list of names, such as",
        ),
        ("house.toml", "[[postgres]]\nschema = 'v'", "house.toml: postgres is a table, [postgres]"),
    ],
)
def test_a_text_in_the_place_of_a_list_or_a_table_is_told_and_never_read_letter_by_letter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, line: str, told: str
) -> None:
    monkeypatch.delenv("VOICEHOUSE_SOURCES", raising=False)
    home = Home.open(tmp_path)
    needed = {"house.toml": "", "policy.toml": 'version = "1"\n'}[name]
    needed += 'purposes = ["service"]\n' if name == "policy.toml" and not line.startswith("purposes") else ""
    (tmp_path / name).write_text(f"{needed}{line}\n")
    with pytest.raises(ContractError, match=f"^{re.escape(told)}") as refused:
        _ = home.house if name == "house.toml" else policy.Policy.of(home)
    assert "应为" in translated(str(refused.value), "zh")


def test_what_a_home_is_furnished_with_is_known(tmp_path: Path) -> None:
    home = Home.open(tmp_path)
    home.furnish(House(postgres={"schema": "v"}))
    policy.furnish(home)
    assert home.house.postgres == {"schema": "v"}
    commented = re.sub(
        r"^# (?=\[|[a-z_]+ = )", "", policy.DEFAULT.format(name="", contact="", assessment=""), flags=re.M
    )
    (tmp_path / "policy.toml").write_text(commented)
    assert set(policy.Policy.of(home).recipients) == {"lab"}


def test_a_first_write_that_does_not_fit_leaves_no_half_of_a_setting(tmp_path: Path) -> None:
    home = Home.open(tmp_path)
    for write in (lambda: home.furnish(House()), lambda: policy.furnish(home)):
        with full_disk(100), pytest.raises(OSError, match="File too large"):
            write()
    assert [p.name for p in tmp_path.iterdir()] == ["format.json"]


def test_a_policy_without_its_purposes_is_told(tmp_path: Path) -> None:
    home = Home.open(tmp_path)
    (tmp_path / "policy.toml").write_text('version = "1"\n')
    with pytest.raises(VoicehouseError, match="policy.toml lacks 'purposes'"):
        policy.Policy.of(home)
