"""The database: its version, and transactions; the tables are in `ui/tables.py`.

SQLite is here, PostgreSQL in `ui/postgresql.py`. Both refuse a database of another program, or of a
newer version of this one, before anything is written.

Each call opens a connection, runs one transaction, and closes it. That is safe with threads and
with other processes; a database that was moved, repaired or started again is picked up as it is;
and a call that fails does not affect the next. A writer takes a lock at the start, so that what a
limit counts cannot change before the row is inserted.
"""

from __future__ import annotations

import logging
import sqlite3
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SAWarning, SQLAlchemyError
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from . import config, i18n
from .tables import MIGRATIONS, VERSION, Base

log = logging.getLogger(__name__)

BUSY_SECONDS = 1.0  # how long to wait for a lock; the page waits with it
APPLICATION = 0x44474C42  # "DGLB"
EVERYONE = ""  # the lock for a migration; the others are named after a visitor or a room


class StoreError(RuntimeError):
    """The database cannot be read or written; the message says why, and what to do."""


class Database(ABC):
    """What both kinds have in common: transactions on tables of the latest version.

    Every method raises StoreError where the database cannot be read or written.

    Parameters
    ----------
    engine : makes a connection per transaction; at its start, it takes the lock that the
        connection's execution option `lock` names
    name : for messages; nothing else of the URL is shown, as it may contain a password
    place : for the server's log
    """

    def __init__(self, engine: Engine, *, name: str, place: str) -> None:
        self.engine, self.name, self.place = engine, name, place

    @contextmanager
    def transaction(self, lock: str | None = None, *, erase: bool = False) -> Iterator[Session]:
        """One transaction, rolled back where it fails.

        Parameters
        ----------
        lock : the visitor or the room that it changes, one such transaction at a time; None to
            read
        erase : overwrite what is deleted, as far as the database can
        """
        with self._explaining(), self._connect(lock) as connection:
            if self._version(connection) < VERSION:
                connection.rollback()
                self._migrate()
                connection.begin()
            if erase:
                self._erase(connection)
            with Session(connection) as session:  # it joins the transaction
                yield session
                session.flush()
            connection.commit()

    def exists(self) -> bool:
        """Whether there is a database to read."""
        return True

    def _connect(self, lock: str | None) -> Connection:
        return self.engine.connect().execution_options(lock=lock)

    def _migrate(self) -> None:
        """Bring the tables to the latest version; of servers that start at once, one does it."""
        with self._connect(EVERYONE) as connection:
            version = self._version(connection)
            if version == 0:
                Base.metadata.create_all(connection, checkfirst=False)
            for statements in MIGRATIONS[version - 1 :] if version else ():
                for statement in statements:
                    connection.exec_driver_sql(statement)
            if version < VERSION:
                self._write_version(connection, VERSION)
            connection.commit()

    def _version(self, connection: Connection) -> int:
        """The version of the tables; 0 in an empty database.

        Raises
        ------
        StoreError
            The database belongs to another program, or to a newer version of this one.
        """
        version = self._read_version(connection)
        if version is None:
            raise StoreError(i18n.say("STORE_NOT_OURS", file=self.name))
        if version > VERSION:
            raise StoreError(i18n.say("STORE_NEWER", file=self.name, found=version, known=VERSION))
        return version

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        """Turn the errors of a database into a message for the page, and one in the log."""
        try:
            yield
        except (DBAPIError, OSError) as error:
            cause = error.orig if isinstance(error, DBAPIError) else error
            log.warning("the database at %s: %s", self.place, cause)
            raise StoreError(self._explained(cause)) from error

    @abstractmethod
    def _erase(self, connection: Connection) -> None:
        """From now on, overwrite what is deleted by this connection."""

    @abstractmethod
    def _read_version(self, connection: Connection) -> int | None:
        """The version of the tables; 0 in an empty database, None in that of another program."""

    @abstractmethod
    def _write_version(self, connection: Connection, version: int) -> None:
        """Note which version the tables are of."""

    @abstractmethod
    def _explained(self, error: BaseException | None) -> str:
        """The message for an error of this kind of database."""


def connect(url: str, busy_seconds: float = BUSY_SECONDS) -> Database:
    """The database at a URL, which is first opened when something is stored or read.

    Parameters
    ----------
    url : of an SQLite file or a PostgreSQL database
    busy_seconds : how long to wait for a lock

    Raises
    ------
    StoreError
        The URL is of another kind, or has options that are unknown or wrong; or the driver for
        PostgreSQL is not installed.
    """
    try:
        address = make_url(url)
        if address.drivername in ("sqlite", "sqlite+pysqlite") and address.database:
            return SQLite(address, busy_seconds)
        if address.drivername in ("postgresql", "postgresql+psycopg"):
            from .postgresql import PostgreSQL  # the page needs its driver only here

            return PostgreSQL(address, busy_seconds)
        raise ArgumentError("neither SQLite nor PostgreSQL")
    except ImportError as error:
        raise StoreError(i18n.say("STORE_DRIVER", error=error)) from error
    except (SQLAlchemyError, SAWarning, ValueError, TypeError, ArithmeticError):
        raise StoreError(i18n.say("STORE_URL", url=config.shown(url))) from None


# The message for each of SQLite's primary result codes.
SENTENCES = {
    sqlite3.SQLITE_BUSY: "STORE_LOCKED",
    sqlite3.SQLITE_LOCKED: "STORE_LOCKED",
    sqlite3.SQLITE_FULL: "STORE_FULL",
    sqlite3.SQLITE_READONLY: "STORE_READ_ONLY",
    sqlite3.SQLITE_PERM: "STORE_READ_ONLY",
    sqlite3.SQLITE_CANTOPEN: "STORE_NOT_OPENED",
    sqlite3.SQLITE_NOTADB: "STORE_NOT_OURS",
    sqlite3.SQLITE_CORRUPT: "STORE_DAMAGED",
}


class SQLite(Database):
    """A file; it and its folder are created when something is first stored.

    The version is SQLite's `user_version`, and `application_id` identifies the file as one of this
    program. A writer locks the whole file ("BEGIN IMMEDIATE").

    The file uses SQLite's rollback journal, not its write-ahead log. Measured with 5 MB per run:
    listing while another visitor saves takes 8 ms at p95 (3 ms with the log), saving takes 58 ms
    (78 ms). And there is only one file, which can be read even where nothing may be written.
    """

    def __init__(self, url: URL, busy_seconds: float) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # SQLAlchemy only warns of an unknown option
            timeout = {"timeout": busy_seconds}
            engine = create_engine(url, poolclass=NullPool, connect_args=timeout)
            _, options = engine.dialect.create_connect_args(url)
        sqlite3.connect(":memory:", **{**options, **timeout}).close()  # refuses wrong values

        @event.listens_for(engine, "connect")
        def set_up(connection: sqlite3.Connection, _record: object) -> None:
            connection.isolation_level = None  # sqlite3 begins transactions too late to migrate
            # Some builds overwrite deleted rows with zeros, for which a full disk has no room.
            connection.execute("PRAGMA secure_delete = OFF")

        @event.listens_for(engine, "begin")
        def begin(connection: Connection) -> None:
            reads = connection.get_execution_options().get("lock") is None
            connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

        database = str(url.database)  # SQLite may name the file by a URL of its own, `file:...`
        file = unquote(urlsplit(database).path) if database.startswith("file:") else database
        self.path = Path(file)
        super().__init__(engine, name=self.path.name, place=str(self.path))

    def exists(self) -> bool:
        with self._explaining():
            return self.path.exists()

    def _connect(self, lock: str | None) -> Connection:
        if lock is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        return super()._connect(lock)

    def _erase(self, connection: Connection) -> None:
        connection.exec_driver_sql("PRAGMA secure_delete = ON")

    def _read_version(self, connection: Connection) -> int | None:
        application: int = connection.exec_driver_sql("PRAGMA application_id").scalar_one()
        version: int = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
        tables: int = connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar_one()
        if application != APPLICATION and (application or version or tables):
            return None
        return version

    def _write_version(self, connection: Connection, version: int) -> None:
        connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION}")
        connection.exec_driver_sql(f"PRAGMA user_version = {version}")

    def _explained(self, error: BaseException | None) -> str:
        if isinstance(error, OSError):
            return i18n.say("STORE_NOT_OPENED", file=self.name)
        code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
        word = SENTENCES.get(code & 0xFF, "STORE_FAILED")
        return i18n.say(word, file=self.name, error=error)
