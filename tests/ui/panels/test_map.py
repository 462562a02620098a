"""The map: where its digits are, that it does not flip, where the drawing is, and what it costs."""

from __future__ import annotations

import gc
import json
import re
import weakref
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from nn import RECIPES, Dataset, Network
from nn.explain.projection import Projection, last_hidden
from tests.helpers import inputs_of, tiny_recipe
from tests.ui.visitor import SEVEN, drawn, session_of
from ui import i18n
from ui.panels import map as panel
from ui.training.scheduler import Scheduler
from ui.view import landscape
from ui.view.landscape import Landscape

ROOT = Path(__file__).parents[3]


def whole(network: Network, digits: Dataset) -> Landscape:
    """The map, drawn in one go."""
    work = landscape.steps(network, digits)
    while True:
        try:
            next(work)
        except StopIteration as stop:
            return stop.value


@pytest.fixture(scope="module")
def shown(mnist: tuple[Dataset, Dataset]) -> Dataset:
    return landscape.chosen(mnist[1])


@pytest.fixture(scope="module")
def drawn_map(reader: Network, shown: Dataset) -> Landscape:
    return whole(reader, shown)


def flat(points: list[tuple[float, float]], labels: list[int]) -> Landscape:
    """A map with digits at chosen points."""
    plain = Projection(np.zeros(2), np.eye(2), 1.0, 1.0)
    return Landscape(np.array(labels, np.uint8), plain, np.array(points, float))


def test_as_many_of_each_digit_are_on_the_map_the_first_of_the_set(
    mnist: tuple[Dataset, Dataset], shown: Dataset
) -> None:
    assert np.bincount(shown.labels).tolist() == [landscape.EACH] * 10
    np.testing.assert_array_equal(shown.images[:5], mnist[1].images[:5])


def test_points_are_the_projected_activations_of_the_last_hidden_layer(
    reader: Network, shown: Dataset, drawn_map: Landscape
) -> None:
    hidden = last_hidden(reader, inputs_of(shown))
    np.testing.assert_allclose(drawn_map.projection.project(hidden), drawn_map.points, atol=1e-3)
    assert np.abs(drawn_map.points.mean(axis=0)).max() < 1e-3
    assert 0.1 < drawn_map.projection.share < 1


def test_a_map_is_drawn_in_steps_that_a_poll_can_pause_between(
    reader: Network, shown: Dataset
) -> None:
    assert sum(1 for _ in landscape.steps(reader, shown)) == len(shown) / landscape.CHUNK
    convolution = RECIPES["convolution"].build_network(rng=np.random.default_rng(0)).freeze()
    few = shown[:100]  # of which a convolution takes as many at a time as its memory allows
    assert convolution.chunk < 50
    pauses = sum(1 for _ in landscape.steps(convolution, few))
    assert pauses == -(-len(few) // convolution.chunk)


def test_a_trained_network_puts_digits_of_a_kind_together(drawn_map: Landscape) -> None:
    middles = np.array([drawn_map.points[drawn_map.labels == k].mean(axis=0) for k in range(10)])
    nearest = np.linalg.norm(drawn_map.points[:, None] - middles, axis=2).argmin(axis=1)
    assert np.mean(nearest == drawn_map.labels) > 0.5  # by chance it would be a tenth


def test_a_map_that_comes_out_mirrored_is_laid_over_the_one_before(drawn_map: Landscape) -> None:
    mirror = np.diag([-1.0, 1.0]).astype(np.float32)[::-1]
    other = Landscape(
        drawn_map.labels, drawn_map.projection.turned(mirror), drawn_map.points @ mirror
    )
    laid = other.laid_over(drawn_map)
    np.testing.assert_allclose(laid.points, drawn_map.points, atol=1e-3)
    np.testing.assert_allclose(laid.projection.axes, drawn_map.projection.axes, atol=1e-4)
    assert np.abs(other.points - drawn_map.points).max() > 1


def test_networks_of_different_widths_are_laid_over_each_other(
    shown: Dataset, drawn_map: Landscape
) -> None:
    small = tiny_recipe(hidden=(16,)).build_network(rng=np.random.default_rng(0))
    plain = whole(small, shown)
    laid = plain.laid_over(drawn_map)
    before = np.linalg.norm(plain.points - drawn_map.points)
    assert np.linalg.norm(laid.points - drawn_map.points) <= before
    distances = np.linalg.norm(plain.points[:50] - plain.points[50:100], axis=1)
    np.testing.assert_allclose(
        np.linalg.norm(laid.points[:50] - laid.points[50:100], axis=1), distances, rtol=1e-3
    )


def test_the_first_map_is_as_it_is(drawn_map: Landscape) -> None:
    assert drawn_map.laid_over(None) is drawn_map


def test_nearly_all_digits_fill_the_frame_and_the_rest_stand_at_its_edge(
    drawn_map: Landscape,
) -> None:
    framed = drawn_map.framed(drawn_map.points)
    assert np.abs(framed).max() <= landscape.EDGE
    inside = np.abs(framed).max(axis=1) <= 1.0001
    assert inside.mean() > 0.95
    assert np.abs(framed[inside]).max() > 0.95
    far = drawn_map.framed(drawn_map.points[:1] + 1e6)
    np.testing.assert_allclose(far, landscape.EDGE)


def test_digits_that_do_not_differ_stand_in_the_middle() -> None:
    same = flat([(2, 3)] * 4, [0, 1, 2, 3])
    np.testing.assert_array_equal(same.framed(same.points), np.zeros((4, 2)))


def test_the_sentence_counts_the_digits_nearest_to_the_drawing() -> None:
    sevens = [(0.1 * i, 0.0) for i in range(12)]
    fours = [(5.0, 0.1 * i) for i in range(20)]
    both = flat(sevens + fours, [7] * 12 + [4] * 20)
    assert landscape.around(both, np.array([0.0, 0.1])) == (7, 12)
    assert landscape.around(both, np.array([5.0, 1.0])) == (4, 15)
    assert "among 7s: 12 of the 15" in landscape.sentence(both, np.array([0.0, 0.1]))
    assert landscape.sentence(both, None) == i18n.MAP_EMPTY


def test_the_charts_data_are_the_digits_in_the_frame() -> None:
    columns = landscape.data(flat([(0, 0), (2, 1)], [3, 8]))
    assert columns["glyph"] == ["3", "8"]
    assert columns["x"] == pytest.approx([-columns["x"][1], columns["x"][1]])
    assert columns["x"][1] > columns["y"][1] > 0
    assert {len(column) for column in landscape.data(None).values()} == {0}


def place_of(star: str) -> list[float]:
    """Left and top, in percent of the frame."""
    return [float(number) for number in re.findall(r"(?:left|top):([\d.]+)%", star)]


def test_the_star_stands_where_a_digit_of_the_same_activations_does() -> None:
    both = flat([(0, 0), (2, 1)], [3, 8])
    columns = landscape.data(both)
    left, top = place_of(landscape.star(both, np.array([2.0, 1.0])))
    assert left == pytest.approx(50 + 50 * columns["x"][1] / landscape.FRAMED, abs=0.1)
    assert top == pytest.approx(50 - 50 * columns["y"][1] / landscape.FRAMED, abs=0.1)
    assert i18n.MAP_STAR in landscape.star(both, np.array([2.0, 1.0]))


def test_a_star_beyond_the_digits_stays_within_the_frame() -> None:
    both = flat([(0, 0), (2, 1)], [3, 8])
    assert all(0 < place < 100 for place in place_of(landscape.star(both, np.array([-99, 99]))))


def test_without_a_drawing_there_is_no_star() -> None:
    both = flat([(0, 0), (2, 1)], [3, 8])
    assert "star" not in landscape.star(both, None)
    assert "star" not in landscape.star(None, None)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_spec_gives_every_digit_a_hue_of_its_own_and_fits_json(theme: str) -> None:
    spec = json.loads(json.dumps(landscape.spec(theme)))
    scale = spec["layer"][0]["encoding"]["color"]["scale"]
    assert len(set(scale["range"])) == len(scale["domain"]) == 10


def test_a_network_that_overflows_has_no_map(shown: Dataset, reader: Network) -> None:
    spoilt = reader.copy()
    spoilt.params[...] = np.nan
    with pytest.raises(ValueError, match="finite"):
        whole(spoilt, shown)


def test_a_kept_map_does_not_keep_its_network(shown: Dataset) -> None:
    scheduler = Scheduler(lambda: (shown, shown))
    network = tiny_recipe(hidden=(16,)).build_network(rng=np.random.default_rng(0))
    while not scheduler.compute("map", network, lambda it: landscape.steps(it, shown))[0]:
        assert scheduler.turn()
    gone = weakref.ref(network)
    del network
    gc.collect()
    assert gone() is None


# On the page.


@pytest.fixture
def page(open_page: Callable[..., AppTest]) -> AppTest:
    """The page with this panel open, not run yet."""
    return open_page(panel="PANEL_MAP")


def html_of(page: AppTest) -> str:
    assert not page.exception
    return " ".join(element.proto.body for element in page.get("html"))


def test_the_panel_invites_to_draw_and_then_says_where_the_drawing_is(page: AppTest) -> None:
    page.run()
    assert i18n.MAP_EMPTY in html_of(page)
    assert "(768 units)" in html_of(page)
    page.session_state["slate"] = drawn(SEVEN)
    page.run()
    assert re.search(r"lies among 7s: \d+ of the 15", html_of(page))
    session_of(page).read_with("original")
    page.run()
    assert "(128 units)" in html_of(page)


def test_a_second_run_projects_nothing(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    page.session_state["slate"] = drawn(SEVEN)
    page.run()
    before = html_of(page)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("worked again")

    for module, name in ((panel, "last_hidden"), (landscape, "last_hidden")):
        monkeypatch.setattr(module, name, refuse)
    monkeypatch.setattr(landscape, "turned_onto", refuse)
    monkeypatch.setattr(landscape, "principal_components", refuse)
    page.run()
    assert html_of(page) == before
