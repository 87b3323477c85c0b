"""The static report: what the published file says, on one page without network, in Chinese and English.

Keep out: reading anything but `serving/kpi.duckdb` and the run history, and computing metrics.
"""

import base64
import hashlib
import json
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from orchestration import formats
from orchestration.engine import open_read_only, told_when_full
from orchestration.home import Home, now, open_to_group, read_lines, write_durably
from orchestration.messages import translated

TEMPLATES = Path(__file__).parent / "templates"
MODE = 0o640
STALE_AFTER = timedelta(hours=36)  # a daily schedule that missed one run and a half
GRAINS = ("month", "quarter", "year", "all")  # the finest first: what the first screen prefers
SCORES = ("nps", "csat", "rating_mean", "ces")
TRENDS = ("nps", "csat", "rating_mean", "ces", "sla_attainment", "first_reply_minutes", "resolution_hours")
SIDE_BY_SIDE = (
    "nps",
    "csat",
    "rating_mean",
    "ces",
    "response_rate",
    "first_reply_minutes",
    "resolution_hours",
    "sla_attainment",
)
TIMES = ("first_reply_minutes", "resolution_hours", "review_reply_hours")
CASES_RECEIVED = "resolution_hours"  # its n_eligible counts the cases received in a period
LONGEST_TREND = 36  # periods
GAP: dict[str, Any] = {"value": None, "ci_low": None, "ci_high": None}
FEWEST = 30  # answers behind a headline where the registry states no min_n
ALPHA = 0.05  # of all comparisons of one list together

# All the script there is: a page opened days later says that it is old, and a reader's language is chosen.
SCRIPT = """
const limit = Number(document.body.dataset.staleAfterHours) * 36e5;
const stale = document.getElementById("stale");
if (stale && Date.now() - Date.parse(document.body.dataset.published) > limit) stale.hidden = false;
if (!/^zh/i.test(navigator.language)) document.getElementById("choose-en").checked = true;
"""

Row = dict[str, Any]


def write_report(home: Home) -> Path:
    """Write `serving/report/index.html` from the served file.

    One that is missing, withdrawn or of an earlier release gives a page that says so.
    """
    folder = home.serving / "report"
    open_to_group(folder, 0o750)
    served = home.serving / "kpi.duckdb"
    run = last_run(home)
    is_older = False
    if served.exists():
        with open_read_only(served) as con:
            is_older = formats.is_served_by_earlier(con)
            page = "" if is_older else render("report.html.jinja", **Reader(con).view(), run=run, now=now())
    if is_older or not served.exists():
        notice = home.serving / "withdrawn.json"
        withdrawn = json.loads(notice.read_text()) if notice.exists() else None
        page = render("empty.html.jinja", withdrawn=withdrawn, is_older=is_older, run=run, now=now())
    path = folder / "index.html"
    with told_when_full("the report"):
        write_durably(path, page.encode(), MODE)
    return path


def last_run(home: Home) -> Row | None:
    """The newest run of the history that found something to do and came to its end, or None.

    One with nothing new, or that was broken off, says nothing of its own, and a job beside the runs nothing of figures.
    """
    runs = reversed(read_lines(home.root / "ops" / "runs.jsonl"))
    return next((run for run in runs if run["status"] not in formats.QUIET_ENDS and not run.get("job")), None)


class Reader:
    """Small questions to the served file; a table that a home does not have reads as no rows."""

    def __init__(self, con: duckdb.DuckDBPyConnection):
        self._con = con
        found = con.execute("SELECT table_name, list(column_name) FROM duckdb_columns() WHERE NOT internal GROUP BY 1")
        self._tables: dict[str, set[str]] = {str(n): set(c) for n, c in found.fetchall()}
        if "publication" in self._tables:
            formats.check(formats.SERVED, formats.of_served(con))
        self._names: dict[str, dict[str, tuple[str, str]]] = {}
        registry = self._rows("SELECT * FROM kpi_metrics WHERE is_in_force")
        registry.sort(key=lambda r: not r["is_headline"])  # stable: behind the headlines, the order of the registry
        self._variants: dict[str, dict[str, Row]] = {}
        for entry in registry:
            self._variants.setdefault(entry["metric_id"], {})[entry["variant"]] = entry
        self.metrics = {metric: next(iter(variants.values())) for metric, variants in self._variants.items()}

    def view(self) -> Row:
        """Everything the page shows."""
        publication = self._first("SELECT * FROM publication") or {}
        published_at = publication.get("published_at")
        return {
            "publication": publication,
            "is_stale": published_at is not None and now().replace(tzinfo=None) - published_at > STALE_AFTER,
            "stale_after_hours": int(STALE_AFTER.total_seconds() // 3600),
            "scores": [s for m in SCORES if (s := self.headline(m))],
            "sla": self.headline("sla_attainment"),
            "backlog": self.headline("backlog"),
            "growth": self.growth(),
            "coverage": self.coverage(),
            "sources": self.sources(),
            "trends": [t for m in TRENDS if (t := self.trend(m))],
            "channels": self.side_by_side("channel") or self.side_by_side("source"),
            "times": [t for m in TIMES for t in self.times(m)],
            "quality": self._table("kpi_data_quality", "ORDER BY n DESC NULLS LAST, source, kind, finding"),
            "checks": [
                c | {"evidence_zh": translated(c["evidence"] or "", "zh")}
                for c in self._table("privacy_checks", "ORDER BY TRY_CAST(substr(check_id, 2) AS INTEGER), check_id")
            ],
            "ledger": self.ledger(),
            "hidden": self._rows(
                "SELECT suppressed_reason AS reason, count(*) AS n FROM kpi_values WHERE suppressed_reason IS NOT NULL "
                "GROUP BY 1 ORDER BY 2 DESC"
            ),
        }

    def headline(self, metric: str) -> Row | None:
        """The row that stands for a metric: of the newest complete period with enough answers behind it.

        The headline variant first, then the registry's others; enough is the registry's `min_n` (a count needs none).
        Of periods that end together: one that says whether it changed, then the finest grain; all time comes last.
        Rows carry `metric` (registry entry of their variant), `n`, `sources` and `state`: shown, too_few, hidden or
        unmeasurable; too_few has the greatest n there is.
        """
        rows = self._rows(
            """
            SELECT * FROM kpi_values
            WHERE metric_id = ? AND breakdown = '' AND period_grain IN ('month', 'quarter', 'year', 'all')
                AND coalesce(is_complete_period, true) AND cohort_age_months IS NULL
            ORDER BY period_end DESC NULLS LAST, difference IS NULL, currency NULLS FIRST
            """,
            metric,
        )
        if not rows:
            return None
        order = {variant: i for i, variant in enumerate(self._variants[metric])}
        finest = {grain: i for i, grain in enumerate(GRAINS)}
        described = [self._described(r) for r in rows]

        def place(row: Row) -> tuple[Any, ...]:
            ended = row["period_end"] or date.min
            return order[row["variant"]], -ended.toordinal(), row["difference"] is None, finest[row["period_grain"]]

        shown = [r for r in described if r["state"] == "shown"]
        few = [r for r in described if r["state"] == "too_few"]
        chosen = max(few, key=lambda r: r["n"]) if few and not shown else min(shown or described, key=place)
        return chosen | {"sources": self._behind(chosen)}

    def growth(self) -> Row | None:
        """The three case categories whose number of received cases grew most from one complete month to the next.

        The newest month in which a category has the registry's `min_n` of cases and a month before to compare with.
        Significant: two Poisson counts n1, n2 in d1, d2 days have equal rates if n2 is binomial with n1 + n2 trials
        and probability d2 / (d1 + d2) (Przyborowski & Wilenski 1940, Biometrika 31, 313-323); its two-sided p is below
        0.05 divided by the number of categories compared (Bonferroni), because the list shows the greatest of them.
        """
        rows = self._rows(
            """
            WITH monthly AS (
                SELECT category, period_start, n_eligible AS n FROM kpi_values
                WHERE metric_id = ? AND is_headline AND breakdown = 'category' AND period_grain = 'month'
                    AND coalesce(is_complete_period, true)
            ),
            compared AS (
                SELECT m.category, m.period_start, m.n, p.n AS previous_n, m.n - p.n AS change,
                    date_diff('day', m.period_start, m.period_start + INTERVAL 1 MONTH) AS days,
                    date_diff('day', m.period_start - INTERVAL 1 MONTH, m.period_start) AS previous_days
                FROM monthly m
                LEFT JOIN monthly p ON p.category = m.category AND p.period_start = m.period_start - INTERVAL 1 MONTH
            )
            SELECT * FROM compared
            WHERE period_start = (SELECT max(period_start) FROM compared WHERE change IS NOT NULL AND n >= ?)
            ORDER BY change DESC NULLS LAST, category
            """,
            CASES_RECEIVED, self._min_n(self.metrics.get(CASES_RECEIVED, {})),
        )  # fmt: skip
        if not rows:
            return None
        from scipy.stats import binomtest  # heavy: a run with nothing new does without

        compared = [r for r in rows if r["change"] is not None]
        grown = [r for r in compared if r["change"] > 0][:3]
        for r in grown:
            expected = r["days"] / (r["days"] + r["previous_days"])
            p = binomtest(r["n"], r["n"] + r["previous_n"], expected).pvalue
            r |= {"name": self.name("category", r["category"]), "is_significant": p < ALPHA / len(compared)}
        return {
            "period_start": rows[0]["period_start"],
            "categories": grown,
            "compared": len(compared),
            "hidden": len(rows) - len(compared),
        }

    def sources(self) -> list[Row]:
        """How far each source's data reach: the least that any of its figures says."""
        return self._rows(
            "SELECT source, min(data_through) AS data_through FROM kpi_values WHERE breakdown = 'source' "
            "GROUP BY source ORDER BY source"
        )

    def coverage(self) -> Row:
        """How far all sources' data reach (`least`), and the farthest of them (`greatest`)."""
        figures = self._first("SELECT min(data_through) AS least, any_value(period_tz) AS period_tz FROM kpi_values")
        reach = [s["data_through"] for s in self.sources() if s["data_through"]] or [(figures or {}).get("least")]
        return {
            "least": min(reach),
            "greatest": max(reach),
            "varies": reach[0] is not None and max(reach) - min(reach) >= timedelta(minutes=1),
            "period_tz": (figures or {}).get("period_tz"),
        }

    def trend(self, metric: str) -> Row | None:
        """A metric over time with its interval; of the finest grain that has at least three shown periods.

        A period with too few answers is a gap like a hidden one.
        """
        variant = self._standing(metric)
        for grain in GRAINS[:-1]:
            rows = self._rows(
                f"""
                SELECT * FROM kpi_values
                WHERE metric_id = ? AND variant = ? AND breakdown = '' AND period_grain = ?
                    AND coalesce(is_complete_period, true) AND cohort_age_months IS NULL
                ORDER BY period_start DESC LIMIT {LONGEST_TREND}
                """,
                metric, variant, grain,
            )[::-1]  # fmt: skip
            rows = [d if d["state"] == "shown" else d | GAP for d in map(self._described, rows)]
            shown = [r for r in rows if r["state"] == "shown"]
            if len(shown) >= 3:
                from orchestration.serving import charts  # heavy: a run with nothing new does without

                about = shown[0]["metric"]
                return {
                    "metric": about,
                    "grain": grain,
                    "first": shown[0],
                    "last": shown[-1],
                    "gaps": len(rows) - len(shown),
                    "chart": charts.trend(rows, about["unit"]),
                }
        return None

    def side_by_side(self, dimension: str) -> Row | None:
        """Each metric per channel (or source), over all time; a cell is a row of kpi_values or None."""
        cells = self._rows(
            f"SELECT * FROM kpi_values WHERE breakdown = ? AND period_grain = 'all' AND cohort_age_months IS NULL "
            f"AND metric_id IN ({', '.join('?' for _ in SIDE_BY_SIDE)})",
            dimension, *SIDE_BY_SIDE,
        )  # fmt: skip
        standing = {m: variant for m in SIDE_BY_SIDE if (variant := self._standing(m))}
        placed = {
            (c[dimension], c["metric_id"]): self._described(c)
            for c in cells
            if c["variant"] == standing.get(c["metric_id"])
        }
        if not placed:
            return None
        metrics = [m for m in SIDE_BY_SIDE if any(key[1] == m for key in placed)]
        members = sorted({str(key[0]) for key in placed})
        return {
            "dimension": dimension,
            "metrics": [self._variants[m][standing[m]] for m in metrics],
            "rows": [
                {"name": self.name(dimension, member), "cells": [placed.get((member, m)) for m in metrics]}
                for member in members
            ],
        }

    def times(self, metric: str) -> list[Row]:
        """Medians and tails of one duration, calendar and business, in the newest complete period."""
        newest = self.headline(metric)
        if newest is None:
            return []
        rows = self._rows(
            "SELECT * FROM kpi_values WHERE metric_id = ? AND breakdown = '' AND period_grain = ? "
            "AND period_start IS NOT DISTINCT FROM ?",
            metric, newest["period_grain"], newest["period_start"],
        )  # fmt: skip
        return [
            {
                "metric": self.metrics[metric],
                "newest": newest,
                "variants": {r["variant"]: self._described(r) for r in rows},
            }
        ]

    def ledger(self) -> list[Row]:
        """The ledger summed over loads: one row per source and kind or stream; null: a count that is not shown."""
        if not {"source", "level", "name", "measure", "n"} <= self._tables.get("load_ledger", set()):
            return []
        rows = self._rows(
            "SELECT source, level, name, measure, CASE WHEN count(n) = count(*) THEN CAST(sum(n) AS BIGINT) END AS n FROM load_ledger "
            "WHERE level <> 'periods' GROUP BY ALL ORDER BY ALL"
        )
        lines: dict[tuple[str, str, str], Row] = {}
        for r in rows:
            key = (r["level"], r["source"], r["name"])
            lines.setdefault(key, {"level": r["level"], "source": r["source"], "name": r["name"], "n": {}})["n"][
                r["measure"]
            ] = r["n"]
        return list(lines.values())

    def name(self, dimension: str, code: str) -> tuple[str, str]:
        """Chinese and English name of a dimension's member; the words of its code where it has none."""
        if dimension not in self._names:
            table = "dim_categories" if dimension == "category" else f"dim_{dimension}s"
            columns = self._tables.get(table, set())
            code_column = dimension if dimension in columns else f"{dimension}_id"
            has = {code_column, "name_zh", "name_en"} <= columns
            rows = self._rows(f"SELECT {code_column} AS code, name_zh, name_en FROM {table}") if has else []
            self._names[dimension] = {str(r["code"]): (r["name_zh"], r["name_en"]) for r in rows}
        if code == "unknown":
            return "未知", "unknown"
        spoken = code if dimension == "source" else words(code)
        zh, en = (spoken if name in (None, code) else str(name) for name in self._names[dimension].get(code, ("",) * 2))
        return zh or spoken, en or spoken

    def _described(self, row: Row) -> Row:
        """The row with its registry entry `metric`, its `n` and its `state`; a count needs no n."""
        about = self._variants[row["metric_id"]][row["variant"]]
        given = (row["n_answered"], row["n_eligible"], row["denominator"])  # as the models take n for their tests
        n = next((int(g) for g in given if g is not None), 0)
        if row["suppressed_reason"]:
            state = "hidden"
        elif row["value"] is None:
            state = "unmeasurable"
        else:
            state = "shown" if about["unit"] == "count" or n >= self._min_n(about) else "too_few"
        return {**row, "state": state, "n": n, "metric": about}

    def _standing(self, metric: str) -> str | None:
        """The variant that stands for a metric."""
        row = self.headline(metric)
        return str(row["variant"]) if row else None

    def _behind(self, row: Row) -> list[str]:
        """The sources that a row of the whole company rests on."""
        rows = self._rows(
            "SELECT DISTINCT source FROM kpi_values WHERE metric_id = ? AND variant = ? AND breakdown = 'source' "
            "AND period_grain = ? AND period_start IS NOT DISTINCT FROM ? AND cohort_age_months IS NULL "
            "AND (suppressed_reason IS NOT NULL OR coalesce(n_answered, n_eligible, denominator, 1) > 0) "
            "ORDER BY source",
            row["metric_id"], row["variant"], row["period_grain"], row["period_start"],
        )  # fmt: skip
        return [str(r["source"]) for r in rows]

    @staticmethod
    def _min_n(metric: Row) -> int:
        return int(metric.get("min_n") or FEWEST)

    def _table(self, name: str, tail: str) -> list[Row]:
        return self._rows(f"SELECT * FROM {name} {tail}") if name in self._tables else []

    def _first(self, sql: str) -> Row | None:
        return next(iter(self._rows(sql)), None)

    def _rows(self, sql: str, *parameters: Any) -> list[Row]:
        result = self._con.execute(sql, list(parameters))
        names = [d[0] for d in result.description or []]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def figure(value: float | None, unit: str, signed: bool = False) -> str:
    """A number as a reader wants it: NPS with its sign, shares with %, durations in the unit a person would say.

    `signed` is for differences: shares differ by percentage points (pp).
    """
    if value is None:
        return "–"
    sign = "−" if value < 0 else "+" if signed or unit == "points" else ""
    size = abs(value)
    if unit in ("minutes", "seconds", "hours"):
        return sign + _duration(size / 60 if unit == "seconds" else size * 60 if unit == "hours" else size)
    if unit == "percent":
        return f"{sign}{size:.1f}{' pp' if signed else '%'}"
    return sign + (f"{size:,.0f}" if unit == "count" else f"{size:.1f}" if unit == "points" else f"{size:.2f}")


def _duration(minutes: float) -> str:
    if minutes < 1:
        return f"{minutes * 60:.0f} s"
    if minutes < 90:
        return f"{minutes:.0f} min"
    return f"{minutes / 60:.1f} h" if minutes < 48 * 60 else f"{minutes / 1440:.1f} d"


def period(start: date | None, grain: str) -> str:
    """A period's name, the same in every language: 2026-03, 2026-Q1, 2026; empty for all time."""
    if start is None or grain == "all":
        return ""
    if grain == "quarter":
        return f"{start.year}-Q{(start.month + 2) // 3}"
    return f"{start:%Y-%m-%d}" if grain in ("day", "week") else f"{start:%Y}" if grain == "year" else f"{start:%Y-%m}"


def words(code: str) -> str:
    """A code as words: store_service reads `store service`."""
    return code.replace("_", " ")


def instant(moment: datetime | None) -> str:
    """An instant to the minute, without a zone: the page says which zone it is."""
    return f"{moment:%Y-%m-%d %H:%M}" if moment else "–"


def _t(zh: object, en: object) -> Markup:
    """One text in both languages; the page shows one of them."""
    return Markup('<span lang="zh">{}</span><span lang="en">{}</span>').format(zh, en)


def render(template: str, **view: Any) -> str:
    """A page of `templates/`, self-contained: style and script stand inside."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(figure=figure, instant=instant, period=period, words=words)
    digest = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    environment.globals.update(
        t=_t, css=Markup((TEMPLATES / "report.css").read_text()), script=Markup(SCRIPT), script_digest=digest
    )
    return environment.get_template(template).render(**view)
