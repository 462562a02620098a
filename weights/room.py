"""What a room's drawings teach a network: how it reads writers whom it has not learned from.

    python weights/room.py FOLDER

The writers of the folder (see `drawn.py`) join a room as its phones, in an order that a fixed seed
draws. Some phones are held out, as in every room (`ui/room/store.py`); each other one sends some
drawings, of which those that `best` refuses are left out, as they would wait for the presenter. A
network is taught them as the presenter's page does it, and then reads all digits of the phones that
are held out. Five orders, each begun with another writer, hold out each writer once; so a row of
the table is about all digits of the folder, each read by a network that did not learn its writer.

ROOM_TEACHING was chosen on the same writers, so its figures flatter it a little. Out of scope: the
shipped networks, which are never trained on these drawings.

Source of the measure: as on the room's wall, a drawing that is refused is not read.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

WEIGHTS = Path(__file__).resolve().parent
sys.path.insert(0, str(WEIGHTS.parent))  # run as a script, from any folder

from drawn import Strokes, load_strokes, place  # noqa: E402
from teaching import Inputs, Labels, letters_and_mnist, share_refused  # noqa: E402

from nn import (  # noqa: E402
    RECIPES,
    Dataset,
    Network,
    Recipe,
    canvas_to_input,
    load_mnist,
    load_network,
    split_validation,
    teach,
    train,
)
from nn.drawing.reading import read_images  # noqa: E402
from nn.layers import scaled  # noqa: E402
from nn.mnist import CLASSES, PIXELS  # noqa: E402
from nn.teach import ROOM_TEACHING  # noqa: E402
from ui.room.store import HELD_OUT_EVERY, HELD_OUT_FIRST  # noqa: E402
from ui.room.strokes import UNITS, picture  # noqa: E402

HEAD = (
    "| taught | writers | drawings | read before | after | not read | newly read; no longer "
    "| the order that gained least | worst writer | digits refused | letters refused "
    "| MNIST | seconds |"
)
NEW = "new"  # a network that begins with random weights
ADAM = RECIPES["adam"]  # by which it is trained

Names = NDArray[np.str_]
Pixels = NDArray[np.uint8]
Pair = NDArray[np.float64]  # before and after


@dataclass(frozen=True)
class Setting:
    """What is taught to which network: some drawings of each phone.

    As a control, as many of MNIST's digits instead: what is gained by these has other causes than
    the drawings.
    """

    network: str = "best"
    per_phone: int = CLASSES  # as many of each digit
    recipe: Recipe = ROOM_TEACHING
    control: bool = False

    def __str__(self) -> str:
        drawings = "MNIST's digits instead" if self.control else f"{self.per_phone} of each phone"
        usual = ADAM if self.network == NEW else ROOM_TEACHING
        text = f"`{self.network}`, {drawings}"
        for field, value in self.recipe.to_dict().items():
            if value != usual.to_dict()[field]:
                said = value if isinstance(value, str) else f"{value:g}"
                text += f", {field.replace('_', ' ')} {said}"
        return text


SETTINGS = (
    *(Setting("original", count) for count in (10, 50)),
    *(Setting(NEW, count, ADAM.replace(augment=1.0)) for count in (10, 50)),
    *(Setting("best", count) for count in (10, 20, 50)),
    Setting("best", control=True),
)


@dataclass(frozen=True)
class Marks:
    """The marks of a folder as a room stores them.

    Attributes
    ----------
    images, labels, names : the digits, (n, 784) and (n,), and who wrote each
    letters : inputs of letters and symbols
    shown : (n,), which digits `best` does not refuse
    """

    images: Pixels
    labels: Labels
    names: Names
    letters: Inputs
    shown: NDArray[np.bool_]


@dataclass(frozen=True)
class Learned:
    """What became of the room in one order of joining.

    Attributes
    ----------
    writers, drawings : that were learned from
    right : (2, n), which digits by the writers that are held out are read correctly, before and
        after
    worst : (2,) of these writers, the smallest share that is read
    refused, letters, mnist : (2,) shares of these digits refused, of letters refused, and of
        MNIST's test set read
    seconds : of processor time
    """

    writers: int
    drawings: int
    right: NDArray[np.bool_]
    worst: Pair
    refused: Pair
    letters: Pair
    mnist: Pair
    seconds: float


def load_marks(folder: Path) -> Marks:
    """The folder's digits and letters, as phones would send them."""
    digits = load_strokes(folder / "strokes.npz")
    images = phone_images(digits)
    return Marks(
        images,
        digits.labels.astype(np.uint8),
        digits.writers,
        scaled(phone_images(load_strokes(folder / "nondigits.npz")), np.dtype(np.float32)),
        read_images(load_network(WEIGHTS / "best.npz"), images) >= 0,
    )


def phone_images(strokes: Strokes) -> Pixels:
    """What a room stores of marks that were written on phones, (n, 784); blank ones are 0."""
    images = np.zeros((len(strokes.marks), PIXELS), np.uint8)
    for i, mark in enumerate(strokes.marks):
        placed = place(mark, UNITS, np.random.default_rng(i))
        vector = canvas_to_input(
            picture([np.rint(stroke).astype(int).ravel().tolist() for stroke in placed])
        )
        if vector is not None:
            images[i] = np.rint(vector * 255)
    return images


def orders(names: Names, seed: int) -> Iterator[tuple[Names, Names]]:
    """The writers that are held out, and all others, in each order of joining.

    The first order is drawn; in each further one, every writer joins one place later, and the last
    one first. So each is held out once, where their number is a multiple of HELD_OUT_EVERY.
    """
    drawn = np.random.default_rng(seed).permutation(np.unique(names))
    held_out = np.arange(1, len(drawn) + 1) % HELD_OUT_EVERY == HELD_OUT_FIRST
    for later in range(HELD_OUT_EVERY):
        joined = np.roll(drawn, later)
        yield joined[held_out], joined[~held_out]


def learn(setting: Setting, marks: Marks, seed: int) -> Iterator[Learned]:
    """Teach a network the room, in one order of joining after the other."""
    train_set, test_set = load_mnist()
    before = _before(setting)
    figures = letters_and_mnist(before, marks.letters, test_set)
    for turn, (held_out, others) in enumerate(orders(marks.names, seed)):
        rng = np.random.default_rng([seed, turn])
        drawings = _drawings(setting, marks, others, rng)
        if setting.control:
            rows = rng.permutation(len(train_set) - setting.recipe.validation)[: len(drawings)]
            drawings = Dataset(train_set.images[rows], train_set.labels[rows])
        after = setting.recipe.build_network(rng=rng) if setting.network == NEW else before.copy()
        began = time.process_time()
        for _ in teach(after, drawings, train_set, rng=rng, recipe=setting.recipe):
            pass
        seconds = time.process_time() - began
        rows = np.flatnonzero(np.isin(marks.names, held_out))
        x, labels = scaled(marks.images[rows], np.dtype(np.float32)), marks.labels[rows]
        digits = marks.images[rows]
        right = np.array([read_images(network, digits) == labels for network in (before, after)])
        by_writer = [right[:, marks.names[rows] == name].mean(axis=1) for name in held_out]
        now = letters_and_mnist(after, marks.letters, test_set)
        yield Learned(
            writers=len(others),
            drawings=len(drawings),
            right=right,
            worst=np.min(by_writer, axis=0),
            refused=np.array([share_refused(network, x) for network in (before, after)]),
            letters=np.array([figures[0], now[0]]),
            mnist=np.array([figures[1], now[1]]),
            seconds=seconds,
        )


def row(setting: Setting, found: list[Learned]) -> str:
    """A setting's row of the table: all held-out digits, and means over the orders."""

    def percent(shares: Pair, digits: int) -> str:
        return "{:.{digits}f} → {:.{digits}f} %".format(*(100 * shares).tolist(), digits=digits)

    def mean(name: str) -> Pair:
        means: Pair = np.mean([getattr(order, name) for order in found], axis=0)
        return means

    wrong = np.array([(~order.right).sum(axis=1) for order in found])
    least = wrong[(wrong[:, 1] - wrong[:, 0]).argmax()]
    before, after = np.concatenate([order.right for order in found], axis=1)
    mnist_before, mnist_after = (100 * mean("mnist")).tolist()
    cells = (
        setting,
        found[0].writers,
        f"{np.mean([order.drawings for order in found]):.0f}",
        f"{100 * before.mean():.2f} %",
        f"{100 * after.mean():.2f} %",
        "{:,} → {:,} of {:,}".format(*wrong.sum(axis=0).tolist(), len(before)),
        f"{np.sum(after & ~before)}; {np.sum(before & ~after)}",
        "{} → {}".format(*least.tolist()),
        percent(np.min([order.worst for order in found], axis=0), 2),
        percent(mean("refused"), 2),
        percent(mean("letters"), 1),
        f"{mnist_after - mnist_before:+.2f}".replace("-", "−"),
        f"{np.mean([order.seconds for order in found]):.1f}",
    )
    return "| " + " | ".join(map(str, cells)) + " |"


@cache
def _trained(recipe: Recipe) -> Network:
    """What a new network learns from MNIST alone."""
    rng = np.random.default_rng(0)
    network = recipe.build_network(rng=rng)
    fitting, validation = split_validation(load_mnist()[0], recipe)
    for _ in train(network, fitting, validation, recipe, rng=rng):
        pass
    return network


def _before(setting: Setting) -> Network:
    """The network that is taught; in place of a new one, what that learns from MNIST alone."""
    if setting.network == NEW:
        return _trained(setting.recipe)
    return load_network(WEIGHTS / f"{setting.network}.npz")


def _drawings(setting: Setting, marks: Marks, names: Names, rng: np.random.Generator) -> Dataset:
    """What these writers send, as many of each digit, less what `best` refuses."""
    sent = [
        rng.permutation(np.flatnonzero((marks.names == name) & (marks.labels == digit)))
        for name in names
        for digit in range(CLASSES)
    ]
    rows = np.concatenate([some[: setting.per_phone // CLASSES] for some in sent])
    rows = rows[marks.shown[rows]]
    return Dataset(marks.images[rows], marks.labels[rows])


def main() -> None:
    """Measure all settings, or those of one network."""
    parser = argparse.ArgumentParser(description="Teach networks a room's drawings, and measure.")
    parser.add_argument("folder", type=Path, help="with strokes.npz and nondigits.npz")
    parser.add_argument("--network", choices=("best", "original", NEW), help="only this one")
    parser.add_argument("--seed", type=int, default=0, help="of the orders and the teaching")
    options = parser.parse_args()
    marks = load_marks(options.folder)
    print(HEAD)
    print("|---" * HEAD.count(" | ") + "|---|")
    with threadpool_limits(limits=1, user_api="blas"):
        for setting in SETTINGS:
            if options.network in (None, setting.network):
                print(row(setting, list(learn(setting, marks, options.seed))), flush=True)


if __name__ == "__main__":
    main()
