"""A learner's course: the whole of its work, from reading the data to the test at the end."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace

import numpy as np

from nn import Dataset, Network, Progress, Recipe, TrainingState, split_validation, train
from nn.metrics import Evaluation, evaluation_steps
from nn.workspace import Workspace

Data = tuple[Dataset, Dataset]  # training set, test set
Work = Generator[Progress, Recipe | None, None]


class Course:
    """What there is to do, as a generator that can be sent changed recipes.

    Parameters
    ----------
    recipe, seed : of the training
    load_data : returns training and test set; called when the work begins
    resume : where to go on, instead of at the beginning

    Attributes
    ----------
    network : the one that is trained; None before the work begins
    samples : of the training set; None before the work begins
    test : accuracy and errors on the test set, at the end
    workspace : what the training writes into, if not into one of its own
    """

    def __init__(
        self,
        recipe: Recipe,
        seed: int,
        load_data: Callable[[], Data],
        resume: TrainingState | None = None,
    ) -> None:
        self.recipe, self.seed = recipe if resume is None else resume.recipe, seed
        self.network: Network | None = None
        self.samples: int | None = None
        self.test: Evaluation | None = None
        self.workspace: Workspace | None = None
        self._load_data, self._resume = load_data, resume

    def work(self) -> Work:
        """Train, then test; pauses as `train` does."""
        train_set, test_set = self._load_data()
        rng = np.random.default_rng(self.seed)
        network = self.network = self.recipe.build_network(rng=rng)
        if self.workspace is not None:
            network.work_in(self.workspace)
        fitting, validation = split_validation(train_set, self.recipe)
        self.samples = len(fitting)
        resume, self._resume = self._resume, None
        events = train(network, fitting, validation, self.recipe, rng=rng, resume=resume)
        del resume  # it is large, and copied at once
        latest = next(events)
        wish = yield latest
        while True:
            try:
                latest = events.send(wish)
            except StopIteration:
                break
            wish = yield latest
        steps = evaluation_steps(network, test_set)
        while True:
            try:
                next(steps)
            except StopIteration as stop:
                self.test = stop.value
                return
            yield replace(latest, epoch_end=False, validation=None)
