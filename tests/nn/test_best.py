"""What the shipped network `best` promises, on data that it was not trained on."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest

from nn import RECIPES, Dataset, Network, Recipe, evaluate, load_checkpoint, read
from nn.calibration import calibration_error, evidence
from nn.drawing.preprocessing import find_ink
from nn.pen.pen import KINDS, write_digits, write_nondigits
from tests.helpers import STROKES, canvas_of, coverage, drawing, inputs_of, split_digits

FILE = Path(__file__).parents[2] / "weights" / "best.npz"


@pytest.fixture(scope="module")
def best() -> Network:
    return load_checkpoint(FILE).network


@pytest.fixture(scope="module")
def validation(mnist: tuple[Dataset, Dataset]) -> Dataset:
    return mnist[0][55_000:]


def test_it_is_what_the_recipe_makes() -> None:
    meta = load_checkpoint(FILE).meta
    assert Recipe.from_dict(meta["recipe"]) == RECIPES["best"]
    assert meta["test_accuracy"] >= 0.993


def test_it_reads_validation_digits_of_mnist_and_of_the_pen(
    best: Network, validation: Dataset
) -> None:
    assert evaluate(best, validation).accuracy > 0.992
    assert evaluate(best, write_digits(1000, rng=np.random.default_rng(77))).accuracy > 0.97


def test_its_confidence_is_calibrated_and_few_digits_are_refused(
    best: Network, validation: Dataset
) -> None:
    judged = best.calibration.apply(best.predict_proba(inputs_of(validation)))
    taken = evidence(judged) >= best.calibration.refuse_below
    right = judged.argmax(axis=1) == validation.labels
    assert taken.mean() > 0.985
    assert calibration_error(judged[taken].max(axis=1), right[taken]) < 0.01


def test_its_confidence_is_calibrated_on_the_test_set(
    best: Network, mnist: tuple[Dataset, Dataset]
) -> None:
    judged = best.calibration.apply(best.predict_proba(inputs_of(mnist[1])))
    right = judged.argmax(axis=1) == mnist[1].labels
    assert calibration_error(judged.max(axis=1), right) < 0.01


@pytest.mark.parametrize("kind", KINDS)
def test_it_refuses_most_of_what_is_no_digit(best: Network, kind: str) -> None:
    images = write_nondigits(300, rng=np.random.default_rng(78), kinds=[kind])
    x = inputs_of(Dataset(images, np.zeros(300, np.uint8)))
    judged = best.calibration.apply(best.predict_proba(x))
    assert (evidence(judged) < best.calibration.refuse_below).mean() > 0.9


@pytest.mark.parametrize("digit", range(10))
@pytest.mark.parametrize("pen", [12.0, 18.0, 26.0])
def test_it_reads_plain_drawings(best: Network, digit: int, pen: float) -> None:
    assert read(best, drawing(digit, pen=pen)).digit == digit


@pytest.mark.parametrize(
    ("digit", "strokes"),
    [
        (7, [[(0, 0.05), (0.9, 0), (0.35, 1.4)], [(0.1, 0.75), (0.95, 0.68)]]),  # crossed
        (1, [[(0, 0.6), (0.5, 0), (0.5, 1.4)]]),  # a long flag
        (1, [[(0.2, 0.3), (0.5, 0), (0.5, 1.4)], [(0.1, 1.4), (0.9, 1.4)]]),  # with a base
        (0, [*STROKES[0], [(0.85, 0.2), (0.15, 1.2)]]),  # slashed
        (2, [[(0.05, 0.05), (0.95, 0), (0, 1.4), (1, 1.38)]]),  # Z-like
        (4, [[(0.1, 0), (0, 0.85), (0.9, 0.8)], [(0.65, 0.5), (0.6, 1.3)]]),  # open
    ],
)
def test_it_reads_the_styles_that_mnist_lacks(
    best: Network, digit: int, strokes: list[list[tuple[float, float]]]
) -> None:
    assert read(best, canvas_of(coverage(strokes))).digit == digit


def not_for_sure(best: Network, canvas: np.ndarray) -> bool:
    """Whether a mark is refused, or answered with a doubt; blank it must not be."""
    reading = read(best, canvas)
    assert not reading.blank
    return reading.digit is None or reading.runner_up is not None


DOT = [(0.0, 0.0), (0.0, 0.0)]
BLOTS = {
    "a dot": ([DOT], 120),
    "an oval": ([[(0.0, 0.0), (0.4, 0.0)]], 90),
    "a square": ([[(x, y) for y in np.linspace(0, 1, 12) for x in (0.0, 1.0)]], 18),
    "a tall patch": ([[(x, y) for y in np.linspace(0, 1.4, 16) for x in (0.0, 0.7)]], 20),
    "two dots that touch": ([DOT, [(0.6, 0.3), (0.6, 0.3)]], 90),
}


@pytest.mark.parametrize("name", BLOTS)
def test_a_blot_is_not_read_for_sure(best: Network, name: str) -> None:
    strokes, pen = BLOTS[name]
    assert not_for_sure(best, canvas_of(coverage(strokes, scale=90, pen=pen)))


def test_scribbles_are_not_read_for_sure(best: Network) -> None:
    """Through eight points or more: with fewer, some are digits by chance."""
    rng = np.random.default_rng(3)
    marks = [rng.uniform(0, 1.2, (rng.integers(8, 16), 2)) for _ in range(40)]
    canvases = [canvas_of(coverage([[*map(tuple, mark)]], scale=110)) for mark in marks]
    assert sum(not_for_sure(best, canvas) for canvas in canvases) >= 38


def run_together(left: int, right: int, gap: float) -> np.ndarray:
    """A canvas with two digits, their boxes `gap` of a digit's width apart; the pen is 0.22."""
    across = [[x for stroke in STROKES[digit] for x, _ in stroke] for digit in (left, right)]
    aside = max(across[0]) - min(across[1]) + gap
    second = [[(x + aside, y) for x, y in stroke] for stroke in STROKES[right]]
    return canvas_of(coverage([*STROKES[left], *second], scale=80, at=(40, 50)))


def test_two_digits_run_together_are_not_read_for_sure(best: Network) -> None:
    """All pairs that touch; a 1 is so little beside another digit that it may pass for its edge."""
    caught: dict[bool, list[bool]] = {True: [], False: []}
    for left, right, gap in product(range(10), range(10), (0.0, 0.1, 0.15)):
        canvas = run_together(left, right, gap)
        if len(split_digits(find_ink(canvas))) == 1:
            caught[1 in (left, right)].append(not_for_sure(best, canvas))
    assert len(caught[False]) > 100
    assert np.mean(caught[False]) >= 0.98
    assert np.mean(caught[True]) >= 0.6
