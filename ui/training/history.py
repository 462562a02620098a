"""The history of one training run: its curves, its layers, and moments to go back to.

A run's length is not known while it can be stopped. So everything is kept at even distances, and
when there is too much of it, every second entry is dropped and the distance doubles.
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from dataclasses import replace
from typing import Generic, TypeVar

from nn import Network, Progress
from nn.explain.diagnostics import layer_figures

from .snapshot import LayerPoint, Mark, Moment, Point, Snapshot

POINTS_PER_EPOCH, MAX_POINTS = 8, 800
LAYERS_PER_EPOCH, MAX_LAYERS = 8, 160
MOMENTS_PER_EPOCH, MAX_MOMENTS = 16, 40
MAX_BATCHES = 400  # the latest ones have a point each

T = TypeVar("T")


class Thinned(Generic[T]):
    """Entries with their positions, oldest first; the first and the latest are always kept.

    Parameters
    ----------
    distance : epochs between two entries, to begin with
    limit : the most entries there may be, two or more
    """

    def __init__(self, distance: float, limit: int) -> None:
        self.distance, self.limit = distance, limit
        self._entries: list[tuple[float, T]] = []

    def __iter__(self) -> itertools.chain[T]:
        return itertools.chain(entry for _, entry in self._entries)

    def is_due(self, position: float) -> bool:
        """Whether the next entry is to be taken at this position."""
        if not self._entries:
            return True
        return self._interval(position) > self._interval(self._entries[-1][0])

    def add(self, position: float, entry: T) -> None:
        """Keep an entry; drop every second one if there are too many."""
        self._entries.append((position, entry))
        while len(self._entries) > self.limit:
            self.distance *= 2
            first_of = {self._interval(kept[0]): kept for kept in reversed(self._entries)}
            latest = self._entries[-1]
            self._entries = list(reversed(first_of.values()))
            if self._entries[-1] is not latest:
                self._entries.append(latest)

    def _interval(self, position: float) -> int:
        return int(position / self.distance)


class History:
    """What is kept of one training run so far.

    Parameters
    ----------
    position : in epochs, where the run begins; above 0 where it continues another

    Attributes
    ----------
    points, batches, layers, marks, best : as in Snapshot
    accuracy : on the training batches, over the latest whole epoch or, before, since the start
    """

    def __init__(self, position: float = 0.0) -> None:
        self.points: Thinned[Point] = Thinned(1 / POINTS_PER_EPOCH, MAX_POINTS)
        self.batches: deque[Point] = deque(maxlen=MAX_BATCHES)
        self.layers: Thinned[tuple[LayerPoint, ...]] = Thinned(1 / LAYERS_PER_EPOCH, MAX_LAYERS)
        self.marks: list[Mark] = []
        self.accuracy = math.nan
        self.best: Point | None = None
        self._moments: Thinned[Moment] = Thinned(1 / MOMENTS_PER_EPOCH, MAX_MOMENTS)
        self._best_moment: Moment | None = None
        self._begun = position % 1.0  # the part of this epoch that is not in its means
        self._summed = (self._begun, 0.0, 0.0)  # at the latest point of this epoch: see `_point`

    @property
    def moments(self) -> tuple[Moment, ...]:
        """Evenly spaced moments and the best epoch's, oldest first."""
        moments, best = list(self._moments), self._best_moment
        if best is not None and best not in moments:
            moments.append(best)
        return tuple(sorted(moments, key=lambda moment: moment.step))

    def add(
        self, progress: Progress, previous: Progress | None, network: Network, seconds: float
    ) -> None:
        """Record where the run is.

        Parameters
        ----------
        progress, previous : the latest pause and the one before; None at the first
        network : the one being trained, as the latest batch left it
        seconds : of training so far
        """
        if previous is None:
            self._moments.add(progress.position, Moment.of(progress))
            return
        self._mark(previous, progress)
        stepped = progress.step > previous.step
        within_epoch = progress.position != int(progress.position)
        if (progress.epoch_end or (stepped and within_epoch)) and progress.step > 0:
            self._add_point(progress, seconds)
        if progress.epoch_end:
            self._begun = 0.0
        if stepped:
            self.batches.append(
                Point(progress.position, progress.batch_loss, progress.batch_accuracy)
            )
            if self.layers.is_due(progress.position):
                at, figures = progress.position, layer_figures(network)
                self.layers.add(
                    at,
                    tuple(
                        LayerPoint(at, each.layer, each.weight_norm, each.gradient_norm, each.dead)
                        for each in figures
                    ),
                )
        self._add_moment(progress)

    def _mark(self, before: Progress, after: Progress) -> None:
        if after.recipe != before.recipe:
            old, new = before.recipe.to_dict(), after.recipe.to_dict()
            self.marks += [
                Mark(before.position, field, old[field], value)
                for field, value in new.items()
                if value != old[field]
            ]

    def _add_point(self, progress: Progress, seconds: float) -> None:
        if progress.epoch_end or progress.epoch == 0:
            self.accuracy = progress.accuracy
        due = progress.position >= 1 / POINTS_PER_EPOCH and self.points.is_due(progress.position)
        if not (due or progress.validation):
            return
        point = self._point(progress, seconds)
        if due:
            self.points.add(progress.position, point)
        if point.validation_accuracy is not None and (
            self.best is None or point.validation_accuracy > (self.best.validation_accuracy or 0.0)
        ):
            self.best, self._best_moment = point, self._moment(progress)

    def _point(self, progress: Progress, seconds: float) -> Point:
        """The means since the point before; a Progress has those since the epoch's start."""
        part = 1.0 if progress.epoch_end else progress.position - int(progress.position)
        before = self._summed if self._summed[0] < part else (0.0, 0.0, 0.0)
        seen = part - self._begun
        sums = (part, progress.loss * seen, progress.accuracy * seen)
        self._summed = (0.0, 0.0, 0.0) if progress.epoch_end else sums
        length, loss, accuracy = (now - then for now, then in zip(sums, before, strict=True))
        validation = progress.validation
        return Point(
            progress.position,
            loss / length,
            accuracy / length,
            None if validation is None else validation.loss,
            None if validation is None else validation.accuracy,
            seconds,
        )

    def _add_moment(self, progress: Progress) -> None:
        last = progress.epoch_end and progress.ended
        if last or self._moments.is_due(progress.position):
            moment = self._moment(progress)
            if moment not in self._moments:
                self._moments.add(progress.position, moment)

    def _moment(self, progress: Progress) -> Moment:
        """The moment of a pause; one that is there already is not made twice."""
        for moment in (self._best_moment, *self._moments):
            if moment is not None and moment.step == progress.step:
                found: Moment = moment
                return found
        return Moment.of(progress)


def joined(before: Snapshot | None, now: Snapshot) -> Snapshot:
    """One run from what came before it was continued and what has become of it since."""
    if before is None:
        return now
    validated = [run.best for run in (before, now) if run.best is not None]
    return replace(
        now,
        epoch=max(before.epoch, now.epoch),
        step=max(before.step, now.step),
        position=max(before.position, now.position),
        accuracy=before.accuracy if math.isnan(now.accuracy) else now.accuracy,
        points=before.points + now.points,
        batches=(before.batches + now.batches)[-MAX_BATCHES:],
        layers=before.layers + now.layers,
        marks=before.marks + now.marks,
        moments=before.moments + now.moments,
        best=max(validated, key=lambda point: point.validation_accuracy or 0.0, default=None),
        network=now.network or before.network,
        seconds=max(before.seconds, now.seconds),
    )
