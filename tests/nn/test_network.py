from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from nn import RECIPES, Dataset, Network, Recipe
from nn.layers import BatchNorm, Dense, Dropout, LeakyReLU, ReLU, Tanh
from nn.losses import softmax, softmax_cross_entropy
from nn.network import layers_from, multilayer_perceptron
from tests.helpers import (
    cross_entropy,
    inputs_of,
    numerical_gradient,
    relative_error,
    tiny_recipe,
    trained,
)

DEEP = tiny_recipe("deep", hidden=(20, 12), weight_average=0.0)


@pytest.fixture(scope="module")
def deep(digits: Dataset) -> Network:
    """A network with batch normalisation and dropout whose statistics have moved. Read only."""
    return trained(digits, DEEP)


@pytest.fixture(scope="module")
def x(mnist: tuple[Dataset, Dataset]) -> np.ndarray:
    """2,300 images as a network reads them: more than it takes at once."""
    return inputs_of(mnist[1][:2300])


def test_forward_loss_and_backward_of_a_case_worked_by_hand() -> None:
    network = Network([Dense(2, 2), LeakyReLU(0.1), Dense(2, 2)], dtype=np.float64)
    first, _, second = network.layers
    first.W[...], first.b[...] = [[1.0, -2.0], [0.5, 0.25]], [0.0, 0.5]
    second.W[...], second.b[...] = [[0.5, -0.5], [1.0, -1.0]], [0.0, 1.8 - math.log(3)]

    # x W + b = (1 · 1 + 2 · 0.5, 1 · -2 + 2 · 0.25 + 0.5) = (2, -1); Leaky ReLU: (2, -0.1)
    # second: (2 · 0.5 - 0.1 · 1, 2 · -0.5 + 0.1 · 1 + 1.8 - ln 3) = (0.9, 0.9 - ln 3)
    logits = network.forward(np.array([[1.0, 2.0]]), training=True)
    np.testing.assert_allclose(logits, [[0.9, 0.9 - math.log(3)]])
    # softmax of two scores that differ by ln 3: (3/4, 1/4); the true one is the second: -ln 1/4
    losses, dlogits = softmax_cross_entropy(logits, np.array([[0.0, 1.0]]))
    assert losses[0] == pytest.approx(math.log(4), abs=1e-7)  # the loss's epsilon is 1e-8
    np.testing.assert_allclose(dlogits, [[0.75, -0.75]])

    network.backward(dlogits)
    # (2, -0.1)ᵀ (0.75, -0.75)
    np.testing.assert_allclose(second.dW, [[1.5, -1.5], [-0.075, 0.075]])
    np.testing.assert_allclose(second.db, [0.75, -0.75])
    # back through W: (0.75 · 0.5 + 0.75 · 0.5, 0.75 · 1 + 0.75 · 1) = (0.75, 1.5);
    # through Leaky ReLU: (0.75, 0.15); (1, 2)ᵀ of that
    np.testing.assert_allclose(first.dW, [[0.75, 0.15], [1.5, 0.3]])
    np.testing.assert_allclose(first.db, [0.75, 0.15])


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize(
    "layers",
    [
        [Dense(6, 10)],
        [Dense(6, 5), LeakyReLU(0.004), Dense(5, 10)],
        [Dense(6, 5), Tanh(), Dense(5, 4, bias=False), ReLU(), Dense(4, 10)],
        [Dense(6, 7, bias=False), BatchNorm(7), LeakyReLU(0.1), Dropout(0.3), Dense(7, 10)],
        [
            *(Dropout(0.2), Dense(6, 7), Tanh(), BatchNorm(7), Dropout(0.5)),
            *(Dense(7, 6, bias=False), BatchNorm(6), ReLU(), Dense(6, 10)),
        ],
    ],
    ids=lambda layers: "-".join(layer.kind for layer in layers),
)
def test_gradients_of_a_stack_match_finite_differences(
    layers: list, smoothing: float, rng: np.random.Generator
) -> None:
    network = Network(layers_from(Network(layers).architecture()), dtype=np.float64)
    network.initialize(rng=rng)
    for layer in network.layers:
        layer.needs_input_grad = True
    x, labels = rng.standard_normal((8, 6)), np.arange(8)

    def loss() -> tuple[float, np.ndarray]:
        logits = network.forward(x, training=True, rng=np.random.default_rng(5))
        return cross_entropy(logits, labels, label_smoothing=smoothing)

    dy = loss()[1]
    for layer in reversed(network.layers):
        dy = layer.backward(dy)
    found = {"params": network.grads.copy(), "x": dy.copy()}
    for name, array in {"params": network.params, "x": x}.items():
        expected = numerical_gradient(lambda: loss()[0], array)
        assert relative_error(found[name], expected) < 1e-6, name


def test_two_flat_vectors_own_every_parameter_and_gradient_once() -> None:
    network = RECIPES["deep"].replace(hidden=(9, 8)).build_network(rng=np.random.default_rng(0))
    network.params[...] = np.arange(network.params.size)
    network.grads[...] = -np.arange(network.params.size)
    values, grads = [], []
    for layer in network.layers:
        for name in layer.shapes:
            value, grad = getattr(layer, name), getattr(layer, f"d{name}")
            assert np.shares_memory(value, network.params)
            assert np.shares_memory(grad, network.grads)
            np.testing.assert_array_equal(grad, -value)
            values.append(value.ravel())
            grads.append(grad.ravel())
    np.testing.assert_array_equal(np.concatenate(values), network.params)
    np.testing.assert_array_equal(np.concatenate(grads), network.grads)


def test_a_frozen_network_folds_once_and_another_at_each_prediction(
    deep: Network, x: np.ndarray
) -> None:
    frozen = deep.copy().freeze()
    assert frozen.folded() is frozen.folded()
    for vector in (frozen.params, frozen.statistics, frozen.layers[0].W):
        with pytest.raises(ValueError, match="read-only"):
            vector[...] = 0.0
    network = frozen.copy()
    before = network.predict_proba(x[:20])
    np.testing.assert_array_equal(before, frozen.predict_proba(x[:20]))
    network.params[-1] += 1.0
    after = network.predict_proba(x[:20])
    assert not np.allclose(after, before, atol=1e-3)
    network.statistics += 1.0
    assert not np.allclose(network.predict_proba(x[:20]), after, atol=1e-3)


def test_training_steps_leave_the_parameters_in_the_flat_vectors(digits: Dataset) -> None:
    network = trained(digits, DEEP)
    views = [getattr(layer, name) for layer in network.layers for name in layer.shapes]
    assert all(np.shares_memory(view, network.params) for view in views)
    np.testing.assert_array_equal(np.concatenate([v.ravel() for v in views]), network.params)


def test_the_first_layer_computes_no_gradient_that_nobody_asks_for(
    rng: np.random.Generator,
) -> None:
    network = Network([Dense(3, 4), ReLU(), Dense(4, 2)]).initialize(rng=rng)
    assert [layer.needs_input_grad for layer in network.layers] == [False, True, True]


def test_probabilities_are_the_softmax_of_the_prediction(deep: Network, x: np.ndarray) -> None:
    probabilities = deep.predict_proba(x)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-6)
    np.testing.assert_allclose(probabilities, softmax(deep.forward(x)), atol=1e-6)


def test_folding_predicts_the_same_without_normalisation_and_dropout(
    deep: Network, x: np.ndarray
) -> None:
    folded = deep.folded()
    assert {layer.kind for layer in folded.layers} == {"dense", "leaky_relu"}
    logits = deep.forward(x).copy()
    np.testing.assert_allclose(folded.forward(x), logits, atol=2e-5 * np.abs(logits).max())
    assert not np.shares_memory(folded.params, deep.params)


def test_folding_takes_several_normalisations_and_a_dropout_between(
    rng: np.random.Generator,
) -> None:
    layers = [Dense(4, 3), Dropout(0.5), BatchNorm(3), BatchNorm(3), Tanh(), Dense(3, 10)]
    network = Network(layers, dtype=np.float64).initialize(rng=rng)
    x = rng.standard_normal((6, 4))
    network.forward(5 * x + 1, training=True, rng=rng)  # moves the running statistics
    np.testing.assert_allclose(network.folded().forward(x), network.forward(x), atol=1e-12)


def test_folding_refuses_a_normalisation_with_no_dense_layer_before_it() -> None:
    network = Network([BatchNorm(4), Dense(4, 10)])
    with pytest.raises(ValueError, match="cannot fold batch_norm"):
        network.folded()


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (np.zeros(784, np.float32), r"expected x of shape \(n, 784\), got \(784,\).*x\[None\]"),
        (np.zeros((2, 28, 28), np.float32), r"got \(2, 28, 28\)"),
        (np.zeros((2, 783), np.float32), r"got \(2, 783\)"),
        (np.zeros((2, 784), np.uint8), "expected floats .* got uint8; divide pixels by 255"),
    ],
)
def test_what_is_no_batch_of_images_is_refused(deep: Network, wrong: np.ndarray, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        deep.predict_proba(wrong)


def test_no_images_have_no_probabilities(deep: Network, x: np.ndarray) -> None:
    assert deep.predict_proba(x[:0]).shape == (0, 10)


def test_one_image_reads_like_the_same_image_in_a_batch(deep: Network, x: np.ndarray) -> None:
    batch = deep.predict_proba(x[:50])
    for row in (0, 17, 49):
        np.testing.assert_allclose(deep.predict_proba(x[row, None])[0], batch[row], atol=1e-6)


def test_a_copy_is_equal_and_independent(deep: Network, x: np.ndarray) -> None:
    original = deep.copy()
    twin = original.copy()
    before = original.predict_proba(x[:20])
    np.testing.assert_array_equal(twin.predict_proba(x[:20]), before)
    twin.params *= 2.0
    twin.statistics += 1.0
    twin.forward(x[:20], training=True, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(original.predict_proba(x[:20]), before)
    assert not np.array_equal(twin.predict_proba(x[:20]), before)


@pytest.mark.parametrize("activation", ["leaky_relu", "tanh"])
@pytest.mark.parametrize("filters", [(), (2, 3)])
def test_threads_that_predict_with_one_network_get_the_answers_of_one(
    activation: str, filters: tuple[int, ...], x: np.ndarray
) -> None:
    recipe = Recipe(filters=filters, hidden=(30,), activation=activation, batch_norm=True)
    network = recipe.build_network(rng=np.random.default_rng(0)).freeze()
    parts = [x[first :: 20 + first % 7] for first in range(20)] * 4  # of several sizes
    alone = [network.predict_proba(part) for part in parts]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(network.predict_proba, parts))
    for found, expected in zip(together, alone, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_predicting_changes_nothing(deep: Network, x: np.ndarray) -> None:
    network = deep.copy()
    network.predict_proba(x)
    np.testing.assert_array_equal(network.params, deep.params)
    np.testing.assert_array_equal(network.statistics, deep.statistics)


def test_multilayer_perceptron_puts_its_layers_in_the_usual_order() -> None:
    layers = multilayer_perceptron(
        (784, 30, 20, 10), activation=LeakyReLU(0.2), batch_norm=True, dropout=0.1
    )
    hidden = ["dense", "batch_norm", "leaky_relu", "dropout"]
    assert [layer.kind for layer in layers] == [*hidden, *hidden, "dense"]
    assert [layer.bias for layer in layers if isinstance(layer, Dense)] == [False, False, True]
    assert {layer.slope for layer in layers if isinstance(layer, LeakyReLU)} == {0.2}
    plain = multilayer_perceptron((784, 10), activation=ReLU(), batch_norm=True, dropout=0.1)
    assert [layer.config() for layer in plain] == [Dense(784, 10).config()]


@pytest.mark.parametrize(
    ("layers", "says"),
    [
        ([], "at least one layer with weights, got none"),
        ([ReLU()], "at least one layer with weights, got none"),
        ([Dense(3, 4), Dense(5, 2)], "dense expects 5 inputs, the layer before has 4 outputs"),
        ([Dense(3, 4), BatchNorm(3)], "batch_norm expects 3 inputs, .* has 4 outputs"),
    ],
)
def test_layers_that_do_not_fit_are_refused(layers: list, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Network(layers)


@pytest.mark.parametrize(
    ("description", "says"),
    [
        ({"kind": "conv"}, "expected a layer of dense, .* got 'conv'"),
        ({}, "got None"),
        ({"kind": "dense", "inputs": 3}, "layer dense: .*outputs"),
        ({"kind": "relu", "slope": 1}, "layer relu: .*no arguments"),
        ({"kind": "leaky_relu", "slope": "steep"}, "layer leaky_relu: .*steep"),
    ],
)
def test_an_architecture_that_cannot_be_built_is_refused(description: dict, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        layers_from([description])
