"""The page's side of the worker's process: what `Learners` is, for the same callers.

A page asks, the other process answers; what was seen of a learner is kept here, and so is the
latest capture of each. When the worker is lost, whatever the cause, another one is started at once
and every learner goes on from its capture, with the commands that were given since. A learner of
which there is no capture yet begins anew, by its seed. Its snapshots count how often that
happened. This module knows no page: no Streamlit here.
"""

from __future__ import annotations

import atexit
import collections
import itertools
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

from nn import Recipe
from ui.scheduler.learner import Data
from ui.scheduler.limits import Limits
from ui.scheduler.roster import DROP_AFTER
from ui.scheduler.snapshot import Snapshot, State

from .link import Link, LostError
from .parcels import unpack
from .remote import Remote

ANSWER_SECONDS = 5.0  # that an answer may take; then what was seen last has to do
LOSSES, LOSS_SECONDS = 4, 20.0  # so many within so long: something kills every worker
ENDED = (State.FINISHED, State.FAILED)

log = logging.getLogger(__name__)


class ProcessLearners:
    """All trainings of this server, in a process of their own; see `Learners` for each method.

    Parameters
    ----------
    load_data : returns training and test set; a module's function, as the worker imports it
    limits : how much there is for all, and for one visitor
    """

    def __init__(self, load_data: Callable[[], Data], *, limits: Limits | None = None) -> None:
        self._hello = (load_data, limits or Limits())
        self._lock = threading.RLock()  # guards all below; nobody waits for anything with it
        self._remotes: dict[str, Remote] = {}
        self._names = itertools.count(1)
        self._link: Link | None = None
        self._losses: collections.deque[float] = collections.deque(maxlen=LOSSES)
        self._closed = False

    # What a page asks for.

    def start(self, recipe: Recipe, **options: Any) -> str:
        """Begin a training; returns the learner's id. Raises LimitError."""
        with self._lock:
            self._drop_abandoned()
            name = f"learner-{next(self._names)}"
            if self._link is None:
                self._open()
            self._remotes[name] = Remote(recipe, options, time.monotonic())
            answer = self._order("start", name, recipe, **options)
        try:
            self._wait(answer)
        except LostError:
            return name  # the next worker begins it
        except Exception:
            with self._lock:
                self._remotes.pop(name, None)
            raise
        return name

    def look(self, name: str) -> Snapshot | None:
        """How the learner stands, renewing its lease; None when it is gone."""
        with self._lock:
            remote = self._remotes.get(name)
            if remote is None:
                return None
            remote.seen, remote.released = time.monotonic(), False
            if remote.orphan:
                return remote.shown()
            answer = self._order("look", name)
        try:
            there = self._wait(answer)
        except LostError:
            there = True  # the next worker has it
        with self._lock:
            if there or remote.orphan:
                return remote.shown()
            self._remotes.pop(name, None)
            return None

    def pause(self, name: str) -> None:
        """Stop working on it, within milliseconds; `resume` goes on exactly there."""
        self._command(name, "pause")

    def resume(self, name: str, **options: int | None) -> None:
        """Go on; with `epochs` or `batches`, pause again after so many more of them."""
        self._command(name, "resume", **options)

    def pace(self, name: str, batches_per_second: float | None) -> None:
        """Slow motion from now on; None for full speed. Raises ValueError."""
        self._command(name, "pace", batches_per_second)

    def change(self, name: str, recipe: Recipe) -> None:
        """Go on by a recipe that differs in what may change live. Raises RecipeError."""
        self._command(name, "change", recipe)

    def stop(self, name: str) -> None:
        """End and forget it; the snapshots that were taken stay valid."""
        with self._lock:
            if self._remotes.pop(name, None) is not None:
                self._order("command", name, "stop")

    def release(self, name: str) -> None:
        """Its page's connection is lost: no work until the next look."""
        with self._lock:
            if remote := self._remotes.get(name):
                remote.released = True
                self._order("command", name, "release")

    def __len__(self) -> int:
        with self._lock:
            self._drop_abandoned()
            return len(self._remotes)

    # The process.

    def run(self) -> None:
        """Start the worker's process, once; it ends with this one or by `close`."""
        with self._lock:
            if self._link is None and not self._closed:
                self._open()
                atexit.register(self.close)

    def close(self) -> None:
        """End the worker's process and all learners."""
        with self._lock:
            self._closed = True
            self._remotes.clear()
            link, self._link = self._link, None
        if link is not None:
            link.close()

    @property
    def process_id(self) -> int | None:
        """The worker's; None where there is none."""
        with self._lock:
            return None if self._link is None else self._link.process_id

    def captured_step(self, name: str) -> int | None:
        """The step at which a learner was captured last; None before that, and without one."""
        with self._lock:
            remote = self._remotes.get(name)
            return remote.capture[1].step if remote and remote.capture else None

    def _open(self) -> None:
        self._link = Link(
            self._hello,
            on_news=self._take,
            on_lost=self._replace,
            on_idle=self._drop_abandoned,
        )

    def _order(self, what: str, name: str, *args: Any, **options: Any) -> Future[Any]:
        return self._numbered(what, name, *args, **options)[1]

    def _numbered(
        self, what: str, name: str, *args: Any, **options: Any
    ) -> tuple[int, Future[Any]]:
        if self._link is not None:
            return self._link.order(what, name, *args, **options)
        answer = Future[Any]()
        answer.set_exception(LostError("there is no worker"))
        return 0, answer

    def _wait(self, answer: Future[Any]) -> Any:
        try:
            return answer.result(ANSWER_SECONDS)
        except TimeoutError:
            raise LostError("the worker is slow to answer") from None

    def _command(self, name: str, method: str, *args: Any, **options: Any) -> None:
        with self._lock:
            remote = self._remotes.get(name)
            if remote is None or remote.orphan:
                return
            number, answer = self._numbered("command", name, method, *args, **options)
            remote.since[number] = (method, args, options)
        try:
            self._wait(answer)
        except LostError:
            return  # the next worker gets it too
        except Exception:
            with self._lock:
                remote.since.pop(number, None)
            raise

    def _take(self, link: Link, news: tuple[Any, ...]) -> None:
        """Take what the worker tells unasked: a parcel, with or without a capture."""
        kind, name, parcel, *capture = news
        with self._lock:
            remote = self._remotes.get(name)
            if remote is None or link is not self._link:
                return
            remote.snapshot = unpack(remote.snapshot, parcel)
            if kind == "captured":
                done, data = capture
                remote.capture = data, replace(remote.snapshot, network=None)
                remote.since = {n: it for n, it in remote.since.items() if n > done}

    def _replace(self, link: Link) -> None:
        """The worker is gone: start another one, and let all learners go on there."""
        with self._lock:
            if link is not self._link or self._closed:
                return
            self._link, now = None, time.monotonic()
            self._losses.append(now)
            hopeless = len(self._losses) == LOSSES and now - self._losses[0] < LOSS_SECONDS
            log.error("the worker's process was lost%s", "; too often" if hopeless else "")
            try:
                if not hopeless:
                    self._open()
            except OSError:
                log.exception("no other worker's process can be started")
            for name, remote in self._remotes.items():
                if self._link is None:
                    remote.snapshot = replace(remote.shown(), state=State.FAILED)
                if remote.snapshot is not None and remote.snapshot.state in ENDED:
                    remote.orphan = True
                else:
                    self._go_on(name, remote)

    def _go_on(self, name: str, remote: Remote) -> None:
        """Begin a learner again where its capture was taken, or from the start."""
        remote.restarts += 1
        if remote.capture is None:
            remote.snapshot = None
            self._order("start", name, remote.recipe, **remote.options)
        else:
            data, snapshot = remote.capture
            visitor = remote.options.get("visitor")
            network = remote.snapshot.network if remote.snapshot else None
            remote.snapshot = replace(snapshot, network=network)
            self._order("restore", name, data, snapshot, visitor, remote.restarts)
        commands, remote.since = remote.since.values(), {}
        for method, args, options in commands:
            number, _ = self._numbered("command", name, method, *args, **options)
            remote.since[number] = (method, args, options)
        if remote.released:
            self._order("command", name, "release")

    def _drop_abandoned(self) -> None:
        """Drop those at whom nobody has looked for long."""
        with self._lock:
            now = time.monotonic()
            for name, remote in list(self._remotes.items()):
                if now - remote.seen >= DROP_AFTER:
                    self.stop(name)
