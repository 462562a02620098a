"""Numbers to Vega-Lite specs (plain dicts). Calls nothing of Streamlit.

A chart's spec stays the same while its data grow, so that the browser only moves lines: axes
are fixed by the recipe and the first points. Training and validation differ by hue and by dash.
Here are the panel's two small charts and what all charts share; the large ones are lab/curves.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from . import texts
from .scheduler.snapshot import Point

HEIGHT = 88  # pixels, of a small chart with its axes
ROWS = pa.schema({"epoch": pa.float64(), "value": pa.float64(), "curve": pa.string()})
# (training, validation) by theme: a teal and an orange that colour-blind eyes tell apart.
HUES = {"light": ("#00756B", "#B5530A"), "dark": ("#5CC8BC", "#F2A65A")}
# Of many series: each hue with a dash of its own, since colour alone carries no meaning.
SERIES = {
    "light": (
        *("#0B6E99", "#B5530A", "#00756B", "#7A3E9D"),
        *("#A3195B", "#5A6272", "#7A6400", "#1D2433"),
    ),
    "dark": (
        *("#6FB7E9", "#F2A65A", "#5CC8BC", "#C39BE0"),
        *("#F08CB4", "#A9B4C6", "#D4C25A", "#E8ECF4"),
    ),
}
DASHES = ([4, 0], [7, 3], [2, 2], [9, 3, 2, 3])
INK = {"light": "#5A6272", "dark": "#A9B4C6"}
PAPER = {"light": "#FBF9F4", "dark": "#121A2C"}
GRID = {"light": "#E2DED3", "dark": "#28344F"}


def look(slot: int, theme: str) -> tuple[str, list[int]]:
    """Hue and dash of a series; the first twenty differ from each other."""
    hues = SERIES[theme]
    return hues[slot % len(hues)], DASHES[(slot + slot // len(hues)) % len(DASHES)]


def axis(theme: str, **more: Any) -> dict[str, Any]:
    """An axis in the page's manner: quiet figures, no lines of its own."""
    return {
        "labelColor": INK[theme],
        "labelFontSize": 11,
        "gridColor": GRID[theme],
        "domain": False,
        "ticks": False,
        "title": None,
        **more,
    }


def frame(height: int) -> dict[str, Any]:
    """What each chart's spec begins with."""
    return {
        "height": height,
        "padding": {"left": 0, "right": 6, "top": 4, "bottom": 0},
        "autosize": {"type": "fit", "contains": "padding"},
        "background": "transparent",
        "config": {"view": {"stroke": None}, "locale": {"number": _locale()}},
    }


def _locale() -> dict[str, Any]:
    """How a chart writes numbers in the visitor's language."""
    signs = {"decimal": texts.DECIMAL, "thousands": texts.THOUSANDS}
    return {**signs, "grouping": [3], "currency": ["", ""]}


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


def table(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """A chart's rows in the form in which they are sent to the browser.

    Given to Streamlit as they are, they would go through pandas, and cost a page that looks at its
    training more than all else that it does.

    Parameters
    ----------
    rows : all with the same fields; a chart without any still has those of `curves_data`
    """
    if not rows:
        return ROWS.empty_table()
    return pa.table({name: [row[name] for row in rows] for name in rows[0]})


def curves_encoding(theme: str) -> dict[str, Any]:
    """Hue and dash of the training and of the validation curve."""
    scale = [texts.TRAINING_CURVE, texts.VALIDATION_CURVE]
    return {
        "color": {
            "field": "curve",
            "type": "nominal",
            "scale": {"domain": scale, "range": list(HUES[theme])},
            "legend": None,
        },
        "strokeDash": {
            "field": "curve",
            "type": "nominal",
            "scale": {"domain": scale, "range": [[1, 0], [5, 3]]},
            "legend": None,
        },
    }


def epochs_axis(epochs: float, theme: str) -> dict[str, Any]:
    """The x encoding over a training's whole length."""
    whole = epochs >= 1
    return {
        "field": "epoch",
        "type": "quantitative",
        "scale": {"domain": [0, epochs], "nice": False},
        "axis": axis(
            theme,
            tickCount=5,
            tickMinStep=1 if whole else 0.01,
            format="d" if whole else ".2f",
            grid=False,
        ),
    }


def curves_spec(quantity: str, *, epochs: float, first: float | None, theme: str) -> dict[str, Any]:
    """A small chart of training and validation over the epochs.

    Parameters
    ----------
    quantity : "loss" or "accuracy"
    epochs : the length of the fixed x axis
    first : the curve's first value, which fixes the y axis; None before there is one
    theme : "light" or "dark"
    """
    loss = quantity == "loss"
    domain = [0.0, ceiling(first)] if loss else [floor(first), 1.0]
    figures = ".1f" if loss else ".0%"
    return {
        **frame(HEIGHT),
        "mark": {"type": "line", "interpolate": "linear", "strokeWidth": 2, "clip": True},
        "encoding": {
            "x": epochs_axis(epochs, theme),
            "y": {
                "field": "value",
                "type": "quantitative",
                "scale": {"domain": domain, "nice": False},
                "axis": axis(theme, tickCount=4, format=figures, minExtent=30, maxExtent=30),
            },
            **curves_encoding(theme),
            "tooltip": [
                {"field": "curve", "type": "nominal", "title": " "},
                {"field": "epoch", "type": "quantitative", "format": ".2f", "title": texts.EPOCH},
                {"field": "value", "type": "quantitative", "format": ".4f", "title": " "},
            ],
        },
    }


def ceiling(first: float | None) -> float:
    """A round number at or above a loss, 2.5 at the most usual."""
    if first is None or not math.isfinite(first):
        return 2.5
    return max(math.ceil(min(first, 20.0) * 2) / 2, 0.5)


def floor(first: float | None) -> float:
    """A tenth at or below an accuracy, so that the whole of its rise is seen."""
    if first is None or not math.isfinite(first):
        return 0.0
    return min(math.floor(first * 10) / 10, 0.9)
