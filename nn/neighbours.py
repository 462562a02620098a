"""Neighbours: the digits of a data set that are most alike, pixel by pixel.

    ‖x - a‖² = ‖x‖² - 2 x·a + ‖a‖²       for every image a of the set; ‖a‖² is computed once

The images stay bytes and become floats as they are compared: a quarter of the memory. Out of scope:
other measures of likeness, and searches that skip images by an index.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from .layers import Array
from .mnist import Dataset

CHUNK = 500  # images at once: they stay in the cache, and BLAS sees no work for a second thread


class Neighbours:
    """A data set to look for likenesses in; several threads may do so at once.

    Parameters
    ----------
    dataset : shared, not copied
    """

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self.squares = np.empty(len(dataset), np.float32)  # ‖a‖², pixels from 0 to 255
        for rows, images in self._chunks():
            np.einsum("ij,ij->i", images, images, out=self.squares[rows])

    def nearest(self, x: Array, count: int) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """The images with the smallest sum of squared differences.

        Parameters
        ----------
        x : (784,) floats in [0, 1], as a network reads it
        count : how many, from 1 to the data set's size

        Returns
        -------
        rows, distances : (count,) each, nearest first; a distance is Euclidean, of pixels in [0, 1]

        Raises
        ------
        ValueError
            `x` is of another size, or `count` is more than there are images.
        """
        if x.shape != self.dataset.images.shape[1:] or not 1 <= count <= len(self.dataset):
            raise ValueError(
                f"expected one image of {self.dataset.images.shape[1:]} and 1 to "
                f"{len(self.dataset)} neighbours, got {x.shape} and {count}"
            )
        pixels = x.astype(np.float32) * np.float32(255)
        squares = np.empty_like(self.squares)
        for rows, images in self._chunks():
            np.matmul(images, pixels, out=squares[rows])
        squares *= -2
        squares += self.squares
        found = np.argpartition(squares, count - 1)[:count]
        found = found[np.argsort(squares[found], kind="stable")]
        differences = self.dataset.images[found] - pixels  # for so few, without cancellation
        return found, np.sqrt(np.square(differences).sum(axis=1)) / np.float32(255)

    def _chunks(self) -> Iterator[tuple[slice, NDArray[np.float32]]]:
        """The images as floats from 0 to 255, some at a time, in memory that is reused."""
        images = self.dataset.images
        floats = np.empty((min(CHUNK, len(images)), images.shape[1]), np.float32)
        for first in range(0, len(images), CHUNK):
            chunk = images[first : first + CHUNK]
            np.copyto(floats[: len(chunk)], chunk)
            yield slice(first, first + len(chunk)), floats[: len(chunk)]
