"""Layers: each turns x into y, and on the way back dL/dy into dL/dx and its parameters' gradients.

The contract, in four lines:

    layer.bind(values, gradients, statistics)   the network hands over views into its flat vectors
    y = layer.forward(x, training=..., rng=...) (n, inputs) -> (n, outputs); x is never written to
    dx = layer.backward(dy)                     fills the gradients; None where nobody needs dx
    layer.config()                              the arguments that would make this layer again

Outputs go into a workspace: what `forward` or `backward` returned is overwritten by the next
call. Out of scope: the loss (losses.py) and how parameters change (optimizers.py).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .workspace import Workspace

WORTH_IT = 0.9  # of the pixels: below this, leaving out the blank ones costs less than it saves

Array: TypeAlias = NDArray[np.floating[Any]]
Pixels: TypeAlias = NDArray[np.uint8]
Shapes: TypeAlias = Mapping[str, tuple[int, ...]]


class Layer:
    """A layer without parameters; the others add theirs.

    Attributes
    ----------
    kind : the layer's name in a checkpoint
    shapes : of the trainable parameters, by attribute name; the gradient of `W` is `dW`
    statistic_shapes : of what a layer remembers about its inputs without training it
    needs_input_grad : False for the first layer with parameters, whose dL/dx nobody asks for
    """

    kind: ClassVar[str]
    shapes: Shapes = MappingProxyType({})
    statistic_shapes: Shapes = MappingProxyType({})
    needs_input_grad = True

    def __init__(self) -> None:
        self.place(Workspace(), 0)

    def place(self, workspace: Workspace, number: int) -> None:
        """Write into this workspace from now on, as the layer of that number in its network."""
        self._workspace, self._number = workspace, number
        self._buffers: dict[str, Array] = {}

    def config(self) -> dict[str, Any]:
        """The keyword arguments that make this layer again, fit for JSON."""
        return {}

    def bind(
        self, values: Mapping[str, Array], grads: Mapping[str, Array], stats: Mapping[str, Array]
    ) -> None:
        """Take views of the network's flat vectors as parameters, gradients and statistics."""
        for name, view in values.items():
            setattr(self, name, view)
        for name, view in grads.items():
            setattr(self, f"d{name}", view)
        for name, view in stats.items():
            setattr(self, name, view)

    def initialize(self, rng: np.random.Generator) -> None:
        """Set the parameters and statistics to what a training starts from."""

    def forward(
        self, x: Array, *, training: bool = False, rng: np.random.Generator | None = None
    ) -> Array:
        """Return y for x, `(n, inputs)`; remember what `backward` needs."""
        raise NotImplementedError

    def backward(self, dy: Array) -> Array | None:
        """Return dL/dx for dL/dy of the latest `forward`; fill the parameters' gradients."""
        raise NotImplementedError

    def buffer(self, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
        """Memory to write an output into, `shape`, contents undefined.

        From call to call only the first number of `shape` may change.
        """
        memory = self._buffers.get(name)
        if memory is None or len(memory) < shape[0] or memory.dtype != dtype:
            memory = self._workspace.array((self._number, name), shape, dtype)
            self._buffers[name] = memory
        return memory[: shape[0]]


class Dense(Layer):
    """A fully connected layer: y = x W + b.

    Backwards: dW = xᵀ dy, db = Σ dy over the samples, dx = dy Wᵀ.

    The first layer can `read` pixels as bytes, too: it scales them to [0, 1], and leaves out those
    that are blank in the whole batch: they add nothing to y, and their rows of dW are 0.
    A batch of 128 digits of MNIST leaves a third of its 784 pixels blank. They are told apart in
    pairs, which halves the work of gathering the others.

    Parameters
    ----------
    inputs, outputs : widths
    bias : whether there is a b; a layer followed by BatchNorm, which subtracts the mean, needs none
    """

    kind = "dense"
    W: Array  # (inputs, outputs)
    b: Array  # (outputs,)
    dW: Array
    db: Array

    def __init__(self, inputs: int, outputs: int, bias: bool = True) -> None:
        super().__init__()
        self.inputs, self.outputs, self.bias = inputs, outputs, bias
        self.lit: NDArray[np.intp] | None = None  # the pairs of pixels that are not left out
        self.shapes = {"W": (inputs, outputs)} | ({"b": (outputs,)} if bias else {})

    def config(self) -> dict[str, Any]:
        return {"inputs": self.inputs, "outputs": self.outputs, "bias": self.bias}

    def initialize(self, rng: np.random.Generator) -> None:
        """He et al. 2015: W ~ N(0, 2 / inputs), b = 0."""
        deviation = math.sqrt(2.0 / self.inputs)
        self.W[...] = rng.standard_normal(self.W.shape) * deviation
        if self.bias:
            self.b[...] = 0.0

    def forward(
        self, x: Array, *, training: bool = False, rng: np.random.Generator | None = None
    ) -> Array:
        self.x, self.lit = x, None
        return self.affine(self.W)

    def read(self, pixels: Pixels) -> Array:
        """`forward` for pixels from 0 to 255, (n, inputs) uint8, without those that are blank."""
        W, self.lit = self.W, _lit_pairs(pixels)
        if self.lit is not None:
            some = self._workspace.array("pixels", (len(pixels), len(self.lit)), np.uint16)
            pixels.view(np.uint16).take(self.lit, axis=1, out=some, mode="clip")
            pixels = some.view(np.uint8)
            W = self.buffer("lit W", (pixels.shape[1], self.outputs), W.dtype)
            _by_pairs(self.W).take(self.lit, axis=0, out=_by_pairs(W), mode="clip")
        self.x = scaled(pixels, out=self._workspace.array("x", pixels.shape, W.dtype))
        return self.affine(W)

    def affine(self, W: Array) -> Array:
        """y = x W + b for the x at hand; of W only the rows for it."""
        y = self.buffer("y", (len(self.x), self.outputs), W.dtype)
        np.matmul(self.x, W, out=y)
        if self.bias:
            y += self.b
        return y

    def backward(self, dy: Array) -> Array | None:
        if self.lit is None:
            np.matmul(self.x.T, dy, out=self.dW)
        else:
            lit_dW = self.buffer("lit dW", (self.x.shape[1], self.outputs), dy.dtype)
            np.matmul(self.x.T, dy, out=lit_dW)
            self.dW[...] = 0.0
            _by_pairs(self.dW)[self.lit] = _by_pairs(lit_dW)
        if self.bias:
            np.matmul(np.ones(len(dy), dy.dtype), dy, out=self.db)  # faster than np.sum
        if not self.needs_input_grad:
            return None
        return np.matmul(dy, self.W.T, out=self.buffer("dx", self.x.shape, dy.dtype))


def scaled(pixels: Pixels, out: Array) -> Array:
    """Pixels from 0 to 255 as floats in [0, 1], written into `out` of the same shape."""
    np.copyto(out, pixels)
    out *= 1.0 / 255.0
    return out


def _lit_pairs(pixels: Pixels) -> NDArray[np.intp] | None:
    """Which pairs of pixels are not 0 in every row; None where it is not worth it."""
    if pixels.shape[1] % 2 or not pixels.flags.c_contiguous:
        return None
    pairs = np.bitwise_or.reduce(pixels.view(np.uint16), axis=0)
    lit = np.flatnonzero(pairs)
    return lit if len(lit) < WORTH_IT * len(pairs) else None


def _by_pairs(W: Array) -> Array:
    """(inputs, outputs) as (inputs / 2, 2 outputs): a row for each pair of pixels."""
    return W.reshape(-1, 2 * W.shape[1])


class LeakyReLU(Layer):
    """y = x where x > 0, else slope · x (Maas et al. 2013). Backwards: dx = dy · (1 or slope)."""

    kind = "leaky_relu"

    def __init__(self, slope: float = 0.004) -> None:
        super().__init__()
        self.slope = float(slope)

    def config(self) -> dict[str, Any]:
        return {"slope": self.slope}

    def forward(
        self, x: Array, *, training: bool = False, rng: np.random.Generator | None = None
    ) -> Array:
        self.x = x
        y = np.multiply(x, self.slope, out=self.buffer("y", x.shape, x.dtype))
        return np.maximum(x, y, out=y)  # the larger of both, as 0 <= slope < 1

    def backward(self, dy: Array) -> Array | None:
        derivative = self.buffer("dx", dy.shape, dy.dtype)
        np.greater(self.x, 0, out=derivative)  # 1 or 0: a mask multiply beats boolean indexing
        derivative *= 1.0 - self.slope
        derivative += self.slope
        derivative *= dy
        return derivative


class ReLU(Layer):
    """y = max(x, 0) (Nair and Hinton 2010). Backwards: dx = dy where x > 0, else 0."""

    kind = "relu"

    def forward(
        self, x: Array, *, training: bool = False, rng: np.random.Generator | None = None
    ) -> Array:
        self.x = x
        return np.maximum(x, 0, out=self.buffer("y", x.shape, x.dtype))

    def backward(self, dy: Array) -> Array | None:
        derivative = self.buffer("dx", dy.shape, dy.dtype)
        np.greater(self.x, 0, out=derivative)
        derivative *= dy
        return derivative


class Tanh(Layer):
    """y = tanh(x). Backwards: dx = dy (1 - y²)."""

    kind = "tanh"

    def forward(
        self, x: Array, *, training: bool = False, rng: np.random.Generator | None = None
    ) -> Array:
        self.y = np.tanh(x, out=self.buffer("y", x.shape, x.dtype))
        return self.y

    def backward(self, dy: Array) -> Array | None:
        derivative = self.buffer("dx", dy.shape, dy.dtype)
        np.multiply(self.y, self.y, out=derivative)
        np.subtract(1.0, derivative, out=derivative)
        derivative *= dy
        return derivative


class BatchNorm(Layer):
    """Batch normalisation: every unit's inputs are centred and scaled over the batch.

    Source: S. Ioffe, C. Szegedy, "Batch Normalization: Accelerating Deep Network Training by
    Reducing Internal Covariate Shift", 2015. In training (their algorithm 1):

        μ = mean(x),  σ² = mean((x - μ)²),  x̂ = (x - μ) / √(σ² + ε),  y = γ x̂ + β

    and backwards (section 3, with the three terms through x̂, σ² and μ collected):

        dγ = Σ dy x̂,  dβ = Σ dy,  dx = γ / √(σ² + ε) · (dy - dβ / n - x̂ dγ / n)

    In prediction μ and σ² are running averages, so that a sample's output does not depend on its
    neighbours: running ← (1 - momentum) running + momentum · batch, with σ² n / (n - 1), unbiased.
    """

    kind = "batch_norm"
    gamma: Array  # (units,)
    beta: Array
    dgamma: Array
    dbeta: Array
    running_mean: Array
    running_var: Array

    def __init__(self, units: int, momentum: float = 0.1, epsilon: float = 1e-5) -> None:
        super().__init__()
        self.units, self.momentum, self.epsilon = units, momentum, epsilon
        self.shapes = {"gamma": (units,), "beta": (units,)}
        self.statistic_shapes = {"running_mean": (units,), "running_var": (units,)}

    def config(self) -> dict[str, Any]:
        return {"units": self.units, "momentum": self.momentum, "epsilon": self.epsilon}

    def initialize(self, rng: np.random.Generator) -> None:
        self.gamma[...] = 1.0
        self.beta[...] = 0.0
        self.running_mean[...] = 0.0
        self.running_var[...] = 1.0

    def forward(
        self, x: Array, *, training: bool = False, rng: np.random.Generator | None = None
    ) -> Array:
        if not training:
            scale, shift = self.scale_and_shift()
            y: Array = np.multiply(x, scale, out=self.buffer("y", x.shape, x.dtype))
            y += shift
            return y
        n = len(x)
        if n < 2:
            raise ValueError("batch normalisation needs batches of 2 samples or more, got 1")
        average = np.full(n, 1.0 / n, x.dtype)  # a product with it is a mean, faster than np.mean
        mean = average @ x
        centred = np.subtract(x, mean, out=self.buffer("centred", x.shape, x.dtype))
        y = np.multiply(centred, centred, out=self.buffer("y", x.shape, x.dtype))
        var = average @ y
        self.inv_std = 1.0 / np.sqrt(var + self.epsilon)
        self.centred = centred
        self.running_mean += self.momentum * (mean - self.running_mean)
        self.running_var += self.momentum * (var * (n / (n - 1)) - self.running_var)
        np.multiply(centred, self.gamma * self.inv_std, out=y)  # x̂ = centred · inv_std
        y += self.beta
        return y

    def backward(self, dy: Array) -> Array | None:
        n = len(dy)
        ones = np.ones(n, dy.dtype)
        dx: Array = np.multiply(dy, self.centred, out=self.buffer("dx", dy.shape, dy.dtype))
        np.multiply(ones @ dx, self.inv_std, out=self.dgamma)
        np.matmul(ones, dy, out=self.dbeta)
        np.multiply(self.centred, self.inv_std * self.dgamma / -n, out=dx)
        dx += dy
        dx -= self.dbeta / n
        dx *= self.gamma * self.inv_std
        return dx

    def scale_and_shift(self) -> tuple[Array, Array]:
        """Prediction as y = x · scale + shift, each `(units,)`."""
        scale = self.gamma / np.sqrt(self.running_var + self.epsilon)
        return scale, self.beta - self.running_mean * scale


class Dropout(Layer):
    """Inverted dropout: in training each input is zeroed with probability `rate`.

    Source: N. Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from
    Overfitting", 2014. The survivors are divided by 1 - rate then and there, so that prediction
    is the identity. Whether one survives is decided by 16 random bits: the probability is exact
    to 1 / 131072, and drawing them costs less than drawing floats.
    """

    kind = "dropout"

    def __init__(self, rate: float = 0.5) -> None:
        super().__init__()
        self.rate = float(rate)  # may change while a training runs

    def config(self) -> dict[str, Any]:
        return {"rate": self.rate}

    def forward(
        self, x: Array, *, training: bool = False, rng: np.random.Generator | None = None
    ) -> Array:
        self.active = training and self.rate > 0
        if not self.active:
            return x
        if rng is None:
            raise ValueError("dropout needs a random generator in training: pass rng=")
        keep = 1.0 - self.rate
        words = rng.integers(2**64, size=-(-x.size // 4), dtype=np.uint64)  # twice rng.bytes' speed
        bits = words.view(np.uint16)[: x.size].reshape(x.shape)
        self.mask = self.buffer("mask", x.shape, x.dtype)
        np.less(bits, round(keep * 65536), out=self.mask)
        self.mask *= 1.0 / keep
        return np.multiply(x, self.mask, out=self.buffer("y", x.shape, x.dtype))

    def backward(self, dy: Array) -> Array | None:
        if not self.active:
            return dy
        return np.multiply(dy, self.mask, out=self.buffer("dx", dy.shape, dy.dtype))


LAYERS: dict[str, type[Layer]] = {
    layer.kind: layer for layer in (Dense, LeakyReLU, ReLU, Tanh, BatchNorm, Dropout)
}
