from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import numpy as np
import pytest

from nn import DataError, Dataset, load_mnist
from nn.mnist import DATA_FOLDER, FILES, parse_idx

SMALL = "t10k-labels-idx1-ubyte.gz"
HEADER = (0x801).to_bytes(4, "big") + (3).to_bytes(4, "big")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the data, to break."""
    for name in FILES:
        shutil.copy(DATA_FOLDER / name, tmp_path)
    return tmp_path


def test_the_shipped_files_are_mnist(mnist: tuple[Dataset, Dataset]) -> None:
    train_set, test_set = mnist
    assert (len(train_set), len(test_set)) == (60_000, 10_000)
    assert train_set.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert test_set.labels[:5].tolist() == [7, 2, 1, 0, 4]
    counts = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(train_set.labels).tolist() == counts
    for data in mnist:
        assert (data.images.min(), data.images.max()) == (0, 255)
        assert not data.images[:, [0, 27, 756, 783]].any()  # paper is 0: the corners are bare
    assert train_set.images.mean() / 255 == pytest.approx(0.1307, abs=1e-4)


def test_idx_bytes_are_parsed_row_by_row() -> None:
    sizes = b"".join(size.to_bytes(4, "big") for size in (2, 2, 3))
    raw = (0x803).to_bytes(4, "big") + sizes + bytes(range(12))
    np.testing.assert_array_equal(parse_idx(raw, (2, 2, 3)), np.arange(12).reshape(2, 2, 3))


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "expected a header of 8 bytes, found 0 bytes"),
        (HEADER[:7], "expected a header of 8 bytes, found 7 bytes"),
        (b"\x00\x00\x0d\x01" + HEADER[4:] + b"123", "magic number 0x00000801, found 0x00000d01"),
        (HEADER[:4] + (4).to_bytes(4, "big") + b"1234", r"expected sizes \(3,\), found \(4,\)"),
        (HEADER + b"12", "expected 3 bytes of pixels, found 2"),
        (HEADER + b"1234", "expected 3 bytes of pixels, found 4"),
    ],
)
def test_broken_idx_bytes_are_refused_by_name(raw: bytes, says: str) -> None:
    with pytest.raises(DataError, match=f"^labels.gz: .*{says}"):
        parse_idx(raw, (3,), "labels.gz")


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda raw: raw[: len(raw) // 2], "expected a gzip file .* cannot be unpacked"),
        (lambda raw: b"", r"expected MD5 \w+, found d41d8cd98f00b204e9800998ecf8427e"),
        (lambda raw: b"not gzip at all", "cannot be unpacked .*[Nn]ot a gzip"),
        (lambda raw: raw[:2000] + b"\x00\x00\x00\x00" + raw[2004:], "cannot be unpacked"),
        (lambda raw: raw[:-1] + b"?", "cannot be unpacked"),
    ],
    ids=["truncated", "empty", "no gzip", "damaged", "wrong length"],
)
def test_a_damaged_file_is_refused_by_name_with_the_sum_it_should_have(
    folder: Path, damage: object, says: str
) -> None:
    file = folder / SMALL
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(DataError, match=says) as refusal:
        load_mnist(folder)
    assert str(refusal.value).startswith(SMALL)
    assert FILES[SMALL][0] in str(refusal.value)


def test_one_altered_byte_is_refused_with_both_sums(folder: Path) -> None:
    file = folder / SMALL
    content = bytearray(gzip.decompress(file.read_bytes()))
    content[5000] ^= 1
    file.write_bytes(gzip.compress(bytes(content), 1))
    says = rf"{SMALL}: expected MD5 27ae3e4e09519cfbb04c329615203637, found (?!27ae)\w{{32}};"
    with pytest.raises(DataError, match=says):
        load_mnist(folder)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_refused_by_name(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(DataError, match=f"{name} is missing from .*; restore it"):
        load_mnist(folder)


@pytest.mark.parametrize(
    ("images", "labels", "says"),
    [
        (np.zeros((2, 784), np.uint8), np.zeros(3, np.uint8), r"\(2, 784\) with \(3,\)"),
        (np.zeros((2, 28, 28), np.uint8), np.zeros(2, np.uint8), r"\(2, 28, 28\) with \(2,\)"),
        (np.zeros((2, 784)), np.zeros(2, np.uint8), "expected uint8 images .*, got float64"),
    ],
)
def test_a_dataset_of_another_kind_is_refused(
    images: np.ndarray, labels: np.ndarray, says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        Dataset(images, labels)


def test_a_slice_keeps_images_with_their_labels(mnist: tuple[Dataset, Dataset]) -> None:
    part = mnist[1][100:110:3]
    np.testing.assert_array_equal(part.images, mnist[1].images[100:110:3])
    np.testing.assert_array_equal(part.labels, mnist[1].labels[100:110:3])
