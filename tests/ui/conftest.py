"""A training that went through, as the page's rooms see it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

from nn import RECIPES, Dataset
from tests.ui import postgres as postgresql
from tests.ui.visitor import come, new_page
from ui import config
from ui.page import visit
from ui.training.scheduler import Scheduler
from ui.training.snapshot import Snapshot, State


@pytest.fixture(scope="session", autouse=True)
def packages_are_searched_once() -> Iterator[None]:
    """For components; AppTest reads the metadata of all that is installed, for each page anew."""
    scan = functools.cache(manifest_scanner.scan_component_manifests)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(manifest_scanner, "scan_component_manifests", scan)
        yield


@pytest.fixture(scope="session")
def finished(mnist: tuple[Dataset, Dataset]) -> Snapshot:
    """A run to its end on a few digits, its learning rate changed in the midst of it."""
    recipe = RECIPES["deep"].replace(
        hidden=(8, 6), batch_size=20, epochs=4, warmup=0, validation=40
    )
    scheduler = Scheduler(lambda: (mnist[0][:240], mnist[1][:100]), turn_seconds=0.0)
    name = scheduler.start(recipe, seed=11, visitor="ada")
    while (run := scheduler.look(name)) is not None and run.state is State.RUNNING:
        scheduler.turn()
        if run.epoch == 2 and not run.marks:
            scheduler.change(name, recipe.replace(learning_rate=0.001))
    assert run is not None
    assert run.state is State.FINISHED
    return run


@pytest.fixture(scope="session")
def postgres() -> Iterator[postgresql.Postgres]:
    """A PostgreSQL server of this test process."""
    with postgresql.server() as found:
        yield found


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, of each kind in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/runs.sqlite3"
    server: postgresql.Postgres = request.getfixturevalue("postgres")
    return server.new_database()


@pytest.fixture
def open_page() -> Iterator[Callable[..., AppTest]]:
    """Opens the page in a tab of its own, not run yet; the server's runs end with the test."""
    st.cache_resource.clear()
    config.current.cache_clear()

    def open_(*, panel: str = "PANEL_TRAINING", **query: str) -> AppTest:
        page = come(new_page(), panel=panel)
        for name, value in query.items():
            page.query_params[name] = value
        return page

    yield open_
    visit.scheduler().close()
    st.cache_resource.clear()
    config.current.cache_clear()


@pytest.fixture
def page(open_page: Callable[..., AppTest]) -> AppTest:
    """The page of one visitor, not run yet."""
    return open_page()
