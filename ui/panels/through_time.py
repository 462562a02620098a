"""The panel "Through time": the drawing, read by the network as it was at each moment."""

from __future__ import annotations

import time

import streamlit as st

from ui import assets, i18n
from ui.training.snapshot import State
from ui.view import elements
from ui.view.film import Film

from .view import View

FILM_SECONDS = 2.0  # between two new pictures during training: each is some 100 kB

_component = st.components.v2.component(
    "training_film",
    html='<div class="film"></div>',
    js=assets.text("js/film.js"),
    isolate_styles=False,
)


def show(view: View) -> None:
    """A slider over the moments; the ten bars and the first layer's units at that moment."""
    run, session = view.run, view.session
    run_id = session.runs.current
    if run is None or run_id is None or len(run.moments) < 2:
        st.html(elements.small(i18n.NO_MOMENTS))
        return
    film, now = session.film, time.monotonic()
    if film is None or film.run != run_id:
        film = session.film = Film(run_id)
        session.film_due = 0.0
    if run.state is not State.RUNNING or now >= session.film_due:
        session.film_moments, session.film_due = run.moments, now + FILM_SECONDS
    moments, best = session.film_moments, run.best_epoch
    film.show(moments, None if view.steps is None else view.steps.input)
    nearest = min(range(len(moments)), key=lambda at: abs(moments[at].epoch - (best or 0)))
    _component(
        key="film",
        data={
            "run": run_id,
            "frames": [film.frames[moment.step] for moment in moments],
            "units": list(film.units),
            "picture": film.picture,
            "best": None if best is None else nearest,
            "words": _words(best, filters=film.filters),
        },
    )


def _words(best: int | None, *, filters: bool) -> dict[str, str]:
    return {
        "play": i18n.FILM_PLAY,
        "pause": i18n.FILM_PAUSE,
        "moment": i18n.FILM_MOMENT,
        "best": "" if best is None else i18n.say("FILM_BEST", epoch=best),
        "place": i18n.FILM_PLACE,
        "says": i18n.FILM_SAYS,
        "blank": i18n.FILM_BLANK,
        "units": i18n.FILM_FILTERS if filters else i18n.FILM_UNITS,
        "alt": i18n.FILM_FILTERS_ALT if filters else i18n.FILM_ALT,
        "point": i18n.DECIMAL,
    }
