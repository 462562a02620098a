"""A lesson for presenters, at `?lesson`: docs/workshop.md as a page."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import streamlit as st

PARAMETER = "lesson"
GUIDE = Path(__file__).parents[2] / "docs" / "workshop.md"
LINK = re.compile(r"!?\[([^\]]*)\]\((?!https?:)[^)]*\)")  # to a file beside the guide


def is_asked_for() -> bool:
    """Whether the address asks for the lesson."""
    return PARAMETER in st.query_params


def show() -> None:
    """The guide, without the links to other files."""
    with st.container(key="lesson"):
        st.markdown(_guide())


@cache
def _guide() -> str:
    return LINK.sub(r"\1", GUIDE.read_text("utf-8"))
