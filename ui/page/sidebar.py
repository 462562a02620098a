"""The sidebar: which training run, its controls, its progress in words and in curves."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import streamlit as st

from nn import CheckpointError, RecipeError
from ui import hints, i18n
from ui.hints import Hint
from ui.presets import PRESETS, TAUGHT
from ui.session import YOURS, Session
from ui.training.limits import LimitError
from ui.training.snapshot import Snapshot, State
from ui.view import charts, elements, sentences

from . import fields, language, polling, visit

STEPS = ("epochs", "batches")  # what the button Step can go on by
PACES = (0, 30, 10, 3, 1)  # batches per second; 0 is full speed


def settings() -> None:
    """The heading and the fields; not part of what updates itself."""
    session = visit.session()
    # What would be lost with the session.
    made = sum(run.kept is None for run in session.runs) + len(session.hand)
    told = f"window.digitLabSession({elements.json_text(session.token)}, {made});"
    scripts = visit.cookie() + elements.script("forgotten", told)
    title = st.container(horizontal=True, wrap=False, key="training-title")
    title.html(elements.heading(i18n.TRAINING) + scripts, unsafe_allow_javascript=True)
    with st.container(key="trouble"):  # nothing below is moved when it comes or goes
        if trouble := session.scheduler.trouble:
            st.warning(i18n.plain(i18n.say("TRAINERS_TROUBLE", error=trouble)))
    fields.show()
    with title:
        fields.early_stopping()


def panel() -> None:
    """Buttons, status and curves of the visitor's training run; it updates itself."""
    visit.look()
    polling.rerun_if_stale()
    session = visit.session()
    run = session.snapshot
    _advice(run)
    _controls(run)
    if session.recipe_error:
        st.error(i18n.plain(sentences.complaint(session.recipe_error)))
    if session.link_error:
        complaint = i18n.say("LINK_WRONG", error=sentences.complaint(session.link_error))
        st.warning(i18n.plain(complaint))
    if session.start_error:
        st.warning(i18n.plain(sentences.complaint(session.start_error)))
    with st.container(key="training-status"):
        st.progress(min(run.position / run.recipe.epochs, 1.0) if run else 0.0)
        st.html(elements.status(*_status(run)))
    _curves(run)
    _switch_reader(run)
    fields.link()
    session.pressed = False


def strip() -> None:
    """The panel in one line, for phones, where the sidebar would cover the slate."""
    session = visit.session()
    live = session.training is not None
    with st.container(key="strip"):
        st.html(elements.status(*_status(session.snapshot)[:2]) + _forgotten(session.snapshot))
        with st.container(horizontal=True):
            st.button(
                i18n.TRAIN,
                key="strip-train",
                type="primary",
                width="stretch",
                disabled=live or session.recipe_error is not None,
                on_click=start,
            )
            _button(i18n.STOP, "strip-stop", _stop, disabled=not live)


def _advice(run: Snapshot | None) -> None:
    """What the chosen preset is about, or the most urgent hint about a run, with its fix."""
    session = visit.session()
    hint = hints.hint(run) if run is not None and run.drawings is None else None
    controlled = session.runs.controlled()
    with st.container(key="advice"):
        if controlled is not None and controlled.can_continue and run is not None:
            st.html(elements.hint(i18n.LAST_SNAPSHOT))
            epoch = i18n.decimal(run.position, 2)
            st.button(i18n.say("CONTINUE", epoch=epoch), key="continue", on_click=_continue)
            return
        if hint is None or run is None:
            recipe = session.base(session.preset)
            story = i18n.STORIES[session.preset]
            if recipe != PRESETS[session.preset]:
                story = i18n.say("STORY_CHANGED", recipe=sentences.recipe(recipe))
            st.html(_forgotten(run) + elements.small(story))
            return
        sentence, fix = sentences.hint(hint)
        st.html(elements.hint(sentence))
        st.button(fix, key="fix", on_click=_fix, args=(hint, hint.live(run)))


def _forgotten(run: Snapshot | None) -> str:
    return elements.forgotten() if run is None else ""


def _continue() -> None:
    """Let a lost run go on from its last snapshot."""
    session = visit.session()
    run = session.runs.controlled()
    session.start_error = session.link_error = None
    try:
        if run is not None:
            session.continue_run(run)
    except LimitError as error:
        session.start_error = error
    else:
        set_pace()


def _fix(hint: Hint, live: bool) -> None:
    """Change the training run, or start a new one in its place with the same seed."""
    session = visit.session()
    run = session.runs.controlled()
    if run is None:
        return
    session.start_error = session.link_error = None
    try:
        recipe = hint.fixed(run.recipe)
        if live and run.training is not None:
            session.scheduler.change(run.training, recipe)
        else:
            session.end(run)
            session.start(recipe, run.seed, i18n.say("FIXED", run=run.name))
        session.fill_in(recipe, run.seed)
    except (RecipeError, LimitError) as error:
        session.start_error = error


def _button(label: str, key: str, act: Callable[[], None], *, disabled: bool) -> None:
    st.button(label, key=key, width="stretch", disabled=disabled, on_click=act)


def _controls(run: Snapshot | None) -> None:
    session = visit.session()
    live, wrong = session.training is not None, session.recipe_error is not None
    paused = live and run is not None and run.state is State.PAUSED
    held = _is_held(session)
    with st.container(key="controls", gap="xsmall"):
        st.button(
            i18n.TRAIN if run is None or live else i18n.TRAIN_AGAIN,
            key="train",
            type="primary",
            icon=":material/play_arrow:",
            width="stretch",
            disabled=live or wrong,
            on_click=start,
        )
        with st.container(horizontal=True, gap="xsmall", wrap=False):
            if paused:
                _button(i18n.RESUME, "pause", partial(_once, _resume), disabled=held)
            else:
                _button(i18n.PAUSE, "pause", partial(_once, _pause), disabled=held or not live)
            stuck = held or wrong or (live and not paused)
            _button(i18n.STEP, "step", partial(_once, _step), disabled=stuck)
            _button(i18n.STOP, "stop", _stop, disabled=not live)
        left, right = st.columns(2, gap="xsmall", wrap=False)
        with left:
            language.selectbox(
                i18n.STEP_BY,
                STEPS,
                format_func=i18n.STEP_KINDS.__getitem__,
                key="step-by",
                label_visibility="collapsed",
            )
        with right:
            language.selectbox(
                i18n.SPEED,
                PACES,
                format_func=_speed,
                key="speed",
                label_visibility="collapsed",
                on_change=set_pace,
            )


def _speed(pace: int) -> str:
    if pace == 0:
        return str(i18n.FULL_SPEED)
    return str(i18n.SLOWEST) if pace == 1 else i18n.say("SLOW_MOTION", pace=pace)


def set_pace() -> None:
    """Train at the chosen speed."""
    session, pace = visit.session(), st.session_state.get("speed")
    if session.training is not None and pace in PACES:  # not the word of a language before
        session.scheduler.pace(session.training, pace or None)


def start(*, epochs: int | None = None, batches: int | None = None) -> None:
    """Start a training run as the fields say; pause after so many epochs or batches."""
    session = visit.session()
    session.start_error = session.link_error = None
    try:
        recipe, seed, name = fields.chosen(), fields.seed(), i18n.NAMES[fields.preset()]
        if fields.preset() == TAUGHT:
            pupil = visit.shipped("original")
            if isinstance(pupil, CheckpointError):
                raise pupil
            session.teach(pupil, name, recipe=recipe, seed=seed, epochs=epochs, batches=batches)
        else:
            session.start(recipe, seed, name, epochs=epochs, batches=batches)
    except (RecipeError, LimitError, CheckpointError) as error:
        session.start_error = error
    else:
        set_pace()


def _pause() -> None:
    session = visit.session()
    if session.training is not None:
        session.scheduler.pause(session.training)


def _resume(**until: int) -> None:
    session = visit.session()
    if session.training is not None:
        session.scheduler.resume(session.training, **until)


def _step() -> None:
    """Train one epoch or one batch and pause: of the paused run, or of a new one."""
    by = {st.session_state.get("step-by", STEPS[0]): 1}
    if visit.session().training is not None:
        _resume(**by)
    else:
        start(**by)


def _once(act: Callable[[], None]) -> None:
    """Do what a button says, unless its press has just been taken.

    Where the page polls, Streamlit 1.67 may send a press twice: with the poll that comes between
    the click and its message, and with that message. So the buttons that would do something else
    the second time are held until the panel has been shown once more.
    """
    session = visit.session()
    if not session.pressed:
        session.pressed = True
        act()


def _is_held(session: Session) -> bool:
    """Whether the buttons stay disabled in this run of the panel; only where it polls."""
    return session.pressed and bool(session.runs.live())


def _stop() -> None:
    session = visit.session()
    session.end(session.runs.controlled())


def _status(run: Snapshot | None) -> tuple[str, ...]:
    """What the run is doing, in words: a headline, then figures."""
    session = visit.session()
    controlled = session.runs.controlled()
    if controlled is not None and controlled.lost:
        told = i18n.LOST_CONTINUE if controlled.can_continue else i18n.LOST
        return (i18n.STOPPED_BY_ITSELF, told)
    if run is None:
        return (i18n.IDLE_STATUS,)
    headline = i18n.say("EPOCH_OF", done=run.epoch, epochs=run.recipe.epochs)
    figures = sentences.accuracies(run) if run.points else ""
    if run.state is State.FAILED:
        why = sentences.complaint(run.error) if run.error else i18n.FAILED
        return (i18n.STOPPED_BY_ITSELF, why)
    if run.test is not None:
        return (sentences.done(run), sentences.tested(run.test), figures)
    if session.training is None:
        return (f"{headline}, {i18n.STOPPED}", figures)
    if run.state is State.PAUSED:
        return (f"{headline}, {i18n.PAUSED}", figures, i18n.say("STEPS_TAKEN", step=run.step))
    if run.waiting:
        why = i18n.WAITING if run.drawings is None else i18n.TEACH_WAITING
        return (headline, why, figures)
    left = sentences.time_left(run.seconds_left)
    return (headline, figures or i18n.STARTING, left, sentences.sharing(run))


def _curves(run: Snapshot | None) -> None:
    recipe = run.recipe if run else visit.session().recipe or next(iter(PRESETS.values()))
    for quantity, title in (("loss", i18n.LOSS), ("accuracy", i18n.ACCURACY)):
        st.html(elements.heading(title))
        rows, spec = charts.small_curves(run, quantity, epochs=recipe.epochs, theme=visit.theme())
        st.vega_lite_chart(rows, spec, key=f"curve-{quantity}", theme=None, alt=title)
    st.html(elements.legend())
    if recipe.validation == 0:
        st.caption(i18n.NO_VALIDATION)


def _switch_reader(run: Snapshot | None) -> None:
    """One press between the network that was trained here and the shipped one."""
    if run is None or run.network is None:
        return
    session = visit.session()
    controlled = session.runs.controlled()
    if controlled is not None and controlled.room:  # there is no slate to read
        return
    yours = (session.reader_wanted or session.reader) == YOURS
    label = i18n.BACK_TO_SHIPPED if yours else i18n.READ_WITH_YOURS
    name = visit.SHIPPED[0] if yours else YOURS
    _button(
        label,
        "reader-switch",
        partial(_once, partial(session.read_with, name)),
        disabled=_is_held(session),
    )
