"""The network: layers in a row, over two flat vectors that own every parameter and gradient.

`params` and `grads` are one allocation each; a layer's `W` and `dW` are views into them. So an
optimizer's step, a snapshot, a gradient's norm and a gradient check are each one line on a flat
vector. What batch normalisation remembers about its inputs lives in a third, `statistics`.

Out of scope: how the parameters change (training.py) and how they are stored (checkpoint.py).
One thread owns a network; others get copies.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from .calibration import Calibration
from .layers import (
    LAYERS,
    Array,
    BatchNorm,
    Dense,
    Dropout,
    Layer,
    LeakyReLU,
    Pixels,
    ReLU,
    Shapes,
    Tanh,
    scaled,
)
from .losses import softmax
from .workspace import Workspace

CHUNK = 1000  # samples a forward pass of predictions or of a full batch takes at once

ACTIVATIONS: dict[str, type[Layer]] = {layer.kind: layer for layer in (LeakyReLU, ReLU, Tanh)}


class Network:
    """A feed-forward network with ten scores as its output.

    Parameters
    ----------
    layers : in the order of the forward pass; their widths must fit each other
    dtype : of all parameters: float32, or float64 where a test needs the precision

    Attributes
    ----------
    params, grads : (P,), every trainable parameter and its gradient, layer by layer
    statistics : (S,), the running means and variances of batch normalisation
    calibration : how to judge its probabilities; `predict_proba` puts them out as they are
    workspace : where its layers write their outputs

    Raises
    ------
    ValueError
        No layer is dense, or a layer's inputs are not what the one before puts out.
    """

    def __init__(self, layers: Sequence[Layer], *, dtype: DTypeLike = np.float32) -> None:
        self.layers = list(layers)
        self.calibration = Calibration()
        self.inputs, self.outputs = _check_widths(self.layers)
        shapes = [layer.shapes for layer in self.layers]
        statistic_shapes = [layer.statistic_shapes for layer in self.layers]
        self.params: Array = np.zeros(_size(shapes), dtype)
        self.grads: Array = np.zeros_like(self.params)
        self.statistics: Array = np.zeros(_size(statistic_shapes), dtype)
        views = zip(
            self.layers,
            _carve(self.params, shapes),
            _carve(self.grads, shapes),
            _carve(self.statistics, statistic_shapes),
            strict=True,
        )
        for layer, params, grads, statistics in views:
            layer.bind(params, grads, statistics)
        next(layer for layer in self.layers if layer.shapes).needs_input_grad = False
        self.work_in(Workspace())

    def work_in(self, workspace: Workspace) -> None:
        """Write what lives no longer than one step into this workspace from now on."""
        self.workspace = workspace
        for number, layer in enumerate(self.layers):
            layer.place(workspace, number)

    def initialize(self, *, rng: np.random.Generator) -> Network:
        """Draw fresh parameters; returns the network itself."""
        for layer in self.layers:
            layer.initialize(rng)
        return self

    def forward(
        self, x: Array, *, training: bool = False, rng: np.random.Generator | None = None
    ) -> Array:
        """Scores (logits) of a batch.

        Parameters
        ----------
        x : (n, inputs) float in [0, 1], of the network's dtype
        training : use batch statistics and dropout, and remember what `backward` needs
        rng : what dropout draws from; needed in training with dropout

        Returns
        -------
        (n, outputs), a buffer that the next call overwrites
        """
        for layer in self.layers:
            x = layer.forward(x, training=training, rng=rng)
        return x

    def read(
        self, pixels: Pixels, *, training: bool = False, rng: np.random.Generator | None = None
    ) -> Array:
        """`forward` for pixels from 0 to 255, (n, inputs) uint8; faster than scaling them first."""
        first, *others = self.layers
        if isinstance(first, Dense):
            y = first.read(pixels)
        else:
            x = self.workspace.array("x", pixels.shape, self.params.dtype)
            y = first.forward(scaled(pixels, out=x), training=training, rng=rng)
        for layer in others:
            y = layer.forward(y, training=training, rng=rng)
        return y

    def backward(self, dlogits: Array) -> None:
        """Fill `grads` for dL/dlogits, (n, outputs), of the latest `forward`."""
        dy: Array | None = dlogits
        for layer in reversed(self.layers):
            if dy is None:
                return
            dy = layer.backward(dy)

    def predict_proba(self, x: Array) -> Array:
        """Probabilities of the ten digits.

        Parameters
        ----------
        x : (n, inputs) float32 in [0, 1], ink 1

        Returns
        -------
        (n, 10) of the network's dtype; rows sum to 1

        Raises
        ------
        ValueError
            `x` has another shape, or is not of floats.
        """
        x = np.asarray(x)
        if x.ndim != 2 or x.shape[1] != self.inputs:
            raise ValueError(
                f"expected x of shape (n, {self.inputs}), got {x.shape}; a single one is x[None]"
            )
        if x.dtype.kind != "f":
            raise ValueError(f"expected floats in [0, 1], got {x.dtype}; divide pixels by 255")
        x = x.astype(self.params.dtype, copy=False)
        folded = self.folded()
        probabilities = np.empty((len(x), self.outputs), self.params.dtype)
        for first in range(0, len(x), CHUNK):
            rows = slice(first, first + CHUNK)
            softmax(folded.forward(x[rows]), out=probabilities[rows])
        return probabilities

    def folded(self) -> Network:
        """The same prediction without batch normalisation and dropout.

        A dense layer's weights take up the scale and the shift of the batch normalisation behind
        it; dropout is the identity in prediction. The result is independent of this network, its
        buffers too: so several threads may predict with one network that nobody trains.
        """
        layers: list[Layer] = []
        values: list[Array] = []
        for layer in self.layers:
            if isinstance(layer, Dropout):
                continue
            if isinstance(layer, BatchNorm) and layers and isinstance(layers[-1], Dense):
                scale, shift = layer.scale_and_shift()
                values[-2] = values[-2] * scale
                values[-1] = values[-1] * scale + shift
                continue
            layers.append(LAYERS[layer.kind](**layer.config()))
            if isinstance(layer, Dense):
                layers[-1] = Dense(layer.inputs, layer.outputs)
                zero = np.zeros(layer.outputs, layer.W.dtype)
                values += [layer.W, layer.b if layer.bias else zero]
            elif layer.shapes or layer.statistic_shapes:
                raise ValueError(f"cannot fold {layer.kind} that does not follow a dense layer")
        folded = Network(layers, dtype=self.params.dtype)
        np.concatenate([value.ravel() for value in values], out=folded.params)
        return folded

    def copy(self) -> Network:
        """An independent network of the same architecture, parameters and statistics."""
        twin = Network(layers_from(self.architecture()), dtype=self.params.dtype)
        twin.params[...] = self.params
        twin.statistics[...] = self.statistics
        twin.calibration = self.calibration
        return twin

    def architecture(self) -> list[dict[str, Any]]:
        """What `layers_from` needs to build these layers again, fit for JSON."""
        return [{"kind": layer.kind, **layer.config()} for layer in self.layers]

    def arrays(self) -> dict[str, Array]:
        """Parameters and statistics by name, `"0.dense.W"`, as views: what a checkpoint holds."""
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
    activation : the kind every hidden layer gets a copy of
    batch_norm : whether to normalise each hidden layer before its activation
    dropout : the share of each hidden layer's units dropped in training, in [0, 1)
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
    """Give every dropout layer this rate; a network without any gets them when they are needed."""
    layers = network.layers
    if rate > 0 and not any(isinstance(layer, Dropout) for layer in layers):
        for i in range(len(layers), 0, -1):
            if layers[i - 1].kind in ACTIVATIONS:
                layers.insert(i, Dropout(rate))
        network.work_in(network.workspace)  # where each layer has another number now
    for layer in layers:
        if isinstance(layer, Dropout):
            layer.rate = rate


def layers_from(architecture: Sequence[dict[str, Any]]) -> list[Layer]:
    """Fresh layers as `Network.architecture` describes them.

    Raises
    ------
    ValueError
        A kind is unknown, or its arguments are not what it takes.
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


def _check_widths(layers: Sequence[Layer]) -> tuple[int, int]:
    dense = [layer for layer in layers if isinstance(layer, Dense)]
    if not dense:
        raise ValueError("expected at least one dense layer, got none")
    width = dense[0].inputs
    for layer in layers:
        expects = getattr(layer, "inputs", getattr(layer, "units", width))
        if expects != width:
            raise ValueError(
                f"{layer.kind} expects {expects} inputs, the layer before puts out {width}"
            )
        width = getattr(layer, "outputs", width)
    return dense[0].inputs, width


def _size(shapes: Sequence[Shapes]) -> int:
    return sum(math.prod(shape) for layer in shapes for shape in layer.values())


def _carve(flat: Array, shapes: Sequence[Shapes]) -> list[dict[str, Array]]:
    """Cut `flat` into named, shaped views, a dict of them for each layer."""
    views: list[dict[str, Array]] = []
    first = 0
    for layer in shapes:
        views.append({})
        for name, shape in layer.items():
            last = first + math.prod(shape)
            views[-1][name] = flat[first:last].reshape(shape)
            first = last
    return views
