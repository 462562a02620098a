"""What the panels keep for a visitor between two runs of the page, so that a poll costs nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import streamlit as st

from nn import Network
from ui import session
from ui.view import View

from .stepwise import Bench, Stand, Workshop

T = TypeVar("T")


def once(name: str, key: object, make: Callable[[], T]) -> T:
    """What `make` returns, made anew only where `key` is another than in the run before."""
    slot = f"insight-{name}"
    before: tuple[object, T] | None = st.session_state.get(slot)
    if before is None or before[0] != key:
        before = st.session_state[slot] = (key, make())
    return before[1]


def look(view: View, network: Network, workshop: Workshop[T], name: str) -> Stand[T] | None:
    """What there is of the work on the network that reads; None before there is anything.

    The page waits for it only while it does not poll: nothing else is going on then. In a run
    that follows a stroke nothing is worked on, for the verdict is waited for.
    """
    slot = f"insight-{name}-bench"
    bench: Bench[Any] = st.session_state.setdefault(slot, Bench(workshop))
    drawn = f"insight-{name}-drawing"
    hurried = st.session_state.get(drawn) is not view.steps
    st.session_state[drawn] = view.steps
    run = view.run
    epoch = run.position if run is not None and run.network is network else None
    patient = not session.training_is_live()
    return bench.look(view.reader, network, epoch, patient=patient, hurried=hurried)
