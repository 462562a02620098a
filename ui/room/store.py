"""Rooms in the database: opened, joined, written in, learned from, ended and deleted.

All limits are counted in the database, so they hold for several servers that share it. What changes
a room takes turns, under a lock named after the room.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, case, delete, func, select, update
from sqlalchemy.orm import Session, undefer

from nn.mnist import CLASSES
from ui import database, i18n
from ui.tables import DrawingRow, EntryRow, PhoneRow, RoomRow

from .strokes import Strokes

LETTERS = "BCDFGHJKMPQRTVWXY"  # none like a digit or another letter, and no vowels to make words
CODE = re.compile(f"[{LETTERS}]{{5}}")
LASTS = timedelta(days=1)
KEPT = timedelta(days=7)  # after it was opened, a room is deleted by itself
TASKS = (*map(str, range(CLASSES)), "random", "free")
STATES = ("open", "paused", "closed")
HELD_OUT_EVERY, HELD_OUT_FIRST = 5, 2  # the 2nd, 7th, 12th phone is never learned from
MAX_ENTRIES = 30  # on a leaderboard
MAX_ENTRY = 12_000_000  # bytes
MAX_ENTRY_NAME = 40  # characters
SECOND = timedelta(seconds=1)
OPENING = "rooms"  # the lock of whoever opens a room


class RoomError(RuntimeError):
    """A room refuses something; as text, it is a sentence in the language of whoever reads it.

    Attributes
    ----------
    kind : names the sentence, ROOM_ERRORS.kind
    """

    def __init__(self, kind: str, **said: object) -> None:
        super().__init__(kind)
        self.kind, self._said = kind, said

    def __str__(self) -> str:
        return str(i18n.ROOM_ERRORS[self.kind]).format(**self._said)


@dataclass(frozen=True)
class Limits:
    """What one server allows; see `ui/config.py`."""

    rooms: int = 20
    phones: int = 200
    drawings: int = 100
    drawings_per_second: int = 5
    phones_per_second: int = 20


@dataclass(frozen=True)
class Options:
    """What the presenter has set.

    Attributes
    ----------
    address : of this server, as phones reach it, such as "http://192.168.1.20:8501"
    approve : no drawing is shown before the presenter allows it
    hidden : the wall shows no drawings at all
    leaderboard : visitors may submit models
    """

    address: str = ""
    approve: bool = False
    hidden: bool = False
    leaderboard: bool = False


@dataclass(frozen=True)
class RoomState:
    """A room without its phones and drawings; the fields are those of `RoomRow`."""

    code: str
    secret: str = field(repr=False)
    wall_key: str = field(repr=False)
    created: datetime
    ends: datetime
    task: str
    task_number: int
    state: str
    options: Options
    phones: int
    changes: int
    rearranged: int
    model_number: int
    former: str

    @property
    def ended(self) -> bool:
        """Whether it is over."""
        return _now() >= self.ends

    def is_presenter(self, secret: str) -> bool:
        """Whether that is the presenter's secret."""
        return hmac.compare_digest(self.secret, _hashed(secret))


@dataclass(frozen=True, eq=False)
class Drawing:
    """One drawing; the fields are those of `DrawingRow`."""

    number: int
    phone: int
    created: datetime
    task: str
    label: int
    said: int | None
    shown: bool
    image: NDArray[np.uint8]  # (784,)

    @property
    def held_out(self) -> bool:
        """Whether its phone is one of those that are never learned from."""
        return self.phone % HELD_OUT_EVERY == HELD_OUT_FIRST


@dataclass(frozen=True)
class Sent:
    """A drawing as it comes in, from the phone with that token; see `DrawingRow`."""

    token: str
    key: str
    task: str
    label: int
    strokes: Strokes
    image: NDArray[np.uint8]
    said: int | None
    accepted: bool  # it may be shown without the presenter


class _Known:
    """What phones have sent before: how much in all and in the last second, which of `keys`."""

    def __init__(
        self, session: Session, code: str, phones: Iterable[int], keys: Sequence[str]
    ) -> None:
        self.now = _now()
        theirs = (DrawingRow.room == code, DrawingRow.phone.in_(list(phones)))
        recent = func.sum(case((DrawingRow.created > self.now - SECOND, 1), else_=0))
        columns = select(DrawingRow.phone, func.count(), recent).where(*theirs)
        found = list(session.execute(columns.group_by(DrawingRow.phone)))
        self.counts = Counter({phone: count for phone, count, _ in found})
        self.recent = Counter({phone: count for phone, _, count in found})
        same = select(DrawingRow.phone, DrawingRow.key).where(*theirs, DrawingRow.key.in_(keys))
        self.keys = {(phone, key) for phone, key in session.execute(same)}

    def add(self, phone: int, key: str) -> None:
        """One more."""
        self.counts[phone] += 1
        self.recent[phone] += 1
        self.keys.add((phone, key))


class RoomStore:
    """The rooms in one database.

    Every method raises StoreError where the database cannot be read or written, and RoomError
    where there is no such room, it has ended, or a limit is reached. Nothing is changed then.

    Parameters
    ----------
    url : of the database, as `database.connect` takes it
    limits : what is allowed
    """

    def __init__(self, url: str, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._database = database.connect(url)

    # Rooms

    def open(self, address: str) -> tuple[str, str]:
        """Open a room; returns its code, and the presenter's secret. Old rooms are deleted."""
        secret, now = secrets.token_urlsafe(24), _now()
        with self._database.transaction(OPENING) as session:
            _forget_old(session)
            taken = set(session.scalars(select(RoomRow.code)))
            count = select(func.count()).where(RoomRow.ends > now)
            if (session.scalar(count) or 0) >= self.limits.rooms:
                raise RoomError("rooms", limit=self.limits.rooms)
            code = _new_code()
            while code in taken:
                code = _new_code()
            session.add(
                RoomRow(
                    code=code,
                    secret=_hashed(secret),
                    wall_key=secrets.token_urlsafe(12),
                    created=now,
                    ends=now + LASTS,
                    options=json.dumps(asdict(Options(address))),
                )
            )
        return code, secret

    def find(self, code: str) -> RoomState | None:
        """The room of that code, also after its end; None where there is none."""
        if not self._database.exists():
            return None
        with self._database.transaction() as session:
            row = session.get(RoomRow, code)
            return None if row is None or row.created < _now() - KEPT else _state(row)

    def forget_old(self) -> None:
        """Delete the rooms that were opened a week ago."""
        if self._database.exists():
            with self._database.transaction(OPENING, erase=True) as session:
                _forget_old(session)

    def set_task(self, code: str, task: str, after: int) -> None:
        """Ask for something else, unless the task has changed since it was number `after`."""
        if task not in TASKS:
            raise ValueError(f"task: expected one of {', '.join(TASKS)}, got {task!r}")
        with self._changing(code) as (_, room):
            if room.task_number == after:
                room.task, room.task_number, room.state = task, after + 1, "open"

    def set_state(self, code: str, state: str) -> None:
        """Open, pause or close the writing."""
        if state not in STATES:
            raise ValueError(f"state: expected one of {', '.join(STATES)}, got {state!r}")
        with self._changing(code) as (_, room):
            room.state = state

    def set_options(self, code: str, **changed: object) -> None:
        """Change some of the options."""
        with self._changing(code) as (_, room):
            room.options = json.dumps(asdict(replace(_options(room), **changed)))  # type: ignore[arg-type]

    def end(self, code: str) -> None:
        """End it; what was drawn stays until the room is deleted."""
        with self._changing(code, ended=True) as (_, room):
            room.ends = min(room.ends, _now())

    def delete(self, code: str) -> None:
        """Delete a room with its phones, drawings, model and leaderboard."""
        with self._database.transaction(code, erase=True) as session:
            _delete(session, code)

    # Phones

    def join(self, code: str) -> tuple[str, int]:
        """A phone joins; returns its token and its number."""
        token, now = secrets.token_urlsafe(24), _now()
        with self._changing(code) as (session, room):
            phones = select(func.count()).where(PhoneRow.room == code)
            if (session.scalar(phones) or 0) >= self.limits.phones:
                raise RoomError("full", limit=self.limits.phones)
            new = session.scalar(phones.where(PhoneRow.created > now - SECOND)) or 0
            if new >= self.limits.phones_per_second:
                raise RoomError("many")
            room.phones += 1
            session.add(PhoneRow(token=_hashed(token), room=code, number=room.phones, created=now))
            return token, room.phones

    def phone(self, code: str, token: str) -> int | None:
        """The number of the phone with that token in that room."""
        if not token or not self._database.exists():
            return None
        with self._database.transaction() as session:
            return _phone(session, code, token)

    def add(self, code: str, sent: Sequence[Sent]) -> list[int | RoomError]:
        """Store drawings, each of them once, in one transaction: that is what takes the time.

        Returns
        -------
        For each drawing, how many there are of its phone; or why it was refused.
        """
        with self._changing(code) as (session, room):
            phones = _phones(session, code, [each.token for each in sent])
            known = _Known(session, code, phones.values(), [each.key for each in sent])
            return [self._add(session, room, phones.get(each.token), each, known) for each in sent]

    def _add(
        self, session: Session, room: RoomRow, phone: int | None, sent: Sent, known: _Known
    ) -> int | RoomError:
        if phone is None:
            return RoomError("stranger")
        if (phone, sent.key) in known.keys:
            return known.counts[phone]
        if room.state != "open":
            return RoomError(room.state)
        if known.counts[phone] >= self.limits.drawings:
            return RoomError("limit", limit=self.limits.drawings)
        if known.recent[phone] >= self.limits.drawings_per_second:
            return RoomError("fast")
        room.changes += 1
        known.add(phone, sent.key)
        session.add(
            DrawingRow(
                room=room.code,
                number=room.changes,
                phone=phone,
                key=sent.key,
                created=known.now,
                task=sent.task,
                label=sent.label,
                said=sent.said,
                shown=sent.accepted and not _options(room).approve,
                image=sent.image.tobytes(),
                strokes=json.dumps(sent.strokes, separators=(",", ":")),
            )
        )
        return known.counts[phone]

    def remove_phone(self, code: str, token: str) -> None:
        """Delete all that a phone has sent."""
        with self._changing(code, ended=True, erase=True) as (session, room):
            phone = _phone(session, code, token)
            if phone is None:
                raise RoomError("stranger")
            session.execute(delete(DrawingRow).where(*_of_phone(code, phone)))
            room.rearranged = room.changes

    # Drawings

    def remove(self, code: str, number: int) -> None:
        """Delete one drawing."""
        with self._changing(code, ended=True, erase=True) as (session, room):
            chosen = (DrawingRow.room == code, DrawingRow.number == number)
            session.execute(delete(DrawingRow).where(*chosen))
            room.rearranged = room.changes

    def show(self, code: str, numbers: Iterable[int]) -> None:
        """Allow drawings that wait to be shown."""
        chosen = (DrawingRow.room == code, DrawingRow.number.in_(list(numbers)))
        with self._changing(code, ended=True) as (session, room):
            session.execute(update(DrawingRow).where(*chosen).values(shown=True))
            room.rearranged = room.changes

    def drawings(self, code: str, after: int = -1) -> list[Drawing]:
        """Those with a higher number than `after`, oldest first."""
        with self._database.transaction() as session:
            chosen = select(DrawingRow).where(DrawingRow.room == code, DrawingRow.number > after)
            return [_drawing(row) for row in session.scalars(chosen.order_by(DrawingRow.number))]

    def strokes(self, code: str, numbers: Sequence[int]) -> list[str]:
        """The strokes of drawings, as JSON, in the order of `numbers`, which are of this room."""
        with self._database.transaction() as session:
            rows = select(DrawingRow.number, DrawingRow.strokes).where(DrawingRow.room == code)
            found = dict(session.execute(rows).all())
        return [found.get(number, "[]") for number in numbers]

    # The room's model, and the leaderboard

    def keep_model(self, code: str, checkpoint: bytes, former: str = "") -> int:
        """Store the room's model, in place of the one before; returns its number.

        `former` names the shipped network that it is compared with.
        """
        with self._changing(code, ended=True) as (_, room):
            room.model, room.model_number, room.former = checkpoint, room.changes, former
            return room.changes

    def model(self, code: str) -> bytes | None:
        """The checkpoint of the room's model."""
        with self._database.transaction() as session:
            return session.scalar(select(RoomRow.model).where(RoomRow.code == code))

    def submit(self, code: str, owner: str, name: str, checkpoint: bytes) -> None:
        """Put a visitor's model on the leaderboard, in place of their one before."""
        name = i18n.one_line(name)[:MAX_ENTRY_NAME] or "?"
        if len(checkpoint) > MAX_ENTRY:
            raise RoomError("entry", limit=MAX_ENTRY // 10**6)
        with self._changing(code) as (session, room):
            if not _options(room).leaderboard:
                raise RoomError("no_leaderboard")
            session.execute(delete(EntryRow).where(EntryRow.room == code, EntryRow.owner == owner))
            count = session.scalar(select(func.count()).where(EntryRow.room == code)) or 0
            if count >= MAX_ENTRIES:
                raise RoomError("entries", limit=MAX_ENTRIES)
            session.add(
                EntryRow(
                    room=code, number=room.changes, owner=owner, name=name, checkpoint=checkpoint
                )
            )

    def entries(self, code: str) -> dict[int, str]:
        """The names of the models on the leaderboard, by their numbers."""
        with self._database.transaction() as session:
            rows = session.scalars(select(EntryRow).where(EntryRow.room == code))
            return {row.number: row.name for row in rows}

    def remove_entry(self, code: str, number: int) -> None:
        """Take a model off the leaderboard."""
        with self._changing(code, ended=True) as (session, _):
            chosen = (EntryRow.room == code, EntryRow.number == number)
            session.execute(delete(EntryRow).where(*chosen))

    def entry(self, code: str, number: int) -> bytes | None:
        """The checkpoint of one of them."""
        with self._database.transaction() as session:
            chosen = select(EntryRow).where(EntryRow.room == code, EntryRow.number == number)
            row = session.scalar(chosen.options(undefer(EntryRow.checkpoint)))
            return None if row is None else row.checkpoint

    @contextmanager
    def _changing(
        self, code: str, *, ended: bool = False, erase: bool = False
    ) -> Iterator[tuple[Session, RoomRow]]:
        """A transaction that changes a room; `ended` ones only where that is said."""
        with self._database.transaction(code, erase=erase) as session:
            room = session.get(RoomRow, code)
            if room is None:
                raise RoomError("unknown")
            if not ended and _now() >= room.ends:
                raise RoomError("ended")
            room.changes += 1
            yield session, room


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def _hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _new_code() -> str:
    return "".join(secrets.choice(LETTERS) for _ in range(5))


def _options(room: RoomRow) -> Options:
    known = {option.name for option in fields(Options)}
    return Options(**{key: it for key, it in json.loads(room.options).items() if key in known})


def _state(room: RoomRow) -> RoomState:
    found = {each.name: getattr(room, each.name) for each in fields(RoomState)}
    return RoomState(**{**found, "options": _options(room)})


def _drawing(row: DrawingRow) -> Drawing:
    found = {each.name: getattr(row, each.name) for each in fields(Drawing)}
    return Drawing(**{**found, "image": np.frombuffer(row.image, np.uint8)})


def _phone(session: Session, code: str, token: str) -> int | None:
    return _phones(session, code, [token]).get(token)


def _phones(session: Session, code: str, tokens: Sequence[str]) -> dict[str, int]:
    """The numbers of a room's phones, by their tokens."""
    hashes = {_hashed(token): token for token in tokens}
    chosen = (PhoneRow.token.in_(list(hashes)), PhoneRow.room == code)
    rows = session.execute(select(PhoneRow.token, PhoneRow.number).where(*chosen))
    return {hashes[token]: number for token, number in rows}


def _of_phone(code: str, phone: int) -> tuple[ColumnElement[bool], ...]:
    return DrawingRow.room == code, DrawingRow.phone == phone


def _forget_old(session: Session) -> None:
    for code in session.scalars(select(RoomRow.code).where(RoomRow.created < _now() - KEPT)):
        _delete(session, code)


def _delete(session: Session, code: str) -> None:
    for table in (DrawingRow, PhoneRow, EntryRow):
        session.execute(delete(table).where(table.room == code))
    session.execute(delete(RoomRow).where(RoomRow.code == code))
