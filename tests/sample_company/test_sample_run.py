"""The whole job on the sample company against the sample's own truth. Keep out: single steps."""

import csv
import json
import re
from collections import Counter
from pathlib import Path

import duckdb
import pytest

from orchestration import pipeline
from orchestration.engine import connect
from orchestration.lake.store import Lake
from orchestration.privacy import pseudonyms
from orchestration.privacy.normalise import normal_account
from orchestration.privacy.vault import open_vault
from orchestration.records import KINDS
from tests.sample_company.compared import against_truth
from tests.sample_company.conftest import SampleRun


def test_the_run_says_what_a_person_wants_to_know(run: SampleRun) -> None:
    printed = (run.root / "printed.txt").read_text()
    for wanted in ("Ledger", "NPS", "CSAT", "Median first reply", "SLA attainment", "Retention", "Privacy checks",
                   "index.html", "master.key", "Losing them"):  # fmt: skip
        assert wanted in printed, wanted


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
    """One batch of ratings claims the wrong scale: no row of it enters, the rest of its load does, and all else is served."""
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


def test_whoever_is_proved_one_is_one_subject_and_nobody_else(run: SampleRun) -> None:
    """Accounts of the truth against the vault: one true subject, one vault subject, and the other way round."""
    con = connect(run.home.temp)
    try:
        pseudonyms.install(con, run.keyring)
        with open_vault(con, run.home, run.keyring):
            rows = con.execute(
                f"""
                with truth as (
                    select *, source || chr(31) || 'person.account' || chr(31) || {normal_account("account")} as value
                    from read_csv(?, all_varchar = true)
                )
                select t.subject, s.current_id
                from truth t join vault.identity v
                    on v.domain = 'account' and v.index_hash = hmac_blind_index('account' || chr(31) || lower(t.value))
                join vault.subject s using (subject_id)
                """,
                [str(run.truth / "subjects.csv")],
            ).fetchall()
    finally:
        con.close()
    assert len(rows) > 1000
    by_truth: dict[str, set[str]] = {}
    by_vault: dict[str, set[str]] = {}
    for truth, vault in rows:
        by_truth.setdefault(truth, set()).add(vault)
        by_vault.setdefault(vault, set()).add(truth)
    assert [t for t, found in by_truth.items() if len(found) != 1] == []
    assert [v for v, found in by_vault.items() if len(found) != 1] == []


def test_every_identity_in_a_field_is_gone_from_lake_warehouse_and_served_files(run: SampleRun) -> None:
    """Every e-mail, phone, account and handle of the truth, against every text of every store, decompressed.

    Names are not here: third persons' bare names in free text are a stated limit, and many are ordinary words.
    """
    values = {p[c] for p in run.read("persons.csv") for c in ("email", "phone") if p[c]}
    written = [(i["type"], i["written"]) for i in run.read("identifiers.csv") if len(i["written"]) > 6]
    values |= {value for kind, value in written if kind in ("email", "phone")}
    accounts = {value for kind, value in written if kind == "account"}
    texts = _texts_of_lake(run) + _texts_of_warehouse(run) + _texts_of_served(run)
    assert len(texts) > 5000
    whole = "\n".join(texts)
    inbox = "\n".join(p.read_bytes().decode("utf-8", "ignore") for p in run.inbox.rglob("*") if p.is_file())
    # The control: the same searches find them where they are.
    assert len(values & set(re.findall(r"[\w.+-]+@[\w.-]+", inbox))) > 1000
    assert sum("@" not in v and v in inbox for v in sorted(values)[:2000]) > 500
    assert len(accounts & set(re.findall(r"\w+", inbox))) > 1000
    addresses = re.compile(r"[\w.+-]+@[\w.-]+")
    assert {v for v in values if "@" in v} & set(addresses.findall(whole)) == set()
    assert [v for v in values if "@" not in v and v in whole] == []
    assert accounts & set(re.findall(r"\w+", whole)) == set()


def test_planted_identities_in_free_text_are_redacted(run: SampleRun) -> None:
    """Identities by rule or of the record's own person; third persons' bare names are a stated limit."""
    whole = "\n".join(_texts_of_lake(run))
    planted = run.read("planted.csv")
    missed = Counter(p["entity"] for p in planted if len(p["value"]) >= 6 and p["value"] in whole)
    by_rule = {"email", "phone", "card", "resident_id", "iban", "plate", "url", "ip", "wechat", "qq"}
    assert {entity: n for entity, n in missed.items() if any(entity.startswith(r) for r in by_rule)} == {}


def _strings(con: duckdb.DuckDBPyConnection, relation: str) -> list[str]:
    columns = [c for c, t, *_ in con.execute(f"describe {relation}").fetchall() if t == "VARCHAR"]
    found: set[str] = set()
    for column in columns:
        # Keyed hashes hold no identity; they would be most of what is searched.
        told = f'select distinct "{column}" from {relation} where not regexp_full_match("{column}", \'[0-9a-f]{{64}}\')'
        found.update(v for (v,) in con.execute(told).fetchall() if v)
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


def test_no_planted_value_stands_in_any_byte_under_the_home(run: SampleRun) -> None:
    values = [p["value"].encode() for p in run.read("planted.csv") if len(p["value"]) >= 8][:400]
    values += [p["email"].encode() for p in run.read("persons.csv") if p["email"]][:400]
    inbox = b"".join(p.read_bytes() for p in run.inbox.rglob("*") if p.is_file())
    assert sum(v in inbox for v in values) > 100  # the control
    for path in (p for p in run.home.root.rglob("*") if p.is_file() and p.suffix != ".pyc"):
        content = path.read_bytes()
        assert [v for v in values if v in content] == [], path.relative_to(run.home.root)


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
    """Content of everything that is data: served files and their history, lake, vault, warehouse."""
    root = run.home.root
    folders = ("serving", "published", "lake", "vault")
    files = [p for d in folders for p in (root / d).rglob("*") if p.is_file() and p.name != "_checks.json"]
    files.append(root / "warehouse.duckdb")
    return {str(p.relative_to(root)): p.read_bytes() for p in files}


def test_commands_that_read_have_machine_readable_answers(run: SampleRun) -> None:
    status = json.loads(run.voicehouse("status", "--json").stdout)
    assert status["waiting_loads"] == [] and status["quarantined_batches"] == 1
    assert status["last_runs"][0]["status"] == "succeeded"
    names = {s["name"] for s in json.loads(run.voicehouse("sources", "list", "--json").stdout)}
    assert {"crm", "helpdesk", "survey_forms", "jiandaoyun"} <= names


def test_a_mistake_ends_in_a_sentence_not_a_traceback(run: SampleRun) -> None:
    done = run.voicehouse("run", "--source", "no_such_source")
    assert done.returncode == 1 and "no active source is called no_such_source" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_served_files_are_where_the_readme_says(run: SampleRun) -> None:
    serving = Path(run.home.root / "serving")
    for name in ("kpi.duckdb", "team.duckdb", "parquet/kpi_values.parquet", "report/index.html"):
        assert (serving / name).exists(), name
    with (run.truth / "persons.csv").open(encoding="utf-8") as handle:
        assert len(list(csv.DictReader(handle))) == 2000


def test_the_summary_for_machines_tells_what_the_one_for_people_tells(run) -> None:
    done = run.voicehouse("summary", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert set(told["headlines"]) >= {"nps", "csat", "sla_attainment"} and told["headlines"]["nps"]["n"] > 0
    with run.served() as con:
        (promoted,) = con.execute("select sum(n) from load_ledger where measure = 'promoted'").fetchone()
    assert sum(line["n"] for line in told["ledger"] if line["measure"] == "promoted") == promoted
