"""The load test's own parts: what it asks the server, and the server that it asks for."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import pytest

from nn import Network, Recipe
from tests.load import server, visitors
from ui.config import read


def test_a_network_that_is_just_being_made_does_not_disturb_the_count_of_vectors() -> None:
    before = server._vectors()["vectors"]
    network = Recipe(hidden=(37,)).build_network(rng=np.random.default_rng(0))
    unfinished = Network.__new__(Network)
    after = server._vectors()["vectors"]
    assert not vars(unfinished)
    assert after - before >= network.params.nbytes + network.grads.nbytes


@pytest.mark.parametrize(("count", "limit"), [(60, 60), (2, visitors.ARRIVALS)])
def test_as_many_trainings_as_visitors_may_run(
    count: int, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, str] = {}

    @contextmanager
    def serve(**environment: str) -> Iterator[None]:
        asked.update(environment)
        yield

    async def measure(_: None, among: int, *__: object) -> bool:
        await asyncio.sleep(0)
        return among == count

    monkeypatch.setattr(visitors, "serve", serve)
    monkeypatch.setattr(visitors, "measure", measure)
    monkeypatch.setattr(sys, "argv", ["visitors.py", "--visitors", str(count)])
    with ThreadPoolExecutor(1) as apart, pytest.raises(SystemExit) as end:  # a loop of its own
        apart.submit(visitors.main).result()
    assert end.value.code == 0
    assert read(asked).runs == limit
