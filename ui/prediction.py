"""The page's sentence: you draw, it sees, it says. And what preprocessing and training buy."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import streamlit as st

from nn import Network, Number, Preprocessing, Reading, judge, judge_number
from nn.mnist import CLASSES
from nn.preprocess import shrink

from . import canvas, figures, panels, photo, session, texts, training
from .insight import memory
from .view import View

COMPARED = [("best", True), ("best", False), ("original", True), ("original", False)]


def draw_and_read() -> None:
    """Slate, input and verdict side by side; one fragment, so that no stroke is lost."""
    session.rerun_if_polling_changed()
    with st.container(key="sentence"):
        left, middle, right = st.columns([352, 280, 380], gap="large")
    with left:
        digits = photo.in_place_of(canvas.slate())
    networks, missing = session.networks()
    with right:
        st.html(figures.heading(texts.SAYS))
        network = _chosen(networks)
        for error in missing:
            st.warning(texts.CHECKPOINT_LEFT_OUT.format(error=error.rstrip(".")))
        number = memory.once("read", network, *digits, make=partial(_read, network, digits))
        weakest = number.readings[number.weakest]  # of several digits, the one to look at
        with st.container(key="verdict"):
            st.html(figures.verdict(number))
        st.html(figures.bars(weakest))
        training.strip()
    steps = digits[number.weakest] if digits else None
    with middle, st.container(key="network-input"):
        heading = texts.SEES_PHOTO if photo.is_read() else texts.SEES
        seen = memory.once(
            "seen", steps, texts.language(), make=partial(figures.network_input, steps)
        )
        st.html(figures.heading(heading) + seen)
    with st.container(key="starts"):
        left, right = st.columns([352, 684], gap="large")
    with left:
        canvas.samples()
    with right:
        photo.upload()
    compared = [networks.get(name) for name in session.SHIPPED]
    make = partial(_compare, networks, steps)
    if ways := memory.once("ways", *compared, steps, texts.language(), make=make):
        st.html(ways)
    reader = st.session_state.get("reader", "")
    panels.show(View(reader, network, steps, weakest, session.kept()))


def _chosen(networks: dict[str, Network]) -> Network | None:
    """The network the visitor reads with, by a switch; None when there is none.

    Where the page itself turns the switch, it makes a new one: a poll that is under way still
    tells how the old one stood, and would turn it back.
    """
    if not networks:
        st.warning(texts.NO_READER)
        return None
    state = st.session_state
    if state.get("reader-wanted") in networks:
        state["reader"] = state.pop("reader-wanted")
    if state.get("reader") not in networks:
        state["reader"] = next(iter(networks))
    key = state.get("reader-key", "reader-0")
    if state.get(key) != state["reader"]:
        key = state["reader-key"] = f"reader-{int(key.partition('-')[2]) + 1}"
        state[key] = state["reader"]
    st.segmented_control(
        texts.READER,
        list(networks),
        format_func=session.reader_name,
        key=key,
        required=True,
        label_visibility="collapsed",
        width="stretch",
        on_change=_take,
        args=(key,),
    )
    if state.pop("reader-taken", False):
        st.rerun()  # the panel's button offers the other one
    return networks[state["reader"]]


def _take(key: str) -> None:
    """The visitor has turned the switch; that outranks what the page would turn it to."""
    if key == st.session_state.get("reader-key"):
        st.session_state["reader"] = st.session_state[key]
        st.session_state["reader-taken"] = True
        st.session_state.pop("reader-wanted", None)


def _read(network: Network | None, digits: tuple[Preprocessing, ...]) -> Number:
    if network is None:
        return Number((Reading(None, None, 0.0, np.zeros(CLASSES, np.float32), None),))
    return judge_number(network, digits)


def _compare(networks: dict[str, Network], steps: Preprocessing | None) -> str:
    """The same drawing by both shipped networks, with and without preprocessing, as HTML."""
    ways = []
    for name, preprocessed in COMPARED:
        if name not in networks:
            continue
        way = "PREPROCESSED" if preprocessed else "SHRUNK"
        if steps is not None and not preprocessed:
            shown: Preprocessing | None = replace(steps, input=shrink(steps.ink))
        else:
            shown = steps
        ways.append((texts.say(way, reader=texts.READERS[name]), judge(networks[name], shown)))
    return figures.heading(texts.COMPARISON) + figures.comparison(ways) if ways else ""
