"""How much more work two trainers do than one, without any page.

Run it with `python tests/load/trainers.py [--runs 8] [--seconds 20]`. It trains the same runs on
one local worker process and on two, in turns (1, 2, 2, 1), prints the optimizer steps per second of
each and their ratio, and ends with 1 where that is below its limit.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from nn import RECIPES
from ui import data
from ui.training.cluster import Cluster
from ui.training.limits import Limits

RATIO_LIMIT = 1.6
ORDER = (1, 2, 2, 1)
WARM_UP = 5.0  # seconds of training that are not measured
START_LIMIT = 60.0


def steps_per_second(trainers: int, runs: int, seconds: float) -> float:
    """Steps of all runs together, per second."""
    cluster = Cluster(trainers, data.mnist, limits=Limits(runs=runs, server_bytes=10**12))
    cluster.run()
    try:
        end = time.monotonic() + START_LIMIT
        while len(cluster.workers()) < trainers:
            if time.monotonic() > end:
                raise RuntimeError(f"no {trainers} workers within {START_LIMIT:.0f} s")
            time.sleep(0.1)
        recipe = RECIPES["adam"].replace(epochs=1000)
        started = [cluster.start(recipe, seed=i, visitor=f"visitor {i}") for i in range(runs)]

        def steps() -> int:
            return sum(run.step for run in map(cluster.look, started) if run is not None)

        while steps() == 0:
            time.sleep(0.1)
        time.sleep(WARM_UP)
        first, began = steps(), time.monotonic()
        time.sleep(seconds)
        return (steps() - first) / (time.monotonic() - began)
    finally:
        cluster.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="Steps per second with one trainer and with two.")
    parser.add_argument("--runs", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each measurement")
    options = parser.parse_args()
    rates: dict[int, list[float]] = {1: [], 2: []}
    for trainers in ORDER:
        rates[trainers].append(steps_per_second(trainers, options.runs, options.seconds))
        print(f"{trainers} trainer(s): {rates[trainers][-1]:,.0f} steps per second", flush=True)
    ratio = sum(rates[2]) / sum(rates[1])
    print(f"ratio {ratio:.2f}, promised {RATIO_LIMIT}")
    sys.exit(0 if ratio >= RATIO_LIMIT else 1)


if __name__ == "__main__":
    main()
