"""Neighbours: the images of a data set that are most like a drawing, pixel by pixel.

    ‖x - a‖² = ‖x‖² - 2 x·a + ‖a‖²       for every image a of the set; ‖a‖² is computed once

The images stay uint8, a quarter of the memory, until they are compared. Out of scope: other
measures of similarity, and indexes that skip images.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from nn.layers import Array
from nn.mnist import Dataset

CHUNK = 500  # images at a time, which stay in the cache and occupy one thread


class Neighbours:
    """A search in a data set, which is not copied; several threads may use it at once."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self.squares = np.empty(len(dataset), np.float32)  # ‖a‖², pixels from 0 to 255
        for rows, images in self._chunks():
            np.einsum("ij,ij->i", images, images, out=self.squares[rows])

    def nearest(self, x: Array, count: int) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """The nearest images by Euclidean distance.

        Parameters
        ----------
        x : (784,) floats in [0, 1]; ValueError for another shape
        count : from 1 to the data set's size; ValueError for more

        Returns
        -------
        rows, distances : (count,) each, nearest first; distances are those of pixels in [0, 1]
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
        differences = self.dataset.images[found] - pixels  # exact for these, without cancellation
        return found, np.sqrt(np.square(differences).sum(axis=1)) / np.float32(255)

    def _chunks(self) -> Iterator[tuple[slice, NDArray[np.float32]]]:
        """The images as floats from 0 to 255, a chunk at a time, in memory that is reused."""
        images = self.dataset.images
        floats = np.empty((min(CHUNK, len(images)), images.shape[1]), np.float32)
        for first in range(0, len(images), CHUNK):
            chunk = images[first : first + CHUNK]
            np.copyto(floats[: len(chunk)], chunk)
            yield slice(first, first + len(chunk)), floats[: len(chunk)]
