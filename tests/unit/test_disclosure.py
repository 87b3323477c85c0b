"""The rules of disclosure, one by one, on tables small enough to check by hand.

Keep out: random tables (tests/properties).
"""

from datetime import date
from typing import Any

import duckdb
import pytest

from orchestration.errors import VoicehouseError
from orchestration.privacy.disclosure import (
    DIMENSIONS,
    KEPT,
    PROFILES,
    Profile,
    choose_profile,
    derivable,
    disclose,
    hide,
)

INTERNAL, EXTERNAL, OPEN = PROFILES["internal"], PROFILES["external"], PROFILES["open_data"]
COLUMNS = {
    **dict.fromkeys(("metric_id", "variant", "period_grain"), "VARCHAR"),
    "period_start": "DATE",
    "breakdown": "VARCHAR",
    **dict.fromkeys(DIMENSIONS, "VARCHAR"),
    "cohort_age_months": "BIGINT",
    "currency": "VARCHAR",
    **dict.fromkeys(("n_eligible", "n_answered", "n_excluded_consent", "n_subjects"), "BIGINT"),
    **dict.fromkeys(
        ("numerator", "denominator", "value", "ci_low", "ci_high", "previous_value", "difference"), "DOUBLE"
    ),
    "suppressed_reason": "VARCHAR",
    "load_id": "VARCHAR",
    "metric_version": "BIGINT",
}
REGISTRY = [
    ("csat", "top2", "subject", "percent", "answered"),
    ("csat", "mean_pct", "subject", "percent", "answered"),
    ("csat", "weighted_top2", "subject", "percent", "answered"),
    ("nps", "per_response", "subject", "points", "answered"),
    ("nps", "weighted", "subject", "points", "answered"),
    ("sla_attainment", "house", "operational", "percent", "due"),
]


def cell(
    n: int, numerator: float | None = None, grain: str = "all", start: date | None = None, **given: Any
) -> dict[str, Any]:
    """One exact cell of `n` answers by as many persons, six in ten of them satisfied."""
    yes = round(n * 0.6) if numerator is None else numerator
    breakdown = ",".join(d for d in DIMENSIONS if d in given)
    value = 100 * yes / n if n else None
    row = {"metric_id": "csat", "variant": "top2", "period_grain": grain, "period_start": start, "breakdown": breakdown}
    figures = {
        "n_answered": n, "n_subjects": n, "numerator": yes, "denominator": n, "value": value,
        "ci_low": value and value - 5, "ci_high": value and value + 5, "load_id": "l1", "metric_version": 1,
    }  # fmt: skip
    return {**dict.fromkeys(COLUMNS), **row, **figures, **given}


def _nps(promoters: int, passives: int, detractors: int, **given: Any) -> dict[str, Any]:
    n, score = promoters + passives + detractors, promoters - detractors
    value = 100 * score / n
    return cell(n, score, metric_id="nps", value=value, ci_low=value - 5, ci_high=value + 5, **given)


def published(rows: list[dict[str, Any]], profile: Profile = INTERNAL, **options: Any) -> list[dict[str, Any]]:
    return _rows(_disclosed(rows, profile, **options), "published")


def reasons(rows: list[dict[str, Any]], name: str) -> dict[Any, Any]:
    return {r[name]: r["suppressed_reason"] for r in rows if r[name] is not None}


def _disclosed(rows: list[dict[str, Any]], profile: Profile, **options: Any) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    con.execute(f"CREATE TABLE exact ({', '.join(f'{c} {t}' for c, t in COLUMNS.items())})")
    con.executemany(
        f"INSERT INTO exact VALUES ({', '.join('?' for _ in COLUMNS)})", [[r[c] for c in COLUMNS] for r in rows]
    )
    con.execute(
        "CREATE TABLE registry (metric_id VARCHAR, variant VARCHAR, disclosure VARCHAR, unit VARCHAR, "
        "period_anchor VARCHAR, version BIGINT DEFAULT 1)"
    )
    con.executemany("INSERT INTO registry VALUES (?, ?, ?, ?, ?, DEFAULT)", REGISTRY)
    disclose(con, "exact", "registry", profile, "published", **options)
    return con


def _rows(con: duckdb.DuckDBPyConnection, relation: str) -> list[dict[str, Any]]:
    result = con.execute(f"SELECT * FROM {relation} ORDER BY ALL")
    names = [d[0] for d in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


STORES = [cell(100), cell(5, store="north"), cell(25, store="east"), cell(30, store="south"), cell(40, store="west")]


def test_a_cell_of_fewer_persons_than_the_threshold_is_hidden():
    assert reasons(published(STORES), "store")["north"] == "small_cell"
    assert reasons(published([cell(100), cell(9, grain="all", store="a"), *STORES[2:]]), "store")["a"] == "small_cell"


def test_answers_do_not_stand_in_for_persons():
    rows = published([cell(200), cell(60, store="a", n_subjects=4), cell(70, store="b"), cell(70, store="c")])
    assert reasons(rows, "store")["a"] == "small_cell"


def test_a_total_less_its_published_parts_does_not_give_the_hidden_one():
    found = reasons(published(STORES), "store")
    assert found == {"north": "small_cell", "east": "complement", "south": None, "west": None}


def test_a_rest_that_is_not_in_any_part_is_not_left_below_the_threshold():
    rows = published([cell(100), cell(27, store="a"), cell(30, store="b"), cell(40, store="c")])  # 3 without
    assert reasons(rows, "store") == {"a": "complement", "b": "complement", "c": None}


def test_months_of_a_quarter_are_parts_too():
    quarter = cell(60, grain="quarter", start=date(2026, 1, 1))
    months = [cell(n, grain="month", start=date(2026, m, 1)) for m, n in ((1, 6), (2, 24), (3, 30))]
    found = {
        r["period_start"].month: r["suppressed_reason"]
        for r in published([quarter, *months])
        if r["period_grain"] == "month"
    }
    assert found == {1: "small_cell", 2: "complement", 3: None}


def test_a_total_with_one_part_shares_its_fate():
    rows = published([cell(17), cell(12, store="a", channel="web"), cell(12, channel="web"), cell(5, channel="sms")])
    web = {r["breakdown"]: r["suppressed_reason"] for r in rows if r["channel"] == "web"}
    assert set(web.values()) == {"complement"}


def test_all_having_said_the_same_is_hidden_whatever_the_size():
    rows = published([cell(300), cell(80, 80, store="a"), cell(100, 0, store="b"), cell(120, store="c")])
    assert reasons(rows, "store") == {"a": "homogeneous", "b": "homogeneous", "c": None}


def test_what_is_left_of_a_total_is_not_homogeneous_either():
    rows = published(
        [
            cell(300, 120),
            cell(9, 0, store="a"),
            cell(60, 0, store="b"),
            cell(111, 50, store="c"),
            cell(120, 70, store="d"),
        ]
    )
    assert reasons(rows, "store") == {"a": "small_cell", "b": "homogeneous", "c": "complement", "d": None}


def test_the_parts_of_a_wide_mart_tell_homogeneous_cells_too():
    con = _disclosed([cell(100), *(cell(n, n / 2, store=s) for s, n in (("a", 40), ("b", 30), ("c", 30)))], OPEN)
    con.execute(
        "CREATE TABLE wide AS SELECT *, CASE store WHEN 'a' THEN 40 ELSE n_answered - 3 END AS n_passives, "
        "CASE store WHEN 'a' THEN 0 ELSE 3 END::BIGINT AS n_promoters FROM exact"
    )
    disclose(con, "exact", "registry", INTERNAL, "published", parts=["wide"])
    assert reasons(_rows(con, "published"), "store")["a"] == "homogeneous"


@pytest.mark.parametrize("profile", [INTERNAL, EXTERNAL])
@pytest.mark.parametrize("variant, each", [("per_response", "n_"), ("weighted", "w_")])
def test_a_rest_of_passives_is_all_of_one_answer_although_it_is_not_at_the_end_of_the_scale(profile, variant, each):
    """100 points are promoters alone, nought is passives alone or as many promoters as detractors."""
    groups = {None: (10, 24, 8), "a": (10, 12, 8), "b": (0, 6, 0), "c": (0, 6, 0)}
    con = _disclosed([_nps(*of, **({"store": s} if s else {}), variant=variant) for s, of in groups.items()], OPEN)
    con.execute(
        f"CREATE TABLE told (s VARCHAR, {each}promoters BIGINT, {each}passives BIGINT, {each}detractors BIGINT)"
    )
    con.executemany("INSERT INTO told VALUES (?, ?, ?, ?)", [[s, *of] for s, of in groups.items()])
    con.execute(
        "CREATE TABLE wide AS SELECT e.*, t.* EXCLUDE (s) FROM exact e JOIN told t ON t.s IS NOT DISTINCT FROM e.store"
    )
    disclose(con, "exact", "registry", profile, "published", parts=["wide"])
    assert reasons(_rows(con, "published"), "store") == {"a": "complement", "b": "small_cell", "c": "small_cell"}
    hide_few = (
        "CREATE OR REPLACE TABLE published AS SELECT * REPLACE (CASE WHEN store IN ('b', 'c') THEN 'small_cell' END "
    )
    con.execute(f"{hide_few} AS suppressed_reason) FROM exact")
    assert {r["store"] for r in derivable(con, "published", "registry", profile, ["wide"])} == {"b", "c"}


def test_what_two_counts_of_three_leave_over_is_an_answer_too():
    """Easy and hard are told; neither is the third."""
    groups = {None: (20, 20), "a": (20, 20), "b": (0, 0), "c": (0, 0)}
    sizes = {None: 52, "a": 40, "b": 6, "c": 6}
    con = _disclosed([cell(n, n * 0.5, **({"store": s} if s else {})) for s, n in sizes.items()], OPEN)
    con.execute("CREATE TABLE told (s VARCHAR, n_easy BIGINT, n_hard BIGINT)")
    con.executemany("INSERT INTO told VALUES (?, ?, ?)", [[s, *of] for s, of in groups.items()])
    con.execute(
        "CREATE TABLE wide AS SELECT e.*, t.* EXCLUDE (s) FROM exact e JOIN told t ON t.s IS NOT DISTINCT FROM e.store"
    )
    disclose(con, "exact", "registry", INTERNAL, "published", parts=["wide"])
    assert reasons(_rows(con, "published"), "store")["a"] == "complement"


def test_counts_that_do_not_split_the_answers_say_nothing_about_them():
    con = _disclosed([cell(100), *(cell(n, n / 2, store=s) for s, n in (("a", 40), ("b", 30), ("c", 30)))], OPEN)
    con.execute("CREATE TABLE wide AS SELECT *, n_answered AS n_completed, n_answered + 9 AS n_delivered FROM exact")
    assert disclose(con, "exact", "registry", INTERNAL, "published", parts=["wide"]).hidden == {}


def test_a_hidden_row_shows_nothing_but_its_place():
    for row in published(STORES):
        if row["suppressed_reason"]:
            shown = {c for c, v in row.items() if v is not None} - KEPT
            assert not shown


def test_nobody_in_a_cell_is_a_fact_about_nobody():
    rows = published([cell(100), cell(0, store="empty"), cell(40, store="a"), cell(60, store="b")])
    assert reasons(rows, "store") == {"empty": None, "a": None, "b": None}


def test_the_period_after_a_hidden_one_does_not_tell_its_value():
    january = cell(6, grain="month", start=date(2026, 1, 1))
    february = cell(40, grain="month", start=date(2026, 2, 1), previous_value=66.0, difference=-6.0)
    march = cell(40, grain="month", start=date(2026, 3, 1), previous_value=60.0, difference=0.0)
    shown = {
        r["period_start"].month: (r["value"], r["previous_value"], r["difference"])
        for r in published([january, february, march])
    }
    assert shown == {1: (None, None, None), 2: (60.0, None, None), 3: (60.0, 60.0, 0.0)}


def test_variants_of_one_population_are_hidden_together():
    rows = published(STORES + [{**r, "variant": "mean_pct", "numerator": 40.0 * r["n_answered"] / 100} for r in STORES])
    hidden = {(r["variant"], r["store"]) for r in rows if r["suppressed_reason"]}
    assert hidden == {(v, s) for v in ("top2", "mean_pct") for s in ("north", "east")}


def test_few_persons_with_a_survey_weight_hide_what_counts_by_weight_and_nothing_else():
    """Ten weighted answers of four persons are four persons; the forty who answered are not hidden with them."""
    large = [cell(90, store="east"), cell(95, store="south")]
    weighed = [{**r, "variant": "weighted_top2"} for r in (cell(10, n_subjects=4, store="north"), *large)]
    rows = published([cell(40, store="north"), *large, *weighed])
    hidden = {(r["variant"], r["store"]): r["suppressed_reason"] for r in rows if r["suppressed_reason"]}
    assert hidden == {("weighted_top2", "north"): "small_cell"}


def test_operational_metrics_obey_the_threshold_inside_and_all_rules_outside():
    rows = [{**r, "metric_id": "sla_attainment", "variant": "house"} for r in STORES]
    assert reasons(published(rows), "store") == {"north": "small_cell", "east": None, "south": None, "west": None}
    assert reasons(published(rows, EXTERNAL), "store")["east"] == "complement"


def test_a_team_of_few_agents_is_hidden():
    rows = [
        {**cell(n, team=t), "metric_id": "sla_attainment", "variant": "house"}
        for t, n in (("night", 400), ("day", 500))
    ]
    assert reasons(published(rows, small_teams=["night"]), "team") == {"night": "small_team", "day": None}


def test_a_table_of_mostly_small_days_is_hidden_whole_and_its_weeks_with_it():
    days = [cell(n, grain="day", start=date(2026, 1, d)) for d, n in ((5, 4), (6, 20), (7, 33), (12, 60))]
    weeks = [cell(n, grain="week", start=date(2026, 1, d)) for d, n in ((5, 57), (12, 60))]
    months = [cell(117, grain="month", start=date(2026, 1, 1))]
    shown = {r["period_grain"] for r in published([*days, *weeks, *months]) if not r["suppressed_reason"]}
    assert shown == {"month"}


def test_small_counts_of_missing_consent_are_not_shown():
    rows = published([cell(100, n_excluded_consent=3), cell(100, store="a", n_excluded_consent=30)])
    assert {r["store"]: r["n_excluded_consent"] for r in rows} == {None: None, "a": 30}


def test_wide_marts_are_hidden_by_the_same_cells():
    con = _disclosed(STORES, INTERNAL)
    con.execute("CREATE TABLE wide AS SELECT * EXCLUDE (suppressed_reason), 3 AS n_promoters FROM exact")
    assert hide(con, "wide", "wide_published", INTERNAL) == 2
    rows = {r["store"]: (r["n_promoters"], r["value"], r["suppressed_reason"]) for r in _rows(con, "wide_published")}
    assert rows["north"] == (None, None, "small_cell") and rows["east"] == (None, None, "complement")
    assert rows["west"] == (3, 60.0, None)


def test_parts_that_explain_a_stock_are_hidden_whole_where_one_is_small_or_the_stock_before_is_hidden():
    months = [date(2026, month, 1) for month in range(1, 6)]
    stocks = zip(months, (100, 4, 100, 100, 100), strict=True)
    con = _disclosed([cell(n, grain="month", start=start) for start, n in stocks], INTERNAL)
    con.execute(
        """
        CREATE TABLE wide AS SELECT * EXCLUDE (suppressed_reason), 40 AS n_received,
            CASE month(period_start) WHEN 4 THEN 3 ELSE 40 END AS n_resolved, 2 AS n_open_over_90_days FROM exact
        """
    )
    hide(con, "wide", "wide_published", INTERNAL)
    rows = {r["period_start"].month: r for r in _rows(con, "wide_published")}
    shown = {m: (r["value"], r["n_received"], r["n_resolved"], r["n_open_over_90_days"]) for m, r in rows.items()}
    assert shown == {
        1: (60.0, 40, 40, 2),
        2: (None, None, None, None),
        3: (60.0, None, None, 2),
        4: (60.0, None, None, 2),
        5: (60.0, 40, 40, 2),
    }
    hide(con, "wide", "open_published", OPEN)
    assert {r["n_resolved"] for r in _rows(con, "open_published") if r["period_start"].month == 4} == {3}


def test_movements_come_back_by_subtraction_inside_the_company_and_are_shown_to_nobody_outside():
    stocks = [cell(400), cell(200, store="a"), cell(110, store="b"), cell(90, store="c")]
    con = _disclosed(stocks, EXTERNAL)
    con.execute(
        """
        CREATE TABLE wide AS SELECT * EXCLUDE (suppressed_reason),
            CASE store WHEN 'a' THEN 60 WHEN 'b' THEN 37 WHEN 'c' THEN 3 ELSE 100 END AS n_received FROM exact
        """
    )
    moved = {}
    for profile in (INTERNAL, EXTERNAL):
        assert hide(con, "wide", "wide_published", profile) == 0  # every stock is shown
        moved[profile.name] = {r["store"]: r["n_received"] for r in _rows(con, "wide_published")}
    inside = moved["internal"]
    assert inside["c"] is None and inside[None] - inside["a"] - inside["b"] == 3  # the control: hidden row by row
    assert set(moved["external"].values()) == {None}


def test_open_data_hides_nothing_and_is_refused_when_a_source_is_not_public():
    assert not any(r["suppressed_reason"] for r in published(STORES, OPEN))
    assert choose_profile("open_data", {"sfo": True, "uci": True}) is OPEN
    with pytest.raises(VoicehouseError, match="crm"):
        choose_profile("open_data", {"sfo": True, "crm": False})
    with pytest.raises(VoicehouseError, match="no publication profile"):
        choose_profile("everything", {})


def test_a_metric_without_a_class_is_not_published():
    with pytest.raises(VoicehouseError, match="fcr/per_response"):
        published([{**cell(100), "metric_id": "fcr", "variant": "per_response"}])


def test_a_row_obeys_the_version_of_its_metric_that_it_was_computed_by():
    satisfied_all = [cell(40, 40, metric_id="sla_attainment", variant="house", metric_version=v) for v in (1, 2)]
    second = [("sla_attainment", "house", "subject", "percent", "due", 2)]
    found = {}
    for row in satisfied_all:
        con = duckdb.connect()
        con.execute(f"CREATE TABLE exact ({', '.join(f'{c} {t}' for c, t in COLUMNS.items())})")
        con.execute(f"INSERT INTO exact VALUES ({', '.join('?' for _ in COLUMNS)})", [row[c] for c in COLUMNS])
        con.execute(
            "CREATE TABLE registry (metric_id VARCHAR, variant VARCHAR, disclosure VARCHAR, unit VARCHAR, "
            "period_anchor VARCHAR, version BIGINT)"
        )
        con.executemany("INSERT INTO registry VALUES (?, ?, ?, ?, ?, ?)", [*((*r, 1) for r in REGISTRY), *second])
        disclose(con, "exact", "registry", INTERNAL, "published")
        found[row["metric_version"]] = [r["suppressed_reason"] for r in _rows(con, "published")]
    assert found == {1: [None], 2: ["homogeneous"]}


def test_the_audit_finds_what_a_naive_suppression_leaves_open():
    con = _disclosed(STORES, OPEN)
    figures = "n_answered = NULL, n_subjects = NULL, numerator = NULL, denominator = NULL, value = NULL"
    con.execute(f"UPDATE published SET suppressed_reason = 'small_cell', {figures} WHERE store = 'north'")
    assert [f["store"] for f in derivable(con, "published", "registry", INTERNAL)] == ["north"]
    assert derivable(_disclosed(STORES, INTERNAL), "published", "registry", INTERNAL) == []


def test_the_audit_finds_a_cell_that_takes_two_equations():
    """Both rows and both columns of a crossed table hide two cells, but one chain of them ends in a single one."""
    table = {("a", "x"): 20, ("a", "y"): 30, ("b", "x"): 25, ("b", "y"): 35, ("c", "x"): 40, ("c", "y"): 45}
    rows = [cell(sum(table.values()))]
    rows += [cell(sum(n for (s, _), n in table.items() if s == k), store=k) for k in "abc"]
    rows += [cell(sum(n for (_, c), n in table.items() if c == k), channel=k) for k in "xy"]
    rows += [cell(n, store=s, channel=c) for (s, c), n in table.items()]
    con = _disclosed(rows, OPEN)
    gone = "suppressed_reason = 'small_cell', n_answered = NULL, n_subjects = NULL, value = NULL"
    con.execute(
        f"UPDATE published SET {gone} WHERE (store IN ('a', 'b') AND channel = 'x') OR (store = 'a' AND channel = 'y')"
    )
    found = {(f["store"], f["channel"]) for f in derivable(con, "published", "registry", INTERNAL)}
    assert found == {("a", "x"), ("a", "y"), ("b", "x")}


def test_twelve_answers_in_twelve_hidden_rows_are_one_each_and_are_not_given_away():
    """What is left of the total is 12, enough; but each hidden row tells that somebody is in it."""
    rows = [cell(142), *(cell(1, store=f"s{i}") for i in range(12)), cell(60, store="east"), cell(70, store="west")]
    found = reasons(published(rows), "store")
    assert found["east"] == "complement" and {found[f"s{i}"] for i in range(12)} == {"small_cell"}


def test_a_complement_of_exactly_the_threshold_is_not_told_by_its_reason():
    """A rest of 11 in one small cell and one hidden as complement, which has 10 or more: the small one would be 1."""
    rows = [cell(91), cell(1, store="a"), cell(10, store="b"), cell(30, store="c"), cell(50, store="d")]
    found = {r["store"]: r["suppressed_reason"] for r in published(rows)}
    assert found["a"] == "small_cell"
    assert sum(reason is not None for store, reason in found.items() if store) >= 3


def test_when_the_program_takes_too_long_the_finest_tables_go(monkeypatch: pytest.MonkeyPatch):
    asked: list[int] = []

    def slow_at_first(con: duckdb.DuckDBPyConnection, threshold: int) -> list[int] | None:
        asked.append(threshold)
        return None if len(asked) == 1 else []

    monkeypatch.setattr("orchestration.privacy.disclosure.bounded", slow_at_first)
    rows = [cell(200), *STORES[1:]] + [
        cell(n, store=s, channel=c)
        for s, c, n in (("east", "web", 12), ("east", "sms", 13), ("west", "web", 20), ("west", "sms", 4))
    ]
    both = {
        (r["store"], r["channel"]): r["suppressed_reason"]
        for r in published(rows)
        if r["breakdown"] == "channel,store" or r["channel"]
    }
    assert both and all(both.values())
    monkeypatch.setattr("orchestration.privacy.disclosure.bounded", lambda *_: None)
    with pytest.raises(VoicehouseError, match="takes too long"):
        published(rows)
