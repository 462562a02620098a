"""Memory that is given back: fewer arenas for the C library's allocator.

Each run of the page's script is a thread. glibc gives threads arenas of their own, eight a
processor core, and what was freed in one stays there; a visitor then costs several times what
their page holds. Elsewhere than on glibc there is nothing to do.
"""

from __future__ import annotations

import ctypes

ARENAS = 2
M_ARENA_MAX = -8  # of malloc.h


def share() -> bool:
    """Let all threads share two arenas, once a process, before they make their own; returns
    whether the C library knows how.
    """
    try:
        done: int = ctypes.CDLL(None).mallopt(M_ARENA_MAX, ARENAS)
    except (OSError, AttributeError, TypeError):  # Windows, macOS, musl
        return False
    return done == 1
