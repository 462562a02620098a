"""Which worker trains, as this server's settings say: a thread of it, or a process of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from .process.learners import ProcessLearners
from .scheduler.learner import Data
from .scheduler.learners import Learners
from .settings import Settings

Trainers: TypeAlias = Learners | ProcessLearners


def trainers(load_data: Callable[[], Data], settings: Settings) -> Trainers:
    """All trainings of this server, with nobody working on them yet.

    Parameters
    ----------
    load_data : returns training and test set; a module's function
    settings : which worker it is, and how much there is for all
    """
    chosen = ProcessLearners if settings.worker == "process" else Learners
    return chosen(load_data, limits=settings.limits())
