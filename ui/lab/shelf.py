"""The runs that a visitor keeps beyond the tab: whose they are, and the way to the store and back.

A visitor is known by a random token in a cookie; without cookies, by one that lives as long as
the session. What the store refuses becomes a sentence in the panel, and the page goes on.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from typing import TypeVar

import streamlit as st

from ui import settings, texts
from ui.store import Kept, Store, StoreError

from .runs import Run, Runs

COOKIE = "visitor"
TOKEN = re.compile(r"[A-Za-z0-9_-]{16,64}")
YEAR = 365 * 24 * 3600  # seconds

T = TypeVar("T")


def visitor() -> str:
    """The visitor's token: their cookie's, or a new one for this session."""
    if "visitor" not in st.session_state:
        told = str(st.context.cookies.get(COOKIE, ""))
        st.session_state["visitor"] = told if TOKEN.fullmatch(told) else secrets.token_urlsafe(16)
    return str(st.session_state["visitor"])


def script() -> str:
    """What lets the browser remember who it is; nothing where no runs are kept."""
    if settings.current().database is None:
        return ""
    cookie = f"{COOKIE}={visitor()}; path=/; max-age={YEAR}; SameSite=Lax"
    return f'<script>document.cookie = "{cookie}";</script>'


@st.cache_resource(show_spinner=False)
def _store() -> Store | None:
    """The server's store of kept runs; None where it is switched off."""
    chosen = settings.current()
    if chosen.database is None:
        return None
    limits = {"max_runs": chosen.kept_runs, "max_bytes": chosen.kept_megabytes * 1_000_000}
    return Store(chosen.database, **limits)


def is_open() -> bool:
    """Whether this server keeps runs at all."""
    return settings.current().database is not None


def listed() -> tuple[Kept, ...]:
    """What the visitor keeps, oldest first, as of the latest change that this session made."""
    if "shelf" not in st.session_state:
        st.session_state["shelf"] = ()
        refresh()
    kept: tuple[Kept, ...] = st.session_state["shelf"]
    return kept


def refresh() -> None:
    """Look again at what is kept."""
    found = _ask(lambda store: store.list(visitor()))
    if found is not None:
        st.session_state["shelf"] = found


def _refresh_if_done() -> None:
    if complaint() is None:  # looking again would take the sentence away
        refresh()


def keep(run: Run) -> None:
    """Keep a run, as it stands now, under its name."""
    snapshot = run.snapshot
    if snapshot is not None:
        run.shelf = _ask(lambda store: store.keep(visitor(), run.name, snapshot))
        _refresh_if_done()


def bring(kept: Kept, runs: Runs) -> Run | None:
    """Put a kept run among the others; None where it cannot be read."""
    there = next((run for run in runs if run.shelf == kept.id), None)
    if there is not None:
        return there
    snapshot = _ask(lambda store: store.load(visitor(), kept.id))
    if snapshot is None:
        return None
    clock = [(snapshot.position, snapshot.seconds)]
    more = {"snapshot": snapshot, "shelf": kept.id, "clock": clock}
    return runs.add(kept.name, snapshot.recipe, snapshot.seed, **more)


def rename(run: Run) -> None:
    """Let a kept run bear the name that it has among the others."""
    if (shelf := run.shelf) is not None:
        _ask(lambda store: store.rename(visitor(), shelf, run.name))
        _refresh_if_done()


def delete(kept: Kept, runs: Runs) -> None:
    """Keep a run no longer; among the others it stays."""
    _ask(lambda store: store.delete(visitor(), kept.id))
    for run in runs:
        if run.shelf == kept.id:
            run.shelf = None
    _refresh_if_done()


def complaint() -> str | None:
    """Why the latest wish was not fulfilled; None where it was."""
    told: str | None = st.session_state.get("shelf-error")
    return told


def _ask(wish: Callable[[Store], T]) -> T | None:
    """What the store answers; None, with a sentence to show, where it cannot."""
    st.session_state["shelf-error"] = None
    try:
        store = _store()
        return None if store is None else wish(store)
    except StoreError as error:
        st.session_state["shelf-error"] = str(error)
        return None


def describe(kept: Kept) -> str:
    """A kept run in a line: its name, when it was kept, how good it is."""
    day = kept.created.astimezone().strftime("%Y-%m-%d %H:%M")
    accuracy = kept.test_accuracy or kept.validation_accuracy
    share = "–" if accuracy is None else texts.percent(accuracy, 2)
    return texts.say("KEPT_RUN", run=kept.name, day=day, share=share)
