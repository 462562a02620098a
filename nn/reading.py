"""Reading: one canvas judged. A digit with its confidence, or no digit with a reason.

Preprocessing, then the network, then a judgement of its ten probabilities by the network's
calibration. A mark that is one blot, with no stroke in it, is refused before the network is asked.
Out of scope: several digits on one canvas.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .calibration import evidence
from .mnist import CLASSES
from .network import Network
from .preprocess import Pixels, Preprocessing, preprocess

BLOT = 0.36  # mean ink of the 28 x 28; 1 of MNIST's 70,000 digits has more, a filled disc 0.40


@dataclass(frozen=True)
class Reading:
    """What the network says of one canvas.

    Attributes
    ----------
    digit : 0 to 9; None when the canvas is blank or its mark is refused
    runner_up : the second most probable digit where the first is not sure, else None
    confidence : the probability of `digit`, in [0, 1]; 0 without a digit
    probabilities : (10,) float32, sum 1; all 0 without a digit
    steps : how the canvas became the network's input; None when blank
    """

    digit: int | None
    runner_up: int | None
    confidence: float
    probabilities: NDArray[np.float32]
    steps: Preprocessing | None

    @property
    def blank(self) -> bool:
        """Whether there was no ink at all."""
        return self.steps is None


def read(network: Network, rgba: Pixels) -> Reading:
    """Judge one canvas.

    Parameters
    ----------
    network : trained; not changed
    rgba : (H, W, 4) uint8, as for `canvas_to_input`

    Raises
    ------
    ValueError
        `rgba` is not (H, W, 4) uint8.
    """
    return judge(network, preprocess(rgba))


def judge(network: Network, steps: Preprocessing | None) -> Reading:
    """`read` for a canvas that is preprocessed already; None is a blank one."""
    if steps is None or steps.input.mean() > BLOT:
        return Reading(None, None, 0.0, np.zeros(CLASSES, np.float32), steps)
    calibration = network.calibration
    judged = calibration.apply(network.predict_proba(steps.input[None]))
    if evidence(judged)[0] < calibration.refuse_below:
        return Reading(None, None, 0.0, np.zeros(CLASSES, np.float32), steps)
    probabilities = judged[0].astype(np.float32)
    second, first = (int(digit) for digit in np.argsort(probabilities)[-2:])
    confidence = float(probabilities[first])
    runner_up = second if confidence < calibration.unsure_below else None
    return Reading(first, runner_up, confidence, probabilities, steps)
