"""What the page's side knows of one learner in the other process. Knows no processes."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

from nn import Recipe
from ui.scheduler.snapshot import Snapshot, State

Command = tuple[str, tuple[Any, ...], dict[str, Any]]  # method, arguments, options


@dataclass
class Remote:
    """A learner of the other process, as it is known here.

    Attributes
    ----------
    recipe, options : as it was begun
    snapshot : as seen last; None before the first look
    seen : when its page last looked
    capture : what another worker can go on from, with the snapshot that belongs to it
    since : the commands after that capture, by their orders' numbers
    restarts : how often its worker was lost
    orphan : no worker knows it: it had ended before its own was lost
    """

    recipe: Recipe
    options: dict[str, Any]
    seen: float
    snapshot: Snapshot | None = None
    capture: tuple[bytes, Snapshot] | None = None
    since: dict[int, Command] = field(default_factory=dict)
    released: bool = False
    restarts: int = 0
    orphan: bool = False

    def shown(self) -> Snapshot:
        """As seen last, or as it stands before it has begun."""
        if self.snapshot is None:
            return _unseen(self.recipe, self.options["seed"], self.restarts)
        return replace(self.snapshot, restarts=self.restarts)


def _unseen(recipe: Recipe, seed: int, restarts: int) -> Snapshot:
    return Snapshot(
        state=State.RUNNING,
        recipe=recipe,
        epoch=0,
        position=0.0,
        accuracy=math.nan,
        points=(),
        network=None,
        seconds_left=None,
        test=None,
        message="",
        running=1,
        seed=seed,
        restarts=restarts,
    )
