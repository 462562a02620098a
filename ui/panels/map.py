"""The panel "Map": where the last hidden layer puts the test digits, and the drawing among them."""

from __future__ import annotations

import functools
import html
from collections.abc import Generator

import streamlit as st

from nn import Dataset, Network
from nn.explain.projection import last_hidden
from nn.layers import Array
from ui import data, i18n
from ui.session import Computed
from ui.view import confusion, elements, landscape
from ui.view.landscape import Landscape

from .view import View

EVERY = 1.0  # seconds between two maps: each costs the browser some 150 ms


def show(view: View) -> None:
    """The map, with the drawing as a star on it, and what can be read off."""
    if view.network is None:
        st.html(elements.small(i18n.NO_READER))
        return
    computed = view.session.compute("map", view.network, _steps, every=EVERY)
    shown = None if computed is None else _turned(view, computed)
    point = None if computed is None or shown is None else _place(view, computed, shown)
    left, right = st.columns([560, 380], gap="large")
    with left, st.container(key="map-chart"):
        st.vega_lite_chart(
            landscape.data(shown),
            landscape.spec(view.theme),
            key="map",
            theme=None,
            height="stretch",
            alt=i18n.MAP_ALT,
        )
        st.html(landscape.star(shown, point))
    with right:
        st.html(_words(computed, shown, point))


@functools.cache
def _digits() -> Dataset:
    """The digits on the map, the same for all networks."""
    return landscape.chosen(data.mnist()[1])


def _steps(network: Network) -> Generator[None, None, Landscape]:
    return landscape.steps(network, _digits())


def _turned(view: View, computed: Computed[Landscape]) -> Landscape:
    """The map, turned to lie over the one that this visitor saw before."""
    session = view.session
    session.landscape = session.once(
        "map",
        computed.network,
        make=lambda: computed.result.laid_over(session.landscape),
    )
    return session.landscape


def _place(view: View, computed: Computed[Landscape], shown: Landscape) -> Array | None:
    """Where the drawing is, by the network that the map is of."""
    steps = view.steps
    if steps is None:
        return None

    def find() -> Array:
        x = steps.input[None].astype(computed.network.params.dtype)
        point: Array = shown.projection.project(last_hidden(computed.network, x))[0]
        return point

    return view.session.once("star", computed.network, steps, make=find)


def _words(
    computed: Computed[Landscape] | None, shown: Landscape | None, point: Array | None
) -> str:
    if computed is None or shown is None:
        return elements.heading(i18n.MAP) + elements.small(i18n.MAP_DRAWING)
    digits, units = (i18n.count(len(it)) for it in (shown.labels, shown.projection.mean))
    return (
        elements.heading(i18n.MAP)
        + confusion.line(confusion.origin(computed.epoch, computed.fresh))
        + f'<p class="where" role="status">{html.escape(landscape.sentence(shown, point))}</p>'
        + elements.small(i18n.say("MAP_HOW", digits=digits, units=units))
        + elements.small(i18n.say("MAP_SHARE", share=i18n.percent(shown.projection.share)))
        + elements.small(i18n.MAP_TURNED)
    )
