"""A photo of handwriting, read in place of the slate until something new is drawn."""

from __future__ import annotations

import streamlit as st

from nn import Found, PhotoError, find_digits, photo_ink, preprocess_ink
from ui import i18n
from ui.session import Photo
from ui.view import elements, sentences

from . import upload, visit

KINDS = ["png", "jpg", "jpeg", "webp", "gif", "bmp", "tif", "tiff"]


def corner() -> None:
    """The place to drop a photo, with what became of it; its height never changes."""
    with st.container(key="photo-corner"):
        st.html(elements.small(i18n.PHOTO_READ if is_read() else i18n.PHOTO_HELP))
        with st.container(key="photo-row", horizontal=True, vertical_alignment="center"):
            upload.place(
                i18n.PHOTO, type=KINDS, key="photo", on_change=_take, label_visibility="collapsed"
            )
            st.button(
                i18n.ROTATE,
                key="rotate",
                icon=":material/rotate_right:",
                help=i18n.ROTATE_HELP,
                disabled=not _can_be_turned(),
                on_click=_turn,
            )
        st.html(elements.script("paste"), unsafe_allow_javascript=True)
        error = visit.session().photo.error
        if isinstance(error, PhotoError):
            st.warning(i18n.plain(i18n.say("PHOTO_REFUSED", error=sentences.complaint(error))))
        elif error:
            st.warning(i18n.plain(i18n.say(str(error))))


def is_read() -> bool:
    """Whether a photo is read: one was given, and the slate is as it was then."""
    session = visit.session()
    given_at = session.slate.picture, session.slate.count
    return session.photo.found is not None and session.photo.given_at == given_at


def in_place_of(drawn: Found | None) -> Found | None:
    """The photo's digits where it is read, else those drawn."""
    return visit.session().photo.found if is_read() else drawn


def _can_be_turned() -> bool:
    """Whether a photo was given that is a picture."""
    given = st.session_state.get("photo") is not None
    return given and not isinstance(visit.session().photo.error, PhotoError)


def _turn() -> None:
    """Turn the photo clockwise by a quarter, and read it again."""
    _take(visit.session().photo.turns + 1)


def _take(turns: int = 0) -> None:
    """Look at a photo once, when it is given or turned; forget it when it is taken away."""
    session = visit.session()
    session.photo = photo = Photo(
        given_at=(session.slate.picture, session.slate.count), turns=turns % 4
    )
    file = st.session_state["photo"]
    if file is None:
        return
    try:
        ink = photo_ink(file.getvalue(), turns=photo.turns)
    except PhotoError as error:
        photo.error = error
        return
    if ink is None:
        photo.error = "PHOTO_BLANK"
    else:
        photo.found = find_digits(preprocess_ink(ink))
