"""From a canvas to the network's input: crop to the ink, fit and centre, as MNIST was made.

    paper    = the canvas's most frequent colour
    ink      = distance from the paper's colour, as a share of full ink's, in [0, 1]
    scale    = 20 / the longer side of the ink's bounding box
    centre   = the ink's centre of mass, to the middle of the 28 x 28

Cropping, fitting and centring are one resampling with an area filter, whose box may fall between
pixels; so a digit moved by a fraction of a pixel gives nearly the same input. The digits of the
synthetic pen, on which networks train, are preprocessed by the same functions.

Source: LeCun's MNIST page, "fit in a 20 x 20 pixel box while preserving their aspect ratio ...
centered in a 28 x 28 image by computing the center of mass of the pixels". Out of scope: several
digits on one canvas (segmentation.py), photographs in uneven light (photo.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nn.mnist import SIDE

FITTED = 20  # the longer side of the digit in it
NOISE = 12.0  # smaller colour distances are paper; black and white are some 440 apart
CONTRAST = 24.0  # the least distance of full ink from the paper
EDGE = 0.5  # the ink at a stroke's edge
SAMPLED = 176  # rows and columns of a canvas that are enough to find its paper's colour

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]
Sign = Literal["point", "dash", "other"]  # a mark that is no digit: also a comma, a minus sign


@dataclass(frozen=True)
class Preprocessing:
    """The steps from a drawing to the network's input."""

    ink: Floats  # (H, W) in [0, 1], the whole canvas, ink 1 on paper 0
    box: tuple[float, float, float, float]  # left, top, right, bottom of the ink, in canvas pixels
    centre: tuple[float, float]  # x, y of the ink's centre of mass, in canvas pixels
    scale: float  # of the digit in the input; below 1 it was reduced
    input: Floats  # (784,) in [0, 1]
    sign: Sign | None = None  # what it is instead of a digit, by its size and place beside others

    @property
    def cropped(self) -> Floats:
        """The canvas within the box, to whole pixels, (h, w)."""
        left, top, right, bottom = self.box
        rows = slice(int(top), int(np.ceil(bottom)))
        return self.ink[rows, int(left) : int(np.ceil(right))]


def canvas_to_input(rgba: Pixels) -> Floats | None:
    """The network's input for a canvas.

    Parameters
    ----------
    rgba : (H, W, 4) uint8, of any size, with ink and paper of any two colours

    Returns
    -------
    (784,) float32 in [0, 1], ink 1; None when there is no ink

    Raises
    ------
    ValueError
        `rgba` is not (H, W, 4) uint8.
    """
    steps = preprocess(rgba)
    return None if steps is None else steps.input


def preprocess(rgba: Pixels) -> Preprocessing | None:
    """`canvas_to_input` with all its steps; None when there is no ink."""
    rgba = np.asarray(rgba)
    if rgba.ndim != 3 or rgba.shape[2] != 4 or rgba.dtype != np.uint8:
        raise ValueError(
            f"expected a canvas of shape (H, W, 4) uint8, got {rgba.shape} {rgba.dtype}; "
            "convert another image with Pillow's convert('RGBA')"
        )
    ink = find_ink(rgba)
    return None if ink is None else preprocess_ink(ink)


def preprocess_ink(ink: Floats) -> Preprocessing:
    """The network's input for the ink of one digit, with all steps.

    Parameters
    ----------
    ink : (H, W) float32 in [0, 1], ink 1 on paper 0, at least EDGE somewhere

    Raises
    ------
    ValueError
        `ink` has another shape, or is below EDGE everywhere.
    """
    if ink.ndim != 2 or ink.max(initial=0.0) < EDGE:
        raise ValueError(
            f"expected ink of shape (H, W) with {EDGE:g} or more somewhere, got shape {ink.shape} "
            f"with at most {ink.max(initial=0.0):.3f}; find_ink returns None for blank paper"
        )
    box = _bounding_box(ink)
    left, top, right, bottom = box
    scale = FITTED / max(right - left, bottom - top)
    centre = _centre_of_mass(ink)
    return Preprocessing(ink, box, centre, scale, _resample(ink, centre, scale))


def find_ink(rgba: Pixels) -> Floats | None:
    """How much of each pixel is ink, (H, W) float32 in [0, 1]; None when there is none."""
    if rgba.size == 0:
        return None
    colour = premultiplied(rgba)
    step = max(min(rgba.shape[:2]) // SAMPLED, 1)
    paper = frequent_colour(colour[::step, ::step])
    return share_of_ink(distance_from(paper, colour))


def premultiplied(rgba: Pixels) -> Floats:
    """The colours multiplied by alpha, so that transparent paper is a colour like any other."""
    colour = rgba.astype(np.float32)
    if rgba[..., 3].min() < 255:
        colour[..., :3] *= colour[..., 3:] / 255.0
    return colour


def distance_from(paper: Floats, colour: Floats) -> Floats:
    """How far each pixel's colour, (H, W, 4), is from the paper's, (4,); (H, W) float32."""
    squares = np.zeros(colour.shape[:2], np.float32)
    for channel, of_paper in enumerate(paper):
        squares += np.square(colour[..., channel] - of_paper)
    return np.sqrt(squares)


def frequent_colour(colour: Floats) -> Floats:
    """The most frequent colour, (4,): the mode of coarse bins, then the mean within."""
    channels = colour.reshape(-1, 4).T
    codes = np.zeros(channels.shape[1], np.uint16)
    for channel in channels:
        codes <<= 4
        codes |= channel.astype(np.uint16) >> 4  # 16 levels per channel
    within = codes == np.bincount(codes).argmax()
    return np.array([channel[within].mean() for channel in channels], np.float32)


def share_of_ink(distance: Floats, noise: float = NOISE) -> Floats | None:
    """`find_ink` from the distances; those below `noise` count as paper."""
    distance = np.where(distance < noise, np.float32(0.0), distance)
    marked = distance[distance > 0]
    if marked.size == 0:
        return None
    full = float(np.percentile(marked, 90))  # the rest are edges and specks
    if full < CONTRAST:
        return None
    ink: Floats = np.minimum(distance / np.float32(full), np.float32(1.0))
    return ink


def shrink(ink: Floats) -> Floats:
    """The whole canvas shrunk to 28 x 28 without preprocessing, (784,) float32, to compare with."""
    image = Image.fromarray(ink).resize((SIDE, SIDE), Image.Resampling.BOX)
    return np.clip(np.asarray(image, np.float32), 0.0, 1.0).reshape(-1)


def _bounding_box(ink: Floats) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of the ink in pixels: where its profile crosses EDGE."""
    left, right = _extent(ink.max(axis=0))
    top, bottom = _extent(ink.max(axis=1))
    return left, top, right, bottom


def _extent(profile: Floats) -> tuple[float, float]:
    """Where the profile, linear between pixel centres, first and last crosses EDGE."""
    first, last = np.flatnonzero(profile >= EDGE)[[0, -1]]
    padded = np.concatenate([[0.0], profile, [0.0]])  # profile[i] is padded[i + 1]
    rise = (EDGE - padded[first]) / (padded[first + 1] - padded[first])
    fall = (padded[last + 1] - EDGE) / (padded[last + 1] - padded[last + 2])
    return float(first - 0.5 + rise), float(last + 0.5 + fall)


def _centre_of_mass(ink: Floats) -> tuple[float, float]:
    """x and y, in pixels from the canvas's left and top edges."""
    total = ink.sum(dtype=np.float64)
    height, width = ink.shape
    x = ink.sum(axis=0, dtype=np.float64) @ (np.arange(width) + 0.5) / total
    y = ink.sum(axis=1, dtype=np.float64) @ (np.arange(height) + 0.5) / total
    return float(x), float(y)


def _resample(ink: Floats, centre: tuple[float, float], scale: float) -> Floats:
    """The 28 x 28 around `centre` at `scale`, by area averages; flat, in [0, 1]."""
    (height, width), (x, y) = ink.shape, centre
    rows, columns = _line_filter(height, y, scale), _line_filter(width, x, scale)
    image: Floats = np.matmul(np.matmul(rows, ink), columns.T)
    return np.clip(image, 0.0, 1.0).reshape(-1)


def _line_filter(length: int, centre: float, scale: float) -> Floats:
    """The weights of `length` canvas pixels in each of the 28 pixels of a row, (28, length).

    They form a triangle around each of the 28 pixels, as wide as its neighbours' centres, or those
    of the canvas pixels where these are larger.
    """
    reach = max(1.0, scale)  # in pixels of the 28
    margin = int(np.ceil((SIDE / 2 + reach) / scale)) + 1  # beyond the canvas is paper
    pixels = (np.arange(-margin, length + margin) + 0.5 - centre) * scale + SIDE / 2
    distance = np.abs(pixels - (np.arange(SIDE)[:, None] + 0.5))
    weights = np.maximum(1.0 - distance / reach, 0.0)
    weights /= weights.sum(axis=1, keepdims=True)
    return weights[:, margin : margin + length].astype(np.float32)
