"""Which strokes the eraser takes."""

from __future__ import annotations

import json

import numpy as np
import pytest

from ui import assets
from ui.eraser import COLOUR, Stroke, erase, erases, outline
from ui.view.elements import SLATE

PEN, THIN, ERASER = 22, 13, 22  # pixels


def line(*points: tuple[float, float], width: float = PEN, colour: str = "white") -> Stroke:
    """A stroke as the canvas sends it: curves from the middle of one line to that of the next."""
    (x, y), *rest = points
    path: list[list[str | float]] = [["M", x, y]]
    for (x, y), (further_x, further_y) in zip(points, rest, strict=False):
        path.append(["Q", x, y, (x + further_x) / 2, (y + further_y) / 2])
    path.append(["L", *points[-1]])
    return {"type": "Path", "path": path, "stroke": colour, "strokeWidth": width}


def eraser(*points: tuple[float, float]) -> Stroke:
    return line(*points, width=ERASER, colour=COLOUR)


UP, ACROSS = line((100, 50), (100, 300)), line((50, 320), (300, 320))


def test_the_eraser_takes_each_stroke_that_it_touches_and_no_other() -> None:
    strokes = [UP, ACROSS]
    assert erase(strokes, eraser((200, 100), (220, 120))) == [UP, ACROSS]
    assert erase(strokes, eraser((90, 200))) == [ACROSS]
    assert erase(strokes, eraser((200, 100), (200, 340))) == [UP]
    assert erase(strokes, eraser((50, 50), (150, 350))) == []


def test_it_touches_where_its_edge_meets_the_edge_of_the_ink() -> None:
    touch = PEN / 2 + ERASER / 2
    assert erase([UP], eraser((100 + touch - 1, 171))) == []
    assert erase([UP], eraser((100 + touch + 1, 171))) == [UP]
    thin = line((100, 50), (100, 300), width=THIN)
    assert erase([thin], eraser((100 + touch - 1, 171))) == [thin]


@pytest.mark.parametrize("at", [(25, 50), (50, 17), (75, 50), (50, 83)])
def test_it_takes_a_ready_made_digit_by_its_curve(at: tuple[int, int]) -> None:
    zero = {
        "path": json.loads(assets.text("samples.json"))["0"][0],
        "stroke": "white",
        "strokeWidth": 1,
    }
    assert erase([zero], {**eraser(at), "strokeWidth": 3}) == []
    assert erase([zero], {**eraser((50, 50)), "strokeWidth": 40}) == [zero]


def test_a_curve_is_followed_through_its_middle() -> None:
    points = outline({"path": "M 0 0 Q 100 0 100 100"})
    np.testing.assert_allclose(points[[0, -1]], [(0, 0), (100, 100)])
    assert np.hypot(*(points - (75, 25)).T).min() < 2  # the curve's place at a half


def test_a_stroke_without_a_path_is_nowhere_and_one_without_end_has_few_points() -> None:
    assert erase([{}], eraser((100, 100))) == [{}]
    assert erase([UP], {"stroke": COLOUR}) == [UP]
    assert len(outline(line((0, 0), (1e9, 0)))) <= 500


def test_only_strokes_in_the_papers_colour_erase() -> None:
    assert erases(eraser((1, 1)))
    assert not erases(UP)
    assert not erases({})
    assert bytes(SLATE.astype(np.uint8)).hex() == COLOUR.removeprefix("#")
