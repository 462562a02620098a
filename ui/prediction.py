"""The page's sentence: you draw, it sees, it says. And what preprocessing and training buy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import streamlit as st

from nn import Network, Preprocessing, Reading, judge
from nn.mnist import CLASSES
from nn.preprocess import shrink

from . import canvas, figures, session, texts, training


def draw_and_read() -> None:
    """Slate, input and verdict side by side; one fragment, so that no stroke is lost."""
    session.rerun_if_polling_changed()
    with st.container(key="sentence"):
        left, middle, right = st.columns([352, 280, 380], gap="large")
    with left:
        steps = canvas.slate()
    with middle, st.container(key="network-input"):
        st.html(figures.heading(texts.SEES) + figures.network_input(steps))
    networks, missing = session.networks()
    with right:
        st.html(figures.heading(texts.SAYS))
        network = _chosen(networks)
        for error in missing:
            st.warning(texts.CHECKPOINT_LEFT_OUT.format(error=error.rstrip(".")))
        reading = _read(network, steps)
        with st.container(key="verdict"):
            st.html(figures.verdict(reading))
        st.html(figures.bars(reading))
        training.strip()
    canvas.samples()
    _compare(networks, steps)


def _chosen(networks: dict[str, Network]) -> Network | None:
    """The network the visitor reads with, by a switch; None when there is none."""
    if not networks:
        st.warning(texts.NO_READER)
        return None
    wanted = st.session_state.get("reader-wanted")
    if wanted in networks:  # a key of a widget can only be set before the widget is made
        st.session_state["reader"] = st.session_state.pop("reader-wanted")
    if st.session_state.get("reader") not in networks:
        st.session_state["reader"] = next(iter(networks))
    name = st.segmented_control(
        texts.READER,
        list(networks),
        format_func=texts.READERS.__getitem__,
        key="reader",
        required=True,
        label_visibility="collapsed",
        width="stretch",
    )
    return networks[name or next(iter(networks))]


def _read(network: Network | None, steps: Preprocessing | None) -> Reading:
    if network is None:
        return Reading(None, None, 0.0, np.zeros(CLASSES, np.float32), None)
    return judge(network, steps)


def _compare(networks: dict[str, Network], steps: Preprocessing | None) -> None:
    """The same drawing by both shipped networks, with and without preprocessing."""
    ways = []
    for (name, preprocessed), label in texts.COMPARISON_WAYS.items():
        if name not in networks:
            continue
        if steps is not None and not preprocessed:
            shown: Preprocessing | None = replace(steps, input=shrink(steps.ink))
        else:
            shown = steps
        ways.append((label, judge(networks[name], shown)))
    if ways:
        st.html(figures.heading(texts.COMPARISON) + figures.comparison(ways))
