"""Rules on paper, and the long thin strokes that are none."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from nn import Network, photo_ink
from tests.helpers import STROKES, coverage
from tests.nn.drawing.photo_trials import said_of
from tests.nn.drawing.test_photo import file_of

WIDTH, HEIGHT = 480, 300
INK, BLUE, RED = (40, 44, 60), (150, 180, 215), (215, 120, 120)


def paper(*, ruled: bool = False, squared: bool = False, margin: bool = False) -> np.ndarray:
    """A page without writing, with rules 30 pixels apart, (300, 480, 3)."""
    page = Image.new("RGB", (WIDTH, HEIGHT), (238, 236, 230))
    brush = ImageDraw.Draw(page)
    for y in range(12, HEIGHT, 30) if ruled or squared else ():
        brush.line((0, y, WIDTH, y), fill=BLUE, width=2)
    for x in range(12, WIDTH, 30) if squared else ():
        brush.line((x, 0, x, HEIGHT), fill=BLUE, width=2)
    if margin:
        brush.line((60, 0, 60, HEIGHT), fill=RED, width=2)
    return np.asarray(page)


def written(text: str, page: np.ndarray, *, tall: float, slant: float = 0.0) -> bytes:
    """Digits by a thin pen, `tall` of the page's height, leaning by `slant` of theirs; a file."""
    height = tall * HEIGHT
    pitch, top, scale = WIDTH / len(text), (HEIGHT - height) / 2, height / 1.4
    wide = min(scale, 0.7 * pitch)
    strokes = [
        [
            ((place + 0.15) * pitch + x * wide + slant * (1.4 - y) * scale, top + y * scale)
            for x, y in stroke
        ]
        for place, digit in enumerate(text)
        for stroke in ([[(0.5, 0.0), (0.5, 1.4)]] if digit == "1" else STROKES[int(digit)])
    ]
    mask = coverage(strokes, size=(WIDTH, HEIGHT), at=(0, 0), scale=1, pen=4)[..., None]
    picture = mask * np.array(INK) + (1 - mask) * page
    picture += np.random.default_rng(0).normal(0, 3, (HEIGHT, WIDTH, 1))
    return file_of(np.clip(picture.round(), 0, 255).astype(np.uint8), "PNG")


@pytest.mark.parametrize("slant", [0.0, 0.03, 0.08])
@pytest.mark.parametrize("text", ["111", "1711"])
def test_long_thin_strokes_are_no_rules(best: Network, text: str, slant: float) -> None:
    for tall in (0.7, 0.95):
        assert said_of(best, written(text, paper(), tall=tall, slant=slant)) == text


@pytest.mark.parametrize("kind", ["ruled", "squared"])
@pytest.mark.parametrize("tall", [0.7, 0.8])
def test_a_long_thin_1_on_ruled_paper_is_read(best: Network, kind: str, tall: float) -> None:
    assert said_of(best, written("1", paper(**{kind: True}), tall=tall)) == "1"


def test_a_margin_line_goes_with_the_rules_and_the_1_beside_it_stays(best: Network) -> None:
    assert said_of(best, written("1", paper(ruled=True, margin=True), tall=0.7)) == "1"


def test_paper_with_rules_alone_has_no_ink() -> None:
    for kinds in ({"ruled": True}, {"squared": True}, {"ruled": True, "margin": True}):
        assert photo_ink(file_of(paper(**kinds), "PNG")) is None
