from __future__ import annotations

import math

import numpy as np
import pytest

from nn.losses import softmax, softmax_cross_entropy, targets
from nn.mnist import NO_DIGIT
from tests.helpers import cross_entropy, numerical_gradient, relative_error


def test_softmax_of_a_case_worked_by_hand() -> None:
    logits = np.log([[1.0, 2.0, 5.0], [4.0, 4.0, 8.0]])  # e^z, over their sum
    np.testing.assert_allclose(softmax(logits), [[0.125, 0.25, 0.625], [0.25, 0.25, 0.5]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_softmax_of_huge_logits_neither_overflows_nor_loses_the_sum(dtype: type) -> None:
    p = softmax(np.array([[1e4, 0.0, -1e4], [-1e30, -1e30, -1e30]], dtype))
    np.testing.assert_allclose(p, [[1, 0, 0], [1 / 3, 1 / 3, 1 / 3]], rtol=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.7])
def test_loss_gradient_matches_finite_differences(
    smoothing: float, rng: np.random.Generator
) -> None:
    logits = rng.normal(0.0, 2.0, (6, 10))
    labels = rng.integers(0, 10, 6).astype(np.uint8)

    def loss() -> float:
        return cross_entropy(logits, labels, label_smoothing=smoothing)[0]

    _, found = cross_entropy(logits, labels, label_smoothing=smoothing)
    assert relative_error(found, numerical_gradient(loss, logits)) < 1e-6


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("epsilon", [0.0, 1e-8])
def test_loss_is_the_cross_entropy_with_one_hot_vectors(
    epsilon: float, smoothing: float, rng: np.random.Generator
) -> None:
    logits, labels = rng.normal(0.0, 3.0, (50, 10)), rng.integers(0, 10, 50)
    target = (1 - smoothing) * np.eye(10)[labels] + smoothing / 10
    np.testing.assert_allclose(
        targets(labels, label_smoothing=smoothing, dtype=np.float64), target, atol=1e-15
    )
    expected = -np.mean(np.sum(target * np.log(softmax(logits) + epsilon), axis=1))
    loss, gradient = cross_entropy(logits, labels, epsilon=epsilon, label_smoothing=smoothing)
    assert loss == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(gradient, (softmax(logits) - target) / 50, atol=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_probability_of_zero_costs_what_the_epsilon_says(dtype: type) -> None:
    logits = np.array([[1000.0, 0.0]], dtype)
    target = np.array([[0.0, 1.0]], dtype)
    capped = softmax_cross_entropy(logits, target, epsilon=1e-8)[0][0]
    assert capped == pytest.approx(-math.log(1e-8))
    assert softmax_cross_entropy(logits, target)[0][0] == pytest.approx(1000.0)


def test_the_logits_stay_as_they_are_and_the_gradient_sums_to_zero(
    rng: np.random.Generator,
) -> None:
    logits = rng.standard_normal((4, 10))
    given = logits.copy()
    _, gradient = cross_entropy(logits, np.arange(4))
    np.testing.assert_array_equal(logits, given)
    np.testing.assert_allclose(gradient.sum(axis=1), 0.0, atol=1e-15)


def test_what_is_no_digit_has_ten_equal_targets() -> None:
    found = targets(np.array([3, NO_DIGIT], np.uint8), label_smoothing=0.2)
    np.testing.assert_allclose(found[1], 0.1)
    np.testing.assert_allclose(found[0], [0.02] * 3 + [0.82] + [0.02] * 6)
