"""One room as this server knows it: its drawings, and what networks read in them.

Whatever asks a room, phones, walls and the presenter, sees what is here, which is at most FRESH
seconds old: the database answers once for all of them.
"""

from __future__ import annotations

import io
import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from nn import CheckpointError, Dataset, Network, Preprocessing, judge, load_checkpoint
from nn.drawing.reading import read_images
from nn.mnist import CLASSES, PIXELS
from ui.database import StoreError

from .store import Drawing, RoomError, RoomState, RoomStore, Sent

log = logging.getLogger(__name__)

FRESH = 0.4  # seconds
LEARNED_EVERY = 2.0  # seconds
FORGET = 600.0  # seconds after which a room that nobody asks for is forgotten here
BEST, ROOM = "best", "room"  # the network a room is read by at first, and its own


@dataclass(frozen=True)
class Score:
    """How a network reads the room.

    Attributes
    ----------
    name : "best", "original", "room", or the number of an entry on the leaderboard
    right : of all drawings on the wall
    test_right : of those by the phones that are held out
    """

    name: str
    right: int
    test_right: int


class Room:
    """A room, looked at.

    Parameters
    ----------
    store, code : where it is
    networks : returns the shipped networks by name

    Attributes
    ----------
    state : of the room itself; None where there is none of that code
    drawings : all there are, oldest first
    before, model : the network that the room's model was before it learned the room, and that
        model; None before any has learned
    learner : who teaches the room's model: the latest run, and the page that it belongs to
    """

    def __init__(
        self, store: RoomStore, code: str, networks: Callable[[], dict[str, Network]]
    ) -> None:
        self.store, self.code, self._networks = store, code, networks
        self.state: RoomState | None = None
        self.drawings: list[Drawing] = []
        self.before: Network | None = None
        self.model: Network | None = None
        self.learner: tuple[str, str] = ("", "")
        self.asked = time.monotonic()
        self._changing = threading.RLock()  # guards what is known
        self._reading = threading.Lock()  # guards what is read in it
        self._storing = threading.Lock()
        self._waiting: deque[tuple[Sent, Future[int]]] = deque()
        self._looked = self._learned = -np.inf
        self._looks = False  # somebody is looking
        self._model_number = 0
        self._phones: dict[str, int] = {}  # their numbers by their tokens
        self._sent: dict[int, int] = {}  # how many drawings they have sent, where that is newer
        self._said: WeakKeyDictionary[Network, dict[int, int]] = WeakKeyDictionary()
        self._entries: dict[int, Network] = {}
        self._names: tuple[int, dict[int, str]] = (-1, {})

    @property
    def is_fresh(self) -> bool:
        """Whether what is known is new enough, or somebody is just looking again."""
        self.asked = time.monotonic()
        return self.state is not None and (self._looks or self.asked - self._looked < FRESH)

    def look(self, *, now: bool = False) -> RoomState | None:
        """The room's state, from the database where what is known is old, or `now` in any case.

        Raises
        ------
        StoreError
            The database cannot be read; what is known stays.
        """
        if not now and self.is_fresh:
            return self.state
        with self._changing:
            if not now and self.asked - self._looked < FRESH:  # somebody has looked meanwhile
                return self.state
            self._looks = True
            try:
                state = self.store.find(self.code)
                if state is not None and (
                    self.state is None or state.changes != self.state.changes
                ):
                    self._catch_up(state)
                if state is None:  # deleted: nothing of it stays here
                    self.drawings, self.before, self.model = [], None, None
                    self._entries, self._phones = {}, {}
                self.state, self._looked = state, time.monotonic()
            finally:
                self._looks = False
            return state

    def _catch_up(self, state: RoomState) -> None:
        """Read what has been changed since the latest look."""
        if self.state is None or state.rearranged != self.state.rearranged:
            self.drawings = self.store.drawings(self.code)
            self._sent.clear()
        else:
            last = self.drawings[-1].number if self.drawings else -1
            self.drawings = [*self.drawings, *self.store.drawings(self.code, after=last)]
        if state.model_number > self._model_number:
            self.model, self.before = _network(self.store.model(self.code)), None
            self._model_number = state.model_number

    # Phones

    def knows(self, token: str) -> bool:
        """Whether the phone with that token is known without asking the database."""
        return token in self._phones

    def phone(self, token: str) -> int | None:
        """The number of the phone with that token; None for a stranger."""
        if token not in self._phones:
            number = self.store.phone(self.code, token)
            if number is None:
                return None
            self._phones[token] = number
        return self._phones[token]

    def sent(self, phone: int) -> int:
        """How many drawings of a phone there are."""
        known = sum(drawing.phone == phone for drawing in self.drawings)
        return max(known, self._sent.get(phone, 0))

    def add(self, sent: Sent) -> int:
        """Store a phone's drawing; returns how many of the phone's there are now.

        Drawings that come while others are being stored are stored together: a transaction takes
        longer than all that is done in it.
        """
        mine: Future[int] = Future()
        self._waiting.append((sent, mine))
        with self._storing:
            if not mine.done():
                self._store_all()
        count = mine.result()
        self._sent[self._phones[sent.token]] = count
        return count

    def _store_all(self) -> None:
        """Store the drawings that wait."""
        waiting = [self._waiting.popleft() for _ in range(len(self._waiting))]
        try:
            results = self.store.add(self.code, [sent for sent, _ in waiting])
        except Exception as error:  # whatever it is, it is the answer to each of them
            if not isinstance(error, (RoomError, StoreError)):
                log.exception("drawings could not be stored")
            for _, future in waiting:
                future.set_exception(error)
            return
        for (_, future), result in zip(waiting, results, strict=True):
            if isinstance(result, RoomError):
                future.set_exception(result)
            else:
                future.set_result(result)

    def remove_phone(self, token: str) -> None:
        """Delete all that a phone has sent."""
        self.store.remove_phone(self.code, token)
        self.look(now=True)

    # What networks read

    @property
    def reader(self) -> Network | None:
        """The network that reads a drawing as it comes."""
        return self.model or self._networks().get(BEST)

    @property
    def former(self) -> Network | None:
        """What the room's model is compared with: mostly what it was before it learned the room.

        None before any has learned, and where that is not known here.
        """
        name = self.state.former if self.state is not None else ""
        return None if self.model is None else self.before or self._networks().get(name)

    @property
    def former_name(self) -> str:
        """The name of that network, where it is a shipped one; else empty."""
        named = ((name, network) for name, network in self._networks().items())
        return next((name for name, network in named if network is self.former), "")

    def accepts(self, steps: Preprocessing) -> bool:
        """Whether a drawing may be shown without the presenter: a network finds that it is a digit.

        What has not been calibrated, such as a network in training, finds that of everything.
        """
        judges = (self.model, self._networks().get(BEST))
        return any(
            network is not None
            and network.calibration.refuse_below > 0
            and judge(network, steps).digit is not None
            for network in judges
        )

    def learn(self, before: Network, model: Network, *, done: bool = False) -> None:
        """This is what the room's model is by now, and what it was before it learned the room.

        All drawings are read again then, so a model that is not `done` is taken now and then.
        """
        now = time.monotonic()
        if model is not self.model and (done or now > self._learned + LEARNED_EVERY):
            self.before, self.model, self._learned = before, model, now

    def keep_model(self, checkpoint: bytes) -> None:
        """Store the room's model as it is now."""
        with self._changing:
            former = self.former_name
            self._model_number = self.store.keep_model(self.code, checkpoint, former)

    def said(self, network: Network, drawings: Sequence[Drawing]) -> NDArray[np.int8]:
        """What a network reads in drawings of this room, (n,); -1 where it refuses."""
        with self._reading:
            known = self._said.setdefault(network, {})
            new = [drawing for drawing in drawings if drawing.number not in known]
            digits = read_images(network, _images(new)).tolist()
            known.update(zip((drawing.number for drawing in new), digits, strict=True))
            return np.array([known[drawing.number] for drawing in drawings], np.int8)

    def readable(self, drawings: Sequence[Drawing]) -> list[Drawing]:
        """Those that `best` does not refuse."""
        best = self._networks().get(BEST)
        digits = [] if best is None else self.said(best, drawings).tolist()
        return [drawing for drawing, digit in zip(drawings, digits, strict=False) if digit >= 0]

    @property
    def shown(self) -> list[Drawing]:
        """The room's data set: the drawings that are on the wall."""
        return [drawing for drawing in self.drawings if drawing.shown]

    def scores(self) -> list[Score]:
        """How the shipped networks and the room's model read the room."""
        networks = dict(self._networks())
        if self.model is not None:
            networks[ROOM] = self.model
        return [self._score(name, network) for name, network in networks.items()]

    def leaderboard(self) -> list[tuple[str, Score]]:
        """The submitted models with their names, best on the phones that are held out first."""
        changes = -1 if self.state is None else self.state.changes
        with self._changing:
            if self._names[0] != changes:
                self._names = changes, self.store.entries(self.code)
            names = self._names[1]
            self._entries = {each: it for each, it in self._entries.items() if each in names}
            for number in names.keys() - self._entries.keys():
                network = _network(self.store.entry(self.code, number))
                if network is not None:
                    self._entries[number] = network
            entries = sorted(self._entries.items())
        scores = [(names[number], self._score(str(number), network)) for number, network in entries]
        return sorted(scores, key=lambda entry: -entry[1].test_right)

    def _score(self, name: str, network: Network) -> Score:
        drawings = self.shown
        right = self.said(network, drawings) == [drawing.label for drawing in drawings]
        held_out = np.array([drawing.held_out for drawing in drawings], bool)
        return Score(name, int(right.sum()), int(right[held_out].sum()))

    # Data sets

    def test_drawings(self) -> list[Drawing]:
        """Those by the phones that are held out; none where fewer than two phones have drawn."""
        drawings = self.shown
        if len({drawing.phone for drawing in drawings}) < 2:
            return []
        return [drawing for drawing in drawings if drawing.held_out]

    def to_learn(self) -> list[Drawing]:
        """The drawings by all other phones."""
        return [drawing for drawing in self.shown if not drawing.held_out]

    def per_digit(self) -> list[int]:
        """How many drawings there are of each digit."""
        counts = Counter(drawing.label for drawing in self.shown)
        return [counts[digit] for digit in range(CLASSES)]


class Rooms:
    """The rooms that this server is asked about, by their codes."""

    def __init__(self, store: RoomStore, networks: Callable[[], dict[str, Network]]) -> None:
        self.store, self._networks = store, networks
        self._rooms: dict[str, Room] = {}
        self._changing = threading.Lock()

    def fresh(self, code: str) -> Room | None:
        """The room of that code, if it can be had without waiting for the database."""
        room = self._rooms.get(code)
        return room if room is not None and room.is_fresh else None

    def room(self, code: str) -> Room | None:
        """The room of that code, looked at; None where there is none. Raises StoreError."""
        with self._changing:
            old = time.monotonic() - FORGET
            for forgotten in [each for each, room in self._rooms.items() if room.asked < old]:
                del self._rooms[forgotten]
            room = self._rooms.setdefault(code, Room(self.store, code, self._networks))
        if room.look() is None:
            with self._changing:
                if self._rooms.get(code) is room:
                    del self._rooms[code]
            return None
        return room


def dataset(drawings: Sequence[Drawing]) -> Dataset:
    """Drawings as a data set, in their order."""
    return Dataset(_images(drawings), np.array([drawing.label for drawing in drawings], np.uint8))


def _network(checkpoint: bytes | None) -> Network | None:
    try:
        return load_checkpoint(io.BytesIO(checkpoint or b"")).network
    except CheckpointError:
        log.exception("a network of a room cannot be read")
        return None


def _images(drawings: Sequence[Drawing]) -> NDArray[np.uint8]:
    return np.array([drawing.image for drawing in drawings], np.uint8).reshape(-1, PIXELS)
