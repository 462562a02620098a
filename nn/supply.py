"""What a training reads: the data set, with the synthetic pen's digits among it, ever distorted.

    supply = data set + written digits + written non-digits, each a share of the data set's size

The pen writes slowly, so a written digit is kept: each is written just before it is first needed,
a few at a time, and only distorted anew in later epochs. Out of scope: how a digit is written
(pen.py) and how it is distorted (augment.py).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from .augment import distort
from .mnist import CLASSES, Dataset
from .pen import NO_DIGIT, write_digits, write_nondigits
from .recipes import Recipe, RecipeError
from .state import SupplyState, Written

FEW = 8  # written between two pauses: some milliseconds of work


def split_validation(dataset: Dataset, recipe: Recipe) -> tuple[Dataset, Dataset | None]:
    """What is trained on, and what validates: as the recipe's `samples` and `validation` say.

    The last `validation` samples are kept for validation, the first `samples` of the others, or
    all of them, are for training.

    Raises
    ------
    RecipeError
        The data set has too few samples for what the recipe asks.
    """
    first = len(dataset) - recipe.validation
    if recipe.validation >= max(len(dataset), 1):
        raise RecipeError(
            f"validation: expected fewer than the {len(dataset)} training samples, "
            f"got {recipe.validation}",
            kind="validation",
            available=len(dataset),
            value=recipe.validation,
        )
    if recipe.samples > first:
        raise RecipeError(
            f"samples: expected at most the {first} samples that are not kept for validation, "
            f"got {recipe.samples}; lower it, or use 0 for all",
            kind="samples",
            available=first,
            value=recipe.samples,
        )
    validation = dataset[first:] if recipe.validation else None
    used = recipe.samples or first
    return dataset if used == len(dataset) else dataset[:used], validation


class Supply:
    """The samples of one training, by row.

    Parameters
    ----------
    data : what is there already
    recipe : its `pen` and `nondigits` tell how many are written, its `augment` how strongly all
        are distorted
    rng : draws from it only what the recipe asks for

    Attributes
    ----------
    images : (n, 784) uint8, rows not yet written undefined
    labels : (n,) uint8 from 0 to 9, or NO_DIGIT
    """

    def __init__(self, data: Dataset, recipe: Recipe, rng: np.random.Generator) -> None:
        self.images, self.labels = data.images, data.labels
        self.augment, self.rng = recipe.augment, rng
        digits, others = round(recipe.pen * len(data)), round(recipe.nondigits * len(data))
        self.unwritten = np.zeros(len(data) + digits + others, bool)
        self.written: list[Written] = []
        self.again: dict[int, Written] = {}  # by row: what another supply has written already
        if digits or others:
            chosen = rng.integers(CLASSES, size=digits).astype(np.uint8)
            nothing = np.full(others, NO_DIGIT, np.uint8)
            self.labels = np.concatenate([data.labels, chosen, nothing])
            self.images = np.empty((len(self.labels), data.images.shape[1]), np.uint8)
            self.images[: len(data)] = data.images
            self.unwritten[len(data) :] = True

    def __len__(self) -> int:
        return len(self.labels)

    def prepare(self, rows: NDArray[np.integer]) -> Iterator[None]:
        """Write what of these rows is not written yet, pausing after every few."""
        if self.again:
            yield from self._write_again(rows)
        missing = rows[self.unwritten[rows]]
        for first in range(0, len(missing), FEW):
            some = missing[first : first + FEW]
            self.written.append((some, self.rng.bit_generator.state))
            self._write(some, self.rng)
            yield

    def _write(self, rows: NDArray[np.integer], rng: np.random.Generator) -> None:
        labels = self.labels[rows]
        digits, others = rows[labels < CLASSES], rows[labels == NO_DIGIT]
        if len(digits):
            written = write_digits(len(digits), rng=rng, labels=self.labels[digits])
            self.images[digits] = written.images
        if len(others):
            self.images[others] = write_nondigits(len(others), rng=rng)
        self.unwritten[rows] = False

    def _write_again(self, rows: NDArray[np.integer]) -> Iterator[None]:
        for row in rows[self.unwritten[rows]].tolist():
            if row in self.again:
                some, before = self.again[row]
                rng = np.random.Generator(type(self.rng.bit_generator)())
                rng.bit_generator.state = before
                self._write(some, rng)
                for one in some.tolist():
                    del self.again[one]
                yield

    def state(self) -> SupplyState:
        """What a supply of the same data needs to have the same digits of the pen."""
        return SupplyState(self.labels, tuple(self.written))

    def restore(self, state: SupplyState) -> None:
        """Have the digits of another supply, each written again when it is needed."""
        self.labels, self.written = state.labels, list(state.written)
        self.again = {row: few for few in self.written for row in few[0].tolist()}

    def take(self, rows: NDArray[np.integer], out: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Copy the rows' images into `out`, (n, 784), distorted; returns their labels, (n,)."""
        np.take(self.images, rows, axis=0, out=out, mode="clip")  # "raise" would buffer
        if self.augment:
            out[...] = distort(out, rng=self.rng, strength=self.augment)
        labels: NDArray[np.uint8] = self.labels[rows]
        return labels
