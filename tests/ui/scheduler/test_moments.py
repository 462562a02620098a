from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nn import RECIPES, Network
from ui.scheduler.moments import Kept, fitted
from ui.scheduler.snapshot import Snapshot, State

NETWORK = RECIPES["adam"].replace(hidden=(4,)).build_network(rng=np.random.default_rng(0))
ONE = NETWORK.params.nbytes


def run(moments: int, *, best_epoch: int | None = None, network: Network = NETWORK) -> Snapshot:
    kept = [
        Kept(float(i), i, network.architecture(), network.params.copy(), network.statistics.copy())
        for i in range(moments)
    ]
    return Snapshot(
        *(State.FINISHED, RECIPES["adam"], moments, float(moments), 0.9, (), network),
        *(0.0, None, "", 0),
        moments=tuple(kept),
        best_epoch=best_epoch,
    )


def epochs(snapshot: Snapshot) -> list[float]:
    return [moment.epoch for moment in snapshot.moments]


def test_what_fits_is_left_as_it_is() -> None:
    snapshots = [run(5), run(3)]
    assert fitted(snapshots, 8 * ONE) == snapshots


def test_the_run_that_takes_most_is_thinned_first() -> None:
    first, second = fitted([run(9), run(3)], 8 * ONE)
    assert epochs(first) == [0, 2, 4, 6, 8]
    assert epochs(second) == [0, 1, 2]


@pytest.mark.parametrize("limit", range(3, 30))
def test_all_together_take_no_more_than_the_limit_and_keep_their_latest(limit: int) -> None:
    before = [run(40, best_epoch=17), run(1), run(12, best_epoch=11)]
    after = fitted(before, limit * ONE)
    assert sum(len(snapshot.moments) for snapshot in after) <= limit
    for old, new in zip(before, after, strict=True):
        assert new.moments[-1] is old.moments[-1]
        assert set(new.moments) <= set(old.moments)
        assert replace(new, moments=old.moments) == old
    if limit > 5:
        assert 17 in epochs(after[0])


def test_the_latest_stays_even_where_there_is_no_room() -> None:
    assert [epochs(snapshot) for snapshot in fitted([run(7), run(2)], 0)] == [[6], [1]]
