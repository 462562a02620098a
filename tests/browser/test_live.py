"""While the pen moves: the slate is read, what is shown follows, and the page has the last word."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Route, expect

from tests.browser.page import PHONE, STROKES, Visit

pytestmark = pytest.mark.browser

LIVE = ".st-key-verdict .live"
SEVEN = STROKES[7][0]
BEGUN = [(30, 20), (50, 20)]  # half of its first line


def expect_live(visit: Visit, digit: str) -> None:
    """Wait for a verdict that came while the pen moves."""
    expect(visit.page.locator(f"{LIVE} .digit")).to_have_text(digit)


def expect_answer(visit: Visit) -> None:
    """Wait for the first answer, whatever it is."""
    expect(visit.page.locator(f"{LIVE} .verdict")).to_have_count(1)


def expect_the_pages_own(visit: Visit, digit: int) -> None:
    """Wait for the page's own result, shown alone."""
    expect(visit.page.locator(".live")).to_have_count(0)
    visit.expect_digit(digit)
    expect(visit.page.locator(".st-key-verdict .verdict")).to_be_visible()


def test_the_verdict_changes_while_the_mouse_is_down(desk: Visit) -> None:
    under_way: list[int] = [0]
    most: list[int] = []

    def count(change: int) -> Callable[[object], None]:
        def note(request: object) -> None:
            if request.url.endswith("/read") and request.method == "POST":  # type: ignore[attr-defined]
                under_way[0] += change
                most.append(under_way[0])

        return note

    desk.page.on("request", count(1))
    for end in ("requestfinished", "requestfailed"):
        desk.page.on(end, count(-1))  # type: ignore[call-overload]
    mouse, points = desk.page.mouse, desk.place([*BEGUN, *SEVEN[1:]])
    mouse.move(*points[0])
    mouse.down()
    mouse.move(*points[1], steps=10)
    expect_answer(desk)
    assert "7" not in desk.page.locator(f"{LIVE} .digit").all_inner_texts()
    for point in points[2:]:
        mouse.move(*point, steps=20)
    expect_live(desk, "7")
    bars = desk.page.locator(".st-key-bars .live .bar")
    expect(bars).to_have_count(10)
    expect(bars.nth(7)).to_have_class("bar top")
    expect(desk.page.locator(".st-key-network-input .live img.pixels")).to_be_visible()
    mouse.up()
    expect(desk.page.locator(".live")).to_have_count(0, timeout=2500)  # less than slate.js waits
    expect_the_pages_own(desk, 7)
    assert max(most) == 1


def test_the_verdict_changes_under_a_finger(phone: Visit) -> None:
    session = phone.context.new_cdp_session(phone.page)
    points = phone.place([*BEGUN, *SEVEN[1:]])

    def touch(kind: str, *points: tuple[float, float]) -> None:
        touches = [{"x": x, "y": y} for x, y in points]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})

    touch("touchStart", points[0])
    touch("touchMove", points[1])
    expect_answer(phone)
    assert "7" not in phone.page.locator(f"{LIVE} .digit").all_inner_texts()
    (x0, y0), (x1, y1) = points[2:]
    touch("touchMove", (x0, y0))
    for part in range(1, 11):
        touch("touchMove", (x0 + part / 10 * (x1 - x0), y0 + part / 10 * (y1 - y0)))
    expect_live(phone, "7")
    touch("touchEnd")
    expect_the_pages_own(phone, 7)


def test_with_reduced_motion_the_bars_change_at_once(visit: Callable[..., Visit]) -> None:
    desk = visit(reduced_motion="reduce")
    mouse, points = desk.page.mouse, desk.place(SEVEN)
    mouse.move(*points[0])
    mouse.down()
    for point in points[1:]:
        mouse.move(*point, steps=10)
    expect_live(desk, "7")
    seconds = desk.page.locator(".live .fill").evaluate_all(
        "fills => fills.map(fill => parseFloat(getComputedStyle(fill).transitionDuration))"
    )
    assert max(seconds) < 0.01
    mouse.up()
    expect_the_pages_own(desk, 7)


@pytest.mark.parametrize("settings", [{}, PHONE], ids=["desk", "phone"])
def test_without_the_route_the_page_reads_as_before(
    visit: Callable[..., Visit], settings: dict
) -> None:
    visitor = visit(**settings)
    asked: list[str] = []

    def refuse(route: Route) -> None:
        if route.request.method == "POST":
            asked.append(route.request.url)
        route.fulfill(status=404, body="no such page")

    visitor.context.route("**/read", refuse)
    with visitor.page.expect_request("**/read"):
        (visitor.touch if settings else visitor.draw)(7)
    expect_the_pages_own(visitor, 7)
    assert len(asked) == 1  # and not for each movement
    visitor.forgive("Failed to load resource")


def test_a_server_that_is_busy_is_left_alone_for_a_while(desk: Visit) -> None:
    asked: list[str] = []

    def refuse(route: Route) -> None:
        if route.request.method == "POST":
            asked.append(route.request.url)
        route.fulfill(status=429, headers={"Retry-After": "600"}, body="{}")

    desk.context.route("**/read", refuse)
    with desk.page.expect_request("**/read"):
        desk.draw(7)
    expect_the_pages_own(desk, 7)
    seen = desk.picture()
    desk.draw([[(20, 90), (30, 90)]])
    expect(desk.input).not_to_have_attribute("src", seen)
    assert len(asked) == 1
    desk.forgive("Failed to load resource")
