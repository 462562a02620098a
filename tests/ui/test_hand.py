from __future__ import annotations

import gzip
import io

import numpy as np
import pytest
from PIL import Image

from nn import Dataset
from nn.mnist import parse_idx
from ui.hand import MAX_DRAWINGS, Hand, dataset, idx_images, idx_labels, packed, sheet, unpacked


@pytest.fixture
def hand(mnist: tuple[Dataset, Dataset]) -> Hand:
    """Twelve drawings."""
    found = Hand()
    for image, label in zip(mnist[1].images[:12], mnist[1].labels[:12], strict=True):
        found.add(image, int(label))
    return found


def test_drawings_are_kept_in_their_order(hand: Hand, mnist: tuple[Dataset, Dataset]) -> None:
    found = dataset(hand)
    assert np.array_equal(found.images, mnist[1].images[:12])
    assert np.array_equal(found.labels, mnist[1].labels[:12])
    assert [drawing.number for drawing in hand] == list(range(1, 13))
    assert [drawing.number for drawing in hand.after(10)] == [11, 12]


def test_the_same_pixels_are_one_drawing_whatever_they_are_called(hand: Hand) -> None:
    first = next(iter(hand))
    version = hand.version
    hand.add(first.image, 4)
    assert len(hand) == 12
    assert hand.find(first.image).label == 4
    assert hand.find(first.image).number == first.number
    assert hand.version > version


def test_a_blank_one_is_none(hand: Hand) -> None:
    hand.add(np.zeros(784, np.uint8), 3)
    assert len(hand) == 12


@pytest.mark.parametrize("label", [-1, 10])
def test_a_label_that_is_no_digit_is_refused(hand: Hand, label: int) -> None:
    with pytest.raises(ValueError, match="digit from 0 to 9"):
        hand.add(np.ones(784, np.uint8), label)


def test_it_takes_five_hundred_and_no_more() -> None:
    hand, rng = Hand(), np.random.default_rng(0)
    for image in rng.integers(0, 256, (MAX_DRAWINGS + 5, 784), np.uint8):
        hand.add(image, 1)
    assert len(hand) == MAX_DRAWINGS
    assert hand.full
    hand.add(next(iter(hand)).image, 2)  # a known one can still be relabelled
    assert next(iter(hand)).label == 2


def test_a_number_is_never_used_again(hand: Hand) -> None:
    last = list(hand)[-1]
    hand.remove(last.number)
    hand.remove(99)
    hand.add(last.image, last.label)
    assert list(hand)[-1].number == 13
    assert hand.get(12) is None
    hand.asked, hand.chosen = (3, 4), 13
    hand.clear()
    assert (len(hand), hand.asked, hand.chosen) == (0, (), None)


def test_the_files_are_as_mnists(hand: Hand) -> None:
    drawings = dataset(hand)
    images = parse_idx(gzip.decompress(idx_images(drawings)), (12, 28, 28))
    assert np.array_equal(images.reshape(12, 784), drawings.images)
    assert np.array_equal(parse_idx(gzip.decompress(idx_labels(drawings)), (12,)), drawings.labels)


def test_the_sheet_shows_all_of_them(hand: Hand) -> None:
    with Image.open(io.BytesIO(sheet(dataset(hand)))) as picture:
        assert picture.size == (10 * 88 + 4, 2 * 88 + 4)
        pixels = np.asarray(picture)
    first = dataset(hand).labels.argmin()  # in order of the digits
    assert np.array_equal(pixels[4:88:3, 4:88:3], dataset(hand).images[first].reshape(28, 28))


def test_what_was_packed_comes_back(hand: Hand) -> None:
    drawings, nothing = dataset(hand), dataset([])
    for each in (drawings, nothing):
        found = unpacked(packed(each))
        assert np.array_equal(found.images, each.images)
        assert np.array_equal(found.labels, each.labels)


@pytest.mark.parametrize("text", ["none", "", "a", "eJw="])
def test_a_damaged_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected|base64"):
        unpacked(text)


def test_more_than_there_may_be_is_refused_before_it_is_unpacked() -> None:
    many = MAX_DRAWINGS + 1
    drawings = Dataset(np.zeros((many, 784), np.uint8), np.zeros(many, np.uint8))
    with pytest.raises(ValueError, match="up to 500 drawings"):
        unpacked(packed(drawings))
