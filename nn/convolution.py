"""Convolution: layers that look at an image place by place, with the same weights at each.

A digit that is moved moves the values in these layers with it, which a dense layer has to learn
for every place anew. They keep the contract of layers.py, on images: (n, channels, height, width).

A convolution is one matrix product: every patch of the image becomes a column, "im2col" (K.
Chellapilla et al., "High Performance Convolutional Neural Networks for Document Processing", 2006).
In memory the samples come last, so that a row of a patch is one block for all of them and is copied
as such; `samples_last` and `samples_first` go from one order to the other.

Source: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-Based Learning Applied to Document
Recognition", 1998.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from .layers import Array, Layer, Rng, Shape, expect_shape


def samples_last(x: Array) -> Array:
    """(n, channels, height, width) → (channels, height, width, n), without copying."""
    return x.transpose(1, 2, 3, 0)


def samples_first(x: Array) -> Array:
    """(channels, height, width, n) → (n, channels, height, width), without copying."""
    return x.transpose(3, 0, 1, 2)


class Unflatten(Layer):
    """Rows of pixels as images: (n, channels · height · width) → (n, channels, height, width)."""

    kind = "unflatten"
    options = ("channels", "height", "width")

    def __init__(self, channels: int, height: int, width: int) -> None:
        self.channels, self.height, self.width = channels, height, width
        self.inputs = channels * height * width

    def output_shape(self, shape: Shape) -> Shape:
        expect_shape(self, shape, (self.inputs,))
        return self.channels, self.height, self.width

    def forward(self, x: Array, *, training: bool = False, rng: Rng | None = None) -> Array:
        rows: Array = np.ascontiguousarray(x.T)
        return samples_first(rows.reshape(self.channels, self.height, self.width, len(x)))

    def backward(self, dy: Array) -> Array | None:
        return dy.reshape(len(dy), self.inputs)


class Convolution(Layer):
    """A convolution with stride 1: y[f] = b[f] + Σ_c W[f, c] ⋆ x[c], as

        y[f, i, j] = b[f] + Σ_c Σ_u Σ_v W[f, c, u, v] x[c, i + u, j + v]

    with x padded by zeros on each side. With each patch of x as a column of P, y = W P + b.
    Backwards: dW = dy Pᵀ, db = Σ dy over samples and places, and dP = Wᵀ dy, whose every column is
    added to dx where its patch came from.

    Parameters
    ----------
    channels, filters : of the input and of the output, which has one channel per filter
    kernel_size : the height and width of a patch
    padding : rows and columns of zeros on each side
    bias : whether to add b; before a BatchNorm, which subtracts the mean, it has no effect
    """

    kind = "convolution"
    options = ("channels", "filters", "kernel_size", "padding", "bias")
    W: Array  # (filters, channels, kernel_size, kernel_size)
    b: Array  # (filters,)
    dW: Array
    db: Array

    def __init__(
        self, channels: int, filters: int, kernel_size: int, padding: int = 0, bias: bool = True
    ) -> None:
        self.channels, self.filters, self.kernel_size = channels, filters, kernel_size
        self.padding, self.bias = padding, bias
        self.units = filters
        shape = (filters, channels, kernel_size, kernel_size)
        self.shapes = {"W": shape} | ({"b": (filters,)} if bias else {})

    def output_shape(self, shape: Shape) -> Shape:
        least = max(self.kernel_size - 2 * self.padding, 1)
        _, height, width = _image(self, shape, least, channels=self.channels)
        grown = 2 * self.padding - self.kernel_size + 1
        return self.filters, height + grown, width + grown

    def values(self, shape: Shape) -> int:
        """How many numbers it holds per image of this shape: of its patches, or of its outputs."""
        _, height, width = self.output_shape(shape)
        return max(self.channels * self.kernel_size**2, self.filters) * height * width

    def initialize(self, rng: Rng) -> None:
        """He et al. 2015: W ~ N(0, 2 / inputs of a place), b = 0."""
        deviation = math.sqrt(2.0 / (self.channels * self.kernel_size**2))
        self.W[...] = rng.standard_normal(self.W.shape) * deviation
        if self.bias:
            self.b[...] = 0.0

    def absorb(self, scale: Array, shift: Array) -> None:
        self.W *= scale[:, None, None, None]
        self.b *= scale
        self.b += shift

    def forward(self, x: Array, *, training: bool = False, rng: Rng | None = None) -> Array:
        n, channels, height, width = x.shape
        k, p = self.kernel_size, self.padding
        self.padded = padded = np.zeros((channels, height + 2 * p, width + 2 * p, n), x.dtype)
        padded[:, p : p + height, p : p + width] = samples_last(x)
        windows = sliding_window_view(padded, (k, k), axis=(1, 2))
        self.places = places = windows.shape[1:4]  # height, width, n
        columns = windows.transpose(0, 4, 5, 1, 2, 3)  # (channels, k, k, height, width, n)
        self.patches = patches = columns.reshape(channels * k * k, -1)
        y: Array = self.W.reshape(self.filters, -1) @ patches
        if self.bias:
            y += self.b[:, None]
        return samples_first(y.reshape(self.filters, *places))

    def backward(self, dy: Array) -> Array | None:
        columns = samples_last(dy).reshape(self.filters, -1)
        np.matmul(columns, self.patches.T, out=self.dW.reshape(self.filters, -1))
        if self.bias:
            np.sum(columns, axis=1, out=self.db)
        if not self.needs_input_grad:
            return None
        k, p, (height, width, n) = self.kernel_size, self.padding, self.places
        dpatches = self.W.reshape(self.filters, -1).T @ columns
        dpatches = dpatches.reshape(self.channels, k, k, height, width, n)
        dx = np.zeros_like(self.padded)
        for u in range(k):
            for v in range(k):
                dx[:, u : u + height, v : v + width] += dpatches[:, u, v]
        return samples_first(dx[:, p : dx.shape[1] - p, p : dx.shape[2] - p])


class MaxPooling(Layer):
    """The largest value of each square of `size` · `size` places; what is left over is dropped.

    Backwards: dx = dy at the place of the largest value, of several the first; 0 elsewhere.

    Source: M. Ranzato et al., "Unsupervised Learning of Invariant Feature Hierarchies with
    Applications to Object Recognition", 2007. LeCun 1998 takes the mean instead.
    """

    kind = "max_pooling"
    options = ("size",)

    def __init__(self, size: int = 2) -> None:
        self.size = size

    def output_shape(self, shape: Shape) -> Shape:
        channels, height, width = _image(self, shape, self.size)
        return channels, height // self.size, width // self.size

    def corners(self, x: Array) -> Iterator[Array]:
        """Views of x: the first place of every square, then the second, and so on."""
        size = self.size
        bottom, right = (side // size * size for side in x.shape[2:])
        for u in range(size):
            for v in range(size):
                yield x[:, :, u:bottom:size, v:right:size]

    def forward(self, x: Array, *, training: bool = False, rng: Rng | None = None) -> Array:
        y: Array = functools.reduce(np.maximum, self.corners(x))
        self.x, self.y = x, y
        return y

    def backward(self, dy: Array) -> Array | None:
        dx = np.zeros_like(self.x)
        undecided = np.ones_like(self.y, bool)
        for x, into in zip(self.corners(self.x), self.corners(dx), strict=True):
            largest = undecided & (x == self.y)
            np.multiply(dy, largest, out=into)
            undecided &= ~largest
        return dx


class Flatten(Layer):
    """Images as rows: (n, channels, height, width) → (n, channels · height · width)."""

    kind = "flatten"

    def output_shape(self, shape: Shape) -> Shape:
        return (math.prod(shape),)

    def forward(self, x: Array, *, training: bool = False, rng: Rng | None = None) -> Array:
        self.shape = samples_last(x).shape
        return samples_last(x).reshape(-1, len(x)).T

    def backward(self, dy: Array) -> Array | None:
        return samples_first(np.ascontiguousarray(dy.T).reshape(self.shape))


def _image(layer: Layer, shape: Shape, least: int, *, channels: int | None = None) -> Shape:
    """The shape of an image; ValueError for any other, one too small, or other channels."""
    if len(shape) == 3:
        found, height, width = shape
    else:
        found, height, width = 1, 0, 0
    expect_shape(layer, shape, (channels or found, max(height, least), max(width, least)))
    return shape
