"""Moments: the parameters as they were along a training, to go back to.

Some 40 of them, spread evenly from the untrained network to the present one, and the one at the
best epoch. They take most of a visitor's memory, so they can be thinned from outside.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from nn import Network
from nn.layers import Array
from nn.network import layers_from
from nn.progress import Progress

from .snapshot import Moment, Snapshot
from .spaced import Spaced

FIRST_DISTANCE = 1 / 16  # epochs between two moments; doubles as the training goes on
MAX_MOMENTS = 48  # then they are thinned to half


@dataclass(frozen=True, eq=False)
class Kept:
    """A `snapshot.Moment`: what is needed to build its network again, exactly."""

    epoch: float
    step: int
    architecture: Sequence[dict[str, Any]]
    params: Array
    statistics: Array

    @classmethod
    def of(cls, progress: Progress) -> Kept:
        """The moment at which a training stands."""
        network = progress.snapshot()
        return cls(
            progress.position,
            progress.step,
            network.architecture(),
            network.params,
            network.statistics,
        )

    def network(self) -> Network:
        """A network of its own that predicts as the training did then."""
        network = Network(layers_from(self.architecture), dtype=self.params.dtype)
        network.params[...] = self.params
        network.statistics[...] = self.statistics
        return network

    @property
    def nbytes(self) -> int:
        """What it takes of memory."""
        return self.params.nbytes + self.statistics.nbytes


@dataclass(frozen=True)
class MomentsState:
    """What a snapshot does not tell of the moments: their distance, and which are kept for what.

    Attributes
    ----------
    distance : between two of them, in epochs
    evenly : the steps of those that are evenly spaced
    best : the step of the best epoch's; None without any
    """

    distance: float
    evenly: tuple[int, ...]
    best: int | None


class Moments:
    """The moments of one training."""

    def __init__(self) -> None:
        self._evenly: Spaced[Kept] = Spaced(FIRST_DISTANCE, MAX_MOMENTS)
        self._best: Kept | None = None

    def state(self) -> MomentsState:
        """What it takes, beside a snapshot, to go on with these moments."""
        evenly = tuple(moment.step for moment in self._evenly.things)
        return MomentsState(
            self._evenly.distance, evenly, None if self._best is None else self._best.step
        )

    @classmethod
    def restore(cls, state: MomentsState, kept: Sequence[Kept]) -> Moments:
        """The moments that are in a snapshot, to go on with."""
        moments = cls()
        moments._evenly = Spaced(state.distance, MAX_MOMENTS)
        for moment in kept:
            if moment.step in state.evenly:
                moments._evenly.add(moment.epoch, moment)
            if moment.step == state.best:
                moments._best = moment
        return moments

    def take(self, progress: Progress, *, best: bool = False, last: bool = False) -> Kept | None:
        """A moment to `add`, where one is due: far enough from the one before, or at the best or
        the last epoch. Only who iterates the training may call it.
        """
        if not (best or last or self._evenly.is_due(progress.position)):
            return None
        latest = next(reversed(self._evenly.things), None)
        return latest if latest and latest.step == progress.step else Kept.of(progress)

    def add(self, moment: Kept, *, best: bool = False, last: bool = False) -> None:
        """Keep what was taken with the same words."""
        if best:
            self._best = moment
        things = self._evenly.things
        if (last or self._evenly.is_due(moment.epoch)) and moment not in things:
            self._evenly.add(moment.epoch, moment)

    def thin(self) -> bool:
        """Drop about half, not the latest; returns False where it is the only one."""
        if len(self._evenly) > 1:
            self._evenly.thin()
            return True
        dropped, self._best = self._best, None
        return dropped is not None and dropped not in self._evenly.things

    @property
    def all(self) -> tuple[Kept, ...]:
        """All moments, the oldest first."""
        moments = self._evenly.things
        if self._best is not None and self._best not in moments:
            moments = tuple(sorted((*moments, self._best), key=lambda moment: moment.step))
        return moments

    @property
    def nbytes(self) -> int:
        """What they take of memory; all are of the same size."""
        if not len(self._evenly):
            return 0
        return len(self.all) * self._evenly.things[0].nbytes


def fitted(snapshots: Sequence[Snapshot], limit: int) -> list[Snapshot]:
    """The same snapshots, with so many moments dropped that all together take `limit` bytes.

    For those who keep snapshots longer than their learners live. Of the one that takes most, every
    other moment goes; its latest one stays, and its best one as long as there is another to drop.
    """
    left = [snapshot.moments for snapshot in snapshots]
    while sum(map(_nbytes, left)) > limit and any(len(moments) > 1 for moments in left):
        i = max(range(len(left)), key=lambda i: _nbytes(left[i]) if len(left[i]) > 1 else -1)
        *rest, latest = left[i]
        best = snapshots[i].best_epoch
        stay = [x for n, x in enumerate(rest) if n % 2 == 0 or x.epoch == best]
        left[i] = (*(stay if len(stay) < len(rest) else rest[1:]), latest)
    return [
        snapshot if moments is snapshot.moments else replace(snapshot, moments=moments)
        for snapshot, moments in zip(snapshots, left, strict=True)
    ]


def moment_bytes(snapshot: Snapshot) -> int:
    """What a snapshot's moments take of memory."""
    return _nbytes(snapshot.moments)


def _nbytes(moments: Sequence[Moment]) -> int:
    return sum(moment.nbytes for moment in moments if isinstance(moment, Kept))
