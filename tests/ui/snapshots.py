"""Snapshots made by hand, for what is told of a training."""

from __future__ import annotations

from collections.abc import Sequence

from nn import RECIPES
from ui.training.snapshot import Point, Snapshot, State


def snapshot(points: Sequence[Point] = (), **changes: object) -> Snapshot:
    """A training under way as its curves have it; `changes` are fields of Snapshot."""
    ends = [point for point in points if point.epoch == int(point.epoch)]
    fields = {
        "state": State.RUNNING,
        "recipe": RECIPES["adam"],
        "epoch": int(points[-1].epoch) if points else 0,
        "position": points[-1].epoch if points else 0.0,
        "accuracy": ends[-1].accuracy if ends else points[-1].accuracy if points else 0.0,
        "points": tuple(points),
        "running": 1,
    }
    return Snapshot(**{**fields, **changes})


def curve(
    losses: Sequence[float],
    *,
    accuracy: float = 0.9,
    validation: Sequence[float] = (),
    an_epoch: int = 1,
) -> list[Point]:
    """Points of these training losses, `an_epoch` of them an epoch, and its validation losses."""
    points = []
    for count, loss in enumerate(losses, start=1):
        ends, epoch = count % an_epoch == 0, count // an_epoch
        told = validation[epoch - 1] if ends and epoch <= len(validation) else None
        points.append(
            Point(count / an_epoch, loss, accuracy, told, None if told is None else 1 - told / 2)
        )
    return points
