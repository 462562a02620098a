"""The page's texts: complete in every language, and all of them used."""

from __future__ import annotations

import ast
import re
import string
import tomllib
from pathlib import Path
from typing import Any

import pytest

from ui import i18n

UI = Path(__file__).parents[2] / "ui"


def fields(words: Any) -> Any:
    """The names of a text's {fields}; for a table, those of each entry."""
    if isinstance(words, dict):
        return {key: fields(value) for key, value in words.items()}
    return sorted(field for _, field, _, _ in string.Formatter().parse(words) if field is not None)


def used() -> set[str]:
    """The texts that the page uses: i18n.NAME, say("NAME"), "PANEL_NAME"; in scripts words.NAME."""
    names = set(attributes())
    for script in (UI / "assets").rglob("*.js"):
        names |= set(re.findall(r"\b[A-Z]+_[A-Z_]+\b", script.read_text("utf-8")))
    for path in UI.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                names.add(node.value)
    return names


def attributes() -> set[str]:
    """The attributes of `i18n` that a module uses."""
    return {
        node.attr
        for path in UI.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "i18n"
    }


@pytest.mark.parametrize("code", i18n.CATALOGUES)
def test_every_language_has_the_same_texts_with_the_same_fields(code: str) -> None:
    reference = i18n.CATALOGUES[i18n.FALLBACK]
    words = i18n.CATALOGUES[code]
    assert words.keys() == reference.keys()
    assert {name: fields(words[name]) for name in words} == {
        name: fields(reference[name]) for name in reference
    }


def test_no_name_is_in_two_tables() -> None:
    path = UI / "assets" / "languages" / f"{i18n.FALLBACK}.toml"
    tables = tomllib.loads(path.read_text("utf-8")).values()
    names = [name for table in tables for name in table]
    assert {name for name in names if names.count(name) > 1} == set()


def test_every_text_that_the_page_uses_exists() -> None:
    assert "TRAIN" in attributes()
    assert {name for name in attributes() if not hasattr(i18n, name)} == set()


def test_no_text_is_unused() -> None:
    assert i18n.CATALOGUES[i18n.FALLBACK].keys() - used() == set()


def test_numbers_follow_the_language(monkeypatch: pytest.MonkeyPatch) -> None:
    german = {**i18n.CATALOGUES["en"], "DECIMAL": ",", "THOUSANDS": "."}
    monkeypatch.setitem(i18n.CATALOGUES, "test", german)
    monkeypatch.setattr(i18n, "language", lambda: "test")
    assert i18n.percent(0.9612, 1) == "96,1 %"
    assert i18n.count(60_000) == "60.000"
    assert i18n.percent(0.99999) == "99 %"


def test_a_text_missing_in_a_language_is_shown_in_the_fallback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    english = i18n.CATALOGUES["en"]
    monkeypatch.setitem(i18n.CATALOGUES, "test", {"READERS": {"yours": "Deines"}})
    monkeypatch.setattr(i18n, "language", lambda: "test")
    readers, clear = i18n.READERS, i18n.CLEAR
    assert readers == {**english["READERS"], "yours": "Deines"}
    assert clear == english["CLEAR"]
    with pytest.raises(AttributeError, match="NOWHERE"):
        i18n.say("NOWHERE")


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("![x](http://a.b)", "\\!\\[x\\]\\(http\\:\u2060\\/\\/a\\.b\\)"),
        ("www.a.b c@d.e", "www\u2060\\.a\\.b c\\@\u2060d\\.e"),
        (":red[x] $y$", "\\:\u2060red\\[x\\] \\$y\\$"),
        ("a -> b", "a \\-\u2060\\> b"),
        ("<b>", "\\<b\\>"),
        ("two\nlines \ud800", "two lines "),
        ("recipe: 3", "recipe\\: 3"),
    ],
)
def test_plain_text_has_no_meaning_in_markdown(text: str, plain: str) -> None:
    assert i18n.plain(text) == plain


@pytest.mark.parametrize(
    ("code", "text", "number"),
    [
        ("de", "0,02", 0.02),
        ("de", "0.02", 0.02),  # no thousands are written so
        ("de", "0.002", 0.002),
        ("de", " -1,5 ", -1.5),
        ("de", "1,000", 1.0),
        ("de", "5e-4", 0.0005),
        ("de", "1.000", None),  # a thousand, or 1 as English writes it
        ("de", "12.500", None),
        ("de", "1.000,5", None),
        ("en", "0.02", 0.02),
        ("en", "0,02", 0.02),
        ("en", "1.000", 1.0),
        ("en", "1e-05", 0.00001),
        ("en", ".5", 0.5),
        ("en", "1,000", None),
        ("en", "0,1,2", None),
        ("en", "1 2", None),
        ("en", "nan", None),
        ("en", ",", None),
        ("en", "", None),
        pytest.param("en", "1" * 30_000 + "x", None, id="many digits"),  # at once
    ],
)
def test_a_typed_number_is_read_as_its_language_writes_it_or_not_at_all(
    code: str, text: str, number: float | None
) -> None:
    if number is None:
        with pytest.raises(ValueError, match="expected a number"):
            i18n.parse_number(text, code)
    else:
        assert i18n.parse_number(text, code) == number


@pytest.mark.parametrize("code", i18n.CATALOGUES)
def test_a_number_written_exactly_is_read_as_the_same_number(
    monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    monkeypatch.setattr(i18n, "language", lambda: code)
    for number in (0.0, 30.0, 0.001, 1e-05, 1234.0, 1234.5, 0.0123456789, 1e6):
        assert i18n.parse_number(i18n.exact(number)) == number
