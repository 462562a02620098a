"""A room with many phones that draw, a wall that shows it, and a network that learns it.

Run it with `python tests/load/room.py [--phones 100] [--seconds 60] [--every 5] [--kill]
[--database sqlite|postgresql] [--servers 1|2]`. It starts a server of its own, and PostgreSQL, too,
where that is asked for; opens a room; and lets phones, a wall and the presenter's page do what they
do in a browser, all on this machine, so that they share its processors with the server. It prints
what was promised beside what was measured, and ends with 1 where a promise is broken.

- Phones do as `ui/assets/room/join.js`: they ask every 1.5 seconds what is asked for, send one
  drawing at a time, and send it again until it is confirmed. All of them are tasks of one loop over
  streams of asyncio: a hundred threads would wait for each other, and that would be measured.
- Both walls, one on the presenter's page and one on a second screen, ask once per second. A drawing
  is on the wall when its number is first among the tiles of an answer.
- The presenter has the room learned again and again during the second half.
- At last the tables are read: each drawing that was confirmed is there once, and no other.
- With `--kill`, the server is killed half-way and started again; phones and walls go on by
  themselves, and the presenter opens the page again; how long anything takes is not promised then,
  as all phones come back at once. With `--servers 2`, phones are on one server, and presenter and
  walls on the other.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import hashlib
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from math import ceil, dist
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from sqlalchemy import create_engine, make_url, text

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.helpers import STROKES
from tests.load.server import Server, serve
from tests.load.session import Session
from tests.load.visitors import report
from tests.ui import postgres

POST_LIMIT, WALL_LIMIT = 400.0, 2.0  # milliseconds and seconds, p95
JOINS = 20  # phones per second
POLL, WALL_EVERY, JITTER = 1.5, 1.0, 0.3  # seconds, as in join.js and wall.js
BACKOFF = (2.0, 4.0, 8.0, 15.0)  # seconds
PATIENCE = 8.0  # seconds that an answer may take
# Seconds after which a connection is not used again: the server closes it after five, and where
# that crosses a question, a browser asks once more by itself.
IDLE = 4.0
DROPPED = (400, 413)  # for these, a phone drops a drawing
STEP = 12.0  # units between two points of a stroke
SETTLE = 3.0  # seconds after the last phone has joined, and after the last drawing is confirmed
DRAIN = 60.0  # seconds until all that was drawn is confirmed


@dataclass(frozen=True)
class Answer:
    """An answer of the server; without one, the status is 0."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def found(self) -> dict[str, Any]:
        """Its JSON."""
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def kind(self) -> str:
        """Of an error; empty for anything else."""
        in_json = self.headers.get("content-type", "").startswith("application/json")
        return str(self.found.get("error", "")) if in_json else ""


class Browser:
    """One browser: its cookie, and as many connections as it has questions under way.

    Attributes
    ----------
    received : bytes, heads included
    """

    def __init__(self, address: str, cookie: str = "") -> None:
        self.address, self.cookie, self.received = address, cookie, 0
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter, float]] = []

    async def ask(
        self, method: str, path: str, body: bytes = b"", kind: str = "application/json"
    ) -> Answer:
        """Ask something; POSTs have an origin and a body."""
        host = urlsplit(self.address).netloc
        head = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nAccept-Encoding: gzip\r\n"
        if self.cookie:
            head += f"Cookie: {self.cookie}\r\n"
        if method == "POST":
            head += f"Origin: {self.address}\r\nContent-Type: {kind}\r\n"
            head += f"Content-Length: {len(body)}\r\n"
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._answer(head.encode() + b"\r\n" + body)
        except (OSError, EOFError, TimeoutError):
            return Answer(0)

    async def _answer(self, request: bytes) -> Answer:
        reader, writer = await self._connection()
        try:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            first, *lines = head.decode("latin-1").strip().split("\r\n")
            headers = {name.lower(): it for name, _, it in (li.partition(": ") for li in lines)}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
        except BaseException:
            writer.close()
            raise
        self.received += len(head) + len(body)
        self._idle.append((reader, writer, time.perf_counter()))
        if "set-cookie" in headers:
            self.cookie = headers["set-cookie"].partition(";")[0]
        if headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        return Answer(int(first.split()[1]), headers, body)

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """One that is free, or a new one."""
        while self._idle:
            reader, writer, since = self._idle.pop()
            if not reader.at_eof() and time.perf_counter() - since < IDLE:
                return reader, writer
            writer.close()
        address = urlsplit(self.address)
        return await asyncio.open_connection(address.hostname, address.port)

    def close(self) -> None:
        """Close the tab."""
        for _, writer, _ in self._idle:
            writer.close()


@dataclass
class Tally:
    """What happened to all phones together.

    Attributes
    ----------
    posts, looks : seconds until a drawing was confirmed, and until /now was answered
    troubles : how often which status came instead of 200; 0 is none
    drawn : when Send was pressed, by the drawing's key
    confirmed : when the drawing was confirmed, by the phone's token and the drawing's key
    dropped : drawings that the server refused for good
    """

    posts: list[float] = field(default_factory=list)
    looks: list[float] = field(default_factory=list)
    troubles: Counter[int] = field(default_factory=Counter)
    drawn: dict[str, float] = field(default_factory=dict)
    confirmed: dict[tuple[str, str], float] = field(default_factory=dict)
    dropped: int = 0


class Phone:
    """A phone in the room, as join.js has it."""

    def __init__(self, address: str, code: str, number: int, tally: Tally) -> None:
        self.browser, self.tally = Browser(address), tally
        self.now: dict[str, Any] = {}  # the latest answer to /now
        self._room, self._random = f"/j/{code}", random.Random(number)
        self._todo = asyncio.Queue[tuple[str, bytes]]()
        self._there = asyncio.Event()  # the server has answered

    @property
    def token(self) -> str:
        """As the database has it."""
        return hashlib.sha256(self.browser.cookie.partition("=")[2].encode()).hexdigest()

    async def join(self) -> None:
        """Join, or say that it is there again."""
        failures = 0
        while (answer := await self._ask("POST", "phone", b"{}")).status != 200:
            failures += 1
            await self._rest(answer, failures)
        self.now = answer.found

    async def look(self) -> None:
        """Ask what is asked for, again and again."""
        failures = 0
        while True:
            began = time.perf_counter()
            answer = await self._ask("GET", "now")
            if answer.status == 200:
                self.tally.looks.append(time.perf_counter() - began)
                self.now, failures = answer.found, 0
                self._there.set()
                await asyncio.sleep(POLL + JITTER * self._random.random())
            elif answer.status == 401:
                await self.join()
            else:
                failures += 1
                await asyncio.sleep(self._pause(answer, failures))

    async def write(self, first: float, every: float, end: float) -> None:
        """Write a digit now and then, and press Send."""
        order, written = self.now["order"], 0
        while (at := first + written * every) < end:
            await asyncio.sleep(at - time.perf_counter())
            label = order[written % len(order)]
            key = f"{self._random.getrandbits(128):032x}"
            strokes = digit(label, self._random)
            drawing = {"key": key, "task": "random", "label": label, "strokes": strokes}
            self.tally.drawn[key] = time.perf_counter()
            self._todo.put_nowait((key, json.dumps(drawing).encode()))
            written += 1

    async def send(self) -> None:
        """Send one drawing after the other, each until it is confirmed."""
        while True:
            key, drawing = await self._todo.get()
            failures = 0
            while not await self._sent(key, drawing, failures):
                failures += 1
            self._todo.task_done()

    async def all_sent(self) -> None:
        """Wait until nothing is left to be sent."""
        await self._todo.join()

    async def _sent(self, key: str, drawing: bytes, failures: int) -> bool:
        """Whether the server has had its last word about a drawing; else try again, now."""
        began = time.perf_counter()
        answer = await self._ask("POST", "drawings", drawing)
        if answer.status == 200:
            now = time.perf_counter()
            self.tally.posts.append(now - began)
            self.tally.confirmed[self.token, key] = now
            return True
        if answer.status in DROPPED or answer.kind == "limit":
            self.tally.dropped += 1
            return True
        if answer.status == 401:
            await self.join()
        else:
            await self._rest(answer, failures + 1)
        return False

    async def _ask(self, method: str, what: str, body: bytes = b"") -> Answer:
        answer = await self.browser.ask(method, f"{self._room}/{what}", body)
        if answer.status != 200:
            self.tally.troubles[answer.status] += 1
        return answer

    async def _rest(self, answer: Answer, failures: int) -> None:
        """Wait before the next try; where the server was not there, no longer than it is not."""
        self._there.clear()
        again = self._there.wait() if answer.status == 0 else asyncio.Event().wait()
        with suppress(TimeoutError):
            await asyncio.wait_for(again, self._pause(answer, failures))

    def _pause(self, answer: Answer, failures: int) -> float:
        seconds = BACKOFF[min(failures, len(BACKOFF)) - 1]
        if answer.status == 429:
            seconds = float(answer.headers.get("retry-after", BACKOFF[0]))
        return seconds + JITTER * self._random.random()


class Wall:
    """A wall: when it showed what.

    Attributes
    ----------
    answers : seconds that each took
    shown : when each drawing was first there, by its number
    found : the latest answer
    troubles : as in `Tally`
    """

    def __init__(self, browser: Browser, code: str, query: str = "") -> None:
        self.browser, self._address = browser, f"/wall/{code}/tiles?only=all&page=0{query}"
        self.answers: list[float] = []
        self.shown: dict[int, float] = {}
        self.found: dict[str, Any] = {}
        self.troubles = Counter[int]()

    async def watch(self) -> None:
        """Ask what there is, again and again."""
        known = 0
        while True:
            began = time.perf_counter()
            answer = await self.browser.ask("GET", f"{self._address}&known={known}")
            if answer.status == 200:
                now = time.perf_counter()
                self.answers.append(now - began)
                self.found = answer.found
                for tile in self.found["tiles"]:
                    self.shown.setdefault(tile["number"], now)
                known = max(self.shown, default=0)
            else:
                self.troubles[answer.status] += 1
            await asyncio.sleep(WALL_EVERY)


def digit(label: int, rng: random.Random) -> list[list[int]]:
    """A digit's strokes somewhere on the slate, with as many points as a finger leaves."""
    scale, left, top = rng.uniform(350, 450), rng.uniform(230, 330), rng.uniform(150, 250)
    strokes = []
    for stroke in STROKES[label]:
        corners = [(left + x * scale, top + y * scale) for x, y in stroke]
        points = [corners[0]]
        for start, end in pairwise(corners):
            parts = ceil(dist(start, end) / STEP)
            x, y = (np.linspace(a, b, parts + 1)[1:] for a, b in zip(start, end, strict=True))
            points += zip(x, y, strict=True)
        strokes.append([round(number) for point in points for number in point])
    return strokes


async def open_room(address: str) -> tuple[str, str]:
    """Press the button; returns the room's code, and the presenter's cookie."""
    browser = Browser(address)
    kind = "application/x-www-form-urlencoded"
    answer = await browser.ask("POST", "/room", b"open=1", kind)
    browser.close()
    if answer.status != 303:
        raise RuntimeError(f"expected a room, got {answer.status} {answer.body.decode()[:200]!r}")
    return answer.headers["location"].partition("room=")[2], browser.cookie


async def learn(presenter: Session) -> None:
    """Have the room learned again and again."""
    while True:
        await presenter.wait(lambda: presenter.enabled("learn"))
        await presenter.press("learn")
        await presenter.wait(lambda: not presenter.enabled("learn"))


def stored(url: str, code: str) -> list[tuple[str, str, int, bool]]:
    """All drawings in the database: token of the phone, key, number, and whether it is shown."""
    address = make_url(url)
    if address.drivername == "postgresql":
        address = address.set(drivername="postgresql+psycopg")
    rows = (
        "SELECT phones.token, drawings.key, drawings.number, drawings.shown FROM drawings "
        "LEFT JOIN phones ON phones.room = drawings.room AND phones.number = drawings.phone "
        "WHERE drawings.room = :code"
    )
    with create_engine(address).connect() as connection:
        return [tuple(row) for row in connection.execute(text(rows), {"code": code})]


async def measure(servers: list[Server], url: str, options: argparse.Namespace) -> bool:
    """Print the table; returns whether all that was promised holds."""
    here, there = servers[-1].address, servers[0].address  # the presenter's, and the phones'
    code, cookie = await open_room(here)
    tally = Tally()
    phones = [Phone(there, code, number, tally) for number in range(options.phones)]
    walls = [Wall(Browser(here, cookie), code, query) for query in ("", "&presenter=1")]
    pages = [await Session(here, query=f"room={code}", cookie=cookie).open()]

    async def come(number: int, phone: Phone) -> None:
        await asyncio.sleep(number / JOINS)
        await phone.join()

    def received() -> list[int]:
        browsers = [[phone.browser for phone in phones], [wall.browser for wall in walls], pages]
        return [sum(browser.received for browser in some) for some in browsers]

    async with asyncio.TaskGroup() as tasks:
        began = time.perf_counter()
        await asyncio.gather(*(come(*each) for each in enumerate(phones)))
        joined = time.perf_counter() - began
        going_on = [phone.look() for phone in phones] + [phone.send() for phone in phones]
        going_on += [wall.watch() for wall in walls]
        ended = [tasks.create_task(each) for each in going_on]
        await asyncio.sleep(SETTLE)
        for times in (tally.looks, *(wall.answers for wall in walls), pages[0].polls):
            times.clear()
        began, worked = time.perf_counter(), time.process_time()
        bytes_before, busy = received(), sum(server.processor() for server in servers)
        all_busy = machine()
        end = began + options.seconds
        for number, phone in enumerate(phones):
            first = began + number / options.phones * options.every
            tasks.create_task(phone.write(first, options.every, end))
        await asyncio.sleep(options.seconds / 2)
        if options.kill:
            await pages[0].close()
            await asyncio.to_thread(servers[0].kill)
            servers[0].start()
            await asyncio.to_thread(servers[0].wait_for_health)
            pages.append(await Session(here, query=f"room={code}", cookie=cookie).open())
        with suppress(TimeoutError):
            await asyncio.wait_for(learn(pages[-1]), end - time.perf_counter())
        took, worked = time.perf_counter() - began, time.process_time() - worked
        sent = [after - before for before, after in zip(bytes_before, received(), strict=True)]
        busy = sum(server.processor() for server in servers) - busy
        others = machine() - all_busy - busy - worked
        trained = sum([(await asyncio.to_thread(server.ask))["trained"] for server in servers])
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*(it.all_sent() for it in phones)), DRAIN)
        await asyncio.sleep(SETTLE)
        for task in ended:
            task.cancel()
    trouble = [it for page in pages for it in page.trouble]
    polls = [poll for page in pages for poll in page.polls]
    for each in (*(phone.browser for phone in phones), *(wall.browser for wall in walls)):
        each.close()
    await pages[-1].close()

    rows = stored(url, code)
    counts = Counter((token, key) for token, key, *_ in rows)
    numbers = {(token, key): number for token, key, number, shown in rows if shown}
    once = sum(counts[each] == 1 for each in tally.confirmed)
    strange = sum(key not in tally.drawn for _, key, *_ in rows) + len(rows) - len(counts)
    of_phones = Counter(token for token, *_ in rows)
    told = sum(phone.now["sent"] == of_phones[phone.token] for phone in phones)
    told_walls = sum(wall.found["drawings"] == len(numbers) for wall in walls)
    late = [
        max(wall.shown[number] - tally.confirmed[each], 0.0)
        for each, number in numbers.items()
        for wall in walls
        if number in wall.shown and each in tally.confirmed
    ]
    missed = len(walls) * len(numbers) - sum(len(wall.shown) for wall in walls)
    lasted = [at - tally.drawn[key] for (_, key), at in tally.confirmed.items()]
    over = tally.troubles[404] + tally.troubles[410]
    troubles = tally.troubles + walls[0].troubles + walls[1].troubles
    p95, wall_p95 = 1000 * np.percentile(tally.posts, 95), np.percentile(late, 95)
    drawn, confirmed = len(tally.drawn), len(tally.confirmed)
    sums = [f"{each / took / 1e3:.0f}" for each in sent]
    print(
        f"{options.phones} phones, a drawing every {options.every:g} s from each, for {took:.0f} s "
        f"on {os.cpu_count()} cores; {options.database}, {options.servers} server(s)"
        + ", killed half-way"
        * options.kill
    )
    return report(
        [
            ("seconds until all had joined", f"{joined:.1f}", "", True),
            ("drawings", str(drawn), "", True),
            (
                "answered, p95",
                f"{p95:.0f} ms",
                "" if options.kill else f"< {POST_LIMIT:.0f} ms",
                options.kill or p95 < POST_LIMIT,
            ),
            ("p50, worst", milliseconds(tally.posts, 50, 100), "", True),
            ("from Send, p95, worst", milliseconds(lasted, 95, 100), "", True),
            ("/now, p50, p95, worst", milliseconds(tally.looks, 50, 95, 100), "", True),
            (
                "confirmed to on the wall, p95",
                f"{wall_p95:.2f} s",
                "" if options.kill else f"< {WALL_LIMIT} s",
                options.kill or wall_p95 < WALL_LIMIT,
            ),
            ("worst", f"{max(late):.2f} s", "", True),
            (
                "never seen on a wall",
                str(missed),
                "" if options.kill else "0",
                options.kill or not missed,
            ),
            (
                "wall answers, p50, p95, worst",
                milliseconds([it for wall in walls for it in wall.answers], 50, 95, 100),
                "",
                True,
            ),
            ("presenter's polls, p50, p95", milliseconds(polls, 50, 95, 100), "", True),
            ("exceptions on the page", str(len(trouble)), "0", not trouble),
            ("processor of the servers", f"{busy / took:.2f} cores", "", True),
            ("of which training", f"{trained / took:.2f} cores", "", True),
            ("processor of the phones", f"{worked / took:.2f} cores", "", True),
            ("of all other programs", f"{others / took:.2f} cores", "", True),
            ("to phones, walls, presenter", f"{', '.join(sums)} kB/s", "", True),
            ("other answers", by_status(troubles), "", True),
            ("told that the room is over", str(over), "0", not over),
            ("dropped", str(tally.dropped), "0", not tally.dropped),
            ("confirmed", str(confirmed), str(drawn), confirmed + tally.dropped == drawn),
            ("of these, stored once", str(once), str(confirmed), once == confirmed),
            ("stored otherwise", str(strange), "0", not strange),
            ("refused to read", str(len(rows) - len(numbers)), "", True),
            (
                "phones that know how many",
                f"{told} of {len(phones)}",
                "all",
                told == len(phones),
            ),
            ("walls that do", f"{told_walls} of {len(walls)}", "all", told_walls == len(walls)),
        ]
    )


def machine() -> float:
    """Seconds that all processors have worked (Linux)."""
    user, nice, system, *_ = Path("/proc/stat").read_text().split()[1:]
    return (int(user) + int(nice) + int(system)) / os.sysconf("SC_CLK_TCK")


def milliseconds(times: list[float], *percentiles: float) -> str:
    """Percentiles of seconds, in milliseconds."""
    found = np.percentile(times, percentiles) * 1000 if times else [np.nan]
    return ", ".join(f"{each:.0f}" for each in found) + " ms"


def by_status(troubles: Counter[int]) -> str:
    """How often which status came."""
    found = [f"{count} × {status or 'none'}" for status, count in sorted(troubles.items())]
    return ", ".join(found) or "none"


@contextmanager
def database(kind: str) -> Iterator[str]:
    """The URL of an empty database, which is gone after the block."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        if kind == "sqlite":
            yield f"sqlite:///{folder}/room.sqlite3"
        else:
            yield stack.enter_context(postgres.server()).new_database()


def main() -> None:
    parser = argparse.ArgumentParser(description="What a room with many phones gets, and costs.")
    parser.add_argument("--phones", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=60.0, help="that are measured")
    parser.add_argument("--every", type=float, default=5.0, help="seconds between two drawings")
    parser.add_argument("--kill", action="store_true", help="the server half-way")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--servers", type=int, choices=(1, 2), default=1)
    options = parser.parse_args()
    if options.servers == 2 and (options.kill or options.database == "sqlite"):
        parser.error("two servers share PostgreSQL, and are not killed")
    limits = {
        "DIGIT_LAB_ROOM_PHONES": str(max(options.phones, 200)),
        "DIGIT_LAB_PHONE_DRAWINGS": str(max(ceil(options.seconds / options.every), 100)),
    }
    with database(options.database) as url, ExitStack() as stack:
        servers = [
            stack.enter_context(serve(DIGIT_LAB_DATABASE=url, **limits))
            for _ in range(options.servers)
        ]
        kept = asyncio.run(measure(servers, url, options))
    sys.exit(0 if kept else 1)


if __name__ == "__main__":
    main()
