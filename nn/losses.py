"""The loss: softmax, then cross-entropy with the true class, and its gradient.

    p = exp(z - max z) / Σ exp(z - max z)       softmax, shifted so that no exp overflows
    L = - mean Σ_k t_k log(p_k + ε)             t is 1 for the true class and 0 elsewhere, or
                                                1 - s + s / 10 and s / 10 with label smoothing s
    dL/dz = (p - t) / n                         exact for ε = 0

With ε = 0 the logarithm is taken of the sum instead, log p = z - max z - log Σ exp(z - max z), so
that it stays exact where p rounds to 0. The script that this project started from had ε = 1e-8 to
keep log(0) away, and left it out of the gradient; so does its recipe. Labels are integers: p with
1 subtracted at the true class is p minus the one-hot vector, without making one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .layers import Array


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
    epsilon: float = 0.0,
    label_smoothing: float = 0.0,
    out: Array | None = None,
) -> tuple[float, Array]:
    """Mean cross-entropy of softmax(logits) with the labels, and its gradient.

    Label smoothing is that of C. Szegedy et al., "Rethinking the Inception Architecture", 2015.

    Parameters
    ----------
    logits : (n, classes) float
    labels : (n,) integers from 0 to classes - 1
    epsilon : added to each probability before the logarithm; 0 for the exact loss
    label_smoothing : in [0, 1); the share of the target spread evenly over all classes
    out : (n, classes), where to write the gradient; a new array by default

    Returns
    -------
    loss : in nats, the mean over the samples
    dlogits : (n, classes), dL/dz
    """
    n, classes = logits.shape
    true = np.arange(0, n * classes, classes) + labels  # places of the true classes, counted flat
    shifted = np.subtract(logits, logits.max(axis=1, keepdims=True), out=out)
    share = label_smoothing
    true_z = shifted.take(true)
    mean_z = shifted.mean(axis=1) if share > 0 else true_z
    p = np.exp(shifted, out=shifted)
    total = p @ np.ones(classes, p.dtype)  # faster than np.sum
    p /= total[:, None]
    if epsilon > 0:
        log_true = np.log(p.take(true) + epsilon)
        mean_log = np.log(p + epsilon).mean(axis=1) if share > 0 else log_true
    else:
        log_total = np.log(total)
        log_true, mean_log = true_z - log_total, mean_z - log_total
    loss = -(1.0 - share) * float(log_true.mean())
    if share > 0:
        loss -= share * float(mean_log.mean())
        p -= share / classes
    p.reshape(-1)[true] -= 1.0 - share
    p *= 1.0 / n
    return loss, p
