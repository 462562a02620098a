"""A place to upload a file; a sentence instead, where the browser would not let it through."""

from __future__ import annotations

from typing import Any

import streamlit as st

from ui.view import elements


def place(label: str, **settings: Any) -> None:
    """Streamlit's file uploader, with a way out of another site's frame."""
    if st.get_option("server.enableXsrfProtection"):
        sentence = elements.framed(st.context.url or "")
        st.html(sentence + elements.script("framed"), unsafe_allow_javascript=True)
    st.file_uploader(label, **settings)
