"""The slate's tools, and who draws on it: mouse, finger or pen, and never the palm.

The fingers are Chromium's own input, with the touch, mouse and pointer events that it makes of it.
So is the pen, but as Chromium makes it for tests: a real one also sends touch events on some
systems. How a system tells a palm from a finger is not tested: here a palm is a finger.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest
from playwright.sync_api import expect

from tests.browser.page import NARROW_PHONE, STROKES, Stroke, Visit
from tests.browser.test_access import violations
from ui import i18n

pytestmark = pytest.mark.browser

BAR: Stroke = [(15, 90), (85, 90)]
(SEVEN,) = STROKES[7]
ON_SEVEN, ON_BAR, ON_PALM = (50, 20), (50, 90), (86, 82)  # places that they pass


def expect_ink(visitor: Visit, *places: tuple[float, float]) -> None:
    """Wait until there is ink at these of the three places, and at no other."""
    visitor.page.wait_for_function(
        """([upper, places, wanted]) => {
            const canvas = upper.parentElement.querySelector('canvas.lower-canvas');
            const pixels = canvas.getContext('2d');
            const at = percent => Math.round(percent / 100 * canvas.width);
            return places.every(([x, y], place) =>
                pixels.getImageData(at(x), at(y), 1, 1).data[0] > 127 === wanted[place]);
        }""",
        arg=[
            visitor.slate.element_handle(),
            all_places := [ON_SEVEN, ON_BAR, ON_PALM],
            [place in places for place in all_places],
        ],
    )


def choose(visitor: Visit, tool: str) -> None:
    """Take a pen or the eraser, and wait until the slate has it."""
    name = i18n.CATALOGUES["en"]["PENS"][tool]
    visitor.page.get_by_role("radio", name=name).click()
    expect(visitor.page.get_by_role("radio", name=name)).to_be_checked()
    visitor.expect_rest()


class Hands:
    """Fingers, a palm and a pen, which may be on a page at the same time; places in percent."""

    def __init__(self, visitor: Visit) -> None:
        self.place = visitor.place
        self.send = visitor.context.new_cdp_session(visitor.page).send
        self.down = False  # the pen

    def fingers(self, kind: str, *places: tuple[float, float]) -> None:
        """All fingers that are down now; `kind` is Start, Move or End, of the latest."""
        points = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(self.place(places))]
        self.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": points})

    def write(self, stroke: Stroke, pointer: str = "pen", *, lift: bool = True) -> None:
        """Draw with a pen, or the mouse, which is put down before, unless it is down already."""
        for kind, (x, y) in self._events(stroke, lift):
            event = {"pointerType": pointer, "button": "left", "buttons": int(kind != "Released")}
            self.send("Input.dispatchMouseEvent", {"type": f"mouse{kind}", "x": x, "y": y, **event})

    def _events(self, stroke: Stroke, lift: bool) -> Iterator[tuple[str, tuple[float, float]]]:
        points = self.place(stroke)
        if not self.down:
            yield "Pressed", points[0]
        for (x0, y0), (x1, y1) in pairwise(points):
            for part in (0.25, 0.5, 0.75, 1.0):
                yield "Moved", (x0 + part * (x1 - x0), y0 + part * (y1 - y0))
        if lift:
            yield "Released", points[-1]
        self.down = not lift


def test_a_pen_writes_though_the_palm_lies_on_the_slate(phone: Visit) -> None:
    hands = Hands(phone)
    hands.fingers("Start", ON_PALM)
    hands.fingers("Move", (84, 70))
    hands.write(SEVEN[:2], lift=False)
    hands.fingers("Move", ON_PALM)  # the palm slides on, and is lifted, while the pen writes
    hands.fingers("End")
    hands.write(SEVEN[1:])
    phone.expect_digit(7)
    expect_ink(phone, ON_SEVEN)
    hands.fingers("Start", ON_PALM)  # it is put down again, and stays
    hands.write(BAR)
    hands.fingers("End")
    expect_ink(phone, ON_SEVEN, ON_BAR)
    phone.press("clear")
    phone.expect_blank()
    phone.touch(3)  # on a new drawing a finger may write
    phone.expect_digit(3)


@pytest.mark.parametrize("pointer", ["mouse", "pen"])
def test_a_second_contact_neither_ends_a_stroke_nor_draws(phone: Visit, pointer: str) -> None:
    hands = Hands(phone)
    hands.write(SEVEN[:2], pointer, lift=False)
    hands.fingers("Start", ON_PALM)
    hands.fingers("Move", (84, 70))
    hands.fingers("End")
    hands.write(SEVEN[1:], pointer)
    phone.expect_digit(7)
    expect_ink(phone, ON_SEVEN)


def test_a_stroke_is_undone_and_redone_by_keys_and_buttons(desk: Visit) -> None:
    keys = desk.page.keyboard
    desk.draw([SEVEN, BAR])
    expect_ink(desk, ON_SEVEN, ON_BAR)
    keys.press("Control+z")
    expect_ink(desk, ON_SEVEN)
    keys.press("Meta+z")
    desk.expect_blank()
    keys.press("Control+Shift+Z")
    desk.expect_digit(7)
    keys.press("Control+y")
    expect_ink(desk, ON_SEVEN, ON_BAR)
    desk.press("clear")
    desk.expect_blank()
    desk.press("undo")
    expect_ink(desk, ON_SEVEN, ON_BAR)
    desk.press("undo")
    expect_ink(desk, ON_SEVEN)
    desk.press("redo")
    expect_ink(desk, ON_SEVEN, ON_BAR)
    # In a text field they are the text's.
    field = desk.page.get_by_role("textbox", name="Random seed")
    field.press("1")
    field.press("Control+z")
    expect(field).not_to_have_value("1")
    desk.expect_rest()
    expect_ink(desk, ON_SEVEN, ON_BAR)


def test_the_eraser_takes_whole_strokes_and_undo_brings_them_back(desk: Visit) -> None:
    desk.draw([SEVEN, BAR])
    expect_ink(desk, ON_SEVEN, ON_BAR)
    choose(desk, "eraser")
    desk.draw([[(30, 60), (40, 60)]])  # touches nothing
    desk.draw([[(80, 80), (80, 97)]])
    expect_ink(desk, ON_SEVEN)
    desk.expect_digit(7)
    desk.draw([[ON_SEVEN]])
    desk.expect_blank()
    desk.press("undo")
    expect_ink(desk, ON_SEVEN)
    desk.press("undo")
    expect_ink(desk, ON_SEVEN, ON_BAR)
    desk.draw([[ON_SEVEN], [ON_BAR]])  # one right after the other
    desk.expect_blank()


def test_three_widths_are_chosen_on_a_narrow_phone_and_nothing_moves(
    visit: Callable[..., Visit],
) -> None:
    phone = visit(**NARROW_PHONE)
    tools = phone.box(".st-key-tools")
    assert tools[0] + tools[2] <= 360
    assert tools[3] == 44  # one row
    widths = []
    for tool in ("thin", "medium", "thick"):
        choose(phone, tool)
        phone.touch([[(50, 20), (50, 80)]])
        phone.expect_digit(1)
        left, _, right, _ = phone.ink_box()
        widths.append(right - left)
        phone.press("clear")
        phone.expect_blank()
        assert phone.box(".st-key-tools") == tools
    thin, medium, thick = widths
    assert medium / thin > 1.3
    assert thick / medium > 1.3
    assert violations(phone.page, ".st-key-tools") == []
    # The choice outlives a change of language.
    phone.page.get_by_role("radio", name="Deutsch").click()
    expect(phone.page.get_by_role("radio", name="Dicker Stift")).to_be_checked()
