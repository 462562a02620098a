"""What must hold before the page is drawn: that this server is set up as its settings allow."""

from __future__ import annotations

import logging

import streamlit as st

from . import settings, texts

log = logging.getLogger(__name__)


def check() -> None:
    """End this run of the page with a sentence where a setting is wrong; the log has it too."""
    try:
        settings.current()
    except settings.SettingsError as error:
        log.critical("%s", error)
        st.error(texts.say("WRONG_SETTING", error=error))
        st.stop()
