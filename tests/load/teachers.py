"""Many visitors teach at once: how long each waits, and what their pages meanwhile do.

Run it with `python tests/load/teachers.py [--visitors 20] [--trainers thread]`. Each visitor draws
ten digits, says what each was, and presses Teach when all have done so. From then until the page
says that it is done, its polls are timed as `visitors.py` does.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.load.server import Server, serve
from tests.load.session import Session
from tests.load.visitors import ARRIVALS, MANY, POLL_LIMIT, POLL_LIMIT_OF_MANY, report, slate

DONE_LIMIT = 90.0  # seconds
PATIENCE = 300.0


async def write(address: str) -> Session:
    """Open the page, draw each digit and say what it was."""
    visitor = await Session(address).open()
    await visitor.set_text("panels-en", "Your hand")
    for digit in range(10):
        await visitor.set_json("slate", slate(digit))
        await visitor.press_in("was-keys", f"was-{digit}")
    await visitor.wait(lambda: "Drawings: 10" in visitor.text("panel-hand"))
    return visitor


async def teach(visitor: Session) -> float:
    """Press Teach; returns the seconds until the page says that it is done."""
    visitor.polls.clear()
    began = time.monotonic()
    await visitor.press("teach")
    await visitor.wait(lambda: "Done" in visitor.text("training-status"), timeout=PATIENCE)
    return time.monotonic() - began


async def measure(server: Server, visitors: int) -> bool:
    """Print the table; returns whether all that was promised holds."""
    first = await write(server.address)
    alone = await teach(first)
    await first.close()
    gate = asyncio.Semaphore(ARRIVALS)

    async def come() -> Session:
        async with gate:
            return await write(server.address)

    everyone = await asyncio.gather(*(come() for _ in range(visitors)))
    took = await asyncio.gather(*(teach(visitor) for visitor in everyone))
    polls = 1000 * np.array([poll for visitor in everyone for poll in visitor.polls])
    trouble = [it for visitor in everyone for it in visitor.trouble]
    for visitor in everyone:
        await visitor.close()
    p95, limit = np.percentile(polls, 95), POLL_LIMIT if visitors < MANY else POLL_LIMIT_OF_MANY
    rows = [
        ("alone", f"{alone:.1f} s", "", True),
        (
            "done, first to last",
            f"{min(took):.1f} to {max(took):.1f} s",
            f"< {DONE_LIMIT:.0f} s",
            max(took) < DONE_LIMIT,
        ),
        ("polls answered, p95", f"{p95:.0f} ms", f"< {limit:.0f} ms", p95 < limit),
        ("p50, worst", f"{np.median(polls):.0f}, {polls.max():.0f} ms", "", True),
        ("exceptions on the page", str(len(trouble)), "0", not trouble),
    ]
    print(f"{visitors} visitors teach at once on {os.cpu_count()} cores")
    return report(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description="How long visitors wait who teach at once.")
    parser.add_argument("--visitors", type=int, default=20)
    parser.add_argument("--trainers", default="thread", help="as DIGIT_LAB_TRAINERS")
    options = parser.parse_args()
    with serve(DIGIT_LAB_TRAINERS=options.trainers) as server:
        kept = asyncio.run(measure(server, options.visitors))
    sys.exit(0 if kept else 1)


if __name__ == "__main__":
    main()
