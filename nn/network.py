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
from .convolution import Convolution, Flatten, MaxPooling, Unflatten
from .layers import (
    Array,
    BatchNorm,
    Dense,
    Dropout,
    Layer,
    LeakyReLU,
    ReLU,
    Shape,
    Shapes,
    Tanh,
)
from .losses import softmax

CHUNK = 1000  # samples at a time, in a prediction or a large batch ...
CHUNK_VALUES = 2**20  # ... or fewer, that a convolution holds no more numbers at a time: 4 MB

LAYERS: dict[str, type[Layer]] = {
    layer.kind: layer
    for layer in (
        *(Dense, LeakyReLU, ReLU, Tanh, BatchNorm, Dropout),
        *(Unflatten, Convolution, MaxPooling, Flatten),
    )
}
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
    inputs, outputs : numbers per sample
    chunk : samples to take at a time in a prediction, or at most in one pass of training
    calibration : how to judge its probabilities; `predict_proba` does not apply it

    Raises
    ------
    ValueError
        No layer has weights and says its inputs, or two layers do not fit together.
    """

    def __init__(self, layers: Sequence[Layer], *, dtype: DTypeLike = np.float32) -> None:
        self.layers = list(layers)
        self.calibration = Calibration()
        shapes = sample_shapes(self.layers)
        if not any(layer.shapes for layer in self.layers):
            raise ValueError("expected at least one layer with weights, got none")
        self.inputs, self.outputs = shapes[0][0], shapes[-1][0]
        self.chunk = min(CHUNK, CHUNK_VALUES // max(convolution_values(self.layers), 1) or 1)
        of_params = [layer.shapes for layer in self.layers]
        of_statistics = [layer.statistic_shapes for layer in self.layers]
        self.params, params = _allocate(of_params, dtype)
        self.grads, grads = _allocate(of_params, dtype)
        self.statistics, statistics = _allocate(of_statistics, dtype)
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
        for first in range(0, len(x), self.chunk):
            rows = slice(first, first + self.chunk)
            probabilities[rows] = softmax(folded.forward(x[rows]))
        return probabilities

    def folded(self) -> Network:
        """A network that predicts the same, without batch normalisation and dropout.

        The weights before a batch normalisation absorb its scale and shift; dropout is the identity
        in prediction. The result shares no memory with this network. A frozen network is folded
        only once, any other at each call.
        """
        if self._frozen_fold is None:
            folded = self._fold()
            if self.params.flags.writeable:
                return folded
            self._frozen_fold = folded
        return self._frozen_fold

    def _fold(self) -> Network:
        kept: list[tuple[Layer, list[BatchNorm]]] = []  # with those that follow it
        for layer in self.layers:
            if isinstance(layer, BatchNorm):
                if not kept or not kept[-1][0].shapes:
                    raise ValueError(f"cannot fold {layer.kind} that does not follow its weights")
                kept[-1][1].append(layer)
            elif not isinstance(layer, Dropout):
                kept.append((layer, []))
        biased = [{**it.config(), **({"bias": True} if it.shapes else {})} for it, _ in kept]
        layers = [type(it)(**config) for (it, _), config in zip(kept, biased, strict=True)]
        folded = Network(layers, dtype=self.params.dtype)
        for twin, (layer, norms) in zip(layers, kept, strict=True):
            for name in layer.shapes:
                getattr(twin, name)[...] = getattr(layer, name)
            for norm in norms:
                scale, shift = norm.scale_and_shift()
                twin.absorb(scale, shift)
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


def convolutions(
    image: Shape,
    filters: Sequence[int],
    kernel_size: int,
    *,
    activation: Layer,
    batch_norm: bool = False,
) -> list[Layer]:
    """Layers from rows of pixels to rows of features, as before a multilayer perceptron.

    For each number of filters: convolution, batch normalisation, activation, and pooling, which
    halves height and width. The padding keeps them as they are, for an odd kernel size.

    Parameters
    ----------
    image : channels, height and width
    filters : per convolution
    kernel_size : of all
    activation, batch_norm : as of `multilayer_perceptron`
    """
    layers: list[Layer] = [Unflatten(*image)]
    for channels, count in pairwise((image[0], *filters)):
        padding = kernel_size // 2
        layers.append(Convolution(channels, count, kernel_size, padding, bias=not batch_norm))
        if batch_norm:
            layers.append(BatchNorm(count))
        layers += [type(activation)(**activation.config()), MaxPooling()]
    return [*layers, Flatten()]


def set_dropout(network: Network, rate: float) -> None:
    """Set the rate of every dropout layer; if there is none and the rate is above 0, add them.

    They follow the activations of dense layers, as in `multilayer_perceptron`.
    """
    layers = network.layers
    if rate > 0 and not any(isinstance(layer, Dropout) for layer in layers):
        for i in range(len(layers), 0, -1):
            if isinstance(layers[i - 1], Flatten):
                break
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


def sample_shapes(layers: Sequence[Layer]) -> list[Shape]:
    """The shape of one sample before each layer, and after the last.

    Raises ValueError if no layer says its inputs, or if two do not fit together.
    """
    sized = [layer for layer in layers if isinstance(layer, Dense | Unflatten)]
    if not sized:
        raise ValueError("expected at least one layer with weights, got none")
    shapes: list[Shape] = [(sized[0].inputs,)]
    for layer in layers:
        shapes.append(layer.output_shape(shapes[-1]))
    return shapes


def convolution_values(layers: Sequence[Layer]) -> int:
    """How many numbers the largest convolution holds per image; 0 without any."""
    shapes = sample_shapes(layers)[:-1]
    return max(
        (
            layer.values(shape)
            for layer, shape in zip(layers, shapes, strict=True)
            if isinstance(layer, Convolution)
        ),
        default=0,
    )


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
