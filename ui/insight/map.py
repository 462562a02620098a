"""The panel with the map: where the last hidden layer puts the test digits, and the drawing."""

from __future__ import annotations

import html
from collections.abc import Generator

import streamlit as st

from nn import Network
from nn.layers import Array
from nn.projection import last_hidden
from ui import figures, session, texts
from ui.view import View

from . import confusion, digits, landscape, looking
from .landscape import Landscape
from .memory import once
from .stepwise import Stand, Workshop

REST = 1.0  # seconds between two maps: they cost the browser some 150 ms each


def show(view: View) -> None:
    """The map, with the drawing as a star on it, and what can be read off."""
    if view.network is None:
        st.html(figures.small(texts.NO_READER))
        return
    stand = looking.look(view, view.network, _maps(), "map")
    drawn = None if stand is None else _laid(stand)
    point = None if stand is None or drawn is None else _drawing(view, stand, drawn)
    left, right = st.columns([560, 380], gap="large")
    with left, st.container(key="map-chart"):
        st.vega_lite_chart(
            landscape.data(drawn),
            landscape.spec(session.theme()),
            key="map",
            theme=None,
            height="stretch",
            alt=texts.MAP_ALT,
        )
        st.html(landscape.star(drawn, point))
    with right:
        st.html(_words(stand, drawn, point))


@st.cache_resource(show_spinner=False)
def _maps() -> Workshop[Landscape]:
    """The server's maps, of the same test digits for all networks."""
    shown = landscape.chosen(digits.test_set())

    def steps(network: Network) -> Generator[None, None, Landscape]:
        return landscape.steps(network, shown)

    return Workshop(steps, rest=REST)


def _laid(stand: Stand[Landscape]) -> Landscape:
    """The map, laid over the one that this visitor saw before."""
    before: Landscape | None = st.session_state.get("insight-map-before")
    drawn = once("map", stand.network, make=lambda: stand.result.laid_over(before))
    st.session_state["insight-map-before"] = drawn
    return drawn


def _drawing(view: View, stand: Stand[Landscape], drawn: Landscape) -> Array | None:
    """Where the drawing is, by the network that the map is of."""
    steps = view.steps
    if steps is None:
        return None

    def find() -> Array:
        x = steps.input[None].astype(stand.network.params.dtype)
        point: Array = drawn.projection.project(last_hidden(stand.network, x))[0]
        return point

    return once("star", stand.network, steps, make=find)


def _words(stand: Stand[Landscape] | None, drawn: Landscape | None, point: Array | None) -> str:
    if stand is None or drawn is None:
        return figures.heading(texts.MAP) + figures.small(texts.MAP_DRAWING)
    where = landscape.sentence(drawn, point)
    share = texts.percent(drawn.projection.share)
    units = texts.count(len(drawn.projection.mean))
    return (
        figures.heading(texts.MAP)
        + confusion.line(confusion.origin(stand.epoch, stand.fresh))
        + f'<p class="where" role="status">{html.escape(where)}</p>'
        + figures.small(texts.say("MAP_HOW", digits=texts.count(len(drawn.labels)), units=units))
        + figures.small(texts.say("MAP_SHARE", share=share))
        + figures.small(texts.MAP_TURNED)
    )
