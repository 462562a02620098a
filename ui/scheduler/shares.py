"""Shares of the worker's time: whose turn is next, and who has used how much of it.

Knows no page, no threads and no clock: the time is told.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

LATELY = 3.0  # seconds over which a share is told; older work counts for less and less


class Turns:
    """Whose turn it is: always who has worked least, so that all get equal times.

    One whose piece of work is longer than a turn waits until the others have caught up. Who joins,
    or comes back from a rest, starts level with the one who had the latest turn: the time missed
    is not made up for, and what was overdrawn before the rest stays so.

    Source: P. Goyal, H. Vin, H. Cheng, "Start-time Fair Queueing", 1996, with equal weights.
    """

    def __init__(self) -> None:
        self._worked: dict[str, float] = {}  # seconds, with what was missed by resting
        self._level = 0.0  # of the latest turn at its beginning; nobody ready has worked less
        self._ready: set[str] = set()

    def next(self, ready: Sequence[str]) -> str | None:
        """Who has the next turn, of all that are ready, in the order of their arrival."""
        for name in ready:
            if name not in self._ready:
                self._worked[name] = max(self._worked.get(name, 0.0), self._level)
        self._ready = set(ready)
        if not ready:
            return None
        chosen = min(ready, key=self._worked.__getitem__)
        self._level = self._worked[chosen]
        return chosen

    def charge(self, name: str, seconds: float) -> None:
        """One has worked."""
        self._worked[name] += seconds

    def forget(self, name: str) -> None:
        """One is gone for good."""
        self._worked.pop(name, None)
        self._ready.discard(name)


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
