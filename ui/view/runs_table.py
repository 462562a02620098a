"""The table of training runs, and samples of their lines in the chart, as HTML."""

from __future__ import annotations

import html
from collections.abc import Iterable

from ui import i18n
from ui.runs import Run
from ui.view import charts, sentences

COLUMNS = (
    *("RUN", "RUN_STATE", "RUN_RECIPE", "RUN_SEED", "RUN_TIME"),
    *("RUN_BEST", "RUN_TEST", "RUN_LOSS"),
)


def table(runs: Iterable[tuple[int, Run]], *, current: str | None, theme: str) -> str:
    """One row per run, with a sample of its line in the chart.

    Parameters
    ----------
    runs : each with its slot, from which its style follows
    current : the id of the run that the sidebar controls
    theme : "light" or "dark"
    """
    head = "".join(f'<th scope="col">{html.escape(i18n.say(name))}</th>' for name in COLUMNS)
    body = "".join(_row(slot, run, current, theme) for slot, run in runs)
    return (
        f'<div class="runs" tabindex="0" role="region" aria-label="{html.escape(i18n.RUNS_TABLE)}">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def lines(names: Iterable[str], theme: str) -> str:
    """A legend: one line per name, in the order of the slots."""
    items = "".join(
        f"<span>{_line(slot, theme)}{html.escape(name)}</span>" for slot, name in enumerate(names)
    )
    return f'<div class="series">{items}</div>'


def _row(slot: int, run: Run, current: str | None, theme: str) -> str:
    chosen = ' aria-current="true"' if run.id == current else ""
    cells = (sentences.state(run), sentences.recipe(run.recipe), str(run.seed), *_figures(run))
    others = "".join(f"<td>{html.escape(cell)}</td>" for cell in cells)
    return (
        f'<tr{chosen}><th scope="row">{_line(slot, theme)}{html.escape(run.name)}</th>{others}</tr>'
    )


def _figures(run: Run) -> tuple[str, str, str, str]:
    """Time, best validation accuracy, test accuracy, final loss; a dash where unknown."""
    snapshot = run.snapshot
    if snapshot is None:
        return ("–",) * 4
    validated = [
        p.validation_accuracy for p in snapshot.points if p.validation_accuracy is not None
    ]
    test = snapshot.test
    return (
        sentences.duration(snapshot.seconds),
        i18n.percent(max(validated), 2) if validated else "–",
        i18n.percent(test.accuracy, 2) if test else "–",
        i18n.decimal(snapshot.points[-1].loss, 4) if snapshot.points else "–",
    )


def _line(slot: int, theme: str) -> str:
    """A short sample of a line, with its hue and dash."""
    hue, dash = charts.style(slot, theme)
    stops, at = [], 0
    for count, part in enumerate(dash):
        colour = hue if count % 2 == 0 else "transparent"
        stops.append(f"{colour} {at}px {at + part}px")
        at += part
    return (
        '<span class="sample" aria-hidden="true" '
        f'style="background:repeating-linear-gradient(90deg,{",".join(stops)})"></span>'
    )
