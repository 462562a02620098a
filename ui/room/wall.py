"""What a wall shows of a room, as JSON: its numbers, and up to 200 drawings as tiles."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nn import Network
from nn.mnist import SIDE
from ui.view import elements

from .room import Room
from .store import Drawing, RoomState

TILES = 200
FILTERS = ("all", "misread", "learned", "waiting")


def view(
    room: Room,
    state: RoomState,
    *,
    presenter: bool = False,
    only: str = "all",
    digit: int | None = None,
    page: int = 0,
    known: int = -1,
) -> dict[str, Any]:
    """One look at the wall.

    Parameters
    ----------
    room, state : looked at
    presenter : whether it is the presenter who looks: only they see what waits to be shown, and by
        a filter also what is on a hidden wall
    only, digit : which drawings; `learned` are those that were misread before
    page : 0 for the newest TILES, and so on
    known : pictures of drawings up to this number are there already and are left out
    """
    shown, waiting = room.shown, [drawing for drawing in room.drawings if not drawing.shown]
    test, options = room.test_drawings(), state.options
    found: dict[str, Any] = {
        "ended": state.ended,
        "hidden": options.hidden,
        "writers": len({drawing.phone for drawing in shown}),
        "drawings": len(shown),
        "per_digit": room.per_digit(),
        "waiting": len(waiting) if presenter else 0,
        "test": {"drawings": len(test), "writers": len({drawing.phone for drawing in test})},
        "scores": [vars(score) for score in room.scores()] if shown else [],
        "leaderboard": None,
        "tiles": [],
        "images": {},
        "pages": 0,
    }
    if options.leaderboard:
        found["leaderboard"] = [
            {"number": int(score.name), "name": name, "right": score.test_right}
            for name, score in room.leaderboard()
        ]
    if options.hidden and not (presenter and only != "all"):
        return found
    drawings = waiting if presenter and only == "waiting" else shown
    if digit is not None:
        drawings = [drawing for drawing in drawings if drawing.label == digit]
    tiles = _tiles(room, drawings)
    if only == "misread":
        tiles = [tile for tile in tiles if tile["said"] != tile["label"]]
    if only == "learned":
        tiles = [
            tile
            for tile in tiles
            if tile["said"] == tile["label"] and tile["was"] not in (None, tile["label"])
        ]
    pages = -(-len(tiles) // TILES)
    page = max(min(page, pages - 1), 0)
    tiles = tiles[::-1][page * TILES : (page + 1) * TILES]
    images = {drawing.number: drawing.image for drawing in drawings}
    found |= {"tiles": tiles, "pages": pages, "page": page}
    found["images"] = {
        tile["number"]: _picture(images[tile["number"]]) for tile in tiles if tile["number"] > known
    }
    return found


def _tiles(room: Room, drawings: list[Drawing]) -> list[dict[str, Any]]:
    """What each drawing is and is read as; `was` only where the room's model has learned."""
    said = _said(room, room.reader, drawings)
    was = _said(room, room.former, drawings)
    return [
        {
            "number": drawing.number,
            "label": drawing.label,
            "said": now,
            "was": before,
            "held_out": drawing.held_out,
        }
        for drawing, now, before in zip(drawings, said, was, strict=True)
    ]


def _said(room: Room, network: Network | None, drawings: list[Drawing]) -> list[int | None]:
    return [None] * len(drawings) if network is None else room.said(network, drawings).tolist()


def _picture(image: NDArray[np.uint8]) -> str:
    return elements.png(image.reshape(SIDE, SIDE).astype(np.float32) / 255)
