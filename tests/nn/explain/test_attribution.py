from __future__ import annotations

import numpy as np
import pytest

from nn import Dataset, Network
from nn.drawing.preprocessing import preprocess
from nn.explain.attribution import (
    above_mean,
    connections,
    covered,
    exciting,
    explaining,
    gradient_times_input,
    occlusion,
    passage,
    versus,
    wanted_images,
    weighted_layers,
    without,
)
from nn.layers import BatchNorm, Dense, Dropout, LeakyReLU, Tanh
from nn.losses import softmax
from tests.helpers import drawing, inputs_of, numerical_gradient, relative_error

STACKS = {
    "scores alone": [Dense(784, 10)],
    "one hidden layer": [Dense(784, 9), LeakyReLU(0.004), Dense(9, 10)],
    "tanh, then no activation": [Dense(784, 8), Tanh(), Dense(8, 7), Dense(7, 10)],
    "normalised, with dropout": [
        *(Dense(784, 12, bias=False), BatchNorm(12), LeakyReLU(0.1), Dropout(0.3)),
        *(Dense(12, 11, bias=False), BatchNorm(11), LeakyReLU(0.1), Dropout(0.3)),
        Dense(11, 10),
    ],
}


@pytest.fixture(params=STACKS, ids=lambda name: name.replace(" ", "-"))
def network(request: pytest.FixtureRequest, rng: np.random.Generator) -> Network:
    """A small network in float64 whose normalisations have moved."""
    fresh = [type(layer)(**layer.config()) for layer in STACKS[request.param]]
    made = Network(fresh, dtype=np.float64).initialize(rng=rng)
    made.params += 0.05 * rng.standard_normal(made.params.size)
    made.forward(rng.random((30, 784)), training=True, rng=rng)
    return made


@pytest.fixture(scope="module")
def seven() -> np.ndarray:
    """A drawn 7 as the network reads it."""
    return preprocess(drawing(7)).input


def deviation(network: Network, x: np.ndarray, weights: np.ndarray) -> float:
    """s by the network itself, normalisation and all."""
    return float(network.forward(x[None])[0] @ weights)


def rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's: the correlation of the ranks."""
    ranks = [np.argsort(np.argsort(values)) for values in (a, b)]
    return float(np.corrcoef(*ranks)[0, 1])


def test_a_frozen_network_is_explained_by_copies_that_its_predictions_leave_alone(
    network: Network, seven: np.ndarray
) -> None:
    weights = versus(7, 1)
    expected = passage(explaining(network), seven, weights).input_slopes[0]
    first, second = explaining(network.freeze()), explaining(network)
    first.forward(seven[None].astype(np.float64))
    network.predict_proba(np.zeros((3, 784)))
    second.forward(np.zeros((2, 784)))
    dy = weights[None]
    for layer in reversed(first.layers):
        dy = layer.backward(dy)
    np.testing.assert_array_equal(dy[0], expected)


def test_a_case_worked_by_hand() -> None:
    network = Network([Dense(2, 2), LeakyReLU(0.1), Dense(2, 10)], dtype=np.float64)
    first, _, second = network.layers
    first.W[...], first.b[...] = [[1.0, -2.0], [0.5, 0.25]], [0.0, 0.5]
    second.W[:, 7], second.W[:, 1] = [0.5, 1.0], [-0.5, 2.0]
    explained = explaining(network)
    found = passage(explained, np.array([1.0, 2.0]), versus(7, 1))
    # sums (2, -1), put out as (2, -0.1); s = (0.5 + 0.5) · 2 + (1 - 2) · -0.1 = 2.1
    np.testing.assert_allclose(found.sums[0], [2, -1])
    np.testing.assert_allclose(found.inputs[1], [2, -0.1])
    np.testing.assert_allclose(found.shares(1), [2.0, 0.1])
    # back: ds/dh = (1, -1), through the bend (1, -0.1), through W (1 + 0.2, 0.5 - 0.025)
    np.testing.assert_allclose(found.sum_slopes[0], [1, -0.1])
    np.testing.assert_allclose(found.shares(0), [1.2, 0.95])
    # pixel 0 to unit 0 adds 1 · 1 · 1, to unit 1 1 · -2 · -0.1
    np.testing.assert_allclose(connections(explained, found, 0), [[1, 0.2], [1, -0.05]])


def test_gradient_times_input_matches_finite_differences(
    network: Network, rng: np.random.Generator
) -> None:
    x, weights = rng.random(784), versus(7, 1)
    expected = x * numerical_gradient(lambda: deviation(network, x, weights), x)
    found = gradient_times_input(explaining(network), x, weights)
    assert relative_error(found, expected) < 1e-6


def test_every_station_slopes_as_finite_differences_say(
    network: Network, rng: np.random.Generator
) -> None:
    explained = explaining(network)
    found = passage(explained, rng.random(784), versus(3, 8))
    for layer, dense in enumerate(weighted_layers(explained)):
        rest = explained.layers[explained.layers.index(dense) + 1 :]

        def onwards(y: np.ndarray, rest: list = rest) -> float:
            for part in rest:
                y = part.forward(y)
            return float(y[0] @ versus(3, 8))

        sums = found.sums[layer][None].copy()
        by_sums = numerical_gradient(lambda: onwards(sums), sums)[0]  # noqa: B023 (at once)
        np.testing.assert_allclose(found.sum_slopes[layer], by_sums, rtol=1e-6, atol=1e-8)
        np.testing.assert_allclose(found.input_slopes[layer], dense.W @ by_sums, atol=1e-8)


def test_pixels_and_biases_make_up_the_whole_score_where_the_network_is_linear(
    reader: Network, seven: np.ndarray
) -> None:
    explained = explaining(reader)
    dense = weighted_layers(explained)
    found = passage(explained, seven, versus(7, 1))
    biases = sum(layer.b @ slopes for layer, slopes in zip(dense, found.sum_slopes, strict=True))
    total = deviation(reader, seven, versus(7, 1))
    assert total > 1
    assert found.shares(0).sum() + biases == pytest.approx(total, rel=1e-4)


def test_connections_sum_to_what_their_unit_adds(network: Network, seven: np.ndarray) -> None:
    explained = explaining(network)
    found = passage(explained, seven, above_mean(7))
    for layer in range(len(found.inputs)):
        added = connections(explained, found, layer)
        np.testing.assert_allclose(added.sum(axis=1), found.shares(layer), atol=1e-9)
        into = added.sum(axis=0)
        sums = (found.sums[layer] - weighted_layers(explained)[layer].b) * found.sum_slopes[layer]
        np.testing.assert_allclose(into, sums, atol=1e-9)


@pytest.mark.parametrize(("step", "ink", "count"), [(4, 0.0, 49), (4, 1.0, 49), (1, 0.0, 625)])
def test_occlusion_is_running_the_network_on_each_occluded_picture(
    network: Network, seven: np.ndarray, step: int, ink: float, count: int
) -> None:
    weights = versus(7, 1)
    found = occlusion(explaining(network), seven, weights, step=step, ink=ink)
    whole = deviation(network, seven.astype(np.float64), weights)
    assert found.size == count
    for row in range(found.shape[0]):
        for column in range(found.shape[1]):
            picture = seven.astype(np.float64).reshape(28, 28).copy()
            picture[row * step : row * step + 4, column * step : column * step + 4] = ink
            expected = whole - deviation(network, picture.ravel(), weights)
            assert found[row, column] == pytest.approx(expected, abs=1e-9)


def test_a_patch_without_ink_adds_nothing_and_the_drawing_stays(seven: np.ndarray) -> None:
    before = seven.copy()
    pictures = covered(seven)
    np.testing.assert_array_equal(seven, before)
    assert not np.shares_memory(pictures, seven)
    blank = seven.reshape(7, 4, 7, 4).max(axis=(1, 3)).ravel() == 0
    assert 10 < blank.sum() < 49
    same = (pictures == seven).all(axis=1)
    np.testing.assert_array_equal(same, blank)


def test_what_speaks_for_a_against_b_speaks_against_b_for_a(
    reader: Network, seven: np.ndarray
) -> None:
    explained = explaining(reader)
    here = gradient_times_input(explained, seven, versus(7, 1))
    there = gradient_times_input(explained, seven, versus(1, 7))
    np.testing.assert_allclose(here, -there, atol=1e-5)
    assert not gradient_times_input(explained, seven, versus(7, 7)).any()


def test_attributions_change_when_the_weights_are_randomised(
    reader: Network, mnist: tuple[Dataset, Dataset]
) -> None:
    # Adebayo et al. 2018: what looks alike for a network that knows nothing explains nothing.
    twin = explaining(reader.copy())
    alike, other, erased = [], [], []
    for n, x in enumerate(inputs_of(mnist[1][:20])):
        a, b = np.argsort(reader.predict_proba(x[None])[0])[[-1, -2]]
        ink = x > 0
        random = explaining(reader.copy().initialize(rng=np.random.default_rng(n)))
        shares, again, changed = (
            gradient_times_input(network, x, versus(a, b))[ink]
            for network in (explaining(reader), twin, random)
        )
        alike.append(rank_correlation(shares, again))
        other.append(rank_correlation(shares, changed))
        patches = [
            occlusion(network, x, versus(a, b)).ravel() for network in (explaining(reader), random)
        ]
        some = patches[0] != 0
        erased.append(rank_correlation(patches[0][some], patches[1][some]))
    assert min(alike) > 0.999
    assert abs(np.mean(other)) < 0.2
    assert abs(np.mean(erased)) < 0.2


def test_randomising_the_scores_alone_changes_attributions_too(
    reader: Network, mnist: tuple[Dataset, Dataset]
) -> None:
    correlations = []
    for n, x in enumerate(inputs_of(mnist[1][:20])):
        random = reader.copy()
        random.layers[-1].initialize(np.random.default_rng(n))
        a, b = np.argsort(reader.predict_proba(x[None])[0])[[-1, -2]]
        shares, changed = (
            gradient_times_input(explaining(network), x, versus(a, b))[x > 0]
            for network in (reader, random)
        )
        correlations.append(rank_correlation(shares, changed))
    assert abs(np.mean(correlations)) < 0.25


def test_units_that_are_off_are_as_if_they_put_out_nothing(
    network: Network, seven: np.ndarray
) -> None:
    explained = explaining(network)
    dense = weighted_layers(explained)
    if len(dense) == 1:
        with pytest.raises(ValueError, match="hidden layer from 1 to 0, got 1"):
            without(explained, {1: [0]})
        return
    off = {layer: [0, layer + 1] for layer in range(1, len(dense))}
    y: np.ndarray = seven.astype(np.float64)[None]
    for part in explained.layers:
        layer = dense.index(part) if part in dense else None
        if layer:
            y = y.copy()
            y[:, off[layer]] = 0.0
        y = part.forward(y)
    before = explained.params.copy()
    found = without(explained, off).forward(seven.astype(np.float64)[None])
    np.testing.assert_allclose(found, y, atol=1e-12)
    np.testing.assert_array_equal(explained.params, before)
    np.testing.assert_array_equal(without(explained, {}).params, before)


def test_a_unit_off_takes_what_it_added_from_a_score_without_a_bend_between(
    reader: Network, seven: np.ndarray
) -> None:
    explained = explaining(reader)
    found = passage(explained, seven, above_mean(7))
    unit = int(found.shares(1).argmax())
    less = deviation(without(explained, {1: [unit]}), seven, above_mean(7))
    lost = deviation(reader, seven, above_mean(7)) - less
    assert lost > 0.1
    assert lost == pytest.approx(found.shares(1)[unit], rel=1e-3)


def test_the_first_layer_looks_for_its_weights(reader: Network, seven: np.ndarray) -> None:
    found = wanted_images(explaining(reader), seven, 1, [5, 0])
    np.testing.assert_array_equal(found, reader.layers[0].W[:, [5, 0]].T)


def test_further_up_the_wanted_image_is_the_gradient_of_the_sum(
    network: Network, rng: np.random.Generator
) -> None:
    explained = explaining(network)
    last, x = len(weighted_layers(explained)) - 1, rng.random(784)
    if last == 0:
        with pytest.raises(ValueError, match="hidden layer from 1 to 0, got 0"):
            wanted_images(explained, x, last, [0])
        return
    found = wanted_images(explained, x, last, [3, 1])
    for image, unit in zip(found, (3, 1), strict=True):
        expected = numerical_gradient(
            lambda unit=unit: float(passage(explained, x, versus(0, 1)).sums[last - 1][unit]), x
        )
        assert relative_error(image, expected) < 1e-6


def test_the_most_exciting_images_are_those_with_the_largest_outputs(
    mnist: tuple[Dataset, Dataset], rng: np.random.Generator
) -> None:
    layers = [Dense(784, 30), LeakyReLU(0.1), Dense(30, 20), Tanh(), Dense(20, 10)]
    explained = explaining(Network(layers).initialize(rng=rng))
    images = mnist[1].images[:2100]  # more than are taken at once, the last few alone
    x = images.astype(np.float32) / np.float32(255)
    for layer, stop in ((1, 2), (2, 4)):
        outputs = x
        for part in explained.layers[:stop]:
            outputs = part.forward(outputs).copy()
        found = exciting(explained, images, layer, count=5)
        assert found.images.shape == (outputs.shape[1], 5)
        expected = -np.sort(-outputs, axis=0)[:5].T
        np.testing.assert_allclose(found.outputs, expected, atol=1e-5)
        units = np.arange(outputs.shape[1])[:, None]
        np.testing.assert_allclose(outputs[found.images, units], expected, atol=1e-5)


def test_explaining_changes_nothing(reader: Network, seven: np.ndarray) -> None:
    before, gradients = reader.params.copy(), reader.grads.copy()
    explained = explaining(reader)
    found = passage(explained, seven, versus(7, 1))
    kept = [values.copy() for values in found.sums]
    explained.forward(np.zeros((3, 784), np.float32))
    for values, still in zip(found.sums, kept, strict=True):
        np.testing.assert_array_equal(values, still)
    expected = reader.predict_proba(seven[None])
    np.testing.assert_allclose(softmax(found.sums[-1][None]), expected, atol=1e-6)
    np.testing.assert_array_equal(reader.params, before)
    np.testing.assert_array_equal(reader.grads, gradients)
    assert not reader.layers[0].needs_input_grad


def test_what_does_not_exist_is_refused_with_what_does(reader: Network, seven: np.ndarray) -> None:
    explained = explaining(reader)
    with pytest.raises(ValueError, match="hidden layer from 1 to 1, got 2"):
        without(explained, {2: [0]})
    with pytest.raises(ValueError, match="unit from 0 to 255 of layer 1, got 256"):
        without(explained, {1: [256]})
    with pytest.raises(ValueError, match="unit from 0 to 255 of layer 1, got -1"):
        wanted_images(explained, seven, 1, [-1])
    with pytest.raises(ValueError, match="hidden layer from 1 to 1, got 0"):
        wanted_images(explained, seven, 0, [0])
    with pytest.raises(ValueError, match="8 images or more to choose from, got 3"):
        exciting(explained, np.zeros((3, 784), np.uint8), 1)
