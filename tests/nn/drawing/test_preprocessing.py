from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from nn import Dataset, Network, canvas_to_input
from nn.drawing.preprocessing import find_ink, preprocess, shrink
from tests.helpers import BLACK, STROKES, WHITE, Colour, canvas_of, coverage, drawing

NEARLY = 0.02  # mean absolute difference between two readings of the same digit
APART = 0.05  # and at least between different digits
ANY_DIGIT = st.integers(0, 9)
BLANK = canvas_of(np.zeros((280, 280)))


def difference(canvas: np.ndarray, other: np.ndarray) -> float:
    """The mean absolute difference of what the network reads of two canvases."""
    return float(np.abs(canvas_to_input(canvas) - canvas_to_input(other)).mean())


@settings(max_examples=25, deadline=None, derandomize=True)
@given(digit=ANY_DIGIT, dx=st.integers(-60, 60), dy=st.integers(-30, 40))
def test_a_digit_moved_by_whole_pixels_reads_the_same(digit: int, dx: int, dy: int) -> None:
    canvas = drawing(digit)
    moved = np.roll(canvas, (dy, dx), axis=(0, 1))
    assert difference(canvas, moved) < 1e-5


@settings(max_examples=25, deadline=None, derandomize=True)
@given(digit=ANY_DIGIT, dx=st.floats(-60, 60), dy=st.floats(-30, 40))
def test_a_digit_drawn_anywhere_between_pixels_reads_nearly_the_same(
    digit: int, dx: float, dy: float
) -> None:
    assert difference(drawing(digit), drawing(digit, at=(80 + dx, 50 + dy))) < NEARLY


@pytest.mark.parametrize("digit", STROKES)
def test_a_digit_on_a_canvas_twice_as_large_reads_nearly_the_same(digit: int) -> None:
    twice = drawing(digit, size=(560, 560), at=(160, 100), scale=240, pen=36)
    assert difference(drawing(digit), twice) < NEARLY


@pytest.mark.parametrize("digit", [2, 4, 8])
@pytest.mark.parametrize(("size", "at"), [((280, 500), (5, 300)), ((900, 230), (700, 30))])
def test_the_shape_of_the_canvas_does_not_matter(
    digit: int, size: tuple[int, int], at: tuple[float, float]
) -> None:
    assert difference(drawing(digit), drawing(digit, size=size, at=at)) < NEARLY


@pytest.mark.parametrize("digit", STROKES)
@pytest.mark.parametrize(
    ("ink", "paper"),
    [
        (BLACK, WHITE),
        ((20, 60, 160, 255), (250, 245, 230, 255)),
        ((255, 200, 0, 255), (0, 90, 60, 255)),
        ((200, 0, 0, 255), (0, 0, 200, 255)),
        ((70, 70, 70, 255), (40, 40, 40, 255)),
        (BLACK, (0, 0, 0, 0)),
        (WHITE, (0, 0, 0, 0)),
        ((200, 30, 30, 255), (0, 0, 0, 0)),
    ],
    ids=lambda colour: "-".join(map(str, colour)),
)
def test_a_recoloured_digit_reads_nearly_the_same(digit: int, ink: Colour, paper: Colour) -> None:
    mask = coverage(STROKES[digit], size=(140, 140), at=(40, 25), scale=60, pen=9)
    assert difference(canvas_of(mask), canvas_of(mask, ink=ink, paper=paper)) < NEARLY


def test_different_digits_read_differently() -> None:
    inputs = [canvas_to_input(drawing(digit)) for digit in range(10)]
    distances = {
        (a, b): float(np.abs(inputs[a] - inputs[b]).mean()) for a in range(10) for b in range(a)
    }
    assert min(distances.values()) > APART, min(distances, key=distances.get)


@pytest.mark.parametrize("pen", [4, 10, 18, 30])
def test_pens_of_any_width_keep_the_digit_in_its_frame(pen: float) -> None:
    image = canvas_to_input(drawing(8, pen=pen)).reshape(28, 28)
    dark = image > 0.5 * image.max()
    rows, columns = (np.flatnonzero(dark.any(axis=axis)) for axis in (1, 0))
    assert 18 <= rows[-1] - rows[0] + 1 <= 20
    assert abs((rows[0] + rows[-1]) / 2 - 13.5) <= 1
    assert abs((columns[0] + columns[-1]) / 2 - 13.5) <= 1
    assert image.max() > 0.6 * min(1.0, pen * 20 / 168)  # the thinnest is less than a pixel


@pytest.mark.parametrize("digit", STROKES)
def test_the_centre_of_mass_comes_to_the_middle_and_the_longer_side_to_twenty(digit: int) -> None:
    steps = preprocess(drawing(digit, at=(30, 90)))
    image = steps.input.reshape(28, 28)
    middle = np.arange(28) + 0.5
    assert image.sum(axis=0) @ middle / image.sum() == pytest.approx(14, abs=0.02)
    assert image.sum(axis=1) @ middle / image.sum() == pytest.approx(14, abs=0.02)
    left, top, right, bottom = steps.box
    assert steps.scale * max(right - left, bottom - top) == pytest.approx(20)
    assert steps.scale**2 * steps.ink.sum() == pytest.approx(image.sum(), rel=1e-3)  # no ink lost
    height, width = steps.cropped.shape
    assert (width, height) == pytest.approx((right - left, bottom - top), abs=2)
    assert steps.cropped.sum() == pytest.approx(steps.ink.sum(), rel=0.01)


def test_a_box_between_pixels_is_found_where_the_edge_crosses_one_half() -> None:
    mask = np.zeros((20, 30))
    mask[5:10, 8:20] = 1.0
    mask[10, 8:20] = 0.75  # the ink ends at three quarters of this row
    left, top, right, bottom = preprocess(canvas_of(mask)).box
    assert (left, top, right) == pytest.approx((8, 5, 20), abs=0.01)
    assert bottom == pytest.approx(10.83, abs=0.02)  # 10.5 + where 0.75 to 0 crosses 0.5
    assert preprocess(canvas_of(mask)).centre[0] == pytest.approx(14, abs=0.01)


def test_mnists_own_digits_enlarged_on_a_canvas_keep_their_label(
    mnist: tuple[Dataset, Dataset], reader: Network, rng: np.random.Generator
) -> None:
    data = mnist[1][::5]
    inputs = []
    for pixels in data.images:
        side = int(rng.integers(84, 260))
        x, y = rng.integers(0, 281 - side, 2)
        digit = Image.fromarray(pixels.reshape(28, 28)).resize((side, side), Image.BICUBIC)
        canvas = BLANK.copy()
        canvas[y : y + side, x : x + side, :3] = np.asarray(digit)[..., None]
        inputs.append(canvas_to_input(canvas))
    said = reader.predict_proba(np.array(inputs)).argmax(axis=1)
    assert (said == data.labels).mean() >= 0.97


@pytest.mark.parametrize(
    "canvas",
    [
        BLANK,
        canvas_of(np.ones((280, 280))),
        np.zeros((50, 50, 4), np.uint8),
        np.zeros((1, 1, 4), np.uint8),
        np.full((1, 1, 4), 255, np.uint8),
        np.zeros((0, 0, 4), np.uint8),
        np.zeros((0, 280, 4), np.uint8),
    ],
    ids=["blank", "filled", "transparent", "one pixel", "one white pixel", "no pixels", "no rows"],
)
def test_a_canvas_without_ink_has_no_input(canvas: np.ndarray) -> None:
    assert canvas_to_input(canvas) is None
    assert preprocess(canvas) is None


@pytest.mark.parametrize("digit", [1, 6])
def test_the_papers_own_noise_is_no_ink(digit: int, rng: np.random.Generator) -> None:
    noise = np.zeros((280, 280, 4), np.uint8)
    noise[..., :3] = rng.integers(0, 6, (280, 280, 3))
    paper = drawing(digit, paper=(118, 118, 118, 255))
    assert difference(paper, np.minimum(paper, 249) + noise) < NEARLY
    assert canvas_to_input(np.full_like(noise, 118) + noise) is None


@pytest.mark.parametrize("digit", [1, 6])
def test_what_transparency_hides_is_no_ink(digit: int, rng: np.random.Generator) -> None:
    canvas = drawing(digit, paper=(0, 0, 0, 0))
    hidden = canvas.copy()
    hidden[canvas[..., 3] == 0, :3] = rng.integers(0, 256, 3)
    hidden[100:, :, :3][canvas[100:, :, 3] == 0] = rng.integers(0, 256, 3)
    assert difference(canvas, hidden) < 1e-5


@pytest.mark.parametrize(("contrast", "read"), [(12, False), (16, True)])
def test_faint_ink_is_read_down_to_a_least_contrast(contrast: int, read: bool) -> None:
    shade = 100 + contrast  # the colours' distance is the contrast times the root of three
    faint = drawing(6, ink=(shade, shade, shade, 255), paper=(100, 100, 100, 255))
    assert (canvas_to_input(faint) is not None) == read
    if read:
        assert difference(faint, drawing(6)) < NEARLY


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((280, 280), np.uint8),
        np.zeros((280, 280, 3), np.uint8),
        np.zeros((1, 280, 280, 4), np.uint8),
        np.zeros((280, 280, 4), np.float32),
        np.zeros((280, 280, 4), np.int64),
        np.zeros(0, np.uint8),
    ],
    ids=lambda array: f"{array.shape}-{array.dtype}",
)
def test_what_is_no_canvas_is_refused(wrong: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"expected a canvas of shape \(H, W, 4\) uint8, got .*"):
        canvas_to_input(wrong)


@pytest.mark.parametrize("corner", [(0, 0), (0, 279), (279, 0), (279, 279), (140, 3)])
def test_a_single_pixel_becomes_a_square_in_the_middle(corner: tuple[int, int]) -> None:
    canvas = BLANK.copy()
    canvas[corner] = 255
    image = canvas_to_input(canvas).reshape(28, 28)
    np.testing.assert_allclose(image, image[::-1, ::-1], atol=1e-5)
    assert image[13:15, 13:15].min() > 0.95


@pytest.mark.parametrize("corner", [(0, 0), (-1, 1), (1, -1)])
def test_a_digit_that_touches_the_border_reads_as_within(corner: tuple[int, int]) -> None:
    canvas = drawing(3)
    rows, columns = np.nonzero(canvas[..., 0])
    tight = canvas[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    assert difference(canvas, tight) < 1e-5
    wide = np.pad(tight, ((0, 9), (0, 9), (0, 0)), mode="edge")
    wide[tight.shape[0] :], wide[:, tight.shape[1] :] = BLACK, BLACK
    assert difference(canvas, wide) < 1e-5


@pytest.mark.parametrize("length", [400, 30_000])
def test_a_very_long_line_is_read_in_either_direction(length: int) -> None:
    canvas = np.full((12, length, 4), 255, np.uint8)
    canvas[5:7, 2:-2, :3] = 0
    lying = canvas_to_input(canvas).reshape(28, 28)
    standing = canvas_to_input(canvas.transpose(1, 0, 2)).reshape(28, 28)
    np.testing.assert_allclose(standing, lying.T, atol=1e-5)
    share = 2 * 20 / length  # of a row's height that the line fills
    np.testing.assert_allclose(lying[13:15, 5:23].sum(axis=0), share, rtol=0.05)
    assert not lying[:12].any()


def test_ink_is_one_where_the_pen_was_and_a_share_at_its_edges() -> None:
    mask = coverage(STROKES[5])
    ink = find_ink(canvas_of(mask, ink=(90, 60, 200, 255), paper=(230, 230, 210, 255)))
    np.testing.assert_allclose(ink, mask, atol=0.08)


def test_shrinking_averages_the_whole_canvas() -> None:
    ink = np.zeros((56, 84), np.float32)
    ink[2:4, 3:6], ink[4, 6:9] = 1.0, 1.0
    image = shrink(ink).reshape(28, 28)
    assert (image[1, 1], image[2, 2], image.sum()) == pytest.approx((1, 0.5, 1.5))
