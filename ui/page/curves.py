"""Loss and accuracy of a training run side by side, large."""

from __future__ import annotations

import streamlit as st

from ui import i18n
from ui.training.snapshot import Snapshot
from ui.view import charts, elements

from . import visit


def pair(
    run: Snapshot | None, *, epochs: int, key: str, batches: bool = False, log: bool = False
) -> None:
    """Both charts.

    Parameters
    ----------
    run : None for empty charts
    epochs : how far the axis goes
    key : what the charts' keys begin with
    batches : by batch instead of by epoch
    log : a logarithmic axis
    """
    titles = {"loss": i18n.LARGE_LOSS, "accuracy": i18n.LARGE_ACCURACY}
    for column, (quantity, alt) in zip(st.columns(2, gap="medium"), titles.items(), strict=True):
        with column:
            st.html(elements.heading(i18n.say(quantity.upper())))
            rows, spec = charts.curves(
                run, quantity, epochs=epochs, batches=batches, log=log, theme=visit.theme()
            )
            st.vega_lite_chart(rows, spec, key=f"{key}-{quantity}", theme=None, alt=alt)
