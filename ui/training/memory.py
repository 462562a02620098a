"""Memory that is given back: what the C library's allocator does with it.

Each run of the page's script is a thread, and glibc gives threads arenas of their own, up to eight
a processor core; what was freed in one stays there. A network of many megabytes, folded to read a
drawing, then takes its place in each of them for good. Elsewhere than on glibc there is nothing
to do.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import threading
import time

ARENAS = 2  # at most, for threads that are still to come
MAPPED = 8 << 20  # bytes: what is larger is mapped by itself, and given back; a batch is not
KEPT = 32 << 20  # bytes at an arena's end that are kept for the next batch: new pages cost time
TRIM_SECONDS = 2.0  # between two times that free memory is given back
M_ARENA_MAX, M_MMAP_THRESHOLD, M_TRIM_THRESHOLD = -8, -3, -1  # of malloc.h


@functools.cache
def keep_small() -> bool:
    """Keep arenas few and small for the rest of this process; returns whether there are any."""
    options = ((M_ARENA_MAX, ARENAS), (M_MMAP_THRESHOLD, MAPPED), (M_TRIM_THRESHOLD, KEPT))
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):  # Windows, macOS, musl
        return False
    if not all(mallopt(option, value) == 1 for option, value in options):
        return False
    threading.Thread(target=_trim, name="arenas", daemon=True).start()
    return True


def _trim() -> None:
    """Give back to the system what is free within the arenas, time and again.

    What many short runs free lies scattered between what their pages keep, and is never at an end.
    It takes some milliseconds, without the GIL.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):
        trim = ctypes.CDLL(None).malloc_trim
        while True:
            time.sleep(TRIM_SECONDS)
            trim(0)
