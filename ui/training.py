"""The sidebar panel: which training, its controls, its progress in words and in curves."""

from __future__ import annotations

import streamlit as st

from nn import RECIPES, Recipe, RecipeError
from nn.optimizers import OPTIMIZERS

from . import charts, figures, language, session, texts
from .learners import MAX_LEARNERS, FullError, LimitError
from .snapshot import Snapshot, State

ALL = 0  # batch size: as many as there are
BATCH_SIZES = (32, 64, 128, 256, 512, 1024, ALL)
DEFAULT_RECIPE = "adam"


def settings() -> None:
    """Let the visitor choose a recipe and change its main numbers; fixed while it trains."""
    live = session.training_is_live()
    st.html(figures.heading(texts.TRAINING))
    names = list(RECIPES)
    name = language.selectbox(
        texts.RECIPE,
        names,
        index=names.index(DEFAULT_RECIPE),
        format_func=lambda name: texts.RECIPES.get(name, name),
        key="recipe-name",
        disabled=live,
        label_visibility="collapsed",
    )
    recipe = RECIPES[name]
    # A key a recipe: choosing another shows that one's own numbers.
    left, right = st.columns(2, gap="small", wrap=False)
    left.text_input(
        texts.HIDDEN,
        ", ".join(str(units) for units in recipe.hidden),
        key=f"hidden-{name}",
        help=texts.HIDDEN_HELP,
        disabled=live,
    )
    right.number_input(
        texts.LEARNING_RATE,
        value=recipe.learning_rate,
        step=recipe.learning_rate / 2,
        format="%g",
        key=f"learning_rate-{name}",
        help=texts.LEARNING_RATE_HELP,
        on_change=_change,
    )
    with left:
        language.selectbox(
            texts.BATCH_SIZE,
            BATCH_SIZES,
            index=BATCH_SIZES.index(recipe.batch_size or ALL),
            format_func=lambda size: str(size or texts.FULL_BATCH),
            key=f"batch_size-{name}",
            disabled=live,
        )
    with right:
        language.selectbox(
            texts.OPTIMIZER,
            list(OPTIMIZERS),
            index=list(OPTIMIZERS).index(recipe.optimizer),
            format_func=texts.OPTIMIZERS.__getitem__,
            key=f"optimizer-{name}",
            disabled=live,
        )
    left.number_input(
        texts.EPOCHS, value=recipe.epochs, step=1, key=f"epochs-{name}", disabled=live
    )
    right.number_input(
        texts.SEED, min_value=0, value=0, step=1, key="seed", help=texts.SEED_HELP, disabled=live
    )
    try:
        st.session_state["recipe"] = _chosen()
        st.session_state["recipe-error"] = None
    except RecipeError as error:
        st.session_state["recipe-error"] = texts.complaint(error)


def _chosen() -> Recipe:
    """The recipe as the widgets have it at this moment; raises RecipeError where it is none."""
    name = st.session_state["recipe-name"]
    fields = ("hidden", "learning_rate", "batch_size", "optimizer", "epochs")
    values = {field: st.session_state[f"{field}-{name}"] for field in fields}
    values["hidden"] = _units(values["hidden"])
    values["batch_size"] = values["batch_size"] or None
    return RECIPES[name].replace(**values)


def panel() -> None:
    """Buttons, status and curves of the visitor's training; a fragment that looks by itself."""
    snapshot = session.look()
    session.rerun_if_polling_changed()
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


def strip() -> None:
    """The panel in one line, for phones, where the sidebar would cover the slate."""
    live = session.training_is_live()
    wrong = bool(st.session_state.get("recipe-error"))
    with st.container(key="strip"):
        st.html(figures.status(*_words(session.kept())[:2]))
        with st.container(horizontal=True):
            st.button(
                texts.TRAIN,
                key="strip-train",
                type="primary",
                width="stretch",
                disabled=live or wrong,
                on_click=_start,
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
            on_click=_start,
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


def _start(epochs_at_first: int | None = None) -> None:
    # What was typed a moment ago is in the widgets, but no run of the page has seen it yet.
    st.session_state["start-error"] = None
    try:
        session.start(_chosen(), st.session_state["seed"] or 0, epochs_at_first)
    except FullError:
        st.session_state["start-error"] = texts.TOO_MANY.format(limit=MAX_LEARNERS)
    except (RecipeError, LimitError) as error:
        st.session_state["start-error"] = texts.complaint(error)


def _change() -> None:
    """Take a learning rate that was changed while it trains."""
    try:
        session.change(_chosen())
        st.session_state["start-error"] = None
    except RecipeError as error:
        st.session_state["start-error"] = texts.complaint(error)


def _step() -> None:
    """Train one epoch and pause: of the paused training, or of a new one."""
    if session.training_is_live():
        session.resume(epochs=1)
    else:
        _start(epochs_at_first=1)


def _done(snapshot: Snapshot | None) -> float:
    return 0.0 if snapshot is None else min(snapshot.position / snapshot.recipe.epochs, 1.0)


def _words(snapshot: Snapshot | None) -> tuple[str, ...]:
    """The state in words: a headline, then figures."""
    if st.session_state.get("lost"):
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
        return (f"{headline}, {texts.PAUSED}", figures_)
    left = texts.time_left(snapshot.seconds_left)
    return (headline, figures_ or texts.STARTING, left, texts.sharing(snapshot.running))


def _curves(snapshot: Snapshot | None) -> None:
    recipe: Recipe | None = st.session_state.get("recipe")
    points = () if snapshot is None else snapshot.points
    epochs = snapshot.recipe.epochs if snapshot else recipe.epochs if recipe else 10
    for quantity, title in (("loss", texts.LOSS), ("accuracy", texts.ACCURACY)):
        st.html(figures.heading(title))
        first = getattr(points[0], quantity) if points else None
        st.vega_lite_chart(
            charts.curves_data(points, quantity),
            charts.curves_spec(quantity, epochs=epochs, first=first, theme=session.theme()),
            key=f"curve-{quantity}",
            theme=None,
            alt=title,
        )
    st.html(figures.legend())
    if (snapshot.recipe if snapshot else recipe or RECIPES[DEFAULT_RECIPE]).validation == 0:
        st.caption(texts.NO_VALIDATION)


def _choose_reader(snapshot: Snapshot | None) -> None:
    """One click between the network that was trained here and the shipped one."""
    if snapshot is None or snapshot.network is None:
        return
    reader = st.session_state.get("reader-wanted") or st.session_state.get("reader")
    yours = reader == session.YOURS
    label = texts.BACK_TO_SHIPPED if yours else texts.READ_WITH_YOURS
    name = session.SHIPPED[0] if yours else session.YOURS
    if st.button(
        label, key="reader-switch", width="stretch", on_click=session.read_with, args=(name,)
    ):
        st.rerun()  # the switch stands in the other fragment


def _units(text: str) -> tuple[int, ...]:
    """ "512, 256" as numbers; raises RecipeError where it is something else."""
    try:
        return tuple(int(part) for part in text.replace(",", " ").split())
    except ValueError:
        raise RecipeError(texts.HIDDEN_WRONG.format(text=text)) from None
