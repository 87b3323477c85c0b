"""What 简道云 rows mean: the shipped SQL and CSVs turn entries into answers, cases, questions and tombstones.

Keep out: how the rows were fetched (tests/integration/test_jiandaoyun.py).
"""

import csv
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration.engine import connect
from orchestration.privacy.conform import Conformed, conform
from orchestration.privacy.scratch import Scratch, scratch
from orchestration.records import KINDS
from orchestration.sources.contract import Page, read_settings
from orchestration.sources.files import read_file
from orchestration.sources.registry import BUILT_IN

FOLDER = BUILT_IN / "jiandaoyun"
SURVEY, CASE = "59264073a2a60c0c08e20bfd", "59264073a2a60c0c08e20c01"
STAFF = {"name": "小简", "username": "xiaojian", "type": 0}
GUEST = {"name": "王芳", "username": "ext_wangfang", "type": 2}
CREATED, EDITED = "2026-03-01T01:02:03.456Z", "2026-03-02T01:02:03.456Z"

Load = Callable[..., Conformed]
Rows = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def con(tmp_path: Path) -> duckdb.DuckDBPyConnection:
    return connect(tmp_path / "tmp")


@pytest.fixture
def kept(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> Iterator[Scratch]:
    with scratch(con, tmp_path / "tmp") as kept:
        yield kept


@pytest.fixture
def load(con: duckdb.DuckDBPyConnection, kept: Scratch) -> Load:
    """Conform widgets (form, role, {name: label or (label, type)}) and entries (form, role, row)."""
    settings = read_settings(FOLDER)

    def load(
        widgets: list[tuple[str, str, dict[str, Any]]], entries: list[tuple[str, str, dict[str, Any]]]
    ) -> Conformed:
        pages = []
        for stream in settings.streams.values():
            if stream.files:
                path = Path(stream.files.removeprefix("@"))
                with (FOLDER / path).open("rb") as handle:
                    pages += list(read_file(handle, path.name, stream))
        for form, role, fields in widgets:
            labelled = {n: given if isinstance(given, tuple) else (given, "text") for n, given in fields.items()}
            about = {"form_id": form, "form_name": "门店满意度", "form_role": role}
            records = [
                {**about, "name": name, "label": label, "type": type_, "position": n}
                for n, (name, (label, type_)) in enumerate(labelled.items())
            ]
            pages.append(Page("widgets", records))
        for form, role, row in entries:
            system = {"_id": "d1", "creator": STAFF, "createTime": CREATED, "updateTime": CREATED}
            about = {"source": settings.name, "zone": settings.timezone, "form_id": form, "form_role": role}
            pages.append(Page("entries", [{**about, "row": {**system, **row}}]))
        return conform(con, kept, settings, pages, datetime(2026, 4, 1))

    return load


@pytest.fixture
def rows(con: duckdb.DuckDBPyConnection) -> Rows:
    def rows(kind: str, *columns: str) -> list[tuple[Any, ...]]:
        return con.execute(f"SELECT {', '.join(columns)} FROM conformed_{kind} ORDER BY 1, 2").fetchall()

    return rows


WIDGETS = {
    "_widget_1": ("您向朋友推荐我们的可能性", "number"),
    "_widget_2": ("总体满意度", "radiogroup"),
    "_widget_3": ("您的建议", "textarea"),
    "_widget_4": ("手机号", "phone"),
    "_widget_5": ("是否希望回访", "radiogroup"),
    "_widget_6": ("门店编号", "text"),
    "_widget_7": ("内部备注", "text"),
}


def test_each_answered_question_is_a_row(load: Load, rows: Rows) -> None:
    row = {"_widget_1": 9.5, "_widget_2": "比较满意", "_widget_3": " 上菜慢 ", "_widget_7": "x"}
    result = load([(SURVEY, "survey", WIDGETS)], [(SURVEY, "survey", row)])
    assert rows("survey_answer", "answer_id", "response_id", "survey_id", "question_id", "score", "text", "choice") == [
        ("d1:overall", "d1", SURVEY, "overall", 4.0, None, None),
        ("d1:recommend", "d1", SURVEY, "recommend", 9.5, None, None),
        ("d1:suggestion", "d1", SURVEY, "suggestion", None, "上菜慢", None),
    ]
    assert result.streams["entries"].conformed == 1
    assert result.streams["entries"].rejected == {}


def test_times_are_utc_and_the_edit_is_the_version(load: Load, rows: Rows) -> None:
    load([(SURVEY, "survey", WIDGETS)], [(SURVEY, "survey", {"_widget_1": 0, "updateTime": EDITED})])
    assert rows("survey_answer", "answered_at", "updated_at") == [
        (datetime(2026, 3, 1, 1, 2, 3, 456000), datetime(2026, 3, 2, 1, 2, 3, 456000))
    ]


def test_fields_about_the_entry_go_with_every_answer(load: Load, rows: Rows) -> None:
    row = {
        "_widget_1": 3,
        "_widget_2": "满意",
        "_widget_4": {"verified": True, "phone": "13800138000"},
        "_widget_5": "是",
        "_widget_6": "S001",
    }
    load([(SURVEY, "survey", WIDGETS)], [(SURVEY, "survey", row)])
    about = ("13800138000", True, "S001", "form")
    assert rows("survey_answer", "question_id", "person_phone", "wants_contact", "store_id", "channel") == [
        ("overall", *about),
        ("recommend", *about),
    ]


def test_an_external_creator_is_the_person_and_a_member_is_not(load: Load, rows: Rows) -> None:
    entries = [
        (SURVEY, "survey", {"_id": "a", "_widget_1": 3, "creator": GUEST}),
        (SURVEY, "survey", {"_id": "b", "_widget_1": 3, "creator": STAFF}),
        (SURVEY, "survey", {"_id": "c", "_widget_1": 3, "creator": None}),
    ]
    load([(SURVEY, "survey", WIDGETS)], entries)
    assert rows("survey_answer", "response_id", "person_account_id", "person_name") == [
        ("a", "ext_wangfang", "王芳"),
        ("b", None, None),
        ("c", None, None),
    ]


@pytest.mark.parametrize("blank", [None, "", "  ", [], {}, "未使用", "不清楚"])
def test_blank_and_no_answer_give_no_row(load: Load, rows: Rows, blank: object) -> None:
    load([(SURVEY, "survey", WIDGETS)], [(SURVEY, "survey", {"_widget_1": 7, "_widget_2": blank})])
    assert rows("survey_answer", "question_id", "score") == [("recommend", 7.0)]


def test_an_unknown_label_of_a_scale_is_a_counted_rejection(load: Load, rows: Rows) -> None:
    result = load([(SURVEY, "survey", WIDGETS)], [(SURVEY, "survey", {"_widget_1": 7, "_widget_2": "还行吧"})])
    assert rows("survey_answer", "question_id", "score") == [("recommend", 7.0)]
    assert result.rejected["survey_answer"] == {"unparsable:score": 1}


def test_a_replaced_field_keeps_its_question(load: Load, rows: Rows) -> None:
    before, after = {"_widget_1": "总体满意度"}, {"_widget_9": "总体满意度"}
    entries = [
        (SURVEY, "survey", {"_id": "a", "_widget_1": "满意"}),
        (SURVEY, "survey", {"_id": "b", "_widget_9": "很满意"}),
    ]
    load([(SURVEY, "survey", before), (SURVEY, "survey", after)], entries)
    assert rows("survey_answer", "answer_id", "score") == [("a:overall", 4.0), ("b:overall", 5.0)]
    assert rows("question", "question_id", "metric") == [("overall", "csat")]


def test_a_field_renamed_within_a_load_is_found_by_both_labels(load: Load, rows: Rows) -> None:
    load(
        [(SURVEY, "survey", {"_widget_1": "总体满意度"}), (SURVEY, "survey", {"_widget_1": "您满意吗"})],
        [(SURVEY, "survey", {"_widget_1": "满意"})],
    )
    assert rows("survey_answer", "answer_id", "score") == [("d1:overall", 4.0)]


def test_answers_in_a_subform_are_rows_of_their_own(load: Load, rows: Rows, con: duckdb.DuckDBPyConnection) -> None:
    lines = [{"_id": "l1", "_widget_2": "满意"}, {"_id": "l2", "_widget_2": "不满意"}, {"_widget_2": "满意"}]
    load(
        [(SURVEY, "survey", {"_widget_1": "商品", "_widget_1._widget_2": "总体满意度"})],
        [(SURVEY, "survey", {"_widget_1": lines})],
    )
    assert rows("survey_answer", "answer_id", "question_id", "score") == [
        ("d1:overall:l1", "overall", 4.0),
        ("d1:overall:l2", "overall", 2.0),
    ]


def test_a_question_has_its_wording_scale_and_codes(load: Load, rows: Rows) -> None:
    load([(SURVEY, "survey", WIDGETS)], [])
    assert rows(
        "question", "question_id", "metric", "answer_type", "scale_id", "scale_min", "scale_max", "no_answer_codes",
        "text_zh", "survey_name_zh", "position",
    ) == [
        ("overall", "csat", "scale", "csat_5", 1.0, 5.0, ["未使用", "不清楚"], "总体满意度", "门店满意度", 1),
        ("recommend", "nps", "scale", None, 0.0, 10.0, None, "您向朋友推荐我们的可能性", "门店满意度", 0),
        ("suggestion", "open", "open", None, None, None, None, "您的建议", "门店满意度", 2),
    ]  # fmt: skip


def test_an_edit_that_takes_an_answer_back_leaves_a_tombstone(load: Load, rows: Rows) -> None:
    widgets = [(SURVEY, "survey", {"_widget_1": "您向朋友推荐我们的可能性", "_widget_2": "总体满意度"})]
    load(widgets, [(SURVEY, "survey", {"_widget_1": 9, "_widget_2": "", "updateTime": EDITED})])
    edited = datetime(2026, 3, 2, 1, 2, 3, 456000)
    gone = "\x1fjiandaoyun\x1fanswer\x1fd1:overall"
    assert rows("deletion", "deleted_kind", "deleted_id", "deleted_at", "reason") == [
        ("survey_answer", gone, edited, "source")
    ]
    assert KINDS["survey_answer"].field("answer_id").domain == "answer"
    load(widgets, [(SURVEY, "survey", {"_widget_1": 9, "_widget_2": ""})])
    assert rows("deletion", "deleted_kind", "deleted_id") == []


def test_a_ticked_consent_is_a_grant_and_its_edit_a_withdrawal(load: Load, rows: Rows) -> None:
    widgets = {**WIDGETS, "_widget_8": "我同意将回答用于改进服务"}
    entries = [
        (SURVEY, "survey", {"_id": "a", "_widget_8": "同意", "_widget_4": "13800138000", "updateTime": EDITED}),
        (SURVEY, "survey", {"_id": "b", "_widget_8": "不同意", "updateTime": EDITED}),
        (SURVEY, "survey", {"_id": "c", "_widget_1": 3}),
    ]
    load([(SURVEY, "survey", widgets)], entries)
    made, edited = datetime(2026, 3, 1, 1, 2, 3, 456000), datetime(2026, 3, 2, 1, 2, 3, 456000)
    assert rows("consent", "evidence_id", "purpose", "action", "given_at", "notice_version", "person_phone") == [
        ("a", "analytics", "grant", made, "2026-01", "13800138000"),
        ("b", "analytics", "withdraw", edited, "2026-01", None),
    ]


CASE_WIDGETS = {
    "_widget_1": "问题描述",
    "_widget_2": "投诉类型",
    "_widget_3": "处理人",
    "_widget_4": "处理状态",
    "_widget_5": "解决时间",
    "_widget_6": "手机号",
    "_widget_7": "投诉编号",
}


def test_an_entry_of_a_case_form_is_a_case(load: Load, rows: Rows) -> None:
    row = {
        "_widget_1": "杯子漏水",
        "_widget_2": "质量问题",
        "_widget_3": {"name": "小简", "username": "xiaojian", "type": 0},
        "_widget_4": "已解决",
        "_widget_5": "2026-03-01T09:00:00.000Z",
        "_widget_6": "13800138000",
        "_widget_7": "TS-2026-0042",
        "creator": GUEST,
    }
    result = load([(CASE, "case", CASE_WIDGETS)], [(CASE, "case", row)])
    assert rows(
        "case", "case_id", "opened_by", "text", "case_type", "agent_id", "status", "resolved_at", "person_phone",
        "person_account_id", "opened_at", "channel", "case_number", "title",
    ) == [
        (
            "d1", "customer", "杯子漏水", "product_defect", "xiaojian", "resolved", datetime(2026, 3, 1, 9),
            "13800138000", "ext_wangfang", datetime(2026, 3, 1, 1, 2, 3, 456000), "form", "TS-2026-0042", None,
        )
    ]  # fmt: skip
    assert result.emitted["survey_answer"] == 0


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("2026-03-01T09:00:00.000Z", datetime(2026, 3, 1, 9)),
        ("2026-03-01T09:00:00+08:00", datetime(2026, 3, 1, 1)),
        ("2026-03-01 09:00", datetime(2026, 3, 1, 1)),
        ("2026-03-01", datetime(2026, 2, 28, 16)),
    ],
)
def test_a_time_without_zone_is_the_sources(load: Load, rows: Rows, typed: str, meant: datetime) -> None:
    load([(CASE, "case", CASE_WIDGETS)], [(CASE, "case", {"_widget_5": typed})])
    assert rows("case", "case_id", "resolved_at") == [("d1", meant)]


def test_a_time_that_is_none_is_a_counted_rejection(load: Load) -> None:
    result = load([(CASE, "case", CASE_WIDGETS)], [(CASE, "case", {"_widget_5": "昨天下午"})])
    assert result.rejected["case"] == {"unparsable:resolved_at": 1}


def test_a_word_nobody_listed_is_a_counted_rejection(load: Load) -> None:
    result = load([(CASE, "case", CASE_WIDGETS)], [(CASE, "case", {"_widget_2": "吐槽"})])
    assert result.rejected["case"] == {"unknown_value:case_type": 1}


def test_every_record_is_accounted_for(load: Load) -> None:
    entries = [
        (SURVEY, "survey", {"_id": "a", "_widget_1": 9}),
        (SURVEY, "survey", {"_id": "b"}),
        (CASE, "case", {"_id": "c", "_widget_1": "漏水"}),
    ]
    result = load([(SURVEY, "survey", WIDGETS), (CASE, "case", CASE_WIDGETS)], entries)
    for count in result.streams.values():
        assert count.read == count.conformed + count.reference + sum(count.rejected.values())
    assert result.streams["entries"].rejected == {"unclaimed": 1}


def test_shipped_csvs_name_fields_of_the_contracts_only() -> None:
    fields = list(csv.DictReader((FOLDER / "fields.csv").open(encoding="utf-8")))
    words = list(csv.DictReader((FOLDER / "words.csv").open(encoding="utf-8")))
    known = {f.name for kind in ("survey_answer", "case") for f in KINDS[kind].fields} | {"consent", "consent_given_at"}
    assert {row["field"] for row in fields + words} <= known
    for row in words:
        for kind in ("survey_answer", "case"):
            allowed = next((f.values for f in KINDS[kind].fields if f.name == row["field"]), ())
            assert not allowed or row["value"] in allowed, row
    streams = read_settings(FOLDER).streams
    assert streams["fields"].columns == tuple(fields[0]) and streams["words"].columns == tuple(words[0])


def test_every_field_of_the_contract_can_be_mapped() -> None:
    """A field that fields.csv may name is asked for by the SQL: nothing named there is lost in silence."""
    derived = {"case_id", "answer_id", "response_id", "survey_id", "question_id", "source_version", "updated_at"}
    never = {"person_email_verified", "score", "choice", "text"}
    for kind in ("survey_answer", "case"):
        sql = (FOLDER / f"{kind}.sql").read_text()
        asked = set(re.findall(r"field = '(\w+)'", sql))
        missing = {f.name for f in KINDS[kind].fields} - asked - derived - (never - {"text"})
        assert not missing, (kind, sorted(missing))
