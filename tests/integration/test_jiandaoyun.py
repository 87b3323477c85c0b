"""The 简道云 connector against its stand-in on loopback: complete, in order, polite, clear when it fails.

Keep out: what each field means (tests/unit/test_jiandaoyun_conform.py).
"""

import dataclasses
import json
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from orchestration import modelling, pipeline
from orchestration.engine import connect
from orchestration.errors import ContractError, SourceError
from orchestration.home import Home
from orchestration.lake import stage
from orchestration.lake.promote import promote
from orchestration.lake.store import LAKE_KEY, Lake
from orchestration.landing.extract import extract
from orchestration.landing.pages import Load
from orchestration.privacy.guard import guard
from orchestration.privacy.keys import Keyring
from orchestration.sources.contract import Page, Settings, Window, read_settings
from orchestration.sources.jiandaoyun.extract import read
from orchestration.sources.registry import BUILT_IN, discover, extractor
from tests.house import TestHouse, write_source
from tests.replay.jiandaoyun import ManualClock, Tenant

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
USUAL = Window()
SCORE = {"name": "_widget_1", "label": "满意度", "type": "radiogroup"}
COMMENT = {"name": "_widget_2", "label": "建议", "type": "textarea"}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def tenant(clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tenant]:
    monkeypatch.setenv("SOURCES__JIANDAOYUN__API_KEY", "replay-key")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("VOICEHOUSE_CLOCK", MONDAY.isoformat())
    with Tenant(clock) as tenant:
        survey = tenant.form("app1", "survey1", "门店满意度", [SCORE, COMMENT])
        for n in range(250):
            survey.put(f"{n:024x}", MONDAY - timedelta(days=1, minutes=n), _widget_1="满意", _widget_2=f"第{n}条")
        yield tenant


def settings(tenant: Tenant, **options: Any) -> Settings:
    """The shipped settings, pointed at the stand-in."""
    forms = [
        {"app_id": a, "entry_id": e, "role": "case" if e.startswith("case") else "survey"} for a, e in tenant.forms
    ]
    shipped = read_settings(BUILT_IN / "jiandaoyun")
    return dataclasses.replace(
        shipped, options={**shipped.options, "base_url": tenant.base_url, "forms": forms, **options}
    )


@pytest.fixture
def run(tenant: Tenant, clock: ManualClock) -> Callable[..., list[Page]]:
    def run(state: dict[str, Any], window: Window = USUAL, **options: Any) -> list[Page]:
        return list(read(settings(tenant, **options), state, window, clock))

    return run


def ids(pages: list[Page], form: str = "survey1") -> list[str]:
    """Ids of the rows read, in the order of reading."""
    return [r["row"]["_id"] for p in pages if p.stream == "entries" for r in p.content if r["form_id"] == form]


def swept(pages: list[Page], stream: str = "response_ids") -> list[str] | None:
    """Ids of the sweep; None where there was none."""
    found = [[r["id"] for r in p.content] for p in pages if p.stream == stream and p.is_sweep]
    return found[0] if found else None


def test_reads_every_row_once_and_in_order(tenant: Tenant, run: Callable[..., list[Page]]) -> None:
    pages = run({})
    assert ids(pages) == sorted(tenant.forms["app1", "survey1"].rows)
    assert [len(p.content) for p in pages if p.stream == "entries"] == [100, 100, 50]
    walked = tenant.asked("/data/list")[:3]
    assert [body.get("data_id") for body in walked] == [None, f"{99:024x}", f"{199:024x}"]
    assert {body["limit"] for body in walked} == {100}


def test_a_last_page_that_is_full_is_followed_by_an_empty_one(tenant: Tenant, run: Callable[..., list[Page]]) -> None:
    form = tenant.forms["app1", "survey1"]
    for data_id in sorted(form.rows)[200:]:
        form.remove(data_id)
    assert len(ids(run({}, sweep_hours=1))) == 200


def test_labels_come_before_the_rows_they_explain(run: Callable[..., list[Page]]) -> None:
    pages = run({})
    assert [p.stream for p in pages] == [
        "fields", "words", "widgets", "entries", "entries", "entries", "response_ids",
    ]  # fmt: skip
    assert pages[2].content[0] == {
        "form_id": "survey1",
        "form_name": "门店满意度",
        "form_role": "survey",
        "name": "_widget_1",
        "label": "满意度",
        "type": "radiogroup",
        "position": 0,
    }


def test_next_run_reads_changed_rows_only(
    tenant: Tenant, run: Callable[..., list[Page]], monkeypatch: pytest.MonkeyPatch
) -> None:
    state: dict[str, Any] = {}
    run(state)
    form = tenant.forms["app1", "survey1"]
    form.put(f"{7:024x}", MONDAY + timedelta(minutes=5), _widget_1="不满意")
    form.put(f"{900:024x}", MONDAY + timedelta(minutes=6), _widget_1="满意")
    form.put(f"{901:024x}", MONDAY - timedelta(minutes=14), _widget_1="late")
    monkeypatch.setenv("VOICEHOUSE_CLOCK", (MONDAY + timedelta(hours=1)).isoformat())
    assert ids(run(state)) == [f"{7:024x}", f"{900:024x}", f"{901:024x}"]
    monkeypatch.setenv("VOICEHOUSE_CLOCK", (MONDAY + timedelta(hours=2)).isoformat())
    assert ids(run(state)) == []


def test_a_row_changed_behind_the_walk_is_read_next_time(
    tenant: Tenant, run: Callable[..., list[Page]], monkeypatch: pytest.MonkeyPatch
) -> None:
    state: dict[str, Any] = {}
    form = tenant.forms["app1", "survey1"]

    def change_behind() -> None:
        form.put(f"{1:024x}", MONDAY + timedelta(seconds=2), _widget_1="改了")
        form.put(f"{249:024x}", MONDAY + timedelta(seconds=3), _widget_1="改了")

    tenant.before("/data/list", 2, change_behind)
    run(state)
    monkeypatch.setenv("VOICEHOUSE_CLOCK", (MONDAY + timedelta(days=1)).isoformat())
    assert f"{1:024x}" in ids(run(state))


def test_a_tenant_that_cannot_filter_is_read_whole(tenant: Tenant, run: Callable[..., list[Page]]) -> None:
    state: dict[str, Any] = {}
    run(state)
    assert len(ids(run(state, changes="all"))) == 250
    assert not any("filter" in body for body in tenant.asked("/data/list"))


def test_days_can_bound_the_changes_where_instants_are_not_understood(
    tenant: Tenant, run: Callable[..., list[Page]]
) -> None:
    state: dict[str, Any] = {}
    run(state)
    run(state, instant_format="%Y-%m-%d")
    assert [b["filter"]["cond"][0]["value"] for b in tenant.asked("/data/list") if "filter" in b] == [
        ["2026-03-02", None]
    ]


def test_sweep_shows_what_is_left_and_runs_at_its_hours_only(
    tenant: Tenant, run: Callable[..., list[Page]], monkeypatch: pytest.MonkeyPatch
) -> None:
    state: dict[str, Any] = {}
    assert len(swept(run(state)) or []) == 250
    tenant.forms["app1", "survey1"].remove(f"{42:024x}")
    monkeypatch.setenv("VOICEHOUSE_CLOCK", (MONDAY + timedelta(hours=23)).isoformat())
    assert swept(run(state)) is None
    monkeypatch.setenv("VOICEHOUSE_CLOCK", (MONDAY + timedelta(hours=24)).isoformat())
    left = swept(run(state))
    assert left is not None and len(left) == 249 and f"{42:024x}" not in left
    assert tenant.asked("/data/list")[-1]["fields"] == ["_id"]


def test_sweep_holds_ids_and_nothing_else(run: Callable[..., list[Page]]) -> None:
    (page,) = [p for p in run({}) if p.is_sweep]
    assert {tuple(record) for record in page.content} == {("id",)}


def test_a_sweep_that_breaks_off_is_not_yielded(
    tenant: Tenant, clock: ManualClock, run: Callable[..., list[Page]]
) -> None:
    state: dict[str, Any] = {}
    tenant.before("/data/list", 5, lambda: tenant.fail("503", times=99))
    seen: list[Page] = []
    with pytest.raises(SourceError, match="server error 503"):
        for page in read(settings(tenant), state, Window(), clock):
            seen.append(page)
    assert len(ids(seen)) == 250
    assert swept(seen) is None
    assert "swept_at" not in state and "watermark" in state["forms"]["survey1"]


def test_sweep_of_each_role_has_its_own_stream(tenant: Tenant, run: Callable[..., list[Page]]) -> None:
    tenant.form("app2", "case1", "投诉单", [COMMENT]).put("c1", MONDAY, _widget_2="漏水")
    tenant.form("app2", "survey2", "回访", [SCORE]).put("s1", MONDAY, _widget_1="满意")
    pages = run({})
    assert swept(pages, "case_ids") == ["c1"]
    assert len(swept(pages) or []) == 251
    assert ids(pages, "case1") == ["c1"] and ids(pages, "survey2") == ["s1"]


def test_keeps_the_pace_the_vendor_allows(tenant: Tenant, clock: ManualClock, run: Callable[..., list[Page]]) -> None:
    for n in range(250, 5000):
        tenant.forms["app1", "survey1"].rows[f"{n:024x}"] = {"_id": f"{n:024x}"}
    assert len(ids(run({}))) == 5000
    times = [request.at for request in tenant.requests]
    assert len(times) > 100
    assert all(later - earlier >= 1 - 1e-9 for earlier, later in zip(times, times[30:], strict=False))


def test_slows_down_when_told_that_it_is_too_fast(
    tenant: Tenant, clock: ManualClock, run: Callable[..., list[Page]]
) -> None:
    tenant.fail("throttled", times=3)
    assert len(ids(run({}))) == 250
    assert [s for s in clock.slept if s >= 1] == [1, 2, 4]


def test_a_faster_key_still_gets_through_a_slow_server(clock: ManualClock, run: Callable[..., list[Page]]) -> None:
    assert len(ids(run({}, requests_per_second=1000, sweep_hours=0))) == 250


def test_the_code_for_too_fast_can_be_set(tenant: Tenant, run: Callable[..., list[Page]]) -> None:
    tenant.fail("throttled")
    with pytest.raises(SourceError, match="code 8303"):
        run({}, rate_codes=[9999])


@pytest.mark.parametrize("fault", ["503", "500", "429", "truncated", "cut", "html", "empty", "listless", "drop"])
def test_a_passing_fault_costs_no_row(tenant: Tenant, run: Callable[..., list[Page]], fault: str) -> None:
    tenant.fail(fault, times=2)
    tenant.before("/data/list", 4, lambda: tenant.fail(fault))
    assert ids(run({})) == sorted(tenant.forms["app1", "survey1"].rows)


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("503", "server error 503"),
        ("429", "throttled"),
        ("truncated", "broken JSON"),
        ("cut", "no whole answer"),
        ("html", "web page instead of JSON: check base_url"),
        ("empty", "an empty answer"),
        ("listless", "without the list 'data'"),
        ("drop", "no whole answer"),
        ("throttled", "throttled: lower requests_per_second"),
    ],
)
def test_a_lasting_fault_ends_in_an_error_that_says_what_to_do(
    tenant: Tenant, run: Callable[..., list[Page]], fault: str, says: str
) -> None:
    tenant.fail(fault, times=6)
    state: dict[str, Any] = {}
    with pytest.raises(SourceError, match=says) as caught:
        run(state)
    assert "asked 6 times" in str(caught.value)
    assert not state
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("fault", ["expired", "expired_in_body"])
def test_an_expired_key_is_not_tried_again(tenant: Tenant, run: Callable[..., list[Page]], fault: str) -> None:
    tenant.before("/data/list", 2, lambda: tenant.fail(fault, times=9))
    with pytest.raises(SourceError, match="set the secret SOURCES__JIANDAOYUN__API_KEY"):
        run({})
    assert len(tenant.asked("/data/list")) == 2


def test_a_redirect_is_not_followed_with_the_key(tenant: Tenant, run: Callable[..., list[Page]]) -> None:
    tenant.fail("redirect")
    with pytest.raises(SourceError, match="redirected"):
        run({})


def test_no_error_carries_a_value_or_the_key(tenant: Tenant, run: Callable[..., list[Page]]) -> None:
    for fault in ("refused", "expired", "truncated", "cut"):
        tenant.faults.clear()
        tenant.fail(fault, times=6)
        with pytest.raises(SourceError) as caught:
            run({})
        for planted in ("13800138000", "小简", "满意", "replay-key"):
            assert planted not in str(caught.value)


def test_a_refused_request_is_not_tried_again(tenant: Tenant, run: Callable[..., list[Page]]) -> None:
    tenant.fail("refused")
    with pytest.raises(SourceError, match="code 4001.*look up the code"):
        run({})
    assert len(tenant.asked("/data/list")) == 1


def test_a_form_whose_fields_change_between_pages_keeps_both_labels(
    tenant: Tenant, run: Callable[..., list[Page]]
) -> None:
    form = tenant.forms["app1", "survey1"]

    def replace_field() -> None:
        form.widgets = [{"name": "_widget_9", "label": "总体评价", "type": "radiogroup"}, COMMENT]
        for data_id in sorted(form.rows)[150:]:
            form.put(data_id, MONDAY - timedelta(hours=1), _widget_9="很满意", _widget_2="x")

    tenant.before("/data/list", 2, replace_field)
    pages = run({})
    labels = {r["name"]: r["label"] for p in pages if p.stream == "widgets" for r in p.content}
    assert labels == {"_widget_1": "满意度", "_widget_2": "建议", "_widget_9": "总体评价"}
    assert [p.stream for p in pages[2:6]] == ["widgets", "entries", "widgets", "entries"]
    assert len(ids(pages)) == 250


def test_a_field_without_a_label_is_asked_for_once(tenant: Tenant, run: Callable[..., list[Page]]) -> None:
    for data_id, row in tenant.forms["app1", "survey1"].rows.items():
        if data_id > f"{99:024x}":
            row["_widget_77"] = "?"
    assert len(ids(run({}))) == 250
    assert len(tenant.asked("/widget/list")) == 2


def test_nothing_new_gives_no_page(
    tenant: Tenant, run: Callable[..., list[Page]], monkeypatch: pytest.MonkeyPatch
) -> None:
    state: dict[str, Any] = {}
    run(state)
    monkeypatch.setenv("VOICEHOUSE_CLOCK", (MONDAY + timedelta(hours=1)).isoformat())
    assert run(state) == []


def test_a_new_field_of_a_subform_is_asked_for(tenant: Tenant, run: Callable[..., list[Page]]) -> None:
    form = tenant.forms["app1", "survey1"]
    old = {"name": "_widget_4", "label": "评分", "type": "number"}
    form.widgets.append({"name": "_widget_3", "label": "商品", "type": "subform", "items": [old]})

    def add_field() -> None:
        form.widgets[-1]["items"] = [old, {"name": "_widget_5", "label": "原因", "type": "text"}]
        form.rows[f"{200:024x}"]["_widget_3"] = [{"_id": "l1", "_widget_4": 5, "_widget_5": "好"}]

    tenant.before("/data/list", 3, add_field)
    labels = {r["name"]: r["label"] for p in run({}) if p.stream == "widgets" for r in p.content}
    assert labels["_widget_3._widget_5"] == "商品.原因"


def test_fields_of_a_subform_are_named_after_their_parent(tenant: Tenant, run: Callable[..., list[Page]]) -> None:
    form = tenant.forms["app1", "survey1"]
    item = {"name": "_widget_4", "label": "评分", "type": "number"}
    form.widgets.append({"name": "_widget_3", "label": "商品", "type": "subform", "items": [item]})
    labels = {r["name"]: r["label"] for p in run({}) if p.stream == "widgets" for r in p.content}
    assert labels["_widget_3._widget_4"] == "商品.评分"


def test_a_failed_run_is_taken_up_where_the_last_good_one_ended(
    tenant: Tenant, run: Callable[..., list[Page]], monkeypatch: pytest.MonkeyPatch
) -> None:
    state: dict[str, Any] = {}
    run(state)
    before = state["forms"]["survey1"]["watermark"]
    tenant.forms["app1", "survey1"].put("z1", MONDAY + timedelta(minutes=1), _widget_1="满意")
    monkeypatch.setenv("VOICEHOUSE_CLOCK", (MONDAY + timedelta(hours=1)).isoformat())
    tenant.fail("503", times=6)
    with pytest.raises(SourceError):
        run(state)
    assert state["forms"]["survey1"]["watermark"] == before
    monkeypatch.setenv("VOICEHOUSE_CLOCK", (MONDAY + timedelta(hours=2)).isoformat())
    assert ids(run(state)) == ["z1"]


def test_a_backfill_reads_its_window_and_moves_nothing(tenant: Tenant, run: Callable[..., list[Page]]) -> None:
    state: dict[str, Any] = {}
    run(state)
    kept = repr(state)
    tenant.forms["app1", "survey1"].put("z1", MONDAY, _widget_1="满意")
    day = Window(since=MONDAY - timedelta(days=1, minutes=10), until=MONDAY - timedelta(days=1))
    pages = run(state, day)
    assert ids(pages) == [f"{n:024x}" for n in range(1, 11)]  # minute 10 is in, minute 0 is not
    assert swept(pages) is None
    assert repr(state) == kept


def test_state_holds_times_and_counts_only(run: Callable[..., list[Page]]) -> None:
    state: dict[str, Any] = {}
    run(state)
    assert state == {
        "forms": {"survey1": {"watermark": MONDAY.isoformat(), "n_rows": 250}},
        "swept_at": MONDAY.isoformat(),
        "n_swept": {"survey": 250},
    }


def test_rows_out_of_order_stop_the_walk(tenant: Tenant, run: Callable[..., list[Page]]) -> None:
    form = tenant.forms["app1", "survey1"]
    form.rows[f"{5:024x}"]["_id"] = "zz"
    with pytest.raises(SourceError, match="ascending order"):
        run({})


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"forms": []}, "no form to read"),
        ({"forms": [{"app_id": "app1"}]}, "form 1 of .* needs"),
        ({"forms": [{"app_id": "app1", "entry_id": "survey1", "role": "poll"}]}, "a role of"),
        ({"forms": [{"app_id": "app7", "entry_id": "survey1", "role": "survey"}]}, "does not see application app7"),
        ({"forms": [{"app_id": "app1", "entry_id": "lost", "role": "survey"}]}, "no form lost"),
        ({"base_url": "http://api.example.com/api/v5"}, "https"),
    ],
)
def test_settings_that_cannot_work_are_named(
    run: Callable[..., list[Page]], options: dict[str, Any], says: str
) -> None:
    with pytest.raises(SourceError, match=says):
        run({}, **options)


def test_a_form_cannot_leave_the_list_unnoticed(
    tenant: Tenant, run: Callable[..., list[Page]], monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant.form("app1", "survey2", "回访", [SCORE]).put("s1", MONDAY, _widget_1="满意")
    state: dict[str, Any] = {}
    run(state)
    monkeypatch.setenv("VOICEHOUSE_CLOCK", (MONDAY + timedelta(days=2)).isoformat())
    kept = {"app_id": "app1", "entry_id": "survey1", "role": "survey"}
    with pytest.raises(SourceError, match="form survey2 was read before.*read = 'ids' to keep its rows"):
        run(state, forms=[kept])
    retired = {"app_id": "app1", "entry_id": "survey2", "role": "survey", "read": "ids"}
    tenant.forms["app1", "survey2"].put("s1", MONDAY + timedelta(days=1), _widget_1="改了")
    pages = run(state, forms=[kept, retired])
    assert ids(pages, "survey2") == [] and "s1" in (swept(pages) or [])
    assert len(swept(run(state, forms=[kept], forgotten_forms=["survey2"], sweep_hours=0)) or []) == 250


def test_a_missing_key_is_named(run: Callable[..., list[Page]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOURCES__JIANDAOYUN__API_KEY")
    with pytest.raises(SourceError, match="SOURCES__JIANDAOYUN__API_KEY"):
        run({})


def test_more_applications_than_a_page_are_seen(tenant: Tenant, run: Callable[..., list[Page]]) -> None:
    for n in range(120):
        tenant.form(f"a{n:03d}", "f", "空", [])
    forms = [
        {"app_id": "a119", "entry_id": "f", "role": "survey"},
        {"app_id": "app1", "entry_id": "survey1", "role": "survey"},
    ]
    assert len(ids(run({}, forms=forms))) == 250


def test_shipped_source_is_not_active_and_a_copy_of_it_can_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home.open(tmp_path / "home")
    assert "jiandaoyun" not in discover(home)
    copy = tmp_path / "sources" / "jiandaoyun"
    shutil.copytree(BUILT_IN / "jiandaoyun", copy)
    toml = (copy / "source.toml").read_text()
    (copy / "source.toml").write_text(toml.replace("active = false", "active = true"))
    monkeypatch.setenv("VOICEHOUSE_SOURCES", str(copy.parent))
    found = discover(Home.open(home.root))["jiandaoyun"]
    assert found.folder == copy
    with pytest.raises(SourceError, match="no form to read"):
        next(extractor(found)(found, {}, USUAL))


@pytest.mark.parametrize(
    ("options", "where"),
    [
        ({"sweep_hour": 1}, r"\[options\] has no setting 'sweep_hour'"),
        ({"forms": [{"app_id": "a"}, {"rolle": "case"}]}, r"\[options\] \[forms\] has no setting 'rolle'"),
    ],
)
def test_a_slip_of_the_pen_in_its_options_is_named(tmp_path: Path, options: dict[str, Any], where: str) -> None:
    source = discover(Home.open(tmp_path / "home"), active_only=False)["jiandaoyun"]
    assert extractor(source)
    with pytest.raises(ContractError, match=where):
        extractor(dataclasses.replace(source, options=options))


def test_entries_reach_the_lake_protected_and_leave_it_again(tenant: Tenant, tmp_path: Path) -> None:
    """Sealed by dlt, guarded, promoted; then an edit, an answer taken back, and an entry gone."""
    survey_id = "59264073a2a60c0c08e20bfd"  # the form that the shipped fields.csv describes
    widgets = {
        1: "您向朋友推荐我们的可能性",
        2: "总体满意度",
        3: "您的建议",
        4: "手机号",
        5: "我同意将回答用于改进服务",
    }
    form = tenant.form(
        "app1",
        survey_id,
        "满意度",
        [{"name": f"_widget_{n}", "label": label, "type": "text"} for n, label in widgets.items()],
    )
    tenant.forms.pop(("app1", "survey1"))
    person = {"_widget_4": {"phone": "13800138000"}, "_widget_5": "同意"}
    for n in range(30):
        form.put(f"{n:024x}", MONDAY - timedelta(hours=2), _widget_1=n % 11, _widget_2="满意", **person)
    form.put("f" * 24, MONDAY - timedelta(hours=1), _widget_1=9, _widget_3="请回电13800138000", **person)
    home = Home.open(tmp_path / "home")
    keyring = Keyring(home)

    def lake() -> Lake:
        return Lake(home, keyring.base64(LAKE_KEY))

    def run(at: datetime) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("VOICEHOUSE_CLOCK", at.isoformat())
            extraction = extract(home, keyring, settings(tenant), USUAL, at)
            assert extraction.failure is None
            if extraction.load_id:
                guard(home, keyring, settings(tenant), Load("jiandaoyun", extraction.load_id))
            for manifest in stage.staged(home):
                promote(home, manifest, {})

    def count(sql: str) -> list[tuple[Any, ...]]:
        con = connect(home.temp)
        lake().register(con)
        return con.execute(sql).fetchall()

    run(MONDAY)
    assert count("select count(*), count(distinct subject_key) from lake.survey_answer") == [(62, 1)]
    assert count("select text from lake.survey_answer where text is not null") == [("请回电<SELF>",)]
    loads = len(lake().commits)
    run(MONDAY + timedelta(hours=1))
    assert len(lake().commits) == loads
    form.put(f"{3:024x}", MONDAY + timedelta(hours=2), _widget_1=10, _widget_2="", **person)
    form.remove(f"{7:024x}")
    run(MONDAY + timedelta(days=2))
    # An edit leaves a tombstone for each blank question, answered before (overall) or not (suggestion).
    assert count("select reason, count(*) from lake.deletion group by 1 order by 1") == [("source", 2), ("sweep", 2)]
    assert count("select count(*) from lake.deletion d join lake.survey_answer a on a.answer_key = d.deleted_key") == [
        (3,)
    ]


def test_a_form_is_observed_until_it_was_asked_and_gave_all_it_had(
    tenant: Tenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An extraction counts also when nothing was new; not one that failed, broke off, was a backfill, or waits."""
    house = TestHouse(tmp_path)
    write_source(house.sources, "desk", {"case": "select _record, raw ->> '$.id' as case_id from rows"})
    tenant.requests_per_second = 1000  # its own clock stands still while the connector goes by the wall's
    shipped = settings(tenant)
    asked = dataclasses.replace(shipped, vendor={**shipped.vendor, "agreement": "signed"})

    def ask(hours: int, window: Window = USUAL) -> pipeline.Extraction:
        monkeypatch.setenv("VOICEHOUSE_CLOCK", (MONDAY + timedelta(hours=hours)).isoformat())
        return pipeline.extract(house.home, house.keyring, asked, window, "test")

    def load() -> None:
        pipeline.guard_source(house.home, house.keyring, asked, "test")
        pipeline.load_staged(house.home, house.keyring)

    def another_load(hours: int) -> None:
        monkeypatch.setenv("VOICEHOUSE_CLOCK", (MONDAY + timedelta(hours=hours)).isoformat())
        house.drop(f"rows_{hours}.jsonl", f'{{"id": "{hours}"}}\n')
        house.take("desk")

    def extracted_at(known_at: datetime | None = None) -> float | None:
        """Hours since Monday."""
        rows = Lake(house.home, house.keyring.base64(LAKE_KEY), known_at).source_rows()
        assert {r["source"]: r["extracted_at"] for r in rows}.get("desk") is None
        (told,) = [r["extracted_at"] for r in rows if r["source"] == "jiandaoyun"]
        monday = MONDAY.replace(tzinfo=None)
        return (datetime.fromisoformat(told) - monday) / timedelta(hours=1) if told else None

    ask(0)
    load()
    assert extracted_at() == 0
    assert ask(1).load_id is None
    before = pipeline.fingerprint(house.home)
    assert ask(2).load_id is None
    assert pipeline.fingerprint(house.home) == before  # nothing to serve anew
    assert extracted_at() == 0  # figures are as of the newest load
    another_load(2)
    assert extracted_at() == 2
    tenant.before("/data/list", len(tenant.asked("/data/list")) + 1, lambda: tenant.fail("expired"))
    assert ask(3).failure
    assert ask(4, Window(since=MONDAY - timedelta(days=2), until=MONDAY)).load_id
    load()
    assert extracted_at() == 2
    tenant.forms["app1", "survey1"].put("z" * 24, MONDAY + timedelta(hours=4), _widget_1="满意")
    assert ask(5).load_id
    another_load(5)
    assert extracted_at() == 2  # what came is not in the lake yet
    assert ask(6).load_id is None
    another_load(6)
    assert extracted_at() == 2
    load()
    assert extracted_at() == 6
    assert [extracted_at(datetime(2026, 3, 2, 9 + h)) for h in (0, 1, 2, 4, 6)] == [0, 0, 2, 2, 6]

    modelling.run(
        house.home,
        ["run", "--select", "+int_sources", "--vars", json.dumps(modelling.variables(house.home))],
        modelling.environment(house.home, house.keyring),
    )
    with pipeline.open_warehouse(house.home, house.keyring) as con:
        told = con.execute("select source, observed_until from wh.intermediate.int_sources order by source").fetchall()
    assert told == [("desk", None), ("jiandaoyun", datetime(2026, 3, 2, 15))]
