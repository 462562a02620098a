"""Checkpoints of all kinds given to the page: each is usable everywhere on it, or refused."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as some
from streamlit.testing.v1 import AppTest

from nn import RECIPES, CheckpointError, Network, Recipe
from nn.convolution import Convolution, Flatten, MaxPooling, Unflatten
from nn.layers import BatchNorm, Dense, Dropout, Layer
from nn.network import ACTIVATIONS, LAYERS, sample_shapes
from nn.recipes import MAX_HIDDEN_LAYERS, MAX_SEED, MAX_UNITS
from tests.helpers import checkpoint_bytes, shown
from tests.ui.visitor import SEVEN, drawn, session_of
from ui import files, hints, i18n, links
from ui.panels import registry
from ui.presets import PRESETS
from ui.runs import Run, Runs
from ui.storage import Store
from ui.view import sentences

ROOT = Path(__file__).parents[2]
FIELDS = [field.name for field in dataclasses.fields(Recipe)]
ANYTHING = some.one_of(
    some.none(),
    some.booleans(),
    some.integers(-(2**70), 2**70),
    some.floats(),
    some.text(max_size=12),
    some.lists(some.integers(-3, 9), max_size=3),
    some.dictionaries(some.text(max_size=4), some.integers(), max_size=2),
)
RECIPE_LIKE = some.dictionaries(some.sampled_from([*FIELDS, "self", ""]), ANYTHING, max_size=4)
META = some.fixed_dictionaries(
    {},
    optional={
        "recipe": ANYTHING | RECIPE_LIKE | some.just(RECIPES["best"].to_dict()),
        "seed": ANYTHING,
        "epochs": ANYTHING,
        "name": ANYTHING,
    },
)
WIDTHS = some.one_of(some.integers(1, 20), some.sampled_from([MAX_UNITS, MAX_UNITS + 1, 5000]))


@some.composite
def images(draw: some.DrawFn) -> list[Layer]:
    """Layers from 784 pixels to features, with convolutions and pooling in any order."""
    layers: list[Layer] = [Unflatten(*draw(some.sampled_from([(1, 28, 28), (4, 14, 14)])))]
    for kind in draw(some.lists(some.sampled_from(["convolution", "pooling", "relu"]), max_size=5)):
        channels, height, _ = sample_shapes(layers)[-1]
        if kind == "convolution":
            filters, size = draw(some.integers(1, 4) | some.just(64)), draw(some.integers(1, 5))
            padding = draw(some.integers(size // 2, 5))
            layers.append(Convolution(channels, filters, size, padding, bias=draw(some.booleans())))
            layers += [BatchNorm(filters)] if draw(some.booleans()) else []
        elif kind == "pooling":
            layers.append(MaxPooling(min(draw(some.integers(1, 4)), height)))
        else:
            layers.append(LAYERS[kind]())
    return [*layers, Flatten()]


@some.composite
def networks(draw: some.DrawFn) -> list[Layer]:
    """Layers from 784 to 10, also such as no recipe has, too wide and too deep ones."""
    layers: list[Layer] = draw(some.just([]) | images())
    width = sample_shapes(layers)[-1][0] if layers else 784
    depth = draw(some.integers(0, 3) | some.sampled_from([MAX_HIDDEN_LAYERS, 9]))
    for _ in range(depth):
        outputs = draw(WIDTHS if depth < 3 and not layers else some.integers(1, 20))
        layers.append(Dense(width, outputs, bias=draw(some.booleans())))
        width = outputs
        kinds = sorted([*ACTIVATIONS, "batch_norm", "dropout"])
        for kind in draw(some.lists(some.sampled_from(kinds), max_size=3)):
            if kind == "batch_norm":
                layers.append(BatchNorm(width))
            elif kind == "dropout":
                layers.append(Dropout(draw(some.floats(0, 1, exclude_max=True))))
            else:
                layers.append(LAYERS[kind]())
    layers.append(Dense(width, 10))
    if draw(some.integers(0, 9)) == 0:
        layers.append(LAYERS["relu"]())
    return layers


def file_of(layers: list[Layer], **meta: Any) -> bytes:
    return checkpoint_bytes(Network(layers).initialize(rng=np.random.default_rng(0)), **meta)


def perceptron(*widths: int) -> list[Layer]:
    return [Dense(a, b) for a, b in itertools.pairwise((784, *widths, 10))]


def convolution(*filters: int) -> list[Layer]:
    """Convolutions without pooling, and with no hidden layer after them."""
    layers: list[Layer] = [Unflatten(1, 28, 28)]
    for channels, count in itertools.pairwise((1, *filters)):
        layers += [Convolution(channels, count, 3, padding=1), LAYERS["relu"]()]
    layers.append(Flatten())
    return [*layers, Dense(sample_shapes(layers)[-1][0], 10)]


def check_run(run: Run, file: Path) -> None:
    """What the page does with a run, but for drawing it."""
    snapshot = run.snapshot
    assert snapshot is not None
    assert 0 <= run.seed <= MAX_SEED
    assert snapshot.seed == run.seed
    assert 0 <= snapshot.epoch <= 10_000
    assert Recipe.from_json(run.recipe.to_json()) == run.recipe
    assert run.name.encode()
    assert hints.hint(snapshot) is None
    assert sentences.recipe(run.recipe)
    link = links.to_query(links.Settings("adam", run.recipe, run.seed), PRESETS)
    found = links.from_query(link, PRESETS)
    assert found is not None
    assert (found.recipe.replace(name=run.recipe.name), found.seed) == (run.recipe, run.seed)
    again, _ = files.network_from_upload(files.checkpoint_bytes(snapshot, name="x"), "x.npz")
    x = np.full((1, 784), 0.5, np.float32)
    np.testing.assert_array_equal(again.predict_proba(x), snapshot.network.predict_proba(x))
    store = Store(f"sqlite:///{file}", max_runs=10_000, max_bytes=10**12)
    kept = store.load("me", store.keep("me", run.name, snapshot))
    assert (kept.recipe, kept.seed) == (run.recipe, run.seed)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(networks(), META)
@example(perceptron(5000), {})
@example(perceptron(*[4] * 9), {})
@example(perceptron(8), {"seed": -1, "epochs": True})
@example(convolution(64, 1), {"recipe": RECIPES["convolution"].to_dict()})
@example(perceptron(8), {"seed": 2**60, "epochs": 10**12, "name": "  \n"})
@example(perceptron(8), {"recipe": {"self": 1}, "name": 3})
@example(perceptron(8), {"name": "\ud800"})
def test_a_checkpoint_is_a_run_like_any_other_or_refused(
    tmp_path: Path, layers: list[Layer], meta: dict[str, Any]
) -> None:
    raw = file_of(layers, **meta)
    try:
        network, told = files.network_from_upload(raw, "file.npz")
    except CheckpointError:
        return
    check_run(Runs().load("file.npz", network, told), tmp_path / "runs.sqlite3")


@pytest.fixture
def page(open_page: Callable[..., AppTest]) -> AppTest:
    """The page with a drawn 7 and its files at hand."""
    page = open_page(panel="PANEL_RUNS")
    page.session_state["slate"] = drawn(SEVEN)
    return page.run()


def give(page: AppTest, raw: bytes) -> None:
    uploader = next(each for each in page.file_uploader if each.key == "checkpoint")
    uploader.set_value(("file.npz", raw, "application/zip")).run()
    assert not page.exception


@pytest.mark.parametrize(
    ("layers", "says"),
    [
        (perceptron(5000), "from 1 to 4,096, found 5000"),
        (perceptron(*[4] * 9), "at most 8 hidden layers, found 9"),
        ([BatchNorm(784), *perceptron(4)], "cannot fold batch_norm"),
        (
            [*convolution(3)[:3], MaxPooling(2), MaxPooling(2), Flatten(), Dense(147, 10)],
            "at most one max_pooling",
        ),
    ],
    ids=["too wide", "too deep", "normalised pixels", "pooled twice"],
)
def test_a_network_that_the_page_cannot_use_is_refused_with_a_sentence(
    page: AppTest, layers: list[Layer], says: str
) -> None:
    give(page, file_of(layers))
    assert says in shown(page.warning)[0]
    assert len(session_of(page).runs) == 0


@pytest.mark.parametrize(
    ("layers", "meta"),
    [
        (perceptron(8), {"seed": -1}),
        (perceptron(8), {"seed": 2**60, "epochs": 10**12}),
        (perceptron(8), {"seed": "7", "epochs": [1], "recipe": 5, "name": {}}),
        ([Dense(784, 10)], {"seed": True}),
        (
            [
                *(Dropout(0.5), Dense(784, 6), Dense(6, 5), LAYERS["tanh"](), LAYERS["relu"]()),
                *(Dropout(0.0), Dense(5, 10), LAYERS["leaky_relu"]()),
            ],
            {},
        ),
        (RECIPES["convolution"].layers(), {"recipe": RECIPES["convolution"].to_dict()}),
        (convolution(4, 3), {}),
        (perceptron(8), {"recipe": {"hidden": [8], "dropout": 0, "learning_rate": 1}}),
        (perceptron(8), {"name": "\ud800"}),
    ],
    ids=[
        *("negative seed", "large seed", "wrong types", "no hidden layer", "layers in any order"),
        *("convolutions", "convolution from elsewhere", "whole numbers", "a lone surrogate"),
    ],
)
def test_a_loaded_run_is_usable_in_every_panel_and_trains_again(
    page: AppTest, layers: list[Layer], meta: dict[str, Any]
) -> None:
    give(page, file_of(layers, **meta))
    page.button(key="run-control").click().run()
    for name in registry.PANELS:
        page.session_state["panels-en"] = i18n.say(name)
        page.run()
        assert not page.exception, name
        assert session_of(page).panel == name
    page.button(key="train").click().run()
    assert not page.exception
    assert session_of(page).runs.controlled().live


def test_a_file_of_an_earlier_version_with_any_seed_still_loads() -> None:
    """`python -m nn train --seed` once took any whole number."""
    raw = file_of(perceptron(4), seed=10**30)
    _, meta = files.network_from_upload(raw, "file.npz")
    assert meta["seed"] == 10**30
    assert files.seed_of(meta["seed"]) == 0
