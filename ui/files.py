"""Files for the visitor and from them: checkpoints as bytes, curves as CSV, the slate's picture."""

from __future__ import annotations

import csv
import io
import platform
from collections.abc import Iterator
from typing import Any

import numpy as np

from nn import (
    CheckpointError,
    Found,
    Network,
    RecipeError,
    find_digits,
    load_checkpoint,
    save_checkpoint,
)
from nn.drawing.image_file import load_photo
from nn.drawing.preprocessing import preprocess
from nn.mnist import FILES
from nn.recipes import check_seed
from ui import i18n
from ui.training.snapshot import Snapshot

MAX_UPLOAD_BYTES = 25_000_000
MAX_UNPACKED_BYTES = 50_000_000  # weights hardly compress: only a malicious upload exceeds this
LARGEST_SLATE = 1024 * 1024  # pixels of a picture that is decoded
COLUMNS = ("epoch", "step", "quantity", "series", "value")
CURVES = (  # field of a point, quantity, series
    ("loss", "loss", "training"),
    ("accuracy", "accuracy", "training"),
    ("validation_loss", "loss", "validation"),
    ("validation_accuracy", "accuracy", "validation"),
)


def checkpoint_bytes(run: Snapshot, *, name: str | None = None) -> bytes:
    """A run's network as an .npz file, with facts about the run in its `meta`.

    Parameters
    ----------
    run : with a network
    name : the visitor's name for it; None for none

    Raises
    ------
    CheckpointError
        The run has no network yet, or one whose parameters are not finite.
    """
    if run.network is None:
        raise CheckpointError(i18n.say("NOTHING_LEARNED"))
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
        validation_accuracy=run.validation,
        test_accuracy=None if run.test is None else run.test.accuracy,
        numpy=np.__version__,
        machine=platform.machine(),
    )
    return file.getvalue()


def network_from_upload(raw: bytes, name: str) -> tuple[Network, dict[str, Any]]:
    """The network in a visitor's file, and the file's `meta`.

    Parameters
    ----------
    raw : the file, which may hold anything
    name : of the file, for error messages

    Raises
    ------
    CheckpointError
        The file exceeds 25 MB, or 50 MB unpacked, or `load_checkpoint` rejects it.
    """
    if len(raw) > MAX_UPLOAD_BYTES:
        size, limit = (i18n.decimal(count / 1e6, 1) for count in (len(raw), MAX_UPLOAD_BYTES))
        raise CheckpointError(i18n.say("UPLOAD_TOO_LARGE", file=name, size=size, limit=limit))
    found = load_checkpoint(io.BytesIO(raw), name=name, max_bytes=MAX_UNPACKED_BYTES)
    return found.network, found.meta


def seed_of(value: object) -> int:
    """The random seed in a file's `meta`; 0 where it is not a valid seed."""
    try:
        return check_seed(value)
    except RecipeError:
        return 0


def curves_csv(run: Snapshot) -> str:
    """A run's curves as CSV with a header, one value per row; positions are in epochs.

    `quantity` is loss, accuracy, weight_norm, gradient_norm, dead, or the recipe's field that was
    changed (`series` is then "change", and `value` the new value). `series` is training,
    validation, batch, "layer 1", "layer 2" and so on. `step` is empty where unknown.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    steps = _steps(run)
    for epoch, quantity, series, value in _values(run):
        if value is not None:
            writer.writerow((epoch, steps.get(epoch, ""), quantity, series, value))
    return text.getvalue()


def _steps(run: Snapshot) -> dict[float, int]:
    """Optimizer steps by position in epochs, where known: at moments, and at the latest batches."""
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


def slate_digits(picture: bytes) -> Found | None:
    """The digits in a picture of the slate; None while it is blank.

    Raises
    ------
    PhotoError
        It is no picture, or has more than LARGEST_SLATE pixels.
    """
    whole = preprocess(load_photo(picture, largest=LARGEST_SLATE))
    return None if whole is None else find_digits(whole)
