"""One forward pass, step by step, for one unit of each layer and one digit.

All values are the network's own: what enters and leaves each of its layers.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nn import Network
from nn.explain.attribution import Passage, weighted_layers
from nn.layers import Array, Dense, Layer

TERMS = 8  # of a sum that are listed


class Kind(enum.Enum):
    """What a step does."""

    SUM = "sum"
    BIAS = "bias"
    ACTIVATION = "activation"
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
    """

    kind: Kind
    layer: int
    unit: int


@dataclass(frozen=True)
class Term:
    """One term of a weighted sum: input · weight."""

    place: int  # of the input
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


def steps_of(explained: Network, units: Sequence[int], *, temperature: float) -> list[Step]:
    """All steps of a forward pass, in order.

    Parameters
    ----------
    explained : from `nn.explain.attribution.explaining`
    units : one per hidden layer, then a digit
    temperature : of the network's calibration; 1 has no step
    """
    steps = []
    dense = weighted_layers(explained)
    for layer, unit in enumerate(units, start=1):
        steps += [Step(Kind.SUM, layer, unit), Step(Kind.BIAS, layer, unit)]
        if layer < len(dense) and activation_after(explained, layer) is not None:
            steps.append(Step(Kind.ACTIVATION, layer, unit))
    steps.append(Step(Kind.SOFTMAX, len(dense), units[-1]))
    if temperature != 1.0:
        steps.append(Step(Kind.TEMPERATURE, len(dense), units[-1]))
    return steps


def activation_after(explained: Network, layer: int) -> Layer | None:
    """The activation after a weighted sum, counted from 1; None where there is none."""
    at = explained.layers.index(weighted_layers(explained)[layer - 1]) + 1
    after = explained.layers[at] if at < len(explained.layers) else None
    return None if isinstance(after, Dense) else after


def sum_of(
    explained: Network, drawing: Passage, layer: int, unit: int, *, with_place: int | None = None
) -> Sum:
    """The weighted sum of one unit, for a drawing's passage through a network.

    Parameters
    ----------
    layer, unit : counted from 1, and from 0
    with_place : an input whose term is listed however small it is
    """
    dense = weighted_layers(explained)[layer - 1]
    inputs, weights = drawing.inputs[layer - 1], dense.W[:, unit]
    values = inputs * weights
    order = [int(place) for place in np.argsort(-np.abs(values), kind="stable")[:TERMS]]
    if with_place is not None and with_place not in order:
        order[-1] = with_place
    terms = tuple(
        Term(place, float(inputs[place]), float(weights[place]), float(values[place]))
        for place in order
    )
    biased, bias = float(drawing.sums[layer - 1][unit]), float(dense.b[unit])
    total = float(inputs @ weights)
    last = layer == len(drawing.sums)
    return Sum(
        terms,
        len(values) - len(terms),
        total - sum(term.value for term in terms),
        total,
        bias,
        biased,
        biased if last else float(drawing.inputs[layer][unit]),
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
