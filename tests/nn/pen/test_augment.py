from __future__ import annotations

import time

import numpy as np
import pytest

from nn import Dataset, Network, evaluate
from nn.pen.augment import distort, move


def picture(*, width: int = 4) -> np.ndarray:
    """A bar `width` wide and 16 high in the middle, (784,) uint8."""
    image = np.zeros((28, 28), np.uint8)
    image[6:22, 14 - width // 2 : 14 + width // 2] = 255
    return image.reshape(-1)


def test_without_strength_nothing_changes(digits: Dataset) -> None:
    same = distort(digits.images, rng=np.random.default_rng(0), strength=0.0)
    np.testing.assert_array_equal(same, digits.images)


def test_the_images_given_are_not_changed(digits: Dataset) -> None:
    before = digits.images.copy()
    changed = distort(digits.images, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(digits.images, before)
    assert changed.dtype == np.uint8
    assert changed.shape == before.shape
    assert (changed != before).any(axis=1).all()


def test_the_same_seed_distorts_the_same_and_every_copy_differs(digits: Dataset) -> None:
    one = np.repeat(digits.images[:1], 20, axis=0)
    first, again = (distort(one, rng=np.random.default_rng(4)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert len(np.unique(first, axis=0)) == 20


def test_strokes_get_thinner_and_thicker() -> None:
    bars = np.repeat(picture()[None], 500, axis=0)
    ink = distort(bars, rng=np.random.default_rng(0)).sum(axis=1) / picture().sum()
    assert ink.min() < 0.75
    assert ink.max() > 1.35
    assert np.median(ink) == pytest.approx(1.05, abs=0.1)


def test_digits_stay_where_they_are_but_for_a_pixel_or_two() -> None:
    bars = np.repeat(picture()[None], 500, axis=0)
    pictures = distort(bars, rng=np.random.default_rng(0)).reshape(-1, 28, 28).astype(float)
    across = pictures.sum(axis=1) @ np.arange(28) / pictures.sum(axis=(1, 2))
    assert across.mean() == pytest.approx(13.5, abs=0.1)
    assert 0.3 < across.std() < 1.5


def test_bars_are_turned_or_slanted_both_ways() -> None:
    bars = np.repeat(picture(width=2)[None], 500, axis=0)
    pictures = distort(bars, rng=np.random.default_rng(0)).reshape(-1, 28, 28).astype(float)
    upper, lower = (
        part.sum(axis=1) @ np.arange(28) / part.sum(axis=(1, 2))
        for part in (pictures[:, :14], pictures[:, 14:])
    )
    lean = upper - lower
    assert lean.mean() == pytest.approx(0, abs=0.3)
    assert 0.8 < lean.std() < 3


def test_ink_at_the_edge_does_not_come_round_the_other_side() -> None:
    edge = np.zeros((200, 28, 28), np.uint8)
    edge[:, :, :3] = 255
    moved = distort(edge.reshape(200, -1), rng=np.random.default_rng(0)).reshape(200, 28, 28)
    assert moved[:, :, 14:].max() == 0


def test_a_network_still_reads_what_is_distorted(
    reader: Network, mnist: tuple[Dataset, Dataset]
) -> None:
    some = mnist[0][:1000]
    harder = Dataset(distort(some.images, rng=np.random.default_rng(0)), some.labels)
    assert 0.85 < evaluate(reader, harder).accuracy < evaluate(reader, some).accuracy


def test_a_digit_takes_microseconds(mnist: tuple[Dataset, Dataset]) -> None:
    rng, batch = np.random.default_rng(0), mnist[0][:256].images
    distort(batch, rng=rng)
    started = time.process_time()
    for _ in range(4):
        distort(batch, rng=rng)
    assert (time.process_time() - started) / 4 / 256 < 1e-4  # measured: 2e-5


def pictures(dataset: Dataset) -> np.ndarray:
    return dataset.images.reshape(-1, 28, 28)


def moved(dataset: Dataset, **how: float) -> np.ndarray:
    return move(dataset.images, **how).reshape(-1, 28, 28)


def test_moving_by_nothing_changes_nothing(digits: Dataset) -> None:
    same = move(digits.images)
    assert same.dtype == np.uint8
    np.testing.assert_array_equal(same, digits.images)
    assert not np.shares_memory(same, digits.images)


@pytest.mark.parametrize("pixels", [1, 5, 27])
def test_a_shift_by_whole_pixels_moves_the_array_and_brings_in_paper(
    digits: Dataset, pixels: int
) -> None:
    before, nothing = pictures(digits), np.zeros((len(digits), 28, pixels), np.uint8)
    np.testing.assert_array_equal(
        moved(digits, right=pixels), np.concatenate([nothing, before[:, :, :-pixels]], axis=2)
    )
    np.testing.assert_array_equal(
        moved(digits, right=-pixels), np.concatenate([before[:, :, pixels:], nothing], axis=2)
    )
    nothing = nothing.swapaxes(1, 2)
    np.testing.assert_array_equal(
        moved(digits, down=pixels), np.concatenate([nothing, before[:, :-pixels]], axis=1)
    )
    np.testing.assert_array_equal(
        moved(digits, down=-pixels), np.concatenate([before[:, pixels:], nothing], axis=1)
    )


@pytest.mark.parametrize("pixels", [28, -28, 40, 1e6])
def test_what_is_shifted_out_of_the_image_is_lost(digits: Dataset, pixels: float) -> None:
    assert not move(digits.images, right=pixels).any()
    assert not move(digits.images, down=pixels).any()


def test_a_shift_by_half_a_pixel_is_the_mean_of_two() -> None:
    dot = np.zeros((1, 28, 28), np.uint8)
    dot[0, 10, 20] = 200
    expected = np.zeros((28, 28))
    expected[10, 20:22] = 100
    np.testing.assert_array_equal(move(dot.reshape(1, -1), right=0.5).reshape(28, 28), expected)


@pytest.mark.parametrize(("angle", "quarters"), [(90, -1), (-90, 1), (180, 2), (360, 0)])
def test_a_quarter_turn_is_exact_and_clockwise(
    digits: Dataset, angle: float, quarters: int
) -> None:
    turned = np.rot90(pictures(digits), quarters, axes=(1, 2))
    np.testing.assert_array_equal(moved(digits, angle=angle), turned)


def test_half_the_size_is_the_mean_of_each_four_pixels(digits: Dataset) -> None:
    small = pictures(digits).reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4))
    half = moved(digits, scale=0.5)
    np.testing.assert_allclose(half[:, 7:21, 7:21], small, atol=1)
    half[:, 7:21, 7:21] = 0
    assert not half.any()


def test_scale_and_rotation_come_before_the_shift() -> None:
    dot = np.zeros((28, 28), np.uint8)
    dot[13:15, 20:22] = 255  # 7 to the right of the middle
    there = move(dot.reshape(1, -1), right=3, angle=90, scale=0.5).reshape(28, 28).astype(float)
    rows, columns = (there.sum(axis=axis) @ np.arange(28) / there.sum() for axis in (1, 0))
    assert rows == pytest.approx(13.5 + 7 / 2)  # turned clockwise, it is below
    assert columns == pytest.approx(13.5 + 3)


@pytest.mark.parametrize("scale", [0.0, -1.0, np.nan])
def test_a_scale_that_is_not_above_0_is_refused(digits: Dataset, scale: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        move(digits.images, scale=scale)
