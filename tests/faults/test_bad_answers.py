"""Every way an API can answer badly, on a clock that is not the wall's: told or overcome, nothing lost, nothing quoted.

Keep out: what the connector does when all is well (tests/integration/test_jiandaoyun.py).
"""

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from orchestration import pipeline
from orchestration.sources.jiandaoyun import client
from orchestration.sources.registry import BUILT_IN
from tests.faults.traces import found_under
from tests.house import TestHouse, write_source
from tests.replay.jiandaoyun import ManualClock, Tenant

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
PHONE = "13800138000"
FORM = "59264073a2a60c0c08e20bfd"  # the form that the shipped fields.csv describes
WIDGETS = {1: "您向朋友推荐我们的可能性", 4: "手机号", 5: "我同意将回答用于改进服务"}
ROWS = 150  # two pages
ALWAYS = 999


@dataclass(frozen=True)
class Fault:
    """One way of answering badly. `told` is what the run says of the source; empty where the fault is overcome."""

    name: str
    arrange: Callable[[Tenant], None]
    told: str = ""
    waits: tuple[float, ...] = ()  # pauses that must have been made


FAULTS = (
    Fault("html", lambda t: t.fail("html", ALWAYS), "a web page instead of JSON: check base_url and proxies"),
    Fault("html_once", lambda t: t.fail("html"), waits=(1,)),
    Fault("empty_200", lambda t: t.fail("empty", ALWAYS), "an empty answer: run again later"),
    Fault("half_a_body_for_ever", lambda t: t.fail("cut", ALWAYS), "no whole answer .*: check the network and base_url"),
    Fault("half_a_document_for_ever", lambda t: t.fail("truncated", ALWAYS), "broken JSON: run again later"),
    Fault("without_its_list", lambda t: t.fail("listless", ALWAYS), "without the list 'data': check base_url, and ask"),
    Fault("status_401", lambda t: t.fail("expired", ALWAYS), "the API key is not accepted .status 401, .*make or allow"),
    Fault("status_403", lambda t: t.fail("403", ALWAYS), "the API key is not accepted .status 403, .*make or allow"),
    Fault("status_429", lambda t: t.fail("429", 3), waits=(1, 2, 4)),
    Fault("status_429_for_ever", lambda t: t.fail("429", ALWAYS), "throttled: lower requests_per_second"),
    Fault("status_429_with_retry_after", lambda t: t.fail("429:170", 2), waits=(170, 170)),
    Fault("status_429_come_back_tomorrow", lambda t: t.fail("429:86400"), "throttled: lower .* .asked 1 times"),
    Fault("status_500_for_ten_minutes", lambda t: t.fail_until(600, "500"), "server error 500: run again later.* .asked 6"),
    Fault("half_a_body", lambda t: t.fail("cut", 2), waits=(1, 2)),
    Fault("half_a_page", lambda t: t.fail("half")),
    Fault("same_page_twice", lambda t: t.before("/data/list", 2, lambda: t.fail("again")), "page 2: rows .* ask the vendor"),
    Fault("same_list_for_ever", lambda t: t.fail("first_page", ALWAYS, "/app/list"), "the same page again: .* ask the vendor"),
    Fault("cursor_that_never_ends", lambda t: t.fail("endless", ALWAYS), "page 30: the walk does not end: raise most_"),
    Fault("id_changes_type", lambda t: t.before("/data/list", 2, lambda: t.fail("numbers")), "_id is missing or no .* ask"),
)  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """The house after one run over every fault, and after one more when the faults were gone."""

    house: TestHouse
    clocks: dict[str, ManualClock]
    failures: dict[str, str]
    rows: dict[str, int]
    failures_after: dict[str, str]
    rows_after: dict[str, int]


def connect(house: TestHouse, name: str, base_url: str) -> None:
    """A copy of the shipped source under a name of its own, pointed at a stand-in."""
    folder = house.sources / name
    shutil.copytree(BUILT_IN / "jiandaoyun", folder)
    toml = (folder / "source.toml").read_text(encoding="utf-8").replace("active = false", "active = true")
    toml = toml.replace('agreement = ""', 'agreement = "on file"')  # without one nothing is asked
    toml = re.sub(r'base_url = ".*?"', f'base_url = "{base_url}"\nmost_pages = 30', toml)
    form = f'[[options.forms]]\napp_id = "app1"\nentry_id = "{FORM}"\nrole = "survey"\n\n[streams.entries]'
    (folder / "source.toml").write_text(toml.replace("[streams.entries]", form), encoding="utf-8")


def fill(tenant: Tenant) -> None:
    """One form with two pages of answers, each by somebody with a phone."""
    widgets = [{"name": f"_widget_{n}", "label": label, "type": "text"} for n, label in WIDGETS.items()]
    form = tenant.form("app1", FORM, "满意度", widgets)
    for n in range(ROWS):
        person = {"_widget_4": {"phone": PHONE}, "_widget_5": "同意"}
        form.put(f"{n:024x}", MONDAY - timedelta(hours=2), _widget_1=n % 11, **person)
    for n in range(120):  # more than a page of applications
        tenant.form(f"other{n}", "f", "空", [])


def count(house: TestHouse) -> dict[str, int]:
    return dict(house.rows("select source, count(*) from lake.survey_answer group by 1"))


def run(house: TestHouse) -> dict[str, str]:
    """One run; what it said of each source."""
    house.take()
    outcomes = pipeline.Outcomes(house.home, "test")
    failures = {source: failure["reason"] for source, failure in outcomes.failures.items()}
    outcomes.conclude(house.home, "test", "failed")
    return failures


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    """All faults in one home, each a source with a tenant of its own, beside a sound source of files."""
    house = TestHouse(tmp_path_factory.mktemp("bad_answers"))
    sql = (
        "select _record, raw ->> '$.id' as answer_id, raw ->> '$.id' as response_id, 's' as survey_id, "
        "'q' as question_id from zz_rows"
    )
    write_source(house.sources, "zz_sound", {"survey_answer": sql}, stream="zz_rows")
    house.drop("zz_rows.jsonl", '{"id": "1"}\n{"id": "2"}\n')
    clocks: dict[str, ManualClock] = {}
    current: list[ManualClock] = [ManualClock()]
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "127.0.0.1")
        patch.setattr(client, "WallClock", lambda: current[0])
        tenants = {}
        for fault in FAULTS:
            clocks[fault.name] = ManualClock()
            tenant = tenants[fault.name] = stack.enter_context(Tenant(clocks[fault.name]))
            fill(tenant)
            fault.arrange(tenant)
            connect(house, fault.name, tenant.base_url)
            patch.setenv(f"SOURCES__{fault.name.upper()}__API_KEY", "replay-key")
        extract = pipeline.extract

        def with_its_clock(home, keyring, settings, *rest):
            current[0] = clocks.get(settings.name, current[0])
            return extract(home, keyring, settings, *rest)

        patch.setattr(pipeline, "extract", with_its_clock)
        patch.setenv("VOICEHOUSE_CLOCK", MONDAY.isoformat())
        failures, rows = run(house), count(house)
        patch.setenv("VOICEHOUSE_CLOCK", (MONDAY + timedelta(hours=1)).isoformat())
        for fault in FAULTS:
            tenants[fault.name].faults.clear()
            tenants[fault.name].actions.clear()
            clocks[fault.name].seconds = max(clocks[fault.name].seconds, 600)
        failures_after = run(house)
        yield Asked(house, clocks, failures, rows, failures_after, count(house))


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_bad_answer_is_told_or_overcome_and_costs_no_row(asked: Asked, fault: Fault) -> None:
    told = asked.failures.get(fault.name, "")
    if fault.told:
        assert told.startswith(f"{fault.name}: /app/")
        assert re.search(fault.told, told), told
        assert re.match(r"\w+: [a-z/]+: page \d+: ", told), told
        assert fault.name not in asked.rows  # nothing of a failed extraction is kept
    else:
        assert told == "" and asked.rows[fault.name] == ROWS
    slept = asked.clocks[fault.name].slept
    assert [s for s in slept if s in fault.waits] == list(fault.waits)
    assert fault.name not in asked.failures_after
    assert asked.rows_after[fault.name] == ROWS


@pytest.mark.parametrize("answer", ["500", "empty", "html", "429", "403", "cut"])
def test_the_page_that_was_not_answered_is_told(house: TestHouse, monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    clock = ManualClock()
    monkeypatch.setattr(client, "WallClock", lambda: clock)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("SOURCES__FORMS__API_KEY", "replay-key")
    with Tenant(clock) as tenant:
        fill(tenant)
        connect(house, "forms", tenant.base_url)
        tenant.before("/data/list", 2, lambda: tenant.fail(answer, ALWAYS, "/data/list"))
        assert run(house)["forms"].startswith("forms: /app/entry/data/list: page 2: ")
        tenant.faults.clear()
        tenant.actions.clear()
        tenant.fail(answer, ALWAYS, "/app/list")
        assert run(house)["forms"].startswith("forms: /app/list: page 1: ")


def test_the_other_sources_go_on_and_nothing_is_quoted(asked: Asked) -> None:
    house = asked.house
    assert asked.rows["zz_sound"] == 2 and asked.failures_after == {}
    assert pipeline.ledger_faults(house.home, house.keyring) == []
    planted = (PHONE, "小简", "replay-key")
    assert not [p for p in planted if p in "".join(asked.failures.values())]
    probe = house.home.root.parent / "probe.json"
    probe.write_text(" ".join(planted), encoding="utf-8")
    assert found_under([probe.parent], planted) == set(planted)  # the control
    assert found_under([house.home.root], planted) == set()


def test_a_clock_that_runs_backwards_costs_no_row(house: TestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = ManualClock()
    monkeypatch.setattr(client, "WallClock", lambda: clock)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("SOURCES__FORMS__API_KEY", "replay-key")
    with Tenant(clock) as tenant:
        fill(tenant)
        connect(house, "forms", tenant.base_url)
        # A day ahead, then right, then right two hours later.
        for hours, rows in ((24, ROWS), (1, ROWS + 1), (3, ROWS + 2)):
            if hours < 24:
                tenant.forms["app1", FORM].put(
                    f"f{hours}",
                    MONDAY + timedelta(hours=hours, minutes=-30),
                    _widget_1=9,
                    _widget_4={"phone": PHONE},
                    _widget_5="同意",
                )
            monkeypatch.setenv("VOICEHOUSE_CLOCK", (MONDAY + timedelta(hours=hours)).isoformat())
            assert run(house) == {}
            assert count(house) == {"forms": rows}
    assert pipeline.ledger_faults(house.home, house.keyring) == []


def test_an_id_that_is_now_a_number_and_now_a_text_is_one_record(house: TestHouse) -> None:
    sql = (
        "select _record, raw ->> '$.id' as answer_id, raw ->> '$.id' as response_id, 's' as survey_id, "
        "'q' as question_id, raw ->> '$.score' as score from rows"
    )
    write_source(house.sources, "desk", {"survey_answer": sql})
    house.drop("rows_1.jsonl", '{"id": 5, "score": 1}\n')
    house.drop("rows_2.jsonl", '{"id": "5", "score": 2}\n')
    house.take()
    assert house.rows("select count(*), count(distinct answer_key) from lake.survey_answer") == [(2, 1)]
