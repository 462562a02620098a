"""A training's curves, gathered from its progress: points, batches, layers, best epoch."""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Iterable

from nn.diagnostics import LayerFigures
from nn.progress import Progress

from .snapshot import LayerPoint, Point
from .spaced import Spaced

POINTS_AN_EPOCH = 8  # of the training curves
MAX_POINTS = 800  # of a curve; then every other one within epochs goes
BATCHES = 400  # the latest ones have a point each
LAYERS_AN_EPOCH = 8  # looks at the layers, to begin with
MAX_LAYERS = 160  # looks that are kept


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
