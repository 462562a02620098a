"""What was found on the slate or in a photo: its ink, with a numbered box around each digit."""

from __future__ import annotations

from functools import partial

import streamlit as st

from nn import Found, Number
from ui import i18n
from ui.session import Session
from ui.view import elements

from . import photo, visit
from .pressable import pressable


def show(found: Found, number: Number, place: int) -> None:
    """Several marks, or those of a photo, and the number row by row; press one to look at it."""
    if len(found.digits) == 1 and not found.left_out and not photo.is_read():
        return
    session = visit.session()
    with st.container(key="numbering"):
        left_out = elements.small(i18n.TOO_MANY_MARKS) if found.left_out else ""
        st.html(elements.heading(i18n.NUMBERING) + left_out)
        make = partial(elements.numbered, found, number, place)
        picture = session.once("numbering", found, number, place, i18n.language(), make=make)
        pressable(picture, key="numbering-picture", on_press=partial(choose, session, found))


def choose(session: Session, found: Found, pressed: str) -> None:
    """A digit was pressed, "digit-3": it is the one to look at until others are found."""
    _, _, place = pressed.partition("-")
    if place in map(str, range(len(found.digits))):
        session.chosen = found, int(place)
