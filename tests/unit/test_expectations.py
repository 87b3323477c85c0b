"""The suites themselves: derived whole from the contracts, never vacuous, each able to stop something."""

import pytest
from protected_rows import rows

import expectations
from orchestration.lake.audit import audit_batch
from orchestration.records import KINDS, Privacy


@pytest.fixture(scope="module")
def suites():
    return {kind: expectations.batch_suite(kind, is_public=False) for kind in KINDS}


def test_importing_the_suites_package_does_not_import_the_engine():
    import subprocess
    import sys

    code = "import sys, expectations, orchestration.lake.audit; sys.exit('great_expectations' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_contract_line_becomes_a_rule(suites):
    for kind, record in KINDS.items():
        names = {rule.name for rule in suites[kind]}
        for f in record.fields:
            if f.protected_name is None:
                continue
            if f.required or f.name in record.key:
                assert f"{f.protected_name} is present" in names, (kind, f.name)
            if f.values:
                assert f"{f.protected_name} is a word of its vocabulary" in names, (kind, f.name)
            if f.minimum is not None and not f.generalise:
                assert any(n.startswith(f"{f.protected_name} lies within") for n in names), (kind, f.name)
        if any(f.privacy is Privacy.TEXT for f in record.fields):
            assert {"no e-mail address in any text", "no phone number in any text"} <= names, kind


def test_names_of_rules_are_unique_and_hold_no_data(suites):
    for kind, suite in suites.items():
        names = [rule.name for rule in suite]
        assert len(names) == len(set(names)), kind
        assert all(len(n) < 100 for n in names)


def test_every_suite_begins_with_the_shape_and_most_of_it_blocks(suites):
    for kind, suite in suites.items():
        assert [rule.comes_first for rule in suite].index(True) == 0, kind
        assert sum(rule.comes_first for rule in suite) == 1, kind
        assert sum(rule.is_blocking for rule in suite) >= len(suite) - 4, kind


@pytest.mark.parametrize("kind", KINDS)
def test_rules_of_the_kinds_own_file_have_something_to_say(kind):
    from importlib import import_module

    own = import_module(f"expectations.entering.{kind}").RULES
    assert own
    exceptions = {
        "target": {"valid_to": "date '2025-06-01'"},
        "question": {"metric": "'nps'"},
        "sla_policy": {"is_business_time": "true"},
    }
    counted = {c.name: c.n_checked for c in audit_batch(rows(kind, 60, **exceptions.get(kind, {})), kind).checks}
    assert {rule.name: counted[rule.name] for rule in own if not counted[rule.name]} == {}


@pytest.mark.parametrize(
    ("kind", "columns", "rule"),
    [
        ("action", {"shipped_at": "timestamp '2020-01-01'"}, "shipped_at is not before opened_at"),
        ("agent", {"left_on": "date '2020-01-01'"}, "left_on is not before hired_on"),
        ("calendar", {"end_minute": "1"}, "a shift ends after it starts"),
        ("calendar", {"timezone": "'CST8'"}, "timezone is an IANA zone"),
        (
            "calendar",
            {"entry_type": "'holiday'", "on_date": "null"},
            "an interval names its weekday, an exception or holiday its day",
        ),
        ("call", {"is_abandoned": "true"}, "an abandoned call was not answered"),
        ("consent", {"expires_at": "timestamp '2020-01-01'"}, "expires_at is not before given_at"),
        ("cost", {"currency": "'rmb'"}, "currency is an ISO 4217 code"),
        ("cost", {"hours": "null", "amount": "null"}, "a line holds hours or an amount"),
        ("customer", {"age_band": "'34'"}, "age stands as a band"),
        ("deletion", {"deleted_kind": "'thing'"}, "deleted_kind is a word of its vocabulary"),
        ("deletion", {"deleted_key": "null", "subject_key": "null"}, "a tombstone names a record or a person"),
        ("mention", {"replied_at": "timestamp '2020-01-01'"}, "replied_at is not before posted_at"),
        ("order", {"order_type": "'refund'", "amount": "5"}, "a refund is not positive"),
        ("order", {"order_type": "'purchase'", "amount": "-5"}, "a purchase is not negative"),
        ("question", {"metric": "'nps'", "scale_max": "5"}, "an NPS item runs from 0 to 10"),
        ("question", {"scale_max": "0"}, "a scale runs upwards"),
        ("review", {"rating": "9"}, "rating is not above the best rating"),
        ("scale", {"score": "11"}, "a score lies on its scale"),
        ("sla_policy", {"is_business_time": "true", "calendar_id": "null"}, "business time names its calendar"),
        ("store", {"country": "'China'"}, "country is an ISO 3166-1 alpha-2 code"),
        ("survey_invitation", {"delivered_at": "timestamp '2020-01-01'"}, "delivered_at is not before sent_at"),
        ("survey_invitation", {"bounced_at": "timestamp '2025-01-01'"}, "what bounced was not completed"),
        ("target", {"valid_to": "date '2020-01-01'"}, "valid_to is not before valid_from"),
    ],
)
def test_batch_that_breaks_a_rule_of_its_kind_is_stopped(kind, columns, rule):
    result = audit_batch(rows(kind, 30, **columns), kind)
    assert rule in {c.name for c in result.failed}


@pytest.mark.parametrize("kind", KINDS)
def test_only_reference_data_may_be_kept_without_end(kind):
    kept = audit_batch(rows(kind, 3, retain_until="null"), kind, is_public=False)
    assert kept.passed != KINDS[kind].ends_by_event
