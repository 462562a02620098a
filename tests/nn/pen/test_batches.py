from __future__ import annotations

import numpy as np
import pytest

from nn import RECIPES, Dataset, train
from nn.layers import scaled
from nn.losses import softmax
from nn.mnist import NO_DIGIT
from nn.pen.batches import Samples
from nn.pen.pen import write_nondigits
from tests.helpers import exhaust, inputs_of, tiny_recipe, trained


def supply(digits: Dataset, **changes: float) -> Samples:
    return Samples(digits, tiny_recipe(**changes), np.random.default_rng(0))


def taken(source: Samples, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    exhaust(source.write(rows))
    return source.batch(rows)


def test_without_pen_and_distortion_it_is_the_data_itself(digits: Dataset) -> None:
    source = supply(digits)
    rows = np.array([3, 1, 39])
    images, labels = taken(source, rows)
    np.testing.assert_array_equal(images, digits.images[rows])
    np.testing.assert_array_equal(labels, digits.labels[rows])
    assert source.images is digits.images  # no copy


def test_the_pen_adds_its_share_of_digits_and_others(digits: Dataset) -> None:
    source = supply(digits, pen=1.5, nondigits=0.25)
    assert len(source) == 40 + 60 + 10
    np.testing.assert_array_equal(source.labels[:40], digits.labels)
    assert source.labels[40:100].max() < 10
    assert (source.labels[100:] == NO_DIGIT).all()
    images, labels = taken(source, np.arange(110))
    np.testing.assert_array_equal(images[:40], digits.images)
    assert (images.max(axis=1) > 100).all()
    np.testing.assert_array_equal(labels, source.labels)


def test_a_digit_is_written_once_and_only_when_needed(digits: Dataset) -> None:
    source = supply(digits, pen=1.0)
    pauses = len(exhaust(source.write(np.arange(30, 60))))
    assert pauses == 3  # twenty digits, eight at a time
    assert source.unwritten.sum() == 20
    before = source.images[40:60].copy()
    assert exhaust(source.write(np.arange(60))) == []
    np.testing.assert_array_equal(source.images[40:60], before)


def test_each_time_a_digit_is_distorted_anew(digits: Dataset) -> None:
    source, rows = supply(digits, augment=1.0), np.arange(10)
    first, second = taken(source, rows)[0], taken(source, rows)[0]
    assert (first != second).any(axis=1).all()
    assert (first != digits.images[:10]).any(axis=1).all()


def test_a_training_with_the_pen_is_the_same_for_the_same_seed(digits: Dataset) -> None:
    recipe = tiny_recipe(pen=0.5, nondigits=0.2, augment=1.0)
    first, again = (trained(digits, recipe, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first.params, again.params)
    assert (trained(digits, recipe, seed=4).params != first.params).any()


def test_an_epoch_goes_once_through_all_that_is_supplied(digits: Dataset) -> None:
    rng, recipe = np.random.default_rng(0), tiny_recipe(pen=1.0, nondigits=0.5, epochs=1)
    network = recipe.build_network(rng=rng)
    events = exhaust(train(network, digits, None, recipe, rng=rng))
    assert events[-1].step == 10  # 40 + 40 + 20 samples, ten a step
    assert max(np.diff([event.position for event in events])) <= 0.1 + 1e-9


def test_accuracy_counts_digits_only(digits: Dataset) -> None:
    rng = np.random.default_rng(0)
    recipe = tiny_recipe(hidden=(64,), nondigits=1.0, epochs=60, learning_rate=0.003)
    network = recipe.build_network(rng=rng)
    *_, last = train(network, digits, None, recipe, rng=rng)
    assert last.accuracy == pytest.approx(1.0)


def test_a_network_learns_to_see_no_digit_in_what_is_none(mnist: tuple[Dataset, Dataset]) -> None:
    recipe = RECIPES["adam"].replace(hidden=(128,), epochs=2, validation=0)
    rng = np.random.default_rng(9)
    images = write_nondigits(300, rng=rng)
    x = scaled(images)
    data = mnist[0][:4000]
    sure = {
        share: trained(data, recipe.replace(nondigits=share)).predict_proba(x).max(axis=1).mean()
        for share in (0.0, 0.4)
    }
    assert sure[0.4] < sure[0.0] - 0.15


def test_the_gradient_of_a_nondigit_pulls_towards_ten_equal_probabilities(
    digits: Dataset,
) -> None:
    rng, recipe = np.random.default_rng(0), tiny_recipe(nondigits=1.0, batch_size=None, epochs=1)
    network = recipe.build_network(rng=rng, dtype=np.float64)
    twin = network.copy()
    exhaust(train(network, digits, None, recipe, rng=np.random.default_rng(5)))
    source = Samples(digits, recipe, np.random.default_rng(5))
    exhaust(source.write(np.arange(80)))
    logits = twin.forward(inputs_of(Dataset(source.images, source.labels), np.float64))
    targets = np.full((80, 10), 0.1)
    targets[:40] = np.eye(10)[digits.labels]
    expected = (softmax(logits) - targets) / 80
    np.testing.assert_allclose(network.layers[-1].db, expected.sum(axis=0), atol=1e-12)
