"""Snapshots sent by what is new: the other side has the same, and little went over."""

from __future__ import annotations

import dataclasses
import pickle
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from nn import RECIPES, Dataset
from ui.process.parcels import Packer, unpack
from ui.scheduler import curves, moments
from ui.scheduler.learners import Learners
from ui.scheduler.snapshot import Point, Snapshot, State

RECIPE = RECIPES["deep"].replace(hidden=(8, 6), batch_size=20, epochs=9, warmup=0, validation=40)


def over(parcel: Any) -> Any:
    """As it comes out at the other side."""
    return pickle.loads(pickle.dumps(parcel))


def assert_same(there: Snapshot, here: Snapshot) -> None:
    for field in dataclasses.fields(Snapshot):
        mine, yours = getattr(here, field.name), getattr(there, field.name)
        if field.name == "network":
            assert (mine is None) == (yours is None)
            if mine is not None:
                np.testing.assert_array_equal(yours.params, mine.params)
                np.testing.assert_array_equal(yours.statistics, mine.statistics)
        elif field.name == "moments":
            assert [it.step for it in yours] == [it.step for it in mine]
            for one, other in zip(yours, mine, strict=True):
                np.testing.assert_array_equal(one.params, other.params)
        elif field.name == "test" and mine is not None:
            np.testing.assert_array_equal(yours.confusion, mine.confusion)
        else:
            np.testing.assert_equal(yours, mine)  # NaN equals NaN


@pytest.fixture
def thinned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Curves and moments that are thinned soon and often."""
    monkeypatch.setattr(curves, "MAX_POINTS", 20)
    monkeypatch.setattr(moments, "MAX_MOMENTS", 6)


@pytest.fixture
def snapshots(mnist: tuple[Dataset, Dataset], thinned: None) -> Iterator[list[Snapshot]]:
    """A training from its beginning to its end, looked at after each slice."""
    everyone = Learners(lambda: (mnist[0][:240], mnist[1][:100]), slice_seconds=0.0)
    name = everyone.start(RECIPE, seed=3)
    seen: list[Snapshot] = []
    while not seen or seen[-1].state is State.RUNNING:
        everyone.turn()
        snapshot = everyone.look(name)
        assert snapshot is not None
        seen.append(snapshot)
    yield seen
    everyone.close()


def test_a_training_looks_the_same_from_the_other_side(snapshots: list[Snapshot]) -> None:
    assert snapshots[-1].state is State.FINISHED
    packer, there = Packer(), None
    for snapshot in snapshots:
        there = unpack(there, over(packer.pack(snapshot)))
        assert_same(there, snapshot)


def test_it_does_so_however_seldom_one_looks(snapshots: list[Snapshot]) -> None:
    packer, there = Packer(), None
    for snapshot in [*snapshots[::17], snapshots[-1]]:
        there = unpack(there, over(packer.pack(snapshot)))
        assert_same(there, snapshot)


def test_what_the_other_side_has_is_not_sent_again(snapshots: list[Snapshot]) -> None:
    packer = Packer()
    whole = packer.pack(snapshots[-1])
    again = packer.pack(snapshots[-1])
    assert again.sequences == {}
    assert again.network is None
    assert not {name for name in again.values if name != "accuracy"}
    assert len(pickle.dumps(again)) < len(pickle.dumps(whole)) / 20


def test_a_curve_that_grew_by_one_point_is_one_point(snapshots: list[Snapshot]) -> None:
    packer, last = Packer(), snapshots[-1]
    packer.pack(last)
    point = Point(9.5, 0.1, 0.9)
    parcel = packer.pack(dataclasses.replace(last, points=(*last.points, point)))
    assert parcel.sequences == {"points": [(0, len(last.points)), [point]]}


def test_packing_goes_on_from_what_the_other_side_was_given(snapshots: list[Snapshot]) -> None:
    last = dataclasses.replace(snapshots[-1], network=None)
    parcel = Packer(last).pack(snapshots[-1])
    assert parcel.sequences == {}
    assert_same(unpack(over(last), over(parcel)), snapshots[-1])
