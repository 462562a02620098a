"""The MNIST data set: 70,000 handwritten digits, shipped with this package, checked and parsed.

The files are the original ones, in the IDX format: a big-endian header (a magic number, then a
32-bit size per dimension) followed by unsigned bytes. Source and licence are in
`nn/data/README.md`. Out of scope: downloading.

Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits", 1998.
"""

from __future__ import annotations

import gzip
import hashlib
import math
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

DATA_FOLDER = Path(__file__).parent / "data"
SIDE = 28  # pixels, of an image
PIXELS = SIDE * SIDE
CLASSES = 10
NO_DIGIT = CLASSES  # the label of a non-digit

MAGIC = {1: 0x00000801, 3: 0x00000803}  # by number of dimensions: labels, images
# File name -> (the published MD5 of the uncompressed bytes, shape).
FILES: dict[str, tuple[str, tuple[int, ...]]] = {
    "train-images-idx3-ubyte.gz": ("6bbc9ace898e44ae57da46a324031adb", (60000, 28, 28)),
    "train-labels-idx1-ubyte.gz": ("a25bea736e30d166cdddb491f175f624", (60000,)),
    "t10k-images-idx3-ubyte.gz": ("2646ac647ad5339dbf082846283269ea", (10000, 28, 28)),
    "t10k-labels-idx1-ubyte.gz": ("27ae3e4e09519cfbb04c329615203637", (10000,)),
}


class DataError(ValueError):
    """A data file is missing, damaged or of another kind."""


@dataclass(frozen=True)
class Dataset:
    """Images with their labels."""

    images: NDArray[np.uint8]  # (n, 784), pixels row by row, ink 255 on paper 0
    labels: NDArray[np.uint8]  # (n,), 0 to 9

    def __post_init__(self) -> None:
        if self.images.ndim != 2 or self.labels.shape != self.images.shape[:1]:
            raise ValueError(
                f"expected images (n, {PIXELS}) with labels (n,), got {self.images.shape} "
                f"with {self.labels.shape}"
            )
        if self.images.dtype != np.uint8:
            raise ValueError(
                f"expected uint8 images from 0 to 255, got {self.images.dtype}; "
                "multiply pixels in [0, 1] by 255 and round"
            )

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, rows: slice) -> Dataset:
        return Dataset(self.images[rows], self.labels[rows])


def load_mnist(folder: Path | str = DATA_FOLDER) -> tuple[Dataset, Dataset]:
    """MNIST's training set, 60,000 digits, and test set, 10,000, from gzip-compressed IDX files.

    Raises
    ------
    DataError
        A file is missing or truncated, or its magic number, sizes or checksum differ.
    """
    train_images, train_labels, test_images, test_labels = (
        parse_idx(_uncompressed(Path(folder) / name, md5), shape, name)
        for name, (md5, shape) in FILES.items()
    )
    return (
        Dataset(train_images.reshape(-1, PIXELS), train_labels),
        Dataset(test_images.reshape(-1, PIXELS), test_labels),
    )


def parse_idx(raw: bytes, shape: tuple[int, ...], name: str = "IDX data") -> NDArray[np.uint8]:
    """The array in an uncompressed IDX file of unsigned bytes, read-only.

    Parameters
    ----------
    raw : the whole file
    shape : the sizes that the header must state, one or three
    name : of the file, for error messages

    Raises
    ------
    DataError
        The magic number or a size differs, or there are too few or too many bytes.
    """
    magic = MAGIC[len(shape)]
    header = 4 + 4 * len(shape)
    if len(raw) < header:
        raise DataError(f"{name}: expected a header of {header} bytes, found {len(raw)} bytes")
    found = int.from_bytes(raw[:4], "big")
    if found != magic:
        raise DataError(
            f"{name}: expected magic number {magic:#010x}, found {found:#010x}; "
            "is it an IDX file of unsigned bytes?"
        )
    sizes = tuple(int(size) for size in np.frombuffer(raw, ">u4", len(shape), offset=4))
    if sizes != shape:
        raise DataError(f"{name}: expected sizes {shape}, found {sizes}")
    body = len(raw) - header
    if body != math.prod(shape):
        raise DataError(f"{name}: expected {math.prod(shape)} bytes of pixels, found {body}")
    return np.frombuffer(raw, np.uint8, offset=header).reshape(shape)


def _uncompressed(path: Path, md5: str) -> bytes:
    restore = "restore it from the repository"
    try:
        raw = gzip.decompress(path.read_bytes())
    except FileNotFoundError:
        raise DataError(f"{path.name} is missing from {path.parent}; {restore}") from None
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"{path.name}: expected a gzip file whose content has MD5 {md5}, found one that "
            f"cannot be unpacked ({error}); {restore}"
        ) from None
    found = hashlib.md5(raw, usedforsecurity=False).hexdigest()
    if found != md5:
        raise DataError(f"{path.name}: expected MD5 {md5}, found {found}; {restore}")
    return raw
