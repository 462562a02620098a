"""Where on a drawing the evidence is, in words: nine places of the ink's bounding box."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nn.explain.attribution import PATCH
from nn.layers import Array
from nn.mnist import SIDE
from ui import i18n
from ui.view.heat import GRID, signed

NAMES = (
    *("top_left", "top", "top_right"),
    *("left", "middle", "right"),
    *("bottom_left", "bottom", "bottom_right"),
)
INKED = 0.1  # pixels with more ink belong to a stroke
SMALL = 0.05  # of the largest amount: less is not mentioned


def thirds(ink: Array) -> NDArray[np.intp]:
    """The place of each pixel as an index into NAMES, (784,), by thirds of the ink's box."""
    inked = ink.reshape(SIDE, SIDE) > INKED
    lines: list[NDArray[np.intp]] = []
    for profile in (inked.any(axis=1), inked.any(axis=0)):
        marked = np.flatnonzero(profile)
        low, high = (marked[0], marked[-1] + 1) if marked.size else (0, SIDE)
        share = (np.arange(SIDE) + 0.5 - low) / (high - low)
        lines.append(np.clip(share * 3, 0, 2).astype(np.intp))
    places: NDArray[np.intp] = (lines[0][:, None] * 3 + lines[1]).ravel()
    return places


def _sums(ink: Array, values: Array) -> NDArray[np.float64]:
    """The sum of the pixels' values in each place, (9,)."""
    return np.bincount(thirds(ink), values, minlength=9).astype(np.float64)


def why(a: int, b: int, ink: Array, shares: Array, emptiness: Array) -> str:
    """Why a and not b, in two or three sentences, from where the evidence is.

    Parameters
    ----------
    a, b : the digits
    ink, shares : (784,), the drawing, and what each pixel adds to z_a - z_b
    emptiness : (7, 7), what z_a - z_b loses when a patch is filled with ink
    """
    inked = _sums(ink, shares)
    reach = float(np.abs(inked).max(initial=0.0))
    sentences = []
    for digit, sign in ((a, 1.0), (b, -1.0)):
        place = int((sign * inked).argmax())
        value = float(sign * inked[place])
        if value <= 0 or value < SMALL * reach:
            sentences.append(i18n.say("NO_INK_SPEAKS", digit=digit))
        else:
            where, amount = i18n.PLACES[NAMES[place]], signed(sign * value)
            sentences.append(i18n.say("INK_SPEAKS", place=where, digit=digit, value=amount))
    empty = ink.reshape(GRID, PATCH, GRID, PATCH).max(axis=(1, 3)) < INKED
    spread = np.where(empty, emptiness, 0.0).repeat(PATCH, axis=0).repeat(PATCH, axis=1)
    blank = _sums(ink, spread.ravel() / PATCH**2)
    if blank.max() > 0:
        where = i18n.PLACES[NAMES[int(blank.argmax())]]
        sentences.append(i18n.say("EMPTY_SPEAKS", place=where, digit=b))
    return " ".join(sentences)
