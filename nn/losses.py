"""The loss: softmax, then cross-entropy with the target, and its gradient.

    p = exp(z - max z) / Σ exp(z - max z)       softmax, shifted so that no exp overflows
    log p = z - max z - log Σ exp(z - max z)    its logarithm, exact even where p rounds to 0
    t = (1 - s) one-hot + s / 10                the target, with label smoothing s
    L = - Σ_k t_k log(p_k + ε)                  of one sample; the loss of a batch is the mean
    dL/dz = (p - t) / n                         of the mean; exact for ε = 0

The script that this project started from avoids log(0) by ε = 1e-8, which it leaves out of the
gradient; its recipe does the same.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .layers import Array
from .mnist import CLASSES, NO_DIGIT


def softmax(logits: Array) -> Array:
    """Probabilities for scores: (n, classes) float -> (n, classes) in [0, 1], rows sum to 1."""
    p: Array = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    return p


def targets(
    labels: NDArray[np.uint8], *, label_smoothing: float = 0.0, dtype: DTypeLike = np.float32
) -> Array:
    """The probabilities that a network should learn, (n, 10); rows sum to 1.

    The target of a non-digit is ten equal probabilities.

    Parameters
    ----------
    labels : (n,) integers from 0 to 9, or NO_DIGIT
    label_smoothing : in [0, 1); the share of a target that is spread evenly over all digits

    Sources: C. Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", 2015
    (label smoothing); D. Hendrycks, M. Mazeika, T. Dietterich, "Deep Anomaly Detection with
    Outlier Exposure", 2019 (non-digits).
    """
    table: Array = np.full((CLASSES + 1, CLASSES), label_smoothing / CLASSES, dtype)
    table[np.arange(CLASSES), np.arange(CLASSES)] += 1.0 - label_smoothing
    table[NO_DIGIT] = 1.0 / CLASSES
    target: Array = table[labels]
    return target


def softmax_cross_entropy(
    logits: Array, target: Array, *, epsilon: float = 0.0
) -> tuple[Array, Array]:
    """Cross-entropy of softmax(logits) with the target, and the gradient of its mean.

    Parameters
    ----------
    logits : (n, classes) float
    target : (n, classes), from `targets`
    epsilon : added to each probability before the logarithm; 0 for the exact loss

    Returns
    -------
    losses : (n,), in nats, of each sample
    dlogits : (n, classes), dL/dz of their mean
    """
    shifted = logits - logits.max(axis=1, keepdims=True)
    p = np.exp(shifted)
    total = p.sum(axis=1, keepdims=True)
    p /= total
    log_p = np.log(p + epsilon) if epsilon > 0 else shifted - np.log(total)
    losses: Array = -(target * log_p).sum(axis=1)
    return losses, (p - target) / len(logits)
