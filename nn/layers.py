"""Layers: each computes y from x, and on the way back dL/dx and its own gradients from dL/dy.

    layer.bind(params, grads, stats)              take views of the network's flat vectors
    y = layer.forward(x, training=..., rng=...)   (n, inputs) -> (n, outputs); x is not changed
    dx = layer.backward(dy)                       fills the gradients; None if dx is not needed
    layer.config()                                the arguments that make the same layer again

Out of scope: layers of images (convolution.py), the loss (losses.py), and how parameters change
(optimizers.py).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

Array: TypeAlias = NDArray[np.floating[Any]]
Pixels: TypeAlias = NDArray[np.uint8]
Shape: TypeAlias = tuple[int, ...]
Shapes: TypeAlias = Mapping[str, Shape]
Rng: TypeAlias = np.random.Generator


def scaled(pixels: Pixels, dtype: DTypeLike = np.float32) -> Array:
    """Pixels from 0 to 255 as floats in [0, 1], in the same shape."""
    x: Array = pixels.astype(dtype)
    x *= 1.0 / 255.0
    return x


def expect_shape(layer: Layer, shape: Shape, wanted: Shape) -> None:
    """Raise ValueError unless a layer gets what it wants: the shape of one sample."""
    if shape != wanted:
        wants, gets = (" x ".join(map(str, each)) for each in (wanted, shape))
        raise ValueError(
            f"{layer.kind} expects {wants} inputs, the layer before has {gets} outputs"
        )


class Layer:
    """The base class: a layer without parameters.

    Attributes
    ----------
    kind : the layer's name in a checkpoint
    options : names of the constructor's arguments, which are attributes as well
    shapes : of the parameters, by attribute name; the gradient of `W` is `dW`
    statistic_shapes : of the running statistics, which are not trained
    needs_input_grad : False for the first layer with parameters, whose dL/dx has no use
    """

    kind: ClassVar[str]
    options: ClassVar[tuple[str, ...]] = ()
    shapes: Shapes = MappingProxyType({})
    statistic_shapes: Shapes = MappingProxyType({})
    needs_input_grad = True

    def config(self) -> dict[str, Any]:
        """The keyword arguments that make the same layer again, ready for JSON."""
        return {name: getattr(self, name) for name in self.options}

    def bind(
        self, params: Mapping[str, Array], grads: Mapping[str, Array], stats: Mapping[str, Array]
    ) -> None:
        """Take views of the network's flat vectors as parameters, gradients and statistics."""
        for name, view in {**params, **stats}.items():
            setattr(self, name, view)
        for name, view in grads.items():
            setattr(self, f"d{name}", view)

    def output_shape(self, shape: Shape) -> Shape:
        """The shape of one sample's y for that of its x; ValueError if the layer cannot take it."""
        return shape

    def initialize(self, rng: Rng) -> None:
        """Set the parameters and statistics to their values before training."""

    def absorb(self, scale: Array, shift: Array) -> None:
        """Change the parameters so that y becomes y · scale + shift, one of each per unit."""
        raise NotImplementedError

    def forward(self, x: Array, *, training: bool = False, rng: Rng | None = None) -> Array:
        """Return y for x, (n, ...), and keep what `backward` needs."""
        raise NotImplementedError

    def backward(self, dy: Array) -> Array | None:
        """Return dL/dx for dL/dy of the latest `forward`, and fill the parameters' gradients."""
        raise NotImplementedError


class Dense(Layer):
    """A fully connected layer: y = x W + b.

    Backwards: dW = xᵀ dy, db = Σ dy over the samples, dx = dy Wᵀ.

    Parameters
    ----------
    inputs, outputs : widths
    bias : whether to add b; before a BatchNorm, which subtracts the mean, it has no effect
    """

    kind = "dense"
    options = ("inputs", "outputs", "bias")
    W: Array  # (inputs, outputs)
    b: Array  # (outputs,)
    dW: Array
    db: Array

    def __init__(self, inputs: int, outputs: int, bias: bool = True) -> None:
        self.inputs, self.outputs, self.bias = inputs, outputs, bias
        self.units = outputs
        self.shapes = {"W": (inputs, outputs)} | ({"b": (outputs,)} if bias else {})

    def output_shape(self, shape: Shape) -> Shape:
        expect_shape(self, shape, (self.inputs,))
        return (self.outputs,)

    def initialize(self, rng: Rng) -> None:
        """He et al. 2015: W ~ N(0, 2 / inputs), b = 0."""
        self.W[...] = rng.standard_normal(self.W.shape) * math.sqrt(2.0 / self.inputs)
        if self.bias:
            self.b[...] = 0.0

    def absorb(self, scale: Array, shift: Array) -> None:
        self.W *= scale
        self.b *= scale
        self.b += shift

    def forward(self, x: Array, *, training: bool = False, rng: Rng | None = None) -> Array:
        self.x = x  # (n, inputs)
        y: Array = x @ self.W  # (n, outputs)
        if self.bias:
            y += self.b
        return y

    def backward(self, dy: Array) -> Array | None:
        np.matmul(self.x.T, dy, out=self.dW)
        if self.bias:
            np.sum(dy, axis=0, out=self.db)
        return dy @ self.W.T if self.needs_input_grad else None


class LeakyReLU(Layer):
    """y = x where x > 0, else slope · x (Maas et al. 2013). Backwards: dx = dy · (1 or slope)."""

    kind = "leaky_relu"
    options = ("slope",)

    def __init__(self, slope: float = 0.004) -> None:
        self.slope = float(slope)

    def forward(self, x: Array, *, training: bool = False, rng: Rng | None = None) -> Array:
        self.x = x
        y: Array = np.maximum(x, x * self.slope)  # as 0 <= slope < 1
        return y

    def backward(self, dy: Array) -> Array | None:
        derivative = (self.x > 0).astype(dy.dtype)  # a product is faster than boolean indexing
        derivative *= 1.0 - self.slope
        derivative += self.slope
        derivative *= dy
        return derivative


class ReLU(Layer):
    """y = max(x, 0) (Nair and Hinton 2010). Backwards: dx = dy where x > 0, else 0."""

    kind = "relu"

    def forward(self, x: Array, *, training: bool = False, rng: Rng | None = None) -> Array:
        self.x = x
        return np.maximum(x, 0)

    def backward(self, dy: Array) -> Array | None:
        return dy * (self.x > 0)


class Tanh(Layer):
    """y = tanh(x). Backwards: dx = dy (1 - y²)."""

    kind = "tanh"

    def forward(self, x: Array, *, training: bool = False, rng: Rng | None = None) -> Array:
        self.y = y = np.tanh(x)
        return y

    def backward(self, dy: Array) -> Array | None:
        return dy * (1.0 - self.y * self.y)


class BatchNorm(Layer):
    """Batch normalisation: each unit's inputs are centred and scaled over the batch.

    A unit of images, (n, units, height, width), is a channel, with all its places in the batch.

    Source: S. Ioffe, C. Szegedy, "Batch Normalization: Accelerating Deep Network Training by
    Reducing Internal Covariate Shift", 2015. In training (their algorithm 1):

        μ = mean(x),  σ² = mean((x - μ)²),  x̂ = (x - μ) / √(σ² + ε),  y = γ x̂ + β

    and backwards (section 3, the terms through x̂, σ² and μ collected):

        dγ = Σ dy x̂,  dβ = Σ dy,  dx = γ / √(σ² + ε) · (dy - dβ / n - x̂ dγ / n)

    In prediction μ and σ² are running averages, so that a sample's output does not depend on the
    others: running ← (1 - momentum) running + momentum · batch, with the unbiased σ² n / (n - 1).
    """

    kind = "batch_norm"
    options = ("units", "momentum", "epsilon")
    gamma: Array  # (units,)
    beta: Array
    dgamma: Array
    dbeta: Array
    running_mean: Array
    running_var: Array

    def __init__(self, units: int, momentum: float = 0.1, epsilon: float = 1e-5) -> None:
        self.units, self.momentum, self.epsilon = units, momentum, epsilon
        self.shapes = {"gamma": (units,), "beta": (units,)}
        self.statistic_shapes = {"running_mean": (units,), "running_var": (units,)}

    def output_shape(self, shape: Shape) -> Shape:
        expect_shape(self, shape, (self.units, *shape[1:]))
        return shape

    def initialize(self, rng: Rng) -> None:
        self.gamma[...] = 1.0
        self.beta[...] = 0.0
        self.running_mean[...] = 0.0
        self.running_var[...] = 1.0

    def forward(self, x: Array, *, training: bool = False, rng: Rng | None = None) -> Array:
        if not training:
            scale, shift = self.scale_and_shift()
            return x * _over(x, scale) + _over(x, shift)
        n, axes = x.size // self.units, _batch_axes(x)
        if n < 2:
            raise ValueError("batch normalisation needs batches of 2 samples or more, got 1")
        mean = x.mean(axis=axes)
        self.x_hat = x - _over(x, mean)
        var = np.square(self.x_hat).mean(axis=axes)
        self.inv_std: Array = 1.0 / np.sqrt(var + self.epsilon)
        self.x_hat *= _over(x, self.inv_std)
        self.running_mean += self.momentum * (mean - self.running_mean)
        self.running_var += self.momentum * (var * (n / (n - 1)) - self.running_var)
        y: Array = self.x_hat * _over(x, self.gamma)
        y += _over(x, self.beta)
        return y

    def backward(self, dy: Array) -> Array | None:
        n, axes = dy.size // self.units, _batch_axes(dy)
        np.sum(dy * self.x_hat, axis=axes, out=self.dgamma)
        np.sum(dy, axis=axes, out=self.dbeta)
        dx: Array = self.x_hat * _over(dy, -self.dgamma / n)
        dx += dy
        dx -= _over(dy, self.dbeta / n)
        dx *= _over(dy, self.gamma * self.inv_std)
        return dx

    def scale_and_shift(self) -> tuple[Array, Array]:
        """The scale and shift, (units,) each, with which it predicts y = x · scale + shift."""
        scale = self.gamma / np.sqrt(self.running_var + self.epsilon)
        return scale, self.beta - self.running_mean * scale


def _batch_axes(x: Array) -> tuple[int, ...]:
    """The axes of a unit's batch: all but the second."""
    return (0, *range(2, x.ndim))


def _over(x: Array, values: Array) -> Array:
    """One value per unit, (units,), in a shape that applies to all of x."""
    return values.reshape(-1, *(1,) * (x.ndim - 2))


class Dropout(Layer):
    """Inverted dropout: in training each input is zeroed with probability `rate`.

    The others are divided by 1 - rate, so that in prediction the layer is the identity.

    Source: N. Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from
    Overfitting", 2014.
    """

    kind = "dropout"
    options = ("rate",)

    def __init__(self, rate: float = 0.5) -> None:
        self.rate = float(rate)  # may change during a training run

    def forward(self, x: Array, *, training: bool = False, rng: Rng | None = None) -> Array:
        self.mask: Array | None = None
        if not training or self.rate == 0:
            return x
        if rng is None:
            raise ValueError("dropout needs a random generator in training: pass rng=")
        keep = 1.0 - self.rate
        self.mask = (rng.random(x.shape, np.float32) < keep).astype(x.dtype)
        self.mask *= 1.0 / keep
        return x * self.mask

    def backward(self, dy: Array) -> Array | None:
        return dy if self.mask is None else dy * self.mask
