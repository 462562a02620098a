"""The panel that looks inside, run by AppTest: units are chosen and switched off."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from nn import RECIPES, judge, load_mnist, load_network
from nn.explain.attribution import explaining, without
from tests.ui.visitor import ONE, SEVEN, drawn, html, session_of
from ui import i18n
from ui.page import visit
from ui.panels import inside
from ui.runs import Runs
from ui.training.snapshot import Snapshot, State
from ui.view import flow


@pytest.fixture
def page(open_page: Callable[..., AppTest]) -> AppTest:
    """The page with this panel open and a 7 drawn."""
    page = open_page(panel="PANEL_INSIDE")
    page.session_state["slate"] = drawn(SEVEN)
    return page


def top_unit(page: AppTest) -> tuple[int, int]:
    """The unit at the top of the first layer."""
    return 1, session_of(page).inspection.shown[0][0]


def test_a_blank_slate_is_told_what_this_is_for(open_page: Callable[..., AppTest]) -> None:
    page = open_page(panel="PANEL_INSIDE")
    page.run()
    assert not page.exception
    assert i18n.INSIDE_EMPTY in html(page)


def test_a_pressed_unit_is_shown_with_the_test_digits_that_excite_it(
    page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.run()
    assert not page.exception
    assert i18n.UNIT_NONE in html(page)
    layer, unit = top_unit(page)
    inside.choose(session_of(page).inspection, f"{layer}-{unit}")
    page.run()
    assert session_of(page).inspection.chosen == (layer, unit)
    assert flow.unit_name((layer, unit), 0).capitalize() in html(page)
    shown = html(page).split('class="exciting"')[1].split("</ol>")[0]
    labels = [int(label) for label in re.findall(r'alt="(\d)"', shown)]
    network = explaining(load_network(visit.WEIGHTS / "best.npz"))
    test = load_mnist()[1]
    x = test.images.astype(np.float32) / np.float32(255)
    outputs = network.layers[1].forward(network.layers[0].forward(x))[:, unit]
    assert labels == [int(label) for label in test.labels[np.argsort(-outputs)[:8]]]
    inside.choose(session_of(page).inspection, f"{layer}-{unit}")
    page.run()
    assert session_of(page).inspection.chosen is None


def test_the_answers_without_a_unit_are_those_of_the_network_without_it(page: AppTest) -> None:
    session_of(page).read_with("original")
    page.run()
    assert i18n.NONE_OFF in html(page)
    assert page.button(key="inside-switch").disabled
    network = load_network(visit.WEIGHTS / "original.npz")
    steps = session_of(page).slate.found.digits[0]
    off = list(session_of(page).inspection.shown[0])
    for unit in off:
        inside.choose(session_of(page).inspection, f"1-{unit}")
        page.run()
        page.button(key="inside-switch").click().run()
        assert not page.exception
    assert session_of(page).inspection.disabled == {(1, unit) for unit in off}
    expected = judge(without(explaining(network), {1: off}), steps)
    shown = html(page).split('class="answers"')[1]
    widths = [float(width) for width in re.findall(r"width:([\d.]+)%", shown)]
    np.testing.assert_allclose(widths[:10], expected.probabilities * 100, atol=0.06)
    assert "and 2 more" in html(page)
    page.button(key="inside-switch").click().run()  # the last one is on again
    assert (1, off[-1]) not in session_of(page).inspection.disabled
    page.button(key="inside-reset").click().run()
    assert session_of(page).inspection.disabled == frozenset()
    assert i18n.NONE_OFF in html(page)


def test_another_network_begins_anew_and_another_drawing_does_not(
    page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.run()
    inside.choose(session_of(page).inspection, "2-5")
    page.run()
    page.session_state["slate"] = drawn(ONE)
    page.run()
    assert session_of(page).inspection.chosen == (2, 5)
    assert i18n.WANTED_DEEPER in html(page)
    session_of(page).read_with("original")
    page.run()
    assert not page.exception
    assert session_of(page).inspection.chosen is None


def test_what_no_unit_sends_changes_nothing(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    page.run()
    for wild in ("", "1", "0-0", "3-0", "1-1536", "1--1", "1-x", "1-" + "9" * 5000):
        inside.choose(session_of(page).inspection, wild)
        page.run()
        assert session_of(page).inspection.chosen is None


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
    exciting = inside.exciting
    monkeypatch.setattr(
        inside, "exciting", lambda *given: searched.append(given) or exciting(*given)
    )
    first = inside.exciting_digits(network, 1, 300)
    assert inside.exciting_digits(network, 1, 300) is first
    assert len(searched) == 1
    twin = network.copy()
    assert inside.exciting_digits(twin, 1, 300) is not first
    assert len(searched) == 2


def test_a_network_that_learns_looks_through_fewer_digits(
    page: AppTest, finished: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = session_of(page).runs = Runs()
    learning = replace(finished, state=State.RUNNING)
    runs.current = runs.add("mine", finished.recipe, 0, snapshot=learning).id
    session_of(page).read_with("yours")
    page.run()
    assert not page.exception
    inside.choose(session_of(page).inspection, "2-3")
    page.run()
    assert "Of 1,000 test digits" in html(page)
    runs.controlled().see(finished)
    page.run()
    assert "Of 10,000 test digits" in html(page)
