"""The panel "Inside": the drawing's way through the hidden units, each of which can be looked at
and switched off.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import streamlit as st

from nn import Network, Preprocessing, Reading, judge
from nn.explain import Exciting, above_mean, dense_layers, passage, wanted_images, without
from nn.network import CHUNK
from ui import figures, texts
from ui.scheduler.snapshot import State
from ui.session import YOURS
from ui.view import View

from . import answers, digits, flow, heat, memory, units
from .flow import Flow
from .pressable import pressable
from .units import Key

LATELY = 2.0  # seconds: how old may be what excites a unit while it learns
LONGEST = 12  # of a unit's name as the picture sends it


@dataclass
class Inspection:
    """What the visitor looks at inside one kind of network.

    Attributes
    ----------
    reader, widths : the network's name and its hidden layers' units; with others it begins anew
    chosen : the unit that is looked at
    off : the units that are switched off
    shown : the units of each layer in the picture
    """

    reader: str
    widths: tuple[int, ...]
    chosen: Key | None = None
    off: frozenset[Key] = field(default=frozenset())
    shown: tuple[tuple[int, ...], ...] = ()


def show(view: View) -> None:
    """The flow, the unit that was pressed, and the answers without those switched off."""
    if view.network is None or view.steps is None:
        st.html(figures.small(texts.INSIDE_EMPTY))
        return
    network, steps = view.network, view.steps
    inspection = _inspection(view.reader, network)
    whole = memory.once("flow", network, steps, make=lambda: _flow(network, steps, inspection))
    left, right = st.columns([660, 340], gap="large")
    with left, st.container(key="inside-flow"):
        picture = memory.once(
            "flow-picture",
            whole,
            inspection.chosen,
            inspection.off,
            texts.language(),
            make=lambda: flow.picture(whole, chosen=inspection.chosen, off=inspection.off),
        )
        pressable(picture, key="inside-picture", on_press=_choose)
        st.html(units.legend(whole.digit) + figures.small(flow.in_words(whole)))
    with right, st.container(key="inside-unit"):
        _unit(view, network, steps, inspection, whole)
    with right, st.container(key="inside-answers"):
        _answers(view, network, steps, inspection, whole)


def _inspection(reader: str, network: Network) -> Inspection:
    """What the visitor looks at; anew for a network with other units."""
    widths = tuple(layer.outputs for layer in dense_layers(memory.explained(network))[:-1])
    inspection: Inspection | None = st.session_state.get("inside")
    if inspection is None or (inspection.reader, inspection.widths) != (reader, widths):
        inspection = st.session_state["inside"] = Inspection(reader, widths)
    return inspection


def _flow(network: Network, steps: Preprocessing, inspection: Inspection) -> Flow:
    found = flow.flow_of(memory.explained(network), steps.input, inspection.shown)
    inspection.shown = tuple(tuple(unit.key[1] for unit in units) for units in found.units)
    return found


def _choose(pressed: str) -> None:
    """A unit was pressed: it is looked at, or not any more."""
    inspection: Inspection | None = st.session_state.get("inside")
    key = _key(pressed, inspection)
    if inspection is not None and key is not None:
        inspection.chosen = None if key == inspection.chosen else key


def _key(pressed: str, inspection: Inspection | None) -> Key | None:
    """A unit as the picture names it; None for anything else."""
    layer, _, unit = pressed.partition("-")
    numbers = layer.isdecimal() and unit.isdecimal() and len(pressed) < LONGEST
    if inspection is None or not numbers:
        return None
    key = int(layer), int(unit)
    known = 1 <= key[0] <= len(inspection.widths) and key[1] < inspection.widths[key[0] - 1]
    return key if known else None


def _switch(key: Key) -> None:
    inspection: Inspection | None = st.session_state.get("inside")
    if inspection is not None:
        inspection.off ^= {key}


def _all_on() -> None:
    inspection: Inspection | None = st.session_state.get("inside")
    if inspection is not None:
        inspection.off = frozenset()


def _unit(
    view: View, network: Network, steps: Preprocessing, inspection: Inspection, whole: Flow
) -> None:
    """The unit that was pressed, and the test digits that excite it most."""
    key = inspection.chosen
    if key is None:
        says = texts.UNIT_NONE if inspection.widths else texts.NO_UNITS
        st.html(
            f'{figures.heading(texts.UNIT_HEADING)}<div class="unit-of">{figures.small(says)}</div>'
        )
    else:
        live = _is_live(view)
        detail = memory.once(
            "unit",
            whole,
            key,
            live,
            texts.language(),
            make=lambda: _detail(network, steps, key, whole.digit, live),
        )
        st.html(detail)
    off = key in inspection.off
    with st.container(key="inside-switches", horizontal=True):
        st.button(
            texts.SWITCH_ON if off else texts.SWITCH_OFF,
            key="inside-switch",
            disabled=key is None,
            on_click=_switch,
            args=(key,),
        )
        st.button(texts.ALL_ON, key="inside-reset", disabled=not inspection.off, on_click=_all_on)


def _is_live(view: View) -> bool:
    """Whether this network is being trained: then the page has another one twice a second."""
    return view.reader == YOURS and view.run is not None and view.run.state is State.RUNNING


def _exciting(network: Network, layer: int, live: bool) -> tuple[Exciting, int]:
    """What excites the units of a layer, and among how many digits; while it learns, of late."""
    if not live:
        count = len(digits.test_set())
        return memory.exciting_digits(network, layer, count), count
    lately = int(time.monotonic() / LATELY)
    widths = tuple(dense.outputs for dense in dense_layers(memory.explained(network)))
    found = memory.once(
        "exciting",
        *(layer, widths, lately),
        make=lambda: memory.exciting_digits(network, layer, CHUNK),
    )
    return found, CHUNK


def _detail(network: Network, steps: Preprocessing, key: Key, digit: int, live: bool) -> str:
    explained, (layer, unit) = memory.explained(network), key
    drawing = passage(explained, steps.input, above_mean(digit))
    image = wanted_images(explained, steps.input, layer, [unit])[0]
    found, looked_through = _exciting(network, layer, live)
    test = digits.test_set()
    return units.detail(
        key,
        output=float(drawing.inputs[layer][unit]),
        share=float(drawing.shares(layer)[unit]),
        digit=digit,
        wanted=image,
        exciting=[
            (test.images[place], int(test.labels[place]), float(output))
            for place, output in zip(found.images[unit], found.outputs[unit], strict=True)
        ],
        looked_through=looked_through,
    )


def _answers(
    view: View, network: Network, steps: Preprocessing, inspection: Inspection, whole: Flow
) -> None:
    """The ten bars without the units that are off, and which these are."""
    before = after = view.reading
    lead = was = float(whole.scores @ above_mean(whole.digit))
    if inspection.off:
        after, lead = memory.once(
            "inside-after",
            whole,
            inspection.off,
            make=lambda: _after(network, steps, whole.digit, inspection.off),
        )
    says = texts.say("LEAD_NOW", digit=whole.digit, before=heat.signed(was), now=heat.signed(lead))
    st.html(
        figures.heading(texts.WITHOUT_UNITS)
        + figures.small(units.names_off(inspection.off))
        + answers.before_and_after(before, after)
        + figures.small(says)
    )


def _after(
    network: Network, steps: Preprocessing, digit: int, off: frozenset[Key]
) -> tuple[Reading, float]:
    """What the network says without these units, and how far the score is above the mean."""
    by_layer: dict[int, list[int]] = {}
    for layer, unit in off:
        by_layer.setdefault(layer, []).append(unit)
    rest = without(memory.explained(network), by_layer)
    scores = rest.forward(steps.input[None].astype(rest.params.dtype))[0]
    return judge(rest, steps), float(scores @ above_mean(digit))
