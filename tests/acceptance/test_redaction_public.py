"""Recall and precision on public labelled English sentences, against the promised targets.

Keep out: made-up texts.
"""

from pathlib import Path

import pytest

from tests.bench.bench_redaction import public
from tests.bench.redaction_measure import Measured, measure

RECALL = {"CARD": 0.99, "ID": 0.99, "IBAN": 0.99, "EMAIL": 0.99, "IP": 0.99, "PHONE": 0.97}


@pytest.fixture(scope="module", params=["generated_large", "synth_dataset_v2"])
def measured(request: pytest.FixtureRequest, data: Path) -> Measured:
    """Each large file on its own."""
    return measure(public(data / "pii_text" / f"{request.param}.json.gz"))


@pytest.mark.parametrize(("token", "least"), RECALL.items())
def test_recall_and_precision_reach_their_targets(measured, token, least):
    assert measured.labelled[token] >= 11
    assert measured.recall(token) >= least
    assert measured.precision(token) >= 0.98
