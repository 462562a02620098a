"""What the page keeps: for the whole server the networks and the learners, for each visitor
which network reads, and which learner is theirs.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from nn import CheckpointError, Network, Recipe, load_checkpoint, load_mnist

from . import settings, texts
from .learners import Learners
from .snapshot import Snapshot, State

WEIGHTS = Path(__file__).parent.parent / "weights"
SHIPPED = ("best", "original")
YOURS = "yours"
POLL_SECONDS = 0.4  # while a training runs


@dataclass
class Connection:
    """A visitor's connection to the server; `learner` is the id of their training."""

    everyone: Learners
    learner: str | None = None

    def release(self) -> None:
        """Called when the connection is lost: the training pauses until it is back."""
        if self.learner is not None:
            self.everyone.release(self.learner)


@st.cache_resource(show_spinner=False)
def learners() -> Learners:
    """The server's learners, with their one worker running."""
    everyone = Learners(load_mnist, limits=settings.current().limits())
    everyone.run()
    return everyone


@st.cache_resource(scope="session", show_spinner=False, on_release=Connection.release)
def _connection() -> Connection:
    return Connection(learners())


@st.cache_resource(show_spinner=False, max_entries=8)
def _load_shipped(name: str, changed: float) -> Network | CheckpointError:
    """A shipped network, or the error that says why there is none; `changed` is the file's."""
    try:
        return load_checkpoint(WEIGHTS / f"{name}.npz").network
    except CheckpointError as error:
        return error


def shipped(name: str) -> Network | CheckpointError:
    """The network of `weights/name.npz`, shared and never changed; or why it cannot be had."""
    path = WEIGHTS / f"{name}.npz"
    return _load_shipped(name, path.stat().st_mtime if path.exists() else 0.0)


def start(recipe: Recipe, seed: int, epochs_at_first: int | None = None) -> None:
    """Begin a training of the visitor's own, in place of what they trained before.

    Raises
    ------
    FullError
        The server takes no more learners; what was trained before stays.
    """
    name = learners().start(recipe, seed=seed, epochs_at_first=epochs_at_first)
    forget()
    st.session_state["learner"] = name
    read_with(YOURS)


def pause() -> None:
    """Pause the visitor's training, if one runs."""
    if learner := learner_id():
        learners().pause(learner)


def resume(*, epochs: int | None = None) -> None:
    """Let the visitor's training go on; with `epochs`, until so many more are done."""
    if learner := learner_id():
        learners().resume(learner, epochs=epochs)


def change(recipe: Recipe) -> None:
    """Let the visitor's training go on by a changed recipe; raises RecipeError if it cannot."""
    if learner := learner_id():
        learners().change(learner, recipe)


def end() -> None:
    """End the visitor's training, if one runs; what it has learned is kept."""
    if learner := learner_id():
        look()
        learners().stop(learner)
    st.session_state.pop("learner", None)


def forget() -> None:
    """End the visitor's training and drop what it has learned."""
    end()
    st.session_state.pop("run", None)
    st.session_state.pop("lost", None)


def read_with(name: str) -> None:
    """Read the drawing with another network, from the next run on."""
    st.session_state["reader-wanted"] = name


def learner_id() -> str | None:
    """The id of the visitor's training; None when there is none."""
    name: str | None = st.session_state.get("learner")
    return name


def look() -> Snapshot | None:
    """The visitor's training as it stands, or as it ended; None when there is none.

    It is kept in the session, so that it stays when the server has forgotten the learner.
    """
    name = learner_id()
    if name is None:
        _connection().learner = None
        return kept()
    _connection().learner = name
    snapshot = learners().look(name)
    if snapshot is None:  # dropped
        st.session_state.pop("learner", None)
        st.session_state["lost"] = True
        return kept()
    st.session_state["run"] = snapshot
    if snapshot.state in (State.FINISHED, State.FAILED):
        learners().stop(name)
        st.session_state.pop("learner", None)
    return snapshot


def training_is_live() -> bool:
    """Whether the visitor's training runs, so that the page has to look at it again and again."""
    return learner_id() is not None


def poll_seconds() -> float | None:
    """How often the page's fragments run by themselves; None for not at all. Once a full run."""
    st.session_state["polls"] = training_is_live()
    return POLL_SECONDS if training_is_live() else None


def rerun_if_polling_changed() -> None:
    """In a fragment: a training began or ended since the page's latest full run, so run it."""
    if st.session_state.get("polls") != training_is_live():
        st.rerun()


def networks() -> tuple[dict[str, Network], list[str]]:
    """Every network the visitor can read with, by name; and why others are missing."""
    found: dict[str, Network] = {}
    missing: list[str] = []
    for name in SHIPPED:
        network = shipped(name)
        if isinstance(network, CheckpointError):
            missing.append(texts.complaint(network))
        else:
            found[name] = network
    run = kept()
    if run is not None and run.network is not None:
        found[YOURS] = run.network
    return found, missing


def language() -> str:
    """The visitor's language, a name of `texts.CATALOGUES`; the fallback outside a page's run."""
    name: str = st.session_state.get("language", texts.FALLBACK)
    return name if name in texts.CATALOGUES else texts.FALLBACK


texts.language = language


def theme() -> str:
    """The page's theme now, "light" or "dark"."""
    return "dark" if st.context.theme.type == "dark" else "light"


def kept() -> Snapshot | None:
    """The visitor's training as the page saw it last; None when there is none."""
    run: Snapshot | None = st.session_state.get("run")
    return run
