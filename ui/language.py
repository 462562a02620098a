"""The visitor's language: settled at the first visit, switched in the heading, and remembered.

A link's `?lang=de` outranks what was chosen at an earlier visit, and that the browser's own.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import streamlit as st

from . import texts

PARAMETER = COOKIE = "lang"
YEAR = 365 * 24 * 3600  # seconds

T = TypeVar("T")
_run = threading.local()  # a run of the page is its thread's


def spoken() -> str:
    """The visitor's language, a name of `texts.CATALOGUES`; the fallback outside a page's run."""
    return getattr(_run, "language", "") or _chosen() or texts.FALLBACK


texts.language = spoken


def settle() -> None:
    """Before a run's first word: find the language, once for the hundred words of the run."""
    _run.language = ""  # of an earlier run by the same thread
    if not _chosen():
        _find()
    _run.language = _chosen()


def _chosen() -> str:
    name: str = st.session_state.get("language", "")
    return name if name in texts.CATALOGUES else ""


def _find() -> None:
    """The language of a visit that has none yet."""
    browsers = st.context.locale or ""
    wishes = [
        st.query_params.get(PARAMETER, ""),
        st.context.cookies.get(COOKIE, ""),
        browsers.partition("-")[0],
    ]
    known = (wish.lower() for wish in wishes if wish.lower() in texts.CATALOGUES)
    st.session_state["language"] = next(known, texts.FALLBACK)


def switch() -> None:
    """The switch between the languages, each by its own name."""
    st.segmented_control(
        texts.LANGUAGE,
        list(texts.CATALOGUES),
        format_func=lambda code: texts.CATALOGUES[code]["OWN_NAME"],
        key="language",
        required=True,
        label_visibility="collapsed",
        on_change=_choose,
    )


def selectbox(
    label: str,
    options: Sequence[T],
    *,
    key: str,
    format_func: Callable[[Any], str] = str,
    **settings: Any,
) -> T:
    """A selectbox whose choice outlives a change of language.

    The browser holds the choice by its word, and would go on to show and send the old language's.
    None must not be among the options: it would clear the box.
    """
    state, spoken = st.session_state, f"{key}-language"
    if key in state and state.get(spoken) not in (None, texts.language()):
        state[key] = state[key]
    state[spoken] = texts.language()
    words = {option: format_func(option) for option in options}
    index = options.index(state[key]) if state.get(key) in options else 0
    chosen: T = st.selectbox(
        label, options, index, key=key, format_func=words.__getitem__, **settings
    )
    return chosen


def script() -> str:
    """What tells the browser: the document's language, and a choice for the next visit."""
    code = texts.language()
    lines = [f'document.documentElement.lang = "{code}";']
    if st.session_state.get("language-chosen"):
        lines.append(f'document.cookie = "{COOKIE}={code}; path=/; max-age={YEAR}; SameSite=Lax";')
    return f"<script>{' '.join(lines)}</script>"


def _choose() -> None:
    st.session_state["language-chosen"] = True
    if PARAMETER in st.query_params:
        st.query_params[PARAMETER] = st.session_state["language"]
