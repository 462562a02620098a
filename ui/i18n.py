"""Every text on the page in the visitor's language: `i18n.TRAIN` is the label of that button.

The texts are in assets/languages, one TOML file per language; its tables only group them. A text
that is missing in a language is shown in English. The page sets `language` to a function that
returns the visitor's. Numbers are also formatted here, as they depend on the language.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from ui import assets

FALLBACK = "en"
PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")  # all that a backslash can escape in Markdown
NUMBER = re.compile(r"[+-]?([0-9]+([.,][0-9]*)?|[.,][0-9]+)(e[+-]?[0-9]+)?", re.IGNORECASE)
JOINED = re.compile(r":(?=\S)|www(?=\.)|@|[-<>~=](?=[-<>=])", re.IGNORECASE)


def _load(path: Path) -> dict[str, Any]:
    """The texts of one file by name, from all its tables."""
    words: dict[str, Any] = {}
    with path.open("rb") as file:
        for table in tomllib.load(file).values():
            words |= table
    return words


CATALOGUES: dict[str, dict[str, Any]] = {
    path.stem: _load(path) for path in sorted((assets.FOLDER / "languages").glob("*.toml"))
}
# What this run of the page, or this request, is answered in; empty where that is not known yet.
spoken: ContextVar[str] = ContextVar("spoken", default="")
language: Callable[[], str] = lambda: spoken.get() or FALLBACK  # noqa: E731  (page/language.py too)


def __getattr__(name: str) -> Any:
    fallback = CATALOGUES[FALLBACK]
    if name not in fallback:
        raise AttributeError(f"languages/{FALLBACK}.toml has no text named {name}")
    word = CATALOGUES[language()].get(name, fallback[name])
    return {**fallback[name], **word} if isinstance(word, dict) else word


def say(name: str, **fields: object) -> str:
    """The text of that name with its {fields} filled in."""
    return str(__getattr__(name)).format(**fields)


def one_line(text: str) -> str:
    """A text on one line, stripped, without unprintable characters."""
    return "".join(char for char in " ".join(text.split()) if char.isprintable())


def plain(text: object) -> str:
    """Text from outside (a URL, a file name, an error) as Markdown that shows just that text.

    Streamlit renders Markdown in warnings and labels. A backslash before each punctuation mark
    takes its meaning away. An invisible word joiner stops Streamlit from making links, icons and
    arrows, which it does later, on the finished text.
    """
    line = one_line(str(text))
    return PUNCTUATION.sub(r"\\\g<0>", JOINED.sub("\\g<0>\u2060", line))


def number(value: float) -> str:
    """A number with up to four significant digits: 0.001, 30, 1e-05."""
    return f"{value:.4g}".replace(".", say("DECIMAL"))


def exact(value: float) -> str:
    """A number with all its digits, which `parse_number` takes for the same one: 0.001, 30."""
    return repr(float(value)).removesuffix(".0").replace(".", say("DECIMAL"))


def parse_number(text: str, code: str = "") -> float:
    """The number that somebody has typed: 0.02 or 0,02, in either language.

    Where a sign may separate thousands, as in "1,000" on an English page, it is not read: whoever
    is used to another language may mean 1.

    Parameters
    ----------
    code : of the language in which it was typed; by default the visitor's

    Raises
    ------
    ValueError
        It is no number, or may be one of two.
    """
    text, thousands = text.strip(), CATALOGUES[code or language()]["THOUSANDS"]
    grouped = rf"[+-]?[1-9][0-9]{{0,2}}{re.escape(thousands)}[0-9]{{3}}(?![0-9])"
    if not NUMBER.fullmatch(text) or re.match(grouped, text):
        raise ValueError(f"expected a number such as {exact(0.02)}, got {text[:40]!r}")
    return float(text.replace(",", "."))


def decimal(value: float, decimals: int) -> str:
    """A number with so many decimals and the language's decimal sign: 0.5 or 0,5."""
    return f"{value:.{decimals}f}".replace(".", say("DECIMAL"))


def count(number: int) -> str:
    """A whole number with the language's thousands separator."""
    return f"{number:,}".replace(",", say("THOUSANDS"))


def percent(share: float, decimals: int = 0) -> str:
    """A share in [0, 1] as "96 %"; only 1 itself is 100 %."""
    scale = 10**decimals
    value = min(round(share * 100 * scale), 100 * scale - 1) if share < 1 else 100 * scale
    return f"{decimal(value / scale, decimals)} %"
