"""Real handwriting for the model card: strokes from a folder, drawn as people draw on a canvas.

A mark is scaled to 45 to 85 % of the canvas, placed near its middle, drawn with a round pen, white
on black, and preprocessed like any drawing. The folder is not part of the repository: it holds
`strokes.npz`, digits by several writers, and `nondigits.npz`, letters and symbols. Each file has

    points            (m, 2) x to the right and y down, of all strokes, one after another
    stroke_lengths    how many points each stroke has
    strokes_per_digit, labels, writers        one entry per mark

Out of scope: training on it. It is there to measure by.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from nn import canvas_to_input
from nn.mnist import PIXELS

SIZES = (0.45, 0.85)  # of the longer side, as a share of the canvas
MARGIN = 0.06  # of the canvas, on each side
SPREAD = 0.18  # standard deviation of a mark's place, as a share of the room that is left
FINE = 4  # sub-pixels per pixel, averaged

Points = NDArray[np.float64]


@dataclass(frozen=True)
class Strokes:
    """Marks as they were written."""

    marks: tuple[tuple[Points, ...], ...]  # a mark's strokes, each (k, 2)
    labels: NDArray[np.str_]  # (n,)
    writers: NDArray[np.str_]  # (n,)


def load_strokes(path: Path) -> Strokes:
    """Read a file of strokes."""
    with np.load(path, allow_pickle=False) as data:
        points, lengths = data["points"].astype(float), data["stroke_lengths"].astype(int)
        counts, labels = data["strokes_per_digit"].astype(int), data["labels"].astype(str)
        writers = data["writers"].astype(str)
    strokes = np.split(points, np.cumsum(lengths)[:-1])
    ends = np.cumsum(counts)
    marks = tuple(
        tuple(strokes[end - count : end]) for end, count in zip(ends, counts, strict=True)
    )
    return Strokes(marks, labels, writers)


def draw_all(
    strokes: Strokes, *, canvas: int = 280, pen: float = 20.0, every: int = 1
) -> NDArray[np.float32]:
    """The network's inputs, (n, 784), of every so many marks; canvas and pen are in pixels."""
    inputs = np.zeros((len(strokes.marks[::every]), PIXELS), np.float32)
    for i, picture in enumerate(drawn_pictures(strokes, canvas=canvas, pen=pen, every=every)):
        vector = canvas_to_input(picture)
        if vector is not None:
            inputs[i] = vector
    return inputs


def drawn_pictures(
    strokes: Strokes, *, canvas: int, pen: float, every: int = 1
) -> Iterator[NDArray[np.uint8]]:
    """Every so many marks as drawn, each (canvas, canvas, 4) uint8, RGBA."""
    for i, mark in enumerate(strokes.marks[::every]):
        yield _draw(place(mark, canvas, np.random.default_rng(i)), canvas, pen)


def place(mark: Sequence[Points], canvas: int, rng: np.random.Generator) -> list[Points]:
    """A mark's strokes at a random size and place on a canvas of so many pixels or units."""
    points = np.concatenate(mark)
    low, span = points.min(axis=0), np.ptp(points, axis=0)
    scale = canvas * rng.uniform(*SIZES) / max(span.max(), 1e-6)
    room = canvas * (1 - 2 * MARGIN) - span * scale
    offset = canvas * MARGIN + room * np.clip(rng.normal(0.5, SPREAD, 2), 0, 1)
    return [(stroke - low) * scale + offset for stroke in mark]


def _draw(mark: Sequence[Points], canvas: int, pen: float) -> NDArray[np.uint8]:
    """RGBA, (canvas, canvas, 4) uint8."""
    large = Image.new("L", (canvas * FINE, canvas * FINE), 0)
    brush, r = ImageDraw.Draw(large), pen * FINE / 2
    for stroke in mark:
        points = [(float(x), float(y)) for x, y in stroke * FINE]
        if len(points) > 1:
            brush.line(points, fill=255, width=round(2 * r), joint="curve")
        for x, y in points:
            brush.ellipse([x - r, y - r, x + r, y + r], fill=255)
    ink = np.asarray(large.resize((canvas, canvas), Image.Resampling.BOX))
    return np.dstack([ink, ink, ink, np.full_like(ink, 255)])
