"""Checking a source before it is read: its settings, its SQL on fixtures or on a first page, its place in the house.

Keep out: reading a source for good (orchestration.landing) and what its rows mean.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa

from orchestration.engine import connect
from orchestration.errors import ContractError, SourceError
from orchestration.home import Home
from orchestration.messages import Finding, translated
from orchestration.records import KINDS
from orchestration.sources.contract import Page, Settings, Stream, Window, read_settings
from orchestration.sources.registry import extractor

FIXTURES = "fixtures"
HEADS = 5  # files of a stream that are looked into
SOME_DAY = datetime(2100, 1, 1)  # a load time after anything in a fixture; no check depends on the day it is made


@dataclass(frozen=True)
class Trial:
    """What a source's SQL made of pages.

    Rows per kind that came out, and rejected ones per kind or stream and reason.
    """

    rows: dict[str, int]
    rejected: dict[str, dict[str, int]]


def try_out(source: Settings | Path, pages: Iterable[Page] | None = None) -> Trial:
    """Run a source's SQL on pages; without any, on its fixtures. Nothing is kept.

    Raises ContractError when the SQL does not run or breaks its contract.
    """
    from orchestration.privacy.conform import conform
    from orchestration.privacy.scratch import scratch

    settings = read_settings(source) if isinstance(source, Path) else source
    given = fixture_pages(settings) if pages is None else pages
    with TemporaryDirectory() as folder, connect(Path(folder) / "tmp") as con, scratch(con, Path(folder)) as kept:
        result = conform(con, kept, settings, given, SOME_DAY)
    refused = {**{s: c.rejected for s, c in result.streams.items()}, **result.rejected}
    rows = {k: result.emitted[k] - sum(result.rejected[k].values()) for k in result.kinds}
    return Trial(rows, {where: reasons for where, reasons in refused.items() if reasons})


def fixture_pages(settings: Settings) -> Iterator[Page]:
    """Pages of `fixtures/` in the source's folder: files as in the inbox, records of an API as `<stream>.jsonl`."""
    folder = settings.folder / FIXTURES
    from_files = {n: s for n, s in settings.streams.items() if s.files}
    if folder.is_dir() and from_files:
        from orchestration.sources.files import pages

        yield from pages(replace(settings, inbox=str(folder), streams=from_files), {}, Window())
    for name in sorted(set(settings.streams) - set(from_files)):
        path = folder / f"{name}.jsonl"
        if path.exists():
            yield Page(name, path.read_bytes(), file=name)


def check(home: Home, settings: Settings) -> list[Finding]:
    """Everything that can be said of a source without reading it for good; nothing is written, no value is told."""
    from orchestration.privacy import flows
    from orchestration.privacy.policy import Policy

    found = [_no_kind(settings)] if not settings.kinds else []
    try:
        extractor(settings)
    except ContractError as error:
        found.append(_broken(settings, error))
    except (AttributeError, ImportError, SyntaxError, NameError) as error:
        found.append(Finding("error", "check.extract", {"source": settings.name, "error": type(error).__name__}))
    policy = Policy.of(home) if (home.root / "policy.toml").exists() else None
    if policy and not policy.purposes_of(settings):
        found.append(Finding("error", "check.no_purpose", {"source": settings.name}))
    if policy and settings.name in policy.blocked_sources:
        found.append(Finding("warning", "check.blocked", {"source": settings.name}))
    for lacking in flows.missing(settings, policy or Policy("1", settings.purposes)):
        found.append(Finding("error", "check.flow", {"lacking": translated(lacking)}))
    if any(f.level == "error" for f in found):
        return found
    try:
        return found + _trial(home, settings)
    except ContractError as error:
        return [*found, _broken(settings, error)]


def _trial(home: Home, settings: Settings) -> list[Finding]:
    """The SQL on fixtures and on the first page of a few files of every stream in the inbox; else on empty streams."""
    found: list[Finding] = []
    local = replace(settings, inbox=home.inbox)
    fixtures, inbox = list(fixture_pages(settings)), list[Page]()
    for stream in (s for s in settings.streams.values() if s.files):
        try:
            first, problems = _heads(local, stream)
        except SourceError as error:
            problem = Finding("error", "check.broken", {"reason": translated(str(error))})
            found.append(problem)
            continue
        inbox += first
        about = {"source": settings.name, "stream": stream.name}
        if problems:
            told = {"n": len(problems), "looked": HEADS, "reason": translated(problems[0])}
            found.append(Finding("warning", "check.unread", about | told))
        elif not first and stream.is_dropped:  # of a home's own reference files none has to be there
            found.append(Finding("warning", "check.no_files", about | {"files": stream.files}))
    tried = [("check.on_fixtures", fixtures), ("check.on_inbox", inbox)]
    for key, pages in [t for t in tried if t[1]] or tried[:1]:
        found += _tried(settings, key, pages)
    return found


def _tried(settings: Settings, key: str, pages: list[Page]) -> list[Finding]:
    """What the SQL makes of pages; streams that are in none are empty."""
    came = {p.stream for p in pages}
    trial = try_out(
        settings, [*pages, *(_nothing(s) for s in settings.streams.values() if s.name not in came and _has_columns(s))]
    )
    found = [Finding("note", key, {"source": settings.name, "rows": sum(trial.rows.values())})]
    for where, reasons in trial.rejected.items():
        for reason, n in sorted(reasons.items()):
            told = {"source": settings.name, "where": where, "reason": reason, "n": n}
            if reason != "all_rows_rejected":  # its rows are told by their own reasons
                found.append(Finding("note", "check.rejected", told))
    return found


def _heads(settings: Settings, stream: Stream) -> tuple[list[Page], list[str]]:
    """The first pages of a stream's first files, and what is wrong with those that do not read, without names."""
    from orchestration.sources.files import UNFINISHED, listed, read_file

    pages: list[Page] = []
    problems: list[str] = []
    whole = [
        (name, item)
        for name, item in listed(settings, stream)
        if not isinstance(item, str) and not UNFINISHED.search(name)
    ]
    for number, (name, item) in enumerate(whole[:HEADS]):
        try:
            with item.open(compression="disable") as handle:
                first = next(read_file(handle, name, stream), None)
        except SourceError as error:
            problems.append(str(error))
        except PermissionError:
            problems.append("may not be read by this user: change its permissions")
        else:
            pages += [replace(first, file=f"file {number}")] if first else []
            problems += [first.problem] if first and first.problem else []
    return pages, problems


def _has_columns(stream: Stream) -> bool:
    return bool(stream.files) and stream.format in ("csv", "tsv", "parquet", "lines")


def _nothing(stream: Stream) -> Page:
    names = ["line"] if stream.format == "lines" else stream.columns
    return Page(stream.name, pa.table({n: pa.array([], pa.string()) for n in names}))


def _broken(settings: Settings, error: ContractError) -> Finding:
    return Finding("error", "check.broken", {"reason": translated(str(error))})


def _no_kind(settings: Settings) -> Finding:
    return Finding("error", "check.no_kind", {"source": settings.name, "kinds": ", ".join(sorted(KINDS))})
