"""What deserves attention is found, and told once over every channel that is on; nothing of the data is in it.

Keep out: Dagster (tests/integration/test_operation.py).
"""

import email
import json
from collections.abc import Iterator
from dataclasses import replace
from email import policy as mail_policy
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner

from orchestration import alerts, pipeline, watch
from orchestration.cli import main
from orchestration.errors import VoicehouseError
from orchestration.privacy import incidents
from tests.house import TestHouse, write_source
from tests.receivers import MailServer, Webhook, certificate, running

PLANTED = "planted.person@example.org"
CASE = "select _record, raw ->> '$.id' as case_id, raw ->> '$.at' as opened_at, raw ->> '$.text' as text from rows"


@pytest.fixture
def webhook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Webhook]:
    with running(Webhook()) as server:
        monkeypatch.setenv("VOICEHOUSE_ALERT_WEBHOOK", server.address)
        yield server


@pytest.fixture
def mail() -> Iterator[MailServer]:
    with running(MailServer()) as server:
        yield server


@pytest.fixture
def desk(house: TestHouse, monkeypatch: pytest.MonkeyPatch) -> TestHouse:
    """A home whose one source expects news every day, and had some."""
    folder = write_source(house.sources, "desk", {"case": CASE})
    text = (folder / "source.toml").read_text()
    (folder / "source.toml").write_text("expected_every_hours = 24\n" + text)
    house.drop("rows_1.jsonl", json.dumps({"id": "1", "at": "2025-01-01T00:00:00Z", "text": PLANTED}) + "\n")
    monkeypatch.setenv("VOICEHOUSE_CLOCK", "2026-01-01T08:00:00Z")
    monkeypatch.setenv("VOICEHOUSE_HOME", str(house.home.root))
    house.take("desk")
    return house


def turn_on(house: TestHouse, **settings: object) -> None:
    house.home.furnish(replace(house.home.house, alerts=settings), anew=True)


def fail_a_run(house: TestHouse, run_id: str) -> None:
    outcomes = pipeline.Outcomes(house.home, run_id)
    outcomes.begin()
    outcomes.fail("desk", "extract", f"desk: a reason somebody wrote with {PLANTED} in it")
    outcomes.conclude(house.home, run_id, "failed")


def later(monkeypatch: pytest.MonkeyPatch, day: int) -> None:
    monkeypatch.setenv("VOICEHOUSE_CLOCK", f"2026-01-{day:02d}T09:00:00Z")


def test_a_source_is_stale_when_nothing_new_came_for_longer_than_it_says(
    desk: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [f.is_stale for f in watch.freshness(desk.home) if f.source == "desk"] == [False]
    later(monkeypatch, 3)
    assert [f.is_stale for f in watch.freshness(desk.home) if f.source == "desk"] == [True]
    assert "desk" in watch.status(desk.home)["stale_sources"]
    desk.drop("rows_2.jsonl", json.dumps({"id": "2", "at": "2026-01-03T00:00:00Z"}) + "\n")
    desk.take("desk")
    assert watch.status(desk.home)["stale_sources"] == []


def test_a_source_that_never_brought_anything_is_waited_for_since_the_first_run(
    house: TestHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_source(house.sources, "desk", {"case": CASE})
    (folder / "source.toml").write_text("expected_every_hours = 24\n" + (folder / "source.toml").read_text())
    monkeypatch.setenv("VOICEHOUSE_CLOCK", "2026-01-01T08:00:00Z")
    assert watch.status(house.home)["stale_sources"] == []
    fail_a_run(house, "first")
    later(monkeypatch, 5)
    assert watch.status(house.home)["stale_sources"] == ["desk"]


def test_a_run_that_died_is_told_apart_from_one_that_goes_on(desk: TestHouse) -> None:
    pipeline.Outcomes(desk.home, "r1").begin()
    with desk.home.writing("run r1"):
        assert watch.died(desk.home) == [] and watch.status(desk.home)["writing_now"]["run"] == "run r1"
    assert watch.died(desk.home) == ["r1"]
    assert [a.kind for a in alerts.due(desk.home)] == ["run_died"]


def test_a_run_found_dead_by_the_next_is_told_once_and_then_over(desk: TestHouse, webhook: Webhook) -> None:
    turn_on(desk, webhook=True, on=["run_died"])
    pipeline.Outcomes(desk.home, "r1-aaaaaa").begin()
    for run_id, told in (("r2-bbbbbb", ["run_died"]), ("r3-cccccc", [])):
        with desk.home.writing(f"run {run_id}"):
            pipeline.conclude_died(desk.home, run_id)
            pipeline.Outcomes(desk.home, run_id).begin()
            assert [r["status"] for r in pipeline.run_history(desk.home)][0] == "died"
            pipeline.Outcomes(desk.home, run_id).conclude(desk.home, run_id, "succeeded")
            assert [a.kind for a in alerts.send(desk.home)] == told
        assert watch.died(desk.home) == [] and alerts.send(desk.home) == []
    assert "r1-aaaaa" in webhook.got[0]["text"] and len(webhook.got) == 1
    assert "killed before its end" in CliRunner().invoke(main, ["--home", str(desk.home.root), "status"]).output


def test_what_a_death_left_of_a_file_that_nobody_writes_again_goes_with_the_next_run(desk: TestHouse) -> None:
    left = [desk.home.folder(*place) / ".r1-aaaaaa.json.draft" for place in (("ops", "outcomes"), ("landing", "_read"))]
    for path in left:
        path.write_text("{")
    pipeline.conclude_died(desk.home, "r2-bbbbbb")
    assert [path.exists() for path in left] == [False, False]


def test_a_failed_run_stays_due_behind_one_that_was_interrupted_or_found_nothing(desk: TestHouse) -> None:
    fail_a_run(desk, "r1-aaaaaa")
    for run_id, status in (("r2", "nothing_new"), ("r3", "interrupted"), ("r4", "partial")):
        outcomes = pipeline.Outcomes(desk.home, run_id)
        outcomes.begin()
        outcomes.conclude(desk.home, run_id, status)
        assert [a.key for a in alerts.due(desk.home)] == ["run:r1-aaaaaa"]


def test_a_job_that_failed_hides_no_run_that_did_until_one_succeeds(desk: TestHouse) -> None:
    fail_a_run(desk, "r1-aaaaaa")
    for run_id in ("r2", "r3"):
        pipeline.Outcomes(desk.home, run_id).conclude(desk.home, run_id, "failed", job="keys_rotate")
    found = {a.key: a.values["where"] for a in alerts.due(desk.home)}
    assert found == {"run:r1-aaaaaa": "desk", "run:r3": "keys_rotate"}
    pipeline.Outcomes(desk.home, "r4").conclude(desk.home, "r4", "succeeded")
    assert alerts.due(desk.home) == []


def test_status_tells_the_step_and_the_reason_of_a_failed_run_and_reads_runs_of_before(desk: TestHouse) -> None:
    home, told = desk.home, "the disk is full: free space, then run again"
    for run_id, reason in (("r1-aaaaaa", None), ("r2-bbbbbb", f"load broke off, {told}")):
        outcomes = pipeline.Outcomes(home, run_id)
        outcomes.begin()
        outcomes.conclude(home, run_id, "failed", "guard__desk" if reason else None, reason)
    register = home.root / "ops" / "runs.jsonl"
    old, new = map(json.loads, register.read_text().splitlines())
    del old["reason"]
    register.write_text(json.dumps(old) + "\n" + json.dumps(new) + "\n")
    said = CliRunner().invoke(main, ["--home", str(home.root), "status"]).output
    assert "failed at guard desk\n" in said and said.count(told) == 1
    listed = json.loads(CliRunner().invoke(main, ["--home", str(home.root), "status", "--json"]).stdout)["last_runs"]
    assert [run.get("reason") for run in listed] == [None, f"load broke off, {told}"]


def miss_a_target(house: TestHouse) -> None:
    """Serve figures of which one missed its target in the newest complete month."""
    with duckdb.connect(str(house.home.serving / "kpi.duckdb")) as con:
        con.execute(
            """
            CREATE TABLE kpi_values AS SELECT * FROM (VALUES
                ('sla_attainment', 'house', 'month', DATE '2025-11-01', true, 95.0, 90.0, 'met'),
                ('sla_attainment', 'house', 'month', DATE '2025-12-01', true, 70.0, 90.0, 'missed'),
                ('sla_attainment', 'house', 'month', DATE '2026-01-01', false, 10.0, 90.0, 'missed'),
                ('sla_attainment', 'house', 'week', DATE '2025-12-15', true, 70.0, 90.0, 'missed'),
                ('sla_attainment', 'house', 'week', DATE '2025-12-22', true, NULL, 90.0, NULL),
                ('nps', 'per_response', 'month', DATE '2025-12-01', true, 1.0, 40.0, 'missed')
            ) t(metric_id, variant, period_grain, period_start, is_complete_period, value, target_value, target_status),
            (SELECT '' AS breakdown)
            """
        )


def test_a_missed_target_of_the_newest_complete_period_is_a_breach(desk: TestHouse) -> None:
    miss_a_target(desk)
    assert watch.breaches(desk.home) == [watch.Breach("sla_attainment", "house", "month", "2025-12-01")]


def test_nothing_is_sent_unless_a_channel_is_named(desk: TestHouse, webhook: Webhook) -> None:
    fail_a_run(desk, "r1")
    assert alerts.send(desk.home) == [] and webhook.got == []


def test_each_thing_is_told_once_and_again_when_it_happens_again(
    desk: TestHouse, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn_on(desk, webhook=True)
    fail_a_run(desk, "r1-aaaaaa")
    assert [a.kind for a in alerts.send(desk.home)] == ["run_failed"]
    assert alerts.send(desk.home) == [] and len(webhook.got) == 1
    fail_a_run(desk, "r2-bbbbbb")
    later(monkeypatch, 9)
    assert {a.kind for a in alerts.send(desk.home)} == {"run_failed", "source_stale"}
    assert "desk" in webhook.got[1]["text"] and "r2-bbbbb" in webhook.got[1]["text"]


def test_a_missed_target_a_death_and_a_withdrawal_reach_the_receiver_by_name_alone(
    desk: TestHouse, webhook: Webhook
) -> None:
    turn_on(desk, webhook=True)
    miss_a_target(desk)
    assert [a.kind for a in alerts.send(desk.home)] == ["sla_breached"]
    pipeline.Outcomes(desk.home, "r1-aaaaaa").begin()
    assert [a.kind for a in alerts.send(desk.home)] == ["run_died"]
    (desk.home.serving / "kpi.duckdb").write_bytes(b"half a file")
    assert pipeline.recheck_served(desk.home, "r1-aaaaaa") == ["unreadable"]
    assert [a.kind for a in alerts.send(desk.home)] == ["withdrawn"]
    assert alerts.send(desk.home) == []
    missed, died, withdrawn = (posted["text"] for posted in webhook.got)
    assert all(name in missed for name in ("sla_attainment/house", "month", "2025-12-01")) and "70" not in missed
    assert "r1-aaaaa" in died and "unreadable" in withdrawn


def test_messages_hold_names_and_nothing_of_the_data(desk: TestHouse, webhook: Webhook, mail: MailServer) -> None:
    turn_on(desk, webhook=True, mail_to=["ops@example.org"], smtp_host="127.0.0.1", smtp_port=mail.port, smtp_tls=False)
    fail_a_run(desk, "r1")
    alerts.send(desk.home)
    (posted,), (sent,) = webhook.got, mail.got
    assert list(posted) == ["text"]  # what Slack and its likes take
    message = email.message_from_bytes(sent["data"], policy=mail_policy.default)
    assert sent["to"] == ["ops@example.org"] and message["Subject"] == "voicehouse: 1 to look at"
    assert message.get_content().strip() == posted["text"] and "desk" in posted["text"]
    assert PLANTED not in posted["text"]


LOGIN = ("voicehouse", "a-password-nobody-may-see")


@pytest.fixture
def guarded_mail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MailServer]:
    """A mail server that wants STARTTLS and a login; its certificate is trusted."""
    own = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(own))
    monkeypatch.setenv("VOICEHOUSE_SMTP_PASSWORD", LOGIN[1])
    with running(MailServer(own, LOGIN)) as server:
        yield server


def turn_on_mail(house: TestHouse, server: MailServer, **settings: object) -> None:
    at = {"mail_to": ["ops@example.org"], "smtp_host": "127.0.0.1", "smtp_port": server.port}
    turn_on(house, **{**at, "smtp_user": LOGIN[0], **settings})
    fail_a_run(house, "r1")


def test_mail_goes_encrypted_and_under_a_login(desk: TestHouse, guarded_mail: MailServer) -> None:
    turn_on_mail(desk, guarded_mail)
    assert len(alerts.send(desk.home)) == 1
    (sent,) = guarded_mail.got
    assert (sent["encrypted"], sent["user"], guarded_mail.logins) == (True, LOGIN[0], [True])


@pytest.mark.parametrize("fault", ["certificate", "password", "no_tls_offered"])
def test_mail_that_cannot_go_safely_does_not_go_and_the_password_stays_here(
    desk: TestHouse, guarded_mail: MailServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fault: str
) -> None:
    if fault == "certificate":  # nobody vouches for it
        (tmp_path / "other").mkdir()
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate(tmp_path / "other")))
    elif fault == "password":
        monkeypatch.setenv("VOICEHOUSE_SMTP_PASSWORD", "a-wrong-one")
    else:  # somebody in between took the offer out
        guarded_mail.tls = None
    turn_on_mail(desk, guarded_mail)
    assert alerts.send(desk.home) == [] and guarded_mail.got == []
    assert guarded_mail.logins == ([False] if fault == "password" else [])
    kept = (desk.home.root / "ops" / "alerts.json").read_text()
    assert "the mail server did not take it" in kept
    assert not [word for word in (*LOGIN, "a-wrong-one", "ops@example.org") if word in kept]
    assert "run_failed" in [a.kind for a in alerts.due(desk.home)]  # it stays due


def test_a_password_is_never_sent_in_the_clear(desk: TestHouse, guarded_mail: MailServer) -> None:
    guarded_mail.tls = None
    turn_on_mail(desk, guarded_mail, smtp_tls=False)
    assert alerts.send(desk.home) == [] and guarded_mail.logins == []
    assert "smtp_tls" in alerts.told(desk.home)["problem"]


def test_what_cannot_be_delivered_stays_due_and_its_address_is_not_told(desk: TestHouse, webhook: Webhook) -> None:
    turn_on(desk, webhook=True)
    fail_a_run(desk, "r1")
    webhook.status = 500
    assert alerts.send(desk.home) == []
    told = (desk.home.root / "ops" / "alerts.json").read_text()
    assert "500" in told and "a-token-nobody-may-see" not in told
    assert "500" in CliRunner().invoke(main, ["status"]).output
    webhook.status = 200
    assert len(alerts.send(desk.home)) == 1 and alerts.told(desk.home)["problem"] is None
    webhook.status = 500
    fail_a_run(desk, "r2")
    assert alerts.send(desk.home) == [] and alerts.told(desk.home)["problem"]
    turn_on(desk)  # no channel any more: nothing is undelivered
    assert alerts.send(desk.home) == [] and alerts.told(desk.home)["problem"] is None


def test_a_channel_that_is_down_has_nothing_told_twice_on_the_other(
    desk: TestHouse, webhook: Webhook, mail: MailServer
) -> None:
    at = {"mail_to": ["ops@example.org"], "smtp_host": "127.0.0.1", "smtp_tls": False}
    turn_on(desk, webhook=True, **at, smtp_port=1)
    fail_a_run(desk, "r1")
    assert len(alerts.send(desk.home)) == 1 and "mail server" in alerts.told(desk.home)["problem"]
    assert alerts.send(desk.home) == [] and len(webhook.got) == 1
    turn_on(desk, webhook=True, **at, smtp_port=mail.port)
    assert len(alerts.send(desk.home)) == 1 and len(mail.got) == 1 and len(webhook.got) == 1
    assert alerts.send(desk.home) == [] and alerts.told(desk.home)["problem"] is None


def test_what_a_release_before_had_told_is_not_told_again(desk: TestHouse, webhook: Webhook) -> None:
    turn_on(desk, webhook=True)
    fail_a_run(desk, "r1")
    before = {"told": {"run:r1": "2026-01-01T08:00:00"}, "problem": None}
    (desk.home.folder("ops") / "alerts.json").write_text(json.dumps(before))
    assert alerts.send(desk.home) == [] and webhook.got == []
    assert "2026-01-01T08:00:00" in CliRunner().invoke(main, ["alerts", "list"]).output


def test_kinds_that_are_not_asked_for_are_not_told(desk: TestHouse, webhook: Webhook) -> None:
    turn_on(desk, webhook=True, on=["sla_breached"])
    fail_a_run(desk, "r1")
    assert alerts.send(desk.home) == []


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"webhok": True}, "knows nothing of webhok"),
        ({"on": ["everything"]}, "knows nothing of everything"),
        ({"webhook": True}, "VOICEHOUSE_ALERT_WEBHOOK"),
        ({"mail_to": ["a@example.org"], "smtp_user": "u"}, "VOICEHOUSE_SMTP_PASSWORD"),
    ],
)
def test_a_setting_that_is_wrong_is_told_and_stops_no_run(
    desk: TestHouse, settings: dict[str, object], words: str
) -> None:
    turn_on(desk, **settings)
    with pytest.raises(VoicehouseError, match=words):
        alerts.Channels.of(desk.home)
    assert alerts.send(desk.home) == [] and words in alerts.told(desk.home)["problem"]


def test_settings_of_alerts_outlive_a_new_init(desk: TestHouse) -> None:
    turn_on(desk, webhook=True, mail_to=["a@example.org"])
    done = CliRunner().invoke(main, ["init", "--sources", str(desk.sources), "--inbox", str(desk.inbox)])
    assert done.exit_code == 0, done.output
    assert desk.home.house.alerts == {"webhook": True, "mail_to": ["a@example.org"]}


def test_the_command_lists_and_tries_the_channels(desk: TestHouse, webhook: Webhook) -> None:
    fail_a_run(desk, "r1")
    listed = CliRunner().invoke(main, ["alerts", "list", "--json"])
    assert [a["kind"] for a in json.loads(listed.stdout)["alerts"]] == ["run_failed"]
    assert CliRunner().invoke(main, ["alerts", "test"]).exit_code == 1
    turn_on(desk, webhook=True)
    assert CliRunner().invoke(main, ["alerts", "test"]).exit_code == 0 and len(webhook.got) == 1


def test_an_incident_is_told_a_day_before_its_term_ends_until_it_is_closed(
    desk: TestHouse, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn_on(desk, webhook=True, on=["incident_due"])
    monkeypatch.setenv("VOICEHOUSE_CLOCK", "2026-01-01T09:00:00Z")
    incident = incidents.begin(desk.home, desk.keyring, "opened", reason="a laptop is gone", ticket="T-1")
    assert alerts.send(desk.home) == []
    later(monkeypatch, 3)
    assert alerts.send(desk.home) == []  # a day and an hour or so are left
    monkeypatch.setenv("VOICEHOUSE_CLOCK", "2026-01-03T10:00:00Z")
    (told,) = alerts.send(desk.home)
    assert incident.number in told.told and "2026-01-04T09:00" in told.told and "laptop" not in told.told
    incidents.close(desk.home, desk.keyring, incident, "nobody touched")
    assert alerts.due(desk.home) == [a for a in alerts.due(desk.home) if a.kind != "incident_due"]
