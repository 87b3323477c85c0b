"""A made-up warehouse with exact marts in the shape of kpi_values: what publication and the report read.

Keep out: tests, and formulas that a test would check (the models have those).
"""

from pathlib import Path

import duckdb

from orchestration.home import Home
from orchestration.privacy.disclosure import DIMENSIONS

GRAINS = ("day", "week", "month", "quarter", "year", "all")

# metric, variant, is_headline, unit, direction, disclosure, zh, en
REGISTRY = (
    ("nps", "per_response", True, "points", "up", "subject", "净推荐值", "Net Promoter Score"),
    ("csat", "top2", True, "percent", "up", "subject", "满意度", "Satisfaction (CSAT)"),
    ("rating_mean", "per_response", True, "scale_points", "up", "subject", "平均评分", "Mean rating"),
    ("first_reply_minutes", "km_p50_calendar", True, "minutes", "down", "operational",
     "首次回复时长（中位数）", "First reply, median"),
    ("first_reply_minutes", "km_p90_calendar", False, "minutes", "down", "operational",
     "首次回复时长（P90）", "First reply, P90"),
    ("resolution_hours", "km_p50_calendar", True, "hours", "down", "operational",
     "解决时长（中位数）", "Resolution, median"),
    ("sla_attainment", "house", True, "percent", "up", "operational", "SLA 达成率", "SLA attainment"),
    ("backlog", "open_at_period_end", True, "count", "down", "operational", "积压工单", "Open cases"),
)  # fmt: skip


def warehouse(temp: Path, answers: int = 6000, cases: int = 4000, days: int = 560) -> duckdb.DuckDBPyConnection:
    """A connection with catalog `wh` and its schemas intermediate, core and kpis; the same for the same arguments."""
    con = duckdb.connect()
    temp.mkdir(parents=True, exist_ok=True)
    con.execute(f"ATTACH '{temp / 'made.duckdb'}' AS wh")
    for schema in ("intermediate", "core", "kpis"):
        con.execute(f"CREATE SCHEMA wh.{schema}")
    con.execute("CREATE TABLE wh.intermediate.int_sources AS SELECT 'desk' AS source, false AS is_public_set")
    con.execute(
        f"""
        CREATE TEMP TABLE made AS
        SELECT i, CAST(hash(i) % 2500 AS BIGINT) AS person,
            DATE '2025-01-06' + CAST(hash(i * 7) % {days} AS INTEGER) AS day, hash(i * 3) % 2 = 0 AS odd,
            ['web', 'wechat', 'store', 'phone'][1 + least(CAST(hash(i * 11) % 9 AS BIGINT), 3)] AS channel,
            ['delivery', 'returns', 'billing', 'product', 'account'][1 + CAST(hash(i * 13) % 5 AS BIGINT)] AS category,
            ['desk', 'forms'][1 + CAST(hash(i * 17) % 2 AS BIGINT)] AS source,
            CAST(least(10, 3 + CAST(hash(i * 19) % 9 AS BIGINT)) AS BIGINT) AS score, 5 + CAST(hash(i * 23) % 400 AS BIGINT) AS minutes,
            i < {answers} AS is_answer
        FROM range({answers + cases}) AS t(i)
        """
    )
    figures = {
        "nps": ("is_answer", "count(*) FILTER (score >= 9) - count(*) FILTER (score < 7)", 100),
        "csat": ("is_answer", "count(*) FILTER (score >= 7)", 100),
        "rating_mean": ("is_answer", "sum(score / 2.0)", 1),
        "first_reply_minutes": ("NOT is_answer", "sum(minutes)", 1),
        "resolution_hours": ("NOT is_answer", "sum(minutes / 9.0)", 1),
        "sla_attainment": ("NOT is_answer", "count(*) FILTER (minutes < 330)", 100),
        "backlog": ("NOT is_answer", "count(*) FILTER (minutes > 300)", None),
    }
    selects = []
    for metric, variant, headline, *_ in REGISTRY:
        where, numerator, factor = figures[metric]
        for breakdown in ("", "source", "channel") if where == "is_answer" else ("", "source", "category"):
            selects += [_cells(metric, variant, headline, where, numerator, factor, breakdown, g) for g in GRAINS]
    con.execute(f"CREATE TABLE wh.kpis.kpi_values AS {_COMPARED.format(cells=' UNION ALL '.join(selects))}")
    con.execute(
        "CREATE TABLE wh.kpis.kpi_metrics (metric_id VARCHAR, variant VARCHAR, is_headline BOOLEAN, unit VARCHAR, "
        "direction VARCHAR, disclosure VARCHAR, name_zh VARCHAR, name_en VARCHAR, "
        "period_anchor VARCHAR, version BIGINT DEFAULT 1, is_in_force BOOLEAN DEFAULT true, "
        "record_kind VARCHAR AS (CASE WHEN disclosure = 'subject' THEN 'survey_answer' ELSE 'case' END))"
    )
    for row in REGISTRY:
        anchor = "instant" if row[0] == "backlog" else "opened"
        con.execute(
            "INSERT INTO wh.kpis.kpi_metrics VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, DEFAULT, DEFAULT)", [*row, anchor]
        )
    con.execute(
        """
        CREATE TABLE wh.kpis.kpi_data_quality AS
        SELECT 'desk' AS source, 'case' AS kind, 'negative_duration' AS finding, 3 AS n, 'l1' AS example_load;
        CREATE TABLE wh.kpis.privacy_checks AS
        SELECT * FROM (VALUES ('C1', '每行均有法律依据与目的', 'Basis and purpose valid for every row', 'run', 'passed',
                TIMESTAMP '2026-07-20 02:00:00', 'gate counts', 9000, 0),
            ('C15', '隐藏单元不可推算', 'No hidden cell can be computed', 'run', 'passed',
                TIMESTAMP '2026-07-20 02:00:00', 'disclosure audit', 700, 0),
            ('C9', '分析员无法接触封闭存储', 'Analyst cannot reach closed stores', 'run', 'passed',
                TIMESTAMP '2026-07-20 02:00:00', 'modes', 12, 0),
            ('C22', '敏感文本不入公开文件', 'Sensitive text kept out of the published file', 'run', 'not_proved',
                NULL, 'asked of every new file before it is served', 0, 0))
            AS t(check_id, name_zh, name_en, cadence, status, last_proved_at, evidence, n_checked, n_failed);
        CREATE TABLE wh.kpis.kpi_coverage AS
        SELECT metric_id, variant, CASE WHEN disclosure = 'subject' THEN 'survey_answer' ELSE 'case' END AS record_kind, source,
            8000 AS n_records, 6000 AS n_in_analysis, CASE WHEN disclosure = 'subject' THEN 1500 ELSE 0 END AS n_refused,
            0 AS n_withheld, 100.0 * 6000 / (6000 + n_refused) AS coverage
        FROM wh.kpis.kpi_metrics, (VALUES (NULL), ('desk')) AS t(source);
        CREATE TABLE wh.kpis.load_ledger AS
        SELECT 'l1' AS load_id, 'desk' AS source, TIMESTAMP '2026-07-20 01:00:00' AS loaded_at, level, name, measure,
            CAST(NULL AS VARCHAR) AS reason, n
        FROM (VALUES ('rows', 'case', 'emitted', 4010), ('rows', 'case', 'promoted', 4000), ('rows', 'case', 'rejected', 10),
            ('records', 'tickets', 'read', 4010), ('records', 'tickets', 'conformed', 4010)) AS t(level, name, measure, n);
        CREATE TABLE wh.kpis.kpi_columns AS
        SELECT mart, 1 AS column_position, column_name, zh AS label_zh, en AS label_en
        FROM (VALUES ('kpi_values', 'value', '值', 'Value'), ('dim_channels', 'channel', '渠道', 'Channel'))
            AS t(mart, column_name, zh, en);
        CREATE TABLE wh.core.dim_channels AS
        SELECT * FROM (VALUES ('web', '网站', 'Website'), ('wechat', '微信', 'WeChat'), ('store', '门店', 'Store'),
            ('phone', '电话', 'Phone')) AS t(channel, name_zh, name_en);
        CREATE TABLE wh.core.dim_agents AS
        SELECT 'support' AS team, 'k' || i AS agent_key, 'desk' AS source, NULL::DATE AS left_on, true AS is_current
        FROM range(9) AS t(i);
        CREATE TABLE wh.core.fct_cases AS SELECT 'c1' AS case_key, 'the <NAME> parcel is late' AS text;
        """
    )
    return con


def home(root: Path) -> Home:
    """An empty home."""
    return Home.open(root / "home")


def _cells(
    metric: str,
    variant: str,
    headline: bool,
    where: str,
    numerator: str,
    factor: int | None,
    breakdown: str,
    grain: str,
) -> str:
    start = "CAST(NULL AS DATE)" if grain == "all" else f"CAST(date_trunc('{grain}', day) AS DATE)"
    end = (
        "CAST(NULL AS DATE)"
        if grain == "all"
        else f"CAST(date_trunc('{grain}', max(day)) + INTERVAL 1 {grain} AS DATE)"
    )
    dimensions = ", ".join(f"{d if d == breakdown else 'CAST(NULL AS VARCHAR)'} AS {d}" for d in DIMENSIONS)
    value = f"{factor}.0 * ({numerator}) / count(*)" if factor else f"CAST({numerator} AS DOUBLE)"
    spread = {100: "98.0 / sqrt(count(*))", 1: "stddev_samp(minutes) / sqrt(count(*)) / 100", None: "NULL"}[factor]
    grouped = ", ".join(c for c in ("" if grain == "all" else start, breakdown) if c) or "true"
    return f"""
        SELECT '{metric}' AS metric_id, '{variant}' AS variant, 1 AS metric_version, {headline} AS is_headline,
            '{grain}' AS period_grain, {start} AS period_start, {end} AS period_end, 'Asia/Shanghai' AS period_tz,
            TIMESTAMP '2026-07-19 15:59:00' AS data_through, TIMESTAMP '2026-07-20 01:00:00' AS known_at,
            '{breakdown}' AS breakdown, {dimensions}, CAST(NULL AS BIGINT) AS cohort_age_months, CAST(0 AS BIGINT) AS n_censored,
            CAST(NULL AS VARCHAR) AS currency, count(*) AS n_eligible, count(*) AS n_answered,
            CAST(0 AS BIGINT) AS n_excluded_consent, count(DISTINCT person) AS n_subjects, 'person' AS subject_basis,
            CAST({numerator} AS DOUBLE) AS numerator, CAST(count(*) AS DOUBLE) AS denominator,
            {value} AS value, {value} - {spread} AS ci_low, {value} + {spread} AS ci_high, {spread} AS error
        FROM made WHERE {where} GROUP BY {grouped}
    """


_COMPARED = """
    WITH cells AS ({cells}),
    sequenced AS (
        SELECT *, lag(value) OVER w AS previous_value, lag(error) OVER w AS previous_error FROM cells
        WINDOW w AS (PARTITION BY metric_id, variant, period_grain, breakdown, source, channel, category ORDER BY period_start)
    )
    SELECT * EXCLUDE (error, previous_error),
        CASE WHEN period_grain <> 'all' THEN period_end <= DATE '2026-07-19' END AS is_complete_period,
        value - previous_value AS difference,
        value - previous_value - sqrt(error ** 2 + previous_error ** 2) AS difference_ci_low,
        value - previous_value + sqrt(error ** 2 + previous_error ** 2) AS difference_ci_high,
        abs(value - previous_value) > sqrt(error ** 2 + previous_error ** 2) AS is_significant,
        CAST(NULL AS VARCHAR) AS suppressed_reason, 'l1' AS load_id
    FROM sequenced
"""
