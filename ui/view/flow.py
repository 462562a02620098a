"""A drawing's way through a network as an SVG: its pixels, hidden units and ten scores.

Each hidden layer is shown by the units that contribute most to the top score, each with the image
that it responds to, a filter with its map; lines are the strongest connections between them.
"""

from __future__ import annotations

import html
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nn import Network
from nn.explain.attribution import (
    Passage,
    above_mean,
    connections,
    passage,
    wanted_images,
    weighted_layers,
)
from nn.explain.filters import count_convolutions, maps
from nn.layers import Array
from nn.losses import softmax
from nn.mnist import CLASSES, SIDE
from ui import i18n

from . import elements, heat

Key = tuple[int, int]  # a unit: its layer, counted from 1, and its place, counted from 0
NAMED = 4  # disabled units that are listed; the others are counted
SHOWN = 6  # units per layer
LINES = 18  # between two columns, at most
LOYAL = 3 * SHOWN  # a unit stays visible while it is among so many
TILE, PITCH, GAP = 78, 100, 86  # a unit's size, the distance between units, between columns
DRAWING, SCORES, HEAD = 108, 108, 30
HEIGHT = HEAD + SHOWN * PITCH
MIDDLE = HEAD + (HEIGHT - HEAD) // 2
WIDEST = 8.0  # line
PHONE = 0.565  # the smallest scale: a unit of 78 pixels is 44 on a phone, enough for a finger


@dataclass(frozen=True)
class Unit:
    """A hidden unit in the picture.

    Attributes
    ----------
    output : its activation for this drawing
    share : its contribution to the top score, relative to the mean of the ten
    picture : the image that it responds to, or a filter's map, as a data URL
    """

    key: Key
    output: float
    share: float
    picture: str


@dataclass(frozen=True)
class Line:
    """A connection in the picture: from a row of one column to a row of the next."""

    start: int
    end: int
    value: float


@dataclass(frozen=True)
class Flow:
    """A drawing's way through a network.

    Attributes
    ----------
    ink : (784,), the drawing
    digit : the one with the highest score
    widths : units per hidden layer
    convolutions : how many of these layers have filters; they come first
    units : those shown per hidden layer, from the top
    rest : the contributions of each layer's other units together
    lines : those that leave the drawing, then each hidden layer
    scores, probabilities : (10,)
    """

    ink: Array
    digit: int
    widths: tuple[int, ...]
    convolutions: int
    units: tuple[tuple[Unit, ...], ...]
    rest: tuple[float, ...]
    lines: tuple[tuple[Line, ...], ...]
    scores: Array
    probabilities: Array


def flow_of(explained: Network, x: Array, shown: Sequence[Sequence[int]] = ()) -> Flow:
    """A drawing's way through a network.

    Parameters
    ----------
    explained : from `nn.explain.attribution.explaining`
    x : (784,)
    shown : per layer, the units of the picture before; they stay where they can
    """
    scores = explained.forward(x[None].astype(explained.params.dtype))[0].copy()
    digit = int(scores.argmax())
    drawing = passage(explained, x, above_mean(digit))
    layers: list[tuple[Unit, ...]] = []
    rest = []
    for layer in range(1, len(drawing.sums)):
        shares = drawing.shares(layer)
        chosen = strongest(shares, shown[layer - 1] if layer <= len(shown) else ())
        outputs, pictures = drawing.outputs(layer), _pictures(explained, drawing, layer, chosen)
        layers.append(
            tuple(
                Unit((layer, unit), float(outputs[unit]), float(shares[unit]), picture)
                for unit, picture in zip(chosen, pictures, strict=True)
            )
        )
        rest.append(float(shares.sum() - shares[list(chosen)].sum()))
    places = [[unit.key[1] for unit in layer] for layer in layers]
    return Flow(
        x,
        digit,
        drawing.units[1:],
        count_convolutions(explained),
        tuple(layers),
        tuple(rest),
        tuple(_lines(explained, drawing, gap, places) for gap in range(len(drawing.sums))),
        scores,
        softmax(scores[None])[0],
    )


def _pictures(
    explained: Network, drawing: Passage, layer: int, units: Sequence[int]
) -> Sequence[str]:
    """A picture of each unit of a layer: its map if it is a filter, else what it responds to."""
    if layer > count_convolutions(explained):
        x = drawing.inputs[0].ravel()
        return [heat.tile(image) for image in wanted_images(explained, x, layer, units)]
    found = maps(explained, drawing, layer)
    return [elements.bright(found[unit]) for unit in units]


def strongest(shares: Array, before: Sequence[int] = ()) -> tuple[int, ...]:
    """The units with the largest shares of either sign; those shown before keep their places.

    A unit is replaced only when it is no longer among the LOYAL largest, so that the picture stays
    calm while a network learns.
    """
    order = [int(unit) for unit in np.argsort(-np.abs(shares), kind="stable")]
    loyal = set(order[:LOYAL])
    new = (unit for unit in order if unit not in before)
    kept = [unit if unit in loyal else next(new) for unit in before]
    while len(kept) < min(SHOWN, len(shares)):
        kept.append(next(new))
    return tuple(kept)


def picture(flow: Flow, *, chosen: Key | None, off: Collection[Key]) -> str:
    """The flow as an SVG in which each unit is a button that sends "layer-unit".

    Parameters
    ----------
    chosen : the unit whose details are shown
    off : the disabled units
    """
    width = DRAWING + SCORES + len(flow.units) * TILE + (len(flow.units) + 1) * GAP
    lines = "".join(
        _line(flow, gap, line, off) for gap, lines in enumerate(flow.lines) for line in lines
    )
    shown = "".join(
        _unit(flow, unit, column, row, chosen=unit.key == chosen, off=unit.key in off)
        for column, layer in enumerate(flow.units)
        for row, unit in enumerate(layer)
    )
    scores = "".join(_score(flow, digit) for digit in range(len(flow.scores)))
    ink = elements.png(flow.ink.reshape(SIDE, SIDE))
    return (
        f'<div class="flow-frame"><svg class="flow" viewBox="0 0 {width} {HEIGHT}" role="group" '
        f'aria-label="{html.escape(i18n.say("FLOW_LABEL", digit=flow.digit))}" data-group="" '
        f'style="max-width:{width}px;min-width:{width * PHONE:.0f}px">{_heads(flow)}{lines}'
        f'<image y="{MIDDLE - DRAWING // 2}" width="{DRAWING}" height="{DRAWING}" href="{ink}"/>'
        f"{shown}{scores}</svg></div>"
    )


def in_words(flow: Flow) -> str:
    """How much of each hidden layer the picture shows, in words."""
    sentences = [i18n.say("FLOW_HOW", digit=flow.digit)]
    columns = zip(flow.units, flow.widths, flow.rest, strict=True)
    for layer, (units, width, rest) in enumerate(columns, start=1):
        shares = {"share": heat.signed(sum(it.share for it in units)), "rest": heat.signed(rest)}
        counts = {"shown": len(units), "count": i18n.count(width)}
        name = "FILTER_SHARES" if layer <= flow.convolutions else "LAYER_SHARES"
        sentences.append(i18n.say(name, layer=layer, **counts, **shares))
    return " ".join(sentences)


def _lines(
    explained: Network, drawing: Passage, gap: int, places: Sequence[Sequence[int]]
) -> tuple[Line, ...]:
    """The strongest connections from one column to the next, the weakest first."""
    last = gap == len(places)
    if last:  # contributions to each score, relative to the mean of the ten
        W = weighted_layers(explained)[gap].W
        added = drawing.inputs[gap][:, None] * (W - W.mean(axis=1, keepdims=True))
        added = added.reshape(drawing.units[gap], -1, CLASSES).sum(axis=1)
    else:
        added = connections(explained, drawing, gap)[:, places[gap]]
    added = added.sum(axis=0, keepdims=True) if gap == 0 else added[list(places[gap - 1])]
    order = np.argsort(np.abs(added), axis=None)[-LINES:]
    rows = np.stack(np.unravel_index(order, added.shape), axis=1)
    return tuple(Line(int(i), int(j), float(added[i, j])) for i, j in rows)


def _left(column: int) -> int:
    """The x of a hidden layer's column."""
    return DRAWING + GAP + column * (TILE + GAP)


def _row(row: int) -> float:
    """The y of the middle of a unit."""
    return HEAD + row * PITCH + TILE / 2


def _score_row(digit: int) -> float:
    """The y of the middle of a score."""
    return HEAD + (digit + 0.5) * (HEIGHT - HEAD) / CLASSES


def _heads(flow: Flow) -> str:
    """A title above each column."""
    titles = [(DRAWING / 2, i18n.PIXELS_HEAD)]
    titles += [
        (_left(column) + TILE / 2, i18n.say(_head(flow, column), count=i18n.count(width)))
        for column, width in enumerate(flow.widths)
    ]
    titles.append((_left(len(flow.units)) + SCORES / 2, i18n.SCORES_HEAD))
    return "".join(f'<text class="head" x="{x}" y="16">{html.escape(t)}</text>' for x, t in titles)


def _head(flow: Flow, column: int) -> str:
    return "FILTERS_HEAD" if column < flow.convolutions else "UNITS_HEAD"


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
    source = unit_name(start, flow.convolutions) if start else i18n.DRAWING
    target = unit_name(end, flow.convolutions) if end else i18n.say("SCORE_OF", digit=line.end)
    says = i18n.say("LINE", start=source, end=target, value=heat.signed(line.value, 2))
    return (
        f'<path class="{" ".join(kinds)}" d="M{x0} {y0:g}C{x0 + GAP / 2:g} {y0:g} '
        f'{x1 - GAP / 2:g} {y1:g} {x1} {y1:g}" '
        f'stroke-width="{max(WIDEST * abs(line.value) / reach, 0.8):.1f}">'
        f"<title>{html.escape(says)}</title></path>"
    )


def _unit(flow: Flow, unit: Unit, column: int, row: int, *, chosen: bool, off: bool) -> str:
    x, y = _left(column), HEAD + row * PITCH
    layer, place = unit.key
    values = {"output": i18n.decimal(unit.output, 2), "share": heat.signed(unit.share, 2)}
    name = unit_name(unit.key, flow.convolutions)
    says = i18n.say("UNIT_LABEL", unit=name, digit=flow.digit, **values)
    if off:
        says += " " + i18n.IS_OFF
    cross = f'<path class="cross" d="M{x} {y}l{TILE} {TILE}m0 -{TILE}l-{TILE} {TILE}"/>'
    says, box = html.escape(says), f'x="{x}" y="{y}" width="{TILE}" height="{TILE}"'
    return (
        f'<g class="unit{" off" if off else ""}" role="button" tabindex="-1" '
        f'data-press="{layer}-{place}" aria-pressed="{str(chosen).lower()}" '
        f'aria-label="{says}"><title>{says}</title>'
        f'<image {box} href="{unit.picture}"/>{cross if off else ""}<rect {box} rx="4"/>'
        f'<text class="place" x="{x}" y="{y + TILE + 15}">{place}</text>'
        f'<text class="share" x="{x + TILE}" y="{y + TILE + 15}">{heat.signed(unit.share)}</text>'
        "</g>"
    )


def _score(flow: Flow, digit: int) -> str:
    x, y = _left(len(flow.units)), _score_row(digit)
    score, share = float(flow.scores[digit]), float(flow.probabilities[digit])
    top = " top" if digit == flow.digit else ""
    says = i18n.say(
        "SCORE_LABEL", digit=digit, score=heat.signed(score, 2), share=i18n.percent(share, 1)
    )
    return (
        f'<g class="score{top}"><title>{html.escape(says)}</title>'
        f'<text class="digit" x="{x + 10}" y="{y + 9:g}">{digit}</text>'
        f'<text class="value" x="{x + SCORES}" y="{y + 5:g}">{heat.signed(score)}</text>'
        f'<rect class="track" x="{x + 32}" y="{y + 13:g}" width="{SCORES - 32}" height="5"/>'
        f'<rect class="fill" x="{x + 32}" y="{y + 13:g}" width="{(SCORES - 32) * share:.1f}" '
        'height="5"/></g>'
    )


def unit_name(key: Key, convolutions: int) -> str:
    """A unit's name on the page; in the first layers, the convolutions, it is a filter."""
    name = "FILTER" if key[0] <= convolutions else "UNIT"
    return i18n.say(name, unit=key[1], layer=key[0])


def names_of_disabled(disabled: Collection[Key], convolutions: int) -> str:
    """Which units are disabled, on one line."""
    if not disabled:
        return str(i18n.NONE_OFF)
    names = [unit_name(key, convolutions) for key in sorted(disabled)]
    if len(names) > NAMED:
        return i18n.say("MANY_OFF", names=", ".join(names[:NAMED]), count=len(names) - NAMED)
    return i18n.say("OFF", names=", ".join(names))


def legend(digit: int) -> str:
    """What the two kinds of lines mean."""
    pro, contra = (html.escape(i18n.say(n, digit=digit)) for n in ("LINE_FOR", "LINE_AGAINST"))
    spans = f'<span class="for">{pro}</span><span class="against">{contra}</span>'
    return f'<div class="lines">{spans}</div>'


def detail(key: Key, *, output: float, share: float, digit: int, wanted: Array) -> str:
    """A unit's details: its output, and the image it responds to.

    Parameters
    ----------
    key : the unit
    output, share, digit : its activation for this drawing, and its contribution to a digit's score
    wanted : (784,), the image it responds to
    """
    values = {"output": i18n.decimal(output, 2), "share": heat.signed(share, 2)}
    says = i18n.say("UNIT_SAYS", digit=digit, **values)
    how = i18n.WANTED_FIRST if key[0] == 1 else i18n.WANTED_DEEPER
    return (
        f'<div class="wanted"><img src="{heat.tile(wanted)}" '
        f'alt="{html.escape(i18n.WANTED)}"><p>{html.escape(says)}<br>'
        f'<span class="small">{html.escape(how)}</span></p></div>'
    )


def exciting(images: Sequence[tuple[NDArray[np.uint8], int, float]], looked_through: int) -> str:
    """The images that activate a unit most strongly.

    Parameters
    ----------
    images : (784,) uint8, each with its label and the unit's activation
    looked_through : the number of images among which these were found
    """
    items = "".join(
        f'<li><img src="{elements.png(image.reshape(SIDE, SIDE) / 255)}" alt="{label}">'
        f"{i18n.decimal(value, 1)}</li>"
        for image, label, value in images
    )
    among = i18n.say("EXCITING", count=i18n.count(looked_through))
    return f'<p class="small">{html.escape(among)}</p><ol class="exciting">{items}</ol>'
