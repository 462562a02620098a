"""Optimizers: how parameters follow their gradients. From the simplest to the most elaborate.

Each sees two flat vectors, parameters w and gradients g, and changes w in place. Its own memory
is flat vectors of the same size, by name in `state`. Equations follow the papers, in their order;
what differs from a paper follows PyTorch, against which the tests hold every one. Scalars stay
Python floats: one `np.float64` would make a float32 operation several times slower.

Out of scope: the learning rate's course (schedules.py) and clipping (training.py).
"""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from .layers import Array


class GradientDescent:
    """w ← w - η g  (Cauchy 1847; on batches: Robbins and Monro 1951).

    The base of the others as well: `step` is theirs, each brings its `update`.

    Parameters
    ----------
    params, grads : (P,) float, the network's own vectors
    weight_decay : λ; adds λ w to g, the gradient of an L2 penalty λ/2 |w|²
    """

    kind: ClassVar[str] = "gd"
    slots: ClassVar[tuple[str, ...]] = ()

    def __init__(self, params: Array, grads: Array, *, weight_decay: float = 0.0) -> None:
        self.params, self.grads, self.weight_decay = params, grads, weight_decay
        self.scratch = np.empty_like(params)
        self.state: dict[str, Array] = {slot: np.zeros_like(params) for slot in self.slots}
        self.steps = 0

    def step(self, learning_rate: float) -> None:
        """Change the parameters once, by the gradients as they are now."""
        self.steps += 1
        if self.weight_decay:
            self.decay(learning_rate)
        self.update(learning_rate)

    def decay(self, learning_rate: float) -> None:
        """g ← g + λ w"""
        self.grads += np.multiply(self.params, self.weight_decay, out=self.scratch)

    def update(self, learning_rate: float) -> None:
        """w ← w - η g"""
        self.params -= np.multiply(self.grads, learning_rate, out=self.scratch)


class Momentum(GradientDescent):
    """v ← μ v + g;  w ← w - η v  (Polyak 1964; in this form Sutskever et al. 2013).

    Parameters
    ----------
    momentum : μ, the share of the velocity v that is kept
    """

    kind = "momentum"
    slots = ("v",)

    def __init__(
        self, params: Array, grads: Array, *, momentum: float = 0.9, weight_decay: float = 0.0
    ) -> None:
        super().__init__(params, grads, weight_decay=weight_decay)
        self.momentum = momentum

    def update(self, learning_rate: float) -> None:
        v = self.state["v"]
        v *= self.momentum
        v += self.grads
        self.params -= np.multiply(v, learning_rate, out=self.scratch)


class Nesterov(Momentum):
    """v ← μ v + g;  w ← w - η (g + μ v)  (Nesterov 1983; in this form Sutskever et al. 2013)."""

    kind = "nesterov"

    def update(self, learning_rate: float) -> None:
        v, s = self.state["v"], self.scratch
        v *= self.momentum
        v += self.grads
        np.multiply(v, self.momentum, out=s)
        s += self.grads
        s *= learning_rate
        self.params -= s


class RMSprop(GradientDescent):
    """s ← α s + (1 - α) g²;  w ← w - η g / (√s + ε)  (Tieleman and Hinton 2012, lecture 6e).

    Parameters
    ----------
    smoothing : α, the share of the mean square s that is kept
    epsilon : ε
    """

    kind = "rmsprop"
    slots = ("s",)

    def __init__(
        self,
        params: Array,
        grads: Array,
        *,
        smoothing: float = 0.99,
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, grads, weight_decay=weight_decay)
        self.smoothing, self.epsilon = smoothing, epsilon

    def update(self, learning_rate: float) -> None:
        g, mean_square, s = self.grads, self.state["s"], self.scratch
        mean_square *= self.smoothing
        np.multiply(g, g, out=s)
        s *= 1.0 - self.smoothing
        mean_square += s
        np.sqrt(mean_square, out=s)
        s += self.epsilon
        np.divide(g, s, out=s)
        s *= learning_rate
        self.params -= s


class Adam(GradientDescent):
    """Adaptive moment estimation (Kingma and Ba 2015, algorithm 1).

        m ← β₁ m + (1 - β₁) g;   v ← β₂ v + (1 - β₂) g²
        m̂ = m / (1 - β₁ᵗ);       v̂ = v / (1 - β₂ᵗ)
        w ← w - η m̂ / (√v̂ + ε)

    The state holds m / (1 - β₁) and v / (1 - β₂), which spares two passes over the vectors: those
    factors are scalars, so m̂ = b m and √v̂ = c √v take them up. The last line becomes
    w ← w - η b / c · m / (√v + ε / c).

    Parameters
    ----------
    beta1, beta2 : β₁, β₂, the shares of the moments m and v that are kept
    epsilon : ε
    """

    kind = "adam"
    slots = ("m", "v")

    def __init__(
        self,
        params: Array,
        grads: Array,
        *,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, grads, weight_decay=weight_decay)
        self.beta1, self.beta2, self.epsilon = beta1, beta2, epsilon

    def update(self, learning_rate: float) -> None:
        g, m, v, s = self.grads, self.state["m"], self.state["v"], self.scratch
        m *= self.beta1
        m += g
        v *= self.beta2
        v += np.multiply(g, g, out=s)
        b = (1.0 - self.beta1) / (1.0 - self.beta1**self.steps)
        c = math.sqrt((1.0 - self.beta2) / (1.0 - self.beta2**self.steps))
        np.sqrt(v, out=s)
        s += self.epsilon / c
        np.divide(m, s, out=s)
        s *= learning_rate * b / c
        self.params -= s


class AdamW(Adam):
    """Adam with decoupled weight decay: w ← w - η λ w, then Adam's step without λ in g.

    Source: I. Loshchilov, F. Hutter, "Decoupled Weight Decay Regularization", 2019.
    """

    kind = "adamw"

    def decay(self, learning_rate: float) -> None:
        """w ← w - η λ w"""
        self.params *= 1.0 - learning_rate * self.weight_decay


OPTIMIZERS: dict[str, type[GradientDescent]] = {
    optimizer.kind: optimizer
    for optimizer in (GradientDescent, Momentum, Nesterov, RMSprop, Adam, AdamW)
}
