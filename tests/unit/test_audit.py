"""The audit of a batch: what passes, what stops it, and that it tells counts and never values."""

import dataclasses
import logging
import threading

import duckdb
import pyarrow as pa
import pytest
from protected_rows import rows

from expectations.privacy import text_rules
from orchestration.lake import audit
from orchestration.lake.audit import AuditError, audit_batch, audit_mart, audit_published, published_failures
from orchestration.records import KINDS


def broken(result):
    return {c.name: (c.n_checked, c.n_unexpected, c.is_blocking) for c in result.checks if not c.passed}


@pytest.mark.parametrize("kind", KINDS)
def test_batch_that_keeps_its_contract_passes_without_a_warning(kind):
    exceptions = {
        "order": {"amount": "case when i % 3 = 1 then -1 else 1 end"},
        "target": {"valid_to": "date '2025-06-01'"},
    }
    result = audit_batch(rows(kind, 60, **exceptions.get(kind, {})), kind, ["zoë@example.org"])
    assert result.passed
    assert broken(result) == {}
    assert len(result.checks) == len({c.name for c in result.checks}) >= 15


def test_empty_batch_passes():
    assert audit_batch(KINDS["case"].protected_schema.empty_table(), "case").passed


@pytest.mark.parametrize(
    ("columns", "rule", "unexpected"),
    [
        ({"status": "case when i < 2 then 'lost' else 'open' end"}, "status is a word of its vocabulary", 2),
        ({"opened_at": "case when i > 0 then timestamp '2025-01-01' end"}, "opened_at is present", 1),
        ({"reopen_count": "i - 1"}, "reopen_count lies within 0 to …", 1),
        ({"case_key": "sha256('one')", "content_hash": "sha256('one')"}, "no row stands twice", 50),
        ({"case_key": "'INC' || i"}, "keys are keyed hashes", 50),
        (
            {"subject_key": "case when i <> 7 then sha256('s') end"},
            "a subject stands where the row is about a person",
            1,
        ),
        ({"gate_version": "null"}, "every row carries its lineage", 50),
        ({"basis": "'because'"}, "basis is a word of its vocabulary", 50),
        ({"purposes": "[]"}, "purposes are named", 50),
        ({"closed_at": "timestamp '2024-01-01'"}, "closed_at is not before opened_at", 50),
        (
            {"text": "case when i = 3 then 'write to zoe.m@example.org' else 'fine' end"},
            "no e-mail address in any text",
            1,
        ),
        ({"category": "case when i = 3 then 'zoe.m@example.org' else 'fine' end"}, "no e-mail address in any text", 1),
        ({"text": "case when i = 3 then '电话13800138000谢谢' else null end"}, "no phone number in any text", 1),
        ({"text": "case when i < 2 then 'ring me on +442079460958 please' end"}, "no phone number in any text", 2),
        (
            {"title": "case when i = 3 then 'card: 4111111111111111, thanks' else 'x' end"},
            "no card number in any text",
            1,
        ),
        ({"text": "'身份证是11010519491231002X谢谢您'"}, "no resident id in any text", 50),
    ],
)
def test_batch_is_stopped_with_a_count_of_the_rows_that_break_a_rule(columns, rule, unexpected):
    result = audit_batch(rows("case", 50, **columns), "case")
    assert not result.passed
    assert {name: count for name, (_, count, _) in broken(result).items()}.get(rule) == unexpected


@pytest.mark.parametrize(
    "harmless",
    [
        "order 20250105123456789",
        "tracking 4111111111111112",
        "版本 1.2.3.4",
        "a@b",
        "1234567890123",
        "+12",
        "邮箱 <EMAIL>",
    ],
)
def test_numbers_that_identify_nobody_pass(harmless):
    assert audit_batch(rows("case", 5, text=f"'{harmless}'"), "case").passed


@pytest.mark.parametrize("columns", [("a", "b", "c"), ("b", "a", "c"), ("c", "b", "a")])
@pytest.mark.parametrize("found", ["13800138000", "+442079460958", "4111111111111111", "11010519491231002X"])
@pytest.mark.parametrize("beside", ["1", "138", "20250101", "x" * 40, ""])
def test_identifier_is_found_in_any_of_several_columns_whatever_stands_in_those_beside_it(columns, found, beside):
    seen = f"'{beside}' as {columns[0]}, '{found}' as {columns[1]}, '{beside}' as {columns[2]}"
    apart = f"'{beside}' as {columns[0]}, '{found[:7]}' as {columns[1]}, '{found[7:]}' as {columns[2]}"
    rules = [rule.expression for rule in text_rules(("a", "b", "c"), ())]
    with duckdb.connect() as con:
        told = [con.sql(f"select {' and '.join(rules)} from (select {given})").fetchone()[0] for given in (seen, apart)]
    assert told == [False, True]


def test_rules_that_ask_the_same_are_told_apart_by_their_values():
    result = audit_batch(rows("case", 50, opened_at="case when i > 0 then timestamp '2025-01-01' end"), "case")
    assert {n for n in broken(result) if n.endswith("is present")} == {"opened_at is present"}
    assert sum(c.name.endswith("is present") for c in result.checks) > 1


def test_shape_of_the_contract_is_demanded_column_by_column():
    table = rows("case", 5)
    wrong = table.set_column(
        table.schema.get_field_index("reopen_count"), "reopen_count", pa.array(["1"] * 5)
    ).append_column("email", pa.array(["x"] * 5))
    name = "columns and types are those of the contract"
    assert broken(audit_batch(wrong, "case"))[name] == (len(wrong.schema), 2, True)


def test_share_of_exceptions_is_allowed_in_many_rows_and_only_warned_of_in_few():
    late = {"closed_at": "case when i % 10 = 0 then timestamp '2024-01-01' else timestamp '2026-01-01' end"}
    many = audit_batch(rows("case", 100, **late), "case")
    assert "closed_at is not before opened_at" not in broken(many)
    assert next(c for c in many.checks if c.name.startswith("closed_at")).n_unexpected == 10
    few = audit_batch(rows("case", 2, **late), "case")
    assert few.passed
    assert broken(few)["closed_at is not before opened_at"] == (2, 1, False)


def test_planted_identity_is_found_in_any_column_of_words_in_any_case():
    table = rows("case", 40, team="case when i = 4 then 'desk of ZOË müller' else 'desk' end")
    assert audit_batch(table, "case").passed
    assert broken(audit_batch(table, "case", ["Zoë Müller", "a.b+c@(x"]))["no planted identity in any text"] == (
        40,
        1,
        True,
    )


def test_two_versions_of_one_row_only_warn():
    table = rows("case", 30, case_key="sha256('case' || (i // 2))", updated_at="timestamp '2025-02-01'")
    result = audit_batch(table, "case")
    assert result.passed
    assert broken(result) == {"one row per key and version": (30, 30, False)}


def test_rows_without_an_end_of_keeping_are_let_in_from_a_declared_public_set_only():
    table = rows("case", 30, retain_until="null")
    assert broken(audit_batch(table, "case")) == {"an end of keeping is set": (30, 30, True)}
    assert audit_batch(table, "case", is_public=True).passed


def test_result_and_logs_hold_no_value_of_the_batch(caplog):
    secret = "Kryptonym-4711"
    with caplog.at_level(logging.DEBUG):
        result = audit_batch(rows("case", 50, status=f"'{secret}'", team=f"'{secret}'"), "case", [secret])
    assert not result.passed
    assert secret not in str(dataclasses.asdict(result))
    assert secret.lower() not in caplog.text.lower()


def test_fault_of_the_engine_is_an_error_and_never_a_verdict(monkeypatch):
    from expectations.rules import shaped

    unreadable = shaped("status", "(", "status has a form")  # no regular expression
    monkeypatch.setattr(audit, "_suite", lambda kind, is_public: (unreadable,))
    with pytest.raises(AuditError, match="status has a form"):
        audit_batch(rows("case", 5), "case")


def test_fault_of_the_engine_that_starts_beside_other_work_is_told_by_who_asks_for_it(monkeypatch):
    def fail():
        raise ImportError("no such module")

    told, started = [], []
    monkeypatch.setattr(audit, "_started", fail)
    monkeypatch.setattr(threading, "excepthook", told.append)
    monkeypatch.setattr(audit, "Thread", lambda **given: started.append(threading.Thread(**given)) or started[0])
    audit.prepare()
    started[0].join()
    assert not told
    with pytest.raises(ImportError):
        audit._engine()


def test_evidence_that_cannot_be_read_is_an_error_without_the_engine_text(monkeypatch):
    from expectations.rules import holds

    monkeypatch.setattr(
        audit, "_suite", lambda kind, is_public: (holds("whatever", "no_such_column = 'Kryptonym-4711'"),)
    )
    with pytest.raises(AuditError) as raised:
        audit_batch(rows("case", 5), "case")
    assert "Kryptonym" not in str(raised.value)


def test_published_mart_with_a_row_level_column_is_stopped():
    with duckdb.connect() as con:
        con.execute("create table kpi_thing as select 'x' as metric_id, 1.0 as value")
        assert audit_mart(con, "kpi_thing").passed
        con.execute("create table kpi_leak as select sha256('x') as subject_key, 'x' as metric_id, 'hi' as reply_text")
        name = "no column tells a single person, record, member of staff or text"
        assert broken(audit_mart(con, "kpi_leak")) == {name: (3, 2, True)}


CELLS = """
    create table kpi_metrics as select * from (values
        ('nps', 'per_response', '1', true, 'points', 'up', 'subject', '净推荐值', 'NPS', '一', 'One'),
        ('csat', 'top2', '1', true, 'percent', 'up', 'subject', '满意度', 'CSAT', '一', 'One'),
        ('sla_attainment', 'house', '1', true, 'percent', 'up', 'operational', '达标率', 'SLA', '一', 'One'))
        t(metric_id, variant, version, is_headline, unit, direction, disclosure, name_zh, name_en, description_zh, description_en);
    alter table kpi_metrics alter version type bigint;
    alter table kpi_metrics add column is_in_force boolean default true;
    alter table kpi_metrics add column breakdowns varchar default ';source;priority';
    create table kpi_values as select * from (values
        ('nps', 'per_response', '', null, null, 40.0, 20.0, 60.0, 50, 100, 80, 40.0, 100.0, null),
        ('csat', 'top2', 'source', 'web', null, 80.0, 70.0, 90.0, 50, 100, 80, 40.0, 50.0, null),
        ('csat', 'top2', 'source', 'shop', null, null, null, null, null, null, null, null, null, 'small_cell'),
        ('sla_attainment', 'house', 'priority', null, 'high', 90.0, 80.0, 95.0, 20, 20, 3, 18.0, 20.0, null))
        t(metric_id, variant, breakdown, source, priority, value, ci_low, ci_high, n_answered, n_eligible, n_subjects,
          numerator, denominator, suppressed_reason);
    alter table kpi_values alter value type double;
    alter table kpi_values alter ci_low type double;
    alter table kpi_values alter ci_high type double;
    alter table kpi_values add column period_grain varchar default 'month';
    alter table kpi_values add column period_start date default date '2025-01-01';
    alter table kpi_values add column period_end date default date '2025-02-01';
    alter table kpi_values add column previous_value double;
    alter table kpi_values add column difference double;
    alter table kpi_values add column difference_ci_low double;
    alter table kpi_values add column difference_ci_high double;
    alter table kpi_values add column is_significant boolean;
    alter table kpi_values alter n_answered type bigint;
    alter table kpi_values add column metric_version bigint default 1;
"""


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (None, None),
        ("set value = 101, ci_high = 102 where metric_id = 'csat' and source = 'web'", "shares lie within 0 and 100"),
        ("set value = -101, ci_low = -102 where metric_id = 'nps'", "points lie within -100 and 100"),
        ("set n_subjects = 9 where metric_id = 'nps'", "cells about persons have enough of them"),
        ("set ci_low = 41 where metric_id = 'nps'", "the interval holds the value"),
        ("set denominator = 0 where metric_id = 'nps'", "a value has a denominator above zero"),
        ("set n_answered = 3 where source = 'shop'", "a hidden row shows neither value nor counts nor parts"),
        ("set priority = 'low' where source = 'web'", "dimensions outside the breakdown are empty"),
        ("set n_answered = 101 where metric_id = 'nps'", "no more answers than were asked for"),
        ("set source = 'web', priority = null where source = 'shop'", "one row per cell"),
        ("set period_end = period_start where source = 'web'", "a period ends after it starts"),
        ("set metric_id = 'np5' where metric_id = 'nps'", "every metric is in the registry"),
        ("set metric_version = 2 where metric_id = 'nps'", "every metric is in the registry"),
        ("set breakdown = 'channel', source = null where source = 'web'", "only declared breakdowns are published"),
        ("set n_answered = -1 where metric_id = 'nps'", "no count is below zero"),
        ("set period_start = null where metric_id = 'nps'", "only the grain 'all' may have no period"),
        ("set is_significant = true where metric_id = 'nps'", "only a known interval can be significant"),
        ("set is_significant = true, difference_ci_high = -1 where metric_id = 'nps'", None),
        ("set difference = 3 where metric_id = 'nps'", "a difference needs the value before"),
        ("set period_grain = 'hour' where metric_id = 'nps'", "period_grain is a word of its vocabulary"),
    ],
)
def test_kpi_values_with_a_wrong_cell_are_stopped(change, rule):
    with duckdb.connect() as con:
        con.execute(CELLS)
        if change:
            con.execute(f"update kpi_values {change}")
        result = audit_mart(con, "kpi_values", threshold=10)
        assert result.passed is (rule is None)
        assert set(broken(result)) == ({rule} if rule else set())


def test_cell_without_anybody_is_not_a_small_cell():
    with duckdb.connect() as con:
        con.execute(CELLS)
        con.execute(
            "update kpi_values set value = 0, ci_low = null, ci_high = null, n_subjects = 0, n_answered = 0, "
            "n_eligible = 0, numerator = 0, denominator = null where metric_id = 'nps'"
        )
        assert broken(audit_mart(con, "kpi_values", threshold=10)) == {}


def test_every_table_of_a_published_file_is_judged_by_its_own_threshold(tmp_path):
    path = tmp_path / "kpi.duckdb"
    with duckdb.connect(str(path)) as con:
        con.execute(CELLS)
        con.execute("create table dim_channels as select 'web' as channel, '网站' as name_zh")
        con.execute(
            "create table publication as select 'internal' as profile, 10 as threshold, 0 as n_derivable, "
            "0 as n_held_derivable"
        )
    found = audit_published(path)
    assert set(found) == {"kpi_values", "kpi_metrics", "dim_channels", "publication"}
    assert {mart: broken(result) for mart, result in found.items()} == dict.fromkeys(found, {})
    leaked = audit_published(path, canaries=["网站"])
    assert [mart for mart, result in leaked.items() if not result.passed] == ["dim_channels"]
    with duckdb.connect(str(path)) as con:
        con.execute("update publication set threshold = 81")
    assert published_failures(path) == ["kpi_values:cells about persons have enough of them"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("select 1", set()),
        ("insert into kpi_choices select * replace ('staff' as breakdown) from kpi_choices", {"what is offered is what stands in the published figures"}),
        ("delete from kpi_choices", {"what is offered is what stands in the published figures"}),
        ("update kpi_choices set n_rows_hidden = n_rows + 1", {"rows are there, and hidden ones among them"}),
        ("update kpi_choices set first_period = last_period + 1", {"the first period is not after the last"}),
    ],
)  # fmt: skip
def test_choices_are_those_of_the_published_figures(change, expected):
    with duckdb.connect() as con:
        con.execute(CELLS)
        con.execute(
            "create table kpi_choices as select metric_id, variant, period_grain, breakdown, count(*) as n_rows, "
            "0 as n_rows_hidden, 1 as n_periods, date '2026-01-01' as first_period, date '2026-01-01' as last_period "
            "from kpi_values group by all"
        )
        con.execute(change)
        assert set(broken(audit_mart(con, "kpi_choices", threshold=10))) == expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("select 1", set()),
        ("delete from kpi_coverage where metric_id = 'nps'", {"every metric in force is told for all sources together"}),
        ("update kpi_coverage set source = 'web' where metric_id = 'nps'", {"every metric in force is told for all sources together"}),
        ("update kpi_coverage set n_records = null", {"counts of records are told or emptied together"}),
        ("update kpi_coverage set n_records = null, n_in_analysis = null, coverage = null", set()),
        ("update kpi_coverage set n_refused = null, n_records = null, n_in_analysis = null, coverage = null", {"n_refused is present"}),
        ("update kpi_coverage set n_withheld = -1, coverage = 100", {"n_withheld lies within 0 to …"}),
        ("update kpi_coverage set coverage = 80", {"coverage is told where there is something to cover, and is its share"}),
        ("update kpi_coverage set coverage = null", {"coverage is told where there is something to cover, and is its share"}),
        ("update kpi_coverage set n_in_analysis = 0, n_refused = 0, coverage = null", set()),
        ("update kpi_coverage set n_in_analysis = 0, n_refused = 0", {"coverage is told where there is something to cover, and is its share"}),
    ],
)  # fmt: skip
def test_coverage_is_told_of_every_metric_in_force_and_adds_up(change, expected):
    with duckdb.connect() as con:
        con.execute(CELLS)
        con.execute(
            "create table kpi_coverage as select metric_id, variant, 'survey_answer' as record_kind, null::varchar as source, "
            "9 as n_records, 3 as n_in_analysis, 1 as n_refused, 0 as n_withheld, 75.0::double as coverage from kpi_metrics"
        )
        con.execute(change)
        assert set(broken(audit_mart(con, "kpi_coverage", threshold=10))) == expected


DICTIONARY = """
    create table kpi_columns as select * from (values
        ('dim_stores', 1, 'store_id', 'varchar', true, '门店', 'Store'),
        ('dim_stores', 2, 'price', 'double precision', false, '价格', 'Price'))
        t(mart, column_position, column_name, data_type, is_key_column, label_zh, label_en);
    create table dim_stores as select * from (values ('a', 1.5::double), ('b', null)) t(store_id, price);
"""


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (None, None),
        ("alter table dim_stores alter price type varchar", "columns and types are those of the contract"),
        ("alter table dim_stores add column opened_on date", "columns and types are those of the contract"),
        ("alter table dim_stores drop column price", "columns and types are those of the contract"),
        ("delete from kpi_columns", "columns and types are those of the contract"),
        ("insert into dim_stores values ('a', 2)", "no key stands twice"),
        ("update kpi_columns set label_zh = ''", "a column is said in Chinese and in English"),
    ],
)
def test_every_published_table_keeps_the_contract_that_the_dictionary_tells(tmp_path, change, rule):
    path = tmp_path / "kpi.duckdb"
    with duckdb.connect(str(path)) as con:
        con.execute(DICTIONARY)
        con.execute(
            "insert into kpi_columns select 'kpi_columns', column_index, column_name, lower(data_type), "
            "column_name in ('mart', 'column_name'), '列', 'Column' from duckdb_columns() where table_name = 'kpi_columns'"
        )
        if change:
            con.execute(change)
    broken_rules = {code.partition(":")[2] for code in published_failures(path)}
    assert broken_rules == ({rule} if rule else set())
