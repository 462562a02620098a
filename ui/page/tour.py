"""A tour of the page in eight stops, for a first visit or a room of people.

A small card beside the page, never over the slate and never by itself: it says what a part of the
page is about, outlines it, and offers to do something there. It runs in the browser (tour.js), so
that it answers at once whatever the server does.
"""

from __future__ import annotations

import html
from collections.abc import Container

import streamlit as st

from ui import i18n
from ui.view import elements, tour_stops

from . import slate, visit


def button(panels: Container[str]) -> None:
    """What starts the tour; tour.js words it as an offer until it was taken or left once.

    Parameters
    ----------
    panels : names of the panels that the page has
    """
    words = {
        "tour": i18n.TOUR,
        "offer": i18n.TOUR_OFFER,
        "back": i18n.TOUR_BACK,
        "next": i18n.TOUR_NEXT,
        "end": i18n.TOUR_END,
        "leave": i18n.TOUR_LEAVE,
        "stops": tour_stops.stops(panels),
    }
    start = elements.script("tour", f"window.digitLabTour.say({elements.json_text(words)});")
    st.html(
        f'<button class="tour-start" type="button">{html.escape(i18n.TOUR)}</button>{start}',
        unsafe_allow_javascript=True,
        width="content",
    )
    with st.container(key="tour-actions"):  # pressed by the card, never seen
        st.button(i18n.TOUR_SEVEN, key="tour-seven", on_click=_cross_the_seven)


def _cross_the_seven() -> None:
    """Put the 7 on the slate that the original network misreads, and read it with that one."""
    slate.put(tour_stops.SEVEN)
    visit.session().read_with("original")
