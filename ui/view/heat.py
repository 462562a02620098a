"""Heat maps of evidence: blue for, orange against, in both themes, as the slate is dark in both.

Plus and minus signs say the same for those who cannot tell the hues apart.
"""

from __future__ import annotations

import html
from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from nn.explain.attribution import PATCH
from nn.layers import Array
from nn.mnist import SIDE
from ui import i18n

from .elements import INK, SLATE, data_url

FOR, AGAINST = np.array([91, 157, 255]), np.array([255, 128, 77])
DIM = 0.42  # opacity of the ink under the colours
MARKED = 0.3  # of the largest value: pixels above it get a sign
WRITTEN = 0.04  # of the largest value: patches above it show their number
GRID = SIDE // PATCH
FINE = 10  # scale of a picture with signs
ACROSS, ALONG = slice(4, 6), slice(2, 8)  # width and length of a sign's bar in such a pixel


def signed(value: float, decimals: int = 1) -> str:
    """A number with a plus or a true minus, +3.1 or −0.8; no sign where it rounds to 0."""
    figure = i18n.decimal(abs(value), decimals)
    if round(value, decimals) == 0:
        return figure
    return ("−" if value < 0 else "+") + figure


def coloured(values: Array, under: Array | None = None) -> NDArray[np.floating]:
    """Colours of (H, W) values, (H, W, 3) from 0 to 255; the largest gets the full hue.

    Parameters
    ----------
    values : of any scale; 0 is transparent
    under : ink in [0, 1], (H, W), dimmed below the colours; none by default
    """
    reach = float(np.abs(values).max(initial=0.0)) or 1.0
    strength = np.sqrt(np.abs(values) / reach)[..., None]
    ink = np.zeros(values.shape) if under is None else under
    ground = SLATE + DIM * ink[..., None] * (INK - SLATE)
    hue = np.where(values[..., None] > 0, FOR, AGAINST)
    mixed: NDArray[np.floating] = ground + strength * (hue - ground)
    return mixed


def tile(values: Array) -> str:
    """The image that a unit responds to, (784,), or a filter, (k, k), as a data URL."""
    square = values.reshape(SIDE, SIDE) if values.ndim == 1 else values
    return data_url(coloured(square))


def pixels(ink: Array, values: Array, label: str) -> str:
    """Each pixel's evidence, over the drawing; the strongest have a sign.

    Parameters
    ----------
    ink, values : (784,)
    label : the text alternative
    """
    square = values.reshape(SIDE, SIDE)
    colours = coloured(square, ink.reshape(SIDE, SIDE))
    large = colours.repeat(FINE, axis=0).repeat(FINE, axis=1)
    strong = np.abs(square) > MARKED * (np.abs(square).max() or 1.0)
    for row, column in np.argwhere(strong):
        cell = large[row * FINE : (row + 1) * FINE, column * FINE : (column + 1) * FINE]
        cell[ACROSS, ALONG] = SLATE
        if square[row, column] > 0:
            cell[ALONG, ACROSS] = SLATE
    return f'<img class="pixels fine" src="{data_url(large)}" alt="{html.escape(label)}">'


def patches(ink: Array, values: Array, erased: Collection[tuple[int, int]], label: str) -> str:
    """The drawing under a grid of buttons, one per patch with ink, with the patch's evidence.

    Parameters
    ----------
    ink : (784,)
    values : (7, 7), what the score loses without each patch
    erased : rows and columns of the erased patches
    label : the text alternative
    """
    reach = float(np.abs(values).max(initial=0.0)) or 1.0
    full = ink.reshape(GRID, PATCH, GRID, PATCH).max(axis=(1, 3)) > 0
    ground = data_url(coloured(np.zeros((SIDE, SIDE)), ink.reshape(SIDE, SIDE)))
    cells = [
        _patch(row, column, float(values[row, column]), reach, (row, column) in erased)
        if full[row, column]
        else '<span class="patch"></span>'
        for row in range(GRID)
        for column in range(GRID)
    ]
    return (
        f'<div class="patches" role="group" aria-label="{html.escape(label)}" data-group>'
        f'<img class="pixels" src="{ground}" alt=""><div class="cells">{"".join(cells)}</div></div>'
    )


def legend(a: int, b: int) -> str:
    """Which colour and sign is evidence for which digit."""
    for_b, for_a = i18n.say("SPEAKS_FOR", digit=b), i18n.say("SPEAKS_FOR", digit=a)
    return (
        f'<div class="scale"><span>− {html.escape(for_b)}</span>'
        f'<span class="ramp" aria-hidden="true"></span><span>+ {html.escape(for_a)}</span></div>'
    )


def _patch(row: int, column: int, value: float, reach: float, erased: bool) -> str:
    share = abs(value) / reach
    side = "for" if value > 0 else "against"
    says = "" if share < WRITTEN else f'<span class="says">{signed(value)}</span>'
    label = i18n.say("PATCH", row=row + 1, column=column + 1, value=signed(value, 2))
    return (
        f'<button type="button" class="patch {side}" data-press="{row}-{column}" '
        f'aria-pressed="{str(erased).lower()}" aria-label="{html.escape(label)}" '
        f'style="--share:{share**0.5:.2f}">{says}</button>'
    )
