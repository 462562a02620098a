"""One forward pass, step by step, for one unit of each layer and one digit.

All values are the network's own: what enters and leaves each of its layers.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nn import Network
from nn.convolution import Convolution
from nn.explain.attribution import Passage, weighted_layers
from nn.explain.filters import Place, maps, patch, pool_size
from nn.layers import Array, Layer
from nn.network import ACTIVATIONS

TERMS = 8  # of a sum that are listed


class Kind(enum.Enum):
    """What a step does."""

    SUM = "sum"
    BIAS = "bias"
    ACTIVATION = "activation"
    POOLING = "pooling"
    SOFTMAX = "softmax"
    TEMPERATURE = "temperature"


@dataclass(frozen=True)
class Step:
    """One step.

    Attributes
    ----------
    kind : what it computes
    layer : counted from 1; the scores are the last
    unit : the unit it is shown for; for the scores a digit
    place : row and column on a filter's map; None for other units
    """

    kind: Kind
    layer: int
    unit: int
    place: Place | None = None


@dataclass(frozen=True)
class Term:
    """One term of a weighted sum: input · weight."""

    place: int  # of the input, flat
    input: float
    weight: float
    value: float


@dataclass(frozen=True)
class Sum:
    """A unit's weighted sum, its bias and its output.

    Attributes
    ----------
    terms : the largest of either sign, largest first
    others, rest : the number of the other terms, and their sum
    total : of all terms
    biased : z, the total plus the bias
    output : z after the activation; z itself for a score
    """

    terms: tuple[Term, ...]
    others: int
    rest: float
    total: float
    bias: float
    biased: float
    output: float


def steps_of(
    explained: Network,
    units: Sequence[int],
    places: Sequence[Place] = (),
    *,
    temperature: float,
) -> list[Step]:
    """All steps of a forward pass, in order.

    Parameters
    ----------
    explained : from `nn.explain.attribution.explaining`
    units : one per hidden layer, then a digit
    places : one per convolution, on its map
    temperature : of the network's calibration; 1 has no step
    """
    steps = []
    last = len(units)
    for layer, unit in enumerate(units, start=1):
        at = layer, unit, places[layer - 1] if layer <= len(places) else None
        steps += [Step(Kind.SUM, *at), Step(Kind.BIAS, *at)]
        if layer < last and activation_after(explained, layer) is not None:
            steps.append(Step(Kind.ACTIVATION, *at))
        if layer < last and pool_size(explained, layer) > 1:
            steps.append(Step(Kind.POOLING, *at))
    steps.append(Step(Kind.SOFTMAX, last, units[-1]))
    if temperature != 1.0:
        steps.append(Step(Kind.TEMPERATURE, last, units[-1]))
    return steps


def activation_after(explained: Network, layer: int) -> Layer | None:
    """The activation after a weighted sum, counted from 1; None where there is none."""
    at = explained.layers.index(weighted_layers(explained)[layer - 1]) + 1
    after = explained.layers[at] if at < len(explained.layers) else None
    return after if after is not None and after.kind in ACTIVATIONS else None


def factors_of(explained: Network, drawing: Passage, step: Step) -> tuple[Array, Array]:
    """The inputs and weights of a unit's sum, in one shape: a filter's are those of its patch."""
    weighted, x = weighted_layers(explained)[step.layer - 1], drawing.inputs[step.layer - 1]
    if isinstance(weighted, Convolution):
        return patch(weighted, x, step.place or (0, 0)), weighted.W[step.unit]
    return x, weighted.W[:, step.unit]


def sum_of(
    explained: Network, drawing: Passage, step: Step, *, with_term: int | None = None
) -> Sum:
    """The weighted sum of one unit, for a drawing's passage through a network.

    Parameters
    ----------
    with_term : an input whose term is listed however small it is
    """
    layer, unit = step.layer, step.unit
    inputs, weights = (factor.ravel() for factor in factors_of(explained, drawing, step))
    values = inputs * weights
    order = [int(place) for place in np.argsort(-np.abs(values), kind="stable")[:TERMS]]
    if with_term is not None and with_term not in order:
        order[-1] = with_term
    terms = tuple(
        Term(place, float(inputs[place]), float(weights[place]), float(values[place]))
        for place in order
    )
    at = (unit, *(step.place or ()))
    biased = output = float(drawing.sums[layer - 1][at])
    if step.place is not None:
        output = float(maps(explained, drawing, layer)[at])
    elif layer < len(drawing.sums):
        output = float(drawing.inputs[layer][unit])
    total = float(inputs @ weights)
    return Sum(
        terms,
        len(values) - len(terms),
        total - sum(term.value for term in terms),
        total,
        float(weighted_layers(explained)[layer - 1].b[unit]),
        biased,
        output,
    )


@dataclass(frozen=True)
class Softmax:
    """The scores, shifted, exponentiated and normalised; each (10,)."""

    scores: Array
    shifted: Array
    raised: Array
    probabilities: Array


def softmax_of(scores: Array) -> Softmax:
    """Softmax of (10,) scores in the steps of `nn.losses.softmax`."""
    shifted = scores - scores.max()
    raised = np.exp(shifted)
    return Softmax(scores, shifted, raised, raised / raised.sum())
