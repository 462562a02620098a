"""The panel "In numbers": one forward pass for this drawing, step by step, with the code."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import streamlit as st

from nn import Network, Preprocessing
from nn.convolution import Convolution
from nn.explain.attribution import Passage, above_mean, passage, weighted_layers
from nn.explain.filters import count_convolutions, place_in, window_shown
from ui import i18n
from ui.page.pressable import pressable
from ui.session import Session
from ui.view import arithmetic, elements, filters
from ui.view.steps import Step, steps_of

from .inside import inspection_of, look_at
from .view import View


def show(view: View) -> None:
    """The units that are followed, the steps, and the present one in figures and in code."""
    if view.network is None or view.steps is None:
        st.html(elements.small(i18n.NUMBERS_EMPTY))
        return
    session, network = view.session, view.network
    explained = session.explained(network)
    make = partial(_passage, session, network, view.steps)
    drawing = session.once("numbers", network, view.steps, make=make)
    followed = _followed(explained, drawing)
    inspection, convolutions = inspection_of(session, network), count_convolutions(explained)
    windows = [
        window_shown(explained, drawing, layer, followed[layer - 1], inspection.windows)
        for layer in range(1, convolutions + 1)
    ]
    places = [
        place_in(explained, drawing, layer, followed[layer - 1], window)
        for layer, window in enumerate(windows, start=1)
    ]
    temperature = network.calibration.temperature
    steps = steps_of(explained, followed, places, temperature=temperature)
    place = min(session.step, len(steps) - 1)
    pressable(arithmetic.path(steps, place), key="numbers-path", on_press=partial(go, session))
    with st.container(key="numbers-turn", horizontal=True):
        _turn(session, i18n.STEP_BACK, "numbers-back", place - 1, disabled=place == 0)
        last = place == len(steps) - 1
        _turn(session, i18n.STEP_NEXT, "numbers-next", place + 1, disabled=last)
        st.html(elements.small(i18n.say("STEP_OF", step=place + 1, steps=len(steps))))
    step = steps[place]
    before = followed[step.layer - 2] if step.layer > 1 else None
    left, right = st.columns([560, 440], gap="large")
    with left, st.container(key="numbers-figures"):
        st.html(arithmetic.figures(explained, drawing, step, before, followed[-1]))
    with right, st.container(key="numbers-code"):
        st.html(_code(network, explained, drawing, step))
        with st.container(key="numbers-picture"):
            if step.place is None:
                picture = session.once(
                    "numbers-picture",
                    *(drawing, place, step.unit, i18n.language()),
                    make=lambda: arithmetic.picture(explained, drawing, step),
                )
                st.html(picture or "<p></p>")
            else:
                window = windows[step.layer - 1]
                at = explained, drawing, step.layer, step.unit, window
                pressable(
                    filters.feature_map(*at) + filters.seen(*at),
                    key="numbers-map",
                    on_press=partial(look_at, inspection, step.layer),
                )


def _turn(session: Session, label: str, key: str, place: int, *, disabled: bool) -> None:
    turn: Callable[[], None] = partial(setattr, session, "step", place)
    st.button(label, key=key, disabled=disabled, on_click=turn)


def go(session: Session, pressed: str) -> None:
    """A step was pressed, by its number."""
    if pressed.isdecimal() and len(pressed) < 4:
        session.step = int(pressed)


def _passage(session: Session, network: Network, steps: Preprocessing) -> Passage:
    """The drawing's passage through the network, to the digit with the best score."""
    explained = session.explained(network)
    scores = explained.forward(steps.input[None].astype(explained.params.dtype))[0]
    return passage(explained, steps.input, above_mean(int(scores.argmax())))


def _followed(explained: Network, drawing: Passage) -> list[int]:
    """One unit of each hidden layer and a digit, as the visitor wants them.

    At first they are those that add most to the verdict.
    """
    weighted = weighted_layers(explained)
    followed = []
    columns = st.columns(max(len(weighted), 3))
    for layer, part in enumerate(weighted, start=1):
        scores = layer == len(weighted)
        word = "FOLLOW_FILTER" if isinstance(part, Convolution) else "FOLLOW_UNIT"
        label = i18n.FOLLOW_DIGIT if scores else i18n.say(word, layer=layer)
        key = f"numbers-{'digit' if scores else layer}-of-{part.units}"
        if key not in st.session_state:
            adds = drawing.sums[-1] if scores else drawing.shares(layer)
            st.session_state[key] = int(adds.argmax())
        with columns[(layer - 1) % len(columns)]:
            st.number_input(label, min_value=0, max_value=part.units - 1, step=1, key=key)
        followed.append(int(st.session_state[key] or 0))
    return followed


def _code(network: Network, explained: Network, drawing: Passage, step: Step) -> str:
    folded = elements.small(i18n.FOLDED) if arithmetic.is_folded(network, step) else ""
    return (
        elements.heading(i18n.SHAPES)
        + f'<p class="shapes">{arithmetic.shapes(explained, drawing, step)}</p>'
        + elements.heading(i18n.CODE)
        + arithmetic.code(network, explained, step)
        + folded
    )
