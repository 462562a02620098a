"""The panel on mistakes: which digits the network takes for which, and what is like the drawing."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import streamlit as st

from nn import Network
from nn.metrics import Answers, answer_steps
from ui import figures, texts
from ui.view import View

from . import confusion, digits, looking
from .memory import once
from .stepwise import Stand, Workshop

CHUNK = 250  # digits between two pauses, some 10 ms with a thousand hidden units
MATRIX = st.components.v2.component(
    "confusion_matrix",
    js=(Path(__file__).parent / "matrix.js").read_text("utf-8"),
    isolate_styles=False,  # its looks are in styles/mistakes.css
)


def show(view: View) -> None:
    """The matrix, the digits of the chosen cell, and the drawing's nearest neighbours."""
    if view.network is None:
        st.html(figures.small(texts.NO_READER))
        return
    stand = looking.look(view, view.network, _answers(), "answers")
    left, right = st.columns(2, gap="large")
    with left:
        chosen = _matrix(stand)
    with right, st.container(key="cell"):
        st.html(_cell(stand, chosen))
    with st.container(key="nearest"):
        st.html(_neighbours(view))


@st.cache_resource(show_spinner=False)
def _answers() -> Workshop[Answers]:
    """The server's answers: what its networks say of every test digit."""

    def steps(network: Network) -> Generator[None, None, Answers]:
        return answer_steps(network, digits.test_set(), chunk=CHUNK)

    return Workshop(steps)


def _matrix(stand: Stand[Answers] | None) -> confusion.Cell | None:
    """The confusion matrix; returns the cell that is chosen in it."""
    answers = stand.result if stand else None
    st.html(
        figures.heading(confusion.headline(answers) if answers else texts.JUDGING)
        + confusion.line(confusion.origin(stand.epoch, stand.fresh) if stand else "")
    )
    state = st.session_state.get("matrix") or {}
    chosen = confusion.as_cell(state.get("cell"))
    MATRIX(key="matrix", data=confusion.cells(answers, chosen), on_cell_change=lambda: None)
    st.html(figures.small(texts.MATRIX_HOW))
    return chosen


def _cell(stand: Stand[Answers] | None, chosen: confusion.Cell | None) -> str:
    """The digits in the chosen cell."""
    if stand is None:
        return confusion.no_digits()
    return once(
        "cell-digits",
        stand.network,
        chosen,
        texts.language(),
        make=lambda: confusion.digits_of(stand.result, digits.test_set(), chosen),
    )


def _neighbours(view: View) -> str:
    """The training digits that are most like the drawing."""
    steps = view.steps
    if steps is None:
        return confusion.no_neighbours()

    def search() -> str:
        known = digits.training_neighbours()
        rows, distances = known.nearest(steps.input, confusion.NEIGHBOURS)
        return confusion.neighbours(
            known.dataset.images[rows], known.dataset.labels[rows], distances
        )

    return once("neighbours", steps, texts.language(), make=search)
