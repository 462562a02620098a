from __future__ import annotations

import numpy as np
import pytest

from nn import (
    Network,
    canvas_to_input,
    find_digits,
    judge_number,
    preprocess_ink,
    read,
    read_number,
)
from nn.drawing.preprocessing import find_ink
from nn.drawing.segmentation import MOST, MOST_SIGNS, find_components, split_rows
from tests.helpers import STROKES, canvas_of, coverage, drawing, split_digits

Strokes = list[list[tuple[float, float]]]
# Single digits in parts, as people write them, in the box of STROKES.
IN_PARTS: dict[str, Strokes] = {
    "a 5 with a loose bar": [
        [(0.15, 0.25), (0.1, 0.6), (0.7, 0.6), (0.95, 1), (0.6, 1.38), (0, 1.3)],
        [(0.4, 0.0), (1.2, -0.05)],
    ],
    "an open 4": [[(0.1, 0), (0, 0.75), (0.62, 0.75)], [(0.85, 0.2), (0.8, 1.4)]],
    "a dotted 0": [*STROKES[0], [(0.5, 0.7), (0.52, 0.72)]],
    "an 8 of two circles": [
        [(0.5, 0), (0.25, 0.25), (0.5, 0.5), (0.75, 0.25), (0.5, 0)],
        [(0.5, 0.75), (0.1, 1.1), (0.5, 1.4), (0.9, 1.1), (0.5, 0.75)],
    ],
    "a 7 with a bar beside it": [*STROKES[7], [(0.75, 0.75), (1.05, 0.7)]],
    "a 5 with its bar far aside": [
        [(0.15, 0.25), (0.1, 0.6), (0.7, 0.6), (0.8, 1), (0.6, 1.38), (0, 1.3)],
        [(1.1, 0.0), (1.5, -0.05)],
    ],
    "a 1 with a loose flag": [[(0.5, 0), (0.45, 1.4)], [(0.1, 0.4), (0.3, 0.15)]],
    "a broken 3": [
        [(0.05, 0.1), (0.6, 0), (0.9, 0.3), (0.55, 0.55)],
        [(0.5, 0.8), (0.95, 0.95), (0.7, 1.35), (0, 1.3)],
    ],
}


def side_by_side(text: str, *, gap: float = 0.45, lower: float = 0.0) -> np.ndarray:
    """A canvas with digits in a row, `gap` of their width apart, each `lower` than the last."""
    strokes = [
        [(x + place * (1 + gap), y + place * lower) for x, y in stroke]
        for place, digit in enumerate(text)
        for stroke in STROKES[int(digit)]
    ]
    scale = 300 / (len(text) * (1 + gap))
    size = (352, 352)
    return canvas_of(coverage(strokes, size=size, at=(26, 90), scale=scale, pen=scale * 0.15))


@pytest.mark.parametrize("text", ["42", "10", "77", "305", "6891"])
@pytest.mark.parametrize("lower", [-0.15, 0.0, 0.15])
def test_digits_that_stand_apart_are_split_from_left_to_right(text: str, lower: float) -> None:
    parts = split_digits(find_ink(side_by_side(text, lower=lower)))
    assert len(parts) == len(text)
    places = [part.sum(axis=0) @ np.arange(352) / part.sum() for part in parts]
    assert places == sorted(places)


@pytest.mark.parametrize("text", ["42", "10", "77", "305"])
def test_each_digit_of_a_number_is_what_it_would_be_alone(text: str) -> None:
    parts = split_digits(find_ink(side_by_side(text)))
    for part, digit in zip(parts, text, strict=True):
        pixels = np.rint(np.repeat(part[..., None], 4, axis=2) * 255).astype(np.uint8)
        pixels[..., 3] = 255
        alone = canvas_to_input(drawing(int(digit), pen=18))
        assert np.abs(canvas_to_input(pixels) - alone).mean() < 0.02


@pytest.mark.parametrize("text", ["42", "31", "2050", "987"])
def test_a_number_is_read(reader: Network, text: str) -> None:
    number = read_number(reader, side_by_side(text))
    assert number.digits == text
    assert 0.3 < number.confidence <= min(reading.confidence for reading in number.readings)
    weakest = number.readings[number.weakest]
    assert weakest.confidence == min(reading.confidence for reading in number.readings)


@pytest.mark.parametrize("digit", STROKES)
def test_a_single_digit_is_left_untouched(digit: int, reader: Network) -> None:
    canvas = drawing(digit)
    ink = find_ink(canvas)
    assert [part is ink for part in split_digits(ink)] == [True]
    number, reading = read_number(reader, canvas), read(reader, canvas)
    np.testing.assert_array_equal(number.readings[0].steps.input, reading.steps.input)
    np.testing.assert_array_equal(number.readings[0].probabilities, reading.probabilities)


@pytest.mark.parametrize("name", IN_PARTS)
def test_the_parts_of_one_digit_stay_together(name: str) -> None:
    ink = find_ink(canvas_of(coverage(IN_PARTS[name], pen=14)))
    assert find_components(ink > 0.5).areas.size == 2
    assert len(split_digits(ink)) == 1


def test_a_loose_bar_goes_to_the_nearer_of_two_digits() -> None:
    five = IN_PARTS["a 5 with a loose bar"]
    strokes = [*five, *([(x + 1.6, y) for x, y in stroke] for stroke in STROKES[8])]
    ink = find_ink(canvas_of(coverage(strokes, size=(400, 280), pen=14)))
    left, right = split_digits(ink)
    assert find_components(left > 0.5).areas.size == 2
    assert find_components(right > 0.5).areas.size == 1
    np.testing.assert_allclose(left + right, ink, atol=0.1)


def test_slanted_digits_come_apart_where_their_columns_overlap() -> None:
    slanted = [[(0.5, 0), (0, 1.4)], [(0.9, 0), (0.4, 1.4)]]
    assert len(split_digits(find_ink(canvas_of(coverage(slanted, pen=14))))) == 2


POINT: Strokes = [[(0, 1.36), (0.02, 1.38)]]
DASH: Strokes = [[(0, 0.72), (0.6, 0.68)]]
SIGNS: dict[str, Strokes] = {
    ".": POINT,
    ",": [[(0.1, 1.3), (0, 1.6)]],
    "-": DASH,
    ":": [[(0, 0.4), (0.02, 0.42)], [(0, 1.1), (0.02, 1.12)]],
    "'": [[(0, 0), (0, 0.2)]],
    "_": [[(0, 1.5), (0.7, 1.5)]],
}


def with_signs(text: str, *, pen: float = 14.0, gap: float = 0.45) -> np.ndarray:
    """The ink's mask of digits and signs in a row, (280, 600)."""
    strokes, x = [], 0.0
    for sign in text:
        written = SIGNS[sign] if sign in SIGNS else STROKES[int(sign)]
        strokes += [[(x + dx, y) for dx, y in stroke] for stroke in written]
        x += max(dx for stroke in written for dx, _ in stroke) + gap
    return coverage(strokes, size=(600, 280), at=(40, 60), scale=90, pen=pen)


@pytest.mark.parametrize("pen", [6, 14, 20])
@pytest.mark.parametrize(
    ("text", "said", "sign"),
    [
        *(("3.14", "3?14", "point"), ("2,5", "2?5", "point"), ("7.5", "7?5", "point")),
        *(("-5", "?5", "dash"), ("12-", "12?", "dash"), ("3-2", "3?2", "dash")),
        *(("2:30", "2?30", "other"), ("4'2", "4?2", "other"), ("3_1", "3?1", "other")),
    ],
)
def test_a_mark_that_is_no_digit_is_named_and_not_read(
    reader: Network, text: str, said: str, sign: str, pen: float
) -> None:
    number = read_number(reader, canvas_of(with_signs(text, pen=pen)))
    assert "".join("?" if it.sign else str(it.digit) for it in number.readings) == said
    assert [it.sign for it in number.readings if it.sign] == [sign]
    assert (number.digits, number.confidence) == (None, 0.0)
    assert number.readings[number.weakest].sign == sign


def test_a_point_under_the_arm_of_a_7_is_no_part_of_it(reader: Network) -> None:
    under = [[(x + 0.85, y) for x, y in stroke] for stroke in POINT]
    number = read_number(reader, canvas_of(coverage([*STROKES[7], *under], pen=14)))
    assert [it.sign for it in number.readings] == [None, "point"]


@pytest.mark.parametrize("at", [(1.6, 0.5), (0.4, 2.2), (-0.6, 1.3)])
def test_a_dot_far_from_the_digit_is_a_mark(reader: Network, at: tuple[float, float]) -> None:
    strokes = [*STROKES[3], [at, at]]
    ink = find_ink(canvas_of(coverage(strokes, size=(400, 400), at=(120, 50), scale=110, pen=14)))
    found = find_digits(preprocess_ink(ink))
    assert sorted(digit.sign is None for digit in found.digits) == [False, True]
    assert judge_number(reader, found.digits).digits is None


def test_dust_is_no_mark_and_neither_is_a_shadow() -> None:
    ink = find_ink(canvas_of(coverage(STROKES[3], pen=14)))
    ink[60:66, 240:246] = ink[200:240, 240:243] = 1.0
    ink[100:140, 10:40] = 0.15
    assert len(split_digits(ink)) == 1


def test_signs_stay_in_the_row_of_their_digits() -> None:
    above, below = (with_signs(text)[40:240] for text in ("3.14", "-25"))
    found = find_digits(preprocess_ink(np.concatenate([above, below]).astype(np.float32)))
    assert [[digit.sign for digit in row] for row in found.rows] == [
        [None, "point", None, None],
        ["dash", None, None],
    ]


def test_a_pale_digit_beside_a_dark_one_is_read(reader: Network) -> None:
    mask = coverage(STROKES[3], size=(500, 280)) + 0.35 * coverage(
        STROKES[2], size=(500, 280), at=(280, 50)
    )
    assert read_number(reader, canvas_of(mask)).digits == "32"


def test_a_number_with_a_blot_in_it_is_no_number(reader: Network) -> None:
    size = (500, 280)
    blot = coverage([[(0.0, 0.0), (0.0, 0.0)]], size=size, at=(360, 130), pen=140)
    canvas = canvas_of(coverage(STROKES[3], size=size) + blot)
    number = read_number(reader, canvas)
    assert (number.digits, number.confidence) == (None, 0.0)
    assert number.readings[number.weakest].digit is None


def test_more_marks_than_a_number_has_are_one_pattern() -> None:
    mask = np.zeros((60, 20 * (MOST + 1)))
    mask[10:50, 5::20] = mask[10:50, 6::20] = 1.0
    ink = find_ink(canvas_of(mask))
    rows, left_out = split_rows(ink)
    assert [mark.ink is ink for row in rows for mark in row] == [True]
    assert left_out == MOST + 1
    assert split_rows(ink[:, :-20])[1] == 0
    assert len(split_digits(ink[:, :-20])) == MOST


def test_a_page_of_dots_is_one_pattern_that_is_not_joined_to_digits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Comparing all pairs of 10,000 dots takes 15 seconds."""
    ink = np.zeros((700, 700), np.float32)
    ink[2::7, 2::7] = ink[3::7, 2::7] = ink[2::7, 3::7] = ink[3::7, 3::7] = 1.0
    compared: list[object] = []
    monkeypatch.setattr("nn.drawing.segmentation._apart", lambda *pair: compared.append(pair))
    found = find_digits(preprocess_ink(ink))
    assert not compared
    assert (found.digits, found.left_out) == ((found.whole,), 10_000)


def test_specks_among_digits_are_joined_without_a_look_at_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Looking at each of 3,000 dots, and comparing all pairs, takes seconds."""
    looked: list[object] = []
    monkeypatch.setattr("nn.drawing.segmentation._is_dust", lambda *part: looked.append(part))
    ink = np.zeros((352, 352), np.float32)
    for x, y in np.ndindex(3, 3):
        ink[2 + y : 346 : 6, 2 + x : 346 : 6] = 1.0
    ink[10:80, 10:13] = ink[10:80, 60:63] = 1.0
    found = find_digits(preprocess_ink(ink))
    assert not looked
    assert ([digit.sign for digit in found.digits], found.left_out) == ([None, None], 0)


@pytest.mark.parametrize("dots", [MOST_SIGNS - 1, MOST_SIGNS + 5])
def test_a_row_of_dots_hides_no_digits(dots: int) -> None:
    ink = np.zeros((80, 80 + 10 * dots), np.float32)
    ink[10:70, 10:16] = ink[10:70, 40:46] = 1.0
    for x in range(70, 70 + 10 * dots, 10):
        ink[64:70, x : x + 6] = 1.0
    marks = [mark for row in split_rows(ink)[0] for mark in row]
    assert sum(mark.sign is None for mark in marks) == 2
    assert split_rows(ink)[1] == 0


def test_a_blank_canvas_is_no_number(reader: Network) -> None:
    number = read_number(reader, np.zeros((280, 280, 4), np.uint8))
    assert number.digits is None
    assert [reading.blank for reading in number.readings] == [True]


def flood(mask: np.ndarray) -> list[set[tuple[int, int]]]:
    """Connected components by the simplest means."""
    left, found = set(map(tuple, np.argwhere(mask).tolist())), []
    while left:
        component, edge = set(), [left.pop()]
        while edge:
            y, x = edge.pop()
            component.add((y, x))
            near = {(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)} & left
            left -= near
            edge += near
        found.append(component)
    return found


@pytest.mark.parametrize("density", [0.0, 0.1, 0.3, 0.45, 0.7, 1.0])
def test_components_are_those_of_a_flood_fill(density: float, rng: np.random.Generator) -> None:
    for shape in [(1, 1), (1, 30), (30, 1), (40, 23)]:
        mask = rng.random(shape) < density
        found, expected = find_components(mask), flood(mask)
        painted = found.paint(np.arange(found.areas.size) + 1, shape)
        np.testing.assert_array_equal(painted > 0, mask)
        assert {
            frozenset(map(tuple, np.argwhere(painted == label + 1).tolist()))
            for label in range(found.areas.size)
        } == set(map(frozenset, expected))
        for label, (left, top, right, bottom) in enumerate(found.boxes):
            rows, columns = np.nonzero(painted == label + 1)
            assert (left, top) == (columns.min(), rows.min())
            assert (right, bottom) == (columns.max() + 1, rows.max() + 1)
            assert found.areas[label] == rows.size
