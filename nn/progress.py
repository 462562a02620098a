"""Progress: what a training tells whenever it pauses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .diagnostics import LayerFigures
from .metrics import Evaluation
from .network import Network
from .recipes import Recipe
from .state import TrainingState


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a training stands.

    Attributes
    ----------
    recipe : as it is now; live changes show here
    step : optimizer steps taken
    epoch : epochs completed, from 0
    position : epochs completed, with the fraction of the present one
    loss, accuracy : the means over this epoch's batches so far, as they were trained on (with
        dropout and batch statistics, before each step); NaN before the first batch
    batch_loss, batch_accuracy : the same over the latest batch alone
    learning_rate : of the latest step
    epoch_end : True once an epoch, after its evaluation
    validation : on the validation set, at an epoch's end; None otherwise, or without such a set
    snapshot : call it for a copy of the network as it would predict now; valid until the
        generator goes on
    layers : call it, likewise, for how the dense layers stand after the latest batch, whose first
        thousand samples, not distorted, tell which units are dead; empty before the first batch
    state : call it, likewise, for all that `train(..., resume=)` needs to go on from here; None in
        the midst of a batch that is taken in chunks
    """

    recipe: Recipe
    step: int
    epoch: int
    position: float
    loss: float
    accuracy: float
    batch_loss: float
    batch_accuracy: float
    learning_rate: float
    epoch_end: bool
    validation: Evaluation | None
    snapshot: Callable[[], Network]
    layers: Callable[[], tuple[LayerFigures, ...]]
    state: Callable[[], TrainingState] | None
