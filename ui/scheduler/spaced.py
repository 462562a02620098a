"""What is kept of a training at even distances, thinned by half whenever it is too much.

A training's length is not known while it can be stopped, so the distance starts small and doubles.
This module knows no page, no threads, and not what is kept.
"""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")


class Spaced(Generic[T]):
    """Things with their positions, the oldest first; the latest one is always kept.

    Parameters
    ----------
    distance : in epochs, to begin with
    limit : how many there may be
    """

    def __init__(self, distance: float, limit: int) -> None:
        self.distance, self.limit = distance, limit
        self._kept: list[tuple[float, T]] = []

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def things(self) -> tuple[T, ...]:
        """All that is kept."""
        return tuple(thing for _, thing in self._kept)

    def is_due(self, position: float) -> bool:
        """Whether the next thing is to be taken at this position."""
        return not self._kept or self._cell(position) > self._cell(self._kept[-1][0])

    def add(self, position: float, thing: T) -> None:
        """Keep a thing; thin what is there if it is one too many."""
        self._kept.append((position, thing))
        if len(self._kept) > self.limit:
            self.thin()

    def thin(self) -> None:
        """Double the distance until some are dropped; of two, the older is."""
        before = len(self._kept)
        if before == 2:
            del self._kept[0]
        while len(self._kept) == before > 2:
            self.distance *= 2
            first_in_cell = {self._cell(place): place for place, _ in reversed(self._kept)}
            stay = {*first_in_cell.values(), self._kept[-1][0]}
            self._kept = [(place, thing) for place, thing in self._kept if place in stay]

    def _cell(self, position: float) -> int:
        return int(position / self.distance)
