"""Rules, frames and panels: what is printed on paper and is not handwriting.

    rules   at least FEWEST thin straight lines in one direction that run from edge to edge of the
            picture, as on ruled or squared paper, and a margin line across them; each pixel of a
            rule gets the fainter of the ink on its two sides, so that strokes that cross it stay
            whole
    frame   one component along all four sides of its box, thin, around others; axes of a plot run
            along the left and the bottom alone
    panel   one component that fills its box: a picture in the picture, or a sheet on a table

Lines are found by their projection: rows are sheared by each slope up to SLOPE, and a line's row is
ink over most of its width and at both ends, where a long thin 1 has none. Out of scope: rules in
strong perspective.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .preprocessing import Floats, Mask
from .segmentation import Components, find_components

SMALLEST = 100  # pixels of the shorter side; below, a stroke is as thin as a rule
FEWEST = 3  # rules in one direction; fewer may be strokes
SLOPE, SLOPES = 0.1, 41  # the steepest rules, and how many slopes are tried
STRIPS = 64  # of columns that are projected together
COVERED = 0.6  # of a rule's length that is ink, and of its ends
ENDS = 2  # strips at each end of a rule
THIN = 0.015  # of the shorter side: the thickest rule
LARGE, READABLE = 0.3, 20  # of the picture's sides, and pixels: the smallest frame or panel
SIDE, ALONG = 0.06, 0.85  # a side's depth, and how much of its length is drawn
HOLLOW, SOLID = 0.15, 0.5  # of its box: the most that a frame fills, the least that a panel does
INSIDE = 0.2  # of the height: the least of what a frame surrounds


def without_rules(values: Floats, mask: Mask) -> Floats:
    """Ink or contrast, (H, W), without the rules that are found in `mask`, (H, W)."""
    if min(mask.shape) < SMALLEST:
        return values
    across, down = _lines(mask), _lines(mask.T)
    if max(len(across.rows), len(down.rows)) < FEWEST:
        return values
    cleaned = _bridged(values, across)
    return _bridged(cleaned.T, down).T


class _Lines(NamedTuple):
    """Parallel lines from left to right: their slope, and their rows at the middle column."""

    slope: float
    rows: list[tuple[int, int]]  # first and last of each


def _lines(mask: Mask) -> _Lines:
    width = mask.shape[1]
    # A line may change its row within a strip.
    thick = mask.copy()
    thick[1:] |= mask[:-1]
    thick[:-1] |= mask[1:]
    starts = np.linspace(0, width, min(STRIPS, width), endpoint=False).astype(np.intp)
    widths = np.diff(starts, append=width).astype(np.float32)
    inked = np.add.reduceat(thick, starts, axis=1, dtype=np.float32)
    share: Floats = (inked / widths).astype(np.float32)  # (H, strips)
    thickest = round(max(THIN * min(mask.shape), 2)) + 2  # with the pixels of both sides
    best, lines = 0.0, _Lines(0.0, [])
    if _thin(share, thickest).any(axis=0).mean() < COVERED / 2:
        return lines  # the usual case, which needs no search
    away = starts + widths / 2 - width / 2
    for slope in np.linspace(-SLOPE, SLOPE, SLOPES):
        sheared, seen = _sheared(share, slope * away)
        coverage = sheared.sum(axis=1) / np.maximum(seen.sum(axis=1), len(starts) // 2)
        found = float(np.square(np.maximum(coverage - COVERED, 0)).sum())
        if found > best:
            best, lines = found, _Lines(float(slope), _groups(coverage >= COVERED))
    sheared, seen = _sheared(share, lines.slope * away)
    rules = [
        (first, last)
        for first, last in lines.rows
        if last - first < thickest and _reaches_both_edges(sheared, seen, first, last)
    ]
    return _Lines(lines.slope, rules)


def _sheared(share: Floats, shift: NDArray[np.float64]) -> tuple[Floats, Mask]:
    """Strips, (H, strips), moved up by `shift` pixels, and which of them the picture shows."""
    rows = np.arange(len(share))[:, None] + np.rint(shift).astype(np.intp)
    seen = (rows >= 0) & (rows < len(share))
    sheared: Floats = np.take_along_axis(share, rows.clip(0, len(share) - 1), axis=0) * seen
    return sheared, seen


def _reaches_both_edges(sheared: Floats, seen: Mask, first: int, last: int) -> bool:
    """Whether the line in these rows is ink at both of the ends that the picture shows."""
    rows = slice(max(first - 1, 0), last + 2)  # its slope may lie between two that were tried
    line = sheared[rows].max(axis=0)[seen[first : last + 1].any(axis=0)]
    return bool(min(line[:ENDS].mean(), line[-ENDS:].mean()) >= COVERED)


def _thin(share: Floats, thickest: int) -> Mask:
    """Where strips, (H, strips), are ink in a row but not so many rows above and below it."""
    around = np.pad(share, ((thickest, thickest), (0, 0)))
    less = np.maximum(around[: len(share)], around[2 * thickest :]) < 0.5
    thin: Mask = less & (share > 0.9)
    return thin


def _groups(rows: Mask) -> list[tuple[int, int]]:
    """The first and last row of each group of neighbours."""
    change = np.diff(np.concatenate([[False], rows, [False]]).astype(np.int8))
    ends = np.flatnonzero(change == -1) - 1
    return list(zip(np.flatnonzero(change == 1).tolist(), ends.tolist(), strict=True))


def _bridged(values: Floats, lines: _Lines) -> Floats:
    """Each line's pixels as the fainter of those just above and below it."""
    height, width = values.shape
    columns = np.arange(width)
    shift = np.rint(lines.slope * (columns + 0.5 - width / 2)).astype(np.intp)
    cleaned = values.copy()
    for first, last in lines.rows:
        above, below = ((row + shift).clip(0, height - 1) for row in (first - 1, last + 1))
        fainter = np.minimum(values[above, columns], values[below, columns])
        for row in range(first, last + 1):
            within = (row + shift).clip(0, height - 1)
            cleaned[within, columns] = np.minimum(fainter, cleaned[within, columns])
    return cleaned


class Surrounding(NamedTuple):
    """A frame or panel: its box as left, top, right, bottom in pixels, and whether it is filled."""

    box: tuple[int, int, int, int]
    filled: bool


def find_surrounding(mask: Mask) -> Surrounding | None:
    """The largest frame or panel in a mask of ink, (H, W); None when there is none."""
    height, width = mask.shape
    found = find_components(mask)
    sizes = found.boxes[:, 2:] - found.boxes[:, :2]
    least = np.maximum(LARGE * np.array([width, height]), READABLE)
    large = np.flatnonzero((sizes >= least).all(axis=1))
    if large.size == 0:
        return None
    owner = found.paint(np.arange(1, found.areas.size + 1), (height, width))
    for component in large[np.argsort(-sizes[large].prod(axis=1))]:
        left, top, right, bottom = (int(edge) for edge in found.boxes[component])
        own = owner[top:bottom, left:right] == component + 1
        share = float(own.mean())
        drawn = _drawn_sides(own)
        box = (left, top, right, bottom)
        if all(drawn) and share >= SOLID:
            return Surrounding(box, filled=True)
        if drawn[0] and drawn[3] and share <= HOLLOW and _holds(found, component):
            return Surrounding(box, filled=False)
    return None


def _drawn_sides(own: Mask) -> tuple[bool, bool, bool, bool]:
    """Whether a component runs along the left, top, right and bottom of its box."""
    sides = []
    for turned in (own.T, own, own.T[::-1], own[::-1]):
        depth = max(round(SIDE * len(turned)), 1)
        sides.append(bool(turned[:depth].any(axis=0).mean() >= ALONG))
    left, top, right, bottom = sides
    return left, top, right, bottom


def _holds(found: Components, component: int) -> bool:
    """Whether a component has another one within its box that is large enough for a digit."""
    left, top, right, bottom = found.boxes[component]
    inside = (found.boxes[:, :2] > (left, top)).all(axis=1)
    inside &= (found.boxes[:, 2:] < (right, bottom)).all(axis=1)
    heights = found.boxes[inside, 3] - found.boxes[inside, 1]
    return bool(heights.max(initial=0) >= INSIDE * (bottom - top))
