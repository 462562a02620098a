"""Segmentation: the ink of a canvas, split into the marks that stand apart.

    components   pixels of ink that touch, corners included
    parts        components less than TALL of the tallest one's height: bars, dots, specks
    apart(a, b)  gap between their columns >= GAP * height, or
                 both as high as SPAN of the two together, columns shared <= SHARED of the narrower
    digits       tall components that are not apart are one digit
    signs        parts apart from every digit, or far below or above it: no digits, such as a point
    the rest     of the parts joins the nearest digit

So the loose bar of a 5, the two strokes of an open 4 (neither reaches from top to bottom) and the
two circles of an 8 stay together, while 77 is split even if the columns overlap, and the point of
3.14 is a mark of its own. Each row of a page (rows.py) is split by itself.

Components are found on runs (pixels in a row) instead of pixels: the smallest label spreads between
runs that touch until no label changes (Y. Shiloach and U. Vishkin, "An O(log n) parallel
connectivity algorithm", 1982). Out of scope: digits that touch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .preprocessing import EDGE, Floats, Mask, Sign
from .rows import TALL, TEXTURE, Indices, find_rows, merged, nearest

FAINT = 0.1  # the least ink that joins two pixels
GAP = 0.07  # of the height; the two strokes of a 4 are up to 0.03 apart
SPAN = 0.85  # of the height of two components together; the L of an open 4 has 0.7 to 0.8
SHARED = 0.5  # of the narrower one's columns
# Of a digit's height: how far from it a part is a sign. A bar at its top, as of a 5, is often far
# aside, and the circles of an 8 are up to 0.3 apart; at its foot there is nothing but a point.
BAR_GAP, FAR, FOOT_GAP = 0.3, 0.35, 0.15
FOOT = (0.75, 1.2)  # of a digit's height: where the middle of a point lies
MIDDLE = (0.25, 0.75)  # and that of a dash
POINT, FLAT = 0.35, 1.6  # of a digit's height, and of its own: the size of a point, of a dash
DUST, PALE = 0.7, 0.2  # of the strokes' width, and of full ink: less is no sign, but dust
MOST = 40  # digits on a page; more are read only in part
MOST_SIGNS = 40  # parts on a page that may be signs; of more, none is one


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


class Mark(NamedTuple):
    """What stands apart on a canvas."""

    ink: Floats  # (H, W) in [0, 1], the canvas without the other marks
    sign: Sign | None  # what it is instead of a digit; None where it may be one


class _Group(NamedTuple):
    """The components of a mark."""

    members: Indices
    box: Indices
    sign: Sign | None


def split_rows(ink: Floats) -> tuple[list[list[Mark]], int]:
    """Each mark, in rows from top to bottom, and the number of marks left out.

    Parameters
    ----------
    ink : (H, W) float32 in [0, 1], ink 1 on paper 0

    Returns
    -------
    rows : lists of marks from left to right
        One canvas per mark, without the others' ink; only `ink` itself, unchanged, if there is one
        mark, or a row of more than MOST digits, which is a pattern and not a number.
    left_out : int
        How many marks have no canvas: 0 of up to MOST digits; of more, those beyond the row of the
        largest ones, and all of them if that row has more than MOST itself. Of a texture, how many
        components are tall, since they are not joined to digits: that would take too long.
    """
    found = find_components(ink >= FAINT)
    row_of = find_rows(found.boxes)
    members = [np.flatnonzero(row_of == row) for row in range(int(row_of.max(initial=0)) + 1)]
    tall = [row[_tall(found.boxes[row])] for row in members]
    if max(map(len, tall)) > TEXTURE:
        return [[Mark(ink, None)]], sum(map(len, tall))
    pen = stroke_width(ink >= EDGE)
    may_be_sign = (found.boxes[:, 2:] - found.boxes[:, :2]).min(axis=1) >= DUST * pen
    may_be_sign[np.concatenate(tall)] = False
    # Of dots all over the page, none is a sign; to compare all pairs would take too long.
    may_be_sign &= np.count_nonzero(may_be_sign) <= MOST_SIGNS
    rows = [_marks(found, row, ink, pen, may_be_sign[row]) for row in members]
    count = sum(map(len, rows))
    if count < 2:
        return [[Mark(ink, None)]], 0
    if sum(map(_digits, rows)) > MOST:
        rows = [max(rows, key=_usual_height)]
    if sum(map(_digits, rows)) > MOST:
        return [[Mark(ink, None)]], count
    left_out = count - sum(map(len, rows))
    numbers = np.zeros(len(found.boxes), np.intp)
    for number, group in enumerate((group for row in rows for group in row), start=1):
        numbers[group.members] = number
    owner = found.paint(numbers, (ink.shape[0], ink.shape[1]))
    place = iter(range(1, count + 1))
    marks = [
        [
            Mark(_only(ink, owner, next(place), _around(*found.boxes[group.members])), group.sign)
            for group in row
        ]
        for row in rows
    ]
    return marks, left_out


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


def _marks(
    found: Components, row: Indices, ink: Floats, pen: float, may_be_sign: Mask
) -> list[_Group]:
    """The marks of a row of components, from the left; strokes are as wide as the pen."""
    boxes = found.boxes[row]
    tall = _tall(boxes)
    frames, members = merged(list(boxes[tall]), apart=_apart, together=_around)
    digits, joined = np.array(frames), [list(tall[group]) for group in members]
    loose: list[int] = []
    for part in np.setdiff1d(np.arange(len(boxes)), tall).tolist():
        box, place = boxes[part], nearest(boxes[part], digits)
        if (
            may_be_sign[part]
            and not _is_dust(ink[box[1] : box[3], box[0] : box[2]], pen)
            and (
                _is_beside(box, digits)
                or _is_far(box, digits[place], found, row[tall], ink.shape[1])
            )
        ):
            loose.append(part)
        else:
            joined[place].append(part)
    groups = [_Group(row[group], frame, None) for group, frame in zip(joined, digits, strict=True)]
    signs, members = merged([boxes[part] for part in loose], apart=_no_columns, together=_around)
    for box, group in zip(signs, members, strict=True):
        sign = _sign(box, digits[nearest(box, digits)]) if len(group) == 1 else "other"
        groups.append(_Group(row[[loose[member] for member in group]], box, sign))
    return sorted(groups, key=lambda group: int(group.box[[0, 2]].sum()))


def _digits(row: list[_Group]) -> int:
    """How many digits a row has, signs not counted."""
    return sum(group.sign is None for group in row)


def _usual_height(row: list[_Group]) -> float:
    """The median height of a row's digits, in pixels."""
    frames = np.array([group.box for group in row if group.sign is None])
    return float(np.median(frames[:, 3] - frames[:, 1]))


def _is_dust(ink: Floats, pen: float) -> bool:
    """Whether a part, cropped, is thinner than strokes are, or hardly ink."""
    core = ink >= max(float(ink.max()) / 2, PALE)
    return min(int(core.any(axis=axis).sum()) for axis in (0, 1)) < DUST * pen


def _is_beside(part: Indices, digits: Indices) -> bool:
    """Whether a part's columns are apart from those of all digits, (n, 4)."""
    gaps = np.maximum(digits[:, 0] - part[2], part[0] - digits[:, 2])
    bar = part[2] - part[0] > part[3] - part[1]
    least = [BAR_GAP if bar and _middle(part, digit) < MIDDLE[0] else GAP for digit in digits]
    return bool((gaps >= np.array(least) * (digits[:, 3] - digits[:, 1])).all())


def _is_far(part: Indices, digit: Indices, found: Components, tall: Indices, width: int) -> bool:
    """Whether a part is far above or below the nearest digit, or at its foot but off its ink."""
    height = (found.boxes[tall, 3] - found.boxes[tall, 1]).max()
    if max(digit[1] - part[3], part[1] - digit[3]) >= FAR * height:
        return True
    if not FOOT[0] <= _middle(part, digit) <= FOOT[1]:
        return False
    left, top, right, bottom = part + np.array([-1, -1, 1, 1]) * round(FOOT_GAP * height)
    ink = np.isin(found.labels, tall)
    lines, first = np.divmod(found.starts[ink], width + 2)  # a pixel to the right
    last = first + found.ends[ink] - found.starts[ink]
    near = (lines >= top) & (lines < bottom) & (first - 1 < right) & (last - 1 > left)
    return not near.any()


def _no_columns(a: Indices, b: Indices) -> bool:
    """Whether two boxes share no columns."""
    return bool(min(a[2], b[2]) <= max(a[0], b[0]))


def _sign(box: Indices, digit: Indices) -> Sign:
    """What a part is beside its nearest digit, where that is certain."""
    across, down, height = box[2] - box[0], box[3] - box[1], digit[3] - digit[1]
    middle = _middle(box, digit)
    if max(across, down) <= POINT * height and FOOT[0] <= middle <= FOOT[1]:
        return "point"
    if across >= FLAT * down and MIDDLE[0] <= middle <= MIDDLE[1]:
        return "dash"
    return "other"


def _middle(box: Indices, digit: Indices) -> float:
    """How far down a digit, 0 to 1, the middle of a box lies; less above it, more below it."""
    return float((box[1] + box[3]) / 2 - digit[1]) / float(digit[3] - digit[1])


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


def stroke_width(core: Mask) -> float:
    """The width of strokes in all directions, in pixels, by their area and outline."""
    edges = sum(int(np.diff(core, axis=axis).sum()) for axis in (0, 1))  # pixels in and out
    return 8 / np.pi * int(core.sum()) / max(edges, 1)


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
