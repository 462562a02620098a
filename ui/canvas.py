"""The drawing surface: a slate of light ink on dark. In come strokes, out go RGBA pixels."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit_drawable_canvas import CanvasResult, st_canvas

from nn import Preprocessing, separate
from nn.preprocess import preprocess

from . import figures, texts

SIDE = 352  # pixels; fits a phone of 390 with its margins
PEN = 22
SCRIPT = (Path(__file__).parent / "slate.js").read_text("utf-8")
PAPER, INK = (f"rgb({r}, {g}, {b})" for r, g, b in (figures.SLATE, figures.INK))
SAMPLES: dict[str, list[str]] = json.loads(
    (Path(__file__).parent / "samples.json").read_text("utf-8")
)  # SVG paths on a canvas of 100 x 100


def slate() -> tuple[Preprocessing, ...]:
    """Show the slate with its buttons; returns the digits on it, preprocessed; none while blank."""
    words = json.dumps(texts.SLATE).replace("<", "\\u003c")
    st.html(
        f"{figures.heading(texts.DRAW)}<script>{SCRIPT}\nwindow.digitLabSlate.say({words});</script>",
        unsafe_allow_javascript=True,
    )
    with st.container(key="slate-frame"):
        result = st_canvas(
            stroke_width=PEN,
            stroke_color=INK,
            background_color=PAPER,
            width=SIDE,
            height=SIDE,
            initial_drawing=st.session_state.get("slate-start"),
            return_image_data=True,
            key="slate",
        )
    raw = result.json_data or {}
    with st.container(key="tools", horizontal=True):
        st.button(texts.CLEAR, key="clear", width="stretch", on_click=_put, args=([], True))
        undone = raw.get("objects", [])[:-1]
        st.button(texts.UNDO, key="undo", width="stretch", on_click=_put, args=(undone, not undone))
    if result.image_bytes is None or not raw.get("objects"):
        st.session_state["slate-cleared"] = None  # the slate is blank by now: what comes is new
        return ()
    if st.session_state.get("slate-cleared") == result.image_bytes:
        return ()
    return _preprocessed(result)


def samples() -> None:
    """Ten ready-made digits, for those who cannot draw with a pointer."""
    st.html(f'<p class="small">{texts.SAMPLES}</p>')
    with st.container(key="samples"):
        for digit, paths in SAMPLES.items():
            st.button(
                digit,
                key=f"sample-{digit}",
                width="stretch",
                help=texts.SAMPLE_HELP.format(digit=digit),
                on_click=put,
                args=(paths,),
            )


def put(paths: list[str]) -> None:
    """Replace what is on the slate by strokes: SVG paths on a canvas of 100 x 100."""
    _put([_stroke(path) for path in paths], False)


def _preprocessed(drawn: CanvasResult) -> tuple[Preprocessing, ...]:
    """Decode and preprocess a drawing once, however often the page looks at it."""
    if st.session_state.get("drawing-key") != drawn.image_bytes:
        whole = preprocess(drawn.image_data)
        st.session_state["drawing"] = () if whole is None else separate(whole)
        st.session_state["drawing-key"] = drawn.image_bytes
    digits: tuple[Preprocessing, ...] = st.session_state["drawing"]
    return digits


def _put(objects: list[dict[str, Any]], blank: bool) -> None:
    """Replace what is on the slate.

    The canvas takes a drawing when it differs from the one given before, hence the count. What it
    sent last is still here in the next run: where the slate is to be blank, that is not read.
    """
    count = st.session_state["slate-count"] = st.session_state.get("slate-count", 0) + 1
    st.session_state["slate-start"] = {"objects": objects, "count": count}
    st.session_state["slate-cleared"] = st.session_state.get("drawing-key") if blank else None


def _stroke(path: str) -> dict[str, Any]:
    """A sample's SVG path as the object that the canvas would make of a drawn one."""
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
