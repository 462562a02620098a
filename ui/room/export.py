"""What a room takes home: its drawings as an npz file; as IDX and as a poster, see `ui/hand.py`."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np

from .room import Room, dataset
from .store import Drawing


def drawings_npz(room: Room) -> bytes:
    """The room's data set as an npz file, without pickled objects, one entry per drawing.

    images (n, 784) uint8, ink 255; labels (n,) uint8; writers (n,) int32, the phones' numbers;
    held_out (n,) bool; tasks (n,) str; strokes (n,) str, JSON lists x, y, x, y, ... from 0 to 1000.

    Raises
    ------
    StoreError
        The strokes cannot be read.
    """
    room.look(now=True)
    drawings: Sequence[Drawing] = room.shown
    data = dataset(drawings)
    strokes = room.store.strokes(room.code, [drawing.number for drawing in drawings])
    file = io.BytesIO()
    np.savez_compressed(
        file,
        images=data.images,
        labels=data.labels,
        writers=np.array([drawing.phone for drawing in drawings], np.int32),
        held_out=np.array([drawing.held_out for drawing in drawings], bool),
        tasks=np.array([drawing.task for drawing in drawings], str),
        strokes=np.array(strokes, str),
    )
    return file.getvalue()
