"""A training run as a film: per moment, how the drawing was read, and what units responded to.

    frame = that moment's network on the drawing: ten probabilities, and the units' activations
    tile  = a first-layer unit's weights as 28 x 28 pixels, positive light and negative dark;
        a filter has fewer, each shown as a square

All tiles are in one picture, one row per moment, so that the browser only shows another row of it.
A unit has the same scale in all rows, that of its latest weights, so that it is seen to form.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nn import Network
from nn.convolution import Convolution
from nn.layers import Dense
from nn.mnist import SIDE
from nn.network import ACTIVATIONS
from ui.training.snapshot import Moment
from ui.view import elements

UNITS = 12  # shown, of the first layer
LEVELS = 16  # grey levels: at half a byte per pixel, half the picture's size


@dataclass
class Film:
    """The frames of one run, kept so that only new ones are computed.

    Attributes
    ----------
    run : its id
    units : those of the first layer whose weights changed most, strongest first
    scale : (units,), the weight that is shown as lightest
    filters : whether these units are the filters of a convolution
    rows : by a moment's step, its tiles' grey levels, (28, 28 * units)
    frames : by a moment's step, for the drawing whose bytes are `drawn`
    picture : all rows as a data URL
    """

    run: str
    units: tuple[int, ...] = ()
    scale: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    filters: bool = False
    rows: dict[int, NDArray[np.uint8]] = field(default_factory=dict)
    frames: dict[int, dict[str, Any]] = field(default_factory=dict)
    drawn: bytes = b""
    picture: str = ""

    def show(self, moments: Sequence[Moment], drawing: NDArray[np.float32] | None) -> None:
        """Compute what is missing, and drop what is no longer needed.

        Parameters
        ----------
        moments : oldest first, at least one
        drawing : (784,) float32, the network's input; None without a drawing
        """
        drawn = b"" if drawing is None else drawing.tobytes()
        if drawn != self.drawn:
            self.drawn, self.frames = drawn, {}
        steps = [moment.step for moment in moments]
        if set(steps) != self.rows.keys():
            self._choose(moments)
            self._draw(moments)
        for moment in moments:
            if moment.step not in self.frames:
                self.frames[moment.step] = frame(moment, drawing, self.units)
        self.frames = {step: self.frames[step] for step in steps}

    def _choose(self, moments: Sequence[Moment]) -> None:
        """Choose the units whose weights moved most from the first moment to the latest."""
        network = moments[-1].network()
        self.filters = isinstance(_first_layer(network), Convolution)
        first, last = _weights(moments[0].network()), _weights(network)
        moved = np.linalg.norm(last - first, axis=0)
        units = tuple(int(unit) for unit in np.argsort(-moved, kind="stable")[:UNITS])
        scale = np.percentile(np.abs(last[:, units]), 99, axis=0).astype(np.float32)
        if units != self.units or not np.allclose(scale, self.scale, rtol=0.05):
            self.units, self.scale, self.rows = units, scale, {}

    def _draw(self, moments: Sequence[Moment]) -> None:
        self.rows = {
            moment.step: self.rows[moment.step]
            if moment.step in self.rows
            else tiles(_weights(moment.network())[:, self.units], self.scale)
            for moment in moments
        }
        self.picture = picture(np.concatenate(list(self.rows.values())))


def frame(
    moment: Moment, drawing: NDArray[np.float32] | None, units: Sequence[int]
) -> dict[str, Any]:
    """A moment as JSON: its place in training, and how its network reads the drawing, if any.

    Returns
    -------
    epoch, step; probabilities, ten in [0, 1] or None; answers, each unit's activation as a share of
    the layer's largest
    """
    place: dict[str, Any] = {"epoch": moment.epoch, "step": moment.step}
    if drawing is None:
        return {**place, "probabilities": None, "answers": [0.0] * len(units)}
    network = moment.network()
    outputs = np.maximum(_activations(network, drawing), 0.0)
    strongest = float(outputs.max()) or 1.0
    return {
        **place,
        "probabilities": [round(float(p), 4) for p in network.predict_proba(drawing[None])[0]],
        "answers": [round(float(outputs[unit]) / strongest, 3) for unit in units],
    }


def tiles(weights: NDArray[np.float32], scale: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Weights as grey levels side by side, (28, 28 * units) uint8; a weight of 0 is the middle one.

    Parameters
    ----------
    weights : (number, units), a square number: 784, or those of a filter
    scale : (units,), the weight that is shown as lightest, its negative as darkest
    """
    number, units = weights.shape
    side = math.isqrt(number)
    shares = np.clip(weights / np.where(scale > 0, scale, 1.0), -1.0, 1.0)
    levels = np.rint((shares + 1.0) / 2.0 * (LEVELS - 1)).astype(np.uint8)
    nearest = np.arange(SIDE) * side // SIDE
    tiles = levels.T.reshape(units, side, side)[:, nearest][:, :, nearest]
    return tiles.transpose(1, 0, 2).reshape(SIDE, -1)


def picture(levels: NDArray[np.uint8]) -> str:
    """Grey levels as the data URL of a picture in the slate's colours."""
    share = np.linspace(0.0, 1.0, LEVELS)[:, None]
    palette = np.rint(elements.SLATE + share * (elements.INK - elements.SLATE)).astype(np.uint8)
    image = Image.fromarray(levels, "P")
    image.putpalette(palette.tobytes())
    buffer = io.BytesIO()
    image.save(buffer, "PNG", bits=4)
    return elements.png_url(buffer.getvalue())


def _first_layer(network: Network) -> Dense | Convolution:
    """The first layer with weights."""
    return next(layer for layer in network.layers if isinstance(layer, Dense | Convolution))


def _weights(network: Network) -> NDArray[np.float32]:
    """Its weights, (784, units) or (kernel_size², filters)."""
    layer = _first_layer(network)
    if isinstance(layer, Dense):
        return layer.W
    return layer.W.reshape(layer.filters, -1).T


def _activations(network: Network, drawing: NDArray[np.float32]) -> NDArray[np.float32]:
    """What its units, or filters at their strongest place, make of a drawing, (units,)."""
    folded = network.folded()
    first = folded.layers.index(_first_layer(folded))
    y = drawing[None]
    for layer in folded.layers[: first + 1]:
        y = layer.forward(y)
    after = folded.layers[first + 1 : first + 2]
    if after and after[0].kind in ACTIVATIONS:
        y = after[0].forward(y)
    strongest: NDArray[np.float32] = y[0].reshape(y.shape[1], -1).max(axis=1)
    return strongest
