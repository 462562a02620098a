from __future__ import annotations

import threading

import pytest

from nn import Dataset
from ui import data
from ui.page import visit


def test_training_runs_and_panels_share_one_copy_of_mnist(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = []
    monkeypatch.setattr(visit, "trainers", lambda _setting, load, **_: seen.append(load))
    visit.scheduler.clear()
    visit.scheduler()
    visit.scheduler.clear()
    [load] = seen
    assert load()[0].images is data.mnist()[0].images
    assert data.neighbours().dataset.images is load()[0].images


def test_those_who_ask_together_wait_for_one_loading(
    monkeypatch: pytest.MonkeyPatch, digits: Dataset
) -> None:
    loaded, together = [], threading.Barrier(4)

    def load() -> tuple[Dataset, Dataset]:
        loaded.append(1)
        threading.Event().wait(0.05)
        return digits, digits

    def ask() -> None:
        together.wait()
        data.mnist()

    monkeypatch.setattr(data, "load_mnist", load)
    data._loaded.cache_clear()
    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    data._loaded.cache_clear()
    assert len(loaded) == 1
