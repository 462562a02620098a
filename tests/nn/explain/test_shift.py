from __future__ import annotations

from collections.abc import Generator

import numpy as np
import pytest

from nn import RECIPES, Dataset, Network
from nn.explain.shift import accuracy_by_shift
from nn.pen.augment import move
from tests.helpers import inputs_of, tiny_recipe


def result_of(steps: Generator[None, None, np.ndarray]) -> tuple[np.ndarray, int]:
    """What the generator returns, and how often it pauses."""
    pauses = 0
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value, pauses
        pauses += 1


def share_read(network: Network, dataset: Dataset, **how: float) -> float:
    there = Dataset(move(dataset.images, **how), dataset.labels)
    return float(np.mean(network.predict_proba(inputs_of(there)).argmax(axis=1) == there.labels))


def test_accuracy_is_the_mean_of_four_directions(
    reader: Network, mnist: tuple[Dataset, Dataset]
) -> None:
    digits = mnist[1][:300]
    found, _ = result_of(accuracy_by_shift(reader, digits, (0, 3)))
    assert found.dtype == np.float64
    there = [share_read(reader, digits, **{way: by}) for way in ("right", "down") for by in (3, -3)]
    assert len(set(there)) > 1
    np.testing.assert_allclose(found, [share_read(reader, digits), np.mean(there)])


def test_a_dense_network_minds_where_a_digit_stands(
    reader: Network, mnist: tuple[Dataset, Dataset]
) -> None:
    found, _ = result_of(accuracy_by_shift(reader, mnist[1][:200], range(9)))
    assert found.shape == (9,)
    assert found[0] > 0.9
    assert found[8] < 0.4


def test_it_pauses_after_a_few_hundred_digits_and_a_convolution_after_fewer(
    reader: Network, mnist: tuple[Dataset, Dataset]
) -> None:
    digits = mnist[1][:501]
    assert result_of(accuracy_by_shift(reader, digits, (0, 1)))[1] == 3 + 4 * 3
    network = RECIPES["convolution"].build_network(rng=np.random.default_rng(0))
    assert network.chunk < 250
    few = digits[: 2 * network.chunk]
    assert result_of(accuracy_by_shift(network, few, (0,)))[1] == 2


def test_a_network_that_overflows_reads_nothing(digits: Dataset) -> None:
    network = tiny_recipe().build_network(rng=np.random.default_rng(0))
    network.params[...] = np.nan
    found, _ = result_of(accuracy_by_shift(network, digits, (0, 1)))
    np.testing.assert_array_equal(found, [0.0, 0.0])


def test_no_digits_are_refused(reader: Network, digits: Dataset) -> None:
    with pytest.raises(ValueError, match="at least one digit"):
        next(accuracy_by_shift(reader, digits[:0], (0,)))
