"""One training run: its work, what it is doing now, and a copy of its network to read with.

Only the scheduler's thread advances it; what a page sees of it is a Snapshot.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from dataclasses import replace

import numpy as np

from nn import Dataset, Network, Progress, Recipe, split_validation, teach, train
from nn.metrics import Evaluation, evaluation_steps

from .history import History
from .limits import is_short
from .snapshot import Snapshot, State

SNAPSHOT_SECONDS = 0.2  # between two copies of a network for its visitor's drawing
RECENT_SECONDS = 3.0  # over which a run's share of the time is measured; older work fades out

Data = tuple[Dataset, Dataset]  # training set, test set


class TrainingRun:
    """A training run that was started.

    Parameters
    ----------
    recipe, seed : of the run
    load_data : returns training and test set; called when the work begins
    visitor : whose it is
    now : seconds, by the scheduler's clock
    epochs, batches : pause after so many; None to go through
    begins : the run that it continues, whose network it takes with a fresh optimizer
    drawings : to teach that network, instead of training it; None to train

    Attributes
    ----------
    recipe : may be replaced at any moment; the work takes it up at its next pause
    seen : when its page last looked
    released : its page's connection is lost
    dropped : nobody needs it any more
    due : when its next batch may come at the earliest, in slow motion
    network : the latest copy; None before the first step
    """

    def __init__(
        self,
        recipe: Recipe,
        seed: int,
        load_data: Callable[[], Data],
        *,
        visitor: str,
        now: float,
        epochs: int | None = None,
        batches: int | None = None,
        begins: Snapshot | None = None,
        drawings: Dataset | None = None,
    ) -> None:
        self.recipe, self.seed, self.visitor, self.drawings = recipe, seed, visitor, drawings
        self.state = State.RUNNING
        self.seen, self.released, self.dropped = now, False, False
        self.due = -math.inf
        self.samples: int | None = None
        self.progress: Progress | None = None
        self.network: Network | None = None
        self.test: Evaluation | None = None
        self.error: Exception | None = None
        self.seconds = begins.seconds if begins else 0.0
        self.history = History(begins.position if begins else 0.0)
        self.work = self._work(load_data, begins)
        self._sent = recipe  # the recipe the work has now
        self._trained: Network | None = None
        self._copied, self._copied_step = -math.inf, 0
        self._begins = (int(begins.position), begins.step) if begins else (0, 0)
        self._pause_after(epochs, batches)
        self._batches_per_second: float | None = None
        self._began = self._charged = now
        self._recent = 0.0  # seconds of work, each weighted by exp(-age / RECENT_SECONDS)

    def _work(
        self, load_data: Callable[[], Data], begins: Snapshot | None
    ) -> Generator[Progress, Recipe | None, None]:
        """All there is to do: train, then test; a changed recipe can be sent in."""
        train_set, test_set = load_data()
        if begins is None or begins.network is None:
            position, step, best, rng = 0.0, 0, None, np.random.default_rng(self.seed)
            network = self.recipe.build_network(rng=rng)
        else:  # with other random numbers than from the start
            position, step, best = begins.position, begins.step, begins.best_network
            rng, network = np.random.default_rng([self.seed, step]), begins.network.copy()
        self._trained = network
        fitting, validation = split_validation(train_set, self.recipe)
        self.samples = len(fitting)
        if self.drawings is not None:
            yield from teach(network, self.drawings, train_set, rng=rng, recipe=self.recipe)
        else:
            yield from train(
                network,
                fitting,
                validation,
                self.recipe,
                rng=rng,
                position=position,
                step=step,
                best=best,
            )
        test = None
        for evaluation in evaluation_steps(network, test_set):
            test = evaluation
            if self.progress is not None:
                yield replace(self.progress, epoch_end=False, validation=None)
        self.test = test

    def advance(self) -> Progress:
        """Train up to the next pause, by a changed recipe if there is one.

        Takes some milliseconds, so no lock may be held. Raises StopIteration at the end.
        """
        recipe = self.recipe  # a page may set another at any moment
        changed = self.progress is not None and recipe != self._sent
        if changed:
            self._sent = recipe
        return self.work.send(recipe if changed else None)

    def record(self, progress: Progress, now: float) -> None:
        """Take note of a pause; pause the run where that was asked for."""
        previous, self.progress = self.progress, progress
        if self._trained is not None:
            self.history.add(progress, previous, self._trained, self.seconds)
        if previous is None or progress.step == 0:
            return
        if self._batches_per_second is not None and progress.step > previous.step:
            self.due = max(self.due + 1.0 / self._batches_per_second, now)
        if self._is_to_pause(progress):
            self.pause()

    def charge(self, seconds: float, now: float) -> None:
        """Some work was done on it."""
        self.seconds += seconds
        self._recent = self._recent * _weight(now - self._charged) + seconds
        self._charged = now

    def change(self, recipe: Recipe) -> None:
        """Go on with a changed recipe from the next step on; raises RecipeError if it cannot."""
        self.recipe.check_live_change(recipe, samples=self.samples)
        self.recipe = recipe

    def pause(self) -> None:
        """Pause before the next piece of work, if it is running."""
        if self.state is State.RUNNING:
            self.state = State.PAUSED

    def resume(self, *, epochs: int | None = None, batches: int | None = None) -> None:
        """Go on, if it is paused; pause again after so many more epoch ends or batches."""
        if self.state is State.PAUSED:
            self._pause_after(epochs, batches)
            self.state = State.RUNNING

    def _pause_after(self, epochs: int | None, batches: int | None) -> None:
        done = (self.progress.epoch, self.progress.step) if self.progress else self._begins
        self._pause_at_epoch = None if epochs is None else done[0] + epochs
        self._pause_at_step = None if batches is None else done[1] + batches

    def pace(self, batches_per_second: float | None) -> None:
        """From now on, take at most so many batches per second; None for full speed."""
        self._batches_per_second, self.due = batches_per_second, -math.inf

    def copy_network(self, now: float) -> None:
        """Take a fresh copy of the network for the page, if it is time for one."""
        if self.progress is None or self.progress.step == self._copied_step:
            return
        if now - self._copied >= SNAPSHOT_SECONDS or self.state is not State.RUNNING:
            self._copied, self._copied_step = now, self.progress.step
            self.network = self.progress.snapshot()

    @property
    def queues(self) -> bool:
        """Whether it is to work alone of its kind: it teaches, and is soon done."""
        teaches = self.drawings is not None and self._batches_per_second is None
        return teaches and is_short(self.recipe)

    @property
    def waits(self) -> bool:
        """Whether it has not begun because others of its kind come first."""
        return self.queues and self.progress is None

    @property
    def is_live(self) -> bool:
        """Whether it is running, or may run again."""
        return self.state in (State.RUNNING, State.PAUSED) and not self.dropped

    @property
    def needs_copy(self) -> bool:
        """Whether it was paused after its latest copy was taken."""
        paused = self.state is State.PAUSED and self.progress is not None
        return paused and self.progress.step > self._copied_step  # type: ignore[union-attr]

    def end(self, state: State, error: Exception | None = None) -> None:
        """Nothing more is to be done: free all that was needed for it."""
        self.state, self.error = state, error
        network, self._trained = self._trained, None
        if self.progress is None:
            return
        self.progress = replace(self.progress, snapshot=_ended)
        if self.progress.step > 0 and network is not None:  # last: there may be no memory for it
            self.network = network.copy().freeze()  # if it diverged, of its last good parameters

    def snapshot(self, running: int, now: float, *, waiting: bool = False) -> Snapshot:
        """The run as it is now; `running` is how many take turns, it does not while `waiting`."""
        progress, history = self.progress, self.history
        return Snapshot(
            state=self.state,
            recipe=self.recipe,
            seed=self.seed,
            epoch=progress.epoch if progress else 0,
            step=progress.step if progress else 0,
            position=progress.position if progress else 0.0,
            accuracy=history.accuracy,
            points=tuple(history.points),
            batches=tuple(history.batches),
            layers=tuple(point for layers in history.layers for point in layers),
            marks=tuple(history.marks),
            moments=history.moments,
            best=history.best,
            network=self.network,
            test=self.test,
            error=self.error,
            seconds=self.seconds,
            seconds_left=self._seconds_left(running),
            running=running,
            share=self._share(now) if self.state is State.RUNNING else 0.0,
            waiting=waiting,
            drawings=self.drawings,
        )

    def _is_to_pause(self, progress: Progress) -> bool:
        if progress.ended:  # only the test is left
            return False
        if progress.epoch_end and progress.epoch == self._pause_at_epoch:
            return True
        validating = progress.position == int(progress.position) and not progress.epoch_end
        step = self._pause_at_step
        return step is not None and progress.step >= step and not validating

    def _share(self, now: float) -> float:
        """Its share of the recent time, in [0, 1]."""
        whole = RECENT_SECONDS * (1.0 - _weight(now - self._began))
        return min(self._recent * _weight(now - self._charged) / whole, 1.0) if whole > 0 else 0.0

    def _seconds_left(self, running: int) -> float | None:
        if self.progress is None or self.progress.position == 0:
            return None
        left = self.recipe.epochs - self.progress.position
        seconds = self.seconds / self.progress.position * left * max(running, 1)
        if self._batches_per_second is not None:
            seconds += self.progress.step / self.progress.position * left / self._batches_per_second
        return seconds


def _weight(age: float) -> float:
    return math.exp(-max(age, 0.0) / RECENT_SECONDS)


def _ended() -> Network:
    raise RuntimeError("this training run has ended; its network is its snapshot's")
