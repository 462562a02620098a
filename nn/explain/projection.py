"""Projection: samples in the few directions in which they vary most (principal components).

For samples X, (n, d), with mean m, the first k eigenvectors of the covariance
C = (X - m)ᵀ (X - m) / (n - 1), as columns of A, span the plane (k = 2) that keeps most of the
variance; z = (x - m) A are a sample's coordinates in it.

A direction's sign is arbitrary, and directions of nearly the same variance are not stable. So the
map of a network in training is rotated onto the one before (`turned_onto`), which changes no
distance. Out of scope: nonlinear maps.

Sources: H. Hotelling, "Analysis of a Complex of Statistical Variables into Principal Components",
1933; G. Golub, C. Van Loan, "Matrix Computations", on orthogonal iteration; P. Schönemann, "A
Generalized Solution of the Orthogonal Procrustes Problem", 1966.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from nn.layers import Array, Dense
from nn.network import Network

SPARE = 8  # more directions than asked for, with which the iteration converges faster
TOLERANCE = 1e-7  # relative change of the variance kept, between two steps
MAX_STEPS = 200


@dataclass(frozen=True)
class Projection:
    """A linear map of samples to k dimensions."""

    mean: Array  # (d,), the map's origin
    axes: Array  # (d, k), orthonormal columns
    kept: float  # the samples' variance on the map
    total: float  # all of their variance

    @property
    def share(self) -> float:
        """The share of the variance that the map keeps, in [0, 1]; 0 if there is none."""
        return self.kept / self.total if self.total > 0 else 0.0

    def project(self, x: Array) -> Array:
        """Coordinates of samples: (n, d) -> (n, k)."""
        points: Array = (x - self.mean) @ self.axes
        return points

    def turned(self, rotation: Array) -> Projection:
        """The same map, rotated or mirrored by an orthogonal (k, k) matrix."""
        return replace(self, axes=self.axes @ rotation)


def principal_components(x: Array, count: int = 2, *, rng: np.random.Generator) -> Projection:
    """The directions in which samples vary most, the largest variance first.

    By orthogonal iteration, Q ← orthonormal basis of C Q, without building C: milliseconds, where
    an eigendecomposition of C, (d, d), takes a second. The largest coordinate of a direction is
    made positive.

    Parameters
    ----------
    x : (n, d) finite floats, n of 2 or more; ValueError for others
    count : k, from 1 to d
    rng : draws the first directions, which do not affect the result
    """
    if x.ndim != 2 or len(x) < 2 or not 1 <= count <= x.shape[1]:
        raise ValueError(
            f"expected two samples or more with {count} numbers or more each, got {x.shape}"
        )
    if not np.isfinite(x).all():
        raise ValueError("expected finite samples, got some that are infinite or not a number")
    mean = x.mean(axis=0)
    centred = x - mean
    freedom = len(x) - 1
    total = float(np.square(centred).sum(dtype=np.float64)) / freedom
    width = min(count + SPARE, x.shape[1])
    basis = np.linalg.qr(rng.standard_normal((x.shape[1], width)).astype(x.dtype))[0]
    kept = 0.0
    for _ in range(MAX_STEPS):
        image = centred @ basis  # (n, width)
        variances, turn = np.linalg.eigh(image.T @ image / freedom)  # of C, within the basis
        before, kept = kept, float(variances[-count:].sum())
        if kept - before <= TOLERANCE * kept:
            break
        basis = np.linalg.qr(centred.T @ (image @ turn))[0]
    axes = basis @ turn[:, : -count - 1 : -1]
    largest = np.abs(axes).argmax(axis=0)
    axes *= np.where(axes[largest, np.arange(count)] < 0, -1, 1).astype(x.dtype)
    return Projection(mean, axes, kept, total)


def turned_onto(points: Array, reference: Array) -> Array:
    """The orthogonal (k, k) matrix that brings points, (n, k), nearest to a reference, (n, k).

    R = argmin ‖points R - reference‖ over orthogonal R = U Vᵀ, where U S Vᵀ = pointsᵀ reference.
    """
    if points.shape != reference.shape:
        raise ValueError(f"expected as many points as in {reference.shape}, got {points.shape}")
    u, _, vt = np.linalg.svd(points.T @ reference)
    rotation: Array = u @ vt
    return rotation


def last_hidden(network: Network, x: Array) -> Array:
    """The activations of the last hidden layer, (n, units); the inputs if there is none.

    Parameters
    ----------
    x : (n, inputs) of the network's dtype, in [0, 1]
    """
    folded = network.folded()
    outputs = max(i for i, layer in enumerate(folded.layers) if isinstance(layer, Dense))
    for layer in folded.layers[:outputs]:
        x = layer.forward(x)
    return x
