"""Metrics: how well a network reads labelled digits.

An evaluation takes a few hundred images at a time, and pauses in between. Out of scope: which data
to evaluate on.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .layers import scaled
from .losses import softmax_cross_entropy, targets
from .mnist import CLASSES, Dataset
from .network import Network

EVALUATED = 250  # samples at a time: 3 % slower than a thousand, with a quarter of the memory


@dataclass(frozen=True)
class Evaluation:
    """How well a network reads a data set."""

    loss: float  # mean cross-entropy in nats
    confusion: NDArray[np.int64]  # (10, 10); rows are the truth, columns the predictions

    @property
    def samples(self) -> int:
        """The number of digits."""
        return int(self.confusion.sum())

    @property
    def errors(self) -> int:
        """The number of digits that are misread."""
        return self.samples - int(self.confusion.trace())

    @property
    def accuracy(self) -> float:
        """The share of digits that are read correctly, in [0, 1]."""
        return 1.0 - self.errors / self.samples

    @property
    def recall(self) -> NDArray[np.float64]:
        """(10,), the share of each digit that is read as that digit; NaN where there are none."""
        return _shares(self.confusion.diagonal(), self.confusion.sum(axis=1))

    @property
    def precision(self) -> NDArray[np.float64]:
        """(10,), the share of each digit's predictions that are right; NaN where there are none."""
        return _shares(self.confusion.diagonal(), self.confusion.sum(axis=0))


@dataclass(frozen=True)
class Answers:
    """A network's prediction for each digit of a data set."""

    labels: NDArray[np.uint8]  # (n,), the truth
    said: NDArray[np.uint8]  # (n,), the predictions
    confidence: NDArray[np.float32]  # (n,) in [0, 1], calibrated

    @property
    def confusion(self) -> NDArray[np.int64]:
        """(10, 10), rows are the truth, columns the predictions."""
        confusion = np.zeros((CLASSES, CLASSES), np.int64)
        np.add.at(confusion, (self.labels, self.said), 1)
        return confusion

    def wrong(self) -> NDArray[np.intp]:
        """Rows of the digits that are misread, the most confident error first."""
        return self._by_confidence(self.said != self.labels)

    def cell(self, truth: int, said: int) -> NDArray[np.intp]:
        """Rows of the digits in one cell of the confusion matrix, the most confident first."""
        return self._by_confidence((self.labels == truth) & (self.said == said))

    def _by_confidence(self, chosen: NDArray[np.bool_]) -> NDArray[np.intp]:
        rows = np.flatnonzero(chosen)
        return rows[np.argsort(-self.confidence[rows], kind="stable")]


def evaluation_steps(
    network: Network, dataset: Dataset, *, label_smoothing: float = 0.0, epsilon: float = 0.0
) -> Generator[Evaluation, None, Evaluation]:
    """Evaluate chunk by chunk; yields, and in the end returns, the evaluation of all digits so far.

    Parameters
    ----------
    network : must not change before the evaluation ends
    dataset : at least one digit
    label_smoothing, epsilon : of the loss, to compare it with a training loss
    """
    if len(dataset) == 0:
        raise ValueError("expected at least one digit to evaluate on, got none")
    folded = network.folded()
    dtype = folded.params.dtype
    evaluation = Evaluation(0.0, np.zeros((CLASSES, CLASSES), np.int64))
    total = 0.0
    size = min(EVALUATED, network.chunk)
    for first in range(0, len(dataset), size):
        chunk = dataset[first : first + size]
        target = targets(chunk.labels, label_smoothing=label_smoothing, dtype=dtype)
        with np.errstate(over="ignore", invalid="ignore"):  # then the loss is NaN
            logits = folded.forward(scaled(chunk.images, dtype))
            losses, _ = softmax_cross_entropy(logits, target, epsilon=epsilon)
        total += float(losses.sum())
        confusion = evaluation.confusion.copy()
        np.add.at(confusion, (chunk.labels, logits.argmax(axis=1)), 1)
        evaluation = Evaluation(total / (first + len(chunk)), confusion)
        yield evaluation
    return evaluation


def evaluate(network: Network, dataset: Dataset) -> Evaluation:
    """Loss and confusion matrix of a network on a data set, without pauses."""
    *_, evaluation = evaluation_steps(network, dataset)
    return evaluation


def answer_steps(
    network: Network, dataset: Dataset, *, chunk: int = EVALUATED
) -> Generator[None, None, Answers]:
    """Predict every digit, pausing after each chunk; the generator's return value is the Answers.

    Parameters
    ----------
    network : must not change before the last prediction
    dataset : any number of digits
    chunk : digits at a time

    Raises
    ------
    ValueError
        A prediction is not finite.
    """
    said = np.empty(len(dataset), np.uint8)
    confidence = np.empty(len(dataset), np.float32)
    for first in range(0, len(dataset), chunk):
        images = dataset.images[first : first + chunk]
        with np.errstate(over="ignore", invalid="ignore"):  # raises below
            probabilities = network.predict_proba(scaled(images, network.params.dtype))
        if not np.isfinite(probabilities).all():
            raise ValueError("expected finite parameters, got a network that overflows")
        judged = network.calibration.apply(probabilities)
        said[first : first + chunk] = judged.argmax(axis=1)
        confidence[first : first + chunk] = judged.max(axis=1)
        yield
    return Answers(dataset.labels, said, confidence)


def _shares(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    shares = np.full(len(whole), np.nan)
    np.divide(part, whole, out=shares, where=whole > 0)
    return shares
