"""The roster: which learners there are, on whose lease, and who of them is ready to work.

A learner lives on a lease that each look at it renews. Without looks it rests, then it is dropped:
a closed tab costs nothing, and a connection that comes back in time finds its training. This
module knows no page, no threads and no clock: the time is told.
"""

from __future__ import annotations

from .learner import Learner
from .snapshot import State

PAUSE_AFTER = 75.0  # seconds without a look; a tab in the background looks once a minute
DROP_AFTER = 120.0  # seconds without a look
IDLE_SECONDS = 30.0  # between two looks for abandoned learners, when nobody runs


class Roster:
    """All learners by name, in the order of their arrival."""

    def __init__(self) -> None:
        self._learners: dict[str, Learner] = {}

    def __len__(self) -> int:
        return sum(not learner.dropped for learner in self._learners.values())

    def __setitem__(self, name: str, learner: Learner) -> None:
        self._learners[name] = learner

    def get(self, name: str) -> Learner | None:
        """The learner of that name, unless it is gone."""
        learner = self._learners.get(name)
        return None if learner is None or learner.dropped else learner

    def name_of(self, learner: Learner) -> str | None:
        """What a learner is called here; None when it is gone."""
        return next((name for name, other in self._learners.items() if other is learner), None)

    def live(self) -> list[Learner]:
        """Those under way: they run, or may run again."""
        return [learner for learner in self._learners.values() if learner.is_live()]

    def of(self, visitor: str) -> list[Learner]:
        """One visitor's, those that ended too."""
        return [learner for learner in self._learners.values() if learner.visitor == visitor]

    def running(self, now: float) -> list[str]:
        """Those who share the worker, in slow motion too."""
        return [
            name
            for name, learner in self._learners.items()
            if learner.state is State.RUNNING
            and not learner.dropped
            and not learner.released
            and now - learner.seen < PAUSE_AFTER
        ]

    def ready(self, now: float) -> list[str]:
        """Those of them for whom it is time to work."""
        return [name for name in self.running(now) if self._learners[name].due <= now]

    def behind(self) -> list[Learner]:
        """Those that were paused in the midst of a slice: their page's network is an older one."""
        return [learner for learner in self._learners.values() if learner.is_behind()]

    def spare_seconds(self, now: float) -> float:
        """How long there is nothing to do unless somebody asks for something."""
        if self.behind():
            return 0.0
        due = [self._learners[name].due - now for name in self.running(now)]
        return min(IDLE_SECONDS, *due) if due else IDLE_SECONDS

    def drop_abandoned(self, now: float) -> None:
        """Drop those at whom nobody has looked for long."""
        for learner in self._learners.values():
            if now - learner.seen >= DROP_AFTER:
                learner.dropped = True

    def drop_all(self) -> None:
        """Drop everyone."""
        for learner in self._learners.values():
            learner.dropped = True

    def remove_dropped(self) -> dict[str, Learner]:
        """Take out the dropped ones; whoever asks has to close their work."""
        gone = {name: learner for name, learner in self._learners.items() if learner.dropped}
        for name in gone:
            del self._learners[name]
        return gone

    def thin_moments(self, visitor: str, limit: int) -> None:
        """Thin a visitor's moments, those of the largest learner first, until they fit."""
        theirs = self.of(visitor)
        while sum(learner.moments.nbytes for learner in theirs) > limit:
            largest_first = sorted(theirs, key=lambda x: x.moments.nbytes, reverse=True)
            if not any(learner.moments.thin() for learner in largest_first):
                return
