"""The network: layers in a row, over two flat vectors that own every parameter and gradient.

`params` and `grads` are one allocation each; a layer's `W` and `dW` are views into them. So an
optimizer's step, a snapshot and a gradient's norm are each one line on a flat vector. A third
vector, `statistics`, holds the running means and variances of batch normalisation.

Out of scope: how the parameters change (training.py) and how they are stored (checkpoint.py).
Only one thread may use a network in training; others get copies. A frozen network may be shared.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from .calibration import Calibration
from .layers import LAYERS, Array, BatchNorm, Dense, Dropout, Layer, LeakyReLU, ReLU, Shapes, Tanh
from .losses import softmax

CHUNK = 1000  # samples at a time, in a prediction or a large batch

ACTIVATIONS: dict[str, type[Layer]] = {layer.kind: layer for layer in (LeakyReLU, ReLU, Tanh)}


class Network:
    """A feed-forward network.

    Parameters
    ----------
    layers : in the order of the forward pass
    dtype : of all parameters: float32, or float64 where a test needs the precision

    Attributes
    ----------
    params, grads : (P,), every trainable parameter and its gradient, layer by layer
    statistics : (S,), the running means and variances of batch normalisation
    calibration : how to judge its probabilities; `predict_proba` does not apply it

    Raises
    ------
    ValueError
        No layer is dense, or a layer has other inputs than the outputs of the layer before.
    """

    def __init__(self, layers: Sequence[Layer], *, dtype: DTypeLike = np.float32) -> None:
        self.layers = list(layers)
        self.calibration = Calibration()
        self.inputs, self.outputs = _check_widths(self.layers)
        shapes = [layer.shapes for layer in self.layers]
        statistic_shapes = [layer.statistic_shapes for layer in self.layers]
        self.params, params = _allocate(shapes, dtype)
        self.grads, grads = _allocate(shapes, dtype)
        self.statistics, statistics = _allocate(statistic_shapes, dtype)
        for layer, *views in zip(self.layers, params, grads, statistics, strict=True):
            layer.bind(*views)
        next(layer for layer in self.layers if layer.shapes).needs_input_grad = False
        self._frozen_fold: Network | None = None

    def initialize(self, *, rng: np.random.Generator) -> Network:
        """Draw new parameters; returns the network itself."""
        for layer in self.layers:
            layer.initialize(rng)
        return self

    def freeze(self) -> Network:
        """Make parameters and statistics read-only; returns the network itself."""
        for array in (self.params, self.statistics, *self.arrays().values()):
            array.flags.writeable = False
        return self

    def forward(
        self, x: Array, *, training: bool = False, rng: np.random.Generator | None = None
    ) -> Array:
        """Scores (logits) of a batch, (n, outputs).

        Parameters
        ----------
        x : (n, inputs) float in [0, 1], of the network's dtype
        training : whether to use batch statistics and dropout
        rng : for dropout, in training
        """
        for layer in self.layers:
            x = layer.forward(x, training=training, rng=rng)
        return x

    def backward(self, dlogits: Array) -> None:
        """Fill `grads`, given dL/dlogits, (n, outputs), of the latest `forward`."""
        dy: Array | None = dlogits
        for layer in reversed(self.layers):
            if dy is None:
                return
            dy = layer.backward(dy)

    def predict_proba(self, x: Array) -> Array:
        """Probabilities of the ten digits, (n, 10); rows sum to 1.

        Parameters
        ----------
        x : (n, inputs) float in [0, 1], ink 1

        Raises
        ------
        ValueError
            `x` has another shape, or is not of floats.
        """
        x = np.asarray(x)
        if x.ndim != 2 or x.shape[1] != self.inputs:
            raise ValueError(
                f"expected x of shape (n, {self.inputs}), got {x.shape}; pass one image as x[None]"
            )
        if x.dtype.kind != "f":
            raise ValueError(f"expected floats in [0, 1], got {x.dtype}; divide pixels by 255")
        x = x.astype(self.params.dtype, copy=False)
        folded = self.folded()
        probabilities = np.empty((len(x), self.outputs), self.params.dtype)
        for first in range(0, len(x), CHUNK):
            rows = slice(first, first + CHUNK)
            probabilities[rows] = softmax(folded.forward(x[rows]))
        return probabilities

    def folded(self) -> Network:
        """A network that predicts the same, without batch normalisation and dropout.

        A dense layer's weights absorb the scale and shift of the batch normalisation after it;
        dropout is the identity in prediction. The result shares no memory with this network. A
        frozen network is folded only once, any other at each call.
        """
        if self._frozen_fold is None:
            folded = self._fold()
            if self.params.flags.writeable:
                return folded
            self._frozen_fold = folded
        return self._frozen_fold

    def _fold(self) -> Network:
        layers: list[Layer] = []
        values: list[Array] = []  # W and b of each dense layer
        for layer in self.layers:
            if isinstance(layer, Dropout):
                continue
            if isinstance(layer, BatchNorm) and layers and isinstance(layers[-1], Dense):
                scale, shift = layer.scale_and_shift()
                values[-2] = values[-2] * scale
                values[-1] = values[-1] * scale + shift
                continue
            if isinstance(layer, Dense):
                layers.append(Dense(layer.inputs, layer.outputs))
                values += [layer.W, layer.b if layer.bias else np.zeros_like(layer.W[0])]
            elif layer.shapes:
                raise ValueError(f"cannot fold {layer.kind} that does not follow a dense layer")
            else:
                layers.append(type(layer)(**layer.config()))
        folded = Network(layers, dtype=self.params.dtype)
        np.concatenate([value.ravel() for value in values], out=folded.params)
        return folded

    def copy(self) -> Network:
        """An independent network of the same architecture, parameters and calibration."""
        return _rebuilt(self.architecture(), self.params, self.statistics, self.calibration)

    def __reduce__(self) -> tuple[Any, ...]:
        """How it travels to another process: its flat arrays, not each layer's views of them."""
        parts = (self.architecture(), self.params, self.statistics, self.calibration)
        return _rebuilt, (*parts, not self.params.flags.writeable)

    def architecture(self) -> list[dict[str, Any]]:
        """What `layers_from` needs to build the same layers again, ready for JSON."""
        return [{"kind": layer.kind, **layer.config()} for layer in self.layers]

    def arrays(self) -> dict[str, Array]:
        """Views of parameters and statistics by name, such as "0.dense.W"."""
        return {
            f"{i}.{layer.kind}.{name}": getattr(layer, name)
            for i, layer in enumerate(self.layers)
            for name in (*layer.shapes, *layer.statistic_shapes)
        }


def multilayer_perceptron(
    sizes: Sequence[int],
    *,
    activation: Layer,
    batch_norm: bool = False,
    dropout: float = 0.0,
) -> list[Layer]:
    """Layers of a fully connected network: dense, batch normalisation, activation, dropout.

    Parameters
    ----------
    sizes : widths from the inputs to the outputs, two or more
    activation : each hidden layer gets a copy of it
    batch_norm : whether to normalise each hidden layer before its activation
    dropout : the share of hidden units dropped in training, in [0, 1)
    """
    layers: list[Layer] = []
    for inputs, outputs in pairwise(sizes[:-1]):
        layers.append(Dense(inputs, outputs, bias=not batch_norm))
        if batch_norm:
            layers.append(BatchNorm(outputs))
        layers.append(type(activation)(**activation.config()))
        if dropout > 0:
            layers.append(Dropout(dropout))
    return [*layers, Dense(sizes[-2], sizes[-1])]


def set_dropout(network: Network, rate: float) -> None:
    """Set the rate of every dropout layer; if there is none and the rate is above 0, add them."""
    layers = network.layers
    if rate > 0 and not any(isinstance(layer, Dropout) for layer in layers):
        for i in range(len(layers), 0, -1):
            if layers[i - 1].kind in ACTIVATIONS:
                layers.insert(i, Dropout(rate))
    for layer in layers:
        if isinstance(layer, Dropout):
            layer.rate = rate


def layers_from(architecture: Sequence[dict[str, Any]]) -> list[Layer]:
    """New layers from the descriptions of `Network.architecture`.

    Raises ValueError if a kind is unknown or has other arguments.
    """
    layers: list[Layer] = []
    for description in architecture:
        config = dict(description)
        kind = config.pop("kind", None)
        if kind not in LAYERS:
            raise ValueError(f"expected a layer of {', '.join(LAYERS)}, got {kind!r}")
        try:
            layers.append(LAYERS[kind](**config))
        except (TypeError, ValueError) as error:
            raise ValueError(f"layer {kind}: {error}") from None
    return layers


def _rebuilt(
    architecture: Sequence[dict[str, Any]],
    params: Array,
    statistics: Array,
    calibration: Calibration,
    frozen: bool = False,
) -> Network:
    """A network of its own with these values."""
    network = Network(layers_from(architecture), dtype=params.dtype)
    network.params[...] = params
    network.statistics[...] = statistics
    network.calibration = calibration
    return network.freeze() if frozen else network


def _check_widths(layers: Sequence[Layer]) -> tuple[int, int]:
    """The numbers of inputs and outputs; ValueError if the layers do not fit together."""
    dense = [layer for layer in layers if isinstance(layer, Dense)]
    if not dense:
        raise ValueError("expected at least one dense layer, got none")
    width = dense[0].inputs
    for layer in layers:
        expects = getattr(layer, "inputs", getattr(layer, "units", width))
        if expects != width:
            raise ValueError(
                f"{layer.kind} expects {expects} inputs, the layer before has {width} outputs"
            )
        width = getattr(layer, "outputs", width)
    return dense[0].inputs, width


def _allocate(shapes: Sequence[Shapes], dtype: DTypeLike) -> tuple[Array, list[dict[str, Array]]]:
    """A flat vector of zeros, and named views into it, one dictionary per layer."""
    flat: Array = np.zeros(sum(math.prod(s) for layer in shapes for s in layer.values()), dtype)
    views: list[dict[str, Array]] = []
    first = 0
    for layer in shapes:
        views.append({})
        for name, shape in layer.items():
            last = first + math.prod(shape)
            views[-1][name] = flat[first:last].reshape(shape)
            first = last
    return flat, views
