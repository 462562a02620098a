"""The panel "Why": which parts of the drawing are evidence for one digit and which for another."""

from __future__ import annotations

import html
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import streamlit as st

from nn import Network, Preprocessing, Reading, judge
from nn.explain.attribution import PATCH, gradient_times_input, occlusion, versus
from nn.layers import Array
from nn.mnist import CLASSES, SIDE
from ui import i18n
from ui.page.pressable import pressable
from ui.session import Question, Session
from ui.view import elements, heat, places

from .view import View


@dataclass(frozen=True)
class Reasons:
    """Why a and not b, for one drawing and one network.

    Attributes
    ----------
    lead : a's score less b's
    shares : (784,), what each pixel adds to it
    patches : (7, 7), what it loses when the patch is erased
    emptiness : (7, 7), what it loses when the patch is filled
    """

    lead: float
    shares: Array
    patches: Array
    emptiness: Array


def show(view: View) -> None:
    """Two digits to choose, the drawing as pixels and as patches, and what erasing changes."""
    if view.network is None or view.steps is None:
        st.html(elements.small(i18n.WHY_EMPTY))
        return
    session, network, steps = view.session, view.network, view.steps
    question = _question(view, network, steps)
    rows = elements.digit_buttons("a", i18n.WHY_A, question.a)
    rows += elements.digit_buttons("b", i18n.WHY_NOT_B, question.b)
    row = f'<div class="question">{rows}</div>'
    pressable(row, key="why-question", on_press=partial(ask, question))
    make = partial(_reasons, session, network, steps, question.a, question.b)
    reasons = session.once("why", network, steps, question.a, question.b, make=make)
    st.html(_sentences(question, reasons, steps) + heat.legend(question.a, question.b))
    left, middle, right = st.columns([280, 280, 400], gap="large")
    with left, st.container(key="why-pixels"):
        label = i18n.say("BY_PIXEL_LABEL", a=question.a, b=question.b)
        make_pixels = partial(heat.pixels, steps.input, reasons.shares, label)
        pixels = session.once("why-pixels", reasons, i18n.language(), make=make_pixels)
        how = elements.small(_how("BY_PIXEL_HOW", reasons.shares))
        st.html(elements.heading(i18n.BY_PIXEL) + pixels + how)
    with middle, st.container(key="why-patches"):
        grid = heat.patches(steps.input, reasons.patches, question.erased, i18n.BY_PATCH_LABEL)
        grid += elements.small(_how("BY_PATCH_HOW", reasons.patches))
        pressable(
            elements.heading(i18n.BY_PATCH) + grid,
            key="why-grid",
            on_press=partial(erase, question),
        )
    with right, st.container(key="why-answers"):
        st.html(elements.heading(i18n.WITHOUT_PATCHES))
        before = judge(network, steps) if view.reading.digit is None else view.reading
        after = before
        if question.erased:
            make_after = partial(_without, network, steps, question.erased)
            after = session.once("why-after", network, steps, question.erased, make=make_after)
        st.html(elements.bars_before_and_after(before, after))
        st.button(
            i18n.PUT_BACK,
            key="why-restore",
            disabled=not question.erased,
            on_click=partial(setattr, question, "erased", frozenset()),
        )


def _question(view: View, network: Network, steps: Preprocessing) -> Question:
    """The visitor's question; a new one where the verdict has changed."""
    question = view.session.question
    if question is not None and view.reading.digit in (None, question.verdict):
        if question.steps is steps:
            return question
        if question.asked:
            question.steps, question.erased = steps, frozenset()
            return question
    probabilities = network.predict_proba(steps.input[None])[0]
    second, first = (int(digit) for digit in np.argsort(probabilities)[-2:])
    question = view.session.question = Question(first, first, second, steps)
    return question


def ask(question: Question, pressed: str) -> None:
    """Another digit was chosen, "a-7"; if it is the other one's, the two change places."""
    which, _, digit = pressed.partition("-")
    if which not in ("a", "b") or digit not in map(str, range(CLASSES)):
        return
    a, b, chosen = question.a, question.b, int(digit)
    question.asked = True
    if which == "a":
        question.a, question.b = chosen, a if chosen == b else b
    else:
        question.a, question.b = b if chosen == a else a, chosen


def erase(question: Question, pressed: str) -> None:
    """A patch was pressed, "row-column": it is erased, or comes back."""
    row, _, column = pressed.partition("-")
    if {row, column} <= set(map(str, range(heat.GRID))):
        question.erased ^= {(int(row), int(column))}


def _reasons(session: Session, network: Network, steps: Preprocessing, a: int, b: int) -> Reasons:
    explained, x, weights = session.explained(network), steps.input, versus(a, b)
    scores = explained.forward(x[None].astype(explained.params.dtype))[0]
    return Reasons(
        float(scores @ weights),
        gradient_times_input(explained, x, weights),
        occlusion(explained, x, weights),
        occlusion(explained, x, weights, ink=1.0),
    )


def _without(network: Network, steps: Preprocessing, erased: frozenset[tuple[int, int]]) -> Reading:
    """What the network reads without the erased patches."""
    picture = steps.input.reshape(SIDE, SIDE).copy()
    for row, column in erased:
        top, left = row * PATCH, column * PATCH
        picture[top : top + PATCH, left : left + PATCH] = 0.0
    return judge(network, replace(steps, input=picture.ravel()))


def _sentences(question: Question, reasons: Reasons, steps: Preprocessing) -> str:
    a, b = question.a, question.b
    says = places.why(a, b, steps.input, reasons.shares, reasons.emptiness)
    lead = i18n.say("LEAD", a=a, b=b, value=heat.signed(reasons.lead))
    return f'<p class="reasons">{html.escape(says)}</p>{elements.small(lead)}'


def _how(name: str, values: Array) -> str:
    return i18n.say(name, value=i18n.decimal(float(np.abs(values).max()), 2))
