"""Image files: from their bytes to pixels the right way up.

A file's size is checked before its pixels take memory, and only the pixels as the decoder gives
them are ever held whole: they are converted and reduced in bands. Out of scope: what the pixels
show (photo.py).
"""

from __future__ import annotations

import io
import math
import struct
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from nn.errors import RefusalError

from .preprocessing import Floats, Pixels

LARGEST = 40_000_000  # pixels of the file; a scan of an A4 sheet at 600 dpi has 35 million
WORKING = 1_000_000  # pixels, to which larger images are reduced
# Measured, in bytes per pixel that a decoder holds: of WebP up to 17, of TIFF and progressive JPEG
# up to 8, of PNG and others up to 5. A JPEG that is not progressive is reduced as it is decoded.
LARGEST_OF = {"WEBP": 25_000_000}
BAND = 1_000_000  # pixels that are converted at a time
ORIENTATION = 0x0112  # of EXIF
TURNS = (None, Image.Transpose.ROTATE_270, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_90)
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM")  # none that run programs
APPLE = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1")  # HEIF's brands
DEEP = {"I;16", "I;16L", "I;16B", "I;16N", "I", "F"}  # Pillow's modes of more than 8 bits


class PhotoError(RefusalError):
    """A file that is not a readable image."""


def load_photo(data: bytes, *, largest: int | None = None, turns: int = 0) -> Pixels:
    """An image file's pixels the right way up, (H, W, 4) uint8, at most WORKING; see `photo_ink`.

    A file of more than `largest` pixels, by default LARGEST, is refused undecoded. After EXIF has
    turned the picture, it is turned clockwise by so many quarters.
    """
    largest = largest or LARGEST
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            largest = min(largest, LARGEST_OF.get(image.format or "", largest))
            width, height = image.size
            if width * height > largest:
                raise _too_large(f"{width} x {height}", largest)
            across, down = _factors(width, height)
            if image.format in ("JPEG", "MPO") and max(across, down) > 1:
                # The decoder halves it for a fraction of the memory and time.
                image.draft(None, (width // across, height // down))
            shown = ImageOps.exif_transpose(_reduced(image), in_place=False)
            if (turn := TURNS[turns % 4]) is not None:
                shown = shown.transpose(turn)
            return np.asarray(shown.convert("RGBA"))
    except PhotoError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_large("many times that", largest) from None
    except MemoryError:
        raise _too_large("more than there is memory for", largest) from None
    except UnidentifiedImageError:
        raise _other(data) from None
    except (  # what Pillow raises on broken files
        *(ArithmeticError, AttributeError, EOFError, LookupError, OSError, RuntimeError),
        *(SyntaxError, TypeError, ValueError, struct.error, zlib.error),
    ) as error:
        detail = str(error) or type(error).__name__
        raise PhotoError(
            f"expected a whole picture, got one that is broken or cut off ({detail})",
            kind="photo_broken",
            detail=detail,
        ) from None


def _other(data: bytes) -> PhotoError:
    expected = "expected a picture such as a PNG, JPEG or WebP, got"
    if data[4:8] == b"ftyp" and data[8:12] in APPLE:
        return PhotoError(
            f"{expected} a HEIC photo, as iPhones take them; send it as a JPEG", kind="photo_heic"
        )
    return PhotoError(f"{expected} a file of another kind", kind="photo_other")


def _too_large(size: str, largest: int) -> PhotoError:
    return PhotoError(
        f"expected a picture of at most {largest // 1_000_000} megapixels, got {size}; "
        "scale it down",
        kind="photo_large",
        limit=largest // 1_000_000,
    )


def _reduced(image: Image.Image) -> Image.Image:
    """At most WORKING pixels of 8 bits per channel, with the image's EXIF orientation.

    By averages over whole boxes; a smaller image keeps its size.
    """
    orientation = image.getexif().get(ORIENTATION) or 1
    factors = _factors(image.width, image.height)
    rows = factors[1] * max(BAND // (image.width * factors[1]), 1)
    ends = [(0.0, 0.0)]
    if image.mode in DEEP:
        ends += [(float(it.min()), float(it.max())) for it in map(_values, _bands(image, rows))]
    low, high = min(low for low, _ in ends), max(high for _, high in ends)
    small, top = None, 0
    for band in _bands(image, rows):
        shown = _eight_bits(_scaled(band, low, high) if image.mode in DEEP else band)
        if max(factors) > 1:
            shown = shown.reduce(factors)
        if small is None:
            height = math.ceil(image.height / factors[1])
            small = Image.new(shown.mode, (shown.width, height))
        small.paste(shown, (0, top))
        top += shown.height
    if small is None:
        raise ValueError("no pixels")  # said to be a broken picture
    small.getexif()[ORIENTATION] = orientation
    return small


def _bands(image: Image.Image, rows: int) -> Iterator[Image.Image]:
    """So many rows of an image after another."""
    for top in range(0, image.height, rows):
        yield image.crop((0, top, image.width, min(top + rows, image.height)))


def _eight_bits(image: Image.Image) -> Image.Image:
    """An image of up to 8 bits per channel in a mode that can be reduced."""
    if "transparency" in image.info or image.mode in ("PA", "LA", "La", "RGBa"):
        return image.convert("RGBA")
    if image.mode in ("L", "RGB", "RGBA"):
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def _scaled(image: Image.Image, low: float, high: float) -> Image.Image:
    """An image of more than 8 bits per channel as one of 8, from `low` to `high`."""
    share = (_values(image) - low) * (255.0 / max(high - low, 1e-9))
    return Image.fromarray(share.round().astype(np.uint8))


def _values(image: Image.Image) -> Floats:
    """The values of an image of more than 8 bits per channel; 0 for what is not finite."""
    values = np.asarray(image).astype(np.float32)
    values[~np.isfinite(values)] = 0.0
    return values


def _factors(width: int, height: int) -> tuple[int, int]:
    """By how much to reduce a picture's width and height to at most WORKING pixels.

    By the same for both, unless the picture is narrower than that.
    """
    factor = max(math.ceil(math.sqrt(width * height / WORKING)), 1)
    while math.ceil(width / factor) * math.ceil(height / factor) > WORKING:
        factor += 1
    return min(factor, width), min(factor, height)
