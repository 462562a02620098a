"""The page's sentence: you draw, it sees, it says; and what preprocessing and training gain."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import streamlit as st

from nn import Network, Number, Preprocessing, Reading, judge, judge_number
from nn.drawing.preprocessing import shrink
from nn.mnist import CLASSES
from ui import i18n
from ui.panels import registry
from ui.panels.view import View
from ui.view import elements

from . import hand, numbering, photo, polling, sidebar, slate, visit

COMPARED = [("best", True), ("best", False), ("original", True), ("original", False)]


def show() -> None:
    """Slate, network's input and verdict side by side, in one fragment: so no stroke is lost."""
    polling.rerun_if_stale()
    session = visit.session()
    with st.container(key="sentence"):
        left, middle, right = st.columns([352, 280, 380], gap="large")
    with left:
        found = photo.in_place_of(slate.draw())
        hand.ask(slate.present)
    digits = () if found is None else found.digits
    networks, missing = visit.networks()
    with right:
        st.html(elements.heading(i18n.SAYS))
        network = session.network = _choose_reader(networks)
        for error in missing:
            st.warning(i18n.plain(i18n.say("CHECKPOINT_LEFT_OUT", error=error.rstrip("."))))
        number = session.once("read", network, *digits, make=partial(_read, network, digits))
        place = session.place(found, number)
        reading = number.readings[place]
        with st.container(key="verdict"):
            st.html(elements.verdict(found, number, session.slate.changes))
        with st.container(key="bars"):
            st.html(elements.bars(reading))
        hand.keys(found, reading, lambda: photo.in_place_of(slate.present()))
        sidebar.strip()
    steps = digits[place] if digits else None
    with middle, st.container(key="network-input"):
        heading = elements.heading(i18n.SEES_PHOTO if photo.is_read() else i18n.SEES)
        make = partial(elements.network_input, steps)
        st.html(heading + session.once("seen", steps, i18n.language(), make=make))
    with st.container(key="starts"):
        left, right = st.columns([352, 684], gap="large")
    with left:
        slate.samples()
    with right:
        photo.corner()
    if found is not None and network is not None:
        numbering.show(found, number, place)
    shipped = [networks.get(name) for name in visit.SHIPPED]
    comparison = partial(_compare, networks, steps)
    if ways := session.once("compared", *shipped, steps, i18n.language(), make=comparison):
        st.html(ways)
    registry.show(View(session, visit.theme(), network, steps, reading, session.snapshot))


def _choose_reader(networks: dict[str, Network]) -> Network | None:
    """The network that reads, chosen by a switch; None when there is none.

    Where the page itself turns the switch, it makes a new one: a poll that is under way still
    says where the old one was, and would turn it back.
    """
    if not networks:
        st.warning(i18n.NO_READER)
        return None
    session = visit.session()
    before = session.reader
    if session.reader_wanted in networks:
        session.reader, session.reader_wanted = session.reader_wanted, None
    if session.reader not in networks:
        session.reader = next(iter(networks))
    if session.reader != before:
        session.reader_form += 1
    key = f"reader-{session.reader_form}"
    st.segmented_control(
        i18n.READER,
        list(networks),
        default=session.reader,
        format_func=visit.reader_name,
        key=key,
        required=True,
        label_visibility="collapsed",
        width="stretch",
        on_change=_take,
        args=(key,),
    )
    return networks[session.reader]


def _take(key: str) -> None:
    """The visitor has turned the switch, which outranks what the page would turn it to."""
    session = visit.session()
    if key == f"reader-{session.reader_form}":
        session.reader, session.reader_wanted = st.session_state[key], None
        session.stale = True  # the sidebar's button offers the other network


def _read(network: Network | None, digits: tuple[Preprocessing, ...]) -> Number:
    if network is None:
        return Number((Reading(None, None, 0.0, np.zeros(CLASSES, np.float32), None),))
    return judge_number(network, digits)


def _compare(networks: dict[str, Network], steps: Preprocessing | None) -> str:
    """The same drawing read by both shipped networks, with and without preprocessing, as HTML."""
    ways = []
    for name, preprocessed in COMPARED:
        if name in networks:
            shown = steps
            if steps is not None and not preprocessed:
                shown = replace(steps, input=shrink(steps.ink))
            way = "PREPROCESSED" if preprocessed else "SHRUNK"
            ways.append((i18n.say(way, reader=i18n.READERS[name]), judge(networks[name], shown)))
    return elements.heading(i18n.COMPARISON) + elements.comparison(ways) if ways else ""
