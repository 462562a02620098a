"""A training's curves, gathered from its progress: points, batches, layers, marks, best epoch."""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from nn.diagnostics import LayerFigures
from nn.progress import Progress

from .snapshot import LayerPoint, Mark, Point, Snapshot
from .spaced import Spaced

POINTS_AN_EPOCH = 8  # of the training curves
MAX_POINTS = 800  # of a curve; then every other one within epochs goes
BATCHES = 400  # the latest ones have a point each
LAYERS_AN_EPOCH = 8  # looks at the layers, to begin with
MAX_LAYERS = 160  # looks that are kept


@dataclass(frozen=True)
class CurvesState:
    """What a snapshot does not tell of the curves: sums since the latest point, the best accuracy,
    the distance between two looks at the layers.
    """

    told: tuple[float, float, float]
    best: float
    distance: float


class Curves:
    """The curves of one training, so far.

    Attributes
    ----------
    accuracy : on the training batches, over the latest whole epoch or, before, since the start
    best_epoch : the epoch, counted from 1, with the best validation accuracy; None without any
    """

    def __init__(self) -> None:
        self.accuracy = math.nan
        self.best_epoch: int | None = None
        self._best = -math.inf
        self._marks: list[Mark] = []
        self._points: list[Point] = []
        self._batches: deque[Point] = deque(maxlen=BATCHES)
        self._layers: Spaced[tuple[LayerPoint, ...]] = Spaced(1 / LAYERS_AN_EPOCH, MAX_LAYERS)
        self._told = (0.0, 0.0, 0.0)  # at the latest point: see `_add_point`

    @property
    def points(self) -> tuple[Point, ...]:
        """The curves, oldest first."""
        return tuple(self._points)

    @property
    def batches(self) -> tuple[Point, ...]:
        """A point a batch, for the latest of them."""
        return tuple(self._batches)

    @property
    def layers(self) -> tuple[LayerPoint, ...]:
        """How the layers stood, look by look, and in each layer by layer."""
        return tuple(itertools.chain.from_iterable(self._layers.things))

    @property
    def marks(self) -> tuple[Mark, ...]:
        """The settings changed so far."""
        return tuple(self._marks)

    def mark(self, before: Progress, after: Progress) -> None:
        """Keep what was changed between two progresses."""
        old, new = before.recipe.to_dict(), after.recipe.to_dict()
        self._marks += [
            Mark(before.position, field, old[field], value)
            for field, value in new.items()
            if value != old[field]
        ]

    def state(self) -> CurvesState:
        """What it takes, beside a snapshot, to go on with these curves."""
        return CurvesState(self._told, self._best, self._layers.distance)

    @classmethod
    def restore(cls, state: CurvesState, snapshot: Snapshot) -> Curves:
        """The curves that are in a snapshot, to go on with."""
        curves = cls()
        curves.accuracy, curves.best_epoch = snapshot.accuracy, snapshot.best_epoch
        curves._told, curves._best = state.told, state.best
        curves._marks, curves._points = list(snapshot.marks), list(snapshot.points)
        curves._batches.extend(snapshot.batches)
        curves._layers = Spaced(state.distance, MAX_LAYERS)
        for position, look in itertools.groupby(snapshot.layers, key=lambda point: point.epoch):
            curves._layers.add(position, tuple(look))
        return curves

    def add(self, progress: Progress, previous: Progress) -> None:
        """Take note of a progress that followed on another."""
        stepped = progress.step > previous.step  # not in the midst of a full batch
        marked = math.floor(progress.position * POINTS_AN_EPOCH) > math.floor(
            previous.position * POINTS_AN_EPOCH
        )
        evaluating = progress.position == int(progress.position)
        if progress.epoch_end or (marked and stepped and not evaluating):
            self._add_point(progress)
        if stepped:
            self._batches.append(
                Point(progress.position, progress.batch_loss, progress.batch_accuracy)
            )
        if self.is_best(progress) and progress.validation is not None:
            self.best_epoch, self._best = progress.epoch, progress.validation.accuracy

    def is_best(self, progress: Progress) -> bool:
        """Whether validation at this epoch's end is better than at all before."""
        return progress.validation is not None and progress.validation.accuracy > self._best

    def wants_layers(self, progress: Progress) -> bool:
        """Whether it is time for another look at the layers."""
        return progress.step > 0 and self._layers.is_due(progress.position)

    def add_layers(self, position: float, figures: Iterable[LayerFigures]) -> None:
        """Keep a look at the layers."""
        self._layers.add(
            position,
            tuple(
                LayerPoint(position, x.layer, x.weight_norm, x.gradient_norm, x.dead)
                for x in figures
            ),
        )

    def _add_point(self, progress: Progress) -> None:
        # A Progress tells means since the epoch's start; a point, means since the one before.
        part = 1.0 if progress.epoch_end else progress.position - int(progress.position)
        told = self._told if self._told[0] < part else (0.0, 0.0, 0.0)
        sums = (part, progress.loss * part, progress.accuracy * part)
        length, loss, right = (now - before for now, before in zip(sums, told, strict=True))
        self._told = (0.0, 0.0, 0.0) if progress.epoch_end else sums
        if progress.epoch_end or progress.epoch == 0:
            self.accuracy = progress.accuracy
        validation = progress.validation
        self._points.append(
            Point(
                progress.position,
                loss / length,
                right / length,
                None if validation is None else validation.loss,
                None if validation is None else validation.accuracy,
            )
        )
        if len(self._points) > MAX_POINTS:
            within = [point for point in self._points if point.epoch != int(point.epoch)]
            gone = {id(point) for point in (within or self._points[1:-1])[::2]}
            self._points = [point for point in self._points if id(point) not in gone]
