"""A workspace: memory for what lives no longer than one step, such as the layers' outputs.

Every network has one of its own, unless it is given another's. Trainings that take turns in one
thread can share one: none needs what is in it between two of its steps.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray


class Workspace:
    """Memory by name, as large as the largest array that was ever asked for under it."""

    def __init__(self) -> None:
        self._memory: dict[Hashable, NDArray[np.uint8]] = {}

    def array(self, name: Hashable, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """An array to write into, contents undefined; who asks for the name next gets it too."""
        dtype = np.dtype(dtype)
        size = math.prod(shape) * dtype.itemsize
        memory = self._memory.get(name)
        if memory is None or len(memory) < size:
            memory = self._memory[name] = np.empty(size, np.uint8)
        return memory[:size].view(dtype).reshape(shape)
