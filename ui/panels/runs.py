"""The panel "Runs": the visitor's training runs compared, in a chart and in a table."""

from __future__ import annotations

import streamlit as st

from nn import CheckpointError, RecipeError
from ui import files, i18n
from ui.page import download, fields, language, upload, visit
from ui.presets import LESSONS, Lesson
from ui.room.room import Rooms
from ui.room.store import RoomError
from ui.runs import MAX_NAME, Run
from ui.session import Session
from ui.storage import StoreError
from ui.training.limits import LimitError
from ui.view import charts, elements, runs_table, sentences

from .view import View

QUANTITIES = {
    "validation_accuracy": "VALIDATION_ACCURACY",
    "validation_loss": "VALIDATION_LOSS",
    "loss": "TRAINING_LOSS",
}


def show(view: View) -> None:
    """Lessons that start a race, its chart, its table, and what can be done with a run."""
    session = view.session
    _lessons(session)
    runs = list(enumerate(session.runs))
    if runs:
        _chart(runs, view.theme)
        st.html(runs_table.table(runs, current=session.runs.current, theme=view.theme))
        _actions(session)
        _submit(session)
    else:
        st.html(elements.small(i18n.NO_RUNS))
    _files(session)


def _lessons(session: Session) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="lessons"):
        for name, lesson in LESSONS.items():
            st.button(
                i18n.LESSONS[name],
                key=f"lesson-{name}",
                icon=":material/flag:",
                help=i18n.LESSON_STORIES[name],
                on_click=_race,
                args=(session, lesson),
            )
        st.button(
            i18n.NEW_RUN,
            key="new-run",
            icon=":material/add:",
            help=i18n.NEW_RUN_HELP,
            disabled=session.runs.controlled() is None,
            on_click=session.control,
            args=(None,),
        )
    if session.race_error:
        st.warning(i18n.plain(sentences.complaint(session.race_error)))


def _race(session: Session, lesson: Lesson) -> None:
    """Start a lesson's runs with one seed, side by side; runs that are live are ended."""
    session.race_error = None
    try:
        seed = fields.seed()
        for run in session.runs.live():
            session.end(run)
        for count, (name, recipe) in enumerate(lesson.runs.items()):
            session.start(recipe, seed, i18n.NAMES[name], beside=count > 0)
    except (RecipeError, LimitError) as error:
        session.race_error = error


def _chart(runs: list[tuple[int, Run]], theme: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="race-options"):
        quantity = st.segmented_control(
            i18n.QUANTITY,
            list(QUANTITIES),
            default=next(iter(QUANTITIES)),
            format_func=lambda name: i18n.say(QUANTITIES[name]),
            required=True,
            key="race-quantity",
            label_visibility="collapsed",
        ) or next(iter(QUANTITIES))
        by = st.segmented_control(
            i18n.BY,
            ["epochs", "seconds"],
            default="epochs",
            format_func={"epochs": i18n.BY_EPOCH, "seconds": i18n.BY_SECOND}.__getitem__,
            required=True,
            key="race-by",
            label_visibility="collapsed",
        )
        log = st.toggle(i18n.LOG, key="race-log", disabled="loss" not in quantity)
    rows, spec = charts.race(runs, quantity, seconds=by == "seconds", log=log, theme=theme)
    alt = i18n.say("RACE", quantity=i18n.say(QUANTITIES[quantity]))
    st.vega_lite_chart(rows, spec, key="race", theme=None, alt=alt)


def _actions(session: Session) -> None:
    """What can be done with one run, chosen by its name."""
    names = {run.id: run.name for run in session.runs}
    if session.run_to_choose in names:
        st.session_state["run-chosen"], session.run_to_choose = session.run_to_choose, None
    if st.session_state.get("run-chosen") not in names:
        st.session_state["run-chosen"] = session.runs.current or next(reversed(names))
    with st.container(horizontal=True, vertical_alignment="bottom", key="run-actions"):
        chosen = st.selectbox(
            i18n.RUN_ACTIONS,
            list(names),
            format_func=lambda run_id: names.get(run_id, ""),
            key="run-chosen",
        )
        run = session.runs.get(chosen)
        if run is None:
            return
        key = f"rename-{run.id}-{run.name}"
        st.text_input(
            i18n.RENAME,
            value=run.name,
            max_chars=MAX_NAME,
            key=key,
            on_change=lambda: session.rename(run, str(st.session_state[key])),
        )
        st.button(
            i18n.CONTROL,
            key="run-control",
            help=i18n.CONTROL_HELP,
            disabled=run.id == session.runs.current,
            on_click=session.control,
            args=(run,),
        )
        st.button(
            i18n.READ_WITH,
            key="run-use",
            help=i18n.READ_WITH_HELP,
            disabled=run.network is None,
            on_click=session.use,
            args=(run,),
        )
        if session.store is not None:
            st.button(
                i18n.KEEP if run.kept is None else i18n.KEPT,
                key="run-keep",
                help=i18n.KEEP_HELP,
                disabled=run.network is None or run.kept is not None,
                on_click=session.keep,
                args=(run,),
            )
        snapshot = run.snapshot
        download.button(
            i18n.DOWNLOAD,
            lambda: files.checkpoint_bytes(snapshot, name=run.name) if snapshot else b"",
            file=f"{sentences.file_name(run.name)}.npz",
            key="run-download",
            disabled=run.network is None,
        )
        st.button(i18n.DELETE, key="run-delete", on_click=session.delete, args=(run,))


def _submit(session: Session) -> None:
    """Put the chosen run's network on the leaderboard of a room."""
    run = session.runs.get(st.session_state.get("run-chosen"))
    rooms = visit.rooms()
    if run is None or rooms is None:
        return
    with st.container(horizontal=True, vertical_alignment="bottom", key="room-submit"):
        code = st.text_input(i18n.ROOM_SUBMIT_CODE, max_chars=5, key="submit-code")
        st.button(
            i18n.ROOM_SUBMIT,
            key="submit",
            help=i18n.ROOM_SUBMIT_HELP,
            disabled=run.network is None or not code,
            on_click=_put_on_leaderboard,
            args=(session, rooms, run, code.strip().upper()),
        )
    if session.submit_error:
        st.warning(i18n.plain(session.submit_error))
    elif session.submitted:
        st.success(i18n.plain(session.submitted))


def _put_on_leaderboard(session: Session, rooms: Rooms, run: Run, code: str) -> None:
    session.submitted = session.submit_error = ""
    if run.snapshot is None or run.network is None:
        return
    try:
        checkpoint = files.checkpoint_bytes(run.snapshot, name=run.name)
        rooms.store.submit(code, session.visitor, run.name, checkpoint)
    except (CheckpointError, RoomError, StoreError) as error:
        session.submit_error = str(error)
    else:
        session.submitted = i18n.say("ROOM_SUBMITTED", run=run.name, code=code)


def _files(session: Session) -> None:
    """What was kept or saved before: bring it back."""
    left, right = st.columns(2, gap="large")
    with left:
        if session.kept_runs():
            _kept(session)
        elif session.store is not None:
            st.html(elements.heading(i18n.SHELF) + elements.small(i18n.SHELF_EMPTY))
    with right:
        upload.place(
            i18n.LOAD,
            type=["npz"],
            key="checkpoint",
            help=i18n.LOAD_HELP,
            on_change=_load,
            args=(session,),
        )
    if session.store_error:
        st.warning(i18n.plain(session.store_error))
    if session.load_error:
        complaint = sentences.complaint(session.load_error).rstrip(".")
        st.warning(i18n.plain(i18n.say("LOAD_REFUSED", error=complaint)))


def _kept(session: Session) -> None:
    kept = {one.id: one for one in session.kept_runs()}
    if st.session_state.get("shelf-chosen") not in kept:
        st.session_state["shelf-chosen"] = max(kept)
    with st.container(horizontal=True, vertical_alignment="bottom", key="shelf"):
        chosen = language.selectbox(
            i18n.SHELF,
            list(kept),
            key="shelf-chosen",
            format_func=lambda kept_id: (
                sentences.kept_run(kept[kept_id]) if kept_id in kept else ""
            ),
        )
        one = kept.get(chosen)
        if one is not None:
            st.button(i18n.BRING, key="shelf-bring", on_click=session.bring_back, args=(one,))
            st.button(i18n.DELETE, key="shelf-delete", on_click=session.delete_kept, args=(one,))


def _load(session: Session) -> None:
    """Take a checkpoint that the visitor gives."""
    file = st.session_state["checkpoint"]
    session.load_error = None
    if file is not None:
        session.load_run(file.getvalue(), file.name)
