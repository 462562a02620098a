"""This visit: the visitor's Session, and what the server keeps for all of them.

A visitor is known by a random token in a cookie; without cookies, by one that lives as long as the
session.
"""

from __future__ import annotations

import re
import secrets
from pathlib import Path

import streamlit as st

from nn import CheckpointError, Network, load_checkpoint
from ui import config, data, i18n
from ui.room.room import Rooms
from ui.room.store import Limits, RoomStore
from ui.runs import Run
from ui.session import YOURS, Session
from ui.storage import Store, StoreError
from ui.training import memory
from ui.training.trainers import Trainers, trainers
from ui.view import sentences

WEIGHTS = Path(__file__).parents[2] / "weights"
SHIPPED = ("best", "original")
COOKIE = "digit-lab-visitor"  # all programs on a host share its cookies, whatever their ports
FORMER_COOKIE = "visitor"  # before version 1.0
TOKEN = re.compile(r"[A-Za-z0-9_-]{16,64}")
YEAR = 365 * 24 * 3600  # seconds


@st.cache_resource(show_spinner=False)
def scheduler() -> Trainers:
    """Whoever trains for this server."""
    memory.keep_small()
    chosen = config.current()
    tls = (chosen.tls_ca, chosen.tls_cert, chosen.tls_key)
    return trainers(chosen.trainers, data.mnist, limits=chosen.limits(), tls=tls)


@st.cache_resource(show_spinner=False)
def store() -> Store | None:
    """The server's kept runs; None where they are switched off."""
    chosen = config.current()
    if chosen.database is None:
        return None
    limits = {"max_runs": chosen.kept_runs, "max_bytes": chosen.kept_megabytes * 1_000_000}
    return Store(chosen.database, **limits)


@st.cache_resource(show_spinner=False)
def rooms() -> Rooms | None:
    """The server's rooms; None where the database is switched off."""
    chosen = config.current()
    if chosen.database is None:
        return None
    limits = Limits(
        rooms=chosen.rooms,
        phones=chosen.room_phones,
        drawings=chosen.phone_drawings,
        drawings_per_second=chosen.drawings_per_second,
        phones_per_second=chosen.phones_per_second,
    )
    return Rooms(RoomStore(chosen.database, limits), _shipped_networks)


def session() -> Session:
    """What the page remembers of this visitor."""
    if "session" not in st.session_state:
        st.session_state["session"] = Session(_visitor(), scheduler(), store())
    found: Session = st.session_state["session"]
    return found


@st.cache_resource(scope="session", show_spinner=False, on_release=Session.release)
def _connected() -> Session:
    """The same, until the connection is lost: then Streamlit forgets it, and releases it."""
    return session()


def look() -> None:
    """Look at the visitor's runs; they belong to this connection from now on."""
    _connected()
    session().look()


def _visitor() -> str:
    """The visitor's token: their cookie's, or a new one for this session."""
    own, former = (str(st.context.cookies.get(name, "")) for name in (COOKIE, FORMER_COOKIE))
    if TOKEN.fullmatch(own):
        return own
    found = store()
    if found is not None and TOKEN.fullmatch(former):
        try:
            if found.list(former):
                return former
        except StoreError:  # there may be runs of theirs: the cookie is ours
            return former
    return secrets.token_urlsafe(16)


def cookie() -> str:
    """The script that lets the browser remember who it is; none where no runs are kept."""
    if store() is None:
        return ""
    value = f"{COOKIE}={session().visitor}; path=/; max-age={YEAR}; SameSite=Lax"
    return f'<script>document.cookie = "{value}";</script>'


def shipped(name: str) -> Network | CheckpointError:
    """A shipped network, or why there is none."""
    path = WEIGHTS / f"{name}.npz"
    return _load_shipped(name, path.stat().st_mtime if path.exists() else 0.0)


def _shipped_networks() -> dict[str, Network]:
    """The shipped networks that there are, by name."""
    found = {name: shipped(name) for name in SHIPPED}
    return {name: network for name, network in found.items() if isinstance(network, Network)}


@st.cache_resource(show_spinner=False, max_entries=8)
def _load_shipped(name: str, changed: float) -> Network | CheckpointError:
    """`changed` is the file's time."""
    try:
        return load_checkpoint(WEIGHTS / f"{name}.npz").network
    except CheckpointError as error:
        return error


def networks() -> tuple[dict[str, Network], list[str]]:
    """The networks this visitor can read with, by name; and why others are missing."""
    visitor = session()
    found: dict[str, Network] = {}
    missing: list[str] = []
    for name in SHIPPED:
        network = shipped(name)
        if isinstance(network, CheckpointError):
            missing.append(sentences.complaint(network))
        else:
            found[name] = network
    controlled, other = visitor.runs.controlled(), visitor.runs.get(visitor.other_run)
    for name, run in ((YOURS, controlled), (other.id if other else "", other)):
        if run is not None and run.network is not None:
            found[name] = run.network
    return found, missing


def reader_run(reader: str) -> Run | None:
    """The run that a network's name stands for, where it is called by the run's name."""
    visitor = session()
    run, controlled = visitor.runs.get(reader), visitor.runs.controlled()
    if reader == YOURS and controlled is not None and (controlled.taught or controlled.room):
        return controlled
    return run


def reader_name(reader: str) -> str:
    """A network's name in the switch, as Markdown."""
    run = reader_run(reader)
    return i18n.plain(run.name) if run else str(i18n.READERS[reader])


def theme() -> str:
    """The page's theme now, "light" or "dark"."""
    return "dark" if st.context.theme.type == "dark" else "light"
