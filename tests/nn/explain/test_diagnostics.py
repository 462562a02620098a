from __future__ import annotations

import numpy as np
import pytest

from nn import Dataset, train
from nn.explain.diagnostics import LayerFigures, layer_figures
from nn.layers import Dense
from tests.helpers import cross_entropy, inputs_of, tiny_recipe


def test_norms_are_those_of_each_dense_layer(digits: Dataset) -> None:
    network = tiny_recipe(hidden=(6, 5), batch_norm=True).build_network(
        rng=np.random.default_rng(0), dtype=np.float64
    )
    x = inputs_of(digits, np.float64)
    logits = network.forward(x, training=True)
    network.backward(cross_entropy(logits, digits.labels)[1])
    found = layer_figures(network)
    dense = [layer for layer in network.layers if isinstance(layer, Dense)]
    assert [figures.layer for figures in found] == [1, 2, 3]
    for figures, layer in zip(found, dense, strict=True):
        assert figures.weight_norm == pytest.approx(np.sqrt((layer.W**2).sum()))
        assert figures.gradient_norm == pytest.approx(np.sqrt((layer.dW**2).sum()))
        assert figures.gradient_norm > 0


@pytest.mark.parametrize("activation", ["relu", "leaky_relu"])
def test_a_unit_is_dead_that_is_off_for_every_sample(digits: Dataset, activation: str) -> None:
    recipe = tiny_recipe(hidden=(8, 4), activation=activation)
    network = recipe.build_network(rng=np.random.default_rng(0))
    first, second = network.layers[0], network.layers[2]
    first.b[...] = [-1e3, -1e3, 1e3, 1e3, 1e3, 1e3, 1e3, -1e3]
    second.W[...] = 0.0
    second.b[...] = [1.0, 0.0, -1.0, 1.0]
    before = network.params.copy()
    network.forward(inputs_of(digits), training=True)
    found = layer_figures(network)
    assert [figures.dead for figures in found] == [3 / 8, 2 / 4, None]
    np.testing.assert_array_equal(network.params, before)


def test_a_unit_that_is_on_for_one_sample_lives(digits: Dataset) -> None:
    network = tiny_recipe(hidden=(2,), activation="relu").build_network(
        rng=np.random.default_rng(0)
    )
    pixel = int(digits.images.max(axis=0).argmax())
    network.layers[0].W[...] = 0.0
    network.layers[0].W[pixel, 0] = 1.0
    network.forward(inputs_of(digits), training=True)
    assert layer_figures(network)[0].dead == 0.5


def test_a_tanh_unit_cannot_die(digits: Dataset) -> None:
    network = tiny_recipe(activation="tanh").build_network(rng=np.random.default_rng(0))
    network.layers[0].b[...] = -1e3
    network.forward(inputs_of(digits), training=True)
    assert [figures.dead for figures in layer_figures(network)] == [None, None]


def test_a_training_tells_how_its_layers_stand_and_is_not_changed_by_it(digits: Dataset) -> None:
    recipe = tiny_recipe("best", hidden=(12, 6))
    weights = []
    for looks in (False, True):
        rng = np.random.default_rng(3)
        network = recipe.build_network(rng=rng)
        for event in train(network, digits, None, recipe, rng=rng):
            if looks:
                found = layer_figures(network) if event.step else ()
                assert len(found) == (3 if event.step else 0)
                for figures in found:
                    assert isinstance(figures, LayerFigures)
                    assert figures.gradient_norm > 0
        weights.append(network.params.copy())
    np.testing.assert_array_equal(weights[0], weights[1])
    dense = [layer for layer in network.layers if isinstance(layer, Dense)]
    expected = [float(np.linalg.norm(layer.dW)) for layer in dense]
    assert [figures.gradient_norm for figures in found] == pytest.approx(expected)
