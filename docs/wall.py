"""The picture of a room in the README: a wall that has learned from 24 writers.

Run it from the folder of the repository with `python -m docs.wall`, in the environment that
`requirements-dev.txt` makes, on a machine with Chromium. The writers are the synthetic pen's: each
writes ten digits in a hand of its own, and sends them over the same routes as a phone. It opens the
room, lets `original` learn it, and writes `docs/room.webp`.
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, ViewportSize, expect, sync_playwright

from nn.mnist import CLASSES
from nn.pen.pen import _by_hand
from nn.pen.skeletons import Skeleton, load_skeletons
from tests.browser.page import launch, serve

PICTURE = Path(__file__).with_name("room.webp")
WINDOW: ViewportSize = {"width": 1680, "height": 1050}
WIDTH = 1200  # of the picture, in pixels
WRITERS, EACH = 24, 8
SEND = """async ([code, key, label, strokes]) => {
    const headers = { "Content-Type": "application/json" };
    const body = JSON.stringify({ key, task: "random", label, strokes });
    const answer = await fetch(`/j/${code}/drawings`, { method: "POST", headers, body });
    if (!answer.ok) throw new Error(await answer.text());
}"""


def strokes(skeleton: Skeleton, rng: np.random.Generator) -> list[list[int]]:
    """One digit as a phone sends it."""
    written = _by_hand(skeleton, rng)
    points = np.concatenate(written)
    low, span = points.min(axis=0), max(np.ptp(points, axis=0).max(), 1.0)
    middle = (points.max(axis=0) - low) / 2
    return [
        np.rint((stroke - low - middle) / span * 600 + 500).astype(int).ravel().tolist()
        for stroke in written
    ]


def write(chromium: Browser, link: str, rng: np.random.Generator) -> None:
    """A phone joins and sends some digits, each in one of the pen's styles."""
    skeletons = load_skeletons()
    page = chromium.new_context().new_page()
    page.goto(link)
    expect(page.locator("#send")).to_be_disabled()
    expect(page.locator("h1")).to_contain_text("Write")
    for number, digit in enumerate(rng.permutation(CLASSES)[:EACH].tolist()):
        styles = [each for each in skeletons if each.label == str(digit)]
        drawn = strokes(styles[rng.integers(len(styles))], rng)
        page.evaluate(SEND, [link[-5:], f"{number:032x}", digit, drawn])
    page.context.close()


def main() -> None:
    """Fill a room, let a network learn it, and take the picture."""
    rng = np.random.default_rng(0)
    with (
        tempfile.TemporaryDirectory() as folder,
        serve(
            DIGIT_LAB_DATABASE=f"sqlite:///{folder}/rooms.sqlite3",
            DIGIT_LAB_DRAWINGS_PER_SECOND="1000",
        ) as address,
        sync_playwright() as playwright,
    ):
        chromium = launch(playwright)
        page = chromium.new_context(viewport=WINDOW).new_page()
        page.goto(f"{address}/room")
        page.get_by_role("button", name="Open a room").click()
        code = page.locator(".room-code").inner_text()
        for _ in range(WRITERS):
            write(chromium, f"{address}/j/{code}", rng)
        start = page.get_by_role("combobox", name="Start from")
        start.scroll_into_view_if_needed()
        start.click()
        page.get_by_role("option", name="Original").click()
        page.locator(".st-key-learn button").click()
        expect(page.locator(".st-key-training-status")).to_contain_text("Done", timeout=120_000)
        expect(page.locator(".wall-figures .ours")).to_be_visible()
        page.locator("h1").scroll_into_view_if_needed()
        page.mouse.move(0, 0)
        page.wait_for_timeout(3000)  # until the wall has been read by the finished network
        shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        chromium.close()
    height = round(shot.height * WIDTH / shot.width)
    shot.resize((WIDTH, height), Image.Resampling.LANCZOS).save(PICTURE, quality=82, method=6)
    sys.stdout.write(f"{PICTURE.name}: {PICTURE.stat().st_size:,} bytes\n")


if __name__ == "__main__":
    main()
