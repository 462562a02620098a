from __future__ import annotations

import numpy as np
import pytest

from nn import Dataset, Evaluation, Network, evaluate
from nn.metrics import evaluation_steps, scaled
from tests.helpers import inputs_of


def test_figures_follow_from_the_confusion() -> None:
    confusion = np.diag(np.full(10, 7))
    confusion[4, 9], confusion[9, 4], confusion[7, 1] = 3, 2, 1  # the truth, what was said
    result = Evaluation(0.5, confusion)
    assert (result.samples, result.errors) == (76, 6)
    assert result.accuracy == pytest.approx(70 / 76)


def test_an_evaluation_counts_every_digit_once(
    mnist: tuple[Dataset, Dataset], reader: Network
) -> None:
    data = mnist[1][:2345]  # not a multiple of the chunk
    result = evaluate(reader, data)
    p = reader.predict_proba(inputs_of(data))
    said = p.argmax(axis=1)
    for truth in range(10):
        expected = np.bincount(said[data.labels == truth], minlength=10)
        np.testing.assert_array_equal(result.confusion[truth], expected)
    losses = -np.log(p[np.arange(len(data)), data.labels] + 1e-8)
    assert result.loss == pytest.approx(losses.mean(), rel=1e-4)


def test_evaluation_pauses_after_every_thousand_digits(
    mnist: tuple[Dataset, Dataset], reader: Network
) -> None:
    assert sum(1 for _ in evaluation_steps(reader, mnist[1][:2001])) == 3


def test_an_evaluation_on_nothing_is_refused(reader: Network, digits: Dataset) -> None:
    with pytest.raises(ValueError, match="at least one digit to evaluate on, got none"):
        evaluate(reader, digits[:0])


def test_pixels_are_scaled_from_zero_to_one() -> None:
    pixels = np.array([[0, 51, 255]], np.uint8)
    np.testing.assert_allclose(scaled(pixels, np.empty((1, 3), np.float32)), [[0, 0.2, 1]])
