"""One forward pass, step by step, for one unit of each layer and one digit: the figures.

They are those of the network itself: what enters and leaves each of its layers. Calls nothing of
Streamlit.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nn import Network
from nn.explain import Passage, dense_layers
from nn.layers import Array, Dense, Layer

TERMS = 8  # of a sum that are told one by one


class Kind(enum.Enum):
    """What a step does."""

    SUM = "sum"
    BIAS = "bias"
    BEND = "bend"
    SOFTMAX = "softmax"
    TEMPERATURE = "temperature"


@dataclass(frozen=True)
class Step:
    """One step.

    Attributes
    ----------
    kind : what it does
    layer : where, counted from 1; the scores are the last
    unit : whose figures it tells; of the scores a digit
    """

    kind: Kind
    layer: int
    unit: int


@dataclass(frozen=True)
class Term:
    """One term of a weighted sum: input · weight."""

    place: int
    input: float
    weight: float
    value: float


@dataclass(frozen=True)
class Sum:
    """A unit's weighted sum, its bias and what it puts out.

    Attributes
    ----------
    terms : the largest of either sign, the largest first
    others, rest : how many more terms there are, and their sum
    total : of all terms
    bias, biased : and the total with it, z
    output : z after the bend; of the scores z itself
    """

    terms: tuple[Term, ...]
    others: int
    rest: float
    total: float
    bias: float
    biased: float
    output: float


def steps_of(explained: Network, units: Sequence[int], *, temperature: float) -> list[Step]:
    """The way through a network: sum, bias and bend of each layer, softmax, temperature.

    Parameters
    ----------
    explained : from `nn.explain.explaining`
    units : one of each hidden layer, then a digit
    temperature : of its calibration; at 1 there is no such step
    """
    steps = []
    dense = dense_layers(explained)
    for layer, unit in enumerate(units, start=1):
        steps += [Step(Kind.SUM, layer, unit), Step(Kind.BIAS, layer, unit)]
        if layer < len(dense) and bend_after(explained, layer) is not None:
            steps.append(Step(Kind.BEND, layer, unit))
    steps.append(Step(Kind.SOFTMAX, len(dense), units[-1]))
    if temperature != 1.0:
        steps.append(Step(Kind.TEMPERATURE, len(dense), units[-1]))
    return steps


def bend_after(explained: Network, layer: int) -> Layer | None:
    """The activation behind a weighted sum, counted from 1; None where there is none."""
    at = explained.layers.index(dense_layers(explained)[layer - 1]) + 1
    behind = explained.layers[at] if at < len(explained.layers) else None
    return None if isinstance(behind, Dense) else behind


def sum_of(
    explained: Network, drawing: Passage, layer: int, unit: int, *, with_place: int | None = None
) -> Sum:
    """The figures of one unit.

    Parameters
    ----------
    explained, drawing : a network and a drawing's passage through it
    layer, unit : counted from 1, and from 0
    with_place : an input whose term is told however small it is
    """
    dense = dense_layers(explained)[layer - 1]
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
    """Ten scores become probabilities: shifted, raised, divided; each (10,)."""

    scores: Array
    shifted: Array
    raised: Array
    probabilities: Array


def softmax_of(scores: Array) -> Softmax:
    """Softmax in its steps, of (10,) scores, as `nn.losses.softmax` takes them."""
    shifted = scores - scores.max()
    raised = np.exp(shifted)
    return Softmax(scores, shifted, raised, raised / raised.sum())
