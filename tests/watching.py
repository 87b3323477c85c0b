"""Looking at temporary files while something runs.

Which there are, how large they grow, and whether a value is in them.

Keep out: assertions. The watcher is a process of its own: a thread would hold this one's interpreter lock against the
engine's workers, and its end would have to be waited for.
"""

import json
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PATIENCE_SECONDS = 60
WATCHER = """
import json, os, select, sys

folder, planted = sys.argv[1], sys.argv[2].encode()
seen, most = {}, 0
while True:
    asked = sys.stdin.readline() if select.select([sys.stdin], [], [], 0.01)[0] else None
    if asked == "":
        break
    size = 0
    for top, _, names in os.walk(folder):
        for name in names:
            try:
                with open(os.path.join(top, name), "rb") as file:
                    content = file.read()
            except FileNotFoundError:
                continue
            size += len(content)
            seen[name] = planted in content or seen.get(name, False)
    most = max(most, size)
    if asked:
        print(json.dumps({"files": seen, "most": most}), flush=True)
"""


@dataclass(frozen=True)
class Seen:
    """What lay below the folder so far: by name of a file whether the value was in it; the most bytes at once."""

    files: dict[str, bool]
    most: int


class Watch:
    """A watcher at work."""

    def __init__(self, watcher: subprocess.Popen[str]):
        self._watcher = watcher

    def seen(self) -> Seen:
        """What it has seen so far, this moment included.

        Raises AssertionError when it does not answer.
        """
        assert self._watcher.stdin is not None and self._watcher.stdout is not None
        self._watcher.stdin.write("look\n")
        self._watcher.stdin.flush()
        answered = select.select([self._watcher.stdout], [], [], PATIENCE_SECONDS)[0]
        assert answered, f"the watcher did not answer within {PATIENCE_SECONDS} s"
        return Seen(**json.loads(self._watcher.stdout.readline()))


@contextmanager
def watched(folder: Path, planted: str) -> Iterator[Watch]:
    """Look at every file below a folder, again and again, for a value."""
    command = [sys.executable, "-S", "-c", WATCHER, str(folder), planted]
    watcher = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        watch = Watch(watcher)
        watch.seen()  # it has begun
        yield watch
    finally:
        watcher.kill()
        watcher.communicate()
