"""Training on many cores, or many machines: a Dask cluster with one trainer per worker.

For a page it is like the scheduler: it starts runs and looks at them. One thread talks to the
cluster (asyncio): it keeps the list of workers, and exchanges with each trainer what the pages
want and what has become of their runs. What a page sees is the latest snapshot that came.

A worker that is gone, or does not answer, loses its runs. Each continues on another one from its
latest snapshot here, with a fresh optimizer. A trainer ends whatever the page does not name, so a
worker that comes back goes on with nothing that runs elsewhere by now.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import secrets
import threading
import time
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from distributed import Client, SpecCluster
from distributed import Scheduler as DaskScheduler
from distributed.deploy.subprocess import SubprocessWorker

from nn import Dataset, Network, Recipe

from .history import joined
from .limits import Limits, is_short, make_room, training_images
from .run import Data
from .scheduler import DROP_AFTER, Scheduler
from .snapshot import Mark, Snapshot, State
from .trainer import ROOT, Command, Trainer, Update, program_version

ANSWER_SECONDS = 5.0  # that a worker or the cluster's scheduler may take; then it is lost
LOOK_SECONDS = 0.5  # that a page waits where it wants a fresh snapshot; then it gets the latest one
EXCHANGE_SECONDS = 1.0  # between two exchanges with a trainer while nobody wants anything
WORKERS_SECONDS = 0.5  # between two looks at the list of workers
AGAIN_SECONDS = 1.0  # between two attempts to reach the cluster, or a trainer
LOOPBACK, SILENT = "127.0.0.1", "10 s"  # of the local cluster; then a worker is off the list
NICENESS = 10  # of trainers on the page's own machine: pages come first

T = TypeVar("T")
log = logging.getLogger(__name__)


@dataclass(eq=False)
class ClusterRun:
    """A training run, as the page's server knows it.

    Attributes
    ----------
    visitor, snapshot : whose it is, and how it was when last heard of
    seen : when its page last looked
    worker : where it runs; None while it waits for one
    before : how it was when it came to this worker; None where it began there
    heard, number : the latest that this worker said, and its number; 0 before the first
    commands : not sent yet
    wanted : whether its page has looked since the worker was asked
    pace : batches per second, or None
    begins, drawings : of `Scheduler.start`
    until : the epochs or batches after which it is to pause by itself
    released : its page's connection is lost
    """

    visitor: str
    snapshot: Snapshot
    seen: float
    worker: str | None = None
    before: Snapshot | None = None
    heard: Snapshot | None = None
    number: int = 0
    commands: list[Command] = field(default_factory=list)
    pace: float | None = None
    until: dict[str, int | None] = field(default_factory=dict)
    begins: Snapshot | None = None
    drawings: Dataset | None = None
    released: bool = False
    wanted: bool = True

    @property
    def recipe(self) -> Recipe:
        return self.snapshot.recipe

    @property
    def waits(self) -> bool:
        """Whether it has not begun because others are taught first."""
        return self.drawings is not None and self.heard is None and is_short(self.recipe)

    @property
    def is_live(self) -> bool:
        """Whether it is running, or may run again."""
        return self.snapshot.state in (State.RUNNING, State.PAUSED)


class Cluster:
    """All training runs of this server, on the workers of a Dask cluster.

    Methods and their errors are the scheduler's.

    Parameters
    ----------
    trainers : how many worker processes to start on this machine, or the address of a Dask
        scheduler, such as "tcp://10.0.0.5:8786"
    load_data : as for Scheduler; a function that each worker can import
    limits : what may be started
    security : of Dask, for an address that begins with "tls://"

    Attributes
    ----------
    trouble : why there is no connection to the cluster; empty where there is one
    """

    def __init__(
        self,
        trainers: int | str,
        load_data: Callable[[], Data],
        *,
        limits: Limits | None = None,
        clock: Callable[[], float] = time.monotonic,
        security: Any = None,
    ) -> None:
        self.limits, self._clock = limits or Limits(), clock
        self._trainers, self._security = trainers, security
        self.trouble = ""
        self._load_data = load_data
        self._panels = Scheduler(load_data, limits=self.limits)
        self._changed = threading.Condition()  # guards all below
        self._runs: dict[str, ClusterRun] = {}
        self._workers: dict[str, asyncio.Event] = {}  # those that answer; set where work waits
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = asyncio.Event()
        self._thread: threading.Thread | None = None
        self._closed = False

    # What pages ask for

    def start(
        self,
        recipe: Recipe,
        *,
        seed: int,
        visitor: str,
        epochs: int | None = None,
        batches: int | None = None,
        begins: Snapshot | None = None,
        drawings: Dataset | None = None,
    ) -> str:
        with self._changed:
            self._drop_abandoned()
            for lost in make_room(self.limits, recipe, visitor, self._runs):
                del self._runs[lost]
            run_id = f"run-{secrets.token_hex(8)}"
            new = Snapshot(State.RUNNING, recipe, seed, drawings=drawings)
            run = ClusterRun(visitor, new, self._clock(), begins=begins, drawings=drawings)
            run.until = {"epochs": epochs, "batches": batches}
            self._runs[run_id] = run
            self._place(run_id, run)
        return run_id

    def look(self, run_id: str, *, fresh: bool = False) -> Snapshot | None:
        with self._changed:
            run = self._runs.get(run_id)
            if run is None:
                return None
            run.seen, run.released, run.wanted = self._clock(), False, True
            number = run.number
            if run.worker is not None and run.is_live:
                self._wake(run.worker)
                if fresh:
                    self._changed.wait_for(
                        lambda: run.number > number or run.worker is None, LOOK_SECONDS
                    )
            return run.snapshot

    def pause(self, run_id: str) -> None:
        self._tell(run_id, "pause", state=State.PAUSED)

    def resume(self, run_id: str, *, epochs: int | None = None, batches: int | None = None) -> None:
        self._tell(run_id, "resume", state=State.RUNNING, epochs=epochs, batches=batches)

    def pace(self, run_id: str, batches_per_second: float | None) -> None:
        if batches_per_second is not None and not 0 < batches_per_second < math.inf:
            raise ValueError(f"expected batches per second above 0, got {batches_per_second!r}")
        self._tell(run_id, "pace", batches_per_second=batches_per_second)

    def change(self, run_id: str, recipe: Recipe) -> None:
        with self._changed:
            run = self._runs.get(run_id)
            if run is not None:
                before = run.snapshot.recipe
                before.check_live_change(recipe, samples=training_images(before))
                run.snapshot = replace(run.snapshot, recipe=recipe)
                self._tell(run_id, "change", recipe=recipe)

    def stop(self, run_id: str) -> None:
        with self._changed:
            run = self._runs.pop(run_id, None)
            if run is not None and run.worker is not None:
                self._wake(run.worker)

    def release(self, run_id: str) -> None:
        with self._changed:
            if run_id in self._runs:
                self._runs[run_id].released = True
        self._tell(run_id, "release")

    def compute(
        self,
        name: str,
        network: Network,
        steps: Callable[[Network], Generator[None, None, T]],
        *,
        wait: bool = False,
    ) -> tuple[bool, T | None]:
        return self._panels.compute(name, network, steps, wait=wait)

    def giving_way(self) -> AbstractContextManager[None]:
        """Nothing gives way: nothing trains in this process."""
        return nullcontext()

    def __len__(self) -> int:
        with self._changed:
            return len(self._runs)

    def workers(self) -> list[str]:
        """The addresses of the workers whose trainers answer."""
        with self._changed:
            return list(self._workers)

    def run(self) -> None:
        """Start the thread. It ends with the process or by `close`."""
        self._panels.run()
        with self._changed:
            if not self._closed and self._thread is None:
                self._thread = threading.Thread(target=self._work, name="cluster", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """End the thread, all runs, and the workers that were started here."""
        with self._changed:
            self._closed = True
            self._runs.clear()
            loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # it has ended by itself
                loop.call_soon_threadsafe(self._stopping.set)
        if self._thread is not None:
            self._thread.join(2 * ANSWER_SECONDS)
        self._panels.close()

    # What becomes of a run; with the lock held

    def _drop_abandoned(self) -> None:
        now = self._clock()
        for run_id, run in list(self._runs.items()):
            if now - run.seen >= DROP_AFTER:
                del self._runs[run_id]

    def _place(self, run_id: str, run: ClusterRun) -> None:
        """Give a run to the worker with the fewest active ones; without any, it waits."""
        run.worker = min(self._workers, key=self._active, default=None)
        run.heard, run.number, run.commands, run.wanted = None, 0, [], True
        run.snapshot = replace(run.snapshot, waiting=run.worker is None)
        if run.worker is None:
            return
        begins = run.begins
        if run.before is not None:
            begins = run.snapshot.bare()
        start = {
            "recipe": run.snapshot.recipe,
            "seed": run.snapshot.seed,
            "visitor": run.visitor,
            "begins": begins,
            "drawings": run.drawings,
            **run.until,
        }
        run.commands.append(Command("start", run_id, start))
        if run.pace is not None:
            run.commands.append(Command("pace", run_id, {"batches_per_second": run.pace}))
        if run.snapshot.state is State.PAUSED:
            run.commands.append(Command("pause", run_id, {}))
        self._wake(run.worker)

    def _active(self, worker: str) -> int:
        return sum(
            run.worker == worker and run.snapshot.state is State.RUNNING
            for run in self._runs.values()
        )

    def _tell(self, run_id: str, command: str, *, state: State | None = None, **given: Any) -> None:
        """Send a command to a run, and show at once what it is going to do."""
        with self._changed:
            run = self._runs.get(run_id)
            if run is None or not run.is_live:
                return
            if state is not None:
                run.snapshot = replace(run.snapshot, state=state)
                run.until = given
            if command == "pace":
                run.pace = given["batches_per_second"]
            if run.worker is not None:
                run.commands.append(Command(command, run_id, given))
                self._wake(run.worker)

    def _lose(self, worker: str) -> None:
        """A worker is gone or silent: its runs continue elsewhere, or wait."""
        self._workers.pop(worker, None)
        for run_id, run in self._runs.items():
            if run.worker == worker:
                self._move(run_id, run)
        self._changed.notify_all()

    def _move(self, run_id: str, run: ClusterRun) -> None:
        """Continue a run elsewhere, from its latest snapshot."""
        seen = run.snapshot
        if not run.is_live:
            run.worker = None
            return
        if run.drawings is not None:  # it takes a second: from the start
            seen = Snapshot(seen.state, seen.recipe, seen.seed, drawings=run.drawings)
        elif seen.network is not None:
            mark = Mark(seen.position, "trainer", None, None)
            if seen.marks[-1:] != (mark,):
                seen = replace(seen, marks=(*seen.marks, mark))
            run.before = seen
        if any(run.until.values()):  # what is left of a step cannot be told
            seen = replace(seen, state=State.PAUSED)
        run.snapshot, run.until = seen, {}
        self._place(run_id, run)

    def _request(self, worker: str) -> tuple[list[str], list[Command], dict[str, int]]:
        """What is to be exchanged with a worker now."""
        self._drop_abandoned()
        here = {run_id: run for run_id, run in self._runs.items() if run.worker == worker}
        commands: list[Command] = []
        looks: dict[str, int] = {}
        for run_id, run in here.items():
            commands += run.commands
            run.commands = []
            if run.wanted:
                looks[run_id], run.wanted = run.number, False
        return list(here), commands, looks

    def _take(self, worker: str, updates: dict[str, Update | None]) -> None:
        """Take note of what a worker says about its runs."""
        for run_id, update in updates.items():
            run = self._runs.get(run_id)
            if run is None or run.worker != worker:
                continue
            if update is None:
                if not any(command.name == "start" for command in run.commands):
                    self._move(run_id, run)
                continue
            if update.known not in (0, run.number):
                continue  # a later look asks for all of it
            run.heard, run.number = update.on(run.heard or update.snapshot), update.number
            now = replace(joined(run.before, run.heard), drawings=run.drawings)
            if run.commands:  # the page shows already what they will do
                now = replace(now, state=run.snapshot.state, recipe=run.snapshot.recipe)
            run.snapshot = now
        self._changed.notify_all()

    def _wake(self, worker: str) -> None:
        if self._loop is not None and worker in self._workers:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._workers[worker].set)

    # The thread

    def _work(self) -> None:
        asyncio.run(self._stay_connected())

    async def _stay_connected(self) -> None:
        """Reach the cluster, and again whenever it is lost."""
        self._loop = asyncio.get_running_loop()
        while not self._closed:
            try:
                async with self._client() as client:
                    self.trouble = ""
                    await self._keep_workers(client)
            except Exception as error:  # noqa: BLE001, as whatever it is, the page goes on
                lost = (
                    f"expected a Dask scheduler at {self._trainers}, got no answer that is one's; "
                    "check DIGIT_LAB_TRAINERS, or start it"
                    if isinstance(self._trainers, str)
                    else f"expected {self._trainers} trainers on this machine, got an error; see "
                    "the server's log"
                )
                if not self.trouble:
                    log.warning("%s (%r); trying again", lost, error)
                self.trouble = lost
            await _first(self._stopping, AGAIN_SECONDS)

    @contextlib.asynccontextmanager
    async def _client(self) -> AsyncIterator[Client]:
        """A client of the cluster; on this machine, with the cluster itself."""
        async with contextlib.AsyncExitStack() as stack:
            address = self._trainers
            if isinstance(address, int):
                options = {"nthreads": 1, "memory_limit": 0, "env": {"PYTHONPATH": str(ROOT)}}
                worker = {"cls": SubprocessWorker, "options": {"worker_kwargs": options}}
                own = {
                    "host": LOOPBACK,
                    "dashboard_address": f"{LOOPBACK}:0",
                    "worker_ttl": SILENT,
                }
                address = await stack.enter_async_context(
                    SpecCluster(
                        workers=dict.fromkeys(range(address), worker),
                        scheduler={"cls": DaskScheduler, "options": own},
                        asynchronous=True,
                        silence_logs=logging.ERROR,
                    )
                )
            client = Client(
                address,
                asynchronous=True,
                direct_to_workers=True,
                security=self._security,
                timeout=ANSWER_SECONDS,
            )
            yield await stack.enter_async_context(client)

    async def _keep_workers(self, client: Client) -> None:
        """Talk to each worker for as long as it is on the scheduler's list."""
        talks: dict[str, asyncio.Task[None]] = {}
        try:
            while not self._closed:
                async with asyncio.timeout(ANSWER_SECONDS):
                    found = await client.scheduler.identity(n_workers=-1)  # type: ignore[union-attr]
                for gone in talks.keys() - found["workers"].keys():
                    talks.pop(gone).cancel()
                    with self._changed:
                        self._lose(gone)
                for new in found["workers"].keys() - talks.keys():
                    talks[new] = asyncio.create_task(self._keep_talking(client, new))
                await _first(self._stopping, WORKERS_SECONDS)
        finally:
            for talk in talks.values():
                talk.cancel()
            with self._changed:
                workers = list(self._workers)
                self._workers.clear()
                for worker in workers:
                    self._lose(worker)

    async def _keep_talking(self, client: Client, worker: str) -> None:
        """Talk to a worker, and again when it answers again."""
        complaint = ""
        while True:
            try:
                await self._talk(client, worker)
            except Exception as error:  # noqa: BLE001, as whatever it is, others go on
                if (said := str(error) or type(error).__name__) != complaint:
                    log.warning("the worker %s is not used: %s", worker, said)
                complaint = said
            with self._changed:
                self._lose(worker)
            await asyncio.sleep(AGAIN_SECONDS)

    async def _talk(self, client: Client, worker: str) -> None:
        """Start a trainer and exchange with it; raises where it does not answer."""
        there = {"workers": [worker], "pure": False}
        async with asyncio.timeout(2 * ANSWER_SECONDS):
            version = await client.submit(program_version, **there)
            if version != program_version():
                raise RuntimeError(
                    f"expected version {program_version()} of Digit Lab, as here, "
                    f"got {version}; update it and start it again"
                )
            niceness = NICENESS if isinstance(self._trainers, int) else 0
            trainer = await client.submit(Trainer, self._load_data, niceness, actor=True, **there)
        work_waits = asyncio.Event()
        with self._changed:
            self._workers[worker] = work_waits
            for run_id, run in self._runs.items():
                if run.heard is None and run.is_live:  # it waits, or has not begun
                    self._place(run_id, run)
        while True:
            work_waits.clear()
            with self._changed:
                request = self._request(worker)
            async with asyncio.timeout(ANSWER_SECONDS):
                updates = await trainer.exchange(*request)
            with self._changed:
                self._take(worker, updates)
            await _first(work_waits, EXCHANGE_SECONDS)


async def _first(event: asyncio.Event, seconds: float) -> None:
    """Wait for an event, or for so long."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
