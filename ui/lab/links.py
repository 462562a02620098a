"""Links: a recipe and its seed as a query string, so that a room can start the same run.

Only what differs from the named preset is told: `?recipe=adam&learning_rate=0.01&seed=3`. Reading
believes nothing; a link that is wrong in one value is not half followed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from nn import Recipe, RecipeError

FIELDS = {field.name: field for field in dataclasses.fields(Recipe) if field.name != "name"}
FULL = "full"  # a batch size of all samples
NONE = "none"  # no hidden layer
MAX_SEED = 2**53 - 1  # the largest whole number that a browser's field holds exactly


@dataclass(frozen=True)
class Settings:
    """What a training starts from: a preset's name, its recipe perhaps changed, and a seed."""

    preset: str
    recipe: Recipe
    seed: int


def to_query(settings: Settings, presets: Mapping[str, Recipe]) -> dict[str, str]:
    """The query's parameters, in a recipe's order; what is as in the preset is left out."""
    base, recipe = presets[settings.preset], settings.recipe
    query = {"recipe": settings.preset}
    for name in FIELDS:
        if getattr(recipe, name) != getattr(base, name):
            query[name] = _written(getattr(recipe, name))
    return {**query, "seed": str(settings.seed)}


def address(page: str, settings: Settings, presets: Mapping[str, Recipe]) -> str:
    """The link: the page's address with the settings as its query."""
    parts, query = urlsplit(page), urlencode(to_query(settings, presets), safe=",")
    return urlunsplit((parts.scheme, parts.netloc, parts.path or "/", query, ""))


def from_query(query: Mapping[str, str], presets: Mapping[str, Recipe]) -> Settings | None:
    """The settings that a link carries; None where it carries none.

    Parameters
    ----------
    query : parameters by name; those that are no part of a recipe are left alone
    presets : by name

    Raises
    ------
    RecipeError
        A value is no such value, or not allowed; nothing of the link is to be followed then.
    """
    told = {name: value for name, value in query.items() if name in FIELDS}
    if not told and "recipe" not in query and "seed" not in query:
        return None
    preset = query.get("recipe", next(iter(presets)))
    if preset not in presets:
        raise RecipeError(f"recipe: expected one of {', '.join(presets)}; got {preset[:40]!r}")
    changes = {name: _read(name, value) for name, value in told.items()}
    seed = _number("seed", query.get("seed", "0"), int)
    if not 0 <= seed <= MAX_SEED:
        raise RecipeError(f"seed: expected a whole number from 0 to {MAX_SEED:,}, got {seed}")
    return Settings(preset, presets[preset].replace(**changes), seed)


def _written(value: Any) -> str:
    if value is None:
        return FULL
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ",".join(str(part) for part in value) or NONE
    return str(value)


def _read(name: str, text: str) -> Any:
    default = FIELDS[name].default
    if name == "batch_size":
        return None if text == FULL else _number(name, text, int)
    if isinstance(default, bool):
        if text not in ("true", "false"):
            raise RecipeError(f"{name}: expected true or false, got {text[:40]!r}")
        return text == "true"
    if isinstance(default, tuple):
        parts = [] if text == NONE else text.split(",")
        return tuple(_number(name, part, int) for part in parts)
    if isinstance(default, int | float):
        return _number(name, text, type(default))
    return text


def _number(name: str, text: str, kind: type) -> Any:
    try:
        return kind(text[:40])
    except ValueError:
        noun = "a whole number" if kind is int else "a number"
        raise RecipeError(f"{name}: expected {noun}, got {text[:40]!r}") from None
