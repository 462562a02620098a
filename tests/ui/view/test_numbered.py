"""The picture of what was found, with a numbered button around each digit."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from nn import Found, Network, Number, find_digits, judge_number, preprocess_ink
from tests.nn.drawing.test_rows import page_of
from tests.nn.drawing.test_segmentation import with_signs
from ui.view import elements, sentences


@pytest.fixture
def found() -> Found:
    """Two rows, the second mark a blot."""
    ink = page_of("305", "27")
    ink[40:100, 92:146] = 1.0
    return find_digits(preprocess_ink(ink))


@pytest.fixture
def number(reader: Network, found: Found) -> Number:
    return judge_number(reader, found.digits)


def test_each_digit_is_a_button_with_its_number_and_what_is_read(
    found: Found, number: Number
) -> None:
    picture = elements.numbered(found, number, 3)
    buttons = re.findall(r"<button.*?</button>", picture)
    labels = [re.search(r'aria-label="([^"]*)"', button)[1] for button in buttons]
    assert [label.partition(":")[0] for label in labels] == [
        *("Digit 1", "Mark 2", "Digit 3", "Digit 4", "Digit 5")
    ]
    assert re.fullmatch("Digit 1: 3( or .)?", labels[0])
    assert labels[1] == "Mark 2: not a digit"
    assert ["refused" in button for button in buttons] == [False, True, False, False, False]
    assert ['aria-pressed="true"' in button for button in buttons] == [
        place == 3 for place in range(5)
    ]
    assert [re.search(r"<span>(\d)</span>", button)[1] for button in buttons] == list("12345")
    assert re.search('<p class="said">Digit 4: 2[^<]*, [0-9]+ %</p>', picture)
    assert re.findall(r"<li>(.*?)</li>", picture) == ["3?5", "27"]


def test_buttons_surround_their_digits_and_lie_within_the_picture(
    found: Found, number: Number
) -> None:
    picture = elements.numbered(found, number, 0)
    places = np.array(
        [
            [float(part) for part in re.findall(r"(?:left|top|width|height):([-\d.]+)%", button)]
            for button in re.findall(r"<button.*?>", picture)
        ]
    )
    left, top, width, height = places.T
    assert (left > 0).all()
    assert (top > 0).all()
    assert (left + width < 100).all()
    assert (top + height < 100).all()
    assert (np.diff(left[:3]) > 0).all()  # from left to right
    assert (top[:3] + height[:3]).max() < top[3:].min()  # row by row


def test_what_is_read_beside_a_refused_mark_says_where_it_is_not_sure(
    found: Found, number: Number
) -> None:
    doubtful = replace(number.readings[3], runner_up=7)
    partly = Number((*number.readings[:3], doubtful, number.readings[4]))
    says = sentences.verdict(found, partly)
    assert says.startswith("Mark 2 of 5 does not look like a digit.\nRead: 3?5 27; not sure: ")
    assert "2 or 7" in says


def test_signs_are_named_on_their_buttons(reader: Network) -> None:
    found = find_digits(preprocess_ink(with_signs("-3.2").astype(np.float32)))
    picture = elements.numbered(found, judge_number(reader, found.digits), 0)
    labels = re.findall(r'<button[^>]*aria-label="(Mark [^"]*)"', picture)
    assert labels == ["Mark 1: a minus sign", "Mark 3: a point or comma"]
