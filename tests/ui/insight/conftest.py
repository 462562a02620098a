"""The page with one of its panels open."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from ui import session, texts

ROOT = Path(__file__).parents[3]


@pytest.fixture
def open_panel() -> Iterator[Callable[[str], AppTest]]:
    """Opens the page of one visitor at the panel of that name, not run yet."""
    st.cache_resource.clear()

    def come(panel: str) -> AppTest:
        page = AppTest.from_file(str(ROOT / "app.py"), default_timeout=30)
        page.session_state[f"panels-{texts.FALLBACK}"] = getattr(texts, panel)
        return page

    yield come
    session.learners().close()
    st.cache_resource.clear()
