"""Why this digit: what each pixel, each patch and each hidden unit adds to a score.

With x the drawing, z its ten scores and s = Σ w_k z_k what is asked about them:

    s = z_a - z_b                   why a and not b (`versus`)
    s = z_a - mean z                why a at all (`above_mean`); softmax sees no more than that
    x_i ∂s/∂x_i                     gradient × input: what pixel i adds
    s(x) - s(x without a patch)     occlusion: what a patch adds, measured and not derived
    h_j ∂s/∂h_j                     what hidden unit j adds, h_j being what it puts out
    h_i W_ij ∂s/∂z_j                what one connection adds; over all j these sum to unit i's
    ∂z_j/∂x                         the image that unit j looks for, at this drawing

A network of dense layers and Leaky ReLU is linear around any one drawing, so these derivatives
are exact there; its biases add what the pixels leave. All is computed on `explaining(network)`,
the folded network: it predicts the same, and has neither batch normalisation nor dropout.

Sources: A. Shrikumar et al., "Not Just a Black Box", 2016 (gradient × input); M. Zeiler and
R. Fergus, "Visualizing and Understanding Convolutional Networks", 2014 (occlusion). How to tell
that such a picture shows the network and not only the drawing: J. Adebayo et al., "Sanity Checks
for Saliency Maps", 2018; a test does that. Out of scope: pictures and words (the page).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .layers import Array, Dense, scaled
from .mnist import CLASSES
from .network import CHUNK, Network
from .preprocess import SIDE

PATCH = 4  # pixels a side, of what occlusion erases at once


@dataclass(frozen=True)
class Passage:
    """One drawing's way through a network, and how much s depends on every station.

    Attributes
    ----------
    inputs : what enters each dense layer, (784,) first, then what each hidden layer puts out
    sums : x W + b of each dense layer, the ten scores last
    input_slopes : ∂s/∂inputs, shaped like `inputs`
    sum_slopes : ∂s/∂sums, shaped like `sums`; of the last one it is w
    """

    inputs: tuple[Array, ...]
    sums: tuple[Array, ...]
    input_slopes: tuple[Array, ...]
    sum_slopes: tuple[Array, ...]

    def shares(self, layer: int) -> Array:
        """What each unit of a hidden layer, counted from 1, adds to s; of layer 0 each pixel."""
        shares: Array = self.inputs[layer] * self.input_slopes[layer]
        return shares


@dataclass(frozen=True)
class Exciting:
    """The images that excite the units of one hidden layer most.

    Attributes
    ----------
    images : (units, count) int64, places in the data set, the most exciting first
    outputs : (units, count), what the unit puts out for each of them
    """

    images: NDArray[np.int64]
    outputs: Array


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
    """The folded network, independent of this one, whose first layer gives ∂/∂x as well.

    Its calibration is the same. The functions of this module take it; one thread at a time, as
    they write into its buffers.
    """
    folded = network.folded()
    folded.calibration = network.calibration
    for layer in folded.layers:
        layer.needs_input_grad = True
    return folded


def dense_layers(explained: Network) -> list[Dense]:
    """Its weighted sums: one a hidden layer, and that of the ten scores."""
    return [layer for layer in explained.layers if isinstance(layer, Dense)]


def without(explained: Network, off: Mapping[int, Iterable[int]]) -> Network:
    """A copy in which hidden units put out 0, whatever they see.

    Parameters
    ----------
    explained : from `explaining`; not changed
    off : units, counted from 0, by hidden layer, counted from 1

    Raises
    ------
    ValueError
        There is no such layer or unit.
    """
    copy = explaining(explained)
    dense = dense_layers(copy)
    for layer, units in off.items():
        _check_layer(dense, layer)
        for unit in units:
            _check_unit(dense, layer, unit)
            dense[layer].W[unit] = 0.0  # nobody listens to it any more
    return copy


def passage(explained: Network, x: Array, weights: Array) -> Passage:
    """Forward and back through the network, for one drawing.

    Parameters
    ----------
    explained : from `explaining`; its gradients are overwritten
    x : (784,) float in [0, 1], ink 1
    weights : (10,), the w of s = Σ w_k z_k
    """
    dtype = explained.params.dtype
    inputs, sums = [], []
    y: Array = np.asarray(x, dtype)[None]
    for layer in explained.layers:
        if isinstance(layer, Dense):
            inputs.append(y[0].copy())
        y = layer.forward(y)
        if isinstance(layer, Dense):
            sums.append(y[0].copy())
    input_slopes, sum_slopes = [], []
    dy: Array | None = weights.astype(dtype)[None]
    for layer in reversed(explained.layers):
        if dy is None:
            break
        if isinstance(layer, Dense):
            sum_slopes.append(dy[0].copy())
        dy = layer.backward(dy)
        if isinstance(layer, Dense) and dy is not None:
            input_slopes.append(dy[0].copy())
    return Passage(tuple(inputs), tuple(sums), tuple(input_slopes[::-1]), tuple(sum_slopes[::-1]))


def gradient_times_input(explained: Network, x: Array, weights: Array) -> Array:
    """What each pixel of a drawing adds to s, (784,); where there is no ink, 0."""
    return passage(explained, x, weights).shares(0)


def covered(x: Array, *, side: int = PATCH, step: int = PATCH, ink: float = 0.0) -> Array:
    """The drawing again and again, each time with another patch of it painted over.

    Parameters
    ----------
    x : (784,), not changed
    side, step : of a patch, and from one to the next, in pixels
    ink : what the patch is painted with: 0 erases it, 1 fills it

    Returns
    -------
    (n, 784); n is 49 for patches of 4 side by side, 625 for a step of 1
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
    """What s loses when a patch is painted over, for every patch, in one batch.

    With `ink` 0 that is what the ink of the patch adds to s, with 1 what its emptiness adds.

    Parameters
    ----------
    explained : from `explaining`
    x : (784,) float in [0, 1]
    weights : (10,), the w of s = Σ w_k z_k
    side, step, ink : as for `covered`

    Returns
    -------
    (rows, columns) of patches, (7, 7) by default
    """
    pictures = np.concatenate([x[None], covered(x, side=side, step=step, ink=ink)])
    s = explained.forward(pictures.astype(explained.params.dtype)) @ weights
    rows = len(range(0, SIDE - side + 1, step))
    losses: Array = (s[0] - s[1:]).reshape(rows, rows)
    return losses


def connections(explained: Network, drawing: Passage, layer: int) -> Array:
    """What each connection out of a hidden layer adds to s.

    Parameters
    ----------
    drawing : from `passage` of the same network
    layer : counted from 1; 0 for the connections out of the pixels

    Returns
    -------
    (units, units of the next layer), or (units, 10) out of the last hidden one
    """
    W = dense_layers(explained)[layer].W
    added: Array = drawing.inputs[layer][:, None] * W * drawing.sum_slopes[layer]
    return added


def wanted_images(explained: Network, x: Array, layer: int, units: Iterable[int]) -> Array:
    """What hidden units look for: how their sums change with each pixel, at this drawing.

    For the first layer these are its weights, whatever is drawn. Further up they hold for this
    drawing alone: another one bends other units on the way.

    Parameters
    ----------
    explained : from `explaining`; its gradients are overwritten
    x : (784,) float in [0, 1]
    layer : a hidden one, counted from 1
    units : counted from 0

    Returns
    -------
    (number of units, 784)

    Raises
    ------
    ValueError
        There is no such layer or unit.
    """
    dense, wanted = dense_layers(explained), list(units)
    _check_layer(dense, layer)
    for unit in wanted:
        _check_unit(dense, layer, unit)
    end = explained.layers.index(dense[layer - 1])
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
    """Which images make each unit of a hidden layer put out most.

    Parameters
    ----------
    explained : from `explaining`
    images : (n, 784) uint8, ink 255, n at least `count`; taken a thousand at a time
    layer : counted from 1
    count : how many images a unit

    Raises
    ------
    ValueError
        There is no such layer, or there are fewer images.
    """
    dense = dense_layers(explained)
    _check_layer(dense, layer)
    if len(images) < count:
        raise ValueError(f"expected {count} images or more to choose from, got {len(images)}")
    units, end = dense[layer - 1].outputs, explained.layers.index(dense[layer])
    dtype = explained.params.dtype
    x = np.empty((min(CHUNK, len(images)), explained.inputs), dtype)
    best = np.full((count, units), -np.inf, dtype)
    where = np.zeros((count, units), np.int64)
    for first in range(0, len(images), CHUNK):
        chunk = images[first : first + CHUNK]
        y: Array = scaled(chunk, out=x[: len(chunk)])
        for part in explained.layers[:end]:
            y = part.forward(y)
        few = min(count, len(chunk))
        rows = np.argpartition(y, len(chunk) - few, axis=0)[len(chunk) - few :]
        best = np.concatenate([best, np.take_along_axis(y, rows, axis=0)])
        where = np.concatenate([where, rows + first])
        order = np.argsort(-best, axis=0, kind="stable")[:count]
        best = np.take_along_axis(best, order, axis=0)
        where = np.take_along_axis(where, order, axis=0)
    return Exciting(where.T.copy(), best.T.copy())


def _check_layer(dense: list[Dense], layer: int) -> None:
    if not 1 <= layer < len(dense):
        raise ValueError(f"expected a hidden layer from 1 to {len(dense) - 1}, got {layer}")


def _check_unit(dense: list[Dense], layer: int, unit: int) -> None:
    units = dense[layer - 1].outputs
    if not 0 <= unit < units:
        raise ValueError(f"expected a unit from 0 to {units - 1} of layer {layer}, got {unit}")
