"""One worker's process, seen from the page's side: orders go out, answers and news come in.

Two threads of its own move the messages, so that nobody who gives an order waits for more than the
answer, and not for that either unless they want to. This module knows nothing of learners.
"""

from __future__ import annotations

import itertools
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from io import FileIO
from pathlib import Path
from typing import Any, cast

from .pipe import Pipe

ROOT = Path(__file__).parents[2]
WORKER = [sys.executable, "-m", f"{__package__}.worker"]
# More BLAS threads than one spin while they wait, and the page would wait for them.
ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OPENBLAS", "OMP", "MKL", "VECLIB")}
IDLE_SECONDS = 30.0
END_SECONDS = 2.0  # for the worker to end by itself


class LostError(RuntimeError):
    """The worker's process is gone, and with it the answer."""


class Link:
    """A worker's process of its own.

    Parameters
    ----------
    hello : its first message
    on_news : called with each message that answers nothing, in their order, by one thread
    on_lost : called by that thread when the process has ended, unasked or not
    on_idle : called now and then when there is nothing to tell the worker

    Raises
    ------
    OSError
        No process can be started.
    """

    def __init__(
        self,
        hello: object,
        *,
        on_news: Callable[[Link, tuple[Any, ...]], None],
        on_lost: Callable[[Link], None],
        on_idle: Callable[[], None],
    ) -> None:
        self._on_news, self._on_lost, self._on_idle = on_news, on_lost, on_idle
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()  # guards the two below
        self._asked: dict[int, Future[Any]] = {}
        self._gone = False
        self._process = subprocess.Popen(  # noqa: S603  (this program)
            WORKER,
            cwd=ROOT,
            env=os.environ | ONE_THREAD,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        self._pipe = Pipe(cast("FileIO", self._process.stdout), cast("FileIO", self._process.stdin))
        self._out: queue.SimpleQueue[object] = queue.SimpleQueue()
        self._out.put(hello)
        for work in (self._send, self._receive):
            threading.Thread(target=work, name="worker's pipe", daemon=True).start()

    @property
    def process_id(self) -> int:
        """The process's."""
        return self._process.pid

    def order(self, what: str, name: str, *args: Any, **options: Any) -> tuple[int, Future[Any]]:
        """Tell the worker to do something with a learner; returns the order's number and, later,
        its answer: a value, what it raised there, or LostError.
        """
        number, answer = next(self._numbers), Future[Any]()
        with self._lock:
            if self._gone:
                answer.set_exception(LostError("the worker is gone"))
                return number, answer
            self._asked[number] = answer
        self._out.put((number, what, name, args, options))
        return number, answer

    def close(self) -> None:
        """End the process; it gets a moment to do so by itself."""
        self._pipe.close()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _send(self) -> None:
        try:
            while True:
                try:
                    message = self._out.get(timeout=IDLE_SECONDS)
                except queue.Empty:
                    self._on_idle()
                else:
                    self._pipe.send(message)
        except OSError:
            return  # `_receive` notices, too

    def _receive(self) -> None:
        try:
            while True:
                kind, *rest = self._pipe.receive()
                if kind in ("done", "raised"):
                    self._answer(kind, *rest)
                else:
                    self._on_news(self, (kind, *rest))
        except EOFError:
            with self._lock:
                self._gone = True
                lost, self._asked = self._asked, {}
            self._process.kill()  # its input is all that it lives by
            self._process.wait()
            self._pipe.close()
            self._out.put(None)
            for answer in lost.values():
                answer.set_exception(LostError("the worker is gone"))
            self._on_lost(self)

    def _answer(self, kind: str, number: int, *what: Any) -> None:
        with self._lock:
            answer = self._asked.pop(number)
        if kind == "done":
            answer.set_result(*what)
            return
        error_type, args, attributes = what
        error = error_type.__new__(error_type, *args)  # its `__init__` may want other arguments
        error.__dict__.update(attributes)
        answer.set_exception(error)
