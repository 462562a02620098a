"""A server of the page to be loaded, with a way to ask it what no visitor can see.

It is the very page: `streamlit run app.py`, in a process that also answers one question a line on
its standard input, in JSON. Run as a program, this file is that process, and that of its worker
where that is one.
"""

from __future__ import annotations

import gc
import json
import os
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Client, Listener
from pathlib import Path
from select import select
from tempfile import gettempdir
from time import monotonic
from types import FunctionType, ModuleType
from typing import Any

ROOT = Path(__file__).parents[2]
START_LIMIT = 60.0  # seconds until the server is up


class Server:
    """A server under way.

    Attributes
    ----------
    address : such as "http://127.0.0.1:8501"
    """

    def __init__(self, process: subprocess.Popen[str], address: str) -> None:
        self.process, self.address = process, address

    def ask(self) -> dict[str, Any]:
        """What `_answer` says: learners, the bytes of their vectors, threads."""
        if self.process.stdin is None or self.process.stdout is None:
            raise RuntimeError("the server was started without pipes")
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def children(self) -> list[int]:
        """The processes that it has started: its worker, where that is one (Linux)."""
        return _family(self.process.pid)[1:]

    def resident(self) -> int:
        """Bytes of memory that the server and its worker process hold (Linux)."""
        return sum(map(_resident, _family(self.process.pid)))

    def processor(self) -> float:
        """Seconds that they have worked."""
        return sum(map(_worked, _family(self.process.pid)))


@contextmanager
def serve(**environment: str) -> Iterator[Server]:
    """A server of its own, up and healthy; ended at last."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, __file__, str(port)],
        cwd=ROOT,
        env={**os.environ, "DIGIT_LAB_DATABASE": "off", **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    server = Server(process, f"http://127.0.0.1:{port}")
    try:
        _wait_for_health(server)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        _probe(process.pid).unlink(missing_ok=True)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def _wait_for_health(server: Server) -> None:
    end = monotonic() + START_LIMIT
    while monotonic() < end and server.process.poll() is None:
        try:
            with urllib.request.urlopen(f"{server.address}/_stcore/health", timeout=2):
                return
        except OSError:
            select([], [], [], 0.05)
    raise RuntimeError(f"no healthy server within {START_LIMIT:.0f} s")


def _family(process: int) -> list[int]:
    """A process and all that it started."""
    children = [
        int(child)
        for file in Path(f"/proc/{process}/task").glob("*/children")
        for child in file.read_text().split()
    ]
    return [process, *(one for child in children for one in _family(child))]


def _resident(process: int) -> int:
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


def _worked(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# In the server's process, and in that of its worker.


def _answer() -> dict[str, Any]:
    """How many learners there are; the bytes of their parameters, gradients, optimizers' states
    and snapshots, which are all vectors as long as a network's parameters; and the threads.
    """
    from ui import session

    held, probe = _vectors(), str(_probe(os.getpid()))
    with suppress(OSError, EOFError), Client(probe) as worker:  # where that is a process
        held = {name: held[name] + more for name, more in worker.recv().items()}
    learners, threads = len(session.learners()), threading.active_count()
    return {"learners": learners, "threads": threads, **held}


def _probe(server: int) -> Path:
    """Where the worker of that process is asked."""
    return Path(gettempdir()) / f"digit-lab-{server}"


def _vectors() -> dict[str, int]:
    """The bytes of this process's vectors, and of all arrays that learners and snapshots hold.

    What would restart a learner elsewhere is vectors of its, too, although pickled ones.
    """
    import numpy as np

    from nn import Dataset, Network  # the very modules that this process uses
    from ui.process.remote import Remote
    from ui.scheduler.learner import Learner
    from ui.scheduler.snapshot import Snapshot

    gc.collect()
    seen: set[int] = set()
    found: dict[int, np.ndarray[Any, Any]] = {}
    lengths: set[int] = set()
    holders = _all_of(Learner, Snapshot, Network, Remote)
    rest: list[Any] = [it for it in holders if not isinstance(it, Remote)]
    while rest:
        thing = rest.pop()
        if id(thing) in seen or isinstance(thing, (type, ModuleType, FunctionType, Dataset)):
            continue
        seen.add(id(thing))
        if isinstance(thing, Network):
            lengths.add(thing.params.size)
        if isinstance(thing, np.ndarray):
            while isinstance(thing.base, np.ndarray):  # it is a view, or came through a pipe
                thing = thing.base
            found[id(thing)] = thing
        rest += gc.get_referents(thing)
    vectors = sum(it.nbytes for it in found.values() if it.ndim == 1 and it.size in lengths)
    captures = [it.capture for it in holders if isinstance(it, Remote)]
    return {
        "vectors": vectors + sum(len(capture[0]) for capture in captures if capture),
        "arrays": sum(it.nbytes for it in found.values()),
    }


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
    from ui.process import link

    link.WORKER = [sys.executable, __file__, "--worker", str(_probe(os.getpid()))]

    def answer() -> None:
        for _ in questions:
            answers.write(json.dumps(_answer()) + "\n")
            answers.flush()

    threading.Thread(target=answer, name="probe", daemon=True).start()
    options = ["--server.port", port, "--server.address", "127.0.0.1"]
    cli.main(["run", str(ROOT / "app.py"), *options])


def _work(probe: str) -> None:
    from ui.process import worker

    def answer() -> None:
        Path(probe).unlink(missing_ok=True)  # of a worker before this one
        with Listener(probe) as listener:
            while True:
                with listener.accept() as asker:
                    asker.send(_vectors())

    threading.Thread(target=answer, name="probe", daemon=True).start()
    worker.main()


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    if sys.argv[1] == "--worker":
        _work(sys.argv[2])
    else:
        _run(sys.argv[1])
