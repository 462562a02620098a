"""Below the sentence, what the visitor asked for: one panel at a time, the others cost nothing.

A panel is a function of the View; it draws itself where it is called. It runs in the slate's
fragment, after the verdict, so that a finished stroke and an epoch that has ended reach the
sentence and the open panel in the same run.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from . import texts
from .insight import arithmetic, inside, mistakes, why
from .insight import map as map_panel
from .lab import runs_panel, time_panel, training_panel
from .view import View

SCRIPT = (Path(__file__).parent / "panels.js").read_text("utf-8")
# By the name of its tab's word.
PANELS: dict[str, Callable[[View], None]] = {
    "PANEL_TRAINING": training_panel.show,
    "PANEL_TIME": time_panel.show,
    "PANEL_WHY": why.show,
    "PANEL_INSIDE": inside.show,
    "PANEL_NUMBERS": arithmetic.show,
    "PANEL_MISTAKES": mistakes.show,
    "PANEL_MAP": map_panel.show,
    "PANEL_RUNS": runs_panel.show,
}


def script() -> str:
    """What keeps a tab's press in the browser until the page takes it."""
    return f"<script>{SCRIPT}</script>"


def show(view: View) -> None:
    """The tabs, with the open one's panel."""
    if not PANELS:
        return
    # Tabs are told apart by their words, so they are made anew in another language, with the same
    # one open.
    words = {name: texts.say(name) for name in PANELS}
    state, key = st.session_state, f"panels-{texts.language()}"
    if key not in state:
        state[key] = words.get(state.get("panel", ""), next(iter(words.values())))
    tabs = st.tabs(list(words.values()), key=key, on_change="rerun")
    for tab, (name, panel) in zip(tabs, PANELS.items(), strict=True):
        if tab.open:
            state["panel"] = name
            with tab, st.container(key=f"panel-{name.removeprefix('PANEL_').lower()}"):
                panel(view)
