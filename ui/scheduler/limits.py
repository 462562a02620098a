"""What one server gives: learners, hidden units, memory; and what a training will take of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from nn import Recipe
from nn.mnist import CLASSES, PIXELS
from nn.network import CHUNK
from nn.optimizers import OPTIMIZERS

MAX_LEARNERS = 40
SAMPLES = 60_000  # of the data set
FLOAT, BYTE_IMAGE = 4, PIXELS + 1  # bytes; an image with its label


@dataclass(frozen=True)
class Limits:
    """How much a server gives.

    Attributes
    ----------
    learners : that run or are paused at once, of all visitors
    learners_a_visitor : the same, of one of them
    hidden_units : of one network, all layers together
    visitor_bytes : of memory for all learners of one visitor, their moments included
    moment_bytes : of that, for their moments; these are thinned, not refused
    """

    learners: int = MAX_LEARNERS
    learners_a_visitor: int = 6
    hidden_units: int = 4096
    visitor_bytes: int = 256_000_000
    moment_bytes: int = 24_000_000


class LimitError(RuntimeError):
    """A training asks for more than this server gives.

    Attributes
    ----------
    asked, allowed : in the unit of the limit; both are in the message
    """

    def __init__(self, message: str, *, asked: int, allowed: int) -> None:
        super().__init__(message)
        self.asked, self.allowed = asked, allowed


class FullError(LimitError):
    """There are as many learners as this server takes."""


class TooManyError(LimitError):
    """There are as many learners as one visitor may have."""


class TooWideError(LimitError):
    """A network has more hidden units than this server trains."""


class TooLargeError(LimitError):
    """A visitor's learners would take more memory, in bytes, than a visitor gets."""


def check_start(limits: Limits, recipe: Recipe, *, everyone: int, theirs: Iterable[Recipe]) -> None:
    """Raise the LimitError of the first limit that one more training would break.

    Parameters
    ----------
    recipe : of the training that is to begin
    everyone : how many learners there are
    theirs : the recipes of this visitor's learners
    """
    theirs = list(theirs)
    if everyone >= limits.learners:
        raise FullError(
            f"{limits.learners} trainings run on this server already; try again in a few minutes",
            asked=everyone + 1,
            allowed=limits.learners,
        )
    if len(theirs) >= limits.learners_a_visitor:
        raise TooManyError(
            f"{limits.learners_a_visitor} of your trainings are under way already; stop one first",
            asked=len(theirs) + 1,
            allowed=limits.learners_a_visitor,
        )
    if (units := sum(recipe.hidden)) > limits.hidden_units:
        raise TooWideError(
            f"hidden: expected at most {limits.hidden_units:,} units in all on this server, "
            f"got {units:,}; take fewer or narrower layers",
            asked=units,
            allowed=limits.hidden_units,
        )
    memory = sum(memory_bytes(each) for each in (*theirs, recipe)) + limits.moment_bytes
    if memory > limits.visitor_bytes:
        raise TooLargeError(
            f"your trainings would take {memory / 1e6:,.0f} MB of memory, of the "
            f"{limits.visitor_bytes / 1e6:,.0f} MB that a visitor gets here; stop one first, or "
            "take narrower layers or fewer digits of the pen",
            asked=memory,
            allowed=limits.visitor_bytes,
        )


def memory_bytes(recipe: Recipe, samples: int = SAMPLES) -> int:
    """What a training takes of memory at its height, moments and the shared data set left out.

    Vectors as large as the parameters: these, their gradients, the optimizer's scratch and state,
    the last good ones, two copies for the page, three for an evaluation; the average of weights and
    the sum of gradients where there are any. A batch: its pixels as bytes and floats, and four to
    ten arrays a hidden layer; an evaluation: two. The pen's digits, and the data set among them.
    """
    sizes = (PIXELS, *recipe.hidden, CLASSES)
    units = sum(recipe.hidden)
    params = sum((inputs + 1) * outputs for inputs, outputs in pairwise(sizes))
    params += units if recipe.batch_norm else 0
    rows = min(recipe.batch_size or CHUNK, CHUNK)
    vectors = 9 + len(OPTIMIZERS[recipe.optimizer].slots)
    vectors += bool(recipe.weight_average) + (
        recipe.batch_size is None or recipe.batch_size > CHUNK
    )
    arrays = 4 + 3 * recipe.batch_norm + 3 * (recipe.dropout > 0)
    batch = rows * (PIXELS * (FLOAT + 1) + units * arrays * FLOAT)
    evaluation = CHUNK * (PIXELS + 2 * units) * FLOAT
    samples = recipe.samples or samples
    written = round(recipe.pen * samples) + round(recipe.nondigits * samples)
    supply = (samples + written) * BYTE_IMAGE if written else 0
    return vectors * params * FLOAT + batch + evaluation + supply
