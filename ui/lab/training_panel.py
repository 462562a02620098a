"""The panel "Training": the curves of the training, large, with what its layers do."""

from __future__ import annotations

import streamlit as st

from ui import charts, exchange, figures, session, texts
from ui.scheduler.snapshot import Snapshot
from ui.view import View

from . import curves, pieces

LAYER_CHARTS = ("WEIGHT_NORM", "GRADIENT_NORM", "DEAD")


def show(view: View) -> None:
    """Loss and accuracy by epoch or by batch, then norms and idle units, layer by layer."""
    run = view.run
    with st.container(horizontal=True, vertical_alignment="center", key="curves-options"):
        batches = (
            st.segmented_control(
                texts.BY,
                [texts.BY_EPOCH, texts.BY_BATCH],
                default=texts.BY_EPOCH,
                required=True,
                key=f"curves-by-{texts.language()}",
                label_visibility="collapsed",
            )
            == texts.BY_BATCH
        )
        log = st.toggle(texts.LOG, key="curves-log")
        st.download_button(
            texts.CSV,
            data=lambda: exchange.curves_csv(run) if run else "",
            file_name="curves.csv",
            mime="text/csv",
            key="curves-csv",
            disabled=run is None,
            on_click="ignore",
        )
        st.html(figures.legend() if run else figures.small(texts.NO_RUN))
    recipe = run.recipe if run else st.session_state.get("recipe")
    epochs = recipe.epochs if recipe else 10
    pair = st.columns(2, gap="medium")
    for column, quantity in zip(pair, ("loss", "accuracy"), strict=True):
        alt = texts.LARGE_LOSS if quantity == "loss" else texts.LARGE_ACCURACY
        with column:
            st.html(figures.heading(texts.say(quantity.upper())))
            st.vega_lite_chart(
                charts.table(curves.rows(run, quantity, batches=batches)),
                curves.spec(
                    *(run, quantity),
                    epochs=epochs,
                    batches=batches,
                    log=log,
                    theme=session.theme(),
                ),
                key=f"large-{quantity}",
                theme=None,
                alt=alt,
            )
    _layers(run, epochs)


def _layers(run: Snapshot | None, epochs: int) -> None:
    points = run.layers if run else ()
    st.html(pieces.lines(curves.layer_names(points), session.theme()))
    for column, name in zip(st.columns(3, gap="medium"), LAYER_CHARTS, strict=True):
        with column:
            title = texts.say(name)
            st.html(figures.heading(title))
            st.vega_lite_chart(
                charts.table(curves.layer_rows(points, name.lower())),
                curves.layer_spec(
                    name.lower(), epochs=epochs, empty=not points, theme=session.theme()
                ),
                key=f"layers-{name.lower()}",
                theme=None,
                alt=title,
            )
