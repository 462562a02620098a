"""The worker's craft: one slice of one learner, and what may go wrong in it.

Who is next, and in which thread, is for learners.py to say. This module knows no page.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from nn import DivergenceError, RecipeError

from .course import Data
from .learner import Learner
from .snapshot import State

log = logging.getLogger(__name__)


class Worker:
    """Works on learners; one thread at a time may call it.

    Parameters
    ----------
    load_data : returns training and test set; called once, when first needed
    clock : seconds, monotonic
    cpu_clock : seconds that this thread worked; on a busy machine that is less
    lock : guards what pages see of a learner; never held while one trains
    after_slice : called with each learner that was worked on, without the lock
    slice_seconds : how long to work at a stretch, if a piece of work is not longer
    """

    def __init__(
        self,
        load_data: Callable[[], Data],
        *,
        clock: Callable[[], float],
        cpu_clock: Callable[[], float],
        lock: threading.Condition,
        slice_seconds: float,
        after_slice: Callable[[Learner], None] | None = None,
    ) -> None:
        self._load_data, self._lock, self._slice_seconds = load_data, lock, slice_seconds
        self._clock, self._cpu_clock = clock, cpu_clock
        self._after_slice = after_slice
        self._data: Data | None = None

    def data(self) -> Data:
        """Training and test set."""
        if self._data is None:
            self._data = self._load_data()
        return self._data

    def slice(self, learner: Learner) -> float:
        """Train a little, and keep what happens on record; returns the seconds of work."""
        began, cpu = self._clock(), self._cpu_clock()
        try:
            if self._data is None:
                self.data()
                # For the whole server: no learner is charged.
                began, cpu = self._clock(), self._cpu_clock()
            while learner.state is State.RUNNING and not learner.dropped:
                before = learner.progress
                progress = learner.advance()
                now = self._clock()
                with self._lock:
                    learner.record(progress, now)
                landed = before is not None and before.state is None and progress.state is not None
                if now - began >= self._slice_seconds or learner.due > now or landed:
                    break  # where a batch in chunks is done: it can be captured there alone
            self._copy_network(learner)
        except StopIteration:
            self._end(learner, State.FINISHED)
        except (DivergenceError, RecipeError, ValueError) as error:
            self._end(learner, State.FAILED, error)
        except Exception:  # one visitor's learner must not end the others'
            log.exception("a learner raised")
            self._end(learner, State.FAILED)
        now = self._clock()
        with self._lock:
            learner.account.charge(now - began, now)
        if self._after_slice is not None:
            self._after_slice(learner)
        return self._cpu_clock() - cpu

    def catch_up(self, learner: Learner) -> None:
        """Give one who was paused in the midst of a slice a copy of where it stands."""
        self._copy_network(learner)
        if self._after_slice is not None:
            self._after_slice(learner)

    def _copy_network(self, learner: Learner) -> None:
        network = learner.copy_network(self._clock())
        with self._lock:
            learner.network = network or learner.network

    def _end(self, learner: Learner, state: State, error: Exception | None = None) -> None:
        if error is not None:  # its frames hold the whole training
            error.__traceback__ = error.__context__ = error.__cause__ = None
        with self._lock:
            learner.end(state, error)
