from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from nn import RECIPES, Dataset, Recipe, evaluate, train
from ui.training.history import History
from ui.training.limits import LimitError, Limits, check_start, memory_bytes

ADAM, BEST = RECIPES["adam"], RECIPES["best"]


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_of_this_program_can_be_trained(name: str) -> None:
    check_start(Limits(), RECIPES[name], everyone=[ADAM] * 39, theirs=[])


@pytest.mark.parametrize(
    ("recipe", "everyone", "theirs", "limit", "asked", "allowed"),
    [
        (ADAM, [ADAM] * 40, [], "runs", 41, 40),
        (ADAM, [ADAM] * 6, [ADAM] * 6, "runs_per_visitor", 7, 6),
        (ADAM.replace(hidden=(4096, 1)), [], [], "hidden_units", 4097, 4096),
        (BEST.replace(pen=4.0), [], [], "training_images", 312_000, 300_000),
        (ADAM, [BEST] * 20, [], "server_bytes", None, 2_000_000_000),
    ],
)
def test_more_than_is_allowed_is_refused_with_what_was_asked(
    recipe: Recipe,
    everyone: list[Recipe],
    theirs: list[Recipe],
    limit: str,
    asked: int | None,
    allowed: int,
) -> None:
    with pytest.raises(LimitError, match=f"this server allows {allowed:,}") as refusal:
        check_start(Limits(), recipe, everyone=everyone, theirs=theirs)
    assert (refusal.value.limit, refusal.value.allowed) == (limit, allowed)
    assert refusal.value.asked > allowed
    assert asked is None or refusal.value.asked == asked


@pytest.mark.parametrize(
    ("name", "step_size", "digits"),
    [("adam", 128, 6000), ("best", 500, 2000), ("convolution", 128, 600)],
)
def test_the_memory_counted_for_a_run_is_about_what_it_takes(
    mnist: tuple[Dataset, Dataset], name: str, step_size: int, digits: int
) -> None:
    """With all the moments it can have, on data that are a part of the whole."""
    data = mnist[0][:digits]
    rng = np.random.default_rng(0)
    recipe = RECIPES[name].replace(
        epochs=12, validation=0, samples=0, warmup=0, batch_size=step_size, augment=0.0
    )
    recipe = recipe.replace(pen=0.02, nondigits=0.01) if name == "best" else recipe
    tracemalloc.start()
    try:
        network, history, previous = recipe.build_network(rng=rng), History(), None
        pages = []
        for progress in train(network, data, None, recipe, rng=rng):
            history.add(progress, previous, network, 0.0)
            pages, previous = [*pages[-1:], progress.snapshot()], progress
        evaluate(pages[-1], data[:1200])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(history.moments) > 20
    assert peak / 1.5 < memory_bytes(recipe, len(data)) < 1.5 * peak
