"""One learner: a visitor's training, its curves, and a copy of its network to read with.

Only the worker (learners.py) advances it; what a page sees of it is a Snapshot
(snapshot.py), which never changes. This module knows no page and no threads.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from dataclasses import replace

import numpy as np

from nn import Dataset, Network, Recipe, split_validation, train
from nn.metrics import Evaluation, evaluation_steps
from nn.training import Progress

from .snapshot import Mark, Point, Snapshot, State

SNAPSHOT_SECONDS = 0.2  # between two copies of a network for its visitor's drawing
POINTS_AN_EPOCH = 8  # of the training curves
MAX_POINTS = 800  # of a curve; then every other one within epochs goes

Data = tuple[Dataset, Dataset]  # training set, test set
Work = Generator[Progress, Recipe | None, None]


class Learner:
    """A training under way.

    Parameters
    ----------
    recipe, seed : of the training
    load_data : returns training and test set; called when the work begins
    seen : when its page last looked
    pause_at : pause after so many epochs; None to go through
    """

    def __init__(
        self,
        recipe: Recipe,
        seed: int,
        load_data: Callable[[], Data],
        *,
        seen: float,
        pause_at: int | None = None,
    ) -> None:
        self.recipe, self.seen, self.pause_at = recipe, seen, pause_at
        self.work: Work = self._training(seed, load_data)
        self.state = State.RUNNING
        self.wish: Recipe | None = None  # changed while it trains, to be taken at the next step
        self.released = False  # its page's connection is lost
        self.dropped = False
        self.seconds = 0.0  # of work
        self.progress: Progress | None = None
        self.network: Network | None = None
        self.message = ""
        self.samples: int | None = None  # of the training set, once it is there
        self._points: list[Point] = []
        self._marks: list[Mark] = []
        self._told = (0.0, 0.0, 0.0)  # at the latest point: see `_add_point`
        self._accuracy = math.nan
        self._copied = -math.inf
        self._test: Evaluation | None = None

    def advance(self) -> Progress:
        """Train a little, by a changed recipe if there is one; raises StopIteration at the end."""
        if self.wish is None or self.progress is None:
            return next(self.work)
        wish, self.wish = self.wish, None
        before, position = self.progress.recipe.to_dict(), self.progress.position
        progress = self.work.send(wish)
        self._marks += [
            Mark(position, field, before[field], after)
            for field, after in wish.to_dict().items()
            if after != before[field]
        ]
        return progress

    def change(self, recipe: Recipe) -> None:
        """Go on by a changed recipe from the next step on; raises RecipeError if it cannot."""
        self.recipe.check_live_change(recipe, samples=self.samples)
        self.recipe = self.wish = recipe

    def record(self, progress: Progress) -> None:
        """Take note of where the training stands; pause where that was asked for."""
        previous, self.progress = self.progress, progress
        if previous is None or progress.step == 0:
            return
        marked = math.floor(progress.position * POINTS_AN_EPOCH) > math.floor(
            previous.position * POINTS_AN_EPOCH
        )
        stepped = progress.step > previous.step  # not in the midst of a full batch
        evaluating = progress.position == int(progress.position)
        if progress.epoch_end or (marked and stepped and not evaluating):
            self._add_point(progress)
        last = progress.epoch == self.recipe.epochs  # then only the test is to come
        if progress.epoch_end and progress.epoch == self.pause_at and not last:
            self.state, self.pause_at = State.PAUSED, None

    def copy_network(self, now: float) -> Network | None:
        """A fresh copy of the network, if it is time for one; for the worker alone."""
        if self.progress is None or self.progress.step == 0:
            return None
        if now - self._copied < SNAPSHOT_SECONDS and self.state is State.RUNNING:
            return None
        self._copied = now
        return self.progress.snapshot()

    def end(self, state: State, message: str = "") -> None:
        """Nothing more is to be done."""
        self.state, self.message = state, message

    def snapshot(self, running: int) -> Snapshot:
        """How it stands; `running` is how many share the worker."""
        progress = self.progress
        return Snapshot(
            state=self.state,
            recipe=progress.recipe if progress else self.recipe,
            epoch=progress.epoch if progress else 0,
            position=progress.position if progress else 0.0,
            accuracy=self._accuracy,
            points=tuple(self._points),
            network=self.network,
            seconds_left=self._seconds_left(running),
            test=self._test,
            message=self.message,
            running=running,
            marks=tuple(self._marks),
        )

    def _add_point(self, progress: Progress) -> None:
        # A Progress tells means since the epoch's start; a point, means since the one before.
        part = 1.0 if progress.epoch_end else progress.position - int(progress.position)
        told = self._told if self._told[0] < part else (0.0, 0.0, 0.0)
        sums = (part, progress.loss * part, progress.accuracy * part)
        length, loss, right = (now - before for now, before in zip(sums, told, strict=True))
        self._told = (0.0, 0.0, 0.0) if progress.epoch_end else sums
        if progress.epoch_end or progress.epoch == 0:
            self._accuracy = progress.accuracy
        validation = progress.validation
        self._points.append(
            Point(
                progress.position,
                loss / length,
                right / length,
                None if validation is None else validation.loss,
                None if validation is None else validation.accuracy,
            )
        )
        if len(self._points) > MAX_POINTS:
            within = [point for point in self._points if point.epoch != int(point.epoch)]
            gone = {id(point) for point in (within or self._points[1:-1])[::2]}
            self._points = [point for point in self._points if id(point) not in gone]

    def _seconds_left(self, running: int) -> float | None:
        if self.progress is None or self.progress.position == 0:
            return None
        left = self.recipe.epochs - self.progress.position
        return self.seconds / self.progress.position * left * max(running, 1)

    def _training(self, seed: int, load_data: Callable[[], Data]) -> Work:
        """The whole of the work, from reading the data to the test at the end."""
        train_set, test_set = load_data()
        rng = np.random.default_rng(seed)
        network = self.recipe.build_network(rng=rng)
        fitting, validation = split_validation(train_set, self.recipe)
        self.samples = len(fitting)
        try:
            yield from train(network, fitting, validation, self.recipe, rng=rng)
        finally:  # where it diverged, these are the last good parameters
            if self.progress is not None and self.progress.step > 0:
                self.network = network.copy()
        if self.progress is None:
            return
        testing = replace(self.progress, epoch_end=False, validation=None)
        steps = evaluation_steps(network, test_set)
        while True:
            try:
                next(steps)
            except StopIteration as stop:
                self._test = stop.value
                return
            yield testing
