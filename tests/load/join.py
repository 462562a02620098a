"""The phones' page on a slow network: its bytes, its requests, and how long until it can be used.

Run it with `python tests/load/join.py [--times 9]`. It starts a server of its own and opens a room;
Chromium is held to 4 Mbit/s and a round trip of 100 ms. Usable is when the slate takes a stroke.
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, expect, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.browser.page import PHONE, launch, serve
from tests.load.visitors import report

BYTES_LIMIT, SECONDS_LIMIT = 30_000, 1.0
BYTES_PER_SECOND, ROUND_TRIP = 4e6 / 8, 100.0  # the latter in milliseconds


def join(chromium: Browser, link: str) -> tuple[int, int, float]:
    """Bytes over the wire, requests, and seconds, of a phone's first visit."""
    context = chromium.new_context(**PHONE)
    page = context.new_page()
    network = context.new_cdp_session(page)
    network.send("Network.enable")
    network.send(
        "Network.emulateNetworkConditions",
        {
            "offline": False,
            "latency": ROUND_TRIP,
            "downloadThroughput": BYTES_PER_SECOND,
            "uploadThroughput": BYTES_PER_SECOND,
        },
    )
    sizes: list[float] = []
    network.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    began = time.perf_counter()
    page.goto(link, wait_until="commit")
    expect(page.locator("h1")).to_have_text(re.compile(r"Write"))
    seconds = time.perf_counter() - began
    expect(page.locator("#slate")).to_be_visible()
    page.wait_for_timeout(200)  # for the sizes, which come a little later
    found = int(sum(sizes)), len(sizes), seconds
    context.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="How quickly a phone can join a room.")
    parser.add_argument("--times", type=int, default=9)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        serve(DIGIT_LAB_DATABASE=f"sqlite:///{folder}/rooms.sqlite3") as address,
        sync_playwright() as playwright,
    ):
        chromium = launch(playwright)
        presenter = chromium.new_context().new_page()
        presenter.goto(f"{address}/room")
        presenter.get_by_role("button", name="Open a room").click()
        code = presenter.locator(".room-code").inner_text()
        found = [join(chromium, f"{address}/j/{code}") for _ in range(options.times)]
        chromium.close()
    sizes, requests, seconds = zip(*found, strict=True)
    slowest, size = max(seconds), max(sizes)
    rows = [
        ("bytes over the wire", f"{size:,}", f"<= {BYTES_LIMIT:,}", size <= BYTES_LIMIT),
        ("requests", str(max(requests)), "", True),
        ("seconds until usable, median", f"{statistics.median(seconds):.2f}", "", True),
        ("slowest", f"{slowest:.2f}", f"<= {SECONDS_LIMIT:g}", slowest <= SECONDS_LIMIT),
    ]
    sys.exit(0 if report(rows) else 1)


if __name__ == "__main__":
    main()
