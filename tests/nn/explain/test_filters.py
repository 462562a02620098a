from __future__ import annotations

import numpy as np
import pytest

from nn import Network, Recipe
from nn.explain.attribution import (
    above_mean,
    connections,
    exciting,
    explaining,
    gradient_times_input,
    passage,
    versus,
    weighted_layers,
    without,
)
from nn.explain.diagnostics import layer_figures
from nn.explain.filters import (
    Field,
    convolution_of,
    largest_in,
    maps,
    patch,
    pool_size,
    receptive_field,
)


@pytest.fixture(scope="module")
def explained() -> Network:
    """Two convolutions and a hidden layer, in float64, as they are explained."""
    rng = np.random.default_rng(5)
    recipe = Recipe(filters=(3, 4), kernel_size=5, hidden=(6,), batch_norm=True, leak=0.1)
    network = recipe.build_network(rng=rng, dtype=np.float64)
    network.params[...] += rng.normal(0.0, 0.1, network.params.shape)
    return explaining(network)


@pytest.fixture
def x(rng: np.random.Generator) -> np.ndarray:
    """A drawing with ink in the middle."""
    ink = np.zeros((28, 28))
    ink[6:22, 8:20] = rng.uniform(0.2, 1.0, (16, 12))
    return ink.ravel()


def score(network: Network, x: np.ndarray, weights: np.ndarray) -> float:
    return float(network.forward(x[None])[0] @ weights)


def test_pixels_and_units_share_the_score_but_for_the_biases(
    explained: Network, x: np.ndarray
) -> None:
    weights = versus(3, 8)
    found = passage(explained, x, weights)
    assert found.units == (784, 3, 4, 6)
    assert [found.shares(layer).shape for layer in range(4)] == [(784,), (3,), (4,), (6,)]
    np.testing.assert_allclose(found.shares(0), gradient_times_input(explained, x, weights))
    s = score(explained, x, weights)
    weighted = weighted_layers(explained)
    biases = [
        (slopes * layer.b.reshape(-1, *(1,) * (slopes.ndim - 1))).sum()
        for layer, slopes in zip(weighted, found.sum_slopes, strict=True)
    ]
    for layer in range(4):  # each layer's units, and the biases after them, make up the whole
        assert found.shares(layer).sum() + sum(biases[layer:]) == pytest.approx(s)


def test_a_units_share_is_what_the_score_loses_without_it(
    explained: Network, x: np.ndarray
) -> None:
    weights = above_mean(4)
    found = passage(explained, x, weights)
    for layer in (1, 2, 3):
        for unit in range(found.units[layer]):
            rest = without(explained, {layer: [unit]})
            again = passage(rest, x, weights)
            assert again.shares(layer)[unit] == 0
    # The last hidden layer acts on the scores directly: there it is exact.
    lost = score(explained, x, weights) - score(without(explained, {3: [2]}), x, weights)
    assert lost == pytest.approx(found.shares(3)[2])


def test_a_filter_that_is_switched_off_has_no_effect_whatever_its_map(
    explained: Network, x: np.ndarray
) -> None:
    for layer in (1, 2):
        silent = without(explained, {layer: [1]})
        louder = explaining(silent)
        weighted_layers(louder)[layer - 1].W[1] += 3.0
        np.testing.assert_allclose(louder.forward(x[None]), silent.forward(x[None]))
        assert not np.allclose(explained.forward(x[None]), silent.forward(x[None]))


def test_connections_add_up_to_the_units_that_send_them(explained: Network, x: np.ndarray) -> None:
    found = passage(explained, x, above_mean(2))
    for layer in (1, 2, 3):
        added = connections(explained, found, layer)
        assert added.shape == (found.units[layer], (*found.units, 10)[layer + 1])
        np.testing.assert_allclose(added.sum(axis=1), found.shares(layer))
    assert connections(explained, found, 0).shape == (1, 3)


def test_a_filters_sum_is_its_patch_times_its_weights(explained: Network, x: np.ndarray) -> None:
    found = passage(explained, x, above_mean(2))
    for layer, place in ((1, (0, 27)), (1, (13, 14)), (2, (6, 9)), (2, (13, 0))):
        convolution = convolution_of(explained, layer)
        assert convolution is not None
        seen = patch(convolution, found.inputs[layer - 1], place)
        for unit in range(convolution.filters):
            total = (convolution.W[unit] * seen).sum() + convolution.b[unit]
            assert found.sums[layer - 1][unit][place] == pytest.approx(total)


def test_only_the_receptive_field_reaches_a_place(
    explained: Network, x: np.ndarray, rng: np.random.Generator
) -> None:
    assert receptive_field(explained, 1, (10, 12)) == Field(8, 10, 13, 15)
    assert receptive_field(explained, 1, (0, 27)) == Field(0, 25, 3, 28)
    # Rows 4 to 8 of the pooled map are rows 8 to 17 of the first, which see rows 6 to 19.
    assert receptive_field(explained, 2, (6, 6)) == Field(6, 6, 20, 20)
    field = receptive_field(explained, 2, (6, 6))
    outside = rng.random((28, 28))
    inside = slice(field.top, field.bottom), slice(field.left, field.right)
    outside[inside] = x.reshape(28, 28)[inside]
    before, after = (passage(explained, it, above_mean(2)) for it in (x, outside.ravel()))
    np.testing.assert_allclose(after.sums[1][:, 6, 6], before.sums[1][:, 6, 6])
    assert not np.allclose(after.sums[1][:, 3, 3], before.sums[1][:, 3, 3])


def test_maps_pool_to_what_the_next_layer_gets(explained: Network, x: np.ndarray) -> None:
    found = passage(explained, x, above_mean(2))
    whole = maps(explained, found, 1)
    assert pool_size(explained, 1) == 2
    for window in ((0, 0), (7, 5), (13, 13)):
        for unit in range(3):
            place = largest_in(whole[unit], window, 2)
            assert (place[0] // 2, place[1] // 2) == window
            assert found.inputs[1][unit][window] == whole[unit][place]
    np.testing.assert_allclose(found.outputs(1), whole.max(axis=(1, 2)))
    assert convolution_of(explained, 3) is None
    assert pool_size(explained, 3) == 1


def test_digits_that_excite_a_filter_are_those_with_the_largest_place(
    explained: Network, rng: np.random.Generator
) -> None:
    images = rng.integers(0, 255, (60, 784)).astype(np.uint8)
    found = exciting(explained, images, 2, count=5)
    outputs = np.array(
        [passage(explained, image / 255, above_mean(0)).outputs(2) for image in images]
    )
    np.testing.assert_array_equal(found.images, np.argsort(-outputs, axis=0)[:5].T)


def test_a_filter_is_dead_if_no_place_of_any_sample_is_above_zero() -> None:
    recipe = Recipe(filters=(3,), kernel_size=3, hidden=(4,))
    network = recipe.build_network(rng=np.random.default_rng(0))
    network.layers[1].W[1], network.layers[1].b[1] = -1.0, -1.0
    network.forward(np.random.default_rng(1).random((5, 784), np.float32), training=True)
    network.backward(np.ones((5, 10), np.float32))
    first, second, scores = layer_figures(network)
    assert (first.layer, second.layer, scores.layer) == (1, 2, 3)
    assert first.dead == pytest.approx(1 / 3)
    assert scores.dead is None
    assert first.weight_norm == pytest.approx(float(np.linalg.norm(network.layers[1].W)))
