"""Kept runs: training runs that a visitor saved, in one table of an SQLite file.

The schema's version is SQLite's `user_version`, and `application_id` identifies the file as one of
this program: a database of another program, or of a newer version of this one, is refused before
anything is written. In a row the figures have columns of their own, the curves are JSON, and the
network is a checkpoint.

Each call opens the file, runs one transaction, and closes it. That is safe with threads and with
other processes; a file that was moved or repaired is picked up as it is; and a call that fails does
not affect the next. A writer takes the lock at the start ("BEGIN IMMEDIATE"), so that what a limit
counts cannot change before the row is inserted.

The file uses SQLite's rollback journal, not its write-ahead log. Measured with 5 MB per run:
listing while another visitor saves takes 8 ms at p95 (3 ms with the log), saving takes 58 ms
(78 ms). And there is only one file, which can be read even where nothing may be written.
"""

from __future__ import annotations

import dataclasses
import io
import json
import logging
import math
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np
from sqlalchemy import (
    Connection,
    Delete,
    Engine,
    Update,
    create_engine,
    delete,
    event,
    func,
    make_url,
    select,
    update,
)
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, undefer
from sqlalchemy.pool import NullPool

from nn import CheckpointError, Evaluation, Recipe, RecipeError, load_checkpoint

from . import i18n
from .files import checkpoint_bytes, seed_of
from .training.snapshot import LayerPoint, Mark, Point, Snapshot, State

log = logging.getLogger(__name__)

BUSY_SECONDS = 1.0  # how long to wait for a lock; the page waits with it
MAX_NAME = 60

APPLICATION = 0x44474C42  # "DGLB"

# MIGRATIONS[n] leads from version n to n + 1. Only ever append: files of every version exist.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """
        CREATE TABLE runs (
            id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
            owner VARCHAR NOT NULL,
            name VARCHAR NOT NULL,
            created DATETIME NOT NULL,
            recipe VARCHAR NOT NULL,
            seed VARCHAR NOT NULL,
            epochs INTEGER NOT NULL,
            seconds DOUBLE NOT NULL,
            loss DOUBLE,
            validation_accuracy DOUBLE,
            test_accuracy DOUBLE,
            size INTEGER NOT NULL,
            curves VARCHAR NOT NULL,
            checkpoint BLOB NOT NULL
        )
        """,
        "CREATE INDEX ix_runs_owner ON runs (owner)",
    ),
)
VERSION = len(MIGRATIONS)


class StoreError(RuntimeError):
    """Kept runs cannot be read or written; the message says why, and what to do."""


class Base(DeclarativeBase):
    """The tables in their latest version."""


class Row(Base):
    """A kept run; the large columns are last and deferred, so that a list never reads them.

    Attributes
    ----------
    id : never reused after its run is deleted
    owner : the visitor's token
    created : in UTC
    recipe, curves : JSON
    seed : in decimal; it can exceed SQLite's integers
    size : bytes of `curves` and `checkpoint`
    checkpoint : the .npz file

    The others are as in `Kept`, with NULL for None.
    """

    __tablename__ = "runs"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012

    id: Mapped[int] = mapped_column(primary_key=True)
    owner: Mapped[str] = mapped_column(index=True)
    name: Mapped[str]
    created: Mapped[datetime]
    recipe: Mapped[str]
    seed: Mapped[str]
    epochs: Mapped[int]
    seconds: Mapped[float]
    loss: Mapped[float | None]
    validation_accuracy: Mapped[float | None]
    test_accuracy: Mapped[float | None]
    size: Mapped[int]
    curves: Mapped[str] = mapped_column(deferred=True)
    checkpoint: Mapped[bytes] = mapped_column(deferred=True)


def _version(connection: Connection, file: str) -> int:
    """The file's schema version; 0 for an empty file.

    Raises
    ------
    StoreError
        The file belongs to another program, or to a newer version of this one.
    """
    application: int = connection.exec_driver_sql("PRAGMA application_id").scalar_one()
    version: int = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
    if application == APPLICATION and version > VERSION:
        raise StoreError(i18n.say("STORE_NEWER", file=file, found=version, known=VERSION))
    tables: int = connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar_one()
    if application != APPLICATION and (application or version or tables):
        raise StoreError(i18n.say("STORE_NOT_OURS", file=file))
    return version


def _migrate(connection: Connection, version: int) -> None:
    """Bring a file from its version to the latest, within the open transaction."""
    if version == VERSION:
        return
    for statements in MIGRATIONS[version:]:
        for statement in statements:
            connection.exec_driver_sql(statement)
    connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION}")
    connection.exec_driver_sql(f"PRAGMA user_version = {VERSION}")


SERIES: dict[str, type] = {"points": Point, "batches": Point, "marks": Mark, "layers": LayerPoint}
PLAIN = ("epoch", "position", "accuracy", "step")  # fields of a Snapshot that are JSON as they are


@dataclass(frozen=True)
class Kept:
    """A kept run without its curves and its network.

    Attributes
    ----------
    created : with its time zone, UTC
    recipe : None where it has fields that this version does not know
    epochs, seconds : of training, as far as it went
    loss : on the training batches, at the end; None where it was not finite
    validation_accuracy, test_accuracy : in [0, 1], the former the best of all epochs; None where
        not measured
    size : bytes that count towards the visitor's limit
    """

    id: int
    name: str
    created: datetime
    recipe: Recipe | None
    seed: int
    epochs: int
    seconds: float
    loss: float | None
    validation_accuracy: float | None
    test_accuracy: float | None
    size: int


def _row(owner: str, name: str, run: Snapshot) -> Row:
    """A row for a new run; raises CheckpointError where its network cannot be saved."""
    checkpoint, curves = checkpoint_bytes(run, name=name), _curves_text(run)
    loss = run.points[-1].loss if run.points else math.nan
    return Row(
        owner=owner,
        name=name,
        created=datetime.now(UTC).replace(tzinfo=None),
        recipe=run.recipe.to_json(),
        seed=str(run.seed),
        epochs=run.epoch,
        seconds=run.seconds,
        loss=loss if math.isfinite(loss) else None,
        validation_accuracy=run.best.validation_accuracy if run.best else None,
        test_accuracy=None if run.test is None else run.test.accuracy,
        size=len(checkpoint) + len(curves),
        curves=curves,
        checkpoint=checkpoint,
    )


def _kept(row: Row) -> Kept:
    try:
        recipe = Recipe.from_json(row.recipe)
    except RecipeError:
        recipe = None
    fields = {field.name: getattr(row, field.name) for field in dataclasses.fields(Kept)}
    fields |= {"created": row.created.replace(tzinfo=UTC), "recipe": recipe, "seed": int(row.seed)}
    return Kept(**fields)


def _snapshot(row: Row) -> Snapshot:
    """The run in a row, with its network; it no longer trains.

    Raises
    ------
    ValueError, TypeError, KeyError
        The row is damaged, or was written by a newer version.
    """
    saved = json.loads(row.curves)
    series: dict[str, Any] = {
        name: _items(kind, saved[name]) for name, kind in SERIES.items() if name in saved
    }
    if "seconds" not in saved["points"]:  # kept before version 1.0
        per_epoch = row.seconds / max(saved["position"], 1e-9)
        series["points"] = tuple(
            dataclasses.replace(point, seconds=point.epoch * per_epoch)
            for point in series["points"]
        )
    best, test = saved["best_epoch"], saved["test"]
    return Snapshot(
        **{name: saved[name] for name in PLAIN},
        **series,
        state=State(saved["state"]),
        recipe=Recipe.from_json(row.recipe),
        seed=seed_of(int(row.seed)),
        seconds=row.seconds,
        network=load_checkpoint(io.BytesIO(row.checkpoint), name=row.name).network,
        best=next((p for p in series["points"] if p.epoch == best), None),
        test=test and Evaluation(test["loss"], np.array(test["confusion"], np.int64)),
    )


def _curves_text(run: Snapshot) -> str:
    ended = run.state not in (State.RUNNING, State.PAUSED)
    saved: dict[str, Any] = {name: getattr(run, name) for name in PLAIN}
    saved |= {name: _columns(kind, getattr(run, name)) for name, kind in SERIES.items()}
    saved["best_epoch"] = run.best_epoch
    saved["state"] = (run.state if ended else State.PAUSED).value
    saved["test"] = run.test and {"loss": run.test.loss, "confusion": run.test.confusion.tolist()}
    return json.dumps(saved, separators=(",", ":"))


def _columns(kind: type, items: Sequence[Any]) -> dict[str, list[Any]]:
    """Items of one kind as one list per field: a third of the size of one object per item."""
    return {
        field.name: [getattr(item, field.name) for item in items]
        for field in dataclasses.fields(kind)
    }


def _items(kind: type, columns: Mapping[str, list[Any]]) -> tuple[Any, ...]:
    """Items from their columns; a field that was not saved takes its default."""
    known = {field.name for field in dataclasses.fields(kind)} & columns.keys()
    values = zip(*(columns[name] for name in known), strict=True)
    return tuple(kind(**dict(zip(known, row, strict=True))) for row in values)


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


class Store:
    """The kept runs of all visitors, in one SQLite file.

    Every method raises StoreError where the file cannot be read or written; no kept run is lost
    then. `owner` is a visitor's token: a visitor sees and changes only their own runs.

    Parameters
    ----------
    url : of an SQLite file; the file and its folder are created when the first run is kept
    max_runs, max_bytes : limits per visitor
    busy_seconds : how long to wait while another program writes

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
            The run has no network yet, the name is empty or too long, or the visitor has reached
            a limit.
        """
        if not owner:
            raise ValueError("owner: expected a visitor's token, got an empty text")
        try:
            row = _row(owner, _checked(name), run)
        except CheckpointError as error:
            raise StoreError(str(error)) from error
        with self._transaction(writes=True) as session:
            runs, size = session.execute(
                select(func.count(), func.coalesce(func.sum(Row.size), 0)).where(Row.owner == owner)
            ).one()
            if runs >= self.max_runs:
                raise StoreError(i18n.say("STORE_TOO_MANY", limit=i18n.count(self.max_runs)))
            if size + row.size > self.max_bytes:
                sizes = {"size": row.size, "used": size, "limit": self.max_bytes}
                megabytes = {key: i18n.decimal(count / 1e6, 1) for key, count in sizes.items()}
                raise StoreError(i18n.say("STORE_TOO_LARGE", **megabytes))
            session.add(row)
            session.flush()
            return row.id

    def list(self, owner: str) -> tuple[Kept, ...]:
        """A visitor's kept runs, oldest first."""
        if not self._exists():
            return ()
        with self._transaction() as session:
            rows = session.scalars(select(Row).where(Row.owner == owner).order_by(Row.id))
            return tuple(_kept(row) for row in rows)

    def load(self, owner: str, run_id: int) -> Snapshot:
        """A kept run with its curves and its network.

        Its state is finished or failed, or paused where it was kept during training. Its moments
        are not kept.
        """
        if not self._exists():
            raise StoreError(i18n.say("STORE_GONE"))
        with self._transaction() as session:
            chosen = select(Row).where(Row.owner == owner, Row.id == run_id)
            row = session.scalar(chosen.options(undefer(Row.curves), undefer(Row.checkpoint)))
        if row is None:
            raise StoreError(i18n.say("STORE_GONE"))
        try:
            return _snapshot(row)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise StoreError(i18n.say("STORE_RUN_DAMAGED", run=row.name)) from error

    def rename(self, owner: str, run_id: int, name: str) -> None:
        """Give a kept run another name; raises StoreError where the name is empty or too long."""
        self._change(update(Row).values(name=_checked(name)), owner, run_id)

    def delete(self, owner: str, run_id: int) -> None:
        """Delete a kept run; the file reuses its space."""
        self._change(delete(Row), owner, run_id)

    def _change(self, statement: Update | Delete, owner: str, run_id: int) -> None:
        """Apply a statement to one run; raises StoreError where there is no such run."""
        chosen = statement.where(Row.owner == owner, Row.id == run_id)
        with self._transaction(writes=True) as session:
            if session.scalar(chosen.returning(Row.id)) is None:
                raise StoreError(i18n.say("STORE_GONE"))

    def _exists(self) -> bool:
        try:
            return self._path.exists()
        except OSError as error:
            raise self._not_opened(error) from error

    def _not_opened(self, error: OSError) -> StoreError:
        log.warning("kept runs at %s: %s", self._path, error)
        return StoreError(i18n.say("STORE_NOT_OPENED", file=self._path.name))

    @contextmanager
    def _transaction(self, *, writes: bool = False) -> Iterator[Session]:
        """One transaction on a file of the latest version, rolled back where it fails."""
        name = self._path.name
        try:
            if writes:
                self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._engine.connect().execution_options(writes=writes) as connection:
                version = _version(connection, name)
                if version < VERSION and not writes:  # another process may migrate it just now
                    connection.rollback()
                    connection.execution_options(writes=True)
                    version = _version(connection, name)
                _migrate(connection, version)
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
    """A name stripped, on one line, without unprintable characters, and of a valid length."""
    name = i18n.one_line(name)
    if not 1 <= len(name) <= MAX_NAME:
        raise StoreError(i18n.say("STORE_NAME", limit=MAX_NAME, length=len(name)))
    return name


def _engine(url: str, busy_seconds: float) -> Engine:
    """An engine with one connection per transaction, which leaves transactions to us."""
    try:
        address = make_url(url)
        if address.get_backend_name() != "sqlite" or not address.database:
            raise ArgumentError("no SQLite file")
        engine = create_engine(address, poolclass=NullPool, connect_args={"timeout": busy_seconds})
    except (SQLAlchemyError, ValueError, TypeError) as error:
        raise StoreError(i18n.say("STORE_URL", url=url)) from error

    @event.listens_for(engine, "connect")
    def set_up(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # sqlite3 begins transactions too late for a migration
        # Some builds overwrite deleted rows with zeros, for which a full disk has no room.
        connection.execute("PRAGMA secure_delete = OFF")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _path(engine: Engine) -> Path:
    """The file in an engine's URL; SQLite may name it by a URL of its own, `file:...`."""
    database = str(engine.url.database)
    return Path(unquote(urlsplit(database).path) if database.startswith("file:") else database)


def _explained(error: DBAPIError, file: str) -> str:
    """The message for an error of SQLite."""
    code: int = getattr(error.orig, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    word = SENTENCES.get(code & 0xFF)
    if word is None:
        return i18n.say("STORE_FAILED", file=file, error=error.orig)
    return i18n.say(word, file=file)
