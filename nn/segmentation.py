"""Digits side by side: the ink of a canvas, split into the digits that stand apart.

    components   pixels of ink that touch, corners included
    parts        components lower than TALL of the highest: bars, dots, specks
    apart(a, b)  gap between their columns >= GAP * height, or
                 both as high as SPAN of the two together, columns shared <= SHARED of the narrower
    digits       components that are not apart are one digit; each part joins the nearest

So the loose bar of a 5, the two strokes of an open 4 (neither reaches from top to bottom) and the
circles of an 8, one above the other, stay together; and 77 come apart though their columns overlap.

Components are found on runs (pixels in a row) instead of pixels: two runs of neighbouring rows
touch, or not; the smallest label spreads along what touches until no label changes
(Y. Shiloach and U. Vishkin, "An O(log n) parallel connectivity algorithm", 1982).
Out of scope: digits that touch, lines of digits one below the other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .preprocess import Floats

FAINT = 0.1  # ink from here on joins two pixels
TALL = 0.42  # of the highest component's height; the loose bar of a 5 has 0.1 to 0.35 of it
GAP = 0.07  # of the height; the strokes of a 4 in two are up to 0.03 apart
SPAN = 0.85  # of the height of two components together; the L of an open 4 has 0.7 to 0.8
SHARED = 0.5  # of the narrower one's columns
MOST = 12  # more than so many digits are a pattern, not a number

Indices = NDArray[np.intp]


@dataclass(frozen=True)
class Components:
    """The connected components of some ink, as runs of pixels.

    Attributes
    ----------
    starts, ends : (r,) places in the flattened ink, each row padded by a pixel at either side;
        `ends` exclusive
    labels : (r,) of each run, the component that it belongs to, 0 to n - 1
    boxes : (n, 4) left, top, right, bottom in pixels, right and bottom exclusive
    areas : (n,) in pixels
    """

    starts: Indices
    ends: Indices
    labels: Indices
    boxes: Indices
    areas: Indices

    def paint(self, values: Indices, shape: tuple[int, int]) -> Indices:
        """Each pixel's component's value of `values` (n,), 0 between components; `shape`."""
        height, width = shape
        steps = np.zeros(height * (width + 2), np.intp)
        steps[self.starts] = values[self.labels]
        steps[self.ends] -= values[self.labels]
        painted: Indices = np.cumsum(steps).reshape(height, width + 2)[:, 1:-1]
        return painted


def split_digits(ink: Floats) -> list[Floats]:
    """The ink of each digit that stands apart, from left to right.

    Parameters
    ----------
    ink : (H, W) float32 in [0, 1], ink 1 on paper 0

    Returns
    -------
    list of (H, W) float32
        One canvas a digit, with the others' ink taken away. A single digit is `ink` itself,
        untouched; so are more than MOST digits.
    """
    found = find_components(ink >= FAINT)
    digits = _group(found.boxes)
    count = int(digits.max(initial=0)) + 1
    if not 1 < count <= MOST:
        return [ink]
    owner = found.paint(digits + 1, (ink.shape[0], ink.shape[1]))
    return [_own_scale(np.where(owner == digit + 1, ink, np.float32(0))) for digit in range(count)]


def find_components(mask: NDArray[np.bool_]) -> Components:
    """The connected components of a mask (H, W), by runs; corners connect."""
    height, width = mask.shape
    row = width + 2
    padded = np.zeros(height * row, np.int8)
    padded.reshape(height, row)[:, 1:-1] = mask
    change = np.diff(padded, prepend=np.int8(0))
    starts, ends = np.flatnonzero(change == 1), np.flatnonzero(change == -1)
    # Run i touches the runs first[i] to last[i] - 1 of the next row.
    first = np.searchsorted(ends, starts + row, side="left")
    last = np.searchsorted(starts, ends + row, side="right")
    touching = np.maximum(last - first, 0)
    above = np.repeat(np.arange(starts.size), touching)
    before = np.cumsum(touching) - touching
    below = np.arange(above.size) - np.repeat(before - first, touching)
    labels = _spread(starts.size, above, below)
    n = int(labels.max(initial=-1)) + 1
    boxes = np.empty((n, 4), np.intp)
    boxes[:, :2], boxes[:, 2:] = max(height, width), 0
    np.minimum.at(boxes[:, 0], labels, starts % row - 1)
    np.minimum.at(boxes[:, 1], labels, starts // row)
    np.maximum.at(boxes[:, 2], labels, ends % row - 1)
    np.maximum.at(boxes[:, 3], labels, ends // row + 1)
    areas = np.bincount(labels, ends - starts, minlength=n).astype(np.intp)
    return Components(starts, ends, labels, boxes, areas)


def _spread(n: int, above: Indices, below: Indices) -> Indices:
    """Labels 0, 1, ... of n runs, the same where pairs (above, below) connect them."""
    label = np.arange(n)
    while True:
        smaller = np.minimum(label[above], label[below])
        spread = label.copy()
        np.minimum.at(spread, label[above], smaller)  # at the roots, so that all of a tree follow
        np.minimum.at(spread, label[below], smaller)
        spread = spread[spread]
        if np.array_equal(spread, label):
            break
        label = spread
    numbered: Indices = np.unique(label, return_inverse=True)[1].reshape(-1)
    return numbered


def _group(boxes: Indices) -> Indices:
    """Which digit each component belongs to, (n,), counted from the left."""
    heights = boxes[:, 3] - boxes[:, 1]
    tall = np.flatnonzero(heights >= TALL * heights.max(initial=0))
    groups = [[int(component)] for component in tall]
    frames = [boxes[component] for component in tall]
    a = 0
    while a < len(groups):
        together = [b for b in range(a) if not _apart(frames[a], frames[b])]
        if together:  # a larger frame may meet one that was apart, so look again
            b = together[0]
            groups[b] += groups.pop(a)
            frames[b] = _around(frames[b], frames.pop(a))
            a = b
        else:
            a += 1
    order = sorted(range(len(groups)), key=lambda group: int(frames[group][[0, 2]].sum()))
    digits = np.zeros(len(boxes), np.intp)
    for digit, group in enumerate(order):
        digits[groups[group]] = digit
    if len(order) > 1:
        tall_frames = np.array([frames[group] for group in order])
        for part in np.setdiff1d(np.arange(len(boxes)), tall):
            digits[part] = _nearest(boxes[part], tall_frames)
    return digits


def _apart(a: Indices, b: Indices) -> bool:
    """Whether two boxes frame two digits, not the parts of one."""
    heights = a[3] - a[1], b[3] - b[1]
    shared = min(a[2], b[2]) - max(a[0], b[0])  # columns; negative for a gap
    if -shared >= GAP * max(heights):
        return True
    together = max(a[3], b[3]) - min(a[1], b[1])
    narrower = min(a[2] - a[0], b[2] - b[0])
    return bool(min(heights) >= SPAN * together and shared <= SHARED * narrower)


def _around(a: Indices, b: Indices) -> Indices:
    """The box around two boxes."""
    return np.concatenate([np.minimum(a[:2], b[:2]), np.maximum(a[2:], b[2:])])


def _nearest(box: Indices, frames: Indices) -> int:
    """The frame with the smallest gap to the box; of several, the one that shares most columns."""
    shared = np.minimum(frames[:, 2:], box[2:]) - np.maximum(frames[:, :2], box[:2])  # (n, 2)
    gaps = np.hypot(*np.maximum(-shared, 0).T)
    return int(np.lexsort((-shared[:, 0], gaps))[0])


def _own_scale(ink: Floats) -> Floats:
    """A digit's ink as a share of its own, as in find_ink: pale beside dark is ink as well."""
    full = np.float32(np.percentile(ink[ink > 0], 90))
    scaled: Floats = np.minimum(ink / full, np.float32(1.0))
    return scaled
