"""A visitor of the page in AppTest: what they draw, and what they press in a picture."""

from __future__ import annotations

import base64
import io
from pathlib import Path

from PIL import Image, ImageDraw
from streamlit.testing.v1 import AppTest

from ui.page import visit
from ui.session import Session

PAGE = Path(__file__).parents[2] / "ui" / "page" / "main.py"
SEVEN = [((80, 70), (250, 70)), ((250, 70), (150, 290))]
ONE = [((176, 60), (176, 290))]


def new_page() -> AppTest:
    """The page in a tab of its own, not run yet."""
    return AppTest.from_file(str(PAGE), default_timeout=30)


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


def session_of(page: AppTest) -> Session:
    """What the page remembers of this visitor."""
    found: Session = page.session_state["session"]
    return found


def come(page: AppTest, visitor: str = "visitor-for-the-tests", **fields: object) -> AppTest:
    """Give a page that was not run yet a session with these fields."""
    page.session_state["session"] = Session(visitor, visit.scheduler(), visit.store(), **fields)
    return page
