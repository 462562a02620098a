"""The panel "Shift": does a network mind where a digit stands?

Two networks read the drawing as the visitor moves it, and test digits that are all shifted.
"""

from __future__ import annotations

import html
from collections.abc import Generator
from dataclasses import replace
from functools import partial

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from nn import Network, Preprocessing, Reading, judge
from nn.explain.shift import accuracy_by_shift
from nn.mnist import SIDE
from nn.pen.augment import move
from ui import data, i18n
from ui.page import language, visit
from ui.session import Computed, Displacement, Session
from ui.view import charts, elements, runs_table, sentences

from .view import View

SHIPPED = ("original", "best", "convolution")
FIRST = ("original", "convolution")  # to begin with
SHIFTS = range(11)  # pixels, as far as the slider goes
DIGITS = 1000  # test digits that are shifted
EVERY = 3.0  # seconds from one curve to the next, while a network trains
LOOK_SECONDS = 0.5  # between two looks at whether the curves are there
# Of a Displacement, the sliders: their words, lowest, highest, step, and format.
SLIDERS = {
    "right": ("SHIFT_RIGHT", -10, 10, 1, "%d px"),
    "angle": ("SHIFT_ANGLE", -90, 90, 5, "%d°"),
    "scale": ("SHIFT_SCALE", 50, 150, 5, "%d %%"),
}
LABELS = ("SHIFT_FIRST", "SHIFT_SECOND")

Curve = Computed[NDArray[np.float64]]


def show(view: View) -> None:
    """The moved drawing and its sliders; what two networks make of it, and of shifted digits."""
    session = view.session
    networks = _networks(session)
    if not networks:
        st.html(elements.small(i18n.NO_READER))
        return
    left, right = st.columns([280, 720], gap="large")
    with left:
        picture = st.container(key="shift-picture")
        with st.container(key="shift-sliders"):
            _sliders(session.displacement)
    steps = None if view.steps is None else _moved(session, view.steps)
    with picture:
        st.html(elements.heading(i18n.SHIFT_SEEN) + _picture(session, steps))
    with right:
        chosen = []
        for slot, column in enumerate(st.columns(2, gap="large")):
            with column, st.container(key=f"shift-reader-{slot}"):
                name = _choose(session, networks, slot)
                make = partial(judge, networks[name], steps)
                reading = session.once(f"shift-{slot}", networks[name], steps, make=make)
                st.html(_says(reading) + elements.bars(reading))
                chosen.append(name)
        with st.container(key="shift-curves"):
            _curves(view, [(name, networks[name]) for name in chosen])


def _networks(session: Session) -> dict[str, Network]:
    """The shipped networks by name, and those of the visitor's runs by the run's id."""
    shipped = {name: visit.shipped(name) for name in SHIPPED}
    found = {name: each for name, each in shipped.items() if isinstance(each, Network)}
    return found | {run.id: run.network for run in session.runs if run.network is not None}


def _name(session: Session, reader: str) -> str:
    """What a network is called in words."""
    run = session.runs.get(reader)
    if run is not None:
        return i18n.say("SHIFT_YOURS", run=run.name)
    return str(i18n.READERS.get(reader) or i18n.NAMES.get(reader, reader))


def _first(session: Session, networks: dict[str, Network], slot: int) -> str:
    """The network that the page chooses: shipped ones, until there is a run of each kind."""
    runs = [
        [run.id for run in session.runs if run.id in networks and bool(run.recipe.filters) == has]
        for has in (False, True)  # dense, then with convolutions
    ]
    if all(runs):
        return runs[slot][-1]
    return FIRST[slot] if FIRST[slot] in networks else next(iter(networks))


def _choose(session: Session, networks: dict[str, Network], slot: int) -> str:
    """A box to choose a network in; returns the name of the one that is chosen."""
    displacement, key = session.displacement, f"shift-network-{slot}"
    wanted = displacement.readers[slot]
    name = wanted if wanted in networks else _first(session, networks, slot)
    if st.session_state.get(key) != name:
        st.session_state[key] = name

    def take() -> None:
        readers = list(displacement.readers)
        readers[slot] = st.session_state[key]
        displacement.readers = (readers[0], readers[1])

    return language.selectbox(
        i18n.say(LABELS[slot]),
        list(networks),
        key=key,
        format_func=partial(_name, session),
        on_change=take,
    )


def _sliders(displacement: Displacement) -> None:
    """Three sliders, and a button that sets them back."""
    for name, (word, low, high, step, form) in SLIDERS.items():
        key = f"shift-{name}"
        if key not in st.session_state:  # Streamlit forgets it while another tab is open
            st.session_state[key] = getattr(displacement, name)
        value = st.slider(i18n.say(word), low, high, step=step, format=form, key=key)
        setattr(displacement, name, value)
    st.button(
        i18n.SHIFT_BACK,
        key="shift-back",
        disabled=all(getattr(displacement, name) == _rest(name) for name in SLIDERS),
        on_click=_set_back,
        args=(displacement,),
    )


def _rest(name: str) -> int:
    """Where a slider stands when nothing is moved."""
    return int(getattr(Displacement(), name))


def _set_back(displacement: Displacement) -> None:
    for name in SLIDERS:
        st.session_state[f"shift-{name}"] = _rest(name)
        setattr(displacement, name, _rest(name))


def _moved(session: Session, steps: Preprocessing) -> Preprocessing:
    """The drawing with its input moved, and not preprocessed again."""
    at = session.displacement
    how = (at.right, at.angle, at.scale)
    if how == tuple(map(_rest, SLIDERS)):
        return steps

    def make() -> Preprocessing:
        image = np.rint(steps.input[None] * 255).astype(np.uint8)
        there = move(image, right=at.right, angle=at.angle, scale=at.scale / 100)[0]
        return replace(steps, input=there.astype(np.float32) / 255)

    return session.once("shift-moved", steps, *how, make=make)


def _picture(session: Session, steps: Preprocessing | None) -> str:
    """The moved drawing in the slate's colours; without one, an invitation in the same place."""
    if steps is None:
        figure = f'<div class="pixels empty"><p>{html.escape(i18n.SHIFT_EMPTY)}</p></div>'
    else:
        at = session.displacement
        label = i18n.say("SHIFT_PICTURE", right=at.right, angle=at.angle, scale=at.scale)
        source = elements.png(steps.input.reshape(SIDE, SIDE))
        figure = f'<img class="pixels" src="{source}" alt="{html.escape(label)}">'
    return figure + elements.small(i18n.SHIFT_AS_IT_IS)


def _says(reading: Reading) -> str:
    """The most probable digit and how probable it is, in words; room for them while blank."""
    if reading.blank:
        says = "\u00a0"
    elif reading.digit is None:
        says = str(i18n.NO_DIGIT)
    else:
        share = i18n.percent(reading.confidence)
        says = i18n.say("SHIFT_SAYS", digit=sentences.digit(reading), share=share)
    return f'<p class="turn" role="status">{html.escape(says)}</p>'


def _curves(view: View, chosen: list[tuple[str, Network]]) -> None:
    """The chart; while it waits for a curve, and nothing else updates the page, it looks itself."""
    session = view.session
    looks = not (_all_there(_computed(session, chosen)) or session.runs.live())

    def draw() -> None:
        computed = _computed(session, chosen)
        if looks and _all_there(computed):
            st.rerun()  # the page, so that this part stops looking
        _chart(view, chosen, computed)

    if looks:
        st.fragment(draw, run_every=LOOK_SECONDS)()
    else:
        draw()


def _computed(session: Session, chosen: list[tuple[str, Network]]) -> list[Curve | None]:
    """The curve of each network, as far as there is one."""
    return [
        session.compute(
            "shift", network, _steps, every=EVERY, reader=name, place=f"-{slot}", wait=False
        )
        for slot, (name, network) in enumerate(chosen)
    ]


def _all_there(computed: list[Curve | None]) -> bool:
    return all(each is not None and each.fresh for each in computed)


def _steps(network: Network) -> Generator[None, None, NDArray[np.float64]]:
    return accuracy_by_shift(network, data.mnist()[1][:DIGITS], SHIFTS)


def _chart(view: View, chosen: list[tuple[str, Network]], computed: list[Curve | None]) -> None:
    names = [_name(view.session, reader) for reader, _ in chosen]
    accuracies = [None if each is None else each.result for each in computed]
    rows, spec = charts.by_shift(
        list(zip(names, accuracies, strict=True)),
        SHIFTS,
        present=abs(view.session.displacement.right),
        theme=view.theme,
    )
    st.html(elements.heading(i18n.SHIFT_CURVES) + runs_table.lines(names, view.theme))
    st.vega_lite_chart(rows, spec, key="shift-curve", theme=None, alt=i18n.SHIFT_CURVES_ALT)
    how = elements.small(i18n.say("SHIFT_HOW", count=i18n.count(DIGITS)))
    st.html(how + elements.small(_state(names, computed)))


def _state(names: list[str], computed: list[Curve | None]) -> str:
    """That curves are computed, or which epoch they are of; a line in any case."""
    if any(each is None for each in computed):
        return str(i18n.SHIFT_COMPUTING)
    epochs = [
        i18n.say("SHIFT_OF_EPOCH", reader=name, epoch=i18n.decimal(each.epoch, 1))
        for name, each in zip(names, computed, strict=True)
        if each is not None and each.epoch is not None
    ]
    return " ".join(dict.fromkeys(epochs)) or "\u00a0"
