"""A network's mistakes as the page shows them: the matrix's cells, tiles of digits, sentences.

Calls nothing of Streamlit.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nn import Dataset, Evaluation
from nn.metrics import Answers
from nn.mnist import CLASSES
from ui import figures, texts

Cell = tuple[int, int]  # the truth, what was said
SHADES = (1, 3, 8, 20, 50, 150)  # errors from which on a cell is darker, of 10,000 digits
TILES = 24  # of the digits in a cell
NEIGHBOURS = 12


def cells(answers: Answers | None, chosen: Cell | None) -> dict[str, Any]:
    """What matrix.js shows: numbers with their shades, and the words around them."""
    counts = np.zeros((CLASSES, CLASSES), np.int64) if answers is None else answers.confusion
    result = Evaluation(math.nan, counts)
    errors = counts * (1 - np.eye(CLASSES, dtype=np.int64))
    return {
        "counts": counts.tolist(),
        "shades": np.searchsorted(SHADES, errors, side="right").tolist(),
        "recall": [_share(share) for share in result.recall],
        "precision": [_share(share) for share in result.precision],
        "chosen": list(chosen) if chosen else None,
        "words": {
            "title": texts.MATRIX,
            "cell": texts.MATRIX_CELL,
            "truth": texts.MATRIX_TRUTH,
            "said": texts.MATRIX_SAID,
            "recall": texts.RECALL,
            "precision": texts.PRECISION,
        },
    }


def as_cell(value: Any) -> Cell | None:
    """The cell that the browser names; None where it names none."""
    if not isinstance(value, list | tuple) or len(value) != 2:
        return None
    if not all(type(digit) is int and 0 <= digit < CLASSES for digit in value):
        return None
    return value[0], value[1]


def line(words: str) -> str:
    """A line of small print that is as high without words."""
    return figures.small(words or "\u00a0")


def headline(answers: Answers) -> str:
    """How many digits are misread."""
    errors, samples = len(answers.wrong()), len(answers.labels)
    return texts.say(
        "MISREAD",
        errors=texts.count(errors),
        samples=texts.count(samples),
        share=texts.percent(1 - errors / samples, 2),
    )


def origin(epoch: float | None, fresh: bool) -> str:
    """Of which moment of a training that is; empty for a network that does not train."""
    if epoch is None:
        return ""
    return texts.say("OF_EPOCH" if fresh else "OF_EARLIER", epoch=texts.decimal(epoch, 1))


def digits_of(answers: Answers, dataset: Dataset, chosen: Cell | None) -> str:
    """The digits of a cell, or all that are misread, as tiles under a heading."""
    if chosen is None:
        rows = answers.wrong()
        title = texts.ALL_MISTAKES if len(rows) else texts.NO_MISTAKES
    else:
        rows = answers.cell(*chosen)
        name = "RIGHT_ONES" if chosen[0] == chosen[1] else "MIXED_UP"
        title = texts.say(
            name if len(rows) else "EMPTY_CELL",
            truth=chosen[0],
            said=chosen[1],
            count=texts.count(len(rows)),
        )
        if chosen[0] == chosen[1]:
            rows = rows[::-1]  # of what is right, the doubtful ones tell more
    shown = rows[:TILES]
    tiles = [_answered(answers, dataset, row, names_both=chosen is None) for row in shown]
    more = ""
    if len(rows) > len(shown):
        more = texts.say("MORE_TILES", shown=len(shown), count=texts.count(len(rows)))
    return figures.heading(title) + _tiles(tiles, "cell-digits") + line(more)


def no_digits() -> str:
    """The place of a cell's digits, before the network has been asked for them."""
    return figures.heading(texts.JUDGING) + _tiles([], "cell-digits") + line("")


def neighbours(
    images: NDArray[np.uint8], labels: NDArray[np.uint8], distances: NDArray[np.float32]
) -> str:
    """The training digits nearest to a drawing, nearest first, and what they are."""
    common = int(np.bincount(labels).argmax())
    sentence = texts.say(
        "NEIGHBOURS_ARE",
        number=int(np.count_nonzero(labels == common)),
        count=len(labels),
        digit=common,
    )
    tiles = [
        _tile(
            image,
            texts.say("NEIGHBOUR", digit=label, distance=texts.decimal(float(distance), 1)),
            str(label),
        )
        for image, label, distance in zip(images, labels, distances, strict=True)
    ]
    return _around(figures.small(sentence) + _tiles(tiles, "neighbours"))


def no_neighbours() -> str:
    """The place of the neighbours, before there is a drawing."""
    return _around(figures.small(texts.NEIGHBOURS_EMPTY) + _tiles([], "neighbours"))


def _around(content: str) -> str:
    return (
        figures.heading(texts.NEIGHBOURS)
        + f'<div role="status">{content}</div>'
        + figures.small(texts.NEIGHBOURS_HOW)
    )


def _tiles(tiles: Sequence[str], name: str) -> str:
    return f'<ol class="tiles {name}">{"".join(tiles)}</ol>'


def _answered(answers: Answers, dataset: Dataset, row: np.intp, *, names_both: bool) -> str:
    """A digit with what was said of it."""
    truth, said = answers.labels[row], answers.said[row]
    share = texts.percent(float(answers.confidence[row]))
    alternative = texts.say("TILE", truth=truth, said=said, share=share)
    return _tile(dataset.images[row], alternative, f"{truth} → {said}" if names_both else share)


def _tile(image: NDArray[np.uint8], alternative: str, caption: str) -> str:
    picture = figures.png(image.reshape(28, 28).astype(np.float32) / 255)
    return (
        f'<li><img src="{picture}" alt="{html.escape(alternative)}" '
        f'title="{html.escape(alternative)}">'
        f'<span aria-hidden="true">{html.escape(caption)}</span></li>'
    )


def _share(share: float) -> str:
    """A share as the matrix's edge has room for it: 98.7, a dash where there is none."""
    return "–" if math.isnan(share) else texts.percent(share, 1).removesuffix(" %")
