"""Canary persons: made-up identities sent through every step in a home of their own, then looked for in every artefact.

Keep out: the checks of a home as it stands (privacy/audit.py). Each value is made anew for each proof, so it can stand
nowhere by chance. What is proved is the code that is installed: the evidence (C6) holds until that code changes.
"""

import base64
import gzip
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import duckdb

from orchestration import pipeline
from orchestration.engine import connect, identifier, literal
from orchestration.errors import VoicehouseError
from orchestration.home import Home, House
from orchestration.lake.store import LAKE_KEY, Lake
from orchestration.messages import language, text
from orchestration.privacy import evidence
from orchestration.privacy.keys import Keyring
from orchestration.records import KINDS
from orchestration.serving import history
from orchestration.serving.postgres import TEAM_KEY

ROOT = Path(__file__).parents[1]
Say = Callable[[str], object]

SOURCE = """\
name_zh = "金丝雀"
name_en = "Canaries"
purposes = ["service", "analytics"]
place = "CN"
vendor = {{ name = "own staff", role = "controller", agreement = "none needed" }}
[basis]
CN = "contract"
EU = "contract"
other = "contract"
[streams.rows]
files = "{files}"
format = "{format}"
columns = {columns}
"""
EXTRACT = '"""Files of canaries."""\n\nfrom orchestration.sources.files import pages\n\n__all__ = ["pages"]\n'
CANARIES = {"case": "canary_letters", "note": "canary_cards"}  # the source of each kind
FIELDS = ("id", "at", "name", "email", "phone", "account", "handle", "address", "country", "text")
PERSON = """
    account as person_account_id, email as person_email, 'true' as person_email_verified, phone as person_phone,
    name as person_name, handle as person_handle, address as person_address, country as person_country, text
"""
CASE = f"select _record, id as case_id, opened as opened_at, {PERSON} from (select _record, {{fields}} from rows)"
NOTE = (
    f"select _record, id as note_id, opened as noted_at, 'customer' as party, 'interview' as method, {PERSON} from rows"
)


@dataclass(frozen=True)
class Canary:
    """A made-up person: what identifies them, by kind of identifier."""

    values: dict[str, str]
    country: str


@dataclass(frozen=True)
class Swept:
    """What was searched, and the names of the artefacts in which a value stood; never a value."""

    files: int
    columns: int
    found: tuple[str, ...]


def hatch() -> tuple[Canary, ...]:
    """Three persons whom nobody is.

    Of the mainland, of Germany, and one who is written about in a file's name alone.
    """
    nobody = _canary("CN")
    return _canary("CN"), _canary("DE"), Canary({"email": nobody.values["email"]}, nobody.country)


def prove(home: Home, say: Say = lambda _: None) -> Swept:
    """Send canaries through a good and a failing run in a home of their own and look for them; kept as evidence (C6).

    Raises VoicehouseError when the run itself does not do, lets no canaries in, or when the search misses a value where
    it is in the clear.
    """
    root = Path(tempfile.mkdtemp(prefix="canary-", dir=home.temp))
    try:
        canaries = hatch()
        values = [v for c in canaries for v in c.values.values()]
        scratch = plant(root, canaries)
        say("control")
        _control(root, scratch, values)
        say("run")
        printed = _run(scratch, 0, values)
        _came_in(scratch)
        swept = [sweep(scratch, values)]
        say("failing run")
        _break(root, canaries)
        printed += _run(scratch, 1, values)
        swept.append(sweep(scratch, values))
        # Whoever started the run may be told the real name of a file, and sees it nowhere else.
        shown = [v for v in values if v not in canaries[2].values.values()]
        on_screen = ("the terminal",) if _pattern(shown).search(printed) else ()
    finally:
        shutil.rmtree(root, ignore_errors=True)
    files, columns = sum(s.files for s in swept), sum(s.columns for s in swept)
    found = tuple(sorted({f for s in swept for f in s.found} | set(on_screen)))
    told = (
        f"{len(values)} values of {len(canaries)} made-up persons, looked for in {files} files, byte by byte, and {columns} "
        "columns of words after a run that went well, whose rows came into lake, models and served file, and one that failed; "
        "in the clear the same search finds each of them"
    )
    if found:
        told += "; found in " + ", ".join(found[:5])
    evidence.note(home, "C6", files + columns, len(found), told, of=evidence.code())
    return Swept(files, columns, found)


def sweep(home: Home, values: Iterable[str]) -> Swept:
    """Look for values in every byte and name below a home, and in every column of words that its keys open.

    Those of lake, models and served files, of batches that wait staged or in quarantine, and of what a death left. The
    vault is there to know persons, and landing keeps what came: they are searched byte by byte only.
    """
    pattern = _pattern(values)
    files, found = 0, set()
    for path in sorted(home.root.rglob("*")):
        where = pattern.sub(b"?", str(path.relative_to(home.root)).encode()).decode(errors="replace")
        if pattern.search(path.name.encode()):
            found.add(f"the name of {where}")
        if path.is_file():
            files += 1
            if any(pattern.search(content) for content in _contents(path)):
                found.add(where)
    columns, hits = _columns(home, values)
    return Swept(files, columns, tuple(sorted(found | hits)))


def plant(root: Path, canaries: tuple[Canary, ...]) -> Home:
    """A home below `root` with canaries in its inbox: in fields, in texts, in the name of a file.

    As JSON and as CSV.
    """
    sources, inbox = root / "sources", root / "inbox"
    inbox.mkdir()
    fields = ", ".join(f"raw ->> '$.{'at' if f == 'at' else f}' as {'opened' if f == 'at' else f}" for f in FIELDS)
    _source(sources / CANARIES["case"], "letters*", "jsonl", (), {"case": CASE.format(fields=fields)})
    columns = tuple("opened" if f == "at" else f for f in FIELDS)
    _source(sources / CANARIES["note"], "cards*", "csv", columns, {"note": NOTE})
    records = [_record(i, canaries[i % 2]) for i in range(40)]
    _write(inbox / f"letters of {canaries[2].values['email']}.jsonl.gz", gzip.compress(_lines(records)))
    rows = [",".join(columns)] + [",".join('"' + r[f].replace('"', '""') + '"' for f in FIELDS) for r in records[:20]]
    _write(inbox / "cards.csv", "\n".join(rows).encode() + b"\n")
    home = Home.open(root / "home")
    home.furnish(House((str(sources),), str(inbox), "UTC", "internal"))
    return home


def _break(root: Path, canaries: tuple[Canary, ...]) -> None:
    """What fails: a select that stumbles over a value, a torn file, a line that is none, an identity out of place."""
    sources, inbox = root / "sources", root / "inbox"
    stumble = "select _record, raw ->> '$.id' as case_id, cast(raw ->> '$.email' as timestamp) as opened_at from rows"
    _source(sources / "canary_stumble", "stumble*", "jsonl", (), {"case": stumble})
    out_of_place = "select _record, raw ->> '$.id' as case_id, raw ->> '$.at' as opened_at, raw ->> '$.email' as category from rows"
    _source(sources / "canary_misplaced", "misplaced*", "jsonl", (), {"case": out_of_place})
    records = [_record(100 + i, canaries[i % 2]) for i in range(40)]
    _write(inbox / "stumble.jsonl", _lines(records))
    _write(inbox / "misplaced.jsonl", _lines(records))
    _write(inbox / f"letters torn of {canaries[2].values['email']}.jsonl.gz", gzip.compress(_lines(records))[:-40])
    _write(
        inbox / "letters odd.jsonl", _lines(records[:3]) + b'{"email": "' + canaries[0].values["email"].encode() + b"\n"
    )


def _control(root: Path, home: Home, values: list[str]) -> None:
    """The search finds every value where it is in the clear: in the inbox by bytes, in an encrypted file by columns."""
    texts = " ".join(p.name for p in (root / "inbox").iterdir()).encode()
    texts += b"".join(c for p in (root / "inbox").iterdir() for c in _contents(p))
    missed = [v for v in values if not _pattern([v]).search(texts)]
    con = connect(home.temp)
    try:
        con.execute("CREATE TABLE control (a VARCHAR, b VARCHAR[])")
        con.executemany("INSERT INTO control VALUES (?, [?])", [(f"to {v}.", f"({v})") for v in values])
        missed += [v for v in values if len(_hits(con, "control", ["a", "b"], [v])) != 2]
    finally:
        con.close()
    if missed:
        raise VoicehouseError("the search for canaries misses some where they are in the clear: it proves nothing")


def _came_in(home: Home) -> None:
    """The rows of canaries are in lake, models and served file, redacted: where nobody came in, nobody is to be found.

    Raises VoicehouseError where they are not.
    """
    keyring, missing = Keyring(home), []
    con = connect(home.temp)
    try:
        Lake(home, keyring.base64(LAKE_KEY)).register(con)
        opened = {"lake"}
        for catalog, path, key in (
            ("models", home.warehouse, keyring.hex("warehouse")),
            ("served", home.serving / "kpi.duckdb", ""),
        ):
            if path.exists():
                secret = f", ENCRYPTION_KEY '{key}', ENCRYPTION_CIPHER 'GCM'" if key else ""
                con.execute(f"ATTACH {literal(str(path))} AS {catalog} (READ_ONLY{secret})")
                opened.add(catalog)
        for kind, source in CANARIES.items():
            redacted = f"source = {literal(source)} AND regexp_matches(text, '<(SELF|NAME|EMAIL|PHONE)>')"
            for catalog, rows in (
                ("lake", f"lake.{identifier(kind)} WHERE {redacted}"),
                ("models", f"models.core.fct_{kind}s WHERE {redacted}"),
                ("served", f"served.load_ledger WHERE source = {literal(source)}"),
            ):
                if catalog not in opened or not con.execute(f"SELECT 1 FROM {rows} LIMIT 1").fetchone():
                    missing.append(f"{catalog} ({source})")
    finally:
        con.close()
    if missing:
        raise VoicehouseError(f"the canaries of the good run did not reach {', '.join(missing)}: it proves nothing")


def _run(home: Home, expected: int, values: Iterable[str]) -> bytes:
    """A run as a user starts it, in a process of its own; what it printed.

    Raises VoicehouseError when it ends otherwise than it should, with what it said last but for the values.
    """
    environment = {k: v for k, v in os.environ.items() if not k.startswith("VOICEHOUSE_")}
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, "-m", "orchestration.cli", "--home", str(home.root), "run"],
        env={**environment, "PYTHONPATH": path, "VOICEHOUSE_LANG": language()},
        cwd=home.root.parent,
        capture_output=True,
        check=False,
    )
    if done.returncode != expected:
        why = f"{_where(home)}; {_last_words(done.stdout + done.stderr, values)}"
        raise VoicehouseError(
            f"the run of canaries ended with {done.returncode}, not {expected} ({why}): nothing is proved"
        )
    return done.stdout + done.stderr


def _last_words(printed: bytes, values: Iterable[str]) -> str:
    """The sentence in which a run said why it ended, else its last line; a question mark for each value."""
    lines = [line for line in printed.decode(errors="replace").splitlines() if line.strip()]
    reasons = ("voicehouse: ", text("run.failed", reason="\0").partition("\0")[0])
    told = [line.removeprefix(r) for line in lines for r in reasons if line.startswith(r)]
    last = [*lines, *told][-1:] or ["it said nothing"]
    return re.sub("|".join(map(re.escape, values)), "?", last[0].strip(), flags=re.IGNORECASE)


def _where(home: Home) -> str:
    """Where a run broke, by the names of steps, sources and checks."""
    last = (pipeline.run_history(home) or [{}])[-1]
    found = [last.get("failed_step"), *last.get("failed_sources", ()), *last.get("refused", ())]
    return ", ".join(x for x in found if x) or "before its first step"


def _canary(country: str) -> Canary:
    """A person of nobody's name, in the forms that identifiers have; letters and digits are random."""
    tag, digits = "".join(secrets.choice("bcdfghjklmnpqrstvwxz") for _ in range(8)), f"{secrets.randbelow(10**8):08d}"
    name = f"{tag[:4].title()}a {tag[4:].title()}ov" if country == "DE" else "欧阳" + "".join(_sign() for _ in range(2))
    return Canary(
        {
            "name": name,
            "email": f"{tag}@canary.example",
            "phone": f"+49151{digits}" if country == "DE" else f"139{digits}",
            "account": f"acct{tag}",
            "handle": f"@{tag}_canary",
            "address": f"{tag.title()}weg {digits[:2]}, Musterstadt" if country == "DE" else f"{_sign()}{_sign()}路{digits[:4]}号",
            "record": f"CASE-{tag}-{digits}",
        },
        country,
    )  # fmt: skip


def _sign() -> str:
    return chr(0x7000 + secrets.randbelow(0x1F00))  # a rare character


def _record(number: int, who: Canary) -> dict[str, str]:
    v = who.values
    said = f"I am {v['name']}, write to {v['email']} or call {v['phone']}." if who.country == "DE" else (
        f"我是{v['name']}，电话{v['phone']}，邮箱{v['email']}，住在{v['address']}。"
    )  # fmt: skip
    return {
        "id": f"{v['record']}-{number}",
        "at": f"2026-01-{1 + number % 28:02d}T03:04:05Z",
        **{k: v[k] for k in ("name", "email", "phone", "account", "handle", "address")},
        "country": who.country,
        "text": said if number % 3 else "the parcel is late",
    }


def _lines(records: list[dict[str, str]]) -> bytes:
    return "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records).encode()


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    os.utime(path, (0, 0))  # nobody is still copying it


def _source(folder: Path, files: str, format: str, columns: tuple[str, ...], kinds: dict[str, str]) -> None:
    folder.mkdir(parents=True)
    (folder / "source.toml").write_text(SOURCE.format(files=files, format=format, columns=json.dumps(columns)))
    (folder / "extract.py").write_text(EXTRACT)
    for kind, select in kinds.items():
        (folder / f"{kind}.sql").write_text(select)


def _pattern(values: Iterable[str]) -> re.Pattern[bytes]:
    """Any of the values in the usual ways of writing them."""
    forms: set[bytes] = set()
    for value in values:
        forms |= {value.encode(), value.lower().encode(), value.encode("utf-16-le"), quote(value).encode()}
        forms |= {json.dumps(value)[1:-1].encode(), base64.b64encode(value.encode()).rstrip(b"=")[:-1]}
    return re.compile(b"|".join(re.escape(f) for f in sorted(forms, key=len, reverse=True)))


def _contents(path: Path) -> Iterable[bytes]:
    """A file's bytes, and what is packed in them."""
    raw = path.read_bytes()
    yield raw
    if raw[:2] == b"\x1f\x8b":
        try:
            yield gzip.decompress(raw)
        except (EOFError, OSError):
            return


def _columns(home: Home, values: Iterable[str]) -> tuple[int, set[str]]:
    """Every column of words in what `sweep` opens: how many, and those that hold a value."""
    keyring = Keyring(home)
    listed = list(values)
    n, found = 0, set()
    con = connect(home.temp)
    try:
        lake = Lake(home, keyring.base64(LAKE_KEY))
        lake.register(con)
        relations = [(f"lake.{identifier(kind)}", f"lake, {kind}") for kind in KINDS]
        for path, key in _databases(home, keyring):
            secret = f", ENCRYPTION_KEY '{key}', ENCRYPTION_CIPHER 'GCM'" if key else ""
            catalog = f"c{len(relations)}"
            try:
                con.execute(f"ATTACH {literal(str(path))} AS {catalog} (READ_ONLY{secret})")
            except duckdb.Error:
                if path.name.startswith("."):  # a draft that a death left half-made opens for nobody
                    continue
                raise
            tables = con.execute(
                "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = ? AND NOT internal",
                [catalog],
            ).fetchall()
            relations += [(f"{catalog}.{identifier(s)}.{identifier(t)}", f"{path.stem}, {t}") for s, t in tables]
        con.execute(f"PRAGMA add_parquet_key('{history.KEY}', '{keyring.base64(history.KEY)}')")
        committed = {p for kind in KINDS for p in lake.parts(kind)}
        for store, key in (("lake", LAKE_KEY), ("quarantine", LAKE_KEY), ("published", history.KEY), ("serving", "")):
            for path in sorted((home.root / store).rglob("*.parquet*")):
                if path.is_file() and path not in committed and _is_whole(path):
                    option = f", encryption_config = {{footer_key: '{key}'}}" if key else ""
                    relations.append((f"read_parquet({literal(str(path))}{option})", str(path.relative_to(home.root))))
        for relation, name in relations:
            described = con.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()
            words = [c for c, kind, *_ in described if "VARCHAR" in kind or "JSON" in kind or "BLOB" in kind]
            n += len(words)
            found |= {f"{name}.{c}" for c in _hits(con, relation, words, listed)}
    finally:
        con.close()
    return n, found


def _databases(home: Home, keyring: Keyring) -> Iterable[tuple[Path, str]]:
    """DuckDB files of models and of what is served or about to be, drafts too, each with its key (the public: none)."""
    models = [home.warehouse] if home.warehouse.exists() else []
    for path in (*models, *sorted((home.root / "known_at").glob("*.duckdb"))):
        yield path, keyring.hex("warehouse")
    for path in sorted((*home.serving.glob("*.duckdb"), *(home.root / "published").glob("*.duckdb"))):
        yield path, keyring.hex(TEAM_KEY) if "team" in path.name else ""


def _is_whole(path: Path) -> bool:
    """Whether a Parquet file was written to its end, where its last bytes say what it is."""
    return path.read_bytes()[-4:] in (b"PAR1", b"PARE")


def _hits(con: duckdb.DuckDBPyConnection, relation: str, columns: list[str], values: list[str]) -> list[str]:
    """The columns in which one of the values stands, in any case."""
    if not columns:
        return []
    pattern = literal("|".join(re.escape(v.lower()) for v in values))
    counts = ", ".join(
        f"coalesce(bool_or(regexp_matches(lower(CAST({identifier(c)} AS VARCHAR)), {pattern})), false)" for c in columns
    )
    row = con.execute(f"SELECT {counts} FROM {relation}").fetchone()
    return [c for c, hit in zip(columns, row or (), strict=True) if hit]
