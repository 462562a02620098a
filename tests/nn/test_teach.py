from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nn import Dataset, Network, Recipe, RecipeError, load_network, teach, train
from nn.calibration import Calibration
from nn.layers import Dense, scaled
from nn.teach import TEACHING, doubted

BEST = Path(__file__).parents[2] / "weights" / "best.npz"


@pytest.fixture(scope="module")
def reader(mnist: tuple[Dataset, Dataset]) -> Network:
    """A small network that reads about 19 of 20 digits."""
    rng = np.random.default_rng(0)
    recipe = Recipe(hidden=(64,), epochs=2, samples=20_000)
    network = recipe.build_network(rng=rng)
    for _ in train(network, mnist[0][:20_000], None, recipe, rng=rng):
        pass
    return network.freeze()


def slanted(dataset: Dataset) -> Dataset:
    """As somebody writes who leans far to the right."""
    images = dataset.images.reshape(-1, 28, 28)
    rows = [np.roll(images[:, row], 14 - row, axis=1) for row in range(28)]
    return Dataset(np.stack(rows, axis=1).reshape(-1, 784), dataset.labels)


def some_of_each(dataset: Dataset, count: int) -> Dataset:
    rows = np.concatenate([np.flatnonzero(dataset.labels == each)[:count] for each in range(10)])
    return Dataset(dataset.images[rows], dataset.labels[rows])


def one_of_each(dataset: Dataset) -> Dataset:
    return some_of_each(dataset, 1)


def accuracy(network: Network, dataset: Dataset) -> float:
    said = network.predict_proba(scaled(dataset.images, network.params.dtype)).argmax(axis=1)
    return float(np.mean(said == dataset.labels))


def taught(
    network: Network,
    drawings: Dataset,
    replay: Dataset,
    seed: int = 0,
    recipe: Recipe = TEACHING,
) -> Network:
    pupil = network.copy()
    for _ in teach(pupil, drawings, replay, rng=np.random.default_rng(seed), recipe=recipe):
        pass
    return pupil


def test_three_drawings_of_each_digit_teach_a_hand_that_leans(
    reader: Network, mnist: tuple[Dataset, Dataset]
) -> None:
    train_set, test_set = mnist
    leaning = slanted(test_set[:2000])
    pupil = taught(reader, some_of_each(leaning, 3), train_set)
    assert accuracy(pupil, leaning[100:]) > accuracy(reader, leaning[100:]) + 0.1
    assert accuracy(pupil, test_set) > accuracy(reader, test_set) - 0.03


def test_digits_that_are_not_shown_are_not_forgotten(
    reader: Network, mnist: tuple[Dataset, Dataset]
) -> None:
    train_set, test_set = mnist
    sevens = test_set.labels == 7
    only = Dataset(test_set.images[sevens][:1], test_set.labels[sevens][:1])
    others = Dataset(test_set.images[~sevens], test_set.labels[~sevens])
    pupil = taught(reader, only, train_set)
    assert accuracy(pupil, only) == 1.0
    assert accuracy(pupil, others) > accuracy(reader, others) - 0.01


def test_the_same_seed_teaches_the_same_bit_for_bit(
    reader: Network, mnist: tuple[Dataset, Dataset]
) -> None:
    train_set, test_set = mnist
    drawings, short = one_of_each(test_set), TEACHING.replace(samples=640)
    a, b, c = (taught(reader, drawings, train_set, seed, short) for seed in (1, 1, 2))
    assert np.array_equal(a.params, b.params)
    assert a.calibration == b.calibration
    assert not np.array_equal(a.params, c.params)


def test_it_pauses_as_training_does_and_calibrates_at_the_end(
    reader: Network, mnist: tuple[Dataset, Dataset]
) -> None:
    train_set, test_set = mnist
    pupil = reader.copy()
    assert pupil.calibration == Calibration()
    pauses = list(teach(pupil, one_of_each(test_set), train_set, rng=np.random.default_rng(0)))
    steps = [progress.step for progress in pauses]
    assert steps == sorted(steps)
    assert set(steps) >= set(range(1, 61))
    assert sum(progress.epoch_end for progress in pauses) >= 1
    assert pauses[-1].epoch == TEACHING.epochs
    assert pupil.calibration.refuse_below > 0.0
    assert pauses[-1].snapshot().calibration == pupil.calibration


def test_closed_half_way_it_leaves_a_network_that_reads(
    reader: Network, mnist: tuple[Dataset, Dataset]
) -> None:
    train_set, test_set = mnist
    pupil = reader.copy()
    lesson = teach(pupil, one_of_each(test_set), train_set, rng=np.random.default_rng(0))
    for progress in lesson:
        if progress.step == 30:
            break
    lesson.close()
    assert accuracy(pupil, test_set) > 0.8


def test_a_label_that_the_network_finds_improbable_is_doubted_until_a_second_says_the_same(
    mnist: tuple[Dataset, Dataset],
) -> None:
    best = load_network(BEST)
    digits = one_of_each(mnist[1])
    wrong = digits.labels.copy()
    wrong[3] = 8
    found = doubted(best, Dataset(digits.images, wrong))
    assert found.tolist() == [row == 3 for row in range(10)]
    threes = mnist[1].images[mnist[1].labels == 3][:2]
    assert not doubted(best, Dataset(threes, np.array([8, 8], np.uint8))).any()
    assert doubted(best, Dataset(threes, np.array([8, 9], np.uint8))).all()


def test_a_network_that_was_never_calibrated_doubts_nothing(
    reader: Network, mnist: tuple[Dataset, Dataset]
) -> None:
    digits = one_of_each(mnist[1])
    assert not doubted(reader, Dataset(digits.images, digits.labels[::-1])).any()


def test_a_wrong_label_among_ten_is_not_learned(mnist: tuple[Dataset, Dataset]) -> None:
    train_set, test_set = mnist
    digits = one_of_each(test_set)
    wrong = digits.labels.copy()
    wrong[3] = 8
    pupil = taught(load_network(BEST), Dataset(digits.images, wrong), train_set)
    assert accuracy(pupil, digits) == 1.0


def test_a_lone_drawing_is_learned_though_its_label_is_doubted(
    mnist: tuple[Dataset, Dataset],
) -> None:
    train_set, test_set = mnist
    three = test_set.images[test_set.labels == 3][:1]
    lone = Dataset(three, np.array([8], np.uint8))
    best = load_network(BEST)
    assert doubted(best, lone).all()
    assert accuracy(taught(best, lone, train_set), lone) == 1.0


@pytest.mark.parametrize("labels", [[], [10], [3, 255]])
def test_what_is_no_drawing_of_a_digit_is_refused(
    labels: list[int], reader: Network, mnist: tuple[Dataset, Dataset]
) -> None:
    drawings = Dataset(np.zeros((len(labels), 784), np.uint8), np.array(labels, np.uint8))
    with pytest.raises(RecipeError, match="drawings: expected some with labels from 0 to 9"):
        next(teach(reader.copy(), drawings, mnist[0], rng=np.random.default_rng(0)))


def test_a_network_of_another_width_is_refused(mnist: tuple[Dataset, Dataset]) -> None:
    rng = np.random.default_rng(0)
    narrow = Network([Dense(100, 10)]).initialize(rng=rng)
    with pytest.raises(RecipeError, match="784 inputs, got 100"):
        next(teach(narrow, one_of_each(mnist[1]), mnist[0], rng=rng))


def test_too_little_to_replay_is_refused(reader: Network, mnist: tuple[Dataset, Dataset]) -> None:
    drawings, rng = one_of_each(mnist[1]), np.random.default_rng(0)
    with pytest.raises(RecipeError, match="validation: expected fewer than the 300"):
        next(teach(reader.copy(), drawings, mnist[0][:300], rng=rng))
    fours = mnist[0].labels == 4
    only = Dataset(mnist[0].images[~fours], mnist[0].labels[~fours])
    with pytest.raises(RecipeError, match="expected all digits, got no 4"):
        next(teach(reader.copy(), drawings, only, rng=rng))


def test_five_hundred_drawings_of_which_most_are_one_digit(
    reader: Network, mnist: tuple[Dataset, Dataset]
) -> None:
    train_set, test_set = mnist
    ones = test_set.labels == 1
    many = Dataset(test_set.images[ones][:500], test_set.labels[ones][:500])
    pupil = taught(reader, many, train_set)
    assert accuracy(pupil, test_set) > accuracy(reader, test_set) - 0.02
