"""Which dimensions lie within which, on records small enough to check by hand.

Keep out: what is hidden for it (test_disclosure.py).
"""

import duckdb

from orchestration.privacy.nesting import nest

COLUMNS = {
    "fct_survey_answers": ["source", "channel", "survey_id", "question_id"],
    "fct_reviews": ["source", "channel"],
}


def nested(answers: str) -> list[tuple[str, ...]]:
    con = duckdb.connect()
    con.execute(
        f"CREATE TABLE fct_survey_answers AS SELECT * FROM (VALUES {answers}) t(source, channel, survey_id, question_id);"
        "CREATE TABLE fct_reviews AS SELECT * FROM (VALUES ('forum', 'web'), ('shop', NULL)) t(source, channel);"
        "CREATE TABLE registry AS SELECT * FROM (VALUES ('csat', 'survey_answer'), ('rating_mean', 'survey_answer; review'), "
        "('nps', 'survey_answer'), ('backlog', 'case'), ('mixed', NULL)) t(metric_id, record_kind)"
    )
    nest(con, "main", COLUMNS, "registry", "nested")
    return con.execute("FROM nested ORDER BY ALL").fetchall()


def test_a_survey_lies_within_its_source_and_a_question_within_its_survey():
    found = nested(
        "('forms', 'web', 'A', '1'), ('forms', 'sms', 'A', '1'), ('forms', 'web', 'B', '1'), ('kiosk', 'sms', 'K', '1'), "
        "('kiosk', 'web', 'K', '2')"
    )
    of_sources = [("A", "forms"), ("B", "forms"), ("K", "kiosk")]
    questions = [("A/1", "A", "forms"), ("B/1", "B", "forms"), ("K/1", "K", "kiosk"), ("K/2", "K", "kiosk")]
    for metric in ("csat", "nps", "rating_mean"):
        told = [row[1:] for row in found if row[0] == metric and "channel" not in row]
        assert [(v, t) for p, v, of, t in told if (p, of) == ("survey", "source") and v != "unknown"] == of_sources
        assert [(v, t) for p, v, of, t in told if (p, of) == ("question", "survey") and v != "unknown"] == [
            q[:2] for q in questions
        ]
    assert not [row for row in found if (row[1], row[3]) in (("survey", "channel"), ("channel", "source"))]
    assert {row[0] for row in found} == {"csat", "nps", "rating_mean"}


def test_a_survey_that_two_sources_run_is_within_neither_and_one_value_holds_nothing():
    found = nested("('forms', 'web', 'A', '1'), ('kiosk', 'web', 'A', '1'), ('kiosk', 'web', 'B', '1')")
    assert not [row for row in found if (row[1], row[3]) == ("survey", "source")]
    assert not [row for row in found if row[0] == "csat" and row[3] == "channel"]  # all of it is web
