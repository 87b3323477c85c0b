"""The sample company's reference data: calendars, SLA policies, scales, targets, questions, stores, as CSV files.

Keep out: anything a system exports by itself.
"""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from orchestration.sample.cases import POLICIES, PRIORITIES, TARGET_METRICS
from orchestration.sample.clock import CALENDARS
from orchestration.sample.exports import FORMS
from orchestration.sample.phrases import NO_ANSWER, SATISFACTION, STORES
from orchestration.sample.world import World

SINCE = "2023-12-01T00:00:00Z"
TABLET_SURVEY = "store_tablet"
# survey, Chinese name, English name, question, metric, type, scale, lowest, highest, effort-worded, zh, en, theme, position
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


def write(world: World, folder: Path) -> None:
    """Write the files of the source `reference`."""
    folder.mkdir(parents=True, exist_ok=True)
    _csv(
        world,
        folder / "calendars.csv",
        (
            "calendar_id",
            "entry_id",
            "entry_type",
            "timezone",
            "weekday",
            "on_date",
            "start_minute",
            "end_minute",
            "updated_at",
        ),
        _calendar_rows(),
    )
    _csv(
        world,
        folder / "sla_policies.csv",
        ("policy_id", "rule_id", "metric", "priority", "source", "target_minutes", "is_business_time", "calendar_id", "pausing_statuses",
         "stop_at", "valid_from", "updated_at"),
        (
            (p.policy_id, f"{metric}_{priority}", metric, priority, p.source, getattr(p, metric)[i],
             "false" if priority in p.around_the_clock else "true", p.calendar.calendar_id,
             "pending" if metric == "resolution" else "", "first", SINCE, SINCE)
            for p in POLICIES for metric in TARGET_METRICS for i, priority in enumerate(PRIORITIES)
        ),
    )  # fmt: skip
    _csv(
        world,
        folder / "scales.csv",
        ("scale_id", "label", "score", "scale_min", "scale_max", "is_satisfied", "language", "updated_at"),
        (
            ("csat_5", label, score, 1, 5, "true" if score >= 4 else "false", language, SINCE)
            for score, labels in SATISFACTION.items()
            for language, label in zip(("zh", "en"), labels, strict=True)
        ),
    )
    _csv(
        world,
        folder / "targets.csv",
        (
            "target_id",
            "metric_id",
            "variant",
            "breakdown",
            "member",
            "target_value",
            "valid_from",
            "valid_to",
            "owner",
            "reason",
            "updated_at",
        ),
        ((*t, SINCE) for t in TARGETS),
    )
    _csv(
        world,
        folder / "questions.csv",
        ("survey_id", "survey_name_zh", "survey_name_en", "question_id", "metric", "answer_type", "scale_id", "scale_min", "scale_max",
         "is_effort_worded", "text_zh", "text_en", "theme", "position", "no_answer_codes", "updated_at"),
        ((*q, ";".join(NO_ANSWER) if q[4] == "driver" else "", SINCE) for q in QUESTIONS),
    )  # fmt: skip
    _csv(
        world,
        folder / "stores.csv",
        ("store_id", "name_zh", "name_en", "region", "country", "timezone", "opened_on", "updated_at"),
        ((*s, SINCE) for s in STORES),
    )


def _calendar_rows() -> Iterable[Sequence[object]]:
    for calendar in CALENDARS.values():
        about = (calendar.calendar_id, calendar.timezone)
        for n, (weekday, start, end) in enumerate(calendar.shifts):
            yield (about[0], f"shift_{n:02d}", "interval", about[1], weekday, "", start, end, SINCE)
        for n, (day, start, end) in enumerate(calendar.exceptions):
            yield (about[0], f"exception_{n:02d}", "exception", about[1], "", day, start, end, SINCE)
        for day in calendar.holidays:
            yield (about[0], f"holiday_{day}", "holiday", about[1], "", day, "", "", SINCE)


def _csv(world: World, path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    listed = list(rows)
    world.written["reference", path.stem] += len(listed)
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(listed)
