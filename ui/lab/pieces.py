"""The race's table, and what tells lines apart, as HTML. Calls nothing of Streamlit."""

from __future__ import annotations

import html
from collections.abc import Iterable

from ui import charts, texts

from . import words
from .runs import Run

COLUMNS = (
    *("RUN", "RUN_STATE", "RUN_RECIPE", "RUN_SEED", "RUN_TIME"),
    *("RUN_BEST", "RUN_TEST", "RUN_LOSS"),
)


def table(runs: Iterable[tuple[int, Run]], *, current: str | None, theme: str) -> str:
    """All runs, a row each, with the line that stands for it in the chart.

    Parameters
    ----------
    runs : with the slot of each, which gives its look
    current : the id of the run that the panel controls
    theme : "light" or "dark"
    """
    head = "".join(f'<th scope="col">{html.escape(texts.say(name))}</th>' for name in COLUMNS)
    body = "".join(_row(slot, run, current, theme) for slot, run in runs)
    label = html.escape(texts.RUNS_TABLE)
    return (
        f'<div class="runs" tabindex="0" role="region" aria-label="{label}">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def lines(names: Iterable[str], theme: str) -> str:
    """Which line is which, in the order of their looks."""
    told = "".join(
        f"<span>{_line(slot, theme)}{html.escape(name)}</span>" for slot, name in enumerate(names)
    )
    return f'<div class="series">{told}</div>'


def _row(slot: int, run: Run, current: str | None, theme: str) -> str:
    chosen = ' aria-current="true"' if run.id == current else ""
    cells = (words.state(run), words.recipe(run.recipe), str(run.seed), *_figures(run))
    told = "".join(f"<td>{html.escape(cell)}</td>" for cell in cells)
    return (
        f'<tr{chosen}><th scope="row">{_line(slot, theme)}{html.escape(run.name)}</th>{told}</tr>'
    )


def _figures(run: Run) -> tuple[str, str, str, str]:
    """Time, best validation accuracy, test accuracy, final loss; a dash for what there is not."""
    snapshot = run.snapshot
    if snapshot is None:
        return ("–",) * 4
    validated = [
        point.validation_accuracy
        for point in snapshot.points
        if point.validation_accuracy is not None
    ]
    test = snapshot.test
    return (
        words.duration(snapshot.seconds),
        texts.percent(max(validated), 2) if validated else "–",
        texts.percent(test.accuracy, 2) if test else "–",
        texts.decimal(snapshot.points[-1].loss, 4) if snapshot.points else "–",
    )


def _line(slot: int, theme: str) -> str:
    """A short piece of the run's line: its hue and its dash."""
    hue, dash = charts.look(slot, theme)
    stops, at = [], 0
    for count, part in enumerate(dash):
        colour = hue if count % 2 == 0 else "transparent"
        stops.append(f"{colour} {at}px {at + part}px")
        at += part
    return (
        '<span class="sample" aria-hidden="true" '
        f'style="background:repeating-linear-gradient(90deg,{",".join(stops)})"></span>'
    )
