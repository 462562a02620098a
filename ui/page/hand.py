"""What the drawing was meant to be: the visitor says so, or writes what the page asks for."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import streamlit as st

from nn import Found, Preprocessing, Reading
from nn.mnist import CLASSES
from ui import i18n
from ui.hand import Pixels
from ui.session import Session
from ui.view import elements

from . import visit
from .pressable import pressable

DIGITS = tuple(map(str, range(CLASSES)))


def keys(found: Found | None, reading: Reading, present: Callable[[], Found | None]) -> None:
    """Ten keys below the verdict: one press puts the drawing into the visitor's hand.

    Parameters
    ----------
    found, reading : what is shown
    present : returns what there is at the time of a press, such as a stroke later
    """
    session = visit.session()
    image = _image(found)
    known = None if image is None else session.hand.find(image)
    free = image is not None and (known is not None or not session.hand.full)
    with st.container(key="was"):
        buttons = elements.digit_buttons(
            "was",
            i18n.THAT_WAS if known is None else i18n.IN_YOUR_HAND,
            -1 if known is None else known.label,
            likely=reading.digit if known is None else None,
            disabled=not free or bool(session.hand.asked),
        )
        pressable(
            buttons,
            key="was-keys",
            on_press=lambda pressed: label(session, present(), pressed),
        )


def ask(present: Callable[[], Found | None]) -> None:
    """Below the slate, while the page asks for digits: go on to the next, or stop.

    Parameters
    ----------
    present : returns what is on the slate at the time of a press
    """
    session = visit.session()
    asked = session.hand.asked
    with st.container(key="asked"):
        if asked:
            buttons = elements.write_buttons(asked[0], len(asked) - 1)
            pressable(
                buttons,
                key="write",
                on_press=lambda pressed: go_on(session, present(), pressed),
            )


def begin() -> None:
    """Ask for each digit once, in random order."""
    session = visit.session()
    session.hand.asked = tuple(random.sample(range(CLASSES), CLASSES))
    session.slate.put([])
    session.photo.found = None
    session.to_slate = True


def label(session: Session, found: Found | None, pressed: str) -> None:
    """ "was-7" was pressed: the drawing is a 7."""
    image, digit = _image(found), pressed.removeprefix("was-")
    if image is not None and digit in DIGITS:
        session.hand.add(image, int(digit))


def go_on(session: Session, found: Found | None, pressed: str) -> None:
    """ "write-4" was pressed: the 4 is written, or left out where nothing is found; or "stop"."""
    hand = session.hand
    if pressed == "stop":
        hand.asked = ()
    elif hand.asked and pressed == f"write-{hand.asked[0]}":  # a press may arrive twice
        if found is not None:  # one digit, though its strokes may stand apart
            hand.add(_pixels(found.whole), hand.asked[0])
        hand.asked = hand.asked[1:]
        session.slate.put([])


def _image(found: Found | None) -> Pixels | None:
    """The pixels of a single digit; None for a blank slate, and for several."""
    if found is None or len(found.digits) != 1:
        return None
    return _pixels(found.digits[0])


def _pixels(digit: Preprocessing) -> Pixels:
    image: Pixels = np.rint(digit.input * 255).astype(np.uint8)
    return image


def taught_name(session: Session) -> str:
    """What the network that reads is called when it is taught: "Best, taught"."""
    run = visit.reader_run(session.reader)
    if run is not None and run.taught:
        return run.name
    return i18n.say("TAUGHT", reader=run.name if run else i18n.READERS[session.reader])
