"""A photo of handwriting, read in place of the slate until something new is drawn."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from nn import PhotoError, Preprocessing, photo_ink, separate
from nn.preprocess import preprocess_ink

from . import figures, texts

PASTE = (Path(__file__).parent / "paste.js").read_text("utf-8")
KINDS = ["png", "jpg", "jpeg", "webp", "gif", "bmp", "tif", "tiff"]


def upload() -> None:
    """The place to drop a photo, with what became of it; its height never changes."""
    with st.container(key="photo-corner"):
        st.html(figures.small(texts.PHOTO_READ if is_read() else texts.PHOTO_HELP))
        st.file_uploader(
            texts.PHOTO,
            type=KINDS,
            key="photo",
            on_change=_take,
            label_visibility="collapsed",
        )
        st.html(f"<script>{PASTE}</script>", unsafe_allow_javascript=True)
        error: PhotoError | str | None = st.session_state.get("photo-error")
        if isinstance(error, PhotoError):
            st.warning(texts.say("PHOTO_REFUSED", error=texts.complaint(error)))
        elif error:
            st.warning(texts.say(error))


def is_read() -> bool:
    """Whether a photo is read: one was given, and the slate is as it was then."""
    return (
        st.session_state.get("photo-digits") is not None
        and st.session_state.get("photo-slate") == _slate()
    )


def in_place_of(drawn: tuple[Preprocessing, ...]) -> tuple[Preprocessing, ...]:
    """The photo's digits where it is read, else those drawn."""
    if not is_read():
        return drawn
    digits: tuple[Preprocessing, ...] = st.session_state["photo-digits"]
    return digits


def _take() -> None:
    """Look at a photo once, when it is given; forget it when it is taken away."""
    st.session_state["photo-digits"] = st.session_state["photo-error"] = None
    st.session_state["photo-slate"] = _slate()
    file = st.session_state["photo"]
    if file is None:
        return
    try:
        ink = photo_ink(file.getvalue())
    except PhotoError as error:
        st.session_state["photo-error"] = error
        return
    if ink is None:
        st.session_state["photo-error"] = "PHOTO_BLANK"
    else:
        st.session_state["photo-digits"] = separate(preprocess_ink(ink))


def _slate() -> tuple[object, object]:
    """What tells one state of the slate from another: its strokes, and what was put on it."""
    return st.session_state.get("drawing-key"), st.session_state.get("slate-count")
