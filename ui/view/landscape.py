"""A map of test digits by the activations of the last hidden layer, with the drawing on it.

Its axes are two principal components. The map is rotated or mirrored so that the digits stay
closest to where they were before; else it would flip while the network trains. Then nearly all of
them are scaled to fill the same frame.
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
from nn.explain.projection import Projection, last_hidden, principal_components, turned_onto
from nn.layers import Array, scaled
from nn.mnist import CLASSES
from ui import i18n

from .charts import PAPER

EACH = 150  # test digits per class
CHUNK = 250  # digits between two pauses of the computation; a convolution takes fewer
INNER = (0.01, 0.99)  # quantiles of the digits along each axis that just fit into the frame
EDGE = 1.12  # of the frame, where these are at 1; digits beyond are moved to the edge
FRAMED = 1.05 * EDGE  # leaves room for a glyph
AROUND = 15  # nearest digits that are counted
# One hue per digit, with a contrast of at least 5.4; the glyphs say the same without colour.
HUES = {
    "light": "#B71532 #3B5700 #096B97 #870664 #786107 #04585C #8138B4 #753C05 #067553 #2F37B2",
    "dark": "#FD7E82 #ACDE64 #18B8FF #FEAEDC #CDA609 #1BE5EE #C78DF8 #FDBA8A #13C990 #B9C8FC",
}
FRAME = {"light": "#D8D2C4", "dark": "#33415F"}


@dataclass(frozen=True, eq=False)
class Landscape:
    """A map.

    Attributes
    ----------
    labels : (n,) of the digits on it
    projection : from the hidden layer's activations to the plane
    points : (n, 2), the digits on the plane, in units of activation, from their mean
    """

    labels: NDArray[np.uint8]
    projection: Projection
    points: Array

    @cached_property
    def frame(self) -> tuple[Array, float]:
        """The centre of nearly all digits, (2,), and their largest distance from it on an axis."""
        low, high = np.quantile(self.points, INNER, axis=0).astype(self.points.dtype)
        return (low + high) / 2, float((high - low).max()) / 2 or 1.0

    def framed(self, points: Array) -> Array:
        """Points of the plane, (n, 2), as positions in the frame, (n, 2), nearly all in [-1, 1]."""
        middle, reach = self.frame
        places: Array = np.clip((points - middle) / np.float32(reach), -EDGE, EDGE)
        return places

    def laid_over(self, before: Landscape | None) -> Landscape:
        """The same map, rotated or mirrored so that its digits are closest to where they were."""
        if before is None:
            return self
        rotation = turned_onto(self.points, before.points)
        turned = self.projection.turned(rotation)
        return replace(self, projection=turned, points=self.points @ rotation)


def chosen(dataset: Dataset) -> Dataset:
    """The digits for the map: the first of each class, in the data set's order."""
    rows = np.sort(
        np.concatenate([np.flatnonzero(dataset.labels == k)[:EACH] for k in range(CLASSES)])
    )
    return Dataset(dataset.images[rows], dataset.labels[rows])


def steps(network: Network, dataset: Dataset) -> Generator[None, None, Landscape]:
    """Compute the map, pausing after each chunk; the generator's return value is the Landscape.

    Raises
    ------
    ValueError
        The network's activations are not finite.
    """
    parts, chunk = [], min(CHUNK, network.chunk)
    for first in range(0, len(dataset), chunk):
        images = dataset.images[first : first + chunk]
        x = scaled(images, network.params.dtype)
        with np.errstate(over="ignore", invalid="ignore"):  # the projection raises
            parts.append(last_hidden(network, x))
        yield
    hidden = np.concatenate(parts)
    projection = principal_components(hidden, 2, rng=np.random.default_rng(0))
    return Landscape(dataset.labels, projection, projection.project(hidden))


def around(landscape: Landscape, point: Array) -> tuple[int, int]:
    """The most frequent digit among those nearest to a point of the plane, and its count."""
    distances = np.square(landscape.points - point).sum(axis=1)
    near = landscape.labels[np.argsort(distances, kind="stable")[:AROUND]]
    counts = np.bincount(near, minlength=CLASSES)
    return int(counts.argmax()), int(counts.max())


def sentence(landscape: Landscape, drawing: Array | None) -> str:
    """Which digits are around the drawing, (2,) on the plane; an invitation without a drawing."""
    if drawing is None:
        return i18n.say("MAP_EMPTY")
    digit, count = around(landscape, drawing)
    return i18n.say("MAP_AMONG", digit=digit, number=count, count=AROUND)


def data(landscape: Landscape | None) -> dict[str, list[Any]]:
    """The chart's columns: x, y and glyph."""
    if landscape is None:
        return {"x": [], "y": [], "glyph": []}
    x, y = landscape.framed(landscape.points).T.astype(np.float64).round(3).tolist()
    return {"x": x, "y": y, "glyph": [str(label) for label in landscape.labels]}


def star(landscape: Landscape | None, drawing: Array | None) -> str:
    """The drawing as a star over the chart; apart from it, so that a stroke redraws no digits."""
    if landscape is None or drawing is None:
        return '<div class="sky"></div>'
    x, y = (float(value) / FRAMED / 2 for value in landscape.framed(drawing[None])[0])
    name = html.escape(i18n.MAP_STAR)
    place = f"left:{0.5 + x:.2%};top:{0.5 - y:.2%}"
    star = f'<span class="star" role="img" aria-label="{name}" style="{place}"></span>'
    return f'<div class="sky">{star}</div>'


def spec(theme: str) -> dict[str, Any]:
    """The chart, the same for all maps; `theme` is "light" or "dark"."""
    scale = {"domain": [-FRAMED, FRAMED], "nice": False, "zero": False}
    position = {
        axis: {"field": axis, "type": "quantitative", "axis": None, "scale": scale}
        for axis in ("x", "y")
    }
    digits = {"domain": [str(digit) for digit in range(CLASSES)], "range": HUES[theme].split()}
    hue = {"field": "glyph", "type": "nominal", "scale": digits, "legend": None}
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
            {"transform": [middles], "mark": {**large, **halo}, "encoding": {"text": glyph}},
            {"transform": [middles], "mark": large, "encoding": {"text": glyph, "color": hue}},
        ],
    }
