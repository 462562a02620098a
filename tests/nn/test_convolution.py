from __future__ import annotations

import io
import pickle

import numpy as np
import pytest

from nn import Dataset, Network, evaluate, load_network, train
from nn.convolution import Convolution, Flatten, MaxPooling, Unflatten
from nn.layers import Dense, LeakyReLU
from nn.losses import softmax
from nn.network import CHUNK_VALUES, convolutions, sample_shapes, set_dropout
from nn.recipes import MAX_FILTERS, MAX_KERNEL_SIZE, RECIPES, Recipe, RecipeError
from tests.helpers import checkpoint_bytes, cross_entropy, exhaust


def image(*rows: list[float]) -> np.ndarray:
    """One sample with one channel."""
    return np.array(rows, float)[None, None]


def convolution(kernel: list[list[float]], bias: float, **options: int) -> Convolution:
    """One filter on one channel."""
    layer = Convolution(1, 1, len(kernel), **options)
    layer.bind(
        {"W": np.array(kernel, float)[None, None], "b": np.array([bias])},
        {"W": np.zeros((1, 1, len(kernel), len(kernel))), "b": np.zeros(1)},
        {},
    )
    return layer


def test_a_three_by_three_image_by_hand() -> None:
    layer = convolution([[1, 2], [0, -1]], 0.5)
    x = image([1, 2, 0], [0, 1, 3], [4, 1, 1])
    # 1·1 + 2·2 + 0·0 - 1·1 + 0.5 = 4.5 at the first place, and so on.
    np.testing.assert_array_equal(layer.forward(x), image([4.5, -0.5], [1.5, 6.5]))
    dy = image([1, 0], [2, -1])
    np.testing.assert_array_equal(layer.backward(dy), image([1, 2, 0], [2, 2, -2], [0, -2, 1]))
    # Each weight meets the four places: 1·1 + 2·0 - 1·1 = 0 for the first, and so on.
    np.testing.assert_array_equal(layer.dW, image([0, 1], [7, 2]))
    np.testing.assert_array_equal(layer.db, [2])


def test_padding_lets_a_filter_see_the_edge_by_hand() -> None:
    layer = convolution([[0, 1, 0], [1, 1, 1], [0, 1, 0]], 0.0, padding=1)
    x = image([1, 2, 3], [4, 5, 6], [7, 8, 9])
    expected = image([7, 11, 11], [17, 25, 23], [19, 29, 23])
    np.testing.assert_array_equal(layer.forward(x), expected)
    np.testing.assert_array_equal(layer.backward(x), expected)  # this kernel is symmetric


def test_every_filter_reads_every_channel(rng: np.random.Generator) -> None:
    layer = Convolution(3, 2, 3)
    W, b = rng.standard_normal((2, 3, 3, 3)), rng.standard_normal(2)
    layer.bind({"W": W, "b": b}, {}, {})
    x = rng.standard_normal((4, 3, 6, 5))
    y = layer.forward(x)
    assert y.shape == (4, 2, 4, 3)
    for n, f, i, j in ((0, 0, 0, 0), (3, 1, 3, 2), (2, 0, 1, 2)):
        assert y[n, f, i, j] == pytest.approx(b[f] + (W[f] * x[n, :, i : i + 3, j : j + 3]).sum())


def test_pooling_by_hand_gives_the_gradient_to_the_first_of_the_largest() -> None:
    layer = MaxPooling(2)
    x = image([1, 5, 2, 2, 9], [0, 3, 2, 2, 9], [7, 7, 0, 1, 9])  # the last row, column: left over
    np.testing.assert_array_equal(layer.forward(x), image([5, 2]))
    dx = layer.backward(image([10, 20]))
    np.testing.assert_array_equal(dx, image([0, 10, 20, 0, 0], [0] * 5, [0] * 5))


def test_flatten_and_unflatten_keep_the_order_of_rows(rng: np.random.Generator) -> None:
    rows = rng.standard_normal((3, 2 * 4 * 5))
    images = Unflatten(2, 4, 5).forward(rows)
    np.testing.assert_array_equal(images, rows.reshape(3, 2, 4, 5))
    np.testing.assert_array_equal(Flatten().forward(images), rows)


def test_convolutions_halve_the_image_and_keep_its_edge() -> None:
    layers = convolutions((1, 28, 28), (8, 16), 5, activation=LeakyReLU(0.1), batch_norm=True)
    names = ["convolution", "batch_norm", "leaky_relu", "max_pooling"]
    assert [layer.kind for layer in layers] == ["unflatten", *names, *names, "flatten"]
    shapes = sample_shapes(layers)
    assert shapes[5] == (8, 14, 14)
    assert shapes[-1] == (16 * 7 * 7,)


def test_a_convolution_finds_a_shape_wherever_it_is(rng: np.random.Generator) -> None:
    layer = Convolution(1, 4, 5)
    layer.bind({"W": rng.standard_normal((4, 1, 5, 5)), "b": rng.standard_normal(4)}, {}, {})
    x = np.zeros((2, 1, 28, 28))
    shape = rng.random((6, 6))
    x[0, 0, 8:14, 9:15] = shape
    x[1, 0, 12:18, 6:12] = shape  # four lower, three to the left
    y = layer.forward(x)
    np.testing.assert_allclose(y[1, :, 4:, :-3], y[0, :, :-4, 3:])


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([Convolution(1, 2, 3), Dense(8, 10)], "convolution expects 1 x 3 x 3 inputs, .* 8 out"),
        ([Unflatten(2, 4, 4), Convolution(1, 2, 3), Dense(8, 10)], "1 x 4 x 4 .* 2 x 4 x 4 out"),
        ([Unflatten(1, 4, 4), Convolution(1, 2, 5), Dense(8, 10)], "1 x 5 x 5 .* 1 x 4 x 4 out"),
        ([Unflatten(1, 4, 4), MaxPooling(5), Dense(8, 10)], "1 x 5 x 5 inputs"),
        ([Unflatten(1, 4, 4), Dense(16, 10)], "dense expects 16 inputs, .* 1 x 4 x 4 outputs"),
    ],
)
def test_layers_that_do_not_fit_are_refused(layers: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Network(layers)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"filters": (64, 64), "kernel_size": 7}, "filters: expected at most 262,144 numbers"),
        ({"filters": (1,) * 5}, "filters: expected numbers for up to 4 layers"),
        ({"filters": (MAX_FILTERS + 1,)}, "filters: expected a whole number from 1 to 64"),
        ({"kernel_size": MAX_KERNEL_SIZE + 1}, "kernel_size: expected a whole number from 1 to 11"),
    ],
)
def test_a_recipe_has_limits_for_filters(fields: dict, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        Recipe(**fields)


def test_so_many_images_are_taken_at_a_time_that_patches_stay_few() -> None:
    rng = np.random.default_rng(0)
    network = RECIPES["convolution"].build_network(rng=rng)
    network.forward(np.zeros((1, 784), np.float32))
    found = [layer for layer in network.layers if isinstance(layer, Convolution)]
    assert network.chunk == CHUNK_VALUES // max(layer.patches.size for layer in found)
    # Few patches, but many outputs.
    assert Recipe(filters=(64,), kernel_size=1).build_network(rng=rng).chunk == 20
    assert RECIPES["best"].build_network(rng=rng).chunk == 1000


def test_gradients_of_a_whole_network_match_finite_differences(rng: np.random.Generator) -> None:
    recipe = Recipe(filters=(2, 3), kernel_size=3, hidden=(4,), batch_norm=True)
    network = recipe.build_network(rng=rng, dtype=np.float64)
    x, labels = rng.random((3, 784)), np.array([1, 2, 3])

    def loss() -> float:
        return cross_entropy(network.forward(x, training=True), labels)[0]

    network.backward(cross_entropy(network.forward(x, training=True), labels)[1])
    found = network.grads.copy()
    for _ in range(8):  # along random directions
        direction = rng.standard_normal(len(found))
        direction /= np.linalg.norm(direction)
        start, step = network.params.copy(), 1e-6
        losses = []
        for sign in (1, -1):
            network.params[...] = start + sign * step * direction
            losses.append(loss())
        network.params[...] = start
        numeric = (losses[0] - losses[1]) / (2 * step)
        assert found @ direction == pytest.approx(numeric, rel=1e-5, abs=1e-8)


def test_a_network_learns_the_same_in_chunks_of_any_size(
    rng: np.random.Generator, digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = Recipe(filters=(4,), hidden=(8,), batch_size=20, epochs=2, validation=0)
    whole, pieces = (recipe.build_network(rng=np.random.default_rng(0)) for _ in range(2))
    pieces.chunk = 3
    pauses = [
        len(exhaust(train(network, digits, None, recipe, rng=np.random.default_rng(1))))
        for network in (whole, pieces)
    ]
    assert pauses[1] > 3 * pauses[0]
    np.testing.assert_allclose(pieces.params, whole.params, atol=1e-5)


def test_it_predicts_the_same_folded_copied_and_saved(rng: np.random.Generator) -> None:
    recipe = Recipe(filters=(4, 6), kernel_size=3, hidden=(8,), batch_norm=True, dropout=0.3)
    network = recipe.build_network(rng=rng)
    network.statistics[...] = rng.uniform(0.5, 1.5, network.statistics.shape)
    x = rng.random((5, 784), np.float32)
    expected = softmax(network.forward(x))
    folded = network.folded()
    assert {layer.kind for layer in folded.layers}.isdisjoint({"batch_norm", "dropout"})
    saved = load_network(io.BytesIO(checkpoint_bytes(network)))
    for twin in (folded, network.copy(), pickle.loads(pickle.dumps(network)), saved):
        np.testing.assert_allclose(twin.predict_proba(x), expected, atol=1e-6)


def test_dropout_is_added_behind_dense_layers_alone() -> None:
    network = Recipe(filters=(4,), hidden=(8, 8)).build_network(rng=np.random.default_rng(0))
    set_dropout(network, 0.2)
    kinds = [layer.kind for layer in network.layers]
    assert kinds.count("dropout") == 2
    assert "dropout" not in kinds[: kinds.index("flatten")]


def test_a_few_steps_learn_to_tell_digits_apart(mnist: tuple[Dataset, Dataset]) -> None:
    recipe = RECIPES["convolution"].replace(epochs=1, batch_size=32, validation=0)
    rng = np.random.default_rng(0)
    network = recipe.build_network(rng=rng)
    exhaust(train(network, mnist[0][:3000], None, recipe, rng=rng))
    assert evaluate(network, mnist[1][:1000]).accuracy > 0.85
