"""Which parameters a network gets back after divergence; test_training.py tests when."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nn import DivergenceError, Recipe
from nn.divergence import Watch


def given_back(*losses: float) -> float:
    """The parameters that a training gets back after these losses and one that is not finite.

    All of its parameters are 1 with the first loss, 2 with the second, and so on.
    """
    network = Recipe(hidden=()).build_network(rng=np.random.default_rng(0))
    watch = Watch(network, every=1)
    for step, loss in enumerate(losses, start=1):
        network.params[...] = step
        watch.check_loss(loss, step, 0.1)
    with pytest.raises(DivergenceError, match="the loss is no longer finite"):
        watch.check_loss(math.nan, len(losses) + 1, 0.1)
    (parameter,) = set(network.params.tolist())
    return parameter


def test_the_latest_parameters_are_given_back_while_the_loss_is_near_its_first() -> None:
    assert given_back(2.0, 1.5, 5.9) == 3


def test_parameters_with_a_loss_far_above_the_first_are_not_kept() -> None:
    assert given_back(2.0, 1.5, 6.1) == 2


def test_one_low_loss_among_high_ones_does_not_make_parameters_good() -> None:
    assert given_back(2.0, 1.5, 900.0, 1.0) == 2


def at_the_end(*losses: float) -> None:
    """The check at the end of a training that had these losses."""
    watch = Watch(Recipe(hidden=()).build_network(rng=np.random.default_rng(0)))
    for step, loss in enumerate(losses, start=1):
        watch.check_loss(loss, step, 0.1)
    watch.check_end(len(losses), 0.1)


@pytest.mark.parametrize(
    "losses",
    [
        (),
        (2.4,),
        (2.4, 9.0, 1e6, 80.0, 3.0, 2.0, 1.5),  # it recovers
        (2.4, 2.0, 1.0, 0.5, 1e6, 0.4),  # one bad batch
        (0.01, 6.0, 6.0, 6.0),  # no worse than a network that knows nothing
        (160.0, 150.0, 140.0),  # much dropout in many layers
    ],
)
def test_an_end_that_is_no_divergence(losses: tuple[float, ...]) -> None:
    at_the_end(*losses)


@pytest.mark.parametrize("losses", [(2.4, 50.0), (2.4, 1e6, 80.0, 20.0, 9.0), (1e8, 1e8)])
def test_a_loss_far_above_guessing_at_the_end_is_divergence(losses: tuple[float, ...]) -> None:
    with pytest.raises(DivergenceError, match="far above that of guessing"):
        at_the_end(*losses)
