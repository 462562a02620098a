"""A synthetic pen: draws digits, in styles of handwriting that MNIST lacks.

MNIST has no crossed 7 and no slashed 0, and a network that never saw such styles cannot read them.
Each style is a skeleton, a line of text in `skeletons.txt`. For one digit

    its control points, and its strokes, are moved a little
    → joined by a smooth curve between corners, which may be softened
    → bent, squeezed, slanted and rotated; with ends too long or too short, and a tremor
    → drawn with a round pen that may taper, and preprocessed by `canvas_to_input`

Non-digits (letters and symbols from `nondigits.txt`, scribbles, digits run together) are drawn the
same way, so that a network can learn to refuse them.

Source: E. Catmull, R. Rom, "A class of local interpolating splines", 1974, with the knots of
P. Barry, R. Goldman, 1988. Out of scope: training on the digits (batches.py).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw

from nn.drawing.preprocessing import Pixels, canvas_to_input
from nn.mnist import CLASSES, PIXELS, SIDE, Dataset

from .skeletons import DIGITS, NONDIGITS, NOT_A_DIGIT, SKELETONS, Skeleton, load_skeletons

# Lengths are in per cent of a skeleton's size, unless they are in pixels.
SPACING = 5.0  # of the points along a curve
PEN = (0.045, 0.22)  # width of the pen, as a share of the digit's longer side
KINDS = {"sign": 0.55, "scribble": 0.13, "pair": 0.32}  # of non-digits, with their shares
GAPS = (-20.0, 15.0)  # between two digits run together, where they are nearest
BESIDE = 8.0  # difference in height up to which two points are side by side
ASIDE = 25.0  # the least distance of two digits' middles
BODY = 48  # the longer side of a digit on its canvas, in pixels
FINE = 2  # sub-pixels per pixel, averaged
COLUMNS, NAME_WIDTH = 24, 220  # of a contact sheet: samples per row, pixels for the style's name

Points = NDArray[np.float64]


def write_digits(
    n: int,
    *,
    rng: np.random.Generator,
    labels: ArrayLike | None = None,
    skeletons: Sequence[Skeleton] | None = None,
) -> Dataset:
    """Write n digits and preprocess them for the network.

    Parameters
    ----------
    labels : (n,) integers from 0 to 9; uniformly random by default
    skeletons : to choose from; those of `skeletons.txt` by default
    """
    chosen = rng.integers(CLASSES, size=n) if labels is None else np.asarray(labels)
    if chosen.shape != (n,) or (n and (chosen.min() < 0 or chosen.max() >= CLASSES)):
        raise ValueError(f"expected {n} labels from 0 to 9, got {chosen.shape}: {chosen}")
    styles = _by_label(_shipped(SKELETONS, DIGITS) if skeletons is None else tuple(skeletons))
    images = np.empty((n, PIXELS), np.uint8)
    for i, label in enumerate(chosen):
        of_label = styles[str(label)]
        images[i] = _written(_by_hand(of_label[rng.integers(len(of_label))], rng), rng)
    return Dataset(images, chosen.astype(np.uint8))


def write_nondigits(
    n: int, *, rng: np.random.Generator, kinds: Sequence[str] = tuple(KINDS)
) -> NDArray[np.uint8]:
    """Write n non-digits, (n, 784) uint8, ink 255: letters, symbols, scribbles, joined digits.

    Of the `kinds`, each is as frequent as its share in KINDS.
    """
    signs = _shipped(NONDIGITS, (NOT_A_DIGIT,))
    digits = _shipped(SKELETONS, DIGITS)
    up_to = np.cumsum([KINDS[kind] for kind in kinds])
    images = np.empty((n, PIXELS), np.uint8)
    for i in range(n):
        kind = kinds[int(np.argmax(rng.random() * up_to[-1] < up_to))]
        if kind == "sign":
            strokes = _by_hand(signs[rng.integers(len(signs))], rng)
        elif kind == "scribble":
            strokes = _by_hand(_scribble(rng), rng)
        else:
            strokes = _run_together(digits, rng)
        images[i] = _written(strokes, rng)
    return images


def write_style(skeleton: Skeleton, *, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Write one skeleton once, (784,) uint8, ink 255."""
    return _written(_by_hand(skeleton, rng), rng)


def contact_sheet(skeletons: Sequence[Skeleton], *, rng: np.random.Generator) -> Image.Image:
    """An image with a row per skeleton: its name, then samples."""
    sheet = Image.new("L", (NAME_WIDTH + COLUMNS * SIDE, len(skeletons) * SIDE))
    brush = ImageDraw.Draw(sheet)
    for row, skeleton in enumerate(skeletons):
        brush.text((4, row * SIDE + 8), f"{skeleton.label} {skeleton.style}", fill=255)
        for column in range(COLUMNS):
            sample = write_style(skeleton, rng=rng).reshape(SIDE, SIDE)
            sheet.paste(Image.fromarray(sample), (NAME_WIDTH + column * SIDE, row * SIDE))
    return sheet


@lru_cache(maxsize=8)
def _shipped(path: Path, labels: tuple[str, ...]) -> tuple[Skeleton, ...]:
    return load_skeletons(path, labels=labels)


@lru_cache(maxsize=8)
def _by_label(skeletons: tuple[Skeleton, ...]) -> dict[str, list[Skeleton]]:
    styles: dict[str, list[Skeleton]] = {}
    for skeleton in skeletons:
        styles.setdefault(skeleton.label, []).append(skeleton)
    return styles


def _scribble(rng: np.random.Generator) -> Skeleton:
    """One to three strokes through random points."""
    strokes = []
    for _ in range(rng.integers(1, 4)):
        points = rng.uniform(0, 100, (rng.integers(5, 16), 2))
        corners = rng.random(len(points)) < rng.choice([0.0, 0.5, 1.0])
        strokes.append(tuple((x, y, bool(c)) for (x, y), c in zip(points, corners, strict=True)))
    return Skeleton(NOT_A_DIGIT, "scribble", tuple(strokes))


def _run_together(digits: tuple[Skeleton, ...], rng: np.random.Generator) -> list[Points]:
    """Two digits side by side that cross, touch, or nearly touch."""
    while True:
        left, right = (_by_hand(digits[rng.integers(len(digits))], rng) for _ in range(2))
        a, b = np.concatenate(left), np.concatenate(right)
        b += np.array([0.0, rng.normal(0, 6)])
        beside = np.abs(a[:, None, 1] - b[None, :, 1]) < BESIDE  # (m of a, m of b)
        if not beside.any():
            continue
        nearest = (b[None, :, 0] - a[:, None, 0])[beside].min()
        b += np.array([rng.uniform(*GAPS) - nearest, 0.0])
        # Nearer together they could form one digit, as a 0 and a 1 form a slashed 0.
        if b[:, 0].mean() - a[:, 0].mean() >= ASIDE:
            return [*left, *np.split(b, np.cumsum([len(stroke) for stroke in right])[:-1])]


@dataclass(frozen=True)
class _Curves:
    """A skeleton as a linear map: control points (k, 2) → points along its curves (m, 2).

    Catmull and Rom's curve is linear in its control points for fixed knots. The knots are those of
    the skeleton before its points are moved.
    """

    controls: Points  # (k, 2)
    stroke_of: NDArray[np.intp]  # (k,), the stroke of each control point
    cornered: Points  # (m, k)
    rounded: Points  # (m, k), the same with no corners
    ends: tuple[int, ...]  # where each stroke's points end, of m


@lru_cache(maxsize=1024)
def _curves(skeleton: Skeleton) -> _Curves:
    controls = np.array([point[:2] for stroke in skeleton.strokes for point in stroke])
    cornered: list[Points] = []
    rounded: list[Points] = []
    ends: list[int] = []
    first = 0
    for stroke in skeleton.strokes:
        points = controls[first : first + len(stroke)]
        corners = [i for i in range(1, len(stroke) - 1) if stroke[i][2]]
        for rows, turns in ((cornered, corners), (rounded, list[int]())):
            block = np.zeros((0, len(controls)))
            for start, stop in pairwise([0, *turns, max(len(stroke) - 1, 0)]):
                piece = _catmull_rom(points[start : stop + 1])
                wide = np.zeros((len(piece), len(controls)))
                wide[:, first + start : first + stop + 1] = piece
                block = np.concatenate([block, wide[1:] if len(block) else wide])
            rows.append(block)
        ends.append((ends[-1] if ends else 0) + len(cornered[-1]))
        first += len(stroke)
    stroke_of = np.repeat(np.arange(len(skeleton.strokes)), [len(s) for s in skeleton.strokes])
    return _Curves(
        controls, stroke_of, np.concatenate(cornered), np.concatenate(rounded), tuple(ends)
    )


def _catmull_rom(points: Points) -> Points:
    """The weights (m, k) of the control points (k, 2) in points along their smooth curve."""
    k = len(points)
    if k < 2:
        return np.eye(k)
    chords = np.linalg.norm(np.diff(points, axis=0), axis=1)
    knots = np.concatenate([[0.0], np.cumsum(np.sqrt(chords))])
    weights = np.eye(k)
    # One more control point at each end, mirrored, so that the curve reaches the ends.
    weights = np.stack([2 * weights[0] - weights[1], *weights, 2 * weights[-1] - weights[-2]])
    knots = np.array([2 * knots[0] - knots[1], *knots, 2 * knots[-1] - knots[-2]])
    rows = [weights[1:2]]
    for i, chord in enumerate(chords, 1):
        count = max(math.ceil(chord / SPACING), 1)
        t = np.linspace(knots[i], knots[i + 1], count + 1)[1:, None]
        p0, p1, p2, p3 = weights[i - 1 : i + 3]
        t0, t1, t2, t3 = knots[i - 1 : i + 3]
        a1, a2, a3 = _lerp(p0, p1, t0, t1, t), _lerp(p1, p2, t1, t2, t), _lerp(p2, p3, t2, t3, t)
        b1, b2 = _lerp(a1, a2, t0, t2, t), _lerp(a2, a3, t1, t3, t)
        rows.append(_lerp(b1, b2, t1, t2, t))
    return np.concatenate(rows)


def _lerp(a: Points, b: Points, low: float, high: float, t: Points) -> Points:
    """Linear interpolation from `a` at t = low to `b` at t = high."""
    share = (t - low) / (high - low)
    return a + share * (b - a)


def _by_hand(skeleton: Skeleton, rng: np.random.Generator) -> list[Points]:
    """A random handwritten version of a skeleton: its strokes, each (m, 2), in per cent."""
    curves = _curves(skeleton)
    unsteady = rng.uniform(0.5, 1.5)  # some hands are steadier than others
    controls = curves.controls + rng.normal(0, 3.0 * unsteady, curves.controls.shape)
    strokes = len(curves.ends)
    if strokes > 1:
        controls += rng.normal(0, 3.5 * unsteady, (strokes, 2))[curves.stroke_of]
    softness = max(rng.uniform(-0.6, 1.0), 0.0)
    points = curves.cornered @ controls
    points += softness * (curves.rounded @ controls - points)

    # Shape: x and y from -1 to 1 about the middle, bent and squeezed.
    low, high = points.min(axis=0), points.max(axis=0)
    half = np.maximum((high - low) / 2, 10.0)
    x, y = ((points - (low + high) / 2) / half).T
    warp = rng.normal(0, 1, 6) * (0.10, 0.08, 0.10, 0.07, 0.05, 0.05)
    y = y + warp[0] * (1 - y * y)  # the upper or the lower half grows
    x = x * (1 + warp[1] * y) + warp[2] * (1 - y * y) + warp[3] * (1 - x * x)
    y = y * (1 + warp[4] * x) + warp[5] * (1 - x * x)
    points = np.stack([x, y], axis=1) * half

    # Pose: aspect, slant, rotation.
    aspect = math.exp(rng.normal(0, 0.16))
    slant = rng.normal(0.06, 0.18)
    angle = rng.normal(0, 0.12)
    cos, sin = math.cos(angle), math.sin(angle)
    pose = np.array([[aspect, 0.0], [-slant, 1.0]]) @ np.array([[cos, sin], [-sin, cos]])
    points = points @ pose

    pieces = np.split(points, curves.ends[:-1])
    shake = rng.uniform(0, 1.2)
    return [_tremor(_ends(piece, unsteady, rng), shake, rng) for piece in pieces]


def _ends(stroke: Points, unsteady: float, rng: np.random.Generator) -> Points:
    """The stroke with each end a little too long or too short."""
    if len(stroke) < 4:
        return stroke
    for past in rng.normal(0.5, 4.0 * unsteady, 2):
        stroke = stroke[::-1]  # to the other end; reversed twice in all
        drop = min(round(-past / SPACING), len(stroke) // 5)
        if drop > 0:
            stroke = stroke[:-drop]
        elif past > 1:
            direction = stroke[-1] - stroke[-3]
            length = math.hypot(*direction) or 1.0
            stroke = np.concatenate([stroke, stroke[-1:] + direction * (past / length)])
    return stroke


def _tremor(stroke: Points, shake: float, rng: np.random.Generator) -> Points:
    noise = rng.normal(0, shake, (len(stroke) + 2, 2))
    smooth: Points = stroke + (noise[:-2] + noise[1:-1] + noise[2:]) / 2
    return smooth


def _written(strokes: Sequence[Points], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Strokes drawn and preprocessed, (784,) uint8."""
    vector = canvas_to_input(_draw(strokes, rng))
    if vector is None:
        raise ValueError("expected strokes with ink, got none")
    return np.rint(vector * 255).astype(np.uint8)


def _draw(strokes: Sequence[Points], rng: np.random.Generator) -> Pixels:
    """Strokes on a canvas of their size, (H, W, 4) uint8, white on black."""
    every = np.concatenate(strokes)
    low, high = every.min(axis=0), every.max(axis=0)
    size = max(float((high - low).max()), 20.0)
    scale = BODY * FINE / size
    pen = rng.uniform(*PEN) * BODY * FINE
    margin = pen + 3 * FINE
    width, height = (math.ceil(span / FINE) * FINE for span in (high - low) * scale + 2 * margin)
    image = Image.new("L", (width, height))
    brush = ImageDraw.Draw(image)
    taper = rng.normal(0, 0.2) if rng.random() < 0.5 else 0.0
    for stroke in strokes:
        points = ((stroke - low) * scale + margin).tolist()
        radii = pen / 2 * np.clip(1 + taper * np.linspace(-1, 1, len(points)), 0.5, 1.5)
        before = None
        for (x, y), r in zip(points, radii.tolist(), strict=True):
            if before is not None:
                brush.line((*before, x, y), fill=255, width=round(2 * r))
            brush.ellipse((x - r, y - r, x + r, y + r), fill=255)
            before = (x, y)
    ink = np.asarray(image.reduce(FINE))
    canvas = np.repeat(ink[:, :, None], 4, axis=2)
    canvas[..., 3] = 255
    return canvas
