"""The panel that moves the drawing, as a visitor sees and presses it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.page import PHONE, Visit
from tests.browser.test_looks import illegible, overflow

pytestmark = pytest.mark.browser


def widths(panel: Locator, network: int) -> list[str]:
    """The widths of a network's ten bars."""
    fills = panel.locator(f".st-key-shift-reader-{network} .fill")
    styles: list[str] = fills.evaluate_all("all => all.map(fill => fill.style.width)")
    return styles


def chart_in(panel: Locator) -> list[float]:
    """Where the chart is in the panel, and its size."""
    chart, whole = panel.locator(".stVegaLiteChart").bounding_box(), panel.bounding_box()
    assert chart is not None
    assert whole is not None
    return [round(chart["y"] - whole["y"]), chart["width"], chart["height"]]


def test_a_moved_digit_is_read_otherwise_by_each_network(desk: Visit) -> None:
    panel = desk.open_panel("Shift")
    expect(panel).to_contain_text("Draw a digit, then move it")
    lines = panel.locator(".stVegaLiteChart .mark-line path")
    expect(lines).to_have_count(2)  # once they are computed, without a drawing, too
    place = chart_in(panel)
    desk.draw(7)
    desk.expect_digit(7)
    says = panel.locator(".turn")
    expect(says).to_have_text([re.compile("^7, ")] * 2)
    before, picture = widths(panel, 0), panel.locator("img.pixels").get_attribute("src") or ""
    slider = panel.get_by_role("slider", name="Shift to the right")
    for _ in range(6):
        slider.press("ArrowRight")
    expect(panel.locator("img.pixels")).to_have_attribute("alt", re.compile(": 6 pixels to the"))
    expect(panel.locator(".stVegaLiteChart")).to_contain_text("your shift: 6")
    assert panel.locator("img.pixels").get_attribute("src") != picture
    assert before != widths(panel, 0) != widths(panel, 1)
    original = widths(panel, 0)
    panel.get_by_role("combobox", name="First network").click()
    desk.page.get_by_role("option", name="Best", exact=True).click()
    expect(panel.locator(".series")).to_contain_text("Best")
    desk.expect_rest()
    assert widths(panel, 0) != original
    assert chart_in(panel) == place
    desk.press("shift-back")
    expect(slider).to_have_value("0")
    expect(panel.locator("img.pixels")).to_have_attribute("src", picture)


def test_the_panel_fits_a_phone_and_follows_a_training(visit: Callable[..., Visit]) -> None:
    phone = visit(**PHONE, color_scheme="dark")
    phone.touch(7)
    phone.expect_digit(7)
    panel = phone.open_panel("Shift")
    expect(panel.locator(".stVegaLiteChart .mark-line path")).to_have_count(2)
    phone.button("strip-train").tap()
    expect(phone.strip).to_contain_text(re.compile(r"Epoch [1-9]"))
    panel.get_by_role("combobox", name="Second network").tap()
    phone.page.get_by_role("option", name=re.compile(r"\(yours\)$")).tap()
    expect(panel).to_contain_text(re.compile(r"\(yours\): at epoch [\d.]+ of training"))
    assert overflow(phone) <= 0
    texts = (".small", ".turn", "h2", ".series span", ".bar .figure")
    assert illegible(phone, tuple(f".st-key-panel-shift {text}" for text in texts)) == []
    boxes = [panel.locator(f".st-key-shift-reader-{slot}").bounding_box() for slot in (0, 1)]
    assert all(box is not None and box["width"] > 300 for box in boxes)  # one below the other
