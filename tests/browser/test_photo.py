"""A photo is given to the page in a real browser: chosen, pasted, or no photo at all."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.browser.page import ELSEWHERE, PHONE, Visit
from tests.nn.drawing.test_photo import file_of, photo
from tests.nn.drawing.test_rows import page_of
from ui import i18n

pytestmark = pytest.mark.browser

# What the browser hands over when a picture is pasted, made from base64.
PASTE = """([data, type]) => {
    const bytes = Uint8Array.from(atob(data), letter => letter.charCodeAt(0));
    const clipboardData = new DataTransfer();
    clipboardData.items.add(new File([bytes], 'image.png', {type}));
    document.dispatchEvent(new ClipboardEvent('paste', {clipboardData, bubbles: true}));
}"""


UPLOADER = ".stFileUploader"
PAGE = file_of((255 - 170 * page_of("305", "2987", angle=2)).astype(np.uint8))


def choose(desk: Visit, name: str, data: bytes) -> None:
    """Give a file as the uploader's dialogue would."""
    file = {"name": name, "mimeType": "image/jpeg", "buffer": data}
    desk.page.locator(".st-key-photo input[type=file]").set_input_files(file)


def test_a_chosen_photo_is_read_and_a_drawing_after_it_too(desk: Visit) -> None:
    choose(desk, "two.jpg", file_of(photo(2)))
    desk.expect_digit(2)
    expect(desk.page.get_by_text(i18n.PHOTO_READ)).to_be_visible()
    desk.draw(7)
    desk.expect_digit(7)


def test_a_pasted_photo_is_read(desk: Visit) -> None:
    data = base64.b64encode(file_of(photo(3), "PNG")).decode()
    desk.page.evaluate(PASTE, [data, "image/png"])
    desk.expect_digit(3)
    expect(desk.page.get_by_text(i18n.PHOTO_READ)).to_be_visible()


def test_a_photo_of_a_phone_is_read_the_right_way_up(desk: Visit) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    lying = np.ascontiguousarray(np.rot90(photo(3)))
    choose(desk, "three.jpg", file_of(Image.fromarray(lying).resize((1440, 1920)), exif=exif))
    desk.expect_digit(3)


def test_a_file_that_is_no_picture_is_refused_in_a_sentence_and_the_slate_stays(
    desk: Visit,
) -> None:
    desk.draw(7)
    desk.expect_digit(7)
    choose(desk, "notes.jpg", b"these are no pixels")
    expect(desk.page.locator(".st-key-photo-corner .stAlert")).to_have_text(
        re.compile("This photo cannot be read: expected a picture such as a PNG")
    )
    desk.expect_digit(7)


def test_in_another_sites_frame_a_sentence_takes_the_uploaders_place(desk: Visit) -> None:
    corner = desk.page.locator(".st-key-photo-corner")
    uploader, told = corner.locator(UPLOADER), corner.locator(".framed")
    expect(uploader).to_be_visible()
    expect(told).to_be_hidden()
    desk.page.goto(f"{desk.address}/_stcore/health")
    inside = desk.address.replace("127.0.0.1", ELSEWHERE)
    size = "width: 1400px; height: 860px"
    desk.page.set_content(f'<iframe src="{inside}/?lang=de" style="{size}"></iframe>')
    frame = desk.page.frame_locator("iframe")
    told = frame.locator(".st-key-photo-corner .framed")
    expect(told).to_contain_text(i18n.CATALOGUES["de"]["FRAMED"])
    link = told.get_by_role("link", name=i18n.CATALOGUES["de"]["FRAMED_OPEN"])
    expect(link).to_have_attribute("href", re.compile(f"^{inside}"))
    expect(link).to_have_attribute("target", "_blank")
    expect(frame.locator(UPLOADER).first).to_be_hidden()
    frame.locator(".st-key-sample-7 button").filter(visible=True).click()  # the rest works
    expect(frame.locator(".st-key-verdict .verdict:not(.live *)")).to_contain_text("7")


def test_a_digit_of_a_page_is_looked_at_when_it_is_pressed_or_chosen_by_keyboard(
    desk: Visit,
) -> None:
    choose(desk, "page.jpg", PAGE)
    expect(desk.verdict).to_contain_text("305\n2987", use_inner_text=True)
    boxes = desk.page.locator(".digit-box")
    expect(boxes).to_have_count(7)
    five = desk.page.get_by_role("button", name="Digit 3: 5")
    five.click()
    expect(five).to_have_attribute("aria-pressed", "true")
    expect(desk.bars.locator(".top .name")).to_have_text("5")
    seen = desk.picture()
    desk.page.keyboard.press("ArrowLeft")
    expect(boxes.nth(1)).to_be_focused()
    desk.page.keyboard.press("Enter")
    expect(boxes.nth(1)).to_have_attribute("aria-pressed", "true")
    expect(desk.bars.locator(".top .name")).to_have_text("0")
    assert desk.picture() != seen
    expect(boxes.nth(1)).to_be_focused()
    desk.draw(7)
    desk.expect_digit(7)
    expect(boxes).to_have_count(0)


def test_the_numbered_page_fits_a_phone_and_can_be_pressed_with_a_finger(
    visit: Callable[..., Visit],
) -> None:
    phone = visit(**PHONE)
    choose(phone, "page.jpg", PAGE)
    box = phone.page.get_by_role("button", name="Digit 6: 8")
    box.tap()
    expect(box).to_have_attribute("aria-pressed", "true")
    for element in (".numbered .inked", ".numbered .rows"):
        left, _, width, _ = phone.box(element)
        assert left >= 0
        assert left + width <= 390
    places = phone.page.locator(".digit-box").evaluate_all(
        "all => all.map(it => it.getBoundingClientRect()).map(it => [it.width, it.height])"
    )
    assert min(min(place) for place in places) >= 24


def test_a_photo_is_turned_by_a_button_and_nothing_moves(desk: Visit) -> None:
    corner = desk.box(".st-key-photo-corner")
    choose(desk, "three.jpg", file_of(np.ascontiguousarray(np.rot90(photo(3)))))
    expect(desk.page.get_by_text(i18n.PHOTO_READ)).to_be_visible()
    desk.press("rotate")
    desk.expect_digit(3)
    assert desk.box(".st-key-photo-corner") == corner
