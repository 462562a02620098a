"""A training's state: all it takes to go on elsewhere, bit by bit as if nothing had happened.

Plain numbers, arrays and dictionaries: it can be pickled and sent to another process. The pen's
digits are not in it, though they are many: each comes with the state that the random generator
had before it was written, from which it is written again when it is next needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .layers import Array
from .recipes import Recipe

RandomState: TypeAlias = Mapping[str, Any]  # a bit generator's `state`
Written: TypeAlias = tuple[NDArray[np.integer], RandomState]  # rows, and the state before them

NUMBERS = (  # of a training, by their names there
    *("steps", "scheduled", "learning_rate", "batch_size", "epochs_done", "judged"),
    *("place", "until", "within", "loss_sum", "correct", "digits", "seen"),
    *("batch_loss", "batch_accuracy"),
)


@dataclass(frozen=True, eq=False)
class WatchState:
    """What the watch remembers: the first and the smoothed loss, the last good parameters."""

    first: float | None
    smoothed: float
    params: Array
    statistics: Array


@dataclass(frozen=True, eq=False)
class SupplyState:
    """What the pen was asked for, (n,) labels of all samples, and what it has written so far."""

    labels: NDArray[np.uint8]
    written: tuple[Written, ...]


@dataclass(frozen=True, eq=False)
class TrainingState:
    """Where a training stands between two batches.

    Attributes
    ----------
    recipe : as it is now
    numbers : those of NUMBERS
    rng : the random generator's
    params, statistics : the network's
    average : of the weights, where there is one
    optimizer, optimizer_steps : its memory by name, and the steps it has taken
    order : of the samples in the present epoch; None between two epochs
    watch, supply : theirs
    """

    recipe: Recipe
    numbers: Mapping[str, float]
    rng: RandomState
    params: Array
    statistics: Array
    average: Array | None
    optimizer: Mapping[str, Array]
    optimizer_steps: int
    order: NDArray[np.integer] | None
    watch: WatchState
    supply: SupplyState

    def check_fits(self, params: Array, *, samples: int) -> None:
        """Raise ValueError unless a network and a supply of so many samples can go on from it."""
        if params.shape != self.params.shape or params.dtype != self.params.dtype:
            raise ValueError(
                f"expected a network with {len(self.params):,} parameters of {self.params.dtype}, "
                f"got {len(params):,} of {params.dtype}; build it by the state's recipe"
            )
        if samples != len(self.supply.labels):
            raise ValueError(
                f"expected the same {len(self.supply.labels):,} samples, got {samples:,}; "
                "go on with the data of before"
            )
