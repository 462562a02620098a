"""A trainer: a scheduler in a worker process of a Dask cluster, and what it sends to the page.

Only commands go there, and only what the page does not have yet comes back: new points of the
curves, and the network while somebody looks.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .limits import Limits
from .run import Data
from .scheduler import Scheduler
from .snapshot import Snapshot

SEQUENCES = ("points", "batches", "layers", "marks", "moments")
NO_LIMITS = Limits(*[2**62] * 5)  # the page has checked its own before
ROOT = Path(__file__).parents[2]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Command:
    """What the page wants a scheduler to do: a method's name, the run, and further arguments."""

    name: str
    run: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Update:
    """How a run is now, beside what the page has seen of it.

    Attributes
    ----------
    number : of this update; the page names the latest one it has
    known : the number of the update that this one builds upon; 0 for none
    snapshot : without what is in `items`
    items : of each of the snapshot's sequences; an item that the page has is its place there
    """

    number: int
    known: int
    snapshot: Snapshot
    items: Mapping[str, Sequence[Any]]

    @classmethod
    def of(cls, now: Snapshot, number: int, known: int, seen: Snapshot) -> Update:
        """What leads from `seen`, which the page has, to `now`."""
        before, items = _sequences(seen), {}
        for name, sequence in _sequences(now).items():
            places = {id(item): place for place, item in enumerate(before[name])}
            items[name] = [places.get(id(item), item) for item in sequence]
        return cls(number, known, _emptied(now), items)

    def on(self, seen: Snapshot) -> Snapshot:
        """The snapshot, given the one that the page has."""
        before = _sequences(seen)
        full: dict[str, Any] = {
            name: tuple(before[name][item] if isinstance(item, int) else item for item in items)
            for name, items in self.items.items()
        }
        network = next(iter(full.pop("network")), None)
        return replace(self.snapshot, network=network, **full)


class Trainer:
    """A scheduler with a thread of its own; Dask keeps it in a worker process and calls it.

    Parameters
    ----------
    load_data : returns training and test set
    niceness : how far to stand back for other processes of the machine, as `os.nice` has it
    """

    def __init__(self, load_data: Callable[[], Data], niceness: int = 0) -> None:
        if niceness and hasattr(os, "nice"):
            os.nice(niceness)
        self._scheduler = Scheduler(load_data, limits=NO_LIMITS)
        self._scheduler.run()
        self._ids: dict[str, str] = {}  # the scheduler's, by the page's
        self._sent: dict[str, tuple[int, Snapshot]] = {}

    def exchange(
        self, runs: Collection[str], commands: Sequence[Command], looks: Mapping[str, int]
    ) -> dict[str, Update | None]:
        """Do what the page says, and tell it what it looks at.

        Parameters
        ----------
        runs : all that the page has here; others are its old ones, and end
        commands : in the order they were given
        looks : the runs to tell of, with the number of the latest update that the page has

        Returns
        -------
        An update for each run that is looked at; None where it is gone.
        """
        for command in commands:
            try:
                if command.name == "start":
                    self._ids[command.run] = self._scheduler.start(**command.arguments)
                elif command.run in self._ids:
                    method = getattr(self._scheduler, command.name)
                    method(self._ids[command.run], **command.arguments)
            except Exception:
                log.exception("a command could not be carried out: %s", command.name)
        for run in self._ids.keys() - set(runs):
            self._scheduler.stop(self._ids.pop(run))
            self._sent.pop(run, None)
        return {run: self._update(run, known) for run, known in looks.items()}

    def _update(self, run: str, known: int) -> Update | None:
        now = self._scheduler.look(self._ids.get(run, ""))
        if now is None:
            return None
        number, seen = self._sent.get(run, (0, now))
        if known == 0 or known != number:  # the page has none, or an answer was lost
            known, seen = 0, _emptied(now)
        self._sent[run] = number + 1, now
        return Update.of(now, number + 1, known, seen)

    def __del__(self) -> None:
        self._scheduler.close()


def program_version() -> str:
    """A short hash of all that a training run depends on."""
    digest = hashlib.sha256()
    for folder in ("nn", "ui/training"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def _sequences(snapshot: Snapshot) -> dict[str, tuple[Any, ...]]:
    network = () if snapshot.network is None else (snapshot.network,)
    return {"network": network, **{name: getattr(snapshot, name) for name in SEQUENCES}}


def _emptied(snapshot: Snapshot) -> Snapshot:
    empty: dict[str, Any] = dict.fromkeys(SEQUENCES, ())
    return replace(snapshot, network=None, drawings=None, **empty)
