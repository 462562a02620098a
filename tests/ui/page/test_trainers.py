"""What the page says when runs train elsewhere, and when they cannot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from tests.ui.visitor import html, session_of
from ui import i18n
from ui.training.snapshot import Mark, Snapshot, State
from ui.view import sentences


@pytest.mark.parametrize("setting", ["-1", "many"])
def test_a_wrong_setting_is_said_and_the_page_trains_and_reads(
    open_page: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    monkeypatch.setenv("DIGIT_LAB_TRAINERS", setting)
    page = open_page()
    page.run()
    assert not page.exception
    assert any(i18n.plain(repr(setting)) in warning.value for warning in page.sidebar.warning)
    page.sidebar.button(key="train").click().run()
    assert not page.exception
    assert session_of(page).training is not None


def test_a_run_that_waits_for_a_trainer_says_so(page: AppTest, finished: Snapshot) -> None:
    page.run()
    page.sidebar.button(key="train").click().run()
    session = session_of(page)
    waiting = replace(finished, state=State.RUNNING, test=None, waiting=True)
    session.scheduler.look = lambda run, **_: waiting
    page.run()
    assert i18n.WAITING in html(page)


def test_a_mark_says_that_the_run_was_continued_elsewhere() -> None:
    assert sentences.mark(Mark(1.5, "trainer", None, None)) == i18n.CONTINUED
