from __future__ import annotations

import io
import math

import numpy as np
import pytest

from nn import CheckpointError, Network, load_network, read
from nn.calibration import Calibration, calibrate, calibration_error, evidence, separation
from tests.helpers import checkpoint_bytes, drawing


def overconfident(n: int, *, factor: float) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities whose logits are `factor` times what the labels were drawn from."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (n, 10))
    true = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = (true.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1).astype(np.uint8)
    said = np.exp(factor * logits) / np.exp(factor * logits).sum(axis=1, keepdims=True)
    return said, labels


@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_the_temperature_that_made_the_data_is_found(factor: float) -> None:
    said, labels = overconfident(20_000, factor=factor)
    assert calibrate(said, labels).temperature == pytest.approx(factor, rel=0.05)


def test_a_fitted_temperature_makes_confidence_mean_what_it_says() -> None:
    said, labels = overconfident(20_000, factor=3.0)
    right = said.argmax(axis=1) == labels
    judged = calibrate(said, labels).apply(said)
    np.testing.assert_array_equal(judged.argmax(axis=1), said.argmax(axis=1))
    np.testing.assert_allclose(judged.sum(axis=1), 1)
    assert calibration_error(said.max(axis=1), right) > 0.15
    assert calibration_error(judged.max(axis=1), right) < 0.02


def test_calibration_error_of_two_bins_by_hand() -> None:
    confidence = np.array([0.9, 0.9, 0.9, 0.9, 0.6, 0.6])
    right = np.array([True, True, True, False, True, True])
    # |3 - 3.6| in the bin of 0.9 and |2 - 1.2| in that of 0.6, of six answers
    assert calibration_error(confidence, right) == pytest.approx((0.6 + 0.8) / 6)


def test_evidence_is_the_share_of_the_two_most_probable_digits() -> None:
    torn = np.full((1, 10), 0.01)
    torn[0, [4, 9]] = 0.5, 0.42
    assert evidence(torn)[0] == pytest.approx(0.92)
    assert evidence(np.full((1, 10), 0.1))[0] == pytest.approx(0.2)


def test_only_typical_digits_choose_the_threshold_of_refusal() -> None:
    said, labels = overconfident(20_000, factor=2.0)
    odd = np.concatenate([said, np.full((5000, 10), 0.1)])
    fitted = calibrate(odd, np.concatenate([labels, labels[:5000]]), typical=slice(20_000))
    judged = evidence(fitted.apply(said))
    assert (judged < fitted.refuse_below).mean() == pytest.approx(0.01, abs=1e-3)


def test_separation_of_a_few_marks_by_hand() -> None:
    digits, others = np.array([0.9, 0.8, 0.5]), np.array([0.8, 0.2])
    # of six pairs four are in order and one is a tie; 0.5 accepts all digits and one of the others
    assert separation(digits, others) == pytest.approx((4.5 / 6, 1 / 2))


def test_false_acceptances_are_counted_where_95_per_cent_of_digits_are_accepted() -> None:
    digits = np.arange(100) / 100
    assert separation(digits, np.array([0.04, 0.05, 0.06, 0.5]))[1] == 3 / 4


def test_separation_is_one_half_by_chance_and_one_when_all_digits_lead() -> None:
    rng = np.random.default_rng(0)
    assert separation(rng.random(4000), rng.random(4000))[0] == pytest.approx(0.5, abs=0.02)
    assert separation(1 + rng.random(10), rng.random(10)) == (1.0, 0.0)


def test_few_digits_are_refused_and_sure_answers_are_right() -> None:
    said, labels = overconfident(20_000, factor=2.0)
    fitted = calibrate(said, labels)
    judged = fitted.apply(said)
    assert (evidence(judged) < fitted.refuse_below).mean() == pytest.approx(0.01, abs=1e-3)
    sure = judged.max(axis=1) >= fitted.unsure_below
    assert sure.any()
    assert (judged.argmax(axis=1) == labels)[sure].mean() > 0.98


def test_an_answer_with_less_than_half_is_never_sure_however_often_it_was_right() -> None:
    labels = np.tile(np.arange(10, dtype=np.uint8), 100)
    rows = np.arange(len(labels))
    said = np.full((len(labels), 10), 1e-3)
    said[rows, labels] = 0.991
    torn = rows[::20]  # right, too, but hardly: 0.334 beside 0.333 and 0.333
    said[torn] = 0.0
    for step, share in enumerate((0.334, 0.333, 0.333)):
        said[torn, (labels[torn] + step) % 10] = share
    fitted = calibrate(said, labels)
    judged = fitted.apply(said)
    assert (judged.argmax(axis=1) == labels).all()
    assert judged.max(axis=1).min() < 0.4
    assert fitted.unsure_below == 0.5


def test_an_untouched_calibration_leaves_probabilities_as_they_are() -> None:
    p = np.full((2, 10), 0.1, np.float32)
    assert Calibration().apply(p) is p


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"temperature": 0.0}, "temperature: expected a number from 0.05 to 20, got 0.0"),
        ({"temperature": math.nan}, "temperature: .* got nan"),
        ({"unsure_below": 1.5}, "unsure_below: expected a number from 0 to 1, got 1.5"),
        ({"refuse_below": "high"}, "refuse_below: .* got 'high'"),
        ({"colour": 1}, "expected a calibration's fields, got {'colour': 1}"),
        ([1], "expected a calibration's fields"),
    ],
)
def test_a_calibration_out_of_range_is_refused(changes: dict, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Calibration.from_dict(changes)


def test_a_calibration_travels_with_its_network_into_a_file_and_its_reading(
    reader: Network,
) -> None:
    network = reader.copy()
    network.calibration = Calibration(temperature=2.0, unsure_below=0.999, refuse_below=0.05)
    again = load_network(io.BytesIO(checkpoint_bytes(network)))
    assert again.calibration == again.copy().calibration == network.calibration
    plain, judged = read(reader, drawing(2)), read(again, drawing(2))
    assert judged.digit == plain.digit == 2
    np.testing.assert_allclose(
        judged.probabilities, Calibration(2.0).apply(plain.probabilities[None])[0], rtol=1e-4
    )
    assert judged.confidence < plain.confidence
    assert judged.runner_up is not None


def test_a_mark_without_evidence_is_refused(reader: Network) -> None:
    network = reader.copy()
    network.params[...] = 0.0  # ten equal probabilities
    assert read(network, drawing(2)).digit is not None
    network.calibration = Calibration(refuse_below=0.3)
    reading = read(network, drawing(2))
    assert (reading.digit, reading.runner_up, reading.confidence) == (None, None, 0.0)
    assert not reading.blank
    assert not reading.probabilities.any()


def test_a_file_with_a_wrong_calibration_is_refused(reader: Network) -> None:
    raw = checkpoint_bytes(reader, calibration={"temperature": -1})
    with pytest.raises(CheckpointError, match=r"temperature: expected a number from 0\.05 to 20"):
        load_network(io.BytesIO(raw))
