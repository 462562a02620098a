"""Your hand: the drawings that a visitor has said the digits of, to teach a network by them."""

from __future__ import annotations

import base64
import gzip
import io
import itertools
import math
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nn import Dataset
from nn.mnist import CLASSES, MAGIC, PIXELS, SIDE

MAX_DRAWINGS = 500
SCALE, GAP = 3, 4  # of the sheet, in pixels

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Drawing:
    """One drawing: (784,) uint8, ink 255, as the network sees it, and the digit it is meant to be.

    `number` counts the visitor's drawings, so that later ones have higher numbers.
    """

    number: int
    image: Pixels
    label: int


class Hand:
    """A visitor's drawings, oldest first; no image is there twice.

    Attributes
    ----------
    version : changes with each change of the drawings
    asked : the digits that the visitor is still to write, the present one first
    chosen : the number of the drawing that is to be relabelled or deleted
    """

    def __init__(self) -> None:
        self._drawings: dict[bytes, Drawing] = {}
        self._numbers = itertools.count(1)
        self.version = 0
        self.asked: tuple[int, ...] = ()
        self.chosen: int | None = None

    def __len__(self) -> int:
        return len(self._drawings)

    def __iter__(self) -> Iterator[Drawing]:
        return iter(self._drawings.values())

    @property
    def full(self) -> bool:
        """Whether there is no room for another drawing."""
        return len(self) >= MAX_DRAWINGS

    def find(self, image: Pixels) -> Drawing | None:
        """The drawing of exactly these pixels, if it is there."""
        return self._drawings.get(image.tobytes())

    def get(self, number: int | None) -> Drawing | None:
        """The drawing of that number, if it is there."""
        return next((drawing for drawing in self if drawing.number == number), None)

    def add(self, image: Pixels, label: int) -> None:
        """Add a drawing, or change its label where it is there; a blank one is none."""
        if not 0 <= label < CLASSES:
            raise ValueError(f"label: expected a digit from 0 to 9, got {label}")
        key, known = image.tobytes(), self.find(image)
        if known is not None:
            self._drawings[key] = replace(known, label=label)
        elif image.any() and not self.full:
            self._drawings[key] = Drawing(next(self._numbers), image, label)
        self.version += 1

    def take(self, drawings: Dataset) -> int:
        """Add those of a kept run, as far as there is room; returns the number of their last."""
        for image, label in zip(drawings.images, drawings.labels, strict=True):
            if self.find(image) is None:
                self.add(image, int(label))
        found = (self.find(image) for image in drawings.images)
        return max((drawing.number for drawing in found if drawing), default=0)

    def remove(self, number: int) -> None:
        """Forget the drawing of that number."""
        for key, drawing in list(self._drawings.items()):
            if drawing.number == number:
                del self._drawings[key]
        self.version += 1

    def clear(self) -> None:
        """Forget all of them."""
        self._drawings.clear()
        self.version += 1
        self.chosen, self.asked = None, ()

    def after(self, number: int) -> list[Drawing]:
        """Those made after the one of that number."""
        return [drawing for drawing in self if drawing.number > number]


def dataset(drawings: Iterable[Drawing]) -> Dataset:
    """Drawings as a data set, in their order."""
    drawings = list(drawings)
    images = np.array([drawing.image for drawing in drawings], np.uint8).reshape(-1, PIXELS)
    return Dataset(images, np.array([drawing.label for drawing in drawings], np.uint8))


def idx_images(drawings: Dataset) -> bytes:
    """The images as MNIST has them: IDX, compressed by gzip."""
    head = struct.pack(">4I", MAGIC[3], len(drawings), SIDE, SIDE)
    return gzip.compress(head + drawings.images.tobytes(), mtime=0)


def idx_labels(drawings: Dataset) -> bytes:
    """The labels as MNIST has them: IDX, compressed by gzip."""
    head = struct.pack(">2I", MAGIC[1], len(drawings))
    return gzip.compress(head + drawings.labels.tobytes(), mtime=0)


def sheet(drawings: Dataset, *, columns: int | None = 10) -> bytes:
    """All drawings in rows, in order of their digits, as a PNG; ink is light on dark.

    Parameters
    ----------
    columns : drawings in a row; None for a picture about as high as wide
    """
    columns = columns or max(math.ceil(math.sqrt(len(drawings))), 1)
    cell = SIDE * SCALE + GAP
    rows = -(-len(drawings) // columns)
    picture = Image.new("L", (columns * cell + GAP, max(rows, 1) * cell + GAP), 40)
    for place, row in enumerate(np.argsort(drawings.labels, kind="stable")):
        image = Image.fromarray(drawings.images[row].reshape(SIDE, SIDE))
        x, y = place % columns * cell + GAP, place // columns * cell + GAP
        picture.paste(image.resize((SIDE * SCALE,) * 2, Image.Resampling.NEAREST), (x, y))
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def packed(drawings: Dataset) -> str:
    """Drawings as a short text, for the database."""
    content = drawings.labels.tobytes() + drawings.images.tobytes()
    return base64.b64encode(zlib.compress(content, 9)).decode("ascii")


def unpacked(text: str) -> Dataset:
    """The drawings that `packed` has packed; ValueError where the text is damaged."""
    unpacker = zlib.decompressobj()
    try:
        raw = unpacker.decompress(base64.b64decode(text), MAX_DRAWINGS * (PIXELS + 1) + 1)
    except zlib.error as error:
        raise ValueError(f"expected packed drawings, got a text that is none: {error}") from error
    content = np.frombuffer(raw, np.uint8)
    count, rest = divmod(len(content), PIXELS + 1)
    if not unpacker.eof or rest or (content[:count] >= CLASSES).any():
        raise ValueError(f"expected up to {MAX_DRAWINGS} drawings, got {len(content)} bytes")
    return Dataset(content[count:].reshape(-1, PIXELS), content[:count])
