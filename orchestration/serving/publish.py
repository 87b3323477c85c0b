"""Building the served files from the warehouse: published marts, Parquet copies, the restricted file; and withdrawal.

Keep out: the rules of disclosure (privacy/disclosure.py) and the look of the report (report.py).
"""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path

import duckdb

from orchestration.engine import identifier, literal, open_read_only
from orchestration.errors import VoicehouseError
from orchestration.formats import FORMATS, SERVED
from orchestration.home import Home, now, open_to_group, sync_folder, write_durably
from orchestration.privacy.audit import BLOCKING, check_candidate
from orchestration.privacy.disclosure import (
    AGENTS_PER_TEAM,
    CELL,
    KEPT,
    Disclosed,
    Profile,
    choose_profile,
    columns_of,
    disclose,
    hide,
    key,
    number,
)
from orchestration.privacy.holding import Held, exact_state, hold, hold_nothing
from orchestration.privacy.keys import Keyring
from orchestration.privacy.marks import is_marked
from orchestration.privacy.registers import LEDGER, PROVED, REGISTRY, VALUES, empty_counts, empty_sizes
from orchestration.privacy.restated import RESTATED
from orchestration.privacy.row_level import are_row_level
from orchestration.records import KINDS
from orchestration.serving.history import History, commit, drafted, drop_drafts
from orchestration.serving.postgres import TEAM_KEY, PostgresTarget, mark_due, publish_served
from orchestration.serving.swap import discard, swap

DICTIONARY = "kpi_columns"
CHOICES = "kpi_choices"
STAGED = {f"stg_{name}": kind for kind in KINDS for name in (kind, f"{kind}s", f"{kind[:-1]}ies")}
PUBLISHED_MODE = 0o640  # group-readable: analysts and BI servers share a group with the house
RESTRICTED_MODE = 0o600

# Rows per case, agent or training: the restricted file only.
NO_TEAM = "unknown"  # as the models write it where a case has none
TEAM_TABLES = ("fct_cases", "fct_case_events", "dim_agents", "kpi_agents", "fct_trainings", "fct_actions")

# The columns that every question about figures fixes (docs/bi.md), and the order in which dashboards ask.
FIXED = ("metric_id", "variant", "period_grain", "breakdown")
ASKED_BY = (*FIXED, "period_start")

Checks = Callable[[Path], list[str]]
"""Given the path of a closed candidate file: the codes of the checks that failed on it, no values."""


@dataclass(frozen=True)
class PublishResult:
    """What came of one publication. `failed_checks` is empty when it is served; else the last good version still is."""

    path: Path
    profile: str
    known_at: datetime | None
    published_at: datetime
    disclosed: Disclosed | None
    held: Held = Held(0, 0, 0)
    restated: int = 0  # closed cells that say something else than they did
    rows: dict[str, int] = field(default_factory=dict)
    failed_checks: tuple[str, ...] = ()
    is_waiting: bool = False  # for the sign-off of its privacy report

    @property
    def is_served(self) -> bool:
        return not self.failed_checks


def publish(
    con: duckdb.DuckDBPyConnection,
    home: Home,
    profile: str,
    known_at: datetime | None,
    checks: Checks | None = None,
    catalog: str = "wh",
    waits: bool = False,
) -> PublishResult:
    """Build `serving/kpi.duckdb` and what stands beside it from the exact marts in `<catalog>.kpis`.

    `con` has the warehouse attached as `catalog`. The candidate is closed, then asked for the privacy checks
    that speak of it, which its own `privacy_checks` tells, and checked by `person_free` and `checks`; only when nothing
    failed it takes the place of the served file, Parquet copies and the restricted file follow; with `waits` all but
    the restricted file, which keeps no row that was taken out, comes with `release`.
    Raises VoicehouseError when the profile is refused or the disclosure audit fails: nothing is swapped then.
    """
    marts = _tables(con, catalog, "kpis")
    if missing := sorted({VALUES, REGISTRY, DICTIONARY} - set(marts)):
        raise VoicehouseError(f"the warehouse has no {' and no '.join(missing)} yet: build the models first")
    chosen = choose_profile(profile, public_sets(con, catalog))
    published_at = now()
    draft = home.serving / ".kpi.draft.duckdb"
    discard(draft)
    open_marts = {m: c for m, c in marts.items() if not are_row_level(c)}
    restricted = {m: c for m, c in marts.items() if are_row_level(c)}
    history = History(con, home, chosen)
    settle(home)
    con.execute("ATTACH ':memory:' AS candidate")
    try:
        history.load(f"{catalog}.kpis.{VALUES}")
        removals = _removals(con, catalog)
        disclosed, held = _fill(con, catalog, open_marts, chosen, removals, (known_at or published_at).date())
        shown = f"candidate.main.{VALUES}"
        restated = history.keep_closed(
            shown, f"{catalog}.kpis.{REGISTRY}", removals, published_at, f"candidate.main.{RESTATED}"
        )
        _describe(con, chosen, known_at, published_at, disclosed, held)
        exact_state(con, f"{catalog}.kpis.{VALUES}", "last_state", removals, "memory.main.exact_state")
        history.prepare(shown, "memory.main.exact_state", published_at)
        _list_choices(con, shown)
        rows = {
            name: _count(con, f"candidate.main.{identifier(name)}")
            for name in sorted(_tables(con, "candidate", "main"))
        }
        _write_out(con, draft, [name for name in rows if name != PROVED])
        broken = _prove(con, home, draft)
        empty_counts(con, "candidate.main", chosen)
        _write_out(con, draft, [PROVED])
    except (duckdb.Error, VoicehouseError):
        con.execute("DETACH candidate")
        discard(draft)
        drop_drafts(home.folder("published"))
        raise
    con.execute("DETACH candidate")
    failed = (*broken, *person_free(draft), *(checks(draft) if checks else ()))
    result = PublishResult(
        home.serving / "kpi.duckdb", chosen.name, known_at, published_at, disclosed, held, restated, rows, tuple(failed)
    )
    if failed:
        discard(draft)
        drop_drafts(home.folder("published"))
        return result
    swap(draft, waiting(home), RESTRICTED_MODE)
    if waits:  # rows that were taken out leave the restricted file all the same
        if result.path.exists():  # a death while it was served left copies of what was before
            _write_parquet(result.path, home.serving / "parquet")
        _write_team(con, home, catalog, restricted)
        return replace(result, is_waiting=True)
    release(con, home, catalog)
    return result


def settle(home: Home) -> None:
    """Bring the history to what is served, after a death or a power cut, and let go of what nobody signed.

    What was drafted and is not served never was: a withdrawal settles before it takes anything away.
    """
    discard(waiting(home))  # nobody signed it, or a power cut left what is served both names
    folder = home.folder("published")
    if made := drafted(folder):
        served = _made_if_whole(home.serving / "kpi.duckdb")
        if served and served[1] == made:
            commit(folder, *served)
        else:
            drop_drafts(folder)


def waiting(home: Home) -> Path:
    """The file that passed its checks and is about to be served, or waits for the sign-off of its privacy report."""
    return home.folder("published") / "waiting.duckdb"


def waits_since(home: Home) -> datetime | None:
    """When what waits was made; None where nothing waits."""
    return _made(waiting(home))[1] if waiting(home).exists() else None


def _made(path: Path) -> tuple[str, datetime]:
    """Profile and instant of a publication."""
    with open_read_only(path) as opened:
        row = opened.execute("SELECT profile, published_at FROM publication").fetchone()
    if row is None:
        raise VoicehouseError("what waits to be served does not say when it was made: run `voicehouse run` again")
    return row[0], row[1]


def _made_if_whole(path: Path) -> tuple[str, datetime] | None:
    """The same of what is served; None where nothing is, it cannot be read or does not say."""
    try:
        return _made(path) if path.exists() else None
    except (duckdb.Error, VoicehouseError):
        return None


def release(con: duckdb.DuckDBPyConnection, home: Home, catalog: str = "wh") -> None:
    """Serve what waits: the swap, the history, Parquet copies, the restricted file.

    `con` has the warehouse attached.
    """
    served, ready = home.serving / "kpi.duckdb", waiting(home)
    profile, made = _made(ready)
    swap(ready, served, PUBLISHED_MODE)
    commit(home.folder("published"), profile, made)
    (home.serving / "withdrawn.json").unlink(missing_ok=True)
    _write_parquet(served, home.serving / "parquet")
    _write_team(con, home, catalog, {m: c for m, c in _tables(con, catalog, "kpis").items() if are_row_level(c)})


def _prove(con: duckdb.DuckDBPyConnection, home: Home, draft: Path) -> list[str]:
    """Let the candidate's `privacy_checks` say what the closed file itself proves.

    The codes of what it must not be served with.
    """
    found = check_candidate(home, Keyring(home), draft)
    at = now().replace(tzinfo=None)
    for check_id, (checked, failed, evidence) in found.items():
        con.execute(
            f"UPDATE candidate.main.{PROVED} SET status = ?, last_proved_at = coalesce(?, last_proved_at), evidence = ?, n_checked = ?, n_failed = ? "
            "WHERE check_id = ?",
            ["failed" if failed else "passed", None if failed else at, evidence, checked, failed, check_id],
        )
    return sorted(check_id for check_id, (_, failed, _) in found.items() if failed and check_id in BLOCKING)


def _write_out(con: duckdb.DuckDBPyConnection, draft: Path, names: list[str]) -> None:
    """Finished tables into a file that never held anything else: what was hidden on the way stands in no free block.

    Figures lie in the order in which dashboards ask for them, so that a query reads the rows of its metric only.
    """
    con.execute(f"ATTACH {literal(str(draft))} AS file (ROW_GROUP_SIZE 16384)")
    try:
        tables = _tables(con, "candidate", "main")
        for name in names:
            columns = tables[name]
            order = ", ".join(identifier(c) for c in (*ASKED_BY, *columns) if c in columns)
            con.execute(
                f"CREATE TABLE file.main.{identifier(name)} AS SELECT * FROM candidate.main.{identifier(name)} "
                f"ORDER BY {order}"
            )
        con.execute("CHECKPOINT file")
    finally:
        con.execute("DETACH file")


def public_sets(con: duckdb.DuckDBPyConnection, catalog: str = "wh") -> Mapping[str, bool]:
    """Every source of the house, and whether it is a declared public set; what is not declared is not public."""
    tables = _tables(con, catalog, "intermediate")
    if "int_sources" not in tables:
        return {"undeclared": False}
    rows = con.execute(
        f"SELECT source, coalesce(is_public_set, false) FROM {catalog}.intermediate.int_sources ORDER BY source"
    ).fetchall()
    return {str(source): bool(is_public) for source, is_public in rows}


def person_free(path: Path) -> list[str]:
    """Codes of what is wrong with a candidate: a column that stands for a person, or a hidden row that still shows."""
    failed: list[str] = []
    with open_read_only(path) as con:
        for name, columns in _tables(con, path.name.removesuffix(".duckdb"), "main", any_catalog=True).items():
            if are_row_level(columns):
                failed.append(f"personal_column:{name}")
            if "suppressed_reason" in columns:
                shown = " OR ".join(f"{identifier(c)} IS NOT NULL" for c in columns if c not in KEPT)
                if shown and _count(con, identifier(name), f"suppressed_reason IS NOT NULL AND ({shown})"):
                    failed.append(f"hidden_row_shows:{name}")
    return failed


def withdraw(home: Home, reason: str, here_only: bool = False) -> list[str]:
    """Take everything that is served away at once, here and on PostgreSQL, and say so in `serving/withdrawn.json`.

    What tells of it comes first, so that after a death in the middle the next run makes the figures anew and tells
    PostgreSQL. What waits for its sign-off goes too: signed later, it would be served.
    `reason` is a code or a sentence without values; the next good publication ends the withdrawal. With `here_only`
    PostgreSQL, which may show another home's figures, hears of it by the next run.
    Returns the names of what was removed.
    """
    (home.folder("ops") / "served.json").unlink(missing_ok=True)
    sync_folder(home.folder("ops"))
    removed = [waiting(home).name] if waiting(home).exists() else []
    try:
        _say_withdrawn(home, reason, [])
        mark_due(home)
        settle(home)
    finally:  # figures go on a full disk, too
        removed += _remove(home)
    try:
        target = None if here_only else PostgresTarget.of(home)
        if target:
            publish_served(home, target)
            removed.append("postgresql")
    except VoicehouseError:
        removed.append("postgresql (not reached: tried again by the next run)")
    _say_withdrawn(home, reason, removed)
    return removed


def _say_withdrawn(home: Home, reason: str, removed: list[str]) -> None:
    notice = {"reason": reason, "withdrawn_at": now().isoformat(), "removed": removed}
    write_durably(home.serving / "withdrawn.json", json.dumps(notice).encode(), PUBLISHED_MODE)


def _remove(home: Home) -> list[str]:
    """The figures themselves last: as long as they are there, the next run holds them against its checks again."""
    removed = []
    discard(waiting(home))
    if (home.serving / "parquet").exists():
        shutil.rmtree(home.serving / "parquet")
        removed.append("parquet")
    for name in ("team.duckdb", "team.duckdb.wal", "report/index.html", "kpi.duckdb.wal", "kpi.duckdb"):
        path = home.serving / name
        if path.exists():
            path.unlink()
            removed.append(name)
    return removed


def _fill(
    con: duckdb.DuckDBPyConnection,
    catalog: str,
    marts: Mapping[str, list[str]],
    profile: Profile,
    removals: int,
    on: date,
) -> tuple[Disclosed, Held]:
    """Every open mart after disclosure and holding, then the person-free dimensions, into the attached candidate."""
    source = f"{catalog}.kpis"
    cell_marts = [
        m for m, c in marts.items() if m != VALUES and {"breakdown", "period_grain", "period_start"} <= set(c)
    ]
    disclosed = disclose(
        con,
        values=f"{source}.{VALUES}",
        metrics=f"{source}.{REGISTRY}",
        profile=profile,
        into=f"candidate.main.{VALUES}",
        small_teams=_small_teams(con, catalog, on),
        parts=[f"{source}.{identifier(m)}" for m in cell_marts],
    )
    held = Held(0, 0, 0)
    hold_nothing(con)
    if profile.holds:
        held = hold(con, f"{source}.{VALUES}", "last_published", "last_state", removals, profile)
        hide(con, f"{source}.{VALUES}", f"candidate.main.{VALUES}", profile)
        _show_kept(con, f"candidate.main.{VALUES}")
    for mart, columns in marts.items():
        if mart in cell_marts:
            hide(con, f"{source}.{identifier(mart)}", f"candidate.main.{identifier(mart)}", profile)
        elif mart != VALUES and "breakdown" not in columns:
            con.execute(f"CREATE TABLE candidate.main.{identifier(mart)} AS SELECT * FROM {source}.{identifier(mart)}")
    if LEDGER in marts:
        _account(con, catalog)
    empty_sizes(con, "candidate.main", profile)
    for name in _public_dimensions(con, catalog):
        con.execute(f"CREATE TABLE candidate.main.{name} AS SELECT * FROM {catalog}.core.{name}")
    return disclosed, held


def _account(con: duckdb.DuckDBPyConnection, catalog: str) -> None:
    """What became of every promoted row, into the candidate's ledger: nobody is kept out of figures without a word.

    promoted = current + superseded + deleted + withheld. A version that a newer one took the place of is superseded,
    whatever it was withheld for, so that withheld are records; what a rewriting took out of the lake stands there as
    withheld.
    """
    staged = _tables(con, catalog, "staging")
    states = [
        f"SELECT load_id, source, loaded_at, 'rows' AS level, {literal(kind)} AS name, CASE WHEN version_rank > 1 "
        "THEN 'superseded' WHEN withheld_reason IS NOT NULL THEN 'withheld' WHEN is_deleted THEN 'deleted' ELSE 'current' END "
        f"AS measure, CASE WHEN version_rank = 1 THEN withheld_reason END AS reason, 1 AS n FROM {catalog}.staging.{identifier(table)}"
        for table, kind in STAGED.items()
        if table in staged
    ]
    if states:
        con.execute(
            f"CREATE OR REPLACE TABLE candidate.main.{LEDGER} AS SELECT load_id, source, max(loaded_at) AS loaded_at, level, "
            f"name, measure, reason, CAST(sum(n) AS BIGINT) AS n FROM (FROM {catalog}.kpis.{LEDGER} UNION ALL BY NAME "
            f"{' UNION ALL BY NAME '.join(states)}) GROUP BY ALL"
        )


def _public_dimensions(con: duckdb.DuckDBPyConnection, catalog: str) -> list[str]:
    """Dimensions that the dictionary of published columns names; one with a column of single persons never is."""
    core = {name: columns for name, columns in _tables(con, catalog, "core").items() if not are_row_level(columns)}
    told = con.execute(f"SELECT DISTINCT mart FROM {catalog}.kpis.{DICTIONARY} ORDER BY mart").fetchall()
    return [identifier(name) for (name,) in told if name in core]


def _list_choices(con: duckdb.DuckDBPyConnection, shown: str) -> None:
    """What can be asked of the figures as they are shown, one row a choice: filter boxes need not read every figure.

    Made of nothing but what is published beside it, so that it tells of no cell that is not.
    """
    con.execute(
        f"CREATE TABLE candidate.main.{CHOICES} AS SELECT {', '.join(FIXED)}, count(*) AS n_rows, "
        "count(suppressed_reason) AS n_rows_hidden, count(DISTINCT period_start) + max(CAST(period_start IS NULL AS BIGINT)) "
        f"AS n_periods, min(period_start) AS first_period, max(period_start) AS last_period FROM {shown} GROUP BY ALL"
    )


def _show_kept(con: duckdb.DuckDBPyConnection, shown: str) -> None:
    """Held cells as they were shown before."""
    columns = ", ".join(identifier(c) for c in columns_of(con, shown))
    con.execute(f"DELETE FROM {shown} AS s USING kept k WHERE k.cell = {key(CELL, prefix='s')}")
    con.execute(f"INSERT INTO {shown} BY NAME SELECT {columns} FROM kept")


def _removals(con: duckdb.DuckDBPyConnection, catalog: str) -> int:
    """Rows withheld as withdrawn, erased or expired, and those gone for it: what grows when figures shrink by law.

    Rows whose person objected, or whose purpose waits to be named again, count with them: what showed them is not held
    on to.
    """
    waits = f"withheld_reason = 'purpose' AND list_bool_or(list_transform(purposes, lambda p: {is_marked('p')}))"
    counted = [
        f"SELECT count(*) AS n FROM {catalog}.staging.{identifier(name)} "
        f"WHERE withheld_reason IN ('withdrawn', 'erased', 'expired') OR {waits if 'purposes' in columns else 'false'}"
        for name, columns in _tables(con, catalog, "staging").items()
        if "withheld_reason" in columns
    ]
    if LEDGER in _tables(con, catalog, "kpis"):
        counted.append(f"SELECT sum(n) AS n FROM {catalog}.kpis.{LEDGER} WHERE measure = 'withheld'")
    return number(con, f"SELECT coalesce(sum(n), 0) FROM ({' UNION ALL '.join(counted)})") if counted else 0


def _describe(
    con: duckdb.DuckDBPyConnection,
    profile: Profile,
    known_at: datetime | None,
    published_at: datetime,
    disclosed: Disclosed,
    held: Held,
) -> None:
    """Table `publication`: one row that says under which rules this file was made."""
    con.execute(
        "CREATE TABLE candidate.main.publication AS SELECT ?::INTEGER AS format, ?::VARCHAR AS profile, ?::INTEGER AS threshold, "
        "?::BOOLEAN AS binds_operational, ?::TIMESTAMP AS known_at, ?::TIMESTAMP AS published_at, "
        "?::BIGINT AS n_cells, ?::BIGINT AS n_hidden, ?::BIGINT AS n_derivable, ?::BIGINT AS n_held, "
        "?::BIGINT AS n_held_derivable, ?::BOOLEAN AS holds",
        [FORMATS[SERVED], profile.name, profile.threshold, profile.all_classes, _utc(known_at), _utc(published_at),
         disclosed.cells, sum(disclosed.hidden.values()), disclosed.derivable, held.kept + held.emptied,
         held.derivable, profile.holds],
    )  # fmt: skip


def _small_teams(con: duckdb.DuckDBPyConnection, catalog: str, on: date) -> list[str]:
    """Teams in figures that have too few members of staff on a day, as far as is known: those in no directory, too.

    Nobody is counted who left, or whose row may not be used. Of one person under the ids of two sources nothing tells
    that they are one: of a team that several list counts what the one says that lists most.
    """
    large = "SELECT NULL::VARCHAR"
    if "dim_agents" in _tables(con, catalog, "core"):
        large = (
            f"SELECT team FROM (SELECT team, source, count(DISTINCT agent_key) AS members FROM {catalog}.core.dim_agents "
            f"WHERE is_current AND coalesce(left_on > DATE '{on}', true) GROUP BY ALL) WHERE members >= {AGENTS_PER_TEAM}"
        )
    rows = con.execute(
        f"SELECT DISTINCT v.team FROM {catalog}.kpis.{VALUES} v ANTI JOIN ({large}) AS l(team) USING (team) "
        f"WHERE v.team <> {literal(NO_TEAM)} ORDER BY 1"
    ).fetchall()
    return [str(row[0]) for row in rows]


def _write_parquet(path: Path, folder: Path) -> None:
    """One Parquet file per published table, in a folder that is replaced whole."""
    draft = folder.with_name(".parquet.draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o750)
    with open_read_only(path) as con:
        for (name,) in con.execute("SELECT table_name FROM duckdb_tables() WHERE NOT internal ORDER BY 1").fetchall():
            target = draft / f"{name}.parquet"
            con.execute(f"COPY {identifier(name)} TO {literal(str(target))} (FORMAT parquet, COMPRESSION zstd)")
            target.chmod(PUBLISHED_MODE)
    open_to_group(folder, 0o750)
    for file in sorted(draft.iterdir()):
        swap(file, folder / file.name, PUBLISHED_MODE)
    kept = {f"{n}" for n in _names(path)}
    for file in folder.glob("*.parquet"):
        if file.stem not in kept:
            file.unlink()
    draft.rmdir()


def _write_team(con: duckdb.DuckDBPyConnection, home: Home, catalog: str, restricted: Mapping[str, list[str]]) -> None:
    """`serving/team.duckdb`: rows per case, agent and training with redacted text, encrypted with a key of its own."""
    draft = home.serving / ".team.draft.duckdb"
    discard(draft)
    key = Keyring(home).hex(TEAM_KEY)
    con.execute(f"ATTACH {literal(str(draft))} AS team (ENCRYPTION_KEY {literal(key)}, ENCRYPTION_CIPHER 'GCM')")
    try:
        draft.chmod(RESTRICTED_MODE)
        core = _tables(con, catalog, "core")
        for name in TEAM_TABLES:
            if name in core:
                con.execute(f"CREATE TABLE team.main.{name} AS SELECT * FROM {catalog}.core.{name}")
        for name in restricted:
            con.execute(f"CREATE TABLE team.main.{identifier(name)} AS SELECT * FROM {catalog}.kpis.{identifier(name)}")
        con.execute("CHECKPOINT team")
    finally:
        con.execute("DETACH team")
    swap(draft, home.serving / "team.duckdb", RESTRICTED_MODE)


def _tables(
    con: duckdb.DuckDBPyConnection, catalog: str, schema: str, any_catalog: bool = False
) -> dict[str, list[str]]:
    """Columns per table or view of a schema."""
    where = "NOT internal" if any_catalog else "database_name = ?"
    rows = con.execute(
        f"SELECT table_name, list(column_name ORDER BY column_index) FROM duckdb_columns() "
        f"WHERE {where} AND schema_name = ? GROUP BY table_name ORDER BY table_name",
        [schema] if any_catalog else [catalog, schema],
    ).fetchall()
    return {str(name): [str(c) for c in columns] for name, columns in rows}


def _names(path: Path) -> list[str]:
    with open_read_only(path) as con:
        return [str(r[0]) for r in con.execute("SELECT table_name FROM duckdb_tables() WHERE NOT internal").fetchall()]


def _count(con: duckdb.DuckDBPyConnection, relation: str, where: str = "TRUE") -> int:
    row = con.execute(f"SELECT count(*) FROM {relation} WHERE {where}").fetchone()
    return int(row[0]) if row else 0


def _utc(instant: datetime | None) -> datetime | None:
    return instant.replace(tzinfo=None) if instant else None
