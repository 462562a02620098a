"""What takes longer than a page may be kept waiting: worked out bit by bit, a bit a run.

While a training runs, the page's script runs twice a second with a network that is new each time.
A run spends a few milliseconds on the work for one of them and shows what is done: the result for
an earlier network, which says from where. All visitors together earn a share of one processor's
time. When nobody trains, the page waits for the result instead. This module knows no page.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

import numpy as np

from nn import Network

EARNED = 0.25  # of one processor's time, by all who look
MOST = 0.04  # seconds of work in one run of a page
ACTIVE_SECONDS = 2.0  # since a visitor's latest look

T = TypeVar("T")
Steps = Callable[[Network], Generator[None, None, T]]


@dataclass(frozen=True)
class Stand(Generic[T]):
    """A result, and what it is of.

    Attributes
    ----------
    reader : the network's name on the page
    network : it was worked out for; not to be changed
    epoch : of that network in its training, fractions included; None where that is not known
    result : of the work
    fresh : whether that network is the one that was asked for
    """

    reader: str
    network: Network
    epoch: float | None
    result: T
    fresh: bool = True


class Workshop(Generic[T]):
    """One kind of work, for all visitors of this server.

    A result is kept as long as its network is: a shipped one is worked on once for everybody.

    Parameters
    ----------
    steps : begins the work on a network; its generator's return value is the result, and
        ValueError means that this network has none
    rest : seconds in a visitor's polls from one result to the work on the next, for what costs
        their browser more than it costs this server
    clock : seconds, monotonic
    """

    def __init__(
        self,
        steps: Steps[T],
        *,
        rest: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.steps, self.rest, self.clock = steps, rest, clock
        self._lock = threading.Lock()
        self._results: WeakKeyDictionary[Network, T | None] = WeakKeyDictionary()
        self._looked: WeakKeyDictionary[Bench[T], float] = WeakKeyDictionary()

    def has(self, network: Network) -> bool:
        """Whether the work on it is done."""
        with self._lock:
            return network in self._results

    def result(self, network: Network) -> T | None:
        """What came of it; None where nothing did."""
        with self._lock:
            return self._results.get(network)

    def keep(self, network: Network, result: T | None) -> None:
        """The work on it is done."""
        with self._lock:
            self._results[network] = result

    def __len__(self) -> int:
        with self._lock:
            return len(self._results)

    def earned(self, bench: Bench[T]) -> float:
        """Seconds of work that a visitor has earned since the look before this one."""
        with self._lock:
            now = self.clock()
            since = now - self._looked.get(bench, -np.inf)
            self._looked[bench] = now
            active = sum(now - looked <= ACTIVE_SECONDS for looked in self._looked.values())
        return min(since * EARNED / active, MOST)


class Bench(Generic[T]):
    """A visitor's place in a workshop: what they work on, and what they have."""

    def __init__(self, workshop: Workshop[T]) -> None:
        self.workshop = workshop
        self._stand: Stand[T] | None = None
        self._subject: Stand[None] | None = None  # worked on now
        self._work: Generator[None, None, T] | None = None
        self._credit = 0.0
        self._rests_until = -np.inf

    def look(
        self,
        reader: str,
        network: Network,
        epoch: float | None = None,
        *,
        patient: bool,
        hurried: bool = False,
    ) -> Stand[T] | None:
        """The result for a network, or the latest one there is of that reader; None without any.

        Parameters
        ----------
        reader, network, epoch : as in Stand
        patient : work until it is done; else for as long as was earned
        hurried : do not work in this look, something else is waited for
        """
        self._credit = min(self._credit + self.workshop.earned(self), MOST)
        if self._stand is not None and self._stand.reader != reader:
            self._stand = None
        if self._subject is not None and (
            self._subject.reader != reader or (patient and self._subject.network is not network)
        ):
            self._subject = self._work = None
        self._recognise(network)
        while not self.workshop.has(network) and (patient or (self._credit > 0 and not hurried)):
            if self._work is None:
                if not patient and self.workshop.clock() < self._rests_until:
                    break
                self._subject = Stand(reader, network, epoch, None)
                self._work = self.workshop.steps(network)
            self._step()
        result = self.workshop.result(network)
        if result is not None:
            self._stand = Stand(reader, network, epoch, result)
            return self._stand
        stand = self._stand
        if stand is None:
            return None
        return Stand(stand.reader, stand.network, stand.epoch, stand.result, fresh=False)

    def _step(self) -> None:
        """Do one step of the work, and pay for it."""
        subject, work = self._subject, self._work
        if subject is None or work is None:
            return
        began = self.workshop.clock()
        try:
            next(work)
        except StopIteration as stop:
            result: T = stop.value
            self.workshop.keep(subject.network, result)
            self._stand = Stand(subject.reader, subject.network, subject.epoch, result)
            self._subject = self._work = None
        except ValueError:  # in the midst of diverging
            self.workshop.keep(subject.network, None)
            self._subject = self._work = None
        ended = self.workshop.clock()
        self._credit -= ended - began
        if self._work is None:
            self._rests_until = ended + self.workshop.rest

    def _recognise(self, network: Network) -> None:
        """A copy of the network that the result is of needs no work."""
        stand = self._stand
        if stand is None or stand.network is network or self.workshop.has(network):
            return
        if np.array_equal(stand.network.params, network.params) and np.array_equal(
            stand.network.statistics, network.statistics
        ):
            self.workshop.keep(network, stand.result)
