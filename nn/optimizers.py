"""Optimizers: how the parameters follow the gradient, from gradient descent to AdamW.

Each one holds two flat vectors, parameters w and gradients g, and changes w in place. What it
remembers between steps are vectors of the same size, in `state`. The equations follow the papers;
where PyTorch differs from a paper they follow PyTorch, against which the tests compare every one.
Scalars stay Python floats: one `np.float64` would make a float32 operation several times slower.

The learning rate schedules are at the end. Out of scope: gradient clipping (training.py).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .layers import Array


@dataclass(eq=False)
class GradientDescent:
    """w ← w - η g  (Cauchy 1847; on batches: Robbins and Monro 1951).

    The base class of all optimizers: they share `step`, and each has its own `update`.

    Parameters
    ----------
    params, grads : (P,) float, the network's own vectors
    weight_decay : λ; adds λ w to g, the gradient of an L2 penalty λ/2 |w|²
    """

    kind: ClassVar[str] = "gd"
    slots: ClassVar[tuple[str, ...]] = ()  # names of the vectors in `state`

    params: Array
    grads: Array
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        self.state: dict[str, Array] = {slot: np.zeros_like(self.params) for slot in self.slots}
        self.scratch = np.empty_like(self.params)
        self.steps = 0

    def step(self, learning_rate: float) -> None:
        """Change the parameters once, by the current gradients."""
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


@dataclass(eq=False)
class Momentum(GradientDescent):
    """v ← μ v + g;  w ← w - η v  (Polyak 1964; in this form Sutskever et al. 2013)."""

    kind = "momentum"
    slots = ("v",)

    momentum: float = 0.9  # μ, the share of the velocity v that is kept

    def update(self, learning_rate: float) -> None:
        v = self.state["v"]
        v *= self.momentum
        v += self.grads
        self.params -= np.multiply(v, learning_rate, out=self.scratch)


@dataclass(eq=False)
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


@dataclass(eq=False)
class RMSprop(GradientDescent):
    """s ← α s + (1 - α) g²;  w ← w - η g / (√s + ε)  (Tieleman and Hinton 2012, lecture 6e)."""

    kind = "rmsprop"
    slots = ("s",)

    smoothing: float = 0.99  # α, the share of the mean square s that is kept
    epsilon: float = 1e-8

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


@dataclass(eq=False)
class Adam(GradientDescent):
    """Adaptive moment estimation (Kingma and Ba 2015, algorithm 1).

        m ← β₁ m + (1 - β₁) g;   v ← β₂ v + (1 - β₂) g²
        m̂ = m / (1 - β₁ᵗ);       v̂ = v / (1 - β₂ᵗ)
        w ← w - η m̂ / (√v̂ + ε)

    To save two passes over the vectors, the state holds m / (1 - β₁) and v / (1 - β₂). With the
    scalars b = (1 - β₁) / (1 - β₁ᵗ) and c = √((1 - β₂) / (1 - β₂ᵗ)), m̂ = b m and √v̂ = c √v, so
    the last line is w ← w - η b / c · m / (√v + ε / c).
    """

    kind = "adam"
    slots = ("m", "v")

    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

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


@dataclass(eq=False)
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


def constant(t: float) -> float:
    """1, whatever share `t` of the training run is done."""
    return 1.0


def cosine(t: float) -> float:
    """(1 + cos(π t)) / 2, from 1 to 0 (I. Loshchilov, F. Hutter, "SGDR", 2017)."""
    return 0.5 * (1.0 + math.cos(math.pi * t))


SCHEDULES: dict[str, Callable[[float], float]] = {"constant": constant, "cosine": cosine}


def schedule_factor(
    schedule: str, step: float, *, total_steps: float, warmup_steps: float = 0
) -> float:
    """What to multiply the learning rate by at one step: above 0, at most 1.

    The first `warmup_steps` rise linearly from nearly 0 to 1 (P. Goyal et al., 2017), the others
    follow the schedule.

    Parameters
    ----------
    schedule : a name from SCHEDULES
    step : counted from 0 and below `total_steps`; a fraction once the batch size has changed
    total_steps : of the whole training run, warm-up included
    """
    if step < warmup_steps:
        return (step + 1) / (warmup_steps + 1)
    return SCHEDULES[schedule]((step - warmup_steps) / max(total_steps - warmup_steps, 1))
