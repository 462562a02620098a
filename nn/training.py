"""Training: a generator that pauses every few milliseconds of work and tells how far it is.

For each batch: forward, loss, backward, one optimizer step; at an epoch's end, an evaluation on
validation data. Nothing here knows threads, clocks or pages: who iterates decides when work
happens, and may stop at any time. The same random generator state gives the same weights.

Batches above a thousand samples are taken in chunks whose gradients are added up, so that a
full-batch step pauses too. Batch normalisation then normalises each chunk by itself ("ghost
batches": E. Hoffer et al., 2017).
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator

import numpy as np
from numpy.typing import NDArray

from . import schedules
from .diagnostics import LayerFigures, layer_figures
from .layers import Array, BatchNorm, Pixels, scaled
from .losses import softmax_cross_entropy
from .metrics import Evaluation, evaluation_steps
from .mnist import CLASSES, Dataset
from .network import CHUNK, Network, set_dropout
from .optimizers import Momentum
from .pen import NO_DIGIT
from .progress import Progress
from .recipes import Recipe
from .state import NUMBERS, TrainingState
from .supply import Supply
from .watch import CHECK_STEPS, Watch


def train(
    network: Network,
    train_set: Dataset,
    validation_set: Dataset | None,
    recipe: Recipe,
    *,
    rng: np.random.Generator,
    resume: TrainingState | None = None,
) -> Generator[Progress, Recipe | None, None]:
    """Train a network in place, by a recipe.

    A changed recipe may be sent into the generator while it runs (`send`). Its learning rate,
    dropout, momentum and optimizer hold from the next step on; another optimizer starts with fresh
    memory. Its batch size holds from the next batch on, within the present epoch's order; the
    schedule goes on from the same position in epochs.

    Closing the generator stops the training; the network then is as the latest step left it. At
    the end it holds the weights that predict: the average of weights where the recipe asks for one.

    Parameters
    ----------
    network : of any architecture with the data's width; its parameters change in place
    train_set, validation_set : the latter may be None
    recipe : the settings; `hidden`, `activation` and `batch_norm` are not looked at again
    rng : shuffles the samples and draws dropout
    resume : where another training by this recipe stood, on the same data: `network` and `rng` are
        set to what they were there, and what follows is what would have followed there, to the bit

    Yields
    ------
    Progress, after every chunk of a thousand samples or every batch, and at every epoch's end

    Raises
    ------
    ValueError
        What is to be resumed is of another architecture, or of other data.
    RecipeError
        The recipe asks for larger batches than there is data, also when it is sent; or what was
        sent, or is to be resumed, differs in a field that is fixed while training runs.
    DivergenceError
        Loss or parameters are no longer finite, or after 50 steps the smoothed loss stays above
        three times its first value, and above that of guessing.
    """
    recipe.check_size(len(train_set))
    run = _Run(network, train_set, recipe, rng)
    if resume is not None:
        run.restore(resume)
        resume = None  # it was copied
    yield from run.report()
    while run.epochs_done < recipe.epochs or not run.judged:
        if run.judged:
            yield from run.epoch()
        validation = None if validation_set is None else (yield from run.validate(validation_set))
        run.judged = True
        yield from run.report(epoch_end=True, validation=validation)
    run.finish()


class _Run:
    """What one training keeps between its steps."""

    def __init__(
        self, network: Network, data: Dataset, recipe: Recipe, rng: np.random.Generator
    ) -> None:
        self.network, self.recipe, self.rng = network, recipe, rng
        self.samples = len(data)  # of the data set; the pen's come on top
        self.data = Supply(data, recipe, rng)
        self.optimizer = recipe.build_optimizer(network.params, network.grads)
        self.average: Array | None = network.params.copy() if recipe.weight_average else None
        self.normalises = any(isinstance(layer, BatchNorm) for layer in network.layers)
        self.learning_rate = recipe.learning_rate
        self.steps = 0
        self.scheduled = 0.0  # the steps that the schedule counts: as of one batch size all along
        self.epochs_done, self.judged = 0, True  # and whether the latest one was evaluated
        self.order: NDArray[np.integer] | None = None  # of the samples in the present epoch
        self.place = self.until = 0  # in it: where the batch in hand begins and ends
        self.within = 0.0  # the part of the present epoch that is done
        self.loss_sum, self.correct, self.digits, self.seen = 0.0, 0, 0, 0
        self.batch_loss = self.batch_accuracy = math.nan
        self.latest: NDArray[np.integer] | None = None  # the rows of the latest batch
        self.watch = Watch(network, every=CHECK_STEPS)
        self._make_room(recipe.batch_size or len(self.data))
        set_dropout(network, recipe.dropout)

    def _make_room(self, size: int) -> None:
        """For batches of this size; an epoch's steps are counted anew."""
        n, network = len(self.data), self.network
        self.batch_size = size
        chunk, workspace = min(CHUNK, size), network.workspace
        self.pixels: Pixels = workspace.array("batch", (chunk, network.inputs), np.uint8)
        self.dlogits: Array = workspace.array(
            "dlogits", (chunk, network.outputs), network.params.dtype
        )
        self.sum_of_grads = np.empty_like(network.params) if size > CHUNK else None
        self.steps_per_epoch = -(-n // size) - self._is_left_out(n - n % size, n)
        self.scheduled = (self.epochs_done + self.within) * self.steps_per_epoch
        self.watch.every = min(CHECK_STEPS, self.steps_per_epoch)

    def _take_batch_size(self) -> None:
        size = self.recipe.batch_size or len(self.data)
        if size != self.batch_size:
            self._make_room(size)

    def _is_left_out(self, first: int, last: int) -> bool:
        """Whether a batch is a lone last sample, which has no variance to normalise."""
        return self.normalises and first > 0 and last - first == 1

    def epoch(self) -> Iterator[Progress]:
        """One pass over the training set, in a new order; or the rest of it, if it was begun."""
        if self.order is None:
            self._take_batch_size()
            self.loss_sum, self.correct, self.digits, self.seen = 0.0, 0, 0, 0
            shuffled = self.batch_size < len(self.data)  # the order within one sum changes nothing
            n = len(self.data)
            order: NDArray[np.integer] = self.rng.permutation(n) if shuffled else np.arange(n)
            self.order = order.astype(np.int32)  # half the memory
            self.place = self.until = 0
        order = self.order
        while self.place < len(order):
            if self.until == self.place:
                self._take_batch_size()
                self.until = min(self.place + self.batch_size, len(order))
            if self._is_left_out(self.place, self.until):
                break
            rows = order[self.place : self.until]
            for _ in self.data.prepare(rows):
                yield from self.report()
            correct, digits = self.correct, self.digits
            loss = yield from self._gradient(rows)
            self.latest = rows
            self.batch_loss = loss
            self.batch_accuracy = (self.correct - correct) / max(self.digits - digits, 1)
            with np.errstate(over="ignore", invalid="ignore"):  # the watch will notice
                self.watch.look(loss, self.steps, self.learning_rate)
                self._clip()
                self._step()
            self.place = self.until
            if self.place < len(order):
                yield from self.report()
        self.order = None
        self.epochs_done += 1
        self.judged = False
        self.within = 0.0
        self.scheduled = float(self.epochs_done * self.steps_per_epoch)
        self.watch.check(self.steps, self.learning_rate)

    def _gradient(self, rows: NDArray[np.integer]) -> Generator[Progress, Recipe | None, float]:
        """Fill the network's `grads` with the batch's mean gradient; returns its mean loss."""
        network, n = self.network, len(rows)
        pieces = -(-n // CHUNK)
        batch_loss = 0.0
        for piece in range(pieces):
            chunk = rows[n * piece // pieces : n * (piece + 1) // pieces]
            share = len(chunk) / n
            with np.errstate(over="ignore", invalid="ignore"):  # the watch will notice
                batch_loss += share * self._chunk(chunk, share)
                if self.sum_of_grads is not None and piece == 0:
                    self.sum_of_grads[...] = network.grads
                elif self.sum_of_grads is not None:
                    self.sum_of_grads += network.grads
            if piece + 1 < pieces:
                yield from self.report(midway=True)
        if self.sum_of_grads is not None:
            network.grads[...] = self.sum_of_grads
        return batch_loss

    def _chunk(self, rows: NDArray[np.integer], share: float) -> float:
        """Fill `grads` with `share` of the rows' mean gradient; returns their mean loss."""
        pixels, labels = self._gather(rows)
        logits = self.network.read(pixels, training=True, rng=self.rng)
        digits = int(np.count_nonzero(labels < CLASSES))  # they come first
        loss, dlogits = softmax_cross_entropy(
            logits[:digits],
            labels[:digits],
            epsilon=self.recipe.loss_epsilon,
            label_smoothing=self.recipe.label_smoothing,
            out=self.dlogits[:digits],
        )
        self.correct += int(np.count_nonzero(logits[:digits].argmax(axis=1) == labels[:digits]))
        self.loss_sum += loss * digits
        self.digits += digits
        self.seen += len(rows)
        self.within = min(self.seen / len(self.data), 1.0)
        if digits < len(rows):
            dlogits = self._spread(logits, digits)
        if share < 1.0:
            dlogits *= share
        self.network.backward(dlogits)
        return loss

    def _spread(self, logits: Array, digits: int) -> Array:
        """dL/dlogits where the rows from `digits` on are none: all ten shall be as probable.

        Source: D. Hendrycks, M. Mazeika, T. Dietterich, "Deep Anomaly Detection with Outlier
        Exposure", 2019. Their loss trains; it is not part of the figure that is reported.
        """
        n, known, unknown = len(logits), self.dlogits[:digits], self.dlogits[digits : len(logits)]
        none = np.zeros(n - digits, np.uint8)  # with all of the target spread, any label will do
        softmax_cross_entropy(logits[digits:], none, label_smoothing=1.0, out=unknown)
        known *= digits / n
        unknown *= (n - digits) / n
        return self.dlogits[:n]

    def _gather(self, rows: NDArray[np.integer]) -> tuple[Pixels, NDArray[np.uint8]]:
        """The samples' pixels, (n, inputs), and their labels."""
        pixels = self.pixels[: len(rows)]
        rows = rows[np.argsort(self.data.labels[rows] == NO_DIGIT, kind="stable")]  # those last
        return pixels, self.data.take(rows, out=pixels)

    def validate(self, dataset: Dataset) -> Generator[Progress, Recipe | None, Evaluation]:
        """Evaluate on a data set as the recipe reckons a loss, pausing now and then."""
        smoothing, epsilon = self.recipe.label_smoothing, self.recipe.loss_epsilon
        steps = evaluation_steps(
            self.snapshot(), dataset, label_smoothing=smoothing, epsilon=epsilon
        )
        while True:
            try:
                next(steps)
            except StopIteration as stop:
                evaluation: Evaluation = stop.value
                return evaluation
            yield from self.report()

    def _clip(self) -> None:
        """Shorten a gradient above the recipe's norm (Pascanu et al. 2013)."""
        if not self.recipe.clip_norm:
            return
        grads = self.network.grads
        norm = math.sqrt(float(grads @ grads))
        if norm > self.recipe.clip_norm:
            grads *= self.recipe.clip_norm / norm

    def _step(self) -> None:
        recipe = self.recipe
        self.learning_rate = recipe.learning_rate * schedules.factor(
            recipe.schedule,
            self.scheduled,
            total_steps=recipe.epochs * self.steps_per_epoch,
            warmup_steps=round(recipe.warmup * self.steps_per_epoch),
        )
        self.optimizer.step(self.learning_rate)
        self.steps += 1
        self.scheduled += 1.0
        if self.average is not None:  # average += (1 - kept) (params - average)
            # Early on, an average over all steps so far: it forgets the random start.
            kept = min(recipe.weight_average, self.steps / (self.steps + 10))
            difference = np.subtract(self.network.params, self.average, out=self.optimizer.scratch)
            difference *= 1.0 - kept
            self.average += difference

    def snapshot(self) -> Network:
        """A copy of the network as it would predict now."""
        twin = self.network.copy()
        if self.average is not None:
            twin.params[...] = self.average
        return twin

    def layers(self) -> tuple[LayerFigures, ...]:
        """How the dense layers stand after the latest batch."""
        if self.latest is None:
            return ()
        images = self.data.images[self.latest[:CHUNK]]
        x = np.empty(images.shape, self.network.params.dtype)
        return layer_figures(self.network, scaled(images, out=x))

    def report(
        self,
        *,
        epoch_end: bool = False,
        validation: Evaluation | None = None,
        midway: bool = False,
    ) -> Generator[Progress, Recipe | None, None]:
        """Pause with a Progress; take a changed recipe if one comes back."""
        mean = 1.0 / self.digits if self.digits else math.nan  # of this epoch so far
        changed = yield Progress(
            recipe=self.recipe,
            step=self.steps,
            epoch=self.epochs_done,
            position=self.epochs_done + self.within,
            loss=self.loss_sum * mean,
            accuracy=self.correct * mean,
            batch_loss=self.batch_loss,
            batch_accuracy=self.batch_accuracy,
            learning_rate=self.learning_rate,
            epoch_end=epoch_end,
            validation=validation,
            snapshot=self.snapshot,
            layers=self.layers,
            state=None if midway else self.state,
        )
        if changed is not None:
            self._take(changed)

    def _take(self, changed: Recipe) -> None:
        """Go on by a changed recipe. The batch in hand keeps its size."""
        self.recipe.check_live_change(changed, samples=self.samples)
        before, self.recipe = self.recipe, changed
        if changed.optimizer != before.optimizer:
            self.optimizer = changed.build_optimizer(self.network.params, self.network.grads)
        elif isinstance(self.optimizer, Momentum):
            self.optimizer.momentum = changed.momentum
        set_dropout(self.network, changed.dropout)

    def state(self) -> TrainingState:
        """All it takes to go on from here."""
        return TrainingState(
            recipe=self.recipe,
            numbers={name: getattr(self, name) for name in NUMBERS},
            rng=self.rng.bit_generator.state,
            params=self.network.params.copy(),
            statistics=self.network.statistics.copy(),
            average=None if self.average is None else self.average.copy(),
            optimizer={name: memory.copy() for name, memory in self.optimizer.state.items()},
            optimizer_steps=self.optimizer.steps,
            order=self.order,
            watch=self.watch.state(),
            supply=self.data.state(),
        )

    def restore(self, state: TrainingState) -> None:
        """Go on from there, by this run's recipe."""
        state.check_fits(self.network.params, samples=len(self.data))
        state.recipe.check_live_change(self.recipe, samples=self.samples)
        wanted, self.recipe = self.recipe, state.recipe
        self.optimizer = state.recipe.build_optimizer(self.network.params, self.network.grads)
        for name, memory in state.optimizer.items():
            self.optimizer.state[name][...] = memory
        self.optimizer.steps = state.optimizer_steps
        self.network.params[...] = state.params
        self.network.statistics[...] = state.statistics
        self.average = None if state.average is None else state.average.copy()
        self.order = state.order
        self.watch.restore(state.watch)
        self.data.restore(state.supply)
        self.rng.bit_generator.state = state.rng
        self._make_room(int(state.numbers["batch_size"]))
        for name, number in state.numbers.items():
            setattr(self, name, number)
        self._take(wanted)

    def finish(self) -> None:
        """Leave the weights that predict in the network."""
        if self.average is not None:
            self.network.params[...] = self.average
