"""Settings that are wrong, and servers beside the page that are gone: it says so, and goes on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.page import DESKTOP, Visit, free_port, serve
from tests.ui import postgres
from ui import i18n

pytestmark = pytest.mark.browser


@contextmanager
def visited(chromium: Browser, **settings: str) -> Iterator[Visit]:
    """The page of a server with these settings, which draws and reads before and after."""
    with serve(**settings) as address, chromium.new_context(**DESKTOP) as context:
        visit = Visit(context, address).open()
        visit.draw(7)
        visit.expect_digit(7)
        yield visit
        visit.press("clear")
        visit.expect_blank()
        visit.draw(3)
        visit.expect_digit(3)
        assert not visit.complaints()


def test_wrong_trainers_and_a_wrong_password(chromium: Browser) -> None:
    with (
        postgres.server() as database,
        visited(
            chromium,
            DIGIT_LAB_TRAINERS="-1",
            DIGIT_LAB_DATABASE=database.url(password="guess"),
        ) as visit,
    ):
        warning = visit.page.locator(".stSidebar").get_by_role("alert")
        expect(warning).to_contain_text("expected thread, auto, a number of processes")
        visit.press("train")  # a thread trains
        visit.expect_epoch(1)
        said = visit.open_panel("Runs").get_by_role("alert")
        expect(said).to_contain_text("correct the host, user, password")
        expect(said).not_to_contain_text("guess")


def test_nobody_listens_at_the_address_of_the_trainers(chromium: Browser) -> None:
    nowhere = f"tcp://127.0.0.1:{free_port()}"
    with visited(chromium, DIGIT_LAB_TRAINERS=nowhere) as visit:
        visit.press("train")
        expect(visit.status).to_contain_text(str(i18n.WAITING))
        warning = visit.page.locator(".stSidebar").get_by_role("alert")
        expect(warning).to_contain_text("expected a Dask scheduler at tcp")
        visit.press("stop")


def test_postgresql_stops_while_the_page_is_open(chromium: Browser) -> None:
    with (
        postgres.server() as database,
        visited(chromium, DIGIT_LAB_DATABASE=database.url()) as visit,
    ):
        visit.press("train")
        visit.expect_epoch(1)
        panel = visit.open_panel("Runs")
        with database.stopped():
            visit.press("run-keep")
            said = panel.get_by_role("alert").filter(has_text="cannot be reached")
            expect(said).to_contain_text("start PostgreSQL")
            visit.expect_epoch(2)
        visit.press("run-keep")  # it is back
        expect(visit.button("run-keep")).to_have_text(str(i18n.KEPT))
        expect(said).to_have_count(0)
