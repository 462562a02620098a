"""Drawing in a real browser: strokes in, the right verdict out; clear, undo, samples, readers."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.page import NARROW_PHONE, PEN, STROKES, Stroke, Visit

pytestmark = pytest.mark.browser

WILD: Stroke = [(15, 85), (85, 15), (88, 88), (14, 14)]
WATCH_VERDICT = """async milliseconds => {
    const seen = [], node = document.querySelector('.st-key-verdict');
    const note = () => seen.push(node.innerText);
    note();
    const observer = new MutationObserver(note);
    observer.observe(node, {subtree: true, childList: true, characterData: true});
    await new Promise(done => setTimeout(done, milliseconds));
    observer.disconnect();
    return seen;
}"""


def bounds(strokes: list[Stroke]) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of strokes with the pen's width, in percent of the slate."""
    xs, ys = zip(*(point for stroke in strokes for point in stroke), strict=True)
    half = PEN / 2
    return min(xs) - half, min(ys) - half, max(xs) + half, max(ys) + half


def expect_ink(desk: Visit, strokes: list[Stroke], within: float = 1.5) -> None:
    """Wait for the ink to be found where the pointer was; each stroke is read by itself."""
    latest = time.monotonic() + 10
    while desk.ink_box() != pytest.approx(bounds(strokes), abs=within):
        assert time.monotonic() < latest, (desk.ink_box(), bounds(strokes))
        desk.page.wait_for_timeout(50)


def test_every_drawn_digit_gets_its_verdict(desk: Visit) -> None:
    for digit, strokes in STROKES.items():
        desk.draw(digit)
        desk.expect_digit(digit)
        expect_ink(desk, strokes)  # where the pointer was
        desk.press("clear")
        desk.expect_blank()


def test_a_finger_draws_on_a_phone(visit: Callable[..., Visit]) -> None:
    phone = visit(**NARROW_PHONE)
    for digit in (7, 3):
        phone.touch(digit)
        phone.expect_digit(digit)
        # The ink is where the finger was: the slate is not shifted, and scaled as a whole.
        expect_ink(phone, STROKES[digit], within=2.5)
        phone.press("clear")
        phone.expect_blank()


def test_a_blank_slate_invites_and_says_no_digit(desk: Visit) -> None:
    desk.expect_blank()
    assert desk.widths() == ["0%"] * 10


def test_clear_goes_back_to_the_invitation_and_a_new_drawing_is_read_alone(desk: Visit) -> None:
    desk.draw(3)
    desk.expect_digit(3)
    desk.press("clear")
    desk.expect_blank()
    desk.draw(7)
    desk.expect_digit(7)
    expect_ink(desk, STROKES[7])


def test_clear_right_after_a_stroke_leaves_nothing_of_it(desk: Visit) -> None:
    for _ in range(3):
        desk.draw(3)
        desk.press("clear")  # while the stroke is on its way
        desk.expect_blank()
        seen = desk.page.evaluate(WATCH_VERDICT, 800)
        assert not any(character.isdigit() for text in seen for character in text)
    desk.draw(7)
    desk.expect_digit(7)
    expect_ink(desk, STROKES[7])


def test_undo_takes_back_the_last_stroke_alone(desk: Visit) -> None:
    desk.draw(7)
    desk.expect_digit(7)
    seven = desk.picture()
    desk.draw([WILD])
    expect(desk.input).not_to_have_attribute("src", seven)
    desk.press("undo")
    expect(desk.input).to_have_attribute("src", seven)
    desk.expect_digit(7)
    desk.press("undo")
    desk.expect_blank()


def test_drawing_goes_on_after_an_undo(desk: Visit) -> None:
    first, second = STROKES[4]
    desk.draw([first])
    desk.expect_some_digit()
    half = desk.picture()
    desk.draw([WILD])
    expect(desk.input).not_to_have_attribute("src", half)
    desk.press("undo")
    expect(desk.input).to_have_attribute("src", half)
    desk.draw([second])
    desk.expect_digit(4)


def test_every_sample_is_read_as_the_digit_it_is(desk: Visit) -> None:
    for digit in range(10):
        desk.press(f"sample-{digit}")
        desk.expect_digit(digit)


def test_a_sample_can_be_chosen_by_keyboard_and_drawn_upon(desk: Visit) -> None:
    desk.button("sample-7").focus()
    desk.page.keyboard.press("Enter")
    desk.expect_digit(7)
    sample = desk.picture()
    desk.draw([WILD])
    expect(desk.input).not_to_have_attribute("src", sample)
    desk.press("undo")
    expect(desk.input).to_have_attribute("src", sample)
    desk.press("clear")
    desk.expect_blank()


def test_another_reader_reads_the_same_drawing(desk: Visit) -> None:
    desk.draw(7)
    desk.expect_digit(7)
    picture, best = desk.picture(), desk.widths()
    desk.choose_reader("Original")
    expect(desk.page.get_by_role("radio", name="Original", exact=True)).to_be_checked()
    desk.expect_other_widths(best)
    desk.expect_some_digit()
    assert desk.picture() == picture
    desk.choose_reader("Best")
    desk.expect_widths(best)
    desk.expect_digit(7)


def test_four_ways_of_reading_are_compared(desk: Visit) -> None:
    cells = desk.page.locator(".ways li")
    expect(cells).to_have_count(4)
    expect(cells.locator(".said")).to_have_text(["–"] * 4)
    desk.draw(3)
    desk.expect_digit(3)
    expect(cells.first.locator(".said")).to_have_text("3")
    for cell in cells.all():
        assert (cell.locator(".said").inner_text()).isdigit()
        assert cell.locator(".figure").inner_text().endswith(" %")
