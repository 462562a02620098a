"""Filters: what a convolution makes of a drawing, and what it sees at one place.

    map       φ(b[f] + Σ_c W[f, c] ⋆ x[c])    one activation per place, before pooling
    patch     x[:, i : i + k, j : j + k]      what the filter multiplies at row i, column j
    field     the pixels that reach a place, its receptive field. One layer back, row i comes from
              rows i - padding to i - padding + k - 1 of a convolution's input, and from rows
              i · size to i · size + size - 1 of a pooling's

Layers are those with weights, counted from 1, as in attribution.py. Source: LeCun et al., 1998.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from nn.convolution import Convolution, MaxPooling
from nn.layers import Array
from nn.mnist import SIDE
from nn.network import ACTIVATIONS, Network

from .attribution import Passage, weighted_layers

Place = tuple[int, int]  # row and column


@dataclass(frozen=True)
class Field:
    """A rectangle of pixels; the ends are not included."""

    top: int
    left: int
    bottom: int
    right: int


def count_convolutions(explained: Network) -> int:
    """How many of a network's hidden layers are convolutions; they come first."""
    return sum(isinstance(layer, Convolution) for layer in explained.layers)


def convolution_of(explained: Network, layer: int) -> Convolution | None:
    """The layer of that number if it is a convolution."""
    found = weighted_layers(explained)[layer - 1]
    return found if isinstance(found, Convolution) else None


def pool_size(explained: Network, layer: int) -> int:
    """Of the pooling between this layer with weights and the next; 1 where there is none."""
    weighted = weighted_layers(explained)
    first, last = (explained.layers.index(it) for it in weighted[layer - 1 : layer + 1])
    between = explained.layers[first:last]
    return next((part.size for part in between if isinstance(part, MaxPooling)), 1)


def pooled_shape(explained: Network, drawing: Passage, layer: int) -> tuple[int, int]:
    """Height and width of a convolution's map as the next layer gets it."""
    size, (height, width) = pool_size(explained, layer), drawing.sums[layer - 1].shape[1:]
    return height // size, width // size


def maps(explained: Network, drawing: Passage, layer: int) -> Array:
    """The activations of each filter at each place, before pooling, (filters, height, width)."""
    following = explained.layers[explained.layers.index(weighted_layers(explained)[layer - 1]) + 1]
    sums: Array = drawing.sums[layer - 1]
    if following.kind in ACTIVATIONS:
        sums = following.forward(sums[None])[0]
    return sums


def patch(convolution: Convolution, x: Array, place: Place) -> Array:
    """What a filter multiplies at a place, (channels, kernel_size, kernel_size).

    Parameters
    ----------
    x : (channels, height, width), the input of the convolution
    place : row and column of its output
    """
    p, k, (row, column) = convolution.padding, convolution.kernel_size, place
    padded = np.pad(x, ((0, 0), (p, p), (p, p)))
    return padded[:, row : row + k, column : column + k]


def receptive_field(explained: Network, layer: int, place: Place) -> Field:
    """The pixels that reach a place of a convolution's map, cut off at the image's edge."""
    end = explained.layers.index(weighted_layers(explained)[layer - 1])
    (top, left), (bottom, right) = place, (place[0] + 1, place[1] + 1)
    for part in reversed(explained.layers[: end + 1]):
        if isinstance(part, MaxPooling):
            top, left, bottom, right = (edge * part.size for edge in (top, left, bottom, right))
        elif isinstance(part, Convolution):
            grown = part.kernel_size - 1 - part.padding
            top, left = top - part.padding, left - part.padding
            bottom, right = bottom + grown, right + grown
    return Field(max(top, 0), max(left, 0), min(bottom, SIDE), min(right, SIDE))


def largest_in(values: Array, window: Place, size: int) -> Place:
    """The place of the largest value in one window of a pooling, the first of several.

    Parameters
    ----------
    values : (height, width), a map
    window : row and column after the pooling
    size : of the pooling
    """
    top, left = window[0] * size, window[1] * size
    part = values[top : top + size, left : left + size]
    row, column = np.unravel_index(int(part.argmax()), part.shape)
    return top + int(row), left + int(column)


def window_shown(
    explained: Network, drawing: Passage, layer: int, unit: int, chosen: Mapping[int, Place]
) -> Place:
    """The place of a filter's pooled map that is looked at: the chosen one, if the map has it.

    Parameters
    ----------
    chosen : by convolution; else it is the place that adds most to the score, of either sign
    """
    shape, window = pooled_shape(explained, drawing, layer), chosen.get(layer)
    if window is not None and window[0] < shape[0] and window[1] < shape[1]:
        return window
    added = drawing.by_unit(drawing.inputs[layer] * drawing.input_slopes[layer], layer)[unit]
    row, column = np.unravel_index(int(np.abs(added).argmax()), shape)
    return int(row), int(column)


def place_in(explained: Network, drawing: Passage, layer: int, unit: int, window: Place) -> Place:
    """The place of a filter's map that pooling keeps."""
    found = maps(explained, drawing, layer)[unit]
    return largest_in(found, window, pool_size(explained, layer))
