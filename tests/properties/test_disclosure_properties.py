"""Whatever the answers, no hidden cell comes back: an attacker written apart from the code takes the published table.

Keep out: single rules (tests/unit/test_disclosure.py).
"""

from collections import defaultdict
from fractions import Fraction
from typing import Any

import duckdb
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from orchestration.privacy.disclosure import DIMENSIONS, PROFILES, disclose, hide

BREAKDOWNS = ("", "channel", "store", "channel,store")
GRAINS = ("week", "month", "quarter", "all")

# metric, unit and what can be answered: satisfied or not; detractor, passive or promoter
SATISFACTION, PROMOTION = ("csat", "percent", (0, 1)), ("nps", "points", (-1, 0, 0, 1))

Place = tuple[str, str, str, str, str]  # breakdown, channel, store, grain, start


def answers(kinds: tuple[int, ...]) -> Any:
    return st.lists(
        st.tuples(
            st.integers(0, 30),  # person
            st.integers(0, 120),  # day
            st.sampled_from("ab"),  # channel
            st.sampled_from("wxyz"),  # store
            st.sampled_from(kinds),
        ),
        min_size=40,
        max_size=400,
    )


def asked(metric: tuple[str, str, tuple[int, ...]]) -> Any:
    """A metric and answers to it; with stores where all gave the same, or without."""
    return st.tuples(st.just(metric), st.one_of(answers(metric[2]), answers(metric[2]).map(alike_in_two_stores)))


def alike_in_two_stores(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return [(*row[:4], 0 if row[3] in "yz" else row[4]) for row in rows]


def cube(
    rows: list[tuple[Any, ...]], metric: tuple[str, str, tuple[int, ...]] = SATISFACTION
) -> duckdb.DuckDBPyConnection:
    """The exact cells of some answers, and `wide`, which tells how many gave each, computed by plain grouping."""
    name, unit, _ = metric
    con = duckdb.connect()
    con.execute("CREATE TABLE a (person BIGINT, day INTEGER, channel VARCHAR, store VARCHAR, answer INTEGER)")
    con.executemany("INSERT INTO a VALUES (?, ?, ?, ?, ?)", rows)
    selects = []
    for breakdown in BREAKDOWNS:
        names = breakdown.split(",") if breakdown else []
        listed = ", ".join(f"{d if d in names else 'CAST(NULL AS VARCHAR)'} AS {d}" for d in DIMENSIONS)
        for grain in GRAINS:
            start = (
                "CAST(NULL AS DATE)"
                if grain == "all"
                else f"CAST(date_trunc('{grain}', DATE '2026-01-01' + day) AS DATE)"
            )
            grouped = ", ".join([start, *names] if grain != "all" else names) or "true"
            selects.append(
                f"""SELECT '{name}' AS metric_id, 'plain' AS variant, 1 AS metric_version, '{grain}' AS period_grain, {start} AS period_start,
                '{breakdown}' AS breakdown, {listed}, CAST(NULL AS BIGINT) AS cohort_age_months,
                CAST(NULL AS VARCHAR) AS currency, count(*) AS n_eligible, count(*) AS n_answered,
                count(DISTINCT person) AS n_subjects, CAST(sum(answer) AS DOUBLE) AS numerator,
                CAST(count(*) AS DOUBLE) AS denominator, 100.0 * sum(answer) / count(*) AS value,
                -100.0 AS ci_low, 100.0 AS ci_high, CAST(NULL AS VARCHAR) AS suppressed_reason,
                count(*) FILTER (answer = 1) AS n_promoters, count(*) FILTER (answer = 0) AS n_passives,
                count(*) FILTER (answer = -1) AS n_detractors FROM a GROUP BY {grouped}"""
            )
    con.execute("CREATE TABLE wide AS " + " UNION ALL ".join(selects))
    con.execute("CREATE TABLE exact AS SELECT * EXCLUDE (n_promoters, n_passives, n_detractors) FROM wide")
    con.execute(
        f"CREATE TABLE registry AS SELECT '{name}' AS metric_id, 'plain' AS variant, 'subject' AS disclosure, "
        f"'{unit}' AS unit, 'answered' AS period_anchor, 1 AS version"
    )
    return con


def kinds_told(con: duckdb.DuckDBPyConnection) -> dict[Place, tuple[int, int, int] | None]:
    """How many gave each answer, of every cell as the published wide mart has it."""
    rows = con.execute(
        "SELECT breakdown, coalesce(channel, ''), coalesce(store, ''), period_grain, coalesce(CAST(period_start AS VARCHAR), ''), "
        "n_promoters, n_passives, n_detractors FROM wide_published ORDER BY ALL"
    ).fetchall()
    return {row[:5]: None if row[5] is None else row[5:] for row in rows}


def one_answer(told: dict[Place, tuple[int, int, int] | None], sums: list[tuple[Place, list[Place]]]) -> list[Place]:
    """Totals whose hidden parts together leave one kind of answer."""
    found = []
    for total, parts in sums:
        shown = [told[p] for p in parts if told[p]]
        if told[total] and len(shown) < len(parts):
            rest = [n - sum(one[kind] for one in shown) for kind, n in enumerate(told[total])]
            found += [total] if sum(rest) and max(rest) == sum(rest) else []
    return found


def read(con: duckdb.DuckDBPyConnection, relation: str) -> dict[Place, tuple[int | None, int | None, float | None]]:
    rows = con.execute(
        "SELECT breakdown, coalesce(channel, ''), coalesce(store, ''), period_grain, "
        f"coalesce(CAST(period_start AS VARCHAR), ''), n_answered, n_subjects, numerator FROM {relation} ORDER BY ALL"
    ).fetchall()
    return {row[:5]: row[5:] for row in rows}


def equations(places: list[Place]) -> list[tuple[Place, list[Place]]]:
    """Every total and its parts, found by comparing all cells with all: slow, and owing nothing to the code."""
    parts: dict[tuple[Place, str, str], list[Place]] = defaultdict(list)
    for total, part in ((t, p) for t in places for p in places if t != p):
        same_time = total[3:] == part[3:]
        same_cut = total[:3] == part[:3]
        narrower = set(filter(None, total[0].split(","))) < set(filter(None, part[0].split(",")))
        if same_time and narrower and total[1] in ("", part[1]) and total[2] in ("", part[2]):
            parts[(total, part[0], "")].append(part)
        if same_cut and _within(part, total):
            parts[(total, "", part[3])].append(part)
    return [(key[0], found) for key, found in parts.items()]


def _within(part: Place, total: Place) -> bool:
    grain, start = total[3], part[4]
    if part[3] == "all" or grain == part[3]:
        return False
    if grain == "all":
        return True
    if grain == "quarter" and part[3] == "month":
        return start[:4] == total[4][:4] and (int(start[5:7]) - 1) // 3 == (int(total[4][5:7]) - 1) // 3
    return False


def subtract(shown: dict[Place, Any], sums: list[tuple[Place, list[Place]]]) -> dict[Place, Fraction]:
    """All that follows by taking known cells from known totals, and adding known cells to totals, again and again."""
    known = {place: Fraction(figures[0]) for place, figures in shown.items() if figures[0] is not None}
    first = set(known)
    growing = True
    while growing:
        growing = False
        for total, parts in sums:
            members = [total, *parts]
            unknown = [m for m in members if m not in known]
            if len(unknown) == 1:
                rest = sum((known[p] for p in parts if p in known), Fraction(0))
                known[unknown[0]] = rest if unknown[0] == total else known[total] - rest
                growing = True
    return {place: value for place, value in known.items() if place not in first}


def determined(shown: dict[Place, Any], sums: list[tuple[Place, list[Place]]]) -> set[Place]:
    """Hidden cells fixed by all equations together, by the rank of the matrix with and without the cell."""
    hidden = [p for p, f in shown.items() if f[0] is None]
    index = {p: i for i, p in enumerate(hidden)}
    matrix = np.zeros((len(sums), len(hidden)))
    for row, (total, parts) in enumerate(sums):
        for sign, members in ((-1.0, [total]), (1.0, parts)):
            for member in members:
                if member in index:
                    matrix[row, index[member]] = sign
    if not hidden:
        return set()
    _, singular, rows = np.linalg.svd(matrix, full_matrices=True)
    rank = int((singular > 1e-9).sum())
    free = rows[rank:]
    return {p for p in hidden if not (np.abs(free[:, index[p]]) > 1e-9).any()}


# Two stores of passives alone, which only the counts tell of: 0 points are as many promoters as detractors, too.
PASSIVES = alike_in_two_stores(
    [(i % 31, i % 113, "ab"[i % 2], "wxyz"[i // 2 % 4], (-1, 0, 1)[i % 3]) for i in range(200)]
)


@example(of=(PROMOTION, PASSIVES))
@given(of=st.sampled_from((SATISFACTION, PROMOTION)).flatmap(asked))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_no_hidden_cell_comes_back(of):
    metric, rows = of
    con = cube(rows, metric)
    disclose(con, "exact", "registry", PROFILES["internal"], "published", parts=["wide"])
    hide(con, "wide", "wide_published", PROFILES["internal"])
    exact, shown, told = read(con, "exact"), read(con, "published"), kinds_told(con)
    sums = equations(list(exact))
    for place, figures in exact.items():
        if figures[1] < 10:
            assert shown[place] == (None, None, None), "a small cell is shown"
        elif told[place] and max(told[place]) == sum(told[place]):
            raise AssertionError("a homogeneous cell is shown")
        assert shown[place] in ((None, None, None), figures), "a shown cell is not the exact one"
    assert not subtract(shown, sums)
    assert not determined(shown, sums)
    assert not one_answer(told, sums), "all of those hidden gave one answer"


@pytest.mark.parametrize("profile", ["internal", "external"])
def test_a_table_hidden_whole_does_not_hide_what_its_margins_give_away(profile):
    """Rows tell which cells exist: of a sparse table (b, y) is channels a and b less stores w and x, one person."""
    cells = [(c, s) for cs, ss in (("ab", "wx"), ("cd", "yz")) for c in cs for s in ss]
    each = [(c, s, i % 2 == 0) for c, s in cells for i in range(6)] + [("b", "y", False)]
    con = cube([(person, 3, *row) for person, row in enumerate(each)])
    disclose(con, "exact", "registry", PROFILES[profile], "published")
    exact, shown = read(con, "exact"), read(con, "published")
    assert all(figures[0] is None for place, figures in shown.items() if place[0] == "channel,store")
    assert not determined(shown, equations(list(exact)))


def test_the_attacker_succeeds_where_only_small_cells_are_hidden():
    """The positive control: the same attack brings cells back when nothing complements the small ones."""
    rows = [(i % 31, i % 120, "ab"[i % 7 == 0], "wxyz"[min(i % 11, 3)], i % 3 > 0) for i in range(300)]
    exact = read(cube(rows), "exact")
    naive = {p: (None, None, None) if f[1] < 10 else f for p, f in exact.items()}
    back = subtract(naive, equations(list(exact)))
    assert back
    assert all(value == exact[place][0] for place, value in back.items())
