"""What goes to the visitor's disk and comes back from it: checkpoints as bytes, curves as CSV.

This module knows no page.
"""

from __future__ import annotations

import csv
import io
import platform
from collections.abc import Iterator
from typing import Any

import numpy as np

from nn import CheckpointError, Network, load_checkpoint, save_checkpoint
from nn.mnist import FILES

from . import texts
from .scheduler.snapshot import Snapshot

MAX_UPLOAD_BYTES = 25_000_000
MAX_UNPACKED_BYTES = 50_000_000  # weights hardly compress: an honest upload stays far below
COLUMNS = ("epoch", "step", "quantity", "series", "value")
CURVES = (  # field of a point, quantity, series
    ("loss", "loss", "training"),
    ("accuracy", "accuracy", "training"),
    ("validation_loss", "loss", "validation"),
    ("validation_accuracy", "accuracy", "validation"),
)


def checkpoint_bytes(run: Snapshot, *, name: str | None = None) -> bytes:
    """A run's network as an .npz file, with what is known of the run in its `meta`.

    Parameters
    ----------
    run : with a network
    name : what the visitor calls it; None where it has no name

    Raises
    ------
    CheckpointError
        The run has no network yet, or one whose parameters are not finite.
    """
    if run.network is None:
        raise CheckpointError(texts.say("NOTHING_LEARNED"))
    file = io.BytesIO()
    save_checkpoint(
        file,
        run.network,
        **({} if name is None else {"name": name}),
        recipe=run.recipe.to_dict(),
        seed=run.seed,
        epochs=run.epoch,
        steps=run.step,
        seconds=round(run.seconds, 3),
        data_md5={name: md5 for name, (md5, _) in FILES.items()},
        validation_accuracy=latest_validation(run),
        test_accuracy=None if run.test is None else run.test.accuracy,
        numpy=np.__version__,
        machine=platform.machine(),
    )
    return file.getvalue()


def network_from_upload(raw: bytes, name: str) -> tuple[Network, dict[str, Any]]:
    """The network of a file that a visitor gives, and what the file says of it.

    Parameters
    ----------
    raw : the file, believed in nothing
    name : the file's, for the errors

    Raises
    ------
    CheckpointError
        The file is above 25 MB, or unpacked above 50 MB, or `load_checkpoint` refuses it.
    """
    if len(raw) > MAX_UPLOAD_BYTES:
        size, limit = (texts.decimal(count / 1e6, 1) for count in (len(raw), MAX_UPLOAD_BYTES))
        raise CheckpointError(texts.say("UPLOAD_TOO_LARGE", file=name, size=size, limit=limit))
    found = load_checkpoint(io.BytesIO(raw), name=name, max_bytes=MAX_UNPACKED_BYTES)
    return found.network, found.meta


def curves_csv(run: Snapshot) -> str:
    """A run's curves as CSV with a header: one value a row, places in epochs.

    `quantity` is loss, accuracy, weight_norm, gradient_norm, dead, or a recipe's field where that
    was changed (`series` is then "change", `value` what it was changed to). `series` is training,
    validation, batch or "layer 1" and on. `step` is empty where it is not known.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(_rows(run))
    return text.getvalue()


def latest_validation(run: Snapshot) -> float | None:
    """The validation accuracy at the latest epoch's end; None without any."""
    found = [p.validation_accuracy for p in run.points if p.validation_accuracy is not None]
    return found[-1] if found else None


Row = tuple[float, int | str, str, str, float | str]


def _rows(run: Snapshot) -> Iterator[Row]:
    steps = _steps(run)
    for epoch, quantity, series, value in _values(run):
        if value is not None:
            yield epoch, steps.get(epoch, ""), quantity, series, value


def _steps(run: Snapshot) -> dict[float, int]:
    """Optimizer steps by position, where they are known: a batch has one, and the latest ends."""
    first = run.step - len(run.batches) + 1
    return {
        0.0: 0,
        **{moment.epoch: moment.step for moment in run.moments},
        **{point.epoch: step for step, point in enumerate(run.batches, first)},
    }


def _values(run: Snapshot) -> Iterator[tuple[float, str, str, float | str | None]]:
    for field, quantity, series in CURVES:
        for point in run.points:
            yield point.epoch, quantity, series, getattr(point, field)
    for quantity in ("loss", "accuracy"):
        for point in run.batches:
            yield point.epoch, quantity, "batch", getattr(point, quantity)
    for quantity in ("weight_norm", "gradient_norm", "dead"):
        for at in run.layers:
            yield at.epoch, quantity, f"layer {at.layer}", getattr(at, quantity)
    for mark in run.marks:
        yield mark.epoch, mark.field, "change", "full" if mark.after is None else mark.after
