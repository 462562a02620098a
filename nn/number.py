"""A number: digits that stand apart on one canvas, read from left to right.

    number      = the digits of split_digits, each preprocessed and judged by itself
    confidence  = the product of theirs: the number is right when all of them are

One digit is read exactly as by `read`. A number with a mark in it that is no digit is no number.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from .network import Network
from .preprocess import Floats, Pixels, Preprocessing, preprocess, preprocess_ink
from .reading import Reading, judge
from .segmentation import split_digits


@dataclass(frozen=True)
class Number:
    """What the network says of one canvas with any number of digits.

    Attributes
    ----------
    readings : one a digit, from left to right; one for a blank canvas
    """

    readings: tuple[Reading, ...]

    @property
    def digits(self) -> str | None:
        """The digits as written, "42"; None when blank, or when one of them is refused."""
        if any(reading.digit is None for reading in self.readings):
            return None
        return "".join(str(reading.digit) for reading in self.readings)

    @property
    def confidence(self) -> float:
        """The probability that all digits are right, were they independent; 0 without digits."""
        return math.prod(reading.confidence for reading in self.readings)

    @property
    def weakest(self) -> int:
        """The place of the digit with the least confidence; the first refused one, if any is."""
        return min(range(len(self.readings)), key=lambda i: self.readings[i].confidence)


def read_number(network: Network, rgba: Pixels) -> Number:
    """Read the digits on one canvas, one or several.

    Parameters
    ----------
    network : trained; not changed
    rgba : (H, W, 4) uint8, as for `canvas_to_input`

    Raises
    ------
    ValueError
        `rgba` is not (H, W, 4) uint8.
    """
    whole = preprocess(rgba)
    return judge_number(network, () if whole is None else separate(whole))


def judge_number(network: Network, digits: Sequence[Preprocessing]) -> Number:
    """`read_number` for digits that are separated already; none is a blank canvas."""
    return Number(tuple(judge(network, digit) for digit in digits or (None,)))


def separate(whole: Preprocessing) -> tuple[Preprocessing, ...]:
    """The digits of a canvas, preprocessed each by itself; `whole` itself when it is one."""
    inks: list[Floats] = split_digits(whole.ink)
    return (whole,) if len(inks) == 1 else tuple(preprocess_ink(ink) for ink in inks)
