"""The page's words: complete in every language, and all of them known."""

from __future__ import annotations

import ast
import string
import tomllib
from pathlib import Path
from typing import Any

import pytest

from ui import texts

UI = Path(__file__).parents[2] / "ui"


def fields(words: Any) -> Any:
    """A text without its words: the names of its {fields}; of a table, those of each entry."""
    if isinstance(words, dict):
        return {key: fields(value) for key, value in words.items()}
    return sorted(field for _, field, _, _ in string.Formatter().parse(words) if field is not None)


def used() -> set[str]:
    """The words that the page's modules name: texts.NAME, say("NAME"), "PANEL_NAME"."""
    names = set(attributes())
    for path in UI.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                names.add(node.value)
    return names


def attributes() -> set[str]:
    """What is asked of the module `texts` by its dotted name."""
    return {
        node.attr
        for path in UI.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "texts"
    }


@pytest.mark.parametrize("code", texts.CATALOGUES)
def test_every_language_has_the_same_words_with_the_same_fields(code: str) -> None:
    reference = texts.CATALOGUES[texts.FALLBACK]
    words = texts.CATALOGUES[code]
    assert words.keys() == reference.keys()
    assert {name: fields(words[name]) for name in words} == {
        name: fields(reference[name]) for name in reference
    }


def test_no_name_stands_in_two_tables() -> None:
    path = UI / "languages" / f"{texts.FALLBACK}.toml"
    tables = tomllib.loads(path.read_text("utf-8")).values()
    names = [name for table in tables for name in table]
    assert {name for name in names if names.count(name) > 1} == set()


def test_every_word_that_the_page_names_is_there() -> None:
    assert "TRAIN" in attributes()
    assert {name for name in attributes() if not hasattr(texts, name)} == set()


def test_no_word_is_there_in_vain() -> None:
    assert texts.CATALOGUES[texts.FALLBACK].keys() - used() == set()


def test_numbers_follow_the_language(monkeypatch: pytest.MonkeyPatch) -> None:
    german = {**texts.CATALOGUES["en"], "DECIMAL": ",", "THOUSANDS": "."}
    monkeypatch.setitem(texts.CATALOGUES, "test", german)
    monkeypatch.setattr(texts, "language", lambda: "test")
    assert texts.percent(0.9612, 1) == "96,1 %"
    assert texts.count(60_000) == "60.000"
    assert texts.percent(0.99999) == "99 %"


def test_a_word_that_a_language_lacks_is_said_in_the_fallback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    english = texts.CATALOGUES["en"]
    monkeypatch.setitem(texts.CATALOGUES, "test", {"READERS": {"yours": "Deines"}})
    monkeypatch.setattr(texts, "language", lambda: "test")
    readers, clear = texts.READERS, texts.CLEAR
    assert readers == {**english["READERS"], "yours": "Deines"}
    assert clear == english["CLEAR"]
    with pytest.raises(AttributeError, match="NOWHERE"):
        texts.say("NOWHERE")
