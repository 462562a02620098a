"""What one server allows: runs, their width, their training images, and one total of memory."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from nn import Recipe
from nn.mnist import PIXELS
from nn.network import CHUNK_VALUES

from .history import MAX_MOMENTS

DATA_SET = 60_000  # images
MADE_ROOM_FOR = ("runs", "runs_per_visitor", "server_bytes")  # by a visitor's lost runs
SHORT = 10_000  # images that a short teaching trains on
IMAGE = PIXELS + 1  # bytes, with its label
# Arrays as large as the parameters, 4 bytes each: the moments; the parameters, their gradients,
# the optimizer's state and scratch, the last good ones, the best ones, the average, copies for the
# page and for evaluation. A batch and its activations are small beside them.
BYTES_PER_PARAMETER = 4 * (MAX_MOMENTS + 13)
# But not those of convolutions: their patches, outputs and gradients, by measurement.
BYTES_OF_CONVOLUTIONS = 6 * 4 * CHUNK_VALUES


@dataclass(frozen=True)
class Limits:
    """What a server allows.

    Attributes
    ----------
    runs : training runs of all visitors at once, running or paused
    runs_per_visitor : the same, of one visitor
    hidden_units : of one network, all layers together
    training_images : of one run, synthetic digits included
    server_bytes : of memory for the training runs of all visitors
    """

    runs: int = 40
    runs_per_visitor: int = 6
    hidden_units: int = 4096
    training_images: int = 300_000
    server_bytes: int = 2_000_000_000


class LimitError(RuntimeError):
    """A training run is more than this server allows.

    Attributes
    ----------
    limit : a field of Limits
    asked, allowed : in that field's unit; both are in the message
    """

    def __init__(self, limit: str, message: str, *, asked: int, allowed: int) -> None:
        super().__init__(message)
        self.limit, self.asked, self.allowed = limit, asked, allowed


class Started(Protocol):
    """What the limits have to know of a run."""

    visitor: str
    released: bool

    @property
    def recipe(self) -> Recipe: ...

    @property
    def is_live(self) -> bool: ...

    @property
    def waits(self) -> bool: ...  # for others, and takes no memory until it begins


def make_room(
    limits: Limits, recipe: Recipe, visitor: str, runs: Mapping[str, Started]
) -> list[str]:
    """Check that a visitor may start one more run; returns the ids of those that must end for it.

    These are the visitor's runs whose connection was lost: after a reload nobody can reach them.

    Parameters
    ----------
    recipe : of the run that is to start
    runs : of all visitors, by id

    Raises
    ------
    LimitError
        It would break one of the server's limits.
    """

    def check(ended: Sequence[str] = ()) -> None:
        live = [run for name, run in runs.items() if run.is_live and name not in ended]
        theirs = [run.recipe for run in live if run.visitor == visitor]
        everyone = [run.recipe for run in live if not run.waits]
        waiting = len(live) - len(everyone)
        check_start(limits, recipe, everyone=everyone, theirs=theirs, waiting=waiting)

    try:
        check()
    except LimitError as error:
        if error.limit not in MADE_ROOM_FOR:
            raise
        lost = [name for name, run in runs.items() if run.visitor == visitor and run.released]
        check(lost)
        return lost
    return []


def check_start(
    limits: Limits,
    recipe: Recipe,
    *,
    everyone: Sequence[Recipe],
    theirs: Sequence[Recipe],
    waiting: int = 0,
) -> None:
    """Raise LimitError if one more training run would break a limit.

    Parameters
    ----------
    recipe : of the run that is to start
    everyone, theirs : the recipes of all live runs, and of this visitor's among them
    waiting : how many further runs there are that take no memory yet
    """
    total = sum(memory_bytes(each) for each in (*everyone, recipe))
    asked = {
        "runs": (len(everyone) + waiting + 1, "training runs at once; try again in a few minutes"),
        "runs_per_visitor": (len(theirs) + 1, "training runs of yours at once; stop one first"),
        "hidden_units": (sum(recipe.hidden), "hidden units in all; use fewer or narrower layers"),
        "training_images": (training_images(recipe), "training images; use fewer synthetic digits"),
        "server_bytes": (total, "bytes of memory; try again later, or use narrower layers"),
    }
    for limit, (value, what) in asked.items():
        allowed = getattr(limits, limit)
        if value > allowed:
            message = f"this server allows {allowed:,} {what}; this would be {value:,}"
            raise LimitError(limit, message, asked=value, allowed=allowed)


def is_short(recipe: Recipe) -> bool:
    """Whether a teaching takes a second or two, so that the next may wait for it."""
    return 0 < recipe.samples * recipe.epochs <= SHORT


def training_images(recipe: Recipe, available: int = DATA_SET) -> int:
    """How many images a run trains on, synthetic ones included."""
    samples = recipe.samples or available
    return samples + round(recipe.pen * samples) + round(recipe.nondigits * samples)


def memory_bytes(recipe: Recipe, available: int = DATA_SET) -> int:
    """About how much memory a run takes beside the data set that all share.

    A run with synthetic digits has all its images in an array of its own.
    """
    layers = recipe.layers()
    parameters = sum(math.prod(shape) for layer in layers for shape in layer.shapes.values())
    images = training_images(recipe, available)
    own_images = images if images > (recipe.samples or available) else 0
    batch = BYTES_OF_CONVOLUTIONS if recipe.filters else 0
    return BYTES_PER_PARAMETER * parameters + batch + IMAGE * own_images
