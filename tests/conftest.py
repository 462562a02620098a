"""Fixtures that several test modules share; what costs seconds is made once."""

from __future__ import annotations

import os
from pathlib import Path

# Two test processes share the cores; BLAS reads this when NumPy loads it, and spins with more.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pytest

from nn import RECIPES, Dataset, Network, load_mnist, save_checkpoint
from tests.helpers import trained

# No test writes into the data folder of whoever runs it, nor does a server that a test starts.
os.environ["DIGIT_LAB_DATABASE"] = "off"


@pytest.fixture(scope="session")
def mnist() -> tuple[Dataset, Dataset]:
    """MNIST's training and test set."""
    return load_mnist()


@pytest.fixture(scope="session")
def digits(mnist: tuple[Dataset, Dataset]) -> Dataset:
    """Forty training digits."""
    return mnist[0][:40]


@pytest.fixture(scope="session")
def reader(mnist: tuple[Dataset, Dataset]) -> Network:
    """A network that reads MNIST well (98 %); a few seconds of training. Not to be changed."""
    recipe = RECIPES["adam"].replace(
        hidden=(256,), epochs=6, learning_rate=0.002, schedule="cosine", validation=0
    )
    return trained(mnist[0], recipe)


@pytest.fixture(scope="session")
def reader_file(reader: Network, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint of `reader`."""
    path = tmp_path_factory.mktemp("checkpoints") / "reader.npz"
    save_checkpoint(path, reader, note="made by the tests")
    return path


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator with a seed of its own."""
    return np.random.default_rng(12)
