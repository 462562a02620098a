"""A run as rows hold it: figures in columns, curves as JSON, the network as a checkpoint."""

from __future__ import annotations

import dataclasses
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import numpy as np

from nn import Evaluation, Recipe, RecipeError, load_checkpoint
from ui.exchange import checkpoint_bytes
from ui.scheduler.snapshot import LayerPoint, Mark, Point, Snapshot, State

from .schema import Row

Item = TypeVar("Item", Point, Mark, LayerPoint)
SERIES: dict[str, type] = {
    "points": Point,
    "batches": Point,
    "marks": Mark,
    "layers": LayerPoint,
}
PLAIN = ("message", "epoch", "position", "accuracy", "step", "best_epoch", "restarts")


@dataclass(frozen=True)
class Kept:
    """What a list tells of a kept run.

    Attributes
    ----------
    id, name, created : `created` with its time zone, UTC
    recipe : None where it has fields that this version does not know
    seed, epochs, seconds : of the training, as far as it went
    loss : on the training batches, at the end; None where it was no number
    validation_accuracy, test_accuracy : in [0, 1], the former the best of all epochs; None
        without any
    size : bytes that it takes of the visitor's share
    """

    id: int
    name: str
    created: datetime
    recipe: Recipe | None
    seed: int
    epochs: int
    seconds: float
    loss: float | None
    validation_accuracy: float | None
    test_accuracy: float | None
    size: int


def row_of(owner: str, name: str, run: Snapshot) -> Row:
    """A new row for a run; raises CheckpointError where its network cannot be saved."""
    checkpoint, curves = checkpoint_bytes(run, name=name), _curves_text(run)
    validated = [p.validation_accuracy for p in run.points if p.validation_accuracy is not None]
    loss = run.points[-1].loss if run.points else math.nan
    return Row(
        owner=owner,
        name=name,
        created=datetime.now(UTC).replace(tzinfo=None),
        recipe=run.recipe.to_json(),
        seed=str(run.seed),
        epochs=run.epoch,
        seconds=run.seconds,
        loss=loss if math.isfinite(loss) else None,
        validation_accuracy=max(validated, default=None),
        test_accuracy=None if run.test is None else run.test.accuracy,
        size=len(checkpoint) + len(curves),
        curves=curves,
        checkpoint=checkpoint,
    )


def kept_of(row: Row) -> Kept:
    """What a list tells of a row."""
    try:
        recipe = Recipe.from_json(row.recipe)
    except RecipeError:
        recipe = None
    own = {name: getattr(row, name) for name in ("id", "name", "epochs", "seconds", "loss", "size")}
    return Kept(
        **own,
        created=row.created.replace(tzinfo=UTC),
        recipe=recipe,
        seed=int(row.seed),
        validation_accuracy=row.validation_accuracy,
        test_accuracy=row.test_accuracy,
    )


def run_of(row: Row) -> Snapshot:
    """The run that a row holds, with its network; it has ended.

    Raises
    ------
    ValueError, TypeError, KeyError
        What the row holds is damaged, or of a version that is newer.
    """
    held = json.loads(row.curves)
    series: dict[str, Any] = {
        name: _items(kind, held[name]) for name, kind in SERIES.items() if name in held
    }
    test = held["test"]
    return Snapshot(
        **{name: held[name] for name in PLAIN},
        **series,
        state=State(held["state"]),
        recipe=Recipe.from_json(row.recipe),
        seed=int(row.seed),
        seconds=row.seconds,
        network=load_checkpoint(io.BytesIO(row.checkpoint), name=row.name).network,
        test=None
        if test is None
        else Evaluation(test["loss"], np.array(test["confusion"], np.int64)),
        seconds_left=None,
        running=0,
        share=0.0,
    )


def _curves_text(run: Snapshot) -> str:
    live = run.state in (State.RUNNING, State.PAUSED)
    held: dict[str, Any] = {name: getattr(run, name) for name in PLAIN}
    held |= {name: _columns(kind, getattr(run, name)) for name, kind in SERIES.items()}
    held["state"] = (State.PAUSED if live else run.state).value
    held["test"] = run.test and {"loss": run.test.loss, "confusion": run.test.confusion.tolist()}
    return json.dumps(held, separators=(",", ":"))


def _columns(kind: type, items: Sequence[Any]) -> dict[str, list[Any]]:
    """Items of one kind field by field: a third of what their rows would take."""
    return {
        field.name: [getattr(item, field.name) for item in items]
        for field in dataclasses.fields(kind)
    }


def _items(kind: type[Item], columns: Mapping[str, list[Any]]) -> tuple[Item, ...]:
    """Items from their columns; a field that was not kept takes its default."""
    known = {field.name for field in dataclasses.fields(kind)} & columns.keys()
    values = zip(*(columns[name] for name in known), strict=True)
    return tuple(kind(**dict(zip(known, row, strict=True))) for row in values)
