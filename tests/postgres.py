"""A PostgreSQL of one's own, made and thrown away by the tests that need a real one.

Keep out: assertions.
"""

import os
import pwd
import subprocess
from pathlib import Path


class Server:
    """A throw-away PostgreSQL on a socket of its own, run by a user who is not root."""

    def __init__(self, root: Path):
        self.root = root
        self.user = "nobody" if os.getuid() == 0 else None
        if self.user:
            os.chown(root, pwd.getpwnam(self.user).pw_uid, -1)
        self.run("initdb", "-D", str(root / "data"), "-A", "trust", "-U", "owner", "--no-sync")
        self.run(
            "pg_ctl",
            "-D",
            str(root / "data"),
            "-w",
            "-l",
            str(root / "log"),
            "-o",
            f"-c listen_addresses= -k {root}",
            "start",
        )

    def run(self, *command: str) -> None:
        subprocess.run(
            command, user=self.user, cwd=self.root, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )

    def stop(self) -> None:
        self.run("pg_ctl", "-D", str(self.root / "data"), "-m", "immediate", "stop")

    @property
    def address(self) -> str:
        """As SQLAlchemy and Dagster take it."""
        return f"postgresql://owner@/postgres?host={self.root}"

    def connection(self, user: str = "owner") -> str:
        return f"host={self.root} user={user} dbname=postgres"
