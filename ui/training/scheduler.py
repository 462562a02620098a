"""The scheduler: one background thread trains for all visitors, in fair turns of some milliseconds.

Twenty visitors progress alike, and no page is ever waited for: a page looks at snapshots and says
what should happen (pause, step, stop), while the generator of a run belongs to the thread. What
panels compute about a network takes turns in the same way.

A run lives on a lease that each look renews. Without looks it pauses, then it is dropped: a closed
tab costs nothing, and a connection that comes back in time finds its run.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import math
import threading
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from threadpoolctl import threadpool_limits

from nn import DataError, Dataset, DivergenceError, Network, Recipe
from nn.errors import RefusalError

from .limits import Limits, make_room
from .run import Data, TrainingRun
from .snapshot import Snapshot, State
from .turns import Turns

TURN_SECONDS = 0.008  # a page that asks meanwhile waits no longer than that
PAUSE_AFTER = 75.0  # seconds without a look; a tab in the background looks once a minute
DROP_AFTER = 120.0
TASK_DROP_AFTER = 60.0  # seconds after which a panel's task that nobody asks for is dropped
TASK_WEIGHT = 3.0  # a second for a panel counts as so many: training runs come first
WAIT_SECONDS = 20.0  # that a page waits for a panel's task, while it has nothing else to do
GIVE_WAY_SECONDS = 0.05  # that the thread waits, after each turn, for what cannot wait
IDLE_SECONDS = 30.0  # between two looks for abandoned runs
AFTER_ERROR_SECONDS = 0.1

T = TypeVar("T")
log = logging.getLogger(__name__)


@dataclass
class Task:
    """Work on a network for a panel.

    Attributes
    ----------
    network, steps : the generator pauses every few milliseconds; its return value is the result
    seen : when somebody last asked for it
    waiting : how many pages wait for it; while one does, it comes first
    """

    network: Network
    steps: Generator[None, None, Any]
    seen: float
    waiting: int = 0

    @property
    def weight(self) -> float:
        """How many seconds of a turn one second of this work counts as."""
        return 0.0 if self.waiting else TASK_WEIGHT


class Scheduler:
    """All training runs of this server, and the one thread that works on them.

    Parameters
    ----------
    load_data : returns training and test set; called by the thread, when first needed
    limits : what may be started
    clock : seconds, monotonic
    cpu_clock : seconds the thread has worked, which are shared out evenly
    turn_seconds : how long a turn lasts, unless one piece of work takes longer

    Attributes
    ----------
    trouble : what is wrong with the setting that chose who trains; empty where nothing is
    """

    trouble = ""

    def __init__(
        self,
        load_data: Callable[[], Data],
        *,
        limits: Limits | None = None,
        clock: Callable[[], float] = time.monotonic,
        cpu_clock: Callable[[], float] = time.thread_time,
        turn_seconds: float = TURN_SECONDS,
    ) -> None:
        self._load_data, self.limits = load_data, limits or Limits()
        self._clock, self._cpu_clock, self._turn_seconds = clock, cpu_clock, turn_seconds
        self._changed = threading.Condition()  # guards all below; never held while a run trains
        self._data: Data | None = None
        self._runs: dict[str, TrainingRun] = {}
        self._tasks: dict[str, Task] = {}
        self._results: WeakKeyDictionary[Network, dict[str, Any]] = WeakKeyDictionary()
        self._turns = Turns()
        self._ids = itertools.count(1)
        self._thread: threading.Thread | None = None
        self._closed = False
        self._urgent = 0  # how many do what cannot wait

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
        """Start a training run; returns its id.

        Where a limit is reached, the visitor's runs whose connection was lost make room: after a
        reload nobody can reach them any more.

        Parameters
        ----------
        recipe, seed : checked already
        visitor : whose it is
        epochs, batches : pause after so many; None to go through
        begins : the run that it continues, whose network it takes with a fresh optimizer
        drawings : to teach that network, instead of training it; what takes a second or two waits
            until those before are done

        Raises
        ------
        LimitError
            It would break one of the server's limits.
        """
        with self._changed:
            self._drop_abandoned()
            for lost in make_room(self.limits, recipe, visitor, self._runs):
                self._runs[lost].dropped = True
            run_id = f"run-{next(self._ids)}"
            self._runs[run_id] = TrainingRun(
                recipe,
                seed,
                self._loaded,
                visitor=visitor,
                now=self._clock(),
                epochs=epochs,
                batches=batches,
                begins=begins,
                drawings=drawings,
            )
            self._changed.notify_all()
        return run_id

    def look(self, run_id: str, *, fresh: bool = False) -> Snapshot | None:
        """The run as it is now, renewing its lease; None when it is gone.

        On a cluster, it is as it was at the look before, unless a `fresh` one is worth waiting for.
        """
        with self._changed:
            if self._thread is not None:
                self.run()
            run = self._get(run_id)
            if run is None:
                return None
            run.seen, run.released = self._clock(), False
            self._changed.notify_all()
            running = self._running()
            waiting = run.queues and run.state is State.RUNNING and run_id not in running
            return run.snapshot(len(running), run.seen, waiting=waiting)

    def pause(self, run_id: str) -> None:
        """Stop working on it, within milliseconds; `resume` goes on exactly there."""
        with self._run(run_id) as run:
            if run is not None:
                run.pause()

    def resume(self, run_id: str, *, epochs: int | None = None, batches: int | None = None) -> None:
        """Go on; with `epochs` or `batches`, pause again after so many more of them.

        The last batch of an epoch includes its evaluation. At its end a run pauses no more.
        """
        with self._run(run_id) as run:
            if run is not None:
                run.resume(epochs=epochs, batches=batches)

    def pace(self, run_id: str, batches_per_second: float | None) -> None:
        """Slow motion from now on: at most so many batches per second; None for full speed.

        Raises
        ------
        ValueError
            It is not a finite number above 0.
        """
        if batches_per_second is not None and not 0 < batches_per_second < math.inf:
            raise ValueError(f"expected batches per second above 0, got {batches_per_second!r}")
        with self._run(run_id) as run:
            if run is not None:
                run.pace(batches_per_second)

    def change(self, run_id: str, recipe: Recipe) -> None:
        """Go on with a changed recipe from the next step on.

        Raises
        ------
        RecipeError
            It differs in a field that is fixed during training, or asks for larger batches than
            there is data.
        """
        with self._run(run_id) as run:
            if run is not None:
                run.change(recipe)

    def stop(self, run_id: str) -> None:
        """End and forget it; the snapshots that were taken stay valid."""
        with self._run(run_id) as run:
            if run is not None:
                run.dropped = True

    def release(self, run_id: str) -> None:
        """Its page's connection is lost: no work until the next look."""
        with self._run(run_id) as run:
            if run is not None:
                run.released = True

    def compute(
        self,
        name: str,
        network: Network,
        steps: Callable[[Network], Generator[None, None, T]],
        *,
        wait: bool = False,
    ) -> tuple[bool, T | None]:
        """What a panel computes about a network: once for all visitors, while somebody asks for it.

        Parameters
        ----------
        name : of the kind of work
        network : a frozen one
        steps : begins the work; its generator pauses every few milliseconds, its return value is
            the result, and a ValueError means that this network has none
        wait : until it is done

        Returns
        -------
        Whether it is done, and the result, if there is one.
        """
        with self._changed:
            task_id = f"{name} {id(network)}"

            def is_done() -> bool:
                return self._closed or name in self._results.get(network, {})

            if not is_done():
                if self._thread is not None:
                    self.run()
                task = self._tasks.setdefault(task_id, Task(network, _begun(steps, network), 0.0))
                task.seen = self._clock()
                self._changed.notify_all()
                if wait:
                    task.waiting += 1
                    self._changed.wait_for(is_done, WAIT_SECONDS)
                    task.waiting -= 1
            return is_done(), self._results.get(network, {}).get(name)

    @contextlib.contextmanager
    def giving_way(self) -> Iterator[None]:
        """Do what somebody waits for; no turn begins meanwhile, for GIVE_WAY_SECONDS at most.

        Python runs one thread at a time: beside training, a few milliseconds of work take fifty.
        """
        with self._changed:
            self._urgent += 1
        try:
            yield
        finally:
            with self._changed:
                self._urgent -= 1
                self._changed.notify_all()

    def __len__(self) -> int:
        with self._changed:
            return sum(not run.dropped for run in self._runs.values())

    def run(self) -> None:
        """Start the thread, or another one if it died. It ends with the process or by `close`."""
        with self._changed:
            if not self._closed and (self._thread is None or not self._thread.is_alive()):
                self._thread = threading.Thread(target=self._work, name="scheduler", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """End the thread and all runs."""
        with self._changed:
            self._closed = True
            for run in self._runs.values():
                run.dropped = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()
        self._forget_dropped()

    def turn(self) -> bool:
        """One turn of whoever is next; returns False when nobody is ready.

        Only one thread may call it: the scheduler's, or a test in its place.
        """
        self._forget_dropped()
        with self._changed:
            now = self._clock()
            for late in self._runs.values():
                if late.needs_copy:  # it was paused in the middle of a turn
                    with self._failing_alone(late):
                        late.copy_network(now)
            name = self._turns.next(
                [*self._tasks, *(it for it in self._running() if self._runs[it].due <= now)]
            )
            if name is None:
                return False
            run, task = self._runs.get(name), self._tasks.get(name)
        began, cpu_began = self._clock(), self._cpu_clock()
        if self._data is None:
            with contextlib.suppress(Exception):  # whoever needs it will say what is wrong
                self._loaded()
            began, cpu_began = self._clock(), self._cpu_clock()
        if run is not None:
            with self._failing_alone(run):
                self._train(run, began)
        elif task is not None:
            self._compute(name, task)
        now, worked = self._clock(), self._cpu_clock() - cpu_began
        with self._changed:
            if run is not None:
                run.charge(now - began, now)
            self._turns.charge(name, task.weight * worked if task is not None else worked)
            if task is not None and name not in self._tasks:
                self._turns.forget(name)
        return True

    def _train(self, run: TrainingRun, began: float) -> None:
        """Batches until the turn is over, or until there is nothing more to do."""
        try:
            while run.state is State.RUNNING and not run.dropped:
                progress = run.advance()
                now = self._clock()
                with self._changed:
                    run.record(progress, now)
                    if now - began >= self._turn_seconds or run.due > now:
                        break
            with self._changed:
                run.copy_network(self._clock())
        except StopIteration:
            with self._changed:
                run.end(State.FINISHED)

    def _compute(self, name: str, task: Task) -> None:
        """One step of a panel's task."""
        try:
            next(task.steps)
            return
        except StopIteration as stop:
            result = stop.value
        except ValueError:  # of a network in the middle of diverging
            result = None
        except Exception:
            log.exception("computing %s failed", name)
            result = None
        with self._changed:
            self._results.setdefault(task.network, {})[name.rpartition(" ")[0]] = result
            self._tasks.pop(name, None)
            self._changed.notify_all()

    @contextlib.contextmanager
    def _failing_alone(self, run: TrainingRun) -> Iterator[None]:
        """Whatever is raised within ends this run and no other."""
        try:
            yield
        except (DivergenceError, RefusalError, DataError) as error:  # the page says what is wrong
            error.__traceback__ = error.__context__ = error.__cause__ = None  # they hold the run
            with self._changed:
                run.end(State.FAILED, error)
        except Exception:
            log.exception("a training run failed")
            with self._changed:
                run.end(State.FAILED)

    def _work(self) -> None:
        # NumPy was imported before this thread began, so its BLAS is limited from outside. With
        # more threads than one it spins while it waits, and the pages would wait for it.
        threadpool_limits(limits=1, user_api="blas")
        while True:
            seconds = 0.0  # to wait, unless something changes
            try:
                worked = self.turn()
            except Exception:
                log.exception("the scheduler failed; it goes on")
                worked, seconds = True, AFTER_ERROR_SECONDS
            with self._changed:
                if self._closed:
                    return
                if not worked:
                    now = self._clock()
                    due = (self._runs[run_id].due - now for run_id in self._running())
                    seconds = min([IDLE_SECONDS, *due])
                if seconds > 0:
                    self._changed.wait(timeout=seconds)
                self._changed.wait_for(lambda: not self._urgent or self._closed, GIVE_WAY_SECONDS)

    def _loaded(self) -> Data:
        if self._data is None:
            self._data = self._load_data()
        return self._data

    def _get(self, run_id: str) -> TrainingRun | None:
        run = self._runs.get(run_id)
        return None if run is None or run.dropped else run

    @contextlib.contextmanager
    def _run(self, run_id: str) -> Iterator[TrainingRun | None]:
        """A run to be told something; None when it is gone."""
        with self._changed:
            yield self._get(run_id)
            self._changed.notify_all()

    def _running(self) -> list[str]:
        """The runs that take turns, in slow motion too; of short teachings, the first alone."""
        now = self._clock()
        running = {
            run_id: run
            for run_id, run in self._runs.items()
            if run.state is State.RUNNING
            and not (run.dropped or run.released)
            and now - run.seen < PAUSE_AFTER
        }
        queue = [run_id for run_id, run in running.items() if run.queues]
        return [run_id for run_id in running if run_id not in queue[1:]]

    def _drop_abandoned(self) -> None:
        now = self._clock()
        for run in self._runs.values():
            run.dropped |= now - run.seen >= DROP_AFTER
        for task_id, task in list(self._tasks.items()):
            if now - task.seen >= TASK_DROP_AFTER and not task.waiting:
                del self._tasks[task_id]
                self._turns.forget(task_id)

    def _forget_dropped(self) -> None:
        """Let go of dropped runs; only the thread may close what it works on."""
        with self._changed:
            self._drop_abandoned()
            dropped = [run_id for run_id, run in self._runs.items() if run.dropped]
            gone = [self._runs.pop(run_id) for run_id in dropped]
            for run_id in dropped:
                self._turns.forget(run_id)
        for run in gone:
            run.work.close()


def _begun(
    steps: Callable[[Network], Generator[None, None, T]], network: Network
) -> Generator[None, None, T]:
    """The steps, begun only when the first one is taken: on the scheduler's thread."""
    return (yield from steps(network))
