"""What panels compute about a network: in turns with training, and what is shown meanwhile."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Generator

import numpy as np
import pytest

from nn import RECIPES, Dataset, Network
from nn.layers import Dense
from ui.session import Session
from ui.training.scheduler import TASK_DROP_AFTER, Scheduler
from ui.training.snapshot import Snapshot, State

STEPS = 10


class Clock:
    """A clock that a test moves, and every piece of work by 10 ms."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


class Work:
    """Ten steps that return a network's first parameter, and count how often they are done."""

    def __init__(self, clock: Clock) -> None:
        self.clock, self.done = clock, 0

    def __call__(self, network: Network) -> Generator[None, None, float]:
        for _ in range(STEPS):
            if not np.isfinite(network.params[0]):
                raise ValueError("no such network")
            self.done += 1
            self.clock.now += 0.01
            yield
        return float(network.params[0])


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def work(clock: Clock) -> Work:
    return Work(clock)


@pytest.fixture
def scheduler(digits: Dataset, clock: Clock) -> Scheduler:
    return Scheduler(lambda: (digits, digits), clock=clock, cpu_clock=clock)


def network(value: float) -> Network:
    """A network that differs from others in its first parameter."""
    made = Network([Dense(2, 2)])
    made.params[...] = value
    return made.freeze()


def turns(scheduler: Scheduler, count: int = 100) -> None:
    for _ in range(count):
        if not scheduler.turn():
            return


def test_a_result_is_computed_once_for_all_visitors(scheduler: Scheduler, work: Work) -> None:
    shared = network(3)
    assert scheduler.compute("answers", shared, work) == (False, None)
    assert scheduler.compute("answers", shared, work) == (False, None)
    turns(scheduler)
    assert scheduler.compute("answers", shared, work) == (True, 3)
    assert work.done == STEPS


def test_a_page_that_can_wait_has_the_result_at_once(digits: Dataset, work: Work) -> None:
    scheduler = Scheduler(lambda: (digits, digits))
    scheduler.run()
    assert scheduler.compute("answers", network(3), work, wait=True) == (True, 3)
    scheduler.close()


def test_a_network_without_result_is_done_and_not_tried_again(
    scheduler: Scheduler, work: Work
) -> None:
    spoilt = network(np.nan)
    scheduler.compute("answers", spoilt, work)
    turns(scheduler)
    assert scheduler.compute("answers", spoilt, work) == (True, None)
    assert not scheduler.turn()


def test_an_error_in_the_work_is_logged_and_harms_nobody(
    scheduler: Scheduler, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: Network) -> Generator[None, None, float]:
        yield
        raise RuntimeError("broken")

    shared = network(1)
    scheduler.compute("answers", shared, broken)
    turns(scheduler)
    assert scheduler.compute("answers", shared, broken) == (True, None)
    assert "broken" in caplog.text


def test_what_nobody_asks_for_any_more_is_dropped(
    scheduler: Scheduler, work: Work, clock: Clock
) -> None:
    scheduler.compute("answers", network(1), work)
    assert scheduler.turn()
    clock.now += TASK_DROP_AFTER
    assert not scheduler.turn()
    assert work.done == 1


def test_training_has_three_quarters_of_the_time_beside_a_panels_work(
    scheduler: Scheduler, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = [0.0]

    def train(_: object, *__: object) -> None:
        trained[0] += 0.01
        clock.now += 0.01

    monkeypatch.setattr(scheduler, "_train", train)
    scheduler.start(RECIPES["adam"], seed=0, visitor="ada")
    endless = Work(clock)

    def steps(it: Network) -> Generator[None, None, float]:
        for _ in range(1000):
            yield from endless(it)
        return 0.0

    shared, began = network(1), clock.now
    for _ in range(400):
        scheduler.compute("answers", shared, steps)
        scheduler.turn()
    assert trained[0] / (clock.now - began) == pytest.approx(0.75, abs=0.02)


def test_what_a_page_waits_for_comes_before_training(
    scheduler: Scheduler, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler, "_train", lambda *_: pytest.fail("trained meanwhile"))
    shared, answers = network(3), list[tuple[bool, float | None]]()
    asking = threading.Thread(
        target=lambda: answers.append(scheduler.compute("answers", shared, work, wait=True))
    )
    asking.start()
    while not scheduler._tasks:
        asking.join(0.01)
    for seed in range(3):
        scheduler.start(RECIPES["adam"], seed=seed, visitor="ada")
    for _ in range(STEPS + 1):
        scheduler.turn()
    asking.join(10)
    assert answers == [(True, 3)]


def test_results_go_with_their_network(scheduler: Scheduler, work: Work) -> None:
    mine = network(1)
    scheduler.compute("answers", mine, work)
    turns(scheduler)
    gone = weakref.ref(mine)
    del mine
    gc.collect()
    assert gone() is None
    assert len(scheduler._results) == 0


def visitor(scheduler: Scheduler, *, live: bool = True) -> Session:
    """One whose own network reads, and trains if `live`."""
    session = Session("ada", scheduler, reader="yours")
    run = session.runs.add("Adam", RECIPES["adam"], 0, training="run-1" if live else None)
    run.snapshot = Snapshot(State.RUNNING, run.recipe)
    return session


def see(session: Session, value: float) -> Network:
    """The visitor's run has this network now, at an epoch of the same number."""
    [run] = session.runs
    made = network(value)
    run.snapshot = Snapshot(State.RUNNING, run.recipe, position=value, network=made)
    return made


def test_until_the_next_result_the_latest_one_says_of_which_epoch_it_is(
    scheduler: Scheduler, work: Work
) -> None:
    session = visitor(scheduler)
    first = see(session, 1)
    assert session.compute("answers", first, work) is None
    turns(scheduler)
    shown = session.compute("answers", first, work)
    assert shown is not None
    assert (shown.result, shown.epoch, shown.fresh) == (1, 1, True)
    second = see(session, 2)
    shown = session.compute("answers", second, work)
    assert shown is not None
    assert (shown.result, shown.epoch, shown.fresh) == (1, 1, False)
    assert shown.network is first
    turns(scheduler)
    shown = session.compute("answers", second, work)
    assert shown is not None
    assert (shown.result, shown.epoch, shown.fresh) == (2, 2, True)


def test_work_that_was_begun_is_finished_though_each_look_has_a_newer_network(
    scheduler: Scheduler, work: Work
) -> None:
    session, results = visitor(scheduler), []
    for look in range(40):
        shown = session.compute("answers", see(session, look), work)
        results.append(None if shown is None else (shown.result, shown.epoch))
        turns(scheduler, 4)
    found = sorted({result for result in results if result is not None})
    assert len(found) >= 5
    assert all(result == epoch for result, epoch in found)


def test_another_readers_result_is_not_shown(scheduler: Scheduler, work: Work) -> None:
    session = visitor(scheduler)
    mine = see(session, 1)
    session.compute("answers", mine, work)
    turns(scheduler)
    assert session.compute("answers", mine, work) is not None
    session.reader = "best"
    assert session.compute("answers", network(7), work) is None


def test_between_two_results_the_browser_has_some_peace(
    scheduler: Scheduler, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr("ui.session.time.monotonic", lambda: now[0])
    session = visitor(scheduler)
    session.compute("map", see(session, 1), work, every=1.0)
    turns(scheduler)
    session.compute("map", see(session, 2), work, every=1.0)  # the first one is there now
    session.compute("map", see(session, 3), work, every=1.0)
    assert not scheduler.turn()
    now[0] += 1.0
    session.compute("map", see(session, 4), work, every=1.0)
    assert scheduler.turn()


def test_a_network_in_the_middle_of_diverging_gives_way_to_the_next(
    scheduler: Scheduler, work: Work
) -> None:
    session = visitor(scheduler)
    session.compute("answers", see(session, np.nan), work)
    turns(scheduler)
    session.compute("answers", see(session, 2), work)
    session.compute("answers", see(session, 2), work)
    turns(scheduler)
    [run] = session.runs
    shown = session.compute("answers", run.network, work)
    assert shown is not None
    assert shown.result == 2
