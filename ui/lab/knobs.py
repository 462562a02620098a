"""The settings of a training: a preset with its story, and its main numbers as fields.

Those that may change live stay open while it trains. What a preset starts from can be replaced: by
a link, by a hint's mend, or by the run that the panel controls.
"""

from __future__ import annotations

from typing import Any

import streamlit as st

from nn import Recipe, RecipeError
from nn.optimizers import OPTIMIZERS
from nn.recipes import LIVE_FIELDS
from ui import figures, language, session, texts

from . import links
from .hints import can_drop
from .links import Settings
from .presets import PRESETS

ALL = 0  # batch size: as many as there are
BATCH_SIZES = (32, 64, 128, 256, 512, 1024)
FIELDS = ("hidden", "epochs", "samples", "learning_rate", "dropout", "batch_size", "optimizer")


def settings() -> None:
    """Let the visitor choose a preset and change its numbers."""
    _follow_link()
    _show_wanted()
    live = session.training_is_live()
    names = list(PRESETS)
    st.session_state.setdefault("recipe-name", names[0])
    st.session_state.setdefault("seed", 0)
    name = language.selectbox(
        texts.RECIPE,
        names,
        format_func=texts.PRESETS.__getitem__,
        key="recipe-name",
        disabled=live,
        label_visibility="collapsed",
    )
    _fill(name, base(name))
    _fields(name, live=live)
    try:
        st.session_state["recipe"] = chosen()
        st.session_state["recipe-error"] = None
    except RecipeError as error:
        st.session_state["recipe-error"] = texts.complaint(error)


def base(name: str) -> Recipe:
    """What a preset starts from for this visitor."""
    bases: dict[str, Recipe] = st.session_state.setdefault("bases", {})
    return bases.get(name, PRESETS[name])


def chosen() -> Recipe:
    """The recipe as the fields have it at this moment; raises RecipeError where it is none."""
    name = st.session_state["recipe-name"]
    return base(name).replace(**{field: _value(field, name) for field in FIELDS})


def chosen_live(recipe: Recipe) -> Recipe:
    """A running recipe with what the fields say of its live settings."""
    name = st.session_state["recipe-name"]
    return recipe.replace(
        **{field: _value(field, name) for field in FIELDS if field in LIVE_FIELDS}
    )


def seed() -> int:
    """The random seed in its field."""
    return int(st.session_state.get("seed") or 0)


def show(recipe: Recipe, random_seed: int) -> None:
    """Put a recipe into the fields, in the page's next full run: what the browser tells of them
    meanwhile is older.
    """
    st.session_state["knobs-wanted"] = (recipe, random_seed)


def rerun_if_wanted() -> None:
    """In a fragment, which the fields are outside of: they are to show another recipe."""
    if "knobs-wanted" in st.session_state:
        st.rerun()


def _show_wanted() -> None:
    recipe, random_seed = st.session_state.pop("knobs-wanted", (None, 0))
    if recipe is None:
        return
    name = recipe.name if recipe.name in PRESETS else next(iter(PRESETS))
    st.session_state["recipe-name"] = name
    st.session_state["seed"] = random_seed
    st.session_state.setdefault("bases", {})[name] = recipe
    _fill(name, recipe, again=True)


def _fill(name: str, recipe: Recipe, *, again: bool = False) -> None:
    """Give the fields of a preset their values, where they are not shown yet, or `again`."""
    for field in FIELDS:
        key, value = f"{field}-{name}", getattr(recipe, field)
        if field == "hidden":
            value = ", ".join(str(units) for units in value)
        if field == "batch_size" and value is None:
            value = ALL
        if again or key not in st.session_state:
            st.session_state[key] = value


def _fields(name: str, *, live: bool) -> None:
    """Three rows of fields; a key a preset: choosing another shows that one's own numbers."""
    recipe, run = base(name), session.kept()
    first = st.columns([11, 8, 11], gap="xsmall", wrap=False)
    first[0].text_input(
        texts.HIDDEN, **_held(f"hidden-{name}"), help=texts.HIDDEN_HELP, disabled=live
    )
    first[1].number_input(texts.EPOCHS, **_held(f"epochs-{name}"), step=1, disabled=live)
    first[2].number_input(
        texts.SEED, **_held("seed"), min_value=0, step=1, help=texts.SEED_HELP, disabled=live
    )
    second = st.columns([11, 8, 11], gap="xsmall", wrap=False)
    second[0].number_input(
        texts.USED, **_held(f"samples-{name}"), step=1000, help=texts.USED_HELP, disabled=live
    )
    second[1].number_input(
        texts.DROPOUT,
        **_held(f"dropout-{name}"),
        step=0.1,
        format="%g",
        disabled=live and run is not None and not can_drop(run),
        on_change=_change,
    )
    with second[2]:
        language.selectbox(
            texts.BATCH_SIZE,
            [*sorted({*BATCH_SIZES, recipe.batch_size or BATCH_SIZES[0]}), ALL],
            format_func=lambda size: str(size or texts.FULL_BATCH),
            key=f"batch_size-{name}",
            on_change=_change,
        )
    with st.container(key="rates"):
        _rates(name, recipe)


def _rates(name: str, recipe: Recipe) -> None:
    """How large the steps are, and what takes them."""
    pair = st.columns(2, gap="xsmall", wrap=False)
    pair[0].number_input(
        texts.LEARNING_RATE,
        **_held(f"learning_rate-{name}"),
        step=recipe.learning_rate / 2,
        format="%g",
        help=texts.LEARNING_RATE_HELP,
        on_change=_change,
    )
    with pair[1]:
        language.selectbox(
            texts.OPTIMIZER,
            list(OPTIMIZERS),
            format_func=texts.OPTIMIZERS.__getitem__,
            key=f"optimizer-{name}",
            on_change=_change,
        )


def _held(key: str) -> dict[str, Any]:
    """A field's key, and the value that it holds as its default, too.

    A browser that misses a run, as the next one follows at once, would else show a new field with
    what Streamlit begins with: 0.
    """
    return {"key": key, "value": st.session_state[key]}


def _change() -> None:
    """Take a setting that was changed while it trains."""
    run = session.runs().now()
    if run is None or not run.live:
        return
    try:
        session.change(chosen_live(run.recipe))
        st.session_state["start-error"] = None
    except RecipeError as error:
        st.session_state["start-error"] = texts.complaint(error)


def _follow_link() -> None:
    """At a visitor's first look: take the settings that the page's address carries."""
    if "link-followed" in st.session_state:
        return
    st.session_state["link-followed"] = True
    try:
        told = links.from_query(st.query_params.to_dict(), PRESETS)
    except RecipeError as error:
        st.session_state["start-error"] = texts.say("LINK_WRONG", error=texts.complaint(error))
        return
    if told is not None:
        show(told.recipe, told.seed)


def link() -> None:
    """The address that carries these settings, behind a button."""
    recipe = st.session_state.get("recipe")
    if recipe is None or st.session_state.get("recipe-error"):
        return
    with st.popover(texts.LINK, icon=":material/link:", width="stretch", key="link"):
        st.html(figures.small(texts.LINK_HELP))
        told = Settings(st.session_state["recipe-name"], recipe, seed())
        st.code(links.address(st.context.url or "", told, PRESETS), language=None, wrap_lines=True)


def _value(field: str, name: str) -> Any:
    """What a preset's field says, as the recipe has it; raises RecipeError where it is none."""
    value = st.session_state[f"{field}-{name}"]
    if field == "hidden":
        return _units(value)
    return (value or None) if field == "batch_size" else value


def _units(text: str) -> tuple[int, ...]:
    """ "512, 256" as numbers; raises RecipeError where it is something else."""
    try:
        return tuple(int(part) for part in text.replace(",", " ").split())
    except ValueError:
        raise RecipeError(texts.HIDDEN_WRONG.format(text=text)) from None
