from __future__ import annotations

import numpy as np
import pytest

from nn import RECIPES
from ui.lab import runs as module
from ui.lab.runs import Runs
from ui.scheduler.moments import Kept
from ui.scheduler.snapshot import State

from .snapshots import curve, snapshot

ADAM = RECIPES["adam"]


def test_runs_of_one_name_are_numbered_and_a_rename_stays_different() -> None:
    runs = Runs()
    first, second, third = (runs.add("Adam", ADAM, 0) for _ in range(3))
    assert [run.name for run in runs] == ["Adam", "Adam 2", "Adam 3"]
    runs.rename(second.id, "  mine \n own ")
    assert second.name == "mine own"
    runs.rename(third.id, "mine own")
    assert third.name == "mine own 2"
    runs.rename(first.id, " ")
    assert first.name == "Adam"
    runs.rename(first.id, "x" * 100)
    assert first.name == "x" * 40


def test_the_oldest_idle_run_goes_where_there_would_be_too_many() -> None:
    runs = Runs()
    alive = runs.add("alive", ADAM, 0, learner="learner-1")
    current = runs.add("current", ADAM, 0)
    runs.current = current.id
    for number in range(module.MAX_RUNS):
        runs.add(f"run {number}", ADAM, 0)
    names = [run.name for run in runs]
    assert len(names) == module.MAX_RUNS
    assert names[:3] == ["alive", "current", "run 2"]
    assert alive.live


def test_a_run_that_has_ended_lets_its_learner_go_and_keeps_what_was_seen() -> None:
    runs = Runs()
    run = runs.add("Adam", ADAM, 0, learner="learner-1")
    slower = ADAM.replace(learning_rate=0.01)
    run.see(snapshot(curve([1.0, 0.5]), seconds=4.0, recipe=slower))
    assert run.live
    assert run.recipe == slower
    run.see(snapshot(curve([1.0, 0.5, 0.4]), seconds=8.0, state=State.FINISHED))
    assert not run.live
    assert run.snapshot is not None
    assert len(run.snapshot.points) == 3


def test_seconds_of_work_are_read_between_two_looks() -> None:
    run = Runs().add("Adam", ADAM, 0)
    run.see(snapshot(curve([1.0] * 2), seconds=4.0))
    run.see(snapshot(curve([1.0] * 2), seconds=4.5))  # no further: it only waited
    run.see(snapshot(curve([1.0] * 4), seconds=10.0))
    assert [run.seconds_at(epoch) for epoch in (0, 1, 2, 3, 4)] == [0, 2, 4, 7, 10]


def test_a_long_run_remembers_a_few_hundred_looks() -> None:
    run = Runs().add("Adam", ADAM, 0)
    for count in range(2000):
        run.see(snapshot(position=float(count), seconds=2.0 * count))
    assert len(run.clock) <= 400
    assert run.seconds_at(1999) == 3998
    assert run.seconds_at(1000) == pytest.approx(2000, abs=1e-6)


def test_moments_of_ended_runs_take_what_the_others_leave_of_the_share(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = ADAM.build_network(rng=np.random.default_rng(0))
    moments = tuple(
        Kept(step / 4, step, network.architecture(), network.params, network.statistics)
        for step in range(20)
    )
    monkeypatch.setattr(module, "MOMENT_BYTES", 50 * network.params.nbytes)
    runs = Runs()
    for _ in range(4):
        held = snapshot(network=network, moments=moments, state=State.FINISHED)
        runs.add("Adam", ADAM, 0, snapshot=held)
    runs.thin()
    left = [run.snapshot.moments for run in runs if run.snapshot]
    assert 35 < sum(map(len, left)) <= 46  # beside the four that they read with
    runs.add("Adam", ADAM, 0, learner="learner-1", snapshot=snapshot(moments=moments))
    runs.thin()
    left = [run.snapshot.moments for run in runs if run.snapshot]
    assert 15 < sum(map(len, left[:4])) <= 26
    assert all(each[-1] is moments[-1] and len(each) > 1 for each in left[:4])
    assert left[4] == moments


def test_a_removed_run_is_no_longer_the_panels() -> None:
    runs = Runs()
    run = runs.add("Adam", ADAM, 0)
    runs.current = run.id
    assert runs.now() is run
    runs.remove(run.id)
    assert (runs.now(), len(runs)) == (None, 0)
