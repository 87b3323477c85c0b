"""The report in a headless Chromium: it renders on a phone and a laptop, asks for nothing, and complains of nothing.

Keep out: its figures (tests/unit/test_report.py).
"""

from datetime import datetime
from pathlib import Path

import pytest
import served_house

from orchestration.engine import load_extension
from orchestration.home import append_durably
from orchestration.serving.publish import publish
from orchestration.serving.report import write_report
from tests.browser import chromium

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> chromium.Visit:
    root = tmp_path_factory.mktemp("browser")
    house = served_house.warehouse(root, answers=3000, cases=2000, days=300)
    load_extension(house, "httpfs")
    home = served_house.home(root)
    publish(house, home, "internal", datetime(2026, 7, 20, 1))
    line = {"run_id": "r", "started_at": "2026-07-20T01:00:00+00:00", "ended_at": "2026-07-20T01:05:00+00:00"}
    append_durably(home.folder("ops") / "runs.jsonl", {**line, "status": "failed", "failed_sources": ["desk"]})
    return chromium.visit(write_report(home), root / "shots", root / "profile")


def test_no_request_leaves_the_machine(seen: chromium.Visit):
    assert seen.requests == []


def test_the_console_stays_silent(seen: chromium.Visit):
    assert seen.errors == []


def test_nothing_is_wider_than_the_screen(seen: chromium.Visit):
    assert set(seen.widths) == {f"{s}_{lang}" for s in chromium.SCREENS for lang in chromium.LANGUAGES}
    assert [w for w in seen.widths.items() if w[1][1] > w[1][0]] == []


def test_each_language_is_shown_alone(seen: chromium.Visit):
    assert "净推荐值" in seen.texts["zh"] and "Net Promoter Score" not in seen.texts["zh"]
    assert "Net Promoter Score" in seen.texts["en"] and "净推荐值" not in seen.texts["en"]


def test_the_browser_would_tell_if_something_were_asked_for(tmp_path: Path):
    """The positive control of the tests above."""
    page = tmp_path / "page.html"
    page.write_text(
        "<input type=radio id=choose-zh><input type=radio id=choose-en><img src='http://127.0.0.1:9/x.png'>"
        "<script>console.error('x')</script>"
    )
    seen = chromium.visit(page, tmp_path / "shots", tmp_path / "profile")
    assert any("127.0.0.1:9" in r for r in seen.requests) and seen.errors
