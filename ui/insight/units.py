"""One hidden unit in words and pictures. Calls nothing of Streamlit."""

from __future__ import annotations

import html
from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from nn.layers import Array
from nn.preprocess import SIDE
from ui import figures, texts

from . import heat

Key = tuple[int, int]  # a unit: its layer, counted from 1, and its place, counted from 0
NAMED = 4  # units that are off; of more the number is told


def name(key: Key) -> str:
    """A unit as the page calls it."""
    return texts.say("UNIT", unit=key[1], layer=key[0])


def names_off(off: Collection[Key]) -> str:
    """Which units are off, in one line."""
    if not off:
        return str(texts.NONE_OFF)
    names = [name(key) for key in sorted(off)]
    if len(names) > NAMED:
        return texts.say("MANY_OFF", names=", ".join(names[:NAMED]), count=len(names) - NAMED)
    return texts.say("OFF", names=", ".join(names))


def legend(digit: int) -> str:
    """What the two kinds of lines mean."""
    says = [texts.say("LINE_FOR", digit=digit), texts.say("LINE_AGAINST", digit=digit)]
    return (
        f'<div class="lines"><span class="for">{html.escape(says[0])}</span>'
        f'<span class="against">{html.escape(says[1])}</span></div>'
    )


def detail(
    key: Key,
    *,
    output: float,
    share: float,
    digit: int,
    wanted: Array,
    exciting: Sequence[tuple[NDArray[np.uint8], int, float]],
    looked_through: int,
) -> str:
    """A unit: what it looks for, what it says of this drawing, and what excites it most.

    Parameters
    ----------
    key, output, share, digit : the unit, what it puts out and adds to the score of which digit
    wanted : (784,)
    exciting : images (784,) uint8 with their label and what the unit puts out for them
    looked_through : among how many images these were found
    """
    says = texts.say(
        "UNIT_SAYS",
        output=texts.decimal(output, 2),
        share=heat.signed(share, 2),
        digit=digit,
    )
    how = texts.WANTED_FIRST if key[0] == 1 else texts.WANTED_DEEPER
    images = "".join(
        f'<li><img src="{_picture(image)}" alt="{label}">{texts.decimal(value, 1)}</li>'
        for image, label, value in exciting
    )
    excites = texts.say("EXCITING", count=texts.count(looked_through))
    return (
        f"{figures.heading(name(key).capitalize())}"
        f'<div class="unit-of"><div class="wanted"><img src="{heat.tile(wanted)}" '
        f'alt="{html.escape(texts.WANTED)}"><p>{html.escape(says)}<br>'
        f'<span class="small">{html.escape(how)}</span></p></div>'
        f'<p class="small">{html.escape(excites)}</p><ol class="exciting">{images}</ol></div>'
    )


def _picture(image: NDArray[np.uint8]) -> str:
    return figures.png(image.reshape(SIDE, SIDE) / 255)
