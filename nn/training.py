"""Training: a generator that pauses every few milliseconds of work and reports its progress.

For each batch: forward, loss, backward, one optimizer step (`_Run.epoch`); at the end of an epoch,
an evaluation on validation data. Nothing here knows threads, clocks or pages: the caller decides
when work happens, and may stop at any time. The same state of the random generator gives the same
parameters, bit for bit.

A batch of more samples than the network's `chunk` is taken in chunks whose gradients are added up,
so that a full-batch step pauses too, and a convolution's patches stay few. Batch normalisation then
normalises each chunk by itself ("ghost batches": E. Hoffer et al., 2017).

Early stopping ends training when the validation accuracy has not risen above its best for
`patience` epochs, and goes back to the parameters of that epoch (L. Prechelt, "Early Stopping - But
When?", 1998; with patience: I. Goodfellow et al., "Deep Learning", 2016, algorithm 7.1).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .divergence import Watch
from .layers import Array, BatchNorm, scaled
from .losses import softmax_cross_entropy, targets
from .metrics import Evaluation, evaluation_steps
from .mnist import CLASSES, Dataset
from .network import Network, set_dropout
from .optimizers import Momentum, schedule_factor
from .pen.batches import Samples
from .recipes import Recipe, RecipeError, no_validation


@dataclass(frozen=True)
class Best:
    """The epoch with the best validation accuracy so far, the earliest of several.

    Attributes
    ----------
    epoch : counted from 1
    accuracy : on the validation set, in [0, 1]
    params, statistics : of the network as it would have predicted then, as in Network
    """

    epoch: int
    accuracy: float
    params: Array
    statistics: Array


@dataclass(frozen=True, slots=True)
class Progress:
    """The state of a training run at a pause."""

    recipe: Recipe  # as it is now, live changes included
    step: int  # optimizer steps taken
    epoch: int  # epochs completed
    position: float  # epochs completed, with the fraction of the current one
    # Means over this epoch's batches so far, in training (with dropout and batch statistics,
    # before each step), and over the latest batch; NaN before the first batch.
    loss: float
    accuracy: float
    batch_loss: float
    batch_accuracy: float
    learning_rate: float  # of the latest step
    epoch_end: bool  # True once per epoch, after its evaluation
    ended: bool  # whether no further step follows
    validation: Evaluation | None  # on the validation set, at the end of an epoch
    # Returns a frozen copy of the network as it would predict now; call it before the generator
    # continues.
    snapshot: Callable[[], Network]


Pauses: TypeAlias = Generator[Progress, Recipe | None, None]
Training: TypeAlias = Generator[Progress, Recipe | None, Progress]


def train(
    network: Network,
    train_set: Dataset,
    validation_set: Dataset | None,
    recipe: Recipe,
    *,
    rng: np.random.Generator,
    position: float = 0.0,
    step: int = 0,
    best: Best | None = None,
) -> Training:
    """Train a network in place, by a recipe.

    A changed recipe may be sent into the generator (`send`). Its learning rate, dropout, momentum
    and optimizer apply from the next step on; a new optimizer starts with an empty state. Its batch
    size applies from the next batch on, and the schedule continues from the same position.

    Closing the generator stops the training run and leaves the network as the latest step left it.
    At the end the network holds the parameters that predict: those of the best epoch, if the recipe
    has a patience, or else the average of weights, if it asks for one.

    Parameters
    ----------
    network : of any architecture of the data's width; its parameters change in place
    train_set, validation_set : the latter may be None
    recipe : what it says of layers is not used, the network has its own
    rng : shuffles the samples and draws dropout
    position, step : epochs and optimizer steps that the network was trained for already: a training
        run that was interrupted continues there, with its schedule but a fresh optimizer
    best : the best epoch of that training run; only a recipe with a patience needs it

    Yields
    ------
    Progress, after every batch or chunk of it, and at the end of every epoch; the
    generator's return value is the last one

    Raises
    ------
    RecipeError
        The batch size exceeds the training set, there is a patience but no validation set, or a
        sent recipe differs in a fixed field.
    DivergenceError
        Loss or parameters are no longer finite, or after 50 steps the smoothed loss stays above
        three times its first value and above that of guessing, or the loss at the end is above
        three times both.
    """
    recipe.check_size(len(train_set))
    if recipe.patience and validation_set is None:
        raise no_validation(recipe.patience)
    run = _Run(network, train_set, recipe, rng, position, step, best)
    yield from run.pause()
    while not run.ended:
        yield from run.epoch()
        validation = None
        if validation_set is not None:
            validation = yield from run.validate(validation_set)
        yield from run.pause(epoch_end=True, validation=validation)
    run.watch.check_end(run.steps, run.recipe.learning_rate)
    run.finish()
    return run.progress(epoch_end=False, validation=None)


class _Run:
    """The state of a training run between its steps."""

    def __init__(
        self,
        network: Network,
        data: Dataset,
        recipe: Recipe,
        rng: np.random.Generator,
        position: float,
        step: int,
        best: Best | None,
    ) -> None:
        self.network, self.recipe, self.rng = network, recipe, rng
        self.data_size = len(data)
        self.samples = Samples(data, recipe, rng)
        self.optimizer = recipe.build_optimizer(network.params, network.grads)
        self.average: Array | None = network.params.copy() if recipe.weight_average else None
        self.best = best if recipe.patience else None
        self.normalises = any(isinstance(layer, BatchNorm) for layer in network.layers)
        self.watch = Watch(network, every=math.ceil(len(self.samples) / self.batch_size))
        self.learning_rate = recipe.learning_rate
        self.steps, self.epochs_done = step, int(position)
        batches = position % 1.0 * len(self.samples) / self.batch_size
        self.seen = math.floor(batches + 1e-6) * self.batch_size  # samples of this epoch
        self.sums = np.zeros(3)  # over this epoch's digits: losses, correct ones, all
        self.batch_loss = self.batch_accuracy = math.nan
        set_dropout(network, recipe.dropout)

    @property
    def batch_size(self) -> int:
        return self.recipe.batch_size or len(self.samples)

    @property
    def ended(self) -> bool:
        """Whether all epochs are done, or the best one is as old as the patience."""
        since = 0 if self.best is None else self.epochs_done - self.best.epoch
        return self.epochs_done >= self.recipe.epochs or 0 < self.recipe.patience <= since

    def epoch(self) -> Pauses:
        """One pass over the samples, in random order."""
        n, network = len(self.samples), self.network
        self.sums = np.zeros(3)
        # For one batch of all samples the order makes no difference.
        order = self.rng.permutation(n) if self.batch_size < n else np.arange(n)
        while self.seen < n:
            start, before = self.seen, self.sums
            batch = order[start : start + self.batch_size]
            if self.normalises and len(batch) == 1 and start > 0:
                break  # a single last sample has no variance to normalise by
            for _ in self.samples.write(batch):
                yield from self.pause()
            chunks = np.array_split(batch, math.ceil(len(batch) / network.chunk))
            total = np.zeros_like(network.grads) if len(chunks) > 1 else None
            for chunk in chunks:
                if self.seen > start:
                    yield from self.pause()
                images, labels = self.samples.batch(chunk)  # (m, 784) uint8, (m,)
                x = scaled(images, network.params.dtype)
                with np.errstate(over="ignore", invalid="ignore"):  # the watch will notice
                    logits = network.forward(x, training=True, rng=self.rng)  # (m, 10)
                    dlogits = self.loss(logits, labels)
                    network.backward(dlogits * (len(chunk) / len(batch)))
                    if total is not None:
                        total += network.grads
                self.seen += len(chunk)
            if total is not None:
                network.grads[...] = total
            loss, correct, digits = (self.sums - before).tolist()
            self.batch_loss, self.batch_accuracy = loss / max(digits, 1), correct / max(digits, 1)
            self.watch.check_loss(self.batch_loss, self.steps, self.learning_rate)
            self.step(start)
            if self.seen < n:
                yield from self.pause()
        self.epochs_done += 1
        self.seen = 0
        self.watch.check_parameters(self.steps, self.learning_rate)

    def loss(self, logits: Array, labels: NDArray[np.uint8]) -> Array:
        """Add to the sums, over digits alone; return the gradient of the loss, dL/dlogits."""
        recipe = self.recipe
        target = targets(labels, label_smoothing=recipe.label_smoothing, dtype=logits.dtype)
        losses, dlogits = softmax_cross_entropy(logits, target, epsilon=recipe.loss_epsilon)
        is_digit = labels < CLASSES
        correct = np.count_nonzero(logits.argmax(axis=1) == labels)
        self.sums = self.sums + np.array(
            [losses[is_digit].sum(), correct, np.count_nonzero(is_digit)]
        )
        return dlogits

    @np.errstate(over="ignore", invalid="ignore")
    def step(self, seen: int) -> None:
        """Change the parameters once, for a batch that begins after `seen` samples."""
        recipe, grads = self.recipe, self.network.grads
        if recipe.clip_norm:  # R. Pascanu et al., 2013
            grads *= min(recipe.clip_norm / max(math.sqrt(float(grads @ grads)), 1e-30), 1.0)
        n = len(self.samples)
        steps_per_epoch = n / self.batch_size
        self.learning_rate = recipe.learning_rate * schedule_factor(
            recipe.schedule,
            (self.epochs_done + seen / n) * steps_per_epoch,
            total_steps=recipe.epochs * steps_per_epoch,
            warmup_steps=recipe.warmup * steps_per_epoch,
        )
        self.optimizer.step(self.learning_rate)
        self.steps += 1
        if self.average is not None:
            # Early on, an average over all steps so far, which forgets the random start.
            kept = min(recipe.weight_average, self.steps / (self.steps + 10))
            self.average += (1.0 - kept) * (self.network.params - self.average)

    def validate(self, dataset: Dataset) -> Generator[Progress, Recipe | None, Evaluation]:
        """Evaluate on a data set with the recipe's loss, with pauses; take note of the best."""
        smoothing, epsilon = self.recipe.label_smoothing, self.recipe.loss_epsilon
        network = self.snapshot()
        for evaluation in evaluation_steps(  # noqa: B007, as the last one is returned
            network, dataset, label_smoothing=smoothing, epsilon=epsilon
        ):
            yield from self.pause()
        accuracy = evaluation.accuracy
        if self.recipe.patience and (self.best is None or accuracy > self.best.accuracy):
            self.best = Best(self.epochs_done, accuracy, network.params, network.statistics)
        return evaluation

    def finish(self) -> None:
        """Give the network the parameters that predict."""
        if self.best is not None:
            self.network.params[...] = self.best.params
            self.network.statistics[...] = self.best.statistics
        elif self.average is not None:
            self.network.params[...] = self.average
        self.average = None

    def snapshot(self) -> Network:
        """A frozen copy of the network as it would predict now."""
        twin = self.network.copy()
        if self.average is not None:
            twin.params[...] = self.average
        return twin.freeze()

    def progress(self, *, epoch_end: bool, validation: Evaluation | None) -> Progress:
        """Where the training run is."""
        losses, correct, digits = self.sums.tolist()
        mean = 1.0 / digits if digits else math.nan
        return Progress(
            recipe=self.recipe,
            step=self.steps,
            epoch=self.epochs_done,
            position=self.epochs_done + self.seen / len(self.samples),
            loss=losses * mean,
            accuracy=correct * mean,
            batch_loss=self.batch_loss,
            batch_accuracy=self.batch_accuracy,
            learning_rate=self.learning_rate,
            epoch_end=epoch_end,
            ended=self.ended,
            validation=validation,
            snapshot=self.snapshot,
        )

    def pause(self, *, epoch_end: bool = False, validation: Evaluation | None = None) -> Pauses:
        """Report the progress; continue with a changed recipe if one is sent."""
        changed = yield self.progress(epoch_end=epoch_end, validation=validation)
        if changed is not None:
            self.recipe.check_live_change(changed, samples=self.data_size)
            before, self.recipe = self.recipe, changed
            if changed.optimizer != before.optimizer:
                self.optimizer = changed.build_optimizer(self.network.params, self.network.grads)
            elif isinstance(self.optimizer, Momentum):
                self.optimizer.momentum = changed.momentum
            set_dropout(self.network, changed.dropout)


def split_validation(dataset: Dataset, recipe: Recipe) -> tuple[Dataset, Dataset | None]:
    """Split a data set into training and validation samples, by a recipe.

    The last `recipe.validation` samples are for validation, the first `recipe.samples` of the
    others, or all of them, for training. Raises RecipeError if there are too few samples.
    """
    first = len(dataset) - recipe.validation
    if recipe.validation >= max(len(dataset), 1):
        raise RecipeError(
            f"validation: expected fewer than the {len(dataset)} training samples, "
            f"got {recipe.validation}",
            kind="validation",
            available=len(dataset),
            value=recipe.validation,
        )
    if recipe.samples > first:
        raise RecipeError(
            f"samples: expected at most the {first} samples that are not kept for validation, "
            f"got {recipe.samples}; lower it, or use 0 for all",
            kind="samples",
            available=first,
            value=recipe.samples,
        )
    validation = dataset[first:] if recipe.validation else None
    used = recipe.samples or first
    return dataset if used == len(dataset) else dataset[:used], validation
