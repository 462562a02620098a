"""What the drawing was meant to be: the visitor says so, or writes what the page asks for."""

from __future__ import annotations

import random

import numpy as np
import streamlit as st

from nn import Found, Reading
from nn.mnist import CLASSES
from ui import i18n
from ui.hand import Pixels
from ui.session import Session
from ui.view import elements

from . import slate, visit
from .pressable import pressable


def say(found: Found | None, reading: Reading) -> None:
    """Ten keys below the verdict: one press puts the drawing into the visitor's hand."""
    session = visit.session()
    image = _image(found)
    known = None if image is None else session.hand.find(image)
    free = image is not None and (known is not None or not session.hand.full)
    with st.container(key="was"):
        keys = elements.digit_buttons(
            "was",
            i18n.THAT_WAS if known is None else i18n.IN_YOUR_HAND,
            -1 if known is None else known.label,
            likely=reading.digit if known is None else None,
            disabled=not free or bool(session.hand.asked),
        )
        pressable(keys, key="was-keys", on_press=_take)


def ask() -> None:
    """Below the slate, while the page asks for digits: go on to the next, or stop."""
    hand = visit.session().hand
    with st.container(key="asked"):
        if hand.asked:
            left = len(hand.asked) - 1
            pressable(elements.write_buttons(hand.asked[0], left), key="write", on_press=_write)


def begin() -> None:
    """Ask for each digit once, in random order."""
    session = visit.session()
    session.hand.asked = tuple(random.sample(range(CLASSES), CLASSES))
    session.slate.put([])
    session.photo.found = None
    session.to_slate = True


def _take(pressed: str) -> None:
    """ "was-7": the drawing is a 7."""
    session, digit = visit.session(), pressed.removeprefix("was-")
    image = _image(session.reads)
    if image is not None and digit in map(str, range(CLASSES)):
        session.hand.add(image, int(digit))


def _write(pressed: str) -> None:
    """ "write-4": the 4 is written, or left out where the slate is blank; or "stop"."""
    session = visit.session()
    hand = session.hand
    if pressed == "stop":
        hand.asked = ()
    elif hand.asked and pressed == f"write-{hand.asked[0]}":  # a press may arrive twice
        image = _image(slate.present())
        if image is not None:
            hand.add(image, hand.asked[0])
        hand.asked = hand.asked[1:]
        session.slate.put([])


def _image(found: Found | None) -> Pixels | None:
    """The pixels of a single digit; None for a blank slate, and for several."""
    if found is None or len(found.digits) != 1:
        return None
    image: Pixels = np.rint(found.digits[0].input * 255).astype(np.uint8)
    return image


def taught_name(session: Session) -> str:
    """The name of a network that is taught: "Best, taught"."""
    name = visit.reader_name(session.reader) if session.reader else ""
    return i18n.say("TAUGHT", reader=name)
