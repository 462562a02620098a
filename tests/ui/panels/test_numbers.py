"""One forward pass in numbers: figures equal to the network's, code found in its source."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from nn import Network, load_network, losses
from nn.calibration import Calibration
from nn.drawing.preprocessing import preprocess
from nn.explain.attribution import above_mean, explaining, passage
from nn.layers import BatchNorm, Dense, Dropout, LeakyReLU, ReLU, Tanh
from tests.helpers import drawing
from tests.ui.visitor import SEVEN, drawn, session_of
from tests.ui.visitor import html as page_html
from ui import i18n
from ui.page import visit
from ui.panels import in_numbers
from ui.view import arithmetic
from ui.view.sources import excerpt
from ui.view.steps import TERMS, Kind, Step, activation_after, softmax_of, steps_of, sum_of

ROOT = Path(__file__).parents[3]
SHIPPED = ["best", "original"]


@pytest.fixture(scope="module")
def seven() -> np.ndarray:
    """A drawn 7 as the network reads it."""
    return preprocess(drawing(7)).input


@pytest.fixture(params=SHIPPED)
def network(request: pytest.FixtureRequest) -> Network:
    """A network that is shipped."""
    return load_network(ROOT / "weights" / f"{request.param}.npz")


def cells(table: str) -> list[list[str]]:
    """The rows of a table in a piece of HTML, its head left out."""
    rows = re.findall(r"<tr.*?</tr>", table.split("<tbody>")[1])
    return [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in rows]


def number(figure: str) -> float:
    return float(figure.replace("−", "-"))


def test_the_figures_end_at_what_the_network_predicts(network: Network, seven: np.ndarray) -> None:
    explained = explaining(network)
    found = passage(explained, seven, above_mean(7))
    expected = network.predict_proba(seven[None])[0]
    p = softmax_of(found.sums[-1]).probabilities
    assert p.dtype == np.float32
    np.testing.assert_allclose(p, expected, rtol=1e-5, atol=1e-7)
    last = len(found.sums)
    shown = cells(arithmetic.figures(explained, found, Step(Kind.SOFTMAX, last, 7), None, 7))
    np.testing.assert_allclose([number(row[-1]) for row in shown[:10]], expected, atol=6e-5)
    judged = network.calibration.apply(expected[None])[0]
    shown = cells(arithmetic.figures(explained, found, Step(Kind.TEMPERATURE, last, 7), None, 7))
    np.testing.assert_allclose([number(row[-1]) for row in shown[:10]], judged, atol=6e-5)


def test_each_unit_is_its_terms_its_bias_and_its_bend(network: Network, seven: np.ndarray) -> None:
    explained = explaining(network)
    found = passage(explained, seven, above_mean(7))
    x = seven.astype(np.float64)
    dense = [layer for layer in explained.layers if isinstance(layer, Dense)]
    for layer, part in enumerate(dense, start=1):
        z = x @ part.W.astype(np.float64) + part.b
        h = z if layer == len(dense) else np.where(z > 0, z, 0.004 * z)
        for unit in (0, 3, part.outputs - 1):
            one = sum_of(explained, found, Step(Kind.SUM, layer, unit))
            assert one.biased == pytest.approx(z[unit], abs=1e-4)
            assert one.total + one.bias == pytest.approx(one.biased, abs=1e-5)
            assert one.output == pytest.approx(h[unit], abs=1e-4)
            assert sum(term.value for term in one.terms) + one.rest == pytest.approx(one.total)
            assert len(one.terms) == TERMS
            assert one.others == part.inputs - TERMS
            largest = np.sort(np.abs(x * part.W[:, unit]))[-TERMS:]
            assert np.allclose(sorted(abs(term.value) for term in one.terms), largest, atol=1e-4)
            for term in one.terms:
                assert term.value == pytest.approx(term.input * term.weight, rel=1e-5)
        x = h


def test_the_unit_that_is_followed_is_among_the_terms_however_small(
    network: Network, seven: np.ndarray
) -> None:
    explained = explaining(network)
    found = passage(explained, seven, above_mean(7))
    least = int(np.abs(found.inputs[1]).argmin())
    one = sum_of(explained, found, Step(Kind.SUM, 2, 1), with_term=least)
    assert one.terms[-1].place == least
    assert sum(term.value for term in one.terms) + one.rest == pytest.approx(one.total)
    table = arithmetic.figures(explained, found, Step(Kind.SUM, 2, 1), least, 7)
    marked = re.findall(r'<tr class="marked">.*?</tr>', table)
    assert len(marked) == 1
    assert f"unit {least} of layer 1" in marked[0]


def test_the_steps_are_those_that_the_network_has(network: Network) -> None:
    explained = explaining(network)
    hidden = sum(isinstance(layer, Dense) for layer in network.layers) - 1
    steps = steps_of(explained, [5] * hidden + [7], temperature=0.7)
    kinds = [step.kind for step in steps]
    layer = [Kind.SUM, Kind.BIAS, Kind.ACTIVATION]
    assert kinds == [*layer * hidden, Kind.SUM, Kind.BIAS, Kind.SOFTMAX, Kind.TEMPERATURE]
    assert steps_of(explained, [5] * hidden + [7], temperature=1.0) == steps[:-1]


@pytest.mark.parametrize(
    ("bend", "z", "says"),
    [
        (LeakyReLU(0.25), 2.0, "leaves it unchanged"),
        (LeakyReLU(0.25), -2.0, "multiplies it by 0.25"),
        (ReLU(), 2.0, "leaves it unchanged"),
        (ReLU(), -2.0, "sets it to 0"),
        (Tanh(), -2.0, "activation function"),
    ],
)
def test_every_bend_is_told_with_its_code(bend: object, z: float, says: str) -> None:
    network = Network([Dense(784, 3), bend, Dense(3, 10)])
    network.layers[0].b[...] = z
    explained = explaining(network)
    found = passage(explained, np.zeros(784, np.float32), above_mean(7))
    step = Step(Kind.ACTIVATION, 1, 2)
    figure = arithmetic.figures(explained, found, step, None, 7)
    assert says in figure
    expected = float(bend.forward(np.array([[z]]))[0, 0])
    assert f"h = {expected:.4f}".replace("-", "−") in figure
    code = html.unescape(arithmetic.code(network, explained, step))
    for name in ("maximum", "tanh"):
        assert (name in code) == (name == ("tanh" if isinstance(bend, Tanh) else "maximum"))


def test_layers_without_a_bend_between_have_no_such_step() -> None:
    explained = explaining(Network([Dense(784, 3), Dense(3, 10)]))
    assert activation_after(explained, 1) is None
    assert Kind.ACTIVATION not in [
        step.kind for step in steps_of(explained, [0, 7], temperature=1.0)
    ]


def test_folding_is_told_where_there_is_a_normalisation_and_nowhere_else() -> None:
    layers = [Dense(784, 4), Dropout(0.1), BatchNorm(4), ReLU(), Dense(4, 3), ReLU(), Dense(3, 10)]
    network = Network(layers)
    folded = [arithmetic.is_folded(network, Step(Kind.SUM, layer, 0)) for layer in (1, 2, 3)]
    assert folded == [True, False, False]
    assert not arithmetic.is_folded(network, Step(Kind.ACTIVATION, 1, 0))
    explained = explaining(network)
    assert arithmetic.code(network, explained, Step(Kind.SUM, 1, 0)).count("<figure") == 2
    assert arithmetic.code(network, explained, Step(Kind.SUM, 2, 0)).count("<figure") == 1


@pytest.mark.parametrize(
    ("kind", "must"),
    [
        (Kind.SUM, ["x @ self.W", "scale_and_shift"]),
        (Kind.BIAS, ["self.b", "scale_and_shift"]),
        (Kind.ACTIVATION, ["np.maximum"]),
        (Kind.SOFTMAX, ["np.exp", ".sum(", ".max("]),
        (Kind.TEMPERATURE, ["temperature"]),
    ],
)
def test_the_code_of_a_step_stands_in_the_file_at_these_lines(kind: Kind, must: list) -> None:
    network = load_network(ROOT / "weights" / "best.npz")
    shown = arithmetic.code(network, explaining(network), Step(kind, 1, 0))
    text = html.unescape(shown)
    assert all(part in text for part in must)
    for figure in re.findall(r"<figure.*?</figure>", shown):
        file = ROOT / re.search(r"nn/\w+\.py", figure)[0]
        lines = file.read_text("utf-8").splitlines()
        found = re.findall(r'"number">(\d+)</span><code>(.*?)</code>', figure)
        assert 1 <= len(found) <= 8
        for place, line in found:
            assert lines[int(place) - 1].strip() == html.unescape(line).strip()


def test_what_names_nothing_is_shown_whole() -> None:
    whole = excerpt(losses.softmax, names="no such name")
    assert whole == excerpt(losses.softmax)
    assert whole.path == "nn/losses.py"
    assert not any('"""' in line for _, line in whole.lines)
    assert [line for _, line in excerpt(Dense.forward, names="b").lines] == ["y += self.b"]
    assert len(excerpt(Calibration.apply).lines) >= 2


@pytest.fixture
def page(open_page: Callable[..., AppTest]) -> AppTest:
    """The page with this panel open and a 7 drawn."""
    page = open_page(panel="PANEL_NUMBERS")
    page.session_state["slate"] = drawn(SEVEN)
    return page


def test_a_blank_slate_is_told_what_this_is_for(open_page: Callable[..., AppTest]) -> None:
    page = open_page(panel="PANEL_NUMBERS")
    page.run()
    assert not page.exception
    assert i18n.NUMBERS_EMPTY in page_html(page)


def test_a_visitor_steps_through_to_the_bars_of_the_page(
    page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.run()
    assert not page.exception
    assert page.button(key="numbers-back").disabled
    steps = 0
    while not page.button(key="numbers-next").disabled:
        page.button(key="numbers-next").click().run()
        assert not page.exception
        steps += 1
    assert steps == 9
    table = page_html(page).split('<table class="terms">')[1]
    shown = [number(row[-1]) for row in cells(table)[:10]]
    bars = page_html(page).split('class="bars"')[1].split("</ol>")[0]
    widths = [float(width) / 100 for width in re.findall(r"width:([\d.]+)%", bars)]
    np.testing.assert_allclose(shown, widths, atol=6e-4)
    in_numbers.go(session_of(page), "0")
    page.run()
    assert "each of 784 inputs" in page_html(page)
    for wild in ("", "-1", "x", "9" * 99):
        in_numbers.go(session_of(page), wild)
        page.run()
        assert "each of 784 inputs" in page_html(page)


def test_another_unit_is_followed(page: AppTest) -> None:
    page.run()
    page.number_input(key="numbers-1-of-1536").set_value(5).run()
    assert not page.exception
    assert "For unit 5 of layer 1" in page_html(page)
    session_of(page).read_with("original")
    page.run()
    assert not page.exception
    network = load_network(visit.WEIGHTS / "original.npz")
    (steps,) = session_of(page).slate.found.digits
    probabilities = network.predict_proba(steps.input[None])[0]
    assert page.number_input(key="numbers-digit-of-10").value in (probabilities.argmax(), 7)
    assert page.number_input(key="numbers-1-of-128").max == 127
