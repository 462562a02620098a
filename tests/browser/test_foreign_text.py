"""Text from elsewhere on the page: it is shown as it is, and does nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, expect

from nn import RECIPES
from tests.browser.page import DESKTOP, Visit, serve
from tests.helpers import checkpoint_bytes

pytestmark = pytest.mark.browser

HOSTILE = [
    "![x](http://evil.test/a.png)",
    "[Sign in](http://evil.test/)",
    "http://evil.test www.evil.test a@evil.test",
    ":red[alarm] :material/home: $x^2$ **b** `c`",
    "<img src=//evil.test/b> <b style=color:red>b</b>",
]
OURS = "data:", "blob:"
# Whatever in the page leads or looks elsewhere, or was made of the text's own signs.
FOUND = """([within, ours]) => [...document.querySelectorAll(within)].flatMap(place => [
    ...[...place.querySelectorAll('a[href], img[src], script[src], iframe, link[href]')]
        .map(it => it.href || it.src)
        .filter(to => !ours.some(start => to.startsWith(start))),
    ...[...place.querySelectorAll('[style*="evil"], .katex, b, strong, em, h1 a, h2 a')]
        .map(it => it.outerHTML),
])"""
TEXT_ONLY = "[data-testid=stAlertContentWarning] p *, [role=radio] p *, .runs th *:not(.sample)"


def expect_harmless(visitor: Visit) -> None:
    """Nothing on the page is a link, a picture, a style or a request that is not ours."""
    visitor.expect_rest()
    page = visitor.page
    assert page.evaluate(FOUND, ["body", [visitor.address, *OURS]]) == []
    expect(page.locator(TEXT_ONLY)).to_have_count(0)
    assert visitor.hosts == {visitor.address.removeprefix("http://")}


def as_shown(text: str) -> re.Pattern[str]:
    """A text as it stands on the page, where it may hold word joiners, which cannot be seen."""
    return re.compile("\u2060?".join(map(re.escape, text)))


def warning(visitor: Visit, text: str | re.Pattern[str]) -> Locator:
    """A warning that has this text."""
    return visitor.page.locator("[data-testid=stAlert]").filter(has_text=text)


@pytest.mark.parametrize("field", ["recipe", "hidden"])
def test_what_an_address_says_is_shown_as_text(desk: Visit, field: str) -> None:
    for text in HOSTILE if field == "recipe" else HOSTILE[:1]:
        desk.page.goto(f"{desk.address}/?lang={quote(text)}&{field}={quote(text)}")
        desk.expect_usable()
        expect(warning(desk, as_shown(text[:30]))).to_have_count(1)
        expect_harmless(desk)


@pytest.fixture
def keeping(chromium: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Visit]:
    """The page of a server that keeps runs."""
    monkeypatch.setenv("DIGIT_LAB_DATABASE", f"sqlite:///{tmp_path / 'runs.sqlite3'}")
    with serve() as address:
        context = chromium.new_context(**DESKTOP)
        visitor = Visit(context, address).open()
        yield visitor
        assert not visitor.complaints()
        context.close()


def test_names_of_files_and_runs_are_shown_as_text(keeping: Visit) -> None:
    network = RECIPES["adam"].replace(hidden=(8,)).build_network(rng=np.random.default_rng(0))
    keeping.draw(7)
    keeping.expect_some_digit()
    runs = keeping.open_panel("Runs")
    files = runs.locator("input[type=file]")
    for text in HOSTILE:
        name = {"name": f"{text}.npz", "mimeType": "application/zip"}
        files.set_input_files({**name, "buffer": b"no checkpoint"})
        expect(warning(keeping, "not loaded")).to_have_count(1)
        expect_harmless(keeping)
        # Of a network that loads: the name that it bears within.
        files.set_input_files({**name, "buffer": checkpoint_bytes(network, name=text[:40])})
        expect(runs.locator(".runs th").filter(has_text=text[:40].strip())).to_have_count(1)
        expect(warning(keeping, "not loaded")).to_have_count(0)
        radio = keeping.page.get_by_role("radio").filter(has_text=as_shown(text[:40].strip()))
        expect(radio).to_have_count(1)
        expect_harmless(keeping)
        keeping.press("run-keep")
        expect(keeping.button("run-keep")).to_be_disabled()
        expect_harmless(keeping)
        runs.get_by_role("textbox", name="Name").fill(f"{text[:30]} again")
        runs.get_by_role("textbox", name="Name").press("Enter")
        expect(runs.locator(".runs th").filter(has_text=f"{text[:30]} again")).to_have_count(1)
        expect_harmless(keeping)
    photo = keeping.page.locator(".st-key-photo input[type=file]")
    photo.set_input_files({"name": f"{HOSTILE[0]}.png", "mimeType": "image/png", "buffer": b"no"})
    expect(warning(keeping, "picture")).to_have_count(1)
    expect_harmless(keeping)
