"""A learner's capture: with its snapshot, all it takes to go on in another process."""

from __future__ import annotations

from dataclasses import dataclass

from nn import Recipe, TrainingState

from .curves import CurvesState
from .moments import MomentsState


@dataclass(frozen=True, eq=False)
class Capture:
    """What a learner's snapshot does not tell. It can be pickled.

    Attributes
    ----------
    training : where the training stands, between two batches
    recipe : by which it is to go on: `training`'s, or one that was wished for since
    curves, moments : what these still need
    pause_at_epoch, pause_at_step, pace : what was asked for
    """

    training: TrainingState
    recipe: Recipe
    curves: CurvesState
    moments: MomentsState
    pause_at_epoch: int | None
    pause_at_step: int | None
    pace: float | None
