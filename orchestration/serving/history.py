"""The published history: every row of `kpi_values` that was ever served, append-only, and what the last one rests on.

Keep out: deciding what may be published (privacy/disclosure.py, privacy/holding.py, privacy/restated.py).

`published/` of the home, encrypted with a key of its own. A publication adds one part with the rows that say something
new (profile `external` and others apart: what analysts inside saw, the public did not). Closed periods that say what
they said keep the load_id, known_at and data_through they had, so a figure carries its date until it is restated;
restatements are told with their cause in `kpi_restatements`. `state.parquet` holds the exact figures of the last
publication, replaced whole each time, so that nothing exact outlives an erasure.

A part is a draft until its file is served: `settle` of publish.py keeps or drops what a crash left in between.
"""

import json
from datetime import datetime
from pathlib import Path

import duckdb

from orchestration import formats
from orchestration.engine import identifier, literal
from orchestration.home import Home, sync_folder, write_durably
from orchestration.privacy import restated
from orchestration.privacy.disclosure import CELL, DIMENSIONS, Profile, columns_of, key, number
from orchestration.privacy.keys import Keyring
from orchestration.serving.swap import sync_file

KEY = "published"
STAMPS = ("load_id", "known_at", "data_through")  # what a row carries about its making; all else is its content
SHOWN_N = "coalesce({0}n_answered, {0}n_eligible, {0}denominator, {0}numerator, {0}value)"


class History:
    """The history of one home under one profile, on a connection that can write encrypted files."""

    def __init__(self, con: duckdb.DuckDBPyConnection, home: Home, profile: Profile):
        self._con = con
        self._folder = home.folder("published")
        self._profile = profile
        marker = self._folder / "format.json"
        if marker.exists():
            formats.check(formats.PUBLISHED, json.loads(marker.read_text())["format"])
        else:
            write_durably(marker, json.dumps({"format": formats.FORMATS[formats.PUBLISHED]}).encode())
        con.execute(f"PRAGMA add_parquet_key('{KEY}', '{Keyring(home).base64(KEY)}')")

    def load(self, values: str) -> None:
        """Temp tables `last_published` (newest row per cell, and what it last showed) and `last_state`.

        Empty at first.
        """
        columns = ", ".join(
            f"{identifier(c)} {t}" for c, t, *_ in self._con.execute(f"DESCRIBE SELECT * FROM {values}").fetchall()
        )
        n = SHOWN_N.format("")
        self._con.execute(
            f"CREATE OR REPLACE TEMP TABLE published ({columns}, cell VARCHAR, content VARCHAR, "
            "published_at TIMESTAMP, profile VARCHAR)"
        )
        known = set(columns_of(self._con, "published"))
        for part in sorted(self._folder.glob("part-*.parquet")):
            relation = self._read(part)
            shared = [identifier(c) for c in columns_of(self._con, relation) if c in known]
            self._con.execute(
                f"INSERT INTO published BY NAME SELECT {', '.join(shared)} FROM {relation} "
                f"WHERE profile = {literal(self._profile.name)}"
            )
        self._con.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE last_published AS
            WITH shown AS (
                SELECT cell, max_by({n}, published_at) AS shown_n, max_by(value, published_at) AS shown_value,
                    max_by(coalesce(n_subjects, {n}), published_at) AS shown_subjects
                FROM published WHERE suppressed_reason IS NULL AND {n} <> 0 GROUP BY cell
            )
            SELECT p.*, s.* EXCLUDE (cell)
            FROM (SELECT * FROM published QUALIFY row_number() OVER (PARTITION BY cell ORDER BY published_at DESC) = 1) p
            LEFT JOIN shown s ON s.cell = p.cell
            """
        )
        state = _state(self._folder, self._profile.name)
        source = self._read(state) if state.exists() else (
            "(SELECT NULL::VARCHAR AS cell, 0::DOUBLE AS n, 0::DOUBLE AS subjects, 0::DOUBLE AS numerator, "
            "0::DOUBLE AS denominator, 0::DOUBLE AS value, 0::BIGINT AS removals, false AS is_fresh WHERE false)"
        )  # fmt: skip
        self._con.execute(f"CREATE OR REPLACE TEMP TABLE last_state AS SELECT * FROM {source}")

    def keep_closed(self, shown: str, metrics: str, removals: int, published_at: datetime, into: str) -> int:
        """Give closed periods of `shown` that say what they said their old stamps; tell the rest in `into`.

        `into` is the table kpi_restatements, of this publication and all before: one row per closed cell that says
        something else than it did, with the cause. Figures with open items in them (censored) move with the clock and
        are not restated; what a restatement may tell of figures stands in privacy/restated.py. `metrics` is the
        registry. Returns the number of new rows.
        """
        content = self._content(shown)
        self._con.execute(
            f"CREATE OR REPLACE TEMP TABLE now_published AS SELECT *, {key(CELL)} AS cell, {content} AS content FROM {shown}"
        )
        closed = "coalesce(n.is_complete_period, false) AND coalesce(n.n_censored, 0) = 0"
        stamps = ", ".join(f"{c} = s.{c}" for c in STAMPS if c in columns_of(self._con, shown))
        self._con.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE unchanged AS
            SELECT l.* FROM now_published n JOIN last_published l ON l.cell = n.cell AND l.content = n.content WHERE {closed}
            """
        )
        self._con.execute(f"UPDATE {shown} AS w SET {stamps} FROM unchanged s WHERE s.cell = {key(CELL, prefix='w')}")
        restated_now = self._restate(closed, removals, published_at, into)
        restated.empty(self._con, into, shown, metrics, self._profile)
        return restated_now

    def _restate(self, closed: str, removals: int, published_at: datetime, into: str) -> int:
        dimensions = ", ".join(f"n.{identifier(d)}" for d in DIMENSIONS)
        least = self._profile.threshold
        now_n, last_n = (SHOWN_N.format(f"{alias}.") for alias in ("n", "l"))
        came = f"coalesce(n.n_subjects, {now_n}) - l.shown_subjects"
        removed = f"(SELECT coalesce(max(removals), 0) FROM last_state) < {removals} AND {now_n} < l.shown_n"
        said = "printf('%.9g', coalesce({0}.value, 0))"
        self._con.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE restated_now AS
            SELECT n.metric_id, n.variant, n.period_grain, n.period_start, n.period_end, n.breakdown, {dimensions},
                n.cohort_age_months, n.currency, TIMESTAMP '{published_at:%Y-%m-%d %H:%M:%S.%f}' AS restated_at,
                l.known_at AS previous_known_at, n.known_at, l.value AS previous_value, n.value,
                n.value - l.value AS difference,
                CAST(CASE WHEN abs({came}) >= {least} THEN {came} END AS BIGINT) AS more_subjects,
                CASE WHEN n.metric_version <> l.metric_version THEN 'definition'
                    WHEN n.suppressed_reason = 'held' THEN 'held'
                    WHEN (n.suppressed_reason IS NULL) <> (l.suppressed_reason IS NULL) THEN 'disclosure'
                    WHEN {removed} THEN 'removed'
                    WHEN {now_n} > l.shown_n THEN 'late_data'
                    ELSE 'correction' END AS cause
            FROM now_published n JOIN last_published l ON l.cell = n.cell AND l.content <> n.content
            WHERE {closed} AND coalesce(l.is_complete_period, false)
                AND ((n.suppressed_reason IS NULL) <> (l.suppressed_reason IS NULL)
                    OR {said.format("n")} <> {said.format("l")} OR {now_n} <> {last_n}
                    OR n.metric_version <> l.metric_version)
            """
        )
        self._con.execute(f"CREATE OR REPLACE TABLE {into} AS FROM restated_now")
        for part in sorted(self._folder.glob("restated-*.parquet")):
            self._con.execute(
                f"INSERT INTO {into} BY NAME SELECT * EXCLUDE (profile) FROM {self._read(part)} "
                f"WHERE profile = {literal(self._profile.name)}"
            )
        return number(self._con, "SELECT count(*) FROM restated_now")

    def prepare(self, shown: str, state: str, published_at: datetime) -> None:
        """Write the drafts of what `shown` says anew, before the swap; after it comes `commit`."""
        drop_drafts(self._folder)
        content = self._content(shown)
        known = ", ".join(f"n.{identifier(c)}" for c in columns_of(self._con, shown))
        self._con.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE news AS
            SELECT {known}, n.cell, n.content,
                TIMESTAMP '{published_at:%Y-%m-%d %H:%M:%S.%f}' AS published_at, {literal(self._profile.name)} AS profile
            FROM (SELECT *, {key(CELL)} AS cell, {content} AS content FROM {shown}) n
            LEFT JOIN last_published l ON l.cell = n.cell
            WHERE n.content IS DISTINCT FROM l.content AND (n.suppressed_reason IS NULL OR l.cell IS NOT NULL)
            """
        )
        if number(self._con, "SELECT count(*) FROM news"):
            self._write("news", "part")
        if number(self._con, "SELECT count(*) FROM restated_now"):
            self._write(f"(SELECT *, {literal(self._profile.name)} AS profile FROM restated_now)", "restated")
        self._write(state, "state")
        write_durably(self._folder / "draft.json", json.dumps({"published_at": published_at.isoformat()}).encode())

    def _content(self, shown: str) -> str:
        """SQL: a digest of what a row says, without its stamps.

        Figures to nine digits, so that rounding says nothing.
        """
        types = {c: t for c, t, *_ in self._con.execute(f"DESCRIBE SELECT * FROM {shown}").fetchall()}
        said = [
            f"printf('%.9g', {identifier(c)})" if t == "DOUBLE" else f"CAST({identifier(c)} AS VARCHAR)"
            for c, t in types.items()
            if c not in STAMPS
        ]
        return f"md5(concat_ws(chr(31), {', '.join(f'coalesce({s}, chr(30))' for s in said)}))"

    def _read(self, path: Path) -> str:
        return f"read_parquet({literal(str(path))}, encryption_config={{footer_key: '{KEY}'}})"

    def _write(self, relation: str, name: str) -> None:
        path = _draft(self._folder, name)
        self._con.execute(
            f"COPY (FROM {relation}) TO {literal(str(path))} "
            f"(FORMAT parquet, COMPRESSION zstd, ENCRYPTION_CONFIG {{footer_key: '{KEY}'}})"
        )
        path.chmod(0o600)
        sync_file(path)


def drafted(folder: Path) -> datetime | None:
    """When the publication was made of which there are drafts in a home's `published/`; UTC."""
    note = folder / "draft.json"
    if not note.exists():
        return None
    # The note says the offset, what is served does not: both are UTC.
    return datetime.fromisoformat(json.loads(note.read_text())["published_at"]).replace(tzinfo=None)


def commit(folder: Path, profile: str, published_at: datetime) -> None:
    """Make the drafts part of the history: their publication is served."""
    for name in ("part", "restated"):
        draft = _draft(folder, name)
        if draft.exists():
            draft.replace(folder / f"{name}-{published_at:%Y%m%dT%H%M%S%f}.parquet")
    if _draft(folder, "state").exists():
        _draft(folder, "state").replace(_state(folder, profile))
    sync_folder(folder)
    drop_drafts(folder)


def drop_drafts(folder: Path) -> None:
    """Forget the drafts in a home's `published/`: their publication was never served."""
    for name in ("draft.json", *(f"draft-{name}.parquet" for name in ("part", "restated", "state"))):
        (folder / name).unlink(missing_ok=True)
    sync_folder(folder)  # a note that came back would take the next drafts for its own


def _draft(folder: Path, name: str) -> Path:
    return folder / f"draft-{name}.parquet"


def _state(folder: Path, profile: str) -> Path:
    return folder / f"state-{profile}.parquet"
