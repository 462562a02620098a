"""The panel "Why": which parts of the drawing speak for one digit and which for another."""

from __future__ import annotations

import html
from dataclasses import dataclass, field, replace

import numpy as np
import streamlit as st

from nn import Network, Preprocessing, Reading, judge
from nn.explain import PATCH, gradient_times_input, occlusion, versus
from nn.layers import Array
from nn.mnist import CLASSES
from nn.preprocess import SIDE
from ui import figures, texts
from ui.view import View

from . import answers, choices, heat, memory, places
from .pressable import pressable


@dataclass
class Question:
    """Why `a` and not `b`: the verdict and what comes second, until the visitor asks another.

    Attributes
    ----------
    asked_of : the drawing's verdict when the question was made
    asked : whether the visitor has chosen; then it stays for as long as the verdict does
    erased : rows and columns of patches taken away
    """

    asked_of: int
    a: int
    b: int
    steps: Preprocessing
    asked: bool = False
    erased: frozenset[tuple[int, int]] = field(default=frozenset())


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
    """Two digits to choose, the drawing as pixels and as patches, and what erasing does."""
    if view.network is None or view.steps is None:
        st.html(figures.small(texts.WHY_EMPTY))
        return
    network, steps = view.network, view.steps
    question = _question(view, network, steps)
    rows = choices.digits("a", texts.WHY_A, question.a) + choices.digits(
        "b", texts.WHY_NOT_B, question.b
    )
    pressable(f'<div class="question">{rows}</div>', key="why-question", on_press=_ask)
    reasons = memory.once(
        "why",
        network,
        steps,
        question.a,
        question.b,
        make=lambda: _reasons(network, steps, question.a, question.b),
    )
    st.html(_sentences(question, reasons, steps) + heat.legend(question.a, question.b))
    left, middle, right = st.columns([280, 280, 400], gap="large")
    with left, st.container(key="why-pixels"):
        pixels = memory.once(
            "why-pixels",
            reasons,
            texts.language(),
            make=lambda: heat.pixels(steps.input, reasons.shares, _alternative(question)),
        )
        how = figures.small(_how("BY_PIXEL_HOW", reasons.shares))
        st.html(figures.heading(texts.BY_PIXEL) + pixels + how)
    with middle, st.container(key="why-patches"):
        grid = heat.patches(steps.input, reasons.patches, question.erased, texts.BY_PATCH_LABEL)
        how = figures.small(_how("BY_PATCH_HOW", reasons.patches))
        pressable(figures.heading(texts.BY_PATCH) + grid + how, key="why-grid", on_press=_erase)
    with right, st.container(key="why-answers"):
        st.html(figures.heading(texts.WITHOUT_PATCHES))
        before = judge(network, steps) if view.reading.digit is None else view.reading
        st.html(answers.before_and_after(before, _after(network, steps, question, before)))
        st.button(
            texts.PUT_BACK,
            key="why-restore",
            disabled=not question.erased,
            on_click=_restore,
        )


def _question(view: View, network: Network, steps: Preprocessing) -> Question:
    """The visitor's question; a new one where the verdict has changed."""
    question: Question | None = st.session_state.get("why")
    if question is not None and view.reading.digit in (None, question.asked_of):
        if question.steps is steps:
            return question
        if question.asked:
            question.steps, question.erased = steps, frozenset()
            return question
    probabilities = network.predict_proba(steps.input[None])[0]
    second, first = (int(digit) for digit in np.argsort(probabilities)[-2:])
    question = st.session_state["why"] = Question(first, first, second, steps)
    return question


def _ask(pressed: str) -> None:
    """Another digit was chosen; where it is the other one's, the two change places."""
    which, _, digit = pressed.partition("-")
    question: Question | None = st.session_state.get("why")
    if question is None or which not in ("a", "b") or digit not in map(str, range(CLASSES)):
        return
    a, b, chosen = question.a, question.b, int(digit)
    question.asked = True
    if which == "a":
        question.a, question.b = chosen, a if chosen == b else b
    else:
        question.a, question.b = b if chosen == a else a, chosen


def _erase(pressed: str) -> None:
    """A patch was pressed: it goes, or comes back."""
    question: Question | None = st.session_state.get("why")
    row, _, column = pressed.partition("-")
    if question is not None and {row, column} <= set(map(str, range(heat.GRID))):
        question.erased ^= {(int(row), int(column))}


def _restore() -> None:
    question: Question | None = st.session_state.get("why")
    if question is not None:
        question.erased = frozenset()


def _reasons(network: Network, steps: Preprocessing, a: int, b: int) -> Reasons:
    explained, x, weights = memory.explained(network), steps.input, versus(a, b)
    scores = explained.forward(x[None].astype(explained.params.dtype))[0]
    return Reasons(
        float(scores @ weights),
        gradient_times_input(explained, x, weights),
        occlusion(explained, x, weights),
        occlusion(explained, x, weights, ink=1.0),
    )


def _after(network: Network, steps: Preprocessing, question: Question, before: Reading) -> Reading:
    """What the network says without the erased patches."""
    if not question.erased:
        return before
    return memory.once(
        "why-after",
        network,
        steps,
        question.erased,
        make=lambda: judge(network, replace(steps, input=_without(steps.input, question.erased))),
    )


def _without(ink: Array, erased: frozenset[tuple[int, int]]) -> Array:
    picture = ink.reshape(SIDE, SIDE).copy()
    for row, column in erased:
        top, left = row * PATCH, column * PATCH
        picture[top : top + PATCH, left : left + PATCH] = 0.0
    flat: Array = picture.ravel()
    return flat


def _sentences(question: Question, reasons: Reasons, steps: Preprocessing) -> str:
    a, b = question.a, question.b
    says = places.why(a, b, steps.input, reasons.shares, reasons.emptiness)
    lead = texts.say("LEAD", a=a, b=b, value=heat.signed(reasons.lead))
    return f'<p class="reasons">{html.escape(says)}</p>{figures.small(lead)}'


def _how(name: str, values: Array) -> str:
    return texts.say(name, value=texts.decimal(float(np.abs(values).max()), 2))


def _alternative(question: Question) -> str:
    return texts.say("BY_PIXEL_LABEL", a=question.a, b=question.b)
