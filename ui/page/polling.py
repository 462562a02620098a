"""How often a page with training runs updates itself, and when it needs a full run.

The page has two parts that run by themselves: the sidebar's panel and the slate with all below it.
The more training runs a server has, the more slowly each goes on, and the less often its page
looks: what the server has to answer stays about the same, however many come.
"""

from __future__ import annotations

import functools
import random
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

import streamlit as st

from . import language, visit

SHORTEST = 0.4  # seconds
PER_SECOND = 10.0  # looks that the server is to answer, from all pages together
SPREAD = 0.15  # of an interval, so that pages do not come to look all at once
SLATE, SLATE_OF_MANY = 1.1, 2.1  # times an interval: the slate costs twice what the panel does
PATIENCE = 0.25  # seconds that a page waits for its turn
PEN_PATIENCE, PEN_LOOKS = 5.0, 0.02  # seconds of a stroke that it waits, and between two looks
SENT = 0.1  # seconds in which all that a full run has shown is on its way to the browser
_turn = threading.Lock()


class Intervals(NamedTuple):
    """Seconds between two runs of the sidebar's panel and of the slate; None for not at all."""

    panel: float | None
    slate: float | None


def interval(runs: int, present: float | None = None) -> float:
    """Seconds between two looks.

    Parameters
    ----------
    runs : of all visitors
    present : the interval so far; where the right one is not much longer and more than half as
        long, it stays, since each change costs every page a full run
    """
    right = max(SHORTEST, runs / PER_SECOND)
    near = present is not None and present / 2 < right <= present * 1.25
    return present if present is not None and near and right > SHORTEST else right


def wanted() -> tuple[tuple[str, ...], float | None, str]:
    """What a full run is made for: the visitor's live runs, the interval, and who cannot train."""
    visitor = visit.session()
    live = tuple(run.id for run in visitor.runs.live())
    present = visitor.polled[1] if visitor.polled else None
    seconds = interval(len(visitor.scheduler), present) if live else None
    return live, seconds, visitor.scheduler.trouble


def set_up() -> Intervals:
    """In a full run: how often the page's parts run by themselves from now on."""
    visitor = visit.session()
    visitor.polled, visitor.stale = wanted(), False
    seconds = visitor.polled[1]
    if seconds is None:
        return Intervals(None, None)
    visitor.polls = True
    own = seconds * (1.0 + SPREAD * random.Random(visitor.visitor).random())
    return Intervals(own, own * (SLATE if seconds == SHORTEST else SLATE_OF_MANY))


def rerun_if_stale() -> None:
    """In a part of the page: run all of it where another part shows something old."""
    language.settle()
    visitor = visit.session()
    if visitor.stale or visitor.polled != wanted():
        st.rerun()


def wait_until_sent() -> None:
    """At the end of a full run, while the page polls or anybody trains: let the browser have it.

    Where a part of the page runs next, Streamlit 1.67 drops what the full run has shown there and
    not yet sent, but still tells the browser that the full run is done. The browser takes that part
    for old and removes it, the slate with its drawing included.
    """
    visitor = visit.session()
    if visitor.polls or len(visitor.scheduler):
        time.sleep(SENT)
    visitor.polls = bool(visitor.polled and visitor.polled[1])


def _wait_for_pen() -> None:
    """Let the browser draw: an update takes it a quarter of a second on a small computer."""
    slate = visit.session().slate
    while not slate.unshown and time.monotonic() < slate.pen_until:
        if time.monotonic() > slate.pen_since + PEN_PATIENCE:
            return
        time.sleep(PEN_LOOKS)


def in_turn(draw: Callable[[], None]) -> Callable[[], None]:
    """A part of the page that waits for the pen, and while another page's is drawn; not for long.

    Python runs one thread at a time: drawn together, all pages are as late as the last one, and
    each needs buffers of its own for the matrix products.
    """

    @functools.wraps(draw)
    def drawn() -> None:
        _wait_for_pen()
        mine = _turn.acquire(timeout=PATIENCE)
        try:
            draw()
        finally:
            if mine:
                _turn.release()

    return drawn
