"""How well the shipped networks read digits that do not stand in the middle.

    python weights/shift.py

Prints a Markdown table: the share of the first 1,000 MNIST test digits read correctly when all are
shifted by so many pixels, mean of right, left, down and up. Nothing is centred again.

Source of the measure: `nn.explain.shift`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

WEIGHTS = Path(__file__).resolve().parent
sys.path.insert(0, str(WEIGHTS.parent))  # run as a script, from any folder

from nn import Dataset, load_mnist, load_network  # noqa: E402
from nn.explain.shift import accuracy_by_shift  # noqa: E402

NETWORKS = ("original", "best", "convolution")
SHIFTS = range(9)  # pixels
DIGITS = 1000


def measured(name: str, dataset: Dataset) -> NDArray[np.float64]:
    """The accuracy of weights/NAME.npz at each of SHIFTS, (9,)."""
    steps = accuracy_by_shift(load_network(WEIGHTS / f"{name}.npz"), dataset, SHIFTS)
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            accuracy: NDArray[np.float64] = stop.value
            return accuracy


def row(name: str, accuracy: NDArray[np.float64]) -> str:
    """A network's row of the table."""
    return " | ".join([f"| `{name}`", *(f"{share:.1%}".replace("%", " %") for share in accuracy)])


def main() -> None:
    """Measure the shipped networks, one after the other."""
    test_set = load_mnist()[1][:DIGITS]
    print(" | ".join(["| pixels", *map(str, SHIFTS)]), "|")
    print("|---" * (len(SHIFTS) + 1) + "|")
    with threadpool_limits(limits=1, user_api="blas"):
        for name in NETWORKS:
            print(row(name, measured(name, test_set)), "|", flush=True)


if __name__ == "__main__":
    main()
