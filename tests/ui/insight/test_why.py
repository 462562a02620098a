"""The panel that says why, run by AppTest: what is asked, and what is computed when."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
from PIL import Image, ImageDraw
from streamlit.testing.v1 import AppTest

from ui import session, texts
from ui.insight import why

ROOT = Path(__file__).parents[3]
SEVEN = [((80, 70), (250, 70)), ((250, 70), (150, 290))]
ONE = [((176, 60), (176, 290))]


def drawn(strokes: list, side: int = 352) -> dict:
    """What the canvas sends after these strokes."""
    picture = Image.new("RGBA", (side, side), (11, 16, 28, 255))
    for stroke in strokes:
        ImageDraw.Draw(picture).line(stroke, fill=(244, 241, 232, 255), width=22)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    data = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
    return {"drawing": {"raw": {"objects": [{"type": "Path"} for _ in strokes]}, "data": data}}


@pytest.fixture
def page() -> Iterator[AppTest]:
    """The page of one visitor with this panel open, not run yet."""
    st.cache_resource.clear()
    made = AppTest.from_file(str(ROOT / "app.py"), default_timeout=30)
    made.session_state["panels-en"] = texts.PANEL_WHY
    yield made
    session.learners().close()
    st.cache_resource.clear()


def html(page: AppTest) -> str:
    return " ".join(element.proto.body for element in page.get("html"))


def within(page: AppTest, act: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Do what a press does, on this visitor's session."""
    monkeypatch.setattr(why.st, "session_state", page.session_state)
    act()
    monkeypatch.undo()
    page.run()
    assert not page.exception


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
    within(page, lambda: why._ask("b-1"), monkeypatch)
    within(page, lambda: why._ask("a-1"), monkeypatch)
    assert (page.session_state["why"].a, page.session_state["why"].b) == (1, 7)
    assert "Altogether 1 leads 7 by −" in html(page)
    page.session_state["slate"] = drawn(ONE)
    page.run()
    assert page.session_state["why"].asked_of == page.session_state["why"].a == 1


def test_what_is_erased_changes_the_answers_and_a_new_drawing_has_everything_back(
    page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.session_state["slate"] = drawn(SEVEN)
    page.run()
    assert page.button(key="why-restore").disabled
    assert "→" not in html(page).split('class="answers"')[1]
    for row in range(3):  # the whole bar of the 7
        for column in range(7):
            within(page, lambda at=f"{row}-{column}": why._erase(at), monkeypatch)
    assert "Now: 1" in html(page) or texts.NO_DIGIT in html(page)
    assert "→" in html(page).split('class="answers"')[1]
    page.button(key="why-restore").click().run()
    assert page.session_state["why"].erased == frozenset()
    within(page, lambda: why._erase("3-3"), monkeypatch)
    page.session_state["slate"] = drawn([*SEVEN, ((150, 180), (230, 180))])
    page.run()
    assert page.session_state["why"].erased == frozenset()


def test_everything_erased_raises_nothing(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    page.session_state["slate"] = drawn(SEVEN)
    page.run()
    for cell in range(49):
        within(page, lambda at=f"{cell // 7}-{cell % 7}": why._erase(at), monkeypatch)
    assert "Before: 7" in html(page)


def test_what_no_button_sends_changes_nothing(
    page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.session_state["slate"] = drawn(SEVEN)
    page.run()
    before = page.session_state["why"].a, page.session_state["why"].b
    for wild in ("", "a", "a-10", "c-3", "b--1", "<b>"):
        within(page, lambda wild=wild: why._ask(wild), monkeypatch)
        within(page, lambda wild=wild: why._erase(wild), monkeypatch)
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
