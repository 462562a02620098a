"""The database of kept runs: one table, and a version with the way from each to the next.

The version is SQLite's `user_version`, and `application_id` says whose file it is: a database of
another program, or of a newer version of this one, is refused before anything is written.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from ui import texts

APPLICATION = 0x44474C42  # "DGLB"

# MIGRATIONS[n] leads from version n to n + 1; they are never changed, only added to.
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
    """Kept runs cannot be read or written; the text says why, and what to do."""


class Base(DeclarativeBase):
    """The tables as the present version knows them."""


class Row(Base):
    """A kept run; the large columns stand last, so that a list never touches them.

    Attributes
    ----------
    id : never used again once its run is deleted
    owner : the visitor's token
    created : in UTC
    recipe, curves : JSON
    seed : in decimal; it may be larger than an integer of SQLite
    epochs : completed
    loss : on the training batches, at the end; NULL where it was no number
    validation_accuracy : the best of all epochs; NULL without validation
    size : bytes of `curves` and `checkpoint`
    checkpoint : the .npz file
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


def version_of(connection: Connection, file: str) -> int:
    """The version of the schema that the file has, 0 for a file without anything in it.

    Raises
    ------
    StoreError
        The file is of another program, or of a newer version of this one.
    """
    application: int = connection.exec_driver_sql("PRAGMA application_id").scalar_one()
    version: int = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
    if application == APPLICATION and version > VERSION:
        raise StoreError(texts.say("STORE_NEWER", file=file, found=version, known=VERSION))
    tables: int = connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar_one()
    if application != APPLICATION and (application or version or tables):
        raise StoreError(texts.say("STORE_NOT_OURS", file=file))
    return version


def migrate(connection: Connection, version: int) -> None:
    """Lead a file from its version to the present one, within the transaction that is open."""
    if version == VERSION:
        return
    for statements in MIGRATIONS[version:]:
        for statement in statements:
            connection.exec_driver_sql(statement)
    connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION}")
    connection.exec_driver_sql(f"PRAGMA user_version = {VERSION}")
