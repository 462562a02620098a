"""A training interrupted at any place, and gone on with elsewhere, to the bit."""

from __future__ import annotations

import pickle
from collections import Counter

import numpy as np
import pytest

from nn import (
    RECIPES,
    Dataset,
    DivergenceError,
    Network,
    Recipe,
    RecipeError,
    TrainingState,
    train,
)
from tests.helpers import tiny_recipe

DEEP = tiny_recipe("deep", hidden=(12, 8), warmup=0.5, epochs=4)
BEST = tiny_recipe("best", hidden=(12, 8), warmup=0.5, nondigits=0.3, batch_size=16)
TOLD = ("loss", "accuracy", "batch_loss", "batch_accuracy", "learning_rate", "step", "position")

# What is sent, by the step and the how manieth pause there.
Changes = dict[tuple[int, int], dict[str, object]]


class Training:
    """A training that can be carried to another network and generator, as through a file."""

    def __init__(self, data: Dataset, recipe: Recipe, *, seed: int, validation: Dataset | None):
        self.data, self.validation, self.recipe = data, validation, recipe
        rng = np.random.default_rng(seed)
        self.network = recipe.build_network(rng=rng)
        self.events = train(self.network, data, validation, recipe, rng=rng)

    def carry(self, state: TrainingState, recipe: Recipe | None = None) -> None:
        self.events.close()
        self.network.params[...] = np.nan  # whatever is not in the state is lost
        self.network.grads[...] = np.nan
        self.recipe = recipe or state.recipe
        state = pickle.loads(pickle.dumps(state))
        rng = np.random.default_rng()
        self.network = self.recipe.build_network(rng=rng)
        self.events = train(
            self.network, self.data, self.validation, self.recipe, rng=rng, resume=state
        )

    def follow(self, changes: Changes, *, carry: frozenset[int] | set[int] = frozenset()) -> list:
        """What is told after each step; carried at some of the pauses, where it can be."""
        told: list[str] = []
        pauses: Counter[int] = Counter()
        wish: Recipe | None = None
        while True:
            try:
                event = next(self.events) if wish is None else self.events.send(wish)
            except StopIteration:
                return told
            pauses[event.step] += 1
            change = changes.get((event.step, pauses[event.step]))
            wish = None if change is None else self.recipe.replace(**change)
            self.recipe = wish or self.recipe
            if pauses[event.step] == 1 or event.epoch_end:  # the pen may pause for another time
                validation = None if event.validation is None else event.validation.loss
                told.append(
                    repr([*(getattr(event, name) for name in TOLD), event.epoch_end, validation])
                )
            if pauses.total() in carry and event.state is not None:
                self.carry(event.state(), wish)
                wish = None
                next(self.events)  # where it stands already


def final(training: Training) -> tuple[bytes, bytes]:
    return training.network.params.tobytes(), training.network.statistics.tobytes()


CASES: dict[str, tuple[Recipe, Changes]] = {
    "plain": (tiny_recipe("adam", epochs=3), {}),
    "momentum and cosine": (
        tiny_recipe("adam", optimizer="nesterov", learning_rate=0.05, schedule="cosine", warmup=1),
        {},
    ),
    "full batch": (tiny_recipe("original", batch_size=None, epochs=5), {}),
    "normalised with dropout": (DEEP, {}),
    "everything": (BEST, {}),
    "lone last sample": (DEEP.replace(batch_size=13), {}),
    "changed live": (
        DEEP,
        {
            (2, 1): {"learning_rate": 0.01},
            (3, 1): {"batch_size": 7},
            (5, 1): {"optimizer": "momentum", "momentum": 0.5},
            (7, 1): {"dropout": 0.6, "batch_size": None},
            (9, 1): {"batch_size": 11, "momentum": 0.8},
            (10, 1): {"optimizer": "rmsprop", "learning_rate": 0.001, "dropout": 0.0},
        },
    ),
    "dropout from nothing": (tiny_recipe("adam", epochs=3), {(4, 1): {"dropout": 0.4}}),
    "changed while the pen writes": (  # so with a batch in hand
        BEST,
        {
            (1, 2): {"batch_size": 5, "learning_rate": 0.01},
            (2, 2): {"batch_size": 30, "optimizer": "adam"},
            (4, 1): {"batch_size": 9},
        },
    ),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("validated", [False, True])
def test_a_training_goes_on_as_if_nothing_had_happened(
    digits: Dataset, case: str, validated: bool
) -> None:
    recipe, changes = CASES[case]
    validation = digits[:30] if validated else None
    undisturbed = Training(digits, recipe, seed=3, validation=validation)
    expected = undisturbed.follow(changes)
    assert undisturbed.recipe == recipe.replace(
        **{field: value for change in changes.values() for field, value in change.items()}
    )
    choice = np.random.default_rng(len(case))
    for number in (1, 4, len(expected)):
        carried = Training(digits, recipe, seed=3, validation=validation)
        places = set((1 + choice.choice(len(expected), number, replace=False)).tolist())
        assert carried.follow(changes, carry=places) == expected
        assert final(carried) == final(undisturbed)


def test_a_batch_in_chunks_has_a_state_only_between_batches(
    mnist: tuple[Dataset, Dataset],
) -> None:
    data, recipe = mnist[0][:2500], tiny_recipe("deep", batch_size=2400, epochs=2)
    undisturbed = Training(data, recipe, seed=1, validation=None)
    undisturbed.follow({})
    carried = Training(data, recipe, seed=1, validation=None)
    states = []
    for event in carried.events:
        states.append(event.state is not None)
        if len(states) == 4:
            assert event.state is not None
            carried.carry(event.state())
            break
    assert states == [True, False, False, True]  # the start; two pauses within; after the step
    carried.follow({})
    assert final(carried) == final(undisturbed)


def test_a_state_does_not_change_as_the_training_goes_on(digits: Dataset) -> None:
    training = Training(digits, BEST, seed=3, validation=None)
    state = None
    for event in training.events:
        if event.step == 5 and state is None and event.state is not None:
            state = event.state()
            before = pickle.dumps(state)
    assert state is not None
    assert pickle.dumps(state) == before


def test_the_pens_digits_are_written_again_and_not_carried(digits: Dataset) -> None:
    recipe = BEST.replace(pen=4.0)
    training = Training(digits, recipe, seed=3, validation=None)
    for event in training.events:
        if event.epoch == 1 and event.state is not None:
            state = event.state()
            break
    assert len(state.supply.labels) == 40 + 160 + 12
    assert sum(len(rows) for rows, _ in state.supply.written) == 160 + 12
    assert len(pickle.dumps(state.supply)) < 172 * 784 / 10


def test_a_training_that_would_diverge_diverges_at_the_same_step(
    mnist: tuple[Dataset, Dataset],
) -> None:
    recipe = tiny_recipe(optimizer="adam", learning_rate=1000, batch_size=20, epochs=40)
    steps = []
    for carry in (set(), {3, 20, 45}):
        training = Training(mnist[0][:200], recipe, seed=0, validation=None)
        with pytest.raises(DivergenceError) as refusal:
            training.follow({}, carry=carry)
        steps.append((refusal.value.step, final(training)))
    assert steps[0] == steps[1]


def test_a_change_may_come_with_the_resumption(digits: Dataset) -> None:
    change: Changes = {(4, 1): {"learning_rate": 0.02, "optimizer": "gd"}}
    undisturbed = Training(digits, DEEP, seed=3, validation=None)
    undisturbed.follow(change)
    carried = Training(digits, DEEP, seed=3, validation=None)
    carried.follow(change, carry={5})
    assert final(carried) == final(undisturbed)
    other = Training(digits, DEEP, seed=3, validation=None)
    other.follow({})
    assert final(other) != final(undisturbed)


def taken(digits: Dataset, recipe: Recipe) -> TrainingState:
    event = next(Training(digits, recipe, seed=0, validation=None).events)
    assert event.state is not None
    return event.state()


def go_on(network: Network, data: Dataset, recipe: Recipe, state: TrainingState) -> None:
    next(train(network, data, None, recipe, rng=np.random.default_rng(), resume=state))


def test_a_state_that_does_not_fit_is_refused(digits: Dataset) -> None:
    recipe = tiny_recipe()
    state = taken(digits, recipe)
    rng = np.random.default_rng(0)
    network = recipe.build_network(rng=rng)
    with pytest.raises(ValueError, match="expected a network with 12,730 parameters of float32"):
        go_on(RECIPES["adam"].build_network(rng=rng), digits, recipe, state)
    with pytest.raises(ValueError, match="of float32, got 12,730 of float64"):
        go_on(recipe.build_network(rng=rng, dtype=np.float64), digits, recipe, state)
    with pytest.raises(ValueError, match="expected the same 40 samples, got 30"):
        go_on(network, digits[:30], recipe, state)
    with pytest.raises(RecipeError, match="epochs: fixed"):
        go_on(network, digits, recipe.replace(epochs=9), state)
