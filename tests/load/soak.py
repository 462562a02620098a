"""A long day in a few minutes: does the server's memory stay where it is?

Run it with `python tests/load/soak.py [--reruns 1000] [--trainings 50] [--minutes 10]`. One
visitor (session.py) draws, begins a training, lets the page look at it, pauses it, drops it, and
so on. After each training that was dropped, when nothing is under way and the server has given
back what is free, its resident memory is read. After the first hundred reruns it has to stay
within 5 % of what it was then. It ends with 1 where it does not, or where the time was too short.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.load.server import Server, serve
from tests.load.session import Session
from tests.load.visitors import slate
from ui.training.memory import TRIM_SECONDS

FIRST = 100  # reruns, until everything has been loaded once
EPOCHS = 3  # of each training; its snapshots fill a visitor's share of memory early on
LIMIT = 0.05  # of the memory after them
SETTLE = 1.5 * TRIM_SECONDS
ROWS = 10  # of the table
MB = 1e6


@dataclass(frozen=True)
class Sample:
    """The server, when nothing is under way."""

    seconds: float
    reruns: int
    trainings: int
    resident: int
    runs: int
    threads: int


async def train_and_drop(visitor: Session, digit: int, reruns: int) -> None:
    """Draw, train, look, pause, look, drop; `reruns` of the page in all, or one or two more."""
    end = visitor.runs + reruns
    await visitor.set_json("slate", slate(digit))
    await visitor.press("train")
    await visitor.wait(lambda: visitor.enabled("pause"))
    while visitor.runs < end - 6:
        await visitor.rerun()
    await visitor.wait(lambda: visitor.epoch() >= EPOCHS)
    await visitor.press("pause")
    await visitor.wait(lambda: visitor.enabled("step"))
    await visitor.rerun()
    await visitor.press("stop")
    await visitor.wait(lambda: not visitor.enabled("stop"))
    while visitor.runs < end:
        await visitor.rerun()


async def soak(server: Server, reruns: int, trainings: int, minutes: float) -> bool:
    """Print the table; returns whether the memory stayed."""
    began, samples = time.monotonic(), list[Sample]()
    visitor = await Session(server.address).open()
    for training in range(trainings):
        if time.monotonic() - began > minutes * 60 - 15:
            break
        await train_and_drop(visitor, training % 10, -(-reruns // trainings))
        now = await asyncio.to_thread(server.ask)
        await asyncio.sleep(SETTLE)
        samples.append(
            Sample(
                time.monotonic() - began,
                visitor.runs,
                training + 1,
                server.resident(),
                now["runs"],
                now["threads"],
            )
        )
    trouble = visitor.trouble
    await visitor.close()
    settled = [sample for sample in samples if sample.reruns >= FIRST] or samples[-1:]
    base = settled[0].resident
    print(f"{'seconds':>8} {'reruns':>7} {'trainings':>10} {'MB':>7} {'of base':>8} ", end="")
    print(f"{'runs':>9} {'threads':>8}")
    shown = {id(it): it for it in [*samples[:: max(len(samples) // ROWS, 1)], samples[-1]]}
    for sample in shown.values():
        print(
            f"{sample.seconds:8.0f} {sample.reruns:7} {sample.trainings:10} "
            f"{sample.resident / MB:7.1f} {sample.resident / base:8.3f} "
            f"{sample.runs:9} {sample.threads:8}"
        )
    least, most = (pick(it.resident for it in settled) / base for pick in (min, max))
    whole = samples[-1].reruns >= reruns and samples[-1].trainings == trainings
    flat = least >= 1 - LIMIT and most <= 1 + LIMIT
    idle = all(sample.runs == 0 for sample in samples)
    print(f"after the first {FIRST} reruns: {least:.3f} to {most:.3f} of it (limit ± {LIMIT})")
    print(f"exceptions on the page: {len(trouble)}")
    for broken, name in ((not flat, "memory"), (not whole, "time"), (not idle, "runs left")):
        if broken:
            print("BROKEN:", name)
    return flat and whole and idle and not trouble


def main() -> None:
    parser = argparse.ArgumentParser(description="Whether the server's memory stays.")
    parser.add_argument("--reruns", type=int, default=1000)
    parser.add_argument("--trainings", type=int, default=50)
    parser.add_argument("--minutes", type=float, default=10.0, help="that it may take")
    options = parser.parse_args()
    with serve() as server:
        kept = asyncio.run(soak(server, options.reruns, options.trainings, options.minutes))
    sys.exit(0 if kept else 1)


if __name__ == "__main__":
    main()
