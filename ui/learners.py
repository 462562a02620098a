"""Who trains now: one worker for all visitors, in fair slices, with leases.

A learner is one training of one visitor. A single background thread takes a few milliseconds of
each running learner in turn (round robin), so that twenty visitors progress alike and a page is
never waited for. A page only reads snapshots and sets wishes (pause, step, stop); the generator
of a training is touched by the worker alone.

A learner lives on a lease that each look at it renews. Without looks it pauses, then it is
dropped: a closed tab costs nothing, and a connection that comes back in time finds its training.
This module knows no page: no Streamlit here.
"""

from __future__ import annotations

import enum
import itertools
import logging
import math
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace

import numpy as np
from threadpoolctl import threadpool_limits

from nn import Dataset, DivergenceError, Network, Recipe, RecipeError, split_validation, train
from nn.metrics import Evaluation, evaluation_steps
from nn.training import Progress

SLICE_SECONDS = 0.008  # a turn's length; a page that asks meanwhile waits no longer than that
SNAPSHOT_SECONDS = 0.2  # between two copies of a network for its visitor's drawing
PAUSE_AFTER = 75.0  # seconds without a look; a tab in the background looks once a minute
DROP_AFTER = 120.0  # seconds without a look
POINTS_AN_EPOCH = 8  # of the training curves, beside each epoch's end
MAX_POINTS = 800  # of a curve; then every other one within epochs goes
MAX_LEARNERS = 40

log = logging.getLogger(__name__)


class State(enum.Enum):
    """What a learner does."""

    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    FAILED = "failed"


class FullError(RuntimeError):
    """There are as many learners as this server takes."""


@dataclass(frozen=True)
class Point:
    """One place on the curves; validation only at an epoch's end, and only where there is any.

    Attributes
    ----------
    epoch : position in epochs, fractions included
    loss, accuracy : on the training batches since the point before
    validation_loss, validation_accuracy : on the validation set, or None
    """

    epoch: float
    loss: float
    accuracy: float
    validation_loss: float | None = None
    validation_accuracy: float | None = None


@dataclass(frozen=True)
class Snapshot:
    """How a learner stands, for its page to read.

    Attributes
    ----------
    state, recipe : what it does, and by which settings
    epoch : epochs completed
    position : the same with the fraction of the present one
    accuracy : on the training batches, over the latest whole epoch or, before, since the start
    points : the curves so far, oldest first
    network : a copy that predicts as the training would now; None before the first step
    seconds_left : of training time, None before there is anything to go by
    test : accuracy and errors on the test set, once it is finished
    message : why it failed, in a visitor's words, or None
    running : how many learners share the worker now, this one included if it runs
    """

    state: State
    recipe: Recipe
    epoch: int
    position: float
    accuracy: float
    points: tuple[Point, ...]
    network: Network | None
    seconds_left: float | None
    test: Evaluation | None
    message: str | None
    running: int


@dataclass
class _Learner:
    recipe: Recipe
    work: Generator[Progress, Recipe | None, None]
    seen: float  # when its page last looked
    state: State = State.RUNNING
    pause_at_epoch: int | None = None
    released: bool = False  # its page's connection is lost
    dropped: bool = False
    progress: Progress | None = None
    points: list[Point] = field(default_factory=list)
    told: tuple[float, float, float] = (0.0, 0.0, 0.0)  # at the latest point: see `_add_point`
    accuracy: float = math.nan
    network: Network | None = None
    copied: float = -math.inf
    seconds: float = 0.0
    test: Evaluation | None = None
    message: str | None = None


class Learners:
    """All trainings of this server, and the one thread that works on them.

    Parameters
    ----------
    load_data : returns training and test set; called by the worker, when first needed
    clock : seconds, monotonic
    """

    def __init__(
        self,
        load_data: Callable[[], tuple[Dataset, Dataset]],
        *,
        clock: Callable[[], float] = time.monotonic,
        slice_seconds: float = SLICE_SECONDS,
        max_learners: int = MAX_LEARNERS,
    ) -> None:
        self._load_data, self._clock = load_data, clock
        self._slice_seconds, self._max_learners = slice_seconds, max_learners
        self._data: tuple[Dataset, Dataset] | None = None
        self._learners: dict[str, _Learner] = {}
        self._queue: list[str] = []  # round robin: the next one's turn first
        self._ids = itertools.count(1)
        self._changed = threading.Condition()  # guards all of the above
        self._thread: threading.Thread | None = None
        self._closed = False

    # What a page asks for.

    def start(self, recipe: Recipe, *, seed: int, epochs_at_first: int | None = None) -> str:
        """Begin a training; returns the learner's id.

        Parameters
        ----------
        recipe : checked already
        seed : of all its randomness
        epochs_at_first : pause after so many epochs; None to go through

        Raises
        ------
        FullError
            There are as many learners as this server takes.
        """
        with self._changed:
            self._drop_abandoned()
            if len(self._learners) >= self._max_learners:
                raise FullError(f"{self._max_learners} trainings run on this server already")
            name = f"learner-{next(self._ids)}"
            work = self._training(name, recipe, seed)
            learner = _Learner(recipe, work, self._clock(), pause_at_epoch=epochs_at_first)
            self._learners[name] = learner
            self._queue.append(name)
            self._changed.notify()
        return name

    def look(self, name: str) -> Snapshot | None:
        """How the learner stands, renewing its lease; None when it is gone."""
        with self._changed:
            learner = self._learners.get(name)
            if learner is None or learner.dropped:
                return None
            learner.seen = self._clock()
            if learner.released:
                learner.released = False
                self._changed.notify()
            progress, running = learner.progress, len(self._runnable())
            return Snapshot(
                state=learner.state,
                recipe=progress.recipe if progress else learner.recipe,
                epoch=progress.epoch if progress else 0,
                position=progress.position if progress else 0.0,
                accuracy=learner.accuracy,
                points=tuple(learner.points),
                network=learner.network,
                seconds_left=self._seconds_left(learner, running),
                test=learner.test,
                message=learner.message,
                running=running,
            )

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
            if learner is None or learner.state is not State.PAUSED:
                return
            done = learner.progress.epoch if learner.progress else 0
            learner.pause_at_epoch = None if epochs is None else done + epochs
            learner.state = State.RUNNING
            self._changed.notify()

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

    def _slice(self, learner: _Learner) -> None:
        began = self._clock()
        try:
            while learner.state is State.RUNNING and not learner.dropped:
                progress = next(learner.work)
                self._record(learner, progress)
                now = self._clock()
                if now - began >= self._slice_seconds:
                    break
            with self._changed:
                learner.seconds += self._clock() - began
            self._copy_network(learner)
        except StopIteration:
            self._end(learner, State.FINISHED)
        except (DivergenceError, RecipeError, ValueError) as error:
            self._end(learner, State.FAILED, str(error))
        except Exception:  # one visitor's learner must not end the others'
            log.exception("a learner raised")
            self._end(learner, State.FAILED, "")

    def _record(self, learner: _Learner, progress: Progress) -> None:
        with self._changed:
            previous = learner.progress
            learner.progress = progress
            if progress.step == 0:
                return
            marked = previous is not None and math.floor(
                progress.position * POINTS_AN_EPOCH
            ) > math.floor(previous.position * POINTS_AN_EPOCH)
            # A whole position before the epoch's end is an evaluation under way.
            stepped = previous is not None and progress.step > previous.step
            stepped = stepped and progress.position != int(progress.position)
            if progress.epoch_end or (marked and stepped):
                self._add_point(learner, progress)
            last = progress.epoch == progress.recipe.epochs  # then only the test is to come
            if progress.epoch_end and progress.epoch == learner.pause_at_epoch and not last:
                learner.state, learner.pause_at_epoch = State.PAUSED, None

    def _add_point(self, learner: _Learner, progress: Progress) -> None:
        # A Progress tells means since the epoch's start; a point, means since the one before.
        part = 1.0 if progress.epoch_end else progress.position - int(progress.position)
        told = learner.told if learner.told[0] < part else (0.0, 0.0, 0.0)
        sums = (part, progress.loss * part, progress.accuracy * part)
        length, loss, right = (now - before for now, before in zip(sums, told, strict=True))
        learner.told = (0.0, 0.0, 0.0) if progress.epoch_end else sums
        if progress.epoch_end or progress.epoch == 0:
            learner.accuracy = progress.accuracy
        validation = progress.validation
        learner.points.append(
            Point(
                progress.position,
                loss / length,
                right / length,
                None if validation is None else validation.loss,
                None if validation is None else validation.accuracy,
            )
        )
        if len(learner.points) > MAX_POINTS:
            within = [point for point in learner.points if point.epoch != int(point.epoch)]
            gone = set(within[::2] or learner.points[1::2])
            learner.points = [point for point in learner.points if point not in gone]

    def _copy_network(self, learner: _Learner) -> None:
        progress, now = learner.progress, self._clock()
        if progress is None or progress.step == 0:
            return
        if now - learner.copied >= SNAPSHOT_SECONDS or learner.state is State.PAUSED:
            learner.copied = now
            network = progress.snapshot()
            with self._changed:
                learner.network = network

    def _end(self, learner: _Learner, state: State, message: str | None = None) -> None:
        with self._changed:
            learner.state, learner.message = state, message

    def _training(
        self, name: str, recipe: Recipe, seed: int
    ) -> Generator[Progress, Recipe | None, None]:
        """The whole of a learner's work, from reading the data to the test at the end."""
        if self._data is None:
            self._data = self._load_data()
        train_set, test_set = self._data
        rng = np.random.default_rng(seed)
        network = recipe.build_network(rng=rng)
        fitting, validation = split_validation(train_set, recipe)
        progress: Progress | None = None
        try:
            for progress in train(network, fitting, validation, recipe, rng=rng):
                yield progress
        finally:  # where it diverged, these are the last good parameters
            learner = self._learners.get(name)
            if learner is not None and progress is not None and progress.step > 0:
                learner.network = network.copy()
        if progress is None:
            return
        testing = replace(progress, epoch_end=False, validation=None)
        steps = evaluation_steps(network, test_set)
        while True:
            try:
                next(steps)
            except StopIteration as stop:
                self._learners[name].test = stop.value
                return
            yield testing

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

    def _seconds_left(self, learner: _Learner, running: int) -> float | None:
        progress = learner.progress
        if progress is None or progress.position == 0:
            return None
        left = progress.recipe.epochs - progress.position
        return learner.seconds / progress.position * left * max(running, 1)

    def _bury(self) -> None:
        """Close the generators of dropped learners, and forget them."""
        with self._changed:
            gone = [name for name, learner in self._learners.items() if learner.dropped]
            buried = [self._learners.pop(name) for name in gone]
            self._queue = [name for name in self._queue if name not in gone]
        for learner in buried:
            learner.work.close()
