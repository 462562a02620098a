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
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import schedules
from .layers import Array, BatchNorm, Dropout
from .losses import softmax_cross_entropy
from .metrics import Evaluation, evaluation_steps, scaled
from .mnist import CLASSES, Dataset
from .network import CHUNK, Network
from .pen import NO_DIGIT
from .recipes import Recipe, RecipeError
from .supply import Supply

DIVERGENCE_FACTOR = 3.0  # the smoothed loss above this many times its first value ...
GUESSING = math.log(CLASSES)  # ... and above the loss of ten equal probabilities ...
DIVERGENCE_STEPS = 50  # ... after this many steps: the training has diverged
SMOOTHING = 0.9  # of the loss that is watched for divergence
CHECK_STEPS = 50  # how often the parameters are looked at, and the good ones kept


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a training stands.

    Attributes
    ----------
    recipe : as it is now; live changes show here
    step : optimizer steps taken
    epoch : epochs completed, from 0
    position : epochs completed, with the fraction of the present one
    loss, accuracy : the means over this epoch's batches so far, as they were trained on (with
        dropout and batch statistics, before each step); NaN before the first batch
    learning_rate : of the latest step
    epoch_end : True once an epoch, after its evaluation
    validation : on the validation set, at an epoch's end; None otherwise, or without such a set
    snapshot : call it for a copy of the network as it would predict now; valid until the
        generator goes on
    """

    recipe: Recipe
    step: int
    epoch: int
    position: float
    loss: float
    accuracy: float
    learning_rate: float
    epoch_end: bool
    validation: Evaluation | None
    snapshot: Callable[[], Network]


class DivergenceError(ArithmeticError):
    """A training came to numbers that learn nothing; the network got its last good ones back.

    Attributes
    ----------
    step : the optimizer step at which it was noticed
    """

    def __init__(self, what: str, step: int, learning_rate: float) -> None:
        super().__init__(
            f"training diverged: {what} at step {step}; try a learning rate well below "
            f"{learning_rate:g}, such as {learning_rate / 10:g}, or a limit on the gradient's norm"
        )
        self.what, self.step = what, step


def train(
    network: Network,
    train_set: Dataset,
    validation_set: Dataset | None,
    recipe: Recipe,
    *,
    rng: np.random.Generator,
) -> Generator[Progress, Recipe | None, None]:
    """Train a network in place, by a recipe.

    A changed recipe may be sent into the generator while it runs (`send`): its learning rate and
    dropout hold from the next step on. Closing the generator stops the training; the network then
    is as the latest step left it. At the end it holds the weights that predict: the average of
    weights where the recipe asks for one.

    Parameters
    ----------
    network : of any architecture with the data's width; its parameters change in place
    train_set, validation_set : the latter may be None
    recipe : the settings; `hidden`, `activation` and `batch_norm` are not looked at again
    rng : shuffles the samples and draws dropout

    Yields
    ------
    Progress, after every chunk of a thousand samples or every batch, and at every epoch's end

    Raises
    ------
    RecipeError
        The recipe asks for larger batches than there is data; or what was sent changes a field
        that is fixed while training runs.
    DivergenceError
        Loss or parameters are no longer finite, or after 50 steps the smoothed loss stays above
        three times its first value, and above that of guessing.
    """
    recipe.check_size(len(train_set))
    run = _Run(network, train_set, recipe, rng)
    yield from run.report()
    for _ in range(recipe.epochs):
        yield from run.epoch()
        validation = None
        if validation_set is not None:
            steps = evaluation_steps(
                run.snapshot(),
                validation_set,
                label_smoothing=recipe.label_smoothing,
                epsilon=recipe.loss_epsilon,
            )
            validation = yield from _reporting(steps, run)
        yield from run.report(epoch_end=True, validation=validation)
    run.finish()


def split_validation(dataset: Dataset, recipe: Recipe) -> tuple[Dataset, Dataset | None]:
    """The training set without its last samples, and those, as the recipe's `validation` says."""
    if recipe.validation == 0:
        return dataset, None
    if recipe.validation >= len(dataset):
        raise ValueError(
            f"validation: expected fewer than the {len(dataset)} training samples, "
            f"got {recipe.validation}"
        )
    first = len(dataset) - recipe.validation
    return dataset[:first], dataset[first:]


class _Run:
    """What one training keeps between its steps."""

    def __init__(
        self, network: Network, data: Dataset, recipe: Recipe, rng: np.random.Generator
    ) -> None:
        self.network, self.recipe, self.rng = network, recipe, rng
        self.data = Supply(data, recipe, rng)
        self.optimizer = recipe.build_optimizer(network.params, network.grads)
        self.average: Array | None = network.params.copy() if recipe.weight_average else None
        self.batch_size = recipe.batch_size or len(self.data)
        self.normalises = any(isinstance(layer, BatchNorm) for layer in network.layers)
        self.steps_per_epoch = len(self._batches())
        chunk = min(CHUNK, self.batch_size)
        self.pixels = np.empty((chunk, network.inputs), np.uint8)
        self.x: Array = np.empty((chunk, network.inputs), network.params.dtype)
        self.dlogits: Array = np.empty((chunk, network.outputs), network.params.dtype)
        whole = self.batch_size > CHUNK
        self.sum_of_grads = np.empty_like(network.params) if whole else None
        self.learning_rate = recipe.learning_rate
        self.epochs_done = 0
        self.within = 0.0  # the part of the present epoch that is done
        self.loss_sum, self.correct, self.digits, self.seen = 0.0, 0, 0, 0
        self.watch = _Watch(network, every=min(CHECK_STEPS, self.steps_per_epoch))
        self._set_dropout()

    def _batches(self) -> list[tuple[int, int]]:
        """First and last sample of each batch; a lone last sample has no variance to normalise."""
        n, size = len(self.data), self.batch_size
        batches = [(first, min(first + size, n)) for first in range(0, n, size)]
        if self.normalises and len(batches) > 1 and n % size == 1:
            batches.pop()
        return batches

    def epoch(self) -> Iterator[Progress]:
        """One pass over the training set, in a new order."""
        self.loss_sum, self.correct, self.digits, self.seen = 0.0, 0, 0, 0
        shuffled = self.batch_size < len(self.data)  # the order within one sum changes nothing
        order = self.rng.permutation(len(self.data)) if shuffled else np.arange(len(self.data))
        for first, last in self._batches():
            for _ in self.data.prepare(order[first:last]):
                yield from self.report()
            loss = yield from self._gradient(order[first:last])
            with np.errstate(over="ignore", invalid="ignore"):  # the watch will notice
                self.watch.look(loss, self.optimizer.steps, self.learning_rate)
                self._clip()
                self._step()
            if last < len(self.data):
                yield from self.report()
        self.epochs_done += 1
        self.within = 0.0
        self.watch.check(self.optimizer.steps, self.learning_rate)

    def _gradient(self, rows: NDArray[np.intp]) -> Generator[Progress, Recipe | None, float]:
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
                yield from self.report()
        if self.sum_of_grads is not None:
            network.grads[...] = self.sum_of_grads
        return batch_loss

    def _chunk(self, rows: NDArray[np.intp], share: float) -> float:
        """Fill `grads` with `share` of the rows' mean gradient; returns their mean loss."""
        x, labels = self._gather(rows)
        logits = self.network.forward(x, training=True, rng=self.rng)
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

    def _gather(self, rows: NDArray[np.intp]) -> tuple[Array, NDArray[np.uint8]]:
        """The samples' pixels as floats in [0, 1], (n, inputs), and their labels."""
        pixels, x = self.pixels[: len(rows)], self.x[: len(rows)]
        rows = rows[np.argsort(self.data.labels[rows] == NO_DIGIT, kind="stable")]  # those last
        labels = self.data.take(rows, out=pixels)
        return scaled(pixels, out=x), labels

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
            self.optimizer.steps,
            total_steps=recipe.epochs * self.steps_per_epoch,
            warmup_steps=round(recipe.warmup * self.steps_per_epoch),
        )
        self.optimizer.step(self.learning_rate)
        if self.average is not None:  # average += (1 - kept) (params - average)
            # Early on, an average over all steps so far: it forgets the random start.
            kept = min(recipe.weight_average, self.optimizer.steps / (self.optimizer.steps + 10))
            difference = np.subtract(self.network.params, self.average, out=self.optimizer.scratch)
            difference *= 1.0 - kept
            self.average += difference

    def snapshot(self) -> Network:
        """A copy of the network as it would predict now."""
        twin = self.network.copy()
        if self.average is not None:
            twin.params[...] = self.average
        return twin

    def report(
        self, *, epoch_end: bool = False, validation: Evaluation | None = None
    ) -> Generator[Progress, Recipe | None, None]:
        """Pause with a Progress; take a changed recipe if one comes back."""
        mean = 1.0 / self.digits if self.digits else math.nan
        changed = yield Progress(
            recipe=self.recipe,
            step=self.optimizer.steps,
            epoch=self.epochs_done,
            position=self.epochs_done + self.within,
            loss=self.loss_sum * mean,
            accuracy=self.correct * mean,
            learning_rate=self.learning_rate,
            epoch_end=epoch_end,
            validation=validation,
            snapshot=self.snapshot,
        )
        if changed is not None:
            self.recipe.check_live_change(changed)
            self.recipe = changed
            self._set_dropout()

    def _set_dropout(self) -> None:
        layers = [layer for layer in self.network.layers if isinstance(layer, Dropout)]
        if self.recipe.dropout > 0 and not layers:
            raise RecipeError(
                f"dropout: expected 0 for a network without dropout layers, got "
                f"{self.recipe.dropout:g}; start with a rate above 0 to change it later"
            )
        for layer in layers:
            layer.rate = self.recipe.dropout

    def finish(self) -> None:
        """Leave the weights that predict in the network."""
        if self.average is not None:
            self.network.params[...] = self.average


class _Watch:
    """Notices a training that diverged, and gives the network its last good parameters back."""

    def __init__(self, network: Network, *, every: int) -> None:
        self.network, self.every = network, every
        self.good = network.copy()
        self.first: float | None = None
        self.smoothed = 0.0

    def look(self, loss: float, step: int, learning_rate: float) -> None:
        """After `step` steps, before the next: is the present parameters' loss finite, and not
        far above where it began? Where it is, they are the good ones to remember.
        """
        if not math.isfinite(loss):
            self._diverged("the loss is no longer finite", step + 1, learning_rate)
        if self.first is None:
            self.first = self.smoothed = loss
        self.smoothed += (1.0 - SMOOTHING) * (loss - self.smoothed)
        limit = max(DIVERGENCE_FACTOR * self.first, GUESSING)
        if step >= DIVERGENCE_STEPS and self.smoothed > limit:
            what = f"the loss stayed at {self.smoothed:.2f}, above three times its first value"
            self._diverged(what, step + 1, learning_rate)
        if step % self.every == 0:
            self.check(step, learning_rate)
            if max(loss, self.smoothed) <= limit:
                self.good.params[...] = self.network.params
                self.good.statistics[...] = self.network.statistics

    def check(self, step: int, learning_rate: float) -> None:
        """Are all parameters finite?"""
        network = self.network
        if not (np.isfinite(network.params).all() and np.isfinite(network.statistics).all()):
            self._diverged("parameters are no longer finite", step, learning_rate)

    def _diverged(self, what: str, step: int, learning_rate: float) -> None:
        self.network.params[...] = self.good.params
        self.network.statistics[...] = self.good.statistics
        raise DivergenceError(what, step, learning_rate)


def _reporting(
    steps: Generator[None, None, Evaluation], run: _Run
) -> Generator[Progress, Recipe | None, Evaluation]:
    """Run an evaluation, pausing with the training's progress where it pauses."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            evaluation: Evaluation = stop.value
            return evaluation
        yield from run.report()
