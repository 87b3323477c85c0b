"""What a process asks of the disk, its libraries' calls too, as the kernel sees it (strace, Linux).

Keep out: what a power cut leaves of it (disk.py), and assertions.
"""

import re
import subprocess
from pathlib import Path

from tests.faults.disk import Recording

CALLS = "openat,write,pwrite64,fsync,fdatasync,ftruncate,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,rmdir"
LINE = re.compile(r"^\d+ +(\w+)\((.*)")
STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
HANDLE = re.compile(r"^\d+<((?:\\x[0-9a-f]{2})*)>")


def recorded_from(command: list[str], top: Path, folder: Path, environment: dict[str, str]) -> Recording:
    """Run a command under strace and note what it did below `top`, in order; `folder` holds the log.

    A write counts as done where it begins, and as whole: what a power cut leaves of it is the disk's to say.
    Raises CalledProcessError when the command fails.
    """
    log = folder / "calls.txt"
    watched = ["strace", "-f", "-y", "-xx", "-s", str(1 << 26), "-e", f"trace={CALLS}", "-o", str(log), *command]
    subprocess.run(watched, env=environment, check=True, capture_output=True, text=True)
    recording = Recording(top)
    with log.open(encoding="ascii") as lines:
        for line in lines:
            _note(recording, line)
    return recording


def _note(recording: Recording, line: str) -> None:
    found = LINE.match(line)
    if not found or re.search(r"\) += -1 E", line):
        return
    call, rest = found.groups()
    strings = [_bytes(s) for s in STRING.findall(rest)]
    handle = HANDLE.match(rest)
    if handle:
        path = _bytes(handle[1]).decode()
        if call == "write":
            recording.note("write", path, strings[0])
        elif call == "pwrite64":
            offset = int(re.findall(r", (\d+)(?:\)| <unfinished)", rest)[-1])
            recording.note("pwrite", path, (offset, strings[0]))
        elif call in ("fsync", "fdatasync"):
            recording.note("fsync", path)
        elif call == "ftruncate":
            recording.note("truncate", path, int(re.findall(r">, (\d+)", rest)[0]))
        return
    path = strings[0].decode()
    if call == "openat" and "O_CREAT" in rest:
        recording.note("open", path)
        if "O_TRUNC" in rest:
            recording.note("truncate", path, 0)
    elif call.startswith("rename"):
        recording.rename(path, strings[1].decode())
    elif call in ("unlink", "unlinkat", "rmdir"):
        recording.note("remove", path)
    elif call in ("mkdir", "mkdirat"):
        recording.note("mkdir", path)


def _bytes(written: str) -> bytes:
    return bytes.fromhex(written.replace("\\x", ""))
