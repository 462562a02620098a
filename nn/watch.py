"""The watch: notices a training that diverged, and gives the network its last good parameters back.

A training has diverged when its loss or its parameters are no longer finite, or when its loss,
smoothed over the steps, stays far above where it began. Out of scope: what to do then.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .mnist import CLASSES
from .network import Network
from .state import WatchState

DIVERGENCE_FACTOR = 3.0  # the smoothed loss above this many times its first value ...
GUESSING = math.log(CLASSES)  # ... and above the loss of ten equal probabilities ...
DIVERGENCE_STEPS = 50  # ... after this many steps: the training has diverged
SMOOTHING = 0.9  # of the loss that is watched for divergence
WHAT = {
    "diverged_loss": "the loss is no longer finite",
    "diverged_parameters": "parameters are no longer finite",
    "diverged_high": "the loss stayed at {loss:.2f}, above three times its first value",
}
CHECK_STEPS = 50  # how often the parameters are looked at, and the good ones kept


class DivergenceError(ArithmeticError):
    """A training came to numbers that learn nothing; the network got its last good ones back.

    Attributes
    ----------
    step : the optimizer step at which it was noticed
    kind, figures : what it is about, apart from the message; as of a RefusalError
    """

    def __init__(self, kind: str, step: int, learning_rate: float, loss: float = math.nan) -> None:
        what, less = WHAT[kind].format(loss=loss), learning_rate / 10
        super().__init__(
            f"training diverged: {what} at step {step}; try a learning rate well below "
            f"{learning_rate:g}, such as {less:g}, or a limit on the gradient's norm"
        )
        self.kind, self.step, self._given = kind, step, (kind, step, learning_rate, loss)
        self.figures = {"step": step, "rate": learning_rate, "less": less, "loss": loss}

    def __reduce__(self) -> tuple[Any, ...]:  # so that it can go from one process to another
        return type(self), self._given


class Watch:
    """Looks at a training's loss at every step, and at its parameters now and then.

    Parameters
    ----------
    network : the one that is trained
    every : steps between two looks at its parameters; may change
    """

    def __init__(self, network: Network, *, every: int) -> None:
        self.network, self.every = network, every
        self.good = network.copy()
        self.first: float | None = None
        self.smoothed = 0.0

    def look(self, loss: float, step: int, learning_rate: float) -> None:
        """After `step` steps, before the next: is the present parameters' loss finite, and not
        far above where it began? Where it is, they are the good ones to remember.
        """
        if not math.isfinite(loss):
            self._diverged("diverged_loss", step + 1, learning_rate)
        if self.first is None:
            self.first = self.smoothed = loss
        self.smoothed += (1.0 - SMOOTHING) * (loss - self.smoothed)
        limit = max(DIVERGENCE_FACTOR * self.first, GUESSING)
        if step >= DIVERGENCE_STEPS and self.smoothed > limit:
            self._diverged("diverged_high", step + 1, learning_rate, self.smoothed)
        if step % self.every == 0:
            self.check(step, learning_rate)
            if max(loss, self.smoothed) <= limit:
                self.good.params[...] = self.network.params
                self.good.statistics[...] = self.network.statistics

    def check(self, step: int, learning_rate: float) -> None:
        """Are all parameters finite?"""
        network = self.network
        if not (np.isfinite(network.params).all() and np.isfinite(network.statistics).all()):
            self._diverged("diverged_parameters", step, learning_rate)

    def state(self) -> WatchState:
        """What it remembers, as a copy."""
        good = self.good
        return WatchState(self.first, self.smoothed, good.params.copy(), good.statistics.copy())

    def restore(self, state: WatchState) -> None:
        """Remember what another watch did."""
        self.first, self.smoothed = state.first, state.smoothed
        self.good.params[...] = state.params
        self.good.statistics[...] = state.statistics

    def _diverged(self, kind: str, step: int, learning_rate: float, loss: float = math.nan) -> None:
        self.network.params[...] = self.good.params
        self.network.statistics[...] = self.good.statistics
        raise DivergenceError(kind, step, learning_rate, loss)
