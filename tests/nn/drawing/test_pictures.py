"""Pictures as people bring them: files of many kinds, whole pages, frames, coloured ink."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from docs.pictures import (
    FEW_SIDES,
    FILES,
    JPEG,
    SIDES,
    enlarged,
    main,
    share_of_pixels,
    share_read,
)
from nn import Dataset, Network, judge_number, photo_ink, preprocess_ink, read, separate
from nn.drawing.photo import _box_mean, _with_pale_strokes
from tests.helpers import STROKES, coverage
from tests.nn.drawing.photo_trials import said_of
from tests.nn.drawing.test_photo import file_of
from tests.nn.drawing.test_segmentation import with_signs

Colour = tuple[int, int, int]
WHITE, DARK, GREY = (255, 255, 255), (40, 44, 60), (150, 180, 215)
PAGE = (900, 600)  # width and height


@pytest.fixture(scope="module")
def clear(best: Network, hundred: Dataset) -> dict[int, np.ndarray]:
    """A digit of each kind, (28, 28), that `best` reads without a doubt."""
    found: dict[int, np.ndarray] = {}
    for pixels, label in zip(hundred.images, hundred.labels, strict=True):
        ink = enlarged(pixels, 112, Image.Resampling.BILINEAR)
        reading = read(best, np.dstack([ink, ink, ink, np.full_like(ink, 255)]))
        if reading.digit == label and reading.confidence > 0.95:
            found.setdefault(int(label), pixels.reshape(28, 28))
    assert len(found) == 10
    return found


@pytest.mark.parametrize(
    ("kind", "filtering", "sides"),
    [
        (JPEG, "bilinear", SIDES),
        ("grey", "nearest", FEW_SIDES),
        *((kind, "lanczos", FEW_SIDES) for kind in ("16 bits", "palette", "alpha")),
    ],
)
def test_a_file_is_read_as_well_as_its_pixels(
    best: Network, hundred: Dataset, kind: str, filtering: str, sides: tuple[int, ...]
) -> None:
    """`python -m docs.pictures` does so with all 10,000 digits."""
    for side in sides:
        plain = share_of_pixels(best, hundred, side, filtering)
        least = 0.97 if (kind, side) == (JPEG, 28) else 0.99
        for name, save in FILES[kind].items():
            share = share_read(best, hundred, side, filtering, save)
            assert share >= least * plain - 0.005, (side, name)  # one digit in a hundred may go


@pytest.mark.parametrize("quality", [75, 90])
def test_small_jpegs_are_read_alike_white_on_black_and_black_on_white(
    best: Network, hundred: Dataset, quality: int
) -> None:
    plain = share_of_pixels(best, hundred, 28, "bilinear")
    for paper in (0, 255):
        right = [
            said_of(
                best,
                as_file(
                    np.abs(paper - image.reshape(28, 28).astype(float)), "JPEG", quality=quality
                ),
            )
            == str(label)
            for image, label in zip(hundred.images, hundred.labels, strict=True)
        ]
        assert np.mean(right) >= plain - 0.01, paper


@pytest.mark.parametrize("every", ["0", "-3"])
def test_no_digits_at_all_are_not_measured(every: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--every", every])
    assert f"--every: expected 1 or more, got {every}" in capsys.readouterr().err


def on_paper(masks: np.ndarray, ink: Colour, paper: np.ndarray | Colour) -> np.ndarray:
    """Ink where the mask is 255 on paper, (H, W, 3) float."""
    share = masks[..., None] / 255.0
    return share * np.array(ink, float) + (1 - share) * np.asarray(paper, float)


def as_file(picture: np.ndarray, kind: str = "PNG", **options: object) -> bytes:
    return file_of(np.clip(picture.round(), 0, 255).astype(np.uint8), kind, **options)


@pytest.mark.parametrize(
    ("ink", "paper"),
    [
        ((255, 105, 180), WHITE),
        ((255, 225, 60), WHITE),
        ((205, 205, 205), WHITE),
        ((60, 130, 60), (190, 60, 60)),
        ((120, 120, 120), (70, 70, 70)),
    ],
    ids=["pink", "yellow", "light grey", "green on red", "grey on dark grey"],
)
def test_ink_of_any_colour_is_read(
    best: Network, clear: dict[int, np.ndarray], ink: Colour, paper: Colour
) -> None:
    for label, pixels in clear.items():
        mask = enlarged(pixels, 140, Image.Resampling.BILINEAR)
        assert said_of(best, as_file(on_paper(mask, ink, paper))) == str(label)


@pytest.mark.parametrize("ink", [(50, 60, 120), (215, 215, 205)], ids=["dark ink", "light ink"])
def test_a_small_tight_crop_with_noise_is_read(
    best: Network, hundred: Dataset, ink: Colour, rng: np.random.Generator
) -> None:
    paper = (165, 165, 162) if ink[0] < 100 else (70, 70, 74)

    def file(pixels: np.ndarray) -> bytes:
        rows, columns = (np.flatnonzero(pixels.max(axis=axis) > 60)[[0, -1]] for axis in (1, 0))
        tight = np.pad(pixels[rows[0] : rows[1] + 1, columns[0] : columns[1] + 1], 1)
        mask = Image.fromarray(tight).resize(
            (round(60 * tight.shape[1] / tight.shape[0]), 60), Image.Resampling.BILINEAR
        )
        picture = on_paper(np.asarray(mask), ink, paper)
        return as_file(picture + rng.normal(0, 5, (*picture.shape[:2], 1)), "JPEG", quality=70)

    images = hundred.images.reshape(-1, 28, 28)
    right = [
        said_of(best, file(image)) == str(label)
        for image, label in zip(images, hundred.labels, strict=True)
    ]
    assert np.mean(right) >= 0.93


def page_of(clear: dict[int, np.ndarray], number: str, *, size: int = 110) -> np.ndarray:
    """Two rows of five digits on a page, the ink's mask, (600, 900)."""
    page = Image.new("L", PAGE)
    for place, label in enumerate(number):
        row, column = divmod(place, 5)
        digit = Image.fromarray(enlarged(clear[int(label)], size, Image.Resampling.BILINEAR))
        page.paste(digit, (95 + 155 * column, 130 + 230 * row))
    return np.asarray(page)


def rules(kind: str) -> np.ndarray:
    """A page's paper, plain, ruled or squared, (600, 900, 3)."""
    paper = Image.new("RGB", PAGE, (238, 236, 230))
    brush = ImageDraw.Draw(paper)
    for y in range(18, 600, 37) if kind != "plain" else ():
        brush.line((0, y, 900, y), fill=GREY, width=2)
    for x in range(18, 900, 37) if kind == "squared" else ():
        brush.line((x, 0, x, 600), fill=GREY, width=2)
    return np.asarray(paper)


def turned(picture: np.ndarray) -> np.ndarray:
    """Rotated by three degrees, without the corners that are empty then."""
    image = Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))
    return np.asarray(image.rotate(3, Image.Resampling.BICUBIC).crop((40, 40, 860, 560)), float)


@pytest.mark.parametrize("light", ["even", "falling"])
@pytest.mark.parametrize("pose", ["straight", "rotated"])
@pytest.mark.parametrize("kind", ["plain", "ruled", "squared"])
def test_two_rows_of_five_are_read_row_by_row(
    best: Network, clear: dict[int, np.ndarray], kind: str, pose: str, light: str
) -> None:
    number = "3141592680"
    picture = on_paper(page_of(clear, number), DARK, rules(kind))
    if pose == "rotated":
        picture = turned(picture)
    if light == "falling":
        x, y = np.linspace(0, 1, picture.shape[1]), np.linspace(0, 1, picture.shape[0])[:, None]
        picture = picture * (1.0 - 0.6 * (0.6 * x + 0.4 * y) ** 1.5)[..., None]
    picture = picture + np.random.default_rng(4).normal(0, 3, picture.shape)
    assert said_of(best, as_file(picture, "JPEG", quality=85)) == number


@pytest.mark.parametrize("degrees", [0, 3])
@pytest.mark.parametrize("width", [2, 5])
def test_a_frame_around_a_digit_is_no_ink(
    best: Network, clear: dict[int, np.ndarray], width: int, degrees: int
) -> None:
    for label, pixels in clear.items():
        picture = Image.new("RGB", (400, 400), WHITE)
        ImageDraw.Draw(picture).rectangle((60, 60, 340, 340), outline=DARK, width=width)
        mask = Image.new("L", (400, 400))
        mask.paste(Image.fromarray(enlarged(pixels, 200, Image.Resampling.BILINEAR)), (100, 100))
        framed = Image.fromarray(on_paper(np.asarray(mask), DARK, picture).astype(np.uint8))
        framed = framed.rotate(degrees, Image.Resampling.BICUBIC, fillcolor=WHITE)
        assert said_of(best, file_of(framed, "PNG")) == str(label)


@pytest.mark.parametrize("width", [2, 12])
def test_a_frame_at_the_pictures_edge_is_no_ink(
    best: Network, clear: dict[int, np.ndarray], width: int
) -> None:
    for label, pixels in clear.items():
        ink = enlarged(pixels, 200, Image.Resampling.BILINEAR)
        picture = np.pad(on_paper(ink, DARK, WHITE), ((width,) * 2, (width,) * 2, (0, 0)))
        assert said_of(best, as_file(picture)) == str(label)


@pytest.mark.parametrize("light_ink", [False, True], ids=["dark on light", "light on dark"])
def test_a_digit_in_a_plot_is_read_without_its_axes(
    best: Network, clear: dict[int, np.ndarray], light_ink: bool
) -> None:
    for label, pixels in clear.items():
        ink = enlarged(pixels, 260, Image.Resampling.NEAREST)
        plot = Image.new("L", (420, 340), 255)
        plot.paste(Image.fromarray(ink if light_ink else 255 - ink), (90, 30))
        brush = ImageDraw.Draw(plot)
        brush.rectangle((89, 29, 350, 290), outline=0)
        for tick in range(0, 28, 5):
            at = 90 + tick * 260 // 28
            brush.line((at, 290, at, 295), fill=0)
            brush.text((at - 4, 298), str(tick), fill=0)
            brush.line((84, at - 60, 89, at - 60), fill=0)
            brush.text((66, at - 66), str(tick), fill=0)
        assert said_of(best, file_of(plot, "PNG")) == str(label)


@pytest.mark.parametrize("light_ink", [False, True], ids=["dark on light", "light on dark"])
def test_a_bold_digit_that_fills_the_picture_is_read(
    best: Network, clear: dict[int, np.ndarray], light_ink: bool
) -> None:
    """Its strokes touch the edges; what is refused when drawn alike on a canvas is left out."""
    said: list[tuple[str, str]] = []
    for label, pixels in clear.items():
        large = Image.fromarray(enlarged(pixels, 224, Image.Resampling.BILINEAR))
        bold = np.asarray(large.filter(ImageFilter.MaxFilter(13)))
        rows, columns = (np.flatnonzero(bold.max(axis=axis) > 127)[[0, -1]] for axis in (1, 0))
        ink = bold[rows[0] : rows[1] + 1, columns[0] : columns[1] + 1]
        drawn = np.pad(ink, 40)
        canvas = np.dstack([drawn, drawn, drawn, np.full_like(drawn, 255)])
        if label != 1 and read(best, canvas).digit == label:  # a 1 fills it altogether
            picture = ink if light_ink else 255 - ink
            said.append((str(label), said_of(best, file_of(picture, "PNG"))))
    assert len(said) >= 7
    assert [a for a, _ in said] == [b for _, b in said]


def test_a_loose_line_at_the_edge_is_no_ink(best: Network, clear: dict[int, np.ndarray]) -> None:
    """As screenshots have it when they are cut out by hand."""
    for label, pixels in clear.items():
        picture = 255 - enlarged(pixels, 300, Image.Resampling.BILINEAR)
        picture = picture.copy()
        picture[:, -1] = picture[0] = 211
        assert said_of(best, file_of(picture, "PNG")) == str(label)


def test_digits_at_the_edges_of_a_row_are_not_dropped(
    best: Network, clear: dict[int, np.ndarray]
) -> None:
    """Silence about them would make another number of it."""
    pieces: list[np.ndarray] = []
    for label in "504192":
        digit = enlarged(clear[int(label)], 112, Image.Resampling.BILINEAR)
        columns = np.flatnonzero(digit.max(axis=0) > 20)[[0, -1]]
        pieces += [np.zeros((112, 14), np.uint8), digit[:, columns[0] : columns[1] + 1]]
    row = np.concatenate(pieces[1:], axis=1)
    tight = row[np.flatnonzero(row.max(axis=1) > 20)[0] :]
    assert said_of(best, file_of(255 - tight, "PNG")) == "504192"


def row_of(clear: dict[int, np.ndarray], number: str, *, gap: int, rim: int) -> np.ndarray:
    """The ink's mask of digits in a row, `gap` apart, as near the left and right edges as `rim`."""
    pieces: list[np.ndarray] = []
    for label in number:
        digit = enlarged(clear[int(label)], 112, Image.Resampling.BILINEAR)
        columns = np.flatnonzero(digit.max(axis=0) > 20)[[0, -1]]
        pieces += [np.zeros((112, gap), np.uint8), digit[:, columns[0] : columns[1] + 1]]
    row = np.concatenate(pieces[1:], axis=1)
    return np.pad(row, ((60, 60), (rim, rim)))


def lit(mask: np.ndarray, shade: float, *, noise: float = 3.0) -> bytes:
    """A photo of ink on paper under light that falls off towards a corner."""
    picture = on_paper(mask, DARK, WHITE)
    x, y = np.linspace(0, 1, mask.shape[1]), np.linspace(0, 1, mask.shape[0])[:, None]
    picture = picture * (1.0 - shade * (0.6 * x + 0.4 * y) ** 1.5)[..., None]
    picture = picture + np.random.default_rng(4).normal(0, noise, picture.shape)
    return as_file(picture, "JPEG", quality=85)


@pytest.mark.parametrize("rim", [0, 3, 8])
@pytest.mark.parametrize("shade", [0.3, 0.6])
def test_digits_at_the_edges_of_a_photo_are_not_dropped(
    best: Network, clear: dict[int, np.ndarray], shade: float, rim: int
) -> None:
    """In uneven light, too, what touches the edge may be a digit."""
    assert said_of(best, lit(row_of(clear, "504192", gap=14, rim=rim), shade)) == "504192"


@pytest.mark.parametrize("shade", [0.0, 0.5])
def test_specks_are_not_read_in_place_of_digits_at_the_edges(
    best: Network, clear: dict[int, np.ndarray], shade: float
) -> None:
    mask = row_of(clear, "52", gap=300, rim=2)
    for x, y in [(150, 70), (200, 110), (240, 90), (300, 130)]:
        mask[y : y + 4, x : x + 4] = 230
    assert said_of(best, lit(mask, shade)) == "52"


@pytest.mark.parametrize("shade", [0.0, 0.3, 0.6])
@pytest.mark.parametrize("pale", [0.15, 0.25, 0.4])
def test_a_pale_stroke_joins_the_others(best: Network, shade: float, pale: float) -> None:
    """Without its bar, a 4 would be 11."""
    place = {"size": (640, 480), "at": (220, 110), "scale": 160, "pen": 14}
    dark = coverage([[(0.1, 0), (0.05, 0.75)], [(0.75, 0.1), (0.7, 1.4)]], **place)
    bar = coverage([[(0.05, 0.75), (1, 0.7)]], **place)
    assert said_of(best, lit(255 * np.maximum(dark, pale * bar), shade)) == "4"


def test_pale_strokes_are_looked_at_only_where_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look at the whole picture for each of 100 strokes takes ten seconds."""
    seen: list[int] = []

    def counted(values: np.ndarray, *radius: int) -> np.ndarray:
        seen.append(values.size)
        return _box_mean(values, *radius)

    monkeypatch.setattr("nn.drawing.photo._box_mean", counted)
    contrast = np.zeros((600, 600), np.float32)
    for y, x in np.ndindex(10, 10):
        corner = contrast[20 + 56 * y :, 20 + 56 * x :]
        corner[:40, :5], corner[15:20, 5:30] = 1.0, 0.25
    ink = (contrast == 1.0).astype(np.float32)
    whole = _with_pale_strokes(ink, contrast, 0.1)
    np.testing.assert_array_equal(whole, contrast > 0)
    assert sum(seen) < 8 * ink.size


@pytest.mark.parametrize("shade", [0.0, 0.5])
@pytest.mark.parametrize("pen", [5, 14])
@pytest.mark.parametrize(("text", "said"), [("3.14", "3?14"), ("-5", "?5"), ("2,5", "2?5")])
def test_points_and_minus_signs_in_photos_are_marks(
    best: Network, text: str, said: str, pen: int, shade: float
) -> None:
    ink = photo_ink(lit(255 * with_signs(text, pen=pen), shade))
    readings = judge_number(best, separate(preprocess_ink(ink))).readings
    assert "".join("?" if it.sign else str(it.digit) for it in readings) == said


@pytest.mark.parametrize(("pen", "dot"), [(5, 6), (6, 8), (8, 8)])
@pytest.mark.parametrize("text", ["305", "274"])
def test_digits_are_read_on_dotted_paper(best: Network, text: str, pen: int, dot: int) -> None:
    """Dots as large as a point are no points: there are too many of them."""
    strokes = [
        [(x + 1.6 * place, y) for x, y in stroke]
        for place, digit in enumerate(text)
        for stroke in STROKES[int(digit)]
    ]
    ink = coverage(strokes, size=(1000, 700), at=(180, 250), scale=110, pen=pen)
    y, x = np.mgrid[:700, :1000]
    dots = np.hypot((x - 7) % 40 - 20, (y - 5) % 40 - 20) <= dot / 2
    assert said_of(best, lit(255 * np.maximum(ink, 0.6 * dots), 0.0)) == text
