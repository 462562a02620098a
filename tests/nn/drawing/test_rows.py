"""Rows of digits on a page, and what must not be taken for rows."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from nn import Network, find_digits, judge_number
from nn.drawing.preprocessing import find_ink, preprocess_ink
from nn.drawing.segmentation import MOST, find_components, split_rows
from tests.helpers import STROKES, canvas_of, coverage
from tests.nn.drawing.test_segmentation import IN_PARTS


def page_of(
    *rows: str, angle: float = 0.0, pitch: float = 2.3, sizes: tuple[float, ...] = (1.0,)
) -> np.ndarray:
    """The ink of rows of digits, `pitch` of a digit's width apart, turned by degrees.

    The sizes are those of the digits of each row, over and over.
    """
    strokes = [
        [(x * size + 1.45 * place, y * size + row * pitch) for x, y in stroke]
        for row, text in enumerate(rows)
        for place, digit in enumerate(text)
        for size in [sizes[(row + place) % len(sizes)]]
        for stroke in STROKES[int(digit)]
    ]
    longest = max(map(len, rows))
    size = (round(40 * (1.45 * longest + 1.5)), round(40 * (pitch * len(rows) + 1.5)))
    mask = Image.fromarray(coverage(strokes, size=size, at=(40, 40), scale=40, pen=6))
    return np.array(mask.rotate(angle, Image.Resampling.BILINEAR), np.float32)


def lengths(ink: np.ndarray) -> list[int]:
    """How many digits each row has."""
    return [len(row) for row in split_rows(ink)[0]]


@pytest.mark.parametrize("angle", [-3, 0, 3])
@pytest.mark.parametrize(
    "rows",
    [
        ("20587", "31905"),
        ("7", "305", "42"),
        ("9871", "2", "60"),
        ("24", "35"),
        ("0123456789", "8"),
    ],
    ids="/".join,
)
def test_rows_are_found_from_top_to_bottom_though_the_page_is_turned(
    rows: tuple[str, ...], angle: float
) -> None:
    assert lengths(page_of(*rows, angle=angle)) == [len(row) for row in rows]


def test_rows_are_found_where_heights_differ_and_lines_are_close() -> None:
    rows = ("20587", "31905", "744")
    assert lengths(page_of(*rows, pitch=1.9, sizes=(1.0, 0.8, 1.1))) == [5, 5, 3]


def test_a_page_is_read_row_by_row(reader: Network) -> None:
    found = find_digits(preprocess_ink(page_of("305", "2987", angle=2)))
    assert [len(row) for row in found.rows] == [3, 4]
    assert found.left_out == 0
    assert judge_number(reader, found.digits).digits == "3052987"
    lefts, tops = ([digit.box[side] for digit in found.digits] for side in (0, 1))
    assert lefts[:3] == sorted(lefts[:3])
    assert lefts[3:] == sorted(lefts[3:])
    assert max(tops[:3]) < min(tops[3:])
    together = sum(digit.ink for digit in found.digits)
    np.testing.assert_allclose(together, found.whole.ink, atol=0.1)


@pytest.mark.parametrize("digits", ["35", "11", "07"])
def test_two_digits_in_a_column_are_two_rows(digits: str) -> None:
    assert lengths(page_of(*digits, pitch=2.0)) == [1, 1]


@pytest.mark.parametrize("name", IN_PARTS)
def test_parts_of_one_digit_are_no_rows_beside_other_digits_either(name: str) -> None:
    for text in ("3", "12"):
        others = [
            [(x + 1.6 * (place + 1), y) for x, y in stroke]
            for place, digit in enumerate(text)
            for stroke in STROKES[int(digit)]
        ]
        mask = coverage([*IN_PARTS[name], *others], size=(700, 280), pen=14)
        assert lengths(find_ink(canvas_of(mask))) == [1 + len(text)]


def test_circles_of_two_eights_are_no_rows() -> None:
    eight = IN_PARTS["an 8 of two circles"]
    other = [[(x + 1.6, y) for x, y in stroke] for stroke in eight]
    ink = find_ink(canvas_of(coverage([*eight, *other], size=(500, 280), pen=14)))
    assert lengths(ink) == [2]


def test_an_equals_sign_is_one_mark() -> None:
    bars = [[(0.0, 0.3), (1.0, 0.3)], [(0.0, 0.9), (1.0, 0.9)]]
    assert lengths(find_ink(canvas_of(coverage(bars, pen=14)))) == [1]


def test_a_loose_bar_stays_with_the_digit_of_its_row() -> None:
    five = [[(x, y + 2.2) for x, y in stroke] for stroke in IN_PARTS["a 5 with a loose bar"]]
    ink = find_ink(canvas_of(coverage([*STROKES[8], *five], size=(280, 600), at=(80, 60), pen=14)))
    (above,), (below,) = split_rows(ink)[0]
    assert find_components(above.ink > 0.5).areas.size == 1
    assert find_components(below.ink > 0.5).areas.size == 2


def test_of_more_marks_than_can_be_read_the_row_of_the_largest_digits_is() -> None:
    small = page_of(*["1234567890"] * 4)
    large = np.asarray(Image.fromarray(page_of("35")).resize((400, 340)))
    ink = np.zeros((large.shape[0] + small.shape[0], small.shape[1]), np.float32)
    ink[: large.shape[0], : large.shape[1]] = large
    ink[large.shape[0] :] = small
    rows, left_out = split_rows(ink)
    assert [len(row) for row in rows] == [2]
    assert left_out == MOST
    assert not rows[0][0].ink[large.shape[0] :].any()
