"""The runs of one visitor: what was started, how it went, and which one the sidebar controls.

A run outlives its training: its last snapshot stays, so that it can be compared, read with, and
kept. A checkpoint that the visitor gives is a run, too.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any

from nn import Evaluation, Network, Recipe, RecipeError
from nn.convolution import Convolution
from nn.layers import Dense
from nn.recipes import check_field

from . import i18n
from .files import seed_of
from .training.history import joined
from .training.snapshot import Snapshot, State

MAX_RUNS = 12  # of a visitor; then the oldest goes that is neither live nor controlled
MAX_NAME = 40  # characters
ENDED_BYTES = 24_000_000  # for the moments and networks of a visitor's ended runs


@dataclass
class Run:
    """One training run of a visitor, live or ended.

    Attributes
    ----------
    id, name : the name is the visitor's to change
    recipe, seed : what it was started with; the recipe includes its live changes
    training : its id in the scheduler; None once it has ended
    snapshot : as it was last seen
    lost : the scheduler dropped it, because nobody looked
    earlier : of a run that was lost and continued, how it was then
    loaded : it is a checkpoint that the visitor gave
    kept : its id among the kept runs; None while it is not kept
    before : of a run that was taught, the network it began with; None where that is not known
    before_test : how that one does on the test set; None where not known
    last_drawing : the number of the last drawing that the run was taught
    room, writers : the code of the room that it learns, and how many wrote what it learns; empty
        and 0 for any other run
    """

    id: str
    name: str
    recipe: Recipe
    seed: int
    training: str | None = None
    snapshot: Snapshot | None = None
    lost: bool = False
    earlier: Snapshot | None = None
    loaded: bool = False
    kept: int | None = None
    before: Network | None = None
    before_test: Evaluation | None = None
    last_drawing: int = 0
    room: str = ""
    writers: int = 0

    @property
    def live(self) -> bool:
        """Whether it is training, or paused."""
        return self.training is not None

    @property
    def taught(self) -> bool:
        """Whether it is taught the visitor's hand."""
        return not self.room and self.snapshot is not None and self.snapshot.drawings is not None

    @property
    def network(self) -> Network | None:
        """What it reads with; None before its first step."""
        return None if self.snapshot is None else self.snapshot.network

    @property
    def can_continue(self) -> bool:
        """Whether it was lost in the midst of a training and can go on from its last snapshot."""
        trained = self.snapshot is not None and self.snapshot.drawings is None
        return self.lost and trained and self.network is not None

    def see(self, snapshot: Snapshot) -> None:
        """Take note of how it is now."""
        self.snapshot, self.recipe = joined(self.earlier, snapshot), snapshot.recipe
        if snapshot.state in (State.FINISHED, State.FAILED):
            self.training = self.earlier = None


class Runs:
    """A visitor's runs in the order they were started.

    Attributes
    ----------
    current : the id of the run that the sidebar controls; None for none
    """

    def __init__(self) -> None:
        self._runs: dict[str, Run] = {}
        self._ids = itertools.count(1)
        self.current: str | None = None

    def __iter__(self) -> Iterator[Run]:
        return iter(list(self._runs.values()))

    def __len__(self) -> int:
        return len(self._runs)

    def get(self, run_id: str | None) -> Run | None:
        """The run of that id, if there is one."""
        return self._runs.get(run_id or "")

    def controlled(self) -> Run | None:
        """The run that the sidebar controls, if there is one."""
        return self.get(self.current)

    def live(self) -> list[Run]:
        """Those that are training, or paused."""
        return [run for run in self if run.live]

    def add(self, name: str, recipe: Recipe, seed: int, **more: Any) -> Run:
        """A further run; the oldest idle one goes where there would be too many.

        Parameters
        ----------
        name : to which a number is added where there is such a run already
        more : further fields of Run
        """
        run = Run(f"run-{next(self._ids)}", self._free(name), recipe, seed, **more)
        self._runs[run.id] = run
        idle = [each for each in self if not each.live and each.id not in (self.current, run.id)]
        for each in idle[: max(len(self) - MAX_RUNS, 0)]:
            self.remove(each.id)
        return run

    def load(self, file: str, network: Network, meta: Mapping[str, Any]) -> Run:
        """A checkpoint as a further run; it has no curves.

        Parameters
        ----------
        file : its name, which names the run where the checkpoint has no name
        network, meta : from the checkpoint; what `meta` says is not relied on
        """
        name = meta.get("name")
        name = (i18n.one_line(name) if isinstance(name, str) else "") or PurePath(file).stem
        snapshot = Snapshot(
            State.FINISHED,
            _recipe(network, meta.get("recipe")),
            seed=seed_of(meta.get("seed")),
            epoch=_epochs(meta.get("epochs")),
            network=network,
        )
        name = i18n.one_line(name)[:MAX_NAME]
        return self.add(name, snapshot.recipe, snapshot.seed, snapshot=snapshot, loaded=True)

    def remove(self, run_id: str) -> None:
        """Forget a run."""
        self._runs.pop(run_id, None)
        if self.current == run_id:
            self.current = None

    def rename(self, run: Run, name: str) -> None:
        """Give a run another name, made different from the others'."""
        name = i18n.one_line(name)[:MAX_NAME]
        if name and name != run.name:
            run.name = self._free(name)

    def limit_memory(self, *, live: bool = False) -> None:
        """Drop moments of ended runs while these take more than ENDED_BYTES with their networks.

        Of the run with the most, every second one goes; its latest and its best stay.

        Parameters
        ----------
        live : also of those that are not; the next look at them brings all moments back
        """
        ended = [run.snapshot for run in self if (live or not run.live) and run.snapshot]
        networks = sum(each.network.params.nbytes for each in ended if each.network)
        moments = [each.moments for each in ended]
        while networks + sum(m.nbytes for each in moments for m in each) > ENDED_BYTES:
            most = max(
                range(len(moments)),
                key=lambda i: len(moments[i]) * moments[i][0].nbytes if len(moments[i]) > 2 else 0,
            )
            if len(moments[most]) <= 2:
                break
            best = ended[most].best_epoch
            *earlier, latest = moments[most]
            kept = [m for i, m in enumerate(earlier) if i % 2 == 0 or m.epoch == best]
            kept = kept if len(kept) < len(earlier) else earlier[1:]
            moments[most] = (*kept, latest)
        for run in self:
            for snapshot, left in zip(ended, moments, strict=True):
                if run.snapshot is snapshot and left is not snapshot.moments:
                    run.snapshot = replace(snapshot, moments=left)

    def _free(self, name: str) -> str:
        """The name, with a number where another run has it."""
        taken = {run.name for run in self}
        names = itertools.chain([name], (f"{name} {n}" for n in itertools.count(2)))
        return next(free for free in names if free not in taken)


def _epochs(value: object) -> int:
    try:
        check_field("epochs", value)
    except RecipeError:
        return 0
    return value if isinstance(value, int) else 0


def hidden_units(network: Network) -> tuple[int, ...]:
    """The units of each hidden dense layer."""
    return tuple(layer.outputs for layer in network.layers if isinstance(layer, Dense))[:-1]


def fitting(recipe: Recipe, network: Network) -> Recipe:
    """The recipe with the layers of a network, as far as a recipe can say what they are.

    A recipe's convolutions all have one kernel size, and each is followed by pooling. For a network
    from elsewhere, the recipe has as many filters, or none where that would break a limit.
    """
    found = [layer for layer in network.layers if isinstance(layer, Convolution)]
    filters = tuple(layer.filters for layer in found)
    kernel_size = found[0].kernel_size if found else recipe.kernel_size
    hidden = hidden_units(network)
    try:
        return recipe.replace(filters=filters, kernel_size=kernel_size, hidden=hidden)
    except RecipeError:
        return recipe.replace(filters=(), hidden=hidden)


def _recipe(network: Network, value: object) -> Recipe:
    """The recipe in the checkpoint, if it fits the network; else what the network shows."""
    try:
        recipe = Recipe.from_dict(value) if isinstance(value, dict) else Recipe()
    except RecipeError:
        recipe = Recipe()
    return recipe if fitting(recipe, network) == recipe else fitting(Recipe(), network)
