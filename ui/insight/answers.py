"""What the network says after something was taken away, beside what it said before.

Calls nothing of Streamlit. Its looks are in styles/why.css.
"""

from __future__ import annotations

import html

from nn import Reading
from ui import texts


def before_and_after(before: Reading, after: Reading) -> str:
    """Ten bars, each with a mark where it was; the verdict before and now above them."""
    rows = []
    for digit, (was, now) in enumerate(zip(before.probabilities, after.probabilities, strict=True)):
        top = " top" if digit == after.digit else ""
        figures = [_share(before, float(was)), _share(after, float(now))]
        figure = " → ".join(dict.fromkeys(figures))  # one where nothing has changed
        rows.append(
            f'<li class="answer{top}"><span class="name">{digit}</span><span class="track">'
            f'<span class="fill" style="width:{float(now) * 100:.1f}%"></span>'
            f'<span class="was" style="left:{float(was) * 100:.1f}%"></span></span>'
            f'<span class="figure">{figure}</span></li>'
        )
    says = texts.say("BEFORE_AND_AFTER", before=_digit(before), after=_digit(after))
    return (
        f'<p class="turn" role="status">{html.escape(says)}</p>'
        f'<ol class="answers" aria-label="{html.escape(texts.ANSWERS)}">{"".join(rows)}</ol>'
    )


def _digit(reading: Reading) -> str:
    if reading.digit is None:
        return str(texts.NO_DIGIT)
    if reading.runner_up is not None:
        return texts.say("EITHER", digit=reading.digit, other=reading.runner_up)
    return str(reading.digit)


def _share(reading: Reading, share: float) -> str:
    return "–" if reading.digit is None else texts.percent(share, 1)
