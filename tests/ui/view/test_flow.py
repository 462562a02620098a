"""The picture of a drawing's way through a network: which units, which lines, which figures."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from nn import Network
from nn.drawing.preprocessing import preprocess
from nn.explain.attribution import above_mean, connections, explaining, passage
from nn.layers import BatchNorm, Dense, Dropout, LeakyReLU
from tests.helpers import drawing
from ui import i18n
from ui.view import flow
from ui.view.flow import LOYAL, SHOWN, flow_of, strongest

WIDTHS = {
    "none": (),
    "128": (128,),
    "1024-512": (1024, 512),
    "four": (4,),
    "eight layers": (9,) * 8,
}


@pytest.fixture(scope="module")
def seven() -> np.ndarray:
    """A drawn 7 as the network's input."""
    return preprocess(drawing(7)).input


@pytest.fixture(params=WIDTHS)
def network(request: pytest.FixtureRequest, rng: np.random.Generator) -> Network:
    """Networks with random weights, of every shape that the page can get."""
    layers, inputs = [], 784
    for width in WIDTHS[request.param]:
        layers += [Dense(inputs, width), BatchNorm(width), LeakyReLU(0.01), Dropout(0.1)]
        inputs = width
    return explaining(Network([*layers, Dense(inputs, 10)]).initialize(rng=rng))


def test_the_units_that_contribute_most_are_shown_with_their_contributions(
    network: Network, seven: np.ndarray
) -> None:
    found = flow_of(network, seven)
    scores = network.forward(seven[None])[0]
    assert found.digit == scores.argmax()
    np.testing.assert_allclose(found.scores, scores, rtol=1e-6)
    whole = passage(network, seven, above_mean(found.digit))
    for layer, (shown, width, rest) in enumerate(
        zip(found.units, found.widths, found.rest, strict=True), start=1
    ):
        shares = whole.shares(layer)
        places = [unit.key[1] for unit in shown]
        assert [unit.key[0] for unit in shown] == [layer] * min(SHOWN, width)
        assert set(places) == set(np.argsort(-np.abs(shares))[:SHOWN])
        for unit in shown:
            assert unit.share == pytest.approx(shares[unit.key[1]], abs=1e-6)
            assert unit.output == pytest.approx(whole.inputs[layer][unit.key[1]], abs=1e-6)
        total = sum(unit.share for unit in shown) + rest
        assert total == pytest.approx(shares.sum(), abs=1e-4)


def test_lines_are_the_strongest_connections_between_what_is_shown(
    network: Network, seven: np.ndarray
) -> None:
    found = flow_of(network, seven)
    whole = passage(network, seven, above_mean(found.digit))
    places = [[unit.key[1] for unit in layer] for layer in found.units]
    for gap, lines in enumerate(found.lines[:-1]):
        added = connections(network, whole, gap)[:, places[gap]]
        added = added.sum(axis=0)[None] if gap == 0 else added[places[gap - 1]]
        assert len(lines) == min(flow.LINES, added.size)
        least = min(abs(line.value) for line in lines)
        assert (np.abs(added) > least * (1 + 1e-5)).sum() < len(lines)
        for line in lines:
            assert line.value == pytest.approx(added[line.start, line.end], abs=1e-5)
    shares = whole.shares(len(places))
    for line in found.lines[-1]:  # a line to the top score is its unit's contribution
        if line.end == found.digit:
            share = shares.sum() if not places else shares[places[-1][line.start]]
            assert line.value == pytest.approx(share, abs=1e-4)


def test_the_picture_is_legible_xml_whose_units_can_be_pressed(
    network: Network, seven: np.ndarray
) -> None:
    found = flow_of(network, seven)
    keys = [unit.key for layer in found.units for unit in layer]
    off = set(keys[1:2])
    drawn = flow.picture(found, chosen=keys[0] if keys else None, off=off)
    tree = ElementTree.fromstring(drawn)
    presses = [node for node in tree.iter() if "data-press" in node.attrib]
    assert [node.get("data-press") for node in presses] == [f"{a}-{b}" for a, b in keys]
    assert sum(node.get("aria-pressed") == "true" for node in presses) == bool(keys)
    assert sum(i18n.IS_OFF in node.get("aria-label") for node in presses) == len(off)
    assert all(node.find("title").text for node in presses)
    svg = tree.find("svg")
    width, height = (float(part) for part in svg.get("viewBox").split()[2:])
    ends = [
        float(number)
        for path in tree.iter("path")
        if "line" in path.get("class")
        for number in re.findall(r"[\d.]+", path.get("d"))
    ]
    assert ends
    assert max(ends) <= max(width, height)
    for image in tree.iter("image"):
        assert float(image.get("y")) + float(image.get("height")) <= height
        assert float(image.get("x", 0)) + float(image.get("width")) <= width


def test_lines_of_a_disabled_unit_are_cut(seven: np.ndarray, rng: np.random.Generator) -> None:
    layers = [Dense(784, 4), LeakyReLU(0.01), Dense(4, 10)]
    found = flow_of(explaining(Network(layers).initialize(rng=rng)), seven)
    assert " cut" not in flow.picture(found, chosen=None, off=())
    cut = flow.picture(found, chosen=None, off={(1, 2)})
    starts = sum(found.units[0][line.start].key == (1, 2) for line in found.lines[1])
    assert cut.count(' cut"') == 1 + starts


def test_units_keep_their_place_while_they_are_among_the_strongest(
    rng: np.random.Generator,
) -> None:
    shares = rng.permutation(np.linspace(1, 100, 60)) * rng.choice([-1, 1], 60)
    order = list(np.argsort(-np.abs(shares)))
    assert list(strongest(shares)) == order[:SHOWN]
    before = (order[LOYAL], order[LOYAL - 1], order[5], order[2], order[0], order[9])
    after = strongest(shares, before)
    assert after[1:] == before[1:]  # these are still among the strongest
    assert after[0] == order[1]  # this one is not: the strongest that was not shown
    assert len(set(after)) == SHOWN
    assert strongest(shares[:3]) == tuple(np.argsort(-np.abs(shares[:3])))


def test_a_units_details_include_what_activates_it_most_strongly() -> None:
    images = [(np.full(784, 9 * n, np.uint8), n, 3.25 - n) for n in range(8)]
    wanted = np.linspace(-1, 1, 784)
    says = flow.detail((1, 37), output=2.5, share=-0.25, digit=7, wanted=wanted)
    says += flow.exciting(images, 10_000)
    assert "Its output for this drawing is 2.50; it adds −0.25 to the score of 7." in says
    assert i18n.WANTED_FIRST in says
    assert "Of 10,000 test digits" in says
    assert re.findall(r'alt="(\d)">(-?[\d.]+)<', says)[:2] == [("0", "3.2"), ("1", "2.2")]


def test_disabled_units_are_listed_on_one_line() -> None:
    assert flow.names_of_disabled((), 0) == i18n.NONE_OFF
    two = {(2, 5), (1, 37)}
    assert flow.names_of_disabled(two, 0) == "Disabled: unit 37 of layer 1, unit 5 of layer 2."
    assert flow.names_of_disabled(two, 1) == "Disabled: filter 37 of layer 1, unit 5 of layer 2."
    many = flow.names_of_disabled({(1, n) for n in range(7)}, 0)
    assert many.endswith("unit 3 of layer 1 and 3 more.")
