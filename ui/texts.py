"""Every word the page says, in the visitor's language: `texts.TRAIN` is the word for that button.

The words stand in languages/, a TOML file a language; its tables only group them, and a name in
capitals is found by itself. Here are the sentences that are made of figures. The page says whose
language it is by setting `language`; this module knows no page.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nn import Evaluation, Number, Reading

FALLBACK = "en"


def _load(path: Path) -> dict[str, Any]:
    """The words of one file, by name, whatever tables they stand in."""
    words: dict[str, Any] = {}
    with path.open("rb") as file:
        for table in tomllib.load(file).values():
            words |= table
    return words


CATALOGUES: dict[str, dict[str, Any]] = {
    path.stem: _load(path) for path in sorted((Path(__file__).parent / "languages").glob("*.toml"))
}
language: Callable[[], str] = lambda: FALLBACK  # noqa: E731  (set by the page, see session.py)


def __getattr__(name: str) -> Any:
    fallback = CATALOGUES[FALLBACK]
    if name not in fallback:
        raise AttributeError(f"no word of that name in languages/{FALLBACK}.toml: {name}")
    word = CATALOGUES[language()].get(name, fallback[name])
    return {**fallback[name], **word} if isinstance(word, dict) else word


def say(name: str, **fields: object) -> str:
    """The sentence of that name, its {fields} filled in."""
    return str(__getattr__(name)).format(**fields)


def complaint(error: Exception) -> str:
    """An error in the visitor's words, by its kind and figures; in its own where it has none."""
    kind = getattr(error, "kind", "")
    if kind not in __getattr__("ERRORS"):
        return str(error)
    told = {name: _figure(name, value) for name, value in error.figures.items()}  # type: ignore[attr-defined]
    return str(__getattr__("ERRORS")[kind]).format(**told)


def _figure(name: str, value: object) -> str:
    """A figure of an error as it is told: a field by its label, a number in the language's way."""
    if name == "field":
        return str(__getattr__("FIELDS").get(value, value))
    if name == "fields":
        return ", ".join(_figure("field", field) for field in value)  # type: ignore[attr-defined]
    if isinstance(value, tuple | list):
        return ", ".join(_figure("", each) for each in value)
    if isinstance(value, int) and not isinstance(value, bool):
        return count(value)
    return number(value) if isinstance(value, float) else str(value)


def number(value: float) -> str:
    """A number as short as it can be told: 0.001, 30, 1e-05."""
    return f"{value:.4g}".replace(".", say("DECIMAL"))


def decimal(value: float, decimals: int) -> str:
    """A number with so many decimals, with the language's own point: 0.5 or 0,5."""
    return f"{value:.{decimals}f}".replace(".", say("DECIMAL"))


def count(number: int) -> str:
    """A whole number with its thousands set apart."""
    return f"{number:,}".replace(",", say("THOUSANDS"))


def percent(share: float, decimals: int = 0) -> str:
    """A share in [0, 1] as "96 %"; never rounded up to certainty."""
    scale = 10**decimals
    value = min(round(share * 100 * scale), 100 * scale - 1) if share < 1 else 100 * scale
    return f"{decimal(value / scale, decimals)} %"


def verdict(reading: Reading) -> str:
    """What the page says of a reading, after its large digit."""
    if reading.blank:
        return say("INVITATION")
    if reading.digit is None:
        return say("BLOT")
    if reading.runner_up is not None:
        return say("NOT_SURE", digit=reading.digit, other=reading.runner_up)
    return say("SURE", share=percent(reading.confidence))


def number_verdict(number: Number) -> str:
    """What the page says of several digits: how sure of all, then of each, line by line."""
    if number.digits is None:
        return say("NO_NUMBER", count=len(number.readings), place=number.weakest + 1)
    lines = []
    for reading in number.readings:
        says = str(reading.digit)
        if reading.runner_up is not None:
            says = say("EITHER", digit=reading.digit, other=reading.runner_up)
        lines.append(f"{says}: {percent(reading.confidence)}")
    if len(lines) > 3:  # there is room for three
        return say("LEAST_SURE", share=percent(number.confidence), weakest=lines[number.weakest])
    return "\n".join(lines)


def time_left(seconds: float | None) -> str:
    """Seconds of training to come, in words."""
    if seconds is None or not math.isfinite(seconds):
        return ""
    whole = max(round(seconds), 1)
    if whole < 60:
        return say("SECONDS_LEFT", seconds=whole)
    return say("MINUTES_LEFT", minutes=whole // 60, seconds=whole % 60)


def tested(test: Evaluation) -> str:
    """The result on the test set."""
    share, errors, samples = percent(test.accuracy, 2), count(test.errors), count(test.samples)
    return say("TESTED", share=share, errors=errors, samples=samples)


def accuracies(training: float, validation: float | None) -> str:
    """Both accuracies in words; the latter where there is one."""
    share = percent(training, 2)
    if validation is None:
        return say("TRAINING_ACCURACY", share=share)
    return say("BOTH_ACCURACIES", share=share, validation=percent(validation, 2))


def epoch(done: int, epochs: int) -> str:
    """How many epochs are done."""
    return say("EPOCH_OF", done=done, epochs=epochs)


def done(epochs: int) -> str:
    """A training that went through."""
    return say("DONE_MANY", epochs=epochs) if epochs > 1 else say("DONE_ONE")
