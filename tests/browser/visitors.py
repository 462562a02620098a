"""Several visitors who train at once: what each gets, and how long one waits for a verdict.

Run it with `python tests/browser/visitors.py [number]`. It measures windows of one Chromium, with
as many connections to one server on this machine: browser and server share its processors, and
each window draws its own charts. So the waits are longer than those of visitors who come with
computers of their own; the shares of the training are what the server gave.
"""

from __future__ import annotations

import sys
import time
from itertools import cycle

from latency import DIGITS, WATCH, quantiles, stroke_to_verdict
from page import DESKTOP, Visit, launch, serve
from playwright.sync_api import sync_playwright

VISITORS = 8
SECONDS = 20.0  # of training together, while the first one draws
LIMIT = 80.0  # seconds for the whole; with more visitors, those who had time to come
POINTS_AN_EPOCH = 8  # of a curve: this is how finely the page tells


def main() -> None:
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else VISITORS
    began = time.monotonic()
    with serve() as address, sync_playwright() as playwright:
        browser = launch(playwright)
        visits: list[Visit] = []
        while len(visits) < wanted and time.monotonic() - began < LIMIT - SECONDS - 10:
            visitor = Visit(browser.new_context(**DESKTOP), address).open()
            visitor.set_field("Epochs", "400")
            visitor.press("train")
            visitor.expect_curves(1)
            visits.append(visitor)
        first = visits[0]
        first.page.evaluate(WATCH)
        before = [visitor.curve_points("Loss") for visitor in visits]
        waits: list[float] = []
        digits, together = cycle(DIGITS), time.monotonic()
        while time.monotonic() - together < SECONDS and time.monotonic() - began < LIMIT:
            waits.append(stroke_to_verdict(first, next(digits)))
        after = [visitor.curve_points("Loss") for visitor in visits]
        seconds = time.monotonic() - together
        for visitor in visits:
            for complaint in visitor.complaints():
                print("complaint:", complaint)
        browser.close()
    p50, p95 = quantiles(waits)
    gained = [(end - start) / POINTS_AN_EPOCH for start, end in zip(before, after, strict=True)]
    print(f"{len(visits)} of {wanted} visitors train Adam in windows of one browser")
    print(f"pen lifted to verdict for one of them: p50 {p50:.0f} ms, p95 {p95:.0f} ms", end=" ")
    print(f"({len(waits)} strokes)")
    print(f"epochs of each in {seconds:.1f} s:", ", ".join(f"{epochs:.2f}" for epochs in gained))
    print(f"least to most: {min(gained) / max(gained):.2f}")


if __name__ == "__main__":
    main()
