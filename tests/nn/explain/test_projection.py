from __future__ import annotations

import numpy as np
import pytest

from nn import RECIPES, Dataset, Network
from nn.explain.projection import Projection, last_hidden, principal_components, turned_onto
from nn.layers import Dense
from tests.helpers import inputs_of, tiny_recipe


@pytest.fixture
def cloud(rng: np.random.Generator) -> np.ndarray:
    """Five hundred samples of forty numbers, of very different and correlated spreads."""
    spreads = np.geomspace(10, 0.1, 40)
    mixture = np.linalg.qr(rng.standard_normal((40, 40)))[0]
    return rng.standard_normal((500, 40)) * spreads @ mixture + rng.standard_normal(40)


def by_eigenvectors(x: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The textbook's way: all eigenvalues and eigenvectors of the covariance, largest first."""
    values, vectors = np.linalg.eigh(np.cov(x.T))
    return values[::-1][:count], vectors[:, ::-1][:, :count]


def test_axes_are_eigenvectors_of_the_covariance(
    cloud: np.ndarray, rng: np.random.Generator
) -> None:
    found = principal_components(cloud, 3, rng=rng)
    values, vectors = by_eigenvectors(cloud, 3)
    assert found.kept == pytest.approx(values.sum(), rel=1e-6)
    assert found.total == pytest.approx(np.trace(np.cov(cloud.T)), rel=1e-12)
    np.testing.assert_allclose(np.abs((found.axes * vectors).sum(axis=0)), 1, atol=1e-6)
    np.testing.assert_allclose(found.axes.T @ found.axes, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(found.project(cloud).mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(found.project(cloud).var(axis=0, ddof=1), values, rtol=1e-5)


def test_each_axis_points_to_its_largest_coordinate(
    cloud: np.ndarray, rng: np.random.Generator
) -> None:
    for axis in principal_components(cloud, 4, rng=rng).axes.T:
        assert axis[np.abs(axis).argmax()] > 0


def test_what_is_found_does_not_depend_on_where_the_search_begins(cloud: np.ndarray) -> None:
    one, other = (
        principal_components(cloud, 2, rng=np.random.default_rng(seed)).project(cloud)
        for seed in (1, 2)
    )
    np.testing.assert_allclose(one, other, atol=0.05)  # of a spread of 10
    assert np.abs(one - other).mean() < 1e-3


def test_components_agree_with_scikit_learn_on_a_trained_networks_hidden_layer(
    mnist: tuple[Dataset, Dataset], reader: Network, rng: np.random.Generator
) -> None:
    decomposition = pytest.importorskip(
        "sklearn.decomposition",
        reason="needs scikit-learn: python -m pip install -r requirements-reference.txt",
    )
    hidden = last_hidden(reader, inputs_of(mnist[1][:1500]))
    theirs = decomposition.PCA(2, svd_solver="full").fit(hidden.astype(np.float64))
    ours = principal_components(hidden, 2, rng=rng)
    assert ours.kept == pytest.approx(theirs.explained_variance_.sum(), rel=1e-5)
    assert ours.share == pytest.approx(theirs.explained_variance_ratio_.sum(), rel=1e-5)
    points, expected = ours.project(hidden), theirs.transform(hidden)
    signs = np.sign((points * expected).sum(axis=0))  # theirs may point the other way
    spread = np.sqrt(theirs.explained_variance_.sum())
    np.testing.assert_allclose(points * signs, expected, atol=0.01 * spread)


def test_more_units_than_samples_are_no_hindrance(rng: np.random.Generator) -> None:
    x = rng.standard_normal((12, 300)).astype(np.float32)
    x[:, 7] *= 40
    found = principal_components(x, 1, rng=rng)
    assert found.axes.dtype == np.float32
    assert abs(found.axes[7, 0]) > 0.9


def test_samples_that_do_not_differ_keep_no_variance(rng: np.random.Generator) -> None:
    found = principal_components(np.ones((10, 5), np.float32), 2, rng=rng)
    assert (found.kept, found.share) == (0.0, 0.0)
    assert np.isfinite(found.axes).all()


def test_fewer_directions_than_samples_have_cannot_be_asked_for(rng: np.random.Generator) -> None:
    for x, count in ((np.ones((1, 5)), 2), (np.ones((9, 2)), 3), (np.ones((9, 2)), 0)):
        with pytest.raises(ValueError, match=r"two samples or more with .* numbers or more each"):
            principal_components(x, count, rng=rng)


def test_numbers_that_are_not_finite_are_refused(rng: np.random.Generator) -> None:
    with pytest.raises(ValueError, match="expected finite samples"):
        principal_components(np.array([[1.0, np.nan], [0.0, 1.0]]), 1, rng=rng)


def rotation(angle: float) -> np.ndarray:
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def test_a_map_that_was_turned_and_mirrored_is_laid_back(rng: np.random.Generator) -> None:
    reference = rng.standard_normal((50, 2))
    points = reference @ rotation(2.0) @ np.diag([1.0, -1.0])
    np.testing.assert_allclose(points @ turned_onto(points, reference), reference, atol=1e-12)


def test_no_other_rotation_brings_points_nearer(rng: np.random.Generator) -> None:
    reference = rng.standard_normal((50, 2))
    points = rng.standard_normal((50, 2)) + reference
    best = turned_onto(points, reference)
    np.testing.assert_allclose(best.T @ best, np.eye(2), atol=1e-12)
    least = np.linalg.norm(points @ best - reference)
    for angle in np.linspace(0, 2 * np.pi, 60):
        for mirror in (np.eye(2), np.diag([1.0, -1.0])):
            other = points @ rotation(angle) @ mirror
            assert np.linalg.norm(other - reference) >= least - 1e-12


def test_a_turned_view_turns_its_points(cloud: np.ndarray, rng: np.random.Generator) -> None:
    view = principal_components(cloud, 2, rng=rng)
    turn = rotation(0.7)
    np.testing.assert_allclose(view.turned(turn).project(cloud), view.project(cloud) @ turn)
    assert view.turned(turn).share == view.share


def test_maps_of_different_digits_are_not_laid_over_each_other() -> None:
    with pytest.raises(ValueError, match="as many points as in"):
        turned_onto(np.ones((3, 2)), np.ones((4, 2)))


def test_the_last_hidden_layer_is_what_the_outputs_are_made_of(
    digits: Dataset, rng: np.random.Generator
) -> None:
    network = tiny_recipe("deep", hidden=(24, 16)).build_network(rng=rng)
    before = network.params.copy()
    x = inputs_of(digits)
    hidden = last_hidden(network, x)
    assert hidden.shape == (40, 16)
    np.testing.assert_allclose(
        hidden @ network.layers[-1].W + network.layers[-1].b, network.forward(x), atol=1e-4
    )
    np.testing.assert_array_equal(network.params, before)


def test_a_network_without_hidden_layers_is_seen_by_its_inputs(digits: Dataset) -> None:
    network = Network([Dense(784, 10)])
    np.testing.assert_array_equal(last_hidden(network, inputs_of(digits)), inputs_of(digits))


def test_the_map_of_a_network_moves_less_than_its_axes_alone_would(
    mnist: tuple[Dataset, Dataset],
) -> None:
    """Two steps of a training: laid over each other, the pictures nearly agree."""
    x = inputs_of(mnist[1][:300])
    network = RECIPES["adam"].replace(hidden=(64,)).build_network(rng=np.random.default_rng(3))
    before = principal_components(last_hidden(network, x), rng=np.random.default_rng(1))
    points = before.project(last_hidden(network, x))
    network.params += 0.002 * np.random.default_rng(4).standard_normal(len(network.params))
    after = principal_components(last_hidden(network, x), rng=np.random.default_rng(2))
    hidden = last_hidden(network, x)
    mirrored = Projection(after.mean, -after.axes[:, ::-1], after.kept, after.total)
    laid = mirrored.turned(turned_onto(mirrored.project(hidden), points)).project(hidden)
    spread = np.sqrt(before.kept)
    assert np.abs(laid - points).mean() < 0.1 * spread
    assert np.abs(mirrored.project(hidden) - points).mean() > 0.5 * spread
