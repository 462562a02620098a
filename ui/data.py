"""MNIST, loaded once for the whole server: what runs train on and what panels show."""

from __future__ import annotations

import functools
import threading

from nn import Dataset, load_mnist
from nn.explain.neighbours import Neighbours

_lock = threading.RLock()


def mnist() -> tuple[Dataset, Dataset]:
    """Training and test set, the same for everybody; whoever asks first waits for the files."""
    with _lock:
        return _loaded()


@functools.cache
def _loaded() -> tuple[Dataset, Dataset]:
    return load_mnist()


def neighbours() -> Neighbours:
    """The 60,000 training digits, to look for similar ones; made once, as in `mnist`."""
    with _lock:
        return _neighbours()


@functools.cache
def _neighbours() -> Neighbours:
    return Neighbours(mnist()[0])
