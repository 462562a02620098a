"""The visitor's language: found at the first run, switched in the heading, and remembered.

A link's `?lang=de` comes first, then what was chosen at an earlier visit, then the browser's own.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import streamlit as st

from ui import i18n

from . import visit

PARAMETER, COOKIE = "lang", "digit-lab-language"
YEAR = 365 * 24 * 3600  # seconds

T = TypeVar("T")


def spoken() -> str:
    """The visitor's language, a name of `i18n.CATALOGUES`; the fallback outside a page's run."""
    found = i18n.spoken.get()
    if not found and "session" in st.session_state:  # a callback, before the run itself
        found = visit.session().language
    return found or i18n.FALLBACK


i18n.language = spoken


def settle() -> None:
    """Before a run's first word: find the language, once for the hundred words of the run."""
    visitor = visit.session()
    visitor.language = visitor.language or _find()
    i18n.spoken.set(visitor.language)


def _find() -> str:
    """The language of a visit that has none yet."""
    wanted = (
        st.query_params.get(PARAMETER, ""),
        st.context.cookies.get(COOKIE, ""),
        (st.context.locale or "").partition("-")[0],
    )
    known = (name.lower() for name in wanted if name.lower() in i18n.CATALOGUES)
    return next(known, i18n.FALLBACK)


def switch() -> None:
    """The switch between the languages, each by its own name."""
    st.segmented_control(
        i18n.LANGUAGE,
        list(i18n.CATALOGUES),
        default=visit.session().language,
        format_func=lambda code: i18n.CATALOGUES[code]["OWN_NAME"],
        key="language",
        required=True,
        label_visibility="collapsed",
        on_change=_choose,
    )


def _choose() -> None:
    visitor = visit.session()
    visitor.language, visitor.language_chosen = st.session_state["language"], True
    i18n.spoken.set(visitor.language)
    if PARAMETER in st.query_params:
        st.query_params[PARAMETER] = visitor.language


def selectbox(
    label: str,
    options: Sequence[T],
    *,
    key: str,
    first: T | None = None,
    format_func: Callable[[Any], str] = str,
    **settings: Any,
) -> T:
    """A selectbox whose choice outlives a change of language.

    The browser holds the choice by its word, and would go on to show and send the old language's.
    None must not be among the options: it would clear the box.

    Parameters
    ----------
    first : what is chosen to begin with; the first option by default
    """
    state, of = st.session_state, f"{key}-language"
    if key in state and state.get(of) not in (None, i18n.language()):
        state[key] = state[key]
    state[of] = i18n.language()
    words = {option: format_func(option) for option in options}
    present = state.get(key, first)
    index = options.index(present) if present in options else 0
    chosen: T = st.selectbox(
        label, options, index, key=key, format_func=words.__getitem__, **settings
    )
    return chosen


def number_field(label: str, value: float, *, key: str, **settings: Any) -> None:
    """A field for a number as the page's language writes it; its text outlives a change of that.

    Streamlit's own goes by the browser's language: an English one takes "0,02" for 2
    and "10.000" for 10.
    """
    state, of = st.session_state, f"{key}-language"
    if key in state and state.get(of) not in (None, i18n.language()):
        with contextlib.suppress(ValueError):
            state[key] = i18n.exact(i18n.parse_number(state[key], state[of]))
    state[of] = i18n.language()
    st.text_input(label, i18n.exact(value), key=key, max_chars=40, **settings)


def script() -> str:
    """What the browser is told: the document's language, and a choice for the next visit."""
    code = i18n.language()
    lines = [f'document.documentElement.lang = "{code}";']
    if visit.session().language_chosen:
        lines.append(f'document.cookie = "{COOKIE}={code}; path=/; max-age={YEAR}; SameSite=Lax";')
    return f"<script>{' '.join(lines)}</script>"
