"""Metrics: how well a network does on labelled digits.

Evaluations go in chunks of some hundreds of images; `evaluation_steps` pauses between them, so that
a scheduler can do something else. Out of scope: which data to measure on (training.py,
__main__.py).
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .layers import scaled
from .losses import softmax_cross_entropy
from .mnist import CLASSES, Dataset
from .network import CHUNK, Network

EVALUATED = 250  # samples at once: within 3 % of the time of a thousand, in a quarter of the memory


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

    @property
    def recall(self) -> NDArray[np.float64]:
        """(10,), of each digit the share that is read as it; NaN where there are none."""
        return _shares(self.confusion.diagonal(), self.confusion.sum(axis=1))

    @property
    def precision(self) -> NDArray[np.float64]:
        """(10,), of what is read as each digit the share that is it; NaN where nothing is."""
        return _shares(self.confusion.diagonal(), self.confusion.sum(axis=0))


@dataclass(frozen=True)
class Answers:
    """What a network says of each digit of a data set.

    Attributes
    ----------
    labels, said : (n,) uint8, the truth and the most probable digit
    confidence : (n,) float32, the calibrated probability of what was said, in [0, 1]
    """

    labels: NDArray[np.uint8]
    said: NDArray[np.uint8]
    confidence: NDArray[np.float32]

    @property
    def confusion(self) -> NDArray[np.int64]:
        """(10, 10), rows the truth, columns what the network said."""
        confusion = np.zeros((CLASSES, CLASSES), np.int64)
        np.add.at(confusion, (self.labels, self.said), 1)
        return confusion

    def wrong(self) -> NDArray[np.intp]:
        """The digits that are misread, the most confident error first."""
        return self._by_confidence(self.said != self.labels)

    def cell(self, truth: int, said: int) -> NDArray[np.intp]:
        """The digits in one cell of the confusion, the most confident first."""
        return self._by_confidence((self.labels == truth) & (self.said == said))

    def _by_confidence(self, chosen: NDArray[np.bool_]) -> NDArray[np.intp]:
        rows = np.flatnonzero(chosen)
        return rows[np.argsort(-self.confidence[rows], kind="stable")]


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
    total = 0.0
    for first in range(0, len(dataset), EVALUATED):
        chunk = dataset[first : first + EVALUATED]
        with np.errstate(over="ignore", invalid="ignore"):  # a loss that is NaN says it all
            logits = folded.read(chunk.images)
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


def answer_steps(
    network: Network, dataset: Dataset, *, chunk: int = CHUNK
) -> Generator[None, None, Answers]:
    """Ask a network for every digit, pausing after each chunk; the return value is the Answers.

    Parameters
    ----------
    network : read, not changed; it must not change before the last answer
    dataset : any number of digits
    chunk : how many to ask for at once

    Raises
    ------
    ValueError
        The network puts out something that is not finite: its parameters are not.
    """
    said = np.empty(len(dataset), np.uint8)
    confidence = np.empty(len(dataset), np.float32)
    x = np.empty((min(chunk, len(dataset)), network.inputs), network.params.dtype)
    for first in range(0, len(dataset), chunk):
        images = dataset.images[first : first + chunk]
        with np.errstate(over="ignore", invalid="ignore"):  # told below
            probabilities = network.predict_proba(scaled(images, out=x[: len(images)]))
        if not np.isfinite(probabilities).all():
            raise ValueError("expected a network of finite parameters, got one that overflows")
        judged = network.calibration.apply(probabilities)
        said[first : first + chunk] = judged.argmax(axis=1)
        confidence[first : first + chunk] = judged.max(axis=1)
        yield
    return Answers(dataset.labels, said, confidence)


def _shares(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    shares = np.full(len(whole), np.nan)
    np.divide(part, whole, out=shares, where=whole > 0)
    return shares
