"""The pages of the sample company's home in a headless Chromium: its report on a phone and a laptop, its asset graph.

Keep out: pages of made-up homes (tests/browser), figures (test_sample_run.py).
"""

import pytest

from orchestration.serving.report import Reader, figure
from tests.browser import chromium
from tests.browser.dagster_page import dagster, graph, groups, left_the_machine
from tests.sample_company.conftest import SampleRun

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def report(run: SampleRun, tmp_path_factory: pytest.TempPathFactory) -> chromium.Visit:
    root = tmp_path_factory.mktemp("report")
    return chromium.visit(run.home.serving / "report" / "index.html", root / "shots", root / "profile")


@pytest.fixture(scope="module")
def asset_graph(run: SampleRun, tmp_path_factory: pytest.TempPathFactory) -> chromium.Visit:
    root = tmp_path_factory.mktemp("graph")
    with dagster(run.home.root, root / "ui.log") as address:
        return graph(address, root / "graph.png", root / "profile")


def test_the_report_asks_for_nothing_and_complains_of_nothing(report: chromium.Visit) -> None:
    assert (report.requests, report.errors) == ([], [])


def test_the_report_fits_a_phone_and_a_laptop_in_both_languages(report: chromium.Visit) -> None:
    assert set(report.widths) == {f"{s}_{lang}" for s in ("phone", "laptop") for lang in ("zh", "en")}
    assert [screen for screen, (shown, needed) in report.widths.items() if needed > shown] == []


def test_the_report_shows_the_served_headlines_in_the_readers_language(run: SampleRun, report: chromium.Visit) -> None:
    with run.served() as con:
        rows = [row for metric in ("nps", "csat", "sla_attainment") if (row := Reader(con).headline(metric))]
    assert len(rows) == 3
    for language, other in (("zh", "en"), ("en", "zh")):
        for row in rows:
            assert figure(row["value"], row["metric"]["unit"]) in report.texts[language]
        assert rows[0]["metric"][f"name_{language}"] in report.texts[language]
        assert rows[0]["metric"][f"name_{other}"] not in report.texts[language]


def test_the_asset_graph_shows_the_six_steps_and_nothing_leaves_the_machine(asset_graph: chromium.Visit) -> None:
    assert groups(asset_graph) == ["extract", "guard", "load", "model", "quality", "serve"]
    assert asset_graph.requests and left_the_machine(asset_graph) == []
    assert asset_graph.errors == []
