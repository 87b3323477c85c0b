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

from orchestration.home import Home, now, write_durably
from orchestration.serving import charts

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

# All the script there is: a page opened days later says that it is old, and a reader's language is chosen.
SCRIPT = """
const limit = Number(document.body.dataset.staleAfterHours) * 36e5;
const stale = document.getElementById("stale");
if (stale && Date.now() - Date.parse(document.body.dataset.published) > limit) stale.hidden = false;
if (!/^zh/i.test(navigator.language)) document.getElementById("choose-en").checked = true;
"""

Row = dict[str, Any]


def write_report(home: Home) -> Path:
    """Write `serving/report/index.html` from the served file; a withdrawn or missing one gives a page that says so."""
    folder = home.serving / "report"
    folder.mkdir(mode=0o755, exist_ok=True)
    served = home.serving / "kpi.duckdb"
    run = last_run(home)
    if served.exists():
        with duckdb.connect(str(served), read_only=True) as con:
            page = _render("report.html.jinja", **_Reader(con).view(), run=run, now=now())
    else:
        notice = home.serving / "withdrawn.json"
        withdrawn = json.loads(notice.read_text()) if notice.exists() else None
        page = _render("empty.html.jinja", withdrawn=withdrawn, run=run, now=now())
    path = folder / "index.html"
    write_durably(path, page.encode(), MODE)
    return path


def last_run(home: Home) -> Row | None:
    """The newest line of the run history, or None before the first run."""
    path = home.root / "ops" / "runs.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return next((json.loads(line) for line in reversed(lines) if line.strip()), None)


class _Reader:
    """Small questions to the served file; a table that a home does not have reads as no rows."""

    def __init__(self, con: duckdb.DuckDBPyConnection):
        self._con = con
        found = con.execute("SELECT table_name, list(column_name) FROM duckdb_columns() WHERE NOT internal GROUP BY 1")
        self._tables: dict[str, set[str]] = {str(n): set(c) for n, c in found.fetchall()}
        self._names: dict[str, dict[str, tuple[str, str]]] = {}
        self.metrics = {r["metric_id"]: r for r in self._rows("SELECT * FROM kpi_metrics ORDER BY is_headline")}

    def view(self) -> Row:
        """Everything the page shows."""
        publication = self._first("SELECT * FROM publication") or {}
        published_at = publication.get("published_at")
        return {
            "publication": publication,
            "is_stale": published_at is not None and now().replace(tzinfo=None) - published_at > STALE_AFTER,
            "stale_after_hours": int(STALE_AFTER.total_seconds() // 3600),
            "scores": [s for m in SCORES if (s := self.headline(m))],
            "sla": self.headline("sla_attainment") or self.headline("sla_attainment", "source_flag"),
            "backlog": self.headline("backlog"),
            "growth": self.growth(),
            "coverage": self._first(
                "SELECT max(data_through) AS data_through, any_value(period_tz) AS period_tz FROM kpi_values"
            ),
            "sources": self.sources(),
            "trends": [t for m in TRENDS if (t := self.trend(m))],
            "channels": self.side_by_side("channel") or self.side_by_side("source"),
            "times": [t for m in TIMES for t in self.times(m)],
            "quality": self._table("kpi_data_quality", "ORDER BY n DESC NULLS LAST, source, kind, finding"),
            "checks": self._table("privacy_checks", "ORDER BY TRY_CAST(substr(check_id, 2) AS INTEGER), check_id"),
            "ledger": self.ledger(),
            "hidden": self._rows(
                "SELECT suppressed_reason AS reason, count(*) AS n FROM kpi_values WHERE suppressed_reason IS NOT NULL "
                "GROUP BY 1 ORDER BY 2 DESC"
            ),
        }

    def headline(self, metric: str, variant: str | None = None) -> Row | None:
        """The newest complete period that shows a value, of the finest grain that can say whether it changed.

        Rows carry `metric` (registry), and `state`: shown, hidden or unmeasurable.
        """
        rows = self._rows(
            """
            SELECT * FROM kpi_values
            WHERE metric_id = ? AND breakdown = '' AND (variant = ? OR (? IS NULL AND is_headline))
                AND period_grain IN ('month', 'quarter', 'year', 'all')
                AND coalesce(is_complete_period, true) AND cohort_age_months IS NULL
            QUALIFY row_number() OVER (
                PARTITION BY period_grain ORDER BY value IS NULL, period_start DESC NULLS LAST, currency
            ) = 1
            """,
            metric, variant, variant,
        )  # fmt: skip
        order = {grain: i for i, grain in enumerate(GRAINS)}
        ranked = sorted(rows, key=lambda r: (r["value"] is None, r["difference"] is None, order[r["period_grain"]]))
        if not ranked:
            return None
        return self._described(ranked[0])

    def growth(self) -> Row | None:
        """The three case categories whose number of received cases grew most from one complete month to the next."""
        rows = self._rows(
            """
            WITH monthly AS (
                SELECT category, period_start, n_eligible AS n, suppressed_reason FROM kpi_values
                WHERE metric_id = ? AND is_headline AND breakdown = 'category' AND period_grain = 'month'
                    AND coalesce(is_complete_period, true)
            ),
            newest AS (SELECT max(period_start) AS period_start FROM monthly)
            SELECT m.category, m.period_start, m.n, p.n AS previous_n, m.n - p.n AS change
            FROM monthly m JOIN newest USING (period_start)
            LEFT JOIN monthly p ON p.category = m.category AND p.period_start = m.period_start - INTERVAL 1 MONTH
            ORDER BY change DESC NULLS LAST, m.category
            """,
            CASES_RECEIVED,
        )
        if not rows:
            return None
        grown = [r for r in rows if r["change"] is not None and r["change"] > 0][:3]
        return {
            "period_start": rows[0]["period_start"],
            "categories": grown,
            "compared": sum(r["change"] is not None for r in rows),
            "hidden": sum(r["change"] is None for r in rows),
        }

    def sources(self) -> list[Row]:
        """How far each source's data reach."""
        return self._rows(
            "SELECT source, max(data_through) AS data_through FROM kpi_values WHERE breakdown = 'source' "
            "GROUP BY source ORDER BY source"
        )

    def trend(self, metric: str) -> Row | None:
        """A metric over time with its interval; of the finest grain that has at least three shown periods."""
        for grain in GRAINS[:-1]:
            rows = self._rows(
                f"""
                SELECT period_start, value, ci_low, ci_high, suppressed_reason FROM kpi_values
                WHERE metric_id = ? AND is_headline AND breakdown = '' AND period_grain = ?
                    AND coalesce(is_complete_period, true) AND cohort_age_months IS NULL
                ORDER BY period_start DESC LIMIT {LONGEST_TREND}
                """,
                metric, grain,
            )[::-1]  # fmt: skip
            shown = [r for r in rows if r["value"] is not None]
            if len(shown) >= 3:
                about = self.metrics[metric]
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
            f"SELECT * FROM kpi_values WHERE breakdown = ? AND period_grain = 'all' AND is_headline "
            f"AND metric_id IN ({', '.join('?' for _ in SIDE_BY_SIDE)}) AND cohort_age_months IS NULL",
            dimension, *SIDE_BY_SIDE,
        )  # fmt: skip
        if not cells:
            return None
        placed = {(c[dimension], c["metric_id"]): self._described(c) for c in cells}
        metrics = [m for m in SIDE_BY_SIDE if any(key[1] == m for key in placed)]
        members = sorted({str(key[0]) for key in placed})
        return {
            "dimension": dimension,
            "metrics": [self.metrics[m] for m in metrics],
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
            {"metric": newest["metric"], "newest": newest, "variants": {r["variant"]: self._described(r) for r in rows}}
        ]

    def ledger(self) -> list[Row]:
        """The ledger summed over loads: one row per source and kind or stream."""
        if not {"source", "level", "name", "measure", "n"} <= self._tables.get("load_ledger", set()):
            return []
        rows = self._rows(
            "SELECT source, level, name, measure, CAST(sum(n) AS BIGINT) AS n FROM load_ledger GROUP BY ALL ORDER BY ALL"
        )
        lines: dict[tuple[str, str, str], Row] = {}
        for r in rows:
            key = (r["level"], r["source"], r["name"])
            lines.setdefault(key, {"level": r["level"], "source": r["source"], "name": r["name"], "n": {}})["n"][
                r["measure"]
            ] = r["n"]
        return list(lines.values())

    def name(self, dimension: str, code: str) -> tuple[str, str]:
        """Chinese and English name of a dimension's member; the code where it has none."""
        if dimension not in self._names:
            table = f"dim_{dimension}s"
            has = {dimension, "name_zh", "name_en"} <= self._tables.get(table, set())
            rows = self._rows(f"SELECT {dimension} AS code, name_zh, name_en FROM {table}") if has else []
            self._names[dimension] = {
                str(r["code"]): (r["name_zh"] or r["code"], r["name_en"] or r["code"]) for r in rows
            }
        return self._names[dimension].get(code, (code, code))

    def _described(self, row: Row) -> Row:
        state = "hidden" if row["suppressed_reason"] else "unmeasurable" if row["value"] is None else "shown"
        return {**row, "state": state, "metric": self.metrics[row["metric_id"]]}

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


def instant(moment: datetime | None) -> str:
    """An instant to the minute, without a zone: the page says which zone it is."""
    return f"{moment:%Y-%m-%d %H:%M}" if moment else "–"


def _t(zh: object, en: object) -> Markup:
    """One text in both languages; the page shows one of them."""
    return Markup('<span lang="zh">{}</span><span lang="en">{}</span>').format(zh, en)


def _render(template: str, **view: Any) -> str:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(figure=figure, instant=instant, period=period)
    digest = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    environment.globals.update(
        t=_t, css=Markup((TEMPLATES / "report.css").read_text()), script=Markup(SCRIPT), script_digest=digest
    )
    return environment.get_template(template).render(**view)
