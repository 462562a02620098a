"""The tour, as a visitor takes it: by keyboard alone, on a phone, while drawing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.page import PHONE, Visit
from ui import i18n

pytestmark = pytest.mark.browser
STOPS = list(i18n.CATALOGUES["en"]["TOUR_STOPS"].values())
OUTLINED = """() => [...document.querySelectorAll('.stApp *')].filter(element => {
    const {outlineStyle, outlineWidth} = getComputedStyle(element);
    return outlineStyle === 'solid' && outlineWidth === '3px' && !element.closest('.tour');
}).map(element => element.className)"""


def start(visitor: Visit) -> Locator:
    """Begin the tour by keyboard; gives its card."""
    visitor.page.locator(".tour-start").focus()
    visitor.page.keyboard.press("Enter")
    card = visitor.page.get_by_role("dialog", name=STOPS[0]["title"])
    expect(card).to_be_visible()
    return visitor.page.locator(".tour")


def boxes_meet(one: Locator, other: Locator) -> bool:
    """Whether two parts of the page overlap."""
    a, b = one.bounding_box(), other.bounding_box()
    assert a is not None
    assert b is not None
    return (
        a["x"] < b["x"] + b["width"]
        and b["x"] < a["x"] + a["width"]
        and a["y"] < b["y"] + b["height"]
        and b["y"] < a["y"] + a["height"]
    )


def test_it_is_offered_and_never_comes_by_itself(desk: Visit) -> None:
    expect(desk.page.locator(".tour-start")).to_have_text(i18n.CATALOGUES["en"]["TOUR_OFFER"])
    expect(desk.page.locator(".tour")).to_have_count(0)


def test_it_is_taken_by_keyboard_alone(desk: Visit) -> None:
    keyboard, card = desk.page.keyboard, start(desk)
    for number, stop in enumerate(STOPS, 1):
        expect(card.locator(".title")).to_have_text(stop["title"])
        expect(card.locator(".place")).to_have_text(f"Stop {number} of {len(STOPS)}")
        expect(card.locator(".next")).to_be_focused()
        desk.page.wait_for_function(f"({OUTLINED})().length === 1")
        keyboard.press("Enter")
    expect(card).to_have_count(0)
    expect(desk.page.locator(".tour-start")).to_be_focused()
    assert desk.page.evaluate(OUTLINED) == ["tour-start"]  # the focus, and nothing else


def test_a_stop_acts_on_the_page(desk: Visit) -> None:
    keyboard, card = desk.page.keyboard, start(desk)
    keyboard.press("ArrowRight")
    expect(card.locator(".title")).to_have_text(STOPS[1]["title"])
    card.locator(".act").focus()
    keyboard.press("Enter")
    desk.expect_digit(7)
    keyboard.press("ArrowRight")
    expect(card.locator(".act")).to_have_text("Open “Inside”")
    keyboard.press("Enter")
    expect(desk.page.locator(".st-key-panel-inside")).to_be_in_viewport()
    desk.page.wait_for_function(f"({OUTLINED})().some(name => name.includes('panel-inside'))")
    keyboard.press("ArrowRight")
    keyboard.press("ArrowRight")
    expect(card.locator(".title")).to_have_text(STOPS[4]["title"])
    expect(card.locator(".act")).to_be_focused()
    keyboard.press("Enter")
    desk.expect_digit(2)
    expect(desk.page.get_by_role("radio", name="Original")).to_be_checked()
    desk.choose_reader("Best")
    desk.expect_digit(7)
    keyboard.press("ArrowLeft")


def test_a_stop_starts_a_training(desk: Visit) -> None:
    card = start(desk)
    for _ in range(3):
        desk.page.keyboard.press("ArrowRight")
    card.locator(".act").click()
    expect(desk.status).to_contain_text("Epoch")
    desk.press("stop")


def test_it_can_be_left_and_remembers_where(desk: Visit) -> None:
    card = start(desk)
    desk.page.keyboard.press("ArrowRight")
    desk.page.keyboard.press("Escape")
    expect(card).to_have_count(0)
    expect(desk.page.locator(".tour-start")).to_be_focused()
    desk.page.reload()
    desk.expect_usable()
    expect(desk.page.locator(".tour-start")).to_have_text(i18n.CATALOGUES["en"]["TOUR"])
    desk.page.locator(".tour-start").click()
    expect(card.locator(".title")).to_have_text(STOPS[1]["title"])


def test_the_slate_stays_free_to_draw_on(desk: Visit) -> None:
    card = start(desk)
    assert not boxes_meet(card, desk.slate)
    assert not boxes_meet(card, desk.bars)
    desk.draw(3)
    desk.expect_digit(3)
    expect(card).to_be_visible()


@pytest.mark.parametrize("device", [{}, PHONE], ids=["desktop", "phone"])
def test_every_stops_words_fit(visit: Callable[..., Visit], device: dict[str, Any]) -> None:
    visitor = visit(**device, locale="de-DE")  # whose words are longer
    visitor.page.locator(".tour-start").click()
    card = visitor.page.locator(".tour")
    for number in range(1, len(STOPS) + 1):
        expect(card.locator(".place")).to_contain_text(str(number))
        if number == 1:
            visitor.slate.evaluate("slate => slate.scrollIntoView({block: 'nearest'})")
            assert not boxes_meet(card, visitor.slate)
        for part in (".says", ".act", ".next"):
            fits = "e => e.scrollHeight <= e.clientHeight && e.scrollWidth <= e.clientWidth + 1"
            assert card.locator(part).evaluate(fits), (number, part)
        for button in card.get_by_role("button").all():
            box = button.bounding_box()
            assert box is not None
            assert box["height"] >= (44 if device == "phone" else 36)
        card.locator(".next").click()
    expect(card).to_have_count(0)


def test_it_changes_language_while_it_is_open(desk: Visit) -> None:
    card = start(desk)
    desk.page.keyboard.press("ArrowRight")
    desk.page.get_by_role("radio", name="Deutsch").click()
    german = list(i18n.CATALOGUES["de"]["TOUR_STOPS"].values())[1]
    expect(card.locator(".title")).to_have_text(german["title"])
    expect(card.locator(".act")).to_have_text(german["act"])
