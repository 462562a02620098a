"""The panel "Through time": the drawing read by the network as it was, from its start to now."""

from __future__ import annotations

import time
from pathlib import Path

import streamlit as st

from ui import figures, session, texts
from ui.scheduler.snapshot import Moment, Snapshot, State
from ui.view import View

from .frames import Film

FILM_SECONDS = (
    2.0  # between two new pictures while it trains: each takes some 100 kB to the browser
)

_component = st.components.v2.component(
    "training_film",
    html='<div class="film"></div>',
    js=(Path(__file__).parent / "film.js").read_text("utf-8"),
    isolate_styles=False,
)


def show(view: View) -> None:
    """A slider over the moments; the ten bars and the first layer's units at that moment."""
    run, name = view.run, session.runs().current
    if run is None or name is None or len(run.moments) < 2:
        st.html(figures.small(texts.NO_MOMENTS))
        return
    moments = _moments(run, name)
    film: Film = st.session_state["film"]
    film.show(moments, None if view.steps is None else view.steps.input)
    best = run.best_epoch
    nearest = min(range(len(moments)), key=lambda at: abs(moments[at].epoch - (best or 0)))
    _component(
        key="film",
        data={
            "run": name,
            "frames": [film.frames[moment.step] for moment in moments],
            "units": list(film.units),
            "picture": film.picture,
            "best": None if best is None else nearest,
            "words": _words(best),
        },
    )


def _moments(run: Snapshot, name: str) -> tuple[Moment, ...]:
    """The moments to show; while it trains, new ones are taken every now and then."""
    state, now = st.session_state, time.monotonic()
    if "film" not in state or state["film"].run != name:
        state["film"], state["film-moments"], state["film-due"] = Film(name), run.moments, 0.0
    if run.state is not State.RUNNING or now >= state["film-due"]:
        state["film-moments"], state["film-due"] = run.moments, now + FILM_SECONDS
    moments: tuple[Moment, ...] = state["film-moments"]
    return moments


def _words(best: int | None) -> dict[str, str]:
    return {
        "play": texts.FILM_PLAY,
        "pause": texts.FILM_PAUSE,
        "moment": texts.FILM_MOMENT,
        "best": "" if best is None else texts.say("FILM_BEST", epoch=best),
        "place": texts.FILM_PLACE,
        "says": texts.FILM_SAYS,
        "blank": texts.FILM_BLANK,
        "units": texts.FILM_UNITS,
        "alt": texts.FILM_ALT,
        "point": texts.DECIMAL,
    }
