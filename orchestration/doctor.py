"""The doctor: what about this machine and this home would make a run fail, or already did, each with what to do.

Keep out: mending anything, and creating anything: a home that is not there stays so.
"""

import json
import locale
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from zoneinfo import available_timezones

import duckdb
from packaging.markers import Marker

from orchestration import watch
from orchestration.engine import connect, literal, load_extension
from orchestration.errors import UsedWronglyError, VoicehouseError
from orchestration.home import Home, now
from orchestration.messages import Finding, translated

PYTHON = ((3, 11), (3, 14))  # from, up to
LOCK = Path(__file__).parents[1] / "requirements.lock"
LEAST_FREE = 1 << 30  # bytes; a run writes the warehouse anew beside the old one
AHEAD_SECONDS = 300  # clocks of file servers differ a little

Check = Callable[[Home | None], Iterator[Finding]]


def examine(root: Path) -> list[Finding]:
    """Every finding on this machine and, when it is there, the home at `root`; the worst first."""
    home = Home(root) if (root / "format.json").exists() else None
    found = [] if home else [Finding("warning", "doctor.no_home", {"home": root})]
    for check in CHECKS:
        found += list(check(home))
        if any(f.key == "doctor.format" for f in found):
            home = None  # what another release wrote is not looked into
    order = ("error", "warning", "note")
    return sorted(found, key=lambda f: order.index(f.level))


def _python(home: Home | None) -> Iterator[Finding]:
    told = ".".join(str(n) for n in sys.version_info[:3])
    if not PYTHON[0] <= sys.version_info[:2] < PYTHON[1]:
        yield Finding("error", "doctor.python", {"found": told})


def _packages(home: Home | None) -> Iterator[Finding]:
    """Installed packages against requirements.lock."""
    if not LOCK.exists():
        return
    missing, other = [], []
    for name, wanted, marker in locked(LOCK.read_text(encoding="utf-8")):
        if marker and not Marker(marker).evaluate():
            continue
        try:
            if version(name) != wanted:
                other.append(name)
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        yield Finding("error", "doctor.packages_missing", {"n": len(missing), "names": ", ".join(missing[:5])})
    if other:
        yield Finding("warning", "doctor.packages_other", {"n": len(other), "names": ", ".join(other[:5])})


def locked(text: str) -> list[tuple[str, str, str]]:
    """Name, version and marker of every line of a lock file; packages have one line per set of markers."""
    found = re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)(?: *; *([^\\\n]+?))? *\\?$", text, re.M)
    return [(name, wanted, marker.strip()) for name, wanted, marker in found]


def _extension(home: Home | None) -> Iterator[Finding]:
    """DuckDB's extensions, as steps load them: encryption always, PostgreSQL where figures are published there."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        package = "httpfs"
        try:
            with connect(home.root / "tmp" if home else Path(folder) / "tmp") as con:
                package = "postgres"
                load_extension(con, package, "postgres_scanner")
        except UsedWronglyError:
            raise
        except (duckdb.Error, VoicehouseError, OSError, ImportError, AttributeError):
            yield Finding("error", "doctor.extension", {"package": f"duckdb-extension-{package}"})


def _encoding(home: Home | None) -> Iterator[Finding]:
    names = {sys.getfilesystemencoding().lower(), locale.getpreferredencoding(False).lower()}
    if names - {"utf-8", "utf8"}:
        yield Finding("warning", "doctor.encoding", {"found": ", ".join(sorted(names - {"utf-8", "utf8"}))})


def _zones(home: Home | None) -> Iterator[Finding]:
    zones = available_timezones()
    if len(zones) < 300:
        yield Finding("error", "doctor.no_zones")
    elif home:
        try:
            zone = home.house.reporting_tz
        except VoicehouseError as error:
            yield Finding("error", "doctor.settings", {"reason": translated(str(error))})
            return
        if zone not in zones:
            yield Finding("error", "doctor.zone", {"zone": zone})


def _format(home: Home | None) -> Iterator[Finding]:
    from orchestration import pipeline

    if home:
        try:
            pipeline.check_formats(home)
        except VoicehouseError as error:
            yield Finding("error", "doctor.format", {"reason": translated(str(error))})


def _keys(home: Home | None) -> Iterator[Finding]:
    from orchestration.errors import KeyMissingError
    from orchestration.privacy.keys import Keyring
    from orchestration.privacy.master import COMMAND_VARIABLE, MASTER_VARIABLE

    if not home:
        return
    ring, master = home.root / "keys" / "keyring.json", home.root / "keys" / "master.key"
    if not ring.exists():
        if any((home.root / "lake" / "_commits").glob("*.json")):
            yield Finding("error", "doctor.keyring_gone")
        return
    try:
        change = Keyring(home).change
    except KeyMissingError as error:
        yield Finding("error", "doctor.keys", {"reason": translated(str(error))})
        return
    if change:
        yield Finding("warning", "doctor.master_changing")
    given = [v for v in (MASTER_VARIABLE, COMMAND_VARIABLE) if os.environ.get(v)]
    if master.exists() and given:
        yield Finding("warning", "doctor.two_masters", {"variable": given[0]})
    elif master.exists():
        yield Finding("note", "doctor.master_in_home", {"variable": MASTER_VARIABLE})


def _permissions(home: Home | None) -> Iterator[Finding]:
    """What is open to others beyond what check C8 allows for its place."""
    from orchestration.privacy.audit import is_open_to_others

    if not home:
        return
    every = (home.root, *home.root.rglob("*"))
    if too_open := [path for path in every if not path.is_symlink() and is_open_to_others(home, path)]:
        yield Finding("error", "doctor.permissions", {"n": len(too_open), "home": home.root})


def _disk(home: Home | None) -> Iterator[Finding]:
    if not home:
        return
    free = shutil.disk_usage(home.root).free
    warehouse = home.warehouse.stat().st_size if home.warehouse.exists() else 0
    needed = max(LEAST_FREE, 3 * warehouse)
    if free < needed:
        values = {"free": _size(free), "needed": _size(needed)}
        yield Finding("error" if free < needed / 4 else "warning", "doctor.disk", values)


def _clock(home: Home | None) -> Iterator[Finding]:
    """The clock stands before something that was already written."""
    if not home:
        return
    commits = [json.loads(p.read_text())["loaded_at"] for p in (home.root / "lake" / "_commits").glob("*.json")]
    newest = max((datetime.fromisoformat(c).replace(tzinfo=UTC) for c in commits), default=None)
    written = max((p.stat().st_mtime for p in home.root.iterdir()), default=0.0)
    ahead = max(newest.timestamp() if newest else 0.0, written) - now().timestamp()
    if ahead > AHEAD_SECONDS:
        yield Finding("error", "doctor.clock", {"seconds": int(ahead)})


def _runs(home: Home | None) -> Iterator[Finding]:
    """Who writes now, and what died while writing."""
    if not home:
        return
    holder = home.holder()
    if holder:
        yield Finding("note", "doctor.writing", holder)
        return
    for run_id in watch.died(home):
        yield Finding("warning", "doctor.died", {"run": run_id[:8]})
    lock = home.root / "lock"
    if lock.exists() and lock.read_text().strip():
        left = json.loads(lock.read_text())
        yield Finding("warning", "doctor.stale_lock", {"run": left.get("run", "?"), "pid": left.get("pid", "?")})


def _leftovers(home: Home | None) -> Iterator[Finding]:
    """Spills and drafts of processes that are gone."""
    if not home or home.holder():
        return
    drafts = [p for p in home.root.rglob(".*.draft*") if p.is_file()]
    temp = home.root / "tmp"
    drafts += [p for p in temp.rglob("*") if p.is_file()] if temp.is_dir() else []
    if drafts:
        values = {"n": len(drafts), "size": _size(sum(p.stat().st_size for p in drafts)), "home": home.root}
        yield Finding("warning", "doctor.leftovers", values)


def _vault(home: Home | None) -> Iterator[Finding]:
    """The vault and the lake were written together: the vault's generation is the newest one that anything tells of."""
    from orchestration.errors import KeyMissingError
    from orchestration.privacy.keys import Keyring
    from orchestration.privacy.log_ends import known_generation
    from orchestration.privacy.vault import check_format

    if not home:
        return
    path, expected = home.root / "vault" / "vault.duckdb", known_generation(home)
    if not expected or home.holder() or not (home.root / "keys" / "keyring.json").exists():
        return  # without its ring a keyring would be made
    if not path.exists():
        yield Finding("error", "doctor.vault_gone")
        return
    try:
        keyring = Keyring(home)
        if "vault" not in keyring.purposes():
            return  # asking for a key would make one
        con = connect(home.temp)
    except (KeyMissingError, OSError, ImportError, duckdb.Error):
        return  # told by the keys, or by the extension
    try:
        key = keyring.hex("vault")
        con.execute(f"ATTACH {literal(str(path))} AS vault (READ_ONLY, ENCRYPTION_KEY '{key}')")
        check_format(con)
        row = con.execute("SELECT max(number) FROM vault.generation").fetchone()
    except VoicehouseError as error:
        yield Finding("error", "doctor.format", {"reason": translated(str(error))})
        return
    except duckdb.Error:
        yield Finding("error", "doctor.vault_closed")
        return
    finally:
        con.close()
    found = int(row[0]) if row and row[0] is not None else 0
    if found < expected:
        yield Finding("error", "doctor.vault_old", {"found": found, "expected": expected})


def _lake(home: Home | None) -> Iterator[Finding]:
    """Every file that a commit lists is there; what is in it is not looked at."""
    from orchestration.lake.store import missing_files

    if not home or home.holder():
        return  # who rewrites the lake removes what it replaces
    if missing := missing_files(home):
        yield Finding("error", "doctor.lake_gone", {"n": len(missing), "path": missing[0]})


def _sources(home: Home | None) -> Iterator[Finding]:
    from orchestration.pipeline import broken_sources

    if not home:
        return
    try:
        for reason in broken_sources(home).values():
            yield Finding("error", "doctor.sources", {"reason": translated(reason)})
    except VoicehouseError as error:
        yield Finding("error", "doctor.sources", {"reason": translated(str(error))})
        return
    if "://" not in home.inbox and not Path(home.inbox).is_dir():
        yield Finding("warning", "doctor.no_inbox", {"inbox": home.inbox})
    for f in watch.freshness(home):
        if f.is_stale:
            yield Finding(
                "warning", "doctor.stale_source", {"source": f.source, "hours": f"{f.expected_every_hours:g}"}
            )


def _waiting(home: Home | None) -> Iterator[Finding]:
    """What needs a person: quarantined batches, withdrawn figures, alerts that did not arrive."""
    from orchestration.alerts import told

    if not home:
        return
    batches = len(list((home.root / "quarantine").glob("*/*.json")))
    if batches:
        yield Finding("warning", "doctor.quarantine", {"n": batches})
    if (home.root / "serving" / "withdrawn.json").exists():
        yield Finding("error", "doctor.withdrawn")
    problem = told(home)["problem"]
    if problem:
        yield Finding("warning", "doctor.alerts", {"problem": translated(problem)})


def _backups(home: Home | None) -> Iterator[Finding]:
    """Backups past their term, by the audit log: an erased person is gone from them only when they are."""
    from orchestration.privacy.audit_log import AuditLog
    from orchestration.privacy.keys import Keyring
    from orchestration.privacy.policy import Policy

    if not home or not all((home.root / p).exists() for p in ("audit/log.jsonl", "keys/keyring.json", "policy.toml")):
        return  # asking would make them
    try:
        made, days = AuditLog(home, Keyring(home)).backups(), Policy.of(home).backup_days
    except VoicehouseError:
        return  # told by the keys, or by what reads the policy
    if old := sum(day < (now() - timedelta(days=days)).date() for day in made):
        values = {"old": old, "young": len(made) - old, "days": days, "newest": str(made[-1])}
        yield Finding("note", "doctor.backups_old", values)


CHECKS: tuple[Check, ...] = (
    _python,
    _packages,
    _extension,
    _encoding,
    _zones,
    _format,
    _keys,
    _permissions,
    _disk,
    _clock,
    _runs,
    _leftovers,
    _vault,
    _lake,
    _sources,
    _waiting,
    _backups,
)


def _size(n: float) -> str:
    for unit in ("B", "KB", "MB", "GB"):
        if n < 1000 or unit == "GB":
            return f"{n:.0f} {unit}" if unit == "B" else f"{n:.1f} {unit}"
        n /= 1000
    return f"{n:.1f} GB"
