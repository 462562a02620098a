"""How long a visitor waits: for the page, during a stroke, and from its end to its verdict.

Run it with `python tests/browser/latency.py`. It starts servers of its own and looks at nothing
else; what else the machine does at the time is in the figures too.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import cycle

import numpy as np
from page import DESKTOP, STROKES, Visit, free_port, launch, serve
from playwright.sync_api import Browser, expect, sync_playwright

START_LIMIT = 3.0  # seconds from the server's start, or from an address entered, to a usable page
TRAINING_LIMIT = 80.0  # milliseconds that a training may add to a stroke's p95
ROUNDS = 3  # of idle and training by turns
DIGITS = (7, 3, 2, 5)
PANEL_LIMIT = 400.0  # milliseconds from a stroke to the open panel, at p95, while one trains
LIVE_LIMIT, LIVE_TRAINING_LIMIT = 100.0, 180.0  # milliseconds from a movement to the bars, p95
SLOW_STEPS = 30  # movements in each line of a slow stroke
PANELS = {  # by its tab: what a stroke changes in it
    "Why": ".st-key-why-pixels",
    "Inside": ".st-key-inside-flow",
    "In numbers": ".st-key-numbers-figures",
    "Mistakes": ".st-key-nearest",
    "Map": ".st-key-map-chart:has(.star)",
}
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
        const own = verdict.querySelector('.verdict:not(.live *)');
        if (window.lifted !== null && window.took === null && /\\d/.test(own.textContent))
            window.took = performance.now() - window.lifted;
    }).observe(verdict, {subtree: true, childList: true, characterData: true});
}"""
# During a stroke: when the pen moved, when a picture of the slate was taken, and when the bars were
# written after it. There is one picture at a time, so the two belong together in order.
WATCH_STROKE = """() => {
    window.moves = []; window.pictures = []; window.changes = [];
    if (window.strokes) return;
    window.addEventListener('mousemove', event => {
        if (event.buttons) window.moves.push(performance.now());
    }, true);
    const toDataURL = HTMLCanvasElement.prototype.toDataURL;
    HTMLCanvasElement.prototype.toDataURL = function (...given) {
        window.pictures.push(performance.now());
        return toDataURL.apply(this, given);
    };
    window.strokes = new MutationObserver(records => {  // an answer writes its class
        if (records.some(record => record.target.className === 'live'))
            window.changes.push(performance.now());
    });
    const bars = document.querySelector('.st-key-bars');
    window.strokes.observe(bars, {subtree: true, attributeFilter: ['class']});
}"""

# From the pen's lifting to the last change in one place, waited for while it goes on changing.
WATCH_PANEL = """place => {
    window.lifted = window.changed = null;
    window.addEventListener('pointerup', () => { window.lifted ??= performance.now(); }, true);
    window.observer?.disconnect();
    window.observer = new MutationObserver(() => {
        if (window.lifted !== null) window.changed = performance.now();
    });
    window.observer.observe(document.querySelector(place), {  // not Streamlit's own attributes
        subtree: true, childList: true, characterData: true, attributeFilter: ['src', 'href', 'd'],
    });
}"""
SETTLED = "() => window.changed !== null && performance.now() - window.changed > 500"


def quantiles(values: list[float]) -> tuple[float, float]:
    """p50 and p95."""
    p50, p95 = np.percentile(values, [50, 95])
    return float(p50), float(p95)


def stroke_to_verdict(visitor: Visit, digit: int) -> float:
    """Draw a digit of one stroke on a blank slate; returns the milliseconds to the verdict.

    The page has been given WATCH.
    """
    visitor.press("clear")
    visitor.expect_blank()
    visitor.page.evaluate("window.lifted = window.took = null")
    visitor.draw(digit)
    visitor.page.wait_for_function("window.took !== null")
    took: float = visitor.page.evaluate("window.took")
    return took


def during_stroke(visitor: Visit, number: int) -> tuple[list[float], float]:
    """Draw a 7 slowly; how long after each movement the bars showed it, and their changes a second.

    Milliseconds; the last picture of a stroke is the page's own affair and not in it. By its number
    each stroke has its place.
    """
    visitor.press("clear")
    visitor.expect_blank()
    visitor.page.evaluate(WATCH_STROKE)
    aside = [(x + number % 20, y) for x, y in STROKES[7][0]]
    mouse, (first, *rest) = visitor.page.mouse, visitor.place(aside)
    mouse.move(*first)
    mouse.down()
    for point in rest:
        mouse.move(*point, steps=SLOW_STEPS)
    moves, pictures, changes = visitor.page.evaluate("[moves, pictures, changes]")
    mouse.up()
    visitor.expect_digit(7)
    shown = list(zip(pictures, changes, strict=False))
    waits = [
        next((change - move for picture, change in shown if picture >= move), None)
        for move in moves
    ]
    a_second = (len(changes) - 1) / (changes[-1] - changes[0]) * 1000
    return [wait for wait in waits if wait is not None], a_second


def seconds_to_usable(visitor: Visit, go: Callable[[], object]) -> float:
    """How long the page takes from `go` until it can be drawn upon."""
    began = time.perf_counter()
    go()
    visitor.page.wait_for_function(USABLE)
    return time.perf_counter() - began


def measure_start(browser: Browser, times: int = 3) -> None:
    """Print how long a server takes to its first usable page, and how long pages after it take.

    The browser keeps Streamlit's files from the first start on, as a visitor's does.
    """
    port, context = free_port(), browser.new_context(**DESKTOP)
    for time_ in range(times):
        began = time.perf_counter()
        with serve(port=port) as address:
            healthy = time.perf_counter() - began
            visitor = Visit(context, address)
            visitor.page.goto(address)
            visitor.page.wait_for_function(USABLE)
            usable = time.perf_counter() - began
            visitor.draw(7)
            visitor.expect_digit(7)  # it was
            again = np.median([seconds_to_usable(visitor, visitor.page.reload) for _ in range(3)])
            visitor.page.close()
            stranger = Visit(browser.new_context(**DESKTOP), address)
            fresh = seconds_to_usable(stranger, partial(stranger.page.goto, address))
            stranger.context.close()
        print(
            f"server's start to usable page, browser's cache {'warm' if time_ else 'cold'}: "
            f"{usable:.2f} s (limit {START_LIMIT:.0f}), {healthy:.2f} of it until the server is up"
        )
        print(f"address entered to usable page: cache cold {fresh:.2f} s, warm {again:.2f} s")
    context.close()


def by_turns(visitor: Visit, strokes: int) -> Iterator[str]:
    """The state in which each stroke is to be drawn; at last the page is closed."""
    for _ in range(ROUNDS):
        for state in ("idle", "training"):
            if state == "training":
                visitor.press("train")
                expect(visitor.status).to_contain_text(" left")
            yield from [state] * (strokes // ROUNDS)
        visitor.press("stop")
        expect(visitor.status).to_contain_text("stopped")
    for complaint in visitor.complaints():
        print("complaint:", complaint)
    visitor.context.close()


def measure_strokes(browser: Browser, strokes: int, recipe: str) -> None:
    """Print p50 and p95 from pen lifted to verdict, idle and in training by turns."""
    waits: dict[str, list[float]] = {"idle": [], "training": []}
    digits = cycle(DIGITS)
    with serve() as address:
        visitor = Visit(browser.new_context(**DESKTOP), address).open()
        visitor.choose_recipe(recipe)
        visitor.page.evaluate(WATCH)
        for state in by_turns(visitor, strokes):
            waits[state].append(stroke_to_verdict(visitor, next(digits)))
    for state, taken in waits.items():
        p50, p95 = quantiles(taken)
        print(f"pen lifted to verdict, {state:8}: p50 {p50:.0f} ms, p95 {p95:.0f} ms", end=" ")
        print(f"({len(taken)} strokes, {min(taken):.0f} to {max(taken):.0f})")
    (idle50, idle95), (busy50, busy95) = map(quantiles, waits.values())
    print(
        f"a training ({recipe}) adds {busy50 - idle50:+.0f} ms at p50, {busy95 - idle95:+.0f} ms "
        f"at p95 (limit +{TRAINING_LIMIT:.0f})"
    )


def measure_live(browser: Browser, strokes: int, recipe: str) -> None:
    """Print how soon, and how often, the bars follow the pen, idle and in training by turns."""
    limits = {"idle": LIVE_LIMIT, "training": LIVE_TRAINING_LIMIT}
    waits: dict[str, list[float]] = {"idle": [], "training": []}
    rates: dict[str, list[float]] = {"idle": [], "training": []}
    with serve() as address:
        visitor = Visit(browser.new_context(**DESKTOP), address).open()
        visitor.choose_recipe(recipe)
        for number, state in enumerate(by_turns(visitor, strokes)):
            taken, a_second = during_stroke(visitor, number)
            waits[state] += taken
            rates[state].append(a_second)
    for state, taken in waits.items():
        p50, p95 = quantiles(taken)
        print(f"pen moved to bars, {state:8}: p50 {p50:.0f} ms, p95 {p95:.0f} ms", end=" ")
        print(f"(limit {limits[state]:.0f}; {len(taken)} movements)", end=", ")
        print(f"changes a second {np.median(rates[state]):.1f}, at least {min(rates[state]):.1f}")


def measure_panels(browser: Browser, strokes: int) -> None:
    """Print p50 and p95 from pen lifted to the open panel refreshed, while 1,024 units train.

    The panels look into `best`, which has 1,536 units; the verdict comes in the same run.
    """
    with serve() as address:
        visitor = Visit(browser.new_context(**DESKTOP), address).open()
        visitor.set_field("Hidden units", "1024")
        visitor.set_field("Epochs", "400")
        visitor.press("train")
        expect(visitor.status).to_contain_text(" left")
        visitor.choose_reader("Best")
        for panel, place in PANELS.items():
            visitor.press("clear")
            visitor.expect_blank()
            visitor.draw(7)
            visitor.expect_some_digit()
            visitor.open_panel(panel)
            expect(visitor.page.locator(place)).to_be_visible()
            taken = []
            for n in range(strokes):
                visitor.page.evaluate(WATCH_PANEL, place)
                y = 30 + 50 * n / strokes
                visitor.draw([[(46, y), (50, y)]])  # another dot on the 7
                visitor.page.wait_for_function(SETTLED)
                taken.append(visitor.page.evaluate("window.changed - window.lifted"))
            p50, p95 = quantiles(taken)
            print(f"pen lifted to panel {panel:10}: p50 {p50:.0f} ms, p95 {p95:.0f} ms", end=" ")
            print(f"(limit {PANEL_LIMIT:.0f}; {strokes} strokes)")
        for complaint in visitor.complaints():
            print("complaint:", complaint)
        visitor.context.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="How long a visitor waits.")
    parser.add_argument("--strokes", type=int, default=30, help="strokes, idle and in training")
    parser.add_argument("--recipe", default="Original", help="how the recipe's name begins")
    parser.add_argument("--live", action="store_true", help="only what follows the moving pen")
    parser.add_argument("--panels", action="store_true", help="only the panels below the verdict")
    options = parser.parse_args()
    with sync_playwright() as playwright:
        browser = launch(playwright)
        if options.panels:
            measure_panels(browser, options.strokes)
        elif options.live:
            measure_live(browser, options.strokes, options.recipe)
        else:
            measure_start(browser)
            measure_strokes(browser, options.strokes, options.recipe)
        browser.close()


if __name__ == "__main__":
    main()
