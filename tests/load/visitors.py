"""Many visitors at once, each with a drawing on the slate and a training of their own.

Run it with `python tests/load/visitors.py [--visitors 20] [--seconds 30] [--trainers thread]
[--recipe adam] [--samples 0]`. It starts a server of its own on this machine and opens a real
websocket for each visitor (session.py), so that server and visitors share its processors; what a
browser would draw is not drawn. It prints what was promised beside what was measured, and ends with
1 where a promise is broken.

- A poll is answered when the run that it asked for has come to its end, at the visitor's side.
- A run's pace is what the page shows: how far the curves of its charts came between the first
  and the last time that they had grown, by the time between.
- A visitor's memory is what the later half of them adds to the resident memory of the server and
  its worker; without the vectors that are as long as the parameters (parameters, gradients,
  optimizer's state, snapshots), which both count. A convolution may add what the server's limits
  count for its patches. What all share, modules, data, the buffers of BLAS, the first half has
  paid for by then.
- The processor time of a poll is all that the server has worked, its training thread apart, by the
  number of polls.
- Runs are left for two minutes, in case it was the connection that was lost.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import io
import json
import os
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[2]))

from nn.recipes import RECIPES
from tests.helpers import drawing
from tests.load.server import Server, serve
from tests.load.session import Session
from ui.training.limits import BYTES_OF_CONVOLUTIONS

POLL_LIMIT, POLL_LIMIT_OF_MANY = 100.0, 300.0  # milliseconds, p95; the latter above MANY visitors
MANY = 20
PACE_LIMIT = 1.5  # the quickest run's pace in the slowest one's
MEMORY_LIMIT = 3.0  # MB a visitor
LEAVE_LIMIT = 170.0  # seconds; a connection that is lost may come back for 120
SETTLE = 10.0  # seconds after the last arrival, before anything is measured
EPOCHS = 400  # more than there is time for
LINK = f"recipe=adam&epochs={EPOCHS}"
ARRIVALS = 4  # visitors who open the page at the same time
MB = 1e6


def slate(digit: int, side: int = 352) -> str:
    """What the canvas says when a digit is drawn on it."""
    part, file = side / 352, io.BytesIO()
    at = round(110 * part), round(70 * part)
    picture = drawing(digit, size=(side, side), at=at, scale=130 * part, pen=22 * part)
    Image.fromarray(picture).save(file, "PNG")
    data = "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")
    raw = {"version": "7.4.0", "objects": [{"type": "Path", "path": [["M", 110, 70]]}]}
    return json.dumps({"drawing": {"raw": raw, "data": data}})


async def arrive(address: str, digit: int, link: str = LINK) -> Session:
    """Open the page by a link, draw a digit and begin a training."""
    visitor = await Session(address, query=link).open()
    await visitor.set_json("slate", slate(digit))
    await visitor.press("train")
    await visitor.wait(lambda: visitor.enabled("stop"))
    return visitor


async def warm_up(server: Server, link: str) -> None:
    """Let first visitors pay for what all share: modules, data, threads."""
    first = await asyncio.gather(
        *(arrive(server.address, digit, link) for digit in range(ARRIVALS))
    )
    for visitor in first:
        await leave(visitor)


async def leave(visitor: Session) -> None:
    """Let an epoch pass, stop the training and close the tab."""
    await visitor.wait(lambda: visitor.epoch() >= 1)
    await visitor.press("stop")
    await visitor.wait(lambda: not visitor.enabled("stop"))
    await visitor.close()


async def all_gone(server: Server) -> float | None:
    """Seconds until no run is left; None where some stay."""
    began = time.monotonic()
    while time.monotonic() - began < LEAVE_LIMIT:
        if (await asyncio.to_thread(server.ask))["runs"] == 0:
            return time.monotonic() - began
        await asyncio.sleep(1)
    return None


def pace(visitor: Session) -> float:
    """Epochs a second, between the first and the last growth of the curves that was noted."""
    if len(visitor.places) < 2:
        return 0.0
    (began, first), (ended, last) = visitor.places[0], visitor.places[-1]
    return (last - first) / (ended - began)


def report(rows: list[tuple[str, str, str, bool]]) -> bool:
    """Print what was measured beside what was promised; returns whether all of it was kept.

    Parameters
    ----------
    rows : what, how much, the promise, and whether it was kept
    """
    for name, value, promised, _ in rows:
        print(f"{name:30} {value:>26}   {promised}")
    for name, *_, kept in rows:
        if not kept:
            print("BROKEN:", name)
    return all(kept for *_, kept in rows)


async def measure(
    server: Server, visitors: int, seconds: float, link: str, memory_limit: float
) -> bool:
    """Print the table; returns whether all that was promised holds."""
    await warm_up(server, link)
    empty = server.resident()
    gate = asyncio.Semaphore(ARRIVALS)

    async def come(number: int) -> Session:
        async with gate:
            return await arrive(server.address, number % 10, link)

    half = visitors // 2
    everyone = await asyncio.gather(*(come(number) for number in range(half)))
    await asyncio.sleep(SETTLE)
    few, before = await asyncio.to_thread(server.ask, memory=True), server.resident()
    everyone += await asyncio.gather(*(come(number) for number in range(half, visitors)))
    await asyncio.sleep(SETTLE)
    for visitor in everyone:
        visitor.polls.clear()
        visitor.places.clear()
    received = sum(visitor.received for visitor in everyone)
    trained = (await asyncio.to_thread(server.ask))["trained"]
    began, worked, busy = time.monotonic(), time.process_time(), server.processor()
    await asyncio.sleep(seconds)
    took, worked = time.monotonic() - began, time.process_time() - worked
    busy = server.processor() - busy
    received = sum(visitor.received for visitor in everyone) - received
    polls = np.array([poll for visitor in everyone for poll in visitor.polls]) * 1000
    paces = [pace(visitor) for visitor in everyone]
    full, after = await asyncio.to_thread(server.ask, memory=True), server.resident()
    a_poll = (busy - (full["trained"] - trained)) / len(polls) * 1000
    trouble = [it for visitor in everyone for it in visitor.trouble]
    for visitor in everyone:
        await visitor.close()
    left = await all_gone(server)
    p50, p95, p99 = np.percentile(polls, [50, 95, 99])
    limit = POLL_LIMIT if visitors <= MANY else POLL_LIMIT_OF_MANY
    spread = max(paces) / min(paces) if min(paces) else np.inf
    vectors = (full["vectors"] - few["vectors"]) / MB
    beyond = ((after - before) / MB - vectors) / (visitors - half)
    print(f"{visitors} visitors, each training {link}, for {took:.0f} s on {os.cpu_count()} cores")
    rows = [
        ("polls answered, p95", f"{p95:.0f} ms", f"< {limit:.0f} ms", p95 < limit),
        ("p50, p99, worst", f"{p50:.0f}, {p99:.0f}, {polls.max():.0f} ms", "", True),
        ("polls a second", f"{len(polls) / took:.0f}", "", True),
        ("epochs a second of each", f"{min(paces):.3f} to {max(paces):.3f}", "", True),
        ("quickest to slowest", f"{spread:.2f}", f"< {PACE_LIMIT}", spread < PACE_LIMIT),
        ("memory a visitor", f"{beyond:.1f} MB", f"< {memory_limit:.0f} MB", beyond < memory_limit),
        ("vectors of each", f"{full['vectors'] / MB / visitors:.1f} MB", "", True),
        ("runs when all train", str(full["runs"]), "", full["runs"] == visitors),
        ("runs after they left", "0" if left is not None else "some", "0", left is not None),
        ("seconds until then", f"{left or LEAVE_LIMIT:.0f}", "", True),
        ("memory then", f"{(server.resident() - empty) / MB:+.1f} MB", "", True),
        ("sent to a visitor", f"{received / visitors / took / 1e3:.0f} kB/s", "", True),
        ("processor of the server", f"{busy / took:.2f} cores", "", True),
        ("processor time a poll", f"{a_poll:.0f} ms", "", True),
        ("processor of the visitors", f"{worked / took:.2f} cores", "", True),
        ("exceptions on the page", str(len(trouble)), "0", not trouble),
    ]
    return report(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description="What many visitors get, and what they cost.")
    parser.add_argument("--visitors", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=30.0, help="that are measured")
    parser.add_argument("--trainers", default="thread", help="as DIGIT_LAB_TRAINERS")
    parser.add_argument("--recipe", choices=RECIPES, default="adam", help="that each trains")
    parser.add_argument("--samples", type=int, default=0, help="digits used by each; 0 for all")
    options = parser.parse_args()
    link = f"recipe={options.recipe}&samples={options.samples}&epochs={EPOCHS}"
    buffers = BYTES_OF_CONVOLUTIONS / MB if RECIPES[options.recipe].filters else 0.0
    memory_limit = MEMORY_LIMIT + buffers
    limit = str(max(options.visitors, ARRIVALS))  # as many train as there are visitors
    with serve(DIGIT_LAB_RUNS=limit, DIGIT_LAB_TRAINERS=options.trainers) as server:
        kept = asyncio.run(measure(server, options.visitors, options.seconds, link, memory_limit))
    sys.exit(0 if kept else 1)


if __name__ == "__main__":
    main()
