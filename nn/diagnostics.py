"""Diagnostics: how each dense layer stands, for those who watch a training.

    weight norm      |W|, Euclidean
    gradient norm    |dL/dW|, of the latest batch
    dead             the share of units that answer 0 or less to every sample, so that almost no
                     gradient passes through them; a tanh unit never does

Computed when somebody asks; a training by itself costs nothing of it. Biases are left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .layers import Array, Dense, LeakyReLU, ReLU
from .network import Network


@dataclass(frozen=True, slots=True)
class LayerFigures:
    """How one dense layer stands.

    Attributes
    ----------
    layer : counted from 1, the first hidden layer
    weight_norm, gradient_norm : of W and of dL/dW
    dead : in [0, 1]; None for units that cannot die: the outputs, tanh
    """

    layer: int
    weight_norm: float
    gradient_norm: float
    dead: float | None


def layer_figures(network: Network, x: Array) -> tuple[LayerFigures, ...]:
    """Look at every dense layer of a network in training.

    Parameters
    ----------
    network : its `grads` are those of the latest batch; not changed
    x : (n, inputs) in [0, 1], the samples that dead units are told by
    """
    dead: list[float | None] = []
    y = x
    with np.errstate(over="ignore", invalid="ignore"):  # a training that diverges is looked at too
        for layer in network.folded().layers:
            y = layer.forward(y)
            if isinstance(layer, Dense):
                dead.append(None)
            elif isinstance(layer, ReLU | LeakyReLU):
                dead[-1] = float((y.max(axis=0) <= 0).mean())
        dense = [layer for layer in network.layers if isinstance(layer, Dense)]
        return tuple(
            LayerFigures(i, float(np.linalg.norm(layer.W)), float(np.linalg.norm(layer.dW)), share)
            for i, (layer, share) in enumerate(zip(dense, dead, strict=True), 1)
        )
