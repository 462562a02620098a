"""The sidebar's fields: a preset and its main numbers, which make a recipe.

What may change during training stays open. A preset can start from another recipe than its own:
that of a link, of a hint's fix, or of the run that the sidebar controls.
"""

from __future__ import annotations

from typing import Any

import streamlit as st

from nn import Recipe, RecipeError
from nn.optimizers import OPTIMIZERS
from nn.recipes import LIVE_FIELDS, check_seed
from ui import i18n, links
from ui.hints import can_drop
from ui.links import Settings
from ui.presets import PRESETS, TAUGHT
from ui.view import elements

from . import language, visit

FULL_BATCH = 0  # in the field for the batch size
BATCH_SIZES = (32, 64, 128, 256, 512, 1024)
FIELDS = (
    *("filters", "kernel_size", "hidden", "epochs", "patience", "samples"),
    *("learning_rate", "dropout", "batch_size", "optimizer"),
)
LISTS = ("filters", "hidden")  # fields of the recipe with one number per layer
WHOLE = ("kernel_size", "epochs", "samples", "patience")
FRACTIONS = ("learning_rate", "dropout")


def show() -> None:
    """Let the visitor choose a preset and change its numbers; the session keeps the recipe."""
    session = visit.session()
    _follow_link()
    live = session.training is not None
    session.preset = language.selectbox(
        i18n.RECIPE,
        list(PRESETS),
        key=_key("recipe-name"),
        first=session.preset,
        format_func=i18n.PRESETS.__getitem__,
        disabled=live,
        label_visibility="collapsed",
    )
    _fields(session.preset, live=live)
    try:
        session.recipe, session.recipe_error = chosen(), None
        seed()
    except RecipeError as error:
        session.recipe_error = error


def _key(name: str) -> str:
    """A field's key: another one each time the page itself fills in the fields."""
    form = visit.session().recipe_form
    return f"{name}-{form}" if form else name


def _fields(preset: str, *, live: bool) -> None:
    """Rows of fields, with keys of their own per preset: each shows its own numbers."""
    session = visit.session()
    recipe, run = session.base(preset), session.snapshot

    def field(name: str) -> dict[str, Any]:
        return {"key": _key(f"{name}-{preset}"), "value": getattr(recipe, name)}

    def numbers(name: str) -> dict[str, Any]:
        return {**field(name), "value": ", ".join(str(number) for number in getattr(recipe, name))}

    if recipe.filters or PRESETS[preset].filters:
        pair = st.columns(2, gap="xsmall", wrap=False)
        pair[0].text_input(
            i18n.FIELDS["filters"], **numbers("filters"), help=i18n.FILTERS_HELP, disabled=live
        )
        with pair[1]:
            language.number_field(
                i18n.FIELDS["kernel_size"],
                **field("kernel_size"),
                help=i18n.KERNEL_SIZE_HELP,
                disabled=live,
            )
    first = st.columns([11, 8, 11], gap="xsmall", wrap=False)
    fixed = live or preset == TAUGHT  # Original has its own
    first[0].text_input(i18n.HIDDEN, **numbers("hidden"), help=i18n.HIDDEN_HELP, disabled=fixed)
    with first[1]:
        language.number_field(i18n.EPOCHS, **field("epochs"), disabled=live)
    with first[2]:
        language.number_field(
            i18n.SEED, session.seed, key=_key("seed"), help=i18n.SEED_HELP, disabled=live
        )
    second = st.columns([11, 8, 11], gap="xsmall", wrap=False)
    with second[0]:
        language.number_field(i18n.USED, **field("samples"), help=i18n.USED_HELP, disabled=live)
    with second[1]:
        language.number_field(
            i18n.DROPOUT,
            **field("dropout"),
            disabled=live and run is not None and not can_drop(run),
            on_change=_change,
        )
    with second[2]:
        size = recipe.batch_size or FULL_BATCH
        language.selectbox(
            i18n.BATCH_SIZE,
            [*sorted({*BATCH_SIZES, size} - {FULL_BATCH}), FULL_BATCH],
            key=_key(f"batch_size-{preset}"),
            first=size,
            format_func=lambda size: str(size or i18n.FULL_BATCH),
            on_change=_change,
        )
    with st.container(key="rates"):
        pair = st.columns(2, gap="xsmall", wrap=False)
        with pair[0]:
            language.number_field(
                i18n.LEARNING_RATE,
                **field("learning_rate"),
                help=i18n.LEARNING_RATE_HELP,
                on_change=_change,
            )
        with pair[1]:
            language.selectbox(
                i18n.OPTIMIZER,
                list(OPTIMIZERS),
                key=_key(f"optimizer-{preset}"),
                first=recipe.optimizer,
                format_func=i18n.OPTIMIZERS.__getitem__,
                on_change=_change,
            )


def early_stopping() -> None:
    """The field for the patience, behind a button that tells its value."""
    session = visit.session()
    recipe, key = session.base(session.preset), _key(f"patience-{session.preset}")
    patience, name = st.session_state.get(key, str(recipe.patience)), i18n.FIELDS["patience"]
    label = i18n.EARLY_STOPPING if patience == "0" else f"{name}: {i18n.plain(patience)}"
    with st.popover(label, type="tertiary", key="early-stopping"):
        language.number_field(name, recipe.patience, key=key, disabled=session.training is not None)
        st.html(elements.small(i18n.PATIENCE_HELP))


def chosen(base: Recipe | None = None, *, only: frozenset[str] = frozenset(FIELDS)) -> Recipe:
    """The recipe that the fields say now; raises RecipeError where it is none.

    What was typed a moment ago is in the widgets, though no run of the page has seen it yet; and
    what the page itself has just filled in is not in them, until its next full run.

    Parameters
    ----------
    base : whose other fields it has; by default what the preset starts from
    only : the fields that count
    """
    state, chosen_preset = st.session_state, preset()
    keys = {name: _key(f"{name}-{chosen_preset}") for name in FIELDS if name in only}
    values = {name: state[key] for name, key in keys.items() if key in state}
    values |= {name: _numbers(name, values[name]) for name in LISTS if name in values}
    values |= {name: _number(name, values[name]) for name in WHOLE + FRACTIONS if name in values}
    if "batch_size" in values:
        values["batch_size"] = values["batch_size"] or None
    return (base or visit.session().base(chosen_preset)).replace(**values)


def preset() -> str:
    """The preset that is chosen now."""
    return str(st.session_state.get(_key("recipe-name"), visit.session().preset))


def seed() -> int:
    """The random seed in its field; raises RecipeError where it is none."""
    session = visit.session()
    if (text := st.session_state.get(_key("seed"))) is not None:
        session.seed = check_seed(_number("seed", text))
    return session.seed


def link() -> None:
    """The address that carries these settings, behind a button."""
    session = visit.session()
    if session.recipe is None or session.recipe_error:
        return
    with st.popover(i18n.LINK, icon=":material/link:", width="stretch", key="link"):
        st.html(elements.small(i18n.LINK_HELP))
        settings = Settings(session.preset, session.recipe, seed())
        address = links.address(st.context.url or "", settings, PRESETS)
        st.code(address, language=None, wrap_lines=True)


def _change() -> None:
    """Take a setting that was changed during training."""
    session = visit.session()
    run = session.runs.controlled()
    if run is None or run.training is None:
        return
    try:
        session.scheduler.change(run.training, chosen(run.recipe, only=LIVE_FIELDS))
        session.start_error = session.link_error = None
    except RecipeError as error:
        session.start_error = error


def _follow_link() -> None:
    """At a visitor's first run: take the settings that the page's address carries."""
    session = visit.session()
    if session.link_followed:
        return
    session.link_followed = True
    try:
        settings = links.from_query(st.query_params.to_dict(), PRESETS)
    except RecipeError as error:
        session.link_error = error
        return
    if settings is not None:
        session.fill_in(settings.recipe, settings.seed)
        session.preset = settings.preset
        session.stale = False  # this run shows them


def _numbers(name: str, text: str) -> tuple[int, ...]:
    """A field's "512, 256" as numbers; raises RecipeError where it is something else."""
    try:
        return tuple(int(part) for part in text.replace(",", " ").split())
    except ValueError:
        complaint = i18n.say("NUMBERS_WRONG", field=i18n.FIELDS[name], text=text)
        raise RecipeError(complaint) from None


def _number(name: str, text: str) -> float:
    """A field's "0.02", or on a German page "0,02"; raises RecipeError where it is no number."""
    try:
        number = i18n.parse_number(text)
    except ValueError:
        label, example = i18n.FIELDS[name], i18n.exact(0.02 if name in FRACTIONS else 10)
        complaint = i18n.say("NUMBER_WRONG", field=label, example=example, text=text[:40])
        raise RecipeError(complaint) from None
    return int(number) if name not in FRACTIONS and number.is_integer() else number
