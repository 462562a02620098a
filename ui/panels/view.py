"""What a panel shows: the drawing, the network that reads it, and the visitor's training run."""

from __future__ import annotations

from dataclasses import dataclass

from nn import Network, Preprocessing, Reading
from ui.session import YOURS, Session
from ui.training.snapshot import Snapshot, State


@dataclass(frozen=True)
class View:
    """The page in one run of its script.

    Attributes
    ----------
    session : what the page remembers of this visitor
    theme : "light" or "dark"
    network : the one that reads, frozen; None where none could be loaded
    steps : the drawing, preprocessed (of several digits the one looked at); None while blank
    reading : what the network reads
    run : the training run that the sidebar controls, as last seen; None when there is none
    """

    session: Session
    theme: str
    network: Network | None
    steps: Preprocessing | None
    reading: Reading
    run: Snapshot | None

    @property
    def is_training(self) -> bool:
        """Whether the network that reads is being trained: then it is another one at each look."""
        running = self.run is not None and self.run.state is State.RUNNING
        return running and self.session.reader == YOURS
