"""Where on a drawing something lies, in words: nine places of the ink's own box.

Calls nothing of Streamlit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nn.explain import PATCH
from nn.layers import Array
from nn.preprocess import SIDE
from ui import texts

from .heat import GRID, signed

NAMES = (
    *("top_left", "top", "top_right"),
    *("left", "middle", "right"),
    *("bottom_left", "bottom", "bottom_right"),
)
INKED = 0.1  # a pixel with more is part of a stroke
SMALL = 0.05  # of the largest amount: less is not worth a sentence


@dataclass(frozen=True)
class Amount:
    """How much lies in one of the nine places.

    Attributes
    ----------
    place : one of NAMES
    value : its sum
    """

    place: str
    value: float


def thirds(ink: Array) -> NDArray[np.intp]:
    """Which of the nine places each pixel is in, (784,) int, by thirds of the ink's box."""
    inked = ink.reshape(SIDE, SIDE) > INKED
    lines: list[NDArray[np.intp]] = []
    for profile in (inked.any(axis=1), inked.any(axis=0)):
        marked = np.flatnonzero(profile)
        low, high = (marked[0], marked[-1] + 1) if marked.size else (0, SIDE)
        share = (np.arange(SIDE) + 0.5 - low) / (high - low)
        lines.append(np.clip(share * 3, 0, 2).astype(np.intp))
    places: NDArray[np.intp] = (lines[0][:, None] * 3 + lines[1]).ravel()
    return places


def by_place(ink: Array, values: Array) -> NDArray[np.float64]:
    """The sum of pixels' values in each place, (9,)."""
    return np.bincount(thirds(ink), values, minlength=9).astype(np.float64)


def emptiness_by_place(ink: Array, values: Array) -> NDArray[np.float64]:
    """The sum of empty patches' values in each place, (9,); around the ink's box too.

    Parameters
    ----------
    ink : (784,)
    values : (7, 7), what s loses when a patch is filled
    """
    empty = ink.reshape(GRID, PATCH, GRID, PATCH).max(axis=(1, 3)) < INKED
    spread = np.where(empty, values, 0.0).repeat(PATCH, axis=0).repeat(PATCH, axis=1)
    return by_place(ink, spread.ravel() / PATCH**2)


def largest(amounts: Array) -> Amount | None:
    """The place with the most; None where nothing is above zero."""
    place = int(amounts.argmax())
    return Amount(NAMES[place], float(amounts[place])) if amounts[place] > 0 else None


def why(a: int, b: int, ink: Array, shares: Array, emptiness: Array) -> str:
    """Why a and not b, in up to three sentences, from where the shares lie.

    Parameters
    ----------
    a, b : the digits
    ink, shares : (784,), the drawing and what each pixel adds to a's lead over b
    emptiness : (7, 7), what the lead loses when a patch is filled with ink
    """
    inked = by_place(ink, shares)
    best, worst = largest(inked), largest(-inked)
    reach = float(np.abs(inked).max(initial=0.0))
    sentences = []
    for found, digit, value in ((best, a, 1.0), (worst, b, -1.0)):
        if found is None or found.value < SMALL * reach:
            sentences.append(texts.say("NO_INK_SPEAKS", digit=digit))
        else:
            where, amount = texts.PLACES[found.place], signed(value * found.value)
            sentences.append(texts.say("INK_SPEAKS", place=where, digit=digit, value=amount))
    blank = largest(emptiness_by_place(ink, emptiness))
    if blank is not None:
        sentences.append(texts.say("EMPTY_SPEAKS", place=texts.PLACES[blank.place], digit=b))
    return " ".join(sentences)
