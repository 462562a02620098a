"""A checkpoint that a visitor gives, as a run among the others."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from nn import Network, Recipe, RecipeError
from nn.layers import Dense
from ui.scheduler.snapshot import Snapshot, State

from .runs import Run, Runs


def run_of(runs: Runs, file: str, network: Network, meta: Mapping[str, Any]) -> Run:
    """Put a network among the runs; it has no curves.

    Parameters
    ----------
    file : its name, which names the run where the checkpoint bears none
    network, meta : as the checkpoint has them; what `meta` says is not relied on
    """
    recipe, seed = _recipe(network, meta.get("recipe")), meta.get("seed")
    epochs, name = meta.get("epochs"), meta.get("name")
    snapshot = Snapshot(
        state=State.FINISHED,
        recipe=recipe,
        epoch=epochs if isinstance(epochs, int) else 0,
        position=0.0,
        accuracy=0.0,
        points=(),
        network=network,
        seconds_left=None,
        test=None,
        message="",
        running=0,
        seed=seed if isinstance(seed, int) else 0,
    )
    called = name if isinstance(name, str) and name.strip() else PurePath(file).stem
    return runs.add(
        " ".join(called.split())[:40], recipe, snapshot.seed, snapshot=snapshot, loaded=True
    )


def _recipe(network: Network, told: object) -> Recipe:
    """The recipe that the checkpoint tells, if it fits the network; else what the network shows."""
    widths = [layer.outputs for layer in network.layers if isinstance(layer, Dense)][:-1]
    try:
        recipe = Recipe.from_dict(told) if isinstance(told, dict) else Recipe()
    except (RecipeError, TypeError):
        recipe = Recipe()
    return recipe if list(recipe.hidden) == widths else Recipe(hidden=tuple(widths))
