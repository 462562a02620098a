from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from nn import Dataset
from nn.explain.neighbours import CHUNK, Neighbours
from tests.helpers import inputs_of


@pytest.fixture(scope="module")
def some(mnist: tuple[Dataset, Dataset]) -> Dataset:
    """Digits in more than two chunks, the last one short."""
    return mnist[0][: 2 * CHUNK + 37]


def test_neighbours_are_those_with_the_smallest_differences(
    mnist: tuple[Dataset, Dataset], some: Dataset
) -> None:
    search = Neighbours(some)
    known = inputs_of(some, np.float64)
    for x in inputs_of(mnist[1][:20]):
        expected = np.linalg.norm(known - x, axis=1)
        rows, distances = search.nearest(x, 8)
        np.testing.assert_allclose(distances, np.sort(expected)[:8], rtol=1e-5)
        np.testing.assert_allclose(expected[rows], distances, rtol=1e-5)


def test_a_digit_of_the_set_is_its_own_nearest_neighbour_at_no_distance(some: Dataset) -> None:
    search = Neighbours(some)
    for row in (0, CHUNK, len(some) - 1):
        rows, distances = search.nearest(inputs_of(some)[row], 2)
        assert rows[0] == row
        assert distances[0] == pytest.approx(0, abs=1e-6)
        assert distances[1] > 1


def test_all_digits_can_be_ranked(digits: Dataset) -> None:
    rows, distances = Neighbours(digits).nearest(inputs_of(digits)[3], len(digits))
    assert sorted(rows) == list(range(len(digits)))
    assert (np.diff(distances) >= 0).all()


def test_mnist_digits_are_mostly_among_their_own_kind(mnist: tuple[Dataset, Dataset]) -> None:
    search, asked = Neighbours(mnist[0]), mnist[1][:100]
    nearest = [search.nearest(x, 1)[0][0] for x in inputs_of(asked)]
    right = np.count_nonzero(mnist[0].labels[nearest] == asked.labels)
    assert right >= 95  # the nearest neighbour alone reads 96.9 % of the test set


def test_several_threads_may_search_at_once(mnist: tuple[Dataset, Dataset], some: Dataset) -> None:
    search, asked = Neighbours(some), inputs_of(mnist[1][:40])
    alone = [search.nearest(x, 5)[0].tolist() for x in asked]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(lambda x: search.nearest(x, 5)[0].tolist(), asked))
    assert together == alone


@pytest.mark.parametrize(("size", "count"), [(28, 3), (784, 0), (784, 41)])
def test_what_cannot_be_searched_is_refused(digits: Dataset, size: int, count: int) -> None:
    with pytest.raises(ValueError, match=r"expected one image of .784,. and 1 to 40 neighbours"):
        Neighbours(digits).nearest(np.zeros(size, np.float32), count)
