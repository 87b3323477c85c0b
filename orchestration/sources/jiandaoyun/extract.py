"""Reads 简道云 forms: the rows changed since the last run, their fields' labels, and a sweep of ids for deletions.

Keep out: HTTP (client.py), pushes (webhook.py), what a field means (fields.csv, words.csv, *.sql).

How it reads: the API can neither sort by updateTime nor show a tombstone. So each run walks, by id, the rows whose
updateTime lies after the last run's start less an overlap, and every few hours all ids, whole or not at all.
That updateTime can be filtered by `range` is [G]: where a tenant refuses it, `changes = "all"` reads everything each
time. The state holds times and counts only. A backfill window reads the rows it names and moves nothing.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from orchestration.errors import SourceError
from orchestration.home import now
from orchestration.sources.contract import Page, Settings, Window
from orchestration.sources.files import read_file
from orchestration.sources.jiandaoyun.client import Client, Clock, Manners, WallClock

__all__ = ["OPTIONS", "pages"]

BASE_URL = "https://api.jiandaoyun.com/api/v5"  # Jodoo, the same product abroad: https://api.jodoo.com/api/v5

OPTIONS = {
    **dict.fromkeys(("base_url", "changes", "overlap_minutes", "instant_format", "sweep_hours", "forgotten_forms")),
    **dict.fromkeys(f.name for f in fields(Manners)),
    "forms": dict.fromkeys(("app_id", "entry_id", "role", "read")),
}

# A form's role says which kind its entries are, and so in which stream its ids are swept.
SWEEPS = {"survey": "response_ids", "case": "case_ids"}

# Columns that the vendor adds to a row itself; the widget list names some of them only while a function is on.
SYSTEM_FIELDS = frozenset(
    ("_id", "appId", "entryId", "formName", "creator", "updater", "deleter", "createTime", "updateTime", "deleteTime")
    + ("flowState", "flowVer", "chargers", "wx_open_id", "wx_nickname", "wx_gender", "ext")
)


@dataclass(frozen=True)
class Form:
    """A form to be read, as [[options.forms]] names it, with its name at the vendor."""

    app_id: str
    entry_id: str
    role: str
    read: str = "changes"
    name: str = ""


def pages(settings: Settings, state: dict[str, Any], window: Window) -> Iterator[Page]:
    """Pages of what changed; nothing new and no sweep due: none.

    Streams: `fields` and `words` (the folder's CSVs), `widgets` (names and labels), `entries` (raw rows), and the
    sweeps `response_ids` and `case_ids`. Raises SourceError.
    """
    yield from read(settings, state, window, WallClock())


def read(settings: Settings, state: dict[str, Any], window: Window, clock: Clock) -> Iterator[Page]:
    """`pages` with its clock for pacing and back-off."""
    started = now()
    options = settings.options
    wanted = _forms(settings, state)
    client = Client(
        source=settings.name,
        base_url=str(options.get("base_url", BASE_URL)),
        api_key=settings.secret("api_key"),
        manners=_manners(options),
        clock=clock,
    )
    forms = _in_reach(settings.name, client, wanted)
    is_mapped = False
    for form in (f for f in forms if f.read == "changes"):
        for page in _changes(settings, client, form, state, window):
            if not is_mapped:
                yield from _mapping(settings)
                is_mapped = True
            yield page
    if not window.is_backfill and _is_sweep_due(options, state, started):
        yield from _sweep(client, forms, state)
        state["swept_at"] = started.isoformat()


def _mapping(settings: Settings) -> Iterator[Page]:
    """The folder's CSVs: they go with every load, since a load is conformed by itself."""
    for stream in settings.streams.values():
        if stream.files:
            name = stream.files.removeprefix("@")
            with (settings.folder / name).open("rb") as handle:
                yield from read_file(handle, name, stream)


def _changes(settings: Settings, client: Client, form: Form, state: dict[str, Any], window: Window) -> Iterator[Page]:
    """A form's changed rows, behind its fields' labels; labels again when a row shows a field unknown so far."""
    started = now()
    forms = state.get("forms", {})
    changed = _range(settings.options, forms.get(form.entry_id, {}), window)
    known: set[str] = set()
    n_rows = 0
    for rows in client.rows(form.app_id, form.entry_id, changed=changed):
        if not rows:
            continue
        if not _names(rows, known) <= known:
            found, labels = _labels(client, form)
            known |= SYSTEM_FIELDS | found
            known |= _names(rows, known)  # a name without a label is asked for once
            yield labels
        n_rows += len(rows)
        about = {"source": settings.name, "zone": settings.timezone, "form_id": form.entry_id, "form_role": form.role}
        yield Page("entries", [{**about, "row": row} for row in rows])
    if not window.is_backfill:
        state["forms"] = {**forms, form.entry_id: {"watermark": started.isoformat(), "n_rows": n_rows}}


def _names(rows: Iterable[Mapping[str, Any]], known: set[str]) -> set[str]:
    """Names of the fields that rows carry; of the subforms among the known ones also `parent.child`."""
    subforms = {name.partition(".")[0] for name in known if "." in name}
    names: set[str] = set().union(*rows)
    for subform in subforms & names:
        lines = [line for row in rows for line in row.get(subform) or () if isinstance(line, dict)]
        names |= {f"{subform}.{name}" for name in set().union(*lines) - {"_id"}}
    return names


def _labels(client: Client, form: Form) -> tuple[set[str], Page]:
    """The names of a form's fields now, and a page of their labels; a field of a subform is `parent.child`."""
    answer = client.widgets(form.app_id, form.entry_id)
    named = [
        (f"{prefix}{widget['name']}", f"{label_prefix}{widget.get('label', '')}", widget.get("type"))
        for top in answer["widgets"]
        for prefix, label_prefix, widget in (
            ("", "", top),
            *((f"{top['name']}.", f"{top.get('label', '')}.", item) for item in top.get("items") or ()),
        )
    ]
    about = {"form_id": form.entry_id, "form_name": form.name, "form_role": form.role}
    records = [
        {**about, "name": name, "label": label, "type": type_, "position": position}
        for position, (name, label, type_) in enumerate(named)
    ]
    system = {widget["name"] for widget in answer.get("sysWidgets") or ()}
    return {name for name, _, _ in named} | system, Page("widgets", records)


def _sweep(client: Client, forms: list[Form], state: dict[str, Any]) -> Iterator[Page]:
    """Every id there is, one page per role, made when all its forms were walked to an empty page: never partial."""
    counts = {}
    for role, stream in SWEEPS.items():
        of_role = [form for form in forms if form.role == role]
        ids = [
            {"id": row["_id"]}
            for form in of_role
            for rows in client.rows(form.app_id, form.entry_id, fields=["_id"])
            for row in rows
        ]
        if of_role:
            yield Page(stream, ids, is_sweep=True)
            counts[role] = len(ids)
    state["n_swept"] = counts


def _range(
    options: Mapping[str, Any], cursor: Mapping[str, Any], window: Window
) -> tuple[str | None, str | None] | None:
    """Bounds of updateTime as the API wants them, both included; None = everything.

    A watermark in the future was set by a clock that was ahead: what changed since is not known, so all is read.
    """
    if window.is_backfill:
        until = window.until - timedelta(milliseconds=1) if window.until else None
        return _instant(options, window.since), _instant(options, until)
    if options.get("changes", "updateTime") == "all" or "watermark" not in cursor:
        return None
    if datetime.fromisoformat(cursor["watermark"]) > now():
        return None
    overlap = timedelta(minutes=float(options.get("overlap_minutes", 15)))  # clocks that differ, rows committed late
    return _instant(options, datetime.fromisoformat(cursor["watermark"]) - overlap), None


def _instant(options: Mapping[str, Any], instant: datetime | None) -> str | None:
    """An instant as the filter wants it [G]; `instant_format = "%Y-%m-%d"` for tenants that compare days only."""
    if instant is None:
        return None
    moment = (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC)
    text = moment.strftime(str(options.get("instant_format", "%Y-%m-%dT%H:%M:%S.{ms}Z")))
    return text.replace("{ms}", f"{moment.microsecond // 1000:03d}")


def _is_sweep_due(options: Mapping[str, Any], state: Mapping[str, Any], moment: datetime) -> bool:
    hours = timedelta(hours=float(options.get("sweep_hours", 24)))
    return "swept_at" not in state or moment - datetime.fromisoformat(state["swept_at"]) >= hours


def _forms(settings: Settings, state: Mapping[str, Any]) -> list[Form]:
    """The forms of [[options.forms]]. Raises SourceError that says what is missing.

    A form that was read before may not just leave the list: the sweep would take all its rows for deleted.
    """
    given = settings.options.get("forms", [])
    if not given:
        raise SourceError(f"{settings.name}: no form to read: name app_id, entry_id and role under [[options.forms]]")
    forms = []
    for number, form in enumerate(given, start=1):
        found = Form(
            app_id=str(form.get("app_id", "")),
            entry_id=str(form.get("entry_id", "")),
            role=str(form.get("role", "")),
            read=str(form.get("read", "changes")),
        )
        if not found.app_id or not found.entry_id or found.role not in SWEEPS or found.read not in ("changes", "ids"):
            raise SourceError(
                f"{settings.name}: form {number} of [[options.forms]] needs app_id, entry_id, "
                f"a role of {sorted(SWEEPS)}, and may have read = 'changes' or 'ids'"
            )
        forms.append(found)
    left = set(state.get("forms", {})) - {f.entry_id for f in forms} - set(settings.options.get("forgotten_forms", []))
    if left:
        raise SourceError(
            f"{settings.name}: form {', '.join(sorted(left))} was read before and is gone from [[options.forms]]: "
            "put it back with read = 'ids' to keep its rows, or name it in forgotten_forms to have them deleted"
        )
    return forms


def _in_reach(source: str, client: Client, forms: list[Form]) -> list[Form]:
    """The forms with their names. Raises SourceError for what the key cannot see: its rows would just be missing."""
    hidden = {form.app_id for form in forms} - {app.get("app_id") for app in client.apps()}
    if hidden:
        raise SourceError(
            f"{source}: the API key does not see application {', '.join(sorted(hidden))}: grant it to the key"
        )
    names = {
        (app_id, form.get("entry_id")): str(form.get("name", ""))
        for app_id in sorted({form.app_id for form in forms})
        for form in client.forms(app_id)
    }
    lost = [form.entry_id for form in forms if (form.app_id, form.entry_id) not in names]
    if lost:
        raise SourceError(
            f"{source}: no form {', '.join(lost)} in its application: check entry_id under [[options.forms]]"
        )
    return [replace(form, name=names[form.app_id, form.entry_id]) for form in forms]


def _manners(options: Mapping[str, Any]) -> Manners:
    """Pacing and retries, as [options] changes them."""
    given: dict[str, Any] = {f.name: options[f.name] for f in fields(Manners) if f.name in options}
    return Manners(**given)
