"""Presets: recipes to start from. Lessons: races that start with one click.

Both are in assets/presets.toml; their descriptions are in assets/languages.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nn import RECIPES, Recipe
from nn.teach import TEACHING
from ui import assets

BASES = {**RECIPES, TEACHING.name: TEACHING}
TAUGHT = "taught"  # the preset that teaches Original instead of training a new network


@dataclass(frozen=True)
class Lesson:
    """A race: recipes by the names of their runs, all trained with one seed."""

    name: str
    runs: dict[str, Recipe]


def load(text: str) -> tuple[dict[str, Recipe], dict[str, Lesson]]:
    """Presets and lessons by name; raises RecipeError or KeyError where one is invalid.

    Parameters
    ----------
    text : TOML, as in presets.toml
    """
    tables = tomllib.loads(text)
    presets = {
        entry["name"]: _recipe(entry["base"], entry.get("changes", {})).replace(name=entry["name"])
        for entry in tables["preset"]
    }
    lessons = {}
    for entry in tables["lesson"]:
        runs = {}
        for run in entry["runs"]:
            own = {field: value for field, value in run.items() if field != "name"}
            runs[run["name"]] = _recipe(entry["base"], {**entry.get("changes", {}), **own})
        lessons[entry["name"]] = Lesson(entry["name"], runs)
    return presets, lessons


def _recipe(base: str, changes: Mapping[str, Any]) -> Recipe:
    lists = {name: tuple(value) for name, value in changes.items() if isinstance(value, list)}
    return BASES[base].replace(**{**changes, **lists})


PRESETS, LESSONS = load(assets.text("presets.toml"))
