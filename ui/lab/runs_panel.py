"""The panel "Runs": a race of the visitor's trainings, overlaid and in a table."""

from __future__ import annotations

import streamlit as st

from nn import CheckpointError, RecipeError
from ui import charts, exchange, figures, language, session, texts
from ui.scheduler.limits import LimitError
from ui.store import Kept
from ui.view import View

from . import knobs, loaded, pieces, race, shelf, words
from .presets import LESSONS, Lesson
from .runs import Run

QUANTITIES = {
    "validation_accuracy": "VALIDATION_ACCURACY",
    "validation_loss": "VALIDATION_LOSS",
    "loss": "TRAINING_LOSS",
}


def show(view: View) -> None:
    """Lessons that start a race, its chart, its table, and what can be done with a run."""
    if st.session_state.pop("runs-changed", False):
        st.rerun()  # what the sidebar shows is concerned too
    _lessons()
    runs = list(enumerate(session.runs()))
    if not runs:
        st.html(figures.small(texts.NO_RUNS))
        _files()
        return
    _chart(runs)
    st.html(pieces.table(runs, current=session.runs().current, theme=session.theme()))
    _actions([run for _, run in runs])
    _files()


def _lessons() -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="lessons"):
        for name, lesson in LESSONS.items():
            st.button(
                texts.LESSONS[name],
                key=f"lesson-{name}",
                icon=":material/flag:",
                help=texts.LESSON_STORIES[name],
                on_click=_race,
                args=(lesson,),
            )
        st.button(
            texts.NEW_RUN,
            key="new-run",
            icon=":material/add:",
            help=texts.NEW_RUN_HELP,
            disabled=session.runs().now() is None,
            on_click=_let_go,
        )
    if complaint := st.session_state.get("race-error"):
        st.warning(complaint)


def _let_go() -> None:
    session.control(None)
    st.session_state["runs-changed"] = True


def _race(lesson: Lesson) -> None:
    """Start a lesson's runs with one seed, side by side; those that still run are ended."""
    st.session_state["race-error"] = None
    for run in session.runs().live():
        session.end(run)
    seed = knobs.seed()
    try:
        for count, (name, recipe) in enumerate(lesson.runs.items()):
            session.start(recipe, seed, texts.NAMES[name], beside=count > 0)
    except (RecipeError, LimitError) as error:
        st.session_state["race-error"] = words.refusal(error)


def _chart(runs: list[tuple[int, Run]]) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="race-options"):
        quantity = st.segmented_control(
            texts.QUANTITY,
            list(QUANTITIES),
            default=next(iter(QUANTITIES)),
            format_func=lambda name: texts.say(QUANTITIES[name]),
            required=True,
            key="race-quantity",
            label_visibility="collapsed",
        )
        seconds = (
            st.segmented_control(
                texts.BY,
                ["epochs", "seconds"],
                default="epochs",
                format_func={"epochs": texts.BY_EPOCH, "seconds": texts.BY_SECOND}.__getitem__,
                required=True,
                key="race-by",
                label_visibility="collapsed",
            )
            == "seconds"
        )
        log = st.toggle(
            texts.LOG, key="race-log", disabled=quantity is None or "loss" not in quantity
        )
    quantity = quantity or next(iter(QUANTITIES))
    rows = race.rows(runs, quantity, seconds=seconds)
    seen = [run.snapshot for _, run in runs if run.snapshot]
    length = max((one.seconds if seconds else one.recipe.epochs for one in seen), default=1)
    st.vega_lite_chart(
        charts.table(rows),
        race.spec(
            quantity,
            length=length,
            edge=race.edge_of(rows, quantity),
            log=log,
            seconds=seconds,
            theme=session.theme(),
        ),
        key="race",
        theme=None,
        alt=texts.say("RACE", quantity=texts.say(QUANTITIES[quantity])),
    )


def _actions(runs: list[Run]) -> None:
    """What can be done with one run, chosen by its name."""
    names = {run.id: run.name for run in runs}
    if st.session_state.get("run-chosen") not in names:
        st.session_state["run-chosen"] = session.runs().current or runs[-1].id
    with st.container(horizontal=True, vertical_alignment="bottom", key="run-actions"):
        chosen = st.selectbox(
            texts.RUN_ACTIONS,
            list(names),
            format_func=lambda run_id: names.get(run_id, ""),
            key="run-chosen",
        )
        run = session.runs().get(chosen)
        if run is None:
            return
        st.text_input(
            texts.RENAME,
            value=run.name,
            max_chars=40,
            key=f"rename-{run.id}-{run.name}",
            on_change=_rename,
            args=(run,),
        )
        shown = run.id == session.runs().current
        st.button(
            *(texts.CONTROL, "run-control"),
            help=texts.CONTROL_HELP,
            disabled=shown,
            on_click=_control,
            args=(run,),
        )
        st.button(
            *(texts.READ_WITH, "run-use"),
            help=texts.READ_WITH_HELP,
            disabled=run.network is None,
            on_click=session.use,
            args=(run,),
        )
        _keep(run)
        st.button(texts.DELETE, "run-delete", on_click=_delete, args=(run,))


def _keep(run: Run) -> None:
    """Keep a run on the server, or have it as a file."""
    snapshot = run.snapshot
    if shelf.is_open():
        st.button(
            texts.KEEP if run.shelf is None else texts.KEPT,
            key="run-keep",
            help=texts.KEEP_HELP,
            disabled=run.network is None or run.shelf is not None,
            on_click=shelf.keep,
            args=(run,),
        )
    st.download_button(
        texts.DOWNLOAD,
        data=lambda: exchange.checkpoint_bytes(snapshot, name=run.name) if snapshot else b"",
        file_name=f"{words.file_name(run.name)}.npz",
        mime="application/zip",
        key="run-download",
        disabled=run.network is None,
        on_click="ignore",
    )


def _files() -> None:
    """What was kept or saved before: bring it back."""
    left, right = st.columns(2, gap="large")
    with left:
        if kept := shelf.listed():
            _shelf({one.id: one for one in kept})
        elif shelf.is_open():
            st.html(figures.heading(texts.SHELF) + figures.small(texts.SHELF_EMPTY))
    with right:
        st.file_uploader(
            texts.LOAD, type=["npz"], key="checkpoint", help=texts.LOAD_HELP, on_change=_load
        )
    for complaint in (shelf.complaint(), st.session_state.get("load-error")):
        if complaint:
            st.warning(complaint)


def _shelf(kept: dict[int, Kept]) -> None:
    if st.session_state.get("shelf-chosen") not in kept:
        st.session_state["shelf-chosen"] = next(reversed(kept))
    with st.container(horizontal=True, vertical_alignment="bottom", key="shelf"):
        chosen = language.selectbox(
            texts.SHELF,
            list(kept),
            format_func=lambda kept_id: shelf.describe(kept[kept_id]) if kept_id in kept else "",
            key="shelf-chosen",
        )
        one = kept.get(chosen or 0)
        if one is not None:
            runs = session.runs()
            st.button(texts.BRING, "shelf-bring", on_click=_bring, args=(one,))
            st.button(texts.DELETE, "shelf-delete", on_click=shelf.delete, args=(one, runs))


def _bring(kept: Kept) -> None:
    run = shelf.bring(kept, session.runs())
    if run is not None:
        st.session_state["run-chosen"] = run.id


def _load() -> None:
    """Take a checkpoint that the visitor gives; it becomes a run to compare and to read with."""
    st.session_state["load-error"] = None
    file = st.session_state["checkpoint"]
    if file is None:
        return
    try:
        network, meta = exchange.network_from_upload(file.getvalue(), file.name)
    except CheckpointError as error:
        st.session_state["load-error"] = texts.say(
            "LOAD_REFUSED", error=texts.complaint(error).rstrip(".")
        )
        return
    run = loaded.run_of(session.runs(), file.name, network, meta)
    st.session_state["run-chosen"] = run.id
    session.use(run)


def _control(run: Run) -> None:
    session.control(run)
    knobs.show(run.recipe, run.seed)
    st.session_state["runs-changed"] = True


def _delete(run: Run) -> None:
    session.end(run)
    session.runs().remove(run.id)
    st.session_state["runs-changed"] = True


def _rename(run: Run) -> None:
    session.runs().rename(run.id, str(st.session_state[f"rename-{run.id}-{run.name}"]))
    shelf.rename(run)
