"""What is said of the training beside its settings: the preset's story, then what its curves show.

A hint stands where the story stood, in a place of fixed size, with a button that mends.
"""

from __future__ import annotations

import streamlit as st

from nn import RecipeError
from ui import figures, session, texts
from ui.scheduler.limits import LimitError
from ui.scheduler.snapshot import Snapshot

from . import hints, knobs, words
from .hints import Hint
from .presets import PRESETS


def show(run: Snapshot | None) -> None:
    """The story of the chosen preset, or the most urgent hint of a training with its mend."""
    hint = hints.hint(run) if run is not None else None
    with st.container(key="advice"):
        if hint is None or run is None:
            st.html(figures.small(_story(st.session_state["recipe-name"])))
            return
        sentence, mend = words.hint(hint)
        st.html(figures.hint(sentence))
        st.button(mend, key="mend", on_click=_mend, args=(hint, hint.live(run)))


def _story(name: str) -> str:
    recipe = knobs.base(name)
    if recipe == PRESETS[name]:
        return str(texts.STORIES[name])
    return texts.say("STORY_CHANGED", recipe=words.recipe(recipe))


def _mend(hint: Hint, live: bool) -> None:
    """Change the running training, or start a new one in its place, with the same seed."""
    run = session.runs().now()
    if run is None:
        return
    st.session_state["start-error"] = None
    try:
        recipe = hint.mended(run.recipe)
        if live:
            session.change(recipe)
            knobs.show(recipe, run.seed)
            return
        session.end()
        knobs.show(recipe, run.seed)
        session.start(recipe, run.seed, texts.say("MENDED", run=run.name))
    except (RecipeError, LimitError) as error:
        st.session_state["start-error"] = words.refusal(error)
