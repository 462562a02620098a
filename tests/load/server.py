"""A server of the page to be loaded, with a way to ask it what no visitor can see.

It is the very page: `streamlit run app.py`, in a process that also answers one question a line on
its standard input, in JSON. Run as a program, this file is that process.
"""

from __future__ import annotations

import gc
import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from select import select
from types import FunctionType, ModuleType
from typing import Any

ROOT = Path(__file__).parents[2]
START_LIMIT = 60.0  # seconds until the server is up


class Server:
    """A server of its own.

    Parameters
    ----------
    port : at 127.0.0.1
    environment : its settings

    Attributes
    ----------
    address : such as "http://127.0.0.1:8501"
    """

    def __init__(self, port: int, environment: Mapping[str, str]) -> None:
        self.port, self.address = port, f"http://127.0.0.1:{port}"
        self._environment = {**os.environ, "DIGIT_LAB_DATABASE": "off", **environment}
        self._worked = 0.0  # by processes that were killed
        self.start()

    def start(self) -> None:
        """Start a process; `wait_for_health` says when it answers."""
        self.process = subprocess.Popen(
            [sys.executable, __file__, str(self.port)],
            cwd=ROOT,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def wait_for_health(self) -> None:
        """Wait until it answers."""
        end = time.monotonic() + START_LIMIT
        while time.monotonic() < end and self.process.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.address}/_stcore/health", timeout=2):
                    return
            except OSError:
                select([], [], [], 0.05)
        raise RuntimeError(f"no healthy server within {START_LIMIT:.0f} s")

    def stop(self) -> None:
        """End it, by force where it does not end by itself."""
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._close()

    def kill(self) -> None:
        """End it in the middle of whatever it does."""
        self._worked = self.processor()
        self.process.kill()
        self.process.wait()
        self._close()

    def _close(self) -> None:
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()

    def ask(self, *, memory: bool = False) -> dict[str, Any]:
        """What `_answer` says: runs, threads, seconds of training; with `memory`, bytes of vectors.

        Looking for the vectors holds all of the server up for a while.
        """
        if self.process.stdin is None or self.process.stdout is None:
            raise RuntimeError("the server was started without pipes")
        self.process.stdin.write("memory\n" if memory else "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def resident(self) -> int:
        """Bytes of memory that the server holds (Linux)."""
        return _resident(self.process.pid)

    def processor(self) -> float:
        """Seconds that it has worked, before it was killed, too."""
        return self._worked + _worked(self.process.pid)


@contextmanager
def serve(**environment: str) -> Iterator[Server]:
    """A server of its own, up and healthy; ended at last."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = Server(port, environment)
    try:
        server.wait_for_health()
        yield server
    finally:
        server.stop()


def _resident(process: int) -> int:
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


def _worked(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# In the server's process.


def _answer(question: str) -> dict[str, Any]:
    """How many runs and threads there are, and the processor's seconds that went into training
    here; asked for "memory", also the bytes of parameters, gradients, optimizers' states and
    snapshots, which are all vectors as long as a network's parameters.
    """
    from ui.page import visit  # the very module that this process uses

    runs, threads = len(visit.scheduler()), threading.active_count()
    trained = sum(
        time.clock_gettime(time.pthread_getcpuclockid(thread.ident))
        for thread in threading.enumerate()
        if thread.name == "scheduler" and thread.ident is not None
    )
    found = {"runs": runs, "threads": threads, "trained": trained}
    return {**found, **_vectors()} if question == "memory" else found


def _vectors() -> dict[str, int]:
    """The bytes of this process's vectors, and of all arrays that runs and snapshots hold."""
    import numpy as np

    from nn import Dataset, Network  # the very modules that this process uses
    from ui.training.run import TrainingRun
    from ui.training.snapshot import Snapshot

    gc.collect()
    seen: set[int] = set()
    found: dict[int, np.ndarray[Any, Any]] = {}
    lengths: set[int] = set()
    rest: list[Any] = _all_of(TrainingRun, Snapshot, Network)
    while rest:
        thing = rest.pop()
        if id(thing) in seen or isinstance(thing, (type, ModuleType, FunctionType, Dataset)):
            continue
        seen.add(id(thing))
        if isinstance(thing, Network) and hasattr(thing, "params"):  # else it is just being made
            lengths.add(thing.params.size)
        if isinstance(thing, np.ndarray):
            while isinstance(thing.base, np.ndarray):  # it is a view
                thing = thing.base
            found[id(thing)] = thing
        rest += gc.get_referents(thing)
    vectors = sum(it.nbytes for it in found.values() if it.ndim == 1 and it.size in lengths)
    return {"vectors": vectors, "arrays": sum(it.nbytes for it in found.values())}


def _all_of(*kinds: type) -> list[Any]:
    """All objects of these kinds. No other thread runs meanwhile: a tuple that one is just building
    may not be held by anybody else, as the list of all objects does; it would raise SystemError.
    """
    usual = sys.getswitchinterval()
    sys.setswitchinterval(60.0)
    try:
        return [it for it in gc.get_objects() if isinstance(it, kinds)]
    finally:
        sys.setswitchinterval(usual)


def _run(port: str) -> None:
    from streamlit.web import cli

    questions, answers = sys.stdin, os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the server has to say goes with its errors

    def answer() -> None:
        for question in questions:
            answers.write(json.dumps(_answer(question.strip())) + "\n")
            answers.flush()

    threading.Thread(target=answer, name="probe", daemon=True).start()
    options = ["--server.port", port, "--server.address", "127.0.0.1"]
    cli.main(["run", str(ROOT / "app.py"), *options])


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    _run(sys.argv[1])
