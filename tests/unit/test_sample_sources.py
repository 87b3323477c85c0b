"""The sample company's source folders read what the sample writes, and refuse exactly what was broken on purpose.

Keep out: consent, subjects and everything behind conforming.
"""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pandas as pd
import pytest

from orchestration.engine import connect
from orchestration.privacy.conform import conform
from orchestration.privacy.scratch import scratch
from orchestration.records import KINDS
from orchestration.sample import write
from orchestration.sources.contract import Window, read_settings
from orchestration.sources.files import pages

HERE = Path(__file__).parents[2] / "orchestration"
SOURCES = [*sorted(p.parent for p in HERE.glob("sample/sources/*/source.toml")), HERE / "sources" / "reference"]
AFTER_CONFORMING = {"no_consent", "minor_without_guardian"}


@pytest.fixture(scope="module")
def company(tmp_path_factory):
    folder = tmp_path_factory.mktemp("company")
    write(folder / "inbox", folder / "truth", seed=5, customers=300, reference_folder=folder / "reference")
    return folder, pd.read_csv(folder / "truth" / "ledger.csv", keep_default_na=False)


@pytest.mark.parametrize("source", SOURCES, ids=lambda p: p.name)
def test_source_reads_and_refuses_what_the_truth_says(source, company, tmp_path):
    folder, ledger = company
    settings = replace(read_settings(source), inbox=str(folder / "inbox"), home=folder)
    with connect(tmp_path / "tmp") as con, scratch(con, tmp_path / "tmp") as kept:
        result = conform(con, kept, settings, pages(settings, {}, Window()), datetime(2026, 2, 1))
    found = []
    for stream, count in result.streams.items():
        found.append(("records", stream, "read", "", count.read))
        found.append(("records", stream, "reference", "", count.reference))
        found += [("records", stream, "rejected", reason, n) for reason, n in count.rejected.items()]
        assert not count.unselected, f"{stream}: columns that no setting names"
    for kind, reasons in result.rejected.items():
        found += [("rows", kind, "rejected", reason, n) for reason, n in reasons.items()]
    expected = ledger[
        (ledger["source"] == settings.name)
        & ~ledger["measure"].isin(["duplicate", "quarantined"])
        & ~ledger["reason"].isin(AFTER_CONFORMING)
    ]
    assert {f for f in found if f[-1]} == set(expected.drop(columns="source").itertuples(index=False, name=None))


@pytest.mark.parametrize("source", SOURCES, ids=lambda p: p.name)
def test_times_stay_inside_the_span_of_the_sample(source, company, tmp_path):
    folder, _ = company
    settings = replace(read_settings(source), inbox=str(folder / "inbox"), home=folder)
    with connect(tmp_path / "tmp") as con, scratch(con, tmp_path / "tmp") as kept:
        conform(con, kept, settings, pages(settings, {}, Window()), datetime(2026, 2, 1))
        for kind in settings.kinds:
            event = KINDS[kind].event_time
            row = con.execute(
                f'select min("{event}")::timestamp, max("{event}")::timestamp from conformed_{kind}'
            ).fetchone()
            if row and row[0]:
                assert datetime(2020, 1, 1) < row[0] <= row[1] <= datetime(2025, 12, 31, 16), kind
