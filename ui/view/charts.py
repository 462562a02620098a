"""Training curves as Vega-Lite specs (plain dicts), each with the table of its rows.

A chart's spec stays the same while rows are added, so the browser only extends the lines: the
recipe and the first points fix the axes. A row's `kind` is "curve" for a point of a curve, "both"
for what a small chart tells of both, "best" for the best epoch, "mark" for a changed setting, and
"none" in the one row of an empty chart.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ui import i18n
from ui.runs import Run
from ui.training.snapshot import LayerPoint, Point, Snapshot, State

from . import sentences

Row: TypeAlias = dict[str, Any]
Spec: TypeAlias = dict[str, Any]

SMALL, MIDDLE, LARGE, LARGEST = 88, 150, 250, 300  # heights in pixels, axes included
MAX_ROWS = 400  # per curve: a chart has no more pixels than that
MAX_POINTED = 100  # points of a small chart that a mouse can tell apart
MARK_LINES = 4  # labels of marks alternate between so many lines, so that neighbours do not overlap
NO_ROW = {"kind": "none", "epoch": 0.0, "value": 0.0, "curve": "", "label": "", "row": 0}
# (training, validation): a teal and an orange that colour-blind people can tell apart.
HUES = {"light": ("#00756B", "#B5530A"), "dark": ("#5CC8BC", "#F2A65A")}
SERIES = {
    "light": "#0B6E99 #B5530A #00756B #7A3E9D #A3195B #5A6272 #7A6400 #1D2433",
    "dark": "#6FB7E9 #F2A65A #5CC8BC #C39BE0 #F08CB4 #A9B4C6 #D4C25A #E8ECF4",
}
DASHES = ([4, 0], [7, 3], [2, 2], [9, 3, 2, 3])  # so that no series is known by its hue alone
INK = {"light": "#5A6272", "dark": "#A9B4C6"}
PAPER = {"light": "#FBF9F4", "dark": "#121A2C"}
GRID = {"light": "#E2DED3", "dark": "#28344F"}


def small_curves(
    run: Snapshot | None, quantity: str, *, epochs: float, theme: str
) -> tuple[pa.Table, Spec]:
    """The sidebar's chart of training and validation.

    Parameters
    ----------
    run : None for an empty chart
    quantity : "loss" or "accuracy"
    epochs : the length of the x axis
    theme : "light" or "dark"
    """
    if run is not None and _failed_at_once(run):
        epochs = run.position
    x = _epochs_axis(epochs, theme)
    y = _y_axis(quantity, _reference(run, quantity), theme, width=30)
    rows = curve_rows(run, quantity, labels=False)
    pointed = _both_values(x, theme)
    spec = line_chart(x, y, _two_curves(theme), height=SMALL, pointed=pointed)
    spec["layer"][0]["mark"]["aria"] = True  # of a large chart, `alt` says enough
    return _table([*rows, *both_rows(run, quantity)]), spec


def curves(
    run: Snapshot | None, quantity: str, *, epochs: float, batches: bool, log: bool, theme: str
) -> tuple[pa.Table, Spec]:
    """The large chart of training and validation, with marks and the best epoch.

    Parameters
    ----------
    run, quantity, epochs, theme : as in `small_curves`
    batches : one point for each of the latest batches, rather than means over parts of epochs
    log : a logarithmic loss axis
    """
    rows = curve_rows(run, quantity, batches=batches)
    batches = batches or (run is not None and _failed_at_once(run))
    x = _epochs_axis(epochs, theme)
    if batches:
        x["scale"] = {"zero": False, "nice": False}
        x["axis"] |= {"format": ".2f", "tickMinStep": 0.01}
    y = _y_axis(quantity, _reference(run, quantity), theme)
    if quantity == "loss" and log:
        _make_logarithmic(y, rows)
    spec = line_chart(x, y, _two_curves(theme), height=LARGE, title=i18n.say(quantity.upper()))
    late = "false" if batches else f"datum.epoch > {0.6 * epochs}"
    spec["layer"] += _marks(x, y, theme, below=quantity == "accuracy", late=late)
    return _table(rows), spec


def layers(
    points: Sequence[LayerPoint], quantity: str, *, epochs: float, theme: str
) -> tuple[pa.Table, Spec]:
    """A chart with one line per layer.

    Parameters
    ----------
    points : oldest first
    quantity : "weight_norm", "gradient_norm" or "dead"
    epochs, theme : as in `small_curves`
    """
    share = quantity == "dead"
    y = _y_axis(quantity, None, theme)
    y["axis"] |= {"tickCount": 4, "format": ".0%" if share else ".3~g"}
    fixed = share or not points
    y["scale"] = {"domain": [0, 1], "nice": False} if fixed else {"zero": True, "nice": True}
    x, styles = _epochs_axis(epochs, theme), _many_curves(9, theme)
    spec = line_chart(x, y, styles, height=MIDDLE, title=i18n.say(quantity.upper()))
    return _table(layer_rows(points, quantity)), spec


def race(
    runs: Iterable[tuple[int, Run]], quantity: str, *, seconds: bool, log: bool, theme: str
) -> tuple[pa.Table, Spec]:
    """The chart that compares training runs: one line per run.

    Parameters
    ----------
    runs : each with its slot, from which its style follows
    quantity : a field of Point
    seconds : seconds of training on the x axis, rather than epochs
    log, theme : as in `curves`
    """
    runs = list(runs)
    rows = race_rows(runs, quantity, seconds=seconds)
    seen = [run.snapshot for _, run in runs if run.snapshot]
    length = max((one.seconds if seconds else one.recipe.epochs for one in seen), default=1)
    x = _epochs_axis(max(math.ceil(length), 1), theme)
    kind = "loss" if quantity.endswith("loss") else "accuracy"
    y = _y_axis(kind, _typical(rows, loss=kind == "loss"), theme)
    if kind == "loss":
        y["axis"]["format"] = ".2f"
        if log:
            _make_logarithmic(y, [])
    title, x_title = i18n.say(kind.upper()), i18n.SECONDS if seconds else ""
    styles = _many_curves(20, theme)
    return _table(rows), line_chart(x, y, styles, height=LARGEST, title=title, x_title=x_title)


def by_shift(
    curves: Sequence[tuple[str, NDArray[np.float64] | None]],
    shifts: Sequence[int],
    *,
    present: int,
    theme: str,
) -> tuple[pa.Table, Spec]:
    """The chart of accuracy by shift: one line per network, and a rule at the present shift.

    Parameters
    ----------
    curves : each network's name, and its accuracy at each shift; None while that is not known
    shifts, present : in pixels
    theme : "light" or "dark"
    """
    rows = []
    for slot, (name, accuracy) in enumerate(curves):
        known = [] if accuracy is None else accuracy.tolist()
        rows += _curve(list(zip(shifts, known, strict=False)), name, slot)
    label = i18n.say("SHIFT_PRESENT", pixels=present)
    last = shifts[-1]
    free = 0.05 if present < last / 2 else 0.95  # accuracy falls, so no curve is there
    rows.append({**_row(present, free), "kind": "mark", "label": label})
    x, y = _epochs_axis(last, theme), _y_axis("accuracy", 0.0, theme)
    x["axis"]["tickCount"] = len(shifts)
    spec = line_chart(
        x,
        y,
        _many_curves(len(curves), theme),
        height=LARGE,
        title=i18n.ACCURACY,
        x_title=i18n.SHIFT_PIXELS,
        formats=("d", ".1%"),
    )
    mark = [{"filter": "datum.kind === 'mark'"}]
    late = f"datum.epoch > {0.6 * last}"
    spec["layer"] += [_rule(mark, x, theme), *_label(mark, {"x": x, "y": y}, theme, **_side(late))]
    return _table(rows), spec


def line_chart(
    x: Spec,
    y: Spec,
    styles: Spec,
    *,
    height: int,
    title: str = "",
    x_title: str = "",
    formats: tuple[str, str] = (".2f", ".4f"),
    pointed: Spec | None = None,
) -> Spec:
    """Lines, and a tooltip for the point nearest to the pointer.

    Parameters
    ----------
    x, y : encodings of a row's `epoch` and `value`
    styles : encodings of a line's hue and dash
    height : in pixels, axes included
    title, x_title : of value and position in the tooltip; the latter is "epoch" by default
    formats : of position and value in the tooltip, as d3-format has them
    pointed : the layer with the tooltip; by default one that tells of a point on one curve
    """
    epoch = {"field": "epoch", "type": "quantitative", "format": formats[0]}
    value = {"field": "value", "type": "quantitative", "format": formats[1]}
    tooltip = [
        {"field": "curve", "type": "nominal", "title": " "},
        {**epoch, "title": x_title or i18n.EPOCH},
        {**value, "title": title},
    ]
    on = {"on": "pointerover", "clear": "pointerout"}
    select = {**on, "type": "point", "nearest": True, "encodings": ["x", "y"]}
    on_curve = [{"filter": "datum.kind === 'curve'"}]
    only_near = {"condition": {"param": "near", "empty": False, "value": 1}, "value": 0}
    numbers = {"decimal": i18n.DECIMAL, "thousands": i18n.THOUSANDS}
    return {
        "height": height,
        "padding": {"left": 0, "right": 6, "top": 4, "bottom": 0},
        "autosize": {"type": "fit", "contains": "padding"},
        "background": "transparent",
        "config": {
            "view": {"stroke": None},
            "locale": {"number": {**numbers, "grouping": [3], "currency": ["", ""]}},
        },
        "layer": [
            {
                "transform": on_curve,
                "mark": {"type": "line", "strokeWidth": 2, "clip": True, "aria": False},
                "encoding": {"x": x, "y": y, **styles},
            },
            pointed
            or {
                "transform": on_curve,
                "params": [{"name": "near", "select": select}],
                "mark": {"type": "point", "filled": True, "size": 70, "clip": True, "aria": False},
                "encoding": {
                    "x": x,
                    "y": y,
                    "color": styles["color"],
                    "opacity": only_near,
                    "tooltip": tooltip,
                },
            },
        ],
    }


def curve_rows(
    run: Snapshot | None, quantity: str, *, batches: bool = False, labels: bool = True
) -> list[Row]:
    """Rows of training and validation; with `labels`, also of marks and of the best epoch."""
    if run is None:
        return [NO_ROW]
    points = run.batches if batches or _failed_at_once(run) else run.points
    rows = []
    names = {quantity: "TRAINING_CURVE", f"validation_{quantity}": "VALIDATION_CURVE"}
    for field, curve in names.items():
        rows += _curve([(p.epoch, getattr(p, field)) for p in points], i18n.say(curve))
    if labels:
        since = points[0].epoch if batches and points else 0.0
        for count, mark in enumerate(run.marks):
            if mark.epoch >= since:
                row = _row(mark.epoch, 0.0, "", count % MARK_LINES)
                rows.append({**row, "kind": "mark", "label": sentences.mark(mark)})
        if run.best is not None and not batches:
            value = getattr(run.best, f"validation_{quantity}")
            label = i18n.say("BEST_EPOCH", epoch=run.best_epoch)
            rows.append({**_row(run.best.epoch, value), "kind": "best", "label": label})
    return rows or [NO_ROW]


def both_rows(run: Snapshot | None, quantity: str) -> list[Row]:
    """Rows of kind "both": training in words in `label`, and validation in `curve`.

    They are of the latest point, then of the points until the first validation, then of those with
    one. So each stays in its place while the run goes on, and what the pointer is on stays too.
    """
    if run is None or not (points := run.batches if _failed_at_once(run) else run.points):
        return []
    known = [p for p in points if p.validation_loss is not None]
    first = known[0].epoch if known else math.inf
    kept = [p for p in points if p.validation_loss is not None or p.epoch < first]
    rows = []
    for number, point in enumerate([points[-1], *kept[:: -(-len(kept) // MAX_POINTED)]]):
        training, validation = getattr(point, quantity), getattr(point, f"validation_{quantity}")
        row = _row(point.epoch, training, _in_words(validation, quantity), number)
        rows.append({**row, "kind": "both", "label": _in_words(training, quantity)})
    return rows


def _in_words(value: float | None, quantity: str) -> str:
    if value is None:
        return "–"
    return i18n.percent(value, 2) if quantity == "accuracy" else i18n.decimal(value, 4)


def layer_rows(points: Sequence[LayerPoint], quantity: str) -> list[Row]:
    """Rows with one line per layer, for the layers that have this quantity."""
    rows = []
    for slot, name in enumerate(layer_names(points)):
        values = [(p.epoch, getattr(p, quantity)) for p in points if p.layer == slot + 1]
        rows += _curve(values, name, slot)
    return rows or [NO_ROW]


def layer_names(points: Sequence[LayerPoint]) -> list[str]:
    """The layers' names, from the first hidden one to the output layer."""
    last = max((point.layer for point in points), default=0)
    hidden = [i18n.say("LAYER", layer=layer) for layer in range(1, last)]
    return [*hidden, str(i18n.OUTPUT_LAYER)] if last else []


def race_rows(runs: Iterable[tuple[int, Run]], quantity: str, *, seconds: bool) -> list[Row]:
    """Rows with one line per run."""
    rows = []
    for slot, run in runs:
        points = run.snapshot.points if run.snapshot else ()
        values = [(p.seconds if seconds else p.epoch, getattr(p, quantity)) for p in points]
        rows += _curve(values, run.name, slot)
    return rows or [NO_ROW]


def style(slot: int, theme: str) -> tuple[str, list[int]]:
    """Hue and dash of a series; those of the first twenty slots all differ."""
    hues = SERIES[theme].split()
    return hues[slot % len(hues)], DASHES[(slot + slot // len(hues)) % len(DASHES)]


def _row(epoch: float, value: float, curve: str = "", slot: int = 0) -> Row:
    return {
        "kind": "curve", "epoch": epoch, "value": value, "curve": curve, "label": "", "row": slot
    }  # fmt: skip


def _curve(values: Sequence[tuple[float, float | None]], name: str, slot: int = 0) -> list[Row]:
    """At most MAX_ROWS rows of (position, value) pairs, the last one always among them."""
    known = [(at, value) for at, value in values if value is not None]
    stride = -(-len(known) // MAX_ROWS) or 1
    return [_row(at, value, name, slot) for at, value in known[(len(known) - 1) % stride :: stride]]


def _table(rows: Sequence[Row]) -> pa.Table:
    """Rows as they are sent to the browser.

    A list of dicts would go through pandas, which costs a page that shows a training run more time
    than all its other work.
    """
    return pa.table({name: [row[name] for row in rows] for name in NO_ROW})


def _failed_at_once(run: Snapshot) -> bool:
    """Whether it failed before its first point, so that only its batches can be shown."""
    return run.state is State.FAILED and not run.points and bool(run.batches)


def _reference(run: Snapshot | None, quantity: str) -> float | None:
    """The value that fixes the y axis: the first, or the highest loss of a run that failed."""
    if run is None:
        return None
    points: Sequence[Point] = run.batches if _failed_at_once(run) else run.points
    if quantity == "loss" and run.state is State.FAILED:
        return max((point.loss for point in points if math.isfinite(point.loss)), default=None)
    return float(getattr(points[0], quantity)) if points else None


def _typical(rows: Sequence[Row], *, loss: bool) -> float | None:
    """The value that fixes a race's y axis, which leaves out the worst tenth of the points."""
    finite = sorted(
        row["value"] for row in rows if row["kind"] == "curve" and math.isfinite(row["value"])
    )
    return finite[int((0.9 if loss else 0.1) * (len(finite) - 1))] if finite else None


def _epochs_axis(epochs: float, theme: str) -> Spec:
    """The x encoding over a run's whole length."""
    step, form = (1, "d") if epochs >= 1 else (0.01, ".2f")
    axis = {"tickCount": 5, "tickMinStep": step, "format": form, "grid": False}
    return {
        "field": "epoch",
        "type": "quantitative",
        "scale": {"domain": [0, epochs], "nice": False},
        "axis": {**_axis(theme), **axis},
    }


def _y_axis(quantity: str, reference: float | None, theme: str, *, width: int = 36) -> Spec:
    """A loss from 0 to its reference value, or an accuracy from there to 1, in round numbers."""
    known = reference is not None and math.isfinite(reference)
    if quantity == "loss":
        top = max(math.ceil(min(reference or 0.0, 20.0) * 2) / 2, 0.5) if known else 2.5
        domain = [0.0, top]
    else:
        domain = [min(math.floor((reference or 0.0) * 10) / 10, 0.9) if known else 0.0, 1.0]
    axis = {
        "tickCount": 4 if width < 36 else 5,
        "format": ".1f" if quantity == "loss" else ".0%",
        "minExtent": width,
        "maxExtent": width,
    }
    return {
        "field": "value",
        "type": "quantitative",
        "scale": {"domain": domain, "nice": False},
        "axis": {**_axis(theme), **axis},
    }


def _make_logarithmic(y: Spec, rows: Sequence[Row]) -> None:
    """Make a loss axis logarithmic, from 0.01 or the power of ten below the smallest loss."""
    losses = [r["value"] for r in rows if r["kind"] == "curve" and 0 < r["value"] < math.inf]
    low = min(10.0 ** math.floor(math.log10(min(losses, default=1.0))), 0.01)
    high = max(y["scale"]["domain"][1], 1.0)
    y["scale"] = {"type": "log", "domain": [low, high], "nice": False}
    powers = range(round(math.log10(low)), math.floor(math.log10(high) + 1e-9) + 1)
    y["axis"] |= {"format": ".3~g", "values": [10.0**power for power in powers]}


def _axis(theme: str) -> Spec:
    """An axis in the page's style: grey figures, no line and no ticks."""
    colours = {"labelColor": INK[theme], "gridColor": GRID[theme]}
    return {**colours, "labelFontSize": 11, "domain": False, "ticks": False, "title": None}


def _styles(field: str, domain: Sequence[Any], styles: Sequence[tuple[str, list[int]]]) -> Spec:
    """Encodings of a line's hue and dash, by a field of its rows."""
    encoding = {"field": field, "type": "nominal", "legend": None}
    hues, dashes = (list(values) for values in zip(*styles, strict=True))
    return {
        "color": {**encoding, "scale": {"domain": domain, "range": hues}},
        "strokeDash": {**encoding, "scale": {"domain": domain, "range": dashes}},
    }


def _two_curves(theme: str) -> Spec:
    names = [i18n.TRAINING_CURVE, i18n.VALIDATION_CURVE]
    return _styles("curve", names, list(zip(HUES[theme], ([1, 0], [5, 3]), strict=True)))


def _many_curves(slots: int, theme: str) -> Spec:
    return _styles("row", list(range(slots)), [style(slot, theme) for slot in range(slots)])


def _both_values(x: Spec, theme: str) -> Spec:
    """A vertical line at the point nearest to the pointer, and what both curves are there.

    A point is known by its number, so that the line follows the latest one.
    """
    select = {"on": "pointerover", "clear": "pointerout", "type": "point", "nearest": True}
    titles = {"label": i18n.TRAINING_CURVE, "curve": i18n.VALIDATION_CURVE}
    return {
        "transform": [{"filter": "datum.kind === 'both'"}],
        "params": [{"name": "near", "select": {**select, "fields": ["row"]}}],
        "mark": {"type": "rule", "color": INK[theme], "aria": False},
        "encoding": {
            "x": x,
            "opacity": {"condition": {"param": "near", "empty": False, "value": 1}, "value": 0},
            "tooltip": [
                {"field": "epoch", "type": "quantitative", "format": ".2~f", "title": i18n.EPOCH},
                *({"field": name, "title": title} for name, title in titles.items()),
            ],
        },
    }


def _marks(x: Spec, y: Spec, theme: str, *, below: bool, late: str) -> list[Spec]:
    """A labelled vertical line at each changed setting, and a labelled ring at the best epoch.

    Parameters
    ----------
    below : put labels at the bottom of the chart rather than at the top, away from the curves
    late : a Vega expression that is true where a label has no room to its right
    """
    mark = [{"filter": "datum.kind === 'mark'"}]
    best = [{"filter": "datum.kind === 'best'"}]
    line = "height - 10 - 14 * datum.row" if below else "10 + 14 * datum.row"
    ring = {"type": "point", "size": 90, "strokeWidth": 2, "filled": False, "aria": False}
    on_curve = {"x": x, "y": y}
    return [
        _rule(mark, x, theme),
        *_label(mark, {"x": x, "y": {"value": {"expr": line}}}, theme, **_side(late)),
        {"transform": best, "mark": {**ring, "color": HUES[theme][1]}, "encoding": on_curve},
        *_label(best, on_curve, theme, dy=18 if below else -16),
    ]


def _rule(which: list[Spec], x: Spec, theme: str) -> Spec:
    """A vertical line."""
    rule = {"type": "rule", "color": INK[theme], "strokeDash": [2, 2], "aria": False}
    return {"transform": which, "mark": rule, "encoding": {"x": x}}


def _side(late: str) -> Spec:
    """A text to the right of its place; to the left where the expression `late` is true."""
    return {"align": {"expr": f"{late} ? 'right' : 'left'"}, "dx": {"expr": f"{late} ? -4 : 4"}}


def _label(which: list[Spec], place: Spec, theme: str, **more: Any) -> list[Spec]:
    """A text with a margin in the background colour, so that it can be read over a curve."""
    text = {"type": "text", "fontSize": 11, "aria": False, **more}
    margin = {"stroke": PAPER[theme], "strokeWidth": 4, "color": PAPER[theme]}
    encoding = {**place, "text": {"field": "label"}}
    return [
        {"transform": which, "mark": {**text, **colours}, "encoding": encoding}
        for colours in (margin, {"color": INK[theme]})
    ]
