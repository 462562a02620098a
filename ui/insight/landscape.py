"""The map of test digits as a network's last hidden layer sees them, and a drawing's place on it.

The two directions are principal components; the view is turned, and mirrored where need be, so
that the digits stay nearest to where the view before had them: else it would flip while the
network trains. Then nearly all of them are made to fill a frame that stays the same. Calls nothing
of Streamlit.
"""

from __future__ import annotations

import html
from collections.abc import Generator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nn import Dataset, Network
from nn.layers import Array, scaled
from nn.mnist import CLASSES
from nn.projection import Projection, last_hidden, principal_components, turned_onto
from ui import texts

EACH = 150  # digits of a kind on the map
CHUNK = 250  # digits between two pauses
INNER = (0.01, 0.99)  # the share of the digits that the frame is made for, along each axis
EDGE = 1.12  # of the frame, where these end at 1; what lies beyond stands at the edge
FRAMED = 1.05 * EDGE  # with room for a glyph
AROUND = 15  # digits that are counted around the drawing
# By theme, a hue a digit, of contrast 5.4 and more; the glyph says the same without it.
HUES = {
    "light": "#B71532 #3B5700 #096B97 #870664 #786107 #04585C #8138B4 #753C05 #067553 #2F37B2",
    "dark": "#FD7E82 #ACDE64 #18B8FF #FEAEDC #CDA609 #1BE5EE #C78DF8 #FDBA8A #13C990 #B9C8FC",
}
PAPER = {"light": "#FBF9F4", "dark": "#121A2C"}
FRAME = {"light": "#D8D2C4", "dark": "#33415F"}


@dataclass(frozen=True, eq=False)
class Landscape:
    """A map.

    Attributes
    ----------
    labels : (n,) uint8, of the digits on it
    projection : from the hidden layer's activations onto the plane
    points : (n, 2), where the digits are on it, in activations from their mean
    """

    labels: NDArray[np.uint8]
    projection: Projection
    points: Array

    @cached_property
    def frame(self) -> tuple[Array, float]:
        """The middle of nearly all digits, and how far they reach from it."""
        low, high = np.quantile(self.points, INNER, axis=0).astype(self.points.dtype)
        return (low + high) / 2, float((high - low).max()) / 2 or 1.0

    def framed(self, points: Array) -> Array:
        """Places within the frame, nearly all from -1 to 1: (n, 2) -> (n, 2)."""
        middle, reach = self.frame
        places: Array = np.clip((points - middle) / np.float32(reach), -EDGE, EDGE)
        return places

    def laid_over(self, before: Landscape | None) -> Landscape:
        """The same map, turned or mirrored to have its digits nearest to where they were before."""
        if before is None:
            return self
        rotation = turned_onto(self.points, before.points)
        turned = self.projection.turned(rotation)
        return replace(self, projection=turned, points=self.points @ rotation)


def chosen(dataset: Dataset) -> Dataset:
    """The digits on the map: the first of each kind, in the data set's order."""
    rows = np.sort(
        np.concatenate([np.flatnonzero(dataset.labels == k)[:EACH] for k in range(CLASSES)])
    )
    return Dataset(dataset.images[rows], dataset.labels[rows])


def steps(network: Network, dataset: Dataset) -> Generator[None, None, Landscape]:
    """Draw the map of digits, pausing now and then; the return value is the Landscape.

    Raises
    ------
    ValueError
        The network's activations are not finite.
    """
    parts = []
    for first in range(0, len(dataset), CHUNK):
        images = dataset.images[first : first + CHUNK]
        x = scaled(images, np.empty(images.shape, network.params.dtype))
        with np.errstate(over="ignore", invalid="ignore"):  # told below
            parts.append(last_hidden(network, x))
        yield
    hidden = np.concatenate(parts)
    projection = principal_components(hidden, 2, rng=np.random.default_rng(0))
    return Landscape(dataset.labels, projection, projection.project(hidden))


def around(landscape: Landscape, point: Array) -> tuple[int, int]:
    """The most frequent digit among those nearest to a point of the plane, and how many it is."""
    distances = np.square(landscape.points - point).sum(axis=1)
    near = landscape.labels[np.argsort(distances, kind="stable")[:AROUND]]
    counts = np.bincount(near, minlength=CLASSES)
    return int(counts.argmax()), int(counts.max())


def sentence(landscape: Landscape, drawing: Array | None) -> str:
    """Where the drawing is, (2,) on the plane; what to do where there is none."""
    if drawing is None:
        return texts.say("MAP_EMPTY")
    digit, count = around(landscape, drawing)
    return texts.say("MAP_AMONG", digit=digit, number=count, count=AROUND)


def data(landscape: Landscape | None) -> dict[str, list[Any]]:
    """Columns of the chart: x, y and the glyph of each digit."""
    if landscape is None:
        return {"x": [], "y": [], "glyph": []}
    x, y = landscape.framed(landscape.points).T.astype(np.float64).round(3).tolist()
    return {"x": x, "y": y, "glyph": [str(label) for label in landscape.labels]}


def star(landscape: Landscape | None, drawing: Array | None) -> str:
    """The drawing as a star over the chart; by itself, for the chart's 1,500 digits stay."""
    if landscape is None or drawing is None:
        return '<div class="sky"></div>'
    x, y = (float(value) / FRAMED / 2 for value in landscape.framed(drawing[None])[0])
    name = html.escape(texts.MAP_STAR)
    place = f"left:{0.5 + x:.2%};top:{0.5 - y:.2%}"
    star = f'<span class="star" role="img" aria-label="{name}" style="{place}"></span>'
    return f'<div class="sky">{star}</div>'


def spec(theme: str) -> dict[str, Any]:
    """The chart, the same for all maps of a theme: "light" or "dark"."""
    scale = {"domain": [-FRAMED, FRAMED], "nice": False, "zero": False}
    position = {
        axis: {"field": axis, "type": "quantitative", "axis": None, "scale": scale}
        for axis in ("x", "y")
    }
    hue = {
        "field": "glyph",
        "type": "nominal",
        "scale": {
            "domain": [str(digit) for digit in range(CLASSES)],
            "range": HUES[theme].split(),
        },
        "legend": None,
    }
    glyph = {"field": "glyph", "type": "nominal"}
    middles = {
        "aggregate": [{"op": "median", "field": axis, "as": axis} for axis in ("x", "y")],
        "groupby": ["glyph"],
    }
    small = {"expr": "width < 450 ? 8 : 12"}
    large = {"type": "text", "fontSize": {"expr": "width < 450 ? 20 : 28"}, "fontWeight": 700}
    halo = {"stroke": PAPER[theme], "strokeWidth": 5, "strokeJoin": "round"}
    return {
        "padding": dict.fromkeys(("left", "right", "top", "bottom"), 1),
        "autosize": {"type": "fit", "contains": "padding"},
        "background": "transparent",
        "view": {"stroke": FRAME[theme], "cornerRadius": 8},
        "encoding": position,
        "layer": [
            {
                "mark": {"type": "text", "fontSize": small, "fontWeight": 600},
                "encoding": {"text": glyph, "color": hue},
            },
            {
                "transform": [middles],
                "mark": {**large, **halo},
                "encoding": {"text": glyph},
            },
            {
                "transform": [middles],
                "mark": large,
                "encoding": {"text": glyph, "color": hue},
            },
        ],
    }
