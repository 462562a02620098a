"""The panel "Inside": the drawing's way through the hidden units.

Each unit can be looked at and disabled.
"""

from __future__ import annotations

import html
import time
from functools import partial
from weakref import WeakKeyDictionary

import streamlit as st

from nn import Network, Preprocessing, Reading, judge
from nn.explain.attribution import (
    Exciting,
    above_mean,
    exciting,
    explaining,
    passage,
    wanted_images,
    weighted_layers,
    without,
)
from nn.explain.filters import window_shown
from ui import data, i18n
from ui.page.pressable import pressable
from ui.session import Inspection, Session
from ui.view import elements, filters, flow, heat
from ui.view.flow import Flow, Key

from .view import View

FEWER = 1000  # digits among which these are found then
RECENT_SECONDS = 2.0  # how old may be what activates a unit, during training
LONGEST = 12  # of a unit's name, or a place's, as the picture sends it
_exciting: WeakKeyDictionary[Network, dict[tuple[int, int], Exciting]] = WeakKeyDictionary()


def show(view: View) -> None:
    """The flow, the unit that was pressed, and the prediction without the disabled units."""
    if view.network is None or view.steps is None:
        st.html(elements.small(i18n.INSIDE_EMPTY))
        return
    session, network, steps = view.session, view.network, view.steps
    inspection = inspection_of(session, network)
    make = partial(_flow, session, network, steps)
    whole = session.once("flow", network, steps, make=make)
    left, right = st.columns([660, 340], gap="large")
    with left, st.container(key="inside-flow"):
        picture = session.once(
            "flow-picture",
            *(whole, inspection.chosen, inspection.disabled, i18n.language()),
            make=lambda: flow.picture(whole, chosen=inspection.chosen, off=inspection.disabled),
        )
        pressable(picture, key="inside-picture", on_press=partial(choose, inspection))
        st.html(flow.legend(whole.digit) + elements.small(flow.in_words(whole)))
    with right, st.container(key="inside-unit"):
        _unit(view, network, steps, whole)
    with right, st.container(key="inside-answers"):
        _prediction(view, network, steps, whole)


def inspection_of(session: Session, network: Network) -> Inspection:
    """What the visitor looks at; a new one for a network with other units."""
    widths = tuple(layer.units for layer in weighted_layers(session.explained(network))[:-1])
    if (session.inspection.reader, session.inspection.widths) != (session.reader, widths):
        session.inspection = Inspection(session.reader, widths)
    return session.inspection


def _flow(session: Session, network: Network, steps: Preprocessing) -> Flow:
    inspection = session.inspection
    found = flow.flow_of(session.explained(network), steps.input, inspection.shown)
    inspection.shown = tuple(tuple(unit.key[1] for unit in units) for units in found.units)
    return found


def choose(inspection: Inspection, pressed: str) -> None:
    """A unit was pressed, "layer-unit": it is shown, or not any more."""
    layer, _, unit = pressed.partition("-")
    if not (layer.isdecimal() and unit.isdecimal() and len(pressed) < LONGEST):
        return
    key = int(layer), int(unit)
    if 1 <= key[0] <= len(inspection.widths) and key[1] < inspection.widths[key[0] - 1]:
        inspection.chosen = None if key == inspection.chosen else key


def look_at(inspection: Inspection, layer: int, pressed: str) -> None:
    """A place of a convolution's map was pressed, "row-column" of the pooled map."""
    row, _, column = pressed.partition("-")
    if row.isdecimal() and column.isdecimal() and len(pressed) < LONGEST:
        inspection.windows[layer] = (int(row), int(column))


def toggle(inspection: Inspection, key: Key) -> None:
    """Disable a unit, or enable it again."""
    inspection.disabled ^= {key}


def _unit(view: View, network: Network, steps: Preprocessing, whole: Flow) -> None:
    """The unit that was pressed, and the test digits that activate it most strongly."""
    session, inspection = view.session, view.session.inspection
    key = inspection.chosen
    if key is None:
        says = i18n.UNIT_NONE if inspection.widths else i18n.NO_UNITS
        small = f'<div class="unit-of">{elements.small(says)}</div>'
        st.html(elements.heading(i18n.UNIT_HEADING) + small)
    else:
        st.html(elements.heading(flow.unit_name(key, whole.convolutions).capitalize()))
        detail = partial(_detail, session, network, steps, key, whole)
        if key[0] <= whole.convolutions:
            window = inspection.windows.get(key[0])
            pressable(
                session.once("unit", whole, key, window, i18n.language(), make=detail),
                key="inside-map",
                on_press=partial(look_at, inspection, key[0]),
            )
        else:
            st.html(session.once("unit", whole, key, i18n.language(), make=detail))
        excited = partial(_exciting_digits, view, network, key)
        st.html(
            session.once("excited", whole, key, view.is_training, i18n.language(), make=excited)
        )
    disabled = key in inspection.disabled
    with st.container(key="inside-switches", horizontal=True):
        st.button(
            i18n.SWITCH_ON if disabled else i18n.SWITCH_OFF,
            key="inside-switch",
            disabled=key is None,
            on_click=toggle,
            args=(inspection, key),
        )
        st.button(
            i18n.ALL_ON,
            key="inside-reset",
            disabled=not inspection.disabled,
            on_click=partial(setattr, inspection, "disabled", frozenset()),
        )


def exciting_digits(network: Network, layer: int, digits: int) -> Exciting:
    """The test digits, of so many, that activate each unit of a hidden layer most strongly.

    Found once per network for all visitors; it goes when nobody holds the network any more.
    """
    found = _exciting.setdefault(network, {})
    if (layer, digits) not in found:
        images = data.mnist()[1].images[:digits]
        found[layer, digits] = exciting(explaining(network), images, layer)
    return found[layer, digits]


def _detail(session: Session, network: Network, steps: Preprocessing, key: Key, whole: Flow) -> str:
    """What a unit does with the drawing."""
    explained, (layer, unit) = session.explained(network), key
    drawing = passage(explained, steps.input, above_mean(whole.digit))
    output, share = float(drawing.outputs(layer)[unit]), float(drawing.shares(layer)[unit])
    if layer > whole.convolutions:
        wanted = wanted_images(explained, steps.input, layer, [unit])[0]
        says = flow.detail(key, output=output, share=share, digit=whole.digit, wanted=wanted)
        return f'<div class="unit-of">{says}</div>'
    at = explained, drawing, layer, unit
    window = window_shown(*at, session.inspection.windows)
    values = {"output": i18n.decimal(output, 2), "share": heat.signed(share, 2)}
    says = html.escape(i18n.say("FILTER_SAYS", digit=whole.digit, **values))
    return f"<p>{says}</p>" + filters.feature_map(*at, window) + filters.seen(*at, window)


def _exciting_digits(view: View, network: Network, key: Key) -> str:
    """The test digits that activate a unit most strongly."""
    session, (layer, unit) = view.session, key
    test = data.mnist()[1]
    count = len(test)
    if view.is_training:  # the network changes at each look: among fewer digits, and now and then
        count, now = FEWER, int(time.monotonic() / RECENT_SECONDS)
        make = partial(exciting_digits, network, layer, count)
        found = session.once("exciting", layer, session.inspection.widths, now, make=make)
    else:
        found = exciting_digits(network, layer, count)
    places = zip(found.images[unit], found.outputs[unit], strict=True)
    images = [(test.images[row], int(test.labels[row]), float(value)) for row, value in places]
    return flow.exciting(images, count)


def _prediction(view: View, network: Network, steps: Preprocessing, whole: Flow) -> None:
    """The ten bars without the disabled units, and which these are."""
    before = after = view.reading
    was = now = float(whole.scores @ above_mean(whole.digit))
    disabled = view.session.inspection.disabled
    if disabled:
        make = partial(_without, view.session, network, steps, whole.digit, disabled)
        after, now = view.session.once("inside-after", whole, disabled, make=make)
    lead = {"digit": whole.digit, "before": heat.signed(was), "now": heat.signed(now)}
    st.html(
        elements.heading(i18n.WITHOUT_UNITS)
        + elements.small(flow.names_of_disabled(disabled, whole.convolutions))
        + elements.bars_before_and_after(before, after)
        + elements.small(i18n.say("LEAD_NOW", **lead))
    )


def _without(
    session: Session, network: Network, steps: Preprocessing, digit: int, disabled: frozenset[Key]
) -> tuple[Reading, float]:
    """What the network reads without these units, and how far the score is above the mean."""
    by_layer: dict[int, list[int]] = {}
    for layer, unit in disabled:
        by_layer.setdefault(layer, []).append(unit)
    rest = without(session.explained(network), by_layer)
    scores = rest.forward(steps.input[None].astype(rest.params.dtype))[0]
    return judge(rest, steps), float(scores @ above_mean(digit))
