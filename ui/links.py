"""Links: a recipe and its seed as a query string, so that a class can start the same run.

A link holds only what differs from its preset: `?recipe=adam&learning_rate=0.01&seed=3`. A link
with one invalid value is rejected as a whole.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from nn import Recipe, RecipeError
from nn.recipes import check_seed

FIELDS = {field.name: field for field in dataclasses.fields(Recipe) if field.name != "name"}
FULL = "full"  # the batch size that means all samples
NONE = "none"  # no such layer


@dataclass(frozen=True)
class Settings:
    """What a run starts from: a preset's name, its recipe with any changes, and a seed."""

    preset: str
    recipe: Recipe
    seed: int


def to_query(settings: Settings, presets: Mapping[str, Recipe]) -> dict[str, str]:
    """The query's parameters, in the recipe's order, without those that equal the preset's."""
    base, recipe = presets[settings.preset], settings.recipe
    values = {name: getattr(recipe, name) for name in FIELDS}
    changed = {name: _written(it) for name, it in values.items() if it != getattr(base, name)}
    return {"recipe": settings.preset, **changed, "seed": str(settings.seed)}


def address(page: str, settings: Settings, presets: Mapping[str, Recipe]) -> str:
    """The link: the page's address with the settings as its query."""
    parts, query = urlsplit(page), urlencode(to_query(settings, presets), safe=",")
    return urlunsplit((parts.scheme, parts.netloc, parts.path or "/", query, ""))


def from_query(query: Mapping[str, str], presets: Mapping[str, Recipe]) -> Settings | None:
    """The settings in a link; None where it has none.

    Parameters
    ----------
    query : parameters by name; those that are not part of a recipe are ignored
    presets : by name

    Raises
    ------
    RecipeError
        A value is malformed or not allowed.
    """
    given = {name: value for name, value in query.items() if name in FIELDS}
    if not given and "recipe" not in query and "seed" not in query:
        return None
    preset = query.get("recipe", next(iter(presets)))
    if preset not in presets:
        raise RecipeError(f"recipe: expected one of {', '.join(presets)}; got {preset[:40]!r}")
    changes = {name: _read(name, value) for name, value in given.items()}
    seed = check_seed(_number("seed", query.get("seed", "0"), int))
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
