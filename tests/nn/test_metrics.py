from __future__ import annotations

import numpy as np
import pytest

from nn import Dataset, Evaluation, Network, evaluate
from nn.calibration import Calibration
from nn.metrics import Answers, answer_steps, evaluation_steps
from tests.helpers import inputs_of


def test_figures_follow_from_the_confusion() -> None:
    confusion = np.diag(np.full(10, 7))
    confusion[4, 9], confusion[9, 4], confusion[7, 1] = 3, 2, 1  # the truth, what was said
    result = Evaluation(0.5, confusion)
    assert (result.samples, result.errors) == (76, 6)
    assert result.accuracy == pytest.approx(70 / 76)


def test_an_evaluation_counts_every_digit_once(
    mnist: tuple[Dataset, Dataset], reader: Network
) -> None:
    data = mnist[1][:2345]  # not a multiple of the chunk
    result = evaluate(reader, data)
    p = reader.predict_proba(inputs_of(data))
    said = p.argmax(axis=1)
    for truth in range(10):
        expected = np.bincount(said[data.labels == truth], minlength=10)
        np.testing.assert_array_equal(result.confusion[truth], expected)
    losses = -np.log(p[np.arange(len(data)), data.labels] + 1e-8)
    assert result.loss == pytest.approx(losses.mean(), rel=1e-4)


def test_evaluation_pauses_after_every_few_hundred_digits(
    mnist: tuple[Dataset, Dataset], reader: Network
) -> None:
    assert sum(1 for _ in evaluation_steps(reader, mnist[1][:2001])) == 9


def test_an_evaluation_on_nothing_is_refused(reader: Network, digits: Dataset) -> None:
    with pytest.raises(ValueError, match="at least one digit to evaluate on, got none"):
        evaluate(reader, digits[:0])


def test_recall_goes_by_the_truth_and_precision_by_what_was_said() -> None:
    confusion = np.diag(np.full(10, 6))
    confusion[4, 9], confusion[7, 9] = 2, 4  # 4s and 7s read as 9s
    confusion[0] = confusion[:, 1] = 0  # there were no 0s, and nothing was read as a 1
    result = Evaluation(0.5, confusion)
    assert result.recall[4] == pytest.approx(6 / 8)
    assert result.recall[7] == pytest.approx(6 / 10)
    assert result.recall[9] == result.precision[4] == 1
    assert result.precision[9] == pytest.approx(6 / 12)
    assert np.isnan(result.recall[[0, 1]]).all()
    assert np.isnan(result.precision[[0, 1]]).all()


def answered(network: Network, data: Dataset, chunk: int) -> tuple[Answers, int]:
    """All answers, and in how many steps they came."""
    steps, count = answer_steps(network, data, chunk=chunk), 0
    while True:
        try:
            next(steps)
            count += 1
        except StopIteration as stop:
            return stop.value, count


def test_answers_are_those_of_the_evaluation_digit_by_digit(
    mnist: tuple[Dataset, Dataset], reader: Network
) -> None:
    data = mnist[1][:1730]
    answers, steps = answered(reader, data, 250)
    assert steps == 7
    p = reader.predict_proba(inputs_of(data))
    np.testing.assert_array_equal(answers.said, p.argmax(axis=1))
    np.testing.assert_allclose(answers.confidence, p.max(axis=1), atol=1e-5)
    np.testing.assert_array_equal(answers.confusion, evaluate(reader, data).confusion)


def test_confidence_is_calibrated_as_the_pages_is(
    mnist: tuple[Dataset, Dataset], reader: Network
) -> None:
    doubtful = reader.copy()
    doubtful.calibration = Calibration(temperature=3.0)
    data = mnist[1][:100]
    expected = doubtful.calibration.apply(doubtful.predict_proba(inputs_of(data))).max(axis=1)
    np.testing.assert_allclose(answered(doubtful, data, 30)[0].confidence, expected, rtol=1e-5)


def test_a_cell_lists_its_digits_and_the_errors_theirs_the_most_confident_first() -> None:
    labels = np.array([4, 4, 9, 4, 4, 7], np.uint8)
    said = np.array([9, 4, 9, 9, 9, 1], np.uint8)
    confidence = np.array([0.6, 0.9, 0.8, 0.7, 0.99, 0.65], np.float32)
    answers = Answers(labels, said, confidence)
    assert answers.cell(4, 9).tolist() == [4, 3, 0]
    assert answers.cell(4, 4).tolist() == [1]
    assert answers.cell(2, 3).tolist() == []
    assert answers.wrong().tolist() == [4, 3, 5, 0]


def test_a_network_that_overflows_answers_nothing(digits: Dataset, reader: Network) -> None:
    spoilt = reader.copy()
    spoilt.params[...] = np.nan
    with pytest.raises(ValueError, match="finite parameters"):
        answered(spoilt, digits, 10)
