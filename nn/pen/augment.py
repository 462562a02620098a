"""Augmentation: digits distorted at random each time they are seen, against overfitting.

    thickness   p ← p + a (max over the neighbours - p), or the min where a stroke gets thinner
    affine      (x, y) ← A (x, y) + t: rotation, slant, scale, shift
    elastic     (x, y) ← (x, y) + α G * noise: a random field, smoothed by a Gaussian

Affine and elastic distortion form one field of displacements, which is sampled bilinearly. A digit
takes some 25 microseconds.

Source: P. Simard, D. Steinkraus, J. Platt, "Best Practices for Convolutional Neural Networks
Applied to Visual Document Analysis", 2003. Where they smooth noise on every pixel, here it is on
every third pixel: the fields look the same and take less arithmetic.

`move` does the affine part alone, and nothing at random: to see what a network makes of it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nn.mnist import SIDE

ROTATION = 0.14  # standard deviations: of the angle, in radians,
SLANT = 0.16  # of the shear,
SCALE = 0.07  # of the logarithm of width and height,
SHIFT = 0.5  # of the shift, in pixels,
ELASTIC = 0.75  # and of each pixel's own displacement, in pixels
SMOOTHNESS = 4.0  # of the elastic field: the Gaussian's standard deviation, in pixels
THINNER, THICKER = -0.7, 0.9  # of the way to the neighbours' minimum or maximum
MARGIN = 2  # pixels of paper around an image

Images = NDArray[np.uint8]
Floats = NDArray[np.float32]


def distort(images: Images, *, rng: np.random.Generator, strength: float = 1.0) -> Images:
    """Distort each image at random, (n, 784) uint8.

    Parameters
    ----------
    images : (n, 784) uint8, ink 255; not changed
    strength : of all distortions: 0 for none, 1 for what suits handwriting
    """
    n = len(images)
    amounts = rng.uniform(strength * THINNER, strength * THICKER, n).astype(np.float32)
    x, y = _places(n, strength, rng)
    return _sample(_change_thickness(_on_paper(images), amounts), x, y).reshape(n, -1)


def move(
    images: Images,
    *,
    right: float = 0.0,
    down: float = 0.0,
    angle: float = 0.0,
    scale: float = 1.0,
) -> Images:
    """Scale and rotate each image about its middle, then shift it, all alike; (n, 784) uint8.

        p' = s R p + t

    What leaves the image is lost; what comes in is paper. Shifts by whole pixels are exact.

    Parameters
    ----------
    images : (n, 784) uint8, ink 255; not changed
    right, down : the shift t, in pixels
    angle : of the rotation R, in degrees clockwise
    scale : the factor s, above 0

    Raises
    ------
    ValueError
        `scale` is not above 0.
    """
    if not scale > 0:
        raise ValueError(f"expected a scale above 0, got {scale:g}; 1 leaves the size as it is")
    n = len(images)
    line = np.arange(SIDE) - (SIDE - 1) / 2
    x, y = (line[None, :] - right) / scale, (line[:, None] - down) / scale
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    places = (cos * x + sin * y, cos * y - sin * x)  # where the ink comes from: R is undone
    xs, ys = (np.broadcast_to(it.astype(np.float32), (n, SIDE, SIDE)) for it in places)
    return _sample(_on_paper(images), xs, ys).reshape(n, -1)


def _on_paper(images: Images) -> Images:
    """The images with a margin of paper around each, (n, 32, 32) uint8."""
    pictures = np.zeros((len(images), SIDE + 2 * MARGIN, SIDE + 2 * MARGIN), np.uint8)
    inner = slice(MARGIN, -MARGIN)
    pictures[:, inner, inner] = images.reshape(-1, SIDE, SIDE)
    return pictures


def _change_thickness(pictures: Images, amounts: Floats) -> Images:
    """Move each picture by its amount, in [-1, 1], towards its erosion (< 0) or dilation (> 0)."""
    changed = pictures.copy()
    for extreme, chosen in ((np.maximum, amounts > 0), (np.minimum, amounts < 0)):
        some = pictures[chosen]
        other = some.copy()
        for rows, columns in ((-1, 0), (1, 0), (0, -1), (0, 1)):  # wraps around within the margin
            extreme(other, np.roll(some, (rows, columns), axis=(1, 2)), out=other)
        share = np.rint(np.abs(amounts[chosen]) * 256).astype(np.int16)[:, None, None]
        step = (other.astype(np.int16) - some) * share.astype(np.int32) // 256
        changed[chosen] = (some + step).astype(np.uint8)
    return changed


def _places(n: int, strength: float, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Where each pixel's ink comes from: x and y, (n, 28, 28), from -14 to 14 about the middle."""
    draws = rng.standard_normal((6, n, 1, 1), dtype=np.float32) * np.float32(strength)
    angle, slant = ROTATION * draws[0], SLANT * draws[1]
    wide, high = np.exp(SCALE * draws[2]), np.exp(SCALE * draws[3])
    line = np.arange(SIDE, dtype=np.float32) - (SIDE - 1) / 2
    x, y = line[None, None, :], line[None, :, None]
    elastic = _smooth_fields(n, rng) * np.float32(strength * ELASTIC)
    cos, sin = np.cos(angle), np.sin(angle)
    xs = wide * (cos * x + (slant - sin) * y) + (SHIFT * draws[4] + elastic[0])
    ys = high * (sin * x + cos * y) + (SHIFT * draws[5] + elastic[1])
    return xs, ys


def _smooth_fields(n: int, rng: np.random.Generator) -> Floats:
    """Smooth noise of standard deviation 1, (2, n, 28, 28)."""
    nodes = np.arange(-6.0, SIDE + 6, 3)
    kernel = np.exp(-0.5 * ((np.arange(SIDE)[:, None] - nodes) / SMOOTHNESS) ** 2)
    kernel /= np.sqrt(np.square(kernel).sum(axis=1, keepdims=True))
    smooth = kernel.astype(np.float32)  # (28, nodes)
    noise = rng.standard_normal((2, n, len(nodes), len(nodes)), dtype=np.float32)
    fields: Floats = np.matmul(np.matmul(smooth, noise), smooth.T)
    return fields


def _sample(pictures: Images, x: Floats, y: Floats) -> Images:
    """The padded pictures' brightness at each place, interpolated bilinearly, (n, 28, 28)."""
    side = pictures.shape[1]
    middle, last = np.float32((side - 1) / 2), np.float32(side - 1.001)
    x, y = np.clip(x + middle, 0, last), np.clip(y + middle, 0, last)
    left, top = x.astype(np.int32), y.astype(np.int32)
    x -= left
    y -= top
    places = top * side + left
    places += (np.arange(len(pictures), dtype=np.int32) * side * side)[:, None, None]
    flat = pictures.reshape(-1)

    def row(first: int) -> Floats:
        start = flat.take(places + first).astype(np.float32)
        along: Floats = flat.take(places + (first + 1)).astype(np.float32)
        along -= start
        along *= x
        along += start
        return along

    upper, lower = row(0), row(side)
    lower -= upper
    lower *= y
    lower += upper
    lower += 0.5
    return lower.astype(np.uint8)
