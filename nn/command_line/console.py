"""The progress of a training run on the command line: a bar on a terminal, lines elsewhere."""

from __future__ import annotations

import math
import shutil
import time
from typing import TextIO

from nn.training import Progress

BAR = 24  # characters, fewer on a narrow terminal
REFRESH = 0.1  # seconds between two updates of the bar
LINE_EPOCHS = 10  # epochs per line, as in the original script


class TrainingReport:
    """Shows the progress of a training run of some epochs on a text stream.

    A terminal gets one line that is updated, any other stream a line every ten epochs.
    """

    def __init__(self, stream: TextIO, epochs: int) -> None:
        self.stream, self.epochs = stream, epochs
        self.terminal = stream.isatty()
        self.started = time.monotonic()
        self.drawn = 0.0
        self.validation = ""

    def show(self, progress: Progress) -> None:
        """Show the progress, if an update is due."""
        if progress.validation is not None:
            self.validation = f"  validation {progress.validation.accuracy:.4f}"
        if self.terminal and not math.isnan(progress.loss):
            self._bar(progress)
        if (
            not self.terminal
            and progress.epoch_end
            and (progress.epoch % LINE_EPOCHS == 0 or progress.ended)
        ):
            self.stream.write(f"epoch {progress.epoch:4d}  {self._figures(progress)}\n")
            self.stream.flush()

    def close(self) -> None:
        """End the bar's line."""
        if self.terminal:
            self.stream.write("\n")

    def _figures(self, progress: Progress) -> str:
        return f"loss {progress.loss:.4f}  accuracy {progress.accuracy:.4f}{self.validation}"

    def _bar(self, progress: Progress) -> None:
        now = time.monotonic()
        if now - self.drawn < REFRESH and not progress.epoch_end:
            return
        self.drawn = now
        done = progress.position / self.epochs
        left = duration((now - self.started) * (1 - done) / done) if done > 0 else "?"
        words = f" epoch {progress.epoch}/{self.epochs}  {self._figures(progress)}  {left} left"
        columns = shutil.get_terminal_size().columns - 1  # a line that wraps cannot be updated
        if len(words) + BAR // 2 > columns:
            words = words.replace(self.validation, "")
        bar = max(min(BAR, columns - len(words)), 0)
        filled = round(bar * done)
        self.stream.write(f"\r{'█' * filled}{'░' * (bar - filled)}{words[:columns]}\x1b[K")
        self.stream.flush()


def duration(seconds: float) -> str:
    """Seconds in words: "8 s", "2 min 05 s"."""
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60:02d} s"
