"""A run that somebody ends with Ctrl-C, or a service manager by SIGTERM.

Keep out: runs that are killed (test_kill.py).
"""

import os
import signal
import subprocess
import sys

import pytest

from orchestration import pipeline
from tests.house import TestHouse, write_source


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_says_so_and_is_no_failed_one(house: TestHouse, kind: signal.Signals) -> None:
    for name in ("desk", "shop"):
        write_source(house.sources, name, {"case": "select _record, raw ->> '$.id' as case_id from rows"})
    house.drop("rows.jsonl", '{"id": "1"}\n')
    with subprocess.Popen(
        [sys.executable, "-m", "orchestration.cli", "--home", str(house.home.root), "run"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    ) as process:  # fmt: skip
        assert process.stdout
        for line in process.stdout:
            if "extract desk" in line:
                break
        os.killpg(process.pid, kind) if kind == signal.SIGINT else process.send_signal(kind)
        told = process.stdout.read()
    assert process.returncode == 130 and "voicehouse: interrupted" in told, told
    assert "Traceback" not in told and "Error" not in told
    assert [run["status"] for run in pipeline.run_history(house.home)] == ["interrupted"]
    assert house.home.holder() is None
