"""Reference data of a company: files in the home's folder `reference`, and what they change. Keep out: dbt."""

import csv
import io
import unicodedata
from pathlib import Path

import pytest

from orchestration import pipeline
from orchestration.errors import ContractError
from orchestration.modelling import PROJECT
from orchestration.records import KINDS
from orchestration.sources.registry import BUILT_IN, discover
from tests.house import TestHouse, write_source

ANSWER = """
select _record, id as answer_id, id as response_id, 'mood' as question_id, 'desk' as survey_id,
    scale_score(mood, 'desk_3') as score, parse_iso(given_at) as answered_at
from rows
"""


def drop(house: TestHouse, kind: str, *rows: dict[str, object]) -> None:
    """A file of reference data with the whole header of its contract."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [f.name for f in KINDS[kind].fields])
    writer.writeheader()
    writer.writerows(rows)
    folder = house.home.root / "reference"
    folder.mkdir(exist_ok=True)
    (folder / f"{kind}s.csv").write_text(text.getvalue(), encoding="utf-8")


def test_the_source_is_off_until_there_is_a_file(house: TestHouse) -> None:
    assert "reference" not in pipeline.sources(house.home)
    drop(house, "target", {"target_id": "T1", "metric_id": "nps", "target_value": 45, "valid_from": "2025-01-01"})
    assert "reference" in pipeline.sources(house.home)


def test_targets_of_the_home_enter_through_the_gate_as_any_record_does(house: TestHouse) -> None:
    good = {"target_id": "T1", "metric_id": "nps", "target_value": 45, "valid_from": "2025-01-01"}
    drop(house, "target", good, {**good, "target_id": "T2", "target_value": "high"})
    verdicts = house.take()
    assert [c["name"] for v in verdicts for c in v.checks if not c["passed"]] == []
    assert house.rows("select target_id, target_value, source from lake.target") == [("T1", 45.0, "reference")]
    assert house.ledger()["target", "rejected", "unparsable:target_value"] == 1


def test_a_label_that_only_the_company_knows_is_a_score(house: TestHouse) -> None:
    write_source(house.sources, "desk", {"survey_answer": ANSWER}, format="csv", columns=("id", "mood", "given_at"))
    house.drop("rows.csv", "id,mood,given_at\n1,sunny,2025-01-02T03:04:05Z\n2,foggy,2025-01-02T03:04:05Z\n")
    drop(
        house,
        "scale",
        {"scale_id": "desk_3", "label": "sunny", "score": 1, "scale_min": 1, "scale_max": 3, "source_version": 1},
        {"scale_id": "desk_3", "label": "sunny", "score": 3, "scale_min": 1, "scale_max": 3, "source_version": 2},
    )
    house.take("reference", "desk")
    assert house.rows("select score from lake.survey_answer") == [(3.0,)]
    assert house.ledger()["survey_answer", "rejected", "unparsable:score"] == 1


def test_a_label_is_known_whatever_its_case_and_width_and_is_not_guessed(house: TestHouse) -> None:
    answer = ANSWER.replace("desk_3", "csat_5")
    write_source(house.sources, "desk", {"survey_answer": answer}, format="csv", columns=("id", "mood", "given_at"))
    moods = ["VERY satisfied", "ｓａｔｉｓｆｉｅｄ　", "３", "very  satisfied"]
    house.drop(
        "rows.csv", "id,mood,given_at\n" + "".join(f"{i},{m},2025-01-02T03:04:05Z\n" for i, m in enumerate(moods))
    )
    drop(house, "scale", {"scale_id": "csat_5", "label": "Satisfied", "score": 4.5, "source_version": 1})
    house.take("reference", "desk")
    assert house.rows("select score from lake.survey_answer order by 1") == [(3.0,), (4.5,), (5.0,)]
    assert house.ledger()["survey_answer", "rejected", "unparsable:score"] == 1


def test_no_shipped_label_stands_twice() -> None:
    with (PROJECT / "seeds" / "scales.csv").open(encoding="utf-8") as file:
        labels = [(s["scale_id"], unicodedata.normalize("NFKC", s["label"]).casefold()) for s in csv.DictReader(file)]
    assert sorted(set(labels)) == sorted(labels) and len(labels) > 50


def test_a_folder_of_the_house_goes_before_a_built_in_one_and_two_of_the_house_are_refused(
    house: TestHouse, tmp_path: Path
) -> None:
    assert (BUILT_IN / "reference").is_dir()
    own = write_source(house.sources, "reference", {"target": "select _record, id as target_id from rows"})
    assert discover(house.home)["reference"].folder == own
    write_source(house.sources, "twice", {})
    write_source(tmp_path / "more", "twice", {})
    settings = house.home.root / "house.toml"
    settings.write_text(settings.read_text().replace(str(house.sources), f'{house.sources}", "{tmp_path / "more"}'))
    with pytest.raises(ContractError, match="two source folders are called 'twice'"):
        discover(house.home)


@pytest.mark.parametrize("kind", sorted(p.stem for p in (BUILT_IN / "reference").glob("*.sql")))
def test_every_file_of_reference_data_has_the_columns_of_its_contract(house: TestHouse, kind: str) -> None:
    found = discover(house.home, active_only=False)["reference"]
    (stream,) = [s for s in found.streams.values() if f"from {s.name}" in found.sql(kind)]
    assert list(stream.columns) == [f.name for f in KINDS[kind].fields]
