"""What a writer's own drawings teach a network: before, after, and what it costs.

    python weights/teaching.py FOLDER

For each writer of the folder (see `drawn.py`), a copy of the network is taught some of their digits
and reads all of their others. The seeds are fixed: a writer's place in the folder. The first of
MNIST's digits are replayed, its test set says what was forgotten, and the folder's letters and
symbols whether these are still refused. Prints one row of the model card's table per setting.

Source of the measure: the most probable digit of `predict_proba` on `canvas_to_input`.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

WEIGHTS = Path(__file__).resolve().parent
sys.path.insert(0, str(WEIGHTS.parent))  # run as a script, from any folder

from drawn import draw_all, load_strokes  # noqa: E402

from nn import Dataset, Network, load_mnist, load_network, teach  # noqa: E402
from nn.calibration import evidence  # noqa: E402
from nn.layers import scaled  # noqa: E402
from nn.mnist import CLASSES  # noqa: E402

HEAD = (
    "| taught | read before | after | worst writer | digits not shown | digits refused "
    "| letters refused | MNIST | seconds |"
)

Inputs = NDArray[np.float32]
Labels = NDArray[np.uint8]


@dataclass(frozen=True)
class Setting:
    """What is taught: some drawings of each of some digits, with a share of wrong labels."""

    network: str
    per_digit: int = 1
    digits: int = CLASSES
    wrong: float = 0.0

    def __str__(self) -> str:
        text = f"`{self.network}`, {self.per_digit} of each"
        if self.digits < CLASSES:
            text = f"`{self.network}`, {self.per_digit} of {self.digits} digits"
        return text + (f", {self.wrong:.0%} labelled wrong" if self.wrong else "")


SETTINGS = (
    Setting("best"),
    Setting("best", 3),
    Setting("best", 5),
    Setting("best", digits=5),
    Setting("best", wrong=0.1),
    Setting("best", 3, wrong=0.1),
    Setting("original"),
    Setting("original", 3),
)


@dataclass(frozen=True)
class Writer:
    """What became of one writer; shares in percent.

    Attributes
    ----------
    read, unseen : (2,) of the digits that were not taught, before and after; the latter of those
        digits of which none was shown, NaN where all were
    refused, letters, mnist : (2,) digits refused, letters refused, and read of MNIST's test set
    seconds : of processor time
    """

    read: NDArray[np.float64]
    unseen: NDArray[np.float64]
    refused: NDArray[np.float64]
    letters: NDArray[np.float64]
    mnist: NDArray[np.float64]
    seconds: float


def writers(
    setting: Setting, inputs: Inputs, labels: Labels, names: NDArray[np.str_], letters: Inputs
) -> Iterator[Writer]:
    """Teach a network each writer's digits, one after the other."""
    train_set, test_set = load_mnist()
    before = load_network(WEIGHTS / f"{setting.network}.npz")
    figures = letters_and_mnist(before, letters, test_set)
    for place, name in enumerate(np.unique(names)):
        rng = np.random.default_rng([place])
        own = np.flatnonzero(names == name)
        shown = rng.permutation(CLASSES)[: setting.digits]
        chosen = np.concatenate(
            [rng.permutation(own[labels[own] == digit])[: setting.per_digit] for digit in shown]
        )
        said = labels[chosen].copy()
        for i in rng.permutation(len(said))[: round(setting.wrong * len(said))]:
            said[i] = (said[i] + rng.integers(1, CLASSES)) % CLASSES
        drawings = Dataset(np.rint(inputs[chosen] * 255).astype(np.uint8), said)
        after = before.copy()
        began = time.process_time()
        for _ in teach(after, drawings, train_set, rng=rng):
            pass
        seconds = time.process_time() - began
        others = np.setdiff1d(own, chosen)
        read = [most_probable(network, inputs[others]) for network in (before, after)]
        right = [digits == labels[others] for digits in read]
        hidden = ~np.isin(labels[others], shown)
        refused = [share_refused(network, inputs[others]) for network in (before, after)]
        now = letters_and_mnist(after, letters, test_set)
        yield Writer(
            100 * np.array([each.mean() for each in right]),
            100 * np.array([each[hidden].mean() if hidden.any() else np.nan for each in right]),
            100 * np.array(refused),
            100 * np.array([figures[0], now[0]]),
            100 * np.array([figures[1], now[1]]),
            seconds,
        )


def row(setting: Setting, found: list[Writer]) -> str:
    """A setting's row of the table: means over the writers, and the worst of them."""

    def mean(name: str) -> tuple[float, float]:
        before, after = np.mean([getattr(writer, name) for writer in found], axis=0).tolist()
        return before, after

    worst_before, worst_after = np.min([writer.read for writer in found], axis=0).tolist()
    (before, after), (mnist_before, mnist_after) = mean("read"), mean("mnist")
    unseen = "–" if setting.digits == CLASSES else "{:.2f} → {:.2f} %".format(*mean("unseen"))
    cells = (
        setting,
        f"{before:.2f} %",
        f"{after:.2f} %",
        f"{worst_before:.2f} → {worst_after:.2f} %",
        unseen,
        "{:.2f} → {:.2f} %".format(*mean("refused")),
        "{:.1f} → {:.1f} %".format(*mean("letters")),
        f"{mnist_after - mnist_before:+.2f}".replace("-", "−"),
        f"{np.mean([writer.seconds for writer in found]):.1f}",
    )
    return "| " + " | ".join(map(str, cells)) + " |"


def letters_and_mnist(network: Network, letters: Inputs, test_set: Dataset) -> tuple[float, float]:
    """The share of letters that a network refuses, and of a test set that it reads."""
    x = scaled(test_set.images, network.params.dtype)
    right = float(np.mean(most_probable(network, x) == test_set.labels))
    return share_refused(network, letters), right


def most_probable(network: Network, x: Inputs) -> NDArray[np.intp]:
    """The digits, (n,), whatever their evidence."""
    digits: NDArray[np.intp] = network.predict_proba(x).argmax(axis=1)
    return digits


def share_refused(network: Network, x: Inputs) -> float:
    """The share whose evidence is too low."""
    judged = network.calibration.apply(network.predict_proba(x))
    return float(np.mean(evidence(judged) < network.calibration.refuse_below))


def main() -> None:
    """Measure all settings, or those of one network."""
    parser = argparse.ArgumentParser(description="Teach networks each writer's hand, and measure.")
    parser.add_argument("folder", type=Path, help="with strokes.npz and nondigits.npz")
    parser.add_argument("--network", choices=("best", "original"), help="only this one")
    options = parser.parse_args()
    strokes = load_strokes(options.folder / "strokes.npz")
    inputs, letters = draw_all(strokes), draw_all(load_strokes(options.folder / "nondigits.npz"))
    print(HEAD)
    print("|---" * HEAD.count(" | ") + "|---|")
    with threadpool_limits(limits=1, user_api="blas"):
        for setting in SETTINGS:
            if options.network in (None, setting.network):
                labels = strokes.labels.astype(np.uint8)
                found = list(writers(setting, inputs, labels, strokes.writers, letters))
                print(row(setting, found), flush=True)


if __name__ == "__main__":
    main()
