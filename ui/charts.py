"""Numbers to Vega-Lite specs (plain dicts). Calls nothing of Streamlit.

A chart's spec stays the same while its data grow, so that the browser only moves lines: axes
are fixed by the recipe and the first points. Training and validation differ by hue and by dash.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from . import texts
from .snapshot import Point

HEIGHT = 104  # pixels, of a chart with its axes
# (training, validation) by theme: a teal and an orange that colour-blind eyes tell apart.
HUES = {"light": ("#00756B", "#B5530A"), "dark": ("#5CC8BC", "#F2A65A")}


def curves_data(points: Sequence[Point], quantity: str) -> list[dict[str, Any]]:
    """Rows of one chart: epoch, value, curve.

    Parameters
    ----------
    points : a training's curves
    quantity : "loss" or "accuracy"
    """
    rows = [
        {"epoch": p.epoch, "value": getattr(p, quantity), "curve": texts.TRAINING_CURVE}
        for p in points
    ]
    rows += [
        {
            "epoch": p.epoch,
            "value": getattr(p, f"validation_{quantity}"),
            "curve": texts.VALIDATION_CURVE,
        }
        for p in points
        if getattr(p, f"validation_{quantity}") is not None
    ]
    return rows


def curves_spec(quantity: str, *, epochs: int, first: float | None, theme: str) -> dict[str, Any]:
    """A chart of training and validation over the epochs.

    Parameters
    ----------
    quantity : "loss" or "accuracy"
    epochs : the length of the fixed x axis
    first : the curve's first value, which fixes the y axis; None before there is one
    theme : "light" or "dark"
    """
    loss = quantity == "loss"
    low, high = (0.0, _ceiling(first)) if loss else (_floor(first), 1.0)
    training, validation = HUES[theme]
    ink = "#5A6272" if theme == "light" else "#A9B4C6"
    grid = "#E2DED3" if theme == "light" else "#28344F"
    axis = {
        "labelColor": ink,
        "labelFontSize": 11,
        "gridColor": grid,
        "domain": False,
        "ticks": False,
        "title": None,
    }
    scale = [texts.TRAINING_CURVE, texts.VALIDATION_CURVE]
    return {
        "height": HEIGHT,
        "padding": {"left": 0, "right": 6, "top": 4, "bottom": 0},
        "autosize": {"type": "fit", "contains": "padding"},
        "background": "transparent",
        "view": {"stroke": None},
        "mark": {"type": "line", "interpolate": "linear", "strokeWidth": 2, "clip": True},
        "encoding": {
            "x": {
                "field": "epoch",
                "type": "quantitative",
                "scale": {"domain": [0, epochs], "nice": False},
                "axis": {**axis, "tickCount": 5, "tickMinStep": 1, "format": "d", "grid": False},
            },
            "y": {
                "field": "value",
                "type": "quantitative",
                "scale": {"domain": [low, high], "nice": False},
                "axis": {
                    **axis,
                    "tickCount": 4,
                    "format": ".1f" if loss else ".0%",
                    "minExtent": 30,
                    "maxExtent": 30,
                },
            },
            "color": {
                "field": "curve",
                "type": "nominal",
                "scale": {"domain": scale, "range": [training, validation]},
                "legend": None,
            },
            "strokeDash": {
                "field": "curve",
                "type": "nominal",
                "scale": {"domain": scale, "range": [[1, 0], [5, 3]]},
                "legend": None,
            },
            "tooltip": [
                {"field": "curve", "type": "nominal", "title": " "},
                {"field": "epoch", "type": "quantitative", "format": ".2f", "title": "epoch"},
                {"field": "value", "type": "quantitative", "format": ".4f", "title": quantity},
            ],
        },
    }


def _ceiling(first: float | None) -> float:
    """A round number at or above a loss, 2.5 at the most usual."""
    if first is None or not math.isfinite(first):
        return 2.5
    return max(math.ceil(min(first, 20.0) * 2) / 2, 0.5)


def _floor(first: float | None) -> float:
    """A tenth at or below an accuracy, so that the whole of its rise is seen."""
    if first is None or not math.isfinite(first):
        return 0.0
    return min(math.floor(first * 10) / 10, 0.9)
