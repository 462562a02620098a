"""A training run as a film: each frame is the prediction of that moment's network."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image

from nn import RECIPES, Network
from nn.layers import Dense
from ui.view import elements, film
from ui.view.film import Film


@dataclass(frozen=True)
class Moment:
    epoch: float
    step: int
    kept: Network

    def network(self) -> Network:
        return self.kept.copy()


def moments(count: int, **changes: object) -> list[Moment]:
    """Networks in which units with higher numbers move further."""
    recipe = RECIPES["deep"].replace(**{"hidden": (20, 8), **changes})
    network = recipe.build_network(rng=np.random.default_rng(5))
    dense = next(layer for layer in network.layers if isinstance(layer, Dense))
    found = []
    for step in range(count):
        found.append(Moment(step / 4, step, network.copy()))
        dense.W[...] += np.linspace(0.01, 0.2, dense.outputs, dtype=np.float32)
    return found


@pytest.fixture
def drawing(rng: np.random.Generator) -> np.ndarray:
    return rng.random(784, dtype=np.float32)


def test_a_frame_has_the_networks_prediction_for_the_drawing(drawing: np.ndarray) -> None:
    film, some = Film("run-1"), moments(4)
    film.show(some, drawing)
    for moment in some:
        frame = film.frames[moment.step]
        expected = moment.kept.predict_proba(drawing[None])[0]
        np.testing.assert_allclose(frame["probabilities"], expected, atol=5.1e-5)
        assert (frame["epoch"], frame["step"]) == (moment.epoch, moment.step)


def test_a_frame_has_the_activations_of_the_first_layers_units(drawing: np.ndarray) -> None:
    [moment] = moments(1)
    network = moment.kept
    x = drawing[None]
    for layer in network.layers[:3]:  # dense, batch normalisation, Leaky ReLU
        x = layer.forward(x)
    activations = np.maximum(x[0], 0)
    shares = film.frame(moment, drawing, range(20))["answers"]
    np.testing.assert_allclose(shares, activations / activations.max(), atol=1e-3)


def test_the_units_shown_are_those_whose_weights_moved_most() -> None:
    film = Film("run-1")
    film.show(moments(3), None)
    assert film.units == tuple(range(19, 7, -1))
    assert film.frames[0]["probabilities"] is None


def test_without_hidden_layers_the_ten_outputs_are_shown(drawing: np.ndarray) -> None:
    film = Film("run-1")
    film.show(moments(3, hidden=(), batch_norm=False, dropout=0.0), drawing)
    assert sorted(film.units) == list(range(10))
    assert len(film.frames[2]["answers"]) == 10


def test_a_tile_shows_weights_as_light_and_dark_around_a_middle() -> None:
    weights = np.zeros((784, 2), np.float32)
    weights[0, 0], weights[28, 0], weights[783, 1] = 0.5, -0.5, 4.0
    levels = film.tiles(weights, np.array([0.5, 2.0], np.float32))
    assert levels.shape == (28, 56)
    assert (levels[0, 0], levels[1, 0], levels[27, 55]) == (15, 0, 15)
    assert set(np.unique(levels)) == {0, 8, 15}


CONVOLUTION = {"filters": (14, 3), "kernel_size": 5}


def convolutional_moments(count: int) -> list[Moment]:
    """Networks in which filters with higher numbers move further."""
    recipe = RECIPES["deep"].replace(**CONVOLUTION, hidden=(8,))
    network = recipe.build_network(rng=np.random.default_rng(5))
    filters = network.layers[1].W
    found = []
    for step in range(count):
        found.append(Moment(step / 4, step, network.copy()))
        filters += np.linspace(0.01, 0.2, len(filters), dtype=np.float32)[:, None, None, None]
    return found


def test_of_a_convolution_the_filters_that_moved_most_are_shown(drawing: np.ndarray) -> None:
    shown, some = Film("run-1"), convolutional_moments(3)
    shown.show(some, drawing)
    assert shown.filters
    assert shown.units == tuple(range(13, 1, -1))
    W = some[1].kept.layers[1].W[13, 0]  # (5, 5)
    tile = shown.rows[1][:, :28]
    rows = np.arange(28) * 5 // 28
    shares = np.clip(W[rows][:, rows] / shown.scale[0], -1, 1)
    np.testing.assert_array_equal(tile, np.rint((shares + 1) / 2 * 15))
    dense = Film("run-2")
    dense.show(moments(2), drawing)
    assert not dense.filters


def test_a_filters_activation_is_its_largest_at_any_place(drawing: np.ndarray) -> None:
    [moment] = convolutional_moments(1)
    x = drawing[None]
    for layer in moment.kept.layers[:4]:  # unflatten, convolution, normalisation, Leaky ReLU
        x = layer.forward(x)
    largest = np.maximum(x[0].max(axis=(1, 2)), 0)
    shares = film.frame(moment, drawing, range(14))["answers"]
    np.testing.assert_allclose(shares, largest / largest.max(), atol=1e-3)


def test_the_picture_has_one_row_of_tiles_per_moment_in_the_slates_colours() -> None:
    film, some = Film("run-1"), moments(3)
    film.show(some, None)
    raw = base64.b64decode(film.picture.removeprefix("data:image/png;base64,"))
    image = Image.open(io.BytesIO(raw))
    assert image.size == (12 * 28, 3 * 28)
    assert image.getpalette()[:48] is not None
    colours = np.asarray(image.convert("RGB")).reshape(-1, 3)
    assert (colours.min(axis=0) >= elements.SLATE).all()
    assert (colours.max(axis=0) <= elements.INK).all()
    pixels = np.asarray(image)
    np.testing.assert_array_equal(pixels[28:56], film.rows[1])


def test_only_what_is_new_is_computed(monkeypatch: pytest.MonkeyPatch, drawing: np.ndarray) -> None:
    computed: list[int] = []
    real = film.frame

    def counted(moment: Moment, *others: object) -> dict:
        computed.append(moment.step)
        return real(moment, *others)

    monkeypatch.setattr(film, "frame", counted)
    shown, some = Film("run-1"), moments(5)
    shown.show(some[:3], drawing)
    picture = shown.picture
    shown.show(some[:3], drawing)
    assert computed == [0, 1, 2]
    assert shown.picture is picture
    shown.show([some[0], some[2], some[4]], drawing)
    assert computed == [0, 1, 2, 4]
    assert list(shown.frames) == list(shown.rows) == [0, 2, 4]
    shown.show([some[0], some[2], some[4]], 1 - drawing)
    assert computed == [0, 1, 2, 4, 0, 2, 4]
