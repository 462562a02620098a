"""Digits in the styles that people really write, drawn in a real browser; and numbers."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from nn.pen.skeletons import Skeleton, load_skeletons
from tests.browser.page import STROKES, Stroke, Visit

pytestmark = pytest.mark.browser

# The odder ones; the plain ones are drawn in test_drawing.py.
STYLES = {
    0: "slashed",
    1: "flag-base",
    2: "loop",
    3: "flat-top",
    4: "lightning",
    5: "loose-bar",
    6: "curled-inside",
    7: "barred-low-long",
    8: "open-top",
    9: "hooked",
}
TALL = 62  # percent of the slate


def on_the_slate(skeleton: Skeleton) -> list[Stroke]:
    """A skeleton's strokes in the middle of the slate, in percent."""
    points = [point for stroke in skeleton.strokes for point in stroke]
    xs, ys = [x for x, *_ in points], [y for _, y, *_ in points]
    scale = TALL / max(max(xs) - min(xs), max(ys) - min(ys))
    left, top = (50 - scale * (min(side) + max(side)) / 2 for side in (xs, ys))
    return [[(left + scale * x, top + scale * y) for x, y, *_ in s] for s in skeleton.strokes]


def test_a_digit_is_read_in_odd_styles(desk: Visit) -> None:
    written = {(s.label, s.style): s for s in load_skeletons()}
    for digit, style in STYLES.items():
        desk.draw(on_the_slate(written[str(digit), style]))
        desk.expect_digit(digit)
        desk.press("clear")
        desk.expect_blank()


def test_two_digits_side_by_side_are_read_as_a_number(desk: Visit) -> None:
    for digit, left in ((4, 3), (2, 53)):
        desk.draw([[(left + 0.45 * x, 25 + 0.5 * y) for x, y in s] for s in STROKES[digit]])
    expect(desk.page.locator(".st-key-verdict")).to_contain_text(re.compile(r"^\s*42"))
