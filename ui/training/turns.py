"""Whose turn it is: always the one that has worked least, so that all get equal time."""

from __future__ import annotations

from collections.abc import Iterable


class Turns:
    """How the scheduler takes turns.

    One whose piece of work is longer than a turn waits until the others have caught up. One that
    joins, or comes back from a pause, starts level with the one that had the latest turn: missed
    time is not made up for, and time that was overdrawn before the pause stays so.

    Source: P. Goyal, H. Vin, H. Cheng, "Start-time Fair Queueing", 1996, with equal weights.
    """

    def __init__(self) -> None:
        self._worked: dict[str, float] = {}  # seconds, including what was missed
        self._level = 0.0  # of the latest turn at its beginning; nobody ready has worked less
        self._ready: set[str] = set()

    def next(self, ready: Iterable[str]) -> str | None:
        """Who has the next turn, of all that are ready, in the order of their arrival."""
        ready = list(ready)
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
        """One has worked; it may be gone by now."""
        self._worked[name] = self._worked.get(name, self._level) + seconds

    def forget(self, name: str) -> None:
        """One is gone for good."""
        self._worked.pop(name, None)
        self._ready.discard(name)
