"""The sample company: the same for the same seed, complete, and honest about what it planted.

Keep out: what the pipeline makes of it (integration tests).
"""

import csv
import gzip
import io
import json
import re
import zipfile
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from orchestration.records import KINDS
from orchestration.sample import write
from orchestration.sample.__main__ import main
from orchestration.sample.clock import ABSENT, BERLIN, SHANGHAI, instant
from orchestration.sample.exports import PLATFORMS
from orchestration.sample.identities import RESIDENT_CHECKS, RESIDENT_WEIGHTS, cards, ibans, resident_ids
from orchestration.sample.kpis.cells import KEYS
from orchestration.sample.people import SHARED_MAILBOX, SHARED_SWITCHBOARD
from orchestration.sample.survival import quantiles
from orchestration.sources.contract import read_settings

METRICS = Path(__file__).parents[2] / "dbt_project" / "seeds" / "metrics.csv"
SOURCES = Path(__file__).parents[2] / "orchestration" / "sample" / "sources"
REFERENCE = Path(__file__).parents[2] / "orchestration" / "sources" / "reference" / "source.toml"
CUSTOMERS = 600


@pytest.fixture(scope="module")
def company(tmp_path_factory):
    folder = tmp_path_factory.mktemp("company")
    world = write(
        folder / "inbox", folder / "truth", seed=11, customers=CUSTOMERS, reference_folder=folder / "reference"
    )
    return world, folder / "inbox", folder / "truth"


def contents(inbox: Path) -> dict[str, bytes]:
    return {str(p.relative_to(inbox)): p.read_bytes() for p in sorted(inbox.rglob("*")) if p.is_file()}


def text_of(name: str, content: bytes) -> str:
    if name.endswith(".gz"):
        return gzip.decompress(content).decode("utf-16")
    if name.endswith(".zip"):
        archive = zipfile.ZipFile(io.BytesIO(content))
        return "".join(archive.read(n).decode() for n in archive.namelist())
    if name.startswith("directory/"):
        return content.decode("gb18030")
    return content.decode("utf-8", "replace")


def truth_table(truth: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(truth / name, keep_default_na=False, dtype=str)


def test_same_seed_gives_the_same_bytes_and_another_seed_gives_others(company, tmp_path):
    _, inbox, truth = company
    write(tmp_path / "again", tmp_path / "again-truth", 11, CUSTOMERS, reference_folder=tmp_path / "again-reference")
    write(tmp_path / "other", None, seed=12, customers=CUSTOMERS)
    assert contents(tmp_path / "again") == contents(inbox)
    assert contents(tmp_path / "again-truth") == contents(truth)
    assert contents(tmp_path / "again-reference") == contents(inbox.parent / "reference")
    assert contents(tmp_path / "other")["crm/customers_2025-11.jsonl"] != contents(inbox)["crm/customers_2025-11.jsonl"]


def test_two_waves_apart_are_the_files_of_both_together(company, tmp_path):
    _, inbox, _ = company
    for wave in (1, 2):
        write(tmp_path, None, seed=11, customers=CUSTOMERS, wave=wave)
    assert contents(tmp_path) == contents(inbox)


def test_every_kind_of_record_is_fed():
    fed = {
        kind for folder in (*SOURCES.glob("*/source.toml"), REFERENCE) for kind in read_settings(folder.parent).kinds
    }
    assert fed == set(KINDS)


def test_every_stream_has_files(company):
    _, inbox, _ = company
    for folder in SOURCES.glob("*/source.toml"):
        for stream in read_settings(folder.parent).streams.values():
            assert list(inbox.glob(str(stream.files))), (folder.parent.name, stream.name)
    for stream in read_settings(REFERENCE.parent).streams.values():
        assert (inbox.parent / str(stream.files).removeprefix("~")).exists(), stream.name


def test_records_written_are_counted_exactly(company):
    world, inbox, truth = company
    files = contents(inbox)
    ledger = truth_table(truth, "ledger.csv")
    read = ledger[ledger["measure"] == "read"].set_index(["source", "name"])["n"].astype(int)
    lines = sum(c.count(b"\n") for n, c in files.items() if n.startswith("crm/customers"))
    assert read["crm", "customers"] == lines
    listed = sum(len(json.loads(c)["tickets"]) for n, c in files.items() if n.startswith("helpdesk/tickets"))
    assert read["helpdesk", "tickets"] == listed
    orders = [
        r for n, c in files.items() if n.startswith("web_shop/orders") for r in csv.DictReader(io.StringIO(c.decode()))
    ]
    assert read["web_shop", "orders"] == len(orders)
    assert read.sum() == sum(world.written.values())


def test_planted_values_stand_in_the_files_as_written(company):
    _, inbox, truth = company
    planted = truth_table(truth, "planted.csv")
    assert set(planted["entity"]) == {
        "own_name", "own_email", "own_phone", "agent_name", "email", "phone", "resident_id", "card", "iban", "address",
        "plate", "url",
    }  # fmt: skip
    assert {"plain", "full_width", "spaced"} == set(planted["form"])
    assert {"call", "review", "mention", "note", "survey_answer", "case", "case_event"} == set(planted["kind"])
    corpus = dict.fromkeys(planted["source"].unique(), "")
    for name, content in contents(inbox).items():
        source = name.split("/")[0]
        if source in corpus:
            corpus[source] += text_of(name, content)
    for source, value in planted[["source", "value"]].itertuples(index=False):
        assert value in corpus[source], source


def test_nobody_can_have_the_identifiers(company):
    _, _, truth = company
    found = truth_table(truth, "identifiers.csv")
    emails = found.loc[found["type"] == "email", "value"]
    phones = found.loc[(found["type"] == "phone") & (found["value"] != SHARED_SWITCHBOARD[0]), "value"]
    assert emails.str.endswith(".example").all()
    assert phones.str.fullmatch(
        r"\+86(142|143|154)\d{8}|\+3363998\d{4}|\+4917139200\d{2}|\+49176040690\d{2}|\+1\d{3}55501\d{2}"
    ).all()


def test_resident_ids_hold_mod_11_2_and_name_no_region():
    for value in resident_ids(np.random.default_rng(1), 500):
        digits = np.array(list(value[:17]), dtype=int)
        assert value.startswith("1199")
        assert value[17] == RESIDENT_CHECKS[int(digits @ np.array(RESIDENT_WEIGHTS)) % 11]


def test_cards_hold_luhn():
    for value in cards(np.random.default_rng(2), 500):
        doubled = [int(c) * (2 if i % 2 == 0 else 1) for i, c in enumerate(value)]
        assert len(value) == 16
        assert sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0


def test_ibans_hold_mod_97():
    for value in ibans(np.random.default_rng(3), 500):
        moved = value[4:] + value[:4]
        assert int("".join(str(int(c, 36)) for c in moved)) % 97 == 1


def test_a_subject_is_one_person_and_traps_merge_nobody(company):
    world, _, truth = company
    subjects = truth_table(truth, "subjects.csv")
    assert subjects.groupby("subject")["person"].nunique().max() == 1
    shared = world.frame(f"select person from account where email = '{SHARED_MAILBOX[0]}'")["person"].astype(str)
    assert len(shared) == SHARED_MAILBOX[1]
    web = subjects[(subjects["source"] == "web_shop") & subjects["person"].isin(shared)]
    assert web["subject"].nunique() == len(web)


def test_some_identities_are_proved_only_by_the_second_wave(company, tmp_path):
    world, _, truth = company
    write(tmp_path / "inbox", tmp_path / "truth", seed=11, customers=CUSTOMERS, wave=1)
    early, late = truth_table(tmp_path / "truth", "subjects.csv"), truth_table(truth, "subjects.csv")
    assert early["subject"].nunique() > late["subject"].nunique()
    assert (truth_table(truth, "identifiers.csv")["proves_from"] == "2").any()
    assert world.count("(select 1 from account where verified_from = 2)") > 0


def test_names_are_shared_by_several_persons(company):
    _, _, truth = company
    assert truth_table(truth, "persons.csv")["name"].duplicated().any()


def test_people_of_every_jurisdiction_and_minors_with_and_without_guardian(company):
    _, _, truth = company
    persons = truth_table(truth, "persons.csv")
    assert set(persons["country"]) == {"CN", "DE", "FR", "US", ""}
    minors = persons[persons["is_minor"] == "True"]
    assert set(minors["has_guardian"]) == {"True", "False"}


def test_refusals_and_duplicates_are_planned(company):
    _, _, truth = company
    ledger = truth_table(truth, "ledger.csv")
    rows = ledger[(ledger["level"] == "rows") & (ledger["measure"] == "rejected")]
    assert {
        "no_consent",
        "minor_without_guardian",
        "unparsable:ordered_at",
        "unparsable:score",
        "missing:order_id",
    } <= set(rows["reason"])
    records = ledger[(ledger["level"] == "records") & (ledger["measure"] == "rejected")]
    assert {"malformed_json", "malformed_row", "all_rows_rejected"} == set(records["reason"])
    assert (ledger["measure"] == "duplicate").sum() >= 4


def test_truth_covers_every_metric_and_variant_in_every_breakdown_that_is_declared(company):
    _, _, truth = company
    with METRICS.open(encoding="utf-8") as handle:
        declared = {
            (m["metric_id"], m["variant"], breakdown)
            for m in csv.DictReader(handle)
            for breakdown in m["breakdowns"].split(";")
        }
    kpis = pd.read_parquet(truth / "kpis.parquet")
    assert set(kpis[["metric_id", "variant", "breakdown"]].itertuples(index=False, name=None)) == declared
    assert not kpis.duplicated(list(KEYS)).any()
    # Every variant has figures.
    measured = kpis[kpis["value"].notna()]
    assert set(measured[["metric_id", "variant"]].itertuples(index=False, name=None)) == {d[:2] for d in declared}
    shares = kpis[kpis["metric_id"].isin(["csat", "response_rate", "reopen_rate", "processing_rate"])]["value"].dropna()
    assert shares.between(-1e-9, 100 + 1e-9).all() and shares.nunique() > 50


def test_a_cell_is_what_counting_by_hand_gives(company):
    """The cutting into periods and cells, against one figure counted the plain way."""
    world, _, truth = company
    kpis = pd.read_parquet(truth / "kpis.parquet")
    posts = world.frame("select platform, m.at from mention as m")
    local = pd.to_datetime(posts["at"] + 8 * 3600, unit="s")
    quarter = posts[(local >= "2024-04-01") & (local < "2024-07-01")]
    cell = kpis[(kpis["metric_id"] == "mentions") & (kpis["period_start"] == "2024-04-01")]
    by_platform = cell[(cell["period_grain"] == "quarter") & (cell["breakdown"] == "channel")].set_index("member")[
        "value"
    ]
    assert by_platform.to_dict() == {PLATFORMS[p]: n for p, n in quarter["platform"].value_counts().items()}
    monday = kpis[(kpis["metric_id"] == "mentions") & (kpis["period_grain"] == "week")]["period_start"]
    assert set(monday.dt.day_of_week) == {0}


def test_events_of_a_case_tell_its_milestones(company):
    world, _, _ = company
    told = world.frame(
        """
        select c."case", c.replied, c.resolved, c.opened_by,
            list(e.at order by e.at) filter (event_type = 'message_out' and author_role = 'agent') as answers,
            min(e.at) filter (event_type = 'resolved') as first_resolved
        from case_ as c join case_event as e using ("case") group by all order by 1
        """
    )
    for row in told.astype(object).where(told.notna(), None).itertuples():
        answers = [] if row.answers is None else list(row.answers)
        human = answers[1:] if row.opened_by == "agent" else answers
        assert (human[0] if human else ABSENT) == row.replied
        assert (ABSENT if row.first_resolved is None else row.first_resolved) == row.resolved


def test_nothing_happens_in_the_hour_that_berlin_has_twice(company):
    world, _, _ = company
    twice = [("2024-10-27T00:00:00", "2024-10-27T02:00:00"), ("2025-10-26T00:00:00", "2025-10-26T02:00:00")]
    at = world.frame("select e.at from case_event as e where source = 'helpdesk_eu'")["at"]
    for start, end in twice:
        assert not at.between(instant(start, "UTC"), instant(end, "UTC"), inclusive="left").any()


def test_business_time_knows_working_saturdays_holidays_and_lunch():
    def hours(start: str, end: str, calendar=SHANGHAI) -> float:
        zone = calendar.timezone
        found = calendar.between(np.array([instant(start, zone)]), np.array([instant(end, zone)]))
        return float(found[0]) / 3600

    assert hours("2024-03-04T09:00:00", "2024-03-04T18:00:00") == 8  # Monday, an hour of lunch
    assert hours("2024-02-10T00:00:00", "2024-02-18T00:00:00") == 0  # Spring Festival
    assert hours("2024-02-18T00:00:00", "2024-02-19T00:00:00") == 8  # a working Sunday (调休)
    assert hours("2024-03-09T00:00:00", "2024-03-10T00:00:00") == 6  # Saturday shift
    assert hours("2024-12-24T00:00:00", "2024-12-25T00:00:00", BERLIN) == 4
    start = np.array([instant("2024-03-08T17:00:00")])
    assert SHANGHAI.after(start, np.array([2 * 3600]))[0] == instant("2024-03-09T11:00:00")


def test_kaplan_meier_equals_a_worked_example():
    # First cell: 6, 6, 6, 7, 10 happened; 6, 9 censored: S(6) = 1 - 3/7, S(7) = that × 2/3, S(10) = 0.
    # Second cell: 1 happened, three last seen at 5: the median is not reached.
    cell = np.array([0] * 7 + [1] * 4)
    times = np.array([6.0, 6, 6, 6, 7, 9, 10, 1, 5, 5, 5])
    happened = np.array([True, True, True, False, True, False, True, True, False, False, False])
    found = quantiles(cell, 2, times, happened, (0.25, 0.4, 0.5, 0.9))
    assert [q[0] for q in found] == [6, 6, 7, 10]
    assert found[0][1] == 1 and np.isnan([q[1] for q in found[1:]]).all()


def test_late_records_come_in_the_second_wave(company):
    _, inbox, _ = company
    late = (inbox / "web_shop" / "orders_2025-12.csv").read_text()
    days = re.findall(r"purchase.*?(202[45]-\d\d)-\d\d ", late)
    assert any(day < "2025-12" for day in days)


def test_reviews_parse_as_utf_16_and_staff_as_gb18030(company):
    _, inbox, _ = company
    reviews = text_of("x.gz", (inbox / "reviews" / "reviews_2025-11.csv.gz").read_bytes())
    assert next(csv.reader([reviews.splitlines()[0]]))[0] == "review_no"
    staff = (inbox / "directory" / "staff_2025-11.csv").read_bytes()
    assert "工号" in staff.decode("gb18030")
    with pytest.raises(UnicodeDecodeError):
        staff.decode("utf-8")
    assert duckdb.execute(f"select count(*) from '{inbox}/mobile_app/usage_2025-11.parquet'").fetchone()[0] > 0


def test_command_writes_inbox_and_truth(tmp_path):
    result = CliRunner().invoke(
        main, ["--inbox", str(tmp_path / "in"), "--truth", str(tmp_path / "out"), "--customers", "150", "--seed", "3"]
    )
    assert result.exit_code == 0, result.output
    assert "records in" in result.output
    assert (tmp_path / "out" / "kpis.parquet").exists()
