"""A PostgreSQL server for the tests, in a temporary folder and without a user's settings."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

DEBIAN = Path("/usr/lib/postgresql")  # where Debian puts initdb and pg_ctl, outside of PATH
REQUIRED = "REQUIRE_POSTGRESQL"  # set in CI, where no test may be skipped
PASSWORD = "only for the tests, p@ss/w:rd?"
QUOTED = "only%20for%20the%20tests%2C%20p%40ss%2Fw%3Ard%3F"


def binaries() -> Path:
    """The folder of PostgreSQL's programs; skips the test, or fails in CI, where there is none."""
    found = [path.parent for path in sorted(DEBIAN.glob("*/bin/initdb"))]
    found += [Path(path).resolve().parent for path in [shutil.which("initdb")] if path]
    if not found:
        missing = pytest.fail if os.environ.get(REQUIRED) else pytest.skip
        missing("PostgreSQL is not installed; on Debian: apt-get install postgresql")
    return found[-1]


def free_port() -> int:
    """A port at which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


class Postgres:
    """A server at 127.0.0.1."""

    def __init__(self, folder: Path) -> None:
        self.data, self.bin, self.port = folder / "data", binaries(), free_port()
        self.numbers = itertools.count(1)
        password = folder / "password"
        password.write_text(PASSWORD)
        if os.geteuid() == 0:  # whom PostgreSQL refuses
            for path in (folder, password):
                shutil.chown(path, "nobody")
        self._run("initdb", "--no-sync", "--auth=scram-sha-256", f"--pwfile={password}",
                  "--username=digits", "--encoding=UTF8", "--locale=C")  # fmt: skip
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= "
        options += "-c fsync=off -c shared_buffers=16MB"
        log = self.data / "log"
        self._run("pg_ctl", "start", "--wait", "--silent", f"--log={log}", f"--options={options}")

    def stop(self) -> None:
        """Stop it in the middle of whatever it does."""
        self._run("pg_ctl", "stop", "--wait", "--silent", "--mode=immediate")

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Stopped within the block, and running again after it."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    def url(self, *, password: str = QUOTED, database: str = "postgres", query: str = "") -> str:
        """A URL with what is given instead of what is right."""
        return f"postgresql://digits:{password}@127.0.0.1:{self.port}/{database}{query}"

    def new_database(self) -> str:
        """The URL of a new, empty schema, which to its user is a database, but made at once."""
        name = f"runs{next(self.numbers)}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {name}")
        return self.url(query=f"?options=-csearch_path%3D{name}")

    def _run(self, program: str, *options: str) -> None:
        nobody = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        subprocess.run(
            [self.bin / program, f"--pgdata={self.data}", *options],
            check=True,
            cwd=self.data.parent,
            user=nobody and nobody.pw_uid,
            group=nobody and nobody.pw_gid,
            extra_groups=nobody and [],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )


@contextmanager
def server() -> Iterator[Postgres]:
    """A server, which is gone after the block."""
    with tempfile.TemporaryDirectory() as folder:
        found = Postgres(Path(folder))
        try:
            yield found
        finally:
            found.stop()
