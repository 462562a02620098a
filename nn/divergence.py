"""Divergence: when training goes wrong, and how the network gets its last good parameters back.

Training has diverged when the loss or the parameters are no longer finite, when the loss,
smoothed over the steps, stays far above its first value, or when it is that high at the end.
"""

from __future__ import annotations

import math
import statistics
from collections import deque

import numpy as np

from .mnist import CLASSES
from .network import Network

DIVERGENCE_FACTOR = 3.0  # the smoothed loss above this many times its first value ...
GUESSING = math.log(CLASSES)  # ... and above the loss of ten equal probabilities ...
DIVERGENCE_STEPS = 50  # ... after this many steps: training has diverged
SMOOTHING = 0.9  # of the loss that is compared
LAST = 5  # losses whose median is the one at the end: a high one among them does not count
HOPELESS = 300.0  # a first loss above this is no excuse for one at the end that is as high
CHECK_STEPS = 50  # at most, between two checks of the parameters
DIVERGED = {
    "diverged_loss": "the loss is no longer finite",
    "diverged_parameters": "parameters are no longer finite",
    "diverged_high": "the loss stayed at {loss:.2f}, above three times its first value",
    "diverged_end": "the loss was still {loss:.2f}, far above that of guessing, when it ended",
}


class DivergenceError(ArithmeticError):
    """Training diverged; the network has its last good parameters back.

    Attributes
    ----------
    step : the optimizer step at which it was noticed
    kind, figures : as in RefusalError
    """

    def __init__(self, kind: str, step: int, learning_rate: float, loss: float = math.nan) -> None:
        what, less = DIVERGED[kind].format(loss=loss), learning_rate / 10
        super().__init__(
            f"training diverged: {what} at step {step}; try a learning rate well below "
            f"{learning_rate:g}, such as {less:g}, or a limit on the gradient's norm"
        )
        self.kind, self.step = kind, step
        self.figures = {"step": step, "rate": learning_rate, "less": less, "loss": loss}

    def __reduce__(self) -> tuple[type[DivergenceError], tuple[str, int, float, float]]:
        """It may have to travel between processes, as other errors can by themselves."""
        return type(self), (self.kind, self.step, self.figures["rate"], self.figures["loss"])


class Watch:
    """Raises DivergenceError when training diverges, after restoring the network.

    Parameters
    ----------
    network : the one in training
    every : steps between two checks of its parameters; at most CHECK_STEPS are used
    """

    def __init__(self, network: Network, *, every: int = CHECK_STEPS) -> None:
        self.network, self.every = network, min(every, CHECK_STEPS)
        self.good = network.copy()
        self.first: float | None = None
        self.smoothed = 0.0
        self.last: deque[float] = deque(maxlen=LAST)

    def check_loss(self, loss: float, step: int, learning_rate: float) -> None:
        """Check the loss after `step` steps; every `every` steps, keep the parameters if good."""
        if not math.isfinite(loss):
            self._give_back("diverged_loss", step + 1, learning_rate)
        if self.first is None:
            self.first = self.smoothed = loss
        self.last.append(loss)
        self.smoothed += (1.0 - SMOOTHING) * (loss - self.smoothed)
        limit = max(DIVERGENCE_FACTOR * self.first, GUESSING)
        if step >= DIVERGENCE_STEPS and self.smoothed > limit:
            self._give_back("diverged_high", step + 1, learning_rate, self.smoothed)
        if step % self.every == 0:
            self.check_parameters(step, learning_rate)
            if max(loss, self.smoothed) <= limit:
                self.good.params[...] = self.network.params
                self.good.statistics[...] = self.network.statistics

    def check_end(self, step: int, learning_rate: float) -> None:
        """Check the loss at the end of training, which may have been too short for `check_loss`."""
        if self.first is None:
            return
        loss = statistics.median(self.last)
        if loss > DIVERGENCE_FACTOR * max(min(self.first, HOPELESS), GUESSING):
            self._give_back("diverged_end", step, learning_rate, loss)

    def check_parameters(self, step: int, learning_rate: float) -> None:
        """Check that all parameters are finite."""
        network = self.network
        if not (np.isfinite(network.params).all() and np.isfinite(network.statistics).all()):
            self._give_back("diverged_parameters", step, learning_rate)

    def _give_back(
        self, kind: str, step: int, learning_rate: float, loss: float = math.nan
    ) -> None:
        self.network.params[...] = self.good.params
        self.network.statistics[...] = self.good.statistics
        raise DivergenceError(kind, step, learning_rate, loss)
