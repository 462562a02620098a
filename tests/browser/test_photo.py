"""A photo is given to the page in a real browser: chosen, pasted, or no photo at all."""

from __future__ import annotations

import base64
import re

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.browser.page import Visit
from tests.nn.test_photo import file_of, photo
from ui import texts

pytestmark = pytest.mark.browser

# What the browser hands over when a picture is pasted, made from base64.
PASTE = """([data, type]) => {
    const bytes = Uint8Array.from(atob(data), letter => letter.charCodeAt(0));
    const clipboardData = new DataTransfer();
    clipboardData.items.add(new File([bytes], 'image.png', {type}));
    document.dispatchEvent(new ClipboardEvent('paste', {clipboardData, bubbles: true}));
}"""


def choose(desk: Visit, name: str, data: bytes) -> None:
    """Give a file as the uploader's dialogue would."""
    file = {"name": name, "mimeType": "image/jpeg", "buffer": data}
    desk.page.locator(".st-key-photo input[type=file]").set_input_files(file)


def test_a_chosen_photo_is_read_and_a_drawing_after_it_too(desk: Visit) -> None:
    choose(desk, "two.jpg", file_of(photo(2)))
    desk.expect_digit(2)
    expect(desk.page.get_by_text(texts.PHOTO_READ)).to_be_visible()
    desk.draw(7)
    desk.expect_digit(7)


def test_a_pasted_photo_is_read(desk: Visit) -> None:
    data = base64.b64encode(file_of(photo(3), "PNG")).decode()
    desk.page.evaluate(PASTE, [data, "image/png"])
    desk.expect_digit(3)
    expect(desk.page.get_by_text(texts.PHOTO_READ)).to_be_visible()


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
