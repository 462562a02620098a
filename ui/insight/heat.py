"""Pictures of what speaks for and what against: two hues on the slate, and signs besides.

Blue is for, orange is against, in both themes, as the slate is dark in both; whoever cannot tell
the hues reads the signs. Calls nothing of Streamlit.
"""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nn.explain import PATCH
from nn.layers import Array
from nn.preprocess import SIDE
from ui import texts
from ui.figures import INK, SLATE

FOR, AGAINST = np.array([91, 157, 255]), np.array([255, 128, 77])
DIM = 0.42  # of the ink under the colours
MARKED = 0.3  # of the largest value: pixels above it carry a sign
WRITTEN = 0.04  # of the largest value: patches above it carry their figure
GRID = SIDE // PATCH
FINE = 10  # how much larger a picture with signs is; of a pixel of it, the arms of a sign
ACROSS, ALONG = slice(4, 6), slice(2, 8)


def signed(value: float, decimals: int = 1) -> str:
    """A number with its sign, a true minus: +3.1, −0.8; what rounds to 0 has none."""
    figure = texts.decimal(abs(value), decimals)
    if round(value, decimals) == 0:
        return figure
    return ("−" if value < 0 else "+") + figure


def data_url(colours: NDArray[np.floating]) -> str:
    """A picture of (H, W, 3) colours from 0 to 255, as a data URL."""
    buffer = io.BytesIO()
    Image.fromarray(colours.round().astype(np.uint8)).save(buffer, "PNG", compress_level=1)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def coloured(values: Array, under: Array | None = None) -> NDArray[np.floating]:
    """Colours of (28, 28) values, (28, 28, 3): the largest is full blue or full orange.

    Parameters
    ----------
    values : of any scale; 0 leaves what is under it
    under : ink in [0, 1], shown dimly below; none by default
    """
    reach = float(np.abs(values).max(initial=0.0)) or 1.0
    strength = np.sqrt(np.abs(values) / reach)[..., None]
    ink = np.zeros((SIDE, SIDE)) if under is None else under
    ground = SLATE + DIM * ink[..., None] * (INK - SLATE)
    hue = np.where(values[..., None] > 0, FOR, AGAINST)
    mixed: NDArray[np.floating] = ground + strength * (hue - ground)
    return mixed


def tile(values: Array) -> str:
    """The small picture of what a unit looks for, (784,), as a data URL."""
    return data_url(coloured(values.reshape(SIDE, SIDE)))


def pixels(ink: Array, values: Array, label: str) -> str:
    """What each pixel speaks for, over the drawing; the strongest with their sign.

    Parameters
    ----------
    ink, values : (784,)
    label : the picture in words
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
    """The drawing under a grid of buttons, each a patch with what its ink speaks for.

    Parameters
    ----------
    ink : (784,)
    values : (7, 7), what s loses without each patch
    erased : rows and columns of those that are erased
    label : the grid in words
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
    """Which colour and sign speaks for which digit."""
    for_b, for_a = texts.say("SPEAKS_FOR", digit=b), texts.say("SPEAKS_FOR", digit=a)
    return (
        f'<div class="scale"><span>− {html.escape(for_b)}</span>'
        f'<span class="ramp" aria-hidden="true"></span><span>+ {html.escape(for_a)}</span></div>'
    )


def _patch(row: int, column: int, value: float, reach: float, erased: bool) -> str:
    share = abs(value) / reach
    side = "for" if value > 0 else "against"
    says = "" if share < WRITTEN else f'<span class="says">{signed(value)}</span>'
    label = texts.say("PATCH", row=row + 1, column=column + 1, value=signed(value, 2))
    return (
        f'<button type="button" class="patch {side}" data-press="{row}-{column}" '
        f'aria-pressed="{str(erased).lower()}" aria-label="{html.escape(label)}" '
        f'style="--share:{share**0.5:.2f}">{says}</button>'
    )
