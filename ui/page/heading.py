"""The page's title, its style sheets, and its heading with the tour and the languages."""

from __future__ import annotations

import logging
from functools import cache

import streamlit as st

from ui import __version__, assets, config, i18n
from ui.panels import registry
from ui.storage import StoreError
from ui.view import elements

from . import language, tour, visit

log = logging.getLogger(__name__)


def set_up_page() -> None:
    """Title, layout and style sheets; the page's first call."""
    st.set_page_config(
        page_title=i18n.TITLE,
        layout="wide",
        initial_sidebar_state=330,
        menu_items={"About": f"{i18n.TITLE} {__version__}"},
    )
    st.html(_style())


def check_config() -> None:
    """End this run with a sentence where a setting of the server is wrong; the log has it too."""
    try:
        config.current()
        visit.store()
    except (config.ConfigError, StoreError) as error:
        log.critical("%s", error)
        st.error(i18n.plain(i18n.say("WRONG_SETTING", error=str(error).rstrip("."))))
        st.stop()


@cache
def _style() -> str:
    """All style sheets in one element; first base.css, which the others build on."""
    sheets = sorted(
        (assets.FOLDER / "css").glob("*.css"), key=lambda it: (it.stem != "base", it.stem)
    )
    return f"<style>{''.join(sheet.read_text('utf-8') for sheet in sheets)}</style>"


def show() -> None:
    """The page's name and its one sentence, the tour, and the switch between languages."""
    with st.container(key="heading", horizontal=True, vertical_alignment="center"):
        st.html(
            f'<h1>{i18n.TITLE}</h1><p class="lede">{i18n.SUBTITLE}</p>'
            f"{language.script()}{elements.script('tabs')}",
            unsafe_allow_javascript=True,
        )
        if visit.rooms() is not None and config.current().rooms:
            st.link_button(i18n.ROOM_OPEN, "/room")
        tour.button(registry.PANELS)
        language.switch()
