"""One step of the forward pass as HTML: its values in a table, in a sentence, and its code."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

import numpy as np

from nn import Network, losses
from nn.calibration import Calibration
from nn.convolution import MaxPooling
from nn.explain.attribution import Passage, weighted_layers
from nn.explain.filters import count_convolutions, maps, pool_size, pooled_shape
from nn.layers import Array, Dense, Layer
from nn.mnist import CLASSES, SIDE
from ui import i18n

from . import elements, heat
from .flow import unit_name
from .sources import Excerpt, excerpt
from .steps import Kind, Step, Sum, activation_after, factors_of, softmax_of, sum_of

DECIMALS = 4
NUMPY_SHAPES = {  # of a dense layer with n inputs and m units
    Kind.SUM: "x (1, {n}) · W ({n}, {m}) → (1, {m})",
    Kind.BIAS: "(1, {m}) + b ({m},) → z (1, {m})",
    Kind.ACTIVATION: "z (1, {m}) → h (1, {m})",
    Kind.SOFTMAX: "z (1, {m}) → p (1, {m})",
    Kind.TEMPERATURE: "p (1, {m}) → q (1, {m})",
}
MAP_SHAPES = {  # of a convolution of n inputs per place, with m filters and maps of (h, w)
    Kind.SUM: "W ({m}, {n}) · patches ({n}, {h} · {w}) → ({m}, {h} · {w})",
    Kind.BIAS: "({m}, {h} · {w}) + b ({m}, 1) → z (1, {m}, {h}, {w})",
    Kind.ACTIVATION: "z (1, {m}, {h}, {w}) → h (1, {m}, {h}, {w})",
    Kind.POOLING: "h (1, {m}, {h}, {w}) → y (1, {m}, {h2}, {w2})",
}


def path(steps: Sequence[Step], place: int) -> str:
    """All steps as a row of buttons that send their number; `place` is the current step."""
    last = max(step.layer for step in steps)
    groups: dict[str, list[str]] = {}
    for number, step in enumerate(steps):
        scores = step.layer == last
        group = i18n.SCORES_GROUP if scores else i18n.say("LAYER_GROUP", layer=step.layer)
        current = ' aria-current="step"' if number == place else ""
        groups.setdefault(group, []).append(
            f'<button type="button" class="step" data-press="{number}"{current}>'
            f"{html.escape(i18n.STEPS[step.kind.value])}</button>"
        )
    rows = "".join(
        f'<span class="group"><span class="of">{html.escape(group)}</span>{"".join(row)}</span>'
        for group, row in groups.items()
    )
    return (
        f'<div class="path" role="group" aria-label="{html.escape(i18n.STEPS_LABEL)}" '
        f'data-group data-stop="{place}">{rows}</div>'
    )


def figures(
    explained: Network, drawing: Passage, step: Step, before: int | None, digit: int
) -> str:
    """The values of a step, for a drawing's passage through a network.

    Parameters
    ----------
    before : the unit that is followed in the layer before; its term is marked
    digit : the digit that is followed; its row is marked
    """
    if step.kind is Kind.SOFTMAX:
        return _softmax(drawing, digit)
    if step.kind is Kind.TEMPERATURE:
        return _temperature(explained.calibration, drawing, digit)
    if step.kind is Kind.POOLING:
        return _pooling(explained, drawing, step)
    known = before if step.layer > 1 + count_convolutions(explained) else None
    found = sum_of(explained, drawing, step, with_term=known)
    name = _name(explained, step)
    if step.layer == len(drawing.sums):
        name = i18n.say("SCORE_OF", digit=step.unit)
    if step.kind is Kind.SUM:
        return _sum(explained, drawing, step, found, known)
    if step.kind is Kind.BIAS:
        return _bias(found, name)
    return _activation(explained, drawing.sums[step.layer - 1], step, found, name)


def shapes(explained: Network, drawing: Passage, step: Step) -> str:
    """The shapes of the arrays in a step, for all units at once."""
    layer = weighted_layers(explained)[step.layer - 1]
    if isinstance(layer, Dense):
        return NUMPY_SHAPES[step.kind].format(n=layer.inputs, m=layer.outputs)
    n = layer.channels * layer.kernel_size**2
    height, width = drawing.sums[step.layer - 1].shape[1:]
    h2, w2 = pooled_shape(explained, drawing, step.layer)
    return MAP_SHAPES[step.kind].format(n=n, m=layer.filters, h=height, w=width, h2=h2, w2=w2)


def code(network: Network, explained: Network, step: Step) -> str:
    """The lines of nn/ that compute a step; for folded weights also those that fold them."""
    found = [_lines_of(explained, step)]
    if is_folded(network, step):
        found.append(excerpt(Network._fold, names="scale"))
    return "".join(map(_excerpt, found))


def picture(explained: Network, drawing: Passage, step: Step) -> str:
    """The terms of a sum over the pixels, as a picture; empty for any other step."""
    if step.kind is not Kind.SUM or step.layer > 1 or step.place is not None:
        return ""
    x, weights = factors_of(explained, drawing, step)
    terms = heat.pixels(x, x * weights, i18n.TERMS_LABEL)
    return (
        elements.heading(i18n.TERMS_LABEL)
        + f'<figure class="terms-picture">{terms}</figure>'
        + elements.small(i18n.TERMS_HOW)
    )


def is_folded(network: Network, step: Step) -> bool:
    """Whether the weights of a step include a batch normalisation, which then follows its sum."""
    if step.kind not in (Kind.SUM, Kind.BIAS):
        return False
    starts = [network.layers.index(part) for part in weighted_layers(network)]
    end = starts[step.layer] if step.layer < len(starts) else len(network.layers)
    following = network.layers[starts[step.layer - 1] + 1 : end]
    return any(part.kind == "batch_norm" for part in following)


def _lines_of(explained: Network, step: Step) -> Excerpt:
    weighted = type(weighted_layers(explained)[step.layer - 1])
    if step.kind is Kind.SUM:
        return excerpt(weighted.forward, names="W" if weighted is Dense else "patches")
    if step.kind is Kind.BIAS:
        return excerpt(weighted.forward, names="b")
    if step.kind is Kind.POOLING:
        return excerpt(MaxPooling.forward, calls=True)
    if step.kind is Kind.SOFTMAX:
        return excerpt(losses.softmax)
    if step.kind is Kind.TEMPERATURE:
        return excerpt(Calibration.apply)
    layer = activation_after(explained, step.layer)
    return excerpt(Layer.forward if layer is None else type(layer).forward, calls=True)


def _sum(explained: Network, drawing: Passage, step: Step, found: Sum, before: int | None) -> str:
    name = _name(explained, step)
    rows = [
        _row(
            [
                _source(explained, drawing, step, term.place),
                *map(_figure, (term.input, term.weight, term.value)),
            ],
            term.place == before,
        )
        for term in found.terms
    ]
    rest = i18n.say("OTHER_TERMS", count=i18n.count(found.others))
    rows.append(_row([rest, "", "", _figure(found.rest)]))
    rows.append(_row([i18n.TOTAL, "", "", _figure(found.total)], kind="total"))
    heads = [i18n.TERM_FROM, i18n.TERM_INPUT, i18n.TERM_WEIGHT, i18n.TERM_VALUE]
    count = i18n.count(found.others + len(found.terms))
    says = i18n.say("SUM_SAYS", unit=name, count=count)
    if step.place is not None:
        row, column = (part + 1 for part in step.place)
        says = i18n.say("FILTER_SUM_SAYS", unit=name, count=count, row=row, column=column)
    return _says(says) + _table(heads, rows)


def _activation(explained: Network, sums: Array, step: Step, found: Sum, name: str) -> str:
    layer = activation_after(explained, step.layer)
    kind = layer.kind if layer is not None else ""
    side = "above" if found.biased > 0 else "below"
    words = i18n.ACTIVATIONS.get(f"{kind}_{side}") or i18n.ACTIVATIONS["other"]
    slope = getattr(layer, "slope", 0.0)
    says = words.format(unit=name, slope=f"{slope:g}".replace(".", i18n.DECIMAL))
    if step.place is not None:
        sums = sums[step.unit].ravel()
    above = i18n.count(int((sums > 0).sum()))
    counts = "ABOVE" if step.place is None else "PLACES_ABOVE"
    return (
        f'{_says(says)}<p class="equation">z = {_figure(found.biased)}'
        f" → <strong>h = {_figure(found.output)}</strong></p>"
        + elements.small(i18n.say(counts, above=above, count=i18n.count(len(sums))))
    )


def _bias(found: Sum, name: str) -> str:
    total, bias, z = map(_figure, (found.total, found.bias, found.biased))
    bias = bias if found.bias >= 0 else f"({bias})"
    return (
        f'{_says(i18n.say("BIAS_OF", unit=name))}<p class="equation">{total} + {bias} = '
        f"<strong>z = {z}</strong></p>" + elements.small(i18n.say("BIAS_SAYS"))
    )


def _pooling(explained: Network, drawing: Passage, step: Step) -> str:
    """The neighbouring places, of which the largest is kept."""
    found, size = maps(explained, drawing, step.layer)[step.unit], pool_size(explained, step.layer)
    row, column = step.place or (0, 0)
    top, left = row // size * size, column // size * size
    square = found[top : top + size, left : left + size]
    heads = ["", *(i18n.say("COLUMN", column=left + at + 1) for at in range(size))]
    rows = [
        _row([i18n.say("ROW", row=top + at + 1), *map(_figure, map(float, values))])
        for at, values in enumerate(square)
    ]
    says = i18n.say("POOLING_SAYS", unit=_name(explained, step), count=size**2)
    return (
        _says(says)
        + _table(heads, rows)
        + f'<p class="equation">max → <strong>y = {_figure(float(square.max()))}</strong></p>'
    )


def _softmax(drawing: Passage, digit: int) -> str:
    found = softmax_of(drawing.sums[-1])
    columns = {
        "z": found.scores,
        "z − max z": found.shifted,
        "exp(z − max z)": found.raised,
        "p": found.probabilities,
    }
    return _says(i18n.SOFTMAX_SAYS) + _by_digit(columns, digit, without_total=2)


def _temperature(calibration: Calibration, drawing: Passage, digit: int) -> str:
    p = softmax_of(drawing.sums[-1]).probabilities
    raised = np.power(p, 1.0 / calibration.temperature)
    columns = {"p": p, "p^(1/T)": raised, "q": calibration.apply(p[None])[0]}
    temperature = i18n.decimal(calibration.temperature, 3)
    says = i18n.say("TEMPERATURE_SAYS", temperature=temperature)
    return _says(says) + _by_digit(columns, digit)


def _says(text: str) -> str:
    return f'<p class="says">{html.escape(text)}</p>'


def _by_digit(columns: Mapping[str, Array], digit: int, *, without_total: int = 0) -> str:
    """A table of (10,) columns and their totals, which the first `without_total` do not have."""
    rows = [
        _row([str(k), *(_figure(float(column[k])) for column in columns.values())], k == digit)
        for k in range(CLASSES)
    ]
    totals = [_figure(float(column.sum())) for column in columns.values()]
    totals[:without_total] = [""] * without_total
    rows.append(_row([i18n.TOTAL, *totals], kind="total"))
    return _table([i18n.DIGIT, *columns], rows)


def _name(explained: Network, step: Step) -> str:
    return unit_name((step.layer, step.unit), count_convolutions(explained))


def _source(explained: Network, drawing: Passage, step: Step, place: int) -> str:
    """The name of a sum's input: a pixel, a unit of the layer before, or a place of its map."""
    convolutions, before = count_convolutions(explained), step.layer - 1
    if before > convolutions:
        return unit_name((before, place), convolutions)
    if step.place is not None:  # in a patch
        convolution = weighted_layers(explained)[before]
        k, padding = (getattr(convolution, name) for name in ("kernel_size", "padding"))
        unit, rest = divmod(place, k * k)
        row, column = rest // k + step.place[0] - padding, rest % k + step.place[1] - padding
        height, width = drawing.inputs[before].shape[1:]
        if not (0 <= row < height and 0 <= column < width):
            return str(i18n.PADDING)
    elif before == 0:
        unit, row, column = 0, place // SIDE, place % SIDE
    else:
        height, width = pooled_shape(explained, drawing, before)
        unit, rest = divmod(place, height * width)
        row, column = divmod(rest, width)
    if before == 0:
        return i18n.say("PIXEL", row=row + 1, column=column + 1)
    return i18n.say("MAP_PIXEL", unit=unit, row=row + 1, column=column + 1)


def _figure(value: float) -> str:
    """A number with four decimals and a true minus sign."""
    return i18n.decimal(value, DECIMALS).replace("-", "−")


def _row(cells: Sequence[str], marked: bool = False, *, kind: str = "") -> str:
    first, *rest = cells
    others = "".join(f"<td>{cell}</td>" for cell in rest)
    name = "marked" if marked else kind
    return f'<tr class="{name}"><th scope="row">{html.escape(first)}</th>{others}</tr>'


def _table(heads: Sequence[str], rows: Sequence[str]) -> str:
    head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in heads)
    return (
        f'<table class="terms"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
    )


def _excerpt(found: Excerpt) -> str:
    """Lines of code with their numbers and the name of their file."""
    first, last = found.lines[0][0], found.lines[-1][0]
    where = i18n.say("CODE_AT", path=found.path, first=first, last=last)
    if first == last:
        where = i18n.say("CODE_AT_LINE", path=found.path, line=first)
    lines = "".join(
        f'<span class="number">{number}</span><code>{html.escape(line)}</code>'
        for number, line in found.lines
    )
    return (
        f'<figure class="source"><figcaption>{html.escape(where)}</figcaption>'
        f'<div class="lines-of-code">{lines}</div></figure>'
    )
