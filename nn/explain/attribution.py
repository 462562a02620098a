"""Attribution: what each pixel, patch and hidden unit contributes to a score.

With x the drawing, z its ten scores and s = Σ w_k z_k the score in question:

    s = z_a - z_b                   why a and not b (`versus`)
    s = z_a - mean z                why a (`above_mean`); softmax depends on nothing else
    x_i ∂s/∂x_i                     gradient × input: the contribution of pixel i
    s(x) - s(x without a patch)     occlusion: the contribution of a patch
    h_j ∂s/∂h_j                     the contribution of hidden unit j with activation h_j
    h_i W_ij ∂s/∂z_j                the contribution of a connection; they sum over j to unit i's
    ∂z_j/∂x                         the image that unit j responds to, for this drawing

A filter of a convolution is a unit, too: its contribution is the sum over its map, its activation
is the largest of its map, and the image it responds to is that of the place where its sum is
largest.

A network of dense layers, convolutions and Leaky ReLU is linear around any one drawing, so these
derivatives are exact; the biases contribute the rest of s. All is computed on
`explaining(network)`, the folded network, which predicts the same without batch normalisation and
dropout.

Sources: A. Shrikumar et al., "Not Just a Black Box", 2016 (gradient × input); M. Zeiler and
R. Fergus, "Visualizing and Understanding Convolutional Networks", 2014 (occlusion); J. Adebayo et
al., "Sanity Checks for Saliency Maps", 2018 (the tests).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from nn.convolution import Convolution
from nn.layers import Array, Dense, scaled
from nn.mnist import CLASSES, SIDE
from nn.network import Network

PATCH = 4  # pixels per side of an occluded patch


Weighted: TypeAlias = Dense | Convolution


@dataclass(frozen=True)
class Passage:
    """One drawing's forward and backward pass through a network, per layer with weights.

    A convolution takes and gives maps, (channels, height, width); a dense layer vectors.
    """

    units: tuple[int, ...]  # the pixels, then the units of each hidden layer: filters, or outputs
    inputs: tuple[Array, ...]  # the pixels, then each hidden layer's activations, pooled
    sums: tuple[Array, ...]  # x W + b; the last are the ten scores
    input_slopes: tuple[Array, ...]  # ∂s/∂inputs
    sum_slopes: tuple[Array, ...]  # ∂s/∂sums; the last is w

    def by_unit(self, values: Array, layer: int) -> Array:
        """Values of a layer's activations as (units, places); a dense layer's have one place."""
        return values.reshape(self.units[layer], -1)

    def shares(self, layer: int) -> Array:
        """The contributions to s of a hidden layer's units, counted from 1; of the pixels for 0."""
        shares = self.inputs[layer] * self.input_slopes[layer]
        summed: Array = self.by_unit(shares, layer).sum(axis=1)
        return summed

    def outputs(self, layer: int) -> Array:
        """The activations of a hidden layer's units, counted from 1; a filter's largest."""
        largest: Array = self.by_unit(self.inputs[layer], layer).max(axis=1)
        return largest


@dataclass(frozen=True)
class Exciting:
    """The images that excite the units of one hidden layer most."""

    images: NDArray[np.int64]  # (units, count), rows of the data set, the most exciting first
    outputs: Array  # (units, count), the unit's activation for each of them


def versus(a: int, b: int) -> Array:
    """The w of s = z_a - z_b, (10,); digits from 0 to 9."""
    weights = np.zeros(CLASSES)
    weights[a] += 1.0
    weights[b] -= 1.0
    return weights


def above_mean(a: int) -> Array:
    """The w of s = z_a - mean z, (10,); a digit from 0 to 9."""
    weights = np.full(CLASSES, -1.0 / CLASSES)
    weights[a] += 1.0
    return weights


def explaining(network: Network) -> Network:
    """A folded copy with the same calibration, whose first layer computes ∂/∂x as well.

    The functions of this module take it, and overwrite its gradients: one thread at a time.
    """
    folded = network.folded().copy()  # a frozen network keeps its fold, and predicts with it
    folded.calibration = network.calibration
    for layer in folded.layers:
        layer.needs_input_grad = True
    return folded


def weighted_layers(explained: Network) -> list[Weighted]:
    """The dense layers and convolutions, the last of which gives the ten scores."""
    return [layer for layer in explained.layers if isinstance(layer, Dense | Convolution)]


def without(explained: Network, off: Mapping[int, Iterable[int]]) -> Network:
    """A copy with some hidden units switched off: their activation has no effect.

    Parameters
    ----------
    explained : from `explaining`; not changed
    off : units, counted from 0, by hidden layer, counted from 1; ValueError for others
    """
    copy = explaining(explained)
    weighted = weighted_layers(copy)
    for layer, units in off.items():
        chosen = list(units)
        _check(weighted, layer, chosen)
        following = weighted[layer]
        _by_input(following, following.W, weighted[layer - 1].units)[chosen] = 0.0
    return copy


def passage(explained: Network, x: Array, weights: Array) -> Passage:
    """The forward and backward pass of one drawing.

    Parameters
    ----------
    x : (784,) float in [0, 1], ink 1
    weights : (10,), the w of s = Σ w_k z_k
    """
    dtype = explained.params.dtype
    inputs, sums = [], []
    y: Array = np.asarray(x, dtype)[None]
    for layer in explained.layers:
        if isinstance(layer, Dense | Convolution):
            inputs.append(y[0].copy())
        y = layer.forward(y)
        if isinstance(layer, Dense | Convolution):
            sums.append(y[0].copy())
    input_slopes, sum_slopes = [], []
    dy: Array | None = weights.astype(dtype)[None]
    for layer in reversed(explained.layers):
        if dy is None:
            break
        if isinstance(layer, Dense | Convolution):
            sum_slopes.append(dy[0].copy())
        dy = layer.backward(dy)
        if isinstance(layer, Dense | Convolution) and dy is not None:
            input_slopes.append(dy[0].copy())
    return Passage(
        (explained.inputs, *(layer.units for layer in weighted_layers(explained)[:-1])),
        *(tuple(inputs), tuple(sums), tuple(input_slopes[::-1]), tuple(sum_slopes[::-1])),
    )


def gradient_times_input(explained: Network, x: Array, weights: Array) -> Array:
    """The contribution of each pixel to s, (784,); 0 where there is no ink."""
    return passage(explained, x, weights).shares(0)


def covered(x: Array, *, side: int = PATCH, step: int = PATCH, ink: float = 0.0) -> Array:
    """Copies of a drawing, (n, 784), each with another patch painted over.

    Parameters
    ----------
    x : (784,), not changed
    side, step : of a patch, and from one to the next, in pixels; n is 49 for 4 and 4
    ink : 0 erases a patch, 1 fills it
    """
    places = range(0, SIDE - side + 1, step)
    pictures = np.repeat(x[None], len(places) ** 2, axis=0).reshape(-1, SIDE, SIDE)
    for n, (top, left) in enumerate((top, left) for top in places for left in places):
        pictures[n, top : top + side, left : left + side] = ink
    flat: Array = pictures.reshape(len(pictures), -1)
    return flat


def occlusion(
    explained: Network,
    x: Array,
    weights: Array,
    *,
    side: int = PATCH,
    step: int = PATCH,
    ink: float = 0.0,
) -> Array:
    """How much s falls when a patch is painted over, for each patch, (7, 7) by default.

    With `ink` 0 it is the contribution of a patch's ink, with 1 that of its empty paper. Other
    parameters as for `passage` and `covered`.
    """
    pictures = np.concatenate([x[None], covered(x, side=side, step=step, ink=ink)])
    s = explained.forward(pictures.astype(explained.params.dtype)) @ weights
    rows = len(range(0, SIDE - side + 1, step))
    losses: Array = (s[0] - s[1:]).reshape(rows, rows)
    return losses


def connections(explained: Network, drawing: Passage, layer: int) -> Array:
    """The contribution to s of each connection from a layer's units to the next, (from, to).

    It is W_ij ∂s/∂W_ij, summed over the places of a filter and over those at which it is used.

    Parameters
    ----------
    drawing : from `passage` of the same network
    layer : a hidden layer, counted from 1, or 0 for the pixels; to a convolution, these are one
        unit, the image
    """
    weighted = weighted_layers(explained)[layer]
    weighted.forward(drawing.inputs[layer][None])
    weighted.backward(drawing.sum_slopes[layer][None])
    added: Array = _by_input(weighted, weighted.W * weighted.dW, drawing.units[layer]).sum(axis=2)
    return added


def wanted_images(explained: Network, x: Array, layer: int, units: Iterable[int]) -> Array:
    """The images that hidden units respond to: how their sums change with each pixel.

    In the first layer these are its weights. In a later one they are valid for this drawing only,
    as another one activates other units before it.

    Parameters
    ----------
    x : (784,) float in [0, 1]
    layer, units : a dense layer, counted from 1, and units from 0; ValueError for others

    Returns
    -------
    (number of units, 784)
    """
    weighted, wanted = weighted_layers(explained), list(units)
    _check(weighted, layer, wanted)
    end = explained.layers.index(weighted[layer - 1])
    y: Array = np.repeat(np.asarray(x, explained.params.dtype)[None], len(wanted), axis=0)
    for part in explained.layers[: end + 1]:
        y = part.forward(y)
    asked = np.zeros_like(y)
    asked[np.arange(len(wanted)), wanted] = 1.0
    dy: Array | None = asked
    for part in reversed(explained.layers[: end + 1]):
        if dy is not None:
            dy = part.backward(dy)
    return np.empty((0, explained.inputs)) if dy is None else dy.copy()


def exciting(
    explained: Network, images: NDArray[np.uint8], layer: int, *, count: int = 8
) -> Exciting:
    """The images for which each unit of a hidden layer has the highest activation.

    Parameters
    ----------
    images : (n, 784) uint8, ink 255; ValueError for fewer than `count`
    layer : counted from 1; ValueError for others
    count : images per unit
    """
    weighted = weighted_layers(explained)
    _check(weighted, layer)
    if len(images) < count:
        raise ValueError(f"expected {count} images or more to choose from, got {len(images)}")
    units, end = weighted[layer - 1].units, explained.layers.index(weighted[layer])
    dtype = explained.params.dtype
    best = np.full((count, units), -np.inf, dtype)
    where = np.zeros((count, units), np.int64)
    for first in range(0, len(images), explained.chunk):
        chunk = images[first : first + explained.chunk]
        y: Array = scaled(chunk, dtype)
        for part in explained.layers[:end]:
            y = part.forward(y)
        y = y.reshape(len(chunk), units, -1).max(axis=2)  # a filter's largest
        few = min(count, len(chunk))
        rows = np.argpartition(y, len(chunk) - few, axis=0)[len(chunk) - few :]
        best = np.concatenate([best, np.take_along_axis(y, rows, axis=0)])
        where = np.concatenate([where, rows + first])
        order = np.argsort(-best, axis=0, kind="stable")[:count]
        best = np.take_along_axis(best, order, axis=0)
        where = np.take_along_axis(where, order, axis=0)
    return Exciting(where.T.copy(), best.T.copy())


def _by_input(layer: Weighted, values: Array, units: int) -> Array:
    """Values in the shape of W as a view, (units of the layer before, units, places)."""
    if isinstance(layer, Convolution):
        return values.swapaxes(0, 1).reshape(layer.channels, layer.filters, -1)
    return values.reshape(units, -1, layer.outputs).swapaxes(1, 2)


def _check(weighted: list[Weighted], layer: int, units: Iterable[int] = ()) -> None:
    if not 1 <= layer < len(weighted):
        raise ValueError(f"expected a hidden layer from 1 to {len(weighted) - 1}, got {layer}")
    count = weighted[layer - 1].units
    for unit in units:
        if not 0 <= unit < count:
            raise ValueError(f"expected a unit from 0 to {count - 1} of layer {layer}, got {unit}")
