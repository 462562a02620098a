"""A step of the forward pass as a table and a sentence, with the code that does it.

Calls nothing of Streamlit.
"""

from __future__ import annotations

import html
from collections.abc import Sequence

import numpy as np

from nn import Network, losses
from nn.calibration import Calibration
from nn.explain import Passage, dense_layers
from nn.layers import Array, Dense, Layer
from nn.preprocess import SIDE
from ui import figures, texts

from . import heat, units
from .sources import Excerpt, excerpt
from .steps import Kind, Step, Sum, bend_after, softmax_of, sum_of

DECIMALS = 4


def path(steps: Sequence[Step], place: int) -> str:
    """All steps in a row, each to be pressed as its number; `place` is the present one."""
    last = max(step.layer for step in steps)
    groups: dict[str, list[str]] = {}
    for number, step in enumerate(steps):
        scores = step.layer == last
        group = texts.SCORES_GROUP if scores else texts.say("LAYER_GROUP", layer=step.layer)
        current = ' aria-current="step"' if number == place else ""
        groups.setdefault(group, []).append(
            f'<button type="button" class="step" data-press="{number}"{current}>'
            f"{html.escape(texts.STEPS[step.kind.value])}</button>"
        )
    return (
        f'<div class="path" role="group" aria-label="{html.escape(texts.STEPS_LABEL)}" '
        f'data-group data-stop="{place}">'
        + "".join(
            f'<span class="group"><span class="of">{html.escape(group)}</span>{"".join(row)}</span>'
            for group, row in groups.items()
        )
        + "</div>"
    )


def arithmetic(
    explained: Network, drawing: Passage, step: Step, before: int | None, digit: int
) -> str:
    """The figures of a step.

    Parameters
    ----------
    explained, drawing : a network and a drawing's passage through it
    step : which one
    before : the unit of the layer before that is followed; its term is marked
    digit : the one that is followed to the end
    """
    if step.kind is Kind.SOFTMAX:
        return _softmax(drawing, digit)
    if step.kind is Kind.TEMPERATURE:
        return _temperature(explained.calibration, drawing, digit)
    found = sum_of(explained, drawing, step.layer, step.unit, with_place=before)
    name = _name(step, len(drawing.sums))
    if step.kind is Kind.SUM:
        return _sum(step, found, before, name)
    if step.kind is Kind.BIAS:
        return _line(
            texts.say("BIAS_OF", unit=name), [found.total, found.bias], found.biased, "BIAS_SAYS"
        )
    return _bend(explained, drawing.sums[step.layer - 1], step, found, name)


def shapes(explained: Network, step: Step) -> str:
    """The shapes of what a step works on, of all units at once."""
    dense = dense_layers(explained)[step.layer - 1]
    n, m = dense.W.shape
    sizes = {
        Kind.SUM: f"x (1, {n}) · W ({n}, {m}) → (1, {m})",
        Kind.BIAS: f"(1, {m}) + b ({m},) → z (1, {m})",
        Kind.BEND: f"z (1, {m}) → h (1, {m})",
        Kind.SOFTMAX: f"z (1, {m}) → p (1, {m})",
        Kind.TEMPERATURE: f"p (1, {m}) → q (1, {m})",
    }
    return sizes[step.kind]


def code(network: Network, explained: Network, step: Step) -> str:
    """The lines of nn/ that do a step; of a sum also those that have folded what lies behind it."""
    found = [_lines_of(explained, step)]
    if step.kind in (Kind.SUM, Kind.BIAS) and _is_normalised(network, step.layer):
        found.append(excerpt(Network.folded, names="scale"))
    return "".join(map(_excerpt, found))


def picture(explained: Network, drawing: Passage, step: Step) -> str:
    """The terms of a sum over the pixels, as a picture; nothing for any other step."""
    if step.kind is not Kind.SUM or step.layer > 1:
        return ""
    x, W = drawing.inputs[0], dense_layers(explained)[0].W
    terms = heat.pixels(x, x * W[:, step.unit], texts.TERMS_LABEL)
    return (
        figures.heading(texts.TERMS_LABEL)
        + f'<figure class="terms-picture">{terms}</figure>'
        + figures.small(texts.TERMS_HOW)
    )


def is_folded(network: Network, step: Step) -> bool:
    """Whether the weights of a step have taken up a batch normalisation."""
    return step.kind in (Kind.SUM, Kind.BIAS) and _is_normalised(network, step.layer)


def _lines_of(explained: Network, step: Step) -> Excerpt:
    if step.kind is Kind.SUM:
        return excerpt(Dense.affine, names="matmul")
    if step.kind is Kind.BIAS:
        return excerpt(Dense.affine, names="b")
    if step.kind is Kind.SOFTMAX:
        return excerpt(losses.softmax)
    if step.kind is Kind.TEMPERATURE:
        return excerpt(Calibration.apply)
    bend = bend_after(explained, step.layer)
    return excerpt(Layer.forward if bend is None else type(bend).forward, calls=True)


def _is_normalised(network: Network, layer: int) -> bool:
    """Whether a batch normalisation lies between this weighted sum and the next."""
    dense = [place for place, part in enumerate(network.layers) if isinstance(part, Dense)]
    end = dense[layer] if layer < len(dense) else len(network.layers)
    between = network.layers[dense[layer - 1] + 1 : end]
    return any(part.kind == "batch_norm" for part in between)


def _name(step: Step, last: int) -> str:
    """The unit or the score that a step is about."""
    if step.layer == last:
        return texts.say("SCORE_OF", digit=step.unit)
    return units.name((step.layer, step.unit))


def _sum(step: Step, found: Sum, before: int | None, name: str) -> str:
    rows = [
        _row(
            [_source(step.layer, term.place), *map(_figure, (term.input, term.weight, term.value))],
            marked=term.place == before,
        )
        for term in found.terms
    ]
    rest = texts.say("OTHER_TERMS", count=texts.count(found.others))
    rows.append(_row([rest, "", "", _figure(found.rest)]))
    rows.append(_row([texts.TOTAL, "", "", _figure(found.total)], kind="total"))
    heads = [texts.TERM_FROM, texts.TERM_INPUT, texts.TERM_WEIGHT, texts.TERM_VALUE]
    says = texts.say("SUM_SAYS", unit=name, count=texts.count(found.others + len(found.terms)))
    return f'<p class="says">{html.escape(says)}</p>{_table(heads, rows)}'


def _bend(explained: Network, sums: Array, step: Step, found: Sum, name: str) -> str:
    bend = bend_after(explained, step.layer)
    kind = bend.kind if bend is not None else ""
    side = "above" if found.biased > 0 else "below"
    words = texts.BENDS.get(f"{kind}_{side}") or texts.BENDS["other"]
    slope = getattr(bend, "slope", 0.0)
    says = words.format(unit=name, slope=f"{slope:g}".replace(".", texts.DECIMAL))
    return (
        f'<p class="says">{html.escape(says)}</p><p class="equation">z = {_figure(found.biased)}'
        f" → <strong>h = {_figure(found.output)}</strong></p>"
        + figures.small(
            texts.say(
                "ABOVE", above=texts.count(int((sums > 0).sum())), count=texts.count(len(sums))
            )
        )
    )


def _line(says: str, parts: Sequence[float], total: float, then: str) -> str:
    """A short sum in one line, and what becomes of it."""
    shown = " + ".join(
        _figure(part) if part >= 0 or n == 0 else f"({_figure(part)})"
        for n, part in enumerate(parts)
    )
    return (
        f'<p class="says">{html.escape(says)}</p><p class="equation">{shown} = '
        f"<strong>z = {_figure(total)}</strong></p>" + figures.small(texts.say(then))
    )


def _softmax(drawing: Passage, digit: int) -> str:
    found = softmax_of(drawing.sums[-1])
    columns = (found.scores, found.shifted, found.raised, found.probabilities)
    rows = [
        _row([str(k), *(_figure(float(column[k])) for column in columns)], marked=k == digit)
        for k in range(len(found.scores))
    ]
    sums = ["", "", _figure(float(found.raised.sum())), _figure(float(found.probabilities.sum()))]
    rows.append(_row([texts.TOTAL, *sums], kind="total"))
    heads = [texts.DIGIT, "z", "z − max z", "exp(z − max z)", "p"]
    return f'<p class="says">{html.escape(texts.SOFTMAX_SAYS)}</p>{_table(heads, rows)}'


def _temperature(calibration: Calibration, drawing: Passage, digit: int) -> str:
    p = softmax_of(drawing.sums[-1]).probabilities
    q = calibration.apply(p[None])[0]
    raised = np.power(p, 1.0 / calibration.temperature)
    rows = [
        _row([str(k), *(_figure(float(column[k])) for column in (p, raised, q))], marked=k == digit)
        for k in range(len(p))
    ]
    rows.append(
        _row([texts.TOTAL, *(_figure(float(c.sum())) for c in (p, raised, q))], kind="total")
    )
    temperature = texts.decimal(calibration.temperature, 3)
    says = texts.say("TEMPERATURE_SAYS", temperature=temperature)
    heads = [texts.DIGIT, "p", "p^(1/T)", "q"]
    return f'<p class="says">{html.escape(says)}</p>{_table(heads, rows)}'


def _source(layer: int, place: int) -> str:
    """Where a term of a layer's sum comes from."""
    if layer > 1:
        return units.name((layer - 1, place))
    return texts.say("PIXEL", row=place // SIDE + 1, column=place % SIDE + 1)


def _figure(value: float) -> str:
    """A figure of the arithmetic, with a true minus."""
    return texts.decimal(value, DECIMALS).replace("-", "−")


def _row(cells: Sequence[str], *, kind: str = "", marked: bool = False) -> str:
    first, *rest = cells
    classes = " ".join(filter(None, [kind, "marked" if marked else ""]))
    return (
        f'<tr class="{classes}"><th scope="row">{html.escape(first)}</th>'
        + "".join(f"<td>{cell}</td>" for cell in rest)
        + "</tr>"
    )


def _table(heads: Sequence[str], rows: Sequence[str]) -> str:
    head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in heads)
    return (
        f'<table class="terms"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
    )


def _excerpt(found: Excerpt) -> str:
    """Lines of code with their numbers and their file."""
    first, last = found.lines[0][0], found.lines[-1][0]
    where = texts.say("CODE_AT", path=found.path, first=first, last=last)
    if first == last:
        where = texts.say("CODE_AT_LINE", path=found.path, line=first)
    lines = "".join(
        f'<span class="number">{number}</span><code>{html.escape(line)}</code>'
        for number, line in found.lines
    )
    return (
        f'<figure class="source"><figcaption>{html.escape(where)}</figcaption>'
        f'<div class="lines-of-code">{lines}</div></figure>'
    )
