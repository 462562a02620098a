"""Twenty pens at once at the route /read, and a flood of it, while pages train and look on.

Run it with `python tests/load/readings.py [--clients 20] [--seconds 15]`. It starts a server of its
own; some visitors train there, and their polls are timed. Clients and flood have processes of
their own on the same machine. It ends with 1 where a promise is broken.

- A client sends the next picture as soon as the one before is answered, as a page does.
- The flood sends at its pace, over FLOOD_CONNECTIONS connections, as far as the server takes it;
  how much that was is in the table.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import sys
import time
from collections import Counter
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.load.server import serve
from tests.load.session import Session
from tests.load.visitors import SETTLE, arrive, report, slate

READ_LIMIT, POLL_LIMIT, FLOOD_POLL_LIMIT = 400.0, 150.0, 500.0  # milliseconds, p95
PAGES = 5  # that train meanwhile
FLOOD, FLOOD_SECONDS, FLOOD_CONNECTIONS = 1000, 10.0, 50  # requests per second


def request(address: str, digit: int) -> bytes:
    """A picture of the slate on its way, as HTTP."""
    url = json.loads(slate(digit, side=176))["drawing"]["data"]
    picture = base64.b64decode(url.partition(",")[2])
    head = (
        f"POST /read HTTP/1.1\r\nHost: {urlsplit(address).netloc}\r\n"
        f"Content-Type: image/png\r\nContent-Length: {len(picture)}\r\n\r\n"
    )
    return head.encode() + picture


async def answer(reader: asyncio.StreamReader) -> int:
    """The status of the next answer; its body is read, too."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    await reader.readexactly(int(head.partition("content-length: ")[2].partition("\r\n")[0]))
    return int(head.split()[1])


async def draw(address: str, digit: int, seconds: float) -> list[tuple[int, float]]:
    """One client: status and milliseconds of each answer."""
    reader, writer = await asyncio.open_connection(*urlsplit(address).netloc.split(":"))
    found, end = [], time.perf_counter() + seconds
    while (began := time.perf_counter()) < end:
        writer.write(request(address, digit))
        found.append((await answer(reader), (time.perf_counter() - began) * 1000))
    writer.close()
    return found


def clients(address: str, number: int, seconds: float) -> list[tuple[int, float]]:
    """Many clients, in a process of their own."""

    async def all_of_them() -> list[tuple[int, float]]:
        each = (draw(address, digit % 10, seconds) for digit in range(number))
        return [it for found in await asyncio.gather(*each) for it in found]

    return asyncio.run(all_of_them())


def flood(address: str) -> Counter[int]:
    """Requests at a pace, in a process of their own; how many answers of each status there were."""
    statuses: Counter[int] = Counter()
    sent = request(address, 7)

    async def connection() -> None:
        reader, writer = await asyncio.open_connection(*urlsplit(address).netloc.split(":"))

        async def count() -> None:
            while True:
                statuses[await answer(reader)] += 1

        counting = asyncio.create_task(count())
        began = time.perf_counter()
        for number in range(int(FLOOD * FLOOD_SECONDS / FLOOD_CONNECTIONS)):
            wait = began + number * FLOOD_CONNECTIONS / FLOOD - time.perf_counter()
            await asyncio.sleep(max(wait, 0))
            if time.perf_counter() - began > FLOOD_SECONDS:
                break
            writer.write(sent)
            await writer.drain()
            statuses[0] += 1
        await asyncio.sleep(1)
        counting.cancel()
        writer.close()

    async def all_of_them() -> None:
        await asyncio.gather(*(connection() for _ in range(FLOOD_CONNECTIONS)))

    asyncio.run(all_of_them())
    return statuses


async def polls_during(pages: list[Session], work: Future[object]) -> np.ndarray:
    """Milliseconds of all polls while that goes on."""
    for page in pages:
        page.polls.clear()
    await asyncio.wrap_future(work)
    return np.array([poll for page in pages for poll in page.polls]) * 1000


async def measure(address: str, number: int, seconds: float) -> bool:
    pages = await asyncio.gather(*(arrive(address, digit) for digit in range(PAGES)))
    await asyncio.sleep(SETTLE)
    with ProcessPoolExecutor(1) as elsewhere:
        reading = elsewhere.submit(clients, address, number, seconds)
        polls = await polls_during(pages, reading)
        flooding = elsewhere.submit(flood, address)
        flood_polls = await polls_during(pages, flooding)
    answers, statuses = reading.result(), flooding.result()
    times = np.array([took for status, took in answers if status == 200])
    read, poll, under = (float(np.percentile(it, 95)) for it in (times, polls, flood_polls))
    others = sorted({status for status, _ in answers} - {200})
    sent = statuses.pop(0) / FLOOD_SECONDS
    trouble = [it for page in pages for it in page.trouble]
    for page in pages:
        await page.close()
    rows = [
        (
            f"{number} clients, reading, p95",
            f"{read:.0f} ms",
            f"< {READ_LIMIT:.0f} ms",
            read < READ_LIMIT,
        ),
        ("readings a second", f"{len(times) / seconds:.0f}", "", True),
        ("other answers", str(others), "[]", not others),
        ("polls meanwhile, p95", f"{poll:.0f} ms", f"< {POLL_LIMIT:.0f} ms", poll < POLL_LIMIT),
        ("flood, requests a second", f"{sent:.0f}", "", True),
        ("answers by status", str(dict(statuses)), "", True),
        (
            "polls meanwhile, p95",
            f"{under:.0f} ms",
            f"< {FLOOD_POLL_LIMIT:.0f} ms",
            under < FLOOD_POLL_LIMIT,
        ),
        ("polls meanwhile", str(len(flood_polls)), "> 0", len(flood_polls) > 0),
        ("exceptions on the page", str(len(trouble)), "0", not trouble),
    ]
    return report(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description="What the route /read takes, and what it costs.")
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=15.0)
    options = parser.parse_args()
    with serve() as server:
        kept = asyncio.run(measure(server.address, options.clients, options.seconds))
    sys.exit(0 if kept else 1)


if __name__ == "__main__":
    main()
