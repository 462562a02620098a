"""Why this digit, and what is inside: on a drawing, in both themes, on a desk and on a phone.

What is pressed is pressed on a phone, where there is least room; by keyboard, on a desk.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.page import DESKTOP, PHONE, Visit
from tests.browser.test_access import violations
from tests.browser.test_looks import illegible, overflow

pytestmark = pytest.mark.browser


@pytest.fixture
def phone(visit: Callable[..., Visit]) -> Visit:
    """The page on a phone, with a 7 drawn on it."""
    phone = visit(**PHONE, reduced_motion="reduce")
    phone.touch(7)
    phone.expect_digit(7)
    return phone


def expect_legible(visitor: Visit, places: tuple[str, ...]) -> None:
    """The texts at these places are legible in either theme."""
    for theme in visitor.each_theme():
        assert illegible(visitor, places) == [], theme


def touchable(parts: Locator) -> bool:
    """Whether each of these is large enough for a finger."""
    boxes = [part.bounding_box() for part in parts.all()]
    return bool(boxes) and all(box and min(box["width"], box["height"]) >= 44 for box in boxes)


def test_why_a_seven_and_not_a_one(phone: Visit) -> None:
    panel = phone.open_panel("Why")
    expect(phone.pressable("a-7")).to_be_checked()
    phone.pressable("b-1").click()
    expect(phone.pressable("b-1")).to_be_checked()
    says = panel.locator(".reasons")
    expect(says).to_contain_text(re.compile(r"Best evidence for 7: the ink .* \(\+\d\.\d\)"))
    expect(says).to_contain_text(re.compile("for 1|against 1"))
    picture = panel.get_by_role(
        "img", name="each pixel coloured by what it adds to the lead of 7 over 1"
    )
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.complete && image.naturalWidth") == 280
    against_one = picture.get_attribute("src")
    phone.pressable("b-3").click()
    expect(picture).to_have_count(0)
    other = panel.get_by_role(
        "img", name="each pixel coloured by what it adds to the lead of 7 over 3"
    )
    expect(other).not_to_have_attribute("src", against_one or "")
    places = (".reasons", ".choices .ask", ".choice", ".scale span", ".answer span", ".turn")
    expect_legible(phone, places)
    assert overflow(phone) <= 0
    assert touchable(panel.locator(".choice"))
    assert touchable(panel.locator("button.patch"))


def test_the_bars_answer_when_a_part_is_erased(phone: Visit) -> None:
    panel = phone.open_panel("Why")
    answer = panel.locator(".answer .figure").nth(7)
    before = answer.inner_text()
    assert "→" not in before
    calm = panel.locator(".answers").bounding_box()
    patches = panel.locator("button.patch")
    for n in range(6):
        patches.nth(n).click()
        expect(patches.nth(n)).to_have_attribute("aria-pressed", "true")
    expect(answer).to_contain_text("→")
    expect(panel.locator(".turn")).to_contain_text("Before: 7. Now: ")
    moved = panel.locator(".answers").bounding_box()
    assert calm is not None
    assert moved is not None
    assert (calm["width"], calm["height"]) == (moved["width"], moved["height"])
    patches.nth(0).click()  # comes back
    expect(patches.nth(0)).to_have_attribute("aria-pressed", "false")
    phone.press("why-restore")
    expect(patches.nth(3)).to_have_attribute("aria-pressed", "false")
    expect(answer).to_have_text(before)
    expect(phone.button("why-restore")).to_be_disabled()


def test_the_question_is_asked_and_a_patch_erased_by_keyboard_alone(desk: Visit) -> None:
    desk.draw(7)
    desk.expect_digit(7)
    panel = desk.open_panel("Why")
    keyboard = desk.page.keyboard
    desk.pressable("b-1").click()
    expect(desk.pressable("b-1")).to_be_checked()
    keyboard.press("ArrowRight")
    expect(desk.pressable("b-2")).to_be_focused()
    keyboard.press("Enter")
    expect(desk.pressable("b-2")).to_be_checked()
    expect(desk.pressable("b-2")).to_be_focused()  # the picture was made anew
    keyboard.press("Tab")
    patches = panel.locator("button.patch")
    expect(patches.first).to_be_focused()
    keyboard.press("ArrowRight")
    expect(patches.nth(1)).to_be_focused()
    keyboard.press("Space")
    expect(patches.nth(1)).to_have_attribute("aria-pressed", "true")
    expect(patches.nth(1)).to_be_focused()
    expect(panel.locator(".answer").nth(7)).to_be_visible()
    assert overflow(desk) <= 0
    keyboard.press("Shift+Tab")
    expect(desk.pressable("b-2")).to_be_focused()


def test_why_follows_the_network_while_it_learns(desk: Visit) -> None:
    desk.draw(7)
    desk.expect_digit(7)
    panel = desk.open_panel("Why")
    desk.set_field("Epochs", "400")
    desk.press("train")
    desk.expect_epoch(1)
    picture = panel.get_by_role("img", name="each pixel coloured by what it adds")
    seen = picture.get_attribute("src")
    calm = panel.locator(".patches").bounding_box()
    desk.expect_epoch(desk.epoch() + 2)
    expect(picture).not_to_have_attribute("src", seen or "")
    assert calm is not None
    assert panel.locator(".patches").bounding_box() == pytest.approx(calm, abs=0.5)
    desk.press("stop")


def test_the_most_active_unit_switched_off_moves_the_bars(phone: Visit) -> None:
    phone.choose_reader("Original")
    phone.expect_some_digit()
    panel = phone.open_panel("Inside")
    nodes = panel.locator(".flow .unit")
    expect(nodes).to_have_count(6)
    assert panel.locator(".flow .line").count() == 6 + 18
    figures = panel.locator(".answer .figure")
    expect(figures).to_have_count(10)
    before = figures.all_inner_texts()
    assert "→" not in "".join(before)
    nodes.first.click()
    expect(nodes.first).to_have_attribute("aria-pressed", "true")
    expect(panel.locator(".exciting img")).to_have_count(8)
    phone.press("inside-switch")
    expect(panel.locator(".unit.off")).to_have_count(1)
    expect(panel.locator(".st-key-inside-answers")).to_contain_text(
        re.compile(r"Disabled: unit \d+ of layer 1")
    )
    expect(panel.locator(".answers")).to_contain_text("→")
    places = (".unit-of p", ".exciting li", ".lines span", ".answer span", ".st-key-panel-inside p")
    expect_legible(phone, places)
    assert overflow(phone) <= 0
    assert touchable(nodes)
    assert touchable(panel.locator(".st-key-inside-switches button"))
    phone.press("inside-reset")
    expect(panel.locator(".unit.off")).to_have_count(0)
    expect(figures).to_have_text(before)


@pytest.mark.parametrize("screen", [DESKTOP, PHONE], ids=["desk", "phone"])
def test_the_flow_of_a_thousand_units_fits(
    visit: Callable[..., Visit], screen: dict[str, Any]
) -> None:
    visitor = visit(**screen)
    visitor.press("sample-7")
    visitor.expect_digit(7)
    panel = visitor.open_panel("Inside")
    nodes = panel.locator(".flow .unit")
    expect(nodes).to_have_count(12)
    expect(panel.locator(".flow .head")).to_have_text(
        ["784 pixels", "1,536 units", "768 units", "10 scores"]
    )
    expect(nodes.first.locator("title")).to_have_text(
        re.compile(r"unit \d+ of layer 1: output -?\d+\.\d\d, adds [+−]\d\.\d\d to the score of 7")
    )
    assert overflow(visitor) <= 0
    frame = panel.locator(".flow-frame")
    assert frame.evaluate("frame => frame.scrollWidth - frame.clientWidth") <= 0
    if screen is PHONE:
        assert touchable(nodes)


def test_the_flow_stays_where_it_is_while_the_network_learns(desk: Visit) -> None:
    desk.draw(7)
    desk.expect_digit(7)
    panel = desk.open_panel("Inside")
    desk.set_field("Epochs", "400")
    desk.press("train")
    desk.expect_epoch(1)
    expect(panel.locator(".flow .head").nth(1)).to_have_text("128 units")  # no longer Best's
    first = panel.locator(".flow .unit image").first
    first.evaluate("node => { node.tagged = true; }")
    calm = panel.locator(".flow").bounding_box()
    seen = first.get_attribute("href")
    assert calm is not None
    desk.expect_epoch(desk.epoch() + 2)
    expect(first).not_to_have_attribute("href", seen or "")
    assert first.evaluate("node => node.tagged === true")  # changed in place: nothing flickers
    assert panel.locator(".flow").bounding_box() == pytest.approx(calm, abs=0.5)
    desk.press("stop")


def test_units_are_walked_through_and_pressed_by_keyboard(desk: Visit) -> None:
    desk.draw(7)
    desk.expect_digit(7)
    panel = desk.open_panel("Inside")
    nodes, keyboard = panel.locator(".flow .unit"), desk.page.keyboard
    nodes.first.focus()
    keyboard.press("ArrowDown")
    expect(nodes.nth(1)).to_be_focused()
    keyboard.press("ArrowRight")
    expect(nodes.nth(7)).to_be_focused()
    keyboard.press("Enter")
    expect(nodes.nth(7)).to_have_attribute("aria-pressed", "true")
    expect(panel.locator(".st-key-inside-unit h2")).to_have_text(re.compile("of layer 2"))
    expect(desk.button("inside-switch")).to_be_enabled()
    keyboard.press("Tab")
    expect(desk.button("inside-switch")).to_be_focused()
    keyboard.press("Enter")
    expect(nodes.nth(7)).to_have_class(re.compile("off"))


def test_a_unit_is_stepped_through_in_numbers(phone: Visit) -> None:
    panel = phone.open_panel("In numbers")
    steps = panel.locator(".step")
    expect(steps).to_have_count(10)
    expect(steps.first).to_have_attribute("aria-current", "step")
    expect(panel).to_contain_text(re.compile(r"For unit \d+ of layer 1, each of 784 inputs"))
    expect(panel.locator(".shapes")).to_have_text("x (1, 784) · W (784, 1536) → (1, 1536)")
    expect(panel.locator(".source").first).to_contain_text(re.compile(r"nn/layers\.py, line \d+"))
    expect(panel.locator(".source").first).to_contain_text("x @ self.W")
    phone.press("numbers-next")
    expect(steps.nth(1)).to_have_attribute("aria-current", "step")
    z = re.search(r"z = (−?[\d.]+)", panel.locator(".equation").inner_text())
    assert z is not None
    phone.press("numbers-next")
    expect(panel.locator(".equation")).to_contain_text(f"z = {z[1]}")
    phone.set_field("Unit of layer 1 to follow", "5")
    expect(panel).to_contain_text("The z of unit 5 of layer 1")
    places = (".says", ".equation", ".terms th", ".terms td", ".source code", ".source .number")
    expect_legible(phone, (*places, ".shapes", ".step", ".path .of"))
    steps.nth(8).click()
    expect(panel.locator(".terms tbody tr")).to_have_count(11)
    expect_legible(phone, places)
    assert overflow(phone) <= 0
    steps.nth(9).click()
    expect(panel.locator("thead")).to_contain_text("q")
    q = float(panel.locator("tr.marked td").last.inner_text())
    bar = float(phone.widths()[7].removesuffix("%")) / 100
    assert q == pytest.approx(bar, abs=6e-4)
    assert touchable(steps)


def test_a_filters_map_is_looked_into_and_one_place_worked_out(
    visit: Callable[..., Visit],
) -> None:
    desk = visit(reduced_motion="reduce")
    desk.draw(7)
    desk.expect_digit(7)
    desk.choose_recipe("Convolution")
    desk.set_field("Digits used", "1000")
    desk.set_field("Epochs", "1")
    desk.press("train")
    expect(desk.status).to_contain_text("Done")
    expect(desk.page.get_by_role("radio", name="Yours", exact=True)).to_be_checked()
    panel = desk.open_panel("Inside")
    expect(panel.locator(".flow .head")).to_have_text(
        ["784 pixels", "8 filters", "16 filters", "64 units", "10 scores"]
    )
    panel.locator(".flow .unit").first.click()
    places = panel.locator(".places button")
    expect(places).to_have_count(14 * 14)
    frame = panel.locator(".field span")
    before = frame.get_attribute("style")
    places.nth(3 * 14 + 5).click()
    expect(places.nth(3 * 14 + 5)).to_have_attribute("aria-pressed", "true")
    expect(frame).not_to_have_attribute("style", before or "")
    expect(panel.locator(".seen img")).to_have_count(4)
    desk.page.keyboard.press("ArrowRight")
    desk.page.keyboard.press("Enter")
    expect(places.nth(3 * 14 + 6)).to_have_attribute("aria-pressed", "true")
    assert violations(desk.page, ".stTabs") == []
    assert illegible(desk, (".feature-map figcaption", ".seen figcaption")) == []

    panel = desk.open_panel("In numbers")
    expect(panel).to_contain_text(re.compile(r"at row [78], column 1[34], each of the 25 numbers"))
    expect(panel.locator(".source").first).to_contain_text("nn/convolution.py")
    expect(panel.locator(".places button").nth(3 * 14 + 6)).to_have_attribute(
        "aria-pressed", "true"
    )
    panel.locator(".step").nth(3).click()
    expect(panel).to_contain_text("pooling keeps the largest value")
    expect(panel.locator(".equation")).to_contain_text("y = ")
    assert overflow(desk) <= 0
