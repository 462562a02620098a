"""Teaching: a network that can read learns one person's handwriting from a few drawings.

It is `train` on a small mixture, in which each digit is a tenth. Of a digit that was shown, half
are the drawings, repeated, each time distorted in another way; all others are digits like those it
has learned from, so that it does not forget them ("rehearsal": A. Robins, "Catastrophic
Forgetting, Rehearsal and Pseudorehearsal", 1995). At the end its confidence is calibrated anew.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .calibration import Calibration, calibrate
from .layers import scaled
from .metrics import EVALUATED
from .mnist import CLASSES, PIXELS, Dataset
from .network import Network
from .pen.batches import Samples
from .recipes import Recipe, RecipeError
from .training import Pauses, split_validation, train

# Seventy-eight steps; what they gain and cost is measured by weights/teaching.py.
TEACHING = Recipe(
    name="teaching",
    optimizer="adam",
    learning_rate=3e-4,
    batch_size=64,
    epochs=1,
    augment=1.0,
    pen=0.2,
    nondigits=0.1,
    samples=3840,
)
# Of a room's many writers, as long as it is interesting to watch. With as many of the pen's digits
# as `best` was trained on, it forgets less of them; measured by weights/room.py.
ROOM_TEACHING = TEACHING.replace(epochs=4, pen=1.0, nondigits=0.2)
OWN = 0.5  # the share of the drawings among the samples of a digit that was shown
DOUBTED = 0.05  # a label is doubted that is less probable by the network as it was
CHECKED = Recipe(pen=0.1)  # adds the synthetic pen's digits to those that calibrate


def teach(
    network: Network,
    drawings: Dataset,
    replay: Dataset,
    *,
    rng: np.random.Generator,
    recipe: Recipe = TEACHING,
) -> Pauses:
    """Teach a network one person's handwriting, in place.

    Drawings whose labels are doubted (see `doubted`) are left out, unless there are no others.

    Parameters
    ----------
    network : of any architecture with 784 inputs
    drawings : at least one; pixels as of `canvas_to_input`, times 255, as uint8
    replay : other people's digits, such as MNIST's training set; the last `recipe.validation` of
        them are not trained on, and calibrate
    rng : chooses among them, distorts and shuffles
    recipe : of the training; its `samples` is how many of `replay` are used, and the size of the
        mixture, synthetic samples aside

    Yields
    ------
    Progress, as `train` does, which takes a changed recipe alike; the network is calibrated at the
    last one

    Raises
    ------
    RecipeError
        There are no drawings, one has no digit's label, there is too little to replay, or the
        network's input is not 784 pixels.
    DivergenceError
        As `train` does.
    """
    if not len(drawings) or drawings.labels.max() >= CLASSES:
        found = ", ".join(map(str, np.unique(drawings.labels))) or "none"
        raise RecipeError(
            f"drawings: expected some with labels from 0 to 9, got {found}", kind="no_drawings"
        )
    if network.inputs != PIXELS:
        raise RecipeError(f"network: expected one with {PIXELS} inputs, got {network.inputs}")
    others, validation = split_validation(replay, recipe)
    believed = ~doubted(network, drawings)
    if believed.any():
        drawings = Dataset(drawings.images[believed], drawings.labels[believed])
    mixture = _mixture(drawings, others, rng)
    progress = yield from train(network, mixture, validation, recipe, rng=rng)
    if validation is None:
        return
    check = Samples(validation, CHECKED, rng)
    probabilities = np.empty((len(check), CLASSES), network.params.dtype)
    for rows in np.array_split(np.arange(len(check)), len(check) // EVALUATED + 1):
        for _ in check.write(rows):
            yield progress
        images, _ = check.batch(rows)
        probabilities[rows] = network.predict_proba(scaled(images, network.params.dtype))
        yield progress
    network.calibration = calibrate(probabilities, check.labels, typical=slice(len(validation)))
    yield progress


def doubted(network: Network, drawings: Dataset) -> NDArray[np.bool_]:
    """Which labels are doubted, (n,): the network finds them improbable.

    Two drawings that it reads alike, and that have the same label, are not doubted: somebody
    writes so. A network that was never calibrated doubts nothing.
    """
    if network.calibration == Calibration():
        return np.zeros(len(drawings), bool)
    labels = drawings.labels
    judged = network.predict_proba(scaled(drawings.images, network.params.dtype))
    judged = network.calibration.apply(judged)
    said, probable = judged.argmax(axis=1), judged[np.arange(len(labels)), labels]
    alike = (labels[:, None] == labels) & (said[:, None] == said)
    found: NDArray[np.bool_] = (probable < DOUBTED) & (alike.sum(axis=1) == 1)
    return found


def _mixture(drawings: Dataset, others: Dataset, rng: np.random.Generator) -> Dataset:
    """About as many samples as there are others, a tenth of each digit."""
    images, labels = [], []
    size = max(len(others) // CLASSES, 1)
    for digit in range(CLASSES):
        own, known = (np.flatnonzero(each.labels == digit) for each in (drawings, others))
        if not len(known):
            raise RecipeError(f"replay: expected all digits, got no {digit} to replay")
        repeated = np.resize(rng.permutation(own), round(OWN * size) if len(own) else 0)
        replayed = rng.choice(known, size - len(repeated))
        images += [drawings.images[repeated], others.images[replayed]]
        labels.append(np.full(size, digit, np.uint8))
    return Dataset(np.concatenate(images), np.concatenate(labels))
