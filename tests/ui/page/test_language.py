"""The page in the visitor's language, run by AppTest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tests.helpers import shown
from tests.ui.visitor import session_of
from ui import i18n

ROOT = Path(__file__).parents[3]


def word(code: str, name: str) -> Any:
    """A word of one language."""
    return i18n.CATALOGUES[code][name]


def html(page: AppTest) -> str:
    return " ".join(element.proto.body for element in page.get("html"))


@pytest.mark.parametrize(
    ("locale", "speaks"),
    [("de-AT", "de"), ("DE", "de"), ("en-GB", "en"), ("xx-XX", "en"), (None, "en")],
)
def test_a_first_visit_speaks_the_browsers_language_where_it_can(
    page: AppTest, locale: str | None, speaks: str
) -> None:
    page.context["locale"] = locale
    page.run()
    assert not page.exception
    assert word(speaks, "INVITATION") in html(page)
    assert page.button(key="clear").label == word(speaks, "CLEAR")
    assert f'documentElement.lang = "{speaks}"' in html(page)


@pytest.mark.parametrize(("wish", "speaks"), [("de", "de"), ("xx", "en"), ("<b>", "en")])
def test_a_link_may_name_the_language(page: AppTest, wish: str, speaks: str) -> None:
    page.context["locale"] = "en-US"
    page.query_params["lang"] = wish
    page.run()
    assert not page.exception
    assert session_of(page).language == speaks


def test_a_switch_changes_every_word_and_keeps_what_was_chosen(page: AppTest) -> None:
    page.query_params["lang"] = "en"
    page.run()
    page.selectbox(key="recipe-name").select("original").run()
    page.selectbox(key="optimizer-original").select("momentum").run()
    page.segmented_control(key="language").set_value("de").run()
    assert not page.exception
    assert word("de", "INVITATION") in html(page)
    assert word("en", "INVITATION") not in html(page)
    assert page.query_params["lang"] == "de"
    assert "document.cookie" in html(page)
    page.run()  # the browser has the new words by now
    chosen = [page.selectbox(key=f"{name}-original").value for name in ("batch_size", "optimizer")]
    assert chosen == [0, "momentum"]
    assert page.selectbox(key="recipe-name").value == "original"
    assert not page.error


def test_a_number_is_typed_and_shown_as_the_page_writes_it(page: AppTest) -> None:
    page.query_params["lang"] = "de"
    page.run()
    rate = page.text_input(key="learning_rate-adam")
    assert rate.value == "0,001"
    rate.set_value("0,02").run()
    page.text_input(key="dropout-adam").set_value("0.25").run()
    recipe = session_of(page).recipe
    assert (recipe.learning_rate, recipe.dropout) == (0.02, 0.25)
    page.segmented_control(key="language").set_value("en").run()
    assert page.text_input(key="learning_rate-adam").value == "0.02"
    assert page.text_input(key="dropout-adam").value == "0.25"
    assert session_of(page).recipe == recipe
    page.text_input(key="learning_rate-adam").set_value("1.250").run()
    page.segmented_control(key="language").set_value("de").run()
    assert page.text_input(key="learning_rate-adam").value == "1,25"
    assert session_of(page).recipe.learning_rate == 1.25
    page.text_input(key="learning_rate-adam").set_value("1.250").run()
    [said] = shown(page.error)
    assert said == (
        "Lernrate: erwartet wird eine Zahl wie 0,02, ohne Tausendertrennzeichen; da steht '1.250'."
    )
    assert page.button(key="train").disabled
    page.segmented_control(key="language").set_value("en").run()
    assert page.text_input(key="learning_rate-adam").value == "1.250"
    assert not page.error  # on the page as it is now, that is a number


def test_the_browser_is_told_to_remember_only_what_was_chosen(page: AppTest) -> None:
    page.context["locale"] = "de-DE"
    page.run()
    assert "document.cookie = " not in html(page)
    page.segmented_control(key="language").set_value("en").run()
    assert 'document.cookie = "digit-lab-language=en;' in html(page)
