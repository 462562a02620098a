"""What the lab's charts are made of: lines, labels, and the point next to the pointer.

A chart has one table of rows; `kind` tells what a row draws. Calls nothing of Streamlit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ui import charts, texts

MAX_ROWS = 400  # of a curve; more than a chart has pixels to show
NO_ROW = {"kind": "none", "epoch": 0.0, "value": 0.0, "curve": "", "label": "", "row": 0}


def line(x: dict[str, Any], y: dict[str, Any], look: dict[str, Any]) -> dict[str, Any]:
    """The curves, each in its hue and dash."""
    return {
        "transform": [{"filter": "datum.kind === 'curve'"}],
        "mark": {"type": "line", "strokeWidth": 2, "clip": True, "aria": False},
        "encoding": {"x": x, "y": y, **look},
    }


def label(
    which: dict[str, Any], place: dict[str, Any], theme: str, **more: Any
) -> list[dict[str, Any]]:
    """A text beside its place, over the paper's colour, so that it can be read on a curve."""
    text = {"type": "text", "fontSize": 11, "aria": False, **more}
    looks = (
        {"stroke": charts.PAPER[theme], "strokeWidth": 4, "color": charts.PAPER[theme]},
        {"color": charts.INK[theme]},
    )
    encoding = {**place, "text": {"field": "label"}}
    return [{"transform": [which], "mark": {**text, **it}, "encoding": encoding} for it in looks]


def reader(
    x: dict[str, Any], y: dict[str, Any], color: dict[str, Any], value: str, place: str = ""
) -> dict[str, Any]:
    """The point next to the pointer, with its figures."""
    return {
        "transform": [{"filter": "datum.kind === 'curve'"}],
        "params": [
            {
                "name": "near",
                "select": {
                    "type": "point",
                    "nearest": True,
                    "on": "pointerover",
                    "clear": "pointerout",
                    "encodings": ["x", "y"],
                },
            }
        ],
        "mark": {"type": "point", "filled": True, "size": 70, "clip": True, "aria": False},
        "encoding": {
            "x": x,
            "y": y,
            "color": color,
            "opacity": {"condition": {"param": "near", "empty": False, "value": 1}, "value": 0},
            "tooltip": [
                {"field": "curve", "type": "nominal", "title": " "},
                {
                    "field": "epoch",
                    "type": "quantitative",
                    "format": ".2f",
                    "title": place or texts.EPOCH,
                },
                {"field": "value", "type": "quantitative", "format": ".4f", "title": value},
            ],
        },
    }


def series_encoding(slots: int, theme: str) -> dict[str, Any]:
    """Hue and dash by a row's slot."""
    looks = [charts.look(slot, theme) for slot in range(slots)]
    domain = list(range(slots))
    return {
        "color": {
            "field": "row",
            "type": "nominal",
            "legend": None,
            "scale": {"domain": domain, "range": [hue for hue, _ in looks]},
        },
        "strokeDash": {
            "field": "row",
            "type": "nominal",
            "legend": None,
            "scale": {"domain": domain, "range": [dash for _, dash in looks]},
        },
    }


def decades(low: float, high: float) -> list[float]:
    """The powers of ten on a logarithmic axis."""
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    return [float(10.0**power) for power in range(first, last + 1)]


def thinned(points: Sequence[Any]) -> Sequence[Any]:
    """At most MAX_ROWS of them, the last one always among them."""
    stride = -(-len(points) // MAX_ROWS) or 1
    return points[(len(points) - 1) % stride :: stride] if points else points
