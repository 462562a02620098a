"""The panel "Training": the curves of the training run, large, and its layers."""

from __future__ import annotations

import streamlit as st

from ui import files, i18n
from ui.page import curves, download
from ui.view import charts, elements, runs_table

from .view import View

LAYER_CHARTS = ("WEIGHT_NORM", "GRADIENT_NORM", "DEAD")


def show(view: View) -> None:
    """Loss and accuracy by epoch or by batch, then norms and dead units per layer."""
    run = view.run
    with st.container(horizontal=True, vertical_alignment="center", key="curves-options"):
        by = st.segmented_control(
            i18n.BY,
            [i18n.BY_EPOCH, i18n.BY_BATCH],
            default=i18n.BY_EPOCH,
            required=True,
            key=f"curves-by-{i18n.language()}",
            label_visibility="collapsed",
        )
        log = st.toggle(i18n.LOG, key="curves-log")
        download.button(
            i18n.CSV,
            lambda: files.curves_csv(run).encode() if run else b"",
            file="curves.csv",
            key="curves-csv",
            disabled=run is None,
        )
        st.html(elements.legend() if run else elements.small(i18n.NO_RUN))
    recipe = run.recipe if run else view.session.recipe
    epochs = recipe.epochs if recipe else 10
    curves.pair(run, epochs=epochs, key="large", batches=by == i18n.BY_BATCH, log=log)
    points = run.layers if run else ()
    st.html(runs_table.lines(charts.layer_names(points), view.theme))
    for column, name in zip(st.columns(3, gap="medium"), LAYER_CHARTS, strict=True):
        with column:
            title, quantity = i18n.say(name), name.lower()
            st.html(elements.heading(title))
            rows, spec = charts.layers(points, quantity, epochs=epochs, theme=view.theme)
            st.vega_lite_chart(rows, spec, key=f"layers-{quantity}", theme=None, alt=title)
