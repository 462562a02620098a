from __future__ import annotations

import numpy as np
import pytest

from ui.training.history import Thinned


def filled(steps: int, *, distance: float = 0.25, limit: int = 10, total: float = 40.0) -> Thinned:
    kept: Thinned[float] = Thinned(distance, limit)
    kept.add(0.0, 0.0)
    for position in np.linspace(0, total, steps).tolist():
        if kept.is_due(position):
            kept.add(position, position)
    return kept


@pytest.mark.parametrize("total", [1.0, 3.7, 40.0, 400.0])
def test_however_long_it_gets_the_things_stay_evenly_spaced(total: float) -> None:
    kept = filled(4001, total=total)
    positions = tuple(kept)
    assert len(positions) <= 10
    assert positions[0] == 0.0
    assert positions == tuple(sorted(positions))
    gaps = np.diff(positions)[:-1]  # the latest one may stand closer
    step = total / 4000
    assert np.all(np.abs(gaps - kept.distance) <= 2 * step)
    assert total - positions[-1] <= kept.distance + step
    assert total < 2.5 or len(positions) >= 5


def test_nothing_is_dropped_before_it_is_too_much() -> None:
    kept = filled(11, total=2.25)  # nine cells and the last place
    assert len(tuple(kept)) == 10
    assert kept.distance == 0.25


def test_steps_longer_than_the_distance_are_all_due() -> None:
    kept: Thinned[int] = Thinned(0.25, 100)
    for epoch in range(1, 21):
        assert kept.is_due(epoch)
        kept.add(epoch, epoch)
    assert tuple(kept) == tuple(range(1, 21))


def test_every_second_entry_is_dropped_and_the_first_and_the_latest_stay() -> None:
    kept = Thinned[int](1.0, 8)
    for epoch in range(9):
        kept.add(epoch, epoch)
    assert tuple(kept) == (0, 2, 4, 6, 8)
    assert [kept.is_due(epoch) for epoch in (8, 9, 10)] == [False, False, True]
    kept.add(9, 9)  # the last of a run, though it is not due
    for epoch in range(10, 14):
        kept.add(epoch, epoch)
    assert next(iter(kept)) == 0
    assert tuple(kept)[-1] == 13
