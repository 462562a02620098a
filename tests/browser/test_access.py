"""The page for everyone: what axe-core finds, and what it cannot: keyboard, focus, stillness."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.page import DESKTOP, PHONE, Visit
from tests.browser.test_photo import PAGE, choose
from ui import i18n

pytestmark = pytest.mark.browser

# What is Streamlit's own and cannot be mended from here: rule, and what the element contains.
STREAMLITS = {
    # The place to drop files at is labelled though it is no widget; its button is one.
    ("presentation-role-conflict", 'data-testid="stFileUploaderDropzone"'),
    # Tooltips are hung into the document's end, beyond all landmarks.
    ("region", 'id="stFloatingOverlayPortal"'),
}
MOVING = """() => document.getAnimations().filter(animation => {
    const {duration, delay} = animation.effect.getComputedTiming();
    return animation.playState === 'running' && duration + delay > 1;
}).map(animation => animation.effect.target?.className)"""
# Whatever can be pressed or filled in and may be reached by Tab; a group of radios or tabs is
# one stop, within which the arrow keys move.
STOPS = """() => {
    const all = [...document.querySelectorAll(
        'a[href], button, input, select, textarea, summary, [role=tab], [role=radio], [tabindex]')];
    return all.filter(it => it.tabIndex >= 0 && !it.disabled && it.checkVisibility()
            && !it.closest('[aria-hidden=true], [inert]') && it.type !== 'file'
            && it.getBoundingClientRect().right > 0)
        .filter(it => {
            const group = it.closest('[role=radiogroup], [role=tablist], [role=toolbar]');
            return !group || !group.dataset.stop && (group.dataset.stop = 'seen');
        }).length;
}"""

FOCUSED = """() => {
    let it = document.activeElement;
    while (it?.shadowRoot?.activeElement) it = it.shadowRoot.activeElement;
    return it === document.body ? null : it;
}"""

MARK = f"(it => it && (it.dataset.visited ??= String(Math.random())))(({FOCUSED})())"


def violations(page: Page, within: str = "html") -> list[tuple[str, str, str]]:
    """What axe-core finds in a part of the page, of any weight: (rule, element, what to do)."""
    found: Any = Axe().run(page, context=within).response["violations"]
    return [
        (rule["id"], node["html"], node["failureSummary"])
        for rule in found
        for node in rule["nodes"]
        if not any(rule["id"] == its and part in node["html"] for its, part in STREAMLITS)
    ]


@pytest.fixture(params=["light desktop", "dark phone"])
def visitor(visit: Callable[..., Visit], request: pytest.FixtureRequest) -> Visit:
    """The page at rest in each theme and on each device; without transitions half way."""
    theme, device = request.param.split()
    screen = PHONE if device == "phone" else DESKTOP
    return visit(**screen, color_scheme=theme, reduced_motion="reduce")


def test_axe_finds_nothing_from_the_blank_slate_to_the_verdict(visitor: Visit) -> None:
    assert violations(visitor.page) == []
    visitor.press("sample-7")
    visitor.expect_digit(7)
    assert violations(visitor.page) == []


def test_axe_finds_nothing_in_any_panel(visitor: Visit) -> None:
    visitor.press("sample-7")
    visitor.expect_digit(7)
    tabs = visitor.page.locator(".stTabs [role=tab]")
    for number in range(tabs.count()):
        tabs.nth(number).click()
        expect(tabs.nth(number)).to_have_attribute("aria-selected", "true")
        expect(visitor.page.locator("[class*='st-key-panel-']:visible")).to_have_count(1)
        visitor.expect_rest()
        assert violations(visitor.page, ".stTabs") == [], tabs.nth(number).inner_text()


def test_axe_finds_nothing_where_a_photo_has_several_digits(visitor: Visit) -> None:
    choose(visitor, "page.jpg", PAGE)
    expect(visitor.page.locator(".digit-box")).to_have_count(7)
    visitor.expect_rest()
    assert violations(visitor.page) == []


def test_axe_finds_nothing_in_the_tour(visitor: Visit) -> None:
    visitor.page.locator(".tour-start").click()
    card = visitor.page.locator(".tour")
    assert violations(visitor.page) == []
    for _ in range(4):
        card.locator(".next").click()
    card.locator(".act").click()
    visitor.expect_digit(2)
    assert violations(visitor.page) == []


def test_axe_finds_nothing_while_it_trains_nor_in_a_refusal(visit: Callable[..., Visit]) -> None:
    desk = visit(reduced_motion="reduce")
    desk.page.get_by_role("combobox", name="Speed").click()  # slow, so that it goes on
    desk.page.get_by_role("option", name="30 batches").click()
    desk.press("sample-7")
    desk.expect_digit(7)
    desk.press("train")
    expect(desk.status).to_contain_text("training")
    for theme in desk.each_theme():
        assert violations(desk.page) == [], theme
    desk.press("stop")
    desk.set_field("Epochs", "0")
    expect(desk.page.locator(".stSidebar .stAlert")).to_be_visible()
    for theme in desk.each_theme():
        assert violations(desk.page) == [], theme


def test_axe_finds_nothing_in_a_lab_that_has_trained(visit: Callable[..., Visit]) -> None:
    desk = visit(reduced_motion="reduce")
    desk.press("sample-7")
    desk.expect_digit(7)
    desk.set_field("Epochs", "1")
    desk.press("train")
    expect(desk.status).to_contain_text("Done")
    for name in ("PANEL_TRAINING", "PANEL_TIME", "PANEL_RUNS"):
        desk.page.get_by_role("tab", name=i18n.say(name), exact=True).click()
        expect(desk.page.locator("[class*='st-key-panel-']:visible")).to_have_count(1)
        desk.expect_rest()
        for theme in desk.each_theme():
            assert violations(desk.page, ".stTabs") == [], (name, theme)
    for theme in desk.each_theme():
        assert violations(desk.page, ".stSidebar") == [], theme


def test_axe_finds_nothing_in_the_sidebar_on_a_phone(visit: Callable[..., Visit]) -> None:
    phone = visit(**PHONE, reduced_motion="reduce")
    phone.page.get_by_test_id("stExpandSidebarButton").click()
    expect(phone.button("train")).to_be_in_viewport()
    assert violations(phone.page) == []
    phone.page.get_by_test_id("stSidebarCollapseButton").get_by_role("button").tap()
    expect(phone.button("train")).not_to_be_in_viewport()


def test_axe_sees_what_is_wrong(desk: Visit) -> None:
    desk.page.evaluate("document.querySelector('.sees').innerHTML = '<img src=\"data:,\">'")
    assert [rule for rule, _, _ in violations(desk.page)] == ["image-alt"]


def test_every_control_is_reached_by_tab_and_shows_that_it_is(visit: Callable[..., Visit]) -> None:
    """In the light, each of them shows it; in the dark, one of each class: they look alike."""
    desk = visit(reduced_motion="reduce")
    desk.press("sample-7")
    desk.expect_digit(7)
    expected: int = desk.page.evaluate(STOPS)
    for theme in desk.each_theme():
        seen: set[str] = set()
        classes: set[str] = set()
        for _ in range(2 * expected):  # beyond the last stop lies the browser's own bar
            desk.page.keyboard.press("Tab")
            mark: str = desk.page.evaluate(MARK)
            if not mark:
                continue
            if mark in seen:
                break
            seen.add(mark)
            its: str = desk.page.evaluate(f"(it => it.tagName + it.className)(({FOCUSED})())")
            if theme == "light" or its not in classes:
                html = desk.page.evaluate(f"({FOCUSED})().outerHTML.slice(0, 300)")
                assert shows_its_focus(desk), (theme, html)
            classes.add(its)
        assert len(seen) >= expected > 20


def shows_its_focus(visitor: Visit) -> bool:
    """Whether the focused element, or what surrounds it, looks different without the focus."""
    box = visitor.page.evaluate(f"({FOCUSED})().getBoundingClientRect().toJSON()")
    clip = {
        "x": max(box["x"] - 12, 0),
        "y": max(box["y"] - 12, 0),
        "width": box["width"] + 24,
        "height": box["height"] + 24,
    }
    with_focus = visitor.page.screenshot(clip=clip)
    visitor.page.evaluate(f"window.focusedOnce = ({FOCUSED})(), focusedOnce.blur()")
    without = visitor.page.screenshot(clip=clip)
    visitor.page.evaluate("focusedOnce.focus()")
    return with_focus != without


def test_nothing_moves_for_those_who_asked_for_stillness(visit: Callable[..., Visit]) -> None:
    desk = visit(reduced_motion="reduce")
    desk.press("sample-3")
    desk.expect_digit(3)
    desk.press("train")
    expect(desk.status).to_contain_text("training")
    assert desk.page.evaluate(MOVING) == []
    desk.press("stop")


def test_every_picture_says_what_it_shows(desk: Visit) -> None:
    desk.press("sample-7")
    desk.expect_digit(7)
    expect(desk.slate).to_have_attribute("aria-label", i18n.CATALOGUES["en"]["SLATE"])
    pictures = desk.page.locator(
        ".stApp img, .stApp svg[role=img], .stVegaLiteChart, canvas.upper-canvas"
    )
    alternatives = pictures.evaluate_all(
        """all => all.filter(it => !it.closest('[aria-hidden=true]')).map(it => it.alt
            || it.getAttribute('aria-label')
            || it.closest('[role=group]')?.getAttribute('aria-label')  // of a grid on a picture
            || '')"""
    )
    assert len(alternatives) >= 5
    assert all(alternatives), alternatives
    assert len(set(alternatives)) == len(alternatives)
