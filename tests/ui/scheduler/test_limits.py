from __future__ import annotations

import tracemalloc
from itertools import islice

import numpy as np
import pytest

from nn import RECIPES, Dataset, Recipe, evaluate, train
from ui.scheduler.limits import (
    FullError,
    LimitError,
    Limits,
    TooLargeError,
    TooManyError,
    TooWideError,
    check_start,
    memory_bytes,
)

ADAM = RECIPES["adam"]


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_of_this_program_can_be_trained(name: str) -> None:
    check_start(Limits(), RECIPES[name], everyone=39, theirs=[])


def test_a_visitor_may_race_six_ordinary_networks() -> None:
    check_start(Limits(), ADAM, everyone=5, theirs=[ADAM] * 5)


@pytest.mark.parametrize(
    ("recipe", "everyone", "theirs", "error", "asked", "allowed", "says"),
    [
        (ADAM, 40, [], FullError, 41, 40, "40 trainings run on this server already"),
        (ADAM, 6, [ADAM] * 6, TooManyError, 7, 6, "6 of your trainings are under way"),
        (
            ADAM.replace(hidden=(4096, 1)),
            *(0, [], TooWideError, 4097, 4096),
            "hidden: expected at most 4,096 units in all on this server, got 4,097",
        ),
        (
            RECIPES["best"],
            *(1, [RECIPES["best"]], TooLargeError, None, 256_000_000),
            r"your trainings would take \d+ MB of memory, of the 256 MB",
        ),
    ],
)
def test_more_than_there_is_is_refused_with_what_was_asked_and_what_is_allowed(
    recipe: Recipe,
    everyone: int,
    theirs: list[Recipe],
    error: type[LimitError],
    asked: int | None,
    allowed: int,
    says: str,
) -> None:
    with pytest.raises(error, match=says) as refusal:
        check_start(Limits(), recipe, everyone=everyone, theirs=theirs)
    assert refusal.value.allowed == allowed
    assert refusal.value.asked > allowed
    assert asked is None or refusal.value.asked == asked


@pytest.mark.parametrize(
    "recipe",
    [
        ADAM.replace(hidden=(1500,)),
        RECIPES["original"].replace(hidden=(1000, 300)),
        RECIPES["best"].replace(pen=0.05, nondigits=0.02, batch_size=500, hidden=(600, 300)),
    ],
    ids=["batches", "full", "best"],
)
def test_the_memory_that_is_reckoned_is_about_what_a_training_takes(
    mnist: tuple[Dataset, Dataset], recipe: Recipe
) -> None:
    data, rng = mnist[0][:2500], np.random.default_rng(0)
    tracemalloc.start()
    try:
        network = recipe.build_network(rng=rng)
        events = train(network, data, None, recipe, rng=rng)
        pages = []
        for event in islice(events, 40):
            pages = [*pages[-1:], event.snapshot()]
        evaluate(event.snapshot(), data[:1200])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert 0.65 * peak < memory_bytes(recipe, len(data)) < 1.2 * peak
