"""The panel of mistakes as HTML: the confusion matrix, tiles of digits, sentences."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nn import Dataset, Evaluation
from nn.metrics import Answers
from nn.mnist import CLASSES, SIDE
from ui import i18n
from ui.view import elements

Cell = tuple[int, int]  # label, prediction
SHADES = (1, 3, 8, 20, 50, 150)  # errors in 10,000 digits from which a cell is a shade darker
TILES = 24  # of a cell, at most
NEIGHBOURS = 12


def cells(answers: Answers | None, chosen: Cell | None) -> dict[str, Any]:
    """The data of matrix.js: counts with their shades, recall and precision, and words."""
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
            "title": i18n.MATRIX,
            "cell": i18n.MATRIX_CELL,
            "truth": i18n.MATRIX_TRUTH,
            "said": i18n.MATRIX_SAID,
            "recall": i18n.RECALL,
            "precision": i18n.PRECISION,
        },
    }


def as_cell(value: Any) -> Cell | None:
    """The cell that the browser sent; None where that is no cell."""
    if not isinstance(value, list | tuple) or len(value) != 2:
        return None
    if not all(type(digit) is int and 0 <= digit < CLASSES for digit in value):
        return None
    return value[0], value[1]


def line(words: str) -> str:
    """A line of small print; it keeps its height without words."""
    return elements.small(words or "\u00a0")


def headline(answers: Answers) -> str:
    """How many digits are misread, in words."""
    errors, samples = len(answers.wrong()), len(answers.labels)
    share = i18n.percent(1 - errors / samples, 2)
    return i18n.say("MISREAD", errors=i18n.count(errors), samples=i18n.count(samples), share=share)


def origin(epoch: float | None, fresh: bool) -> str:
    """The epoch that the matrix is of; empty for a network that does not train."""
    if epoch is None:
        return ""
    return i18n.say("OF_EPOCH" if fresh else "OF_EARLIER", epoch=i18n.decimal(epoch, 1))


def digits_of(answers: Answers, dataset: Dataset, chosen: Cell | None) -> str:
    """The digits of a cell, or all mistakes, as tiles under a heading."""
    if chosen is None:
        rows = answers.wrong()
        title = i18n.ALL_MISTAKES if len(rows) else i18n.NO_MISTAKES
    else:
        rows = answers.cell(*chosen)
        right, count = chosen[0] == chosen[1], i18n.count(len(rows))
        name = ("RIGHT_ONES" if right else "MIXED_UP") if len(rows) else "EMPTY_CELL"
        title = i18n.say(name, truth=chosen[0], said=chosen[1], count=count)
        if right:
            rows = rows[::-1]  # the least certain first: they are the more instructive
    shown = rows[:TILES]
    tiles = [_predicted(answers, dataset, row, names_both=chosen is None) for row in shown]
    more = ""
    if len(rows) > len(shown):
        more = i18n.say("MORE_TILES", shown=len(shown), count=i18n.count(len(rows)))
    return elements.heading(title) + _tiles(tiles, "cell-digits") + line(more)


def no_digits() -> str:
    """The cell's digits before the network has been evaluated."""
    return elements.heading(i18n.JUDGING) + _tiles([], "cell-digits") + line("")


def neighbours(
    images: NDArray[np.uint8], labels: NDArray[np.uint8], distances: NDArray[np.float32]
) -> str:
    """The training digits nearest to a drawing, nearest first, with their most frequent label."""
    counts = np.bincount(labels)
    sentence = i18n.say(
        "NEIGHBOURS_ARE", number=counts.max(), count=len(labels), digit=counts.argmax()
    )
    tiles = []
    for image, label, distance in zip(images, labels, distances, strict=True):
        far = i18n.decimal(float(distance), 1)
        tiles.append(_tile(image, i18n.say("NEIGHBOUR", digit=label, distance=far), str(label)))
    return _around(elements.small(sentence) + _tiles(tiles, "neighbours"))


def no_neighbours() -> str:
    """The neighbours while there is no drawing."""
    return _around(elements.small(i18n.NEIGHBOURS_EMPTY) + _tiles([], "neighbours"))


def _around(content: str) -> str:
    return (
        elements.heading(i18n.NEIGHBOURS)
        + f'<div role="status">{content}</div>'
        + elements.small(i18n.NEIGHBOURS_HOW)
    )


def _tiles(tiles: Sequence[str], name: str) -> str:
    return f'<ol class="tiles {name}">{"".join(tiles)}</ol>'


def _predicted(answers: Answers, dataset: Dataset, row: np.intp, *, names_both: bool) -> str:
    """A digit with its prediction."""
    truth, said = answers.labels[row], answers.said[row]
    share = i18n.percent(float(answers.confidence[row]))
    alternative = i18n.say("TILE", truth=truth, said=said, share=share)
    return _tile(dataset.images[row], alternative, f"{truth} → {said}" if names_both else share)


def _tile(image: NDArray[np.uint8], alternative: str, caption: str) -> str:
    picture, text = elements.png(image.reshape(SIDE, SIDE) / 255), html.escape(alternative)
    return (
        f'<li><img src="{picture}" alt="{text}" title="{text}">'
        f'<span aria-hidden="true">{html.escape(caption)}</span></li>'
    )


def _share(share: float) -> str:
    """A share in percent without the sign, 98.7; a dash for NaN."""
    return "–" if math.isnan(share) else i18n.percent(share, 1).removesuffix(" %")
