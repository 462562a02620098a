"""The slate: light ink on dark paper. Strokes come in, preprocessed digits go out."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import partial
from typing import Any

import streamlit as st
from streamlit_drawable_canvas import CanvasResult, st_canvas

from nn import Found
from ui import assets, eraser, i18n
from ui.files import slate_digits
from ui.view import elements

from . import visit

SIDE = 352  # pixels; fits a phone of 390 with its margins
PEN, ERASER = 22, "eraser"
WIDTHS = {"thin": 13, "medium": PEN, "thick": 34, ERASER: PEN}  # pixels
INK = f"rgb({', '.join(map(str, elements.INK))})"
TO_SLATE = """<script>
  document.querySelector(".st-key-slate-frame")?.scrollIntoView({ block: "center" });
</script>"""
SAMPLES: dict[str, list[str]] = json.loads(assets.text("samples.json"))  # paths in 100 x 100


def draw() -> Found | None:
    """Show the slate with its buttons; returns the digits on it, None while it is blank."""
    session = visit.session()
    slate = session.slate
    _take()
    tool = _tool()
    colour = eraser.COLOUR if tool == ERASER else INK
    brush = {"width": WIDTHS[tool], "colour": colour, "isPen": tool != ERASER}
    words = ", ".join(map(elements.json_text, (i18n.SLATE, session.token, brush)))
    start = elements.script("slate", f"window.digitLabSlate.say({words});")
    asked = session.hand.asked
    heading = elements.asked(asked[0]) if asked else elements.heading(i18n.DRAW)
    scroll, session.to_slate = TO_SLATE if session.to_slate else "", False
    st.html(heading + start + scroll, unsafe_allow_javascript=True)
    with st.container(key="slate-frame"):
        result = st_canvas(
            stroke_width=WIDTHS[tool],
            stroke_color=colour,
            background_color=_paper(slate.count),
            width=SIDE,
            height=SIDE,
            initial_drawing=slate.start,
            return_image_data=True,
            on_change=_stroke_came,
            key="slate",
        )
    slate.unshown = False
    with st.container(key="tools", horizontal=True):
        st.button(i18n.CLEAR, key="clear", on_click=_press, args=(partial(slate.put, []),))
        st.button(
            i18n.UNDO, key="undo", icon=":material/undo:", on_click=_press, args=(slate.undo,)
        )
        st.button(
            i18n.REDO, key="redo", icon=":material/redo:", on_click=_press, args=(slate.redo,)
        )
        st.segmented_control(
            i18n.PEN,
            list(WIDTHS),
            default=tool,
            format_func=lambda name: str(i18n.PENS[name]),
            key="pen",
            required=True,
            label_visibility="collapsed",
        )
    try:
        return _digits(result)
    except ValueError:  # no base64, no picture, or a huge one
        st.warning(i18n.SLATE_REFUSED)
        return None


def _tool() -> str:
    """The pen or eraser that was chosen last; a new language makes the switch anew."""
    slate = visit.session().slate
    slate.tool = st.session_state.get("pen") or slate.tool
    return slate.tool


def _paper(count: int) -> str:
    """The paper's colour, which says how often the page itself has put something on the slate.

    The canvas sends it back with each drawing. Any opacity above 1 is 1.
    """
    red, green, blue = elements.SLATE
    return f"rgba({red}, {green}, {blue}, {1 + count})"


def _put_before(raw: dict[str, Any] | None) -> int:
    """How often the page had put something on the slate when this drawing was begun."""
    found = re.search(r"(\d+)\)$", str((raw or {}).get("background")))
    return min(int(found[1]) - 1, visit.session().slate.count) if found else 0


def _take() -> None:
    """Let the slate know what is on the canvas."""
    raw = _present().json_data or {}
    visit.session().slate.take(raw.get("objects", []), _put_before(raw))


def _stroke_came() -> None:
    visit.session().slate.stroke_came()
    _take()


def _press(change: Callable[[], None]) -> None:
    """A press that changes the slate; it may come together with the latest stroke."""
    _take()
    change()


def present() -> Found | None:
    """What is on the slate before the page's next run; None where that cannot be read."""
    try:
        return _digits(_present())
    except ValueError:
        return None


def _present() -> CanvasResult:
    """The drawing as it came last."""
    drawing = (st.session_state.get("slate") or {}).get("drawing") or {}
    return CanvasResult(drawing.get("raw"), drawing.get("data"), True)


def _digits(result: CanvasResult) -> Found | None:
    """The digits in a drawing as it came; ValueError where it is no picture."""
    slate = visit.session().slate
    if _put_before(result.json_data) != slate.count:
        return slate.found  # what the page has put on it since is on its way
    picture = result.image_bytes
    if picture is None or not (result.json_data or {}).get("objects"):
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
