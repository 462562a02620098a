"""The tour's stops in the visitor's language, as tour.js shows them on its card."""

from __future__ import annotations

import tomllib
from collections.abc import Container
from typing import Any

from ui import assets, i18n

from . import elements

STOPS: list[dict[str, Any]] = tomllib.loads(assets.text("tour.toml"))["stops"]
DIGITS = (assets.FOLDER / "tour.png").read_bytes()  # the first twelve of the training set
# A crossed 7 as SVG paths on a canvas of 100 x 100; "original" reads it as a 2, "best" as a 7.
SEVEN = ["M 26 20 L 72 20 L 38 84", "M 26 60 L 74 58"]


def stops(panels: Container[str]) -> list[dict[str, Any]]:
    """The stops in order: their text, the elements to outline, and what their button does.

    Parameters
    ----------
    panels : names of the panels that the page has
    """
    found = []
    for number, stop in enumerate(STOPS, 1):
        words = i18n.TOUR_STOPS[stop["name"]]
        panel = stop.get("panel", "")
        tab = i18n.say(panel) if panel in panels else ""
        found.append(
            {
                "place": i18n.say("TOUR_PLACE", stop=number, stops=len(STOPS)),
                "title": words["title"],
                "text": words["text"],
                "points": stop["points"],
                "tab": tab,
                "press": stop.get("press", []),
                "act": i18n.say("TOUR_OPEN", panel=tab) if tab else words["act"],
            }
        )
    found[0] |= {"picture": elements.png_url(DIGITS), "alt": i18n.TOUR_DIGITS}
    return found
