"""The scheduler of trainings: fairness, pause, step, stop, leases, failures. No threads but one."""

from __future__ import annotations

import gc
import itertools
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import FrameType

import numpy as np
import pytest

from nn import RECIPES, Dataset, Recipe, RecipeError, split_validation, train
from nn.pen.batches import Samples
from tests.helpers import few_digits
from ui.training import scheduler as scheduler_module
from ui.training.history import MAX_MOMENTS, MAX_POINTS, POINTS_PER_EPOCH
from ui.training.limits import LimitError, Limits
from ui.training.run import TrainingRun
from ui.training.scheduler import DROP_AFTER, PAUSE_AFTER, Scheduler
from ui.training.snapshot import Snapshot, State

VISITORS = itertools.count(1)
RECIPE = RECIPES["adam"].replace(hidden=(8,), batch_size=20, epochs=4, validation=40)


class Clock:
    """A clock that moves a millisecond whenever it is asked."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 0.001
        return self.now


@pytest.fixture
def data(mnist: tuple[Dataset, Dataset]) -> tuple[Dataset, Dataset]:
    return mnist[0][:240], mnist[1][:100]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def scheduler(data: tuple[Dataset, Dataset], clock: Clock) -> Iterator[Scheduler]:
    everyone = Scheduler(lambda: data, clock=clock, cpu_clock=clock, limits=Limits(runs=3))
    yield everyone
    everyone.close()


def start(scheduler: Scheduler, recipe: Recipe, *, visitor: str | None = None, **more: int) -> str:
    """Start a run, of another visitor each time if none is named."""
    return scheduler.start(recipe, visitor=visitor or f"visitor {next(VISITORS)}", **more)


def see(scheduler: Scheduler, name: str) -> Snapshot:
    snapshot = scheduler.look(name)
    assert snapshot is not None
    return snapshot


def wait_for(holds: Callable[[], bool], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        threading.Event().wait(0.01)


def finish(scheduler: Scheduler, name: str, turns: int = 500) -> Snapshot:
    for _ in range(turns):
        if see(scheduler, name).state is not State.RUNNING:
            break
        scheduler.turn()
    return see(scheduler, name)


def test_a_run_trains_to_the_end_and_is_tested(scheduler: Scheduler) -> None:
    done = finish(scheduler, start(scheduler, RECIPE.replace(epochs=30), seed=1))
    assert done.state is State.FINISHED
    assert (done.epoch, done.position) == (30, 30.0)
    assert done.test is not None
    assert done.test.samples == 100
    assert done.test.accuracy > 0.6
    assert done.network is not None
    epochs_ends = [point for point in done.points if point.validation_loss is not None]
    assert [point.epoch for point in epochs_ends] == list(range(1, 31))
    assert done.points[-1].loss < done.points[0].loss / 2


def test_the_network_of_a_finished_run_is_the_one_that_was_tested(
    scheduler: Scheduler, data: tuple[Dataset, Dataset]
) -> None:
    done = finish(scheduler, start(scheduler, RECIPE, seed=1))
    assert done.network is not None
    assert done.test is not None
    x = (data[1].images / 255).astype(np.float32)
    right = (done.network.predict_proba(x).argmax(axis=1) == data[1].labels).mean()
    assert right == pytest.approx(done.test.accuracy)


def test_a_run_that_stops_early_ends_with_its_best_network(scheduler: Scheduler) -> None:
    recipe = RECIPE.replace(epochs=100, patience=3, learning_rate=0.01)
    done = finish(scheduler, start(scheduler, recipe, seed=1))
    assert done.state is State.FINISHED
    assert done.epoch == done.best_epoch + 3 < 100
    assert done.ended_with_best
    assert done.validation == done.best.validation_accuracy > done.latest_validation
    best = done.best_network
    assert (best.epoch, best.accuracy) == (done.best_epoch, done.validation)
    np.testing.assert_array_equal(done.network.params, best.params)
    assert done.moments[-1].epoch == done.epoch  # through time, to where it ended
    through = finish(scheduler, start(scheduler, recipe.replace(patience=0, epochs=5), seed=1))
    assert not through.ended_with_best
    assert through.validation == through.latest_validation


def test_a_step_to_where_a_run_stops_early_goes_on_to_the_test(scheduler: Scheduler) -> None:
    recipe = RECIPE.replace(epochs=100, patience=1, optimizer="gd", learning_rate=1e-9)
    name = start(scheduler, recipe, seed=1, epochs=1)
    assert finish(scheduler, name).state is State.PAUSED
    scheduler.resume(name, epochs=1)
    done = finish(scheduler, name)
    assert (done.state, done.epoch, done.best_epoch) == (State.FINISHED, 2, 1)


def test_a_run_that_continues_another_goes_back_to_its_best_epoch(
    scheduler: Scheduler,
) -> None:
    recipe = RECIPE.replace(epochs=100, patience=3, optimizer="gd", learning_rate=1e-9)
    name = start(scheduler, recipe.replace(learning_rate=0.1), seed=1, epochs=2)
    before = finish(scheduler, name)
    before = replace(before, best=replace(before.points[-1], epoch=2.0, validation_accuracy=1.0))
    after = finish(scheduler, start(scheduler, recipe, seed=1, begins=before))
    assert after.epoch == 5
    np.testing.assert_array_equal(after.network.params, before.best_network.params)


def test_runs_progress_alike(scheduler: Scheduler) -> None:
    names = [start(scheduler, RECIPE.replace(epochs=100), seed=seed) for seed in range(3)]
    for _ in range(60):
        assert scheduler.turn()
    positions = [see(scheduler, name).position for name in names]
    assert min(positions) > 0
    assert max(positions) <= 1.5 * min(positions)
    assert {see(scheduler, name).running for name in names} == {3}


def test_the_same_seed_gives_the_same_curve_however_it_is_interleaved(scheduler: Scheduler) -> None:
    alone = finish(scheduler, start(scheduler, RECIPE, seed=7))
    first, second = (start(scheduler, RECIPE, seed=seed) for seed in (7, 8))
    together, other = finish(scheduler, first), finish(scheduler, second)
    assert together.points == alone.points
    assert other.points != alone.points


def test_points_are_means_over_the_batches_since_the_point_before(scheduler: Scheduler) -> None:
    done = finish(scheduler, start(scheduler, RECIPE, seed=1))
    first_epoch = [point for point in done.points if point.epoch <= 1]
    assert len(first_epoch) == POINTS_PER_EPOCH
    lengths = np.diff([0.0] + [point.epoch for point in first_epoch])
    whole = sum(p.accuracy * length for p, length in zip(first_epoch, lengths, strict=True))
    one = finish(scheduler, start(scheduler, RECIPE.replace(epochs=1), seed=1))
    assert whole == pytest.approx(one.accuracy)


def test_a_paused_run_stands_still_and_resumes_where_it_stood(scheduler: Scheduler) -> None:
    undisturbed = finish(scheduler, start(scheduler, RECIPE, seed=5))
    name = start(scheduler, RECIPE, seed=5)
    scheduler.turn()
    scheduler.turn()
    scheduler.pause(name)
    paused = see(scheduler, name)
    assert paused.state is State.PAUSED
    assert not scheduler.turn()
    assert see(scheduler, name).position == paused.position
    scheduler.resume(name)
    assert finish(scheduler, name).points == undisturbed.points


def test_a_learning_rate_changed_in_mid_run_holds_from_the_next_step(scheduler: Scheduler) -> None:
    name, other = (start(scheduler, RECIPE, seed=5) for _ in range(2))
    scheduler.turn()
    scheduler.turn()
    scheduler.change(name, RECIPE.replace(learning_rate=0.01))
    changed, unchanged = finish(scheduler, name), finish(scheduler, other)
    assert changed.recipe.learning_rate == 0.01
    assert changed.points[0] == unchanged.points[0]
    assert changed.points[-1].loss < unchanged.points[-1].loss


def test_what_is_fixed_while_training_runs_cannot_be_changed(scheduler: Scheduler) -> None:
    name = start(scheduler, RECIPE, seed=5)
    scheduler.turn()
    with pytest.raises(RecipeError, match="epochs: fixed"):
        scheduler.change(name, RECIPE.replace(epochs=10))
    with pytest.raises(RecipeError, match="at most the 200 training samples, got 201"):
        scheduler.change(name, RECIPE.replace(batch_size=201))
    done = finish(scheduler, name)
    assert done.state is State.FINISHED
    assert done.marks == ()


def test_changes_in_mid_run_are_marked_where_they_were_made(scheduler: Scheduler) -> None:
    recipe = RECIPE.replace(epochs=60)
    name = start(scheduler, recipe, seed=5)
    scheduler.turn()
    first = see(scheduler, name).position
    scheduler.change(name, recipe.replace(batch_size=None, optimizer="momentum"))
    scheduler.turn()
    second = see(scheduler, name).position
    scheduler.change(name, recipe.replace(optimizer="momentum", dropout=0.25))
    done = finish(scheduler, name)
    assert done.state is State.FINISHED
    assert 0 < first < second
    assert [(mark.epoch, mark.field, mark.before, mark.after) for mark in done.marks] == [
        (first, "optimizer", "adam", "momentum"),
        (first, "batch_size", 20, None),
        (second, "dropout", 0.0, 0.25),
        (second, "batch_size", None, 20),
    ]


def test_a_change_that_is_taken_back_before_it_is_made_leaves_no_mark(scheduler: Scheduler) -> None:
    name = start(scheduler, RECIPE, seed=5)
    scheduler.turn()
    scheduler.change(name, RECIPE.replace(learning_rate=0.01))
    scheduler.change(name, RECIPE)
    assert finish(scheduler, name).marks == ()


def test_a_step_trains_one_epoch(scheduler: Scheduler) -> None:
    name = start(scheduler, RECIPE, seed=5, epochs=1)
    assert finish(scheduler, name).position == 1.0
    assert see(scheduler, name).state is State.PAUSED
    scheduler.resume(name, epochs=1)
    assert finish(scheduler, name).position == 2.0
    scheduler.resume(name, epochs=2)
    assert finish(scheduler, name).state is State.FINISHED


def test_a_stopped_run_is_gone_and_its_snapshot_stays(scheduler: Scheduler) -> None:
    name = start(scheduler, RECIPE, seed=5)
    scheduler.turn()
    scheduler.turn()
    before = see(scheduler, name)
    scheduler.stop(name)
    assert scheduler.look(name) is None
    assert not scheduler.turn()
    assert len(scheduler) == 0
    assert before.network is not None
    assert np.isfinite(before.network.params).all()


def test_a_snapshot_does_not_change_as_training_goes_on(scheduler: Scheduler) -> None:
    name = start(scheduler, RECIPE, seed=5)
    for _ in range(3):
        scheduler.turn()
    early = see(scheduler, name)
    assert early.network is not None
    params = early.network.params.copy()
    late = finish(scheduler, name)
    np.testing.assert_array_equal(early.network.params, params)
    assert len(late.points) > len(early.points)
    assert late.network is not None
    assert not np.array_equal(late.network.params, params)


def test_a_lost_connection_stops_the_work_until_the_next_look(scheduler: Scheduler) -> None:
    name = start(scheduler, RECIPE, seed=5)
    assert scheduler.turn()
    scheduler.release(name)
    assert not scheduler.turn()
    assert see(scheduler, name).state is State.RUNNING
    assert scheduler.turn()


def test_a_run_nobody_looks_at_pauses_then_is_dropped(scheduler: Scheduler, clock: Clock) -> None:
    name = start(scheduler, RECIPE, seed=5)
    assert scheduler.turn()
    clock.now += PAUSE_AFTER
    assert not scheduler.turn()
    assert see(scheduler, name).state is State.RUNNING  # a look in time renews the lease
    assert scheduler.turn()
    clock.now += DROP_AFTER
    assert not scheduler.turn()
    assert scheduler.look(name) is None


def test_a_run_that_raises_leaves_the_others_alive(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    good = start(scheduler, RECIPE, seed=5)
    scheduler.turn()
    with monkeypatch.context() as patch:
        patch.setattr("ui.training.run.split_validation", lambda *_: 1 / 0)
        bad = start(scheduler, RECIPE, seed=5)
        scheduler.turn()
        scheduler.turn()
        scheduler.turn()
    assert see(scheduler, bad).state is State.FAILED
    assert "a training run failed" in caplog.text
    assert see(scheduler, bad).error is None  # what went wrong is for the log
    assert finish(scheduler, good).state is State.FINISHED


def raise_memory_error(*_: object, **__: object) -> None:
    raise MemoryError


@pytest.mark.parametrize("error", [MemoryError, ValueError])
@pytest.mark.parametrize("place", ["copy_network", "record", "end", "charge"])
def test_a_training_that_raises_anywhere_fails_alone(
    data: tuple[Dataset, Dataset],
    place: str,
    error: type[Exception],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    scheduler = Scheduler(lambda: data)
    bad, good = (start(scheduler, RECIPE.replace(epochs=30), seed=seed) for seed in (1, 2))
    victim = scheduler._runs[bad]

    def fail(*_: object) -> None:
        raise error

    raises_once = iter([fail])
    whole = getattr(victim, place)
    monkeypatch.setattr(victim, place, lambda *args: next(raises_once, whole)(*args))
    scheduler.run()
    try:
        wait_for(lambda: see(scheduler, good).state is State.FINISHED)
        ends = State.FINISHED if place == "charge" else State.FAILED
        wait_for(lambda: see(scheduler, bad).state is ends)
        assert error.__name__ in caplog.text
    finally:
        scheduler.close()


def test_a_paused_training_whose_copy_fails_fails_alone(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bad, good = (start(scheduler, RECIPE, seed=seed) for seed in (1, 2))
    for _ in range(4):
        scheduler.turn()
    scheduler.pause(bad)
    victim = scheduler._runs[bad]
    victim._copied_step = 0
    monkeypatch.setattr(victim, "copy_network", raise_memory_error)
    assert finish(scheduler, good).state is State.FINISHED
    failed = see(scheduler, bad)
    assert failed.state is State.FAILED
    assert failed.network is not None  # what it had learned is kept
    assert "MemoryError" in caplog.text


def test_a_thread_that_died_is_replaced_when_somebody_looks(
    data: tuple[Dataset, Dataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    scheduler = Scheduler(lambda: data)
    name = start(scheduler, RECIPE.replace(epochs=2), seed=1)
    with monkeypatch.context() as patch:
        patch.setattr(scheduler, "_work", lambda: None)
        scheduler.run()
        dead = scheduler._thread
        assert dead is not None
        dead.join(timeout=10)
        assert not dead.is_alive()
    try:
        wait_for(lambda: see(scheduler, name).state is State.FINISHED)
    finally:
        scheduler.close()


def test_a_change_is_not_lost_at_whichever_line_of_a_step_it_comes(
    data: tuple[Dataset, Dataset],
) -> None:
    """A page may change a recipe while the worker is anywhere in `advance`."""
    second, third = RECIPE.replace(learning_rate=0.01), RECIPE.replace(learning_rate=0.02)
    first_line, lines = TrainingRun.advance.__code__.co_firstlineno, set[int]()
    while True:
        training = TrainingRun(RECIPE, 1, lambda: data, visitor="ada", now=0.0)
        for _ in range(3):
            training.record(training.advance(), 0.0)
        training.change(second)
        here: int | None = None

        def change_at(frame: FrameType, event: str, _: object) -> Callable[..., object] | None:
            nonlocal here
            if frame.f_code is not TrainingRun.advance.__code__:
                return None
            line = frame.f_lineno - first_line
            if event == "line" and here is None and line not in lines:
                here = line
                lines.add(line)
                training.change(third)  # noqa: B023  (called before the next round)
            return change_at

        sys.settrace(change_at)
        try:
            progress = training.advance()
        finally:
            sys.settrace(None)
        if here is None:
            break
        for _ in range(2):
            training.record(progress, 0.0)
            progress = training.advance()
        assert progress.learning_rate == third.learning_rate, f"lost at line {here} of advance"
    assert len(lines) > 3


def test_a_diverged_training_says_so_and_keeps_its_last_good_network(scheduler: Scheduler) -> None:
    name = start(scheduler, RECIPE.replace(learning_rate=1e6, epochs=400, optimizer="gd"), seed=5)
    failed = finish(scheduler, name)
    assert failed.state is State.FAILED
    assert "diverged" in str(failed.error)
    assert "learning rate" in str(failed.error)
    assert failed.network is not None
    assert np.isfinite(failed.network.params).all()


def test_more_runs_than_allowed_are_refused_until_one_ends(scheduler: Scheduler) -> None:
    names = [start(scheduler, RECIPE, seed=5) for _ in range(3)]
    with pytest.raises(LimitError, match="allows 3 training runs"):
        start(scheduler, RECIPE, seed=5)
    scheduler.stop(names[0])
    start(scheduler, RECIPE, seed=5)


def test_a_full_batch_training_has_one_point_an_epoch(scheduler: Scheduler) -> None:
    recipe = RECIPE.replace(batch_size=None, optimizer="gd", validation=0, learning_rate=0.1)
    done = finish(scheduler, start(scheduler, recipe, seed=5))
    assert [point.epoch for point in done.points] == [1, 2, 3, 4]
    assert all(point.validation_accuracy is None for point in done.points)


def test_long_curves_are_thinned_and_keep_their_epoch_ends(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ui.training.history.MAX_POINTS", 20)
    done = finish(scheduler, start(scheduler, RECIPE.replace(epochs=10), seed=5))
    assert len(done.points) <= 20 < 10 * POINTS_PER_EPOCH < MAX_POINTS
    ends = [point.epoch for point in done.points if point.validation_loss is not None]
    assert ends == list(range(1, 11))
    assert list(done.points) == sorted(done.points, key=lambda point: point.epoch)


def test_time_left_grows_with_those_who_share_the_worker(scheduler: Scheduler) -> None:
    name = start(scheduler, RECIPE, seed=5)
    scheduler.turn()
    alone = see(scheduler, name).seconds_left
    start(scheduler, RECIPE, seed=6)
    shared = see(scheduler, name).seconds_left
    assert alone is not None
    assert shared == pytest.approx(2 * alone)


def test_the_worker_thread_trains_by_itself_and_ends_when_closed(
    data: tuple[Dataset, Dataset],
) -> None:
    scheduler = Scheduler(lambda: data)
    scheduler.run()
    scheduler.run()  # a second call starts no second worker
    names = [start(scheduler, RECIPE, seed=seed) for seed in (1, 2)]
    waiting = threading.Event()
    for _ in range(600):
        if all(see(scheduler, name).state is State.FINISHED for name in names):
            break
        waiting.wait(0.05)
    assert [see(scheduler, name).state for name in names] == [State.FINISHED] * 2
    assert sum(thread.name == "scheduler" for thread in threading.enumerate()) == 1
    scheduler.close()
    assert not any(thread.name == "scheduler" for thread in threading.enumerate())
    assert len(scheduler) == 0


def test_an_unknown_run_is_none_and_wishes_for_it_do_nothing(scheduler: Scheduler) -> None:
    assert scheduler.look("training-99") is None
    for wish in (scheduler.pause, scheduler.resume, scheduler.stop, scheduler.release):
        wish("training-99")


def test_the_data_are_loaded_once(data: tuple[Dataset, Dataset], clock: Clock) -> None:
    calls: list[str] = []

    def load() -> tuple[Dataset, Dataset]:
        calls.append("loaded")
        return data

    scheduler = Scheduler(load, clock=clock, cpu_clock=clock)
    finish(scheduler, start(scheduler, RECIPE, seed=1))
    finish(scheduler, start(scheduler, RECIPE, seed=2))
    assert calls == ["loaded"]
    scheduler.close()


def test_a_run_before_its_first_step_has_no_network() -> None:
    training = TrainingRun(
        RECIPE, 1, lambda: pytest.fail("not to be loaded yet"), visitor="ada", now=0.0
    )
    assert training.snapshot(1, 0.0).network is None
    assert training.snapshot(1, 0.0).seconds_left is None


def test_a_snapshot_tells_seed_steps_and_a_point_for_each_of_the_latest_batches(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = finish(scheduler, start(scheduler, RECIPE, seed=9))
    assert (done.seed, done.step) == (9, 40)  # 200 samples in batches of 20
    assert [point.epoch for point in done.batches] == pytest.approx(np.arange(1, 41) / 10)
    for epoch in range(4):  # the points of an epoch are means of its batches
        batches = done.batches[10 * epoch : 10 * epoch + 10]
        points = [point for point in done.points if epoch < point.epoch <= epoch + 1]
        lengths = np.diff([epoch, *(point.epoch for point in points)])
        assert np.mean([b.loss for b in batches]) == pytest.approx(
            sum(p.loss * length for p, length in zip(points, lengths, strict=True))
        )
    monkeypatch.setattr("ui.training.history.MAX_BATCHES", 7)
    short = finish(scheduler, start(scheduler, RECIPE, seed=9))
    assert short.batches == done.batches[-7:]


def test_the_best_epoch_is_the_first_of_the_highest_validation_accuracy(
    scheduler: Scheduler,
) -> None:
    done = finish(scheduler, start(scheduler, RECIPE.replace(epochs=25), seed=1))
    validated = [p.validation_accuracy for p in done.points if p.validation_accuracy is not None]
    assert len(validated) == 25
    assert done.best_epoch == 1 + validated.index(max(validated))
    unvalidated = finish(scheduler, start(scheduler, RECIPE.replace(validation=0), seed=1))
    assert unvalidated.best_epoch is None


def test_the_layers_are_looked_at_a_few_times_an_epoch(scheduler: Scheduler) -> None:
    recipe = RECIPE.replace(hidden=(8, 6), activation="relu")
    done = finish(scheduler, start(scheduler, recipe, seed=1))
    layers = done.layers
    assert [point.layer for point in layers] == [1, 2, 3] * (len(layers) // 3)
    assert 4 * 4 <= len(layers) // 3 <= 4 * 8 + 1
    assert [point.epoch for point in layers] == sorted(point.epoch for point in layers)
    assert done.moments[-1].step == done.step
    for point, layer in zip(layers[-3:], (0, 2, 4), strict=True):
        assert point.weight_norm > 0
        assert point.gradient_norm > 0
        assert (point.dead is None) == (layer == 4)
        assert point.dead is None or 0 <= point.dead <= 1


def test_moments_lead_from_the_untrained_network_to_the_present_one(
    scheduler: Scheduler,
) -> None:
    done = finish(scheduler, start(scheduler, RECIPE.replace(epochs=30), seed=1))
    assert MAX_MOMENTS / 2 <= len(done.moments) <= MAX_MOMENTS + 1
    first, *_, last = done.moments
    assert (first.epoch, first.step) == (0.0, 0)
    untrained = RECIPE.build_network(rng=np.random.default_rng(1))
    np.testing.assert_array_equal(first.network().params, untrained.params)
    assert done.network is not None
    assert (last.epoch, last.step) == (30.0, 300)
    np.testing.assert_array_equal(last.network().params, done.network.params)
    epochs = np.array([moment.epoch for moment in done.moments])
    gaps = np.diff([epoch for epoch in epochs if epoch != done.best_epoch])
    assert gaps[:-1].max() < 3 * gaps[:-1].min()
    assert done.best_epoch in epochs


def test_a_moment_predicts_as_the_training_did_then(
    scheduler: Scheduler, data: tuple[Dataset, Dataset]
) -> None:
    recipe = RECIPE.replace(
        hidden=(9, 7), batch_norm=True, dropout=0.3, weight_average=0.9, epochs=2
    )
    done = finish(scheduler, start(scheduler, recipe, seed=6))
    rng = np.random.default_rng(6)
    network = recipe.build_network(rng=rng)
    fitting, validation = split_validation(data[0], recipe)
    then = {
        event.step: event.snapshot()
        for event in train(network, fitting, validation, recipe, rng=rng)
    }
    x = (data[1].images / 255).astype(np.float32)
    assert len(done.moments) > 15
    for moment in done.moments:
        expected = then[moment.step]
        np.testing.assert_array_equal(moment.network().params, expected.params)
        np.testing.assert_array_equal(moment.network().statistics, expected.statistics)
        np.testing.assert_array_equal(moment.network().predict_proba(x), expected.predict_proba(x))


def test_shares_and_seconds_tell_how_the_worker_spends_its_time(scheduler: Scheduler) -> None:
    recipe = RECIPE.replace(epochs=10_000)
    names = [start(scheduler, recipe, seed=seed) for seed in range(3)]
    for _ in range(300):
        scheduler.turn()
    snapshots = [see(scheduler, name) for name in names]
    assert [snapshot.share for snapshot in snapshots] == pytest.approx([0.3] * 3, abs=0.1)
    scheduler.pause(names[0])
    scheduler.stop(names[1])
    for _ in range(1000):
        scheduler.turn()
    assert see(scheduler, names[0]).share == 0.0
    assert see(scheduler, names[0]).seconds == pytest.approx(snapshots[0].seconds, rel=0.01)
    assert 0.6 < see(scheduler, names[2]).share <= 1.0  # looking at the clock takes time too


def test_pauses_steps_and_slow_motion_change_nothing_of_what_is_learnt(
    scheduler: Scheduler, clock: Clock
) -> None:
    recipe = RECIPE.replace(
        hidden=(9, 7), batch_norm=True, dropout=0.3, weight_average=0.9, epochs=12, augment=1.0
    )
    undisturbed = finish(scheduler, start(scheduler, recipe, seed=5))
    name = start(scheduler, recipe, seed=5, batches=3)
    choice, paused = np.random.default_rng(0), 0
    for _ in range(3000):
        clock.now += 0.05  # slow motion, as far as the clock is concerned
        scheduler.turn()
        snapshot = see(scheduler, name)
        if snapshot.state is State.PAUSED:
            paused += 1
            wish = choice.integers(4)
            scheduler.pace(name, [None, 5.0, 40.0, None][wish])
            scheduler.resume(name, **[{"batches": 4}, {"batches": 1}, {}, {"epochs": 1}][wish])
        elif choice.random() < 0.2:
            scheduler.pause(name)
        if snapshot.state is State.FINISHED:
            break
    assert paused > 10
    done = see(scheduler, name)
    assert done.points == undisturbed.points
    assert done.network is not None
    assert undisturbed.network is not None
    np.testing.assert_array_equal(done.network.params, undisturbed.network.params)
    np.testing.assert_array_equal(done.network.statistics, undisturbed.network.statistics)


def test_a_step_trains_one_batch_and_the_page_has_its_network(scheduler: Scheduler) -> None:
    name = start(scheduler, RECIPE, seed=5, batches=1)
    networks = []
    for step in (1, 2, 3):
        snapshot = finish(scheduler, name)
        assert (snapshot.state, snapshot.step) == (State.PAUSED, step)
        assert snapshot.network is not None
        networks.append(snapshot.network.params)
        scheduler.resume(name, batches=1)
    assert not np.array_equal(networks[0], networks[1])
    assert not np.array_equal(networks[1], networks[2])
    finish(scheduler, name)
    scheduler.resume(name, batches=5)
    assert finish(scheduler, name).step == 9
    scheduler.resume(name)
    assert finish(scheduler, name).state is State.FINISHED


def test_the_last_batch_of_an_epoch_comes_with_its_evaluation(scheduler: Scheduler) -> None:
    name = start(scheduler, RECIPE, seed=5, batches=10)
    snapshot = finish(scheduler, name)
    assert (snapshot.state, snapshot.epoch, snapshot.step) == (State.PAUSED, 1, 10)
    assert snapshot.points[-1].validation_loss is not None
    scheduler.resume(name, batches=3)
    assert finish(scheduler, name).position == pytest.approx(1.3)
    scheduler.resume(name, epochs=1)
    assert finish(scheduler, name).position == 2.0


def test_who_pauses_in_the_midst_of_a_slice_gets_the_network_of_that_moment(
    scheduler: Scheduler,
) -> None:
    name = start(scheduler, RECIPE, seed=5)
    for _ in range(3):
        scheduler.turn()
    scheduler.pause(name)
    assert not scheduler.turn()
    paused = see(scheduler, name)
    assert paused.network is not None
    twin = start(scheduler, RECIPE, seed=5, batches=paused.step)
    expected = finish(scheduler, twin).network
    assert expected is not None
    np.testing.assert_array_equal(paused.network.params, expected.params)


def test_in_slow_motion_so_many_batches_come_a_second(scheduler: Scheduler, clock: Clock) -> None:
    name = start(scheduler, RECIPE.replace(epochs=1000), seed=5)
    other = start(scheduler, RECIPE.replace(epochs=10_000), seed=6)
    scheduler.turn()
    scheduler.pace(name, 4.0)
    scheduler.turn()
    began, steps = clock.now, see(scheduler, name).step
    while clock.now < began + 5:
        scheduler.turn()
    assert see(scheduler, name).step - steps == pytest.approx(20, abs=2)
    assert see(scheduler, name).share < 0.1
    assert see(scheduler, other).step > 1000
    assert see(scheduler, name).running == 2
    scheduler.stop(other)
    scheduler.turn()
    assert not scheduler.turn()  # nothing to do until the next batch is due
    assert see(scheduler, name).state is State.RUNNING
    clock.now += 0.25
    assert scheduler.turn()
    scheduler.pace(name, None)
    before = see(scheduler, name).step
    scheduler.turn()
    assert see(scheduler, name).step >= before + 5


def test_slow_motion_tells_how_long_it_will_take(scheduler: Scheduler) -> None:
    name = start(scheduler, RECIPE, seed=5, batches=10)
    finish(scheduler, name)
    scheduler.pace(name, 2.0)
    left = see(scheduler, name).seconds_left
    assert left is not None
    assert 15.0 <= left <= 16.0  # 30 batches at two a second, and the work


@pytest.mark.parametrize("pace", [0, -1.0, float("nan"), float("inf")])
def test_a_pace_that_is_none_is_refused(scheduler: Scheduler, pace: float) -> None:
    name = start(scheduler, RECIPE, seed=5)
    with pytest.raises(ValueError, match="batches per second above 0, got"):
        scheduler.pace(name, pace)


def test_equal_runs_take_equal_steps_whoever_joins_late(
    data: tuple[Dataset, Dataset], clock: Clock
) -> None:
    scheduler = Scheduler(lambda: data, clock=clock, cpu_clock=clock)
    recipe = RECIPE.replace(epochs=10_000)
    names, before = [], {}
    for seed in range(5):
        for name in names:
            before[name] = see(scheduler, name).step
        names.append(start(scheduler, recipe, seed=seed))
        for _ in range(30 * len(names)):
            scheduler.turn()
        steps = [see(scheduler, name).step - before.get(name, 0) for name in names]
        assert max(steps) <= 1.5 * min(steps)
    scheduler.close()


def test_a_run_with_long_pieces_of_work_takes_no_more_time_than_others(
    data: tuple[Dataset, Dataset], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    scheduler = Scheduler(lambda: data, clock=clock, cpu_clock=clock)
    wide = RECIPE.replace(hidden=(9,), epochs=10_000)
    advance = TrainingRun.advance

    def slow(training: TrainingRun) -> object:
        if training.recipe.hidden == (9,):
            clock.now += 0.12
        return advance(training)

    monkeypatch.setattr(TrainingRun, "advance", slow)
    names = [start(scheduler, recipe, seed=1) for recipe in (wide, RECIPE.replace(epochs=10_000))]
    while clock.now < 10:
        scheduler.turn()
    first, second = (see(scheduler, name).seconds for name in names)
    assert first == pytest.approx(second, rel=0.1)
    scheduler.close()


def test_the_time_to_load_the_data_is_nobodys(data: tuple[Dataset, Dataset], clock: Clock) -> None:
    def load() -> tuple[Dataset, Dataset]:
        clock.now += 5.0
        return data

    scheduler = Scheduler(load, clock=clock, cpu_clock=clock)
    names = [start(scheduler, RECIPE.replace(epochs=10_000), seed=seed) for seed in (1, 2)]
    for _ in range(40):
        scheduler.turn()
    steps = [see(scheduler, name).step for name in names]
    assert max(steps) <= 1.5 * min(steps)
    assert see(scheduler, names[0]).seconds < 1.0
    scheduler.close()


def test_each_limit_is_told_from_the_others_and_leaves_the_rest_alone(
    data: tuple[Dataset, Dataset], clock: Clock
) -> None:
    scheduler = Scheduler(
        lambda: data, clock=clock, cpu_clock=clock, limits=Limits(runs=4, runs_per_visitor=2)
    )
    names = [start(scheduler, RECIPE, seed=seed, visitor="ada") for seed in (1, 2)]
    with pytest.raises(LimitError, match="allows 2 training runs of yours"):
        start(scheduler, RECIPE, seed=3, visitor="ada")
    with pytest.raises(LimitError, match="would be 5,000"):
        start(scheduler, RECIPE.replace(hidden=(2500, 2500)), seed=3, visitor="alan")
    start(scheduler, RECIPE, seed=3, visitor="alan")
    start(scheduler, RECIPE, seed=3)
    with pytest.raises(LimitError, match="allows 4 training runs at once"):
        start(scheduler, RECIPE, seed=3)
    assert finish(scheduler, names[0]).state is State.FINISHED
    start(scheduler, RECIPE, seed=4, visitor="ada")  # who has finished is in nobody's way
    assert see(scheduler, names[0]).test is not None
    scheduler.close()


def test_a_run_that_has_ended_holds_its_network_and_nothing_of_the_training(
    scheduler: Scheduler,
) -> None:
    gc.collect()
    before = sum(type(thing) is Samples for thing in gc.get_objects())
    names = [start(scheduler, RECIPE.replace(pen=0.1, epochs=1), seed=1)]
    names.append(start(scheduler, RECIPE.replace(learning_rate=1e6, epochs=99), seed=1))
    scheduler.turn()
    assert sum(type(thing) is Samples for thing in gc.get_objects()) > before
    assert {finish(scheduler, name).state for name in names} == {State.FINISHED, State.FAILED}
    gc.collect()
    assert sum(type(thing) is Samples for thing in gc.get_objects()) == before
    assert all(see(scheduler, name).network is not None for name in names)


def test_a_change_while_it_rests_is_seen_at_once_and_marked_when_it_goes_on(
    scheduler: Scheduler,
) -> None:
    name = start(scheduler, RECIPE, seed=5, batches=7)
    finish(scheduler, name)
    scheduler.change(name, RECIPE.replace(learning_rate=0.004))
    snapshot = see(scheduler, name)
    assert snapshot.recipe.learning_rate == 0.004
    assert snapshot.marks == ()
    scheduler.resume(name, batches=1)
    assert [(mark.epoch, mark.after) for mark in finish(scheduler, name).marks] == [(0.7, 0.004)]


def test_runs_that_take_turns_learn_what_they_would_alone(
    scheduler: Scheduler, data: tuple[Dataset, Dataset]
) -> None:
    recipes = [RECIPE, RECIPE.replace(hidden=(16, 12), batch_norm=True, dropout=0.2, batch_size=32)]
    names = [start(scheduler, recipe, seed=5) for recipe in recipes]
    for _ in range(500):
        scheduler.turn()
    for name, recipe in zip(names, recipes, strict=True):
        fitting, validation = split_validation(data[0], recipe)
        rng = np.random.default_rng(5)
        alone = recipe.build_network(rng=rng)
        for _ in train(alone, fitting, validation, recipe, rng=rng):
            pass
        done = see(scheduler, name)
        assert done.state is State.FINISHED
        np.testing.assert_array_equal(done.network.params, alone.params)


def test_training_gives_way_to_what_cannot_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler_module, "GIVE_WAY_SECONDS", 60.0)
    scheduler = Scheduler(few_digits)
    first, second = threading.Event(), threading.Event()

    def turn() -> bool:
        (second if first.is_set() else first).set()
        return True

    monkeypatch.setattr(scheduler, "turn", turn)
    with scheduler.giving_way():
        scheduler.run()
        assert first.wait(30)
        assert not second.wait(0.1)
    assert second.wait(30)
    scheduler.close()
