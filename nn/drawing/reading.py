"""Reading: from a canvas to a digit or a number, with a confidence.

A drawing is preprocessed, the network gives ten probabilities, and its calibration says whether
they amount to a digit. A solid blot, and a sign such as a point between digits, are refused
without the network.

    number      = the marks of split_rows, each preprocessed and read by itself, row by row
    confidence  = the product of theirs: the number is right when all of them are
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from nn.calibration import evidence
from nn.layers import scaled
from nn.metrics import EVALUATED
from nn.mnist import CLASSES
from nn.network import Network

from .preprocessing import Pixels, Preprocessing, Sign, preprocess, preprocess_ink
from .segmentation import split_rows

BLOT = 0.36  # mean ink of the 28 x 28; 1 of MNIST's 70,000 digits has more, a filled disc has 0.40

T = TypeVar("T")


@dataclass(frozen=True)
class Reading:
    """One digit as the network reads it."""

    digit: int | None  # 0 to 9; None when the canvas is blank or the drawing is refused
    runner_up: int | None  # the second most probable digit, where the first is unsure
    confidence: float  # the probability of `digit`, in [0, 1]; 0 without a digit
    probabilities: NDArray[np.float32]  # (10,), sum 1; all 0 without a digit
    steps: Preprocessing | None  # None when the canvas is blank

    @property
    def blank(self) -> bool:
        """Whether there was no ink at all."""
        return self.steps is None

    @property
    def sign(self) -> Sign | None:
        """What the mark is instead of a digit; None where only the network refused it."""
        return None if self.steps is None else self.steps.sign


def read(network: Network, rgba: Pixels) -> Reading:
    """Read one digit from a canvas, (H, W, 4) uint8; see `canvas_to_input`."""
    return judge(network, preprocess(rgba))


def judge(network: Network, steps: Preprocessing | None) -> Reading:
    """`read` for a preprocessed canvas; None stands for a blank one."""
    no_digit = Reading(None, None, 0.0, np.zeros(CLASSES, np.float32), steps)
    if steps is None or steps.sign is not None or steps.input.mean() > BLOT:
        return no_digit
    calibration = network.calibration
    judged = calibration.apply(network.predict_proba(steps.input[None]))
    if evidence(judged)[0] < calibration.refuse_below:
        return no_digit
    probabilities = judged[0].astype(np.float32)
    second, first = (int(digit) for digit in np.argsort(probabilities)[-2:])
    confidence = float(probabilities[first])
    runner_up = second if confidence < calibration.unsure_below else None
    return Reading(first, runner_up, confidence, probabilities, steps)


def read_images(network: Network, images: Pixels) -> NDArray[np.int8]:
    """Read many preprocessed drawings at once, (n, 784) uint8; -1 where one is refused, (n,)."""
    calibration, digits = network.calibration, np.full(len(images), -1, np.int8)
    for start in range(0, len(images), EVALUATED):
        x = scaled(images[start : start + EVALUATED], network.params.dtype)
        judged = calibration.apply(network.predict_proba(x))
        accepted = (evidence(judged) >= calibration.refuse_below) & (x.mean(axis=1) <= BLOT)
        digits[start : start + EVALUATED] = np.where(accepted, judged.argmax(axis=1), -1)
    return digits


@dataclass(frozen=True)
class Number:
    """The marks on one canvas, in reading order; a blank canvas has one blank reading."""

    readings: tuple[Reading, ...]

    @property
    def digits(self) -> str | None:
        """The digits in a row, such as "42"; None when blank or when one is refused."""
        if any(reading.digit is None for reading in self.readings):
            return None
        return "".join(str(reading.digit) for reading in self.readings)

    @property
    def confidence(self) -> float:
        """The probability that all digits are right, if they are independent; 0 without digits."""
        return math.prod(reading.confidence for reading in self.readings)

    @property
    def weakest(self) -> int:
        """The index of the digit with the least confidence, or of the first refused one."""
        return min(range(len(self.readings)), key=lambda i: self.readings[i].confidence)


def read_number(network: Network, rgba: Pixels) -> Number:
    """Read all digits on a canvas, (H, W, 4) uint8; see `canvas_to_input`."""
    whole = preprocess(rgba)
    return judge_number(network, () if whole is None else separate(whole))


def judge_number(network: Network, digits: Sequence[Preprocessing]) -> Number:
    """`read_number` for digits from `separate`; none of them stands for a blank canvas."""
    return Number(tuple(judge(network, digit) for digit in digits or (None,)))


@dataclass(frozen=True)
class Found:
    """The marks found on a canvas, in rows from top to bottom, each from left to right."""

    whole: Preprocessing  # the canvas as if it were one digit
    rows: tuple[tuple[Preprocessing, ...], ...]  # each mark's `box` is its place on the canvas
    left_out: int  # of more marks than can be read: those beyond the largest row, or all

    @property
    def digits(self) -> tuple[Preprocessing, ...]:
        """All marks in reading order, also those that are no digits; see `Preprocessing.sign`."""
        return tuple(digit for row in self.rows for digit in row)

    def by_row(self, things: Sequence[T]) -> list[list[T]]:
        """Things that belong to the marks, given in reading order, in rows as the marks are."""
        rest = iter(things)
        return [[next(rest) for _ in row] for row in self.rows]


def find_digits(whole: Preprocessing) -> Found:
    """The marks of a canvas, each preprocessed by itself; `whole` itself when there is one."""
    marks, left_out = split_rows(whole.ink)
    if marks[0][0].ink is whole.ink:
        return Found(whole, ((whole,),), left_out)
    rows = tuple(
        tuple(replace(preprocess_ink(mark.ink), sign=mark.sign) for mark in row) for row in marks
    )
    return Found(whole, rows, left_out)


def separate(whole: Preprocessing) -> tuple[Preprocessing, ...]:
    """The marks of a canvas in reading order; see `find_digits`."""
    return find_digits(whole).digits
