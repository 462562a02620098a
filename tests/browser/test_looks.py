"""How the page looks: on phones, in both themes, legible."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.page import NARROW_PHONE, Visit
from ui import __version__

pytestmark = pytest.mark.browser

READABLE, LARGE_READABLE = 4.5, 3.0  # contrast of text, WCAG 2.2 level AA
LARGE = (".verdict .digit",)
TEXTS = (
    "h1",
    ".lede",
    "h2.part",
    ".verdict .digit",
    ".verdict p",
    ".bar .name",
    ".bar .figure",
    ".axis span",
    ".steps p",
    ".small",
    ".ways span",
    ".status p",
    ".legend span",
    ".stSidebar label",
    ".stSidebar input",
    ".stAlert p",
    ".stButton button",
    ".stButtonGroup button p",
)
# The contrast of each text that is shown against what lies behind it, as [text, ratio].
CONTRASTS = """elements => {
    const pen = new OffscreenCanvas(1, 1).getContext('2d', {willReadFrequently: true});
    const rgba = colour => {
        pen.clearRect(0, 0, 1, 1);
        pen.fillStyle = colour;
        pen.fillRect(0, 0, 1, 1);
        return [...pen.getImageData(0, 0, 1, 1).data].map(value => value / 255);
    };
    const over = (top, under) => [0, 1, 2].map(i => top[3] * top[i] + (1 - top[3]) * under[i]);
    const linear = value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
    const behind = element => {
        if (element === null) return [1, 1, 1];
        return over(rgba(getComputedStyle(element).backgroundColor), behind(element.parentElement));
    };
    return elements.filter(element => element.checkVisibility() && element.innerText?.trim() !== '')
        .map(element => {
            const colour = rgba(getComputedStyle(element).color), back = behind(element);
            for (let here = element; here !== null; here = here.parentElement)
                colour[3] *= Number(getComputedStyle(here).opacity);
            const [low, high] = [light(over(colour, back)), light(back)].sort((a, b) => a - b);
            return [element.innerText ?? element.value, (high + 0.05) / (low + 0.05)];
        });
}"""


def lightness(visitor: Visit) -> float:
    """The mean of the page's background colour, 0 black to 1 white."""
    colour = visitor.page.locator(".stApp").evaluate("app => getComputedStyle(app).backgroundColor")
    return sum(int(part) for part in re.findall(r"\d+", colour)[:3]) / 3 / 255


def illegible(visitor: Visit, places: tuple[str, ...] = TEXTS) -> list[tuple[str, str, float]]:
    """Texts whose contrast is too low, with where they are; what is disabled is left out."""
    found = []
    for where in places:
        needed = LARGE_READABLE if where in LARGE else READABLE
        texts = visitor.page.locator(f"{where}:not(:disabled)").evaluate_all(CONTRASTS)
        found += [(where, text, round(ratio, 2)) for text, ratio in texts if ratio < needed]
    return found


def overflow(visitor: Visit) -> int:
    """By how many pixels the page is wider than the window."""
    wider: int = visitor.page.evaluate("document.documentElement.scrollWidth - innerWidth")
    inner: int = visitor.page.locator(".stMain").evaluate("e => e.scrollWidth - e.clientWidth")
    return max(wider, inner)


def top(part: Locator) -> float:
    """Where a part of the page begins, in pixels from the window's top."""
    box = part.bounding_box()
    assert box is not None
    return box["y"]


def test_everything_is_legible(visit: Callable[..., Visit]) -> None:
    visitor = visit(reduced_motion="reduce")
    for theme in visitor.each_theme():
        assert (lightness(visitor) > 0.5) == (theme == "light")
        assert illegible(visitor) == [], theme
    visitor.draw(7)
    visitor.expect_digit(7)
    visitor.set_field("Epochs", "1")
    visitor.press("train")
    expect(visitor.status).to_contain_text("Done")
    visitor.set_field("Hidden units", "-5")
    expect(visitor.page.locator(".stSidebar .stAlert")).to_be_visible()
    for theme in visitor.each_theme():
        assert illegible(visitor) == [], theme


def test_an_unsure_verdict_is_legible_too(desk: Visit) -> None:
    desk.draw(7)
    desk.expect_digit(7)
    desk.choose_recipe("Original")
    desk.press("step")  # one step of gradient descent has not learned much
    expect(desk.verdict).to_contain_text("Not sure")
    assert illegible(desk, (".verdict .digit", ".verdict p", ".bar .figure")) == []


def test_the_strip_is_for_phones_alone(desk: Visit) -> None:
    expect(desk.strip).to_be_hidden()
    expect(desk.status).to_be_visible()


def test_a_phone_trains_from_the_strip(visit: Callable[..., Visit]) -> None:
    phone = visit(**NARROW_PHONE)
    expect(phone.strip).to_be_visible()
    expect(phone.page.locator(".stSidebar")).not_to_be_in_viewport()
    assert overflow(phone) <= 0
    phone.touch(7)
    phone.expect_digit(7)
    phone.button("strip-train").tap()
    expect(phone.strip).to_contain_text(re.compile(r"Epoch [1-9]"))
    assert overflow(phone) <= 0
    phone.button("strip-stop").tap()
    expect(phone.strip).to_contain_text("stopped")
    expect(phone.page.get_by_role("radio", name="Yours")).to_be_checked()
    expect(phone.button("strip-train")).to_be_enabled()
    phone.expect_some_digit()


def test_a_phone_shows_the_slate_first_and_the_verdict_under_it(phone: Visit) -> None:
    phone.touch(3)
    phone.expect_digit(3)
    phone.slate.scroll_into_view_if_needed()
    parts = [phone.slate, phone.verdict, phone.page.locator(".bars"), phone.input]
    tops = [top(part) for part in parts]
    assert tops == sorted(tops)
    box = phone.slate.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["width"] >= 0.85 * 390
    keys = [
        "clear",
        "undo",
        "redo",
        "strip-train",
        "strip-stop",
        *(f"sample-{n}" for n in range(10)),
    ]
    for key in keys:  # what a finger presses
        box = phone.button(key).bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= 44, key


def test_the_menu_says_which_version_this_is(desk: Visit) -> None:
    desk.page.get_by_test_id("stMainMenu").get_by_role("button").click()
    desk.page.get_by_role("menuitem", name="About").click()
    expect(desk.page.get_by_role("dialog")).to_contain_text(f"Digit Lab {__version__}")
