"""The report: what its first screen answers, what it admits, and that it needs nothing but itself.

Keep out: how it looks in a browser (tests/browser).
"""

import base64
import json
import re
from datetime import UTC, datetime
from html import unescape
from pathlib import Path

import duckdb
import pytest
import served_house

from orchestration.engine import load_extension
from orchestration.home import Home
from orchestration.running import summary
from orchestration.serving.publish import publish, withdraw
from orchestration.serving.report import figure, period, write_report


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    root = tmp_path_factory.mktemp("served")
    house = served_house.warehouse(root, answers=2400, cases=1600, days=240)
    load_extension(house, "httpfs")
    home = served_house.home(root)
    publish(house, home, "internal", datetime(2026, 7, 20, 1))
    return home


def texts(page: str, language: str) -> str:
    """What a reader of one language reads."""
    other = {"zh": "en", "en": "zh"}[language]
    body = re.sub(r"<(style|script)>.*?</\1>", "", page, flags=re.S)
    body = re.sub(rf'<span lang="{other}">.*?</span>', "", body, flags=re.S)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", body)))


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_first_screen_answers_the_five_questions(home: Home, language: str):
    read = texts(write_report(home).read_text(), language)
    first = read.split({"zh": "趋势", "en": "Trends"}[language])[0]
    words = {
        "zh": ("净推荐值", "满意度", "95% 区间", "显著", "SLA 达成率", "积压工单", "增长最多的三类工单", "数据截至"),
        "en": ("Net Promoter Score", "Satisfaction", "95% interval", "significant", "SLA attainment", "Open cases",
               "Case categories that grew most", "Data through"),
    }  # fmt: skip
    assert [w for w in words[language] if w not in first] == []


def test_its_figures_are_those_of_the_served_file(home: Home):
    read = texts(write_report(home).read_text(), "en")
    with duckdb.connect(str(home.serving / "kpi.duckdb"), read_only=True) as con:
        value, n = con.execute(
            "SELECT value, n_answered FROM kpi_values WHERE metric_id = 'nps' AND breakdown = '' AND n_answered >= 30 "
            "AND period_grain IN ('month', 'quarter', 'year') AND is_complete_period ORDER BY period_end DESC, period_grain LIMIT 1"
        ).fetchone()
    assert f"{figure(value, 'points')}" in read and f"n = {n:,}" in read


def test_it_asks_nothing_of_the_network(home: Home):
    page = write_report(home).read_text()
    assert "default-src 'none'" in page
    charts = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', page)
    assert len(charts) >= 6
    for picture in charts:
        drawn = base64.b64decode(picture).decode()
        assert re.findall(r"https?://(?!www\.w3\.org/)", drawn) == [] and "<script" not in drawn
    rest = re.sub(r'src="data:[^"]+"', "", page)
    assert re.findall(r"https?://|@import|<link rel=\"stylesheet\"|src=", rest) == []


def test_a_failed_run_shows_as_a_banner_that_names_the_sources(home: Home):
    history = home.folder("ops") / "runs.jsonl"
    line = {"run_id": "r", "started_at": "2026-07-20T01:00:00+00:00", "ended_at": "2026-07-20T01:05:00+00:00"}
    history.write_text(json.dumps({**line, "status": "failed", "failed_sources": ["helpdesk"]}) + "\n")
    assert "The last run failed (2026-07-20 01:05 UTC) , sources: helpdesk" in texts(
        write_report(home).read_text(), "en"
    )
    with history.open("a") as handle:
        handle.write(json.dumps({**line, "status": "succeeded", "failed_sources": []}) + "\n")
    assert "The last run failed" not in texts(write_report(home).read_text(), "en")


def test_the_newest_run_that_did_something_decides_about_the_banner(home: Home):
    history = home.folder("ops") / "runs.jsonl"
    line = {"run_id": "r", "started_at": "2026-07-20T01:00:00+00:00", "ended_at": "2026-07-20T01:05:00+00:00"}
    shown = {}
    for statuses in (
        ("failed", "succeeded"), ("failed", "nothing_new"), ("failed", "succeeded", "nothing_new"),
        ("nothing_new",), ("succeeded", "failed"), ("failed", "interrupted"), ("succeeded", "interrupted"),
    ):  # fmt: skip
        history.write_text("".join(json.dumps({**line, "status": s, "failed_sources": []}) + "\n" for s in statuses))
        shown[statuses] = "The last run failed" in texts(write_report(home).read_text(), "en")
    history.unlink()
    assert [statuses for statuses, failed in shown.items() if failed] == [
        ("failed", "nothing_new"),
        ("succeeded", "failed"),
        ("failed", "interrupted"),
    ]


def changed(home: Home, root: Path, *statements: str) -> Home:
    """Another home that serves the same file after some statements."""
    other = Home.open(root / "home")
    path = other.serving / "kpi.duckdb"
    path.write_bytes((home.serving / "kpi.duckdb").read_bytes())
    with duckdb.connect(str(path)) as con:
        for statement in statements:
            con.execute(statement)
    return other


FLAG = (
    "INSERT INTO kpi_metrics SELECT * REPLACE ('source_flag' AS variant, false AS is_headline, "
    "'SLA by flag' AS name_en) FROM kpi_metrics WHERE metric_id = 'sla_attainment'",
    "INSERT INTO kpi_values SELECT * REPLACE ('source_flag' AS variant, false AS is_headline) "
    "FROM kpi_values WHERE metric_id = 'sla_attainment'",
    "UPDATE kpi_values SET n_answered = 1, value = 0 WHERE metric_id = 'sla_attainment' AND variant = 'house'",
)


def test_another_variant_stands_in_and_is_named_where_the_headline_rests_on_one_answer(home: Home, tmp_path: Path):
    first = texts(write_report(changed(home, tmp_path, *FLAG)).read_text(), "en").split("Trends")[0]
    assert "SLA by flag ·" in first and "SLA attainment ·" not in first and "n = 1 " not in first
    both = (*FLAG[:2], "UPDATE kpi_values SET n_answered = 400 WHERE metric_id = 'sla_attainment'")
    first = texts(write_report(changed(home, tmp_path, *both)).read_text(), "en").split("Trends")[0]
    assert "SLA attainment ·" in first and "SLA by flag ·" not in first


def test_the_registry_says_how_many_answers_are_enough(home: Home, tmp_path: Path):
    few = "UPDATE kpi_values SET n_answered = 21 + CAST(period_grain = 'all' AS INT) WHERE metric_id = 'nps'"
    with_least = ("ALTER TABLE kpi_metrics ADD COLUMN min_n BIGINT", "UPDATE kpi_metrics SET min_n = 20", few)
    first = texts(write_report(changed(home, tmp_path, few)).read_text(), "en").split("Trends")[0]
    assert "Too few answers (n = 22)" in first
    first = texts(write_report(changed(home, tmp_path, *with_least)).read_text(), "en").split("Trends")[0]
    assert "Too few answers" not in first and "n = 21" in first


def test_a_newest_period_with_too_few_answers_is_passed_over(home: Home, tmp_path: Path):
    other = changed(
        home, tmp_path, "UPDATE kpi_values SET n_answered = 3, value = 99 WHERE metric_id = 'nps' AND period_grain IN "
        "('month', 'quarter', 'year') AND period_end > DATE '2025-07-01'",
    )  # fmt: skip
    first = texts(write_report(other).read_text(), "en").split("Trends")[0]
    assert "Net Promoter Score · 2025-06" in first and "+99.0" not in first


def test_data_reach_as_far_as_the_source_that_is_least_ahead(home: Home, tmp_path: Path):
    assert "Data through 2026-07-19 15:59 UTC" in texts(write_report(home).read_text(), "en")
    other = changed(
        home, tmp_path,
        "UPDATE kpi_values SET data_through = TIMESTAMP '2025-01-02 03:04:00' WHERE source = 'forms'",
        "UPDATE kpi_values SET data_through = TIMESTAMP '2025-01-02 03:04:00' WHERE breakdown = '' AND metric_id = 'nps'",
    )  # fmt: skip
    read = texts(write_report(other).read_text(), "en")
    assert "Data through varies by source: from 2025-01-02 03:04 to 2026-07-19 15:59 UTC" in read
    nps = read[read.index("Net Promoter Score ·") :]
    assert "From desk, forms · data through 2025-01-02" in nps[: nps.index("Satisfaction")]
    assert "数据截至 （因来源而异） 2025-01-02 03:04 至 2026-07-19 15:59" in texts(
        write_report(other).read_text(), "zh"
    )


CHANGES = {
    "is_significant = true, difference_ci_low = 1, difference_ci_high = 9":
        "+5.0 on the period before: significant 95% interval of the change +1.0 … +9.0",
    "is_significant = true, difference_ci_low = 1, difference_ci_high = NULL":
        "+5.0 on the period before: significant 95% interval of the change, open above, from +1.0",
    "is_significant = false, difference_ci_low = NULL, difference_ci_high = 9":
        "+5.0 on the period before: not significant 95% interval of the change, open below, up to +9.0",
    "is_significant = NULL, difference_ci_low = NULL, difference_ci_high = NULL":
        "+5.0 on the period before (too little data for an interval)",
    "is_significant = NULL, difference_ci_low = NULL, difference_ci_high = NULL, ci_low = NULL, ci_high = NULL":
        "+5.0 on the period before (this figure has no interval)",
}  # fmt: skip


@pytest.mark.parametrize("compared", CHANGES)
def test_a_change_is_told_with_its_interval_or_why_there_is_none(home: Home, tmp_path: Path, compared: str):
    now = f"UPDATE kpi_values SET difference = 5, {compared} WHERE metric_id = 'nps' AND breakdown = ''"
    first = texts(write_report(changed(home, tmp_path, now)).read_text(), "en").split("Trends")[0]
    assert CHANGES[compared] in first[: first.index("Satisfaction")]


@pytest.mark.parametrize(("language", "said"), [("zh", "全数统计"), ("en", "a full count, not a sample")])
def test_a_full_count_says_that_it_has_no_interval(home: Home, tmp_path: Path, language: str, said: str):
    now = "UPDATE kpi_values SET difference = 5, is_significant = NULL WHERE metric_id = 'backlog'"
    first = texts(write_report(changed(home, tmp_path, now)).read_text(), language)
    backlog = first[first.index({"zh": "积压工单", "en": "Open cases"}[language]) :][:120]
    assert said in backlog


def test_the_change_of_a_median_stands_beside_it(home: Home, tmp_path: Path):
    now = (
        "UPDATE kpi_values SET difference = -30, is_significant = true, difference_ci_low = NULL, difference_ci_high = -6 "
        "WHERE metric_id = 'first_reply_minutes' AND variant = 'km_p50_calendar'"
    )
    times = texts(write_report(changed(home, tmp_path, now)).read_text(), "en").split("Response and resolution times")[
        1
    ]
    assert "−30 min on the period before: significant 95% interval of the change, open below, up to −6 min" in times


def test_growth_says_whether_it_is_more_than_chance(home: Home, tmp_path: Path):
    counts = "UPDATE kpi_values SET n_eligible = CASE WHEN category = 'delivery' THEN {} ELSE 50 END {}"
    where = "WHERE metric_id = 'resolution_hours' AND breakdown = 'category' AND period_start = DATE '{}'"
    before = counts.format(50, where.format("2025-08-01"))
    said = {}
    for n in (60, 110):
        now = counts.format(n, where.format("2025-09-01"))
        first = texts(write_report(changed(home, tmp_path, before, now)).read_text(), "en").split("Trends")[0]
        said[n] = first[first.index("delivery") :][:45]
    assert "not significant" in said[60]
    assert "+60" in said[110] and "not significant" not in said[110] and "significant" in said[110]


def test_the_three_categories_that_grew_most_are_told_in_their_order(home: Home, tmp_path: Path):
    grown = {"delivery": 9, "returns": 70, "billing": 30, "product": 40, "account": -5}
    where = "metric_id = 'resolution_hours' AND breakdown = 'category' AND period_start = DATE"
    changes = [
        f"UPDATE kpi_values SET n_eligible = {50 + by} WHERE {where} '{month}' AND category = '{category}'"
        for category, change in grown.items()
        for month, by in (("2025-07-01", 0), ("2025-08-01", change))
    ]
    newest = "DELETE FROM kpi_values WHERE breakdown = 'category' AND period_start > DATE '2025-08-01'"
    page = write_report(changed(home, tmp_path, newest, *changes)).read_text()
    shown = re.findall(r"<strong>\+(\d+)</strong> <span class=\"muted\">\((\d+) → (\d+)\)", page)
    assert shown == [("70", "50", "120"), ("40", "50", "90"), ("30", "50", "80")]
    first = texts(page, "en").split("Trends")[0]
    list_of_three = first[first.index("Case categories that grew most") :]
    assert list_of_three.index("returns") < list_of_three.index("product") < list_of_three.index("billing")
    assert "too small to compare" not in list_of_three


def test_codes_and_states_are_said_in_words(home: Home, tmp_path: Path):
    other = changed(
        home, tmp_path, "DELETE FROM dim_channels WHERE channel = 'web'",
        "UPDATE kpi_values SET channel = 'kiosk_north' WHERE channel = 'web'",
        "INSERT INTO privacy_checks VALUES ('C2', '目的', 'Purpose', 'event', 'not_proved', NULL, 'none', 0, 0)",
    )  # fmt: skip
    page = write_report(other).read_text()
    english, chinese = texts(page, "en"), texts(page, "zh")
    assert "kiosk north" in english and "kiosk north" in chinese and "微信" in chinese
    assert "not proved yet never" in english and "尚未证明 从未" in chinese and "Evidence: gate counts" in english
    assert "cells hidden; of what persons said or did, derivable from the rest: 0" in english
    assert "cells hidden" not in chinese and re.search(
        r"证据：隐藏 \d+ 个单元；关于个人所言所行而可由其余推算者：0；", chinese
    )
    assert "cannot be computed from the others" not in english and "may follow by subtraction" in english


def test_a_failed_check_says_in_the_terminal_what_it_found(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    failed = "INSERT INTO privacy_checks VALUES ('C13', '保留', 'Retention', 'run', 'failed', now(), 'sources in the record of processing; what it lacks', 9, 2)"
    other = changed(home, tmp_path, failed)
    summary(other, print)
    assert "C13: Retention: sources in the record" in capsys.readouterr().out
    monkeypatch.setenv("VOICEHOUSE_LANG", "zh")
    summary(other, print)
    told = capsys.readouterr().out
    assert "C13: 保留: " in told and "sources in" not in told


def test_the_terminal_says_headlines_and_states_of_checks_in_the_readers_words(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    other = changed(
        home, tmp_path, "DELETE FROM kpi_values WHERE metric_id = 'csat'",
        "UPDATE kpi_values SET value = NULL, suppressed_reason = 'small_cell' WHERE metric_id = 'nps'",
        "INSERT INTO privacy_checks VALUES ('C13', 'x', 'x', 'run', 'failed', now(), 'x', 9, 2), "
        "('C11', 'x', 'x', 'event', 'not_proved', NULL, 'none', 0, 0)",
    )  # fmt: skip
    summary(other, print)
    english = capsys.readouterr().out
    assert re.search("CSAT +not measurable here", english) and re.search("not proved +C11", english)
    assert "suppressed (too few persons)" in english
    monkeypatch.setenv("VOICEHOUSE_LANG", "zh")
    summary(other, print)
    told = capsys.readouterr().out
    assert (
        re.search("满意度 +此处无法度量", told) and re.search("尚未证明 +C11", told) and re.search("未通过 +C13", told)
    )
    assert "已隐藏（人数不足）" in told
    assert not re.search("CSAT|Median|Retention|passed|failed|proved|small_cell", told)


def test_an_old_publication_says_so(home: Home, monkeypatch: pytest.MonkeyPatch):
    assert 'id="stale" role="status" hidden' in write_report(home).read_text()
    monkeypatch.setenv("VOICEHOUSE_CLOCK", datetime(2999, 1, 1, tzinfo=UTC).isoformat())
    assert 'id="stale" role="status">' in write_report(home).read_text()


def test_hidden_and_unmeasurable_are_told_apart(home: Home, tmp_path: Path):
    other = Home.open(tmp_path / "home")
    path = other.serving / "kpi.duckdb"
    path.write_bytes((home.serving / "kpi.duckdb").read_bytes())
    with duckdb.connect(str(path)) as con:
        con.execute("UPDATE kpi_values SET value = NULL, suppressed_reason = 'small_cell' WHERE metric_id = 'nps'")
        con.execute("UPDATE kpi_values SET value = NULL, suppressed_reason = NULL WHERE metric_id = 'csat'")
    read = texts(write_report(other).read_text(), "en")
    assert "Not shown, to protect privacy" in read and "Not measurable" in read


def test_a_home_with_little_says_what_is_not_there(home: Home, tmp_path: Path):
    other = Home.open(tmp_path / "home")
    path = other.serving / "kpi.duckdb"
    path.write_bytes((home.serving / "kpi.duckdb").read_bytes())
    with duckdb.connect(str(path)) as con:
        con.execute("DELETE FROM kpi_values WHERE metric_id <> 'rating_mean' OR period_grain <> 'all'")
        for table in ("privacy_checks", "load_ledger", "kpi_data_quality", "dim_channels"):
            con.execute(f"DROP TABLE {table}")
    read = texts(write_report(other).read_text(), "en")
    assert "Mean rating · all time" in read
    for said in ("No cases, or no SLA policy", "No case categories to compare", "The ledger is empty"):
        assert said in read


def test_names_from_data_are_text_and_not_markup(home: Home, tmp_path: Path):
    other = Home.open(tmp_path / "home")
    path = other.serving / "kpi.duckdb"
    path.write_bytes((home.serving / "kpi.duckdb").read_bytes())
    with duckdb.connect(str(path)) as con:
        con.execute("UPDATE dim_channels SET name_en = '<script>alert(1)</script>'")
    page = write_report(other).read_text()
    assert "&lt;script&gt;alert(1)" in page and "<script>alert(1)" not in page


def test_without_a_served_file_it_says_whether_it_was_withdrawn(tmp_path: Path):
    home = Home.open(tmp_path / "home")
    assert "Nothing is published yet" in texts(write_report(home).read_text(), "en")
    withdraw(home, "privacy check C5 failed")
    read = texts(write_report(home).read_text(), "en")
    assert "has been withdrawn" in read and "privacy check C5 failed" in read


@pytest.mark.parametrize(
    ("value", "unit", "signed", "text"),
    [
        (42.04, "points", False, "+42.0"), (-9.6, "points", False, "−9.6"), (85.05, "percent", False, "85.0%"),
        (-1.2, "percent", True, "−1.2 pp"), (0.5, "minutes", False, "30 s"), (200, "minutes", False, "3.3 h"),
        (72, "hours", False, "3.0 d"), (-0.5, "hours", True, "−30 min"), (1234, "count", False, "1,234"),
        (None, "percent", False, "–"), (0, "percent", False, "0.0%"),
    ],
)  # fmt: skip
def test_figures_read_as_a_person_writes_them(value: float | None, unit: str, signed: bool, text: str):
    assert figure(value, unit, signed) == text


def test_periods_read_the_same_in_every_language():
    start = datetime(2026, 4, 1).date()
    assert [period(start, g) for g in ("month", "quarter", "year")] == ["2026-04", "2026-Q2", "2026"]
    assert period(None, "all") == ""
