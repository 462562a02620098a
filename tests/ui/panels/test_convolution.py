"""A convolution on the page, by AppTest: its fields, and a run that is kept and then taught."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from nn import Dataset
from tests.helpers import drawing, shown
from tests.ui.page.test_photo import draw
from tests.ui.panels.test_hand import fill, wait
from tests.ui.visitor import html, session_of
from ui import i18n
from ui.presets import PRESETS

PANELS = ("TRAINING", "TIME", "RUNS", "HAND", "MISTAKES", "MAP", "WHY")


def choose(page: AppTest, **values: str | int) -> None:
    """Choose the preset, and type into its fields."""
    page.selectbox(key="recipe-name").set_value("convolution")
    page.run()
    for name, value in values.items():
        page.text_input(key=f"{name}-convolution").set_value(str(value))
    page.run()
    assert not page.exception


def labels(page: AppTest) -> set[str]:
    return {field.label for field in page.text_input}


def test_filters_have_fields_where_the_preset_has_filters(
    open_page: Callable[..., AppTest],
) -> None:
    page = open_page().run()
    assert not labels(page) & {"Filters", "Filter size"}
    choose(page, filters="4 8", kernel_size=3, hidden="")
    assert labels(page) >= {"Filters", "Filter size", "Hidden units"}
    expected = PRESETS["convolution"].replace(filters=(4, 8), kernel_size=3, hidden=())
    assert session_of(page).recipe == expected
    choose(page, filters="")  # then it is a dense network, and the fields stay
    assert session_of(page).recipe == expected.replace(filters=())
    assert labels(page) >= {"Filters", "Filter size"}


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"filters": "many"}, "Filters: expected one whole number per layer, such as 32, 16"),
        ({"filters": "65"}, "Filters: expected a whole number from 1 to 64, got 65"),
        ({"filters": "1, 1, 1, 1, 1"}, "Filters: expected numbers for up to 4 layers"),
        ({"kernel_size": 12}, "Filter size: expected a whole number from 1 to 11, got 12"),
        ({"filters": "64, 64", "kernel_size": 11}, "use fewer filters or a smaller filter size"),
    ],
)
def test_wrong_filters_are_refused_with_what_is_allowed(
    open_page: Callable[..., AppTest], values: dict[str, str | int], says: str
) -> None:
    page = open_page().run()
    choose(page, **values)
    assert says in shown(page.error)[0]
    assert page.button(key="train").disabled


def test_a_link_fills_in_the_filters(open_page: Callable[..., AppTest]) -> None:
    page = open_page(recipe="convolution", filters="3,5", kernel_size="7").run()
    assert page.text_input(key="filters-convolution-1").value == "3, 5"
    assert page.text_input(key="kernel_size-convolution-1").value == "7"
    assert session_of(page).recipe.sizes == "784-3×7×7-5×7×7-64-10"
    assert not page.warning


def test_it_is_trained_and_kept_and_comes_back_to_be_taught(
    open_page: Callable[..., AppTest],
    mnist: tuple[Dataset, Dataset],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DIGIT_LAB_DATABASE", f"sqlite:///{tmp_path / 'runs.sqlite3'}")
    page = open_page(panel="PANEL_RUNS").run()
    choose(page, filters="3, 2", kernel_size=3, hidden="8", samples=600, epochs=1)
    page.button(key="train").click().run()
    assert page.text_input(key="filters-convolution").disabled
    assert page.text_input(key="kernel_size-convolution").disabled
    wait(page)
    recipe = session_of(page).runs.controlled().recipe
    assert "784-3×3×3-2×3×3-8-10, Adam 0.003" in html(page)
    page.button(key="run-keep").click().run()

    later = open_page(panel="PANEL_RUNS").run()
    later.button(key="shelf-bring").click().run()
    session = session_of(later)
    (brought,) = session.runs
    assert brought.recipe == recipe
    fill(later, mnist, 3)
    draw(later, drawing(3))
    session.teach(brought.network, "Convolution, taught")
    wait(later)
    taught = session.runs.controlled()
    assert (taught.recipe.filters, taught.recipe.hidden) == ((3, 2), (8,))
    assert taught.recipe.kernel_size == 3
    assert session.network is taught.network
    for name in PANELS:
        later.session_state["panels-en"] = i18n.say(f"PANEL_{name}")
        later.run()
        assert not later.exception, name
        assert session.panel == f"PANEL_{name}"
        assert i18n.NO_MOMENTS not in html(later)
    assert session.film.filters
    assert len(session.film.units) == 3
    assert len(session.landscape.projection.mean) == 8
