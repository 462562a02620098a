"""What the database holds: kept runs, and rooms with their phones, drawings and leaderboards.

`created` and `ends` are in UTC, without a time zone. The large columns are last and deferred, so
that a list never reads them.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

# A new database gets the tables below, which are of the latest version. An older one is migrated:
# MIGRATIONS[n - 1] leads from version n to n + 1, in SQL that both SQLite and PostgreSQL know. Only
# ever append: databases of every version exist.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    ("ALTER TABLE runs ADD COLUMN drawings VARCHAR",),
    (
        """CREATE TABLE rooms (code VARCHAR NOT NULL PRIMARY KEY, secret VARCHAR NOT NULL,
        wall_key VARCHAR NOT NULL, created TIMESTAMP NOT NULL, ends TIMESTAMP NOT NULL,
        task VARCHAR NOT NULL, task_number INTEGER NOT NULL, state VARCHAR NOT NULL,
        options VARCHAR NOT NULL, phones INTEGER NOT NULL, changes INTEGER NOT NULL,
        rearranged INTEGER NOT NULL, model_number INTEGER NOT NULL, former VARCHAR NOT NULL,
        model BYTEA)""",
        """CREATE TABLE phones (token VARCHAR NOT NULL PRIMARY KEY,
        room VARCHAR NOT NULL, number INTEGER NOT NULL, created TIMESTAMP NOT NULL,
        UNIQUE (room, number))""",
        """CREATE TABLE drawings (room VARCHAR NOT NULL, number INTEGER NOT NULL,
        phone INTEGER NOT NULL, "key" VARCHAR NOT NULL, created TIMESTAMP NOT NULL,
        task VARCHAR NOT NULL, label INTEGER NOT NULL, said INTEGER, shown BOOLEAN NOT NULL,
        image BYTEA NOT NULL, strokes VARCHAR NOT NULL,
        PRIMARY KEY (room, number), UNIQUE (room, phone, "key"))""",
        """CREATE TABLE entries (room VARCHAR NOT NULL, number INTEGER NOT NULL,
        owner VARCHAR NOT NULL, name VARCHAR NOT NULL, checkpoint BYTEA NOT NULL,
        PRIMARY KEY (room, number))""",
    ),
)
VERSION = 1 + len(MIGRATIONS)


class Base(DeclarativeBase):
    """The tables in their latest version."""


class RunRow(Base):
    """A kept run.

    Attributes
    ----------
    id : never reused after its run is deleted
    owner : the visitor's token
    recipe, curves : JSON
    seed : in decimal; it can exceed a database's integers
    size : bytes of the large columns
    checkpoint : the .npz file
    drawings : what the run was taught, as `hand.packed` packs them; NULL where it was trained

    The others are as in `ui.storage.Kept`, with NULL for None.
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
    drawings: Mapped[str | None] = mapped_column(deferred=True)


class RoomRow(Base):
    """A room.

    Attributes
    ----------
    secret : what the presenter's right is checked by: the SHA-256 of what their browser holds
    wall_key : opens the wall, and nothing else
    task : "0" to "9", one digit for everybody; "random", one for each phone; "free"
    task_number : counts the tasks
    state : "open", "paused" or "closed"
    options : JSON, as in `ui.room.store.Options`
    phones : how many have joined, including those that are gone
    changes : counts whatever is changed in the room
    rearranged : `changes` when anything but a new drawing was last changed among the drawings
    model_number : `changes` when the room's model was last stored; 0 while there is none
    former : the name of the shipped network that the model is compared with, or empty
    model : the checkpoint of the room's model
    """

    __tablename__ = "rooms"

    code: Mapped[str] = mapped_column(primary_key=True)
    secret: Mapped[str]
    wall_key: Mapped[str]
    created: Mapped[datetime]
    ends: Mapped[datetime]
    task: Mapped[str] = mapped_column(default="random")
    task_number: Mapped[int] = mapped_column(default=1)
    state: Mapped[str] = mapped_column(default="open")
    options: Mapped[str]
    phones: Mapped[int] = mapped_column(default=0)
    changes: Mapped[int] = mapped_column(default=0)
    rearranged: Mapped[int] = mapped_column(default=0)
    model_number: Mapped[int] = mapped_column(default=0)
    former: Mapped[str] = mapped_column(default="")
    model: Mapped[bytes | None] = mapped_column(deferred=True)


class PhoneRow(Base):
    """A phone that has joined a room: the SHA-256 of its token, and its place among the others."""

    __tablename__ = "phones"
    __table_args__ = (UniqueConstraint("room", "number"),)

    token: Mapped[str] = mapped_column(primary_key=True)
    room: Mapped[str]
    number: Mapped[int]
    created: Mapped[datetime]


class DrawingRow(Base):
    """A drawing that a phone has sent.

    Attributes
    ----------
    number : the room's `changes` when it came: later ones have higher numbers, none comes twice
    phone : its number
    key : the phone's own name for it, so that what is sent twice counts once
    task : as the room's, when it was drawn
    label : the digit it is meant to be
    said : what the network read when it came; NULL where it refused
    shown : whether it is on the wall, and thereby part of the room's data set
    image : (784,) uint8, ink 255, as the network sees it
    strokes : JSON, lists of x, y, x, y, ... from 0 to 1000
    """

    __tablename__ = "drawings"
    __table_args__ = (UniqueConstraint("room", "phone", "key"),)

    room: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    phone: Mapped[int]
    key: Mapped[str]
    created: Mapped[datetime]
    task: Mapped[str]
    label: Mapped[int]
    said: Mapped[int | None]
    shown: Mapped[bool]
    image: Mapped[bytes]
    strokes: Mapped[str] = mapped_column(deferred=True)


class EntryRow(Base):
    """A model on a room's leaderboard; `owner` is its visitor's token, who has one entry."""

    __tablename__ = "entries"

    room: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    owner: Mapped[str]
    name: Mapped[str]
    checkpoint: Mapped[bytes] = mapped_column(deferred=True)
