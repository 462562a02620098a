"""The loss: softmax, then cross-entropy with the true class, and its gradient.

    p = exp(z - max z) / Σ exp(z - max z)       softmax, shifted so that no exp overflows
    L = - mean Σ_k t_k log(p_k + ε)             t is 1 for the true class and 0 elsewhere, or
                                                1 - s + s / 10 and s / 10 with label smoothing s
    dL/dz = (p - t) / n                         exact for ε = 0

The ε of 1e-8 keeps log(0) away and is part of the figure that is reported, as in the script that
this project started from; like there, the gradient leaves it out. Labels are integers: p with 1
subtracted at the true class is p minus the one-hot vector, without making one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .layers import Array

EPSILON = 1e-8


def softmax(logits: Array, out: Array | None = None) -> Array:
    """Turn scores into probabilities, row by row.

    Parameters
    ----------
    logits : (n, classes) float
    out : where to write; a new array by default

    Returns
    -------
    (n, classes) in [0, 1], each row sums to 1
    """
    p: Array = np.subtract(logits, logits.max(axis=1, keepdims=True), out=out)
    np.exp(p, out=p)
    p /= p.sum(axis=1, keepdims=True)
    return p


def softmax_cross_entropy(
    logits: Array,
    labels: NDArray[np.uint8],
    *,
    epsilon: float = EPSILON,
    label_smoothing: float = 0.0,
    out: Array | None = None,
) -> tuple[float, Array]:
    """Mean cross-entropy of softmax(logits) with the labels, and its gradient.

    Label smoothing is that of C. Szegedy et al., "Rethinking the Inception Architecture", 2015.

    Parameters
    ----------
    logits : (n, classes) float
    labels : (n,) integers from 0 to classes - 1
    epsilon : added to each probability before the logarithm
    label_smoothing : in [0, 1); the share of the target spread evenly over all classes
    out : (n, classes), where to write the gradient; a new array by default

    Returns
    -------
    loss : in nats, the mean over the samples
    dlogits : (n, classes), dL/dz
    """
    n, classes = logits.shape
    rows = np.arange(n)
    p = softmax(logits, out=out)
    true_p = p[rows, labels]  # a copy, (n,)
    loss = -(1.0 - label_smoothing) * float(np.log(true_p + epsilon).mean())
    if label_smoothing > 0:
        loss -= label_smoothing * float(np.log(p + epsilon).mean())
        p -= label_smoothing / classes
    p[rows, labels] -= 1.0 - label_smoothing
    p *= 1.0 / n
    return loss, p
