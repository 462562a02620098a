"""Calibration: what a network's probabilities are worth, found on data it was not trained on.

    q_k = p_k^(1/T) / Σ p_j^(1/T)       temperature T: the same answers, with an honest confidence
    evidence = q_first + q_second       low where the network sees no digit: it cannot be 4 *or* 9

T minimises the cross-entropy on validation digits. A mark with less evidence than nearly all of
them have is refused; an answer is unsure below the confidence above which nearly all are right.

Source: C. Guo, G. Pleiss, Y. Sun, K. Weinberger, "On Calibration of Modern Neural Networks",
2017. Out of scope: the marks themselves (reading.py).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .layers import Array

BINS = 15  # of the calibration error
REFUSED = 0.01  # the share of validation digits whose evidence may be called too low
RIGHT = 0.998  # the share of sure answers that must be right
TEMPERATURES = (0.05, 20.0)
TINY = 1e-30  # keeps log(0) away


@dataclass(frozen=True)
class Calibration:
    """How to judge a network's probabilities; as it is by default, they are taken as they are.

    Attributes
    ----------
    temperature : T, from 0.05 to 20; above 1 lowers every confidence
    unsure_below : in [0, 1]; with less confidence than this, the runner-up is named too
    refuse_below : in [0, 1]; with less evidence than this, the mark is no digit
    """

    temperature: float = 1.0
    unsure_below: float = 0.75
    refuse_below: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            low, high = TEMPERATURES if field.name == "temperature" else (0.0, 1.0)
            value = getattr(self, field.name)
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not (number and low <= value <= high):  # a NaN fails, too
                raise ValueError(
                    f"{field.name}: expected a number from {low:g} to {high:g}, got {value!r}"
                )

    def apply(self, probabilities: Array) -> Array:
        """Probabilities at this temperature, (n, 10), of the same dtype; rows sum to 1."""
        if self.temperature == 1.0:
            return probabilities
        return _tempered(probabilities, self.temperature)

    def to_dict(self) -> dict[str, float]:
        """All fields, fit for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Calibration:
        """A calibration from `to_dict`'s fields; raises ValueError where they are no such."""
        if not isinstance(values, dict) or values.keys() - {field.name for field in fields(cls)}:
            raise ValueError(f"expected a calibration's fields, got {values!r}")
        return cls(**values)


def calibrate(probabilities: Array, labels: NDArray[np.uint8]) -> Calibration:
    """Fit a calibration to what a network says of digits it was not trained on.

    Parameters
    ----------
    probabilities : (n, 10), as the network puts them out
    labels : (n,) from 0 to 9
    """
    temperature = _fit_temperature(probabilities, labels)
    judged = _tempered(probabilities, temperature)
    shown = evidence(judged)
    refuse_below = float(np.quantile(shown, REFUSED))
    kept = shown >= refuse_below
    confidence = judged[kept].max(axis=1)
    right = judged[kept].argmax(axis=1) == labels[kept]
    order = np.argsort(-confidence)
    share = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    sure = np.flatnonzero(share >= RIGHT)
    unsure_below = float(confidence[order[sure[-1]]]) if len(sure) else 1.0
    return Calibration(temperature, min(max(unsure_below, 0.5), 0.99), min(refuse_below, 0.99))


def evidence(probabilities: Array) -> NDArray[np.floating[Any]]:
    """The two most probable digits' share of each row, (n,)."""
    ranked = np.partition(probabilities, -2, axis=1)[:, -2:]
    both: NDArray[np.floating[Any]] = np.minimum(ranked.sum(axis=1), 1.0)
    return both


def calibration_error(
    confidence: NDArray[np.floating[Any]], right: NDArray[np.bool_], *, bins: int = BINS
) -> float:
    """Expected calibration error: the mean gap between confidence and accuracy, over equal bins.

    Source: M. Naeini, G. Cooper, M. Hauskrecht, "Obtaining Well Calibrated Probabilities Using
    Bayesian Binning", 2015.

    Parameters
    ----------
    confidence : (n,) in [0, 1]
    right : (n,), whether each answer was

    Returns
    -------
    In [0, 1]; 0 where each bin's answers are right as often as they say
    """
    places = np.minimum((confidence * bins).astype(np.intp), bins - 1)
    gaps = np.bincount(places, confidence, bins) - np.bincount(places, right, bins)
    return float(np.abs(gaps).sum() / max(len(confidence), 1))


def _tempered(probabilities: Array, temperature: float) -> Array:
    scores = np.log(np.maximum(probabilities, TINY)) / temperature
    scores -= scores.max(axis=1, keepdims=True)
    q: Array = np.exp(scores, dtype=probabilities.dtype)
    q /= q.sum(axis=1, keepdims=True)
    return q


def _fit_temperature(probabilities: Array, labels: NDArray[np.uint8]) -> float:
    """The temperature of the least cross-entropy, by golden-section search over log T."""
    rows = np.arange(len(labels))
    exact = probabilities.astype(np.float64)

    def loss(log_temperature: float) -> float:
        q = _tempered(exact, math.exp(log_temperature))
        return -float(np.log(np.maximum(q[rows, labels], TINY)).mean())

    low, high = (math.log(limit) for limit in TEMPERATURES)
    golden = (math.sqrt(5) - 1) / 2
    while high - low > 1e-3:
        left, right = high - golden * (high - low), low + golden * (high - low)
        low, high = (low, right) if loss(left) < loss(right) else (left, high)
    return math.exp((low + high) / 2)
