"""Training on a Dask cluster, with real processes: what goes where, and what a loss costs."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("distributed", reason="needs pip install -r requirements-cluster.txt")

import numpy as np
import psutil

from nn import RECIPES, Dataset, Recipe
from nn.teach import TEACHING
from tests.browser.page import free_port
from ui import data
from ui.training.cluster import ANSWER_SECONDS, Cluster
from ui.training.limits import LimitError, Limits
from ui.training.snapshot import Moment, Point, Snapshot, State

ROOT = Path(__file__).parents[3]
RECIPE = RECIPES["adam"].replace(hidden=(16,), epochs=10_000, samples=2000, validation=100)
PATIENCE = 60.0  # seconds; a loaded machine is slow


def wait_for(holds: Callable[[], bool], seconds: float = PATIENCE) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        threading.Event().wait(0.05)


def see(cluster: Cluster, run: str) -> Snapshot:
    snapshot = cluster.look(run, fresh=True)
    assert snapshot is not None
    return snapshot


def start(cluster: Cluster, recipe: Recipe = RECIPE, *, seed: int = 0, **more: object) -> str:
    return cluster.start(recipe, seed=seed, visitor=f"visitor {seed}", **more)


def trains(cluster: Cluster, run: str) -> bool:
    """Whether a page sees it with curves and a network, at work."""
    seen = see(cluster, run)
    return len(seen.points) > 2 and seen.network is not None and not seen.waiting


def worker_of(cluster: Cluster, run: str) -> str | None:
    with cluster._changed:
        return cluster._runs[run].worker


def process_of(worker: str) -> psutil.Process:
    """The process that listens at a worker's address."""
    port = int(worker.rpartition(":")[2])
    for each in psutil.net_connections("tcp"):
        if each.status == psutil.CONN_LISTEN and each.laddr.port == port and each.pid:
            return psutil.Process(each.pid)
    raise LookupError(worker)


@pytest.fixture(autouse=True)
def as_important_as_other_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ui.training.cluster.NICENESS", 0)


@contextmanager
def cluster_of(trainers: int | str) -> Iterator[Cluster]:
    found = Cluster(trainers, data.mnist, limits=Limits(runs=20))
    found.run()
    yield found
    found.close()


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """Two trainers on this machine, both there."""
    with cluster_of(2) as found:
        wait_for(lambda: len(found.workers()) == 2)
        yield found


@contextmanager
def program(*arguments: str, folder: Path = ROOT) -> Iterator[subprocess.Popen[bytes]]:
    """A command of Dask's that runs the program in a folder."""
    process = subprocess.Popen(
        [sys.executable, "-m", "dask", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        for each in (*psutil.Process(process.pid).children(recursive=True), process):
            each.kill()
        process.wait()


def dask_scheduler(port: int):  # type: ignore[no-untyped-def]
    return program("scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard")


def dask_worker(port: int, folder: Path = ROOT):  # type: ignore[no-untyped-def]
    address = f"tcp://127.0.0.1:{port}"
    return program("worker", address, "--nthreads", "1", "--no-dashboard", folder=folder)


def test_runs_are_spread_over_the_workers_and_obey(cluster: Cluster) -> None:
    runs = [start(cluster, seed=seed) for seed in range(4)]
    workers = [worker_of(cluster, run) for run in runs]
    assert sorted(map(workers.count, set(workers))) == [2, 2]
    for run in runs:
        wait_for(lambda run=run: trains(cluster, run))
    cluster.pause(runs[0])
    assert see(cluster, runs[0]).state is State.PAUSED
    wait_for(lambda: see(cluster, runs[0]).step == see(cluster, runs[0]).step)
    held = see(cluster, runs[0])
    assert see(cluster, runs[1]).step > 0
    cluster.resume(runs[0], batches=1)
    wait_for(lambda: see(cluster, runs[0]).step == held.step + 1)
    wait_for(lambda: see(cluster, runs[0]).state is State.PAUSED)
    cluster.change(runs[1], RECIPE.replace(learning_rate=0.005))
    wait_for(lambda: [mark.field for mark in see(cluster, runs[1]).marks] == ["learning_rate"])
    cluster.stop(runs[1])
    assert cluster.look(runs[1]) is None
    assert len(cluster) == 3


def test_a_run_comes_to_its_end_as_on_the_thread(cluster: Cluster) -> None:
    run = start(cluster, RECIPE.replace(epochs=3), seed=7)
    wait_for(lambda: see(cluster, run).state is State.FINISHED)
    seen = see(cluster, run)
    assert seen.test is not None
    assert seen.epoch == 3
    assert seen.network is not None
    assert not seen.network.params.flags.writeable
    assert [moment.epoch for moment in seen.moments] == sorted(m.epoch for m in seen.moments)


def test_a_run_that_diverges_says_so(cluster: Cluster) -> None:
    run = start(cluster, RECIPE.replace(learning_rate=1000.0, optimizer="gd"))
    wait_for(lambda: see(cluster, run).state is State.FAILED)
    assert "diverged" in str(see(cluster, run).error)


def test_the_limits_are_the_servers(cluster: Cluster) -> None:
    for seed in range(cluster.limits.runs):
        start(cluster, seed=seed)
    with pytest.raises(LimitError):
        start(cluster, seed=99)
    cluster.release(next(iter(cluster._runs)))
    start(cluster, seed=0)  # that visitor's lost run makes room
    assert len(cluster) == cluster.limits.runs


def test_a_killed_workers_runs_continue_from_their_latest_snapshots(cluster: Cluster) -> None:
    network = RECIPE.build_network(rng=np.random.default_rng(0))
    begun = Snapshot(State.PAUSED, RECIPE, epoch=100, step=1600, position=100.0, network=network)
    runs = [start(cluster, seed=seed, begins=None if seed else begun) for seed in range(4)]
    for run in runs:  # so far that weights of a moment ago are nearly as good
        far = 50 if run != runs[0] else 150
        wait_for(lambda run=run, far=far: trains(cluster, run) and see(cluster, run).position > far)
    lost = worker_of(cluster, runs[0])
    there = [run for run in runs if worker_of(cluster, run) == lost]
    before = {run: see(cluster, run) for run in runs}
    process_of(lost).kill()
    began = time.monotonic()
    wait_for(lambda: all(worker_of(cluster, run) not in (lost, None) for run in runs))
    print(f"moved after {time.monotonic() - began:.1f} s")
    for run in runs:
        wait_for(lambda run=run: see(cluster, run).position > before[run].position + 1)
        seen = see(cluster, run)
        marks = [mark.field for mark in seen.marks]
        assert marks == (["trainer"] if run in there else [])
        if run in there:  # the others' curves may have grown so long that they were thinned
            assert seen.points[: len(before[run].points)] == before[run].points
        assert [p.epoch for p in seen.points] == sorted(p.epoch for p in seen.points)
        assert seen.step > before[run].step
        assert seen.points[-1].accuracy > before[run].points[-1].accuracy - 0.1  # it goes on
    wait_for(lambda: len(cluster.workers()) == 2)  # its nanny has replaced it


def test_a_run_that_moves_takes_its_best_epoch_along() -> None:
    recipe = RECIPE.replace(patience=3)
    params, statistics = np.ones(3, np.float32), np.zeros(0, np.float32)
    moments = tuple(Moment(epoch, 9, [], epoch * params, statistics) for epoch in (1.0, 2.0, 2.5))
    found = Cluster(1, data.mnist)  # no worker is started, so that nothing changes by itself
    run = start(found, recipe)
    found._runs[run].snapshot = Snapshot(
        State.RUNNING,
        recipe,
        position=2.5,
        best=Point(2.0, 0.2, 0.9, 0.3, 0.95),
        moments=moments,
        network=recipe.build_network(rng=np.random.default_rng(0)),
    )
    found._workers["here"] = asyncio.Event()
    found._move(run, found._runs[run])
    best = found._runs[run].commands[0].arguments["begins"].best_network
    assert (best.epoch, best.accuracy) == (2, 0.95)
    np.testing.assert_array_equal(best.params, 2 * params)


def test_a_worker_that_stands_still_comes_back_without_its_runs() -> None:
    """So long that it is given up, and that one more attempt to talk to it is given up, too."""
    port = free_port()
    with (
        dask_scheduler(port),
        dask_worker(port),
        dask_worker(port),
        cluster_of(f"tcp://127.0.0.1:{port}") as cluster,
    ):
        wait_for(lambda: len(cluster.workers()) == 2)
        runs = [start(cluster, seed=seed) for seed in range(2)]
        for run in runs:
            wait_for(lambda run=run: trains(cluster, run))
        silent = worker_of(cluster, runs[0])
        process, before = process_of(silent), see(cluster, runs[0])
        process.send_signal(signal.SIGSTOP)
        stopped = time.monotonic()
        try:
            wait_for(lambda: worker_of(cluster, runs[0]) not in (silent, None))
            asked = time.monotonic()
            see(cluster, runs[0])
            assert time.monotonic() - asked < 5.0  # no page waits for it
            wait_for(lambda: see(cluster, runs[0]).step > before.step)
            threading.Event().wait(max(0.0, stopped + 3.5 * ANSWER_SECONDS - time.monotonic()))
        finally:
            process.send_signal(signal.SIGCONT)
        wait_for(lambda: len(cluster.workers()) == 2)
        wait_for(lambda: process.cpu_percent(1.0) < 30)  # it goes on with nothing of its own
        assert [mark.field for mark in see(cluster, runs[0]).marks] == ["trainer"]


def test_a_scheduler_that_is_started_again_gets_its_runs_back() -> None:
    port = free_port()
    with cluster_of(f"tcp://127.0.0.1:{port}") as cluster:
        run = start(cluster)
        assert see(cluster, run).waiting
        wait_for(lambda: cluster.trouble != "")
        assert "expected a Dask scheduler" in cluster.trouble
        with dask_scheduler(port), dask_worker(port):
            wait_for(lambda: trains(cluster, run))
            assert cluster.trouble == ""
            before = see(cluster, run)
        wait_for(lambda: see(cluster, run).waiting)
        assert see(cluster, run).points[: len(before.points)] == before.points
        with dask_scheduler(port), dask_worker(port):
            wait_for(lambda: see(cluster, run).position > before.position + 1)
            assert [mark.field for mark in see(cluster, run).marks] == ["trainer"]


def test_a_worker_of_another_version_is_refused_with_a_sentence(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for folder in ("nn", "ui"):
        shutil.copytree(
            ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__", "data")
        )
    changed = tmp_path / "nn" / "layers.py"
    changed.write_text(changed.read_text("utf-8") + "\n# another version\n", "utf-8")
    port = free_port()
    with (
        caplog.at_level(logging.WARNING),
        dask_scheduler(port),
        dask_worker(port, folder=tmp_path),
        cluster_of(f"tcp://127.0.0.1:{port}") as cluster,
    ):
        run = start(cluster)
        wait_for(lambda: "is not used: expected version" in caplog.text)
        assert see(cluster, run).waiting
        with dask_worker(port):
            wait_for(lambda: trains(cluster, run))


def test_two_servers_of_the_page_share_a_cluster() -> None:
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    with (
        dask_scheduler(port),
        dask_worker(port),
        cluster_of(address) as one,
        cluster_of(address) as other,
    ):
        runs = start(one), start(other)
        wait_for(lambda: trains(one, runs[0]) and trains(other, runs[1]))
        one.stop(runs[0])
        step = see(other, runs[1]).step
        wait_for(lambda: see(other, runs[1]).step > step)
        assert len(one) == 0
        assert len(other) == 1


def test_it_teaches_and_begins_again_on_another_trainer(
    cluster: Cluster, mnist: tuple[Dataset, Dataset]
) -> None:
    recipe = TEACHING.replace(hidden=(16,), pen=0.0, nondigits=0.0)
    reader = recipe.build_network(rng=np.random.default_rng(0)).freeze()
    begins = Snapshot(State.FINISHED, recipe, network=reader)
    run = cluster.start(recipe, seed=0, visitor="ada", begins=begins, drawings=mnist[1][:10])
    cluster.pace(run, 5.0)
    wait_for(lambda: see(cluster, run).step > 3)
    os.kill(process_of(worker_of(cluster, run) or "").pid, signal.SIGKILL)
    cluster.pace(run, None)
    wait_for(lambda: see(cluster, run).state is State.FINISHED)
    done = see(cluster, run)
    assert (done.epoch, done.step) == (1, 60)
    assert done.test is not None
    assert done.drawings is not None
    assert len(done.drawings) == 10
    assert done.network is not None
    assert done.network.calibration != reader.calibration
