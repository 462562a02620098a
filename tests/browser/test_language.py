"""The page in another language: found, switched by keyboard, remembered."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.page import NARROW_PHONE, Visit
from tests.browser.test_looks import overflow
from ui import i18n

pytestmark = pytest.mark.browser


def expect_language(page: Page, code: str, invitation: str) -> None:
    expect(page.locator("html")).to_have_attribute("lang", code)
    expect(page.locator(".st-key-verdict")).to_have_text(invitation)


# What reaches beyond the window's right edge, as far as it is to be seen and not to be scrolled to.
BEYOND = """() => [...document.querySelectorAll('.stMain :is(button, p, h2, li, td, th, label)')]
    .filter(it => it.checkVisibility() && it.getBoundingClientRect().right > innerWidth + 1)
    .filter(it => !it.closest('[role=tablist], .stTabs [role=tab], .stElementToolbar, pre'))
    .map(it => it.textContent.slice(0, 40))"""
GERMAN, ENGLISH = "Zeichne eine Ziffer auf die Tafel.", "Draw a digit on the slate."


def test_a_german_browser_is_spoken_to_in_german(visit: Callable[..., Visit]) -> None:
    visitor = visit(locale="de-DE")
    expect_language(visitor.page, "de", GERMAN)


def test_the_switch_works_by_keyboard_keeps_the_choices_and_is_remembered(desk: Visit) -> None:
    expect_language(desk.page, "en", ENGLISH)
    desk.choose_recipe("Deep")
    desk.press("sample-7")
    desk.expect_digit(7)
    german = i18n.CATALOGUES["de"]
    desk.page.get_by_role("tab", name=i18n.PANEL_MISTAKES).click()
    expect(desk.page.locator(".matrix")).to_be_visible()
    desk.page.get_by_role("radio", name="English").focus()
    desk.page.keyboard.press("ArrowLeft")
    expect(desk.page.get_by_role("radio", name="Deutsch")).to_be_focused()
    desk.page.keyboard.press("Enter")
    expect(desk.page.locator("html")).to_have_attribute("lang", "de")
    expect(desk.page.get_by_role("combobox", name="Rezept")).to_have_value(
        "Tief: zwei Schichten, normalisiert"
    )
    expect(desk.verdict).to_contain_text("sicher")
    expect(desk.page.get_by_role("tab", selected=True)).to_have_text(german["PANEL_MISTAKES"])
    desk.press("train")  # what the browser sends now are the new words
    expect(desk.status).to_contain_text("Epoche")
    desk.press("stop")
    expect(desk.status).to_contain_text("angehalten")
    desk.page.reload()
    desk.expect_usable()
    expect_language(desk.page, "de", GERMAN)


def test_the_longer_words_fit_a_phone(visit: Callable[..., Visit]) -> None:
    phone = visit(**NARROW_PHONE, locale="de-DE")
    expect_language(phone.page, "de", GERMAN)
    assert overflow(phone) <= 0
    box = phone.page.get_by_role("radio", name="English").bounding_box()
    assert box is not None
    assert box["height"] >= 44
    phone.press("sample-7")
    phone.expect_digit(7)
    for tab in phone.page.locator(".stTabs [role=tab]").all():
        tab.click()
        phone.expect_rest()
        assert overflow(phone) <= 0, tab.inner_text()
        assert phone.page.evaluate(BEYOND) == [], tab.inner_text()


def test_a_german_page_in_an_english_browser_reads_numbers_as_it_writes_them(
    visit: Callable[..., Visit],
) -> None:
    visitor = visit(locale="en-US")
    visitor.page.goto(f"{visitor.address}/?lang=de&learning_rate=0.0125")
    visitor.expect_usable()
    rate = visitor.page.get_by_role("textbox", name="Lernrate")
    expect(rate).to_have_value("0,0125")
    visitor.set_field("Lernrate", "0,02")
    visitor.set_field("Dropout", "0,1")
    visitor.set_field("Ziffern", "10.000")  # not 10
    expect(visitor.page.get_by_text("ohne Tausendertrennzeichen")).to_be_visible()
    visitor.set_field("Ziffern", "10000")
    visitor.page.get_by_role("button", name="Link zu").click()
    link = visitor.page.locator("[data-testid=stPopoverBody] code")
    expect(link).to_contain_text("dropout=0.1&learning_rate=0.02")
    visitor.page.keyboard.press("Escape")
    visitor.press("train")
    visitor.set_field("Lernrate", "0,5")
    chart = visitor.page.locator('.stVegaLiteChart[aria-label^="Verlust über"]')
    expect(chart).to_contain_text("Lernrate 0,02 → 0,5")
    visitor.page.get_by_role("radio", name="English").click()
    expect(visitor.page.get_by_role("textbox", name="Learning rate")).to_have_value("0.5")
