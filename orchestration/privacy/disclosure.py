"""Disclosure control: exact KPI cells in, published cells out, and the audit that tries to undo it.

Keep out: computing metrics (dbt) and writing files (serving/publish.py).

The rules, in the order in which they apply:

1. A cell with fewer than N subjects, or N answers, is hidden: `small_cell`.
2. A cell in which all persons gave the same answer is hidden, whatever its size: `homogeneous`.
3. A team of fewer than five agents, as far as is known, is hidden: `small_team`.
4. What the published cells let a reader compute, also from what a hidden row tells of its size, is hidden with more
   cells, to a fix-point: `complement`. Every total, over the dimensions of a declared breakdown or over the calendar,
   is an equation: total = sum of its parts. No equation may hold exactly one hidden cell, and what remains of a
   published total after taking the published parts away must itself have N subjects and more than one kind of answer.
5. What moved a stock (`FLOWS`) counts others than the row's own: all of it is hidden where one movement counts fewer
   than N, and where the stock before is hidden: stock, movements and stock before are an equation too. Movements add up
   over dimensions and calendar, and no complement is looked for among them: `external` shows none.

Rules 2 and 4 bind metrics of class `subject`, and every class in profile `external`; 1 and 3 bind all.
Cells of the same persons share their fate: what is hidden for one variant of a metric is hidden for all of them (its
population), and so is what counts the same at the same place. Variants by survey weight are a population of their own:
few may have a weight.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import duckdb
import numpy as np

from orchestration.engine import identifier, literal
from orchestration.errors import VoicehouseError
from orchestration.privacy.complement import answered, complement, spread, widen

DIMENSIONS = (
    "source", "channel", "product", "store", "region", "touchpoint", "team", "segment", "language", "case_type",
    "category", "priority", "contract", "survey", "question", "sla_policy", "sla_metric",
)  # fmt: skip
SERIES = ("metric_id", "variant", "cohort_age_months", "currency")
SLICE = ("breakdown", *DIMENSIONS)
PERIOD = ("period_grain", "period_start")
CELL = (*SERIES, *SLICE, *PERIOD)

# What a hidden cell still shows: where it stands and what it would have meant. All else is emptied, so that a column
# added to a mart tomorrow is hidden until somebody decides otherwise here.
KEPT = frozenset(
    (*CELL, "metric_version", "is_headline", "period_end", "period_tz", "is_complete_period", "data_through",
     "known_at", "subject_basis", "suppressed_reason", "target_value", "unit", "direction", "name_zh", "name_en")
)  # fmt: skip
# What a visible cell loses when the cell it is compared with is hidden.
COMPARED = ("previous_value", "difference", "difference_ci_low", "difference_ci_high", "is_significant")
# What moved a stock since the period before; a visible cell loses all of it or nothing, and all of it in `external`.
FLOWS = ("n_received", "n_reopened", "n_resolved", "n_closed_unresolved", "n_unobserved")

# (part, total) of the calendar, the narrowest totals first.
NESTED_GRAINS = (
    ("day", "week"), ("day", "month"), ("day", "quarter"), ("month", "quarter"), ("day", "year"), ("month", "year"),
    ("quarter", "year"), ("day", "all"), ("week", "all"), ("month", "all"), ("quarter", "all"), ("year", "all"),
)  # fmt: skip
COUNTS = frozenset(("n_eligible", "n_answered", "n_excluded_consent", "n_subjects", "n_censored"))
UNTOLD = "'count', 'minutes', 'hours', 'seconds'"  # units of figures that are nobody's answer
AGENTS_PER_TEAM = 5
RIDGE, PROJECTIONS, NO_FREEDOM = 1e-7, 4, 1e-6
AUDIT_SECONDS = 60.0


@dataclass(frozen=True)
class Profile:
    """How strictly a home publishes. `threshold` is N; `all_classes` applies every rule to operational metrics too.

    `holds`: a published cell stays as it is until it changes by N persons (holding.py).
    """

    name: str
    threshold: int
    all_classes: bool = False
    holds: bool = False


PROFILES = {p.name: p for p in (Profile("internal", 10), Profile("external", 11, True, True), Profile("open_data", 1))}


def choose_profile(name: str, public_sets: Mapping[str, bool]) -> Profile:
    """The profile called `name`; `public_sets` says of every source of the home whether it is a declared public set.

    Raises VoicehouseError when there is no such profile, or when `open_data` is asked for and a source is not public.
    """
    if name not in PROFILES:
        raise VoicehouseError(f"there is no publication profile {name!r}: choose one of {', '.join(PROFILES)}")
    closed = sorted(source for source, is_public in public_sets.items() if not is_public)
    if name == "open_data" and closed:
        raise VoicehouseError(
            f"profile open_data publishes every cell, and these sources are not declared public sets: {', '.join(closed)}"
        )
    return PROFILES[name]


@dataclass(frozen=True)
class Disclosed:
    """What one run of `disclose` did, in counts."""

    cells: int
    hidden: dict[str, int]  # reason -> cells
    passes: int
    derivable: int  # what the audit still found: 0


def disclose(
    con: duckdb.DuckDBPyConnection,
    values: str,
    metrics: str,
    profile: Profile,
    into: str,
    small_teams: Iterable[str] = (),
    parts: Iterable[str] = (),
) -> Disclosed:
    """Write relation `into`: the rows of `values` (row contract of kpi_values) with what `profile` hides emptied.

    `metrics` is the registry (metric_id, variant, version, disclosure, unit, period_anchor), of which a row takes the
    version it was computed by. `parts`: wide marts, whose counts tell where all gave the same answer, in a cell or in
    what is left of a total.
    Raises VoicehouseError when a metric has no disclosure class, or when the audit still finds a cell it can compute.
    """
    parts = tuple(parts)
    _cells(con, values, metrics, profile, tuple(small_teams))
    _answers(con, parts, "exact_cells")
    passes = 0
    if profile.threshold > 1:
        _primary(con, profile)
        _narrow(con, "reason")
        spread(con)
        _coarsen(con)
        _equations(con)
        passes = complement(con, profile.threshold)
        each = 1
        while found := _found(con, profile):
            each *= 2
            widen(con, found, each)
            passes += 1 + complement(con, profile.threshold)
        con.execute("UPDATE exact_cells SET reason = cells.reason FROM cells WHERE cells.id = exact_cells.id")
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE hidden_cells AS SELECT {listed(CELL)}, reason AS suppressed_reason "
        "FROM exact_cells WHERE reason IS NOT NULL"
    )
    hide(con, values, into, profile)
    counted = con.execute("SELECT reason, count(*) FROM exact_cells WHERE reason IS NOT NULL GROUP BY ALL ORDER BY ALL")
    hidden = {str(reason): int(n) for reason, n in counted.fetchall()}
    cells = number(con, "SELECT count(*) FROM exact_cells")
    left = len(derivable(con, into, metrics, profile, parts)) if profile.threshold > 1 else 0
    if left:
        raise VoicehouseError(f"disclosure audit: {left} hidden cells can be computed from the published ones")
    return Disclosed(cells, hidden, passes, left)


def hide(con: duckdb.DuckDBPyConnection, mart: str, into: str, profile: Profile) -> int:
    """Write relation `into`: the rows of a mart with hidden cells emptied, after `disclose`; the number of such rows.

    A mart is matched by the cell columns it has; one without metric_id or variant is hidden where any metric is.
    """
    columns = columns_of(con, mart)
    shared = [c for c in CELL if c in columns]
    kept = [c for c in columns if c in KEPT]
    hidden = "hidden_cells"
    if len(shared) < len(CELL):
        hidden = "hidden_keys"
        con.execute(
            f"CREATE OR REPLACE TEMP TABLE hidden_keys AS SELECT {listed(shared)}, min(suppressed_reason) AS "
            "suppressed_reason FROM hidden_cells GROUP BY ALL"
        )
    compared = [c for c in columns if c in COMPARED]
    few = " OR ".join(f"m.{identifier(c)} BETWEEN 1 AND {profile.threshold - 1}" for c in columns if c in FLOWS)
    few = "true" if profile.all_classes else few
    selected = []
    for column in columns:
        name = identifier(column)
        if column == "suppressed_reason":
            selected.append(f"h.suppressed_reason AS {name}")
        elif column in kept:
            selected.append(f"m.{name}")
        elif column in compared:
            selected.append(
                f"CASE WHEN h.suppressed_reason IS NULL AND b.suppressed_reason IS NULL THEN m.{name} END AS {name}"
            )
        elif column in FLOWS:
            selected.append(
                f"CASE WHEN h.suppressed_reason IS NULL AND b.suppressed_reason IS NULL AND NOT coalesce({few}, false) THEN m.{name} END AS {name}"
            )
        elif column == "n_excluded_consent":
            small = f"m.{name} BETWEEN 1 AND {profile.threshold - 1}"
            selected.append(
                f"CASE WHEN h.suppressed_reason IS NULL AND NOT coalesce({small}, false) THEN m.{name} END AS {name}"
            )
        else:
            selected.append(f"CASE WHEN h.suppressed_reason IS NULL THEN m.{name} END AS {name}")
    if "suppressed_reason" not in columns and {"breakdown", "period_grain"} <= set(columns):
        selected.append("h.suppressed_reason")
    before = {"period_start": _previous_start("m")}
    con.execute(
        f"CREATE OR REPLACE TABLE {into} AS SELECT {', '.join(selected)} FROM {mart} AS m "
        f"LEFT JOIN {hidden} AS h ON {same(shared, 'h', 'm')} LEFT JOIN {hidden} AS b ON {same(shared, 'b', 'm', before)}"
    )
    return (
        number(con, f"SELECT count(*) FROM {into} WHERE suppressed_reason IS NOT NULL")
        if ("suppressed_reason" in columns_of(con, into))
        else 0
    )


def derivable(
    con: duckdb.DuckDBPyConnection, published: str, metrics: str, profile: Profile, parts: Iterable[str] = ()
) -> list[dict[str, Any]]:
    """The hidden cells that a reader of `published` alone can compute: an empty list is the proof of check C15.

    And those all of whose persons gave the one answer that published totals leave for them, with what `parts`, wide
    marts, tell beside a shown figure.

    Takes the worst for granted: that every total is exactly the sum of the parts that have a row. A hidden cell is
    computable when all solutions of those equations agree on it. The solutions form an affine space; a random vector
    of its direction is zero exactly where all agree (but for a null set), and one sparse least-squares projection
    gives it. Hidden counts are at least 1, so every direction can be followed both ways without a negative count: a
    linear program over the same equations would give each cell an interval of positive length.
    """
    _cells(con, published, metrics, profile, (), "published_cells")
    _answers(con, tuple(parts), "published_cells")
    _narrow(con, "hidden", "published_cells")
    _equations(con)
    found = [*computable(con), *answered(con)]
    if not found:
        return []
    con.execute("CREATE OR REPLACE TEMP TABLE computable AS SELECT unnest(?::BIGINT[]) AS id", [found])
    rows = con.execute(f"SELECT {listed(CELL)} FROM cells SEMI JOIN computable USING (id) ORDER BY ALL").fetchall()
    return [dict(zip(CELL, row, strict=True)) for row in rows]


def _cells(
    con: duckdb.DuckDBPyConnection,
    values: str,
    metrics: str,
    profile: Profile,
    small_teams: tuple[str, ...],
    into: str = "exact_cells",
) -> None:
    """Temp table `into`: one row per published figure that could be hidden, with what the rules look at.

    What stands in equations (`series`, `place`, `slice`) is told where all rules bind.
    """
    if unclassed := con.execute(
        f"SELECT DISTINCT v.metric_id, v.variant FROM {values} v LEFT JOIN {metrics} m "
        "ON m.metric_id = v.metric_id AND m.variant = v.variant AND m.version = v.metric_version "
        "AND m.disclosure IN ('subject', 'operational') "
        "WHERE m.metric_id IS NULL ORDER BY ALL"
    ).fetchall():
        raise VoicehouseError(
            f"metrics without a disclosure class: {', '.join('/'.join(map(str, u)) for u in unclassed)}"
        )
    # Who has a survey weight are persons of their own: some of those who answered, and counted so.
    population = "m.metric_id || CASE WHEN contains(m.variant, 'weighted') THEN ' by weight' ELSE '' END"
    teams = ", ".join(literal(t) for t in small_teams) or "NULL"
    everything = "TRUE" if profile.all_classes else "m.disclosure = 'subject'"
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE {into} AS
        WITH counted AS (
            SELECT v.*, m.disclosure, m.unit AS metric_unit, m.period_anchor AS anchor, {population} AS population,
                {everything} AS is_protected,
                coalesce(v.n_answered, v.n_eligible, v.denominator, v.numerator, v.value) AS n,
                v.suppressed_reason IS NULL
                AND greatest(coalesce(v.n_answered, 0), coalesce(v.n_eligible, 0), coalesce(abs(v.denominator), 0),
                    coalesce(abs(v.numerator), 0), coalesce(v.n_subjects, 0), coalesce(abs(v.value), 0)) = 0 AS is_empty
            FROM {values} AS v JOIN {metrics} AS m
            ON m.metric_id = v.metric_id AND m.variant = v.variant AND m.version = v.metric_version
        )
        SELECT row_number() OVER (ORDER BY {listed(CELL)}) AS id, {listed(CELL)},
            CASE WHEN is_protected THEN {key(SERIES)} END AS series,
            CASE WHEN is_protected THEN {key((*SLICE, *PERIOD, "cohort_age_months", "currency"))} END AS place,
            CASE WHEN is_protected THEN {key(SLICE)} END AS slice, population, metric_unit, anchor, is_protected, is_empty,
            n, coalesce(n_subjects, n) AS subjects, numerator, denominator,
            coalesce(ci_low = ci_high AND ci_low = value, false) AS has_no_spread,
            coalesce(team IN ({teams}), false) AS is_small_team,
            suppressed_reason AS hidden, CAST(NULL AS VARCHAR) AS reason
        FROM counted
        """
    )


def _narrow(con: duckdb.DuckDBPyConnection, reason: str, cells: str = "exact_cells") -> None:
    """Temp table `cells`: the figures that all rules bind, what they are told apart by as numbers of the same order.

    `persons` are those of one population at one place, `counts` are equal counts at one place.
    """
    numbers = ", ".join(f"dense_rank() OVER (ORDER BY {c}) AS {c}" for c in ("series", "place", "slice", "population"))
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE cells AS SELECT *, dense_rank() OVER (ORDER BY population, place) AS persons, "
        "dense_rank() OVER (ORDER BY place, n, subjects) AS counts FROM ("
        f"SELECT * REPLACE ({numbers}, {reason} AS reason) FROM {cells} WHERE is_protected AND NOT is_empty)"
    )


def _answers(con: duckdb.DuckDBPyConnection, marts: tuple[str, ...], into: str) -> None:
    """Column `parts` of table `into`: how many gave each kind of answer, as a wide mart tells beside the figure.

    Its counts of scale points, else its other counts, else its weights, and what they leave over of all answers. Null
    where no mart tells, or where its counts are no parts: together more than there are answers.
    """
    con.execute(f"ALTER TABLE {into} ADD COLUMN parts DOUBLE[]")
    for mart in marts:
        described = con.execute(f"DESCRIBE SELECT * FROM {mart}").fetchall()
        columns = {str(name): kind for name, kind, *_ in described}
        counts = [c for c, kind in columns.items() if c.startswith("n_") and c not in COUNTS and kind == "BIGINT"]
        kinds = (
            ("c.n", [c for c in counts if c.startswith("n_score_")]),
            ("c.n", [c for c in counts if not c.startswith("n_score_")]),
            ("c.denominator", [c for c in columns if c.startswith("w_")]),
        )
        told = [_split(of, names) for of, names in kinds if len(names) > 1]
        if told and set(CELL) <= set(columns):
            con.execute(
                f"UPDATE {into} SET parts = m.parts FROM (SELECT c.id, coalesce({', '.join(told)}) AS parts "
                f"FROM {into} c JOIN {mart} m ON {same(CELL, 'm', 'c')} WHERE c.is_protected "
                f"AND c.metric_unit NOT IN ({UNTOLD})) m WHERE m.id = {into}.id AND m.parts IS NOT NULL"
            )


def _split(of: str, names: list[str]) -> str:
    """SQL: columns of a wide mart `m` and what they leave over of a figure, as one list; null if they are no parts."""
    columns = [f"m.{identifier(c)}" for c in names]
    counts = [f"coalesce({c}, 0)" for c in columns]
    total = " + ".join(counts)
    return (
        f"CASE WHEN coalesce({', '.join(columns)}) IS NOT NULL AND {total} <= {of} * (1 + 1e-9) "
        f"THEN [{', '.join(counts)}, greatest({of} - ({total}), 0)]::DOUBLE[] END"
    )


def _primary(con: duckdb.DuckDBPyConnection, profile: Profile) -> None:
    """Rules 1 to 3."""
    n = profile.threshold
    con.execute(
        f"""
        UPDATE exact_cells SET reason = CASE
            WHEN is_small_team THEN 'small_team'
            WHEN n IS NULL OR subjects < {n} OR n < {n} THEN 'small_cell'
            WHEN NOT is_protected OR metric_unit IN ({UNTOLD}) THEN NULL
            WHEN has_no_spread OR (denominator > 0 AND abs(numerator) = denominator) THEN 'homogeneous'
            WHEN metric_unit = 'percent' AND denominator > 0 AND numerator = 0 THEN 'homogeneous'
            WHEN list_max(parts) >= list_sum(parts) * (1 - 1e-9) THEN 'homogeneous'
        END
        WHERE NOT is_empty
        """
    )


def _coarsen(con: duckdb.DuckDBPyConnection) -> None:
    """Rule 4, first step: a table (population, breakdown, grain) with many hidden cells is hidden whole.

    Many is a tenth of the days or weeks, and half of a long table of anything longer.

    What would be left of it is holes, and every hole costs cells of wider tables. Without days there are no weeks
    either: weeks and months overlap, and their difference is a day or two.
    """
    con.execute(
        """
        UPDATE cells SET reason = 'too_fine' FROM (
            SELECT population, breakdown, period_grain FROM cells
            GROUP BY ALL HAVING CASE WHEN period_grain IN ('day', 'week') THEN count(reason) >= 0.1 * count(*)
                ELSE count(*) >= 24 AND count(reason) >= 0.5 * count(*) END
        ) thin
        WHERE cells.population = thin.population AND cells.breakdown = thin.breakdown
            AND cells.period_grain = thin.period_grain AND cells.reason IS NULL
        """
    )
    con.execute(
        """
        UPDATE cells SET reason = 'too_fine' FROM (
            SELECT population, breakdown FROM cells WHERE period_grain = 'day'
            GROUP BY ALL HAVING count(reason) = count(*)
        ) blank
        WHERE cells.population = blank.population AND cells.breakdown = blank.breakdown AND cells.period_grain = 'week'
            AND cells.reason IS NULL
        """
    )
    spread(con)


def _equations(con: duckdb.DuckDBPyConnection) -> None:
    """Table `terms`: one row per part of a total; `kind` orders equations from the narrowest totals to the widest.

    `is_needed` is false where an equation only adds up others (days of a quarter, where its months are there too).
    """
    con.execute("CREATE OR REPLACE TEMP TABLE terms (kind INTEGER, total BIGINT, part BIGINT)")
    breakdowns = [str(row[0]) for row in con.execute("SELECT DISTINCT breakdown FROM cells ORDER BY 1").fetchall()]
    pairs = [
        (wide, narrow)
        for wide, narrow in permutations(sorted(breakdowns, key=lambda b: -len(_names(b))), 2)
        if set(_names(wide)) < set(_names(narrow))
    ]
    for kind, (wide, narrow) in enumerate(pairs):
        con.execute(
            f"""
            INSERT INTO terms SELECT {kind}, t.id, p.id FROM cells p JOIN cells t
            ON t.series = p.series AND t.period_grain = p.period_grain
            AND t.breakdown = {literal(wide)} AND p.breakdown = {literal(narrow)}
            AND {same(("period_start", *_names(wide)), "t", "p")}
            """
        )
    for kind, (part, total) in enumerate(NESTED_GRAINS, start=len(pairs)):
        start = "TRUE" if total == "all" else f"t.period_start = CAST(date_trunc('{total}', p.period_start) AS DATE)"
        con.execute(
            f"""
            INSERT INTO terms SELECT {kind}, t.id, p.id FROM cells p JOIN cells t
            ON t.series = p.series AND t.slice = p.slice AND {start}
            AND t.period_grain = '{total}' AND p.period_grain = '{part}'
            AND coalesce(p.anchor, '') <> 'instant' AND p.period_start IS NOT NULL
            """
        )
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE terms AS
        WITH sized AS (SELECT kind, total, count(*) AS parts FROM terms GROUP BY ALL),
        chained AS (
            SELECT a.kind, a.total, b.kind AS first, c.kind AS second, count(*) AS parts
            FROM terms a JOIN terms b ON b.part = a.part JOIN terms c ON c.part = b.total AND c.total = a.total
            GROUP BY ALL
        ),
        sums AS (SELECT DISTINCT kind, total FROM chained JOIN sized USING (kind, total, parts))
        SELECT t.*, s.kind IS NULL AS is_needed FROM terms t LEFT JOIN sums s ON s.kind = t.kind AND s.total = t.total
        """
    )
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE members AS
        SELECT kind, total, part AS id, 1.0 AS sign, is_needed FROM terms
        UNION ALL SELECT DISTINCT kind, total, total, -1.0, is_needed FROM terms
        """
    )


def _found(con: duckdb.DuckDBPyConnection, profile: Profile) -> list[int]:
    """Hidden cells that can be computed, by the equations alone or with what is known of sizes.

    When the program takes too long the finest tables are hidden whole and it is asked again. Raises VoicehouseError
    when it still does.
    """
    if found := computable(con):
        return found
    if (found_by_size := bounded(con, profile.threshold)) is not None:
        return found_by_size
    con.execute(
        """
        UPDATE cells SET reason = 'too_fine' FROM (
            SELECT population, breakdown, period_grain FROM cells WHERE reason IS NOT NULL
                AND (contains(breakdown, ',') OR period_grain IN ('day', 'week')) GROUP BY ALL
        ) fine
        WHERE cells.population = fine.population AND cells.breakdown = fine.breakdown
            AND cells.period_grain = fine.period_grain AND cells.reason IS NULL
        """
    )
    complement(con, profile.threshold)
    if found := computable(con):
        return found
    if (found_by_size := bounded(con, profile.threshold)) is None:
        raise VoicehouseError("the disclosure audit takes too long: publish fewer breakdowns")
    return found_by_size


def computable(con: duckdb.DuckDBPyConnection) -> list[int]:
    """Ids of hidden cells on which all solutions of the equations agree (see `derivable`).

    Series with the same cells hidden, of the same size, have the same equations: one stands for all. A table that
    is hidden whole counts as every other: its rows tell which cells exist, and of few cells the margins may leave none
    open. Cells that are hidden only because their table is too fine are large enough to be known: they may follow from
    others.
    """
    from scipy.sparse import eye_array
    from scipy.sparse.linalg import splu

    unknowns = _unknowns(con)
    if unknowns is None:
        return []
    # Projection on the null space, x - A'(AA')^-1 A x; the ridge makes redundant equations harmless, repeating it
    # undoes what the ridge leaves behind.
    matrix = unknowns.matrix
    gram = splu((matrix @ matrix.T + RIDGE * eye_array(matrix.shape[0])).tocsc(), permc_spec="MMD_AT_PLUS_A")
    random = np.random.default_rng(20260101)
    direction = random.uniform(1.0, 2.0, len(unknowns.ids)) * random.choice((-1.0, 1.0), len(unknowns.ids))
    for _ in range(PROJECTIONS):
        direction = direction - matrix.T @ gram.solve(matrix @ direction)
    return _of_all_series(con, unknowns.ids[(np.abs(direction) < NO_FREEDOM) & unknowns.is_told])


def bounded(con: duckdb.DuckDBPyConnection, threshold: int) -> list[int] | None:
    """Ids of hidden cells whose size follows from the equations and from what a reader knows of the others' sizes.

    A hidden row tells that somebody is in it, and its reason tells more: one hidden as 'complement' has N answers.
    Twelve answers on twelve hidden days are one a day. A cell whose size is always at its bound is found by one linear
    program for all (HiGHS): the greatest number of cells that can rise above their bounds together, on the cone over
    the solutions, so that all that can do so (Freund, Roundy & Todd 1985, identifying the set of always-active
    constraints).
    None when it takes longer than AUDIT_SECONDS. Equations that the exact figures do not keep tell nobody anything.
    """
    from scipy.optimize import linprog
    from scipy.sparse import csr_array, hstack

    unknowns = _unknowns(con)
    if unknowns is None:
        return []
    sizes, least = unknowns.sizes, np.where(unknowns.is_small, 1.0, float(threshold))
    least = np.minimum(least, sizes)
    kept = np.flatnonzero(np.abs(unknowns.matrix @ sizes - unknowns.rest) < 1e-6)
    matrix = unknowns.matrix[kept]
    above = unknowns.rest[kept] - matrix @ least
    n = len(sizes)
    solved = linprog(
        -np.r_[np.ones(n), np.zeros(n + 1)],
        A_eq=hstack([matrix, matrix, csr_array(-above.reshape(-1, 1))]).tocsr(),
        b_eq=np.zeros(len(kept)),
        bounds=np.r_[np.tile([0.0, 1.0], (n, 1)), np.tile([0.0, np.inf], (n, 1)), [[1.0, np.inf]]],
        method="highs",
        options={"time_limit": AUDIT_SECONDS},
    )
    if solved.x is None or solved.status != 0:
        return None
    reached = np.zeros(n, dtype=bool)
    reached[unknowns.matrix[kept].indices] = True
    return _of_all_series(con, unknowns.ids[(solved.x[:n] < NO_FREEDOM) & unknowns.is_told & reached])


@dataclass(frozen=True)
class Unknowns:
    """The hidden cells and the equations they stand in.

    `matrix` times their sizes is `rest`, the published figures' sum.
    """

    ids: Any
    sizes: Any
    is_small: Any
    is_told: Any  # some published figure reaches it; else it is "fixed" only by totals that are no sums
    matrix: Any
    rest: Any


def _unknowns(con: duckdb.DuckDBPyConnection) -> Unknowns | None:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE patterns AS
        SELECT *, min(series) OVER (PARTITION BY pattern, n) AS example FROM (
            SELECT series, bit_xor(hash(place, reason IS NOT NULL, n)) AS pattern, count(*) AS n
            FROM cells GROUP BY series
        )
        """
    )
    found = con.execute(
        """
        WITH open_members AS (
            SELECT m.*, c.reason, c.n FROM members m JOIN cells c USING (id)
            WHERE m.is_needed AND c.series IN (SELECT example FROM patterns)
        ),
        bound AS (
            SELECT kind, total, bool_or(reason IS NULL) AS is_told,
                coalesce(-sum(sign * n) FILTER (reason IS NULL), 0) AS rest
            FROM open_members GROUP BY ALL
        )
        SELECT dense_rank() OVER (ORDER BY kind, total) - 1 AS equation, dense_rank() OVER (ORDER BY id) - 1 AS place,
            sign, id, is_told, rest, coalesce(n, 0) AS n, reason = 'small_cell' AS is_small
        FROM open_members JOIN bound USING (kind, total) WHERE reason IS NOT NULL
        """
    ).fetchnumpy()
    if not len(found["id"]):
        return None
    rows = np.asarray(found["equation"], dtype=np.int64)
    places = np.asarray(found["place"], dtype=np.int64)
    many, equations = int(places.max()) + 1, int(rows.max()) + 1
    ids, sizes, rest = np.zeros(many, dtype=np.int64), np.zeros(many), np.zeros(equations)
    is_small = np.zeros(many, dtype=bool)
    ids[places], sizes[places], is_small[places] = found["id"], found["n"], found["is_small"]
    rest[rows] = found["rest"]
    matrix = coo_array((np.asarray(found["sign"], dtype=float), (rows, places)), shape=(equations, many)).tocsr()
    _, group = connected_components(matrix.T @ matrix)
    told = np.isin(group, group[places[np.asarray(found["is_told"], dtype=bool)]])
    return Unknowns(ids, sizes, is_small, told, matrix, rest)


def _of_all_series(con: duckdb.DuckDBPyConnection, found: Any) -> list[int]:
    """The cells found in the series that stood for others, in all of those; cells that may be known are left out."""
    same = con.execute(
        """
        SELECT o.id FROM cells c JOIN patterns p ON p.example = c.series JOIN cells o ON o.series = p.series
        AND o.place = c.place WHERE c.id IN (SELECT unnest(?::BIGINT[])) AND o.reason <> 'too_fine' ORDER BY o.id
        """,
        [[int(i) for i in found]],
    ).fetchall()
    return [int(row[0]) for row in same]


def _names(breakdown: str) -> list[str]:
    return breakdown.split(",") if breakdown else []


def _previous_start(prefix: str) -> str:
    step = " ".join(
        f"WHEN '{grain}' THEN INTERVAL {interval}"
        for grain, interval in (
            ("day", "1 DAY"),
            ("week", "7 DAY"),
            ("month", "1 MONTH"),
            ("quarter", "3 MONTH"),
            ("year", "1 YEAR"),
        )
    )
    return f"CAST({prefix}.period_start - CASE {prefix}.period_grain {step} END AS DATE)"


def key(columns: Iterable[str], replaced: Mapping[str, str] | None = None, prefix: str = "") -> str:
    """Columns as one comparable text; nulls are a value of their own."""
    dot = f"{prefix}." if prefix else ("m." if replaced else "")
    texts = [f"coalesce(CAST({(replaced or {}).get(c, dot + identifier(c))} AS VARCHAR), chr(30))" for c in columns]
    return f"concat_ws(chr(31), {', '.join(texts)})" if texts else "''"


def same(columns: Iterable[str], left: str, right: str, replaced: Mapping[str, str] | None = None) -> str:
    """SQL: two relations agree in columns, nulls being a value of their own.

    `replaced`: expressions in place of the right's.
    """
    return " AND ".join(
        f"{left}.{identifier(c)} IS NOT DISTINCT FROM {(replaced or {}).get(c, f'{right}.{identifier(c)}')}"
        for c in columns
    )


def listed(columns: Iterable[str]) -> str:
    """Columns as a SQL list."""
    return ", ".join(identifier(c) for c in columns)


def columns_of(con: duckdb.DuckDBPyConnection, relation: str) -> list[str]:
    """Names of a relation's columns, in their order."""
    return [str(row[0]) for row in con.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()]


def number(con: duckdb.DuckDBPyConnection, sql: str) -> int:
    """The first figure that a statement gives; 0 where it gives none."""
    row = con.execute(sql).fetchone()
    return int(row[0]) if row else 0
