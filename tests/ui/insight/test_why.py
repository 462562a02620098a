"""The panel that says why, run by AppTest: what is asked, and what is computed when."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from tests.ui.insight.visitor import ONE, SEVEN, drawn, html, press
from ui import session, texts
from ui.insight import why


@pytest.fixture
def page(open_panel: Callable[[str], AppTest]) -> AppTest:
    """The page with this panel open."""
    return open_panel("PANEL_WHY")


def test_a_blank_slate_is_told_what_this_is_for(page: AppTest) -> None:
    page.run()
    assert not page.exception
    assert texts.WHY_EMPTY in html(page)
    assert 'class="reasons"' not in html(page)


def test_the_question_is_the_verdict_against_the_second_until_another_is_asked(
    page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.session_state["slate"] = drawn(SEVEN)
    page.run()
    assert not page.exception
    question = page.session_state["why"]
    probabilities = session.shipped("best").predict_proba(question.steps.input[None])[0]
    assert (question.a, question.b) == tuple(np.argsort(probabilities)[[-1, -2]])
    assert f"speaks most for {question.a}" in html(page)
    press(page, why, lambda: why._ask("b-1"), monkeypatch)
    press(page, why, lambda: why._ask("a-1"), monkeypatch)
    assert (page.session_state["why"].a, page.session_state["why"].b) == (1, 7)
    assert "Altogether 1 leads 7 by −" in html(page)
    page.session_state["slate"] = drawn(ONE)
    page.run()
    assert page.session_state["why"].asked_of == page.session_state["why"].a == 1


def test_a_question_that_was_asked_outlives_another_stroke_and_one_that_was_not_follows(
    page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    crossed = [*SEVEN, ((150, 180), (250, 180))]
    page.session_state["slate"] = drawn(SEVEN)
    page.run()
    press(page, why, lambda: why._ask("b-4"), monkeypatch)
    page.session_state["slate"] = drawn(crossed)
    page.run()
    assert page.session_state["why"].asked_of == 7
    assert page.session_state["why"].b == 4
    del page.session_state["why"]
    for strokes in (SEVEN, crossed):
        page.session_state["slate"] = drawn(strokes)
        page.run()
        question = page.session_state["why"]
        probabilities = session.shipped("best").predict_proba(question.steps.input[None])[0]
        assert question.b == np.argsort(probabilities)[-2]


def test_what_is_erased_changes_the_answers_and_a_new_drawing_has_everything_back(
    page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.session_state["slate"] = drawn(SEVEN)
    page.run()
    assert page.button(key="why-restore").disabled
    assert "→" not in html(page).split('class="answers"')[1]
    for row in range(3):  # the whole bar of the 7
        for column in range(7):
            press(page, why, lambda at=f"{row}-{column}": why._erase(at), monkeypatch)
    assert "Now: 1" in html(page) or texts.NO_DIGIT in html(page)
    assert "→" in html(page).split('class="answers"')[1]
    page.button(key="why-restore").click().run()
    assert page.session_state["why"].erased == frozenset()
    press(page, why, lambda: why._erase("3-3"), monkeypatch)
    page.session_state["slate"] = drawn([*SEVEN, ((150, 180), (230, 180))])
    page.run()
    assert page.session_state["why"].erased == frozenset()


def test_everything_erased_raises_nothing(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    page.session_state["slate"] = drawn(SEVEN)
    page.run()
    for cell in range(49):
        press(page, why, lambda at=f"{cell // 7}-{cell % 7}": why._erase(at), monkeypatch)
    assert "Before: 7" in html(page)


def test_what_no_button_sends_changes_nothing(
    page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.session_state["slate"] = drawn(SEVEN)
    page.run()
    before = page.session_state["why"].a, page.session_state["why"].b
    for wild in ("", "a", "a-10", "c-3", "b--1", "<b>"):
        press(page, why, lambda wild=wild: why._ask(wild), monkeypatch)
        press(page, why, lambda wild=wild: why._erase(wild), monkeypatch)
    question = page.session_state["why"]
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
    page.session_state["reader"] = "original"
    page.run()
    assert len(computed) == 2
