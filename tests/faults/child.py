"""One load from a source to the lake, in a process that dies at a given point.

`python -m tests.faults.child HOME POINT`.

Keep out: assertions.
"""

import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

from orchestration import pipeline
from orchestration.home import Home
from orchestration.lake import promote, stage
from orchestration.lake.audit import AuditResult, CheckResult
from orchestration.privacy.keys import Keyring
from orchestration.sources.contract import Window


def die(*_: Any, **__: Any) -> None:
    """The death that no handler sees."""
    os.kill(os.getpid(), signal.SIGKILL)


def refused(table: Any, *_: Any, **__: Any) -> AuditResult:
    """A batch that the audit refuses."""
    return AuditResult((CheckResult("planned", False, table.num_rows, 1),))


class Dying:
    """A connection whose process dies instead of running one statement."""

    def __init__(self, con: Any, statement: str):
        self._con = con
        self._statement = statement

    def __getattr__(self, name: str) -> Any:
        return getattr(self._con, name)

    def execute(self, sql: str, *args: Any) -> Any:
        """Run it, or die."""
        return die() if sql == self._statement else self._con.execute(sql, *args)


def die_in(point: str) -> None:
    """Arrange for the process to die at a point; `extracting` is arranged by the source itself."""
    from dlt.pipeline.pipeline import Pipeline

    if point == "before_normalizing":
        Pipeline.normalize = die
    elif point == "before_loading":
        Pipeline.load = die
    elif point == "after_copying":
        from dlt.common.storages.load_package import PackageStorage

        PackageStorage.complete_job = die
    elif point == "sealing":
        from orchestration.landing import extract

        seal, sealed = extract.seal, []

        def seal_some(*args: Any) -> bytes:
            """Die while the fifth page is sealed."""
            sealed.append(1)
            return die() if len(sealed) == 5 else seal(*args)

        extract.seal = seal_some
    elif point == "in_the_vaults_transaction":
        from orchestration.privacy import guard

        guard.prepare_consents = die
    elif point == "before_the_vaults_checkpoint":
        from orchestration.privacy import guard

        connect = guard.connect
        guard.connect = lambda *args, **named: Dying(connect(*args, **named), "CHECKPOINT vault")
    elif point == "after_the_vaults_commit":
        from orchestration.privacy import vault

        vault._note_generation = die
    elif point == "auditing":
        from orchestration.lake import audit

        audit.audit_batch = die
    elif point == "quarantining":
        # A batch that the audit refuses has been copied, and no note tells of it yet.
        from orchestration.lake import audit

        audit.audit_batch = refused
        promote.write_durably = die
    elif point == "between_folders":
        replace = os.replace

        def replace_one(old: Any, new: Any) -> None:
            """Die when one kind's part has reached the lake and the other's has not."""
            replace(old, new)
            if "load=" in str(new):
                die()

        os.replace = replace_one
    elif point == "before_manifest":
        stage.finish = die
    elif point == "before_commit":
        promote.write_durably = die
    elif point == "in_the_commit":
        replace_commit = os.replace

        def replace_some(old: Any, new: Any) -> None:
            """Die when the commit is written and synced, and has not its name yet."""
            if Path(new).parent.name == "_commits":
                die()
            replace_commit(old, new)

        os.replace = replace_some
    elif point == "while_forgetting":
        forget = stage.begin

        def begin(home: Home, manifest: stage.Manifest) -> None:
            """Die between the two deletions that follow a commit."""
            if promote.is_committed(home, manifest.load_id):
                shutil.rmtree = die
            forget(home, manifest)

        stage.begin = begin
    elif point != "extracting":
        raise SystemExit(f"no such point: {point}")


def main(root: str, point: str) -> None:
    """Take what is new through the gate, or die on the way."""
    home = Home.open(root)
    keyring = Keyring(home)
    die_in(point)
    for settings in pipeline.sources(home).values():
        done = pipeline.extract(home, keyring, settings, Window(), "child")
        if done.failure:
            raise SystemExit(done.failure)
        pipeline.guard_source(home, keyring, settings, "child")
    pipeline.load_staged(home, keyring)


if __name__ == "__main__":
    main(*sys.argv[1:])
