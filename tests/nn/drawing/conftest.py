"""What the tests of drawings and pictures read with, and what they read."""

from __future__ import annotations

import pytest

from nn import Dataset, Network, load_network
from tests.nn.drawing.photo_trials import BEST


@pytest.fixture(scope="session")
def best() -> Network:
    return load_network(BEST)


@pytest.fixture(scope="session")
def hundred(mnist: tuple[Dataset, Dataset]) -> Dataset:
    """Every 100th of MNIST's test digits."""
    return mnist[1][::100]
