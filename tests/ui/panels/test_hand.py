"""Teaching on the page: what a drawing was, the panel "Your hand", run by AppTest."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from nn import Dataset
from nn.teach import TEACHING
from tests.helpers import drawing
from tests.nn.drawing.test_segmentation import side_by_side
from tests.ui.page.test_photo import draw
from tests.ui.visitor import html, session_of
from ui import i18n
from ui.hand import Hand, dataset
from ui.page import hand, visit
from ui.panels import hand as panel
from ui.panels import registry
from ui.training.snapshot import State
from ui.view import hand as tiles


@pytest.fixture
def page(open_page: Callable[..., AppTest]) -> AppTest:
    return open_page(panel="PANEL_HAND").run()


def fill(page: AppTest, mnist: tuple[Dataset, Dataset], count: int = 10) -> Hand:
    """Give the visitor drawings."""
    found = session_of(page).hand
    for image, label in zip(mnist[1].images[:count], mnist[1].labels[:count], strict=True):
        found.add(image, int(label))
    page.run()
    return found


def wait(page: AppTest) -> None:
    """Until nothing trains."""
    waiting = threading.Event()
    for _ in range(600):
        page.run()
        assert not page.exception
        if session_of(page).training is None:
            page.run()
            return
        waiting.wait(0.05)
    raise AssertionError("the teaching did not end")


def test_a_drawing_is_what_the_visitor_says(page: AppTest) -> None:
    draw(page, drawing(3))
    session = session_of(page)
    hand.label(session, session.slate.found, "was-8")
    hand.label(session, session.slate.found, "was-3")
    assert [each.label for each in session.hand] == [3]
    page.run()
    assert i18n.say("HAND_COUNT", count=1) in html(page)


@pytest.mark.parametrize("pressed", ["was-10", "was-x", "was--1", "", "label-3"])
def test_what_no_key_sends_labels_nothing(page: AppTest, pressed: str) -> None:
    draw(page, drawing(3))
    hand.label(session_of(page), session_of(page).slate.found, pressed)
    assert not len(session_of(page).hand)


def test_a_blank_slate_and_several_digits_are_not_labelled(page: AppTest) -> None:
    hand.label(session_of(page), session_of(page).slate.found, "was-3")
    draw(page, side_by_side("32"))
    hand.label(session_of(page), session_of(page).slate.found, "was-3")
    assert not len(session_of(page).hand)


def test_each_digit_is_asked_for_once_and_a_press_that_comes_twice_counts_once(
    page: AppTest,
) -> None:
    draw(page, drawing(3))
    session = session_of(page)
    found = session.slate.found
    page.button(key="write-each").click().run()
    asked = session.hand.asked
    assert sorted(asked) == list(range(10))
    assert i18n.say("WRITE_A", digit=asked[0]) in html(page)
    hand.go_on(session, found, f"write-{asked[0]}")
    hand.go_on(session, found, f"write-{asked[0]}")
    assert session.hand.asked == asked[1:]
    assert [each.label for each in session.hand] == [asked[0]]
    hand.go_on(session, None, f"write-{asked[1]}")  # a blank slate: it is left out
    assert session.hand.asked == asked[2:]
    assert len(session.hand) == 1
    hand.go_on(session, None, "stop")
    page.run()
    assert i18n.say("WRITE_A", digit=asked[2]) not in html(page)


def test_a_digit_whose_strokes_stand_apart_is_written_whole(page: AppTest) -> None:
    draw(page, side_by_side("32"))
    session = session_of(page)
    session.hand.asked = (5, 6)
    hand.go_on(session, session.slate.found, "write-5")
    assert [each.label for each in session.hand] == [5]


def test_without_drawings_there_is_nothing_to_teach(page: AppTest) -> None:
    assert page.button(key="teach").disabled
    assert i18n.HAND_EMPTY in html(page)
    page.selectbox(key="recipe-name").set_value("taught")
    page.run()
    page.button(key="train").click().run()
    assert str(i18n.ERRORS["no_drawings"]) in page.warning[0].value.replace("\\", "")
    assert not page.exception


def test_the_network_that_reads_is_taught_and_both_are_scored(
    page: AppTest, mnist: tuple[Dataset, Dataset]
) -> None:
    fill(page, mnist)
    session = session_of(page)
    before = session.network
    page.button(key="teach").click().run()
    wait(page)
    run = session.runs.controlled()
    assert run.snapshot.state is State.FINISHED
    assert run.name == "Best, taught"
    assert session.network is run.network
    assert run.before is before
    assert np.array_equal(run.snapshot.drawings.images, dataset(session.hand).images)
    assert i18n.say("HAND_LEARNED", count=10, right=10) in html(page)
    assert i18n.say("HAND_ERRORS", errors=68) in html(page)  # of Best; see the model card
    assert i18n.say("HAND_ERRORS", errors=run.snapshot.test.errors) in html(page)
    new = mnist[1].images[20]
    session.hand.add(new, int(mnist[1].labels[20]))
    page.run()
    assert i18n.say("HAND_RIGHT", right=1, count=1) in html(page)
    first = next(iter(session.hand))
    session.hand.remove(first.number)
    session.hand.add(first.image, first.label)  # it has learned from that one
    page.run()
    assert i18n.say("HAND_RIGHT", right=1, count=1) in html(page)


def test_what_was_taught_is_kept_and_comes_back_with_its_drawings(
    open_page: Callable[..., AppTest],
    mnist: tuple[Dataset, Dataset],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DIGIT_LAB_DATABASE", f"sqlite:///{tmp_path / 'runs.sqlite3'}")
    page = open_page(panel="PANEL_HAND").run()
    fill(page, mnist, 3)
    page.selectbox(key="recipe-name").set_value("taught")
    page.run()
    page.button(key="train").click().run()
    wait(page)
    page.button(key="hand-keep").click().run()
    assert page.button(key="hand-keep").disabled
    assert "those of a run that you keep" in html(page)
    later = open_page(panel="PANEL_RUNS").run()
    later.button(key="shelf-bring").click().run()
    drawings = session_of(later).hand
    assert [each.label for each in drawings] == mnist[1].labels[:3].tolist()
    (run,) = session_of(later).runs
    assert run.taught
    assert run.last_drawing == 3
    later.session_state["panels-en"] = i18n.PANEL_HAND
    later.run()
    assert "You taught it with 3 of your drawings" in html(later)
    assert not later.exception


def look_at_every_panel(page: AppTest) -> None:
    for name in registry.PANELS:
        page.session_state["panels-en"] = i18n.say(name)
        page.run()
        assert not page.exception, name
        assert session_of(page).panel == name


def test_every_panel_shows_a_network_that_was_taught(
    page: AppTest, mnist: tuple[Dataset, Dataset]
) -> None:
    fill(page, mnist, 3)
    draw(page, drawing(3))
    session = session_of(page)
    run = session.teach(visit.shipped("original"), "Original, taught", batches=5)
    waiting = threading.Event()
    while run.snapshot is None or run.snapshot.state is not State.PAUSED:
        page.run()
        waiting.wait(0.05)
    assert run.snapshot.step == 5
    look_at_every_panel(page)  # half way
    session.scheduler.resume(session.training)
    wait(page)
    assert session.network is session.runs.controlled().network
    look_at_every_panel(page)


def test_the_preset_teaches_original(page: AppTest, mnist: tuple[Dataset, Dataset]) -> None:
    fill(page, mnist)
    page.selectbox(key="recipe-name").set_value("taught")
    page.run()
    page.button(key="train").click().run()
    wait(page)
    run = session_of(page).runs.controlled()
    assert run.name == "Original, taught"
    assert run.recipe.hidden == (128,)
    assert run.snapshot.test.errors > 531  # what it costs


def test_a_teaching_can_be_stopped_and_leaves_a_network_that_reads(
    page: AppTest, mnist: tuple[Dataset, Dataset]
) -> None:
    fill(page, mnist)
    page.selectbox(key="speed").set_value(10)
    page.run()
    page.button(key="teach").click().run()
    session, run = session_of(page), session_of(page).runs.controlled()
    waiting = threading.Event()
    while not run.snapshot or run.snapshot.step == 0:
        page.run()
        waiting.wait(0.05)
    page.button(key="stop").click().run()
    page.run()
    assert session.training is None
    assert 0 < run.snapshot.step < 60  # at 10 batches a second, it had not come to its end
    assert session.network is run.network
    assert not page.exception


def test_its_model_can_be_deleted_meanwhile(page: AppTest, mnist: tuple[Dataset, Dataset]) -> None:
    drawings = fill(page, mnist)
    session = session_of(page)
    short = TEACHING.replace(samples=640)
    first = session.teach(visit.shipped("original"), "Original, taught", recipe=short)
    wait(page)
    page.button(key="teach").click().run()  # the taught one is taught again
    session.delete(first)
    drawings.clear()
    wait(page)
    assert session.runs.controlled().name == "Original, taught 2"
    assert session.runs.controlled().snapshot.state is State.FINISHED


def test_a_drawing_is_relabelled_and_deleted(page: AppTest, mnist: tuple[Dataset, Dataset]) -> None:
    drawings = fill(page, mnist, 3)
    panel.choose(drawings, "drawing-2")
    panel.choose(drawings, "drawing-x")
    assert drawings.chosen == 2
    panel.choose(drawings, "drawing-2")  # the press arrives twice
    assert drawings.chosen == 2
    chosen = tiles.tiles(drawings, 2, said={}, doubted=frozenset())
    assert re.findall(r'data-press="(drawing-\d)"', chosen) == [
        "drawing-1",
        "drawing-0",
        "drawing-3",
    ]
    panel.choose(drawings, "drawing-0")
    assert drawings.get(drawings.chosen) is None
    panel.choose(drawings, "drawing-2")
    page.run()
    panel.change(drawings, 2, "label-9")
    assert drawings.get(2).label == 9
    panel.change(drawings, 2, "label-12")
    panel.change(drawings, 2, "delete")
    panel.change(drawings, 2, "delete")
    assert [each.number for each in drawings] == [1, 3]
    page.run()
    page.button(key="hand-clear").click().run()
    assert i18n.HAND_EMPTY in html(page)
    assert not page.exception


def test_a_doubted_drawing_is_marked(page: AppTest, mnist: tuple[Dataset, Dataset]) -> None:
    drawings = fill(page, mnist)
    seven = next(each for each in drawings if each.label == 7)
    drawings.add(seven.image, 4)
    page.run()
    assert i18n.HAND_DOUBTED in html(page)
    shown = tiles.tiles(drawings, None, said={seven.number: 7}, doubted=frozenset({seven.number}))
    assert shown.count('class="tile doubted"') == 1
    assert "Drawing of 4, read as 7, doubted" in shown
    assert "4 ≠ 7" in shown


def test_a_full_hand_takes_no_more(page: AppTest) -> None:
    session, rng = session_of(page), np.random.default_rng(0)
    for image in rng.integers(0, 256, (500, 784), np.uint8):
        session.hand.add(image, 3)
    draw(page, drawing(3))
    assert page.button(key="write-each").disabled
    assert i18n.HAND_FULL in html(page)
    hand.label(session, session.slate.found, "was-3")
    assert len(session.hand) == 500
    assert not page.exception
