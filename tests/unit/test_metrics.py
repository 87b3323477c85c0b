"""What a house may add to the registry of metrics, and what it is told where a line does not fit. Keep out: dbt."""

from pathlib import Path

import pytest

from orchestration import modelling
from orchestration.errors import VoicehouseError
from orchestration.home import Home
from orchestration.lake import metrics

HEADER = "metric_id,variant,version,owner,name_en,min_n,breakdowns,disclosure"


def extended(tmp_path: Path, *lines: str, header: str = HEADER) -> Home:
    home = Home.open(tmp_path / "home")
    home.folder("reference")
    metrics.path_of(home).write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return home


def test_without_a_file_the_registry_is_the_shipped_one(tmp_path: Path) -> None:
    home = Home.open(tmp_path / "home")
    assert metrics.house_metrics(home) == [] and metrics.digest(home) == ""


def test_words_change_in_place_and_rules_by_a_new_version(tmp_path: Path) -> None:
    home = extended(
        tmp_path,
        "nps,per_response,1,board,Promoters less detractors,,,",
        "sla_attainment,house,2,,,50,;source;team,subject",
    )
    words, rules = metrics.house_metrics(home)
    shipped = metrics.shipped()["nps", "per_response", 1]
    assert (words["version"], words["owner"], words["name_en"]) == (1, "board", "Promoters less detractors")
    assert (words["min_n"], words["formula"], words["is_headline"]) == (30, shipped["formula"], True)
    assert (rules["version"], rules["min_n"], rules["breakdowns"], rules["disclosure"]) == (
        2, 50, ";source;team", "subject",
    )  # fmt: skip
    assert rules["name_zh"] == metrics.shipped()["sla_attainment", "house", 1]["name_zh"]
    assert set(words) == set(metrics.columns()) == set(shipped)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("np5,per_response,2,,,,,", "line 2, metric_id: there is no such metric and variant"),
        ("nps,per_response,,,,,,", "line 2, version: has to be a whole number of at least 1"),
        ("nps,per_response,two,,,,,", "line 2, version: has to be a whole number of at least 1"),
        ("nps,per_response,2,,,0,,", "line 2, min_n: has to be a whole number of at least 1"),
        ("nps,per_response,1,,,50,,", "line 2, min_n: that takes a new version, from 2 on"),
        ("nps,per_response,2,,,,;weather,", "line 2, breakdowns: the models do not cut by weather"),
        ("nps,per_response,2,,,,,open", "line 2, disclosure: has to be subject or operational"),
        ("nps,per_response,2,,,,,operational", "line 2, disclosure: a metric about persons stays one"),
        ("nps,per_response,2,board", "line 2: it has not as many fields as the header"),
        ("nps,per_response,2,,,50,,\nnps,per_response,2,,,60,,", "line 3, version: this version stands twice"),
    ],
)
def test_a_line_that_does_not_fit_is_told_with_its_column(tmp_path: Path, line: str, told: str) -> None:
    with pytest.raises(VoicehouseError) as refused:
        metrics.house_metrics(extended(tmp_path, line))
    assert told in str(refused.value)


def test_a_header_or_formula_that_does_not_fit_is_told(tmp_path: Path) -> None:
    with pytest.raises(VoicehouseError, match="'target' is no column of the registry; the header: version is missing"):
        metrics.house_metrics(extended(tmp_path, header="metric_id,variant,target"))
    with pytest.raises(VoicehouseError, match="line 2, formula: the models compute it, a file cannot change it"):
        metrics.house_metrics(extended(tmp_path, "nps,per_response,2,1", header="metric_id,variant,version,formula"))


def test_nothing_is_built_on_a_registry_that_does_not_fit(tmp_path: Path) -> None:
    home = extended(tmp_path, "np5,per_response,2,,,,,")
    from orchestration.privacy.keys import Keyring

    with pytest.raises(VoicehouseError, match="there is no such metric"), modelling.building(home, Keyring(home)):
        raise AssertionError("it was built")
