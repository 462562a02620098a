"""The way of a drawing through the network as one picture: pixels, units, ten scores.

Of each hidden layer the units that add most to the verdict are shown, with the image that each
looks for, and the strongest connections between them. Calls nothing of Streamlit.
"""

from __future__ import annotations

import html
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from nn import Network
from nn.explain import Passage, above_mean, connections, dense_layers, passage, wanted_images
from nn.layers import Array
from nn.losses import softmax
from nn.mnist import CLASSES
from nn.preprocess import SIDE
from ui import figures, texts

from . import heat, units
from .units import Key

SHOWN = 6  # units of a layer
LINES = 18  # between two columns
LOYAL = 3 * SHOWN  # a unit that is shown stays so while it is among so many
TILE, PITCH, GAP = 78, 100, 86  # of a unit, from one to the next, between columns
DRAWING, SCORES, HEAD = 108, 108, 30
HEIGHT = HEAD + SHOWN * PITCH
MIDDLE = HEAD + (HEIGHT - HEAD) // 2
WIDEST = 8.0  # of a line
PHONE = 0.565  # a unit of 78 is 44 pixels there


@dataclass(frozen=True)
class Unit:
    """A unit that is shown.

    Attributes
    ----------
    key : its layer and place
    output : what it puts out for this drawing
    share : what it adds to the verdict's score, above the mean of the ten
    wanted : (784,), the image it looks for
    """

    key: Key
    output: float
    share: float
    wanted: Array


@dataclass(frozen=True)
class Line:
    """A connection that is shown: from a row of one column to a row of the next."""

    start: int
    end: int
    value: float


@dataclass(frozen=True)
class Flow:
    """A drawing's way through a network, to its verdict.

    Attributes
    ----------
    ink : (784,), the drawing
    digit : the verdict, or what comes nearest to one
    widths : units of each hidden layer
    units : those shown of each hidden layer, from the top
    rest : what the others of each layer add together
    lines : out of the drawing and out of each hidden layer
    scores, probabilities : (10,)
    """

    ink: Array
    digit: int
    widths: tuple[int, ...]
    units: tuple[tuple[Unit, ...], ...]
    rest: tuple[float, ...]
    lines: tuple[tuple[Line, ...], ...]
    scores: Array
    probabilities: Array


def flow_of(explained: Network, x: Array, shown: Sequence[Sequence[int]] = ()) -> Flow:
    """How a drawing goes through a network.

    Parameters
    ----------
    explained : from `nn.explain.explaining`
    x : (784,)
    shown : the units of each layer that were shown before, and stay where they can
    """
    scores = explained.forward(x[None].astype(explained.params.dtype))[0].copy()
    digit = int(scores.argmax())
    drawing = passage(explained, x, above_mean(digit))
    dense = dense_layers(explained)
    layers: list[tuple[Unit, ...]] = []
    rest = []
    for layer in range(1, len(dense)):
        shares = drawing.shares(layer)
        chosen = strongest(shares, shown[layer - 1] if layer <= len(shown) else ())
        images = wanted_images(explained, x, layer, chosen)
        outputs = drawing.inputs[layer]
        layers.append(
            tuple(
                Unit((layer, unit), float(outputs[unit]), float(shares[unit]), image)
                for unit, image in zip(chosen, images, strict=True)
            )
        )
        rest.append(float(shares.sum() - shares[list(chosen)].sum()))
    places = [[unit.key[1] for unit in layer] for layer in layers]
    return Flow(
        x,
        digit,
        tuple(layer.outputs for layer in dense[:-1]),
        tuple(layers),
        tuple(rest),
        tuple(_lines(explained, drawing, gap, places) for gap in range(len(dense))),
        scores,
        softmax(scores[None])[0],
    )


def strongest(shares: Array, before: Sequence[int] = (), count: int = SHOWN) -> tuple[int, ...]:
    """The units with the largest shares of either sign; those shown before keep their place.

    A unit shown before gives way only when it is no more among the LOYAL largest, so that the
    picture does not dance while a network learns.
    """
    order = [int(unit) for unit in np.argsort(-np.abs(shares), kind="stable")]
    loyal = set(order[:LOYAL])
    new = (unit for unit in order if unit not in before)
    kept = [unit if unit in loyal else next(new) for unit in before]
    while len(kept) < min(count, len(shares)):
        kept.append(next(new))
    return tuple(kept)


def picture(flow: Flow, *, chosen: Key | None, off: Collection[Key]) -> str:
    """The flow as an SVG whose units can be pressed, each as "layer-unit".

    Parameters
    ----------
    chosen : the unit that is looked at
    off : the units that are switched off
    """
    width = DRAWING + SCORES + len(flow.units) * TILE + (len(flow.units) + 1) * GAP
    lines = "".join(
        _line(flow, gap, line, off) for gap, lines in enumerate(flow.lines) for line in lines
    )
    shown = "".join(
        _unit(unit, column, row, flow.digit, chosen=unit.key == chosen, off=unit.key in off)
        for column, layer in enumerate(flow.units)
        for row, unit in enumerate(layer)
    )
    scores = "".join(_score(flow, digit) for digit in range(len(flow.scores)))
    ink = figures.png(flow.ink.reshape(SIDE, SIDE))
    return (
        f'<div class="flow-frame"><svg class="flow" viewBox="0 0 {width} {HEIGHT}" role="group" '
        f'aria-label="{html.escape(texts.say("FLOW_LABEL", digit=flow.digit))}" data-group="" '
        f'style="max-width:{width}px;min-width:{width * PHONE:.0f}px">{_heads(flow)}{lines}'
        f'<image y="{MIDDLE - DRAWING // 2}" width="{DRAWING}" height="{DRAWING}" href="{ink}"/>'
        f"{shown}{scores}</svg></div>"
    )


def in_words(flow: Flow) -> str:
    """How much of each hidden layer the picture shows."""
    layers = [
        texts.say(
            "LAYER_SHARES",
            layer=layer,
            shown=len(units),
            count=texts.count(width),
            share=heat.signed(sum(unit.share for unit in units)),
            rest=heat.signed(rest),
        )
        for layer, (units, width, rest) in enumerate(
            zip(flow.units, flow.widths, flow.rest, strict=True), start=1
        )
    ]
    return " ".join([texts.say("FLOW_HOW", digit=flow.digit), *layers])


def _lines(
    explained: Network, drawing: Passage, gap: int, places: Sequence[Sequence[int]]
) -> tuple[Line, ...]:
    """The strongest connections from one column to the next, the weakest first."""
    last = gap == len(places)
    if last:  # what a unit adds to each score, above the mean of the ten
        W = dense_layers(explained)[gap].W
        added = drawing.inputs[gap][:, None] * (W - W.mean(axis=1, keepdims=True))
    else:
        added = connections(explained, drawing, gap)[:, places[gap]]
    added = added.sum(axis=0, keepdims=True) if gap == 0 else added[list(places[gap - 1])]
    order = np.argsort(np.abs(added), axis=None)[-LINES:]
    rows = np.stack(np.unravel_index(order, added.shape), axis=1)
    return tuple(Line(int(i), int(j), float(added[i, j])) for i, j in rows)


def _left(column: int) -> int:
    """Where a hidden layer's column begins."""
    return DRAWING + GAP + column * (TILE + GAP)


def _row(row: int) -> float:
    """The middle of a unit."""
    return HEAD + row * PITCH + TILE / 2


def _score_row(digit: int) -> float:
    return HEAD + (digit + 0.5) * (HEIGHT - HEAD) / CLASSES


def _heads(flow: Flow) -> str:
    """What each column is, above it; and below it, what the units that are not shown add."""
    titles = [(DRAWING / 2, texts.PIXELS_HEAD)]
    titles += [
        (_left(column) + TILE / 2, texts.say("UNITS_HEAD", count=texts.count(width)))
        for column, width in enumerate(flow.widths)
    ]
    titles.append((_left(len(flow.units)) + SCORES / 2, texts.SCORES_HEAD))
    return "".join(f'<text class="head" x="{x}" y="16">{html.escape(t)}</text>' for x, t in titles)


def _line(flow: Flow, gap: int, line: Line, off: Collection[Key]) -> str:
    start = flow.units[gap - 1][line.start].key if gap > 0 else None
    last = gap == len(flow.units)
    end = None if last else flow.units[gap][line.end].key
    x0, y0 = (_left(gap - 1) + TILE, _row(line.start)) if gap > 0 else (DRAWING, MIDDLE)
    x1, y1 = (_left(gap), _score_row(line.end) if last else _row(line.end))
    reach = max(abs(other.value) for other in flow.lines[gap]) or 1.0
    kinds = ["line", "for" if line.value > 0 else "against"]
    if {start, end} & set(off):
        kinds.append("cut")
    says = texts.say(
        "LINE",
        start=units.name(start) if start else texts.DRAWING,
        end=units.name(end) if end else texts.say("SCORE_OF", digit=line.end),
        value=heat.signed(line.value, 2),
    )
    return (
        f'<path class="{" ".join(kinds)}" d="M{x0} {y0:g}C{x0 + GAP / 2:g} {y0:g} '
        f'{x1 - GAP / 2:g} {y1:g} {x1} {y1:g}" '
        f'stroke-width="{max(WIDEST * abs(line.value) / reach, 0.8):.1f}">'
        f"<title>{html.escape(says)}</title></path>"
    )


def _unit(unit: Unit, column: int, row: int, digit: int, *, chosen: bool, off: bool) -> str:
    x, y = _left(column), HEAD + row * PITCH
    layer, place = unit.key
    says = texts.say(
        "UNIT_LABEL",
        unit=units.name(unit.key),
        output=texts.decimal(unit.output, 2),
        share=heat.signed(unit.share, 2),
        digit=digit,
    )
    if off:
        says += " " + texts.IS_OFF
    cross = f'<path class="cross" d="M{x} {y}l{TILE} {TILE}m0 -{TILE}l-{TILE} {TILE}"/>'
    return (
        f'<g class="unit{" off" if off else ""}" role="button" tabindex="-1" '
        f'data-press="{layer}-{place}" aria-pressed="{str(chosen).lower()}" '
        f'aria-label="{html.escape(says)}"><title>{html.escape(says)}</title>'
        f'<image x="{x}" y="{y}" width="{TILE}" height="{TILE}" href="{heat.tile(unit.wanted)}"/>'
        f'{cross if off else ""}<rect x="{x}" y="{y}" width="{TILE}" height="{TILE}" rx="4"/>'
        f'<text class="place" x="{x}" y="{y + TILE + 15}">{place}</text>'
        f'<text class="share" x="{x + TILE}" y="{y + TILE + 15}">{heat.signed(unit.share)}</text>'
        "</g>"
    )


def _score(flow: Flow, digit: int) -> str:
    x, y = _left(len(flow.units)), _score_row(digit)
    score, share = float(flow.scores[digit]), float(flow.probabilities[digit])
    top = " top" if digit == flow.digit else ""
    says = texts.say(
        "SCORE_LABEL", digit=digit, score=heat.signed(score, 2), share=texts.percent(share, 1)
    )
    return (
        f'<g class="score{top}"><title>{html.escape(says)}</title>'
        f'<text class="digit" x="{x + 10}" y="{y + 9:g}">{digit}</text>'
        f'<text class="value" x="{x + SCORES}" y="{y + 5:g}">{heat.signed(score)}</text>'
        f'<rect class="track" x="{x + 32}" y="{y + 13:g}" width="{SCORES - 32}" height="5"/>'
        f'<rect class="fill" x="{x + 32}" y="{y + 13:g}" width="{(SCORES - 32) * share:.1f}" '
        'height="5"/></g>'
    )
