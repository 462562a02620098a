from __future__ import annotations

import numpy as np
import pytest

from nn import RECIPES, Recipe, RecipeError
from ui import i18n, presets
from ui.presets import LESSONS, PRESETS


def parameters(recipe: Recipe) -> int:
    return recipe.build_network(rng=np.random.default_rng(0)).params.size


def test_presets_named_like_recipes_are_those_recipes() -> None:
    assert {name: PRESETS[name] for name in RECIPES} == RECIPES


def test_every_preset_and_lesson_has_its_texts() -> None:
    assert i18n.PRESETS.keys() == i18n.STORIES.keys() == PRESETS.keys()
    assert i18n.LESSONS.keys() == i18n.LESSON_STORIES.keys() == LESSONS.keys()
    named = {*PRESETS, *(run for lesson in LESSONS.values() for run in lesson.runs)}
    assert named == set(i18n.NAMES)


def test_a_preset_changes_what_its_description_says() -> None:
    assert PRESETS["small"].hidden == (2,)
    assert (PRESETS["few"].samples, PRESETS["few"].validation) == (500, 5000)
    assert (PRESETS["wild"].optimizer, PRESETS["wild"].learning_rate) == ("gd", 5.0)
    assert {name: recipe.name for name, recipe in PRESETS.items()} == {
        name: name for name in PRESETS
    }


def test_the_runs_of_a_lesson_differ_only_in_what_it_teaches() -> None:
    fields = {
        name: {
            field
            for run in lesson.runs.values()
            for field, value in run.to_dict().items()
            if value != next(iter(lesson.runs.values())).to_dict()[field]
        }
        for name, lesson in LESSONS.items()
    }
    assert fields == {
        "optimizers": {"optimizer", "learning_rate"},
        "regularisers": {"batch_norm", "dropout"},
        "convolution": {"filters", "hidden"},
    }
    dense, convolution = LESSONS["convolution"].runs.values()
    sizes = [parameters(recipe) for recipe in (dense, convolution)]
    assert sizes == pytest.approx([54_000, 54_000], rel=0.01)  # as its description says
    assert list(LESSONS["optimizers"].runs) == ["gd", "momentum", "rmsprop", "adam"]


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        (
            'preset = [{ name = "x", base = "adam", changes = { epochs = 0 } }]',
            RecipeError,
            "epochs",
        ),
        ('preset = [{ name = "x", base = "adam", changes = { epoch = 1 } }]', RecipeError, "epoch"),
        ('preset = [{ name = "x", base = "nowhere" }]', KeyError, "nowhere"),
    ],
)
def test_invalid_presets_are_rejected(text: str, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        presets.load(text + "\nlesson = []")
