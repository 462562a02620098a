"""A picture of handwriting, from a file's bytes to ink: a photo under uneven light, or a scan.

    brightness  = light x reflectance, so s = log(brightness) is a sum of the two
    light       = mean of s over a wide box, of paper pixels only
    contrast    = (exp(s - light) - 1) x sign, sign -1 for dark ink on light paper, 1 for light
    ink         = contrast between LOW and HIGH of the ink's own, as a share in [0, 1]

This is a local threshold (P. D. Wellner, "Adaptive thresholding for the DigitalDesk", 1993) on
homomorphic brightness (A. V. Oppenheim, R. W. Schafer, T. G. Stockham, 1968). Specks, and what
leans in from the picture's edge, are taken away. A picture with paper of exactly one colour, such
as a screenshot, needs none of that: its ink is found as on a canvas. Strokes of a fine pen are
thickened; from there on the way is the same.

A file is judged by its header before its pixels take memory. Out of scope: perspective, finding
digits in a street.
"""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter, ImageOps, UnidentifiedImageError

from .preprocess import NOISE, Floats, Pixels, find_ink
from .refusal import RefusalError
from .segmentation import FAINT, Components, find_components

LARGEST = 25_000_000  # pixels of the file
WORKING = 1_000_000  # pixels at most to look for ink in; the network reads 784
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM")  # not those that run programs
APPLE = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1")  # of HEIF's brands
DEEP = {"I;16", "I;16L", "I;16B", "I;16N", "I", "F"}  # Pillow's modes of more than 8 bits
FLAT = 0.6  # of the pixels have the paper's own colour ...
SAME = 0.75  # ... and so many exactly that of their neighbour, without noise: no photo
EVEN, EVEN_TILES = 4.0, 0.75  # of 3 x 3 tiles, so many have paper so near in colour to the whole's
LIGHT = 0.09  # of the longer side: the box over which light is taken to be even
STROKE = 0.35  # of that box: the scale of a stroke
PAPER_TONE = 12.0  # added to brightness, so that noise in the dark is not contrast
LEAST_CONTRAST = 0.15  # of the paper's brightness
SIGMAS = 5.0  # that ink must stand out of the paper's noise
LOW, HIGH = 0.3, 0.7  # of the ink's full contrast: paper below, ink above
LEAST_AREA = 2e-4  # of the picture: smaller is no digit
SPECK = 0.02  # of the largest component's area
THIN = 0.05  # of the digit's longer side: the width of the thinnest strokes that are read well
EDGES = 0.04  # of a side: what begins so near the picture's edge leans in from outside

Grey = NDArray[np.uint8]


class PhotoError(RefusalError):
    """A file that is no picture to be read; the message is a sentence that says why."""


def photo_ink(data: bytes) -> Floats | None:
    """The ink in a picture.

    Parameters
    ----------
    data : a file's bytes: PNG, JPEG, WebP, GIF, BMP, TIFF, PPM; any mode, turned as its EXIF says

    Returns
    -------
    (H, W) float32 in [0, 1], ink 1 on paper 0, H x W at most WORKING; None when there is no ink

    Raises
    ------
    PhotoError
        The bytes are no such picture, a broken one, or one of more than LARGEST pixels.
    """
    rgba = load_photo(data)
    ink = find_ink(rgba) if _is_flat(rgba) else None
    if ink is None or _leans_in(ink):
        ink = _local_ink(_grey(rgba))
    return None if ink is None else _thickened(ink)


def load_photo(data: bytes) -> Pixels:
    """A picture's pixels the right way up, (H, W, 4) uint8, reduced to WORKING; see `photo_ink`."""
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            width, height = image.size
            if width * height > LARGEST:
                raise _too_large(f"{width} x {height}")
            factor = max(int(np.ceil(np.sqrt(width * height / WORKING))), 1)
            if image.format in ("JPEG", "MPO") and factor > 1:
                # The decoder itself halves, once or more, for a fraction of the memory and time.
                image.draft(None, (width // factor, height // factor))
            small = _reduced(_eight_bits(image))
            return np.asarray(ImageOps.exif_transpose(small, in_place=False).convert("RGBA"))
    except PhotoError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_large("many times that") from None
    except UnidentifiedImageError:
        raise _other(data) from None
    except (  # what Pillow raises on broken files
        *(ArithmeticError, AttributeError, EOFError, LookupError, MemoryError, OSError),
        *(RuntimeError, SyntaxError, TypeError, ValueError, struct.error, zlib.error),
    ) as error:
        raise PhotoError(
            f"expected a whole picture, got one that is broken or cut off ({error})",
            kind="photo_broken",
            detail=str(error),
        ) from None


def _other(data: bytes) -> PhotoError:
    expected = "expected a picture such as a PNG, JPEG or WebP, got"
    if data[4:8] == b"ftyp" and data[8:12] in APPLE:
        return PhotoError(
            f"{expected} a HEIC photo, as iPhones take them; send it as a JPEG", kind="photo_heic"
        )
    return PhotoError(f"{expected} a file of another kind", kind="photo_other")


def _too_large(size: str) -> PhotoError:
    return PhotoError(
        f"expected a picture of at most {LARGEST // 1_000_000} megapixels, got {size}; "
        "scale it down",
        kind="photo_large",
        limit=LARGEST // 1_000_000,
    )


def _eight_bits(image: Image.Image) -> Image.Image:
    """A picture in a mode of 8 bits a channel that can be reduced; EXIF goes along."""
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


def _reduced(image: Image.Image) -> Image.Image:
    """At most WORKING pixels, by whole-number box averages; the same image where it has no more."""
    factor = max(int(np.ceil(np.sqrt(image.width * image.height / WORKING))), 1)
    if factor == 1:
        return image
    small = image.reduce((min(factor, image.width), min(factor, image.height)))
    small.getexif()[0x0112] = image.getexif().get(0x0112, 1)
    return small


def _is_flat(rgba: Pixels) -> bool:
    """Whether most pixels have one colour, without noise, and nearly the same one everywhere."""
    step = max(round((rgba.size / 400_000) ** 0.5), 1)  # fewer pixels say as much
    colours = rgba[::step, ::step].astype(np.float32)
    colours[..., :3] *= colours[..., 3:] / 255.0
    distance = np.linalg.norm(colours - np.median(colours, axis=(0, 1)), axis=2)
    tiles = [
        float(np.median(tile))
        for band in np.array_split(distance, 3, axis=0)
        for tile in np.array_split(band, 3, axis=1)
        if tile.size
    ]
    even = np.mean(np.array(tiles) < EVEN) >= EVEN_TILES
    same = (np.diff(rgba, axis=1, append=rgba[:, -1:]) == 0).all(
        axis=2
    )  # as the pixel to the right
    noiseless = same.mean() >= SAME
    return bool(even and noiseless and (distance < NOISE).mean() >= FLAT)


def _leans_in(ink: Floats) -> bool:
    """Whether there is ink at the picture's very edge: a finger or a table, and so a photo."""
    return bool(max(ink[[0, -1]].max(), ink[:, [0, -1]].max()) >= FAINT)


def _grey(rgba: Pixels) -> Floats:
    """Brightness from 0 to 255, (H, W); what is transparent gets a tone unlike the ink's."""
    grey = rgba[..., :3].astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    alpha = rgba[..., 3].astype(np.float32) / 255.0
    total = float(alpha.sum())
    if total < alpha.size:
        seen = float((grey * alpha).sum()) / max(total, 1.0)
        # Mostly opaque: a photo with its corners cut. Mostly transparent: ink without paper.
        behind = seen if total >= 0.5 * alpha.size else 255.0 * (seen < 128.0)
        grey = grey * alpha + np.float32(behind) * (1 - alpha)
    return grey


def _local_ink(grey: Floats) -> Floats | None:
    """The ink of a photo, by its contrast to the paper around; None when there is none."""
    tone = np.log(grey + np.float32(PAPER_TONE))
    radius = max(round(LIGHT * max(grey.shape)), 2)
    even = np.ones_like(tone)
    for share in (1.0, 0.35):  # light from all pixels, then from those that differ least from it
        contrast = tone - _local_mean(tone, even, radius)
        limit = max(float(np.quantile(np.abs(contrast), 0.99)) * 0.5 * share, 1e-3)
        even = (np.abs(contrast) < limit).astype(np.float32)
    contrast = np.exp(tone - _local_mean(tone, even, radius)) - np.float32(1)
    if _is_dark(tone, radius):
        contrast = -contrast
    noise = 1.4826 * float(np.median(np.abs(contrast)))
    least = max(LEAST_CONTRAST, SIGMAS * noise)
    standing_out = contrast[contrast > least]
    if standing_out.size == 0:
        return None
    full = float(np.quantile(standing_out, 0.75))
    return _without_specks(np.clip((contrast / full - LOW) / (HIGH - LOW), 0.0, 1.0))


def _is_dark(tone: Floats, radius: int) -> bool:
    """Whether the ink is darker than its paper: strokes are few pixels that differ much.

    An edge of two surfaces, such as a sheet on a table, is as much darker on one side as it is
    lighter on the other, and a lamp's mirror image is smooth: at a stroke's scale neither counts.
    """
    fine = tone - _local_mean(tone, np.ones_like(tone), max(round(STROKE * radius), 1))
    rows, columns = (slice(length // 10, length - length // 10) for length in tone.shape)
    return float((fine[rows, columns].astype(np.float64) ** 3).sum()) < 0


def _local_mean(values: Floats, weights: Floats, radius: int) -> Floats:
    """The weighted mean over a box of 2 radius + 1, twice, (H, W); the plain mean where none is."""
    margin = 2 * radius  # beyond the edges light goes on as it came: (value, its mirror image)
    tones = np.pad(values, margin, mode="reflect", reflect_type="odd")
    weight = np.pad(weights, margin, mode="reflect")
    total = tones * weight
    for _ in range(2):
        total, weight = (_box_mean(_box_mean(part, radius).T, radius).T for part in (total, weight))
    mean: Floats = np.where(weight > 1e-3, total / np.maximum(weight, 1e-3), tones)
    return mean[margin:-margin, margin:-margin]


def _box_mean(values: Floats, radius: int) -> Floats:
    """The mean of each column over 2 radius + 1 rows, cut at the ends, by running sums, (H, W)."""
    height = len(values)
    sums = np.zeros((height + 1, values.shape[1]))
    np.cumsum(values, axis=0, out=sums[1:])
    rows = np.arange(height)
    first, last = np.maximum(rows - radius, 0), np.minimum(rows + radius + 1, height)
    means: Floats = ((sums[last] - sums[first]) / (last - first)[:, None]).astype(np.float32)
    return means


def _without_specks(ink: Floats) -> Floats | None:
    """Only the components that are large, and within the picture; None when there is none."""
    found = find_components(ink >= 0.5)
    if found.areas.max(initial=0) < max(LEAST_AREA * ink.size, 2):
        return None
    weights = _weights(found, ink.shape[0], ink.shape[1])
    kept = weights >= SPECK * weights.max()
    # Edges of ink, below one half, belong to what they surround.
    core = Image.fromarray(np.uint8(255) * (found.paint(kept.astype(np.intp), ink.shape) > 0))
    around = np.asarray(core.filter(ImageFilter.MaxFilter(5))) > 0
    cleaned: Floats = np.where(around, ink, np.float32(0)).astype(np.float32)
    return cleaned


def _thickened(ink: Floats) -> Floats:
    """Strokes too thin for the 28 x 28 as wide as a thin pen's on the slate; others as they are."""
    core = ink >= 0.5
    found = find_components(core)
    if found.areas.size == 0:
        return ink
    left, top, right, bottom = found.boxes[found.areas.argmax()]
    edges = sum(int((np.diff(core, axis=axis)).sum()) for axis in (0, 1))  # pixels in and out
    width = 8 / np.pi * int(core.sum()) / max(edges, 1)  # of a stroke that runs in all directions
    missing = THIN * max(right - left, bottom - top) - width
    if missing < 1:
        return ink
    image = Image.fromarray(np.rint(ink * 255).astype(np.uint8))
    for _ in range(round(missing / 2)):
        image = image.filter(ImageFilter.MaxFilter(3))
    return np.asarray(image, np.float32) / np.float32(255)


def _weights(found: Components, height: int, width: int) -> NDArray[np.float64]:
    """How much each component counts: its area, more in the middle, nothing at the edges."""
    x = (found.boxes[:, 0] + found.boxes[:, 2]) / width - 1.0  # -1 to 1
    y = (found.boxes[:, 1] + found.boxes[:, 3]) / height - 1.0
    weights: NDArray[np.float64] = found.areas.astype(np.float64) * np.exp(-(x**2 + y**2))
    margin = EDGES * min(height, width)
    left, top, right, bottom = found.boxes.T
    inside = (left >= margin) & (top >= margin) & (right <= width - margin)
    inside &= bottom <= height - margin
    if inside.any():
        weights *= inside
    return weights
