"""A picture with things to press in it, by pointer, finger or keyboard."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from ui import assets

_component = st.components.v2.component(
    "pressable_picture",
    html='<div class="pressable"></div>',
    js=assets.text("js/pressable.js"),
    isolate_styles=False,
)


def pressable(picture: str, *, key: str, on_press: Callable[[str], None]) -> None:
    """Show a picture; `on_press` gets the `data-press` of what is pressed, before the next run.

    Parameters
    ----------
    picture : HTML or SVG; its things to press are buttons, or have a role and a tabindex
    key : of the component; with `-picture`, also the class of its container
    """

    def take() -> None:
        pressed = getattr(st.session_state.get(key), "pressed", None)
        if pressed is not None:
            on_press(str(pressed))

    _component(key=key, data={"html": picture}, on_pressed_change=take)
