"""The worker's process: `python -m ui.process.worker`, started by the page's side (learners.py).

It runs the very `Learners` that a page with a worker thread runs, and does what it is told over
its standard input, in order. Of what a learner needs to go on elsewhere it sends a capture every
two seconds of its work, unasked. It ends when its input does: however the page's process ends, no
worker is left behind.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Callable
from io import FileIO
from typing import Any

from ui import arenas
from ui.scheduler.learner import Data, Learner
from ui.scheduler.learners import Learners
from ui.scheduler.limits import Limits
from ui.scheduler.snapshot import Snapshot, State

from .parcels import Packer
from .pipe import Pipe

CAPTURE_SECONDS = 2.0  # between two captures of a learner that runs
SWITCH_SECONDS = 0.001  # a look waits no longer than that for the training to let it through
NICE = 5  # steps behind the page's process, where both want the same processor


class Worker:
    """What the other side asks, done.

    Parameters
    ----------
    pipe : to the page's side
    load_data, limits : as for Learners
    """

    def __init__(self, pipe: Pipe, load_data: Callable[[], Data], limits: Limits) -> None:
        self._pipe = pipe
        self._everyone = Learners(load_data, limits=limits, after_slice=self._after_slice)
        self._names: dict[str, str] = {}  # the learners', by those of the page's side
        self._owners: dict[str, str] = {}  # the other way round
        self._packers: dict[str, Packer] = {}
        self._captured: dict[str, tuple[float, int]] = {}  # when, and at which step
        self._telling = threading.Lock()  # a learner's parcels are packed and sent in one order
        self._done = 0  # the number of the latest message that was obeyed

    def run(self) -> None:
        """Obey until the other side closes the pipe."""
        self._everyone.run()
        while True:
            number, order, name, args, options = self._pipe.receive()
            try:
                answer = getattr(self, order)(name, *args, **options)
            except Exception as error:  # noqa: BLE001  (it is the asker's: a limit, a recipe that cannot be)
                answer = None
                self._pipe.send(("raised", number, type(error), error.args, vars(error)))
            else:
                self._pipe.send(("done", number, answer))
            self._done = number

    # The orders.

    def start(self, name: str, *args: Any, **options: Any) -> None:
        self._call(name, self._everyone.start(*args, **options), Packer())

    def restore(
        self, name: str, capture: bytes, snapshot: Snapshot, visitor: str, restarts: int
    ) -> None:
        learner = Learner.restore(
            pickle.loads(capture),  # noqa: S301  (this program's own, see pipe.py)
            snapshot,
            self._everyone.data,
            seen=time.monotonic(),
            visitor=visitor,
            restarts=restarts,
        )
        self._call(name, self._everyone.adopt(learner), Packer(snapshot))

    def look(self, name: str) -> bool:
        """Send a parcel; answers whether there is such a learner."""
        with self._telling:
            snapshot = self._everyone.look(self._names.get(name, ""))
            if snapshot is None:
                self._forget(name)
                return False
            self._pipe.send(("seen", name, self._packers[name].pack(snapshot)))
            return True

    def command(self, name: str, method: str, *args: Any, **options: Any) -> None:
        """Pause, resume, change, pace, stop or release it."""
        getattr(self._everyone, method)(self._names.get(name, ""), *args, **options)
        if method == "stop":
            self._forget(name)

    # In the worker's thread.

    def _after_slice(self, learner_name: str, learner: Learner) -> None:
        """Send a capture where it is time for one; and tell of an end."""
        if learner_name not in self._owners:
            return
        now, step = time.monotonic(), learner.progress.step if learner.progress else 0
        when, at = self._captured.setdefault(learner_name, (now, -1))
        live = learner.is_live()
        rests = learner.state is not State.RUNNING
        if live and (step == at or not (rests or now - when >= CAPTURE_SECONDS)):
            return
        done, capture = self._done, learner.capture()
        if live and capture is None:
            return
        data = pickle.dumps(capture, protocol=5)
        with self._telling:
            name = self._owners.get(learner_name)
            if name is None:
                return
            parcel = self._packers[name].pack(self._everyone.snapshot(learner))
            if capture is None:
                self._pipe.send(("seen", name, parcel))
            else:
                self._pipe.send(("captured", name, parcel, done, data))
        self._captured[learner_name] = now, step

    # Bookkeeping.

    def _call(self, name: str, learner: str, packer: Packer) -> None:
        with self._telling:
            self._names[name], self._owners[learner] = learner, name
            self._packers[name] = packer

    def _forget(self, name: str) -> None:
        learner = self._names.pop(name, "")
        for known in (self._owners, self._captured):
            known.pop(learner, None)
        self._packers.pop(name, None)


def main() -> None:
    """Take the pipes, then the first message, which says with what to begin."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is the server's to end
    sys.setswitchinterval(SWITCH_SECONDS)
    if hasattr(os, "nice"):
        os.nice(NICE)
    pipe = Pipe(FileIO(os.dup(0), "rb"), FileIO(os.dup(1), "wb"))
    os.dup2(2, 1)  # whatever prints, prints among the errors
    try:
        load_data, limits = pipe.receive()
        arenas.keep_small()
        Worker(pipe, load_data, limits).run()
    except (EOFError, OSError):
        os._exit(0)  # in the midst of whatever the worker's thread does


if __name__ == "__main__":
    main()
