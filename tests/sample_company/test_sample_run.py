"""The whole job on the sample company against the sample's own truth. Keep out: single steps."""

import csv
import gzip
import json
import re
from collections import Counter
from html import unescape
from pathlib import Path

import duckdb
import numpy as np
import pytest
from scipy.stats import binomtest, norm

from orchestration import pipeline
from orchestration.engine import connect
from orchestration.lake.store import Lake
from orchestration.messages import translated
from orchestration.privacy import pseudonyms
from orchestration.privacy.disclosure import DIMENSIONS
from orchestration.privacy.normalise import normal_account
from orchestration.privacy.vault import open_vault
from orchestration.records import KINDS
from tests.faults.traces import content_of
from tests.needles import Needles
from tests.sample_company.compared import against_truth
from tests.sample_company.conftest import ROOT, SampleRun

ROWS_TOLD = (
    "emitted", "widened", "staged", "rejected", "duplicate", "promoted", "quarantined", "current", "superseded", "deleted",
    "withheld",
)  # fmt: skip
RECORDS_TOLD = ("read", "conformed", "reference", "rejected")


def test_the_run_says_what_a_person_wants_to_know(run: SampleRun) -> None:
    printed = (run.root / "printed.txt").read_text()
    for wanted in ("Ledger", "NPS", "CSAT", "Median first reply", "SLA attainment", "Retention", "Privacy checks",
                   "index.html", "master.key", "Losing them"):  # fmt: skip
        assert wanted in printed, wanted
    for headline in ("NPS", "CSAT", "Median first reply", "SLA attainment", r"Retention \(inactive 90 days\)"):
        number = r"[+-]?\d+\.\d(?:%| h)?"
        told = rf"(?m)^  {headline} +2025-(?:Q4|12) +{number} +95 % interval {number} to {number}, n = \d{{2,}}$"
        assert len(re.findall(told, printed)) == 1, headline


def test_the_evidence_of_every_check_stands_on_the_page_in_the_readers_language(run: SampleRun) -> None:
    page = unescape((run.home.serving / "report" / "index.html").read_text())
    with run.served() as con:
        told = con.execute("SELECT evidence FROM privacy_checks WHERE status <> 'not_proved' AND evidence IS NOT NULL")
        told = told.fetchall()
    assert len(told) > 13
    for (english,) in told:
        chinese = translated(english, "zh")
        assert chinese != english and f'<span lang="zh">证据：{chinese}</span>' in page, english


def test_every_rejected_duplicate_and_read_count_is_what_was_planted(run: SampleRun) -> None:
    planned: Counter[tuple[str, ...]] = Counter()
    for line in run.read("ledger.csv"):
        planned[(line["source"], line["level"], line["name"], line["measure"], line["reason"])] += int(line["n"])
    found: Counter[tuple[str, ...]] = Counter()
    for line in Lake(run.home, run.keyring.base64("lake")).ledger_rows():
        key = (line["source"], line["level"], line["name"], line["measure"], line["reason"] or "")
        if line["measure"] in ("rejected", "duplicate", "quarantined") or key in planned:
            found[key] += line["n"]
    assert {k: n for k, n in found.items() if n} == dict(planned)


def test_what_a_check_stopped_is_in_quarantine_and_the_run_says_so(run: SampleRun) -> None:
    """One batch of ratings claims the wrong scale.

    No row of it enters, the rest of its load does, and all else is served.
    """
    (planned,) = [line for line in run.read("ledger.csv") if line["measure"] == "quarantined"]
    (held,) = json.loads(run.voicehouse("quarantine", "list", "--json").stdout)
    assert (held["source"], held["part"]["kind"], held["part"]["rows"]) == (
        planned["source"], planned["name"], int(planned["n"]),
    )  # fmt: skip
    assert [c["name"] for c in held["failed"]] == [planned["reason"]]
    told = run.voicehouse("quarantine", "list")
    assert told.returncode == 0 and held["batch"] in told.stdout and planned["reason"] in told.stdout
    said = [line for line in (run.root / "printed.txt").read_text().splitlines() if "held in quarantine" in line]
    assert (
        len(said) == 1 and f"{planned['source']} {planned['n']}" in said[0] and "voicehouse quarantine list" in said[0]
    )
    lake = Lake(run.home, run.keyring.base64("lake"))
    with connect(run.home.temp) as con:
        lake.register(con)
        (ratings, uses) = con.execute(
            "select (select count(*) from lake.review where source = $1), (select count(*) from lake.usage where source = $1)",
            [planned["source"]],
        ).fetchone() or (0, 0)
    assert ratings == 0 and uses > 1000
    assert run.voicehouse("quarantine", "replay", held["batch"]).returncode == 1  # nothing was mended


def test_the_ledger_adds_up(run: SampleRun) -> None:
    assert pipeline.ledger_faults(run.home, run.keyring) == []


def test_every_kpi_equals_the_truth_in_every_cell(run: SampleRun) -> None:
    """Every cell of the exact mart, in every grain and breakdown: none missing, none too many, and all its parts."""
    with run.exact() as con:
        wrong, n, measured = against_truth(con, run.truth / "kpis.parquet")
    assert wrong == []
    assert n > 150_000 and measured > 100_000  # the control: most truths are numbers


def test_coverage_of_every_metric_is_what_was_planted_and_what_the_published_ledger_tells(run: SampleRun) -> None:
    """Refused: by the sample's truth. In analysis and withheld: by the ledger as it is published.

    In all, and at each source that sent the kind.
    """
    refused: Counter[tuple[str, str]] = Counter()
    for line in run.read("ledger.csv"):
        if line["level"] == "rows" and line["reason"] in ("no_consent", "minor_without_guardian"):
            refused[(line["source"], line["name"])] += int(line["n"])
    with run.served() as con:
        told: dict[tuple[str, str], Counter[str]] = {}
        for source, kind, measure, n in con.execute(
            "select source, name, measure, sum(n)::bigint from load_ledger where level = 'rows' "
            "and coalesce(reason, '') not in ('expired', 'erased') group by all"
        ).fetchall():
            told.setdefault((source, kind), Counter())[measure] += n
        found = con.execute(
            "select metric_id, variant, record_kind, source, n_records, n_in_analysis, n_refused, n_withheld, coverage "
            "from kpi_coverage"
        ).fetchall()
        in_force = con.execute("select count(*) from kpi_metrics where is_in_force").fetchone()
    seen = set()
    for metric_id, variant, record_kind, source, *counts, coverage in found:
        kinds = record_kind.split("; ")
        own = [(s, k) for s, k in told if k in kinds and source in (None, s)]
        assert own
        expected = [sum(told[o]["emitted"] - told[o]["duplicate"] for o in own), sum(told[o]["current"] for o in own),
                    sum(refused[o] for o in own), sum(told[o]["withheld"] for o in own)]  # fmt: skip
        assert counts == expected, (metric_id, variant, source)
        covered = sum(counts[1:])
        assert coverage == (pytest.approx(100 * counts[1] / covered) if covered else None)
        seen.add((metric_id, variant, source))
    assert len(seen) == len(found) and (sum(s is None for _, _, s in seen),) == in_force
    page = (ROOT / "docs" / "bi.md").read_text(encoding="utf-8")
    asked = re.search(r"`kpi_coverage` says what.*?```sql\n(.*?)```", page, re.S)
    with run.served() as con:
        shown = con.execute(asked[1] if asked else "").fetchall()
    assert len(shown) > 20 and shown[0][3] < 85 and {None} < {row[2] for row in shown}
    by_source = {(m, s): c for m, v, _, s, *_, c in found if v in ("per_response", "completed_of_delivered")}
    assert by_source["nps", "survey_forms"] < 85 and by_source["nps", "store_tablet"] == 100  # the control


def test_every_comparison_with_the_period_before_is_that_of_the_truth(run: SampleRun) -> None:
    """previous_value and difference of every cell, from the true values of neighbouring periods.

    Which periods are complete is the mart's to say: nothing is compared with one that is not.
    """
    told = f"read_parquet('{run.truth / 'kpis.parquet'}')"
    with run.exact() as con:
        wrong, n = con.execute(
            f"""
            with marts as (select *, concat_ws(',', {", ".join(DIMENSIONS)}) as member from wh.kpis.kpi_values),
            joined as (
                select m.previous_value, m.difference,
                    case when before.is_complete_period then past.value end as true_previous,
                    now.value - true_previous as true_difference
                from marts as m
                join {told} as now using (metric_id, variant, period_grain, breakdown, member)
                left join {told} as past
                    on past.metric_id = m.metric_id and past.variant = m.variant and past.period_grain = m.period_grain
                    and past.breakdown = m.breakdown and past.member = m.member
                    and past.cohort_age_months is not distinct from m.cohort_age_months
                    and past.currency is not distinct from m.currency
                    and past.period_start = m.period_start - case m.period_grain when 'day' then interval 1 day
                        when 'week' then interval 7 day when 'month' then interval 1 month
                        when 'quarter' then interval 3 month when 'year' then interval 1 year end
                left join marts as before
                    on before.metric_id = m.metric_id and before.variant = m.variant and before.period_grain = m.period_grain
                    and before.breakdown = m.breakdown and before.member = m.member
                    and before.cohort_age_months is not distinct from m.cohort_age_months
                    and before.currency is not distinct from m.currency and before.period_start = past.period_start::date
                where now.period_start::date is not distinct from m.period_start
                    and now.cohort_age_months is not distinct from m.cohort_age_months
                    and now.currency is not distinct from m.currency
            )
            select count(*) filter (
                coalesce(abs(previous_value - true_previous) > 1e-6 * greatest(1, abs(true_previous)),
                    previous_value is not null or true_previous is not null)
                or coalesce(abs(difference - true_difference) > 1e-6 * greatest(1, abs(true_previous)),
                    difference is not null or true_difference is not null)
            ), count(true_difference)
            from joined
            """
        ).fetchone() or (1, 0)
    assert wrong == 0 and n > 50_000


def test_intervals_of_shares_are_those_of_wilson(run: SampleRun) -> None:
    """All of shares that are neither weighted nor clustered: the roots of (p - k / n)^2 = z^2 p (1 - p) / n.

    Some by scipy.
    """
    with run.exact() as con:
        found = con.execute(
            "select distinct numerator, denominator, ci_low, ci_high from wh.kpis.kpi_values "
            "where ci_method = 'wilson' and value is not null order by all"
        ).fetchnumpy()
        methods = {m for (m,) in con.execute("select distinct ci_method from wh.kpis.kpi_values").fetchall()}
    assert methods >= {"wilson", "adjusted_wald"}
    k, n, low, high = (
        np.asarray(found[c], dtype=np.float64) for c in ("numerator", "denominator", "ci_low", "ci_high")
    )
    assert len(k) > 1000
    z = norm.ppf(0.975)
    squared, linear, free = n + z * z, -(2 * k + z * z), k * k / n
    spread = np.sqrt(np.maximum(linear * linear - 4 * squared * free, 0))
    np.testing.assert_allclose(low, 100 * (-linear - spread) / (2 * squared), atol=1e-6)
    np.testing.assert_allclose(high, 100 * (-linear + spread) / (2 * squared), atol=1e-6)
    for i in range(0, len(k), len(k) // 50):
        told = binomtest(int(k[i]), int(n[i])).proportion_ci(method="wilson")
        np.testing.assert_allclose((low[i], high[i]), (100 * told.low, 100 * told.high), atol=1e-6)


def test_a_cell_that_is_off_or_gone_or_too_many_is_seen(run: SampleRun, tmp_path: Path) -> None:
    """The control of the comparison itself: one count, one period and one member of the truth are changed."""
    told = f"read_parquet('{run.truth / 'kpis.parquet'}')"
    for n_wrong, changed in (
        (
            1,
            f"select * replace (if(row_number() over () = 5000, n_answered + 1, n_answered) as n_answered) from {told}",
        ),
        (1, f"select * from {told} offset 1"),
        (2, f"select * replace (if(row_number() over () = 1, 'nobody', member) as member) from {told}"),
    ):
        duckdb.sql(changed).write_parquet(str(tmp_path / "changed.parquet"))
        with run.exact() as con:
            wrong, _, _ = against_truth(con, tmp_path / "changed.parquet")
        assert sum(w[-1] for w in wrong) == n_wrong


def test_every_fact_dimension_and_mart_has_rows(run: SampleRun) -> None:
    """The company feeds every kind: a table without a row is one whose rows were held back, or never made.

    But for figures of staff, which are off until policy.toml names their purpose (test_figures_of_staff.py).
    """
    with run.exact() as con:
        tables = con.execute(
            "select schema_name, table_name from duckdb_tables() where database_name = 'wh' and schema_name in ('core', 'kpis')"
        ).fetchall()
        empty = [t for s, t in tables if con.execute(f'select count(*) from wh."{s}"."{t}"').fetchone() == (0,)]
    assert len(tables) > 40 and empty == ["kpi_agents"]


def test_whoever_is_proved_one_is_one_subject_and_nobody_else(run: SampleRun) -> None:
    """Every proving identifier of the truth against the vault's.

    None missing, none too many, the same persons behind them.
    Whoever gave a number that no account carries, a guest or a caller, is one by this number alone. A call tells no
    country: what a German caller wrote as 0176/… proves nobody. Nobody is missing
    from the vault for being refused, quarantined or erased: the vault knows who was read, whatever became of the rows.
    """
    told = {name: str(run.truth / f"{name}.csv") for name in ("identifiers", "subjects", "fields", "persons")}
    con = connect(run.home.temp)
    try:
        pseudonyms.install(con, run.keyring)
        with open_vault(con, run.home, run.keyring):
            con.execute(
                f"""
                create temp table truth as
                with proving as (
                    select i.type as domain, s.subject, case i.type
                        when 'account' then i.source || chr(31) || 'person.account' || chr(31) || {normal_account("i.account")}
                        else i.value end as value
                    from read_csv($identifiers, all_varchar = true) as i
                    join read_csv($subjects, all_varchar = true) as s using (source, account)
                    where i.proves_from <> '0'
                ),
                numbers as (
                    select distinct 'phone' as domain, p.phone as value, 'number ' || p.phone as subject
                    from read_csv($fields, all_varchar = true) as f join read_csv($persons, all_varchar = true) as p using (person)
                    where f.entity = 'phone' and f.source in ('web_shop', 'telephony') and p.country is distinct from 'US'
                        and not (f.source = 'telephony' and f.written like '0%' and p.country in ('DE', 'FR'))
                )
                select distinct domain, subject, hmac_blind_index(domain || chr(31) || lower(value)) as index_hash
                from (from proving union all by name from numbers where value not in (select value from proving))
                """,
                told,
            )
            rows = con.execute(
                """
                with known as (
                    select distinct v.domain, v.index_hash, s.current_id
                    from vault.identity as v join vault.subject as s using (subject_id) where v.is_proving
                )
                select coalesce(t.domain, v.domain), t.subject, v.current_id
                from truth as t full join known as v on v.domain = t.domain and v.index_hash = t.index_hash
                """
            ).fetchall()
    finally:
        con.close()
    found = Counter(domain for domain, *_ in rows)
    guests = sum(subject is not None and subject.startswith("number ") for _, subject, _ in rows)
    assert found["account"] > 5000 and found["email"] > 1000 and found["phone"] > 1500 and guests > 5
    assert Counter(domain for domain, _, current in rows if current is None) == {}  # missing in the vault
    assert Counter(domain for domain, subject, _ in rows if subject is None) == {}  # known to the vault alone
    by_truth: dict[str, set[str]] = {}
    by_vault: dict[str, set[str]] = {}
    for _, truth, vault in rows:
        by_truth.setdefault(truth, set()).add(vault)
        by_vault.setdefault(vault, set()).add(truth)
    assert [t for t, known in by_truth.items() if len(known) != 1] == []
    assert [v for v, known in by_vault.items() if len(known) != 1] == []


def test_every_identity_in_a_field_is_gone_from_lake_warehouse_and_served_files(run: SampleRun) -> None:
    """Every account, name, e-mail, phone, address and handle of a field, against every text and number of every store.

    Names of two Chinese signs are searched too, though some could be words: in what this sample says none is.
    """
    fields = run.read("fields.csv")
    assert Counter(f["entity"] for f in fields).keys() == {"account", "name", "email", "phone", "address", "handle"}
    needles = Needles(f["written"] for f in fields)
    short = set(needles.values) - needles.sought  # names of two signs, and a handle or two
    assert len(needles.sought) > 15_000 and len(short) < 1000
    # The control: the same searches find every one of them where it is.
    inbox = "\n".join(_inbox_texts(run))
    assert needles.sought - needles.found(inbox.encode()) == set()
    assert {v for v in short if v not in inbox} == set()
    texts = _texts_of_lake(run) + _texts_of_warehouse(run) + _texts_of_served(run)
    assert len(texts) > 5000
    whole = "\n".join(texts)
    assert needles.found(whole.encode()) == set()
    assert {v for v in short if v in whole} == set()


def _inbox_texts(run: SampleRun) -> list[str]:
    """What the systems wrote, unpacked, each file in the encoding it is in."""
    texts = []
    for path in sorted(p for p in run.inbox.rglob("*") if p.is_file()):
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else content_of(path)
        encoding = "utf-16" if content[:2] == b"\xff\xfe" else "gb18030" if path.parent.name == "directory" else "utf-8"
        texts.append(content.decode(encoding, "ignore"))
    return texts


def test_planted_identities_in_free_text_are_redacted(run: SampleRun) -> None:
    """All that is planted is found by rule or is a known person's.

    Bare names of third persons, a stated limit, are not.
    """
    whole = "\n".join(_texts_of_lake(run))
    planted = run.read("planted.csv")
    missed = Counter(p["entity"] for p in planted if p["value"] in whole)
    assert len(planted) > 500
    assert missed == Counter()


def _strings(con: duckdb.DuckDBPyConnection, relation: str) -> list[str]:
    """Every distinct text and whole number of a table, lists and structures of such as one text."""
    told = con.execute(f"describe {relation}").fetchall()
    columns = [c for c, t, *_ in told if "VARCHAR" in t or "INT" in t or t == "JSON"]
    found: set[str] = set()
    for column in columns:
        # Keyed hashes hold no identity; they would be most of what is searched.
        values = con.execute(
            f'select distinct v from (select "{column}"::varchar as v from {relation}) '
            "where v <> '' and not regexp_full_match(v, '[0-9a-f]{64}')"
        ).fetchall()
        found.update(v for (v,) in values)
    return list(found)


def _texts_of_lake(run: SampleRun) -> list[str]:
    con = connect(run.home.temp)
    try:
        Lake(run.home, run.keyring.base64("lake")).register(con)
        return [t for kind in KINDS for t in _strings(con, f'lake."{kind}"')]
    finally:
        con.close()


def _texts_of_warehouse(run: SampleRun) -> list[str]:
    with run.exact() as con:
        tables = con.execute(
            "select schema_name || '.' || table_name from duckdb_tables() where database_name = 'wh'"
        ).fetchall()
        return [t for (table,) in tables for t in _strings(con, f"wh.{table}")]


def _texts_of_served(run: SampleRun) -> list[str]:
    with run.served() as con:
        tables = con.execute("select table_name from duckdb_tables() where not internal").fetchall()
        texts = [t for (table,) in tables for t in _strings(con, table)]
    return [*texts, (run.home.root / "serving" / "report" / "index.html").read_text()]


def test_no_planted_value_stands_in_any_byte_under_the_home_and_temp(run: SampleRun, tmp_path: Path) -> None:
    """Every value planted in free text or standing in a field, in UTF-8 and UTF-16, in names of files, packed ones."""
    values = {p["value"] for p in run.read("planted.csv")} | {f["written"] for f in run.read("fields.csv")}
    needles = Needles(values, ("utf-8", "utf-16-le"))
    assert len(needles.sought) > 16_000
    # The control: they are where they were written, and in a file of either encoding that should not be.
    inbox = "\n".join(_inbox_texts(run))
    assert needles.sought - needles.found(inbox.encode()) == set()
    long = {v for v in needles.sought if len(v) >= 4}  # names of three signs are too short to tell in UTF-16
    assert long - needles.found(inbox.encode("utf-16-le")) == set()
    sample = max(needles.sought)
    (tmp_path / "left").write_bytes(b"PAR" + sample.encode("utf-16-le"))
    assert _found_below(needles, tmp_path) == {"left": {sample}}
    # What is here ran with a temporary folder of its own, beside the home.
    assert run.temp.is_dir()
    assert _found_below(needles, run.home.root) == {}
    assert _found_below(needles, run.temp) == {}


def _found_below(needles: Needles, folder: Path) -> dict[str, set[str]]:
    """By file below the folder what stands in its bytes or its name."""
    files = {str(p.relative_to(folder)): p for p in folder.rglob("*") if p.is_file()}
    found = {name: needles.found(name.encode() + b"\n" + content_of(path)) for name, path in files.items()}
    return {name: values for name, values in found.items() if values}


def test_with_profile_internal_every_cell_under_the_threshold_is_hidden_and_says_so(run: SampleRun) -> None:
    """In every served table that counts persons, and for every metric about persons in kpi_values."""
    with run.served() as con:
        counting = [
            name
            for (name,) in con.execute(
                "select table_name from duckdb_columns() where column_name = 'n_subjects' and not internal order by 1"
            ).fetchall()
        ]
        shown = {
            name: con.execute(f"select count(*) from {name} where n_subjects between 1 and 9").fetchone()
            for name in counting
        }
        hidden = dict(
            con.execute(
                "select metric_id, count(*) from kpi_values where suppressed_reason is not null and value is null "
                "and n_subjects is null and numerator is null and denominator is null group by 1"
            ).fetchall()
        )
        unclear = con.execute(
            "select count(*) from kpi_values where suppressed_reason is not null "
            "and (value is not null or n_subjects is not null or n_answered is not null)"
        ).fetchone()
    with run.exact() as con:
        small = dict(
            con.execute(
                "select metric_id, count(*) from wh.kpis.kpi_values "
                "where n_subjects between 1 and 9 and value is not null group by 1"
            ).fetchall()
        )
    assert len(counting) > 10 and set(shown.values()) == {(0,)}, shown
    assert len(small) > 10  # the control: there are such cells in the exact mart
    assert {m: n for m, n in small.items() if hidden.get(m, 0) < n} == {}
    assert unclear == (0,)


def test_no_row_per_person_case_agent_or_text_is_published(run: SampleRun) -> None:
    with run.served() as con:
        columns = {c for (c,) in con.execute("select column_name from duckdb_columns() where not internal").fetchall()}
    assert not {c for c in columns if c.endswith("_key") or c in ("text", "title", "subject_id", "agent_id")}


def test_stores_are_closed_without_their_keys(run: SampleRun) -> None:
    for name in ("warehouse.duckdb", "vault/vault.duckdb", "serving/team.duckdb"):
        with pytest.raises(duckdb.Error):
            duckdb.connect(str(run.home.root / name), read_only=True)
    parts = list((run.home.root / "lake").glob("*/source=*/load=*/*.parquet"))
    assert parts and all(p.read_bytes()[:4] == b"PARE" for p in parts)


def test_a_second_run_says_nothing_new_and_changes_nothing(run: SampleRun) -> None:
    before = _state(run)
    done = run.voicehouse("run", "--sample")
    assert done.returncode == 0, done.stderr
    assert "nothing new" in done.stdout
    assert _state(run) == before


def _state(run: SampleRun) -> dict[str, bytes]:
    """Everything in the home that is not the record of runs or what tools keep for themselves."""
    root, apart = run.home.root, {"ops", "dagster", "dbt", "dlt", "tmp"}
    files = [p for p in root.rglob("*") if p.is_file() and p.relative_to(root).parts[0] not in apart]
    return {str(p.relative_to(root)): p.read_bytes() for p in files}


def test_commands_that_read_have_machine_readable_answers(run: SampleRun) -> None:
    status = json.loads(run.voicehouse("status", "--json").stdout)
    assert status["waiting_loads"] == [] and status["quarantined_batches"] == 1
    assert status["last_runs"][0]["status"] == "succeeded"
    names = {s["name"] for s in json.loads(run.voicehouse("sources", "list", "--json").stdout)}
    assert {"crm", "helpdesk", "survey_forms", "jiandaoyun"} <= names


def test_a_mistake_ends_in_a_sentence_not_a_traceback(run: SampleRun) -> None:
    done = run.voicehouse("run", "--source", "no_such_source")
    assert done.returncode == 2 and "no active source is called no_such_source" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("number", range(1, 6))
def test_every_question_of_the_page_on_bi_tools_has_an_answer(run: SampleRun, number: int) -> None:
    """The SQL of docs/bi.md as it stands, on what analysts query; a question that finds nothing teaches nothing."""
    page = (ROOT / "docs" / "bi.md").read_text(encoding="utf-8")
    sql = re.search(rf"^\*\*{number}\. .*?```sql\n(.*?)```", page, re.M | re.S)
    assert sql
    with run.served() as con:
        shown = con.execute(sql[1]).df()
    figure = {2: "csat", 3: "minutes", 1: "nps", 4: "attained_percent", 5: "value"}[number]
    assert shown[figure].notna().any()
    if number == 2:
        assert (shown["csat"] < shown["target_value"]).all()


def test_what_can_be_chosen_has_a_name_once_and_is_what_the_figures_have(run: SampleRun) -> None:
    """The SQL of docs/bi.md as it stands.

    Each choice of the published figures, and none twice over a metric's versions.
    """
    page = (ROOT / "docs" / "bi.md").read_text(encoding="utf-8")
    boxes = re.search(r"Fill filter boxes.*?```sql\n(.*?)```", page, re.S)
    assert boxes
    fixed = "metric_id, variant, period_grain, breakdown"
    with run.served() as con:
        offered = con.execute(f"select {fixed} from ({boxes.group(1)}) order by all").fetchall()
        assert offered == con.execute(f"select distinct {fixed} from kpi_values order by all").fetchall()
        told = con.execute(
            "select column_name from kpi_columns where mart = 'kpi_choices' and is_key_column order by column_position"
        )
        assert [name for (name,) in told.fetchall()] == fixed.split(", ")


def test_the_served_files_are_where_the_readme_says(run: SampleRun) -> None:
    serving = Path(run.home.root / "serving")
    for name in ("kpi.duckdb", "team.duckdb", "parquet/kpi_values.parquet", "report/index.html"):
        assert (serving / name).exists(), name
    with (run.truth / "persons.csv").open(encoding="utf-8") as handle:
        assert len(list(csv.DictReader(handle))) == 2000


def test_every_line_of_the_reports_ledger_adds_up_as_the_page_says(run: SampleRun) -> None:
    page = (run.home.root / "serving" / "report" / "index.html").read_text(encoding="utf-8")
    _, *tables = page[page.index('id="ledger"') :].split("<table>")
    summed = 0
    for table, measures in zip(tables, (ROWS_TOLD, RECORDS_TOLD), strict=False):
        heads = re.findall(r"<th class=\"n\">(.*?)</th>", table, re.S)
        assert [re.findall(r"[a-z]+", re.sub(r"<[^>]*>", " ", head))[-1] for head in heads] == list(measures)
        for line in re.findall(r"<tr><th>.*?</tr>", table[table.index("<tbody>") : table.index("</table>")], re.S):
            told = [int(n.replace(",", "")) for n in re.findall(r"<td class=\"n\">([\d,]+)</td>", line)]
            n = dict(zip(measures, told, strict=True))
            if measures is RECORDS_TOLD:
                assert n["read"] == n["conformed"] + n["reference"] + n["rejected"]
            else:
                assert n["emitted"] + n["widened"] == n["staged"] + n["rejected"] + n["duplicate"]
                assert n["staged"] == n["promoted"] + n["quarantined"]
                assert n["promoted"] == n["current"] + n["superseded"] + n["deleted"] + n["withheld"]
            summed += 1
    assert summed > 30


def test_the_summary_for_machines_tells_what_the_one_for_people_tells(run) -> None:
    done = run.voicehouse("summary", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert set(told["headlines"]) >= {"nps", "csat", "sla_attainment"} and told["headlines"]["nps"]["n"] > 0
    with run.served() as con:
        (promoted,) = con.execute("select sum(n) from load_ledger where measure = 'promoted'").fetchone()
    assert sum(line["n"] for line in told["ledger"] if line["measure"] == "promoted") == promoted
