"""The runs of one visitor: what was started, how each stands, and which one the panel controls.

A run outlives its learner: its last Snapshot stays, so that it can be compared, read with, and
kept. This module knows no page; a session holds one `Runs`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from nn import Network, Recipe
from ui.scheduler.limits import Limits
from ui.scheduler.moments import fitted, moment_bytes
from ui.scheduler.snapshot import Snapshot, State

MAX_RUNS = 12  # of a visitor; then the oldest that neither runs nor is controlled goes
MOMENT_BYTES = Limits.moment_bytes  # for all moments, and for what ended runs read with


@dataclass
class Run:
    """One training of a visitor, under way or ended.

    Attributes
    ----------
    id, name : the latter is the visitor's to change
    recipe, seed : what it was started from; the recipe with its live changes
    learner : the id of its learner; None once that is gone
    snapshot : as it was seen last
    lost : its learner was dropped, for want of looks
    loaded : it is a checkpoint that the visitor gave
    shelf : its id among the kept runs; None while it is not kept
    clock : (position in epochs, seconds of work) at each look
    """

    id: str
    name: str
    recipe: Recipe
    seed: int
    learner: str | None = None
    snapshot: Snapshot | None = None
    lost: bool = False
    loaded: bool = False
    shelf: int | None = None
    clock: list[tuple[float, float]] = field(default_factory=list)

    @property
    def live(self) -> bool:
        """Whether it has a learner, be it paused."""
        return self.learner is not None

    @property
    def network(self) -> Network | None:
        """What it reads with; None before its first step."""
        return None if self.snapshot is None else self.snapshot.network

    def see(self, snapshot: Snapshot) -> None:
        """Take note of how it stands."""
        self.snapshot = snapshot
        self.recipe = snapshot.recipe
        if not self.clock or snapshot.position > self.clock[-1][0]:
            self.clock.append((snapshot.position, snapshot.seconds))
        if len(self.clock) > 400:
            self.clock = [self.clock[0], *self.clock[1::2]]
        if snapshot.state in (State.FINISHED, State.FAILED):
            self.learner = None

    def seconds_at(self, epoch: float) -> float:
        """How long it had worked at a position: between two looks, by a straight line."""
        positions, seconds = zip(*self.clock, strict=True) if self.clock else ((0.0,), (0.0,))
        return float(np.interp(epoch, (0.0, *positions), (0.0, *seconds)))


class Runs:
    """A visitor's runs in the order they were started.

    Attributes
    ----------
    current : the id of the run that the panel controls; None for none
    """

    def __init__(self) -> None:
        self._runs: dict[str, Run] = {}
        self._ids = itertools.count(1)
        self.current: str | None = None

    def __iter__(self) -> Iterator[Run]:
        return iter(list(self._runs.values()))

    def __len__(self) -> int:
        return len(self._runs)

    def get(self, id: str | None) -> Run | None:  # noqa: A002
        """The run of that id; None without it."""
        return self._runs.get(id or "")

    def now(self) -> Run | None:
        """The run that the panel controls; None when it controls none."""
        return self.get(self.current)

    def live(self) -> list[Run]:
        """Those with a learner."""
        return [run for run in self if run.live]

    def add(self, name: str, recipe: Recipe, seed: int, **more: object) -> Run:
        """A further run; the oldest that is idle goes where there would be too many.

        Parameters
        ----------
        name : to which a number is added where there is such a run already
        more : further fields of Run
        """
        run = Run(f"run-{next(self._ids)}", self.free_name(name), recipe, seed)
        self._runs[run.id] = replace(run, **more)  # type: ignore[arg-type]
        idle = [one for one in self if not one.live and one.id not in (self.current, run.id)]
        for one in idle[: max(len(self) - MAX_RUNS, 0)]:
            self.remove(one.id)
        return self._runs[run.id]

    def remove(self, id: str) -> None:  # noqa: A002
        """Forget a run."""
        self._runs.pop(id, None)
        if self.current == id:
            self.current = None

    def rename(self, id: str, name: str) -> None:  # noqa: A002
        """Give a run another name, made different from the others'."""
        run, name = self._runs[id], " ".join(name.split())[:40]
        if name and name != run.name:
            run.name = self.free_name(name)

    def free_name(self, name: str) -> str:
        """The name, with a number where another run bears it."""
        taken = {run.name for run in self}
        names = itertools.chain([name], (f"{name} {n}" for n in itertools.count(2)))
        return next(free for free in names if free not in taken)

    def thin(self) -> None:
        """Leave out moments of ended runs, until all that a visitor's runs hold is their share.

        Those of runs under way are thinned where these train.
        """
        live = sum(moment_bytes(run.snapshot) for run in self if run.live and run.snapshot)
        ended = [run for run in self if not run.live and run.snapshot]
        readers = sum(run.network.params.nbytes for run in ended if run.network)
        snapshots = [run.snapshot for run in ended if run.snapshot]
        left = fitted(snapshots, MOMENT_BYTES - live - readers)
        for run, snapshot in zip(ended, left, strict=True):
            run.snapshot = snapshot
