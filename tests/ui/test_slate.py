"""The strokes on the slate: from the canvas, from the page, undone, redone and erased."""

from __future__ import annotations

from ui.eraser import COLOUR, Stroke
from ui.session import STEPS, Slate


def stroke(x: float) -> Stroke:
    return {"path": [["M", x, 100], ["L", x, 200]], "stroke": "white", "strokeWidth": 22}


def eraser(x: float) -> Stroke:
    return {**stroke(x), "stroke": COLOUR}


A, B, C = (stroke(x) for x in (50, 150, 250))


def on_canvas(slate: Slate) -> list[Stroke]:
    """What the page has put on the canvas last."""
    return slate.start["objects"] if slate.start else []


def test_each_stroke_is_a_step_though_two_come_at_once() -> None:
    slate = Slate()
    slate.take([A, B], 0)
    slate.take([A, B], 0)  # once more
    assert slate.count == 0  # the canvas has them: nothing is put there
    slate.undo()
    assert on_canvas(slate) == [A]
    slate.undo()
    assert on_canvas(slate) == []
    slate.undo()
    assert on_canvas(slate) == []


def test_what_was_undone_is_redone_until_something_else_is_drawn() -> None:
    slate = Slate()
    slate.take([A, B], 0)
    slate.undo()
    slate.redo()
    assert on_canvas(slate) == [A, B]
    slate.undo()
    slate.take([A], slate.count)  # the canvas says what it was given
    slate.redo()
    assert on_canvas(slate) == [A, B]
    slate.undo()
    slate.take([A, C], slate.count)
    slate.redo()
    assert slate.strokes == [A, C]


def test_clear_and_a_ready_made_digit_are_undone_like_a_stroke() -> None:
    slate = Slate()
    slate.take([A], 0)
    slate.put([])
    slate.put([])  # is no step
    slate.put([B])
    slate.undo()
    assert on_canvas(slate) == []
    slate.undo()
    assert on_canvas(slate) == [A]
    slate.redo()
    assert on_canvas(slate) == []


def test_the_eraser_leaves_the_rest_and_no_ink_of_its_own() -> None:
    slate = Slate()
    slate.take([A, B], 0)
    slate.take([A, B, eraser(150)], 0)
    assert on_canvas(slate) == [A]
    slate.undo()
    assert on_canvas(slate) == [A, B]
    slate.redo()
    assert on_canvas(slate) == [A]
    slate.take([A, eraser(300)], slate.count)  # touches nothing, and is no step
    assert on_canvas(slate) == [A]
    slate.undo()
    assert on_canvas(slate) == [A, B]


def test_a_stroke_that_crosses_with_what_the_page_puts_is_not_lost() -> None:
    slate = Slate()
    slate.take([A, B], 0)
    slate.undo()
    slate.take([A, B, C], 0)  # begun before the undoing was on the canvas
    assert on_canvas(slate) == [A, C]
    slate.take([A, B, C, eraser(50)], 0)
    assert on_canvas(slate) == [C]
    slate.undo()
    assert on_canvas(slate) == [A, C]


def test_a_canvas_that_was_made_anew_has_the_word_and_undo_brings_back_what_it_lost() -> None:
    slate = Slate()
    slate.take([A, B], 0)
    slate.take([C], 0)
    assert slate.strokes == [C]
    slate.take([C, A], 0)
    assert slate.strokes == [C, A]
    slate.undo()
    slate.undo()
    assert on_canvas(slate) == [A, B]


def test_a_cleared_slate_forgets_its_picture() -> None:
    slate = Slate(picture=b"seven")
    slate.take([A], 0)
    slate.put([])
    assert slate.picture is None


def test_only_so_many_steps_are_remembered() -> None:
    slate = Slate()
    slate.take([stroke(x) for x in range(STEPS + 20)], 0)
    for _ in range(STEPS + 20):
        slate.undo()
    assert len(slate.strokes) == 20
