"""A tour of the page in seven stops, for a first visit or a room of people.

A small card beside the page, never over the slate and never by itself: it says what a part of the
page is about, outlines it, and offers to do something there. It runs in the browser (tour.js), so
that it answers at once whatever the server does; its stops are in stops.py.
"""

from __future__ import annotations

import html
from pathlib import Path

import streamlit as st

from . import canvas, panels, session, stops, texts

SCRIPT = (Path(__file__).parent / "tour.js").read_text("utf-8")


def button() -> None:
    """What starts the tour; the script words it as an offer until it was taken or left once."""
    words = stops.script_words(panels.PANELS)
    st.html(
        f'<button class="tour-start" type="button">{html.escape(texts.TOUR)}</button>'
        f"<script>{SCRIPT}\nwindow.digitLabTour.say({words});</script>",
        unsafe_allow_javascript=True,
        width="content",
    )
    with st.container(key="tour-actions"):  # pressed by the card, never seen
        st.button(texts.TOUR_SEVEN, key="tour-seven", on_click=_cross_the_seven)


def _cross_the_seven() -> None:
    """Put the 7 on the slate that the original network misreads, and read it with that one."""
    canvas.put(stops.SEVEN)
    session.read_with("original")
