from __future__ import annotations

import numpy as np
import pytest

from nn.convolution import Convolution, Flatten, MaxPooling, Unflatten
from nn.layers import BatchNorm, Dense, Dropout, Layer, LeakyReLU, ReLU, Tanh, scaled
from nn.network import LAYERS
from tests.helpers import numerical_gradient, relative_error

WIDTH, SAMPLES = 5, 7
IMAGE = (2, 5, 6)  # channels, height, width
EVERY_LAYER = {
    "dense": lambda: Dense(WIDTH, 4),
    "dense without bias": lambda: Dense(WIDTH, 4, bias=False),
    "leaky relu": lambda: LeakyReLU(0.004),
    "steeper leaky relu": lambda: LeakyReLU(0.3),
    "relu": ReLU,
    "tanh": Tanh,
    "batch normalisation": lambda: BatchNorm(WIDTH),
    "dropout": lambda: Dropout(0.4),
}
EVERY_LAYER_OF_IMAGES = {
    "convolution": lambda: Convolution(2, 3, 3),
    "padded convolution": lambda: Convolution(2, 4, 5, padding=2),
    "convolution, even kernel, no bias": lambda: Convolution(2, 3, 2, padding=1, bias=False),
    "one place": lambda: Convolution(2, 3, 1),
    "max pooling": lambda: MaxPooling(2),
    "max pooling of what does not divide": lambda: MaxPooling(4),
    "flatten": Flatten,
    "batch normalisation of channels": lambda: BatchNorm(2),
    "leaky relu of images": lambda: LeakyReLU(0.004),
}


@pytest.fixture(params=[*EVERY_LAYER, *EVERY_LAYER_OF_IMAGES, "unflatten"])
def layer(request: pytest.FixtureRequest, rng: np.random.Generator) -> Layer:
    """Each kind of layer, by itself, in float64, its parameters anything but their start."""
    kinds = {**EVERY_LAYER, **EVERY_LAYER_OF_IMAGES, "unflatten": lambda: Unflatten(1, 1, WIDTH)}
    return bound(kinds[request.param](), rng)


@pytest.fixture
def x(request: pytest.FixtureRequest, rng: np.random.Generator) -> np.ndarray:
    """A batch whose numbers stay clear of the kink at 0; images for a layer of images."""
    name = request.node.callspec.params.get("layer") if hasattr(request.node, "callspec") else ""
    shape = (SAMPLES, *(IMAGE if name in EVERY_LAYER_OF_IMAGES else (WIDTH,)))
    return rng.uniform(0.1, 2.0, shape) * rng.choice([-1.0, 1.0], shape)


def bound(layer: Layer, rng: np.random.Generator) -> Layer:
    values, grads = ({n: np.zeros(s) for n, s in layer.shapes.items()} for _ in range(2))
    layer.bind(values, grads, {n: np.zeros(s) for n, s in layer.statistic_shapes.items()})
    layer.initialize(rng)
    for view in values.values():
        view += rng.normal(0.0, 0.3, view.shape)
    return layer


def forward(layer: Layer, x: np.ndarray) -> np.ndarray:
    return layer.forward(x, training=True, rng=np.random.default_rng(3))


def test_gradients_match_finite_differences(
    layer: Layer, x: np.ndarray, rng: np.random.Generator
) -> None:
    weights = rng.standard_normal(forward(layer, x).shape)  # of a loss Σ weights · y

    def loss() -> float:
        return float((weights * forward(layer, x)).sum())

    forward(layer, x)
    found = {"x": np.array(layer.backward(weights))}
    found |= {name: np.array(getattr(layer, f"d{name}")) for name in layer.shapes}
    arrays = {"x": x} | {name: getattr(layer, name) for name in layer.shapes}
    errors = {n: relative_error(found[n], numerical_gradient(loss, a)) for n, a in arrays.items()}
    assert max(errors.values()) < 1e-6, errors


@pytest.mark.parametrize("training", [True, False])
def test_a_layer_never_writes_into_what_it_is_given(
    layer: Layer, x: np.ndarray, training: bool
) -> None:
    given = x.copy()
    y = layer.forward(x, training=training, rng=np.random.default_rng(3))
    if training:
        dy = np.ones_like(y)
        layer.backward(dy)
        np.testing.assert_array_equal(dy, 1.0)
    np.testing.assert_array_equal(x, given)


def test_a_layer_says_the_shape_of_its_outputs(layer: Layer, x: np.ndarray) -> None:
    assert forward(layer, x).shape[1:] == layer.output_shape(x.shape[1:])


def test_config_makes_the_same_layer_again(
    layer: Layer, x: np.ndarray, rng: np.random.Generator
) -> None:
    twin = bound(LAYERS[layer.kind](**layer.config()), rng)
    for name in (*layer.shapes, *layer.statistic_shapes):
        getattr(twin, name)[...] = getattr(layer, name)
    np.testing.assert_array_equal(forward(twin, x), forward(layer, x))


def test_activations_have_the_values_of_their_equations() -> None:
    x = np.array([[-2.0, -0.5, 0.0, 3.0]])
    np.testing.assert_allclose(LeakyReLU(0.1).forward(x), [[-0.2, -0.05, 0.0, 3.0]])
    np.testing.assert_allclose(ReLU().forward(x), [[0.0, 0.0, 0.0, 3.0]])
    np.testing.assert_allclose(Tanh().forward(x), [[-0.96402758, -0.46211716, 0.0, 0.99505475]])


def test_dense_starts_with_the_variance_of_he_and_no_bias(rng: np.random.Generator) -> None:
    dense = Dense(784, 128)
    dense.bind({"W": np.ones((784, 128)), "b": np.ones(128)}, {}, {})
    dense.initialize(rng)
    assert dense.W.std() == pytest.approx(np.sqrt(2 / 784), rel=0.02)
    assert abs(dense.W.mean()) < 0.001
    assert not dense.b.any()


def test_batch_norm_centres_and_scales_a_batch(x: np.ndarray, rng: np.random.Generator) -> None:
    layer = bound(BatchNorm(WIDTH), rng)
    y = forward(layer, 40 * x + 7)
    np.testing.assert_allclose(y.mean(axis=0), layer.beta)
    np.testing.assert_allclose(y.std(axis=0), np.abs(layer.gamma), rtol=1e-6)


def test_batch_norm_predicts_by_running_averages(x: np.ndarray, rng: np.random.Generator) -> None:
    layer = bound(BatchNorm(WIDTH, momentum=0.25), rng)
    forward(layer, x)
    mean, var = 0.25 * x.mean(axis=0), 0.75 + 0.25 * x.var(axis=0, ddof=1)
    np.testing.assert_allclose(layer.running_mean, mean)
    np.testing.assert_allclose(layer.running_var, var)
    expected = layer.gamma * (x - mean) / np.sqrt(var + 1e-5) + layer.beta
    np.testing.assert_allclose(layer.forward(x), expected)
    np.testing.assert_allclose(layer.forward(x[2:3]), expected[2:3])  # whatever its neighbours
    np.testing.assert_allclose(layer.running_mean, mean)  # predicting teaches it nothing


def test_batch_norm_refuses_a_lone_sample_in_training(rng: np.random.Generator) -> None:
    with pytest.raises(ValueError, match="2 samples or more, got 1"):
        bound(BatchNorm(2), rng).forward(np.ones((1, 2)), training=True)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.8])
def test_dropout_zeroes_its_share_and_keeps_the_mean(rate: float, rng: np.random.Generator) -> None:
    y = Dropout(rate).forward(np.ones((400, 500)), training=True, rng=rng)
    dropped = y == 0
    assert dropped.mean() == pytest.approx(rate, abs=0.005)
    np.testing.assert_allclose(y[~dropped], 1 / (1 - rate))


@pytest.mark.parametrize(("rate", "training"), [(0.5, False), (0.0, True)])
def test_dropout_is_the_identity_in_prediction_and_at_rate_zero(
    rate: float, training: bool, x: np.ndarray
) -> None:
    layer = Dropout(rate)
    np.testing.assert_array_equal(layer.forward(x, training=training), x)
    np.testing.assert_array_equal(layer.backward(x), x)


def test_dropout_asks_for_its_generator() -> None:
    with pytest.raises(ValueError, match="pass rng="):
        Dropout(0.5).forward(np.ones((2, 2)), training=True)


def test_pixels_are_scaled_from_zero_to_one() -> None:
    pixels = np.array([[0, 51, 255]], np.uint8)
    np.testing.assert_allclose(scaled(pixels), [[0, 0.2, 1]], rtol=1e-6)
    assert scaled(pixels).dtype == np.float32
