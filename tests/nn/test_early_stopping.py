"""Early stopping: when training ends, and which parameters the network has then."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from nn import Dataset, Network, Progress, Recipe, RecipeError, train
from nn.training import Best, Training
from tests.helpers import tiny_recipe

NOISY = tiny_recipe(learning_rate=0.02, epochs=30, validation=60)
KINDS = {
    "plain": {},
    "batch_norm": {"batch_norm": True, "dropout": 0.2},
    "weight_average": {"weight_average": 0.8},
    "all": {"batch_norm": True, "weight_average": 0.8, "schedule": "cosine", "warmup": 1},
}


@pytest.fixture
def data(mnist: tuple[Dataset, Dataset]) -> tuple[Dataset, Dataset]:
    return mnist[0][:100], mnist[0][100:160]


def with_result(training: Training) -> Iterator[Progress]:
    yield (yield from training)


def run(
    data: tuple[Dataset, Dataset], recipe: Recipe, **more: object
) -> tuple[Network, list[Progress], list[tuple[float, Network]]]:
    """The network, all progress, and each epoch's validation accuracy with its network.

    The latest progress is what the training returns.
    """
    rng = np.random.default_rng(1)
    network = recipe.build_network(rng=rng)
    events, epochs = [], []
    for progress in with_result(train(network, *data, recipe, rng=rng, **more)):
        events.append(progress)
        if progress.validation is not None:
            epochs.append((progress.validation.accuracy, progress.snapshot()))
    return network, events, epochs


def best_of(epochs: list[tuple[float, Network]]) -> int:
    """The first epoch with the best accuracy, counted from 1."""
    accuracies = [accuracy for accuracy, _ in epochs]
    return accuracies.index(max(accuracies)) + 1


def assert_same(network: Network, expected: Network | Best) -> None:
    np.testing.assert_array_equal(network.params, expected.params)
    np.testing.assert_array_equal(network.statistics, expected.statistics)


@pytest.mark.parametrize("kind", KINDS)
def test_training_ends_when_the_best_epoch_is_that_old_and_goes_back_to_it(
    data: tuple[Dataset, Dataset], kind: str
) -> None:
    recipe = NOISY.replace(**KINDS[kind])
    _, everything, epochs = run(data, recipe)
    patience = 3
    stop = next(n for n in range(1, 31) if n - best_of(epochs[:n]) == patience)
    best = best_of(epochs[:stop])
    assert 1 < best < stop < 30
    network, events, seen = run(data, recipe.replace(patience=patience))
    assert len(seen) == events[-1].epoch == stop
    assert [event.ended for event in events if event.epoch_end] == [False] * (stop - 1) + [True]
    assert_same(network, epochs[best - 1][1])
    assert_same(events[-1].snapshot(), network)
    rates = [event.learning_rate for event in events[:-1]]
    assert rates == [event.learning_rate for event in everything][: len(rates)]
    assert_same(seen[-1][1], epochs[stop - 1][1])  # until then it trains as it would without
    assert not np.array_equal(network.params, seen[-1][1].params)


def test_where_all_epochs_were_done_the_best_is_kept_too(data: tuple[Dataset, Dataset]) -> None:
    network, events, epochs = run(data, NOISY.replace(patience=30))
    assert events[-1].epoch == 30
    assert best_of(epochs) < 30
    assert_same(network, epochs[best_of(epochs) - 1][1])
    last, _, without = run(data, NOISY)
    assert_same(last, without[-1][1])


def test_an_epoch_that_is_as_good_is_not_a_better_one(data: tuple[Dataset, Dataset]) -> None:
    recipe = NOISY.replace(optimizer="gd", learning_rate=1e-9, patience=2)
    network, events, epochs = run(data, recipe)
    assert len({accuracy for accuracy, _ in epochs}) == 1
    assert events[-1].epoch == 3
    assert_same(network, epochs[0][1])


def test_a_run_that_was_interrupted_goes_back_to_a_best_epoch_before(
    data: tuple[Dataset, Dataset],
) -> None:
    best = Best(4, 1.0, *(np.full_like(each, 0.5) for each in vectors(NOISY)))
    recipe = NOISY.replace(patience=3)
    network, events, _ = run(data, recipe, position=5.5, step=55, best=best)
    assert (events[0].epoch, events[-1].epoch) == (5, 7)
    assert_same(network, best)
    _, events, _ = run(data, recipe, position=7.0, step=70, best=best)
    assert events[-1].step == 70  # it had ended
    network, events, _ = run(data, NOISY, position=5.5, step=55, best=best)
    assert events[-1].epoch == 30
    assert not np.array_equal(network.params, best.params)


def vectors(recipe: Recipe) -> tuple[np.ndarray, np.ndarray]:
    network = recipe.build_network(rng=np.random.default_rng(0))
    return network.params, network.statistics


def test_without_a_validation_set_there_is_no_early_stopping(data: tuple[Dataset, Dataset]) -> None:
    says = "patience: expected 0 without a validation set, got 2; use 0, or keep samples"
    with pytest.raises(RecipeError, match=says):
        tiny_recipe(patience=2)
    recipe = NOISY.replace(patience=2)
    network = recipe.build_network(rng=np.random.default_rng(0))
    with pytest.raises(RecipeError, match=says):
        next(train(network, data[0], None, recipe, rng=np.random.default_rng(0)))


def test_recipes_from_before_there_was_a_patience_have_none() -> None:
    values = NOISY.to_dict()
    del values["patience"]
    assert Recipe.from_dict(values) == NOISY
