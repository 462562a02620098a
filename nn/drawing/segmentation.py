"""Segmentation: the ink of a canvas, split into the digits that stand apart.

    components   pixels of ink that touch, corners included
    parts        components less than TALL of the tallest one's height: bars, dots, specks
    apart(a, b)  gap between their columns >= GAP * height, or
                 both as high as SPAN of the two together, columns shared <= SHARED of the narrower
    digits       components that are not apart are one digit; each part joins the nearest

So the loose bar of a 5, the two strokes of an open 4 (neither reaches from top to bottom) and the
two circles of an 8 stay together, while 77 is split even if the columns overlap. Each row of a page
(rows.py) is split by itself.

Components are found on runs (pixels in a row) instead of pixels: the smallest label spreads between
runs that touch until no label changes (Y. Shiloach and U. Vishkin, "An O(log n) parallel
connectivity algorithm", 1982). Out of scope: digits that touch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .preprocessing import Floats, Mask
from .rows import TALL, TEXTURE, Indices, find_rows, merged, nearest

FAINT = 0.1  # the least ink that joins two pixels
GAP = 0.07  # of the height; the two strokes of a 4 are up to 0.03 apart
SPAN = 0.85  # of the height of two components together; the L of an open 4 has 0.7 to 0.8
SHARED = 0.5  # of the narrower one's columns
MOST = 40  # digits on a page; more are read only in part


@dataclass(frozen=True)
class Components:
    """The connected components of some ink, as runs of pixels."""

    # (r,) start and exclusive end of each run in the flattened ink, rows padded by a pixel on both
    # sides; and the run's component, 0 to n - 1
    starts: Indices
    ends: Indices
    labels: Indices
    boxes: Indices  # (n, 4) left, top, right, bottom in pixels, right and bottom exclusive
    areas: Indices  # (n,) in pixels

    def paint(self, values: Indices, shape: tuple[int, int]) -> Indices:
        """An image of `shape` with each component's value of `values`, (n,), and 0 elsewhere."""
        height, width = shape
        steps = np.zeros(height * (width + 2), np.intp)
        steps[self.starts] = values[self.labels]
        steps[self.ends] -= values[self.labels]
        painted: Indices = np.cumsum(steps).reshape(height, width + 2)[:, 1:-1]
        return painted


def split_rows(ink: Floats) -> tuple[list[list[Floats]], int]:
    """The ink of each digit, in rows from top to bottom, and the number of digits left out.

    Parameters
    ----------
    ink : (H, W) float32 in [0, 1], ink 1 on paper 0

    Returns
    -------
    rows : lists of (H, W) float32
        One canvas per digit, without the others' ink; only `ink` itself, unchanged, if there is one
        digit, or a row of more than MOST, which is a pattern and not a number.
    left_out : int
        How many digits have no canvas: 0 of up to MOST; of more, those beyond the row of the
        largest ones, and all of them if that row has more than MOST itself. Of a texture, how many
        components are tall, since they are not joined to digits: that would take too long.
    """
    found = find_components(ink >= FAINT)
    row_of = find_rows(found.boxes)
    members = [np.flatnonzero(row_of == row) for row in range(int(row_of.max(initial=0)) + 1)]
    tall = [len(_tall(found.boxes[row])) for row in members]
    if max(tall) > TEXTURE:
        return [[ink]], sum(tall)
    rows = [_digits(found.boxes, row) for row in members]
    count = sum(map(len, rows))
    if count < 2:
        return [[ink]], 0
    if count > MOST:
        rows = [max(rows, key=lambda row: _usual_height(found.boxes, row))]
    if len(rows[0]) > MOST:
        return [[ink]], count
    left_out = count - sum(map(len, rows))
    digits = [digit for row in rows for digit in row]
    numbers = np.zeros(len(found.boxes), np.intp)
    for number, digit in enumerate(digits, start=1):
        numbers[digit] = number
    owner = found.paint(numbers, (ink.shape[0], ink.shape[1]))
    boxes = [_around(*found.boxes[digit]) for digit in digits]
    inks = iter([_only(ink, owner, number, box) for number, box in enumerate(boxes, start=1)])
    return [[next(inks) for _ in row] for row in rows], left_out


def find_components(mask: Mask) -> Components:
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
    """Labels 0, 1, ... for n runs, equal where pairs (above, below) connect them."""
    label = np.arange(n)
    while True:
        smaller = np.minimum(label[above], label[below])
        spread = label.copy()
        np.minimum.at(spread, label[above], smaller)  # at the roots, so that whole trees follow
        np.minimum.at(spread, label[below], smaller)
        spread = spread[spread]
        if np.array_equal(spread, label):
            break
        label = spread
    numbered: Indices = np.unique(label, return_inverse=True)[1].reshape(-1)
    return numbered


def _digits(boxes: Indices, row: Indices) -> list[Indices]:
    """The components of each digit of a row, from the left."""
    digits = _group(boxes[row])
    return [row[digits == digit] for digit in range(int(digits.max(initial=-1)) + 1)]


def _usual_height(boxes: Indices, digits: list[Indices]) -> float:
    """The median height of some digits, in pixels."""
    frames = np.array([_around(*boxes[digit]) for digit in digits])
    return float(np.median(frames[:, 3] - frames[:, 1]))


def _group(boxes: Indices) -> Indices:
    """Which digit each component belongs to, (n,), counted from the left."""
    tall = _tall(boxes)
    frames, members = merged(list(boxes[tall]), apart=_apart, together=_around)
    order = sorted(range(len(frames)), key=lambda group: int(frames[group][[0, 2]].sum()))
    digits = np.zeros(len(boxes), np.intp)
    for digit, group in enumerate(order):
        digits[tall[members[group]]] = digit
    if len(order) > 1:
        tall_frames = np.array([frames[group] for group in order])
        for part in np.setdiff1d(np.arange(len(boxes)), tall):
            digits[part] = nearest(boxes[part], tall_frames)
    return digits


def _tall(boxes: Indices) -> Indices:
    """Which components are not low beside the tallest one."""
    heights = boxes[:, 3] - boxes[:, 1]
    tall: Indices = np.flatnonzero(heights >= TALL * heights.max(initial=0))
    return tall


def _apart(a: Indices, b: Indices) -> bool:
    """Whether two boxes hold two digits, not two parts of one."""
    heights = a[3] - a[1], b[3] - b[1]
    shared = min(a[2], b[2]) - max(a[0], b[0])  # columns; negative for a gap
    if -shared >= GAP * max(heights):
        return True
    together = max(a[3], b[3]) - min(a[1], b[1])
    narrower = min(a[2] - a[0], b[2] - b[0])
    return bool(min(heights) >= SPAN * together and shared <= SHARED * narrower)


def _around(*boxes: Indices) -> Indices:
    """The box around some boxes."""
    low, high = np.min(boxes, axis=0), np.max(boxes, axis=0)
    return np.concatenate([low[:2], high[2:]])


def _only(ink: Floats, owner: Indices, number: int, box: Indices) -> Floats:
    """The ink of one digit, which may be paler than the others, as a share of its own full ink.

    What lies outside its box is never written to, so the system gives it no memory: the canvases
    of 40 digits take little more than one.
    """
    left, top, right, bottom = box
    within = slice(top, bottom), slice(left, right)
    own = np.where(owner[within] == number, ink[within], np.float32(0))
    full = np.float32(np.percentile(own[own > 0], 90))
    alone = np.zeros(ink.shape, np.float32)
    alone[within] = np.minimum(own / full, np.float32(1.0))
    return alone
