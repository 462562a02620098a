"""The panel "Your hand": the visitor's drawings, teaching by them, and what that has changed."""

from __future__ import annotations

from functools import partial

import streamlit as st

from nn import Dataset, Evaluation, Network, RecipeError
from nn.drawing.reading import read_images
from nn.teach import doubted
from ui import hand, i18n
from ui.hand import Hand
from ui.page import download, sidebar
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
    where = i18n.HAND_WHERE if session.store is None else i18n.HAND_WHERE_KEPT
    st.html(elements.small(where))
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
        st.html(elements.small(i18n.HAND_FULL if session.hand.full else count))


def _teach(session: Session) -> None:
    session.teach_error = None
    if session.network is None or session.training is not None:  # the press came twice
        return
    try:
        session.teach(session.network, asking.taught_name(session))
        sidebar.set_pace()
    except (LimitError, RecipeError) as error:
        session.teach_error = error


def _drawings(session: Session, network: Network | None) -> None:
    """The tiles, and what can be done with the chosen one; without a network, as they are."""
    drawings = session.hand
    make_opinion = partial(_opinion, drawings, network)
    opinion = session.once("hand-opinion", network, drawings.version, make=make_opinion)
    said, in_doubt = opinion
    make = partial(tiles.tiles, drawings, drawings.chosen, said=said, doubted=in_doubt)
    shown = (drawings.version, drawings.chosen, i18n.language())
    html = session.once("hand-tiles", shown, opinion, make=make)
    pressable(html, key="hand-tiles", on_press=partial(choose, drawings))
    with st.container(key="hand-chosen"):
        chosen = drawings.get(drawings.chosen)
        if chosen is not None:
            buttons = tiles.chosen_buttons(chosen)
            pressable(buttons, key="hand-label", on_press=partial(change, drawings, chosen.number))
        else:
            st.html(elements.small(i18n.HAND_DOUBTED if in_doubt else i18n.HAND_HOW))


def _opinion(
    drawings: Hand, network: Network | None
) -> tuple[dict[int, int | None], frozenset[int]]:
    """By the drawings' numbers: what a network reads in them, and which labels it would doubt."""
    if network is None:
        return {}, frozenset()
    data, numbers = hand.dataset(drawings), [drawing.number for drawing in drawings]
    said = dict(zip(numbers, _reads(network, data), strict=True))
    doubts = zip(numbers, doubted(network, data), strict=True)
    in_doubt = {number for number, doubt in doubts if doubt}
    return said, frozenset(in_doubt if len(in_doubt) < len(numbers) else ())


def choose(drawings: Hand, pressed: str) -> None:
    """ "drawing-12" was pressed: it is the one to change; with "drawing-0", none is."""
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
    """The run that was taught: the one that reads, or else the latest that is done."""
    done = [run for run in session.runs if run.taught and not run.live and run.network]
    reads = [run for run in done if run.network is session.network]
    return next(reversed([*done, *reads]), None)


def _before_and_after(session: Session, run: Run) -> None:
    """Both networks on what was drawn since, and on MNIST; nothing it learned from is a test."""
    snapshot = run.snapshot
    if snapshot is None or snapshot.network is None or snapshot.drawings is None:
        return
    known = {image.tobytes() for image in snapshot.drawings.images}
    after = session.hand.after(run.last_drawing)
    new = hand.dataset(each for each in after if each.image.tobytes() not in known)
    scores: list[tiles.Scores] = []
    for name, network in ((i18n.HAND_BEFORE, run.before), (run.name, snapshot.network)):
        if network is not None:
            made_from = (network, session.hand.version, run.id)
            make = partial(_right, network, new)
            right = session.once(f"hand-new-{len(scores)}", *made_from, make=make)
            errors = _errors(session, run) if network is run.before else snapshot.test
            scores.append(tiles.Scores(name, right, None if errors is None else errors.errors))
    st.html(elements.heading(i18n.HAND_AFTER) + tiles.before_and_after(scores, len(new)))
    make = partial(_right, snapshot.network, snapshot.drawings)
    right = session.once("hand-learned", snapshot.network, snapshot.drawings, make=make)
    count = len(snapshot.drawings)
    st.html(elements.small(i18n.say("HAND_LEARNED", right=right, count=count)))
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


def _errors(session: Session, run: Run) -> Evaluation | None:
    """How the network before does on MNIST's test set; computed where no run has tested it."""
    if run.before is None or run.before_test is not None:
        return run.before_test
    wait = not session.runs.live()
    done, answers = session.scheduler.compute("answers", run.before, mistakes.answers, wait=wait)
    return Evaluation(0.0, answers.confusion) if done and answers is not None else None


def _right(network: Network, drawings: Dataset) -> int:
    """How many drawings a network reads as they are labelled."""
    said = _reads(network, drawings)
    return sum(digit == label for digit, label in zip(said, drawings.labels.tolist(), strict=True))


def _reads(network: Network, drawings: Dataset) -> list[int | None]:
    """What a network reads in each drawing; None where it refuses."""
    digits = read_images(network, drawings.images).tolist()
    return [digit if digit >= 0 else None for digit in digits]
