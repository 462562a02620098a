"""The chart of several trainings: rows and Vega-Lite specs. Calls nothing of Streamlit."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from ui import charts, texts

from . import pencil
from .runs import Run

HEIGHT = 300  # pixels, with axes


def rows(runs: Iterable[tuple[int, Run]], quantity: str, *, seconds: bool) -> list[dict[str, Any]]:
    """Rows of the race: one line a run.

    Parameters
    ----------
    runs : with the slot of each, which gives its look
    quantity : a field of Point
    seconds : of work on the x axis, in place of epochs
    """
    found = []
    for slot, run in runs:
        points = run.snapshot.points if run.snapshot else ()
        own = [(p.epoch, getattr(p, quantity)) for p in points]
        told = [(epoch, value) for epoch, value in own if value is not None]
        for epoch, value in pencil.thinned(told):
            x = run.seconds_at(epoch) if seconds else epoch
            place = {"epoch": x, "value": value, "curve": run.name}
            found.append({"kind": "curve", **place, "label": "", "row": slot})
    return found or [pencil.NO_ROW]


def edge_of(rows: Sequence[dict[str, Any]], quantity: str) -> float:
    """The y axis's end away from the goal: it leaves out the tenth of the points farthest off."""
    values = sorted(row["value"] for row in rows if row["kind"] == "curve")
    finite = [value for value in values if math.isfinite(value)]
    if quantity.endswith("loss"):
        return charts.ceiling(finite[int(0.9 * (len(finite) - 1))] if finite else None)
    return charts.floor(finite[int(0.1 * (len(finite) - 1))] if finite else None)


def spec(
    quantity: str, *, length: float, edge: float, log: bool, seconds: bool, theme: str
) -> dict[str, Any]:
    """The race's chart.

    Parameters
    ----------
    quantity, seconds : as for `rows`
    length : of the x axis
    edge : where the y axis of an accuracy begins, or that of a loss ends, as `edge_of` says
    log : a logarithmic axis, for a loss
    theme : "light" or "dark"
    """
    loss = quantity.endswith("loss")
    x = charts.epochs_axis(max(math.ceil(length), 1), theme)
    y: dict[str, Any] = {
        "field": "value",
        "type": "quantitative",
        "scale": {"domain": [0.0, edge] if loss else [edge, 1.0], "nice": False},
        "axis": charts.axis(
            theme, tickCount=5, format=".2f" if loss else ".0%", minExtent=36, maxExtent=36
        ),
    }
    if loss and log:
        domain = [0.01, max(edge, 1.0)]
        y["scale"] = {"type": "log", "domain": domain, "nice": False}
        y["axis"] |= {"format": "~g", "values": pencil.decades(*domain)}
    encoding = pencil.series_encoding(20, theme)
    name = texts.SECONDS if seconds else texts.EPOCH
    value = texts.say("LOSS" if loss else "ACCURACY")
    return {
        **charts.frame(HEIGHT),
        "layer": [pencil.line(x, y, encoding), pencil.reader(x, y, encoding["color"], value, name)],
    }
