"""What must stand in several places stands in all of them: kinds in contracts, suites, staging models and sources.

Each test prints what is missing, and where.
"""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

import expectations
from orchestration.lake import metrics
from orchestration.lake.rewrite import WITHHELD
from orchestration.lake.store import (
    BUILD_COLUMNS,
    CHECK_COLUMNS,
    FRESH_COLUMNS,
    LEDGER_COLUMNS,
    REMAPPED_COLUMNS,
    SOURCE_COLUMNS,
    SUBJECT_COLUMNS,
)
from orchestration.privacy import classified, refusals
from orchestration.privacy.lapses import NO_BASIS
from orchestration.privacy.protect import OTHER_NOTICE
from orchestration.privacy.row_level import are_row_level
from orchestration.records import KINDS, LINEAGE, TYPES, Privacy
from orchestration.serving import history

ROOT = Path(__file__).parents[2]
STAGING = ROOT / "dbt_project" / "models" / "staging"
MARTS = ROOT / "dbt_project" / "models" / "marts"
KPIS = MARTS / "kpis"
TECHNICAL = {
    "_ledger": LEDGER_COLUMNS,
    "_sources": SOURCE_COLUMNS,
    "_subjects": SUBJECT_COLUMNS,
    "_checks": CHECK_COLUMNS,
    "_build": BUILD_COLUMNS,
    "_fresh": FRESH_COLUMNS,
    "_remapped": REMAPPED_COLUMNS,
    "_metrics": metrics.columns(),
}


def difference(here, there, what):
    missing, surplus = sorted(set(here) - set(there)), sorted(set(there) - set(here))
    return "; ".join(
        f"{what} {verb}: {', '.join(names)}"
        for verb, names in (("missing", missing), ("without a contract", surplus))
        if names
    )


def staged_kinds():
    """Kind → staging models that read it."""
    found = {}
    for path in sorted(STAGING.glob("stg_*.sql")):
        for kind in re.findall(r"source\(\s*['\"]lake['\"],\s*['\"]([a-z_]+)['\"]", path.read_text()):
            found.setdefault(kind, set()).add(path.stem)
    return found


def test_every_kind_has_its_own_suite():
    assert not difference(KINDS, expectations.found("entering"), "suites")


def test_every_kind_has_one_staging_model():
    staged = {kind: models for kind, models in staged_kinds().items() if not kind.startswith("_")}
    assert not difference(KINDS, staged, "staging models")
    assert {kind: models for kind, models in staged.items() if len(models) > 1} == {}


@pytest.mark.parametrize("kind", KINDS)
def test_staging_model_gives_every_protected_column(kind):
    lineage = (ROOT / "dbt_project" / "macros" / "staged.sql").read_text()
    for model in staged_kinds().get(kind, ()):
        sql = (STAGING / f"{model}.sql").read_text()
        words = set(re.findall(r"[a-z_]+", sql + lineage if "lineage_columns()" in sql else sql))
        missing = [c for c in KINDS[kind].protected_schema.names if c not in words]
        assert not missing, f"{model} leaves out {', '.join(missing)}"


def test_columns_that_c4_knows_beside_the_contracts_are_made_by_staging_and_by_the_history():
    sql = [ROOT / "dbt_project" / "macros" / "staged.sql", *STAGING.glob("stg_*.sql")]
    made = set(re.findall(r"\b(?:as|[a-z]+\.) ?([a-z_]+)", without_comments("\n".join(p.read_text() for p in sql))))
    assert not classified.STAGED - made, "STAGED names what no staging model makes"
    writers = [*(ROOT / "orchestration" / "serving").glob("*.py"), ROOT / "orchestration" / "privacy" / "restated.py"]
    noted = set(re.findall(r"[a-z_]+", "\n".join(p.read_text() for p in writers)))
    assert not classified.NOTED - noted, "NOTED names what the history does not write"
    assert not classified.NOTED & classified.described()["kpi_values"], "described already"
    assert history.KEY == classified.HISTORY_KEY


def test_every_kind_and_technical_relation_is_a_source_of_the_models():
    declared = yaml.safe_load((STAGING / "_sources.yml").read_text())["sources"]
    tables = {t["name"]: t for source in declared if source["name"] == "lake" for t in source["tables"]}
    assert not difference([*KINDS, *TECHNICAL], tables, "source tables")
    stale = [kind for kind, record in KINDS.items() if tables[kind].get("description") != record.grain]
    assert not stale, f"descriptions that are not the contract's grain: {', '.join(stale)}"


def test_every_suite_of_a_mart_names_a_mart_that_exists():
    files = [yaml.safe_load(path.read_text()) for path in KPIS.glob("*.yml")]
    marts = {p.stem for p in KPIS.glob("*.sql")} | {t["name"] for f in files for s in f["sources"] for t in s["tables"]}
    assert not set(expectations.found("leaving")) - marts, "suites of marts that do not exist: " + ", ".join(
        sorted(set(expectations.found("leaving")) - marts)
    )


def described_marts():
    """Model → its entry, of every model under marts/."""
    files = [yaml.safe_load(path.read_text()) for path in sorted(MARTS.rglob("*.yml"))]
    return {m["name"]: m for f in files for m in f.get("models", [])}


def column_words():
    """Doc block → (Chinese, English)."""
    text = "".join(path.read_text() for path in sorted(MARTS.rglob("*.md")))
    found = re.findall(r"{% docs (\w+) %}(.*?){% enddocs %}", text, re.S)
    assert len(found) == len({name for name, _ in found}), "a column is explained twice"
    return {name: tuple(word.strip() for word in words.split("|")) for name, words in found}


def test_every_mart_has_an_enforced_contract_and_its_grain_in_the_first_sentence():
    models = described_marts()
    assert not difference([p.stem for p in MARTS.rglob("*.sql")], models, "descriptions of marts")
    config = yaml.safe_load((ROOT / "dbt_project" / "dbt_project.yml").read_text())["models"]["voicehouse"]["marts"]
    assert config["+contract"] == {"enforced": True}
    assert not [f for f in ("core", "kpis") if "+contract" in config[f]]
    assert [name for name, m in models.items() if "contract" in m.get("config", {})] == []
    assert [name for name, m in models.items() if not m["description"].startswith("One row per ")] == []
    heads = {p.stem: p.read_text().splitlines()[0] for p in MARTS.rglob("*.sql")}
    assert [name for name, head in heads.items() if not head.startswith("-- One row per ")] == []
    untyped = [f"{name}.{c['name']}" for name, m in models.items() for c in m["columns"] if not c.get("data_type")]
    assert untyped == []


def test_coverage_knows_every_kind_that_a_metric_is_made_of():
    told = set(re.findall(r'"(\w+)": "stg_', (KPIS / "kpi_coverage.sql").read_text()))
    made_of = {kind for row in metrics.shipped().values() for kind in row["record_kind"].split("; ")}
    assert not difference(made_of, told, "kinds in kpi_coverage")


def test_models_tell_refusals_for_want_of_a_ground_by_the_reasons_that_the_gate_gives():
    macros = (ROOT / "dbt_project" / "macros" / "refusals.sql").read_text()
    told = {
        name: set(re.findall(r"'(\w+)'", body))
        for name, body in re.findall(r"macro (\w+)\(\)(.*?)endmacro", macros, re.S)
    }
    ground = told["refused_without_consent"] | told["refused_without_ground"]
    assert not difference({*refusals.REASONS, "no_purpose"}, ground, "reasons")
    assert set(WITHHELD) & told["withheld_since"] == {"withdrawn", OTHER_NOTICE, NO_BASIS, "purpose"}


# The clock of whoever computes. Times of a run come from its lake (`_build`), so that any build gives the same again.
CLOCK = re.compile(
    r"\b(?:now|today|getdate|sysdate|current_date|current_time|current_timestamp|localtime|localtimestamp|clock_timestamp"
    r"|statement_timestamp|transaction_timestamp|get_current_timestamp|get_current_time|utcnow|run_started_at)\b"
)


def without_comments(sql):
    return re.sub(r"--[^\n]*|{#.*?#}", "", sql, flags=re.S)


def test_no_model_or_macro_asks_the_clock():
    told = [
        f"{path.relative_to(ROOT)}: {found[0]}"
        for path in sorted((ROOT / "dbt_project").rglob("*.sql"))
        for found in CLOCK.finditer(without_comments(path.read_text()).lower())
    ]
    assert told == []


@pytest.mark.parametrize(
    "sql", ["select now()", "where at < current_date", "{{ run_started_at }}", "SELECT CURRENT_TIMESTAMP"]
)
def test_a_question_to_the_clock_is_seen(sql):
    assert CLOCK.search(without_comments(sql).lower())


def test_a_word_for_now_in_a_comment_or_a_name_is_no_question():
    assert not CLOCK.search(without_comments("select known_at, is_now -- as of now()\nfrom {# today #} rows").lower())


def test_no_comment_of_sql_breaks_off_in_mid_sentence():
    """The formatter cuts what is too long for its line and leaves the rest on one of its own."""
    broken = []
    folders = ("dbt_project", "examples", "orchestration")
    for path in sorted(path for folder in folders for path in (ROOT / folder).rglob("*.sql")):
        lines = path.read_text().splitlines()
        for number, (line, following) in enumerate(zip(lines, lines[1:], strict=False), 1):
            if line.lstrip().startswith("-- ") and following.lstrip().startswith("-- "):
                is_ended = line.rstrip().endswith((".", ":", ";"))
                fits = len(line) + 1 + len(following.lstrip()[3:].split(" ")[0]) <= 110
                if fits and not is_ended:
                    broken.append(f"{path.name}:{number}")
    assert broken == []


def test_every_column_of_a_mart_is_explained_once_in_chinese_and_english():
    words, used = column_words(), set()
    files = [yaml.safe_load(path.read_text()) for path in sorted(MARTS.rglob("*.yml"))]
    tables = [t for f in files for s in f.get("sources", []) for t in s["tables"]] + list(described_marts().values())
    for table in tables:
        for column in table["columns"]:
            block = re.fullmatch(r"{{ doc\(\"(\w+)\"\) }}", column["description"])
            assert block and block[1] in words, f"{table['name']}.{column['name']} refers to no doc block"
            used.add(block[1])
    assert not difference(words, used, "uses of doc blocks")
    chinese, plain = re.compile(r"[\u4e00-\u9fff]"), re.compile(r"[A-Za-z]")
    unfit = [n for n, w in words.items() if len(w) != 2 or not chinese.search(w[0]) or not plain.search(w[1])]
    assert unfit == [], "not written as 'zh | en'"
    # `name_zh` and the like are in one language by nature; nothing else is left in the other
    assert [n for n, w in words.items() if chinese.search(w[1]) and "调休" not in w[1]] == []


def test_every_kpi_mart_is_public_and_facts_are_not():
    models = described_marts()
    public = {name for name, m in models.items() if m.get("access") == "public"}
    assert not difference(
        [p.stem for p in KPIS.glob("*.sql")], [n for n in public if not n.startswith("dim_")], "marts"
    )
    rows = {n for n in public if are_row_level(c["name"] for c in models[n]["columns"])}
    assert rows == set(), "public models with rows of single persons"


@pytest.mark.parametrize("kind", KINDS)
def test_contract_is_whole(kind):
    record = KINDS[kind]
    assert record.kind == kind
    assert re.match(r"One row per .*\.$", record.grain)
    names = [f.name for f in record.fields]
    assert not set(names) & {f.name for f in LINEAGE}, "a field has the name of a lineage column"
    assert record.protected_key, "nothing of the key passes the gate"
    assert len(record.protected_schema.names) == len(set(record.protected_schema.names))
    assert record.event_time is None or record.event_time in names
    assert record.has_person == ("person_email" in names)
    for f in record.fields:
        assert isinstance(f.privacy, Privacy), f"{f.name} has no privacy class"
        assert f.type in TYPES, f"{f.name} has no type"
        assert f.description.strip(), f"{f.name} is not described"
        assert not (f.values and f.type != "string"), f"{f.name}: only words have a vocabulary"
        assert not (f.minimum is not None and f.type not in ("integer", "number")), (
            f"{f.name}: only numbers have bounds"
        )
        assert (f.domain is not None) == (f.privacy in (Privacy.RECORD_KEY, Privacy.IDENTIFIER)), f"{f.name}: domain"
        assert (f.generalise is not None) == (f.privacy is Privacy.QUASI), f"{f.name}: how it is generalised"
        assert f.privacy is not Privacy.TEXT or f.type == "string", f"{f.name}: text is a string"


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_that_identifies_passes_the_gate_by_its_contract(kind):
    record = KINDS[kind]
    out = set(record.protected_schema.names)
    closed = {f.name for f in record.fields if f.privacy in (Privacy.IDENTIFIER, Privacy.RECORD_KEY, Privacy.SENSITIVE)}
    assert not closed & out


def test_words_used_by_two_kinds_mean_the_same():
    """The same name has the same type, unit and vocabulary everywhere, or a reason below."""
    different_by_nature = {
        "metric": "what an item measures; what a policy times",
        "status": "an action's and a case's lives differ",
        "reason": "of a deletion, closed; of a target, free",
        "region": "where a person lives is generalised; where a shop stands is not",
        "valid_from": "days of a calendar or target; instants of a policy",
        "valid_to": "days of a calendar or target; instants of a policy",
    }
    seen = {}
    for kind, record in KINDS.items():
        for f in record.fields:
            shape = (f.type, f.unit, f.privacy, f.values if f.privacy is Privacy.PLAIN else ())
            seen.setdefault(f.name, {}).setdefault(shape, []).append(kind)
    conflicts = {
        n: sorted(map(tuple, s.values())) for n, s in seen.items() if len(s) > 1 and n not in different_by_nature
    }
    assert conflicts == {}


# The wiring and the entry points, which alone know Dagster.
WIRING = {"cli", "commands", "definitions", "defs", "running"}


def test_every_module_stands_in_the_rules_of_imports():
    package = ROOT / "orchestration"
    modules = {p.stem for p in package.glob("*.py") if p.stem != "__init__"}
    modules |= {p.parent.name for p in package.glob("*/__init__.py")}
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = (c["layers"] for c in contracts if c["type"] == "layers")
    in_layers = set(re.findall(r"orchestration\.(\w+)", " ".join(layers)))
    assert not difference(modules, in_layers, "layers")
    (dagster,) = (c for c in contracts if "dagster" in c.get("forbidden_modules", ()))
    without_dagster = {name.removeprefix("orchestration.") for name in dagster["source_modules"]} - {"expectations"}
    assert not difference(modules - WIRING, without_dagster, "modules that must not know Dagster")
