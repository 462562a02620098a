from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest

from nn import RECIPES, Recipe, RecipeError
from nn.layers import Dense, Dropout, LeakyReLU
from nn.recipes import find_recipe


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_comes_back_from_json_as_it_was(name: str) -> None:
    recipe = RECIPES[name]
    assert recipe.name == name
    assert Recipe.from_json(recipe.to_json()) == recipe
    assert Recipe.from_dict(recipe.to_dict()) == recipe
    assert find_recipe(name) is recipe


def test_fields_left_out_take_their_defaults() -> None:
    assert Recipe.from_json('{"hidden": [], "epochs": 3}') == Recipe(hidden=(), epochs=3)


def test_original_has_the_settings_of_the_script_and_nothing_else() -> None:
    recipe = RECIPES["original"]
    expected = {
        "name": "original",
        "filters": (),
        "hidden": (128,),
        "activation": "leaky_relu",
        "leak": 0.004,
        "optimizer": "gd",
        "learning_rate": 0.3,
        "batch_size": None,
        "epochs": 400,
        "validation": 0,
        "samples": 0,
        "schedule": "constant",
        "batch_norm": False,
        "loss_epsilon": 1e-8,
    }
    off = ("dropout", "warmup", "weight_decay", "label_smoothing", "clip_norm", "weight_average")
    off += ("augment", "pen", "nondigits", "patience")
    found = dataclasses.asdict(recipe)
    found.pop("momentum")  # gradient descent has none
    found.pop("kernel_size")  # of no filters
    assert found == expected | dict.fromkeys(off, 0.0)


def test_original_builds_the_network_of_the_script() -> None:
    network = RECIPES["original"].build_network(rng=np.random.default_rng(0))
    expected = [Dense(784, 128), LeakyReLU(0.004), Dense(128, 10)]
    assert network.architecture() == [{"kind": x.kind, **x.config()} for x in expected]
    assert network.params.dtype == np.float32


def test_deep_builds_normalised_layers_with_dropout() -> None:
    network = RECIPES["deep"].build_network(rng=np.random.default_rng(0), dtype=np.float64)
    hidden = ["dense", "batch_norm", "leaky_relu", "dropout"]
    assert [layer.kind for layer in network.layers] == [*hidden, *hidden, "dense"]
    assert {layer.rate for layer in network.layers if isinstance(layer, Dropout)} == {0.2}
    assert network.params.dtype == np.float64


@pytest.mark.parametrize("activation", ["leaky_relu", "relu", "tanh"])
def test_the_activation_and_its_leak_reach_the_network(activation: str) -> None:
    recipe = Recipe(hidden=(3,), activation=activation, leak=0.25)
    layer = recipe.build_network(rng=np.random.default_rng(0)).layers[1]
    assert layer.kind == activation
    assert layer.config() == ({"slope": 0.25} if activation == "leaky_relu" else {})


@pytest.mark.parametrize("optimizer", ["momentum", "nesterov", "adamw"])
def test_momentum_and_weight_decay_reach_the_optimizer(optimizer: str) -> None:
    recipe = Recipe(optimizer=optimizer, momentum=0.75, weight_decay=0.125)
    built = recipe.build_optimizer(np.zeros(3), np.zeros(3))
    assert (built.kind, built.weight_decay) == (optimizer, 0.125)
    assert getattr(built, "momentum", 0.75) == 0.75


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"epochs": 0}, "epochs: expected a whole number from 1 to 10,000, got 0"),
        ({"epochs": 2.5}, "epochs: expected a whole number .* got 2.5"),
        ({"epochs": True}, "epochs: expected a whole number .* got True"),
        ({"epochs": "3"}, "epochs: expected a whole number .* got '3'"),
        ({"epochs": None}, "epochs: expected a whole number .* got None"),
        ({"hidden": (-5,)}, "hidden: expected a whole number from 1 to 4,096, got -5"),
        ({"hidden": (64, 5000)}, "hidden: .* got 5000"),
        ({"hidden": 64}, "hidden: expected numbers for up to 8 layers, such as .* got 64"),
        ({"hidden": (9,) * 9}, "hidden: expected numbers for up to 8 layers"),
        ({"dropout": 1}, "dropout: expected a number from 0 to below 1.*, got 1"),
        ({"dropout": -0.1}, "dropout: .* got -0.1"),
        ({"learning_rate": 0}, "learning_rate: expected a number above 0 to .*, got 0"),
        ({"learning_rate": math.nan}, "learning_rate: .* got nan"),
        ({"learning_rate": math.inf}, "learning_rate: .* got inf"),
        ({"learning_rate": "0.1"}, "learning_rate: expected a number .* got '0.1'"),
        ({"learning_rate": False}, "learning_rate: expected a number .* got False"),
        ({"learning_rate": 10**400}, "learning_rate: expected a number above 0 to .*, got 1000"),
        ({"batch_size": 0}, "batch_size: expected a whole number from 1 to 1,000,000, got 0"),
        ({"batch_size": 1, "batch_norm": True}, "batch_size: .* 2 or more with batch_norm.* got 1"),
        ({"warmup": 11}, "warmup: expected at most the 10 epochs .* got 11; lower warmup"),
        ({"patience": -1}, "patience: expected a whole number from 0 to 10,000, got -1"),
        ({"patience": 3, "validation": 0}, "patience: expected 0 without a validation set, got 3"),
        ({"label_smoothing": 1.0}, "label_smoothing: .* got 1.0"),
        ({"weight_average": 1.0}, "weight_average: .* got 1.0"),
        ({"weight_decay": -1}, "weight_decay: .* got -1"),
        ({"optimizer": "sgd"}, "optimizer: expected one of gd, .*adamw; got 'sgd'"),
        ({"activation": None}, "activation: expected one of leaky_relu, relu, tanh; got None"),
        ({"schedule": ["cosine"]}, r"schedule: expected one of constant, cosine; got \['cosine'\]"),
        ({"batch_norm": 1}, "batch_norm: expected bool, got 1"),
        ({"name": 3}, "name: expected str, got 3"),
        ({"validation": 50_001}, "validation: .* from 0 to 50,000, got 50001"),
        ({"samples": 60_001}, "samples: .* from 0 to 60,000, got 60001"),
        ({"learning_rat": 0.1}, "expected fields of a recipe, got learning_rat"),
    ],
    ids=str,
)
def test_a_bad_value_is_refused_with_field_value_and_what_is_allowed(
    change: dict, says: str
) -> None:
    for make in (RECIPES["adam"].replace, lambda **values: Recipe.from_dict(values)):
        with pytest.raises(RecipeError, match=says):
            make(**change)


@pytest.mark.parametrize(
    "text", ["", "{", "[1]", "null", '"adam"', "[" * 100_000, '{"epochs": ' + "1" * 5000 + "}"]
)
def test_a_text_that_is_no_recipe_is_refused(text: str) -> None:
    with pytest.raises(RecipeError, match="expected a recipe as a JSON object, got"):
        Recipe.from_json(text)


def test_an_unknown_recipe_is_refused_with_those_there_are() -> None:
    with pytest.raises(
        RecipeError, match="one of original, adam, deep, convolution, best; got 'fast'"
    ):
        find_recipe("fast")


def test_a_recipe_never_changes() -> None:
    recipe = Recipe(hidden=[64, 32])
    assert recipe.hidden == (64, 32)
    with pytest.raises(dataclasses.FrozenInstanceError):
        recipe.epochs = 3
    assert recipe.replace(epochs=3).epochs == 3
    assert recipe.epochs == 10


NAMES_OF_NO_FIELD = [{"self": 1}, {"cls": 1}, {"": 2}, {"changes": {}}, {"values": {}}]


@pytest.mark.parametrize("values", NAMES_OF_NO_FIELD, ids=str)
def test_names_that_are_no_fields_are_refused_whatever_they_are(values: dict[str, Any]) -> None:
    (name,) = values
    for make in (Recipe().replace, lambda **values: Recipe.from_dict(values)):
        with pytest.raises(RecipeError, match=f"^expected fields of a recipe, got {name}$"):
            make(**values)


@pytest.mark.parametrize(
    "values", [{1: 2}, {None: 2, "epochs": 3}, {("epochs",): 3, 4: 5}], ids=str
)
def test_keys_that_are_no_names_are_refused(values: dict[Any, Any]) -> None:
    with pytest.raises(RecipeError, match="expected fields of a recipe, got "):
        Recipe.from_dict(values)


@pytest.mark.parametrize("values", [None, 3, "epochs", ["epochs", 3], [("epochs", 3)]], ids=str)
def test_what_is_no_mapping_is_refused_as_a_recipe(values: Any) -> None:
    with pytest.raises(RecipeError, match="expected fields of a recipe, got ") as refusal:
        Recipe.from_dict(values)
    assert str(values) in str(refusal.value)


def test_a_whole_number_in_a_field_of_numbers_is_a_float() -> None:
    recipe = Recipe.from_json('{"dropout": 0, "learning_rate": 1, "epochs": 3}')
    assert [type(value) for value in (recipe.dropout, recipe.learning_rate)] == [float, float]
    assert type(recipe.epochs) is int
