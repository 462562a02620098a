from __future__ import annotations

import io
import struct
import tracemalloc
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageFilter

from nn import Dataset, Network, PhotoError, Reading, find_digits, judge, load_network, photo_ink
from nn.drawing.image_file import LARGEST, WORKING, load_photo
from nn.drawing.photo import THIN
from nn.drawing.preprocessing import find_ink, preprocess_ink
from nn.drawing.reading import judge_number, separate
from nn.pen.skeletons import load_skeletons
from tests.helpers import BLACK, STROKES, WHITE, coverage, drawing
from tests.nn.drawing.photo_trials import BEST, KINDS, Sheet, digit_that_is_read, said_of

SIZE = (640, 480)
ORIENTATION = 0x0112  # of EXIF


def photo(
    digit: int,
    *,
    light_ink: bool = False,
    shade: float = 0.7,
    noise: float = 4.0,
    blur: float = 1.0,
    size: tuple[int, int] = SIZE,
    pen: float = 12.0,
    seed: int = 0,
) -> np.ndarray:
    """A digit on paper under light that falls off towards a corner, (H, W) in 0 to 255."""
    width, height = size
    scale = height * 0.33
    at = (width * 0.35, height * 0.25)
    mask = coverage(STROKES[digit], size=size, at=at, scale=scale, pen=pen)
    paper, ink = (50.0, 215.0) if light_ink else (225.0, 60.0)
    x, y = np.linspace(0, 1, width), np.linspace(0, 1, height)[:, None]
    light = 1.0 - shade * (0.6 * x + 0.4 * y) ** 1.5
    grey = (paper + (ink - paper) * mask) * light
    grey += np.random.default_rng(seed).normal(0, noise, grey.shape)
    picture = Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8))
    return np.asarray(picture.filter(ImageFilter.GaussianBlur(blur)))


def file_of(picture: np.ndarray | Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def reading_of(network: Network, data: bytes) -> Reading:
    return judge(network, preprocess_ink(photo_ink(data)))


@pytest.mark.parametrize("light_ink", [False, True], ids=["dark on light", "light on dark"])
@pytest.mark.parametrize("digit", STROKES)
def test_a_digit_under_uneven_light_is_found_as_it_was_drawn(digit: int, light_ink: bool) -> None:
    for shade, noise, blur, quality in [(0.0, 2, 0.5, 90), (0.5, 5, 1.5, 70), (0.75, 3, 2.5, 40)]:
        picture = photo(digit, light_ink=light_ink, shade=shade, noise=noise, blur=blur)
        found = preprocess_ink(photo_ink(file_of(picture, quality=quality)))
        drawn = preprocess_ink(find_ink(drawing(digit, scale=158, pen=12)))
        gap = np.abs(found.input - drawn.input).mean()
        assert gap < 0.03, (shade, noise, blur, quality)


@pytest.mark.parametrize("digit", [0, 2, 3, 5, 7, 8])
def test_a_photographed_digit_is_read(reader: Network, digit: int) -> None:
    assert reading_of(reader, file_of(photo(digit))).digit == digit


def test_a_photographed_number_is_read(reader: Network) -> None:
    picture = np.concatenate([photo(digit, shade=0.2, size=(400, 480)) for digit in (3, 2)], axis=1)
    whole = preprocess_ink(photo_ink(file_of(picture)))
    assert judge_number(reader, separate(whole)).digits == "32"


def in_mode(picture: np.ndarray, mode: str) -> bytes:
    """The picture as a file whose pixels are of this mode."""
    image = Image.fromarray(picture)
    if mode == "16 bit":
        return file_of(Image.fromarray(picture.astype(np.uint16) * 257), "PNG")
    if mode == "12 of 16 bit":
        return file_of(Image.fromarray(picture.astype(np.uint16) * 16), "TIFF")
    if mode == "32 bit":
        return file_of(Image.fromarray(picture.astype(np.int32) * 1000), "TIFF")
    if mode == "float":
        return file_of(Image.fromarray(picture.astype(np.float32) / 255), "TIFF")
    if mode == "alpha":
        image.putalpha(255)
        return file_of(image, "PNG")
    if mode == "corners cut":
        y, x = np.mgrid[-1 : 1 : picture.shape[0] * 1j, -1 : 1 : picture.shape[1] * 1j]
        image.putalpha(Image.fromarray(np.uint8(255) * (x**4 + y**4 < 1)))
        return file_of(image, "PNG")
    if mode == "P with transparency":
        return file_of(image.convert("P"), "PNG", transparency=3)
    if mode == "CMYK":
        return file_of(image.convert("RGB").convert("CMYK"), "JPEG")
    if mode == "WebP":
        return file_of(image, "WEBP")
    if mode == "1":
        return file_of(image.convert("1", dither=Image.Dither.NONE), "PNG")
    kind = {"YCbCr": "JPEG", "LAB": "TIFF"}.get(mode, "PNG")
    return file_of(image.convert("RGB").convert(mode), kind)


@pytest.mark.parametrize(
    "mode",
    [
        *("L", "LA", "P", "1", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "WebP", "alpha"),
        *("16 bit", "12 of 16 bit", "32 bit", "float", "corners cut", "P with transparency"),
    ],
)
def test_every_mode_is_read(reader: Network, mode: str) -> None:
    shade = 0.0 if mode == "1" else 0.6
    assert reading_of(reader, in_mode(photo(3, shade=shade, noise=2), mode)).digit == 3


@pytest.mark.parametrize("ink", [BLACK, WHITE], ids=["black", "white"])
def test_ink_on_transparent_paper_is_read(reader: Network, ink: tuple[int, int, int, int]) -> None:
    picture = drawing(3, ink=ink, paper=(0, 0, 0, 0))
    assert reading_of(reader, file_of(picture, "PNG")).digit == 3


@pytest.mark.parametrize(
    ("orientation", "turned"),
    [
        *((1, None), (3, Image.ROTATE_180), (6, Image.ROTATE_90), (8, Image.ROTATE_270)),
        *((2, Image.FLIP_LEFT_RIGHT), (4, Image.FLIP_TOP_BOTTOM)),  # mirrored, as selfies are
        *((5, Image.TRANSPOSE), (7, Image.TRANSVERSE)),
    ],
)
@pytest.mark.parametrize("size", [SIZE, (2400, 1800)], ids=["small", "reduced"])
@pytest.mark.parametrize("deep", [False, True], ids=["8 bit", "16 bit"])
def test_a_photo_is_turned_as_its_exif_says(
    reader: Network, orientation: int, turned: int | None, size: tuple[int, int], deep: bool
) -> None:
    picture = photo(3, size=SIZE)
    image = Image.fromarray(picture).resize(size)
    if turned is not None:
        image = image.transpose(turned)
    if deep:
        image = Image.fromarray(np.asarray(image).astype(np.uint16) * 257)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    data = file_of(image, "PNG" if deep else "JPEG", exif=exif)
    assert reading_of(reader, data).digit == 3


@pytest.mark.parametrize("pixels", [1, 5, 20])
def test_photos_of_many_megapixels_are_reduced_and_read(reader: Network, pixels: int) -> None:
    size = round((pixels * 1e6 * 4 / 3) ** 0.5), round((pixels * 1e6 * 3 / 4) ** 0.5)
    data = file_of(Image.fromarray(photo(2)).resize(size))
    assert photo_ink(data).size <= WORKING
    assert reading_of(reader, data).digit == 2


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_sheet_scanned_at_600_dpi_is_reduced_and_read(reader: Network, kind: str) -> None:
    picture = Image.fromarray(photo(2, shade=0, size=(496, 702))).resize((4960, 7016))
    data = file_of(picture, kind)
    assert photo_ink(data).size <= WORKING
    assert reading_of(reader, data).digit == 2


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGB", "CMYK", "I", "F", "I;16", "1"])
def test_pictures_are_reduced_in_bands_as_they_would_be_whole(
    mode: str, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    grey = rng.integers(0, 256, (1503, 1201), dtype=np.uint8)
    picture = Image.fromarray(grey).convert("L" if mode == "I;16" else mode)
    if mode == "I;16":
        picture = Image.fromarray(grey.astype(np.uint16) * 257)
    data = file_of(picture, "TIFF" if mode in ("CMYK", "F", "I") else "PNG")
    reduced = load_photo(data)
    monkeypatch.setattr("nn.drawing.image_file.BAND", 10_000_000)
    np.testing.assert_array_equal(load_photo(data), reduced)
    assert reduced.shape == (752, 601, 4)


def test_a_picture_of_16_bits_is_never_converted_whole() -> None:
    """A scan of 35 megapixels would take half a gigabyte."""
    data = file_of(Image.fromarray(np.full((3000, 4000), 40_000, np.uint16)), "PNG")
    tracemalloc.start()
    try:
        load_photo(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3000 * 4000 * 2


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("turns", [0, 1, 2, 3, 5])
def test_a_picture_is_turned_clockwise_by_quarters_after_exif(turns: int, orientation: int) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    data = file_of(Image.fromarray(photo(3)), "PNG", exif=exif)
    expected = np.rot90(load_photo(data), -turns)
    np.testing.assert_array_equal(load_photo(data, turns=turns), expected)


@pytest.mark.parametrize("size", [(1, 4_000_000), (1_200_000, 3), (2001, 1999), (5000, 5000)])
@pytest.mark.parametrize("kind", ["PNG", "PPM"])
def test_pictures_of_any_shape_are_reduced_to_few_pixels(size: tuple[int, int], kind: str) -> None:
    pixels = load_photo(file_of(Image.new("L", size, 200), kind))
    assert pixels.shape[0] * pixels.shape[1] <= WORKING
    assert (pixels[..., 0] == 200).all()
    if min(size) > 1000:
        assert pixels.shape[1] / pixels.shape[0] == pytest.approx(size[0] / size[1], rel=0.01)


def test_specks_and_what_leans_in_from_the_edge_are_no_ink(
    reader: Network, rng: np.random.Generator
) -> None:
    picture = photo(7, noise=2).copy()
    for y, x in rng.integers(0, 470, (25, 2)):
        picture[y : y + 3, x : x + 3] //= 3
    picture[:, :14] //= 4  # a table beside the paper
    assert reading_of(reader, file_of(picture)).digit == 7


def test_faint_ruled_lines_are_no_ink(reader: Network) -> None:
    picture = photo(2, shade=0.4).copy()
    for y in range(20, 480, 40):
        picture[y : y + 2] = picture[y : y + 2] * 0.8
    assert reading_of(reader, file_of(picture)).digit == 2


def test_a_drawing_on_paper_of_one_colour_is_found_as_on_a_canvas() -> None:
    canvas = drawing(6, ink=(200, 0, 0, 255), paper=(0, 90, 0, 255))
    np.testing.assert_allclose(photo_ink(file_of(canvas, "PNG")), find_ink(canvas), atol=1e-4)


def test_a_sheet_on_a_dark_table_is_no_light_ink(reader: Network) -> None:
    picture = photo(2, shade=0.0).copy()
    picture[:70] = picture[:, :90] = 70
    found = preprocess_ink(photo_ink(file_of(picture)))
    alone = preprocess_ink(photo_ink(file_of(photo(2, shade=0.0))))
    assert np.abs(found.input - alone.input).mean() < 0.01
    assert judge(reader, found).digit == 2


def test_a_finger_under_even_light_is_no_ink(reader: Network) -> None:
    picture = photo(5, shade=0.0, noise=2).copy()
    y, x = np.mgrid[0:480, 0:640]
    picture[((x - 640) / 110) ** 2 + ((y - 240) / 50) ** 2 < 1] = 150
    assert reading_of(reader, file_of(picture)).digit == 5


def test_a_lamps_mirror_image_does_not_turn_ink_into_paper() -> None:
    y, x = np.mgrid[0:480, 0:640]
    glare = 200 * np.exp(-((x - 130) ** 2 + (y - 380) ** 2) / 2500)
    plain = photo(3, shade=0.3)
    bright = np.clip(plain + glare, 0, 255).astype(np.uint8)
    found, expected = (preprocess_ink(photo_ink(file_of(it))).input for it in (bright, plain))
    assert np.abs(found - expected).mean() < 0.01


@pytest.mark.parametrize("pen", [1.5, 3.0, 6.0])
def test_a_fine_pens_strokes_are_thickened(reader: Network, pen: float) -> None:
    found = preprocess_ink(photo_ink(file_of(photo(2, pen=pen, blur=0.3, noise=1))))
    drawn = preprocess_ink(find_ink(drawing(2, scale=158, pen=THIN * 158 * 1.4)))
    assert found.input.sum() == pytest.approx(drawn.input.sum(), rel=0.35)
    assert judge(reader, found).digit == 2


def test_a_broad_pens_strokes_stay_as_they_are() -> None:
    canvas = drawing(2, pen=14)
    np.testing.assert_allclose(photo_ink(file_of(canvas, "PNG")), find_ink(canvas), atol=1e-4)


def test_photos_of_all_kinds_are_read() -> None:
    """Three of each kind but the largest; `python -m tests.nn.drawing.photo_trials` takes more."""
    network, skeletons = load_network(BEST), load_skeletons()
    lost = []
    for place, (name, kind) in enumerate(KINDS.items()):
        rng = np.random.default_rng([7, place])
        for _ in range(0 if name == "twenty-megapixels" else 3):
            strokes, label = digit_that_is_read(network, skeletons, rng)
            said = said_of(network, kind(Sheet(strokes, rng, side=600)))
            lost += [] if said == label else [f"{name}: {label} as {said}"]
    assert len(lost) <= 3, lost


def picture_of(digit: np.ndarray, side: int, *, light_ink: bool) -> Image.Image:
    """A digit of MNIST, ink 255, as a square picture; up to 112 pixels with soft edges."""
    image = Image.fromarray(digit.reshape(28, 28) if light_ink else 255 - digit.reshape(28, 28))
    soft = Image.Resampling.BILINEAR if side <= 112 else Image.Resampling.NEAREST
    return image.resize((side, side), soft)


def share_read(network: Network, data: Dataset, file: Callable[[np.ndarray], bytes]) -> float:
    """The share of digits that are read correctly in the files made of them."""
    said = [said_of(network, file(image)) for image in data.images]
    return np.mean([a == str(label) for a, label in zip(said, data.labels, strict=True)])


def test_light_grey_on_dark_grey_with_grain_is_read(
    best: Network, hundred: Dataset, rng: np.random.Generator
) -> None:
    def file(image: np.ndarray) -> bytes:
        pixels = np.asarray(picture_of(image, 28, light_ink=True)) * 0.5 + 50
        return file_of(np.rint(pixels + rng.normal(0, 4, pixels.shape)).astype(np.uint8), "PNG")

    assert share_read(best, hundred, file) >= 0.9


@pytest.mark.parametrize("light_ink", [False, True], ids=["dark on light", "light on dark"])
@pytest.mark.parametrize("quarters", range(4), ids=["top", "left", "bottom", "right"])
def test_a_digit_that_touches_an_edge_is_read(
    best: Network, hundred: Dataset, quarters: int, light_ink: bool
) -> None:
    """Cropped to its ink at one edge; beside it are specks, and JPEG's noise."""

    def file(image: np.ndarray) -> bytes:
        turned = np.rot90(np.pad(image.reshape(28, 28), 4), -quarters)
        cropped = np.rot90(turned[np.flatnonzero(turned.max(axis=1) > 127)[0] :], quarters)
        large = Image.fromarray(cropped if light_ink else 255 - cropped).resize(
            (4 * cropped.shape[1], 4 * cropped.shape[0]), Image.Resampling.BILINEAR
        )
        pixels = np.array(large)
        for y, x in ((12, 12), (12, -15), (-15, 12), (-15, -15)):
            pixels[y : y + 2, x : x + 2] = 255 * light_ink
        return file_of(pixels, "JPEG", quality=60)

    assert share_read(best, hundred[::4], file) >= 0.9


@pytest.mark.parametrize("shade", [0.0, 0.7])
def test_an_empty_sheet_has_no_ink(shade: float, rng: np.random.Generator) -> None:
    light = 1.0 - shade * np.linspace(0, 1, 640)
    sheet = 220 * light + rng.normal(0, 3, (480, 640))
    assert photo_ink(file_of(np.clip(sheet, 0, 255).astype(np.uint8))) is None


@pytest.mark.parametrize("turn", [False, True], ids=["wide", "tall"])
def test_a_long_narrow_picture_takes_no_more_memory_than_others(
    turn: bool, rng: np.random.Generator
) -> None:
    strip = np.full((20, 4000), 220.0) + rng.normal(0, 3, (20, 4000))
    strip *= 1 - 0.7 * np.linspace(0, 1, 4000)
    inked = np.zeros(strip.shape, np.bool_)
    inked[5:15, 100:3900:40] = inked[5:15, 101:3900:40] = True
    strip[inked] *= 0.3
    data = file_of((strip.T if turn else strip).astype(np.uint8), "PNG")
    tracemalloc.start()
    try:
        ink = photo_ink(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 300 * strip.size  # a square picture takes 120 bytes per pixel
    np.testing.assert_array_equal((ink.T if turn else ink) > 0.5, inked)


def png_that_says(width: int, height: int) -> bytes:
    """A PNG's header with this size, and hardly any data."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )


@pytest.mark.filterwarnings("default::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("side", [6325, 9999, 50_000, 2_000_000])
def test_a_picture_that_is_too_large_is_refused_by_its_header(side: int) -> None:
    assert side**2 > LARGEST
    with pytest.raises(PhotoError, match=r"at most 40 megapixels, got .*; scale it down"):
        photo_ink(png_that_says(side, side))


WHOLE = file_of(photo(3), "PNG")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "got a file of another kind"),
        (b"this is no image", "got a file of another kind"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40), "HEIC photo.* send it as a JPEG"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "got a file of another kind"),
        (WHOLE[: len(WHOLE) // 2], "broken or cut off"),
        (file_of(photo(3))[:4000], "broken or cut off"),
        (png_that_says(300, 300), "broken or cut off"),
    ],
    ids=["empty", "text", "HEIC", "PostScript", "half a PNG", "half a JPEG", "a header"],
)
def test_what_is_no_picture_is_refused_with_a_sentence(data: bytes, says: str) -> None:
    with pytest.raises(PhotoError, match=says):
        photo_ink(data)


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (EOFError(), r"broken or cut off \(EOFError\)"),
        (OSError("truncated"), r"broken or cut off \(truncated\)"),
        (MemoryError(), r"at most 40 megapixels, got more than .*; scale it down"),
    ],
    ids=repr,
)
def test_an_error_without_words_is_refused_with_a_whole_sentence(
    error: Exception, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(_: Image.Image) -> Image.Image:
        raise error

    monkeypatch.setattr("nn.drawing.image_file._eight_bits", failing)
    with pytest.raises(PhotoError, match=says):
        photo_ink(WHOLE)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "TIFF", "BMP", "WEBP"])
def test_a_spoilt_file_is_read_or_refused_never_an_error(
    kind: str, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "nn.drawing.image_file.LARGEST", 100_000
    )  # a spoilt size is refused early: time
    whole = np.frombuffer(file_of(photo(3, size=(64, 48), pen=4), kind), np.uint8)
    for _ in range(60):
        spoilt = whole.copy()
        places = rng.integers(0, min(spoilt.size, int(rng.choice([60, 10_000]))), 4)
        spoilt[places] = rng.integers(0, 256, 4)
        try:
            ink = photo_ink(spoilt.tobytes())
        except PhotoError:
            continue
        assert ink is None or (np.isfinite(ink).all() and 0 <= ink.min() <= ink.max() <= 1)


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (3, 2), (30, 40), (400, 5), (101, 99)])
def test_a_picture_of_blocks_and_stripes_raises_nothing(
    shape: tuple[int, int], rng: np.random.Generator
) -> None:
    height, width = shape
    pictures = [np.full(shape, 200, np.uint8) for _ in range(4)]
    pictures[0][:, : width // 2] = 0
    pictures[1][::2] = 0
    pictures[2][height // 3 :, width // 3 :] = 0
    pictures[3][[0, -1]] = pictures[3][:, [0, -1]] = 0
    pictures.append(rng.integers(0, 256, shape, dtype=np.uint8))
    for transparent in (False, True):
        see_through = np.zeros((*shape, 4), np.uint8)
        see_through[::3, ::3] = 255 * (not transparent)
        pictures.append(see_through)
    for picture in pictures:
        ink = photo_ink(file_of(picture, "PNG"))
        if ink is not None:
            assert ink.shape == shape
            assert 0 <= ink.min() <= ink.max() <= 1
            find_digits(preprocess_ink(ink))
