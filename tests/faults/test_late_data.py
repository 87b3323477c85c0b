"""Late and corrected data: the periods they belong to change, and no other; the ledger says which.

Also deaths of dbt and of the swap, on the same home: readers keep a whole file, the next run serves the new one, and
afterwards the marts are those of a home that nothing disturbed.
Keep out: how versions are ranked (dbt's unit tests).
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestration import modelling, pipeline
from orchestration.engine import identifier
from tests import same_content
from tests.faults.traces import found_in, found_under
from tests.house import TestHouse, write_source
from tests.same_content import Tables, differences, plain

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PLANTED = "planted.person@example.org"
ANSWER = """
select
    _record, raw ->> '$.id' as answer_id, raw ->> '$.id' as response_id, 'pulse' as survey_id, 'overall' as question_id,
    parse_iso(raw ->> '$.at') as answered_at, parse_iso(raw ->> '$.updated') as updated_at, raw ->> '$.score' as score,
    raw ->> '$.email' as person_email, 'true' as person_email_verified, 'CN' as person_country, raw ->> '$.text' as text
from rows where raw ->> '$.what' = 'answer'
"""
QUESTION = """
select
    _record, 'pulse' as survey_id, 'overall' as question_id, 'csat' as metric, 'csat_5' as scale_id, 1 as scale_min,
    5 as scale_max, 'How was it?' as text_en
from rows where raw ->> '$.what' = 'question'
"""
DELETION = """
select
    _record, 'gone:' || (raw ->> '$.id') as deletion_id, 'survey_answer' as deleted_kind, record_ref('pulse', 'answer', raw ->> '$.id') as deleted_id,
    parse_iso(raw ->> '$.at') as deleted_at
from rows where raw ->> '$.what' = 'gone'
"""


def answer(id: str, month: int, score: int, updated: str | None = None, person: str = "a") -> dict[str, Any]:
    at = f"2024-{month:02d}-10T08:00:00Z"
    email = f"{person}@example.org"
    return {"what": "answer", "id": id, "at": at, "updated": updated or at, "score": score, "email": email}


# Load by load what comes; loads after the first bring what is late, corrected or gone.
LOADS = (
    [{"what": "question"}]
    + [answer(f"A{m}{p}", m, 2 + (m + n) % 4, person=p) for m in range(1, 13) for n, p in enumerate("abc")],
    [
        answer("A1a", 1, 1 + (2 + 1) % 4, "2025-06-01T00:00:00Z") | {"score": 5},  # corrected, a year and more late
        answer("A3a", 3, 1, "2024-03-01T00:00:00Z"),  # an older version than the one that came before it
        {"what": "gone", "id": "A6a", "at": "2025-06-01T00:00:00Z"},
        {"what": "gone", "id": "B8", "at": "2025-06-02T00:00:00Z"},  # a deletion before its record
        answer("Z11", 11, 11),  # outside its scale: counted as a finding, in no figure
    ],
    [
        answer("B8", 8, 1),  # the record, after its deletion
        answer("A6a", 6, 2 + 6 % 4, "2025-07-01T00:00:00Z"),  # the record returns as it was
    ],
    [answer("A12d", 12, 1) | {"email": PLANTED, "text": f"late again, write to {PLANTED}"}],
)
Cells = dict[tuple[Any, ...], tuple[Any, ...]]
KEY = "metric_id, variant, period_grain, cast(period_start as varchar), breakdown, source, question, survey"
FIGURES = "n_answered, n_eligible, numerator, denominator, round(value, 9)"


class Marts:
    """A home with one survey, its loads, its models."""

    def __init__(self, root: Path):
        self.house = TestHouse(root)
        write_source(self.house.sources, "pulse", {"survey_answer": ANSWER, "question": QUESTION, "deletion": DELETION})

    def load(self, n: int) -> None:
        """One load through the gate, on a day of its own."""
        self.house.drop(f"rows_{n}.jsonl", "".join(json.dumps(r) + "\n" for r in LOADS[n]))
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("VOICEHOUSE_CLOCK", f"2025-0{n + 5}-20T00:00:00+00:00")
            self.house.take()
        assert pipeline.Outcomes(self.house.home, "test").failures == {}
        assert pipeline.ledger_faults(self.house.home, self.house.keyring) == []

    def build(self) -> modelling.Build:
        """Build the models; what kind of build it was."""
        return self.house.build()

    def content(self) -> Tables:
        """Every fact, dimension and mart."""
        return same_content.marts(self.house.home, self.house.keyring)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        con = pipeline.open_warehouse(self.house.home, self.house.keyring)
        try:
            return con.execute(sql).fetchall()
        finally:
            con.close()

    def cells(self) -> Cells:
        """Every exact figure by its cell."""
        found = self.rows(f"select {KEY}, {FIGURES} from wh.kpis.kpi_values where metric_id in ('csat', 'nps')")
        width = KEY.count(",") + 1
        return {row[:width]: row[width:] for row in found}

    def touched(self, n: int) -> list[str]:
        """Months that the ledger says the n-th load touched."""
        return [
            month
            for (month,) in self.rows(
                "select distinct reason from wh.kpis.load_ledger where level = 'periods' and name = 'survey_answer' "
                f"and loaded_at::date = '2025-0{n + 5}-20' order by 1"
            )
        ]


def periods_that_differ(before: Cells, after: Cells) -> set[tuple[str, str | None]]:
    """(grain, start) of every period with a figure that came, went or changed."""
    return {(k[2], k[3]) for k in before.keys() | after.keys() if before.get(k) != after.get(k)}


def around(*months: str) -> set[tuple[str, str | None]]:
    """The periods that hold the tenth of these months of 2024."""
    weeks = {"01": "2024-01-08", "06": "2024-06-10"}
    found: set[tuple[str, str | None]] = {("all", None), ("year", "2024-01-01")}
    for month in months:
        quarter = f"2024-{3 * ((int(month) - 1) // 3) + 1:02d}-01"
        found |= {
            ("day", f"2024-{month}-10"),
            ("week", weeks[month]),
            ("month", f"2024-{month}-01"),
            ("quarter", quarter),
        }
    return found


@pytest.fixture(scope="module")
def marts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Marts]:
    yield Marts(tmp_path_factory.mktemp("late"))


@pytest.fixture(scope="module")
def seen(marts: Marts) -> list[Cells]:
    """Every exact figure after each of the first three loads."""
    found = []
    for n in range(3):
        marts.load(n)
        marts.build()
        found.append(marts.cells())
    return found


def test_late_corrections_and_deletions_change_their_periods_and_no_other(marts: Marts, seen: list[Cells]) -> None:
    assert periods_that_differ(seen[0], seen[1]) == around("01", "06")
    # The older version and the answer outside its scale touched their months without changing a figure.
    assert marts.touched(1) == ["2024-01", "2024-03", "2024-06", "2024-08", "2024-11"]


def test_a_record_that_returns_brings_its_period_back_and_one_deleted_before_it_came_stays_away(
    marts: Marts, seen: list[Cells]
) -> None:
    assert periods_that_differ(seen[1], seen[2]) == around("06")
    assert periods_that_differ(seen[0], seen[2]) == around("01")
    assert marts.touched(2) == ["2024-06", "2024-08"]
    assert marts.rows("select is_current from wh.staging.stg_survey_answers where answered_at = '2024-08-10 08:00:00' "
                      "and score = 1") == [(False,)]  # fmt: skip


def test_a_score_outside_its_scale_is_a_finding_and_in_no_figure(marts: Marts, seen: list[Cells]) -> None:
    assert marts.rows(
        "select finding, n from wh.kpis.kpi_data_quality where kind = 'survey_answer' and finding = 'score_outside_scale'"
    ) == [("score_outside_scale", 1)]
    assert ("month", "2024-11-01") not in periods_that_differ(seen[0], seen[2])


class KilledError(Exception):
    """The end of a build that was killed."""


def killed_in_dbt(marts: Marts, temp: Path) -> int:
    """Start dbt in a session of its own and kill all of it once it has made the answers it read; its return code.

    What it says, and its temporary files, go to `temp`.
    """
    home, keyring = marts.house.home, marts.house.keyring
    temp.mkdir()
    said = temp / "said.txt"
    with pytest.raises(KilledError) as killed, modelling.building(home, keyring) as build, said.open("w") as out:
        started = subprocess.Popen(
            [modelling.executable(), *build.arguments("test")],
            env={**os.environ, **modelling.environment(home, keyring), "TMPDIR": str(temp)},
            cwd=modelling.PROJECT,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
        made = re.compile(r"OK created .* staging\.stg_survey_answers")
        while started.poll() is None and not made.search(said.read_text()):
            time.sleep(0.05)
        if started.poll() is None:
            os.killpg(started.pid, signal.SIGKILL)
        raise KilledError(started.wait())
    return killed.value.args[0]


PUBLISH = """
import os, signal, sys
from pathlib import Path
from orchestration import pipeline
from orchestration.home import Home
from orchestration.lake import audit
from orchestration.privacy.keys import Keyring
from orchestration.serving import publish
from orchestration.serving.report import write_report

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

home, point = Home.open(sys.argv[1]), sys.argv[2]
replace, left = os.replace, {"before_swap": "kpi.duckdb", "privacy_report": ".html", "report": "index.html"}.get(point)
if left:  # written, and not yet in place
    os.replace = lambda old, new: die() if Path(new).name.endswith(left) else replace(old, new)
elif point == "quality":
    audit_mart = audit.audit_mart
    audit.audit_mart = lambda *a, **k: (audit_mart(*a, **k), die())
elif point == "candidate_built":
    publish.person_free = die
elif point == "after_swap":
    publish._write_parquet = die
elif point == "before_team":
    publish._write_team = die
pipeline.Outcomes(home, "child").begin()
pipeline.audit_exact_marts(home, Keyring(home), ["kpi_values"])
pipeline.publish(home, Keyring(home), "child")
write_report(home)
if point == "before_mark":
    die()
"""
SWAPS = ("quality", "candidate_built", "before_swap", "after_swap", "before_team")
SWAPS += ("privacy_report", "report", "before_mark")


def served(house: TestHouse) -> dict[str, list[tuple[Any, ...]]]:
    """Published tables, without clocks and loads."""
    found = {}
    with duckdb.connect(str(house.home.serving / "kpi.duckdb"), read_only=True) as con:
        for (name,) in con.execute("select table_name from duckdb_tables() order by 1").fetchall():
            columns = [c[0] for c in con.execute(f"describe {identifier(name)}").fetchall()]
            kept = [c for c in columns if not c.endswith(("load", "load_id", "_at"))]
            rows = con.execute(f"select {', '.join(map(identifier, kept))} from {identifier(name)} order by all")
            found[name] = [tuple(map(plain, row)) for row in rows.fetchall()]
    return found


def publish(house: TestHouse) -> None:
    pipeline.Outcomes(house.home, "again").begin()
    assert pipeline.publish(house.home, house.keyring, "again").is_served
    assert pipeline.conclude(house.home, "again") == []


def test_killed_in_dbt_in_the_audit_of_figures_and_at_every_point_of_the_swap_readers_keep_a_whole_file_and_the_next_run_serves(
    marts: Marts, seen: list[Cells], tmp_path: Path
) -> None:
    house = marts.house
    load_by_load = marts.content()
    publish(house)
    old = served(house)
    marts.load(3)
    # The planted person's answer is what dbt reads, redacted.
    assert house.rows("select text from lake.survey_answer where text is not null") == [
        ("late again, write to <SELF>",)
    ]
    temp = tmp_path / "tmp"
    assert killed_in_dbt(marts, temp) == -signal.SIGKILL
    left = [p for folder in ("dbt", "warehouse.duckdb") for p in house.home.root.glob(f"{folder}*")]
    assert len(left) > 1, left
    assert found_under([house.home.root, temp], [PLANTED]) == set()
    assert found_in(house.home, [PLANTED]) == ()
    told = marts.rows("select text from wh.staging.stg_survey_answers where text is not null")
    assert told == [("late again, write to <SELF>",)]  # it stood where the search looked
    assert served(house) == old  # readers notice nothing
    assert marts.build().why_full == "there is no finished build to build on"

    for point in SWAPS:
        died = subprocess.run(
            [sys.executable, "-c", PUBLISH, str(house.home.root), point],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert died.returncode == -signal.SIGKILL, died.stderr[-2000:]
        is_new = SWAPS.index(point) >= SWAPS.index("after_swap")
        assert (served(house) != old) == is_new, point
        assert not pipeline.is_served(house.home)
        assert found_in(house.home, [PLANTED]) == (), point
    assert found_under([house.inbox], [PLANTED]) == {PLANTED}  # the control
    publish(house)
    assert pipeline.is_served(house.home)
    assert [p.name for p in house.home.serving.rglob("*draft*")] == []

    undisturbed = Marts(tmp_path / "undisturbed")
    for n in range(3):
        undisturbed.load(n)
    undisturbed.build()
    at_once = undisturbed.content()
    assert differences(load_by_load, at_once) == {}
    undisturbed.load(3)
    assert undisturbed.build().why_full == ""
    publish(undisturbed.house)
    assert differences(marts.content(), undisturbed.content()) == {}
    assert served(house) == served(undisturbed.house)
    # The control: a load more or less is seen, in figures and in rows.
    assert {"core.fct_feedback", "kpis.kpi_values"} <= differences(at_once, undisturbed.content()).keys()
