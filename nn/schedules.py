"""Schedules: the course of the learning rate over a training, as a factor from 0 to 1.

    constant    1 after the warm-up
    cosine      (1 + cos(π t)) / 2 after the warm-up, t running from 0 to 1
                (I. Loshchilov, F. Hutter, "SGDR", 2017, without restarts)

Warm-up: the first steps rise linearly from nearly 0 to 1 (P. Goyal et al., 2017).
"""

from __future__ import annotations

import math
from collections.abc import Callable


def constant(t: float) -> float:
    """1, whatever the share `t` of the training that is done."""
    return 1.0


def cosine(t: float) -> float:
    """Half a cosine wave from 1 at `t` = 0 to 0 at `t` = 1."""
    return 0.5 * (1.0 + math.cos(math.pi * t))


SCHEDULES: dict[str, Callable[[float], float]] = {"constant": constant, "cosine": cosine}


def factor(schedule: str, step: float, *, total_steps: int, warmup_steps: int = 0) -> float:
    """The factor on the learning rate for one optimizer step.

    Parameters
    ----------
    schedule : a name from SCHEDULES
    step : counted from 0; a fraction where a training's batches changed their size
    total_steps : of the whole training, warm-up included
    warmup_steps : how many of them rise to the full learning rate

    Returns
    -------
    A factor in [0, 1]; above 0 for every step before `total_steps`.
    """
    if step < warmup_steps:
        return (step + 1) / (warmup_steps + 1)
    return SCHEDULES[schedule]((step - warmup_steps) / max(total_steps - warmup_steps, 1))
