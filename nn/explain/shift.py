"""Does a network mind where a digit stands? Its accuracy on digits that are all shifted.

    accuracy(k) = mean over right, left, down, up of the share of digits that are read correctly
                  when all are shifted by k pixels in that direction

Whatever leaves the image is lost: from some shift on, no network can read the digits. Out of scope:
rotation and scale.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence

import numpy as np
from numpy.typing import NDArray

from nn.layers import scaled
from nn.metrics import EVALUATED
from nn.mnist import Dataset
from nn.network import Network
from nn.pen.augment import move

DIRECTIONS = ((1, 0), (-1, 0), (0, 1), (0, -1))  # right, left, down, up


def accuracy_by_shift(
    network: Network, dataset: Dataset, shifts: Sequence[float]
) -> Generator[None, None, NDArray[np.float64]]:
    """Read shifted digits, pausing after a few hundred at most.

    The generator's return value is the share of digits that are read correctly, in [0, 1], for each
    shift: (len(shifts),) float64. Where the scores are not finite, a digit counts as misread.

    Parameters
    ----------
    network : must not change before the last prediction
    dataset : at least one digit
    shifts : in pixels; more than 28 leave blank paper

    Raises
    ------
    ValueError
        There is no digit.
    """
    if len(dataset) == 0:
        raise ValueError("expected at least one digit to shift, got none")
    folded = network.folded()
    size = min(EVALUATED, network.chunk)
    right = np.zeros(len(shifts), np.int64)  # digits that are read correctly
    read = np.zeros(len(shifts), np.int64)
    for place, shift in enumerate(shifts):
        for across, along in DIRECTIONS if shift else DIRECTIONS[:1]:  # 0 is 0 in any direction
            for first in range(0, len(dataset), size):
                chunk = dataset[first : first + size]
                images = move(chunk.images, right=shift * across, down=shift * along)
                with np.errstate(over="ignore", invalid="ignore"):  # then it is misread
                    logits = folded.forward(scaled(images, folded.params.dtype))
                finite = np.isfinite(logits).all(axis=1)
                right[place] += np.count_nonzero(finite & (logits.argmax(axis=1) == chunk.labels))
                read[place] += len(chunk)
                yield
    accuracy: NDArray[np.float64] = right / read
    return accuracy
