"""The store of kept runs: each call opens the file, does one transaction, and closes it again.

So it is safe under threads and beside other processes, a file that was moved or mended is found
as it is now, and a failure of one call says nothing about the next. Whoever writes takes the
lock at once ("BEGIN IMMEDIATE"): what a limit counts cannot change before the row is in.

The file has SQLite's rollback journal, not its write-ahead log: measured with 5 MB a run, a list
beside a visitor who keeps takes 8 ms at p95 (3 ms with the log), keeping takes 58 ms (78 ms), and
the file stays a single one that can be read where nothing may be written.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sqlalchemy import (
    Connection,
    Engine,
    create_engine,
    delete,
    event,
    func,
    make_url,
    select,
    update,
)
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session, undefer
from sqlalchemy.pool import NullPool

from nn import CheckpointError
from ui import texts
from ui.scheduler.snapshot import Snapshot

from . import records, schema
from .records import Kept
from .schema import Row, StoreError

BUSY_SECONDS = 1.0  # to wait for a lock of somebody else's; a page waits as long
MAX_NAME = 60

# What SQLite says, by its primary result code, and the sentence for it.
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

log = logging.getLogger(__name__)


class Store:
    """The kept runs of all visitors, in one SQLite file.

    Every method raises StoreError where the file cannot be read or written as it should; nothing
    that was kept is then lost. `owner` is a visitor's token: nobody sees or changes the runs of
    another.

    Parameters
    ----------
    url : of an SQLite file; it and its folder are made when the first run is kept
    max_runs, max_bytes : that one visitor may keep
    busy_seconds : how long to wait where another program writes

    Raises
    ------
    StoreError
        The URL is not that of an SQLite file.
    """

    def __init__(
        self,
        url: str,
        *,
        max_runs: int = 50,
        max_bytes: int = 100_000_000,
        busy_seconds: float = BUSY_SECONDS,
    ) -> None:
        self.max_runs, self.max_bytes = max_runs, max_bytes
        self._engine = _engine(url, busy_seconds)
        self._path = _path(self._engine)

    def keep(self, owner: str, name: str, run: Snapshot) -> int:
        """Keep a run under a name; returns its id.

        Raises
        ------
        StoreError
            The run has no network yet, the name is empty or too long, or the visitor keeps as
            much as this server lets one visitor keep.
        """
        if not owner:
            raise ValueError("owner: expected a visitor's token, got an empty text")
        try:
            row = records.row_of(owner, _checked(name), run)
        except CheckpointError as error:
            raise StoreError(str(error)) from error
        with self._transaction(writes=True) as session:
            runs, size = session.execute(
                select(func.count(), func.coalesce(func.sum(Row.size), 0)).where(Row.owner == owner)
            ).one()
            if runs >= self.max_runs:
                raise StoreError(texts.say("STORE_TOO_MANY", limit=texts.count(self.max_runs)))
            if size + row.size > self.max_bytes:
                fields = {"size": row.size, "used": size, "limit": self.max_bytes}
                raise StoreError(
                    texts.say(
                        "STORE_TOO_LARGE",
                        **{key: texts.decimal(count / 1e6, 1) for key, count in fields.items()},
                    )
                )
            session.add(row)
            session.flush()
            return row.id

    def list(self, owner: str) -> tuple[Kept, ...]:
        """The runs that a visitor keeps, oldest first, without curves and networks."""
        if not self._exists():
            return ()
        with self._transaction() as session:
            rows = session.scalars(select(Row).where(Row.owner == owner).order_by(Row.id))
            return tuple(records.kept_of(row) for row in rows)

    def load(self, owner: str, run_id: int) -> Snapshot:
        """A kept run with its curves and its network.

        Its state is finished or failed as it was, or paused where it was kept before its end;
        moments are not kept.
        """
        if not self._exists():
            raise StoreError(texts.say("STORE_GONE"))
        with self._transaction() as session:
            chosen = select(Row).where(Row.owner == owner, Row.id == run_id)
            row = session.scalar(chosen.options(undefer(Row.curves), undefer(Row.checkpoint)))
        if row is None:
            raise StoreError(texts.say("STORE_GONE"))
        try:
            return records.run_of(row)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise StoreError(texts.say("STORE_RUN_DAMAGED", run=row.name)) from error

    def rename(self, owner: str, run_id: int, name: str) -> None:
        """Give a kept run another name; raises StoreError where the name is empty or too long."""
        name = _checked(name)
        with self._transaction(writes=True) as session:
            chosen = update(Row).where(Row.owner == owner, Row.id == run_id).values(name=name)
            if session.scalar(chosen.returning(Row.id)) is None:
                raise StoreError(texts.say("STORE_GONE"))

    def delete(self, owner: str, run_id: int) -> None:
        """Forget a kept run; its place in the file is used again."""
        with self._transaction(writes=True) as session:
            chosen = delete(Row).where(Row.owner == owner, Row.id == run_id)
            if session.scalar(chosen.returning(Row.id)) is None:
                raise StoreError(texts.say("STORE_GONE"))

    def _exists(self) -> bool:
        try:
            return self._path.exists()
        except OSError as error:
            raise self._not_opened(error) from error

    def _not_opened(self, error: OSError) -> StoreError:
        log.warning("kept runs at %s: %s", self._path, error)
        return StoreError(texts.say("STORE_NOT_OPENED", file=self._path.name))

    @contextmanager
    def _transaction(self, *, writes: bool = False) -> Iterator[Session]:
        """One transaction on a file of the present version, undone where anything fails in it."""
        name = self._path.name
        try:
            if writes:
                self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._engine.connect().execution_options(writes=writes) as connection:
                version = schema.version_of(connection, name)
                if version < schema.VERSION and not writes:  # another may do the same just now
                    connection.rollback()
                    connection.execution_options(writes=True)
                    version = schema.version_of(connection, name)
                schema.migrate(connection, version)
                with Session(connection) as session:
                    yield session
                    session.flush()
                connection.commit()
        except DBAPIError as error:
            log.warning("kept runs at %s: %s", self._path, error.orig)
            raise StoreError(_explained(error, name)) from error
        except OSError as error:
            raise self._not_opened(error) from error


def _checked(name: str) -> str:
    """A name without blanks around it, line breaks within, or signs that cannot be seen."""
    name = "".join(sign for sign in " ".join(name.split()) if sign.isprintable())
    if not 1 <= len(name) <= MAX_NAME:
        raise StoreError(texts.say("STORE_NAME", limit=MAX_NAME, length=len(name)))
    return name


def _engine(url: str, busy_seconds: float) -> Engine:
    """An engine that opens a connection a transaction, and leaves transactions to us."""
    try:
        address = make_url(url)
        if address.get_backend_name() != "sqlite" or not address.database:
            raise ArgumentError("no SQLite file")
        engine = create_engine(address, poolclass=NullPool, connect_args={"timeout": busy_seconds})
    except (SQLAlchemyError, ValueError, TypeError) as error:
        raise StoreError(texts.say("STORE_URL", url=url)) from error

    @event.listens_for(engine, "connect")
    def set_up(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # pysqlite's own come too late for a version's change
        # Some builds overwrite with zeros what is deleted, and a full disk has no room for that.
        connection.execute("PRAGMA secure_delete = OFF")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _path(engine: Engine) -> Path:
    """The file of an engine's URL, which may itself be a URL of SQLite, `file:...`."""
    database = str(engine.url.database)
    return Path(unquote(urlsplit(database).path) if database.startswith("file:") else database)


def _explained(error: DBAPIError, file: str) -> str:
    """The sentence for what SQLite says."""
    code: int = getattr(error.orig, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    word = SENTENCES.get(code & 0xFF)
    if word is None:
        return texts.say("STORE_FAILED", file=file, error=error.orig)
    return texts.say(word, file=file)
