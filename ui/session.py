"""What the page keeps: for the whole server the networks and the learners, for each visitor
which network reads, and which runs are theirs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import streamlit as st

from nn import CheckpointError, Network, Recipe, load_checkpoint, load_mnist

from . import arenas, language, polls, settings, texts
from .lab import shelf
from .lab.runs import Run, Runs
from .scheduler.limits import TooLargeError, TooManyError
from .scheduler.snapshot import Snapshot
from .workers import Trainers, trainers

WEIGHTS = Path(__file__).parent.parent / "weights"
SHIPPED = ("best", "original")
YOURS = "yours"
MAX_RELEASED = 200  # visitors whose lost trainings are remembered; long after that these are gone


@dataclass
class Connection:
    """A visitor's connection to the server.

    Attributes
    ----------
    everyone, released : the server's learners, and those whose connection is lost, by visitor
    visitor, learners : whose it is, and the ids of their trainings
    """

    everyone: Trainers
    released: dict[str, set[str]]
    visitor: str
    learners: set[str] = field(default_factory=set)

    def release(self) -> None:
        """Called when the connection is lost: the trainings pause until it is back."""
        self.released.setdefault(self.visitor, set()).update(self.learners)
        while len(self.released) > MAX_RELEASED:
            self.released.pop(next(iter(self.released)))
        for learner in self.learners:
            self.everyone.release(learner)

    def hold(self, learners: set[str]) -> None:
        """These are the trainings of this connection, which is there."""
        self.learners = learners
        if self.visitor in self.released:
            self.released[self.visitor] -= learners


@st.cache_resource(show_spinner=False)
def learners() -> Trainers:
    """The server's learners, with their one worker running."""
    arenas.keep_small()
    everyone = trainers(load_mnist, settings.current())
    everyone.run()
    return everyone


@st.cache_resource(show_spinner=False)
def _released() -> dict[str, set[str]]:
    """The trainings that wait for a lost connection, by visitor."""
    return {}


@st.cache_resource(scope="session", show_spinner=False, on_release=Connection.release)
def _connection() -> Connection:
    return Connection(learners(), _released(), shelf.visitor())


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


def runs() -> Runs:
    """The visitor's runs."""
    found: Runs = st.session_state.setdefault("runs", Runs())
    return found


def start(
    recipe: Recipe,
    seed: int,
    name: str,
    *,
    at_first: Mapping[str, int] | None = None,
    beside: bool = False,
) -> Run:
    """Begin a training of the visitor's own, beside those they have.

    Parameters
    ----------
    recipe, seed, name : of the run
    at_first : `epochs` or `batches` after which it pauses; None to go through
    beside : leave the panel's control, and the page's reading, where they are

    Raises
    ------
    LimitError
        It would be more than the server gives; the other runs stay as they are.
    """
    pauses = {f"{unit}_at_first": count for unit, count in (at_first or {}).items()}
    visitor = shelf.visitor()
    try:
        learner = learners().start(recipe, seed=seed, visitor=visitor, **pauses)
    except (TooManyError, TooLargeError):
        if not (waiting := _released().pop(visitor, None)):
            raise
        for left in waiting:  # by a reload, most often: nobody can reach them any more
            learners().stop(left)
        learner = learners().start(recipe, seed=seed, visitor=visitor, **pauses)
    run = runs().add(name, recipe, seed, learner=learner)
    _connection().hold(_connection().learners | {learner})
    if not beside:
        runs().current = run.id
        read_with(YOURS)
    return run


def pause() -> None:
    """Pause the visitor's training, if one runs."""
    if learner := learner_id():
        learners().pause(learner)


def resume(**until: int) -> None:
    """Let the visitor's training go on; with `epochs` or `batches`, until so many more are done."""
    if learner := learner_id():
        learners().resume(learner, **until)


def set_pace(batches_per_second: float | None) -> None:
    """Let the visitor's training go slowly, so that each batch can be seen; None for full speed."""
    if learner := learner_id():
        learners().pace(learner, batches_per_second)


def change(recipe: Recipe) -> None:
    """Let the visitor's training go on by a changed recipe; raises RecipeError if it cannot."""
    if learner := learner_id():
        learners().change(learner, recipe)


def end(run: Run | None = None) -> None:
    """End a training, the panel's where none is named; what it has learned is kept."""
    run = run or runs().now()
    if run is not None and run.learner is not None:
        look_at(run)
        learners().stop(run.learner or "")
        run.learner = None


def control(run: Run | None) -> None:
    """Let the panel control another run, or none so that a new one can be started."""
    runs().current = run.id if run else None
    if run is not None and run.network is not None:
        read_with(YOURS)


def read_with(name: str) -> None:
    """Read the drawing with another network, from the next run on."""
    st.session_state["reader-wanted"] = name


def learner_id() -> str | None:
    """The id of the learner that the panel controls; None when there is none."""
    run = runs().now()
    return run.learner if run else None


def look() -> Snapshot | None:
    """The panel's training as it stands, or as it ended; None when there is none.

    All of the visitor's runs are looked at: each has a lease of its own. What was seen is kept in
    the session, so that it stays when the server has forgotten the learner.
    """
    for run in runs().live():
        look_at(run)
    runs().thin()
    _connection().hold({run.learner for run in runs().live() if run.learner})
    return kept()


def look_at(run: Run) -> None:
    """See how one run stands, and let its learner go where it has come to its end."""
    learner = run.learner
    snapshot = learners().look(learner) if learner else None
    if learner is None or snapshot is None:  # dropped
        run.learner, run.lost = None, learner is not None
        return
    run.see(snapshot)
    if not run.live:
        learners().stop(learner)


def training_is_live() -> bool:
    """Whether the training that the panel controls has a learner, be it paused."""
    return learner_id() is not None


def poll_seconds() -> polls.Intervals:
    """How often the page's fragments run by themselves. Once a full run."""
    return polls.settle(_to_be_polled(), len(learners()))


def rerun_if_polling_changed() -> None:
    """In a fragment: a training began or ended since the page's latest full run, so run it."""
    language.settle()
    if not polls.are_settled(_to_be_polled(), len(learners())):
        st.rerun()


def _to_be_polled() -> tuple[str, ...]:
    """The runs that have to be looked at again and again."""
    return tuple(run.id for run in runs().live())


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
    run = runs().now()
    if run is not None and run.network is not None:
        found[YOURS] = run.network
    other = runs().get(st.session_state.get("reader-run"))
    if other is not None and other.network is not None:
        found[other.id] = other.network
    return found, missing


def reader_name(reader: str) -> str:
    """What the switch calls a network that reads."""
    run = runs().get(reader)
    return run.name if run else str(texts.READERS[reader])


def use(run: Run) -> None:
    """Put a run into the switch of the networks that read, and read with it."""
    st.session_state["reader-run"] = run.id
    read_with(run.id)


def theme() -> str:
    """The page's theme now, "light" or "dark"."""
    return "dark" if st.context.theme.type == "dark" else "light"


def kept() -> Snapshot | None:
    """The panel's training as the page saw it last; None when there is none."""
    run = runs().now()
    return run.snapshot if run else None
