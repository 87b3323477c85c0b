"""The pages a compliance officer reads, in a headless Chromium.

Privacy report, assessment material, an incident's material.

Keep out: what they say (tests/unit/test_privacy_report.py, tests/integration/test_flows.py, test_incidents.py).
"""

from datetime import datetime

import pytest
import served_house

from orchestration.engine import load_extension
from orchestration.privacy import incidents
from orchestration.privacy.keys import Keyring
from orchestration.serving.dpia import write_dpia
from orchestration.serving.notification import write_notification
from orchestration.serving.privacy_report import write_privacy_report
from orchestration.serving.publish import publish
from orchestration.sources.registry import discover
from tests.browser import chromium

pytestmark = [pytest.mark.browser, pytest.mark.slow]

TITLES = {
    "report": ("隐私报告", "Privacy report"),
    "dpia": ("处理活动记录与影响评估材料", "Record of processing and impact assessment material"),
    "incident": ("个人信息安全事件通报材料", "Personal data incident: notification material"),
}


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, chromium.Visit]:
    root = tmp_path_factory.mktemp("browser")
    house = served_house.warehouse(root, answers=300, cases=200, days=60)
    load_extension(house, "httpfs")
    home = served_house.home(root)
    keyring = Keyring(home)
    publish(house, home, "internal", datetime(2026, 7, 20, 1))
    sources = discover(home, active_only=False)
    incident = incidents.begin(home, keyring, "opened", reason="a laptop is gone " * 12, ticket="T-1")
    incidents.keep_scope(home, keyring, incident, incidents.scope(home, keyring, None, None))
    pages = {
        "report": write_privacy_report(home, keyring, sources, home.serving / "kpi.duckdb").path,
        "dpia": write_dpia(home, keyring, sources).path,
        "incident": write_notification(home, keyring, incidents.find(home, incident.number)).path,
    }
    return {
        name: chromium.visit(path.with_suffix(".html"), root / "shots" / name, root / f"profile-{name}")
        for name, path in pages.items()
    }


@pytest.mark.parametrize("page", TITLES)
def test_a_page_asks_for_nothing_fits_its_screen_and_shows_one_language(
    seen: dict[str, chromium.Visit], page: str
) -> None:
    visit, (zh, en) = seen[page], TITLES[page]
    assert (visit.requests, visit.errors) == ([], [])
    assert len(visit.widths) == 4 and [w for w in visit.widths.items() if w[1][1] > w[1][0]] == []
    assert len(visit.texts["en"]) > 1000
    assert zh in visit.texts["zh"] and en not in visit.texts["zh"]
    assert en in visit.texts["en"] and zh not in visit.texts["en"]
