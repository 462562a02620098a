"""Who trains now: one worker for all visitors, in fair slices, with leases.

A single background thread takes a few milliseconds of the running learner that has had least, so
that twenty visitors progress alike and a page is never waited for. A page only reads snapshots and
sets wishes (pause, step, stop); the generator of a training is touched by the worker alone.

How long a learner lives without looks, roster.py tells; how time is shared, shares.py; what may be
refused, limits.py. This module knows no page: no Streamlit here.
"""

from __future__ import annotations

import itertools
import math
import threading
import time
from collections.abc import Callable

from threadpoolctl import threadpool_limits

from nn import Recipe
from nn.workspace import Workspace

from .course import Data
from .learner import Learner
from .limits import MAX_LEARNERS, FullError, LimitError, Limits, check_start
from .roster import Roster
from .shares import Turns
from .snapshot import Snapshot
from .worker import Worker

__all__ = ["MAX_LEARNERS", "FullError", "Learners", "LimitError", "Limits"]

SLICE_SECONDS = 0.008  # a turn's length; a page that asks meanwhile waits no longer than that


class Learners:
    """All trainings of this server, and the one thread that works on them.

    Parameters
    ----------
    load_data : returns training and test set; called by the worker, when first needed
    clock : seconds, monotonic
    cpu_clock : seconds that the worker's thread worked; what is shared out evenly
    slice_seconds : how long a learner's turn is
    limits : how much there is for all, and for one visitor
    after_slice : called by the worker with the id and the learner that it has just worked on; it
        may take captures there
    """

    def __init__(
        self,
        load_data: Callable[[], Data],
        *,
        clock: Callable[[], float] = time.monotonic,
        cpu_clock: Callable[[], float] = time.thread_time,
        slice_seconds: float = SLICE_SECONDS,
        limits: Limits | None = None,
        after_slice: Callable[[str, Learner], None] | None = None,
    ) -> None:
        self._clock, self._limits = clock, limits or Limits()
        self._changed = threading.Condition()  # guards all below; reentrant
        self._worker = Worker(
            load_data,
            clock=clock,
            cpu_clock=cpu_clock,
            lock=self._changed,
            slice_seconds=slice_seconds,
            after_slice=self._tell,
        )
        self._after_slice = after_slice
        self._workspace = Workspace()  # of all learners, as they take turns
        self._roster = Roster()
        self._turns = Turns()
        self._ids = itertools.count(1)
        self._thread: threading.Thread | None = None
        self._closed = False

    def start(
        self,
        recipe: Recipe,
        *,
        seed: int,
        visitor: str | None = None,
        epochs_at_first: int | None = None,
        batches_at_first: int | None = None,
    ) -> str:
        """Begin a training; returns the learner's id.

        Parameters
        ----------
        recipe : checked already
        seed : of all its randomness
        visitor : whose it is; None for somebody of whom no other learner is
        epochs_at_first, batches_at_first : pause after so many; None to go through

        Raises
        ------
        LimitError
            It would be one learner, unit or byte too many; one class for each limit.
        """
        with self._changed:
            self._roster.drop_abandoned(self._clock())
            live = self._roster.live()
            check_start(
                self._limits,
                recipe,
                everyone=len(live),
                theirs=[x.recipe for x in live if visitor is not None and x.visitor == visitor],
            )
            learner = Learner(
                recipe,
                seed,
                self._worker.data,
                seen=self._clock(),
                visitor=visitor,
                epochs=epochs_at_first,
                batches=batches_at_first,
            )
            return self.adopt(learner)

    def adopt(self, learner: Learner) -> str:
        """Let a learner that was made elsewhere work here, beyond all limits; returns its id."""
        learner.course.workspace = self._workspace
        with self._changed:
            name = f"learner-{next(self._ids)}"
            self._roster[name] = learner
            if learner.visitor is None:
                learner.visitor = name
            self._changed.notify()
        return name

    def data(self) -> Data:
        """Training and test set; for the worker alone."""
        return self._worker.data()

    def snapshot(self, learner: Learner) -> Snapshot:
        """How a learner stands, without renewing its lease."""
        with self._changed:
            now = self._clock()
            return learner.snapshot(len(self._roster.running(now)), now)

    def look(self, name: str) -> Snapshot | None:
        """How the learner stands, renewing its lease; None when it is gone."""
        with self._changed:
            learner = self._roster.get(name)
            if learner is None:
                return None
            learner.seen, learner.released = self._clock(), False
            self._changed.notify()
            return self.snapshot(learner)

    def pause(self, name: str) -> None:
        """Stop working on it, within milliseconds; `resume` goes on exactly there."""
        with self._changed:
            learner = self._roster.get(name)
            if learner is not None:
                learner.pause()
                self._changed.notify()

    def resume(self, name: str, *, epochs: int | None = None, batches: int | None = None) -> None:
        """Go on; with `epochs` or `batches`, pause again after so many more of them.

        The last batch of an epoch comes with its evaluation. At the end of the training it does
        not pause any more.
        """
        with self._changed:
            learner = self._roster.get(name)
            if learner is not None and learner.resume(epochs=epochs, batches=batches):
                self._changed.notify()

    def pace(self, name: str, batches_per_second: float | None) -> None:
        """Slow motion from now on: no more batches a second than these; None for full speed.

        Raises
        ------
        ValueError
            It is not a finite number above 0.
        """
        if batches_per_second is not None and not 0 < batches_per_second < math.inf:
            raise ValueError(f"expected batches a second above 0, got {batches_per_second!r}")
        with self._changed:
            learner = self._roster.get(name)
            if learner is not None:
                learner.pace(batches_per_second)
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
            learner = self._roster.get(name)
            if learner is not None:
                learner.change(recipe)

    def stop(self, name: str) -> None:
        """End and forget it; the snapshots that were taken stay valid."""
        with self._changed:
            learner = self._roster.get(name)
            if learner is not None:
                learner.dropped = True
                self._changed.notify()

    def release(self, name: str) -> None:
        """Its page's connection is lost: no work until the next look."""
        with self._changed:
            learner = self._roster.get(name)
            if learner is not None:
                learner.released = True

    def __len__(self) -> int:
        with self._changed:
            return len(self._roster)

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
            self._roster.drop_all()
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()
        self._bury()

    def turn(self) -> bool:
        """One slice of the learner whose turn it is; returns False when nobody is ready.

        Only one thread may call it: the worker, or a test in its place.
        """
        self._bury()
        with self._changed:
            behind = self._roster.behind()
        for late in behind:
            self._worker.catch_up(late)
        with self._changed:
            now = self._clock()
            self._roster.drop_abandoned(now)
            name = self._turns.next(self._roster.ready(now))
            learner = None if name is None else self._roster.get(name)
        if name is None or learner is None:
            return False
        seconds = self._worker.slice(learner)
        with self._changed:
            self._turns.charge(name, seconds)
            self._roster.thin_moments(learner.visitor or name, self._limits.moment_bytes)
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
                if not worked and (seconds := self._roster.spare_seconds(self._clock())) > 0:
                    self._changed.wait(timeout=seconds)

    def _tell(self, learner: Learner) -> None:
        if self._after_slice is not None and (name := self._roster.name_of(learner)):
            self._after_slice(name, learner)

    def _bury(self) -> None:
        """Close the generators of dropped learners, and forget them."""
        with self._changed:
            buried = self._roster.remove_dropped()
            for name in buried:
                self._turns.forget(name)
        for learner in buried.values():
            learner.work.close()
