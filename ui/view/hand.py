"""The visitor's drawings as tiles, and what teaching has changed, as HTML."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nn.mnist import SIDE
from ui import i18n
from ui.hand import Drawing

from . import elements


@dataclass(frozen=True)
class Scores:
    """How one network does.

    Attributes
    ----------
    name : of the network
    right : how many of the drawings made after teaching it reads correctly
    mnist : errors on MNIST's test set, of 10,000; None where not known yet
    """

    name: str
    right: int
    mnist: int | None


def tiles(
    drawings: Iterable[Drawing],
    chosen: int | None,
    *,
    said: Mapping[int, int | None],
    doubted: frozenset[int],
) -> str:
    """One button per drawing, with its label; it sends "drawing-12", by the drawing's number.

    The chosen one sends "drawing-0", so that a press that arrives twice does not choose it again.

    Parameters
    ----------
    chosen : the number of the drawing that stands out
    said : by the drawings' numbers, what the network reads in them; None where it refuses
    doubted : the numbers of the drawings whose labels it does not believe
    """
    buttons = ""
    for each in drawings:
        read = said.get(each.number, each.label)
        buttons += _tile(each, each.number == chosen, read, each.number in doubted)
    label = html.escape(i18n.HAND_TILES)
    return f'<div class="drawings" role="group" data-group aria-label="{label}">{buttons}</div>'


def _tile(drawing: Drawing, chosen: bool, said: int | None, doubted: bool) -> str:
    words, text = i18n.say("HAND_TILE", digit=drawing.label), str(drawing.label)
    if said != drawing.label:
        digit = "–" if said is None else said
        words, text = f"{words}, {i18n.say('HAND_TILE_READ', digit=digit)}", f"{text} ≠ {digit}"
    if doubted:
        words = f"{words}, {i18n.HAND_TILE_DOUBTED}"
    words = html.escape(words)
    picture = elements.png(drawing.image.reshape(SIDE, SIDE).astype(np.float32) / 255)
    return (
        f'<button type="button" class="tile{" doubted" if doubted else ""}" title="{words}" '
        f'data-press="drawing-{0 if chosen else drawing.number}" aria-label="{words}" '
        f'aria-pressed="{str(chosen).lower()}">'
        f'<img class="pixels" src="{picture}" alt=""><span>{text}</span></button>'
    )


def chosen_buttons(drawing: Drawing) -> str:
    """What can be done with a drawing: it is another digit ("label-7"), or goes ("delete")."""
    keys = elements.digit_buttons("label", i18n.HAND_LABEL, drawing.label)
    return (
        f'<div class="chosen-drawing">{keys}<button type="button" class="plain" '
        f'data-press="delete">{html.escape(i18n.HAND_DELETE)}</button></div>'
    )


def before_and_after(scores: Sequence[Scores], drawings: int) -> str:
    """Both networks on the drawings that were made after teaching, and on MNIST."""
    head = "".join(
        f'<th scope="col">{html.escape(words)}</th>'
        for words in (i18n.HAND_NETWORK, i18n.say("HAND_NEW", count=drawings), i18n.HAND_MNIST)
    )
    body = "".join(_row(each, drawings) for each in scores)
    label = html.escape(i18n.HAND_TABLE)
    return (
        f'<div class="runs" tabindex="0" role="region" aria-label="{label}">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _row(scores: Scores, drawings: int) -> str:
    right = i18n.say("HAND_RIGHT", right=scores.right, count=drawings) if drawings else "–"
    mnist = "–" if scores.mnist is None else i18n.say("HAND_ERRORS", errors=scores.mnist)
    return (
        f'<tr><th scope="row">{html.escape(scores.name)}</th>'
        f"<td>{html.escape(right)}</td><td>{html.escape(mnist)}</td></tr>"
    )
