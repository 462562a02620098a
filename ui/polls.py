"""How often a page looks at its trainings by itself.

The more trainings a server has, the more slowly each goes on, and the less often its page looks:
what the server has to answer stays about the same, however many come.
"""

from __future__ import annotations

import functools
import random
import threading
from collections.abc import Callable
from typing import NamedTuple

import streamlit as st

SHORTEST = 0.4  # seconds
A_SECOND = 10.0  # looks that the server is to answer, from all pages together
SPREAD = 0.15  # of an interval: pages that look equally often would come to look all at once
SLATE, SLATE_OF_MANY = 1.1, 2.1  # times an interval: the slate costs twice what the panel does
PATIENCE = 0.25  # seconds that a page waits for its turn
_turn = threading.Lock()


class Intervals(NamedTuple):
    """Seconds between two runs of the sidebar's panel and of the slate; None for not at all."""

    panel: float | None
    slate: float | None


def interval(trainings: int, present: float | None = None) -> float:
    """Seconds between two looks.

    Parameters
    ----------
    trainings : on this server
    present : the interval so far; where the right one is not much longer and more than half as
        long, it stays, since each change costs every page a whole run
    """
    right = max(SHORTEST, trainings / A_SECOND)
    near = present is not None and present / 2 < right <= present * 1.25
    return present if present is not None and near and right > SHORTEST else right


def settle(runs: tuple[str, ...], trainings: int) -> Intervals:
    """In a full run: the intervals for the visitor's runs, of all trainings."""
    seconds = interval(trainings, _present()) if runs else None
    st.session_state["polls"] = (runs, seconds)
    if seconds is None:
        return Intervals(None, None)
    own = seconds * st.session_state.setdefault("polls-spread", random.uniform(1.0, 1.0 + SPREAD))
    return Intervals(own, own * (SLATE if seconds == SHORTEST else SLATE_OF_MANY))


def are_settled(runs: tuple[str, ...], trainings: int) -> bool:
    """Whether the latest full run was about these runs, and its interval will still do."""
    seconds = interval(trainings, _present()) if runs else None
    return bool(st.session_state.get("polls") == (runs, seconds))


def _present() -> float | None:
    seconds: float | None = st.session_state.get("polls", ((), None))[1]
    return seconds


def in_turn(draw: Callable[[], None]) -> Callable[[], None]:
    """A part of the page that is drawn while no other page draws its own, if that takes not long.

    Python runs one thread at a time: drawn together, all pages are as late as the last one, and
    each needs buffers of its own for the matrix products.
    """

    @functools.wraps(draw)
    def drawn() -> None:
        mine = _turn.acquire(timeout=PATIENCE)
        try:
            draw()
        finally:
            if mine:
                _turn.release()

    return drawn
