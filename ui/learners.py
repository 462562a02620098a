"""Who trains now: one worker for all visitors, in fair slices, with leases.

A single background thread takes a few milliseconds of each running learner in turn (round robin),
so that twenty visitors progress alike and a page is never waited for. A page only reads snapshots
and sets wishes (pause, step, stop); the generator of a training is touched by the worker alone.

A learner lives on a lease that each look at it renews. Without looks it pauses, then it is
dropped: a closed tab costs nothing, and a connection that comes back in time finds its training.
This module knows no page: no Streamlit here.
"""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable

from threadpoolctl import threadpool_limits

from nn import DivergenceError, Recipe, RecipeError

from .learner import Data, Learner
from .snapshot import Snapshot, State

SLICE_SECONDS = 0.008  # a turn's length; a page that asks meanwhile waits no longer than that
PAUSE_AFTER = 75.0  # seconds without a look; a tab in the background looks once a minute
DROP_AFTER = 120.0  # seconds without a look
MAX_LEARNERS = 40
MOMENT_BYTES = 24_000_000  # of all moments of one visitor

log = logging.getLogger(__name__)


class FullError(RuntimeError):
    """There are as many learners as this server takes."""


class Learners:
    """All trainings of this server, and the one thread that works on them.

    Parameters
    ----------
    load_data : returns training and test set; called by the worker, when first needed
    clock : seconds, monotonic
    slice_seconds : how long a learner's turn is
    max_learners : how many there may be at once
    moment_bytes : what the moments of one visitor may take of memory
    """

    def __init__(
        self,
        load_data: Callable[[], Data],
        *,
        clock: Callable[[], float] = time.monotonic,
        slice_seconds: float = SLICE_SECONDS,
        max_learners: int = MAX_LEARNERS,
        moment_bytes: int = MOMENT_BYTES,
    ) -> None:
        self._load_data, self._clock = load_data, clock
        self._slice_seconds, self._max_learners = slice_seconds, max_learners
        self._moment_bytes = moment_bytes
        self._data: Data | None = None  # the worker's own
        self._changed = threading.Condition()  # guards all below
        self._learners: dict[str, Learner] = {}
        self._queue: list[str] = []  # round robin: the next one's turn first
        self._ids = itertools.count(1)
        self._thread: threading.Thread | None = None
        self._closed = False

    # What a page asks for.

    def start(
        self,
        recipe: Recipe,
        *,
        seed: int,
        visitor: str | None = None,
        epochs_at_first: int | None = None,
    ) -> str:
        """Begin a training; returns the learner's id.

        Parameters
        ----------
        recipe : checked already
        seed : of all its randomness
        visitor : whose it is; None for somebody of whom no other learner is
        epochs_at_first : pause after so many epochs; None to go through

        Raises
        ------
        FullError
            There are as many learners as this server takes.
        """
        with self._changed:
            self._drop_abandoned()
            if sum(not learner.dropped for learner in self._learners.values()) >= (
                self._max_learners
            ):
                raise FullError(f"{self._max_learners} trainings run on this server already")
            name = f"learner-{next(self._ids)}"
            self._learners[name] = Learner(
                recipe,
                seed,
                self._data_once,
                seen=self._clock(),
                visitor=name if visitor is None else visitor,
                pause_at=epochs_at_first,
            )
            self._queue.append(name)
            self._changed.notify()
        return name

    def look(self, name: str) -> Snapshot | None:
        """How the learner stands, renewing its lease; None when it is gone."""
        with self._changed:
            learner = self._learners.get(name)
            if learner is None or learner.dropped:
                return None
            learner.seen, learner.released = self._clock(), False
            self._changed.notify()
            return learner.snapshot(len(self._runnable()), self._clock())

    def pause(self, name: str) -> None:
        """Stop working on it, within milliseconds; `resume` goes on exactly there."""
        with self._changed:
            learner = self._learners.get(name)
            if learner is not None and learner.state is State.RUNNING:
                learner.state = State.PAUSED

    def resume(self, name: str, *, epochs: int | None = None) -> None:
        """Go on; with `epochs`, pause again after so many more epoch ends."""
        with self._changed:
            learner = self._learners.get(name)
            if learner is not None and learner.state is State.PAUSED:
                done = learner.progress.epoch if learner.progress else 0
                learner.pause_at = None if epochs is None else done + epochs
                learner.state = State.RUNNING
                self._changed.notify()

    def change(self, name: str, recipe: Recipe) -> None:
        """Go on by a recipe that differs in what may change live, from the next step on.

        Raises
        ------
        RecipeError
            It differs in a field that is fixed while a training runs, or asks for larger batches
            than there is data.
        """
        with self._changed:
            learner = self._learners.get(name)
            if learner is not None:
                learner.change(recipe)

    def stop(self, name: str) -> None:
        """End and forget it; the snapshots that were taken stay valid."""
        with self._changed:
            learner = self._learners.get(name)
            if learner is not None:
                learner.dropped = True
                self._changed.notify()

    def release(self, name: str) -> None:
        """Its page's connection is lost: no work until the next look."""
        with self._changed:
            learner = self._learners.get(name)
            if learner is not None:
                learner.released = True

    def __len__(self) -> int:
        with self._changed:
            return sum(not learner.dropped for learner in self._learners.values())

    # The worker.

    def run(self) -> None:
        """Start the worker thread, once; it ends with the process or by `close`."""
        with self._changed:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="learners", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """End the worker thread and all learners."""
        with self._changed:
            self._closed = True
            for learner in self._learners.values():
                learner.dropped = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()
        self._bury()

    def turn(self) -> bool:
        """One slice of the next running learner; returns False when nobody runs.

        Only one thread may call it: the worker, or a test in its place.
        """
        self._bury()
        with self._changed:
            self._drop_abandoned()
            runnable = self._runnable()
            name = next((name for name in self._queue if name in runnable), None)
            if name is None:
                return False
            self._queue.remove(name)
            self._queue.append(name)
            learner = self._learners[name]
        self._slice(learner)
        return True

    def _work(self) -> None:
        # NumPy was imported before this thread began, so its BLAS is limited from outside. With
        # more threads than one it spins while it waits, and the pages would wait for it.
        threadpool_limits(limits=1, user_api="blas")
        while True:
            worked = self.turn()
            with self._changed:
                if self._closed:
                    return
                if not worked and not self._runnable():
                    self._changed.wait(timeout=DROP_AFTER / 4)

    def _slice(self, learner: Learner) -> None:
        began = self._clock()
        try:
            while learner.state is State.RUNNING and not learner.dropped:
                progress = learner.advance()
                with self._changed:
                    learner.record(progress)
                    if learner.took_moment():
                        self._share_memory(learner.visitor)
                if self._clock() - began >= self._slice_seconds:
                    break
            network = learner.copy_network(self._clock())
            with self._changed:
                learner.network = network or learner.network
        except StopIteration:
            self._end(learner, State.FINISHED)
        except (DivergenceError, RecipeError, ValueError) as error:
            self._end(learner, State.FAILED, str(error))
        except Exception:  # one visitor's learner must not end the others'
            log.exception("a learner raised")
            self._end(learner, State.FAILED)
        finally:
            with self._changed:
                now = self._clock()
                learner.account.charge(now - began, now)

    def _end(self, learner: Learner, state: State, message: str = "") -> None:
        with self._changed:
            learner.end(state, message)

    def _data_once(self) -> Data:
        if self._data is None:
            self._data = self._load_data()
        return self._data

    # What is asked with the lock held.

    def _runnable(self) -> set[str]:
        now = self._clock()
        return {
            name
            for name, learner in self._learners.items()
            if learner.state is State.RUNNING
            and not learner.dropped
            and not learner.released
            and now - learner.seen < PAUSE_AFTER
        }

    def _drop_abandoned(self) -> None:
        now = self._clock()
        for learner in self._learners.values():
            if now - learner.seen >= DROP_AFTER:
                learner.dropped = True

    def _share_memory(self, visitor: str) -> None:
        """Thin a visitor's moments, those of the largest learner first, until they fit."""
        theirs = [learner for learner in self._learners.values() if learner.visitor == visitor]
        while sum(learner.moments.nbytes for learner in theirs) > self._moment_bytes:
            largest_first = sorted(theirs, key=lambda x: x.moments.nbytes, reverse=True)
            if not any(learner.moments.thin() for learner in largest_first):
                return

    def _bury(self) -> None:
        """Close the generators of dropped learners, and forget them."""
        with self._changed:
            gone = [name for name, learner in self._learners.items() if learner.dropped]
            buried = [self._learners.pop(name) for name in gone]
            self._queue = [name for name in self._queue if name not in gone]
        for learner in buried:
            learner.work.close()
