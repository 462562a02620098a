"""A training that went through, as the page's rooms see it."""

from __future__ import annotations

import pytest

from nn import RECIPES, Dataset
from ui.scheduler.learners import Learners
from ui.scheduler.snapshot import Snapshot, State


@pytest.fixture(scope="session")
def finished(mnist: tuple[Dataset, Dataset]) -> Snapshot:
    """A run to its end on a few digits, its learning rate changed in the midst of it."""
    recipe = RECIPES["deep"].replace(
        hidden=(8, 6), batch_size=20, epochs=4, warmup=0, validation=40
    )
    learners = Learners(lambda: (mnist[0][:240], mnist[1][:100]), slice_seconds=0.0)
    name = learners.start(recipe, seed=11)
    while (run := learners.look(name)) is not None and run.state is State.RUNNING:
        learners.turn()
        if run.epoch == 2 and not run.marks:
            learners.change(name, recipe.replace(learning_rate=0.001))
    assert run is not None
    assert run.state is State.FINISHED
    return run
