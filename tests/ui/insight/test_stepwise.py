"""Work done bit by bit: how much of it a visitor may do, and what is shown meanwhile."""

from __future__ import annotations

import gc
from collections.abc import Generator

import numpy as np
import pytest

from nn import Network
from nn.layers import Dense
from ui.insight.stepwise import ACTIVE_SECONDS, EARNED, MOST, Bench, Workshop

STEPS, STEP_SECONDS = 10, 0.01


class Clock:
    """Time that passes when a test or a step of work lets it."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


class Work:
    """A kind of work of ten steps, which notes each one that is done."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.done: list[float] = []
        self.workshop = Workshop(self.steps, clock=self.clock)

    def steps(self, network: Network) -> Generator[None, None, float]:
        for _ in range(STEPS):
            if not np.isfinite(network.params[0]):
                raise ValueError("no such network")
            self.done.append(float(network.params[0]))
            self.clock.now += STEP_SECONDS
            yield
        return float(network.params[0])


@pytest.fixture
def work() -> Work:
    return Work()


def network(value: float) -> Network:
    """A network that is told from others by its first parameter."""
    made = Network([Dense(2, 2)])
    made.params[...] = value
    return made


def test_a_page_that_can_wait_gets_the_result_at_once(work: Work) -> None:
    stand = Bench(work.workshop).look("best", network(3), patient=True)
    assert stand is not None
    assert (stand.result, stand.fresh, stand.epoch) == (3, True, None)


def test_a_result_is_worked_out_once_for_all_visitors(work: Work) -> None:
    shared = network(3)
    for _ in range(3):
        stand = Bench(work.workshop).look("best", shared, patient=True)
        assert stand is not None
        assert stand.result == 3
    assert len(work.done) == STEPS


def test_a_look_in_a_poll_works_no_longer_than_its_limit(work: Work) -> None:
    bench, shared = Bench(work.workshop), network(3)
    assert bench.look("yours", shared, 1.0, patient=False) is None
    assert len(work.done) <= MOST / STEP_SECONDS + 1
    looks = 1
    while bench.look("yours", shared, 1.0, patient=False) is None:
        work.clock.now += 0.4
        before = len(work.done)
        looks += 1
        bench.look("yours", shared, 1.0, patient=False)
        assert len(work.done) - before <= MOST / STEP_SECONDS + 1
    assert looks > 1


def test_until_the_next_result_the_earlier_one_says_from_where_it_is(work: Work) -> None:
    bench, first, second = Bench(work.workshop), network(1), network(2)
    bench.look("yours", first, 1.5, patient=True)
    stand = bench.look("yours", second, 2.5, patient=False)
    assert stand is not None
    assert (stand.result, stand.epoch, stand.fresh) == (1, 1.5, False)
    assert stand.network is first
    for _ in range(STEPS):
        work.clock.now += 1.0
        stand = bench.look("yours", second, 2.5, patient=False)
    assert stand is not None
    assert (stand.result, stand.epoch, stand.fresh) == (2, 2.5, True)


def test_a_network_that_trains_on_is_judged_as_it_was_when_the_work_began(work: Work) -> None:
    """Every look comes with a newer network; the work that was begun is ended all the same."""
    bench, results = Bench(work.workshop), []
    for look in range(40):
        stand = bench.look("yours", network(look), float(look), patient=False)
        results.append(None if stand is None else (stand.result, stand.epoch))
        work.clock.now += 0.4
    found = sorted({result for result in results if result is not None})
    assert len(found) >= 5
    assert all(result == epoch for result, epoch in found)


def test_a_poll_with_nothing_new_works_on_nothing(work: Work) -> None:
    bench, shared = Bench(work.workshop), network(3)
    bench.look("yours", shared, 1.0, patient=True)
    for _ in range(5):
        work.clock.now += 0.4
        bench.look("yours", shared, 1.0, patient=False)
    assert len(work.done) == STEPS


def test_a_copy_of_the_same_network_is_recognised(work: Work) -> None:
    bench, shared = Bench(work.workshop), network(3)
    bench.look("yours", shared, 1.0, patient=True)
    stand = bench.look("yours", shared.copy(), 1.0, patient=True)
    assert stand is not None
    assert stand.fresh
    assert len(work.done) == STEPS


def test_in_a_hurry_nothing_is_worked_on(work: Work) -> None:
    bench = Bench(work.workshop)
    assert bench.look("yours", network(3), patient=False, hurried=True) is None
    assert work.done == []


def test_another_readers_result_is_not_shown_for_this_ones(work: Work) -> None:
    bench = Bench(work.workshop)
    bench.look("yours", network(1), 1.0, patient=True)
    assert bench.look("best", network(2), patient=False, hurried=True) is None


def test_a_page_that_can_wait_does_not_end_what_is_out_of_date(work: Work) -> None:
    bench = Bench(work.workshop)
    bench.look("yours", network(1), 1.0, patient=False)
    begun = len(work.done)
    stand = bench.look("yours", network(2), 2.0, patient=True)
    assert stand is not None
    assert stand.result == 2
    assert work.done[begun:] == [2.0] * STEPS


def test_a_network_without_a_result_leaves_the_earlier_one(work: Work) -> None:
    bench, spoilt = Bench(work.workshop), network(np.nan)
    assert bench.look("yours", spoilt, 1.0, patient=True) is None
    bench.look("yours", network(1), 1.0, patient=True)
    stand = bench.look("yours", spoilt, 2.0, patient=True)
    assert stand is not None
    assert (stand.result, stand.fresh) == (1, False)


def test_many_visitors_share_what_one_would_have(work: Work) -> None:
    benches = [Bench(work.workshop) for _ in range(20)]
    began, polls = work.clock.now, 0
    for poll in range(100):
        for i, bench in enumerate(benches):
            bench.look("yours", network(100 * poll + i), float(poll), patient=False)
            work.clock.now += 0.4 / len(benches)
            polls += 1
    spent = len(work.done) * STEP_SECONDS
    passed = work.clock.now - began
    first_looks = len(benches) * (MOST + STEP_SECONDS)  # nobody was known to be there
    assert spent <= EARNED * passed + first_looks
    shares = [sum(value % 100 == i for value in work.done) for i in range(20)]
    assert max(shares) <= 2 * min(shares)


def test_a_visitor_who_has_left_takes_no_share(work: Work) -> None:
    left, stays = Bench(work.workshop), Bench(work.workshop)
    left.look("yours", network(1), patient=False)
    stays.look("yours", network(2), patient=False)
    work.clock.now += ACTIVE_SECONDS + 0.1
    work.workshop.earned(stays)
    work.clock.now += 0.1
    assert work.workshop.earned(stays) == pytest.approx(0.1 * EARNED)


def test_what_costs_the_browser_rests_between_two_results(work: Work) -> None:
    resting = Workshop(work.steps, rest=5.0, clock=work.clock)
    bench = Bench(resting)
    bench.look("yours", network(1), 1.0, patient=True)
    for _ in range(10):  # 4 seconds
        work.clock.now += 0.4
        bench.look("yours", network(2), 2.0, patient=False)
    assert set(work.done) == {1}
    for _ in range(20):
        work.clock.now += 0.4
        bench.look("yours", network(3), 3.0, patient=False)
    assert set(work.done) == {1, 3}


def test_a_result_is_forgotten_with_its_network(work: Work) -> None:
    kept, gone = network(1), network(2)
    for it in (kept, gone):
        Bench(work.workshop).look("yours", it, patient=True)
    assert len(work.workshop) == 2
    del it, gone
    gc.collect()
    assert len(work.workshop) == 1
    assert work.workshop.has(kept)
