"""The samples of a training run: the data set and the synthetic pen's digits, distorted.

    samples = data set + synthetic digits + synthetic non-digits

Writing is slow, so each synthetic digit is written once, just before it is first needed, and kept;
in every epoch it is distorted in another way. Out of scope: writing (pen.py), distortion
(augment.py).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from nn.mnist import CLASSES, NO_DIGIT, Dataset
from nn.recipes import Recipe

from .augment import distort
from .pen import write_digits, write_nondigits

FEW = 8  # digits written between two pauses: some milliseconds of work

Rows = NDArray[np.integer]
Pixels = NDArray[np.uint8]


class Samples:
    """The samples of one training run.

    Parameters
    ----------
    data : the data set
    recipe : `pen` and `nondigits` are the numbers of synthetic digits and non-digits per digit of
        the data set, `augment` is the strength of distortion
    rng : not used if the recipe needs no random numbers

    Attributes
    ----------
    images : (n, 784) uint8; undefined in rows not yet written
    labels : (n,) uint8 from 0 to 9, or NO_DIGIT
    """

    def __init__(self, data: Dataset, recipe: Recipe, rng: np.random.Generator) -> None:
        self.images, self.labels = data.images, data.labels
        self.augment, self.rng = recipe.augment, rng
        digits, others = round(recipe.pen * len(data)), round(recipe.nondigits * len(data))
        self.unwritten = np.zeros(len(data) + digits + others, bool)
        if digits or others:
            chosen = rng.integers(CLASSES, size=digits).astype(np.uint8)
            nothing = np.full(others, NO_DIGIT, np.uint8)
            self.labels = np.concatenate([data.labels, chosen, nothing])
            self.images = np.empty((len(self.labels), data.images.shape[1]), np.uint8)
            self.images[: len(data)] = data.images
            self.unwritten[len(data) :] = True

    def __len__(self) -> int:
        return len(self.labels)

    def write(self, rows: Rows) -> Iterator[None]:
        """Write those of these rows that are not yet written, pausing after every few."""
        missing = rows[self.unwritten[rows]]
        for first in range(0, len(missing), FEW):
            some = missing[first : first + FEW]
            is_digit = self.labels[some] < CLASSES
            digits, others = some[is_digit], some[~is_digit]
            if len(digits):
                written = write_digits(len(digits), rng=self.rng, labels=self.labels[digits])
                self.images[digits] = written.images
            if len(others):
                self.images[others] = write_nondigits(len(others), rng=self.rng)
            self.unwritten[some] = False
            yield

    def batch(self, rows: Rows) -> tuple[Pixels, NDArray[np.uint8]]:
        """Images, (n, 784) uint8, distorted if the recipe says so, and labels, (n,)."""
        images = self.images[rows]
        if self.augment:
            images = distort(images, rng=self.rng, strength=self.augment)
        return images, self.labels[rows]
