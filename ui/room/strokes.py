"""A drawing as a phone sends it: strokes, each a list x, y, x, y, ... from 0 to 1000, y down."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

UNITS = 1000
SIDE, FINE = 352, 2  # pixels of the slate, and sub-pixels of each that are averaged
PEN = SIDE / 16  # pixels

Strokes = list[list[int]]


def check(value: object) -> Strokes:
    """Strokes from JSON; ValueError where it is something else."""
    if not isinstance(value, list) or not value:
        raise ValueError("expected a list of strokes")
    for stroke in value:
        if not isinstance(stroke, list) or not stroke or len(stroke) % 2:
            raise ValueError("expected each stroke as a list x, y, x, y, ...")
        if not all(type(number) is int and 0 <= number <= UNITS for number in stroke):
            raise ValueError(f"expected whole numbers from 0 to {UNITS}")
    return value


def picture(strokes: Strokes) -> NDArray[np.uint8]:
    """Strokes as on the slate, (352, 352, 4) uint8, white on black."""
    large = Image.new("L", (SIDE * FINE, SIDE * FINE))
    brush, r = ImageDraw.Draw(large), PEN * FINE / 2
    for stroke in strokes:
        points = (np.array(stroke).reshape(-1, 2) * (SIDE * FINE / UNITS)).tolist()
        brush.line([(x, y) for x, y in points], fill=255, width=round(2 * r), joint="curve")
        for x, y in points:
            brush.ellipse((x - r, y - r, x + r, y + r), fill=255)
    ink = np.asarray(large.reduce(FINE))
    return np.dstack([ink, ink, ink, np.full_like(ink, 255)])
