"""Who has used how much of the worker's time: in all, and lately.

Knows no page, no threads and no clock: the time is told.
"""

from __future__ import annotations

import math

LATELY = 3.0  # seconds over which a share is told; older work counts for less and less


class Account:
    """A learner's use of the worker.

    Parameters
    ----------
    now : when it began

    Attributes
    ----------
    seconds : of work in all
    """

    def __init__(self, now: float) -> None:
        self.seconds = 0.0
        self._began = self._charged = now
        self._lately = 0.0  # seconds of work, each weighted by exp(-age / LATELY)

    def charge(self, seconds: float, now: float) -> None:
        """Some work was just done."""
        self.seconds += seconds
        self._lately = self._lately * _weight(now - self._charged) + seconds
        self._charged = now

    def share(self, now: float) -> float:
        """Its share of the worker's time lately, in [0, 1]."""
        whole = LATELY * (1.0 - _weight(now - self._began))
        if whole <= 0:
            return 0.0
        return min(self._lately * _weight(now - self._charged) / whole, 1.0)


def _weight(age: float) -> float:
    return math.exp(-max(age, 0.0) / LATELY)
