"""The panel that says why, run by AppTest: what is asked, and what is computed when."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from nn import load_network
from tests.ui.visitor import ONE, SEVEN, drawn, html, session_of
from ui import i18n
from ui.page import visit
from ui.panels import why


@pytest.fixture
def page(open_page: Callable[..., AppTest]) -> AppTest:
    """The page with this panel open."""
    return open_page(panel="PANEL_WHY")


def test_a_blank_slate_is_told_what_this_is_for(page: AppTest) -> None:
    page.run()
    assert not page.exception
    assert i18n.WHY_EMPTY in html(page)
    assert 'class="reasons"' not in html(page)


def test_the_question_is_the_verdict_against_the_second_until_another_is_asked(
    page: AppTest,
) -> None:
    page.session_state["slate"] = drawn(SEVEN)
    page.run()
    assert not page.exception
    question = session_of(page).question
    probabilities = load_network(visit.WEIGHTS / "best.npz").predict_proba(
        question.steps.input[None]
    )[0]
    assert (question.a, question.b) == tuple(np.argsort(probabilities)[[-1, -2]])
    assert f"Best evidence for {question.a}" in html(page)
    why.ask(session_of(page).question, "b-1")
    why.ask(session_of(page).question, "a-1")
    page.run()
    assert (session_of(page).question.a, session_of(page).question.b) == (1, 7)
    assert "Lead of 1 over 7, the difference of their scores (logits): −" in html(page)
    page.session_state["slate"] = drawn(ONE)
    page.run()
    assert session_of(page).question.verdict == session_of(page).question.a == 1


def test_a_question_that_was_asked_outlives_another_stroke_and_one_that_was_not_follows(
    page: AppTest,
) -> None:
    crossed = [*SEVEN, ((150, 180), (250, 180))]
    page.session_state["slate"] = drawn(SEVEN)
    page.run()
    why.ask(session_of(page).question, "b-4")
    page.session_state["slate"] = drawn(crossed)
    page.run()
    assert session_of(page).question.verdict == 7
    assert session_of(page).question.b == 4
    session_of(page).question = None
    for strokes in (SEVEN, crossed):
        page.session_state["slate"] = drawn(strokes)
        page.run()
        question = session_of(page).question
        probabilities = load_network(visit.WEIGHTS / "best.npz").predict_proba(
            question.steps.input[None]
        )[0]
        assert question.b == np.argsort(probabilities)[-2]


def test_what_is_erased_changes_the_answers_and_a_new_drawing_has_everything_back(
    page: AppTest,
) -> None:
    page.session_state["slate"] = drawn(SEVEN)
    page.run()
    assert page.button(key="why-restore").disabled
    assert "→" not in html(page).split('class="answers"')[1]
    for row in range(3):  # the whole bar of the 7
        for column in range(7):
            why.erase(session_of(page).question, f"{row}-{column}")
    page.run()
    assert "Now: 1" in html(page) or i18n.NO_DIGIT in html(page)
    assert "→" in html(page).split('class="answers"')[1]
    page.button(key="why-restore").click().run()
    assert session_of(page).question.erased == frozenset()
    why.erase(session_of(page).question, "3-3")
    page.session_state["slate"] = drawn([*SEVEN, ((150, 180), (230, 180))])
    page.run()
    assert session_of(page).question.erased == frozenset()


def test_everything_erased_raises_nothing(page: AppTest) -> None:
    page.session_state["slate"] = drawn(SEVEN)
    page.run()
    for cell in range(49):
        why.erase(session_of(page).question, f"{cell // 7}-{cell % 7}")
    page.run()
    assert "Before: 7" in html(page)


def test_what_no_button_sends_changes_nothing(page: AppTest) -> None:
    page.session_state["slate"] = drawn(SEVEN)
    page.run()
    before = session_of(page).question.a, session_of(page).question.b
    for wild in ("", "a", "a-10", "c-3", "b--1", "<b>"):
        why.ask(session_of(page).question, wild)
        why.erase(session_of(page).question, wild)
    question = session_of(page).question
    assert (question.a, question.b) == before
    assert question.erased == frozenset()


def test_nothing_is_computed_again_while_nothing_changes(
    page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed = []
    reasons = why._reasons
    monkeypatch.setattr(why, "_reasons", lambda *given: computed.append(given) or reasons(*given))
    page.session_state["slate"] = drawn(SEVEN)
    for _ in range(3):
        page.run()
    assert len(computed) == 1
    session_of(page).read_with("original")
    page.run()
    assert len(computed) == 2
