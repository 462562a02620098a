"""The database of kept runs in PostgreSQL, which several servers of the page can share.

The version of the table is in a table of its own, `digit_lab`. A writer holds an advisory lock for
its visitor, so that different visitors do not wait for each other.

The page waits for each answer, so no wait may be long: for a connection CONNECT_SECONDS (or as
long as `connect_timeout` in the URL says), for a lock `busy_seconds`, and for any answer
CONNECT_SECONDS more than that.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo
from sqlalchemy import URL, Connection, create_engine, event
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import NullPool

from . import i18n
from .database import APPLICATION, Database

CONNECT_SECONDS = 2  # the least that psycopg allows
IDLE_SECONDS = 10  # between two statements of a transaction

# The message for each of PostgreSQL's error codes.
SENTENCES = {
    "40P01": "STORE_LOCKED",  # deadlock
    "53100": "STORE_FULL",
    "55P03": "STORE_LOCKED",
}


class PostgreSQL(Database):
    """A PostgreSQL database, which must exist; the tables are created in it when first used.

    Connections are not pooled. Measured on one machine, listing takes 23 ms at the median, and
    would take 2 ms from a pool; the page does so once or twice per press of a button.
    """

    def __init__(self, url: URL, busy_seconds: float) -> None:
        if "@" in (url.host or ""):  # the end of a password, which messages must not show
            raise ArgumentError("an @ in the user's name or password must be written %40")
        _, options = url.get_dialect()().create_connect_args(url)
        usual = {"connect_timeout": CONNECT_SECONDS, "client_encoding": "utf8"}
        try:
            address = make_conninfo(**{**usual, **options})
        except psycopg.Error as error:  # an unknown option
            raise ArgumentError(str(error)) from None
        engine = create_engine(
            url,
            poolclass=NullPool,
            isolation_level="READ COMMITTED",  # so that counting begins after the lock is taken
            creator=lambda: _Connection.connect(address),
        )

        @event.listens_for(engine, "connect")
        def set_up(connection: _Connection, _record: object) -> None:
            connection.patience = busy_seconds + CONNECT_SECONDS

        limits = (
            f"SET LOCAL lock_timeout = {max(round(busy_seconds * 1000), 1)};"
            # Of a server of the page that vanishes, the locks must not stay.
            f"SET LOCAL idle_in_transaction_session_timeout = {IDLE_SECONDS * 1000}"
        )

        @event.listens_for(engine, "begin")
        def begin(connection: Connection) -> None:
            connection.exec_driver_sql(limits)
            lock = connection.get_execution_options().get("lock")
            if lock is not None:
                take = "SELECT pg_advisory_xact_lock(%s, hashtext(%s))"
                connection.exec_driver_sql(take, (APPLICATION, lock))

        name = url.database or url.username or "postgresql"
        super().__init__(engine, name=name, place=f"{url.host or 'this computer'}, {name}")

    def _erase(self, connection: Connection) -> None:
        """PostgreSQL cannot: its next VACUUM frees the space for other rows."""

    def _read_version(self, connection: Connection) -> int | None:
        found = "SELECT to_regclass('digit_lab') IS NOT NULL, to_regclass('runs') IS NOT NULL"
        ours, runs = connection.exec_driver_sql(found).one()
        if not ours:
            return None if runs else 0
        found = "SELECT max(version) FROM digit_lab"
        version: int | None = connection.exec_driver_sql(found).scalar_one()
        return version

    def _write_version(self, connection: Connection, version: int) -> None:
        connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS digit_lab (version INT NOT NULL)")
        connection.exec_driver_sql("DELETE FROM digit_lab")
        connection.exec_driver_sql("INSERT INTO digit_lab VALUES (%s)", (version,))

    def _explained(self, error: BaseException | None) -> str:
        code = getattr(error, "sqlstate", None)  # None where PostgreSQL was not reached
        lost = code is None or isinstance(error, psycopg.OperationalError)
        word = SENTENCES.get(code or "", "STORE_UNREACHABLE" if lost else "STORE_FAILED")
        reason = str(error).strip().partition("\n")[0].rstrip(".")
        return i18n.say(word, file=self.name, error=reason)


class _Connection(psycopg.Connection[Any]):
    """A connection that gives up when nothing comes for some seconds.

    PostgreSQL's own timeouts do not help where its machine or the network stops.

    Attributes
    ----------
    patience : seconds; counted anew whenever a part of the answer comes
    """

    patience = float(CONNECT_SECONDS)

    def wait(self, gen: Generator[Any, Any, Any], *args: Any, **kwargs: Any) -> Any:
        return super().wait(self._impatient(gen), *args, **kwargs)

    def _impatient(self, gen: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
        """The steps of an operation, which psycopg asks for at least ten times per second."""
        since = time.monotonic()
        try:
            step = next(gen)
            while True:
                ready = yield step
                if ready:
                    since = time.monotonic()
                elif time.monotonic() - since > self.patience:
                    self.close()
                    raise psycopg.OperationalError(f"no answer for {self.patience:g} s")
                step = gen.send(ready)
        except StopIteration as done:
            return done.value
