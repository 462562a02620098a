"""Numbers and pixels to small pieces of HTML. Calls nothing of Streamlit.

Each piece has a fixed size, so that nothing on the page moves when a number changes, and a text
alternative. Its looks are in styles/sentence.css.
"""

from __future__ import annotations

import base64
import html
import io

import numpy as np
from PIL import Image

from nn import Number, Preprocessing, Reading
from nn.layers import Array
from nn.preprocess import FITTED, SIDE

from . import texts

SLATE, INK = np.array([11, 16, 28]), np.array([244, 241, 232])  # as on the canvas


def heading(text: str) -> str:
    """The small heading above one part of the page's sentence."""
    return f'<h2 class="part">{html.escape(text)}</h2>'


def small(text: str) -> str:
    """A line of small print."""
    return f'<p class="small">{html.escape(text)}</p>'


def hint(text: str) -> str:
    """What a training's curves show, told as soon as it is seen."""
    return f'<p class="hint" role="status">{html.escape(text)}</p>'


def verdict(number: Number) -> str:
    """The large digits with how sure the network is; words alone where there are none."""
    several = len(number.readings) > 1
    says = texts.number_verdict(number) if several else texts.verdict(number.readings[0])
    words = "<br>".join(html.escape(line) for line in says.split("\n"))
    if number.digits is None:
        return f'<div class="verdict none" role="status"><p>{words}</p></div>'
    unsure = " unsure" if any(r.runner_up is not None for r in number.readings) else ""
    count = f" several of{min(len(number.readings), 5)}" if several else ""
    return (
        f'<div class="verdict{unsure}{count}" role="status"><span class="digit">{number.digits}'
        f"</span><p>{words}</p></div>"
    )


def bars(reading: Reading) -> str:
    """Ten probability bars on one axis from 0 to 1."""
    rows = []
    for digit, p in enumerate(reading.probabilities):
        top = " top" if digit == reading.digit else ""
        figure = texts.percent(float(p), 1) if reading.digit is not None else "–"
        rows.append(
            f'<li class="bar{top}"><span class="name">{digit}</span>'
            f'<span class="track"><span class="fill" style="width:{float(p) * 100:.1f}%"></span>'
            f'</span><span class="figure">{figure}</span></li>'
        )
    return (
        f'<ol class="bars" aria-label="{html.escape(texts.PROBABILITIES)}">{"".join(rows)}</ol>'
        '<div class="axis" aria-hidden="true"><span>0</span><span>0.5</span><span>1</span></div>'
    )


def network_input(steps: Preprocessing | None) -> str:
    """The 28 x 28 pixels with the steps to it; an empty frame without a drawing."""
    if steps is None:
        return (
            '<figure class="sees"><div class="pixels empty">'
            f"<p>{html.escape(texts.SEES_EMPTY)}</p></div></figure>"
            + _steps(_frame(""), _frame(""))
        )
    picture = png(steps.input.reshape(SIDE, SIDE))
    return (
        f'<figure class="sees"><img class="pixels" src="{picture}" '
        f'alt="{html.escape(texts.INPUT_PICTURE)}"></figure>'
        + _steps(_frame(_found(steps)), _frame(_fitted(steps)))
    )


def comparison(ways: list[tuple[str, Reading]]) -> str:
    """One cell a way of reading the same drawing."""
    cells = []
    for name, reading in ways:
        digit = "–" if reading.digit is None else str(reading.digit)
        sure = "" if reading.digit is None else texts.percent(reading.confidence)
        cells.append(
            f'<li><span class="way">{html.escape(name)}</span>'
            f'<span class="said">{digit}</span><span class="figure">{sure}</span></li>'
        )
    return f'<ul class="ways">{"".join(cells)}</ul>'


def legend() -> str:
    """Which line is which, for both charts."""
    return (
        f'<div class="legend"><span class="training">{texts.TRAINING_CURVE}</span>'
        f'<span class="validation">{texts.VALIDATION_CURVE}</span></div>'
    )


def status(headline: str, *lines: str) -> str:
    """The training's state in words, three lines high."""
    rest = "".join(f"<p>{html.escape(line)}</p>" for line in lines if line)
    return f'<div class="status"><p class="headline">{html.escape(headline)}</p>{rest}</div>'


def _steps(found: str, fitted: str) -> str:
    return (
        f'<ol class="steps"><li>{found}<p>{html.escape(texts.STEP_INK)}</p></li>'
        f"<li>{fitted}<p>{html.escape(texts.STEP_FIT)}</p></li></ol>"
    )


def _frame(content: str) -> str:
    return f'<div class="thumb">{content}</div>'


def _found(steps: Preprocessing) -> str:
    """The whole canvas, the ink's box and its centre of mass marked."""
    height, width = steps.ink.shape
    left, top, right, bottom = steps.box
    x, y = steps.centre
    small = np.asarray(
        Image.fromarray(steps.ink).resize((72, round(72 * height / width)), Image.Resampling.BOX)
    )
    box = (
        f"left:{left / width:.2%};top:{top / height:.2%};"
        f"width:{(right - left) / width:.2%};height:{(bottom - top) / height:.2%}"
    )
    return (
        f'<div class="found"><img src="{png(small)}" alt="{html.escape(texts.INK_PICTURE)}">'
        f'<span class="box" style="{box}"></span>'
        f'<span class="mass" style="left:{x / width:.2%};top:{y / height:.2%}"></span></div>'
    )


def _fitted(steps: Preprocessing) -> str:
    """The cropped ink, reduced to its box's longer side of 20 pixels."""
    height, width = steps.cropped.shape
    scale = FITTED / max(height, width)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    small = np.asarray(Image.fromarray(steps.cropped).resize(size, Image.Resampling.BOX))
    label = html.escape(texts.FIT_PICTURE)
    box = f'style="width:{size[0] * 3.6:.0f}px;height:{size[1] * 3.6:.0f}px"'
    return f'<img src="{png(small)}" alt="{label}" {box}>'


def png(ink: Array) -> str:
    """Ink in [0, 1] as a data URL of a picture in the slate's colours, light on dark."""
    colours = SLATE + np.clip(ink, 0, 1)[..., None] * (INK - SLATE)
    buffer = io.BytesIO()
    Image.fromarray(colours.round().astype(np.uint8)).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
