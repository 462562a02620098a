"""How long a visitor waits: for the page, and from the end of a stroke to its verdict.

Run it with `python tests/browser/latency.py`. It starts servers of its own and looks at nothing
else; what else the machine does at the time is in the figures too.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from itertools import cycle

import numpy as np
from page import DESKTOP, Visit, launch, serve
from playwright.sync_api import Browser, expect, sync_playwright

START_LIMIT = 3.0  # seconds from the server's start, or from an address entered, to a usable page
TRAINING_LIMIT = 80.0  # milliseconds that a training may add to a stroke's p95
ROUNDS = 3  # of idle and training by turns
DIGITS = (7, 3, 2, 5)
# Laid out to its end, with a slate that takes strokes.
USABLE = """() => document.querySelectorAll('.ways li').length === 4
    && [...document.querySelectorAll('.st-key-slate *')].some(
        element => element.shadowRoot?.querySelector('canvas.upper-canvas'))"""
# From the pen's lifting to the first digit in the verdict, by the page's own clock.
WATCH = """() => {
    window.lifted = window.took = null;
    window.addEventListener('pointerup', () => { window.lifted = performance.now(); }, true);
    const verdict = document.querySelector('.st-key-verdict');
    new MutationObserver(() => {
        if (window.lifted !== null && window.took === null && /\\d/.test(verdict.textContent))
            window.took = performance.now() - window.lifted;
    }).observe(verdict, {subtree: true, childList: true, characterData: true});
}"""


def quantiles(values: list[float]) -> tuple[float, float]:
    """p50 and p95."""
    p50, p95 = np.percentile(values, [50, 95])
    return float(p50), float(p95)


def stroke_to_verdict(visitor: Visit, digit: int) -> float:
    """Draw a digit of one stroke on a blank slate; returns the milliseconds to the verdict.

    The page has been given WATCH. 200 of them are the canvas's own wait for a further stroke.
    """
    visitor.press("clear")
    visitor.expect_blank()
    visitor.page.evaluate("window.lifted = window.took = null")
    visitor.draw(digit)
    visitor.page.wait_for_function("window.took !== null")
    took: float = visitor.page.evaluate("window.took")
    return took


def seconds_to_usable(visitor: Visit, go: Callable[[], object]) -> float:
    """How long the page takes from `go` until it can be drawn upon."""
    began = time.perf_counter()
    go()
    visitor.page.wait_for_function(USABLE)
    return time.perf_counter() - began


def measure_start(browser: Browser, times: int = 3) -> None:
    """Print how long a server and its first page take, and the pages after it."""
    for _ in range(times):
        began = time.perf_counter()
        with serve() as address:
            healthy = time.perf_counter() - began
            first = Visit(browser.new_context(**DESKTOP), address)
            seconds_to_usable(first, lambda: first.page.goto(first.address))  # noqa: B023
            usable = time.perf_counter() - began
            first.draw(7)
            first.expect_digit(7)
            again = [seconds_to_usable(first, first.page.reload) for _ in range(3)]
            later = Visit(browser.new_context(**DESKTOP), address)
            fresh = seconds_to_usable(later, lambda: later.page.goto(later.address))  # noqa: B023
            for visitor in (first, later):
                visitor.context.close()
        print(
            f"server's start to usable page {usable:.2f} s (limit {START_LIMIT:.0f}), of which "
            f"{healthy:.2f} until it is up; address entered to usable page {fresh:.2f} s, "
            f"reloaded {np.median(again):.2f} s"
        )


def measure_strokes(browser: Browser, strokes: int, recipe: str) -> None:
    """Print p50 and p95 from pen lifted to verdict, idle and in training by turns."""
    waits: dict[str, list[float]] = {"idle": [], "training": []}
    digits = cycle(DIGITS)
    with serve() as address:
        visitor = Visit(browser.new_context(**DESKTOP), address).open()
        visitor.choose_recipe(recipe)
        visitor.page.evaluate(WATCH)
        for _ in range(ROUNDS):
            for state, taken in waits.items():
                if state == "training":
                    visitor.press("train")
                    visitor.expect_curves(2)
                for _ in range(strokes // ROUNDS):
                    taken.append(stroke_to_verdict(visitor, next(digits)))
            visitor.press("stop")
            expect(visitor.status).to_contain_text("stopped")
        for complaint in visitor.complaints():
            print("complaint:", complaint)
        visitor.context.close()
    for state, taken in waits.items():
        p50, p95 = quantiles(taken)
        print(f"pen lifted to verdict, {state:8}: p50 {p50:.0f} ms, p95 {p95:.0f} ms", end=" ")
        print(f"({len(taken)} strokes, {min(taken):.0f} to {max(taken):.0f})")
    (idle50, idle95), (busy50, busy95) = map(quantiles, waits.values())
    print(
        f"a training ({recipe}) adds {busy50 - idle50:+.0f} ms at p50, {busy95 - idle95:+.0f} ms "
        f"at p95 (limit +{TRAINING_LIMIT:.0f})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="How long a visitor waits.")
    parser.add_argument("--strokes", type=int, default=30, help="strokes, idle and in training")
    parser.add_argument("--recipe", default="Original", help="how the recipe's name begins")
    options = parser.parse_args()
    with sync_playwright() as playwright:
        browser = launch(playwright)
        measure_start(browser)
        measure_strokes(browser, options.strokes, options.recipe)
        browser.close()


if __name__ == "__main__":
    main()
