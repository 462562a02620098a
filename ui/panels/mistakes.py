"""The panel "Mistakes": which digits are read as which, and what resembles the drawing."""

from __future__ import annotations

from collections.abc import Generator

import streamlit as st

from nn import Network
from nn.metrics import Answers, answer_steps
from ui import assets, data, i18n
from ui.session import Computed
from ui.view import confusion, elements

from .view import View

CHUNK = 250  # digits between two pauses, some 10 ms with a thousand hidden units
MATRIX = st.components.v2.component(
    "confusion_matrix", js=assets.text("js/matrix.js"), isolate_styles=False
)


def show(view: View) -> None:
    """The matrix, the digits of the chosen cell, and the drawing's nearest neighbours."""
    if view.network is None:
        st.html(elements.small(i18n.NO_READER))
        return
    computed = view.session.compute("answers", view.network, answers)
    left, right = st.columns(2, gap="large")
    with left:
        chosen = _matrix(computed)
    with right, st.container(key="cell"):
        st.html(_cell(view, computed, chosen))
    with st.container(key="nearest"):
        st.html(_neighbours(view))


def answers(network: Network) -> Generator[None, None, Answers]:
    """What a network says to MNIST's test set."""
    return answer_steps(network, data.mnist()[1], chunk=min(CHUNK, network.chunk))


def _matrix(computed: Computed[Answers] | None) -> confusion.Cell | None:
    """The confusion matrix; returns the cell that is chosen in it."""
    answers = computed.result if computed else None
    st.html(
        elements.heading(confusion.headline(answers) if answers else i18n.JUDGING)
        + confusion.line(confusion.origin(computed.epoch, computed.fresh) if computed else "")
    )
    state = st.session_state.get("matrix") or {}
    chosen = confusion.as_cell(state.get("cell"))
    MATRIX(key="matrix", data=confusion.cells(answers, chosen), on_cell_change=lambda: None)
    st.html(elements.small(i18n.MATRIX_HOW))
    return chosen


def _cell(view: View, computed: Computed[Answers] | None, chosen: confusion.Cell | None) -> str:
    """The digits in the chosen cell."""
    if computed is None:
        return confusion.no_digits()
    return view.session.once(
        "cell-digits",
        computed.network,
        chosen,
        i18n.language(),
        make=lambda: confusion.digits_of(computed.result, data.mnist()[1], chosen),
    )


def _neighbours(view: View) -> str:
    """The training digits that are most like the drawing."""
    steps = view.steps
    if steps is None:
        return confusion.no_neighbours()

    def search() -> str:
        known = data.neighbours()
        rows, distances = known.nearest(steps.input, confusion.NEIGHBOURS)
        return confusion.neighbours(
            known.dataset.images[rows], known.dataset.labels[rows], distances
        )

    return view.session.once("neighbours", steps, i18n.language(), make=search)
