"""Snapshots sent by what is new in them.

A curve grows at its end and is thinned now and then; a look every second would send nearly the
same thousand points each time. So who sends remembers what the other side has: of the sequences go
only new members, and where the others are to be taken from; of the rest what has changed; the
network when it is another one. This module knows no processes.
"""

from __future__ import annotations

import dataclasses
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from nn import Network
from ui.scheduler.moments import Kept
from ui.scheduler.snapshot import Snapshot

SEQUENCES = ("points", "batches", "marks", "layers", "moments")
PLAIN = (int, float, str, type(None))  # compared by value; all else by identity

# A stretch [first, last) of the sequence that the other side has, or members that are new.
Piece: TypeAlias = tuple[int, int] | list[Any]


@dataclass(frozen=True, eq=False)
class Parcel:
    """What is new in a snapshot.

    Attributes
    ----------
    values : the fields that changed, by name
    sequences : the same, in pieces
    network : where it is another one: what builds it
    """

    values: dict[str, Any]
    sequences: dict[str, list[Piece]]
    network: Kept | None


class Packer:
    """Sends one learner's snapshots.

    Parameters
    ----------
    last : what the other side has; None for nothing
    """

    def __init__(self, last: Snapshot | None = None) -> None:
        self._last = last
        self._network: weakref.ref[Network] | None = None

    def pack(self, snapshot: Snapshot) -> Parcel:
        """The parcel that brings the other side to this snapshot; they are opened in order."""
        last, values, sequences = self._last, dict[str, Any](), dict[str, list[Piece]]()
        for field in dataclasses.fields(snapshot):
            name, value = field.name, getattr(snapshot, field.name)
            before = getattr(last, name) if last is not None else None
            if name == "network":
                continue
            if name in SEQUENCES:
                pieces = _pieces(before or (), value)
                if pieces != [(0, len(before or ()))]:
                    sequences[name] = pieces
            elif last is None or not _same(before, value):
                values[name] = value
        network, known = snapshot.network, self._network and self._network()
        another = network is not None and network is not known
        if another and network is not None:
            self._network = weakref.ref(network)
        self._last = dataclasses.replace(snapshot, network=None)  # not kept alive for this
        return Parcel(values, sequences, _packed(network) if another else None)


def unpack(last: Snapshot | None, parcel: Parcel) -> Snapshot:
    """The snapshot of a parcel, where `last` is that of the parcel before."""
    fields: dict[str, Any] = (
        {field.name: getattr(last, field.name) for field in dataclasses.fields(last)}
        if last is not None
        else {"network": None, **dict.fromkeys(SEQUENCES, ())}
    )
    for name, pieces in parcel.sequences.items():
        fields[name] = _joined(fields[name], pieces)
    if parcel.network is not None:
        fields["network"] = parcel.network.network()
    return Snapshot(**(fields | parcel.values))


def _pieces(before: Sequence[Any], now: Sequence[Any]) -> list[Piece]:
    places = {id(member): place for place, member in enumerate(before)}
    pieces: list[Piece] = []
    for member in now:
        place, latest = places.get(id(member)), pieces[-1] if pieces else None
        if place is None:
            if isinstance(latest, list):
                latest.append(member)
            else:
                pieces.append([member])
        elif isinstance(latest, tuple) and latest[1] == place:
            pieces[-1] = (latest[0], place + 1)
        else:
            pieces.append((place, place + 1))
    return pieces or [(0, 0)]


def _joined(before: Sequence[Any], pieces: list[Piece]) -> tuple[Any, ...]:
    members: list[Any] = []
    for piece in pieces:
        members += before[slice(*piece)] if isinstance(piece, tuple) else piece
    return tuple(members)


def _same(one: object, other: object) -> bool:
    if isinstance(one, PLAIN) and isinstance(other, PLAIN):
        return one == other
    return one is other


def _packed(network: Network | None) -> Kept | None:
    """A network's layers do not survive a pickle: their parameters are views into one vector."""
    if network is None:
        return None
    return Kept(0.0, 0, network.architecture(), network.params, network.statistics)
