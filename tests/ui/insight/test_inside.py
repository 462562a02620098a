"""The panel that looks inside, run by AppTest: units are chosen and switched off."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from nn import RECIPES, judge, load_mnist
from nn.explain import explaining, without
from tests.ui.insight.visitor import ONE, SEVEN, drawn, html, press
from ui import session, texts
from ui.insight import inside, memory, units
from ui.lab.runs import Runs
from ui.scheduler.snapshot import Snapshot, State


@pytest.fixture
def page(open_panel: Callable[[str], AppTest]) -> AppTest:
    """The page with this panel open and a 7 drawn."""
    page = open_panel("PANEL_INSIDE")
    page.session_state["slate"] = drawn(SEVEN)
    return page


def top_unit(page: AppTest) -> tuple[int, int]:
    """The unit at the top of the first layer."""
    return 1, page.session_state["inside"].shown[0][0]


def test_a_blank_slate_is_told_what_this_is_for(open_panel: Callable[[str], AppTest]) -> None:
    page = open_panel("PANEL_INSIDE")
    page.run()
    assert not page.exception
    assert texts.INSIDE_EMPTY in html(page)


def test_a_pressed_unit_is_shown_with_the_test_digits_that_excite_it(
    page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.run()
    assert not page.exception
    assert texts.UNIT_NONE in html(page)
    layer, unit = top_unit(page)
    press(page, inside, lambda: inside._choose(f"{layer}-{unit}"), monkeypatch)
    assert page.session_state["inside"].chosen == (layer, unit)
    assert units.name((layer, unit)).capitalize() in html(page)
    shown = html(page).split('class="exciting"')[1].split("</ol>")[0]
    labels = [int(label) for label in re.findall(r'alt="(\d)"', shown)]
    network = explaining(session.shipped("best"))
    test = load_mnist()[1]
    x = test.images.astype(np.float32) / np.float32(255)
    outputs = network.layers[1].forward(network.layers[0].forward(x))[:, unit]
    assert labels == [int(label) for label in test.labels[np.argsort(-outputs)[:8]]]
    press(page, inside, lambda: inside._choose(f"{layer}-{unit}"), monkeypatch)
    assert page.session_state["inside"].chosen is None


def test_the_answers_without_a_unit_are_those_of_the_network_without_it(
    page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.session_state["reader"] = "original"
    page.run()
    assert texts.NONE_OFF in html(page)
    assert page.button(key="inside-switch").disabled
    network = session.shipped("original")
    steps = page.session_state["drawing"][0]
    off = list(page.session_state["inside"].shown[0])
    for unit in off:
        press(page, inside, lambda unit=unit: inside._choose(f"1-{unit}"), monkeypatch)
        page.button(key="inside-switch").click().run()
        assert not page.exception
    assert page.session_state["inside"].off == {(1, unit) for unit in off}
    expected = judge(without(explaining(network), {1: off}), steps)
    shown = html(page).split('class="answers"')[1]
    widths = [float(width) for width in re.findall(r"width:([\d.]+)%", shown)]
    np.testing.assert_allclose(widths[:10], expected.probabilities * 100, atol=0.06)
    assert "and 2 more" in html(page)
    page.button(key="inside-switch").click().run()  # the last one is on again
    assert (1, off[-1]) not in page.session_state["inside"].off
    page.button(key="inside-reset").click().run()
    assert page.session_state["inside"].off == frozenset()
    assert texts.NONE_OFF in html(page)


def test_another_network_begins_anew_and_another_drawing_does_not(
    page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.run()
    press(page, inside, lambda: inside._choose("2-5"), monkeypatch)
    page.session_state["slate"] = drawn(ONE)
    page.run()
    assert page.session_state["inside"].chosen == (2, 5)
    assert texts.WANTED_DEEPER in html(page)
    page.session_state["reader"] = "original"
    page.run()
    assert not page.exception
    assert page.session_state["inside"].chosen is None


def test_what_no_unit_sends_changes_nothing(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    page.run()
    for wild in ("", "1", "0-0", "3-0", "1-1024", "1--1", "1-x", "1-" + "9" * 5000):
        press(page, inside, lambda wild=wild: inside._choose(wild), monkeypatch)
        assert page.session_state["inside"].chosen is None


def test_nothing_is_computed_again_while_nothing_changes(
    page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed = []
    flow_of = inside.flow.flow_of
    monkeypatch.setattr(
        inside.flow, "flow_of", lambda *given: computed.append(given) or flow_of(*given)
    )
    for _ in range(3):
        page.run()
    assert len(computed) == 1


def test_exciting_digits_are_found_once_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    network = RECIPES["adam"].replace(hidden=(5,)).build_network(rng=np.random.default_rng(0))
    searched = []
    exciting = memory.exciting
    monkeypatch.setattr(
        memory, "exciting", lambda *given: searched.append(given) or exciting(*given)
    )
    first = memory.exciting_digits(network, 1, 300)
    assert memory.exciting_digits(network, 1, 300) is first
    assert len(searched) == 1
    twin = network.copy()
    assert memory.exciting_digits(twin, 1, 300) is not first
    assert len(searched) == 2


def test_a_network_that_learns_looks_through_fewer_digits(
    page: AppTest, finished: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = page.session_state["runs"] = Runs()
    learning = replace(finished, state=State.RUNNING)
    runs.current = runs.add("mine", finished.recipe, 0, snapshot=learning).id
    page.session_state["reader"] = "yours"
    page.run()
    assert not page.exception
    press(page, inside, lambda: inside._choose("2-3"), monkeypatch)
    assert "Of 1,000 test digits" in html(page)
    runs.now().see(finished)
    page.run()
    assert "Of 10,000 test digits" in html(page)
