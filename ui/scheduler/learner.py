"""One learner: a visitor's training, its curves, and a copy of its network to read with.

Only the worker (learners.py) advances it; what a page sees of it is a Snapshot
(snapshot.py), which never changes. This module knows no page and no threads.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from nn import Network, Progress, Recipe, TrainingState
from nn.diagnostics import LayerFigures

from .capture import Capture
from .course import Course, Data
from .curves import Curves
from .moments import Kept, Moments
from .shares import Account
from .snapshot import Snapshot, State

__all__ = ["Data", "Learner"]

SNAPSHOT_SECONDS = 0.2  # between two copies of a network for its visitor's drawing


class Learner:
    """A training under way.

    Parameters
    ----------
    recipe, seed : of the training
    load_data : returns training and test set; called when the work begins
    seen : when its page last looked, by the worker's clock
    visitor : whose it is; the learners of one visitor share the memory for moments; None where no
        other learner is theirs
    epochs, batches : pause after so many; None to go through
    resume : where the training is to go on, instead of at its beginning

    Attributes
    ----------
    due : when its next batch may come at the earliest; earlier than now at full speed
    """

    def __init__(
        self,
        recipe: Recipe,
        seed: int,
        load_data: Callable[[], Data],
        *,
        seen: float,
        visitor: str | None = None,
        epochs: int | None = None,
        batches: int | None = None,
        resume: TrainingState | None = None,
    ) -> None:
        self.recipe, self.seed, self.visitor = recipe, seed, visitor
        self.seen = seen
        self._pause_at_epoch, self._pause_at_step = epochs, batches
        self._pace: float | None = None  # batches a second
        self.due = -math.inf
        self.course = Course(recipe, seed, load_data, resume)
        self.work = self.course.work()
        self.state = State.RUNNING
        self.wish: Recipe | None = None  # changed while it trains, to be taken at the next step
        self.released = False  # its page's connection is lost
        self.dropped = False
        self.account = Account(seen)
        self.moments = Moments()
        self.progress: Progress | None = None
        self.network: Network | None = None
        self.error: Exception | None = None
        self._curves = Curves()
        self._figures: tuple[LayerFigures, ...] = ()  # looked up, but not yet on record
        self._moment: Kept | None = None
        self._copied, self._copied_step = -math.inf, 0
        self._before: Snapshot | None = None  # what was seen of it in another place
        self._restarts = 0

    @classmethod
    def restore(
        cls,
        capture: Capture,
        snapshot: Snapshot,
        load_data: Callable[[], Data],
        *,
        seen: float,
        visitor: str | None = None,
        restarts: int = 0,
    ) -> Learner:
        """A learner that goes on where another one stood.

        Parameters
        ----------
        capture, snapshot : of that one, taken between the same two batches
        load_data, seen, visitor : as for a new one
        restarts : how often this has been necessary
        """
        learner = cls(
            capture.recipe,
            snapshot.seed,
            load_data,
            seen=seen,
            visitor=visitor,
            resume=capture.training,
        )
        learner._before, learner._restarts = replace(snapshot, restarts=restarts), restarts
        learner._pause_at_epoch = capture.pause_at_epoch
        learner._pause_at_step, learner._pace = capture.pause_at_step, capture.pace
        if capture.recipe != capture.training.recipe:
            learner.wish = capture.recipe
        learner.state, learner.network = snapshot.state, snapshot.network
        learner.account.seconds = snapshot.seconds
        learner._curves = Curves.restore(capture.curves, snapshot)
        learner.moments = Moments.restore(
            capture.moments, [moment for moment in snapshot.moments if isinstance(moment, Kept)]
        )
        return learner

    def capture(self) -> Capture | None:
        """What it takes, beside a snapshot, to go on elsewhere; for the worker alone.

        None in the midst of a batch that is taken in chunks, before the beginning, at the end.
        """
        progress = self.progress
        if progress is None or progress.state is None or not self.is_live():
            return None
        return Capture(
            training=progress.state(),
            recipe=self.recipe,
            curves=self._curves.state(),
            moments=self.moments.state(),
            pause_at_epoch=self._pause_at_epoch,
            pause_at_step=self._pause_at_step,
            pace=self._pace,
        )

    def advance(self) -> Progress:
        """Train a little, by a changed recipe if there is one, and look closer where it is time to.

        For the worker alone, and without a lock, as this takes long. Raises StopIteration at the
        end.
        """
        previous, wish = self.progress, self.wish
        if wish is None or previous is None:
            progress = next(self.work)
        else:
            self.wish = None
            progress = self.work.send(wish)
            self._curves.mark(previous, progress)
        stepped = previous is not None and progress.step > previous.step
        if stepped and self._curves.wants_layers(progress):
            self._figures = progress.layers()
        self._moment = self.moments.take(progress, **self._special(progress))
        return progress

    def change(self, recipe: Recipe) -> None:
        """Go on by a changed recipe from the next step on; raises RecipeError if it cannot."""
        self.recipe.check_live_change(recipe, samples=self.course.samples)
        self.recipe = self.wish = recipe

    def pause(self) -> None:
        """Rest, if it runs, before the next piece of work."""
        if self.state is State.RUNNING:
            self.state = State.PAUSED

    def resume(self, *, epochs: int | None = None, batches: int | None = None) -> bool:
        """Go on, if it rests; pause again after so many more epoch ends or batches."""
        if self.state is not State.PAUSED:
            return False
        stands = self.progress or self._before
        epoch, step = (stands.epoch, stands.step) if stands else (0, 0)
        self._pause_at_epoch = None if epochs is None else epoch + epochs
        self._pause_at_step = None if batches is None else step + batches
        self.state = State.RUNNING
        return True

    def pace(self, batches_per_second: float | None) -> None:
        """From now on, take no more batches a second than these; None for full speed."""
        self._pace, self.due = batches_per_second, -math.inf

    def record(self, progress: Progress, now: float) -> None:
        """Take note of where the training stands; pause where that was asked for."""
        previous, self.progress = self.progress, progress
        self._before = None
        if self._moment is not None:
            self.moments.add(self._moment, **self._special(progress))
        if previous is None or progress.step == 0:
            return
        self._curves.add(progress, previous)
        if self._figures:
            self._curves.add_layers(progress.position, self._figures)
            self._figures = ()
        if self._pace is not None and progress.step > previous.step:
            self.due = max(self.due + 1.0 / self._pace, now)
        if self._is_to_pause(progress):
            self.pause()

    def copy_network(self, now: float) -> Network | None:
        """A fresh copy of the network, if it is time for one; for the worker alone."""
        if self.progress is None or self.progress.step == 0:
            return None
        if now - self._copied < SNAPSHOT_SECONDS and self.state is State.RUNNING:
            return None
        self._copied, self._copied_step = now, self.progress.step
        return self.progress.snapshot()

    def is_live(self) -> bool:
        """Whether it is under way: it runs, or may run again."""
        return self.state in (State.RUNNING, State.PAUSED) and not self.dropped

    def is_behind(self) -> bool:
        """Whether it rests elsewhere than where its copy of the network was taken."""
        if self.state is not State.PAUSED or self.progress is None:
            return False
        return self.progress.step > self._copied_step

    def end(self, state: State, error: Exception | None = None) -> None:
        """Nothing more is to be done: let go of all that was needed for it."""
        self.state, self.error = state, error
        network, self.course.network = self.course.network, None
        if self.progress is None:
            return
        if self.progress.step > 0 and network is not None:
            self.network = network.copy()  # where it diverged, of its last good parameters
        self.progress = replace(self.progress, snapshot=_no_more, layers=tuple, state=None)

    def snapshot(self, running: int, now: float) -> Snapshot:
        """How it stands; `running` is how many share the worker."""
        progress, curves = self.progress, self._curves
        share = self.account.share(now) if self.state is State.RUNNING else 0.0
        if progress is None and self._before is not None:
            return replace(
                self._before, state=self.state, recipe=self.recipe, running=running, share=share
            )
        return Snapshot(
            state=self.state,
            recipe=self.recipe,
            epoch=progress.epoch if progress else 0,
            position=progress.position if progress else 0.0,
            accuracy=curves.accuracy,
            points=curves.points,
            network=self.network,
            seconds_left=self._seconds_left(running),
            test=self.course.test,
            message=str(self.error or ""),
            error=self.error,
            running=running,
            seed=self.seed,
            step=progress.step if progress else 0,
            seconds=self.account.seconds,
            share=share,
            batches=curves.batches,
            marks=curves.marks,
            layers=curves.layers,
            moments=self.moments.all,
            best_epoch=curves.best_epoch,
            restarts=self._restarts,
        )

    def _is_to_pause(self, progress: Progress) -> bool:
        if progress.epoch == self.recipe.epochs:  # then only the test is to come
            return False
        if progress.epoch_end and progress.epoch == self._pause_at_epoch:
            return True
        evaluating = progress.position == int(progress.position) and not progress.epoch_end
        step = self._pause_at_step
        return step is not None and progress.step >= step and not evaluating

    def _special(self, progress: Progress) -> dict[str, bool]:
        """Whether a moment is that of the best epoch so far, or the last one."""
        last = progress.epoch_end and progress.epoch == self.recipe.epochs
        return {"best": self._curves.is_best(progress), "last": last}

    def _seconds_left(self, running: int) -> float | None:
        if self.progress is None or self.progress.position == 0:
            return None
        left = self.recipe.epochs - self.progress.position
        seconds = self.account.seconds / self.progress.position * left * max(running, 1)
        if self._pace is not None:
            seconds += self.progress.step / self.progress.position * left / self._pace
        return seconds


def _no_more() -> Network:
    raise RuntimeError("this training has ended; its network is in the learner")
