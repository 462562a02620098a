from __future__ import annotations

import numpy as np
import pytest

from nn import Network, judge, read
from nn.drawing.preprocessing import preprocess
from tests.helpers import canvas_of, coverage, drawing


@pytest.fixture
def swayed(reader: Network) -> Network:
    """A network that answers whatever it is asked by its last bias alone."""
    network = reader.copy()
    network.params[...] = 0.0
    return network


@pytest.mark.parametrize("digit", [0, 1, 2, 3, 5, 7, 8])
def test_a_drawn_digit_is_read(reader: Network, digit: int) -> None:
    canvas = drawing(digit)
    reading = read(reader, canvas)
    assert reading.digit == digit
    assert reading.confidence == reading.probabilities.max()
    assert reading.probabilities.sum() == pytest.approx(1, abs=1e-5)
    assert not reading.blank
    expected = reader.predict_proba(reading.steps.input[None])[0]
    np.testing.assert_array_equal(reading.probabilities, expected)


@pytest.mark.parametrize("fill", [0.0, 1.0])
def test_a_blank_canvas_has_no_digit(reader: Network, fill: float) -> None:
    reading = read(reader, canvas_of(np.full((280, 280), fill)))
    assert (reading.digit, reading.runner_up, reading.confidence) == (None, None, 0.0)
    assert reading.blank
    assert not reading.probabilities.any()


@pytest.mark.parametrize("pen", [1, 12, 40, 120])
def test_a_single_dot_is_a_blot_and_no_digit(reader: Network, pen: float) -> None:
    dot = coverage([[(0.0, 0.0), (0.0, 0.0)]], at=(100.5, 70.5), pen=pen)
    reading = read(reader, canvas_of(dot))
    assert reading.digit is None
    assert not reading.blank  # there is ink, but it is refused
    assert reading.confidence == 0.0


@pytest.mark.parametrize(
    ("confidence", "runner_up"), [(0.74, 9), (0.76, None), (0.5, 9), (0.999, None)]
)
def test_the_runner_up_is_named_only_where_the_first_is_not_sure(
    swayed: Network, confidence: float, runner_up: int | None
) -> None:
    rest = (1 - confidence) / 2
    probabilities = np.full(10, rest / 8)
    probabilities[4], probabilities[9] = confidence, rest
    swayed.layers[-1].b[...] = np.log(probabilities)
    reading = read(swayed, drawing(4))
    assert (reading.digit, reading.runner_up) == (4, runner_up)
    assert reading.confidence == pytest.approx(confidence, abs=1e-4)
    np.testing.assert_allclose(reading.probabilities, probabilities, atol=1e-5)


def test_judging_what_is_preprocessed_already_is_reading(reader: Network) -> None:
    canvas = drawing(2)
    judged, direct = judge(reader, preprocess(canvas)), read(reader, canvas)
    assert judged.digit == direct.digit == 2
    np.testing.assert_array_equal(judged.probabilities, direct.probabilities)


def test_what_is_no_canvas_is_refused(reader: Network) -> None:
    with pytest.raises(ValueError, match=r"\(H, W, 4\) uint8, got \(28, 28\) float64"):
        read(reader, np.zeros((28, 28)))
