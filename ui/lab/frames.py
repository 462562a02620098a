"""A training's moments as frames of a film: how the drawing was read, and what units looked for.

    frame = moment's network on the drawing: ten probabilities, and what each shown unit answers
    tile  = a first-layer unit's 784 weights as 28 x 28 pixels, light for and dark against

All tiles stand in one picture, a row a moment, so that the browser only shows another row of it.
Each unit keeps one scale through time, that of its latest weights: so that it is seen to form.
Calls nothing of Streamlit.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nn import Network
from nn.layers import Dense
from nn.preprocess import SIDE
from ui import figures
from ui.scheduler.snapshot import Moment

UNITS = 12  # of the first layer that are shown
LEVELS = 16  # of a tile's grey: half a byte a pixel, half the picture's size


@dataclass
class Film:
    """What was computed of one run's moments, so that only what is new is computed.

    Attributes
    ----------
    run : whose film it is
    units : of the first layer, those whose weights changed most, strongest first
    rows : by a moment's step, its tiles' grey levels, (28, 28 * units)
    frames : by a moment's step, for the drawing `drawn`
    picture : all rows as a data URL
    """

    run: str
    units: tuple[int, ...] = ()
    scale: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    rows: dict[int, NDArray[np.uint8]] = field(default_factory=dict)
    frames: dict[int, dict[str, Any]] = field(default_factory=dict)
    drawn: bytes = b""
    picture: str = ""

    def show(self, moments: Sequence[Moment], drawing: NDArray[np.float32] | None) -> None:
        """Compute what is not there yet, and forget what is no longer needed.

        Parameters
        ----------
        moments : oldest first, one or more
        drawing : (784,) float32 as a network reads it; None while there is none
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
        """The units to show: those that moved furthest from the first moment to the latest."""
        first, last = (_weights(moments[end].network()) for end in (0, -1))
        moved = np.linalg.norm(last - first, axis=0)
        units = tuple(int(unit) for unit in np.argsort(-moved, kind="stable")[:UNITS])
        scale = np.percentile(np.abs(last[:, units]), 99, axis=0).astype(np.float32)
        if units != self.units or not np.allclose(scale, self.scale, rtol=0.05):
            self.units, self.scale, self.rows = units, scale, {}

    def _draw(self, moments: Sequence[Moment]) -> None:
        rows = {}
        for moment in moments:
            row = self.rows.get(moment.step)
            if row is None:
                row = tiles(_weights(moment.network())[:, self.units], self.scale)
            rows[moment.step] = row
        self.rows = rows
        self.picture = picture(np.concatenate(list(rows.values())))


def frame(
    moment: Moment, drawing: NDArray[np.float32] | None, units: Sequence[int]
) -> dict[str, Any]:
    """A moment in figures, fit for JSON: place, and what it says of the drawing, if there is one.

    Returns
    -------
    epoch, step; probabilities, ten in [0, 1]; answers, one a unit, in shares of the strongest
    """
    told: dict[str, Any] = {"epoch": moment.epoch, "step": moment.step}
    if drawing is None:
        return {**told, "probabilities": None, "answers": [0.0] * len(units)}
    network = moment.network()
    answers = np.maximum(_first_answers(network, drawing), 0.0)
    strongest = float(answers.max()) or 1.0
    return {
        **told,
        "probabilities": [round(float(p), 4) for p in network.predict_proba(drawing[None])[0]],
        "answers": [round(float(answers[unit]) / strongest, 3) for unit in units],
    }


def tiles(weights: NDArray[np.float32], scale: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Weights, (784, units), side by side as grey levels, (28, 28 * units); 0 is the middle.

    Parameters
    ----------
    weights : one column a unit
    scale : (units,), the weight from which on it is shown as lightest, or darkest below zero
    """
    shares = np.clip(weights / np.where(scale > 0, scale, 1.0), -1.0, 1.0)
    levels = np.rint((shares + 1.0) / 2.0 * (LEVELS - 1)).astype(np.uint8)
    return levels.T.reshape(-1, SIDE, SIDE).transpose(1, 0, 2).reshape(SIDE, -1)


def picture(levels: NDArray[np.uint8]) -> str:
    """Grey levels as a PNG's data URL, in the slate's colours."""
    share = np.linspace(0.0, 1.0, LEVELS)[:, None]
    palette = np.rint(figures.SLATE + share * (figures.INK - figures.SLATE)).astype(np.uint8)
    image = Image.fromarray(levels, "P")
    image.putpalette(palette.tobytes())
    buffer = io.BytesIO()
    image.save(buffer, "PNG", bits=4)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _weights(network: Network) -> NDArray[np.float32]:
    """The weights of the first dense layer, (784, units)."""
    dense = next(layer for layer in network.layers if isinstance(layer, Dense))
    return dense.W


def _first_answers(network: Network, drawing: NDArray[np.float32]) -> NDArray[np.float32]:
    """What each unit of the first layer answers to a drawing, (units,)."""
    first, *others = network.folded().layers
    answers = first.forward(drawing[None])
    if others and not isinstance(others[0], Dense):
        answers = others[0].forward(answers)
    return np.array(answers[0])
