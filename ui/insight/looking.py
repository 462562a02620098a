"""What a panel shows of the network that reads, without keeping the page waiting."""

from __future__ import annotations

from typing import Any, TypeVar

import streamlit as st

from nn import Network
from ui import session
from ui.view import View

from .stepwise import Bench, Stand, Workshop

T = TypeVar("T")


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
    runs = session.runs()
    of = next((run.snapshot for run in runs if run.network is network), None)
    epoch = None if of is None else of.position
    return bench.look(view.reader, network, epoch, patient=not runs.live(), hurried=hurried)
