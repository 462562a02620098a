"""Small elements of the page, as HTML; their style is in assets/css.

Each has a fixed size, so that the page does not move when a number changes, and a text alternative.
"""

from __future__ import annotations

import base64
import html
import io
import json

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nn import Found, Number, Preprocessing, Reading
from nn.drawing.preprocessing import FITTED
from nn.layers import Array
from nn.mnist import CLASSES, SIDE
from ui import assets, i18n

from . import sentences

ROWS = 4  # there is room for, one below the other, in the verdict
MARGIN = 0.08  # around the ink that was found, of its longer side
LARGEST = 800  # pixels of its picture
SLATE, INK = np.array([11, 16, 28]), np.array([244, 241, 232])  # as on the canvas


def heading(text: str) -> str:
    """The small heading above a part of the page."""
    return f'<h2 class="part">{html.escape(text)}</h2>'


def small(text: str) -> str:
    """A line of small print."""
    return f'<p class="small">{html.escape(text)}</p>'


def hint(text: str) -> str:
    """A hint about a training run, which screen readers announce."""
    return f'<p class="hint" role="status">{html.escape(text)}</p>'


def forgotten() -> str:
    """That the server has forgotten the page's runs; forgotten.js shows it where that is so."""
    return f'<p class="hint forgotten" role="status">{html.escape(i18n.FORGOTTEN)}</p>'


def framed(address: str) -> str:
    """That no file can be uploaded in another site's frame; framed.js shows it where that is so."""
    link = f'<a href="{html.escape(address)}" target="_blank">{html.escape(i18n.FRAMED_OPEN)}</a>'
    return f'<p class="framed">{html.escape(i18n.FRAMED)} {link}</p>'


def script(name: str, then: str = "") -> str:
    """A script of assets/js as an element, with code to run after it."""
    return f"<script>{assets.text(f'js/{name}.js')}\n{then}</script>"


def json_text(value: object) -> str:
    """JSON that is safe inside a script element."""
    return json.dumps(value).replace("<", "\\u003c")


def verdict(found: Found | None, number: Number, drawing: int | None = None) -> str:
    """The large digits and how certain the network is; a sentence where it reads no digit.

    From `drawing`, the number of the slate's changes, slate.js knows whether it is of the latest.
    """
    words = "<br>".join(map(html.escape, sentences.verdict(found, number).split("\n")))
    kinds, of = ["verdict"], "" if drawing is None else f'data-drawing="{drawing}"'
    if len(number.readings) > 1:
        kinds += ["several", f"of{min(len(number.readings), 5)}"]
    if found is None or number.digits is None:
        kinds.append("none")
        return f'<div class="{" ".join(kinds)}" role="status" {of}><p>{words}</p></div>'
    if any(reading.runner_up is not None for reading in number.readings):
        kinds.append("unsure")
    rows = sentences.rows(found, number)
    if len(rows) > ROWS:  # too many to be large: they run on
        rows = [" ".join(rows)]
    return (
        f'<div class="{" ".join(kinds)}" role="status" {of} '
        f'style="--rows:{len(rows)};--longest:{max(map(len, rows))}">'
        f'<span class="digit">{"<br>".join(rows)}</span><p>{words}</p></div>'
    )


def bars(reading: Reading) -> str:
    """Ten probability bars on one axis from 0 to 1."""
    rows = "".join(
        f'<li class="bar{" top" if digit == reading.digit else ""}">'
        f'<span class="name">{digit}</span>'
        f'<span class="track"><span class="fill" style="width:{float(p) * 100:.1f}%"></span>'
        f'</span><span class="figure">{_share(reading, float(p))}</span></li>'
        for digit, p in enumerate(reading.probabilities)
    )
    return (
        f'<ol class="bars" aria-label="{html.escape(i18n.PROBABILITIES)}">{rows}</ol>'
        '<div class="axis" aria-hidden="true"><span>0</span>'
        f"<span>{i18n.decimal(0.5, 1)}</span><span>1</span></div>"
    )


def bars_before_and_after(before: Reading, after: Reading) -> str:
    """Ten bars, each with a mark at its former length; above them, the verdicts then and now."""
    rows = []
    for digit, (was, now) in enumerate(zip(before.probabilities, after.probabilities, strict=True)):
        top = " top" if digit == after.digit else ""
        figures = [_share(before, float(was)), _share(after, float(now))]
        figure = " → ".join(dict.fromkeys(figures))  # only one where they are equal
        rows.append(
            f'<li class="answer{top}"><span class="name">{digit}</span><span class="track">'
            f'<span class="fill" style="width:{float(now) * 100:.1f}%"></span>'
            f'<span class="was" style="left:{float(was) * 100:.1f}%"></span></span>'
            f'<span class="figure">{figure}</span></li>'
        )
    says = i18n.say(
        "BEFORE_AND_AFTER", before=sentences.digit(before), after=sentences.digit(after)
    )
    return (
        f'<p class="turn" role="status">{html.escape(says)}</p>'
        f'<ol class="answers" aria-label="{html.escape(i18n.ANSWERS)}">{"".join(rows)}</ol>'
    )


def _share(reading: Reading, share: float) -> str:
    return "–" if reading.digit is None else i18n.percent(share, 1)


def digit_buttons(
    name: str, label: str, chosen: int, *, likely: int | None = None, disabled: bool = False
) -> str:
    """Ten radio buttons in a row; each sends "name-digit".

    Parameters
    ----------
    chosen : the digit whose button is checked; -1 for none
    likely : the digit whose button stands out
    disabled : none can be pressed
    """
    buttons = "".join(
        f'<button type="button" role="radio" class="choice{" likely" if digit == likely else ""}" '
        f'data-press="{name}-{digit}" aria-checked="{str(digit == chosen).lower()}"'
        f"{' disabled' if disabled else ''}>{digit}</button>"
        for digit in range(CLASSES)
    )
    return (
        f'<div class="choices" role="radiogroup" aria-label="{html.escape(label)}" '
        f'data-group data-stop="{name}-{max(chosen, likely or 0, 0)}">'
        f'<span class="ask" aria-hidden="true">{html.escape(label)}</span>{buttons}</div>'
    )


def asked(digit: int) -> str:
    """The heading above the slate while the page asks for a digit, in large type."""
    words = html.escape(i18n.say("WRITE_A", digit=digit))
    return f'<h2 class="part asked" aria-live="polite">{words}</h2>'


def write_buttons(digit: int, left: int) -> str:
    """Go on from the digit that is asked for, or stop; they send "write-digit" and "stop"."""
    count = html.escape(i18n.say("WRITE_LEFT", left=left))
    return (
        f'<div class="write"><button type="button" class="next" data-press="write-{digit}">'
        f"{html.escape(i18n.WRITE_NEXT)}</button>"
        f'<button type="button" data-press="stop">{html.escape(i18n.WRITE_STOP)}</button>'
        f"<span>{count}</span></div>"
    )


def network_input(steps: Preprocessing | None) -> str:
    """The 28 x 28 pixels with the steps of preprocessing; empty frames without a drawing."""
    if steps is None:
        found = fitted = ""
        figure = f'<div class="pixels empty"><p>{html.escape(i18n.SEES_EMPTY)}</p></div>'
    else:
        found, fitted = _found(steps), _fitted(steps)
        picture, label = png(steps.input.reshape(SIDE, SIDE)), html.escape(i18n.INPUT_PICTURE)
        figure = f'<img class="pixels" src="{picture}" alt="{label}">'
    thumbs = "".join(
        f'<li><div class="thumb">{content}</div><p>{html.escape(text)}</p></li>'
        for content, text in ((found, i18n.STEP_INK), (fitted, i18n.STEP_FIT))
    )
    return f'<figure class="sees">{figure}</figure><ol class="steps">{thumbs}</ol>'


def numbered(found: Found, number: Number, chosen: int) -> str:
    """The ink that was found with a numbered button around each digit; the number, row by row."""
    left, top, right, bottom = found.whole.box
    margin = MARGIN * max(right - left, bottom - top)
    height, width = found.whole.ink.shape
    left, top = max(int(left - margin), 0), max(int(top - margin), 0)
    right, bottom = min(int(right + margin) + 1, width), min(int(bottom + margin) + 1, height)
    width, height = right - left, bottom - top
    picture = Image.fromarray(found.whole.ink[top:bottom, left:right])
    picture.thumbnail((LARGEST, LARGEST), Image.Resampling.BOX)
    buttons = []
    for place, (digit, reading) in enumerate(zip(found.digits, number.readings, strict=True)):
        x0, y0, x1, y1 = digit.box
        aside = max((y1 - y0) / 4 - (x1 - x0) / 2, 0) + (y1 - y0) / 20  # a 1 is wide enough, too
        above = (y1 - y0) / 20
        label = html.escape(sentences.numbered(place + 1, reading))
        buttons.append(
            f'<button type="button" class="digit-box{" refused" if reading.digit is None else ""}" '
            f'data-press="digit-{place}" aria-pressed="{str(place == chosen).lower()}" '
            f'aria-label="{label}" title="{label}" '
            f'style="left:{(x0 - aside - left) / width:.2%};top:{(y0 - above - top) / height:.2%};'
            f"width:{(x1 - x0 + 2 * aside) / width:.2%};"
            f'height:{(y1 - y0 + 2 * above) / height:.2%}"><span>{place + 1}</span></button>'
        )
    rows = "".join(f"<li>{row}</li>" for row in sentences.rows(found, number))
    looked_at = number.readings[chosen]
    share = "" if looked_at.digit is None else f", {i18n.percent(looked_at.confidence)}"
    said = html.escape(sentences.numbered(chosen + 1, looked_at) + share)
    return (
        f'<div class="numbered"><div class="inked" role="group" data-group '
        f'data-stop="digit-{chosen}" aria-label="{html.escape(i18n.NUMBERING_PICTURE)}" '
        f'style="--wide:{width / height:.3f}"><img src="{png(np.asarray(picture))}" alt="">'
        f"{''.join(buttons)}</div>"
        f'<div><p class="said">{said}</p>'
        f'<ol class="rows" aria-label="{html.escape(i18n.NUMBERING_ROWS)}">{rows}</ol></div></div>'
    )


def comparison(ways: list[tuple[str, Reading]]) -> str:
    """One cell per network: its name, and how it reads the same drawing."""
    cells = "".join(
        f'<li><span class="way">{html.escape(name)}</span>'
        f'<span class="said">{"–" if reading.digit is None else reading.digit}</span>'
        f'<span class="figure">{"" if reading.digit is None else i18n.percent(reading.confidence)}'
        "</span></li>"
        for name, reading in ways
    )
    return f'<ul class="ways">{cells}</ul>'


def legend() -> str:
    """The legend of the charts of training and validation."""
    return (
        f'<div class="legend"><span class="training">{i18n.TRAINING_CURVE}</span>'
        f'<span class="validation">{i18n.VALIDATION_CURVE}</span></div>'
    )


def status(headline: str, *lines: str) -> str:
    """A training run's state in words, with room for three lines."""
    rest = "".join(f"<p>{html.escape(line)}</p>" for line in lines if line)
    return f'<div class="status"><p class="headline">{html.escape(headline)}</p>{rest}</div>'


def _found(steps: Preprocessing) -> str:
    """The whole canvas, with the ink's bounding box and centre of mass marked."""
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
        f'<div class="found"><img src="{png(small)}" alt="{html.escape(i18n.INK_PICTURE)}">'
        f'<span class="box" style="{box}"></span>'
        f'<span class="mass" style="left:{x / width:.2%};top:{y / height:.2%}"></span></div>'
    )


def _fitted(steps: Preprocessing) -> str:
    """The cropped ink, scaled until the longer side of its box is 20 pixels."""
    height, width = steps.cropped.shape
    scale = FITTED / max(height, width)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    small = np.asarray(Image.fromarray(steps.cropped).resize(size, Image.Resampling.BOX))
    label = html.escape(i18n.FIT_PICTURE)
    box = f'style="width:{size[0] * 3.6:.0f}px;height:{size[1] * 3.6:.0f}px"'
    return f'<img src="{png(small)}" alt="{label}" {box}>'


def png(ink: Array) -> str:
    """Ink in [0, 1], (H, W), as the data URL of a picture in the slate's colours, light on dark."""
    return data_url(SLATE + np.clip(ink, 0, 1)[..., None] * (INK - SLATE))


def bright(values: Array) -> str:
    """Activations, (H, W), as a data URL: 0 and less as dark as paper, the largest as ink."""
    reach = float(values.max(initial=0.0)) or 1.0
    return png(np.maximum(values / reach, 0.0))


def data_url(colours: NDArray[np.floating]) -> str:
    """A picture of (H, W, 3) colours from 0 to 255, as a data URL."""
    buffer = io.BytesIO()
    Image.fromarray(colours.round().astype(np.uint8)).save(buffer, "PNG", compress_level=1)
    return png_url(buffer.getvalue())


def png_url(file: bytes) -> str:
    """A PNG file as a data URL."""
    return "data:image/png;base64," + base64.b64encode(file).decode("ascii")
