"""The scheduler of trainings: fairness, pause, step, stop, leases, failures. No threads but one."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator

import numpy as np
import pytest

from nn import RECIPES, Dataset, RecipeError, split_validation, train
from nn.supply import Supply
from ui.scheduler.curves import MAX_POINTS, POINTS_AN_EPOCH
from ui.scheduler.learner import Learner
from ui.scheduler.learners import FullError, Learners, Limits
from ui.scheduler.limits import TooManyError, TooWideError
from ui.scheduler.roster import DROP_AFTER, PAUSE_AFTER
from ui.scheduler.snapshot import Snapshot, State

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
def learners(data: tuple[Dataset, Dataset], clock: Clock) -> Iterator[Learners]:
    everyone = Learners(lambda: data, clock=clock, cpu_clock=clock, limits=Limits(learners=3))
    yield everyone
    everyone.close()


def see(learners: Learners, name: str) -> Snapshot:
    snapshot = learners.look(name)
    assert snapshot is not None
    return snapshot


def finish(learners: Learners, name: str, turns: int = 500) -> Snapshot:
    for _ in range(turns):
        if see(learners, name).state is not State.RUNNING:
            break
        learners.turn()
    return see(learners, name)


def test_a_learner_trains_to_the_end_and_is_tested(learners: Learners) -> None:
    done = finish(learners, learners.start(RECIPE.replace(epochs=30), seed=1))
    assert done.state is State.FINISHED
    assert (done.epoch, done.position) == (30, 30.0)
    assert done.test is not None
    assert done.test.samples == 100
    assert done.test.accuracy > 0.6
    assert done.network is not None
    epochs_ends = [point for point in done.points if point.validation_loss is not None]
    assert [point.epoch for point in epochs_ends] == list(range(1, 31))
    assert done.points[-1].loss < done.points[0].loss / 2


def test_the_network_of_a_finished_learner_is_the_one_that_was_tested(
    learners: Learners, data: tuple[Dataset, Dataset]
) -> None:
    done = finish(learners, learners.start(RECIPE, seed=1))
    assert done.network is not None
    assert done.test is not None
    x = (data[1].images / 255).astype(np.float32)
    right = (done.network.predict_proba(x).argmax(axis=1) == data[1].labels).mean()
    assert right == pytest.approx(done.test.accuracy)


def test_learners_progress_alike(learners: Learners) -> None:
    names = [learners.start(RECIPE.replace(epochs=100), seed=seed) for seed in range(3)]
    for _ in range(60):
        assert learners.turn()
    positions = [see(learners, name).position for name in names]
    assert min(positions) > 0
    assert max(positions) <= 1.5 * min(positions)
    assert {see(learners, name).running for name in names} == {3}


def test_the_same_seed_gives_the_same_curve_however_it_is_interleaved(learners: Learners) -> None:
    alone = finish(learners, learners.start(RECIPE, seed=7))
    first, second = (learners.start(RECIPE, seed=seed) for seed in (7, 8))
    together, other = finish(learners, first), finish(learners, second)
    assert together.points == alone.points
    assert other.points != alone.points


def test_points_are_means_over_the_batches_since_the_point_before(learners: Learners) -> None:
    done = finish(learners, learners.start(RECIPE, seed=1))
    first_epoch = [point for point in done.points if point.epoch <= 1]
    assert len(first_epoch) == POINTS_AN_EPOCH
    lengths = np.diff([0.0] + [point.epoch for point in first_epoch])
    whole = sum(p.accuracy * length for p, length in zip(first_epoch, lengths, strict=True))
    one = finish(learners, learners.start(RECIPE.replace(epochs=1), seed=1))
    assert whole == pytest.approx(one.accuracy)


def test_a_paused_learner_stands_still_and_resumes_where_it_stood(learners: Learners) -> None:
    undisturbed = finish(learners, learners.start(RECIPE, seed=5))
    name = learners.start(RECIPE, seed=5)
    learners.turn()
    learners.turn()
    learners.pause(name)
    paused = see(learners, name)
    assert paused.state is State.PAUSED
    assert not learners.turn()
    assert see(learners, name).position == paused.position
    learners.resume(name)
    assert finish(learners, name).points == undisturbed.points


def test_a_learning_rate_changed_in_mid_run_holds_from_the_next_step(learners: Learners) -> None:
    name, other = (learners.start(RECIPE, seed=5) for _ in range(2))
    learners.turn()
    learners.turn()
    learners.change(name, RECIPE.replace(learning_rate=0.01))
    changed, unchanged = finish(learners, name), finish(learners, other)
    assert changed.recipe.learning_rate == 0.01
    assert changed.points[0] == unchanged.points[0]
    assert changed.points[-1].loss < unchanged.points[-1].loss


def test_what_is_fixed_while_training_runs_cannot_be_changed(learners: Learners) -> None:
    name = learners.start(RECIPE, seed=5)
    learners.turn()
    with pytest.raises(RecipeError, match="epochs: fixed"):
        learners.change(name, RECIPE.replace(epochs=10))
    with pytest.raises(RecipeError, match="at most the 200 training samples, got 201"):
        learners.change(name, RECIPE.replace(batch_size=201))
    done = finish(learners, name)
    assert done.state is State.FINISHED
    assert done.marks == ()


def test_changes_in_mid_run_are_marked_where_they_were_made(learners: Learners) -> None:
    recipe = RECIPE.replace(epochs=60)
    name = learners.start(recipe, seed=5)
    learners.turn()
    first = see(learners, name).position
    learners.change(name, recipe.replace(batch_size=None, optimizer="momentum"))
    learners.turn()
    second = see(learners, name).position
    learners.change(name, recipe.replace(optimizer="momentum", dropout=0.25))
    done = finish(learners, name)
    assert done.state is State.FINISHED
    assert 0 < first < second
    assert [(mark.epoch, mark.field, mark.before, mark.after) for mark in done.marks] == [
        (first, "optimizer", "adam", "momentum"),
        (first, "batch_size", 20, None),
        (second, "dropout", 0.0, 0.25),
        (second, "batch_size", None, 20),
    ]


def test_a_change_that_is_taken_back_before_it_is_made_leaves_no_mark(learners: Learners) -> None:
    name = learners.start(RECIPE, seed=5)
    learners.turn()
    learners.change(name, RECIPE.replace(learning_rate=0.01))
    learners.change(name, RECIPE)
    assert finish(learners, name).marks == ()


def test_a_step_trains_one_epoch(learners: Learners) -> None:
    name = learners.start(RECIPE, seed=5, epochs_at_first=1)
    assert finish(learners, name).position == 1.0
    assert see(learners, name).state is State.PAUSED
    learners.resume(name, epochs=1)
    assert finish(learners, name).position == 2.0
    learners.resume(name, epochs=2)
    assert finish(learners, name).state is State.FINISHED


def test_a_stopped_learner_is_gone_and_its_snapshot_stays(learners: Learners) -> None:
    name = learners.start(RECIPE, seed=5)
    learners.turn()
    learners.turn()
    before = see(learners, name)
    learners.stop(name)
    assert learners.look(name) is None
    assert not learners.turn()
    assert len(learners) == 0
    assert before.network is not None
    assert np.isfinite(before.network.params).all()


def test_a_snapshot_does_not_change_as_training_goes_on(learners: Learners) -> None:
    name = learners.start(RECIPE, seed=5)
    for _ in range(3):
        learners.turn()
    early = see(learners, name)
    assert early.network is not None
    params = early.network.params.copy()
    late = finish(learners, name)
    np.testing.assert_array_equal(early.network.params, params)
    assert len(late.points) > len(early.points)
    assert late.network is not None
    assert not np.array_equal(late.network.params, params)


def test_a_lost_connection_stops_the_work_until_the_next_look(learners: Learners) -> None:
    name = learners.start(RECIPE, seed=5)
    assert learners.turn()
    learners.release(name)
    assert not learners.turn()
    assert see(learners, name).state is State.RUNNING
    assert learners.turn()


def test_a_learner_nobody_looks_at_pauses_then_is_dropped(learners: Learners, clock: Clock) -> None:
    name = learners.start(RECIPE, seed=5)
    assert learners.turn()
    clock.now += PAUSE_AFTER
    assert not learners.turn()
    assert see(learners, name).state is State.RUNNING  # a look in time renews the lease
    assert learners.turn()
    clock.now += DROP_AFTER
    assert not learners.turn()
    assert learners.look(name) is None


def test_a_learner_that_raises_leaves_the_others_alive(
    learners: Learners, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    good = learners.start(RECIPE, seed=5)
    learners.turn()
    with monkeypatch.context() as patch:
        patch.setattr("ui.scheduler.course.split_validation", lambda *_: 1 / 0)
        bad = learners.start(RECIPE, seed=5)
        learners.turn()
        learners.turn()
        learners.turn()
    assert see(learners, bad).state is State.FAILED
    assert "a learner raised" in caplog.text
    assert see(learners, bad).message == ""  # what went wrong is for the log
    assert finish(learners, good).state is State.FINISHED


def test_a_diverged_training_says_so_and_keeps_its_last_good_network(learners: Learners) -> None:
    name = learners.start(RECIPE.replace(learning_rate=1e6, epochs=400, optimizer="gd"), seed=5)
    failed = finish(learners, name)
    assert failed.state is State.FAILED
    assert "diverged" in failed.message
    assert "learning rate" in failed.message
    assert failed.network is not None
    assert np.isfinite(failed.network.params).all()


def test_more_learners_than_allowed_are_refused_until_one_ends(learners: Learners) -> None:
    names = [learners.start(RECIPE, seed=5) for _ in range(3)]
    with pytest.raises(FullError, match="3 trainings run"):
        learners.start(RECIPE, seed=5)
    learners.stop(names[0])
    learners.start(RECIPE, seed=5)


def test_a_full_batch_training_has_one_point_an_epoch(learners: Learners) -> None:
    recipe = RECIPE.replace(batch_size=None, optimizer="gd", validation=0, learning_rate=0.1)
    done = finish(learners, learners.start(recipe, seed=5))
    assert [point.epoch for point in done.points] == [1, 2, 3, 4]
    assert all(point.validation_accuracy is None for point in done.points)


def test_long_curves_are_thinned_and_keep_their_epoch_ends(
    learners: Learners, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ui.scheduler.curves.MAX_POINTS", 20)
    done = finish(learners, learners.start(RECIPE.replace(epochs=10), seed=5))
    assert len(done.points) <= 20 < 10 * POINTS_AN_EPOCH < MAX_POINTS
    ends = [point.epoch for point in done.points if point.validation_loss is not None]
    assert ends == list(range(1, 11))
    assert list(done.points) == sorted(done.points, key=lambda point: point.epoch)


def test_time_left_grows_with_those_who_share_the_worker(learners: Learners) -> None:
    name = learners.start(RECIPE, seed=5)
    learners.turn()
    alone = see(learners, name).seconds_left
    learners.start(RECIPE, seed=6)
    shared = see(learners, name).seconds_left
    assert alone is not None
    assert shared == pytest.approx(2 * alone)


def test_the_worker_thread_trains_by_itself_and_ends_when_closed(
    data: tuple[Dataset, Dataset],
) -> None:
    learners = Learners(lambda: data)
    learners.run()
    learners.run()  # a second call starts no second worker
    names = [learners.start(RECIPE, seed=seed) for seed in (1, 2)]
    waiting = threading.Event()
    for _ in range(600):
        if all(see(learners, name).state is State.FINISHED for name in names):
            break
        waiting.wait(0.05)
    assert [see(learners, name).state for name in names] == [State.FINISHED] * 2
    assert sum(thread.name == "learners" for thread in threading.enumerate()) == 1
    learners.close()
    assert not any(thread.name == "learners" for thread in threading.enumerate())
    assert len(learners) == 0


def test_an_unknown_learner_is_none_and_wishes_for_it_do_nothing(learners: Learners) -> None:
    assert learners.look("learner-99") is None
    for wish in (learners.pause, learners.resume, learners.stop, learners.release):
        wish("learner-99")


def test_the_data_are_loaded_once(data: tuple[Dataset, Dataset], clock: Clock) -> None:
    calls: list[str] = []

    def load() -> tuple[Dataset, Dataset]:
        calls.append("loaded")
        return data

    learners = Learners(load, clock=clock, cpu_clock=clock)
    finish(learners, learners.start(RECIPE, seed=1))
    finish(learners, learners.start(RECIPE, seed=2))
    assert calls == ["loaded"]
    learners.close()


def test_a_learner_before_its_first_step_has_no_network() -> None:
    learner = Learner(RECIPE, 1, lambda: pytest.fail("not to be loaded yet"), seen=0.0)
    assert learner.snapshot(1, 0.0).network is None
    assert learner.snapshot(1, 0.0).seconds_left is None


def test_a_snapshot_tells_seed_steps_and_a_point_for_each_of_the_latest_batches(
    learners: Learners, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = finish(learners, learners.start(RECIPE, seed=9))
    assert (done.seed, done.step) == (9, 40)  # 200 samples in batches of 20
    assert [point.epoch for point in done.batches] == pytest.approx(np.arange(1, 41) / 10)
    for epoch in range(4):  # the points of an epoch are means of its batches
        batches = done.batches[10 * epoch : 10 * epoch + 10]
        points = [point for point in done.points if epoch < point.epoch <= epoch + 1]
        lengths = np.diff([epoch, *(point.epoch for point in points)])
        assert np.mean([b.loss for b in batches]) == pytest.approx(
            sum(p.loss * length for p, length in zip(points, lengths, strict=True))
        )
    monkeypatch.setattr("ui.scheduler.curves.BATCHES", 7)
    short = finish(learners, learners.start(RECIPE, seed=9))
    assert short.batches == done.batches[-7:]


def test_the_best_epoch_is_the_first_of_the_highest_validation_accuracy(
    learners: Learners,
) -> None:
    done = finish(learners, learners.start(RECIPE.replace(epochs=25), seed=1))
    validated = [p.validation_accuracy for p in done.points if p.validation_accuracy is not None]
    assert len(validated) == 25
    assert done.best_epoch == 1 + validated.index(max(validated))
    unvalidated = finish(learners, learners.start(RECIPE.replace(validation=0), seed=1))
    assert unvalidated.best_epoch is None


def test_the_layers_are_looked_at_a_few_times_an_epoch(learners: Learners) -> None:
    recipe = RECIPE.replace(hidden=(8, 6), activation="relu")
    done = finish(learners, learners.start(recipe, seed=1))
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
    learners: Learners,
) -> None:
    done = finish(learners, learners.start(RECIPE.replace(epochs=30), seed=1))
    assert 20 <= len(done.moments) <= 49
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
    learners: Learners, data: tuple[Dataset, Dataset]
) -> None:
    recipe = RECIPE.replace(
        hidden=(9, 7), batch_norm=True, dropout=0.3, weight_average=0.9, epochs=2
    )
    done = finish(learners, learners.start(recipe, seed=6))
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


def test_the_moments_of_one_visitor_share_their_memory(
    data: tuple[Dataset, Dataset], clock: Clock
) -> None:
    one = RECIPE.build_network(rng=np.random.default_rng(1)).params.nbytes
    learners = Learners(
        lambda: data, clock=clock, cpu_clock=clock, limits=Limits(moment_bytes=10 * one)
    )
    recipe = RECIPE.replace(epochs=12)
    names = [learners.start(recipe, seed=seed, visitor="ada") for seed in (1, 2)]
    other = learners.start(recipe, seed=3, visitor="alan")
    alone = learners.start(recipe, seed=4)
    for name in (*names, other, alone):
        finish(learners, name)
    first, second = (see(learners, name).moments for name in names)
    assert 2 <= len(first) + len(second) <= 10
    assert first[-1].step == second[-1].step == 120  # the latest one stays
    for name in (other, alone):
        assert 5 <= len(see(learners, name).moments) <= 10
    learners.close()


def test_moments_larger_than_all_memory_for_them_leave_the_latest_one(
    data: tuple[Dataset, Dataset], clock: Clock
) -> None:
    learners = Learners(lambda: data, clock=clock, cpu_clock=clock, limits=Limits(moment_bytes=10))
    done = finish(learners, learners.start(RECIPE, seed=1))
    assert [moment.step for moment in done.moments] == [40]
    learners.close()


def test_shares_and_seconds_tell_how_the_worker_spends_its_time(learners: Learners) -> None:
    recipe = RECIPE.replace(epochs=10_000)
    names = [learners.start(recipe, seed=seed) for seed in range(3)]
    for _ in range(300):
        learners.turn()
    snapshots = [see(learners, name) for name in names]
    assert [snapshot.share for snapshot in snapshots] == pytest.approx([0.3] * 3, abs=0.1)
    learners.pause(names[0])
    learners.stop(names[1])
    for _ in range(1000):
        learners.turn()
    assert see(learners, names[0]).share == 0.0
    assert see(learners, names[0]).seconds == pytest.approx(snapshots[0].seconds, rel=0.01)
    assert 0.7 < see(learners, names[2]).share <= 1.0  # looking at the clock takes time too


def test_pauses_steps_and_slow_motion_change_nothing_of_what_is_learnt(
    learners: Learners, clock: Clock
) -> None:
    recipe = RECIPE.replace(
        hidden=(9, 7), batch_norm=True, dropout=0.3, weight_average=0.9, epochs=12, augment=1.0
    )
    undisturbed = finish(learners, learners.start(recipe, seed=5))
    name = learners.start(recipe, seed=5, batches_at_first=3)
    choice, paused = np.random.default_rng(0), 0
    for _ in range(3000):
        clock.now += 0.05  # slow motion, as far as the clock is concerned
        learners.turn()
        snapshot = see(learners, name)
        if snapshot.state is State.PAUSED:
            paused += 1
            wish = choice.integers(4)
            learners.pace(name, [None, 5.0, 40.0, None][wish])
            learners.resume(name, **[{"batches": 4}, {"batches": 1}, {}, {"epochs": 1}][wish])
        elif choice.random() < 0.2:
            learners.pause(name)
        if snapshot.state is State.FINISHED:
            break
    assert paused > 10
    done = see(learners, name)
    assert done.points == undisturbed.points
    assert done.network is not None
    assert undisturbed.network is not None
    np.testing.assert_array_equal(done.network.params, undisturbed.network.params)
    np.testing.assert_array_equal(done.network.statistics, undisturbed.network.statistics)


def test_a_step_trains_one_batch_and_the_page_has_its_network(learners: Learners) -> None:
    name = learners.start(RECIPE, seed=5, batches_at_first=1)
    networks = []
    for step in (1, 2, 3):
        snapshot = finish(learners, name)
        assert (snapshot.state, snapshot.step) == (State.PAUSED, step)
        assert snapshot.network is not None
        networks.append(snapshot.network.params)
        learners.resume(name, batches=1)
    assert not np.array_equal(networks[0], networks[1])
    assert not np.array_equal(networks[1], networks[2])
    finish(learners, name)
    learners.resume(name, batches=5)
    assert finish(learners, name).step == 9
    learners.resume(name)
    assert finish(learners, name).state is State.FINISHED


def test_the_last_batch_of_an_epoch_comes_with_its_evaluation(learners: Learners) -> None:
    name = learners.start(RECIPE, seed=5, batches_at_first=10)
    snapshot = finish(learners, name)
    assert (snapshot.state, snapshot.epoch, snapshot.step) == (State.PAUSED, 1, 10)
    assert snapshot.points[-1].validation_loss is not None
    learners.resume(name, batches=3)
    assert finish(learners, name).position == pytest.approx(1.3)
    learners.resume(name, epochs=1)
    assert finish(learners, name).position == 2.0


def test_who_pauses_in_the_midst_of_a_slice_gets_the_network_of_that_moment(
    learners: Learners,
) -> None:
    name = learners.start(RECIPE, seed=5)
    for _ in range(3):
        learners.turn()
    learners.pause(name)
    assert not learners.turn()
    paused = see(learners, name)
    assert paused.network is not None
    twin = learners.start(RECIPE, seed=5, batches_at_first=paused.step)
    expected = finish(learners, twin).network
    assert expected is not None
    np.testing.assert_array_equal(paused.network.params, expected.params)


def test_in_slow_motion_so_many_batches_come_a_second(learners: Learners, clock: Clock) -> None:
    name = learners.start(RECIPE.replace(epochs=1000), seed=5)
    other = learners.start(RECIPE.replace(epochs=10_000), seed=6)
    learners.turn()
    learners.pace(name, 4.0)
    learners.turn()
    began, steps = clock.now, see(learners, name).step
    while clock.now < began + 5:
        learners.turn()
    assert see(learners, name).step - steps == pytest.approx(20, abs=2)
    assert see(learners, name).share < 0.1
    assert see(learners, other).step > 1000
    assert see(learners, name).running == 2
    learners.stop(other)
    learners.turn()
    assert not learners.turn()  # nothing to do until the next batch is due
    assert see(learners, name).state is State.RUNNING
    clock.now += 0.25
    assert learners.turn()
    learners.pace(name, None)
    before = see(learners, name).step
    learners.turn()
    assert see(learners, name).step >= before + 5


def test_slow_motion_tells_how_long_it_will_take(learners: Learners) -> None:
    name = learners.start(RECIPE, seed=5, batches_at_first=10)
    finish(learners, name)
    learners.pace(name, 2.0)
    left = see(learners, name).seconds_left
    assert left is not None
    assert 15.0 <= left <= 16.0  # 30 batches at two a second, and the work


@pytest.mark.parametrize("pace", [0, -1.0, float("nan"), float("inf")])
def test_a_pace_that_is_none_is_refused(learners: Learners, pace: float) -> None:
    name = learners.start(RECIPE, seed=5)
    with pytest.raises(ValueError, match="batches a second above 0, got"):
        learners.pace(name, pace)


def test_equal_learners_take_equal_steps_whoever_joins_late(
    data: tuple[Dataset, Dataset], clock: Clock
) -> None:
    learners = Learners(lambda: data, clock=clock, cpu_clock=clock)
    recipe = RECIPE.replace(epochs=10_000)
    names, before = [], {}
    for seed in range(5):
        for name in names:
            before[name] = see(learners, name).step
        names.append(learners.start(recipe, seed=seed))
        for _ in range(30 * len(names)):
            learners.turn()
        steps = [see(learners, name).step - before.get(name, 0) for name in names]
        assert max(steps) <= 1.5 * min(steps)
    learners.close()


def test_a_learner_with_long_pieces_of_work_takes_no_more_time_than_others(
    data: tuple[Dataset, Dataset], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    learners = Learners(lambda: data, clock=clock, cpu_clock=clock)
    wide = RECIPE.replace(hidden=(9,), epochs=10_000)
    advance = Learner.advance

    def slow(learner: Learner) -> object:
        if learner.recipe.hidden == (9,):
            clock.now += 0.12
        return advance(learner)

    monkeypatch.setattr(Learner, "advance", slow)
    names = [learners.start(recipe, seed=1) for recipe in (wide, RECIPE.replace(epochs=10_000))]
    while clock.now < 10:
        learners.turn()
    first, second = (see(learners, name).seconds for name in names)
    assert first == pytest.approx(second, rel=0.1)
    learners.close()


def test_the_time_to_load_the_data_is_nobodys(data: tuple[Dataset, Dataset], clock: Clock) -> None:
    def load() -> tuple[Dataset, Dataset]:
        clock.now += 5.0
        return data

    learners = Learners(load, clock=clock, cpu_clock=clock)
    names = [learners.start(RECIPE.replace(epochs=10_000), seed=seed) for seed in (1, 2)]
    for _ in range(40):
        learners.turn()
    steps = [see(learners, name).step for name in names]
    assert max(steps) <= 1.5 * min(steps)
    assert see(learners, names[0]).seconds < 1.0
    learners.close()


def test_each_limit_is_told_from_the_others_and_leaves_the_rest_alone(
    data: tuple[Dataset, Dataset], clock: Clock
) -> None:
    learners = Learners(
        lambda: data, clock=clock, cpu_clock=clock, limits=Limits(learners=4, learners_a_visitor=2)
    )
    names = [learners.start(RECIPE, seed=seed, visitor="ada") for seed in (1, 2)]
    with pytest.raises(TooManyError, match="2 of your trainings"):
        learners.start(RECIPE, seed=3, visitor="ada")
    with pytest.raises(TooWideError, match="got 5,000"):
        learners.start(RECIPE.replace(hidden=(2500, 2500)), seed=3, visitor="alan")
    learners.start(RECIPE, seed=3, visitor="alan")
    learners.start(RECIPE, seed=3)
    with pytest.raises(FullError, match="4 trainings run"):
        learners.start(RECIPE, seed=3)
    assert finish(learners, names[0]).state is State.FINISHED
    learners.start(RECIPE, seed=4, visitor="ada")  # who has finished is in nobody's way
    assert see(learners, names[0]).test is not None
    learners.close()


def test_a_learner_that_has_ended_holds_its_network_and_nothing_of_the_training(
    learners: Learners,
) -> None:
    gc.collect()
    before = sum(type(thing) is Supply for thing in gc.get_objects())
    names = [learners.start(RECIPE.replace(pen=0.1, epochs=1), seed=1)]
    names.append(learners.start(RECIPE.replace(learning_rate=1e6, epochs=99), seed=1))
    learners.turn()
    assert sum(type(thing) is Supply for thing in gc.get_objects()) > before
    assert {finish(learners, name).state for name in names} == {State.FINISHED, State.FAILED}
    gc.collect()
    assert sum(type(thing) is Supply for thing in gc.get_objects()) == before
    assert all(see(learners, name).network is not None for name in names)


def test_a_change_while_it_rests_is_seen_at_once_and_marked_when_it_goes_on(
    learners: Learners,
) -> None:
    name = learners.start(RECIPE, seed=5, batches_at_first=7)
    finish(learners, name)
    learners.change(name, RECIPE.replace(learning_rate=0.004))
    snapshot = see(learners, name)
    assert snapshot.recipe.learning_rate == 0.004
    assert snapshot.marks == ()
    learners.resume(name, batches=1)
    assert [(mark.epoch, mark.after) for mark in finish(learners, name).marks] == [(0.7, 0.004)]


def test_learners_write_into_one_workspace_and_learn_what_they_would_alone(
    learners: Learners, data: tuple[Dataset, Dataset]
) -> None:
    recipes = [RECIPE, RECIPE.replace(hidden=(16, 12), batch_norm=True, dropout=0.2, batch_size=32)]
    both = [Learner(recipe, 5, lambda: data, seen=0.0) for recipe in recipes]
    names = [learners.adopt(learner) for learner in both]
    assert both[0].course.workspace is both[1].course.workspace is not None
    for _ in range(500):
        learners.turn()
    for name, recipe in zip(names, recipes, strict=True):
        fitting, validation = split_validation(data[0], recipe)
        rng = np.random.default_rng(5)
        alone = recipe.build_network(rng=rng)
        for _ in train(alone, fitting, validation, recipe, rng=rng):
            pass
        done = see(learners, name)
        assert done.state is State.FINISHED
        np.testing.assert_array_equal(done.network.params, alone.params)
