"""The sample company's reference data: calendars, SLA policies, scales, targets, questions, stores, as CSV files.

Keep out: anything a system exports by itself. The files go to a home's folder `reference`, not into the inbox.
"""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from orchestration.records import KINDS
from orchestration.sample.cases import POLICIES, PRIORITIES, TARGET_METRICS
from orchestration.sample.clock import CALENDARS
from orchestration.sample.exports import FORMS
from orchestration.sample.phrases import NO_ANSWER, SATISFACTION, STORES

Row = dict[str, object]
FILES = {k: f"{k}s" for k in ("calendar", "scale", "target", "question", "store")} | {"sla_policy": "sla_policies"}
SINCE = "2023-12-01T00:00:00Z"
TABLET_SURVEY = "store_tablet"
STORE_COLUMNS = ("store_id", "name_zh", "name_en", "region", "country", "timezone", "opened_on")
QUESTION_COLUMNS = (
    "survey_id", "survey_name_zh", "survey_name_en", "question_id", "metric", "answer_type", "scale_id", "scale_min", "scale_max",
    "is_effort_worded", "text_zh", "text_en", "theme", "position",
)  # fmt: skip
QUESTIONS = (
    (FORMS["nps_relationship"], "季度关系调研", "Quarterly relationship survey", "nps_score", "nps", "slider", "nps_11", 0, 10, "false",
     "您有多大可能把岚桥推荐给朋友？", "How likely are you to recommend Lanqiao to a friend?", "loyalty", 1),
    (FORMS["nps_relationship"], "季度关系调研", "Quarterly relationship survey", "comment", "open", "open", "", "", "", "false",
     "为什么？", "Why?", "loyalty", 2),
    (FORMS["csat_purchase"], "购后调研", "Post-purchase survey", "overall", "csat", "scale", "csat_5", 1, 5, "false",
     "您对这次购物总体满意吗？", "How satisfied are you with this purchase overall?", "overall", 1),
    (FORMS["csat_purchase"], "购后调研", "Post-purchase survey", "quality", "driver", "scale", "csat_5", 1, 5, "false",
     "商品质量", "Product quality", "quality", 2),
    (FORMS["csat_purchase"], "购后调研", "Post-purchase survey", "delivery", "driver", "scale", "csat_5", 1, 5, "false",
     "配送", "Delivery", "delivery", 3),
    (FORMS["csat_purchase"], "购后调研", "Post-purchase survey", "staff", "driver", "scale", "csat_5", 1, 5, "false",
     "店员与客服", "Staff and support", "staff", 4),
    (FORMS["csat_purchase"], "购后调研", "Post-purchase survey", "comment", "open", "open", "", "", "", "false",
     "其他意见", "Anything else?", "overall", 5),
    (FORMS["ces_service"], "服务后调研", "After-service survey", "ease", "ces", "scale", "ces_7", 1, 7, "false",
     "岚桥让我轻松解决了问题", "Lanqiao made it easy to solve my problem", "effort", 1),
    (FORMS["ces_service"], "服务后调研", "After-service survey", "effort", "ces", "scale", "ces_7", 1, 7, "true",
     "解决这个问题我花了很多力气", "It took me a lot of effort to solve my problem", "effort", 2),
    (FORMS["ces_service"], "服务后调研", "After-service survey", "comment", "open", "open", "", "", "", "false",
     "其他意见", "Anything else?", "effort", 3),
    (TABLET_SURVEY, "门店平板", "Shop tablet", "smiley", "csat", "scale", "csat_5", 1, 5, "false",
     "您对本次到店满意吗？", "How was your visit?", "store", 1),
)  # fmt: skip
TARGET_COLUMNS = (
    "target_id", "metric_id", "variant", "breakdown", "member", "target_value", "valid_from", "valid_to", "owner", "reason",
)  # fmt: skip
TARGETS = (
    ("T-nps", "nps", "per_response", "", "", 45, "2024-01-01", "", "head of customer experience", "board plan 2024"),
    ("T-csat", "csat", "top2", "", "", 85, "2024-01-01", "", "head of customer experience", "board plan 2024"),
    (
        "T-reply",
        "first_reply_minutes",
        "km_p50_calendar",
        "",
        "",
        240,
        "2024-01-01",
        "2025-01-01",
        "head of service",
        "service plan",
    ),
    (
        "T-reply-2025",
        "first_reply_minutes",
        "km_p50_calendar",
        "",
        "",
        180,
        "2025-01-01",
        "",
        "head of service",
        "raised after review",
    ),
    ("T-sla", "sla_attainment", "house", "", "", 90, "2024-01-01", "", "head of service", "service plan"),
    ("T-retention", "retention_rate", "inactive_90_days", "", "", 40, "2024-01-01", "", "head of sales", "sales plan"),
)


def write(folder: Path) -> dict[str, int]:
    """Write the files as the built-in source `reference` reads them in a home's folder; rows of each file, by stem."""
    folder.mkdir(parents=True, exist_ok=True)
    tables: dict[str, Iterable[Row]] = {
        "calendar": _calendar_rows(),
        "sla_policy": _policy_rows(),
        "scale": _scale_rows(),
        "target": [dict(zip(TARGET_COLUMNS, t, strict=True)) for t in TARGETS],
        "question": _question_rows(),
        "store": [dict(zip(STORE_COLUMNS, s, strict=True)) for s in STORES],
    }
    return {FILES[kind]: _csv(folder / f"{FILES[kind]}.csv", kind, list(rows)) for kind, rows in tables.items()}


def _calendar_rows() -> Iterable[Row]:
    for calendar in CALENDARS.values():
        about: Row = {"calendar_id": calendar.calendar_id, "timezone": calendar.timezone}
        for n, (weekday, start, end) in enumerate(calendar.shifts):
            hours: Row = {"weekday": weekday, "start_minute": start, "end_minute": end}
            yield {**about, "entry_id": f"shift_{n:02d}", "entry_type": "interval", **hours}
        for n, (day, start, end) in enumerate(calendar.exceptions):
            hours = {"on_date": day, "start_minute": start, "end_minute": end}
            yield {**about, "entry_id": f"exception_{n:02d}", "entry_type": "exception", **hours}
        for day in calendar.holidays:
            yield {**about, "entry_id": f"holiday_{day}", "entry_type": "holiday", "on_date": day}


def _policy_rows() -> Iterable[Row]:
    for p in POLICIES:
        for metric in TARGET_METRICS:
            for i, priority in enumerate(PRIORITIES):
                yield {
                    "policy_id": p.policy_id,
                    "rule_id": f"{metric}_{priority}",
                    "metric": metric,
                    "priority": priority,
                    "applies_to_source": p.source,
                    "target_minutes": getattr(p, metric)[i],
                    "is_business_time": "false" if priority in p.around_the_clock else "true",
                    "calendar_id": p.calendar.calendar_id,
                    "pausing_statuses": "pending" if metric == "resolution" else "",
                    "stop_at": "first",
                    "valid_from": SINCE,
                }


def _scale_rows() -> Iterable[Row]:
    for score, labels in SATISFACTION.items():
        for language, label in zip(("zh", "en"), labels, strict=True):
            yield {
                "scale_id": "csat_5",
                "label": label,
                "score": score,
                "scale_min": 1,
                "scale_max": 5,
                "is_satisfied": "true" if score >= 4 else "false",
                "language": language,
            }


def _question_rows() -> Iterable[Row]:
    for question in QUESTIONS:
        row = dict(zip(QUESTION_COLUMNS, question, strict=True))
        yield {**row, "no_answer_codes": ";".join(NO_ANSWER) if row["metric"] == "driver" else ""}


def _csv(path: Path, kind: str, rows: Sequence[Row]) -> int:
    """A file with the whole header of the kind's contract."""
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, [f.name for f in KINDS[kind].fields], lineterminator="\n")
        writer.writeheader()
        writer.writerows({**row, "updated_at": SINCE} for row in rows)
    return len(rows)
