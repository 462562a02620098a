"""Teaching as a training run: on the scheduler without threads, and on a cluster."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest

from nn import RECIPES, Dataset, Network, Recipe
from nn.teach import TEACHING
from ui.training.limits import LimitError, Limits, memory_bytes
from ui.training.scheduler import Scheduler
from ui.training.snapshot import Snapshot, State

RECIPE = TEACHING.replace(hidden=(8,), samples=200, validation=40, pen=0.0, nondigits=0.0)
VISITORS = itertools.count(1)


@pytest.fixture
def data(mnist: tuple[Dataset, Dataset]) -> tuple[Dataset, Dataset]:
    return mnist[0][:400], mnist[1][:100]


@pytest.fixture
def scheduler(data: tuple[Dataset, Dataset]) -> Iterator[Scheduler]:
    everyone = Scheduler(lambda: data, turn_seconds=0.0)
    yield everyone
    everyone.close()


@pytest.fixture
def reader() -> Network:
    return RECIPE.build_network(rng=np.random.default_rng(0)).freeze()


def teach(everyone: Scheduler, reader: Network, drawings: Dataset, recipe: Recipe = RECIPE) -> str:
    begins = Snapshot(State.FINISHED, recipe, network=reader)
    visitor = f"visitor {next(VISITORS)}"
    return everyone.start(recipe, seed=0, visitor=visitor, begins=begins, drawings=drawings)


def see(scheduler: Scheduler, run: str) -> Snapshot:
    found = scheduler.look(run)
    assert found is not None
    return found


def finish(scheduler: Scheduler, run: str) -> None:
    """Give turns until that run has ended."""
    while see(scheduler, run).state is State.RUNNING:
        scheduler.turn()


def test_a_teaching_ends_with_a_calibrated_network_and_leaves_its_own_alone(
    scheduler: Scheduler, reader: Network, data: tuple[Dataset, Dataset]
) -> None:
    before = reader.params.copy()
    run = teach(scheduler, reader, data[1][:10])
    finish(scheduler, run)
    done = see(scheduler, run)
    assert done.state is State.FINISHED
    assert (done.epoch, done.recipe.hidden) == (1, (8,))
    assert done.test is not None
    assert len(done.moments) > 2
    assert done.network.calibration != reader.calibration
    assert not np.array_equal(done.network.params, before)
    assert np.array_equal(reader.params, before)
    assert np.array_equal(done.drawings.labels, data[1].labels[:10])


def test_of_those_that_teach_one_works_at_a_time_beside_those_that_train(
    scheduler: Scheduler, reader: Network, data: tuple[Dataset, Dataset]
) -> None:
    first, second = (teach(scheduler, reader, data[1][:10]) for _ in range(2))
    trains = scheduler.start(
        RECIPES["adam"].replace(hidden=(8,), batch_size=20, validation=40), seed=0, visitor="ada"
    )
    while see(scheduler, first).state is State.RUNNING:
        assert see(scheduler, second).waiting
        assert see(scheduler, second).step == 0
        assert not see(scheduler, first).waiting
        scheduler.turn()
    assert see(scheduler, trains).step > 3
    assert not see(scheduler, second).waiting
    finish(scheduler, second)
    assert see(scheduler, second).state is State.FINISHED


def test_one_that_is_paused_lets_the_next_go_first(
    scheduler: Scheduler, reader: Network, data: tuple[Dataset, Dataset]
) -> None:
    first, second = (teach(scheduler, reader, data[1][:10]) for _ in range(2))
    scheduler.pause(first)
    finish(scheduler, second)
    assert (see(scheduler, first).state, see(scheduler, first).waiting) == (State.PAUSED, False)
    scheduler.resume(first)
    scheduler.stop(second)
    finish(scheduler, first)
    assert see(scheduler, first).state is State.FINISHED


def test_a_long_one_and_one_in_slow_motion_take_turns_with_the_others(
    scheduler: Scheduler, reader: Network, data: tuple[Dataset, Dataset]
) -> None:
    long = teach(scheduler, reader, data[1][:10], RECIPE.replace(epochs=100))
    slow, short = (teach(scheduler, reader, data[1][:10]) for _ in range(2))
    scheduler.pace(slow, 1.0)
    finish(scheduler, short)
    assert see(scheduler, short).state is State.FINISHED
    assert see(scheduler, long).state is State.RUNNING
    assert see(scheduler, long).step > 0
    assert see(scheduler, slow).state is State.RUNNING


def test_those_that_wait_take_no_memory_until_they_begin(
    data: tuple[Dataset, Dataset], reader: Network
) -> None:
    room = memory_bytes(RECIPE)
    everyone = Scheduler(lambda: data, limits=Limits(runs=5, server_bytes=room))
    for _ in range(5):
        teach(everyone, reader, data[1][:10])
    with pytest.raises(LimitError, match="5 training runs at once"):
        teach(everyone, reader, data[1][:10])
    everyone.close()


def test_drawings_that_cannot_be_taught_fail_alone(
    scheduler: Scheduler, reader: Network, data: tuple[Dataset, Dataset]
) -> None:
    none = teach(scheduler, reader, data[1][:0])
    one = teach(scheduler, reader, data[1][:1])
    finish(scheduler, one)
    assert see(scheduler, none).state is State.FAILED
    assert getattr(see(scheduler, none).error, "kind", "") == "no_drawings"
    assert see(scheduler, one).state is State.FINISHED
