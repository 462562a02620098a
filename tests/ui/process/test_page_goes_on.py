"""A server whose worker is killed, and two visitors who train on it, by real websockets."""

from __future__ import annotations

import asyncio
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.load.server import Server, serve
from tests.load.session import Session
from ui import texts

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/task").exists(), reason="the worker's process is looked up in /proc"
)


async def begin(address: str) -> Session:
    visitor = await Session(address).open()
    await visitor.set_number("epochs-adam", 400)
    await visitor.press("train")
    await visitor.wait(lambda: visitor.epoch() >= 1)
    return visitor


async def kill_in_mid_run(server: Server) -> None:
    visitors = await asyncio.gather(*(begin(server.address) for _ in range(2)))
    (worker,) = server.children()
    os.kill(worker, signal.SIGKILL)
    for visitor in visitors:
        await visitor.wait(lambda it=visitor: texts.RESTARTED in it.text("training-status"))
        reached = visitor.epoch()
        await visitor.wait(lambda it=visitor, than=reached: it.epoch() > than)
        assert visitor.trouble == []
    (another,) = server.children()
    assert another != worker
    for visitor in visitors:
        await visitor.press("stop")
        await visitor.wait(lambda it=visitor: not it.enabled("stop"))
        await visitor.close()
    assert server.ask()["learners"] == 0


def test_each_page_says_that_the_worker_was_replaced_and_its_training_goes_on() -> None:
    # Apart, as the tests in a browser may have left a loop running here.
    with serve(DIGIT_LAB_WORKER="process") as server, ThreadPoolExecutor(1) as apart:
        apart.submit(asyncio.run, kill_in_mid_run(server)).result()
