"""The inbox on an object store that speaks S3: the same reader, the same increments.

Keep out: formats and encodings (tests/unit/test_files.py).
"""

import json
from collections.abc import Iterator
from pathlib import Path

import boto3
import dagster as dg
import pytest
from moto.moto_server.threaded_moto_server import ThreadedMotoServer

from orchestration import pipeline
from orchestration.defs.jobs import inbox
from orchestration.errors import SourceError
from orchestration.sources.contract import Window
from tests.faults.traces import found_under
from tests.house import TestHouse, write_source

CASE = """
select
    _record, raw ->> '$.id' as case_id, raw ->> '$.at' as opened_at, raw ->> '$.email' as person_email,
    'true' as person_email_verified
from rows
"""


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[boto3.client]:
    """An empty bucket behind an address of this machine, told to the house the way people tell it: by environment."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    given = {"aws_access_key_id": "made", "aws_secret_access_key": "up", "region_name": "us-east-1"}
    endpoint = f"http://{host}:{port}"
    for name, value in {**given, "endpoint_url": endpoint}.items():
        monkeypatch.setenv(f"SOURCES__FILESYSTEM__CREDENTIALS__{name.upper()}", value)
    client = boto3.client("s3", endpoint_url=endpoint, **given)
    client.create_bucket(Bucket="drop")
    yield client
    server.stop()


def lines(*ids: str) -> bytes:
    rows = ({"id": i, "at": "2025-01-02T03:04:05Z", "email": f"{i}.planted@example.org"} for i in ids)
    return "".join(json.dumps(r) + "\n" for r in rows).encode()


def test_files_of_a_bucket_are_read_once_and_again_when_they_change(
    house: TestHouse, store: boto3.client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VOICEHOUSE_INBOX", "s3://drop/feedback")
    write_source(house.sources, "desk", {"case": CASE})
    settings = pipeline.sources(house.home)["desk"]
    store.put_object(Bucket="drop", Key="feedback/rows_1.planted.jsonl", Body=lines("a", "b"))
    store.put_object(Bucket="drop", Key="elsewhere/rows_2.jsonl", Body=lines("x"))
    house.take()
    assert pipeline.Outcomes(house.home, "test").failures == {}
    assert house.rows("select count(*) from lake.case") == [(2,)]

    again = pipeline.extract(house.home, house.keyring, settings, Window(), "test")
    assert again.load_id is None and again.pages == 0 and again.failure is None

    store.put_object(Bucket="drop", Key="feedback/rows_2.jsonl", Body=lines("c"))
    store.put_object(Bucket="drop", Key="feedback/rows_1.planted.jsonl", Body=lines("a", "b", "d"))
    house.take()
    assert house.rows("select count(*), count(distinct load_id) from lake.case") == [(4, 2)]
    assert house.ledger()[("case", "duplicate", "")] == 2
    assert pipeline.ledger_faults(house.home, house.keyring) == []
    assert found_under([house.home.root], ["planted"]) == set()


def test_the_sensor_asks_for_one_run_per_change_in_a_bucket(
    house: TestHouse, store: boto3.client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOICEHOUSE_HOME", str(house.home.root))
    monkeypatch.setenv("VOICEHOUSE_INBOX", "s3://drop/watched")
    cursor: str | None = None

    def look() -> str | None:
        """The key of the run that is asked for."""
        nonlocal cursor
        context = dg.build_sensor_context(cursor=cursor)
        (told,) = inbox(context)
        cursor = context.cursor
        return told.run_key if isinstance(told, dg.RunRequest) else None

    store.put_object(Bucket="drop", Key="elsewhere/rows_2.jsonl", Body=lines("x"))
    assert look() is None
    store.put_object(Bucket="drop", Key="watched/rows_1.planted.jsonl", Body=lines("a"))
    first = look()
    assert first and "planted" not in f"{first}{cursor}"
    assert look() is None
    store.put_object(Bucket="drop", Key="watched/shop/rows_2.jsonl", Body=lines("b"))
    second = look()
    assert second and second != first
    assert look() is None
    store.put_object(Bucket="drop", Key="watched/rows_1.planted.jsonl", Body=lines("a", "c"))
    assert look() not in (None, first, second)
    monkeypatch.setenv("VOICEHOUSE_INBOX", "s3://no-such-bucket/feedback")
    with pytest.raises(SourceError, match="the inbox") as caught:
        look()
    assert caught.value.__cause__ is None and "made" not in str(caught.value)


def test_a_store_that_does_not_answer_is_the_outcome_of_the_source(
    house: TestHouse, store: boto3.client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOICEHOUSE_INBOX", "s3://no-such-bucket/feedback")
    write_source(house.sources, "desk", {"case": CASE})
    house.take()
    reason = pipeline.Outcomes(house.home, "test").failures["desk"]["reason"]
    assert reason.startswith("desk: ") and "made" not in reason
