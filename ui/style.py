"""The page's looks, beyond what the theme in .streamlit/config.toml sets."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import streamlit as st

from . import language, panels, texts, tour

SHEETS = Path(__file__).parent / "styles"


def set_up_page() -> None:
    """Title, layout and style sheets; the page's first call."""
    st.set_page_config(page_title=texts.TITLE, layout="wide", initial_sidebar_state=330)
    st.html(_sheet())


@cache
def _sheet() -> str:
    """The rules of all rooms in one element; first base.css, what they share."""
    sheets = sorted(SHEETS.glob("*.css"), key=lambda sheet: (sheet.stem != "base", sheet.stem))
    return f"<style>{''.join(sheet.read_text(encoding='utf-8') for sheet in sheets)}</style>"


def heading() -> None:
    """The page's name and its one sentence, the tour, and the switch between languages."""
    with st.container(key="heading", horizontal=True, vertical_alignment="center"):
        st.html(
            f'<h1>{texts.TITLE}</h1><p class="lede">{texts.SUBTITLE}</p>'
            f"{language.script()}{panels.script()}",
            unsafe_allow_javascript=True,
        )
        tour.button()
        language.switch()
