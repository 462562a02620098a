"""Trainings in another process: the same as here, to the bit, even where that process is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from nn import RECIPES, Recipe, RecipeError
from tests.helpers import few_digits
from ui.process.learners import LOSSES, ProcessLearners
from ui.scheduler.learners import Learners, Limits
from ui.scheduler.limits import TooManyError, TooWideError
from ui.scheduler.snapshot import Snapshot, State

ROOT = Path(__file__).parents[3]
RECIPE = RECIPES["deep"].replace(
    hidden=(16, 12), batch_size=20, epochs=120, warmup=0, validation=40, weight_average=0.9
)
ENDLESS = RECIPE.replace(epochs=10_000)


def eventually(is_so: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait until something is so; a loaded machine is slow."""
    end, pause = time.monotonic() + seconds, threading.Event()
    while not is_so():
        assert time.monotonic() < end, "it never was so"
        pause.wait(0.01)


@pytest.fixture
def everyone() -> Iterator[ProcessLearners]:
    learners = ProcessLearners(few_digits, limits=Limits(learners=4, learners_a_visitor=2))
    learners.run()
    yield learners
    learners.close()


def see(learners: ProcessLearners, name: str) -> Snapshot:
    snapshot = learners.look(name)
    assert snapshot is not None
    return snapshot


def finished(learners: ProcessLearners, name: str) -> Snapshot:
    eventually(lambda: see(learners, name).state is not State.RUNNING)
    return see(learners, name)


def kill(learners: ProcessLearners) -> int:
    """Kill the worker; returns its id, once another one is there."""
    process = learners.process_id
    assert process is not None
    os.kill(process, signal.SIGKILL)
    eventually(lambda: learners.process_id not in (None, process))
    return process


def pause(learners: ProcessLearners, name: str) -> Snapshot:
    """Pause it, until the capture that is then taken has come."""
    learners.pause(name)
    eventually(lambda: learners.captured_step(name) == see(learners, name).step)
    return see(learners, name)


def undisturbed(recipe: Recipe, seed: int) -> Snapshot:
    """The same training by a thread of this process."""
    learners = Learners(few_digits)
    name = learners.start(recipe, seed=seed)
    while (run := learners.look(name)) is not None and run.state is State.RUNNING:
        learners.turn()
    learners.close()
    assert run is not None
    return run


def assert_equal(found: Snapshot, expected: Snapshot) -> None:
    """To the bit: weights, statistics, curves, moments, the test at the end."""
    assert found.state is expected.state is State.FINISHED
    assert found.network is not None
    assert expected.network is not None
    np.testing.assert_array_equal(found.network.params, expected.network.params)
    np.testing.assert_array_equal(found.network.statistics, expected.network.statistics)
    np.testing.assert_equal(found.points, expected.points)
    np.testing.assert_equal(found.layers, expected.layers)
    assert [moment.step for moment in found.moments] == [it.step for it in expected.moments]
    for mine, yours in zip(found.moments, expected.moments, strict=True):
        np.testing.assert_array_equal(mine.network().params, yours.network().params)
    assert found.test is not None
    assert expected.test is not None
    assert found.test.errors == expected.test.errors


def test_a_training_in_the_other_process_is_the_one_it_would_be_here(
    everyone: ProcessLearners,
) -> None:
    run = finished(everyone, everyone.start(RECIPE, seed=5))
    assert run.restarts == 0
    assert_equal(run, undisturbed(RECIPE, 5))


def test_a_worker_that_is_killed_is_replaced_and_the_training_ends_with_the_same_weights(
    everyone: ProcessLearners,
) -> None:
    name = everyone.start(RECIPE, seed=6, visitor="somebody")
    everyone.pace(name, 200.0)
    eventually(lambda: see(everyone, name).step > 150)
    step = pause(everyone, name).step
    everyone.resume(name)
    everyone.pace(name, 100.0)
    eventually(lambda: see(everyone, name).step > step)

    kill(everyone)
    again = see(everyone, name)
    assert again.restarts == 1
    assert again.state is State.RUNNING  # the resume came after the capture, and is not forgotten
    assert again.step >= step
    everyone.pace(name, None)
    run = finished(everyone, name)
    assert run.restarts == 1
    assert_equal(run, undisturbed(RECIPE, 6))


def test_within_two_seconds_another_worker_runs(everyone: ProcessLearners) -> None:
    name = everyone.start(ENDLESS, seed=6)
    eventually(lambda: see(everyone, name).step > 0)
    began = time.monotonic()
    kill(everyone)
    assert time.monotonic() - began < 2.0
    eventually(lambda: see(everyone, name).step > 0)


def test_a_training_that_was_never_captured_begins_anew_by_its_seed(
    everyone: ProcessLearners,
) -> None:
    name = everyone.start(RECIPE, seed=7)
    kill(everyone)
    run = finished(everyone, name)
    assert run.restarts == 1
    assert_equal(run, undisturbed(RECIPE, 7))


def test_a_paused_training_is_still_paused_with_the_next_worker(everyone: ProcessLearners) -> None:
    name = everyone.start(ENDLESS, seed=8)
    eventually(lambda: see(everyone, name).step > 10)
    before = pause(everyone, name)
    kill(everyone)
    after = see(everyone, name)
    assert (after.state, after.step) == (State.PAUSED, before.step)
    assert after.network is not None
    assert before.network is not None
    np.testing.assert_array_equal(after.network.params, before.network.params)
    everyone.resume(name, batches=1)
    eventually(lambda: see(everyone, name).step == before.step + 1)
    eventually(lambda: see(everyone, name).state is State.PAUSED)


def test_a_change_after_the_last_capture_is_made_again(everyone: ProcessLearners) -> None:
    name = everyone.start(ENDLESS, seed=9)
    eventually(lambda: see(everyone, name).step > 0)
    slower = ENDLESS.replace(learning_rate=1e-5)
    everyone.change(name, slower)
    kill(everyone)
    eventually(lambda: see(everyone, name).recipe == slower)
    assert see(everyone, name).restarts == 1


def test_what_had_ended_stays_as_it_was(everyone: ProcessLearners) -> None:
    name = everyone.start(RECIPE.replace(epochs=2), seed=9)
    run = finished(everyone, name)
    kill(everyone)
    again = see(everyone, name)
    assert_equal(again, run)
    assert again.restarts == 0
    everyone.stop(name)
    assert everyone.look(name) is None


def test_a_learner_that_fails_says_why_and_the_others_go_on(everyone: ProcessLearners) -> None:
    wild = RECIPE.replace(learning_rate=1e6, batch_norm=False, dropout=0.0, clip_norm=0.0)
    bad = everyone.start(wild, seed=1)
    good = everyone.start(RECIPE, seed=5)
    assert_equal(finished(everyone, good), undisturbed(RECIPE, 5))
    run = finished(everyone, bad)
    assert run.state is State.FAILED
    assert "diverged" in run.message


def test_limits_and_refused_changes_are_raised_here(everyone: ProcessLearners) -> None:
    with pytest.raises(TooWideError, match="hidden") as refused:
        everyone.start(RECIPE.replace(hidden=(4096, 4096)), seed=0)
    assert (refused.value.asked, refused.value.allowed) == (8192, 4096)
    names = [everyone.start(ENDLESS, seed=0, visitor="one") for _ in range(2)]
    with pytest.raises(TooManyError):
        everyone.start(ENDLESS, seed=0, visitor="one")
    with pytest.raises(RecipeError):
        everyone.change(names[0], ENDLESS.replace(hidden=(5,)))
    with pytest.raises(ValueError, match="batches a second"):
        everyone.pace(names[0], -1.0)
    assert len(everyone) == 2


def test_a_stopped_learner_is_gone_and_its_place_is_free(everyone: ProcessLearners) -> None:
    for seed in range(6):  # more than the limit
        name = everyone.start(ENDLESS, seed=seed)
        everyone.stop(name)
        assert everyone.look(name) is None
    assert len(everyone) == 0


def test_a_released_learner_rests_until_somebody_looks(everyone: ProcessLearners) -> None:
    name = everyone.start(ENDLESS, seed=1)
    eventually(lambda: see(everyone, name).step > 0)
    everyone.release(name)
    process = kill(everyone)
    assert everyone.process_id != process
    assert see(everyone, name).restarts == 1
    eventually(lambda: see(everyone, name).step > 0)


def test_closing_ends_the_process_and_all_learners() -> None:
    learners = ProcessLearners(few_digits)
    learners.run()
    name = learners.start(ENDLESS, seed=1)
    process = learners.process_id
    learners.close()
    assert not is_there(process)
    assert learners.look(name) is None
    assert len(learners) == 0
    assert learners.process_id is None


def test_where_every_worker_dies_the_trainings_fail_and_a_new_start_may_work(
    everyone: ProcessLearners,
) -> None:
    name = everyone.start(ENDLESS, seed=1)
    for _ in range(LOSSES - 1):
        kill(everyone)
    assert everyone.process_id is not None
    os.kill(everyone.process_id, signal.SIGKILL)
    eventually(lambda: see(everyone, name).state is State.FAILED)
    assert everyone.process_id is None
    again = everyone.start(RECIPE, seed=5)
    assert_equal(finished(everyone, again), undisturbed(RECIPE, 5))


def is_there(process: int | None) -> bool:
    """Whether a process runs; one that has ended and waits for its parent does not."""
    assert process is not None
    try:
        status = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] not in "ZX"


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="processes are looked up in /proc")
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_no_worker_outlives_its_server_however_that_ends(end: signal.Signals) -> None:
    code = (
        "import sys\n"
        "from tests.helpers import few_digits\n"
        "from nn import RECIPES\n"
        "from ui.process.learners import ProcessLearners\n"
        "learners = ProcessLearners(few_digits)\n"
        "learners.run()\n"
        "learners.start(RECIPES['adam'].replace(epochs=10000, validation=0), seed=0)\n"
        "print(learners.process_id, flush=True)\n"
        "sys.stdin.read()\n"
    )
    server = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    worker = int(server.stdout.readline())
    assert is_there(worker)
    server.send_signal(end)
    server.wait(30)
    eventually(lambda: not is_there(worker))
    assert server.stdin is not None
    server.stdin.close()
    server.stdout.close()
