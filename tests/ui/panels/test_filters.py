"""Inside and In numbers with a convolution: maps, patches, and one filter at one place."""

from __future__ import annotations

import html
import re
from collections.abc import Callable

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from nn import Network, Recipe
from nn.drawing.preprocessing import preprocess
from nn.explain.attribution import above_mean, explaining, passage
from nn.explain.filters import maps, window_shown
from tests.helpers import drawing
from tests.ui.visitor import SEVEN, drawn, session_of
from tests.ui.visitor import html as page_html
from ui import i18n
from ui.panels import in_numbers, inside
from ui.runs import Runs
from ui.training.snapshot import Snapshot, State
from ui.view import arithmetic, filters
from ui.view.flow import flow_of
from ui.view.steps import Kind, Step, steps_of, sum_of

RECIPE = Recipe(filters=(3, 4), kernel_size=5, hidden=(6,))


@pytest.fixture(scope="module")
def network() -> Network:
    """Two convolutions with random weights; frozen, as one that reads."""
    return RECIPE.build_network(rng=np.random.default_rng(4)).freeze()


@pytest.fixture(scope="module")
def seven() -> np.ndarray:
    """A drawn 7 as the network's input."""
    return preprocess(drawing(7)).input


@pytest.fixture
def page(open_page: Callable[..., AppTest], network: Network) -> AppTest:
    """The page on which this network reads a 7."""
    page = open_page()
    page.session_state["slate"] = drawn(SEVEN)
    page.run()
    runs = session_of(page).runs = Runs()
    done = Snapshot(State.FINISHED, RECIPE, network=network)
    runs.current = runs.add("mine", RECIPE, 0, snapshot=done).id
    session_of(page).read_with("yours")
    return page


def opened(page: AppTest, name: str) -> str:
    """What is on the page with that tab open."""
    page.session_state["panels-en"] = i18n.say(name)
    page.run()
    assert not page.exception
    return page_html(page)


def components(page: AppTest) -> str:
    """The HTML of the pictures with things to press."""
    return str([part.proto for part in page.get("bidi_component")])


def test_the_flow_has_filters_before_units(network: Network, seven: np.ndarray) -> None:
    found = flow_of(explaining(network), seven)
    assert found.widths == (3, 4, 6)
    assert found.convolutions == 2
    assert [len(units) for units in found.units] == [3, 4, 6]
    drawing = passage(explaining(network), seven, above_mean(found.digit))
    for layer, units in enumerate(found.units, start=1):
        shares = drawing.shares(layer)
        assert {u.key[1]: u.share for u in units} == pytest.approx(dict(enumerate(shares)))
        assert found.rest[layer - 1] == pytest.approx(0.0, abs=1e-4)
    assert {(line.start, line.end) for line in found.lines[1]} == set(np.ndindex(3, 4))


def test_a_pressed_place_is_shown_with_its_patch(page: AppTest) -> None:
    assert "3 filters" in components(page) + opened(page, "PANEL_INSIDE") + components(page)
    inspection = session_of(page).inspection
    inside.choose(inspection, "1-2")
    shown = opened(page, "PANEL_INSIDE")
    assert "Filter 2 of layer 1" in shown
    assert "Of 10,000 test digits" in shown
    inside.look_at(inspection, 1, "5-9")
    page.run()
    assert not page.exception
    assert inspection.windows == {1: (5, 9)}
    for wild in ("", "5", "5-", "-1-3", "x-y", "9" * 5000):
        inside.look_at(inspection, 1, wild)
    assert inspection.windows == {1: (5, 9)}
    inside.look_at(inspection, 2, "13-13")  # beyond the second map's 7 places
    inside.choose(inspection, "2-1")
    page.run()
    assert not page.exception
    page.button(key="inside-switch").click().run()
    assert not page.exception
    assert "Disabled: filter 1 of layer 2." in page_html(page)


def test_the_map_has_a_button_for_each_place_that_is_left(
    network: Network, seven: np.ndarray
) -> None:
    explained = explaining(network)
    found = passage(explained, seven, above_mean(7))
    for layer, side in ((1, 14), (2, 7)):
        window = window_shown(explained, found, layer, 1, {})
        shown = filters.feature_map(explained, found, layer, 1, window)
        presses = re.findall(r'data-press="(\d+)-(\d+)" aria-pressed="(\w+)"', shown)
        assert len(presses) == side * side
        assert [(int(r), int(c)) for r, c, on in presses if on == "true"] == [window]
        values = [float(value) for value in re.findall(r"column \d+: (-?[\d.]+)", shown)]
        pooled = found.by_unit(found.inputs[layer], layer)[1]
        np.testing.assert_allclose(values, pooled.ravel(), atol=0.006)
        added = found.by_unit(found.inputs[layer] * found.input_slopes[layer], layer)[1]
        assert abs(added.reshape(side, side)[window]) == np.abs(added).max()


def test_beyond_the_edge_of_the_image_there_is_padding(network: Network, seven: np.ndarray) -> None:
    explained = explaining(network)
    found = passage(explained, seven, above_mean(7))
    shown = arithmetic.figures(explained, found, Step(Kind.SUM, 1, 0, (0, 0)), None, 7)
    assert "padding, 0" in shown
    assert not re.search(r"(row|column) (-\d|0\b)", shown)


def test_one_filter_at_one_place_term_by_term(network: Network, seven: np.ndarray) -> None:
    explained = explaining(network)
    found = passage(explained, seven, above_mean(7))
    for layer, unit, place in ((1, 2, (12, 13)), (1, 0, (0, 0)), (2, 3, (5, 13))):
        step = Step(Kind.SUM, layer, unit, place)
        one = sum_of(explained, found, step)
        assert one.total + one.bias == pytest.approx(one.biased, abs=1e-5)
        assert one.biased == pytest.approx(float(found.sums[layer - 1][unit][place]))
        assert one.output == pytest.approx(float(maps(explained, found, layer)[unit][place]))
        assert len(one.terms) + one.others == (25, 75)[layer - 1]
        shown = arithmetic.figures(explained, found, step, None, 7)
        assert f"at row {place[0] + 1}, column {place[1] + 1}" in shown
    # The middle weight meets the place itself.
    middle = sum_of(explained, found, Step(Kind.SUM, 1, 2, (12, 13)), with_term=12).terms
    (term,) = (term for term in middle if term.place == 12)
    assert term.input == pytest.approx(float(seven.reshape(28, 28)[12, 13]))


@pytest.mark.parametrize(
    ("kind", "shape", "code"),
    [
        (Kind.SUM, "W (4, 75) · patches (75, 14 · 14) → (4, 14 · 14)", "self.patches"),
        (Kind.BIAS, "+ b (4, 1) → z (1, 4, 14, 14)", "self.b[:, None]"),
        (Kind.ACTIVATION, "z (1, 4, 14, 14) → h (1, 4, 14, 14)", "np.maximum"),
        (Kind.POOLING, "h (1, 4, 14, 14) → y (1, 4, 7, 7)", "self.corners(x)"),
    ],
)
def test_a_filters_steps_have_their_shapes_and_code(
    network: Network, seven: np.ndarray, kind: Kind, shape: str, code: str
) -> None:
    explained = explaining(network)
    found = passage(explained, seven, above_mean(7))
    step = Step(kind, 2, 1, (6, 7))
    assert shape in arithmetic.shapes(explained, found, step)
    assert code in html.unescape(arithmetic.code(network, explained, step))
    assert arithmetic.picture(explained, found, step) == ""
    figures = arithmetic.figures(explained, found, step, None, 7)
    if kind is Kind.POOLING:
        largest = maps(explained, found, 2)[1][6:8, 6:8].max()
        assert f"y = {largest:.4f}" in figures
        assert figures.count("<td>") == 4


def test_the_next_layer_names_places_of_the_maps(network: Network, seven: np.ndarray) -> None:
    explained = explaining(network)
    found = passage(explained, seven, above_mean(7))
    for step in (Step(Kind.SUM, 2, 0, (6, 6)), Step(Kind.SUM, 3, 5)):
        shown = arithmetic.figures(explained, found, step, None, 7)
        named = re.findall(r"map (\d+), row (\d+), column (\d+)", shown)
        assert len(named) == 8
        values = found.inputs[step.layer - 1].reshape((3, 14, 14) if step.layer == 2 else (4, 7, 7))
        inputs = re.findall(r"<td>(−?[\d.]+)</td>", shown)[::3]
        for (unit, row, column), shown_input in zip(named, inputs, strict=False):
            expected = values[int(unit), int(row) - 1, int(column) - 1]
            assert float(shown_input.replace("−", "-")) == pytest.approx(expected, abs=6e-5)


def test_the_steps_of_a_convolution(network: Network) -> None:
    steps = steps_of(explaining(network), [0, 1, 2, 7], [(3, 3), (4, 4)], temperature=1.0)
    filtered = [Kind.SUM, Kind.BIAS, Kind.ACTIVATION, Kind.POOLING]
    dense = [Kind.SUM, Kind.BIAS, Kind.ACTIVATION, Kind.SUM, Kind.BIAS, Kind.SOFTMAX]
    assert [step.kind for step in steps] == [*filtered, *filtered, *dense]
    assert [step.place for step in steps[:8]] == [(3, 3)] * 4 + [(4, 4)] * 4
    assert all(step.place is None for step in steps[8:])


def test_a_visitor_steps_through_all_of_it(page: AppTest) -> None:
    assert "For filter" in opened(page, "PANEL_NUMBERS")
    session = session_of(page)
    inside.look_at(session.inspection, 1, "4-6")
    page.run()
    assert re.search(r"at row (9|10), column (13|14), each of the 25 numbers", page_html(page))
    for number in range(14):
        in_numbers.go(session, str(number))
        page.run()
        assert not page.exception, number
    assert page.button(key="numbers-next").disabled
