from __future__ import annotations

import math
import subprocess
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nn import (
    RECIPES,
    Dataset,
    DivergenceError,
    Network,
    Recipe,
    RecipeError,
    evaluate,
    split_validation,
    train,
)
from nn.layers import Dropout
from tests.helpers import cross_entropy, exhaust, inputs_of, tiny_recipe, trained

MEMORY = 300  # MB that a training on all of MNIST may take, Python included


def started(data: Dataset, recipe: Recipe, *, seed: int = 0, **options: type) -> tuple:
    """A fresh network and the generator that will train it."""
    rng = np.random.default_rng(seed)
    network = recipe.build_network(rng=rng, **options)
    return network, train(network, data, None, recipe, rng=rng)


def original_script(
    images: np.ndarray, labels: np.ndarray, start: Network, *, steps: int, learning_rate: float
) -> tuple[list[np.ndarray], list[float]]:
    """The script that this project started from, in float64: parameters and each step's loss."""
    X, Y, n = images / 255, np.eye(10)[labels], len(labels)
    W1, b1, W2, b2 = (array.astype(np.float64) for array in start.arrays().values())
    losses = []
    for _ in range(steps):
        Z1 = X @ W1 + b1
        A1 = np.where(Z1 > 0, Z1, 0.004 * Z1)
        Z2 = A1 @ W2 + b2
        E = np.exp(Z2 - Z2.max(axis=1, keepdims=True))
        P = E / E.sum(axis=1, keepdims=True)
        losses.append(-np.mean(np.sum(Y * np.log(P + 1e-8), axis=1)))
        dZ2 = (P - Y) / n
        dZ1 = (dZ2 @ W2.T) * np.where(Z1 > 0, 1.0, 0.004)
        W1, b1 = W1 - learning_rate * (X.T @ dZ1), b1 - learning_rate * dZ1.sum(axis=0)
        W2, b2 = W2 - learning_rate * (A1.T @ dZ2), b2 - learning_rate * dZ2.sum(axis=0)
    return [W1, b1, W2, b2], losses


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-10), (np.float32, 1e-5)])
def test_the_original_recipe_takes_the_steps_of_the_original_script(
    mnist: tuple[Dataset, Dataset], dtype: type, tolerance: float
) -> None:
    data, recipe = mnist[0][:2500], RECIPES["original"].replace(epochs=5)
    network, events = started(data, recipe, dtype=dtype)
    expected, losses = original_script(
        data.images, data.labels, network, steps=5, learning_rate=0.3
    )
    ends = [event for event in events if event.epoch_end]
    np.testing.assert_allclose([event.loss for event in ends], losses, rtol=tolerance)
    assert losses[-1] < losses[0]
    for (name, found), array in zip(network.arrays().items(), expected, strict=True):
        np.testing.assert_allclose(found, array, rtol=0, atol=tolerance, err_msg=name)


def test_two_epochs_of_adam_read_nineteen_digits_of_twenty(mnist: tuple[Dataset, Dataset]) -> None:
    train_set, test_set = mnist
    recipe = RECIPES["adam"].replace(epochs=2)
    network = trained(split_validation(train_set, recipe)[0], recipe)
    assert evaluate(network, test_set).accuracy > 0.955


LEARNING_RATES = {"gd": 0.1, "momentum": 0.02, "nesterov": 0.02}


@settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    hidden=st.lists(st.integers(12, 48), min_size=1, max_size=3).map(tuple),
    activation=st.sampled_from(["leaky_relu", "relu", "tanh"]),
    batch_norm=st.booleans(),
    optimizer=st.sampled_from(["gd", "momentum", "nesterov", "rmsprop", "adam", "adamw"]),
    samples=st.integers(20, 40),
    seed=st.integers(0, 1000),
)
def test_any_architecture_learns_a_few_digits_by_heart(
    mnist: tuple[Dataset, Dataset],
    hidden: tuple[int, ...],
    activation: str,
    batch_norm: bool,
    optimizer: str,
    samples: int,
    seed: int,
) -> None:
    data = mnist[0][seed : seed + samples]
    recipe = Recipe(
        hidden=hidden,
        activation=activation,
        batch_norm=batch_norm,
        optimizer=optimizer,
        learning_rate=LEARNING_RATES.get(optimizer, 0.003),
        batch_size=None,
        epochs=300,
    )
    assert evaluate(trained(data, recipe, seed=seed), data).accuracy == 1.0


@pytest.mark.parametrize("base", ["adam", "deep", "best"])
def test_the_seed_decides_every_weight(digits: Dataset, base: str) -> None:
    recipe = tiny_recipe(base)
    first, again, other = (trained(digits, recipe, seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.params, again.params)
    np.testing.assert_array_equal(first.statistics, again.statistics)
    assert not np.array_equal(first.params, other.params)


def test_samples_are_shuffled_anew_every_epoch_without_loss(digits: Dataset) -> None:
    marked = Dataset(np.zeros_like(digits.images), digits.labels)
    marked.images[np.arange(40), np.arange(40)] = 255  # sample i lights pixel i
    orders = []
    network, events = started(marked, tiny_recipe(batch_size=1, optimizer="gd"))
    for before, event in zip([0, *range(80)], events, strict=False):
        if event.step > before:  # the gradient of W is that of the lit pixel's row
            orders.append(int(np.flatnonzero(network.layers[0].dW.any(axis=1))[0]))
    assert sorted(orders[:40]) == sorted(orders[40:80]) == list(range(40))
    assert orders[:40] != orders[40:80]


def test_pauses_and_other_work_between_steps_change_nothing(digits: Dataset) -> None:
    recipe = tiny_recipe("deep", epochs=3)
    expected = trained(digits, recipe)
    network, events = started(digits, recipe)
    other, others = started(digits, tiny_recipe("adam"), seed=8)
    while list(islice(events, 3)):
        list(islice(others, 2))
        np.random.default_rng(0).random(100)
        network.predict_proba(inputs_of(digits))
    np.testing.assert_array_equal(network.params, expected.params)
    np.testing.assert_array_equal(other.params, trained(digits, tiny_recipe(), seed=8).params)


def test_closing_leaves_the_network_as_the_latest_step_left_it(digits: Dataset) -> None:
    recipe = tiny_recipe(epochs=3)
    network, events = started(digits, recipe)
    *_, latest = islice(events, 6)
    before = network.params.copy()
    events.close()
    assert list(events) == []
    assert latest.step == 5
    np.testing.assert_array_equal(network.params, before)
    second = exhaust(train(network, digits, None, recipe, rng=np.random.default_rng(1)))
    assert second[-1].step == 12  # it can be trained again, from the start of a recipe


def test_progress_counts_steps_epochs_and_digits(digits: Dataset) -> None:
    recipe = tiny_recipe(batch_size=15, epochs=3)  # 15, 15 and 10 of 40
    events = exhaust(started(digits, recipe)[1])
    first, last, ends = events[0], events[-1], [event for event in events if event.epoch_end]
    assert (first.step, first.epoch, first.position, first.epoch_end) == (0, 0, 0.0, False)
    assert math.isnan(first.loss)
    assert [(end.epoch, end.step, end.position) for end in ends] == [
        (1, 3, 1),
        (2, 6, 2),
        (3, 9, 3),
    ]
    assert last is ends[-1]
    positions = [event.position for event in events]
    assert positions[:4] == pytest.approx([0, 15 / 40, 30 / 40, 1])
    assert positions == sorted(positions)
    assert all(event.validation is None for event in events)


def test_progress_tells_the_mean_loss_and_accuracy_of_the_epoch(digits: Dataset) -> None:
    recipe = tiny_recipe(optimizer="gd", learning_rate=1e-30, label_smoothing=0.2)  # stands still
    network, events = started(digits, recipe)
    *_, end = events
    logits = network.forward(inputs_of(digits))
    loss, _ = cross_entropy(logits, digits.labels, label_smoothing=0.2)
    assert end.loss == pytest.approx(loss, rel=1e-5)
    assert end.accuracy == pytest.approx((logits.argmax(axis=1) == digits.labels).mean())


def test_validation_is_that_of_the_network_at_the_end_of_the_epoch(digits: Dataset) -> None:
    rng, recipe = np.random.default_rng(0), tiny_recipe("best", label_smoothing=0.0)
    network = recipe.build_network(rng=rng)
    for event in train(network, digits[:30], digits[30:], recipe, rng=rng):
        assert (event.validation is not None) == event.epoch_end
        if event.validation is not None:
            expected = evaluate(event.snapshot(), digits[30:])
            assert event.validation.loss == expected.loss
            np.testing.assert_array_equal(event.validation.confusion, expected.confusion)


def test_validation_does_not_change_what_is_learnt(digits: Dataset) -> None:
    rng, recipe = np.random.default_rng(0), tiny_recipe("deep")
    network = recipe.build_network(rng=rng)
    exhaust(train(network, digits, digits, recipe, rng=rng))
    np.testing.assert_array_equal(network.params, trained(digits, recipe).params)


def test_a_snapshot_does_not_change_as_the_training_goes_on(digits: Dataset) -> None:
    network, events = started(digits, tiny_recipe("deep"))
    event = next(islice(events, 3, None))
    snapshot = event.snapshot()
    np.testing.assert_array_equal(snapshot.params, network.params)
    before, statistics = snapshot.params.copy(), snapshot.statistics.copy()
    exhaust(events)
    np.testing.assert_array_equal(snapshot.params, before)
    np.testing.assert_array_equal(snapshot.statistics, statistics)
    assert not np.array_equal(network.params, before)


def test_a_sent_learning_rate_holds_from_the_next_step_on(digits: Dataset) -> None:
    recipe = tiny_recipe(optimizer="gd", learning_rate=0.1)
    network, events = started(digits, recipe)
    assert [event.learning_rate for event in islice(events, 3)][1:] == [0.1, 0.1]
    before = network.params.copy()
    event = events.send(recipe.replace(learning_rate=0.02))
    assert (event.step, event.learning_rate, event.recipe.learning_rate) == (3, 0.02, 0.02)
    expected = before - np.float32(0.02) * network.grads
    np.testing.assert_allclose(network.params, expected, rtol=0, atol=1e-7)
    rest = exhaust(events)
    assert {event.learning_rate for event in rest} == {0.02}
    assert not np.allclose(network.params, trained(digits, recipe).params, atol=1e-4)


def test_a_sent_dropout_holds_from_the_next_step_on(digits: Dataset) -> None:
    recipe = tiny_recipe(hidden=(400,), dropout=0.1, batch_size=1, epochs=1)
    network, events = started(digits, recipe)

    def dropped() -> float:
        return float((network.layers[0].db == 0).mean())

    exhaust(islice(events, 3))
    assert dropped() == pytest.approx(0.1, abs=0.06)
    event = events.send(recipe.replace(dropout=0.8))
    assert event.recipe.dropout == 0.8
    assert dropped() == pytest.approx(0.8, abs=0.06)


def test_the_recipe_decides_the_dropout_of_a_network_that_was_built_with_another(
    digits: Dataset,
) -> None:
    network = tiny_recipe(dropout=0.5).build_network(rng=np.random.default_rng(0))
    exhaust(train(network, digits, None, tiny_recipe(), rng=np.random.default_rng(0)))
    assert [layer.rate for layer in network.layers if isinstance(layer, Dropout)] == [0.0]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"weight_decay": 0.1}, "weight_decay: fixed during a training run; only batch_size, "),
        ({"epochs": 9, "learning_rate": 0.2}, "epochs: fixed"),
        ({"hidden": (16, 16), "augment": 1.0}, "augment, hidden: fixed"),
        ({"batch_size": 41}, "batch_size: expected at most the 40 training samples, got 41"),
    ],
)
def test_a_sent_change_of_what_is_fixed_is_refused(
    digits: Dataset, change: dict, says: str
) -> None:
    recipe = tiny_recipe()
    _, events = started(digits, recipe)
    next(events)
    with pytest.raises(RecipeError, match=says):
        events.send(recipe.replace(**change))


def test_a_sent_dropout_reaches_a_network_without_dropout_layers(digits: Dataset) -> None:
    recipe = tiny_recipe(hidden=(400, 100), batch_size=1, epochs=1)
    network, events = started(digits, recipe)
    exhaust(islice(events, 3))
    before = network.predict_proba(inputs_of(digits))
    events.send(recipe.replace(dropout=0.8))
    hidden = ["dense", "leaky_relu", "dropout"]
    assert [layer.kind for layer in network.layers] == [*hidden, *hidden, "dense"]
    assert float((network.layers[0].db == 0).mean()) == pytest.approx(0.8, abs=0.06)
    assert not np.array_equal(network.predict_proba(inputs_of(digits)), before)


def test_a_sent_batch_size_goes_on_within_the_order_of_the_epoch(digits: Dataset) -> None:
    marked = Dataset(np.zeros_like(digits.images), digits.labels)
    marked.images[np.arange(40), np.arange(40)] = 255  # sample i lights pixel i
    recipe = tiny_recipe(batch_size=3, optimizer="gd")
    network, events = started(marked, recipe)
    sizes, seen = [], []
    positions = [next(events).position]
    for size in (3, 3, 7, 1, None, 20):  # the last one in the second epoch
        positions.append(events.send(recipe.replace(batch_size=size)).position)
        rows = np.flatnonzero(network.layers[0].dW.any(axis=1))
        sizes.append(len(rows))
        seen += rows.tolist()
    assert sizes == [3, 3, 7, 1, 26, 20]
    assert sorted(seen[:40]) == list(range(40))
    assert positions == pytest.approx([0, 3 / 40, 6 / 40, 13 / 40, 14 / 40, 1, 1.5])


@pytest.mark.parametrize("batch_norm", [False, True])
def test_a_lone_sample_that_a_sent_batch_size_leaves_over_is_not_normalised(
    digits: Dataset, batch_norm: bool
) -> None:
    recipe = tiny_recipe(batch_size=10, batch_norm=batch_norm, epochs=1)
    _, events = started(digits, recipe)
    exhaust(islice(events, 2))  # 10 of 40
    events.send(recipe.replace(batch_size=29))  # 29 and 1
    *_, last = events
    assert (last.step, last.epoch) == (2 if batch_norm else 3, 1)


def test_the_schedule_goes_on_from_the_same_position_at_another_batch_size(
    digits: Dataset,
) -> None:
    recipe = tiny_recipe(schedule="cosine", epochs=2, learning_rate=0.1)  # 4 steps an epoch
    _, events = started(digits, recipe)
    exhaust(islice(events, 3))
    event = events.send(recipe.replace(batch_size=5))  # 8 steps an epoch
    found = [(event.position, event.learning_rate)]
    found += [(event.position, event.learning_rate) for event in events if not event.epoch_end]
    ends = np.array([position for position, _ in found])
    starts = ends - 5 / 40
    expected = 0.05 * (1 + np.cos(np.pi * starts / 2))
    assert len(found) == 4 - 1 + 8 - 1
    np.testing.assert_allclose([rate for _, rate in found], expected, rtol=1e-12)


def test_a_sent_optimizer_starts_afresh_at_the_next_step(digits: Dataset) -> None:
    recipe = tiny_recipe(optimizer="momentum", learning_rate=0.1)
    network, events = started(digits, recipe)
    exhaust(islice(events, 3))
    before = network.params.copy()
    changed = recipe.replace(optimizer="adam", learning_rate=0.01)
    event = events.send(changed)
    assert (event.step, event.recipe) == (3, changed)
    # Adam's first step is the learning rate along the gradient's sign, whatever came before.
    moving = np.abs(network.grads) > 1e-5
    moves = (network.params - before)[moving]
    np.testing.assert_allclose(moves, -0.01 * np.sign(network.grads[moving]), rtol=0.01)


def test_a_sent_momentum_keeps_the_velocity(digits: Dataset) -> None:
    recipe = tiny_recipe(optimizer="momentum", learning_rate=0.1, momentum=0.9)
    network, events = started(digits, recipe)
    exhaust(islice(events, 2))
    velocity = network.grads.copy()  # after one step
    before = network.params.copy()
    events.send(recipe.replace(momentum=0.5))
    expected = before - 0.1 * (0.5 * velocity + network.grads)
    np.testing.assert_allclose(network.params, expected, rtol=0, atol=1e-6)


def test_progress_tells_the_loss_and_accuracy_of_the_latest_batch(digits: Dataset) -> None:
    recipe = tiny_recipe(batch_size=15, epochs=1)  # 15, 15 and 10 of 40
    first, *batches, end = exhaust(started(digits, recipe)[1])
    assert math.isnan(first.batch_loss)
    assert math.isnan(first.batch_accuracy)
    sizes = [15, 15, 10]
    for quantity in ("loss", "accuracy"):
        values = [getattr(event, f"batch_{quantity}") for event in (*batches, end)]
        assert np.dot(values, sizes) / 40 == pytest.approx(getattr(end, quantity))
        assert values[0] == getattr(batches[0], quantity)
        assert len(set(values)) > 1


@pytest.mark.parametrize(
    ("dtype", "changes", "what"),
    [
        (np.float32, {}, "the loss is no longer finite"),
        (np.float32, {"batch_norm": True}, "parameters are no longer finite"),
        (np.float64, {}, "the loss stayed at .*, above three times its first value"),
        (np.float32, {"optimizer": "adam"}, "the loss stayed at .*"),
        (np.float64, {"weight_average": 0.9}, "the loss stayed at .*"),
    ],
)
def test_a_training_that_diverges_stops_and_says_what_to_try(
    mnist: tuple[Dataset, Dataset], dtype: type, changes: dict, what: str
) -> None:
    settings = {"optimizer": "gd", "learning_rate": 1000, "batch_size": 20, "epochs": 40, **changes}
    network, events = started(mnist[0][:200], tiny_recipe(**settings), dtype=dtype)
    message = rf"training diverged: {what} at step \d+; try a learning rate well below 1000"
    with pytest.raises(DivergenceError, match=message) as refusal:
        exhaust(events)
    assert 5 <= refusal.value.step <= 60
    assert np.isfinite(network.params).all()
    assert np.isfinite(network.statistics).all()
    probabilities = network.predict_proba(inputs_of(mnist[1][:100], dtype))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-6)


@pytest.mark.parametrize(
    ("base", "changes", "steps"),
    [
        ("original", {"learning_rate": 1000, "epochs": 2}, 2),
        ("original", {"learning_rate": 10, "epochs": 5}, 5),
        ("adam", {"learning_rate": 1000, "epochs": 2, "batch_size": 20}, 20),
        ("adam", {"learning_rate": 1000, "epochs": 2, "schedule": "cosine"}, 40),
    ],
)
def test_a_training_too_short_to_be_watched_says_at_its_end_that_it_diverged(
    mnist: tuple[Dataset, Dataset], base: str, changes: dict, steps: int
) -> None:
    recipe = tiny_recipe(base, **{"batch_size": RECIPES[base].batch_size and 10, **changes})
    _, events = started(mnist[0][:200], recipe)
    what = f"when it ended at step {steps}; try a learning rate well below {recipe.learning_rate:g}"
    with pytest.raises(DivergenceError, match=f"far above that of guessing, {what}"):
        exhaust(events)


@pytest.mark.parametrize(
    ("base", "changes"),
    [
        *((name, {"epochs": epochs}) for name in RECIPES for epochs in (1, 3)),
        ("adam", {"learning_rate": 0.3, "epochs": 4}),
        ("original", {"learning_rate": 1.0, "epochs": 5}),
        ("adam", {"hidden": (64, 64, 64, 64), "dropout": 0.95}),
        ("adam", {"optimizer": "gd", "learning_rate": 1e-9, "hidden": (32,) * 6, "dropout": 0.95}),
    ],
)
def test_no_recipe_and_no_high_but_honest_setting_is_called_divergence(
    mnist: tuple[Dataset, Dataset], base: str, changes: dict
) -> None:
    settings = {"batch_size": RECIPES[base].batch_size and 10, "filters": (), **changes}
    _, events = started(mnist[0][:200], tiny_recipe(base, **settings))
    assert exhaust(events)[-1].epoch == settings.get("epochs", 2)


def test_divergence_gives_back_what_was_learnt_before_it(mnist: tuple[Dataset, Dataset]) -> None:
    data, recipe = mnist[0][:200], tiny_recipe(batch_size=20, epochs=40, learning_rate=0.003)
    network, events = started(data, recipe)
    exhaust(islice(events, 130))
    events.send(recipe.replace(learning_rate=10_000))
    with pytest.raises(DivergenceError, match="such as 1000"):
        exhaust(events)
    assert evaluate(network, data).accuracy > 0.9


def test_a_loss_above_a_tiny_first_one_but_below_guessing_is_no_divergence(
    digits: Dataset,
) -> None:
    rng, by_heart = np.random.default_rng(0), tiny_recipe(hidden=(64,), epochs=60)
    network = by_heart.replace(dropout=0.5).build_network(rng=rng)
    exhaust(train(network, digits, None, by_heart, rng=rng))
    gentle = by_heart.replace(optimizer="gd", learning_rate=1e-6, epochs=20)
    events = train(network, digits, None, gentle, rng=rng)
    first = next(islice(events, 1, None)).loss
    events.send(gentle.replace(dropout=0.4))  # now it makes mistakes
    *_, last = events
    assert 3 * first < last.loss < math.log(10)
    assert last.step == 80


def test_a_network_that_is_not_finite_to_begin_with_diverges_at_its_first_step(
    digits: Dataset,
) -> None:
    network, events = started(digits, tiny_recipe())
    network.params[-1] = math.nan  # an output's bias: no blank pixel leaves it out
    with pytest.raises(DivergenceError, match="the loss is no longer finite at step 1"):
        exhaust(events)


def test_the_average_of_weights_is_what_predicts(digits: Dataset) -> None:
    plain = tiny_recipe(epochs=5)
    network, events = started(digits, plain.replace(weight_average=0.6))
    average, steps = network.params.astype(np.float64), 0
    for event in events:
        if event.step > steps:
            steps = event.step
            kept = min(0.6, steps / (steps + 10))  # early on, it forgets the random start
            average = kept * average + (1 - kept) * network.params
        np.testing.assert_allclose(event.snapshot().params, average, atol=1e-6)
        latest = network.params.copy()
    np.testing.assert_allclose(network.params, average, atol=1e-6)
    np.testing.assert_array_equal(latest, trained(digits, plain).params)  # it only watches
    assert not np.allclose(latest, average, atol=1e-4)


def test_a_gradient_is_clipped_to_its_norm(digits: Dataset) -> None:
    recipe = tiny_recipe(optimizer="gd", learning_rate=1.0)
    free, clipped = (started(digits, r) for r in (recipe, recipe.replace(clip_norm=0.05)))
    start = free[0].params.copy()
    moves = []
    for network, events in (free, clipped):
        exhaust(islice(events, 2))
        moves.append(network.params - start)
    assert np.linalg.norm(moves[0]) > 0.1
    assert np.linalg.norm(moves[1]) == pytest.approx(0.05, rel=1e-4)
    cosine = moves[0] @ moves[1] / np.linalg.norm(moves[0]) / np.linalg.norm(moves[1])
    assert cosine == pytest.approx(1.0, abs=1e-5)


def test_the_learning_rate_follows_its_schedule(digits: Dataset) -> None:
    recipe = tiny_recipe(schedule="cosine", warmup=0.5, epochs=2, learning_rate=0.1)  # 4 steps each
    rates = {event.step: event.learning_rate for event in started(digits, recipe)[1]}
    warm = [0.1 / 3, 0.2 / 3]
    falling = [0.05 * (1 + math.cos(math.pi * t / 6)) for t in range(6)]
    assert [rates[step] for step in range(1, 9)] == pytest.approx(warm + falling)


def test_validation_is_the_last_five_thousand(mnist: tuple[Dataset, Dataset]) -> None:
    train_set = mnist[0]
    fitting, validation = split_validation(train_set, RECIPES["adam"])
    assert (len(fitting), len(validation)) == (55_000, 5_000)
    np.testing.assert_array_equal(fitting.images, train_set.images[:55_000])
    np.testing.assert_array_equal(validation.labels, train_set.labels[55_000:])
    assert split_validation(train_set, RECIPES["original"]) == (train_set, None)


def test_the_first_samples_alone_are_trained_on(mnist: tuple[Dataset, Dataset]) -> None:
    train_set = mnist[0]
    fitting, validation = split_validation(train_set, RECIPES["adam"].replace(samples=500))
    np.testing.assert_array_equal(fitting.images, train_set.images[:500])
    np.testing.assert_array_equal(validation.labels, train_set.labels[55_000:])
    fitting, validation = split_validation(train_set, RECIPES["original"].replace(samples=500))
    assert (len(fitting), validation) == (500, None)


def test_more_samples_than_are_left_for_training_are_refused(digits: Dataset) -> None:
    recipe = tiny_recipe(validation=10, samples=30)
    assert len(split_validation(digits, recipe)[0]) == 30
    with pytest.raises(RecipeError, match=r"samples: expected at most the 30 .* got 31"):
        split_validation(digits, recipe.replace(samples=31))


def test_a_validation_set_as_large_as_the_data_is_refused(digits: Dataset) -> None:
    with pytest.raises(ValueError, match="fewer than the 40 training samples, got 40"):
        split_validation(digits, tiny_recipe(validation=40))


@pytest.mark.parametrize(
    ("samples", "batch_size", "says"),
    [(40, 41, "at most the 40 training samples, got 41; lower it"), (0, 1, "at least one")],
)
def test_batches_larger_than_the_data_are_refused(
    digits: Dataset, samples: int, batch_size: int, says: str
) -> None:
    _, events = started(digits[:samples], tiny_recipe(batch_size=batch_size))
    with pytest.raises(RecipeError, match=says):
        next(events)


@pytest.mark.parametrize(("batch_norm", "steps"), [(True, 3), (False, 4)])
def test_a_lone_last_sample_is_left_out_only_where_it_cannot_be_normalised(
    digits: Dataset, batch_norm: bool, steps: int
) -> None:
    recipe = tiny_recipe(batch_size=13, batch_norm=batch_norm, epochs=2)  # 40 = 3 · 13 + 1
    *_, last = started(digits, recipe)[1]
    assert (last.step, last.epoch, last.position) == (2 * steps, 2, 2.0)


@pytest.mark.parametrize("batch_size", [None, 2100, 700])
def test_a_training_yields_at_least_every_thousand_samples(
    mnist: tuple[Dataset, Dataset], batch_size: int | None
) -> None:
    data = mnist[0][:2600]
    recipe = tiny_recipe(batch_size=batch_size, batch_norm=True)
    positions = [event.position for event in started(data, recipe)[1]]
    assert positions[-1] == 2.0
    assert max(np.diff(positions)) * len(data) <= 1000.5


def test_an_evaluation_between_epochs_yields_too(mnist: tuple[Dataset, Dataset]) -> None:
    rng, recipe = np.random.default_rng(0), tiny_recipe(epochs=1)
    network = recipe.build_network(rng=rng)
    events = exhaust(train(network, mnist[0][:20], mnist[1][:3500], recipe, rng=rng))
    assert [event.position for event in events[-5:]] == [1.0] * 5  # four chunks and the end


def test_gradients_gathered_in_chunks_equal_those_of_one_batch(
    mnist: tuple[Dataset, Dataset],
) -> None:
    data = mnist[0][:2300]
    network, events = started(data, RECIPES["original"].replace(epochs=1), dtype=np.float64)
    twin = network.copy()
    exhaust(events)
    logits = twin.forward(inputs_of(data, np.float64), training=True)
    twin.backward(cross_entropy(logits, data.labels)[1])
    np.testing.assert_allclose(network.grads, twin.grads, rtol=0, atol=1e-14)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads memory from /proc")
def test_training_on_all_of_mnist_takes_less_than_300_megabytes() -> None:
    # The peak of the program itself: getrusage would count the process that starts it, too.
    program = """
from itertools import islice
from pathlib import Path
import numpy as np
from nn import RECIPES, evaluate, load_mnist, split_validation, train
recipe, rng = RECIPES["deep"], np.random.default_rng(0)
network = recipe.build_network(rng=rng)
fitting, validation = split_validation(load_mnist()[0], recipe)
for _ in islice(train(network, fitting, validation, recipe, rng=rng), 20):
    pass
evaluate(network, validation)
print(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
"""
    run = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert int(run.stdout) / 1000 < MEMORY
