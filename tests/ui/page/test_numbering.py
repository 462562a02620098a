"""Several digits on the page: numbered, one of them looked at, run by AppTest without a browser."""

from __future__ import annotations

import re

import pytest
from streamlit.testing.v1 import AppTest

from tests.helpers import canvas_of, drawing
from tests.nn.drawing.test_photo import file_of, photo
from tests.nn.drawing.test_rows import page_of
from tests.nn.drawing.test_segmentation import side_by_side, with_signs
from tests.ui.page.test_photo import digits, draw, give
from tests.ui.visitor import html, session_of
from ui import i18n
from ui.page import numbering


def looked_at(page: AppTest) -> str:
    """The digit whose probabilities are shown."""
    return re.search(r'<li class="bar top"><span class="name">(\d)', html(page))[1]


def test_a_photographed_page_is_said_row_by_row(page: AppTest) -> None:
    page.run()
    give(page, file_of(255 - 170 * page_of("305", "2987").astype("uint8")))
    assert not page.exception
    assert '<span class="digit">305<br>2987</span>' in html(page)
    assert i18n.NUMBERING in html(page)


def test_the_digit_that_is_pressed_is_looked_at_until_others_are_found(page: AppTest) -> None:
    draw(page, side_by_side("32"))
    for place, digit in enumerate("32"):
        session = session_of(page)
        numbering.choose(session, session.slate.found, f"digit-{place}")
        page.run()
        assert looked_at(page) == digit
    give(page, file_of(photo(5)))
    assert looked_at(page) == "5"
    looked = set()
    for drawn in ("70", "07"):  # the same digit is the least certain one, at either place
        draw(page, side_by_side(drawn))
        assert digits(page) == drawn
        looked.add(looked_at(page))
    assert len(looked) == 1


@pytest.mark.parametrize("pressed", ["digit-2", "digit--1", "digit-x", "2", ""])
def test_what_no_button_sends_changes_nothing(page: AppTest, pressed: str) -> None:
    draw(page, side_by_side("32"))
    numbering.choose(session_of(page), session_of(page).slate.found, pressed)
    assert session_of(page).chosen is None


def test_a_single_digit_is_numbered_in_a_photo_only(page: AppTest) -> None:
    draw(page, drawing(3))
    assert digits(page) == "3"
    assert i18n.NUMBERING not in html(page)
    give(page, file_of(photo(2)))
    assert i18n.NUMBERING in html(page)


def test_a_number_with_a_blot_in_it_says_what_is_read_of_it(page: AppTest) -> None:
    ink = page_of("305", "27")
    ink[40:100, 92:146] = 1.0
    draw(page, canvas_of(ink))
    assert digits(page) is None
    assert i18n.NO_NUMBER.format(count=5, places="2") in html(page)
    assert i18n.PARTLY_READ.format(marks="3?5 27") in html(page)
    ink[130:190, 92:146] = 1.0
    draw(page, canvas_of(ink))
    assert i18n.NO_NUMBER_MANY.format(count=5, places="2, 5") in html(page)
    assert i18n.PARTLY_READ.format(marks="3?5 2?") in html(page)


def test_a_page_with_too_many_marks_says_which_of_them_are_read(page: AppTest) -> None:
    draw(page, canvas_of(page_of(*["12345678"] * 5)))
    assert i18n.TOO_MANY_MARKS not in html(page)
    draw(page, canvas_of(page_of(*["12345678"] * 5, "7")))
    assert not page.exception
    assert i18n.TOO_MANY_MARKS in html(page)


def test_a_row_with_too_many_marks_is_not_read_and_says_why(page: AppTest) -> None:
    draw(page, canvas_of(page_of("7" * 41)))
    assert not page.exception
    assert i18n.TOO_MANY_MARKS in html(page)


@pytest.mark.parametrize(
    ("text", "sign", "place", "read"), [("3.2", "point", 2, "3?2"), ("-5", "dash", 1, "?5")]
)
def test_a_mark_that_is_no_digit_is_named_with_what_the_others_are(
    page: AppTest, text: str, sign: str, place: int, read: str
) -> None:
    draw(page, canvas_of(with_signs(text)))
    assert digits(page) is None
    named = {"places": place, "count": len(text), "sign": i18n.SIGNS[sign]}
    assert i18n.NO_NUMBER_BUT_SIGN.format(**named) in html(page)
    assert i18n.PARTLY_READ.format(marks=read) in html(page)
    draw(page, canvas_of(with_signs("-3.2")))
    assert "1 (a minus sign), 3 (a point or comma)" in html(page)
