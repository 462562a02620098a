"""Image files: from their bytes to pixels the right way up.

A file's size is checked before its pixels take memory. Out of scope: what the pixels show
(photo.py).
"""

from __future__ import annotations

import io
import math
import struct
import zlib

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from nn.errors import RefusalError

from .preprocessing import Pixels

LARGEST = 25_000_000  # pixels of the file
WORKING = 1_000_000  # pixels, to which larger images are reduced
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM")  # none that run programs
APPLE = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1")  # HEIF's brands
DEEP = {"I;16", "I;16L", "I;16B", "I;16N", "I", "F"}  # Pillow's modes of more than 8 bits


class PhotoError(RefusalError):
    """A file that is not a readable image."""


def load_photo(data: bytes, *, largest: int | None = None) -> Pixels:
    """An image file's pixels the right way up, (H, W, 4) uint8, at most WORKING; see `photo_ink`.

    A file of more than `largest` pixels, LARGEST by default, is refused undecoded.
    """
    largest = largest or LARGEST
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            width, height = image.size
            if width * height > largest:
                raise _too_large(f"{width} x {height}", largest)
            across, down = _factors(width, height)
            if image.format in ("JPEG", "MPO") and max(across, down) > 1:
                # The decoder halves it for a fraction of the memory and time.
                image.draft(None, (width // across, height // down))
            small = _reduced(_eight_bits(image))
            return np.asarray(ImageOps.exif_transpose(small, in_place=False).convert("RGBA"))
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


def _eight_bits(image: Image.Image) -> Image.Image:
    """An image in a mode of 8 bits per channel that can be reduced, with its EXIF orientation."""
    if image.mode in DEEP:
        values = np.asarray(image).astype(np.float32)
        values[~np.isfinite(values)] = 0.0
        low, high = min(float(values.min()), 0.0), float(values.max())
        values = (values - low) * (255.0 / max(high - low, 1e-9))
        shown = Image.fromarray(values.round().astype(np.uint8))
    elif "transparency" in image.info or image.mode in ("PA", "LA", "La", "RGBa"):
        shown = image.convert("RGBA")
    elif image.mode in ("L", "RGB", "RGBA"):
        shown = image
    else:
        shown = image.convert("L" if image.mode == "1" else "RGB")
    shown.info = image.info
    turned = image.getexif().get(0x0112)  # orientation
    shown.getexif()[0x0112] = turned or 1
    return shown


def _factors(width: int, height: int) -> tuple[int, int]:
    """By how much to reduce a picture's width and height to at most WORKING pixels.

    By the same for both, unless the picture is narrower than that.
    """
    factor = max(math.ceil(math.sqrt(width * height / WORKING)), 1)
    while math.ceil(width / factor) * math.ceil(height / factor) > WORKING:
        factor += 1
    return min(factor, width), min(factor, height)


def _reduced(image: Image.Image) -> Image.Image:
    """At most WORKING pixels, by averages over whole boxes; smaller images stay the same."""
    factors = _factors(image.width, image.height)
    if max(factors) == 1:
        return image
    small = image.reduce(factors)
    small.getexif()[0x0112] = image.getexif().get(0x0112, 1)
    return small
