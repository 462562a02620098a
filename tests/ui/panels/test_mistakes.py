"""The panel on mistakes: what its matrix, tiles and sentences say, and what it costs."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from nn import Dataset, evaluate, load_mnist, load_network
from nn.metrics import Answers
from tests.ui.visitor import SEVEN, drawn, session_of
from ui import data, i18n
from ui.panels import mistakes
from ui.view import confusion

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def answers() -> Answers:
    """Ten digits, two of them 4s read as 9s, and a 1 read as a 7."""
    labels = np.array([0, 1, 2, 3, 4, 4, 4, 4, 1, 9], np.uint8)
    said = np.array([0, 1, 2, 3, 4, 9, 9, 4, 7, 9], np.uint8)
    confidence = np.array([0.9, 0.8, 1, 1, 0.5, 0.6, 0.97, 0.95, 0.7, 1], np.float32)
    return Answers(labels, said, confidence)


@pytest.fixture(scope="module")
def pictures(answers: Answers) -> Dataset:
    """A picture for each, of one grey."""
    greys = np.arange(10, dtype=np.uint8)[:, None] * np.ones(784, np.uint8)
    return Dataset(greys, answers.labels)


def captions(html: str) -> list[str]:
    return re.findall(r'<span aria-hidden="true">(.*?)</span>', html)


def alternatives(html: str) -> list[str]:
    return re.findall(r' alt="(.*?)"', html)


def test_the_matrix_holds_counts_shares_and_what_is_chosen(answers: Answers) -> None:
    shown = confusion.cells(answers, (4, 9))
    assert shown["counts"][4] == [0, 0, 0, 0, 2, 0, 0, 0, 0, 2]
    assert shown["recall"][4] == "50.0"
    assert shown["recall"][0] == "100.0"
    assert shown["recall"][5] == "–"  # there is no 5
    assert shown["precision"][9] == "33.3"
    assert shown["chosen"] == [4, 9]


def test_only_errors_are_shaded_and_more_of_them_darker() -> None:
    labels = np.repeat(np.array([2, 2, 2, 3], np.uint8), [400, 5, 60, 2])
    said = np.repeat(np.array([2, 3, 7, 1], np.uint8), [400, 5, 60, 2])
    shades = confusion.cells(Answers(labels, said, np.ones(467, np.float32)), None)["shades"]
    assert shades[2][2] == 0
    assert shades[5][6] == 0
    assert 0 < shades[3][1] < shades[2][3] < shades[2][7] <= len(confusion.SHADES)


def test_before_there_are_answers_the_matrix_is_there_and_empty() -> None:
    shown = confusion.cells(None, None)
    assert np.sum(shown["counts"]) == 0
    assert set(shown["recall"]) == {"–"}


def test_a_cells_digits_come_with_the_most_confident_first(
    answers: Answers, pictures: Dataset
) -> None:
    html = confusion.digits_of(answers, pictures, (4, 9))
    assert "2 × 4 read as 9" in html
    assert captions(html) == ["97 %", "60 %"]
    assert alternatives(html) == ["A 4 read as 9, 97 % sure", "A 4 read as 9, 60 % sure"]


def test_of_what_is_right_the_doubtful_come_first(answers: Answers, pictures: Dataset) -> None:
    assert captions(confusion.digits_of(answers, pictures, (4, 4))) == ["50 %", "95 %"]


def test_without_a_cell_all_mistakes_are_shown(answers: Answers, pictures: Dataset) -> None:
    html = confusion.digits_of(answers, pictures, None)
    assert captions(html) == ["4 → 9", "1 → 7", "4 → 9"]
    assert i18n.ALL_MISTAKES in html


def test_an_empty_cell_and_a_faultless_network_say_so(answers: Answers, pictures: Dataset) -> None:
    assert "No 3 is read as 5" in confusion.digits_of(answers, pictures, (3, 5))
    faultless = Answers(answers.labels, answers.labels, answers.confidence)
    assert i18n.NO_MISTAKES in confusion.digits_of(faultless, pictures, None)
    assert confusion.headline(faultless).endswith("100.00 % correct")


def test_of_many_digits_the_first_are_shown_and_all_are_counted() -> None:
    many = Answers(
        np.full(100, 4, np.uint8), np.full(100, 9, np.uint8), np.linspace(0, 1, 100, dtype="f4")
    )
    html = confusion.digits_of(many, Dataset(np.zeros((100, 784), np.uint8), many.labels), (4, 9))
    assert len(captions(html)) == confusion.TILES
    assert f"The first {confusion.TILES} of 100" in html


def test_the_headline_counts_errors(answers: Answers) -> None:
    assert confusion.headline(answers) == "It misreads 3 of 10 test digits: 70.00 % correct"


@pytest.mark.parametrize(
    "value", [None, "49", [4], [4, 10], [-1, 2], [1.5, 2], [True, 2], {"4": 9}, [4, 9, 1]]
)
def test_what_is_no_cell_is_none(value: Any) -> None:
    assert confusion.as_cell(value) is None


def test_a_cell_comes_as_two_digits() -> None:
    assert confusion.as_cell([4, 9]) == (4, 9)


# On the page.


@pytest.fixture
def page(open_page: Callable[..., AppTest]) -> AppTest:
    """The page with this panel open, not run yet."""
    return open_page(panel="PANEL_MISTAKES")


def html_of(page: AppTest) -> str:
    assert not page.exception
    return " ".join(element.proto.body for element in page.get("html"))


def test_the_panel_shows_what_an_evaluation_of_the_network_finds(page: AppTest) -> None:
    page.run()
    best = load_network(ROOT / "weights" / "best.npz")
    result = evaluate(best, load_mnist()[1])
    assert f"It misreads {result.errors} of 10,000" in html_of(page)
    assert i18n.NEIGHBOURS_EMPTY in html_of(page)


def test_a_chosen_cell_shows_its_digits_and_another_network_its_own(page: AppTest) -> None:
    page.session_state["matrix"] = {"cell": [9, 4]}
    page.run()
    assert re.search(r"\d+ × 9 read as 4", html_of(page))
    by_best = captions(html_of(page))
    session_of(page).read_with("original")
    page.run()
    assert "It misreads 531 of 10,000" in html_of(page)
    assert captions(html_of(page)) != by_best


def test_a_drawing_is_shown_with_its_nearest_neighbours(page: AppTest) -> None:
    page.session_state["slate"] = drawn(SEVEN)
    page.run()
    found = html_of(page)
    assert re.search(r"(\d+) of the 12 nearest are 7s", found)
    assert len(re.findall(r'alt="A \d, at distance', found)) == confusion.NEIGHBOURS


def test_a_second_run_searches_and_reads_nothing(
    page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.session_state["slate"] = drawn(SEVEN)
    page.run()
    before = html_of(page)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("worked again")

    monkeypatch.setattr(data.neighbours().__class__, "nearest", refuse)
    monkeypatch.setattr(mistakes, "answer_steps", refuse)
    monkeypatch.setattr(confusion, "digits_of", refuse)
    page.run()
    assert html_of(page) == before


def test_the_matrix_follows_a_training_and_says_of_which_epoch_it_is(page: AppTest) -> None:
    page.run()
    page.text_input(key="epochs-adam").set_value("1000")
    page.run()
    page.button(key="train").click().run()
    waiting, epochs = threading.Event(), [0.0]
    for _ in range(400):
        page.run()
        found = re.search(r"epoch (\d+\.\d)\b", html_of(page))
        if found and float(found[1]) != epochs[-1]:
            epochs.append(float(found[1]))
        if len(epochs) == 4:
            break
        waiting.wait(0.05)
    assert epochs == sorted(epochs)
    assert len(epochs) == 4
    page.button(key="stop").click().run()
    page.run()
    run = session_of(page).runs.controlled().snapshot
    errors = evaluate(run.network, load_mnist()[1]).errors
    assert f"It misreads {errors} of 10,000" in html_of(page)
    assert f"At epoch {run.position:.1f} of the training" in html_of(page)
