"""Rows: which parts of the ink are in one row of digits, by their boxes alone.

    chains       components linked to their nearest neighbours beside them, on the left and on the
                 right; so a chain may slope, as on a page that is turned a little
    above(a, b)  gap between their lines >= LINE_GAP * height; more where they may be two halves
                 of one digit, less where both are whole digits; neither is a flat bar
    rows         two chains are two rows if most components of the shorter one, or one alone, are
                 above the nearest of the other, or below it

So rows may slope, differ in length and hold digits of somewhat different heights, while the circles
of an 8 stay in one row, alone or beside other digits. Out of scope: rows that touch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

TALL = 0.42  # of the tallest component's height; the loose bar of a 5 has 0.1 to 0.35 of it
BESIDE = 0.5  # of the lower one's height; neighbours in a row share as many lines
# Gaps between two rows, in heights: usually, where whole digits face each other, and where they
# may be halves of one digit or stand far aside. The circles of an 8 are up to 0.3 apart.
LINE_GAP, TIGHT, CLEAR = 0.2, 0.05, 0.35
UPRIGHT = 2.5  # of the width: the height of two digits, one above the other; an 8 has up to 2.4
FLAT = 0.5  # of the width: the least height of a digit; the bars of an equals sign have less
MANY = 3  # digits in a row are hardly all broken in halves
WHOLE = 0.7  # of the height of digits in other rows
TEXTURE = 400  # tall components; writing has fewer

Indices = NDArray[np.intp]
T = TypeVar("T")


def find_rows(boxes: Indices) -> Indices:
    """Which row each component belongs to, (n,), counted from the top.

    Parameters
    ----------
    boxes : (n, 4) left, top, right, bottom of the components, in pixels
    """
    rows = np.zeros(len(boxes), np.intp)
    heights = boxes[:, 3] - boxes[:, 1]
    usual = np.median(heights[heights >= TALL * heights.max(initial=0)]) if len(boxes) else 0
    tall = np.flatnonzero(heights >= TALL * usual)
    if not 1 < tall.size <= TEXTURE:  # one digit, or no writing
        return rows
    frames = boxes[tall]
    chain = _chains(frames)
    chains = [frames[chain == label] for label in range(int(chain.max()) + 1)]
    full = _full_height(chains)
    groups, labels = merged(
        chains,
        apart=lambda a, b: _two_rows(a, b, full),
        together=lambda a, b: np.concatenate([a, b]),
    )
    places = [sum(_is_above(other, group) for other in groups) for group in groups]
    for place, row in enumerate(np.argsort(places, kind="stable")):
        rows[tall[np.isin(chain, labels[row])]] = place
    for part in np.setdiff1d(np.arange(len(boxes)), tall):
        rows[part] = rows[tall[nearest(boxes[part], frames)]]
    return rows


def merged(
    things: list[T], *, apart: Callable[[T, T], bool], together: Callable[[T, T], T]
) -> tuple[list[T], list[list[int]]]:
    """Things put together in pairs until all are apart.

    Returns
    -------
    groups : the things that are left
    members : for each of them, the places in `things` of those that it is made of
    """
    groups, members = list(things), [[place] for place in range(len(things))]
    a = 0
    while a < len(groups):
        b = next((b for b in range(a) if not apart(groups[a], groups[b])), None)
        if b is None:
            a += 1
        else:  # the larger group may now be one with others, so compare again
            groups[b] = together(groups[b], groups.pop(a))
            members[b] += members.pop(a)
            a = b
    return groups, members


def _chains(boxes: Indices) -> Indices:
    """A label for each box, (n,), the same for neighbours side by side."""
    left, top, right, bottom = boxes.T
    shared = np.minimum.outer(bottom, bottom) - np.maximum.outer(top, top)  # lines, (n, n)
    lower = np.minimum.outer(bottom - top, bottom - top)
    along = np.subtract.outer(left + right, left + right)
    linked = np.eye(len(boxes), dtype=np.bool_)
    for side in (along, -along):
        distance = np.where((shared >= BESIDE * lower) & (side > 0), side, np.inf)
        has_one = np.flatnonzero(np.isfinite(distance).any(axis=1))
        linked[has_one, distance.argmin(axis=1)[has_one]] = True
    linked |= linked.T
    label = np.arange(len(boxes))
    while True:  # the smallest label spreads along the links
        spread = np.where(linked, label, len(boxes)).min(axis=1)
        if np.array_equal(spread, label):
            numbered: Indices = np.unique(label, return_inverse=True)[1].reshape(-1)
            return numbered
        label = spread


def _two_rows(a: Indices, b: Indices, full: float = np.inf) -> bool:
    """Whether two chains of boxes are two rows, not parts of the same digits.

    Boxes of at least the `full` height are whole digits, and so are those of long chains.
    """
    upper, lower = _facing(a, b) if _is_above(a, b) else _facing(b, a)
    heights = np.stack([boxes[:, 3] - boxes[:, 1] for boxes in (upper, lower)])
    widths = np.stack([boxes[:, 2] - boxes[:, 0] for boxes in (upper, lower)])
    gap, height = lower[:, 1] - upper[:, 3], heights.max(axis=0)
    aside = np.maximum(upper[:, 0], lower[:, 0]) - np.minimum(upper[:, 2], lower[:, 2]) > height
    together = lower[:, 3] - upper[:, 1]
    whole = len(gap) >= MANY or heights.min() >= full
    halves = not whole and len(gap) == 1 and together[0] < UPRIGHT * widths.max()
    least = np.where(aside | halves, CLEAR, TIGHT if whole else LINE_GAP)
    above = (gap >= least * height) & (heights >= FLAT * widths).all(axis=0)
    return bool(above.mean() > 0.5)


def _full_height(chains: list[Indices]) -> float:
    """The least height of a whole digit, by chains that are clearly two rows; else infinite."""
    longer = [chain for chain in chains if len(chain) > 1]
    rows = [a for a in longer if any(_two_rows(a, b) for b in longer if b is not a)]
    if not rows:
        return np.inf
    boxes = np.concatenate(rows)
    return float(WHOLE * np.median(boxes[:, 3] - boxes[:, 1]))


def _is_above(a: Indices, b: Indices) -> bool:
    """Whether most boxes of one chain lie above those of another that they face."""
    (_, top, _, bottom), (_, other_top, _, other_bottom) = (boxes.T for boxes in _facing(a, b))
    return bool(np.median(top + bottom - other_top - other_bottom) < 0)


def _facing(a: Indices, b: Indices) -> tuple[Indices, Indices]:
    """Each box of the shorter chain with the nearest of the other, sideways: two (n, 4)."""
    if len(a) > len(b):
        faced, facing = _facing(b, a)
        return facing, faced
    distance = np.abs(np.subtract.outer(a[:, 0] + a[:, 2], b[:, 0] + b[:, 2]))
    return a, b[distance.argmin(axis=1)]


def nearest(box: Indices, frames: Indices) -> int:
    """The frame with the smallest gap to the box; in a tie, the one sharing most columns."""
    shared = np.minimum(frames[:, 2:], box[2:]) - np.maximum(frames[:, :2], box[:2])  # (n, 2)
    gaps = np.hypot(*np.maximum(-shared, 0).T)
    return int(np.lexsort((-shared[:, 0], gaps))[0])
