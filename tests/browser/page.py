"""The page in a real browser: the server, Chromium, and what a visitor sees and presses.

Shared by the tests beside it and by the scripts that measure. Nothing here sleeps: what takes
time is waited for by its own sign, with a limit.
"""

from __future__ import annotations

import os
import re
import select
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Locator, Page, Playwright, expect

ROOT = Path(__file__).parents[2]
DESKTOP: dict[str, Any] = {"viewport": {"width": 1440, "height": 900}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "has_touch": True,
    "is_mobile": True,
}
NARROW_PHONE = {**PHONE, "viewport": {"width": 360, "height": 800}}
ELSEWHERE = "room.test"  # this machine, by a name that a browser trusts no more than any other
PATIENCE = 30_000  # milliseconds that anything expected may take; a loaded machine is slow
QUIET_ARGUMENTS = (
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
    f"--host-resolver-rules=MAP {ELSEWHERE} 127.0.0.1",
)
PEN = 22 / 352 * 100  # the pen's width in percent of the slate

Stroke = Sequence[tuple[float, float]]
# Digits as a pen writes them: polylines in percent of the slate.
STROKES: dict[int, list[Stroke]] = {
    0: [[(52, 18), (36, 26), (28, 48), (34, 72), (50, 82), (65, 72), (72, 48), (66, 26), (50, 18)]],
    1: [[(40, 32), (53, 18), (51, 84)]],
    2: [[(30, 34), (38, 20), (56, 17), (69, 28), (64, 46), (46, 64), (29, 82), (75, 80)]],
    3: [[(30, 22), (55, 15), (68, 30), (48, 47), (70, 62), (55, 82), (28, 76)]],
    4: [[(42, 18), (27, 56), (74, 56)], [(62, 34), (60, 86)]],
    5: [[(70, 18), (38, 20), (34, 46), (56, 43), (70, 60), (58, 80), (30, 78)]],
    6: [[(62, 16), (42, 36), (32, 62), (42, 82), (60, 80), (68, 64), (54, 52), (36, 60)]],
    7: [[(30, 20), (72, 20), (50, 85)]],
    8: [[(64, 26), (48, 16), (36, 28), (64, 66), (50, 84), (34, 70), (62, 36), (66, 24)]],
    9: [[(66, 34), (50, 18), (33, 32), (44, 50), (64, 40), (67, 32), (63, 84)]],
}
BLANK = "Draw a digit on the slate."
# Whether the canvas under the one that takes the strokes shows paper alone, which is dark.
NO_INK = """upper => {
    const canvas = upper.parentElement.querySelector('canvas.lower-canvas');
    const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
    return pixels.every((value, i) => i % 4 === 3 || value < 128);
}"""

expect.set_options(timeout=PATIENCE)


# The server.


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def serve(
    log: Path | None = None,
    *,
    port: int | None = None,
    folder: Path = ROOT,
    program: Sequence[str] = ("-m", "streamlit"),
    **environment: str,
) -> Iterator[str]:
    """A server of the page of its own, up and healthy; gives its address and ends it at last.

    Parameters
    ----------
    log : what it has to say is written there
    folder : it is started from there
    program : Python's arguments for Streamlit's command line
    environment : variables beside this process's own
    """
    port = port or free_port()
    command = [sys.executable, *program, "run", str(ROOT / "app.py")]
    command += ["--server.port", str(port), "--server.address", "127.0.0.1"]
    with (log or Path(os.devnull)).open("w") as output:
        server = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_for_health(f"http://127.0.0.1:{port}", server)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _wait_for_health(address: str, server: subprocess.Popen[bytes], limit: float = 60.0) -> None:
    end = time.monotonic() + limit
    while time.monotonic() < end:
        if server.poll() is not None:
            raise RuntimeError(f"the server ended with code {server.returncode}")
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=2):
                return
        except OSError:
            select.select([], [], [], 0.05)
    raise RuntimeError(f"the server was not healthy within {limit:.0f} s")


# The browser.


def find_chromium() -> str | None:
    """Where Chromium is: the variable CHROMIUM, or a browser on the path; None without one."""
    # The first has no window to draw for nobody to see, which takes a sixth less time.
    names = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


def launch(playwright: Playwright) -> Browser:
    """Chromium, without anything of its own to say on the network."""
    chromium = find_chromium()
    if chromium is None:
        raise RuntimeError("no Chromium found; install one or name it in CHROMIUM")
    return playwright.chromium.launch(executable_path=chromium, args=list(QUIET_ARGUMENTS))


# The page.


class Visit:
    """One visitor's browser window on the page.

    Parameters
    ----------
    context : a fresh one; closed by whoever made it
    address : of the server

    Attributes
    ----------
    hosts : every host that the browser asked for anything, sockets included
    sockets : the addresses of the sockets among them
    trouble : errors of the page's scripts and on its console, as they came
    """

    def __init__(self, context: BrowserContext, address: str) -> None:
        self.context, self.address = context, address
        self.hosts: set[str] = set()
        self.sockets: list[str] = []
        self.trouble: list[str] = []
        context.set_default_timeout(PATIENCE)
        context.on("request", lambda request: self._note_host(request.url))
        self.page: Page = context.new_page()
        self.page.on("websocket", lambda socket: self._note_socket(socket.url))
        self.page.on("pageerror", lambda error: self.trouble.append(f"script: {error}"))
        self.page.on("console", self._note_console)
        self.slate = self.page.locator("canvas.upper-canvas")
        # The page's own, not what is shown while the pen moves.
        self.verdict = self.page.locator(".st-key-verdict .verdict:not(.live *)")
        self.input = self.page.locator(".st-key-network-input img.pixels:not(.live *)")
        self.bars = self.page.locator(".bars:not(.live *)")
        self.status = self.page.locator(".st-key-training-status")
        self.progress = self.status.get_by_role("progressbar")
        self.strip = self.page.locator(".st-key-strip")

    def open(self) -> Visit:
        """Load the page, until it can be drawn on."""
        self.page.goto(self.address)
        return self.expect_usable()

    def expect_usable(self) -> Visit:
        """Wait for the whole page: it is laid out and its script has come to the end."""
        expect(self.slate).to_be_visible(timeout=PATIENCE)
        expect(self.page.locator(".ways li")).to_have_count(4)
        return self

    def expect_rest(self) -> None:
        """Wait until no run of the page's script is under way; not while a training runs."""
        expect(self.page.locator(".stApp")).to_have_attribute(
            "data-test-script-state", "notRunning"
        )

    def each_theme(self) -> Iterator[str]:
        """The open page in the theme that it has, then in the other; with reduced motion."""
        dark = self.page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
        for theme in ("dark", "light") if dark else ("light", "dark"):
            self.page.emulate_media(color_scheme=theme)
            expect(self.page.locator(".stApp")).to_have_css("color-scheme", theme)
            yield theme

    # Pressing.

    def button(self, key: str) -> Locator:
        """The button of that Streamlit key; one with a tooltip is there twice, once to be seen."""
        return self.page.locator(f".st-key-{key} button").filter(visible=True)

    def press(self, key: str) -> None:
        """Click or tap a button as soon as it can be."""
        self.button(key).click()

    def set_field(self, label: str, value: str) -> None:
        """Type into one of the panel's fields."""
        field = self.page.get_by_role("textbox", name=label, exact=True).or_(
            self.page.get_by_role("spinbutton", name=label, exact=True)
        )
        field.fill(value)
        field.press("Enter")
        expect(field).to_have_value(value)

    def choose_recipe(self, begins: str) -> None:
        """Pick another recipe, whose name begins so, and wait for its fields."""
        before = self.page.locator('[class*="st-key-hidden-"]').get_attribute("class") or ""
        key = next(name for name in before.split() if name.startswith("st-key-hidden-"))
        self.page.get_by_role("combobox", name="Recipe").click()
        self.page.get_by_role("option", name=re.compile(f"^{begins}")).click()
        # Streamlit may show the old ones, stale, beside the new ones for a moment.
        expect(self.page.locator(f".{key}")).to_have_count(0)
        expect(self.page.locator('[class*="st-key-hidden-"]')).to_have_count(1)

    def choose_reader(self, name: str) -> None:
        """Pick the network that reads: Best, Original or Yours."""
        self.page.get_by_role("radio", name=name, exact=True).click()

    def open_panel(self, name: str) -> Locator:
        """Open the tab of that name below the sentence; gives the panel."""
        tab = self.page.get_by_role("tab", name=name, exact=True)
        tab.click()
        expect(tab).to_have_attribute("aria-selected", "true")
        return self.page.get_by_role("tabpanel", name=name, exact=True)

    def pressable(self, name: str) -> Locator:
        """What is to be pressed in a picture, by its data-press."""
        return self.page.locator(f'[data-press="{name}"]')

    # Drawing.

    def place(self, stroke: Stroke) -> list[tuple[float, float]]:
        """A stroke's points, in the window's pixels."""
        self.slate.scroll_into_view_if_needed()
        box = self.slate.bounding_box()
        if box is None:
            raise RuntimeError("the slate is not shown")
        width, height = box["width"] / 100, box["height"] / 100
        return [(box["x"] + x * width, box["y"] + y * height) for x, y in stroke]

    def draw(self, strokes: int | Sequence[Stroke]) -> None:
        """Draw a digit, or strokes, with the mouse."""
        mouse = self.page.mouse
        for stroke in STROKES[strokes] if isinstance(strokes, int) else strokes:
            first, *rest = self.place(stroke)
            mouse.move(*first)
            mouse.down()
            for point in rest:
                mouse.move(*point, steps=6)
            mouse.up()

    def touch(self, strokes: int | Sequence[Stroke]) -> None:
        """Draw a digit, or strokes, with a finger."""
        session = self.context.new_cdp_session(self.page)

        def finger(kind: str, *points: tuple[float, float]) -> None:
            touches = [{"x": x, "y": y} for x, y in points]
            session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})

        for stroke in STROKES[strokes] if isinstance(strokes, int) else strokes:
            points = self.place(stroke)
            finger("touchStart", points[0])
            for (x0, y0), (x1, y1) in pairwise(points):
                for part in (0.25, 0.5, 0.75, 1.0):
                    finger("touchMove", (x0 + part * (x1 - x0), y0 + part * (y1 - y0)))
            finger("touchEnd")
        session.detach()

    # Reading.

    def expect_digit(self, digit: int) -> None:
        """Wait for that verdict: the first digit in its text."""
        expect(self.verdict).to_have_text(re.compile(rf"^\D*{digit}"))

    def expect_some_digit(self) -> None:
        """Wait for a verdict, whatever it is."""
        expect(self.verdict).to_have_text(re.compile(r"\d"))

    def expect_blank(self) -> None:
        """Wait for the invitation, without any digit, and for a slate without ink."""
        expect(self.verdict).to_have_text(BLANK)
        expect(self.input).to_have_count(0)
        self.page.wait_for_function(NO_INK, arg=self.slate.element_handle())

    def picture(self) -> str:
        """What the network sees, as a data URL."""
        return self.input.get_attribute("src") or ""

    def ink_box(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom of the ink that was found, in percent of the slate."""
        style = self.page.locator(".found:not(.live *) .box").get_attribute("style") or ""
        names = ("left", "top", "width", "height")
        found = [re.search(rf"{name}:\s*([\d.]+)%", style) for name in names]
        left, top, width, height = (float(match[1]) for match in found if match)
        return left, top, left + width, top + height

    def box(self, place: str) -> list[float]:
        """Where the first element of a selector is: x, y, width, height.

        In one step, as its HTML may be replaced between finding an element and measuring it.
        """
        found: list[float] = self.page.evaluate(
            """place => {
                const shadows = [...document.querySelectorAll('.st-key-slate *')]
                    .map(element => element.shadowRoot?.querySelector(place));
                const found = document.querySelector(place) ?? shadows.find(Boolean);
                const box = found.getBoundingClientRect();
                return [box.x, box.y, box.width, box.height];
            }""",
            place,
        )
        return found

    def widths(self) -> list[str]:
        """The widths of the ten bars."""
        styles: list[str] = self.bars.locator(".fill").evaluate_all(
            "fills => fills.map(fill => fill.style.width)"
        )
        return styles

    def expect_widths(self, widths: Sequence[str]) -> None:
        """Wait until the bars are these."""
        self._expect_widths("every((fill, i) => fill.style.width === old[i])", widths)

    def expect_other_widths(self, widths: Sequence[str]) -> None:
        """Wait until the bars differ from these."""
        self._expect_widths("some((fill, i) => fill.style.width !== old[i])", widths)

    def _expect_widths(self, condition: str, widths: Sequence[str]) -> None:
        fills = "[...document.querySelectorAll('.bars:not(.live *) .fill')]"  # made anew each time
        script = f"old => {fills}.length === old.length && {fills}.{condition}"
        self.page.wait_for_function(script, arg=list(widths), timeout=PATIENCE)

    def epoch(self) -> int:
        """How many epochs the status names as done; 0 before there are any."""
        found = re.search(r"Epoch (\d+)|Done: (\d+)", self.status.inner_text())
        return int(found[1] or found[2]) if found else 0

    def expect_epoch(self, at_least: int, *, timeout: float = PATIENCE) -> None:
        """Wait until the status names so many epochs."""
        self.page.wait_for_function(
            """([status, least]) => {
                const found = /(?:Epoch|Done:) (\\d+)/.exec(status.innerText);
                return found !== null && Number(found[1]) >= least;
            }""",
            arg=[self.status.element_handle(), at_least],
            timeout=timeout,
        )

    def chart(self, title: str) -> Locator:
        """The chart "Loss" or "Accuracy"."""
        return self.page.locator(f'.stVegaLiteChart[aria-label="{title}"]')

    def point_at(self, title: str, share: float) -> str:
        """What a chart says under the mouse, at so much of its width."""
        box = self.chart(title).bounding_box()
        if box is None:
            raise RuntimeError(f"the chart {title} is not shown")
        for step in (-1, 0):
            self.page.mouse.move(box["x"] + share * box["width"] + step, box["y"] + 40)
        tooltip = self.page.locator(".vg-tooltip.visible")
        expect(tooltip).to_be_visible()
        return " ".join(tooltip.inner_text().split())

    def curve_points(self, title: str, curve: str = "training") -> int:
        """How many points a curve has: one a line drawn, and the first."""
        line = self.chart(title).locator(f'.mark-line path[aria-label*="curve: {curve}"]')
        return 0 if line.count() == 0 else (line.get_attribute("d") or "").count("L") + 1

    def expect_curves(self, points: int) -> None:
        """Wait until both training curves have so many points."""
        self.page.wait_for_function(
            """points => {
                const lines = document.querySelectorAll('.mark-line path[aria-label*="training"]');
                const counts = [...lines].map(line => line.getAttribute('d').split('L').length);
                return counts.length === 2 && Math.min(...counts) >= points;
            }""",
            arg=points,
        )

    # What must not happen.

    def foreign_hosts(self) -> set[str]:
        """Hosts beyond this machine that were asked for anything."""
        here = ("127.0.0.1", "localhost", ELSEWHERE)
        return {host for host in self.hosts if host.split(":")[0] not in here}

    def complaints(self) -> list[str]:
        """All that must never be: script errors, tracebacks, requests that leave the machine."""
        shown = self.page.locator(".stException")
        tracebacks = [] if self.page.is_closed() else shown.all_inner_texts()
        foreign = [f"request to {host}" for host in sorted(self.foreign_hosts())]
        return [*self.trouble, *(f"traceback: {text}" for text in tracebacks), *foreign]

    def forgive(self, *parts: str) -> None:
        """Forget troubles that a test itself has made: those that contain one of the parts."""
        self.trouble = [it for it in self.trouble if not any(part in it for part in parts)]

    def _note_socket(self, url: str) -> None:
        self.sockets.append(url)
        self._note_host(url)

    def _note_host(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob", "about"):
            self.hosts.add(parts.netloc)

    def _note_console(self, message: Any) -> None:
        if message.type == "error":
            self.trouble.append(f"console: {message.text}")
