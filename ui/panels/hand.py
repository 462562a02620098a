"""The panel "Your hand": the visitor's drawings, teaching by them, and what that has changed."""

from __future__ import annotations

from functools import partial

import numpy as np
import streamlit as st

from nn import Dataset, Network, RecipeError
from nn.layers import scaled
from nn.teach import doubted
from ui import hand, i18n
from ui.hand import Hand
from ui.page import download
from ui.page import hand as asking
from ui.page.pressable import pressable
from ui.runs import Run
from ui.session import Session
from ui.training.limits import LimitError
from ui.view import elements, sentences
from ui.view import hand as tiles

from . import mistakes
from .view import View

FILE = "my-hand"


def show(view: View) -> None:
    """How to begin, the drawings, the files of them, and before and after."""
    session = view.session
    kept = "HAND_KEPT" if any(run.kept and run.taught for run in session.runs) else "HAND_WHERE"
    st.html(elements.small(i18n.say(kept)))
    _begin(session)
    if session.teach_error:
        st.warning(i18n.plain(sentences.complaint(session.teach_error)))
    if len(session.hand):
        _drawings(session, None if view.is_training else view.network)
        _files(session.hand)
    run = _taught(session)
    if run is not None:
        _before_and_after(session, run)


def _begin(session: Session) -> None:
    drawings, live = len(session.hand), session.training is not None
    with st.container(horizontal=True, vertical_alignment="center", key="hand-begin"):
        st.button(
            i18n.WRITE_EACH,
            key="write-each",
            icon=":material/draw:",
            disabled=bool(session.hand.asked) or session.hand.full,
            on_click=asking.begin,
        )
        st.button(
            i18n.TEACH,
            key="teach",
            type="primary",
            icon=":material/school:",
            help=i18n.TEACH_HELP,
            disabled=drawings == 0 or live or session.network is None,
            on_click=_teach,
            args=(session,),
        )
        count = i18n.say("HAND_COUNT", count=drawings) if drawings else i18n.HAND_EMPTY
        st.html(elements.small(count))


def _teach(session: Session) -> None:
    session.teach_error = None
    if session.network is None or session.training is not None:  # the press came twice
        return
    try:
        session.teach(session.network, asking.taught_name(session))
    except (LimitError, RecipeError) as error:
        session.teach_error = error


def _drawings(session: Session, network: Network | None) -> None:
    drawings = session.hand
    find = partial(_doubted, drawings, network)
    in_doubt = session.once("doubted", network, drawings.version, make=find)
    make = partial(tiles.tiles, list(drawings), drawings.chosen, in_doubt)
    version = (drawings.version, drawings.chosen)
    html = session.once("tiles", version, in_doubt, i18n.language(), make=make)
    pressable(html, key="hand-tiles", on_press=partial(choose, drawings))
    with st.container(key="hand-chosen"):
        chosen = drawings.get(drawings.chosen)
        if chosen is not None:
            buttons = tiles.chosen_buttons(chosen)
            pressable(buttons, key="hand-label", on_press=partial(change, drawings, chosen.number))
        else:
            words = "HAND_DOUBTED" if in_doubt else "HAND_HOW"
            st.html(elements.small(i18n.say(words)))


def _doubted(drawings: Hand, network: Network | None) -> frozenset[int]:
    """The numbers of the drawings whose labels the network would not believe."""
    if network is None:
        return frozenset()
    found = doubted(network, hand.dataset(drawings))
    numbers = [drawing.number for drawing, doubt in zip(drawings, found, strict=True) if doubt]
    return frozenset(numbers) if len(numbers) < len(drawings) else frozenset()


def choose(drawings: Hand, pressed: str) -> None:
    """ "drawing-12" was pressed: it is the one to change, or no longer."""
    number = pressed.removeprefix("drawing-")
    if number.isdecimal():
        drawings.chosen = int(number)


def change(drawings: Hand, number: int, pressed: str) -> None:
    """Relabel or delete a drawing."""
    chosen = drawings.get(number)
    if chosen is None:
        return
    if pressed == "delete":
        drawings.remove(number)
    elif pressed.removeprefix("label-") in asking.DIGITS:
        drawings.add(chosen.image, int(pressed.removeprefix("label-")))
    drawings.chosen = None


def _files(drawings: Hand) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="hand-downloads"):
        data = hand.dataset(drawings)
        for label, make, file in (
            (i18n.HAND_IMAGES, hand.idx_images, f"{FILE}-images-idx3-ubyte.gz"),
            (i18n.HAND_LABELS, hand.idx_labels, f"{FILE}-labels-idx1-ubyte.gz"),
            (i18n.HAND_SHEET, hand.sheet, f"{FILE}.png"),
        ):
            key = f"hand-{make.__name__.replace('_', '-')}"
            download.button(label, partial(make, data), file=file, key=key)
        st.button(
            i18n.HAND_CLEAR, key="hand-clear", icon=":material/delete:", on_click=drawings.clear
        )


def _taught(session: Session) -> Run | None:
    """The latest run that was taught, and is done."""
    done = [run for run in session.runs if run.taught and not run.live and run.network]
    return done[-1] if done else None


def _before_and_after(session: Session, run: Run) -> None:
    """Both networks on what was drawn since, and on MNIST; nothing it learned from is a test."""
    snapshot = run.snapshot
    if snapshot is None or snapshot.network is None or snapshot.drawings is None:
        return
    known = {image.tobytes() for image in snapshot.drawings.images}
    after = session.hand.after(run.last_drawing)
    drawings = hand.dataset(each for each in after if each.image.tobytes() not in known)
    scores = []
    for name, network in ((i18n.HAND_BEFORE, run.before), (run.name, snapshot.network)):
        if network is None:
            continue
        make = partial(_right, network, drawings)
        right = session.once(
            f"right-{len(scores)}", network, session.hand.version, run.id, make=make
        )
        errors = None if snapshot.test is None else snapshot.test.errors
        if network is run.before:
            done, answers = session.scheduler.compute(
                "answers", network, mistakes.answers, wait=not session.runs.live()
            )
            errors = len(answers.wrong()) if done and answers is not None else None
        scores.append(tiles.Scores(name, right, errors))
    st.html(elements.heading(i18n.HAND_AFTER) + tiles.before_and_after(scores, len(drawings)))
    learned = snapshot.drawings
    make = partial(_right, snapshot.network, learned)
    right = session.once("learned", snapshot.network, learned, make=make)
    st.html(elements.small(i18n.say("HAND_LEARNED", right=right, count=len(learned))))
    if session.store is not None:
        st.button(
            i18n.KEEP if run.kept is None else i18n.KEPT,
            key="hand-keep",
            help=i18n.HAND_KEEP_HELP,
            disabled=run.kept is not None,
            on_click=session.keep,
            args=(run,),
        )
        if session.store_error:
            st.warning(i18n.plain(session.store_error))


def _right(network: Network, drawings: Dataset) -> int:
    """How many drawings a network reads as they are labelled."""
    if not len(drawings):
        return 0
    said = network.predict_proba(scaled(drawings.images, network.params.dtype)).argmax(axis=1)
    return int(np.count_nonzero(said == drawings.labels))
