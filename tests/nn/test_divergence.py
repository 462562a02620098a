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
