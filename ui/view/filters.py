"""A filter of a convolution as HTML: its feature map, and what it sees at one place of it."""

from __future__ import annotations

import html
import math

import numpy as np

from nn import Network
from nn.explain.attribution import Passage
from nn.explain.filters import (
    Field,
    Place,
    convolution_of,
    maps,
    patch,
    place_in,
    pool_size,
    pooled_shape,
    receptive_field,
)
from nn.layers import Array
from nn.mnist import SIDE
from ui import i18n

from . import elements, heat

GAP = 1  # between the channels in one picture, in pixels


def feature_map(explained: Network, drawing: Passage, layer: int, unit: int, window: Place) -> str:
    """A filter's map as a picture in which each square of the pooling is a button, "row-column".

    Parameters
    ----------
    layer, unit : the convolution, counted from 1, and its filter, counted from 0
    window : row and column of the pressed square
    """
    found, size = maps(explained, drawing, layer)[unit], pool_size(explained, layer)
    height, width = found.shape
    rows, columns = height // size, width // size
    largest = found[: rows * size, : columns * size].reshape(rows, size, columns, size)
    cells = "".join(
        _cell(row, column, float(value), pressed=(row, column) == window)
        for (row, column), value in np.ndenumerate(largest.max(axis=(1, 3)))
    )
    caption = i18n.say("FEATURE_MAP", height=height, width=width)
    return (
        f'<figure class="feature-map"><figcaption>{html.escape(caption)}</figcaption>'
        f'<div class="places" role="group" aria-label="{html.escape(i18n.FEATURE_MAP_LABEL)}" '
        f'data-group data-stop="{window[0]}-{window[1]}">'
        f'<img src="{elements.bright(found)}" alt="">'
        f'<div class="cells" style="grid-template:repeat({rows},1fr)/repeat({columns},1fr);'
        f"width:{columns * size / width:.2%};height:{rows * size / height:.2%}"
        f'">{cells}</div></div></figure>'
    )


def seen(explained: Network, drawing: Passage, layer: int, unit: int, window: Place) -> str:
    """The filter, the patch it meets at a place, where that is in the drawing, and the pooled map.

    Parameters
    ----------
    layer, unit : the convolution, counted from 1, and its filter, counted from 0
    window : row and column of the pooled map
    """
    convolution = convolution_of(explained, layer)
    if convolution is None:
        return ""
    place, size = place_in(explained, drawing, layer, unit, window), pool_size(explained, layer)
    under = patch(convolution, drawing.inputs[layer - 1], place)
    pooled = drawing.by_unit(drawing.inputs[layer], layer)[unit]
    pooled = pooled.reshape(pooled_shape(explained, drawing, layer))
    pictures = {
        "FILTER_PICTURE": f'<img src="{heat.tile(_side_by_side(convolution.W[unit]))}" alt="">',
        "PATCH_PICTURE": f'<img src="{elements.bright(_side_by_side(under))}" alt="">',
        "FIELD_PICTURE": _field(drawing, receptive_field(explained, layer, place)),
        "POOLED_PICTURE": f'<img src="{elements.bright(pooled)}" alt="">',
    }
    figures = "".join(
        f"<figure>{picture}<figcaption>{html.escape(i18n.say(name))}</figcaption></figure>"
        for name, picture in pictures.items()
    )
    figure = heat.signed(float(drawing.sums[layer - 1][unit][place]), 2)
    says = i18n.say("PLACE_SAYS", row=place[0] + 1, column=place[1] + 1, sum=figure)
    if size > 1:
        says += " " + i18n.say("PLACE_KEPT", count=size**2)
    return f'<div class="seen">{figures}</div>' + elements.small(says)


def _cell(row: int, column: int, value: float, *, pressed: bool) -> str:
    says = i18n.say("PLACE", row=row + 1, column=column + 1, value=i18n.decimal(value, 2))
    return (
        f'<button type="button" data-press="{row}-{column}" '
        f'aria-pressed="{str(pressed).lower()}" aria-label="{html.escape(says)}"></button>'
    )


def _side_by_side(channels: Array) -> Array:
    """The channels, (c, k, k), in one picture, about as wide as it is high; gaps are 0."""
    count, k = len(channels), channels.shape[1] + GAP
    columns = math.ceil(math.sqrt(count))
    sheet = np.zeros((math.ceil(count / columns) * k, columns * k), channels.dtype)
    for number, channel in enumerate(channels):
        row, column = divmod(number, columns)
        sheet[row * k : (row + 1) * k - GAP, column * k : (column + 1) * k - GAP] = channel
    return sheet[:-GAP, :-GAP]


def _field(drawing: Passage, field: Field) -> str:
    """The drawing, with a frame around the pixels that reach a place."""
    ink = elements.png(drawing.inputs[0].reshape(SIDE, SIDE))
    edges = {
        "left": field.left,
        "top": field.top,
        "width": field.right - field.left,
        "height": field.bottom - field.top,
    }
    style = ";".join(f"{name}:{value / SIDE:.2%}" for name, value in edges.items())
    return f'<div class="field"><img src="{ink}" alt=""><span style="{style}"></span></div>'
