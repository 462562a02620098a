"""Calibration: how far a network's probabilities can be trusted, fitted on validation data.

    q_k = p_k^(1/T) / Σ p_j^(1/T)       temperature T changes the confidence, not the prediction
    evidence = q_first + q_second       of the two most probable digits; low for non-digits

T minimises the cross-entropy on validation digits. A drawing with less evidence than nearly all of
them is refused. A prediction is unsure below the confidence above which nearly all are right. Both
thresholds may be left to some of the digits.

Source: C. Guo, G. Pleiss, Y. Sun, K. Weinberger, "On Calibration of Modern Neural Networks", 2017.
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
REFUSED = 0.01  # the share of typical digits that may be refused
RIGHT = 0.999  # the share of sure predictions of typical digits that must be right
TEMPERATURES = (0.05, 20.0)
ACCEPTED = 0.95  # the share of digits accepted where false acceptances are counted
EVERY = slice(None)
TINY = 1e-30  # avoids log(0)


@dataclass(frozen=True)
class Calibration:
    """How to judge a network's probabilities; the default temperature leaves them unchanged."""

    temperature: float = 1.0  # T, from 0.05 to 20; above 1 lowers every confidence
    unsure_below: float = 0.75  # in [0, 1]; with less confidence, the runner-up is named as well
    refuse_below: float = 0.0  # in [0, 1]; with less evidence, the drawing is no digit

    def __post_init__(self) -> None:
        for field in fields(self):
            low, high = TEMPERATURES if field.name == "temperature" else (0.0, 1.0)
            value = getattr(self, field.name)
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not (number and low <= value <= high):  # False for NaN
                raise ValueError(
                    f"{field.name}: expected a number from {low:g} to {high:g}, got {value!r}"
                )

    def apply(self, probabilities: Array) -> Array:
        """Probabilities at this temperature, (n, 10), of the same dtype; rows sum to 1."""
        if self.temperature == 1.0:
            return probabilities
        return _tempered(probabilities, self.temperature)

    def to_dict(self) -> dict[str, float]:
        """All fields, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Calibration:
        """A calibration from the fields of `to_dict`; raises ValueError for anything else."""
        if not isinstance(values, dict) or values.keys() - {field.name for field in fields(cls)}:
            raise ValueError(f"expected a calibration's fields, got {values!r}")
        return cls(**values)


def calibrate(
    probabilities: Array, labels: NDArray[np.uint8], *, typical: slice = EVERY
) -> Calibration:
    """Fit a calibration to a network's predictions for digits it was not trained on.

    Parameters
    ----------
    probabilities : (n, 10), from `Network.predict_proba`
    labels : (n,) from 0 to 9
    typical : the rows that choose the two thresholds; all by default
    """
    temperature = _fit_temperature(probabilities, labels)
    judged, labels = _tempered(probabilities, temperature)[typical], labels[typical]
    certainty = evidence(judged)
    refuse_below = float(np.quantile(certainty, REFUSED))
    kept = certainty >= refuse_below
    confidence = judged[kept].max(axis=1)
    right = judged[kept].argmax(axis=1) == labels[kept]
    order = np.argsort(-confidence)
    share = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    sure = np.flatnonzero(share >= RIGHT)
    unsure_below = float(confidence[order[sure[-1]]]) if len(sure) else 1.0
    return Calibration(temperature, min(max(unsure_below, 0.5), 0.99), min(refuse_below, 0.99))


def evidence(probabilities: Array) -> NDArray[np.floating[Any]]:
    """The probability of each row's two most probable digits together, (n,)."""
    ranked = np.partition(probabilities, -2, axis=1)[:, -2:]
    both: NDArray[np.floating[Any]] = np.minimum(ranked.sum(axis=1), 1.0)
    return both


def calibration_error(
    confidence: NDArray[np.floating[Any]], right: NDArray[np.bool_], *, bins: int = BINS
) -> float:
    """Expected calibration error, in [0, 1]: the mean gap between confidence and accuracy.

    Parameters
    ----------
    confidence : (n,) in [0, 1]
    right : (n,), whether each prediction is right
    bins : of equal width, within which accuracy is measured

    Source: M. Naeini, G. Cooper, M. Hauskrecht, "Obtaining Well Calibrated Probabilities Using
    Bayesian Binning", 2015.
    """
    places = np.minimum((confidence * bins).astype(np.intp), bins - 1)
    gaps = np.bincount(places, confidence, bins) - np.bincount(places, right, bins)
    return float(np.abs(gaps).sum() / max(len(confidence), 1))


def separation(
    digits: NDArray[np.floating[Any]], others: NDArray[np.floating[Any]]
) -> tuple[float, float]:
    """How well evidence tells digits from what is none, whatever the threshold.

        AUROC = P(d > o) + P(d = o) / 2     of a digit's evidence d and a non-digit's o
        FPR   = P(o >= t)                   where t accepts 95 % of the digits: P(d >= t) = 0.95

    Parameters
    ----------
    digits, others : (m,) and (n,), the evidence of each; neither is empty

    Returns
    -------
    AUROC, in [0, 1], 0.5 for chance; FPR at a TPR of 95 %, in [0, 1], the lower the better

    Source: D. Hendrycks, K. Gimpel, "A Baseline for Detecting Misclassified and Out-of-Distribution
    Examples in Neural Networks", 2017.
    """
    ranked = np.sort(others)
    below, up_to = (np.searchsorted(ranked, digits, side).mean() for side in ("left", "right"))
    auroc = float(below + up_to) / (2 * len(others))
    threshold = np.sort(digits)[int((1 - ACCEPTED) * len(digits) + 1e-9)]
    return auroc, float((others >= threshold).mean())


def _tempered(probabilities: Array, temperature: float) -> Array:
    scores = np.log(np.maximum(probabilities, TINY)) / temperature
    scores -= scores.max(axis=1, keepdims=True)
    q: Array = np.exp(scores, dtype=probabilities.dtype)
    q /= q.sum(axis=1, keepdims=True)
    return q


def _fit_temperature(probabilities: Array, labels: NDArray[np.uint8]) -> float:
    """The temperature with the least cross-entropy, by golden-section search over log T."""
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
