from __future__ import annotations

import numpy as np
import pytest

from nn import RECIPES, Network, Recipe
from nn.convolution import Convolution, Flatten, MaxPooling, Unflatten
from nn.layers import Dense
from tests.ui.snapshots import curve, snapshot
from ui import runs as module
from ui.runs import Runs
from ui.training.snapshot import Moment, Point, Snapshot, State

ADAM = RECIPES["adam"]


def test_runs_of_one_name_are_numbered_and_a_rename_stays_different() -> None:
    runs = Runs()
    first, second, third = (runs.add("Adam", ADAM, 0) for _ in range(3))
    assert [run.name for run in runs] == ["Adam", "Adam 2", "Adam 3"]
    runs.rename(second, "  mine \n own ")
    assert second.name == "mine own"
    runs.rename(third, "mine own")
    assert third.name == "mine own 2"
    runs.rename(first, " ")
    assert first.name == "Adam"
    runs.rename(first, "x" * 100)
    assert first.name == "x" * 40


def test_the_oldest_idle_run_goes_where_there_would_be_too_many() -> None:
    runs = Runs()
    alive = runs.add("alive", ADAM, 0, training="run-1")
    current = runs.add("current", ADAM, 0)
    runs.current = current.id
    for number in range(module.MAX_RUNS):
        runs.add(f"run {number}", ADAM, 0)
    names = [run.name for run in runs]
    assert len(names) == module.MAX_RUNS
    assert names[:3] == ["alive", "current", "run 2"]
    assert alive.live


def test_a_run_that_has_ended_lets_its_training_go_and_keeps_what_was_seen() -> None:
    runs = Runs()
    run = runs.add("Adam", ADAM, 0, training="run-1")
    slower = ADAM.replace(learning_rate=0.01)
    run.see(snapshot(curve([1.0, 0.5]), seconds=4.0, recipe=slower))
    assert run.live
    assert run.recipe == slower
    run.see(snapshot(curve([1.0, 0.5, 0.4]), seconds=8.0, state=State.FINISHED))
    assert not run.live
    assert run.snapshot is not None
    assert len(run.snapshot.points) == 3


def test_moments_of_ended_runs_take_what_the_others_leave_of_the_share(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = ADAM.build_network(rng=np.random.default_rng(0))
    moments = tuple(
        Moment(step / 4, step, network.architecture(), network.params, network.statistics)
        for step in range(20)
    )
    monkeypatch.setattr(module, "ENDED_BYTES", 50 * network.params.nbytes)
    runs = Runs()
    for _ in range(4):
        held = snapshot(network=network, moments=moments, state=State.FINISHED)
        runs.add("Adam", ADAM, 0, snapshot=held)
    runs.limit_memory()
    left = [run.snapshot.moments for run in runs if run.snapshot]
    assert 35 < sum(map(len, left)) <= 46  # beside the four that they read with
    assert all(each[-1] is moments[-1] and len(each) > 1 for each in left)
    live = runs.add("Adam", ADAM, 0, training="run-1", snapshot=snapshot(moments=moments))
    runs.limit_memory()
    assert live.snapshot.moments == moments  # the scheduler limits those
    runs.limit_memory(live=True)  # its connection is lost
    assert 1 < len(live.snapshot.moments) < len(moments)


CONVOLUTION = RECIPES["convolution"]


def loaded(network: Network, **meta: object) -> Recipe:
    return Runs().load("file.npz", network, meta).recipe


def test_a_loaded_network_with_convolutions_has_the_recipe_that_made_it() -> None:
    recipe = CONVOLUTION.replace(filters=(3, 5), kernel_size=7, hidden=(6,), batch_norm=True)
    network = recipe.build_network(rng=np.random.default_rng(0))
    assert loaded(network, recipe=recipe.to_dict()) == recipe


@pytest.mark.parametrize(
    "meta", [{}, {"recipe": ADAM.to_dict()}, {"recipe": CONVOLUTION.to_dict()}]
)
def test_where_the_recipe_is_missing_or_wrong_it_is_what_the_network_shows(meta: dict) -> None:
    recipe = Recipe(filters=(3, 5), kernel_size=7, hidden=())
    network = recipe.build_network(rng=np.random.default_rng(0))
    assert loaded(network, **meta) == recipe
    dense = Recipe(hidden=(8,))
    assert loaded(dense.build_network(rng=np.random.default_rng(0)), **meta) == dense


def test_a_network_that_no_recipe_has_gets_one_that_is_allowed() -> None:
    pooled = [Unflatten(1, 28, 28), MaxPooling(4)]  # at 28 x 28, these would be too many numbers
    wide = [Convolution(1, 64, 5, 2), Convolution(64, 64, 5, 2), Flatten(), Dense(64 * 49, 10)]
    assert loaded(Network([*pooled, *wide])) == Recipe(hidden=())
    two_sizes = [Convolution(1, 2, 3, 1), Convolution(2, 4, 5, 2), Flatten(), Dense(4 * 49, 10)]
    found = loaded(Network([*pooled, *two_sizes]))
    assert found == Recipe(filters=(2, 4), kernel_size=3, hidden=())


def test_a_removed_run_is_no_longer_the_panels() -> None:
    runs = Runs()
    run = runs.add("Adam", ADAM, 0)
    runs.current = run.id
    assert runs.controlled() is run
    runs.remove(run.id)
    assert (runs.controlled(), len(runs)) == (None, 0)


def held(moments: int, *, best_epoch: int | None = None) -> Snapshot:
    """An ended run with so many moments, one per epoch."""
    network = ADAM.replace(hidden=(4,)).build_network(rng=np.random.default_rng(0))
    return snapshot(
        moments=tuple(
            Moment(float(i), i, network.architecture(), network.params, network.statistics)
            for i in range(moments)
        ),
        best=None if best_epoch is None else Point(float(best_epoch), 0.1, 0.9, 0.1, 0.9),
        state=State.FINISHED,
    )


@pytest.mark.parametrize("limit", range(6, 30))
def test_moments_that_do_not_fit_go_but_never_the_latest_or_the_best(
    monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    before = [held(40, best_epoch=17), held(1), held(12, best_epoch=11)]
    monkeypatch.setattr(module, "ENDED_BYTES", limit * before[0].moments[0].nbytes)
    runs = Runs()
    for each in before:
        runs.add("Adam", ADAM, 0, snapshot=each)
    runs.limit_memory()
    after = [run.snapshot for run in runs]
    assert sum(len(each.moments) for each in after) <= limit
    for old, new in zip(before, after, strict=True):
        assert new.moments[-1] is old.moments[-1]
        assert set(new.moments) <= set(old.moments)
    assert 17.0 in [moment.epoch for moment in after[0].moments]


def test_what_fits_is_left_as_it_is() -> None:
    runs = Runs()
    run = runs.add("Adam", ADAM, 0, snapshot=held(5))
    before = run.snapshot
    runs.limit_memory()
    assert run.snapshot is before
