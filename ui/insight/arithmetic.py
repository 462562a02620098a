"""The panel "In numbers": one forward pass for this drawing, step by step, with the code."""

from __future__ import annotations

import streamlit as st

from nn import Network, Preprocessing
from nn.explain import Passage, above_mean, dense_layers, passage
from ui import figures, texts
from ui.view import View

from . import memory, sums
from .pressable import pressable
from .steps import Step, steps_of

PLACE = "numbers-step"  # in the session: the number of the present step


def show(view: View) -> None:
    """The units that are followed, the steps, and the present one in figures and in code."""
    if view.network is None or view.steps is None:
        st.html(figures.small(texts.NUMBERS_EMPTY))
        return
    network, drawing = view.network, _drawing(view.network, view.steps)
    explained = memory.explained(network)
    followed = _followed(explained, drawing)
    steps = steps_of(explained, followed, temperature=network.calibration.temperature)
    place = min(st.session_state.get(PLACE, 0), len(steps) - 1)
    pressable(sums.path(steps, place), key="numbers-path", on_press=_go)
    with st.container(key="numbers-turn", horizontal=True):
        st.button(
            texts.STEP_BACK,
            key="numbers-back",
            disabled=place == 0,
            on_click=_turn,
            args=(place - 1,),
        )
        st.button(
            texts.STEP_NEXT,
            key="numbers-next",
            disabled=place == len(steps) - 1,
            on_click=_turn,
            args=(place + 1,),
        )
        st.html(figures.small(texts.say("STEP_OF", step=place + 1, steps=len(steps))))
    left, right = st.columns([560, 440], gap="large")
    with left, st.container(key="numbers-figures"):
        st.html(_figures(explained, drawing, steps[place], followed))
    with right, st.container(key="numbers-code"):
        st.html(_code(network, explained, steps[place]))
        picture = memory.once(
            "numbers-picture",
            drawing,
            place,
            steps[place].unit,
            texts.language(),
            make=lambda: sums.picture(explained, drawing, steps[place]),
        )
        st.html(picture or "<p></p>")


def _drawing(network: Network, steps: Preprocessing) -> Passage:
    """The drawing's passage through the network, to the digit with the best score."""

    def make() -> Passage:
        explained = memory.explained(network)
        scores = explained.forward(steps.input[None].astype(explained.params.dtype))[0]
        return passage(explained, steps.input, above_mean(int(scores.argmax())))

    return memory.once("numbers", network, steps, make=make)


def _followed(explained: Network, drawing: Passage) -> list[int]:
    """One unit of each hidden layer and a digit, as the visitor wants them.

    At first they are those that add most to the verdict.
    """
    dense = dense_layers(explained)
    followed = []
    columns = st.columns(max(len(dense), 3))
    for layer, part in enumerate(dense, start=1):
        scores = layer == len(dense)
        label = texts.FOLLOW_DIGIT if scores else texts.say("FOLLOW_UNIT", layer=layer)
        key = f"numbers-{'digit' if scores else layer}-of-{part.outputs}"
        if key not in st.session_state:
            adds = drawing.sums[-1] if scores else drawing.shares(layer)
            st.session_state[key] = int(adds.argmax())
        with columns[(layer - 1) % len(columns)]:
            st.number_input(label, min_value=0, max_value=part.outputs - 1, step=1, key=key)
        followed.append(int(st.session_state[key] or 0))
    return followed


def _go(pressed: str) -> None:
    """A step was pressed."""
    if pressed.isdecimal() and len(pressed) < 4:
        _turn(int(pressed))


def _turn(place: int) -> None:
    st.session_state[PLACE] = max(place, 0)


def _figures(explained: Network, drawing: Passage, step: Step, followed: list[int]) -> str:
    before = followed[step.layer - 2] if step.layer > 1 else None
    return sums.arithmetic(explained, drawing, step, before, followed[-1])


def _code(network: Network, explained: Network, step: Step) -> str:
    folded = figures.small(texts.FOLDED) if sums.is_folded(network, step) else ""
    return (
        figures.heading(texts.SHAPES)
        + f'<p class="shapes">{sums.shapes(explained, step)}</p>'
        + figures.heading(texts.CODE)
        + sums.code(network, explained, step)
        + folded
    )
