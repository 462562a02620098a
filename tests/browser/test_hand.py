"""Teaching in the browser: say what a drawing was, write one of each, teach, see it read."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from nn.mnist import parse_idx
from tests.browser.page import PHONE, Stroke, Visit
from tests.browser.test_access import violations
from ui import i18n

# A 4 like a Y, as nobody in MNIST writes it, and the same again a little differently.
ODD: list[Stroke] = [[(30, 18), (50, 48), (70, 18)], [(50, 48), (50, 85)]]
AGAIN: list[Stroke] = [[(29, 20), (50, 46), (72, 20)], [(50, 46), (51, 84)]]


@pytest.fixture
def hand(visit: Callable[..., Visit]) -> Visit:
    """A German phone in the dark; tests/ui/panels/test_hand.py has the rest."""
    return visit(**PHONE, locale="de-DE", color_scheme="dark")


def say(hand: Visit, name: str, **fields: object) -> str:
    """The page's words in the visit's language."""
    german = hand.page.locator("html").get_attribute("lang") == "de"
    return str(i18n.CATALOGUES["de" if german else "en"][name]).format(**fields)


def put(hand: Visit, strokes: int | list[Stroke]) -> None:
    touches = hand.page.evaluate("navigator.maxTouchPoints > 0")
    (hand.touch if touches else hand.draw)(strokes)


def below_the_verdict(hand: Visit) -> tuple[float, float]:
    """Where the keys are, and how high; wherever the page is scrolled to."""
    keys, verdict = hand.box(".st-key-was"), hand.box(".st-key-verdict")
    return keys[1] - verdict[1], keys[3]


def test_an_odd_4_is_taught_with_one_of_each_and_read(hand: Visit) -> None:
    put(hand, ODD)
    expect(hand.verdict).to_have_class(re.compile("none"))  # it is refused
    place = below_the_verdict(hand)
    hand.pressable("was-4").click()
    expect(hand.pressable("was-4")).to_have_attribute("aria-checked", "true")
    assert below_the_verdict(hand) == place
    panel = hand.open_panel(say(hand, "PANEL_HAND"))
    expect(panel.locator(".tile")).to_have_count(1)

    hand.press("write-each")
    asked = hand.page.locator("h2.asked")
    written = set()
    for left in range(9, -1, -1):
        expect(hand.page.locator(".write")).to_contain_text(say(hand, "WRITE_LEFT", left=left))
        digit = int(re.findall(r"\d", asked.inner_text())[0])
        written.add(digit)
        if left == 7:
            hand.expect_rest()
            assert violations(hand.page) == []
        if left == 5:
            hand.pressable(f"write-{digit}").click()  # skipped, as nothing is drawn
            continue
        put(hand, digit)
        hand.pressable(f"write-{digit}").click()  # at once: the last stroke counts
    expect(asked).to_have_count(0)
    assert written == set(range(10))
    expect(panel.locator(".tile")).to_have_count(10)

    hand.press("teach")
    expect(panel).to_contain_text(say(hand, "HAND_LEARNED", count=10, right=10))
    put(hand, AGAIN)
    hand.expect_digit(4)
    hand.pressable("was-4").click()
    rows = panel.locator("tbody tr")
    expect(rows.nth(0)).to_contain_text(say(hand, "HAND_RIGHT", right=0, count=1))
    expect(rows.nth(1)).to_contain_text(say(hand, "HAND_RIGHT", right=1, count=1))
    expect(rows.nth(0)).to_contain_text(say(hand, "HAND_ERRORS", errors=68))

    panel.locator(".tile").first.click()
    expect(panel.locator(".chosen-drawing")).to_be_visible()
    hand.expect_rest()
    assert violations(hand.page) == []
    hand.pressable("delete").click()
    expect(panel.locator(".tile")).to_have_count(10)
    hand.press("hand-clear")
    expect(panel).to_contain_text(say(hand, "HAND_EMPTY"))


def test_the_drawings_are_downloaded_as_mnist_has_them(visit: Callable[..., Visit]) -> None:
    desk = visit()
    desk.draw(7)
    desk.expect_digit(7)
    expect(desk.pressable("was-7")).to_have_class(re.compile("likely"))
    desk.pressable("was-7").click()
    desk.open_panel("Your hand")
    files = {}
    for name in ("idx-images", "idx-labels", "sheet"):
        with desk.page.expect_download() as download:
            desk.press(f"hand-{name}")
        files[download.value.suggested_filename] = download.value.path().read_bytes()
    images = parse_idx(gzip.decompress(files["my-hand-images-idx3-ubyte.gz"]), (1, 28, 28))
    labels = parse_idx(gzip.decompress(files["my-hand-labels-idx1-ubyte.gz"]), (1,))
    assert images.any()
    assert labels.tolist() == [7]
    assert files["my-hand.png"].startswith(b"\x89PNG")
