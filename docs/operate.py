"""Runs the commands of operate.md one after another in a fresh clone and writes down what they print.

Keep out: what the commands should print (tests/integration/test_operate_page.py).
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

PAGE = Path(__file__).with_name("operate.md")
TRANSCRIPT = Path(__file__).with_name("operate_transcript.txt")
MARK = "---voicehouse-code-"


def commands() -> list[str]:
    """Every line of the blocks marked sh."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    return [line for block in blocks for line in block.splitlines() if line.strip()]


def clone(folder: Path) -> Path:
    """What is committed of this checkout, in `folder`, which is not there yet."""
    subprocess.run(["git", "clone", "--quiet", str(PAGE.parents[1]), str(folder)], check=True)
    return folder


def run(folder: Path) -> Iterator[tuple[str, int, str]]:
    """Each command in one shell, so that what is exported stays: the command, its exit code, what it printed.

    Raises OSError when `folder` is not there.
    """
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("VOICEHOUSE_", "DAGSTER_HOME"))}
    environment |= {"LANG": "C.UTF-8", "PYTHON": sys.executable}
    script = "".join(f'{line}\necho "{MARK}$?"\n' for line in commands())
    done = subprocess.run(
        ["bash", "-c", f"exec 2>&1\n{script}"], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    parts = re.split(rf"{MARK}(\d+)\n", done.stdout)
    for number, command in enumerate(commands()):
        printed, code = parts[2 * number : 2 * number + 2] if len(parts) > 2 * number + 1 else ("", "-1")
        yield command, int(code), printed


def written(folder: Path, results: list[tuple[str, int, str]]) -> str:
    """The transcript, without this machine's folder and what its pip says of where packages come from."""
    text = "".join(f"$ {command}\n{printed}" for command, _, printed in results)
    text = re.sub(r"^(?:WARNING|DEPRECATION|Looking in).*\n", "", text, flags=re.M)
    return text.replace(str(folder), "/srv/voicehouse")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        folder = clone(Path(name).resolve() / "voicehouse")
        found = list(run(folder))
        TRANSCRIPT.write_text(written(folder, found), encoding="utf-8")
    sys.exit(max(code for _, code, _ in found))
