"""Kept runs: training runs that a visitor saved, one row of a database each.

In a row the figures have columns of their own, the curves are JSON, and the network is a
checkpoint. The table is in `ui/tables.py`, the databases that hold it in `ui/database.py`.
"""

from __future__ import annotations

import dataclasses
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from sqlalchemy import Delete, Update, delete, func, select, update
from sqlalchemy.orm import undefer

from nn import CheckpointError, Evaluation, Recipe, RecipeError, load_checkpoint

from . import database, i18n
from .database import BUSY_SECONDS, StoreError
from .files import checkpoint_bytes, seed_of
from .hand import packed, unpacked
from .tables import RunRow
from .training.snapshot import LayerPoint, Mark, Point, Snapshot, State

__all__ = ["Kept", "Store", "StoreError"]

MAX_NAME = 60

SERIES: dict[str, type] = {"points": Point, "batches": Point, "marks": Mark, "layers": LayerPoint}
PLAIN = ("epoch", "position", "accuracy", "step")  # fields of a Snapshot that are JSON as they are


@dataclass(frozen=True)
class Kept:
    """A kept run without its curves and its network.

    Attributes
    ----------
    created : with its time zone, UTC
    recipe : None where it has fields that this version does not know
    epochs, seconds : of training, as far as it went
    loss : on the training batches, at the end; None where it was not finite
    validation_accuracy, test_accuracy : in [0, 1], the former the best of all epochs; None where
        not measured
    size : bytes that count towards the visitor's limit
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


def _row(owner: str, name: str, run: Snapshot) -> RunRow:
    """A row for a new run; raises CheckpointError where its network cannot be saved."""
    checkpoint, curves = checkpoint_bytes(run, name=name), _curves_text(run)
    drawings = None if run.drawings is None else packed(run.drawings)
    loss = run.points[-1].loss if run.points else math.nan
    return RunRow(
        owner=owner,
        name=name,
        created=datetime.now(UTC).replace(tzinfo=None),
        recipe=run.recipe.to_json(),
        seed=str(run.seed),
        epochs=run.epoch,
        seconds=run.seconds,
        loss=loss if math.isfinite(loss) else None,
        validation_accuracy=run.best.validation_accuracy if run.best else None,
        test_accuracy=None if run.test is None else run.test.accuracy,
        size=len(checkpoint) + len(curves) + len(drawings or ""),
        curves=curves,
        checkpoint=checkpoint,
        drawings=drawings,
    )


def _kept(row: RunRow) -> Kept:
    try:
        recipe = Recipe.from_json(row.recipe)
    except RecipeError:
        recipe = None
    fields = {field.name: getattr(row, field.name) for field in dataclasses.fields(Kept)}
    fields |= {"created": row.created.replace(tzinfo=UTC), "recipe": recipe, "seed": int(row.seed)}
    return Kept(**fields)


def _snapshot(row: RunRow) -> Snapshot:
    """The run in a row, with its network; it no longer trains.

    Raises
    ------
    ValueError, TypeError, KeyError
        The row is damaged, or was written by a newer version.
    """
    saved = json.loads(row.curves)
    series: dict[str, Any] = {
        name: _items(kind, saved[name]) for name, kind in SERIES.items() if name in saved
    }
    if "seconds" not in saved["points"]:  # kept before version 1.0
        per_epoch = row.seconds / max(saved["position"], 1e-9)
        series["points"] = tuple(
            dataclasses.replace(point, seconds=point.epoch * per_epoch)
            for point in series["points"]
        )
    best, test = saved["best_epoch"], saved["test"]
    return Snapshot(
        **{name: saved[name] for name in PLAIN},
        **series,
        state=State(saved["state"]),
        recipe=Recipe.from_json(row.recipe),
        seed=seed_of(int(row.seed)),
        seconds=row.seconds,
        network=load_checkpoint(io.BytesIO(row.checkpoint), name=row.name).network,
        best=next((p for p in series["points"] if p.epoch == best), None),
        test=test and Evaluation(test["loss"], np.array(test["confusion"], np.int64)),
        drawings=None if row.drawings is None else unpacked(row.drawings),
    )


def _curves_text(run: Snapshot) -> str:
    ended = run.state not in (State.RUNNING, State.PAUSED)
    saved: dict[str, Any] = {name: getattr(run, name) for name in PLAIN}
    saved |= {name: _columns(kind, getattr(run, name)) for name, kind in SERIES.items()}
    saved["best_epoch"] = run.best_epoch
    saved["state"] = (run.state if ended else State.PAUSED).value
    saved["test"] = run.test and {"loss": run.test.loss, "confusion": run.test.confusion.tolist()}
    return json.dumps(saved, separators=(",", ":"))


def _columns(kind: type, items: Sequence[Any]) -> dict[str, list[Any]]:
    """Items of one kind as one list per field: a third of the size of one object per item."""
    return {
        field.name: [getattr(item, field.name) for item in items]
        for field in dataclasses.fields(kind)
    }


def _items(kind: type, columns: Mapping[str, list[Any]]) -> tuple[Any, ...]:
    """Items from their columns; a field that was not saved takes its default."""
    known = {field.name for field in dataclasses.fields(kind)} & columns.keys()
    values = zip(*(columns[name] for name in known), strict=True)
    return tuple(kind(**dict(zip(known, row, strict=True))) for row in values)


class Store:
    """The kept runs of all visitors, in one database.

    Every method raises StoreError where the database cannot be read or written; no kept run is
    lost then. `owner` is a visitor's token: a visitor sees and changes only their own runs.

    Parameters
    ----------
    url : of the database, as `database.connect` takes it
    max_runs, max_bytes : limits per visitor
    busy_seconds : how long to wait while another program writes the same visitor's runs

    Raises
    ------
    StoreError
        There can be no database at the URL.
    """

    def __init__(
        self,
        url: str,
        *,
        max_runs: int = 50,
        max_bytes: int = 100_000_000,
        busy_seconds: float = BUSY_SECONDS,
    ) -> None:
        self.max_runs, self.max_bytes = max_runs, max_bytes
        self._database = database.connect(url, busy_seconds)

    def keep(self, owner: str, name: str, run: Snapshot) -> int:
        """Keep a run under a name; returns its id.

        Raises
        ------
        StoreError
            The run has no network yet, the name is empty or too long, or the visitor has reached
            a limit.
        """
        if not owner:
            raise ValueError("owner: expected a visitor's token, got an empty text")
        try:
            row = _row(owner, _checked(name), run)
        except CheckpointError as error:
            raise StoreError(str(error)) from error
        with self._database.transaction(owner) as session:
            runs, size = session.execute(
                select(func.count(), func.coalesce(func.sum(RunRow.size), 0)).where(
                    RunRow.owner == owner
                )
            ).one()
            if runs >= self.max_runs:
                raise StoreError(i18n.say("STORE_TOO_MANY", limit=i18n.count(self.max_runs)))
            if size + row.size > self.max_bytes:
                sizes = {"size": row.size, "used": size, "limit": self.max_bytes}
                megabytes = {key: i18n.decimal(count / 1e6, 1) for key, count in sizes.items()}
                raise StoreError(i18n.say("STORE_TOO_LARGE", **megabytes))
            session.add(row)
            session.flush()
            return row.id

    def list(self, owner: str) -> tuple[Kept, ...]:
        """A visitor's kept runs, oldest first."""
        if not self._database.exists():
            return ()
        with self._database.transaction() as session:
            rows = session.scalars(select(RunRow).where(RunRow.owner == owner).order_by(RunRow.id))
            return tuple(_kept(row) for row in rows)

    def load(self, owner: str, run_id: int) -> Snapshot:
        """A kept run with its curves and its network.

        Its state is finished or failed, or paused where it was kept during training. Its moments
        are not kept.
        """
        if not self._database.exists():
            raise StoreError(i18n.say("STORE_GONE"))
        with self._database.transaction() as session:
            chosen = select(RunRow).where(RunRow.owner == owner, RunRow.id == run_id)
            large = (
                undefer(column) for column in (RunRow.curves, RunRow.checkpoint, RunRow.drawings)
            )
            row = session.scalar(chosen.options(*large))
        if row is None:
            raise StoreError(i18n.say("STORE_GONE"))
        try:
            return _snapshot(row)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise StoreError(i18n.say("STORE_RUN_DAMAGED", run=row.name)) from error

    def rename(self, owner: str, run_id: int, name: str) -> None:
        """Give a kept run another name; raises StoreError where the name is empty or too long."""
        self._change(update(RunRow).values(name=_checked(name)), owner, run_id)

    def delete(self, owner: str, run_id: int) -> None:
        """Delete a kept run; the database reuses its space."""
        self._change(delete(RunRow), owner, run_id)

    def _change(self, statement: Update | Delete, owner: str, run_id: int) -> None:
        """Apply a statement to one run; raises StoreError where there is no such run."""
        chosen = statement.where(RunRow.owner == owner, RunRow.id == run_id)
        with self._database.transaction(owner) as session:
            if session.scalar(chosen.returning(RunRow.id)) is None:
                raise StoreError(i18n.say("STORE_GONE"))


def _checked(name: str) -> str:
    """A name stripped, on one line, without unprintable characters, and of a valid length."""
    name = i18n.one_line(name)
    if not 1 <= len(name) <= MAX_NAME:
        raise StoreError(i18n.say("STORE_NAME", limit=MAX_NAME, length=len(name)))
    return name
