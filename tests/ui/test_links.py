from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest

from nn import Recipe, RecipeError
from ui import links
from ui.links import Settings
from ui.presets import PRESETS

EVERYTHING = PRESETS["original"].replace(
    filters=(4, 6),
    kernel_size=3,
    hidden=(300, 50),
    activation="tanh",
    leak=0.25,
    batch_norm=True,
    dropout=0.1,
    optimizer="nesterov",
    learning_rate=1e-05,
    momentum=0.123456789,
    schedule="cosine",
    warmup=1.5,
    batch_size=77,
    epochs=3,
    patience=2,
    samples=1234,
    weight_decay=0.02,
    label_smoothing=0.1,
    clip_norm=2.5,
    weight_average=0.99,
    augment=0.5,
    pen=0.25,
    nondigits=0.125,
    validation=4000,
    loss_epsilon=0.0,
)


def through_an_address(settings: Settings) -> Settings | None:
    address = links.address("http://here:8501/page?lang=de", settings, PRESETS)
    assert address.startswith("http://here:8501/page?recipe=")
    return links.from_query(dict(parse_qsl(urlsplit(address).query)), PRESETS)


@pytest.mark.parametrize("preset", PRESETS)
def test_an_unchanged_preset_is_written_as_its_name_and_the_seed(preset: str) -> None:
    settings = Settings(preset, PRESETS[preset], 7)
    assert links.to_query(settings, PRESETS) == {"recipe": preset, "seed": "7"}
    assert through_an_address(settings) == settings


@pytest.mark.parametrize(
    "recipe",
    [
        PRESETS["adam"].replace(hidden=()),
        PRESETS["adam"].replace(batch_size=None),
        PRESETS["deep"].replace(batch_norm=False, hidden=(512, 256, 128)),
        PRESETS["convolution"].replace(filters=(3,), kernel_size=7),
        PRESETS["convolution"].replace(filters=(), hidden=(68,)),
        EVERYTHING,
    ],
    ids=[
        *("no hidden layer", "full batch", "deeper"),
        *("other filters", "no filters", "every field"),
    ],
)
def test_every_field_comes_back_exactly(recipe: Recipe) -> None:
    settings = Settings(recipe.name, recipe, 2**53 - 1)
    assert through_an_address(settings) == settings


def test_filters_are_written_like_hidden_units() -> None:
    recipe = PRESETS["convolution"].replace(filters=(4, 8), kernel_size=3, hidden=())
    expected = {"filters": "4,8", "kernel_size": "3", "hidden": "none"}
    found = links.to_query(Settings("convolution", recipe, 0), PRESETS)
    assert found == {"recipe": "convolution", **expected, "seed": "0"}


def test_fields_equal_to_the_presets_are_left_out() -> None:
    settings = Settings("adam", PRESETS["adam"].replace(learning_rate=0.01), 3)
    expected = {"recipe": "adam", "learning_rate": "0.01", "seed": "3"}
    assert links.to_query(settings, PRESETS) == expected


def test_a_query_without_settings_is_none_and_other_parameters_are_ignored() -> None:
    assert links.from_query({}, PRESETS) is None
    assert links.from_query({"lang": "de", "embed": "true"}, PRESETS) is None
    found = links.from_query({"lang": "de", "seed": "5"}, PRESETS)
    assert found == Settings("adam", PRESETS["adam"], 5)


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ({"recipe": "evil"}, "recipe: expected one of adam, .*; got 'evil'"),
        ({"epochs": "many"}, "epochs: expected a whole number, got 'many'"),
        ({"epochs": "0"}, "epochs: expected a whole number from 1 to 10,000, got 0"),
        ({"hidden": "128,x"}, "hidden: expected a whole number, got 'x'"),
        ({"hidden": "99999"}, "hidden: .* from 1 to 4,096"),
        ({"filters": "8,8,8,8,8"}, "filters: expected numbers for up to 4 layers"),
        ({"filters": "64,64", "kernel_size": "11"}, "filters: expected at most 262,144 numbers"),
        ({"kernel_size": "12"}, "kernel_size: .* from 1 to 11"),
        ({"learning_rate": "nan"}, "learning_rate: .* got nan"),
        ({"batch_norm": "yes"}, "batch_norm: expected true or false, got 'yes'"),
        ({"batch_size": "1", "batch_norm": "true"}, "batch_size: expected 2 or more"),
        ({"optimizer": "<script>"}, "optimizer: expected one of"),
        ({"seed": "-1"}, "seed: .* got -1"),
        ({"seed": "1e9"}, "seed: expected a whole number, got '1e9'"),
        ({"seed": "9" * 5000}, "seed: "),
    ],
    ids=str,
)
def test_a_link_with_an_invalid_value_is_rejected_with_what_is_allowed(
    query: dict[str, str], says: str
) -> None:
    with pytest.raises(RecipeError, match=says):
        links.from_query(query, PRESETS)
