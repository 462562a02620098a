"""The animated picture at the head of the README: a 7 is drawn, a network trains and reads it.

Run it from the folder of the repository with `python -m docs.film`, in the environment that
`requirements-dev.txt` makes, on a machine with Chromium. It starts the page, draws and presses as a
visitor does, and writes `docs/digit-lab.webp`. Nothing is staged: the curves and the bars are those
of the training run that it starts. Long waits are cut, and what took too long is shown faster.
"""

from __future__ import annotations

import argparse
import base64
import io
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import CDPSession, ViewportSize, expect, sync_playwright

from tests.browser.page import Visit, launch, serve

FILM = Path(__file__).with_name("digit-lab.webp")
WINDOW: ViewportSize = {
    "width": 1380,
    "height": 900,
}  # all that moves is in sight, none of it small
WIDTH = 900  # of the film, in pixels
EPOCHS = 6
RATE = 12.5  # frames per second at most
LENGTH = 13.0  # seconds of the film at most: what took longer is shown faster
WAIT = 0.6  # seconds that a frame may last: longer waits are cut
HOLD = 2.5  # seconds that the last one lasts
LARGEST = 2_000_000  # bytes

# In percent of the slate; crossed so low that a network must learn for a while to read it.
SEVEN = (
    ((29, 24), (38, 21), (50, 22), (62, 21), (72, 19), (67, 34), (60, 50), (54, 66), (50, 84)),
    ((36, 65), (52, 63), (70, 60)),
)
# A browser without a screen shows no pointer, so the page gets one: dark while it is pressed.
POINTER = """addEventListener('DOMContentLoaded', () => {
    const pointer = document.createElement('div');
    pointer.style.cssText = 'position:fixed;left:0;top:0;z-index:2147483647;pointer-events:none;'
        + 'transform:translate(-50px,-50px)';
    pointer.innerHTML = `<svg width="26" height="30" viewBox="0 0 26 30" style="display:block">
        <path d="M2 2v21l5.5-5 3.6 8.4 4-1.8-3.6-8.2H19z" fill="#fff" stroke="#1D2433"
              stroke-width="1.8" stroke-linejoin="round"/></svg>`;
    document.documentElement.append(pointer);
    addEventListener('pointermove', event => {
        pointer.style.transform = `translate(${event.clientX - 2}px,${event.clientY - 2}px)`;
    }, true);
    const tip = pointer.querySelector('path');
    addEventListener('pointerdown', () => tip.setAttribute('fill', '#F2A154'), true);
    addEventListener('pointerup', () => tip.setAttribute('fill', '#fff'), true);
})"""


class Frames:
    """What the browser shows, picture by picture, with the time of each in seconds."""

    def __init__(self, session: CDPSession) -> None:
        self.shots: list[tuple[float, bytes]] = []
        self._session = session
        session.on("Page.screencastFrame", self._take)

    @contextmanager
    def record(self) -> Iterator[None]:
        """Take every picture that the browser paints meanwhile."""
        self._session.send("Page.startScreencast", {"format": "png"})
        yield
        self._session.send("Page.stopScreencast")

    def _take(self, event: dict[str, Any]) -> None:
        self.shots.append((event["metadata"]["timestamp"], base64.b64decode(event["data"])))
        self._session.send("Page.screencastFrameAck", {"sessionId": event["sessionId"]})


class Hand:
    """A mouse that moves like a hand: it takes its time, and starts and stops softly."""

    def __init__(self, visit: Visit, at: tuple[float, float]) -> None:
        self.visit, self.at = visit, at

    def move(self, to: tuple[float, float], seconds: float) -> None:
        """Go in a straight line, slow at both ends."""
        (x0, y0), (x1, y1) = self.at, to
        steps = max(2, round(seconds * 30))
        for step in range(1, steps + 1):
            part = (1 - math.cos(math.pi * step / steps)) / 2
            self._step(x0 + part * (x1 - x0), y0 + part * (y1 - y0))

    def draw(self, stroke: tuple[tuple[float, float], ...]) -> None:
        """Draw one stroke: along its points, evenly, without a stop."""
        first, *rest = self.visit.place(stroke)
        self.move(first, 0.3)
        self.visit.page.mouse.down()
        for (x0, y0), (x1, y1) in pairwise([first, *rest]):
            steps = max(1, round(math.dist((x0, y0), (x1, y1)) / 20))
            for step in range(1, steps + 1):
                part = step / steps
                self._step(x0 + part * (x1 - x0), y0 + part * (y1 - y0))
        self.visit.page.mouse.up()

    def press(self, key: str) -> None:
        """Go to a button, and press it for as long as a finger does."""
        box = self.visit.button(key).bounding_box()
        if box is None:
            raise RuntimeError(f"the button {key} is not shown")
        self.move((box["x"] + 0.62 * box["width"], box["y"] + box["height"] / 2), 0.6)
        self.visit.page.mouse.down()
        self.wait(0.12)
        self.visit.page.mouse.up()

    def wait(self, seconds: float) -> None:
        """Hold still."""
        self.visit.page.wait_for_timeout(1000 * seconds)

    def _step(self, x: float, y: float) -> None:
        self.visit.page.mouse.move(x, y)
        self.at = (x, y)
        self.wait(1 / 40)


def perform() -> list[tuple[float, bytes]]:
    """Draw, press Train and look on, before a page of its own; gives what the browser showed."""
    with sync_playwright() as playwright, serve() as address:
        context = launch(playwright).new_context(
            viewport=WINDOW, color_scheme="light", locale="en-GB"
        )
        context.add_init_script(POINTER)
        visit = Visit(context, address).open()
        visit.set_field("Epochs", str(EPOCHS))
        visit.page.get_by_role("heading", name="Digit Lab").click()  # no caret blinks in a field
        visit.expect_rest()
        frames = Frames(context.new_cdp_session(visit.page))
        hand = Hand(visit, (640.0, 560.0))
        visit.page.mouse.move(*hand.at)
        with frames.record():
            hand.wait(0.3)
            for stroke in SEVEN:
                hand.draw(stroke)
            visit.expect_digit(7)
            hand.wait(0.4)
            hand.press("train")
            hand.move((hand.at[0] + 40, hand.at[1] - 52), 0.4)  # where it hides nothing
            visit.expect_epoch(1)
            expect(visit.button("train")).to_be_enabled()  # it is through
            visit.expect_digit(7)
            hand.wait(0.5)
        if complaints := visit.complaints():
            raise RuntimeError(f"the page complained: {complaints}")
    return frames.shots


def times(taken: list[float]) -> list[float]:
    """When each picture is shown: long waits cut, and the whole no longer than LENGTH."""
    waits = [min(after - before, WAIT) for before, after in pairwise(taken)]
    pace = max(1.0, sum(waits) / (LENGTH - HOLD))
    return list(accumulate((wait / pace for wait in waits), initial=0.0))


def cut(shots: list[tuple[float, bytes]]) -> tuple[list[Image.Image], list[int]]:
    """The film's frames, and the milliseconds that each lasts."""
    shown: list[tuple[float, Image.Image]] = []
    when = times([at for at, _ in shots])
    for at, (_, png) in zip(when, shots, strict=True):
        if shown and at - shown[-1][0] < 1 / RATE and at != when[-1]:
            continue
        with Image.open(io.BytesIO(png)) as shot:
            height = round(shot.height * WIDTH / shot.width)
            picture = shot.convert("RGB").resize((WIDTH, height), Image.Resampling.LANCZOS)
        shown.append((at, picture))
    starts = [at for at, _ in shown] + [when[-1] + HOLD]
    durations = [max(1, round(1000 * (after - before))) for before, after in pairwise(starts)]
    return [picture for _, picture in shown], durations


def main() -> None:
    """Make the film, and say how long and how large it is."""
    parser = argparse.ArgumentParser(prog="python -m docs.film", description=__doc__)
    parser.add_argument("--out", type=Path, default=FILM, help="where the film goes")
    parser.add_argument("--frames", type=Path, help="a folder for its frames, to look at")
    options = parser.parse_args()
    pictures, durations = cut(perform())
    first, *rest = pictures
    first.save(
        options.out,
        save_all=True,
        append_images=rest,
        duration=durations,
        loop=0,
        quality=86,
        method=4,
        minimize_size=False,
        allow_mixed=True,
    )
    if options.frames:
        options.frames.mkdir(parents=True, exist_ok=True)
        for number, picture in enumerate(pictures):
            picture.save(options.frames / f"{number:03}-{durations[number]}ms.png")
    size = options.out.stat().st_size
    sys.stdout.write(
        f"{options.out.name}: {len(pictures)} frames, {sum(durations) / 1000:.1f} s, "
        f"{size / 1000:,.0f} kB\n"
    )
    if size > LARGEST:
        raise SystemExit(f"expected at most {LARGEST:,} bytes, got {size:,}; lower RATE or WIDTH")


if __name__ == "__main__":
    main()
