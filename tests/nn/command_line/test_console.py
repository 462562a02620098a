from __future__ import annotations

import io
import math

import numpy as np
import pytest

from nn import Evaluation, Network, Progress
from nn.command_line import console
from nn.command_line.console import TrainingReport, duration
from nn.layers import Dense
from tests.helpers import tiny_recipe


class Terminal(io.StringIO):
    """A stream that somebody watches."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time that the report reads: its last number."""
    times = [100.0]
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(console.time, "monotonic", lambda: times[-1])
    return times


def progress(
    position: float, *, loss: float = 0.25, validation: bool = False, ended: bool = False
) -> Progress:
    """A training's progress after `position` epochs; a whole one is an epoch's end."""
    return Progress(
        recipe=tiny_recipe(),
        step=round(100 * position),
        epoch=int(position),
        position=position,
        loss=loss,
        accuracy=0.5 + position / 100,
        batch_loss=loss,
        batch_accuracy=0.5,
        learning_rate=0.1,
        epoch_end=position == int(position) > 0,
        ended=ended,
        validation=Evaluation(0.3, np.diag(np.full(10, 9))) if validation else None,
        snapshot=lambda: Network([Dense(784, 10)]),
    )


def shown(stream: io.StringIO, epochs: int, *positions: float, **options: bool) -> str:
    report = TrainingReport(stream, epochs)
    for position in positions:
        report.show(progress(position, ended=position == epochs, **options))
    report.close()
    return stream.getvalue()


def test_nobody_watching_gets_a_line_every_ten_epochs_and_at_the_end() -> None:
    positions = [quarter / 4 for quarter in range(101)]  # 25 epochs
    assert shown(io.StringIO(), 25, *positions).splitlines() == [
        "epoch   10  loss 0.2500  accuracy 0.6000",
        "epoch   20  loss 0.2500  accuracy 0.7000",
        "epoch   25  loss 0.2500  accuracy 0.7500",
    ]


def test_a_line_tells_the_validation_where_there_is_one() -> None:
    text = shown(io.StringIO(), 1, 1.0, validation=True)
    assert text == "epoch    1  loss 0.2500  accuracy 0.5100  validation 1.0000\n"


def test_a_terminal_gets_one_line_with_bar_epoch_loss_accuracy_and_time_left(
    clock: list[float],
) -> None:
    stream = Terminal()
    report = TrainingReport(stream, 4)
    report.show(progress(0.0, loss=math.nan))
    clock.append(130.0)
    report.show(progress(1.0))
    clock.append(160.0)
    report.show(progress(2.0, validation=True))
    clock.append(175.0)
    report.show(progress(2.5))
    report.close()
    text = stream.getvalue()
    assert text.count("\n") == 1
    assert text.endswith("\n")
    one, two, half = text.strip("\r\n").replace("\x1b[K", "").split("\r")
    # before the first batch there is nothing to tell
    # a quarter took 30 s: three more are left
    assert one == f"{'█' * 6}{'░' * 18} epoch 1/4  loss 0.2500  accuracy 0.5100  1 min 30 s left"
    assert two.endswith("loss 0.2500  accuracy 0.5200  validation 1.0000  1 min 00 s left")
    assert half.startswith("█" * 15 + "░" * 9 + " epoch 2/4")
    assert half.endswith("validation 1.0000  45 s left")


def test_a_terminal_is_redrawn_ten_times_a_second_and_at_every_epochs_end(
    clock: list[float],
) -> None:
    stream = Terminal()
    report = TrainingReport(stream, 2)
    for tick in range(200):
        clock.append(100.0 + tick / 100)  # a step every 10 ms, for two seconds
        report.show(progress(0.005 * tick))
    assert 19 <= stream.getvalue().count("\r") <= 21
    report.show(progress(1.0))  # at the same moment
    assert "epoch 1/2" in stream.getvalue().split("\r")[-1]


@pytest.mark.parametrize(
    ("columns", "bar", "validated"),
    [(200, 24, True), (89, 19, True), (80, 24, False), (60, 8, False)],
)
def test_a_bar_never_wraps(
    clock: list[float], monkeypatch: pytest.MonkeyPatch, columns: int, bar: int, validated: bool
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    report = TrainingReport(Terminal(), 4)
    clock.append(130.0)
    report.show(progress(2.0, validation=True))
    line = report.stream.getvalue().strip("\r").removesuffix("\x1b[K")
    assert len(line) < columns
    assert line.count("█") == line.count("░") == bar // 2
    assert ("validation" in line) == validated


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "0 s"), (8.4, "8 s"), (59.6, "1 min 00 s"), (125, "2 min 05 s"), (3600, "60 min 00 s")],
)
def test_durations_are_told_in_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words
