"""Diagnostics: the state of each layer with weights in training.

    weight norm      |W|, Euclidean
    gradient norm    |dL/dW|, of the latest batch
    dead units       the share of units whose activation function gets 0 or less for every sample
                     of the latest batch or chunk, and a filter's at every place, so that almost no
                     gradient flows; a tanh unit cannot die

Biases are left out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from nn.convolution import Convolution
from nn.layers import Dense, LeakyReLU, ReLU
from nn.network import Network


@dataclass(frozen=True, slots=True)
class LayerFigures:
    """The state of one dense layer or convolution."""

    layer: int  # counted from 1, the first hidden layer
    weight_norm: float
    gradient_norm: float
    dead: float | None  # the share of dead units; None for the outputs and tanh, which cannot die


def layer_figures(network: Network) -> tuple[LayerFigures, ...]:
    """The state of every layer with weights, after a `forward` in training and a `backward`."""
    found: list[LayerFigures] = []
    with np.errstate(over="ignore", invalid="ignore"):  # training may diverge
        for layer in network.layers:
            if isinstance(layer, Dense | Convolution):
                norms = float(np.linalg.norm(layer.W)), float(np.linalg.norm(layer.dW))
                found.append(LayerFigures(len(found) + 1, *norms, None))
            elif isinstance(layer, ReLU | LeakyReLU) and found:
                largest = layer.x.max(axis=(0, *range(2, layer.x.ndim)))  # (units,)
                dead = float((largest <= 0).mean())
                found[-1] = replace(found[-1], dead=dead)
    return tuple(found)
