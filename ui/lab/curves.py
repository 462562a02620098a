"""The large charts of one training: rows and Vega-Lite specs.

A chart has one table of rows; `kind` tells what a row draws: a place on a curve, the best epoch,
or a mark where a setting was changed. Calls nothing of Streamlit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from ui import charts, texts
from ui.scheduler.snapshot import LayerPoint, Point, Snapshot, State

from . import pencil, words

HEIGHT, SMALL_HEIGHT = 250, 150  # pixels, with axes
MARK_ROWS = 4  # labels of marks stand in so many lines, so that neighbours do not cover each other


def rows(run: Snapshot | None, quantity: str, *, batches: bool) -> list[dict[str, Any]]:
    """Rows of a training's chart: its curves, its marks, its best epoch.

    Parameters
    ----------
    run : the training; None for an empty chart
    quantity : "loss" or "accuracy"
    batches : a point a batch, for the latest of them, in place of the means over parts of epochs
    """
    if run is None:
        return [pencil.NO_ROW]
    points = run.batches if batches else shown(run)
    data = charts.curves_data(points, quantity)  # the training's first, then the validation's
    both = [*pencil.thinned(data[: len(points)]), *pencil.thinned(data[len(points) :])]
    found = [{"kind": "curve", **row, "label": "", "row": 0} for row in both]
    since = points[0].epoch if batches and points else 0.0
    for count, mark in enumerate(run.marks):
        if mark.epoch >= since:
            said = words.mark(mark)
            place = {"epoch": mark.epoch, "value": 0.0, "curve": "", "row": count % MARK_ROWS}
            found.append({"kind": "mark", **place, "label": said})
    if run.best_epoch is not None and not batches:
        found += _best(run.points, quantity, run.best_epoch)
    return found or [pencil.NO_ROW]


def spec(
    run: Snapshot | None, quantity: str, *, epochs: int, batches: bool, log: bool, theme: str
) -> dict[str, Any]:
    """A large chart of training and validation, with its marks.

    Parameters
    ----------
    run, quantity, batches : as for `rows`
    epochs : the length of the x axis, unless it follows the batches
    log : a logarithmic axis, for the loss
    theme : "light" or "dark"
    """
    loss = quantity == "loss"
    points = shown(run) if run else ()
    batches = batches or bool(points and run and not run.points)  # it failed at once
    x = charts.epochs_axis(epochs, theme)
    if batches:
        x["scale"] = {"zero": False, "nice": False}
        x["axis"] |= {"format": ".2f", "tickMinStep": 0.01}
    first = reference(run, quantity)
    y: dict[str, Any] = {
        "field": "value",
        "type": "quantitative",
        "scale": {
            "domain": [0.0, charts.ceiling(first)] if loss else [charts.floor(first), 1.0],
            "nice": False,
        },
        "axis": charts.axis(
            theme, tickCount=5, format=".1f" if loss else ".0%", minExtent=36, maxExtent=36
        ),
    }
    if loss and log:
        domain = [_decade(points), max(charts.ceiling(first), 1.0)]
        y["scale"] = {"type": "log", "domain": domain, "nice": False}
        y["axis"] |= {"format": "~g", "values": pencil.decades(*domain)}
    place = "10 + 14 * datum.row" if loss else "height - 10 - 14 * datum.row"  # off the curves
    marks = {"filter": "datum.kind === 'mark'"}
    late = "false" if batches else f"datum.epoch > {0.6 * epochs}"  # no room to the right
    side = {"align": {"expr": f"{late} ? 'right' : 'left'"}, "dx": {"expr": f"{late} ? -4 : 4"}}
    ink = charts.INK[theme]
    return {
        **charts.frame(HEIGHT),
        "layer": [
            pencil.line(x, y, charts.curves_encoding(theme)),
            {
                "transform": [marks],
                "mark": {"type": "rule", "color": ink, "strokeDash": [2, 2], "aria": False},
                "encoding": {"x": x},
            },
            *pencil.label(marks, {"x": x, "y": {"value": {"expr": place}}}, theme, **side),
            {
                "transform": [{"filter": "datum.kind === 'best'"}],
                "mark": {
                    "type": "point",
                    "size": 90,
                    "strokeWidth": 2,
                    "filled": False,
                    "color": charts.HUES[theme][1],
                    "aria": False,
                },
                "encoding": {"x": x, "y": y},
            },
            *pencil.label(
                {"filter": "datum.kind === 'best'"},
                {"x": x, "y": y},
                theme,
                dy=-16 if loss else 18,
            ),
            pencil.reader(
                x, y, charts.curves_encoding(theme)["color"], texts.say(quantity.upper())
            ),
        ],
    }


def shown(run: Snapshot) -> tuple[Point, ...]:
    """The curves of a training; of one that failed before there were any, its batches."""
    return run.points or (run.batches if run.state is State.FAILED else ())


def reference(run: Snapshot | None, quantity: str) -> float | None:
    """What fixes the y axis: the first value, or the highest loss of one that failed."""
    points = shown(run) if run else ()
    if not points or run is None:
        return None
    if quantity == "loss" and run.state is State.FAILED:
        return max((point.loss for point in points if math.isfinite(point.loss)), default=None)
    return float(getattr(points[0], quantity))


def layer_names(points: Sequence[LayerPoint]) -> list[str]:
    """What the layers are called, from the first hidden one to the outputs."""
    last = max((point.layer for point in points), default=0)
    hidden = [texts.say("LAYER", layer=layer) for layer in range(1, last)]
    return [*hidden, str(texts.OUTPUT_LAYER)] if last else []


def layer_rows(points: Sequence[LayerPoint], quantity: str) -> list[dict[str, Any]]:
    """Rows of a chart of the layers: one line a layer.

    Parameters
    ----------
    points : in the order of the training
    quantity : "weight_norm", "gradient_norm" or "dead"
    """
    told = [point for point in points if getattr(point, quantity) is not None]
    names = layer_names(points)
    found = []
    for layer in sorted({point.layer for point in told}):
        own = pencil.thinned([point for point in told if point.layer == layer])
        name = names[layer - 1]
        for point in own:
            place = {"epoch": point.epoch, "value": getattr(point, quantity), "curve": name}
            found.append({"kind": "curve", **place, "label": "", "row": layer - 1})
    return found or [pencil.NO_ROW]


def layer_spec(quantity: str, *, epochs: int, empty: bool, theme: str) -> dict[str, Any]:
    """A chart of the layers; shares on a fixed axis, norms on one that grows with them."""
    share = quantity == "dead"
    fixed = share or empty
    y = {
        "field": "value",
        "type": "quantitative",
        "scale": {"domain": [0, 1], "nice": False} if fixed else {"zero": True, "nice": True},
        "axis": charts.axis(
            theme, tickCount=4, format=".0%" if share else "~g", minExtent=36, maxExtent=36
        ),
    }
    x = charts.epochs_axis(epochs, theme)
    encoding = pencil.series_encoding(9, theme)
    return {
        **charts.frame(SMALL_HEIGHT),
        "layer": [
            pencil.line(x, y, encoding),
            pencil.reader(x, y, encoding["color"], texts.say(quantity.upper())),
        ],
    }


def _best(points: Sequence[Point], quantity: str, epoch: int) -> list[dict[str, Any]]:
    value = _at(points, epoch, lambda point: getattr(point, f"validation_{quantity}"))
    if value is None:
        return []
    label = texts.say("BEST_EPOCH", epoch=epoch)
    place = {"epoch": float(epoch), "value": value, "curve": "", "row": 0}
    return [{"kind": "best", **place, "label": label}]


def _at(
    points: Sequence[Point], epoch: int, value: Callable[[Point], float | None]
) -> float | None:
    return next((value(point) for point in reversed(points) if point.epoch == epoch), None)


def _decade(points: Sequence[Point]) -> float:
    """A power of ten below all losses, 0.01 at most."""
    losses = [point.loss for point in points if 0 < point.loss < math.inf]
    lowest = min(losses, default=1.0)
    return float(min(10.0 ** math.floor(math.log10(lowest)), 0.01))
