"""The slate: light ink on dark paper. Strokes come in, preprocessed digits go out."""

from __future__ import annotations

import json
import re
from typing import Any

import streamlit as st
from streamlit_drawable_canvas import CanvasResult, st_canvas

from nn import Found
from ui import assets, i18n
from ui.files import slate_digits
from ui.view import elements

from . import visit

SIDE = 352  # pixels; fits a phone of 390 with its margins
PEN = 22
PAPER, INK = (f"rgb({r}, {g}, {b})" for r, g, b in (elements.SLATE, elements.INK))
TO_SLATE = """<script>
  document.querySelector(".st-key-slate-frame")?.scrollIntoView({ block: "center" });
</script>"""
SAMPLES: dict[str, list[str]] = json.loads(assets.text("samples.json"))  # paths in 100 x 100


def draw() -> Found | None:
    """Show the slate with its buttons; returns the digits on it, None while it is blank."""
    session = visit.session()
    slate = session.slate
    words = ", ".join(map(elements.json_text, (i18n.SLATE, session.token)))
    start = elements.script("slate", f"window.digitLabSlate.say({words});")
    asked = session.hand.asked
    heading = elements.asked(asked[0]) if asked else elements.heading(i18n.DRAW)
    scroll, session.to_slate = TO_SLATE if session.to_slate else "", False
    st.html(heading + start + scroll, unsafe_allow_javascript=True)
    with st.container(key="slate-frame"):
        result = st_canvas(
            stroke_width=PEN,
            stroke_color=INK,
            background_color=PAPER,
            width=SIDE,
            height=SIDE,
            initial_drawing=slate.start,
            return_image_data=True,
            on_change=slate.stroke_came,
            key="slate",
        )
    slate.unshown = False
    strokes = (result.json_data or {}).get("objects", [])
    with st.container(key="tools", horizontal=True):
        st.button(i18n.CLEAR, key="clear", width="stretch", on_click=slate.put, args=([],))
        st.button(i18n.UNDO, key="undo", width="stretch", on_click=slate.put, args=(strokes[:-1],))
    try:
        return _digits(result)
    except ValueError:  # no base64, no picture, or a huge one
        st.warning(i18n.SLATE_REFUSED)
        return None


def present() -> Found | None:
    """What is on the slate before the page's next run; None where that cannot be read."""
    drawing = (st.session_state.get("slate") or {}).get("drawing") or {}
    try:
        return _digits(CanvasResult(drawing.get("raw"), drawing.get("data"), True))
    except ValueError:
        return None


def _digits(result: CanvasResult) -> Found | None:
    """The digits in a drawing as it came; ValueError where it is no picture."""
    slate = visit.session().slate
    picture = result.image_bytes
    if picture is None or not (result.json_data or {}).get("objects"):
        slate.cleared = None  # it is blank by now: what comes is new
        return None
    if picture == slate.cleared:
        return None
    if picture != slate.picture:
        slate.found, slate.picture = slate_digits(picture), picture
        slate.drawings += 1
    return slate.found


def samples() -> None:
    """Ten ready-made digits, for those who cannot draw with a pointer."""
    st.html(elements.small(i18n.SAMPLES))
    with st.container(key="samples"):
        for digit, paths in SAMPLES.items():
            st.button(
                digit,
                key=f"sample-{digit}",
                width="stretch",
                help=i18n.say("SAMPLE_HELP", digit=digit),
                on_click=put,
                args=(paths,),
            )


def put(paths: list[str]) -> None:
    """Replace what is on the slate by strokes: SVG paths on a canvas of 100 x 100."""
    visit.session().slate.put([_stroke(path) for path in paths])


def _stroke(path: str) -> dict[str, Any]:
    """An SVG path as the object that the canvas would make of a drawn stroke."""
    scaled = re.sub(r"\d+", lambda number: f"{int(number[0]) * SIDE / 100:.1f}", path)
    return {
        "type": "Path",
        "path": scaled,
        "stroke": INK,
        "strokeWidth": PEN,
        "strokeLineCap": "round",
        "strokeLineJoin": "round",
        "fill": None,
    }
