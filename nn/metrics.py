"""Metrics: how well a network does on labelled digits.

Evaluations go in chunks of a thousand images; `evaluation_steps` pauses between them, so that a
scheduler can do something else. Out of scope: which data to measure on (training.py, __main__.py).
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .layers import Array
from .losses import softmax_cross_entropy
from .mnist import CLASSES, Dataset
from .network import CHUNK, Network


@dataclass(frozen=True)
class Evaluation:
    """What a network says of a data set.

    Attributes
    ----------
    loss : mean cross-entropy in nats
    confusion : (10, 10) int64, rows the truth, columns what the network said
    """

    loss: float
    confusion: NDArray[np.int64]

    @property
    def samples(self) -> int:
        """How many digits were judged."""
        return int(self.confusion.sum())

    @property
    def errors(self) -> int:
        """How many of them the network got wrong."""
        return self.samples - int(self.confusion.trace())

    @property
    def accuracy(self) -> float:
        """The share it got right, in [0, 1]."""
        return 1.0 - self.errors / self.samples


def scaled(images: NDArray[np.uint8], out: Array) -> Array:
    """Pixels from 0 to 255 as floats in [0, 1], written into `out` of the same shape."""
    np.copyto(out, images)
    out *= 1.0 / 255.0
    return out


def evaluation_steps(
    network: Network, dataset: Dataset, *, label_smoothing: float = 0.0, epsilon: float = 0.0
) -> Generator[None, None, Evaluation]:
    """Evaluate in chunks, pausing after each; the generator's return value is the Evaluation.

    Parameters
    ----------
    network : read, not changed; it must not change before the evaluation ends
    dataset : one digit or more
    label_smoothing, epsilon : of the loss, where it is to be compared with a training's
    """
    if len(dataset) == 0:
        raise ValueError("expected at least one digit to evaluate on, got none")
    folded = network.folded()
    confusion = np.zeros((CLASSES, CLASSES), np.int64)
    x = np.empty((min(CHUNK, len(dataset)), network.inputs), network.params.dtype)
    total = 0.0
    for first in range(0, len(dataset), CHUNK):
        chunk = dataset[first : first + CHUNK]
        with np.errstate(over="ignore", invalid="ignore"):  # a loss that is NaN says it all
            logits = folded.forward(scaled(chunk.images, out=x[: len(chunk)]))
            loss, _ = softmax_cross_entropy(
                logits, chunk.labels, epsilon=epsilon, label_smoothing=label_smoothing
            )
        np.add.at(confusion, (chunk.labels, logits.argmax(axis=1)), 1)
        total += loss * len(chunk)
        yield
    return Evaluation(total / len(dataset), confusion)


def evaluate(network: Network, dataset: Dataset) -> Evaluation:
    """Loss and confusion of a network on a data set, in one go."""
    steps = evaluation_steps(network, dataset)
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            evaluation: Evaluation = stop.value
            return evaluation
