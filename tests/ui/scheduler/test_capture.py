"""Learners that go on in another place, from a capture and a snapshot."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from dataclasses import fields

import numpy as np
import pytest

from nn import RECIPES, Dataset, Recipe
from ui.scheduler.capture import Capture
from ui.scheduler.learner import Data, Learner
from ui.scheduler.learners import Learners
from ui.scheduler.snapshot import Snapshot, State

RECIPE = RECIPES["deep"].replace(
    hidden=(9, 7), batch_size=20, epochs=6, validation=40, warmup=0.5, weight_average=0.9
)
OF_TIME = {"seconds", "share", "seconds_left", "restarts", "network", "moments", "test"}


@pytest.fixture
def data(mnist: tuple[Dataset, Dataset]) -> Data:
    return mnist[0][:240], mnist[1][:100]


class House:
    """Learners worked on by the test, each of which is captured after every slice."""

    def __init__(self, data: Data) -> None:
        self.captures: list[tuple[bytes, bytes]] = []
        self.unable = 0
        self.now = 0.0
        self.learners = Learners(
            lambda: data, clock=self.clock, cpu_clock=self.clock, after_slice=self.capture
        )

    def clock(self) -> float:
        self.now += 0.001
        return self.now

    def capture(self, name: str, learner: Learner) -> None:
        self.latest = name, learner
        capture = learner.capture()
        if capture is None:
            self.unable += 1
            return
        snapshot = self.learners.snapshot(learner)
        self.captures.append((pickle.dumps(capture), pickle.dumps(snapshot)))

    def restore(self, capture: bytes, snapshot: bytes, data: Data) -> str:
        return self.learners.adopt(
            Learner.restore(
                pickle.loads(capture),
                pickle.loads(snapshot),
                lambda: data,
                seen=self.now,
                restarts=3,
            )
        )

    def see(self, name: str) -> Snapshot:
        snapshot = self.learners.look(name)
        assert snapshot is not None
        return snapshot

    def finish(self, name: str) -> Snapshot:
        for _ in range(500):
            if self.see(name).state is not State.RUNNING:
                break
            self.learners.turn()
        return self.see(name)


@pytest.fixture
def house(data: Data) -> Iterator[House]:
    house = House(data)
    yield house
    house.learners.close()


def told(snapshot: Snapshot) -> dict[str, object]:
    """What must be the same wherever and however quickly a training ran."""
    found = {x.name: getattr(snapshot, x.name) for x in fields(snapshot) if x.name not in OF_TIME}
    for name in ("params", "statistics"):
        found[name] = getattr(snapshot.network, name).tobytes() if snapshot.network else None
    found["moments"] = [(m.epoch, m.step, m.network().params.tobytes()) for m in snapshot.moments]
    found["test"] = None if snapshot.test is None else snapshot.test.confusion.tolist()
    return found


@pytest.mark.parametrize(
    "recipe",
    [RECIPE, RECIPE.replace(augment=1.0, pen=0.2, epochs=3), RECIPE.replace(validation=0)],
    ids=["deep", "pen", "unvalidated"],
)
def test_wherever_a_learner_is_captured_it_ends_alike(
    house: House, data: Data, recipe: Recipe
) -> None:
    name = house.learners.start(recipe, seed=4)
    house.learners.turn()
    house.learners.change(name, recipe.replace(learning_rate=0.01, batch_size=25))
    house.captures.clear()
    undisturbed = house.finish(name)
    assert undisturbed.state is State.FINISHED
    assert len(house.captures) > 3
    for capture, snapshot in house.captures[:: max(len(house.captures) // 6, 1)]:
        restored = house.restore(capture, snapshot, data)
        done = house.finish(restored)
        assert told(done) == told(undisturbed)
        assert done.restarts == 3
        assert done.seconds > pickle.loads(snapshot).seconds
        house.learners.stop(restored)


def test_a_restored_learner_is_seen_where_it_stood_before_it_has_worked(
    house: House, data: Data
) -> None:
    name = house.learners.start(RECIPE, seed=4, batches_at_first=13)
    paused = house.finish(name)
    restored = house.restore(*house.captures[-1], data)
    seen = house.see(restored)
    assert told(seen) == told(paused)
    assert (seen.state, seen.step, seen.restarts) == (State.PAUSED, 13, 3)
    assert not house.learners.turn()  # it rests as before
    house.learners.resume(restored, batches=4)
    assert house.finish(restored).step == 17
    house.learners.resume(restored, epochs=1)
    assert house.finish(restored).epoch == 2


def test_wishes_that_were_not_yet_taken_are_not_lost(house: House, data: Data) -> None:
    name = house.learners.start(RECIPE, seed=4, epochs_at_first=2)
    house.learners.turn()
    house.learners.pace(name, 1000.0)
    changed = RECIPE.replace(learning_rate=0.02)
    house.learners.pause(name)
    house.learners.change(name, changed)
    assert not house.learners.turn()
    house.capture(*house.latest)
    capture = pickle.loads(house.captures[-1][0])
    assert isinstance(capture, Capture)
    assert (capture.recipe, capture.training.recipe) == (changed, RECIPE)
    assert (capture.pause_at_epoch, capture.pace) == (2, 1000.0)
    restored = house.restore(*house.captures[-1], data)
    for one in (name, restored):
        house.learners.resume(one)
    first, second = house.finish(name), house.finish(restored)
    assert [(mark.field, mark.after) for mark in second.marks] == [("learning_rate", 0.02)]
    assert told(second) == told(first)


def test_a_full_batch_can_be_captured_at_every_step(mnist: tuple[Dataset, Dataset]) -> None:
    data = (mnist[0][:12_100], mnist[1][:100])
    house = House(data)
    recipe = RECIPES["original"].replace(hidden=(8,), epochs=5)
    undisturbed = house.finish(house.learners.start(recipe, seed=1))
    assert house.unable > 5  # in the midst of a step, and at the end
    steps = [pickle.loads(snapshot).step for _, snapshot in house.captures]
    assert set(steps) == {1, 2, 3, 4, 5}
    restored = house.finish(house.restore(*house.captures[1], data))
    assert told(restored) == told(undisturbed)
    house.learners.close()


def test_a_learner_that_has_not_begun_or_has_ended_has_no_capture(house: House) -> None:
    learner = Learner(RECIPE, 1, lambda: pytest.fail("not to be loaded yet"), seen=0.0)
    assert learner.capture() is None
    house.finish(house.learners.start(RECIPE, seed=4))
    house.captures.clear()
    house.learners.turn()
    assert house.captures == []


def test_a_moment_that_was_restored_is_the_same(house: House, data: Data) -> None:
    house.finish(house.learners.start(RECIPE.replace(epochs=20), seed=4))
    capture, snapshot = house.captures[len(house.captures) // 2]
    before = pickle.loads(snapshot)
    learner = Learner.restore(pickle.loads(capture), before, lambda: data, seen=0.0)
    found = learner.moments.all
    assert [moment.step for moment in found] == [moment.step for moment in before.moments]
    for moment, other in zip(found, before.moments, strict=True):
        np.testing.assert_array_equal(moment.network().params, other.network().params)
