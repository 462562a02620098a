"""How often a page looks at its trainings by itself.

The more trainings a server has, the more slowly each goes on, and the less often its page looks:
what the server has to answer stays about the same, however many come.
"""

from __future__ import annotations

import random

import streamlit as st

SHORTEST = 0.4  # seconds
A_SECOND = 20.0  # polls that the server is to answer, from all pages together
FRAGMENTS = 2  # of a page that poll
SPREAD = 0.15  # of an interval; pages that look equally often would go on to look all at once


def interval(trainings: int, present: float | None = None) -> float:
    """Seconds between two looks.

    Parameters
    ----------
    trainings : on this server
    present : the interval so far; where the right one is not much longer and more than half as
        long, it stays, since each change costs every page a whole run
    """
    right = max(SHORTEST, FRAGMENTS * trainings / A_SECOND)
    near = present is not None and present / 2 < right <= present * 1.25
    return present if present is not None and near and right > SHORTEST else right


def settle(runs: tuple[str, ...], trainings: int) -> float | None:
    """In a full run: the interval for the visitor's runs, of all trainings; None without any."""
    seconds = interval(trainings, _present()) if runs else None
    st.session_state["polls"] = (runs, seconds)
    return None if seconds is None else seconds * _own_measure()


def are_settled(runs: tuple[str, ...], trainings: int) -> bool:
    """Whether the latest full run was about these runs, and its interval will still do."""
    seconds = interval(trainings, _present()) if runs else None
    return bool(st.session_state.get("polls") == (runs, seconds))


def _present() -> float | None:
    seconds: float | None = st.session_state.get("polls", ((), None))[1]
    return seconds


def _own_measure() -> float:
    """What this page multiplies each interval by, so that no two keep step."""
    drawn: float = st.session_state.setdefault("polls-spread", random.uniform(1.0, 1.0 + SPREAD))
    return drawn
