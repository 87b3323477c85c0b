"""Which columns are never published follows from the record contracts. Keep out: who asks (serving, suites, audit)."""

import pytest

from orchestration.privacy.disclosure import DIMENSIONS
from orchestration.privacy.row_level import are_row_level, could_hold_text, is_row_level
from orchestration.records import KINDS, Privacy


@pytest.mark.parametrize("kind", KINDS)
def test_no_field_that_tells_a_person_a_record_or_a_text_may_be_published(kind):
    for field in KINDS[kind].fields:
        closed = field.privacy not in (Privacy.PLAIN, Privacy.QUASI)
        for name in (field.name, field.protected_name):
            if name and closed:
                assert is_row_level(name), f"{kind}.{name}"
            if name and field.privacy is Privacy.TEXT:
                assert could_hold_text(name) and could_hold_text(f"{name}_redactions")


def test_what_models_and_the_vault_add_is_closed_too():
    for name in ("subject_key", "current_subject_key", "subject_id", "age_band", "consent_ref", "feedback_text"):
        assert are_row_level(["metric_id", name]), name


def test_columns_of_published_cells_are_open():
    assert not are_row_level([*DIMENSIONS, "metric_id", "n_subjects", "subject_basis", "value", "load_id", "known_at"])
