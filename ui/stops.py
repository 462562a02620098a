"""The tour's seven stops, in the visitor's words: what the card in tour.js shows and does.

This module knows no page.
"""

from __future__ import annotations

import base64
import json
import tomllib
from collections.abc import Container
from pathlib import Path
from typing import Any

from . import texts

HERE = Path(__file__).parent
STOPS: list[dict[str, Any]] = tomllib.loads((HERE / "tour.toml").read_text("utf-8"))["stops"]
DIGITS = (HERE / "tour.png").read_bytes()  # the first twelve of MNIST's training set
# A crossed 7, on a canvas of 100 x 100: "original" reads a 2, "best" a 7.
SEVEN = ["M 26 20 L 72 20 L 38 84", "M 26 60 L 74 58"]


def stops(panels: Container[str]) -> list[dict[str, Any]]:
    """The stops in order: words, what to point at, what the button does.

    Parameters
    ----------
    panels : names of the panels that the page has
    """
    found = []
    for number, stop in enumerate(STOPS, 1):
        words = texts.TOUR_STOPS[stop["name"]]
        panel = stop.get("panel", "")
        tab = texts.say(panel) if panel in panels else ""
        found.append(
            {
                "place": texts.say("TOUR_PLACE", stop=number, stops=len(STOPS)),
                "title": words["title"],
                "text": words["text"],
                "points": stop["points"],
                "tab": tab,
                "press": stop.get("press", []),
                "act": texts.say("TOUR_OPEN", panel=tab) if tab else words["act"],
            }
        )
    picture = "data:image/png;base64," + base64.b64encode(DIGITS).decode("ascii")
    found[0] |= {"picture": picture, "alt": texts.TOUR_DIGITS}
    return found


def script_words(panels: Container[str]) -> str:
    """All that the card says, as JSON that can stand within a script."""
    words = {
        "tour": texts.TOUR,
        "offer": texts.TOUR_OFFER,
        "back": texts.TOUR_BACK,
        "next": texts.TOUR_NEXT,
        "end": texts.TOUR_END,
        "leave": texts.TOUR_LEAVE,
        "stops": stops(panels),
    }
    return json.dumps(words).replace("<", "\\u003c")
