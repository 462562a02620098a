"""Hints: what a training's curves show, by simple rules, and what would mend it.

A rule looks at a Snapshot and gives a Hint or None; the first that speaks is shown. Each tells
its figures, so that a student can find them in the curves. Thresholds stand with their rules.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from nn import DivergenceError, Recipe, RecipeError
from nn.recipes import LIVE_FIELDS
from ui.scheduler.snapshot import Point, Snapshot, State

RECENT = 12  # points of the training curve that "lately" means


@dataclass(frozen=True)
class Hint:
    """What is to be seen, and its mend.

    Attributes
    ----------
    name : of its sentence among the page's words
    fields : what the sentence's {fields} stand for, numbers as they are
    changes : fields of the recipe that mend it
    """

    name: str
    fields: dict[str, Any] = field(default_factory=dict)
    changes: dict[str, Any] = field(default_factory=dict)

    def live(self, run: Snapshot) -> bool:
        """Whether the mend can be made while it trains; else it takes a new run."""
        if run.state not in (State.RUNNING, State.PAUSED) or not self.changes.keys() <= LIVE_FIELDS:
            return False
        try:
            run.recipe.check_live_change(run.recipe.replace(**self.changes))
        except RecipeError:
            return False
        return "dropout" not in self.changes or can_drop(run)

    def mended(self, recipe: Recipe) -> Recipe:
        """The recipe with the mend."""
        return recipe.replace(**self.changes)


def hint(run: Snapshot) -> Hint | None:
    """The most urgent hint for a training as it stands; None when there is nothing to say."""
    return next((found for rule in RULES if (found := rule(run)) is not None), None)


def can_drop(run: Snapshot) -> bool:
    """Whether its network has dropout layers: only then can their rate change while it trains."""
    return run.recipe.dropout > 0 or any(mark.field == "dropout" for mark in run.marks)


def _diverged(run: Snapshot) -> Hint | None:
    """It stopped by itself: the steps were so large that each made the loss worse."""
    if not isinstance(run.error, DivergenceError):
        return None
    rate = run.recipe.learning_rate
    return Hint("DIVERGED", {"rate": rate}, {"learning_rate": _tidy(rate / 10)})


def _jumps(run: Snapshot) -> Hint | None:
    """Three times lately the loss rose by 30 % from one point to the next, above 0.1."""
    losses = [point.loss for point in _since_change(run)][-RECENT:]
    pairs = itertools.pairwise(losses)
    jumps = sum(after > 1.3 * before and after > 0.1 for before, after in pairs)
    if run.state is not State.RUNNING or jumps < 3:
        return None
    rate = run.recipe.learning_rate
    return Hint("JUMPS", {"rate": rate, "jumps": jumps}, {"learning_rate": _tidy(rate / 2)})


def _dead(run: Snapshot) -> Hint | None:
    """Two units in five of a layer answered nothing to the latest batch, after an epoch."""
    latest = {point.layer: point.dead for point in run.layers if point.dead is not None}
    if run.epoch < 1 or not latest:
        return None
    layer, dead = max(latest.items(), key=lambda pair: pair[1])
    if dead < 0.4 or run.recipe.activation == "tanh":
        return None
    mend: dict[str, Any] = {"learning_rate": _tidy(run.recipe.learning_rate / 3)}
    if run.recipe.activation == "relu" or run.recipe.leak == 0:
        mend = {"activation": "leaky_relu", "leak": 0.01}
    return Hint("DEAD", {"layer": layer, "dead": dead}, mend)


def _overfits(run: Snapshot) -> Hint | None:
    """Validation loss stands 10 % above its lowest, three epochs ago; training loss fell since."""
    ends = _epoch_ends(run)
    if len(ends) < 4:
        return None
    losses = [point.validation_loss or math.nan for point in ends]
    lowest = min(range(len(losses)), key=lambda index: losses[index])
    past = len(losses) - 1 - lowest
    if past < 3 or losses[-1] < 1.1 * losses[lowest] or ends[-1].loss >= ends[lowest].loss:
        return None
    fields = {"epoch": round(ends[lowest].epoch)}
    if run.recipe.samples:
        fields["samples"] = run.recipe.samples
        return Hint("TOO_FEW", fields, {"samples": 0, "epochs": min(run.recipe.epochs, 10)})
    rate = 0.3 if run.recipe.dropout < 0.3 else min(run.recipe.dropout + 0.2, 0.7)
    return Hint("OVERFITS", {**fields, "rate": rate}, {"dropout": _tidy(rate)})


def _barely_moves(run: Snapshot) -> Hint | None:
    """After two epochs, or half of one in batches, the loss has fallen by less than a tenth."""
    points = _since_change(run)
    if run.state is not State.RUNNING or len(points) < 4 or run.accuracy > 0.5:
        return None
    since = points[-1].epoch - points[0].epoch
    if since < (2.0 if run.recipe.batch_size is None else 0.4):
        return None
    if not math.isfinite(points[-1].loss) or points[-1].loss < 0.9 * points[0].loss:
        return None
    rate = run.recipe.learning_rate
    return Hint("BARELY_MOVES", {"rate": rate}, {"learning_rate": _tidy(rate * 10)})


def _too_small(run: Snapshot) -> Hint | None:
    """After three epochs a layer of fewer than 16 units keeps training accuracy below 95 %."""
    narrowest = min(run.recipe.hidden, default=0)
    if run.epoch < 3 or not 0 < narrowest < 16 or run.accuracy >= 0.95:
        return None
    fields = {"units": narrowest, "accuracy": run.accuracy}
    return Hint("TOO_SMALL", fields, {"hidden": (128,)})


def _plateau(run: Snapshot) -> Hint | None:
    """Validation accuracy was best six epochs ago or more, and no schedule lowers the rate."""
    if run.best_epoch is None or run.state not in (State.RUNNING, State.PAUSED):
        return None
    since = max((mark.epoch for mark in run.marks), default=0.0)
    if run.epoch - max(run.best_epoch, since) < 6 or run.recipe.schedule != "constant":
        return None
    rate = run.recipe.learning_rate
    return Hint("PLATEAU", {"epoch": run.best_epoch}, {"learning_rate": _tidy(rate / 5)})


RULES: Sequence[Callable[[Snapshot], Hint | None]] = (
    *(_diverged, _jumps, _dead, _overfits),
    *(_too_small, _barely_moves, _plateau),
)


def _since_change(run: Snapshot) -> list[Point]:
    """The curve since the latest live change: what was mended is not told again."""
    since = max((mark.epoch for mark in run.marks), default=0.0)
    return [point for point in run.points if point.epoch > since]


def _epoch_ends(run: Snapshot) -> list[Point]:
    return [point for point in run.points if point.validation_loss is not None]


def _tidy(value: float) -> float:
    """Two significant digits."""
    return float(f"{value:.2g}")
