"""The tabs below the sentence: one panel at a time, the others cost nothing.

A panel is a function of the View. It runs in the slate's fragment, after the verdict, so that a
finished stroke and the end of an epoch reach the sentence and the open panel in the same run.
"""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from ui import i18n

from . import (
    hand,
    in_numbers,
    inside,
    map,  # noqa: A004
    mistakes,
    runs,
    shift,
    through_time,
    training,
    why,
)
from .view import View

# By the name of its tab's word.
PANELS: dict[str, Callable[[View], None]] = {
    "PANEL_TRAINING": training.show,
    "PANEL_TIME": through_time.show,
    "PANEL_HAND": hand.show,
    "PANEL_WHY": why.show,
    "PANEL_SHIFT": shift.show,
    "PANEL_INSIDE": inside.show,
    "PANEL_NUMBERS": in_numbers.show,
    "PANEL_MISTAKES": mistakes.show,
    "PANEL_MAP": map.show,
    "PANEL_RUNS": runs.show,
}


def show(view: View) -> None:
    """The tabs, with the open one's panel."""
    # Streamlit identifies tabs by their labels, so another language needs new tabs, with the
    # same one open.
    session, state, key = view.session, st.session_state, f"panels-{i18n.language()}"
    words = {name: i18n.say(name) for name in PANELS}
    if key not in state:
        state[key] = words.get(session.panel, next(iter(words.values())))
    tabs = st.tabs(list(words.values()), key=key, on_change="rerun")
    for tab, (name, panel) in zip(tabs, PANELS.items(), strict=True):
        if tab.open:
            session.panel = name
            with tab, st.container(key=f"panel-{name.removeprefix('PANEL_').lower()}"):
                panel(view)
