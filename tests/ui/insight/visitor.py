"""A visitor of the page in AppTest: what they draw, and what they press in a picture."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from types import ModuleType

import pytest
from PIL import Image, ImageDraw
from streamlit.testing.v1 import AppTest

SEVEN = [((80, 70), (250, 70)), ((250, 70), (150, 290))]
ONE = [((176, 60), (176, 290))]


def drawn(strokes: list, side: int = 352) -> dict:
    """What the canvas sends after these strokes."""
    picture = Image.new("RGBA", (side, side), (11, 16, 28, 255))
    for stroke in strokes:
        ImageDraw.Draw(picture).line(stroke, fill=(244, 241, 232, 255), width=22)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    data = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
    return {"drawing": {"raw": {"objects": [{"type": "Path"} for _ in strokes]}, "data": data}}


def html(page: AppTest) -> str:
    return " ".join(element.proto.body for element in page.get("html"))


def press(
    page: AppTest, panel: ModuleType, act: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Do what a press in a panel's picture does, in this visitor's session, and run the page."""
    monkeypatch.setattr(panel.st, "session_state", page.session_state)
    act()
    monkeypatch.undo()
    page.run()
    assert not page.exception
