"""What a panel looks at: the drawing, the network that reads it, and the visitor's training."""

from __future__ import annotations

from dataclasses import dataclass

from nn import Network, Preprocessing, Reading

from .scheduler.snapshot import Snapshot


@dataclass(frozen=True)
class View:
    """The page as it stands in this run of its script.

    Attributes
    ----------
    reader : the name of the network that reads: "best", "original", "yours"
    network : that network, shared and not to be changed; None where none could be loaded
    steps : the drawing, preprocessed (of several digits the least sure one); None while blank
    reading : what the network says of it
    run : the visitor's training as it was seen last; None when there is none
    """

    reader: str
    network: Network | None
    steps: Preprocessing | None
    reading: Reading
    run: Snapshot | None
