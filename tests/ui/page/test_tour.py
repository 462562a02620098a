"""The tour's stops: words, what they point at, what their buttons do."""

from __future__ import annotations

import re

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from nn import Dataset, load_network, read
from tests.helpers import canvas_of, coverage
from tests.ui.visitor import session_of
from ui import assets, i18n
from ui.page import visit
from ui.view import elements, tour_stops


def test_there_are_eight_stops_with_words_in_every_language() -> None:
    names = [stop["name"] for stop in tour_stops.STOPS]
    assert len(names) == 8
    for code, words in i18n.CATALOGUES.items():
        assert list(words["TOUR_STOPS"]) == names, code
        for stop in words["TOUR_STOPS"].values():
            assert stop["title"]
            assert 100 < len(stop["text"]) < 250  # what fits the card


def test_a_stop_that_can_do_something_says_what_and_no_other() -> None:
    for stop, found in zip(tour_stops.STOPS, tour_stops.stops(()), strict=True):
        assert bool(found["act"]) == bool(found["tab"] or found["press"]), stop["name"]
        assert found["points"]


def test_a_stop_opens_the_panel_it_is_about_where_there_is_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(i18n.CATALOGUES["en"], "PANEL_INSIDE", "Inside")
    unit = tour_stops.stops({"PANEL_INSIDE"})[2]
    assert (unit["tab"], unit["act"]) == ("Inside", i18n.say("TOUR_OPEN", panel="Inside"))


def test_the_digits_shown_are_the_first_of_mnists(mnist: tuple[Dataset, Dataset]) -> None:
    shown = np.asarray(Image.open(assets.FOLDER / "tour.png"))
    first = mnist[0][:12]
    assert np.array_equal(shown, np.concatenate(first.images.reshape(12, 28, 28), axis=1))
    assert i18n.TOUR_DIGITS.endswith(" ".join(map(str, first.labels)))


def test_the_crossed_seven_is_read_as_the_tour_says() -> None:
    strokes = [
        [(int(x) / 100, int(y) / 100) for x, y in re.findall(r"(\d+) (\d+)", path)]
        for path in tour_stops.SEVEN
    ]
    drawn = canvas_of(coverage(strokes, size=(352, 352), at=(0, 0), scale=352, pen=22))
    assert read(load_network(visit.WEIGHTS / "original.npz"), drawn).digit == 2
    assert read(load_network(visit.WEIGHTS / "best.npz"), drawn).digit == 7


def test_its_hidden_button_puts_the_crossed_seven_before_the_original(page: AppTest) -> None:
    page.run()
    page.button(key="tour-seven").click().run()
    assert not page.exception
    assert len(session_of(page).slate.start["objects"]) == 2
    assert session_of(page).reader == "original"


def test_no_word_can_end_the_script_it_stands_in() -> None:
    assert "<" not in elements.json_text({"tour": "</script><b>"})
    # What the browser's sanitiser takes for tags must not be in a script.
    assert not re.search(r"<[/\w!]", assets.text("js/tour.js"))
