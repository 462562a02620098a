"""Messages between the page's process and the worker's: a length, then a pickle.

Both ends are this program, started by it, and nobody else holds the pipe: that is why a pickle may
be read here. Nothing that comes from outside is.
"""

from __future__ import annotations

import pickle
import struct
import threading
from io import FileIO
from typing import Any

HEADER = struct.Struct("<Q")
CAPACITY = 1 << 20  # bytes that wait in the pipe, where the system allows it; 64 KB else


class Pipe:
    """Two one-way pipes; any thread may send, one may receive.

    Parameters
    ----------
    source, target : opened for bytes, unbuffered; what comes in, and what goes out
    """

    def __init__(self, source: FileIO, target: FileIO) -> None:
        self._source, self._target = source, target
        self._sending = threading.Lock()
        _widen(source)

    def send(self, message: object) -> None:
        """Send what can be pickled; raises OSError where the other side is gone."""
        data = pickle.dumps(message, protocol=5)
        with self._sending:
            try:
                rest = memoryview(HEADER.pack(len(data)) + data)
                while rest:
                    rest = rest[self._target.write(rest) :]
            except ValueError as error:  # closed on this side
                raise BrokenPipeError(str(error)) from None

    def receive(self) -> Any:
        """Wait for the next message; raises EOFError when there will be none."""
        (length,) = HEADER.unpack(self._exactly(HEADER.size))
        return pickle.loads(self._exactly(length))  # noqa: S301  (see above)

    def _exactly(self, size: int) -> bytearray:
        data = bytearray(size)
        view, filled = memoryview(data), 0
        while filled < size:
            try:
                count = self._source.readinto(view[filled:])
            except (OSError, ValueError) as error:
                raise EOFError(str(error)) from None
            if not count:
                self._source.close()
                raise EOFError("the other side is gone")
            filled += count
        return data

    def close(self) -> None:
        """Close this side's end for sending: the other side then reads EOF."""
        self._target.close()


def _widen(file: FileIO) -> None:
    """Let a whole network fit into the pipe, so that sending one takes one turn and not seven."""
    try:
        import fcntl

        fcntl.fcntl(file.fileno(), fcntl.F_SETPIPE_SZ, CAPACITY)
    except (ImportError, AttributeError, OSError):
        return
