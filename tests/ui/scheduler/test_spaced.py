from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from ui.scheduler.spaced import Spaced


def filled(steps: int, *, distance: float = 0.25, limit: int = 10, total: float = 40.0) -> Spaced:
    kept: Spaced[float] = Spaced(distance, limit)
    for position in np.linspace(0, total, steps).tolist():
        if kept.is_due(position):
            kept.add(position, position)
    return kept


@pytest.mark.parametrize("total", [1.0, 3.7, 40.0, 400.0])
def test_however_long_it_gets_the_things_stay_evenly_spaced(total: float) -> None:
    kept = filled(4001, total=total)
    positions = kept.things
    assert len(kept) == len(positions)
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
    assert len(kept) == 10
    assert kept.distance == 0.25


def test_steps_longer_than_the_distance_are_all_due() -> None:
    kept: Spaced[int] = Spaced(0.25, 100)
    for epoch in range(20):
        assert kept.is_due(epoch)
        kept.add(epoch, epoch)
    assert kept.things == tuple(range(20))


def test_thinning_drops_about_half_and_keeps_the_latest_to_the_end() -> None:
    kept = filled(1001, limit=48)
    latest, sizes = kept.things[-1], [len(kept)]
    while len(kept) > 1:
        kept.thin()
        sizes.append(len(kept))
        assert kept.things[-1] == latest
    assert all(after <= math.ceil(before / 2) + 1 for before, after in pairwise(sizes))
    kept.thin()
    assert kept.things == (latest,)
