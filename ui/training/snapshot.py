"""What a page sees of a training run: values that never change, built at each look."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from nn import Dataset, Network, Progress, Recipe
from nn.layers import Array
from nn.metrics import Evaluation
from nn.network import layers_from
from nn.training import Best


class State(enum.Enum):
    """What a training run is doing."""

    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)  # there are thousands
class Point:
    """One point of the curves; validation only at an epoch's end, and only where there is any.

    Attributes
    ----------
    epoch : position in epochs, fractions included
    loss, accuracy : means over the training batches since the point before
    validation_loss, validation_accuracy : on the validation set, or None
    seconds : of training so far
    """

    epoch: float
    loss: float
    accuracy: float
    validation_loss: float | None = None
    validation_accuracy: float | None = None
    seconds: float = field(default=0.0, compare=False)


@dataclass(frozen=True)
class Mark:
    """A setting that was changed during training.

    Attributes
    ----------
    epoch : position in epochs, fractions included
    field : of the recipe
    before, after : its values; a batch size of None is the full batch
    """

    epoch: float
    field: str
    before: float | str | None
    after: float | str | None


@dataclass(frozen=True, slots=True)  # there are thousands
class LayerPoint:
    """One dense layer or convolution at one position of the training run.

    Attributes
    ----------
    epoch : position in epochs, fractions included
    layer : counted from 1, the first hidden layer
    weight_norm, gradient_norm : Euclidean, of its weights and of the latest batch's gradient
    dead : the share of its units that were 0 or less for every sample of the latest batch, filters
        at every place, in [0, 1]; None for the output layer, and for tanh, whose units cannot die
    """

    epoch: float
    layer: int
    weight_norm: float
    gradient_norm: float
    dead: float | None = None


@dataclass(frozen=True, eq=False)
class Moment:
    """The parameters at one position of the training run: enough to build its network again.

    Attributes
    ----------
    epoch : position in epochs, fractions included
    step : optimizer steps taken
    architecture, params, statistics : of the network, as it would have predicted then
    """

    epoch: float
    step: int
    architecture: Sequence[dict[str, Any]]
    params: Array
    statistics: Array

    @classmethod
    def of(cls, progress: Progress) -> Moment:
        """The moment at which a training run pauses."""
        network = progress.snapshot()
        return cls(
            progress.position,
            progress.step,
            network.architecture(),
            network.params,
            network.statistics,
        )

    def network(self) -> Network:
        """A new network that predicts as the training run did then."""
        network = Network(layers_from(self.architecture), dtype=self.params.dtype)
        network.params[...] = self.params
        network.statistics[...] = self.statistics
        return network

    @property
    def nbytes(self) -> int:
        """Its memory."""
        return self.params.nbytes + self.statistics.nbytes


@dataclass(frozen=True)
class Snapshot:
    """A training run as it was when somebody looked.

    Attributes
    ----------
    state, recipe, seed : the recipe with its live changes
    epoch, step : epochs completed and optimizer steps taken
    position : epochs completed, with the fraction of the present one
    accuracy : on the training batches, over the latest whole epoch or, before, since the start
    points : the curves, oldest first
    batches : one point per batch, for the latest few hundred; without validation
    layers : the layers a few times per epoch, in order of time and then of layer
    marks : the settings changed so far
    moments : some 20 to 40 moments, evenly spaced, and the best epoch's; oldest first
    best : the point with the best validation accuracy; None without validation
    network : a frozen copy that predicts as the training run would now; None before the first step
    test : on the test set, once the run has finished
    error : why it failed; None where only the log can tell
    seconds, seconds_left : of training; the latter None where it cannot be estimated
    running, share : how many runs take turns now, and this one's share of the recent time
    waiting : it has no trainer at the moment
    drawings : what it is taught; None where it is trained
    """

    state: State
    recipe: Recipe
    seed: int = 0
    epoch: int = 0
    step: int = 0
    position: float = 0.0
    accuracy: float = 0.0
    points: tuple[Point, ...] = ()
    batches: tuple[Point, ...] = ()
    layers: tuple[LayerPoint, ...] = ()
    marks: tuple[Mark, ...] = ()
    moments: tuple[Moment, ...] = ()
    best: Point | None = None
    network: Network | None = None
    test: Evaluation | None = None
    error: Exception | None = None
    seconds: float = 0.0
    seconds_left: float | None = None
    running: int = 0
    share: float = 0.0
    waiting: bool = False
    drawings: Dataset | None = None

    def bare(self) -> Snapshot:
        """All that it takes to continue the run: no curves or marks, and only the best moment."""
        best = tuple(moment for moment in self.moments if moment.epoch == self.best_epoch)
        return replace(self, points=(), batches=(), layers=(), marks=(), moments=best)

    @property
    def best_epoch(self) -> int | None:
        """The epoch, counted from 1, with the best validation accuracy; None without any."""
        return None if self.best is None else round(self.best.epoch)

    @property
    def best_network(self) -> Best | None:
        """The best epoch with its parameters; None without any, or where they are not kept."""
        for moment in self.moments:
            if self.best is not None and moment.epoch == self.best.epoch:
                accuracy = self.best.validation_accuracy or 0.0
                return Best(round(moment.epoch), accuracy, moment.params, moment.statistics)
        return None

    @property
    def ended_with_best(self) -> bool:
        """Whether the training run has ended with the network of its best epoch."""
        return self.recipe.patience > 0 and self.best is not None and self.test is not None

    @property
    def validation(self) -> float | None:
        """The validation accuracy of its network, or of the latest epoch's; None without any."""
        if self.ended_with_best and self.best is not None:
            return self.best.validation_accuracy
        return self.latest_validation

    @property
    def latest_validation(self) -> float | None:
        """The validation accuracy at the latest epoch's end; None without any."""
        validated = (point.validation_accuracy for point in reversed(self.points))
        return next((accuracy for accuracy in validated if accuracy is not None), None)
