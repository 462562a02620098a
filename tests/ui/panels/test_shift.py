"""The panel that moves the drawing, run by AppTest: who reads it, and what is computed when."""

from __future__ import annotations

import html as html_module
import json
import threading
from collections.abc import Callable

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from nn import RECIPES, judge
from nn.pen.augment import move
from tests.ui.visitor import SEVEN, drawn, html, session_of
from ui import i18n
from ui.page import visit
from ui.panels import shift
from ui.runs import Run
from ui.session import Displacement
from ui.training.snapshot import Snapshot, State
from ui.view import charts


@pytest.fixture(autouse=True)
def few_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer test digits, as what is tested here is not the curve."""
    monkeypatch.setattr(shift, "DIGITS", 40)


@pytest.fixture
def page(open_page: Callable[..., AppTest]) -> AppTest:
    """The page with this panel open and a 7 on the slate, not run yet."""
    page = open_page(panel="PANEL_SHIFT")
    page.session_state["slate"] = drawn(SEVEN)
    return page


def wait(page: AppTest) -> None:
    """Run the page until both curves are there."""
    waiting = threading.Event()
    for _ in range(200):
        page.run()
        assert not page.exception
        if i18n.SHIFT_COMPUTING not in html(page):
            return
        waiting.wait(0.05)
    raise AssertionError("the curves did not come")


def answers(page: AppTest) -> list[str]:
    """What the two networks say, in words."""
    parts = html(page).split('<p class="turn" role="status">')[1:]
    return [html_module.unescape(part.partition("<")[0]) for part in parts]


def add_run(page: AppTest, name: str, recipe_name: str = "adam") -> Run:
    """A finished run with a network of its own, which has learned nothing."""
    recipe, session = RECIPES[recipe_name], session_of(page)
    network = recipe.build_network(rng=np.random.default_rng(len(session.runs))).freeze()
    snapshot = Snapshot(State.FINISHED, recipe, seed=0, network=network)
    return session.runs.add(name, recipe, 0, snapshot=snapshot)


def test_a_blank_slate_asks_for_a_drawing_and_the_curves_are_there(page: AppTest) -> None:
    del page.session_state["slate"]
    wait(page)
    assert i18n.SHIFT_EMPTY in html(page)
    assert answers(page) == ["\u00a0"] * 2
    assert i18n.say("SHIFT_HOW", count=40) in html(page)


def test_original_and_convolution_read_the_drawing_to_begin_with(page: AppTest) -> None:
    wait(page)
    chosen = [page.selectbox(key=f"shift-network-{slot}").value for slot in (0, 1)]
    assert chosen == ["original", "convolution"]
    assert all(says.startswith("7, ") for says in answers(page))
    assert page.button(key="shift-back").disabled


def test_the_networks_read_the_moved_drawing_as_it_is(page: AppTest) -> None:
    wait(page)
    before = answers(page)
    page.slider(key="shift-right").set_value(8).run()
    page.slider(key="shift-angle").set_value(45).run()
    page.slider(key="shift-scale").set_value(70).run()
    assert session_of(page).displacement == Displacement(8, 45, 70)
    assert "8 pixels to the right, 45 degrees clockwise, 70 percent" in html(page)
    assert answers(page) != before
    moved = session_of(page)._memo["shift-moved"][1]
    given = session_of(page).slate.found.digits[0].input
    image = np.rint(given[None] * 255).astype(np.uint8)
    expected = move(image, right=8, angle=45, scale=0.7)[0]
    np.testing.assert_array_equal(np.rint(moved.input * 255), expected)
    reading = judge(visit.shipped("original"), moved)
    assert answers(page)[0].startswith("no digit" if reading.digit is None else str(reading.digit))
    page.button(key="shift-back").click().run()
    assert session_of(page).displacement == Displacement()
    assert answers(page) == before


def test_sliders_and_networks_outlive_another_panel(page: AppTest) -> None:
    wait(page)
    page.slider(key="shift-right").set_value(-4).run()
    page.selectbox(key="shift-network-0").set_value("best").run()
    for name in ("PANEL_WHY", "PANEL_SHIFT"):
        page.session_state["panels-en"] = i18n.say(name)
        page.run()
    assert page.slider(key="shift-right").value == -4
    assert page.selectbox(key="shift-network-0").value == "best"


def test_a_run_can_be_chosen_by_its_name_and_when_it_goes_the_page_chooses(page: AppTest) -> None:
    wait(page)
    run = add_run(page, "Original")  # as a shipped network is called
    page.run()
    page.selectbox(key="shift-network-1").set_value(run.id).run()
    wait(page)
    assert "Original (yours)" in html(page)
    assert session_of(page).displacement.readers == (None, run.id)
    session_of(page).runs.remove(run.id)
    page.run()
    assert not page.exception
    assert page.selectbox(key="shift-network-1").value == "convolution"


def test_the_latest_dense_run_and_the_latest_convolution_are_chosen_by_the_page(
    page: AppTest,
) -> None:
    wait(page)
    add_run(page, "Adam")
    page.run()
    assert page.selectbox(key="shift-network-0").value == "original"
    add_run(page, "Mine", "convolution")
    late = [add_run(page, "Dense"), add_run(page, "Convolution", "convolution")]
    page.run()
    chosen = [page.selectbox(key=f"shift-network-{slot}").value for slot in (0, 1)]
    assert chosen == [run.id for run in late]


def test_nothing_is_computed_again_while_nothing_changes(
    page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait(page)
    page.slider(key="shift-right").set_value(3).run()
    before = html(page)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("worked again")

    for name in ("move", "judge", "accuracy_by_shift"):
        monkeypatch.setattr(shift, name, refuse)
    page.run()
    assert html(page) == before


def test_a_network_has_one_curve_wherever_and_whoever_shows_it(
    page: AppTest, open_page: Callable[..., AppTest], monkeypatch: pytest.MonkeyPatch
) -> None:
    wait(page)
    monkeypatch.setattr(shift, "accuracy_by_shift", None)  # nobody needs it again
    page.selectbox(key="shift-network-0").set_value("convolution").run()
    other = open_page(panel="PANEL_SHIFT").run()
    for each in (page, other):
        assert not each.exception
        assert i18n.SHIFT_COMPUTING not in html(each)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_chart_has_a_line_per_network_and_a_rule_where_the_drawing_is(theme: str) -> None:
    falling = np.linspace(1, 0, 11)
    table, spec = charts.by_shift([("A", falling), ("B", None)], range(11), present=7, theme=theme)
    json.dumps(spec)
    rows = table.to_pylist()
    assert [row["value"] for row in rows if row["curve"] == "A"] == falling.tolist()
    assert [row["epoch"] for row in rows if row["curve"] == "A"] == list(range(11))
    assert not any(row["curve"] == "B" for row in rows)
    assert [(row["epoch"], row["label"]) for row in rows if row["kind"] == "mark"] == [
        (7, "your shift: 7")
    ]
    dashes = spec["layer"][0]["encoding"]["strokeDash"]["scale"]["range"]
    assert dashes[0] != dashes[1]  # told apart without colour


def test_the_chart_keeps_its_spec_while_the_drawing_moves() -> None:
    specs = [
        charts.by_shift([("A", None)], range(11), present=present, theme="light")[1]
        for present in (0, 10)
    ]
    assert specs[0] == specs[1]
