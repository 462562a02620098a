"""A question's two digits, chosen by pressing; and what else is chosen by a row of buttons."""

from __future__ import annotations

import html

from nn.mnist import CLASSES


def digits(name: str, label: str, chosen: int) -> str:
    """Ten digits in a row, one of them chosen; each presses as "name-digit"."""
    buttons = "".join(
        f'<button type="button" role="radio" class="choice" data-press="{name}-{digit}" '
        f'aria-checked="{str(digit == chosen).lower()}">{digit}</button>'
        for digit in range(CLASSES)
    )
    return (
        f'<div class="choices" role="radiogroup" aria-label="{html.escape(label)}" '
        f'data-group data-stop="{name}-{chosen}">'
        f'<span class="ask" aria-hidden="true">{html.escape(label)}</span>{buttons}</div>'
    )
