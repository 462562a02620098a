"""The panels on mistakes and on the map, as a visitor sees and presses them."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.page import PHONE, Visit
from tests.browser.test_looks import illegible, overflow

pytestmark = pytest.mark.browser

TEXTS = (
    ".matrix button",
    ".matrix th",
    ".matrix td",
    ".tiles span",
    ".st-key-panel-mistakes .small",
    "h2.part",
)


def open_tab(visitor: Visit, name: str) -> Locator:
    """Open a panel; gives it back."""
    visitor.page.get_by_role("tab", name=name).click()
    panel = visitor.page.locator(f".st-key-panel-{name.lower()}")
    expect(panel).to_be_visible()
    return panel


def open_mistakes(visitor: Visit) -> Locator:
    """Open the panel, and wait for the network's answers."""
    panel = open_tab(visitor, "Mistakes")
    expect(panel.locator("h2").first).to_contain_text("It misreads")
    return panel


def cell(panel: Locator, truth: int, said: int) -> Locator:
    return panel.get_by_role("button", name=re.compile(f"^A {truth} read as {said}: "))


def count_in(button: Locator) -> int:
    return int((button.get_attribute("aria-label") or "").rpartition(" ")[2])


def most_mistaken(panel: Locator) -> Locator:
    """The cell off the diagonal with the most digits, the first of several."""
    wrong = panel.locator('.matrix button:not([data-shade="right"])')
    counts = [count_in(button) for button in wrong.all()]
    return wrong.nth(counts.index(max(counts)))


def heading_of_cell(panel: Locator) -> Locator:
    return panel.locator(".st-key-cell h2")


def test_a_chosen_cell_shows_its_digits_and_chosen_again_all_mistakes(desk: Visit) -> None:
    panel = open_mistakes(desk)
    expect(heading_of_cell(panel)).to_contain_text("All mistakes")
    button = most_mistaken(panel)
    count = count_in(button)
    assert count > 1
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    expect(heading_of_cell(panel)).to_have_text(re.compile(rf"^{count} × \d read as \d"))
    tiles = panel.locator(".tiles.cell-digits img")
    expect(tiles).to_have_count(count)
    shares = [int(tile.split()[0]) for tile in panel.locator(".cell-digits span").all_inner_texts()]
    assert shares == sorted(shares, reverse=True)
    button.click()
    expect(heading_of_cell(panel)).to_contain_text("All mistakes")
    expect(button).to_have_attribute("aria-pressed", "false")


def test_the_matrix_is_one_stop_of_the_tab_key_and_arrows_go_on_from_there(desk: Visit) -> None:
    panel = open_mistakes(desk)
    desk.page.get_by_role("tab", name="Mistakes").focus()
    keys = desk.page.keyboard
    keys.press("Tab")
    first = cell(panel, 0, 0)
    for _ in range(3):  # the panel itself may take the focus before
        if first.evaluate("element => element === document.activeElement"):
            break
        keys.press("Tab")
    expect(first).to_be_focused()
    for key in ("ArrowDown", "ArrowDown", "ArrowRight", "End", "ArrowLeft", "ArrowLeft"):
        keys.press(key)
    seven = cell(panel, 2, 7)
    expect(seven).to_be_focused()
    keys.press("Enter")
    expect(heading_of_cell(panel)).to_have_text(re.compile(r"\d+ × 2 read as 7"))
    expect(seven).to_be_focused()
    keys.press("Tab")
    expect(panel.locator(".matrix button:focus")).to_have_count(0)


def test_another_network_has_other_mistakes(desk: Visit) -> None:
    panel = open_mistakes(desk)
    before = panel.locator("h2").first.inner_text()
    desk.choose_reader("Original")
    expect(panel.locator("h2").first).to_contain_text("It misreads 531 of 10,000")
    assert "531" not in before


def test_the_matrix_follows_a_training_and_nothing_moves(desk: Visit) -> None:
    panel = open_mistakes(desk)
    desk.set_field("Epochs", "1000")
    desk.press("train")
    origin = panel.locator(".small").first
    expect(origin).to_have_text(re.compile(r"epoch \d"))
    cell(panel, 4, 9).click()
    expect(heading_of_cell(panel)).to_contain_text("4 read as 9")
    told = origin.inner_text()
    places = [".matrix", ".st-key-cell", ".st-key-nearest", ".matrix tfoot"]
    boxes = [panel.locator(place).bounding_box() for place in places]
    for _ in range(2):
        expect(origin).not_to_have_text(told)
        told = origin.inner_text()
        assert re.search(r"epoch \d", told)
        assert [panel.locator(place).bounding_box() for place in places] == boxes
    expect(cell(panel, 4, 9)).to_have_attribute("aria-pressed", "true")
    desk.press("stop")
    expect(origin).to_have_text(re.compile(r"^At epoch \d+\.\d of the training$"))


def test_a_drawing_finds_its_like_and_another_one_others(desk: Visit) -> None:
    panel = open_mistakes(desk)
    nearest = panel.locator(".st-key-nearest")
    expect(nearest).to_contain_text("Draw a digit")
    for digit in (7, 3):
        desk.press("clear")
        desk.expect_blank()
        desk.draw(digit)
        desk.expect_digit(digit)
        expect(nearest).to_contain_text(re.compile(rf"\d+ of the 12 nearest are {digit}s"))
        expect(nearest.get_by_role("img", name=re.compile(r"^A \d, at distance"))).to_have_count(12)


def test_mistakes_are_legible(visit: Callable[..., Visit]) -> None:
    visitor = visit(reduced_motion="reduce")
    visitor.draw(7)
    visitor.expect_digit(7)
    panel = open_mistakes(visitor)
    expect(panel.locator(".neighbours img")).to_have_count(12)
    for theme in visitor.each_theme():
        assert illegible(visitor, TEXTS) == [], theme
    visitor.choose_recipe("Original")
    visitor.press("step")  # one step of gradient descent: errors of every shade
    expect(visitor.status).to_contain_text("Epoch 1 of 400, paused")
    expect(panel.locator('.matrix [data-shade="6"]').first).to_be_visible()
    expect(panel.locator(".small").first).to_have_text("At epoch 1.0 of the training")
    shades = panel.locator(".matrix button").evaluate_all("all => all.map(b => b.dataset.shade)")
    assert {"right", "0", "6"} < set(shades)
    for theme in visitor.each_theme():
        assert illegible(visitor, TEXTS) == [], theme


def test_mistakes_fit_a_phone(visit: Callable[..., Visit]) -> None:
    phone = visit(**PHONE)
    phone.touch(7)
    phone.expect_digit(7)
    panel = open_mistakes(phone)
    button = most_mistaken(panel)
    button.tap()
    expect(heading_of_cell(panel)).to_contain_text("read as")
    assert overflow(phone) <= 0
    box = button.bounding_box()
    assert box is not None
    assert box["height"] >= 44
    assert box["width"] >= 24  # ten columns in 358 pixels
    cut = panel.locator(".matrix :is(button, th, td)").evaluate_all(
        "all => all.filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.textContent)"
    )
    assert cut == []


# The map.


def star_of(panel: Locator) -> Locator:
    return panel.get_by_role("img", name="Your drawing")


def glyphs_of(panel: Locator) -> Locator:
    """The digits on the map, one element each; the large ones in their middles left out."""
    return panel.locator(".stVegaLiteChart .mark-text").first.locator("text")


def place_of(star: Locator) -> tuple[float, float]:
    """Its middle, in the window's pixels."""
    box = star.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def places_of(glyphs: Locator) -> list[tuple[float, float]]:
    moves: list[str] = glyphs.evaluate_all("all => all.map(e => e.getAttribute('transform'))")
    return [tuple(map(float, re.findall(r"-?[\d.]+", move)[:2])) for move in moves]  # type: ignore[misc]


def open_map(visitor: Visit) -> Locator:
    panel = open_tab(visitor, "Map")
    expect(glyphs_of(panel)).to_have_count(1500)
    return panel


def test_the_star_moves_when_another_digit_is_drawn(desk: Visit) -> None:
    panel = open_map(desk)
    expect(star_of(panel)).to_have_count(0)
    expect(panel.get_by_role("status")).to_contain_text("Draw a digit")
    places = []
    for digit in (0, 3):
        desk.press("clear")
        desk.expect_blank()
        expect(star_of(panel)).to_have_count(0)
        desk.draw(digit)
        desk.expect_digit(digit)
        expect(star_of(panel)).to_be_visible()
        expect(panel.get_by_role("status")).to_contain_text(f"among {digit}s")
        places.append(place_of(star_of(panel)))
    (x0, y0), (x1, y1) = places
    assert abs(x0 - x1) + abs(y0 - y1) > 50  # of 560 pixels
    frame = panel.locator(".stVegaLiteChart").bounding_box()
    assert frame is not None
    for x, y in places:
        assert frame["x"] < x < frame["x"] + frame["width"]
        assert frame["y"] < y < frame["y"] + frame["height"]
    assert panel.locator(".stVegaLiteChart").get_attribute("aria-label")


def test_the_map_follows_a_training_without_flipping(desk: Visit) -> None:
    desk.draw(7)
    desk.expect_digit(7)
    panel = open_map(desk)
    chart = panel.locator(".stVegaLiteChart").bounding_box()
    desk.set_field("Epochs", "1000")
    desk.press("train")
    origin = panel.locator(".small").first
    expect(origin).to_have_text(re.compile(r"epoch [1-9]"))
    for _ in range(2):
        first = glyphs_of(panel).first
        before, place = places_of(glyphs_of(panel)), first.get_attribute("transform") or ""
        expect(first).not_to_have_attribute("transform", place)
        after = places_of(glyphs_of(panel))
        middle = [sum(values) / len(before) for values in zip(*before, strict=True)]
        moved = sum(abs(a - c) + abs(b - d) for (a, b), (c, d) in zip(before, after, strict=True))
        mirrored = sum(
            abs(a - 2 * middle[0] + c) + abs(b - d)
            for (a, b), (c, d) in zip(before, after, strict=True)
        )
        assert 0 < moved < mirrored / 2
        assert panel.locator(".stVegaLiteChart").bounding_box() == chart
    desk.press("stop")
    expect(origin).to_have_text(re.compile(r"^At epoch \d+\.\d of the training$"))
    expect(star_of(panel)).to_be_visible()


def test_the_map_is_legible_and_fits_a_phone(visit: Callable[..., Visit]) -> None:
    phone = visit(**PHONE, reduced_motion="reduce")
    phone.touch(7)
    phone.expect_digit(7)
    panel = open_map(phone)
    expect(star_of(panel)).to_be_visible()
    for theme in phone.each_theme():
        assert illegible(phone, (".st-key-panel-map p", ".st-key-panel-map h2")) == [], theme
    assert overflow(phone) <= 0
    box = panel.locator(".stVegaLiteChart").bounding_box()
    assert box is not None
    assert abs(box["width"] - box["height"]) < 8
    assert box["width"] <= 358
