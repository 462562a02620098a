"""An eraser for whole strokes: which of them it touches."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

PARTS = 8  # of a curve, each taken for straight
SPACING, MOST = 2.0, 500  # pixels between two points of a stroke, and how many there are at most
COLOUR = "#0b101c"  # of the eraser's strokes, the paper's: what comes in it is no ink

Stroke = dict[str, Any]  # an object of the canvas
Strokes = list[Stroke]


def erases(stroke: Stroke) -> bool:
    """Whether a stroke is the eraser's."""
    return stroke.get("stroke") == COLOUR


def erase(strokes: Strokes, eraser: Stroke) -> Strokes:
    """The strokes that an eraser's stroke does not touch."""
    path = outline(eraser)
    return [stroke for stroke in strokes if not _touch(stroke, eraser, path)]


def _touch(stroke: Stroke, eraser: Stroke, path: NDArray[np.float64]) -> bool:
    reach = (stroke.get("strokeWidth", 0) + eraser.get("strokeWidth", 0)) / 2
    apart = path[:, None] - outline(stroke)
    return bool((np.hypot(*apart.T) <= reach).any())


def outline(stroke: Stroke) -> NDArray[np.float64]:
    """Points along the middle of a stroke, in pixels of the canvas, (n, 2) float64.

    Parameters
    ----------
    stroke : an object of the canvas; its path is made of the commands M, L, Q and C of SVG, as text
        or as a list for each command
    """
    path = stroke.get("path", [])
    words = path.split() if isinstance(path, str) else [word for part in path for word in part]
    corners: list[list[float]] = []
    for word in words:
        if word in ("M", "L", "Q", "C"):
            corners.append([])
        else:
            corners[-1].append(float(word))
    points: list[complex] = []
    for numbers in corners:
        control = [complex(x, y) for x, y in zip(numbers[::2], numbers[1::2], strict=True)]
        points += [_at(i / PARTS, [*points[-1:], *control]) for i in range(1, PARTS + 1)]
    if not points:
        return np.empty((0, 2))
    line = np.array(points)
    along = np.cumsum(np.abs(np.diff(line, prepend=line[:1])))
    even = np.linspace(0.0, along[-1], min(int(along[-1] / SPACING) + 2, MOST))
    return np.stack([np.interp(even, along, line.real), np.interp(even, along, line.imag)], axis=1)


def _at(t: float, control: list[complex]) -> complex:
    """A point of a Bézier curve, by de Casteljau's algorithm."""
    while len(control) > 1:
        control = [a + t * (b - a) for a, b in pairwise(control)]
    return control[0]
