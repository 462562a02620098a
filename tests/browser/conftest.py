"""One server and one Chromium for each process of browser tests; a fresh window for each test."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.page import DESKTOP, PHONE, Visit, find_chromium, launch, serve


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Side by side with other tests, those of a module stay in one process."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The browser; without one the tests are skipped, but never where all must run."""
    if find_chromium() is None:
        reason = "no Chromium found: install one, or name it in the variable CHROMIUM"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def address(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the page on a server of its own."""
    with serve(tmp_path_factory.mktemp("server") / "log.txt") as url:
        yield url


@pytest.fixture
def visit(chromium: Browser, address: str) -> Iterator[Callable[..., Visit]]:
    """Opens the page in a fresh window; at the end none may have anything to complain of."""
    visits: list[Visit] = []

    def come(*, script: str = "", **options: Any) -> Visit:
        context = chromium.new_context(**{**DESKTOP, **options})
        context.add_init_script(script)  # runs before the page's own
        visits.append(Visit(context, address))
        return visits[-1].open()

    yield come
    complaints = [complaint for visitor in visits for complaint in visitor.complaints()]
    for visitor in visits:
        visitor.context.close()
    assert not complaints


@pytest.fixture
def desk(visit: Callable[..., Visit]) -> Visit:
    """The page on a desktop."""
    return visit()


@pytest.fixture
def phone(visit: Callable[..., Visit]) -> Visit:
    """The page on a phone."""
    return visit(**PHONE)
