"""Photos and numbers on the page, run by Streamlit's AppTest without a browser."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from tests.helpers import STROKES, canvas_of, coverage, shown
from tests.nn.drawing.test_photo import file_of, photo
from tests.nn.drawing.test_segmentation import side_by_side
from ui import i18n

ROOT = Path(__file__).parents[3]


def draw(page: AppTest, canvas: np.ndarray) -> None:
    """Put what the canvas would send into the page, and run it."""
    buffer = io.BytesIO()
    Image.fromarray(canvas).save(buffer, "PNG")
    data = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
    page.session_state["slate"] = {"drawing": {"raw": {"objects": [{}]}, "data": data}}
    page.run()


def give(page: AppTest, data: bytes, name: str = "photo.jpg") -> None:
    page.file_uploader(key="photo").upload(name, data).run()


def html(page: AppTest) -> str:
    return " ".join(element.proto.body for element in page.get("html"))


def digits(page: AppTest) -> str | None:
    """The verdict's digits; None when it has none."""
    found = re.search(r'<span class="digit">(\d+)', html(page))
    return found and found[1]


def seven() -> np.ndarray:
    return canvas_of(coverage(STROKES[7], size=(352, 352), at=(110, 90), scale=130, pen=22))


def test_digits_side_by_side_are_said_as_a_number_with_each_ones_confidence(page: AppTest) -> None:
    draw(page, side_by_side("32"))
    assert not page.exception
    assert digits(page) == "32"
    assert re.search(r"<p>3[^<]*: \d+ %<br>2[^<]*: \d+ %</p>", html(page))
    assert html(page).count('<li class="bar') == 10


def test_the_bars_show_the_least_sure_digit(page: AppTest) -> None:
    draw(page, side_by_side("32"))
    words = re.search(r'<div class="verdict.*?<p>(.*?)</p>', html(page))[1]
    said = dict(re.findall(r"(\d)(?: or \d)?: (\d+) %", words))
    top = re.search(r'<li class="bar top"><span class="name">(\d)', html(page))[1]
    assert said[top] == min(said.values())


def test_a_number_with_a_blot_in_it_says_which_mark_it_is(page: AppTest) -> None:
    size = (352, 352)
    three = coverage(STROKES[3], size=size, at=(40, 100), scale=90)
    blot = coverage([[(0.0, 0.0), (0.0, 0.0)]], size=size, at=(260, 160), pen=120)
    draw(page, canvas_of(three + blot))
    assert digits(page) is None
    assert i18n.NO_NUMBER.format(count=2, places="2") in html(page)


def test_a_photo_is_read_in_place_of_the_slate_and_the_page_says_so(page: AppTest) -> None:
    draw(page, seven())
    assert digits(page) == "7"
    give(page, file_of(photo(2)))
    assert not page.exception
    assert digits(page) == "2"
    assert i18n.PHOTO_READ in html(page)
    assert i18n.SEES_PHOTO in html(page)


def test_a_photographed_number_is_said(page: AppTest) -> None:
    page.run()
    pair = [photo(digit, shade=0.2, size=(400, 480)) for digit in (3, 2)]
    give(page, file_of(np.concatenate(pair, axis=1)))
    assert digits(page) == "32"


def test_a_new_stroke_is_read_in_place_of_the_photo(page: AppTest) -> None:
    page.run()
    give(page, file_of(photo(2)))
    assert digits(page) == "2"
    draw(page, seven())
    assert digits(page) == "7"
    assert i18n.PHOTO_READ not in html(page)


def test_a_photo_that_lies_on_its_side_is_turned_by_a_button(page: AppTest) -> None:
    page.run()
    assert page.button(key="rotate").disabled
    give(page, file_of(np.rot90(photo(3), 2)))
    for _ in range(2):
        assert not page.button(key="rotate").disabled
        page.button(key="rotate").click().run()
    assert not page.exception
    assert digits(page) == "3"
    draw(page, seven())
    for _ in range(4):  # all the way round
        page.button(key="rotate").click().run()
    assert digits(page) == "3"
    give(page, file_of(photo(2)))  # another photo is the right way up
    assert digits(page) == "2"
    give(page, b"no photo")
    assert page.button(key="rotate").disabled


@pytest.mark.parametrize("button", ["clear", "undo", "sample-4"])
def test_what_changes_the_slate_ends_the_reading_of_the_photo(page: AppTest, button: str) -> None:
    draw(page, seven())
    give(page, file_of(photo(2)))
    page.button(key=button).click().run()
    assert not page.exception
    assert i18n.PHOTO_READ not in html(page)
    assert digits(page) != "2"


def test_a_photo_that_is_taken_away_gives_the_slate_back(page: AppTest) -> None:
    draw(page, seven())
    give(page, file_of(photo(2)))
    page.file_uploader(key="photo").clear().run()
    assert digits(page) == "7"
    assert i18n.PHOTO_HELP in html(page)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"hello", "got a file of another kind"),
        (file_of(photo(2))[:3000], "broken or cut off"),
        (file_of(np.full((300, 400), 230, np.uint8)), i18n.PHOTO_BLANK),
    ],
    ids=["text", "truncated", "empty paper"],
)
def test_a_photo_that_cannot_be_read_is_refused_and_the_slate_stays(
    page: AppTest, data: bytes, says: str
) -> None:
    draw(page, seven())
    give(page, data)
    assert not page.exception
    assert says in shown(page.warning)[0]
    assert digits(page) == "7"
    give(page, file_of(photo(2)))
    assert not page.warning
    assert digits(page) == "2"
