"""Evidence for and against: colours with signs, places in words, probabilities before and after."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from nn import Reading
from ui import i18n
from ui.view import elements, heat, places
from ui.view.elements import SLATE


@pytest.fixture
def bar() -> np.ndarray:
    """Ink in columns 8 to 19 of rows 8 to 11: three adjacent patches."""
    ink = np.zeros((28, 28), np.float32)
    ink[8:12, 8:20] = 1.0
    return ink.ravel()


def shown(picture: str) -> np.ndarray:
    """The pixels of the picture in a piece of HTML, (H, W, 3)."""
    data = re.search(r'base64,([^"]+)"', picture)[1]
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))).astype(int)


def reading(digit: int | None, share: float = 0.9, runner_up: int | None = None) -> Reading:
    probabilities = np.zeros(10, np.float32)
    if digit is not None:
        probabilities[:] = (1 - share) / 9
        probabilities[digit] = share
    return Reading(digit, runner_up, share, probabilities, None)


def test_blue_is_for_orange_is_against_and_zero_is_transparent() -> None:
    values = np.zeros((28, 28))
    values[3, 5], values[9, 2] = 2.0, -0.5
    colours = heat.coloured(values)
    np.testing.assert_array_equal(colours[3, 5], heat.FOR)
    np.testing.assert_allclose(colours[9, 2], (SLATE + heat.AGAINST) / 2)  # the root of a quarter
    np.testing.assert_array_equal(colours[0, 0], SLATE)


def test_the_strongest_pixels_carry_their_sign(bar: np.ndarray) -> None:
    values = np.zeros(784)
    values[8 * 28 + 8], values[8 * 28 + 9], values[8 * 28 + 10] = 1.0, -1.0, 0.1
    picture = shown(heat.pixels(bar, values, "a <bar>"))
    plus, minus, weak = (picture[80:90, left : left + 10] for left in (80, 90, 100))
    dark = [(cell == SLATE.astype(int)).all(axis=2) for cell in (plus, minus, weak)]
    assert dark[0][5, 2:8].all()
    assert dark[0][2:8, 5].all()
    assert dark[1][5, 2:8].all()
    assert not dark[1][2:4].any()
    assert not dark[2].any()
    assert 'alt="a &lt;bar&gt;"' in heat.pixels(bar, values, "a <bar>")


def test_patches_with_ink_are_buttons_with_their_contribution(bar: np.ndarray) -> None:
    values = np.zeros((7, 7))
    values[2, 2], values[2, 3], values[2, 4], values[0, 0] = 1.25, -0.5, 0.01, 0.0
    grid = heat.patches(bar, values, {(2, 3)}, "a bar")
    buttons = re.findall(r"<button.*?</button>", grid)
    assert [re.search(r'data-press="([^"]+)"', button)[1] for button in buttons] == [
        *("2-2", "2-3", "2-4")
    ]
    assert len(re.findall('class="patch[ "]', grid)) == 49
    assert 'aria-label="Row 3, column 3: adds +1.25"' in buttons[0]
    assert ">+1.2<" in buttons[0]
    assert 'class="patch against"' in buttons[1]
    assert 'aria-pressed="true"' in buttons[1]
    assert ">−0.5<" in buttons[1]
    assert "says" not in buttons[2]  # too little to be written


def test_nine_places_are_thirds_of_the_inks_box(bar: np.ndarray) -> None:
    found = places.thirds(bar).reshape(28, 28)
    assert sorted(np.unique(found)) == list(range(9))
    assert (found[8, [8, 11, 12, 15, 16, 19]] == [0, 0, 1, 1, 2, 2]).all()
    assert found[0, 0] == 0  # pixels outside the box belong to the nearest place
    assert found[27, 27] == 8
    assert found[27, 13] == 7


def test_the_sentence_names_the_places_with_most_evidence(bar: np.ndarray) -> None:
    shares, emptiness = np.zeros((28, 28)), np.zeros((7, 7))
    shares[8, 8:10], shares[11, 19], shares[9, 13] = 1.0, -1.5, 0.2
    emptiness[6, 3], emptiness[2, 3] = 0.5, 9.0  # the second has ink, so it is not empty
    assert places.why(7, 1, bar, shares.ravel(), emptiness) == (
        "Best evidence for 7: the ink at the top left (+2.0). "
        "Best evidence for 1: the ink at the bottom right (−1.5). "
        "The empty paper at the bottom is evidence against 1."
    )


def test_the_sentence_says_where_there_is_no_evidence(bar: np.ndarray) -> None:
    shares, emptiness = np.zeros((28, 28)), np.zeros((7, 7))
    shares[9, 13] = 1.0
    shares[8, 8] = -0.01
    says = places.why(3, 8, bar, shares.ravel(), emptiness)
    assert "No ink is evidence for 8." in says
    assert "empty" not in says
    nothing = places.why(3, 3, bar, np.zeros(784), emptiness)
    assert nothing == " ".join(["No ink is evidence for 3."] * 2)


def test_bars_show_probabilities_before_and_after() -> None:
    figure = elements.bars_before_and_after(reading(7, 0.91), reading(1, 0.55, runner_up=7))
    assert "Before: 7. Now: 1 or 7." in figure
    rows = re.findall(r"<li.*?</li>", figure)
    assert len(rows) == 10
    assert "1.0 % → 55.0 %" in rows[1]
    assert 'class="answer top"' in rows[1]
    assert "left:91.0%" in rows[7]
    assert "width:5.0%" in rows[7]


def test_equal_probabilities_are_written_once_and_a_refusal_has_none() -> None:
    same = elements.bars_before_and_after(reading(7), reading(7))
    assert "→" not in same
    refused = elements.bars_before_and_after(reading(7), reading(None))
    assert f"Now: {i18n.NO_DIGIT}." in refused
    assert "90.0 % → –" in refused


def test_one_of_ten_digit_buttons_is_checked() -> None:
    row = elements.digit_buttons("a", "Why", 7)
    assert row.count("<button") == 10
    assert 'data-press="a-7" aria-checked="true"' in row
    assert row.count('aria-checked="false"') == 9
