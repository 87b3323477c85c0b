"""Telling people: what deserves attention goes to a webhook and by mail, once each, when house.toml turns that on.

Keep out: finding it out (watch.py). Messages carry names, ids and periods: no reasons, no figures, nothing of the data.
"""

import json
import logging
import os
import smtplib
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from itertools import takewhile
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

from orchestration import formats, pipeline, watch
from orchestration.errors import VoicehouseError
from orchestration.home import Home, now, write_durably
from orchestration.logs import event
from orchestration.messages import grain, text

KINDS = ("run_failed", "run_died", "source_stale", "sla_breached", "withdrawn", "incident_due")
HOURS_BEFORE = 24  # an incident's term ends
WEBHOOK_VARIABLE = "VOICEHOUSE_ALERT_WEBHOOK"  # the address holds a token
PASSWORD_VARIABLE = "VOICEHOUSE_SMTP_PASSWORD"
TIMEOUT_SECONDS = 10


@dataclass(frozen=True)
class Alert:
    """One thing to tell. `key` stays the same as long as it is the same thing."""

    kind: str
    key: str
    values: Mapping[str, str]

    @property
    def told(self) -> str:
        """In one sentence, in the language of the process."""
        return text(
            {
                "run_failed": "alerts.run_failed",
                "run_died": "alerts.run_died",
                "source_stale": "alerts.source_stale",
                "sla_breached": "alerts.sla_breached",
                "withdrawn": "alerts.withdrawn",
                "incident_due": "alerts.incident_due",
            }[self.kind],
            **{k: grain(v) if k == "grain" else v for k, v in self.values.items()},
        )


@dataclass(frozen=True)
class Channels:
    """Where to tell: [alerts] of house.toml, secrets from the environment."""

    webhook: str | None
    mail_to: tuple[str, ...]
    mail_from: str
    smtp_host: str
    smtp_port: int
    smtp_user: str | None
    smtp_tls: bool
    kinds: tuple[str, ...]

    @classmethod
    def of(cls, home: Home) -> "Channels":
        """Raises VoicehouseError for a setting that does not exist or a secret that is missing."""
        given = dict(home.house.alerts)
        webhook = os.environ.get(WEBHOOK_VARIABLE) if given.pop("webhook", False) else None
        if home.house.alerts.get("webhook") and not (webhook or "").startswith(("https://", "http://")):
            raise VoicehouseError(f"house.toml turns the webhook on: set {WEBHOOK_VARIABLE} to its http(s) address")
        found = cls(
            webhook,
            tuple(given.pop("mail_to", ())),
            given.pop("mail_from", "voicehouse@localhost"),
            given.pop("smtp_host", "localhost"),
            int(given.pop("smtp_port", 25)),
            given.pop("smtp_user", None),
            bool(given.pop("smtp_tls", True)),
            tuple(given.pop("on", KINDS)),
        )
        unknown = sorted([*given, *(set(found.kinds) - set(KINDS))])
        if unknown:
            raise VoicehouseError(f"[alerts] in house.toml knows nothing of {', '.join(unknown)}")
        if found.smtp_user and not os.environ.get(PASSWORD_VARIABLE):
            raise VoicehouseError(f"house.toml names smtp_user: set {PASSWORD_VARIABLE}")
        if found.smtp_user and not found.smtp_tls:
            raise VoicehouseError(
                "house.toml names smtp_user and turns smtp_tls off: its password would go in the clear; leave it on"
            )
        return found

    @property
    def names(self) -> list[str]:
        """The channels that are turned on."""
        return [name for name, to in (("webhook", self.webhook), ("mail", self.mail_to)) if to]


def due(home: Home) -> list[Alert]:
    """What there is to tell now, told before or not."""
    found = []
    runs = pipeline.run_history(home)
    history = [r for r in runs if r["status"] not in formats.QUIET_ENDS]
    failed: dict[str | None, dict[str, Any]] = {}  # since the last run that did not, the newest of each job
    for run in takewhile(lambda r: r["status"] == "failed", reversed(history)):
        failed.setdefault(run.get("job"), run)
    for run in failed.values():
        where = ", ".join(run["failed_sources"]) or run.get("failed_step") or "-"
        found.append(Alert("run_failed", f"run:{run['run_id']}", {"run": run["run_id"][:8], "where": where}))
    for run_id in [*_found_dead(runs), *watch.died(home)]:
        found.append(Alert("run_died", f"died:{run_id}", {"run": run_id[:8]}))
    for f in watch.freshness(home):
        if f.is_stale:
            values = {"source": f.source, "hours": f"{f.expected_every_hours:g}"}
            found.append(Alert("source_stale", f"stale:{f.source}:{f.newest_load_at}", values))
    for b in watch.breaches(home):
        values = {"metric": f"{b.metric_id}/{b.variant}", "grain": b.period_grain, "start": b.period_start}
        found.append(Alert("sla_breached", "sla:" + "/".join(values.values()), values))
    incidents = watch.incidents(home)
    for incident in incidents:
        if incident["hours_left"] is not None and incident["hours_left"] < HOURS_BEFORE:
            number, due_at = incident["incident"], incident["due_at"][:16]
            found.append(Alert("incident_due", f"due:{number}", {"incident": number, "due": due_at}))
    for incident in [i for i in incidents if i["what"] == "withdrawn"][-1:]:
        found.append(Alert("withdrawn", f"incident:{incident['at']}", {"checks": ", ".join(incident["failed"])}))
    return found


def _found_dead(runs: list[dict[str, Any]]) -> list[str]:
    """Runs that the newest one found dead when it began."""
    before = runs if runs and runs[-1]["status"] == "died" else runs[:-1]
    return [r["run_id"] for r in takewhile(lambda r: r["status"] == "died", reversed(before))]


def send(home: Home) -> list[Alert]:
    """Tell what is due and was not told yet, on each channel by itself; what a channel did not take stays due there.

    Returns what was told. Never stops a run: a channel that does not answer is an event in the log and in `status`.
    """
    state = told(home)
    alerts = due(home)
    try:
        channels = Channels.of(home)
    except VoicehouseError as error:
        _note(home, state["told"], str(error))
        return []
    if not channels.names:
        if state["problem"]:  # of a channel that is turned off since
            _note(home, state["told"], None)
        return []
    kept = {a.key: dict(state["told"].get(a.key, {})) for a in alerts}  # what is over may come again
    problems, sent = [], []
    for name in channels.names:
        fresh = [a for a in alerts if a.kind in channels.kinds and name not in kept[a.key]]
        if problem := deliver(channels, name, [a.told for a in fresh]) if fresh else None:
            problems.append(problem)
            continue
        for a in fresh:
            kept[a.key][name] = now().isoformat()
        sent += [a for a in fresh if a not in sent]
    _note(home, {key: at for key, at in kept.items() if at}, "; ".join(problems) or None)
    return sent


def told(home: Home) -> dict[str, Any]:
    """What was told on which channel and when, and what kept the last attempt from being delivered."""
    path = home.folder("ops") / "alerts.json"
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {"told": {}, "problem": None}
    for key, at in found["told"].items():
        if isinstance(at, str):  # of a release that noted what every channel had taken
            found["told"][key] = {"webhook": at, "mail": at}
    return found


def _note(home: Home, told_at: Mapping[str, Mapping[str, str]], problem: str | None) -> None:
    if problem:
        event("alerts.undelivered", logging.WARNING, problem=problem)
    content = {"told": dict(told_at), "problem": problem}
    write_durably(home.folder("ops") / "alerts.json", json.dumps(content, indent=1).encode())


def deliver(channels: Channels, name: str, sentences: list[str]) -> str | None:
    """Send sentences over a channel; what went wrong, without addresses, or None."""
    problem = (_post if name == "webhook" else _mail)(channels, sentences)
    if not problem:
        event("alerts.sent", channel=name, n=len(sentences))
    return problem


def _post(channels: Channels, sentences: list[str]) -> str | None:
    payload = json.dumps({"text": "\n".join(sentences)}, ensure_ascii=False).encode()
    request = Request(str(channels.webhook), payload, {"Content-Type": "application/json; charset=utf-8"})
    try:
        with urlopen(request, timeout=TIMEOUT_SECONDS):
            return None
    except (URLError, OSError, ValueError) as error:
        code = getattr(error, "code", None)
        return f"the webhook did not take it ({code or type(error).__name__})"


def _mail(channels: Channels, sentences: list[str]) -> str | None:
    mail = EmailMessage()
    mail["Subject"] = text("alerts.subject", n=len(sentences))
    mail["From"], mail["To"] = channels.mail_from, ", ".join(channels.mail_to)
    mail.set_content("\n".join(sentences))
    try:
        with smtplib.SMTP(channels.smtp_host, channels.smtp_port, timeout=TIMEOUT_SECONDS) as server:
            if channels.smtp_tls:
                import ssl

                server.starttls(context=ssl.create_default_context())
            if channels.smtp_user:
                server.login(channels.smtp_user, os.environ[PASSWORD_VARIABLE])
            server.send_message(mail)
    except (smtplib.SMTPException, OSError) as error:
        return f"the mail server did not take it ({type(error).__name__})"
    return None
