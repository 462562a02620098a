"""Hints: what the curves of a training run show, by simple rules, and which change would help.

A rule takes a Snapshot and returns a Hint or None; the first hint is shown. Each states its
figures, so that a student can find them in the curves. The thresholds are in the rules.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from nn import DivergenceError, Recipe, RecipeError
from nn.recipes import LIVE_FIELDS
from ui.training.snapshot import Point, Snapshot, State

RECENT = 12  # points of the training curve that count as recent


@dataclass(frozen=True)
class Hint:
    """An observation and a fix.

    Attributes
    ----------
    name : of its sentence in assets/languages
    fields : values for the sentence's {fields}
    changes : fields of the recipe to change
    """

    name: str
    fields: dict[str, Any] = field(default_factory=dict)
    changes: dict[str, Any] = field(default_factory=dict)

    def live(self, run: Snapshot) -> bool:
        """Whether the fix can be applied while the run trains; else it takes a new run."""
        if run.state not in (State.RUNNING, State.PAUSED) or not self.changes.keys() <= LIVE_FIELDS:
            return False
        try:
            run.recipe.check_live_change(run.recipe.replace(**self.changes))
        except RecipeError:
            return False
        return "dropout" not in self.changes or can_drop(run)

    def fixed(self, recipe: Recipe) -> Recipe:
        """The recipe with the fix."""
        return recipe.replace(**self.changes)


def hint(run: Snapshot) -> Hint | None:
    """The most urgent hint for a training run; None where no rule applies.

    A run without curves, such as a loaded checkpoint, has none.
    """
    if not (run.points or run.batches or run.error):
        return None
    return next((found for rule in RULES if (found := rule(run)) is not None), None)


def can_drop(run: Snapshot) -> bool:
    """Whether the network has dropout layers, whose rate can change while it trains."""
    return run.recipe.dropout > 0 or any(mark.field == "dropout" for mark in run.marks)


def _diverged(run: Snapshot) -> Hint | None:
    """The run stopped because its loss diverged: the learning rate was too large."""
    if not isinstance(run.error, DivergenceError):
        return None
    rate = run.recipe.learning_rate
    return Hint("DIVERGED", {"rate": rate}, {"learning_rate": _tidy(rate / 10)})


def _jumps(run: Snapshot) -> Hint | None:
    """The loss rose by 30 % from one point to the next, to above 0.1, three times recently."""
    losses = [point.loss for point in _since_change(run)][-RECENT:]
    pairs = itertools.pairwise(losses)
    jumps = sum(after > 1.3 * before and after > 0.1 for before, after in pairs)
    if run.state is not State.RUNNING or jumps < 3:
        return None
    rate = run.recipe.learning_rate
    fields = {"rate": rate, "jumps": jumps, "points": RECENT}
    return Hint("JUMPS", fields, {"learning_rate": _tidy(rate / 2)})


def _dead(run: Snapshot) -> Hint | None:
    """At least 40 % of a layer's units, or filters, had no output for the latest batch, after an
    epoch."""
    latest = {point.layer: point.dead for point in run.layers if point.dead is not None}
    if run.epoch < 1 or not latest:
        return None
    layer, dead = max(latest.items(), key=lambda pair: pair[1])
    if dead < 0.4 or run.recipe.activation == "tanh":
        return None
    fix: dict[str, Any] = {"learning_rate": _tidy(run.recipe.learning_rate / 3)}
    if run.recipe.activation == "relu" or run.recipe.leak == 0:
        fix = {"activation": "leaky_relu", "leak": 0.01}
    name = "DEAD_FILTERS" if layer <= len(run.recipe.filters) else "DEAD"
    return Hint(name, {"layer": layer, "dead": dead}, fix)


def _overfits(run: Snapshot) -> Hint | None:
    """Validation loss is 10 % above its minimum of three epochs ago or more; training loss fell."""
    ends = [point for point in run.points if point.validation_loss is not None]
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
    if not run.recipe.hidden:  # there is no unit that could be dropped
        return None
    rate = 0.3 if run.recipe.dropout < 0.3 else min(run.recipe.dropout + 0.2, 0.7)
    return Hint("OVERFITS", {**fields, "rate": rate}, {"dropout": _tidy(rate)})


def _barely_moves(run: Snapshot) -> Hint | None:
    """After two full-batch epochs, or 0.4 in batches, the loss has fallen by less than 10 %."""
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
    """After three epochs, training accuracy is below 95 % and a hidden layer has fewer than 16
    units; few filters are no such bottleneck."""
    narrowest = min(run.recipe.hidden, default=0)
    if run.epoch < 3 or not 0 < narrowest < 16 or run.accuracy >= 0.95:
        return None
    fields = {"units": narrowest, "accuracy": run.accuracy}
    return Hint("TOO_SMALL", fields, {"hidden": (128,)})


def _plateau(run: Snapshot) -> Hint | None:
    """Validation accuracy was best six epochs ago or more, at a constant learning rate."""
    if run.best_epoch is None or run.state not in (State.RUNNING, State.PAUSED):
        return None
    since = max((mark.epoch for mark in run.marks), default=0.0)
    if run.epoch - max(run.best_epoch, since) < 6 or run.recipe.schedule != "constant":
        return None
    rate = run.recipe.learning_rate
    return Hint("PLATEAU", {"epoch": run.best_epoch}, {"learning_rate": _tidy(rate / 5)})


RULES: Sequence[Callable[[Snapshot], Hint | None]] = (  # most urgent first
    *(_diverged, _jumps, _dead, _overfits),
    *(_too_small, _barely_moves, _plateau),
)


def _since_change(run: Snapshot) -> list[Point]:
    """The curve since the latest live change, so that what was fixed gives no hint again."""
    since = max((mark.epoch for mark in run.marks), default=0.0)
    return [point for point in run.points if point.epoch > since]


def _tidy(value: float) -> float:
    """A value with two significant digits."""
    return float(f"{value:.2g}")
