"""The sidebar panel: which training, its controls, its progress in words and in curves."""

from __future__ import annotations

import streamlit as st

from nn import RecipeError

from . import charts, figures, language, session, texts
from .lab import advice, curves, knobs, shelf, words
from .lab.presets import PRESETS
from .scheduler.limits import LimitError
from .scheduler.snapshot import Snapshot, State

STEPS = ("epochs", "batches")  # what the button Step can go on by
PACES = (0, 30, 10, 3, 1)  # batches a second; 0 is as fast as it goes


def settings() -> None:
    """Let the visitor choose a preset and change its numbers; some stay open while it trains."""
    st.html(figures.heading(texts.TRAINING) + shelf.script(), unsafe_allow_javascript=True)
    knobs.settings()


def panel() -> None:
    """Buttons, status and curves of the visitor's training; a fragment that looks by itself."""
    snapshot = session.look()
    session.rerun_if_polling_changed()
    knobs.rerun_if_wanted()
    if st.session_state.pop("reader-pressed", False):
        st.rerun()  # the switch stands in the other fragment
    advice.show(snapshot)
    _controls(snapshot)
    if error := st.session_state.get("recipe-error"):
        st.error(error)
    if complaint := st.session_state.get("start-error"):
        st.warning(complaint)
    with st.container(key="training-status"):
        st.progress(_done(snapshot))
        st.html(figures.status(*_words(snapshot)))
    _curves(snapshot)
    _choose_reader(snapshot)
    knobs.link()


def strip() -> None:
    """The panel in one line, for phones, where the sidebar would cover the slate."""
    live = session.training_is_live()
    wrong = bool(st.session_state.get("recipe-error"))
    with st.container(key="strip"):
        run = session.kept()
        told = words.restarted(run) if live and run else ""
        st.html(figures.status(*_words(run)[:2], told))
        with st.container(horizontal=True):
            st.button(
                texts.TRAIN,
                key="strip-train",
                type="primary",
                width="stretch",
                disabled=live or wrong,
                on_click=start,
            )
            st.button(
                texts.STOP,
                key="strip-stop",
                width="stretch",
                disabled=not live,
                on_click=session.end,
            )


def _controls(snapshot: Snapshot | None) -> None:
    live = session.training_is_live()
    paused = live and snapshot is not None and snapshot.state is State.PAUSED
    wrong = bool(st.session_state.get("recipe-error"))
    with st.container(key="controls", gap="xsmall"):
        st.button(
            texts.TRAIN if snapshot is None or live else texts.TRAIN_AGAIN,
            key="train",
            type="primary",
            icon=":material/play_arrow:",
            width="stretch",
            disabled=live or wrong,
            on_click=start,
        )
        with st.container(horizontal=True, gap="xsmall", wrap=False):
            st.button(
                texts.RESUME if paused else texts.PAUSE,
                key="pause",
                width="stretch",
                disabled=not live,
                on_click=session.resume if paused else session.pause,
            )
            st.button(
                texts.STEP,
                key="step",
                width="stretch",
                disabled=wrong or (live and not paused),
                on_click=_step,
            )
            st.button(
                texts.STOP,
                key="stop",
                width="stretch",
                disabled=not live,
                on_click=session.end,
            )
        _pace()


def _pace() -> None:
    """How far a step goes, and how fast it trains."""
    left, right = st.columns(2, gap="xsmall", wrap=False)
    with left:
        language.selectbox(
            texts.STEP_BY,
            STEPS,
            format_func=texts.STEP_KINDS.__getitem__,
            key="step-by",
            label_visibility="collapsed",
        )
    with right:
        language.selectbox(
            texts.SPEED,
            PACES,
            format_func=_speed,
            key="speed",
            label_visibility="collapsed",
            on_change=_set_pace,
        )


def _speed(pace: int) -> str:
    if pace == 0:
        return str(texts.FULL_SPEED)
    return str(texts.SLOWEST) if pace == 1 else texts.say("SLOW_MOTION", pace=pace)


def _set_pace() -> None:
    session.set_pace(st.session_state.get("speed") or None)


def start(**at_first: int) -> None:
    """Begin a training as the fields say; for callbacks.

    What was typed a moment ago is in the widgets, but no run of the page has seen it yet.
    """
    st.session_state["start-error"] = None
    try:
        recipe = knobs.chosen()
        name = texts.NAMES[st.session_state["recipe-name"]]
        session.start(recipe, knobs.seed(), name, at_first=at_first)
    except (RecipeError, LimitError) as error:
        st.session_state["start-error"] = words.refusal(error)
    else:
        _set_pace()


def _step() -> None:
    """Train one epoch or one batch and pause: of the paused training, or of a new one."""
    by = {st.session_state.get("step-by", STEPS[0]): 1}
    if session.training_is_live():
        session.resume(**by)
    else:
        start(**by)


def _done(snapshot: Snapshot | None) -> float:
    return 0.0 if snapshot is None else min(snapshot.position / snapshot.recipe.epochs, 1.0)


def _words(snapshot: Snapshot | None) -> tuple[str, ...]:
    """The state in words: a headline, then figures."""
    run = session.runs().now()
    if run is not None and run.lost:
        return (texts.STOPPED_BY_ITSELF, texts.LOST)
    if snapshot is None:
        return (texts.IDLE_STATUS,)
    recipe, points = snapshot.recipe, snapshot.points
    headline = texts.epoch(snapshot.epoch, recipe.epochs)
    figures_ = ""
    if points:
        validated = [p.validation_accuracy for p in points if p.validation_accuracy is not None]
        figures_ = texts.accuracies(snapshot.accuracy, validated[-1] if validated else None)
    if snapshot.state is State.FAILED:
        why = texts.complaint(snapshot.error) if snapshot.error else texts.FAILED
        return (texts.STOPPED_BY_ITSELF, why)
    if snapshot.test is not None:
        return (texts.done(recipe.epochs), texts.tested(snapshot.test), figures_)
    if not session.training_is_live():
        return (f"{headline}, {texts.STOPPED}", figures_)
    if snapshot.state is State.PAUSED:
        told = (texts.say("STEPS_TAKEN", step=snapshot.step), words.restarted(snapshot))
        return (f"{headline}, {texts.PAUSED}", figures_, *told)
    left = texts.time_left(snapshot.seconds_left)
    told = (words.sharing(snapshot), words.restarted(snapshot))
    return (headline, figures_ or texts.STARTING, left, *told)


def _curves(snapshot: Snapshot | None) -> None:
    recipe = st.session_state.get("recipe") or next(iter(PRESETS.values()))
    points = () if snapshot is None else curves.shown(snapshot)
    epochs: float = (snapshot.recipe if snapshot else recipe).epochs
    if snapshot is not None and points and not snapshot.points:
        epochs = snapshot.position  # it failed at once
    for quantity, title in (("loss", texts.LOSS), ("accuracy", texts.ACCURACY)):
        st.html(figures.heading(title))
        first = curves.reference(snapshot, quantity)
        st.vega_lite_chart(
            charts.table(charts.curves_data(points, quantity)),
            charts.curves_spec(quantity, epochs=epochs, first=first, theme=session.theme()),
            key=f"curve-{quantity}",
            theme=None,
            alt=title,
        )
    st.html(figures.legend())
    if (snapshot.recipe if snapshot else recipe).validation == 0:
        st.caption(texts.NO_VALIDATION)


def _choose_reader(snapshot: Snapshot | None) -> None:
    """One click between the network that was trained here and the shipped one."""
    if snapshot is None or snapshot.network is None:
        return
    reader = st.session_state.get("reader-wanted") or st.session_state.get("reader")
    yours = reader == session.YOURS
    label = texts.BACK_TO_SHIPPED if yours else texts.READ_WITH_YOURS
    name = session.SHIPPED[0] if yours else session.YOURS
    # A press may be told twice when the page polls meanwhile: a button a direction turns once.
    with st.container(key="reader-switch"):
        st.button(
            *(label, f"read-with-{name}"),
            width="stretch",
            on_click=_read_with,
            args=(name,),
        )


def _read_with(name: str) -> None:
    session.read_with(name)
    st.session_state["reader-pressed"] = True
