"""What a page sees of a learner: plain values that never change, made anew for each look.

This module knows no page, no threads, and not how a learner works.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Protocol

from nn import Network, Recipe
from nn.metrics import Evaluation


class State(enum.Enum):
    """What a learner does."""

    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)  # there are thousands
class Point:
    """One place on the curves; validation only at an epoch's end, and only where there is any.

    Attributes
    ----------
    epoch : position in epochs, fractions included
    loss, accuracy : on the training batches since the point before
    validation_loss, validation_accuracy : on the validation set, or None
    """

    epoch: float
    loss: float
    accuracy: float
    validation_loss: float | None = None
    validation_accuracy: float | None = None


@dataclass(frozen=True)
class Mark:
    """A setting that was changed while the training ran.

    Attributes
    ----------
    epoch : where, in epochs, fractions included
    field : of the recipe
    before, after : its values; a batch size of None is all samples at once
    """

    epoch: float
    field: str
    before: float | str | None
    after: float | str | None


@dataclass(frozen=True, slots=True)  # there are thousands
class LayerPoint:
    """How one dense layer stood at one place of the training.

    Attributes
    ----------
    epoch : position in epochs, fractions included
    layer : counted from 1, the first hidden layer
    weight_norm, gradient_norm : Euclidean, of its weights and of the latest batch's gradient
    dead : the share of its units that answered 0 (or less) to every sample of the latest batch,
        in [0, 1]; None for the outputs, and for tanh, whose units cannot die
    """

    epoch: float
    layer: int
    weight_norm: float
    gradient_norm: float
    dead: float | None = None


class Moment(Protocol):
    """The parameters as they were at one place of the training.

    Attributes
    ----------
    epoch : position in epochs, fractions included
    step : optimizer steps taken
    """

    @property
    def epoch(self) -> float: ...

    @property
    def step(self) -> int: ...

    def network(self) -> Network:
        """A network of its own that predicts as the training did then."""


@dataclass(frozen=True)
class Snapshot:
    """How a learner stands, for its page to read.

    Attributes
    ----------
    state, recipe : what it does, and by which settings
    epoch : epochs completed
    position : the same with the fraction of the present one
    accuracy : on the training batches, over the latest whole epoch or, before, since the start
    points : the curves so far, oldest first
    network : a copy that predicts as the training would now; None before the first step
    seconds_left : of training time, None before there is anything to go by
    test : accuracy and errors on the test set, once it is finished
    message : why it failed, in English; empty where only the log can tell
    error : the same, for the page to say in the visitor's language
    running : how many learners share the worker now, this one included if it runs
    seed : of all its randomness
    step : optimizer steps taken
    seconds : of work so far
    share : of the worker's time in the latest seconds, in [0, 1]; 0 while it is paused
    batches : a point a batch, for the latest some hundreds of them; no validation
    marks : the settings changed so far
    layers : how its layers stood, a few times an epoch, look by look and in each layer by layer
    moments : some 40 places to go back to, evenly spaced, and the best epoch's; oldest first
    best_epoch : the epoch, counted from 1, with the best validation accuracy; None without any
    restarts : how often its worker was lost and it went on from its last moment
    """

    state: State
    recipe: Recipe
    epoch: int
    position: float
    accuracy: float
    points: tuple[Point, ...]
    network: Network | None
    seconds_left: float | None
    test: Evaluation | None
    message: str
    running: int
    seed: int = 0
    step: int = 0
    seconds: float = 0.0
    share: float = 1.0
    batches: tuple[Point, ...] = ()
    marks: tuple[Mark, ...] = ()
    layers: tuple[LayerPoint, ...] = ()
    moments: tuple[Moment, ...] = ()
    best_epoch: int | None = None
    restarts: int = 0
    error: Exception | None = None
