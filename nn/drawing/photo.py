"""Photos, scans and screenshots: from an image file's pixels to ink.

Paper of one tone, as in scans, screenshots and photos in even light:

    paper       = the most frequent colour at the picture's edges
    distance    = of a pixel's colour from the paper's
    two classes = distance below and above Otsu's threshold, maximising n0 n1 (mean0 - mean1)^2
    ink         = distance as a share of full ink's, 0 below the noise of tiles without ink

Paper of varying tone, where each pixel is compared with the paper around it:

    brightness  = light x reflectance, so s = log(brightness) is a sum of the two
    light       = mean of s over a wide box, of paper pixels only
    contrast    = (exp(s - light) - 1) x sign, sign -1 for dark ink on light paper, 1 for light
    ink         = contrast between LOW and HIGH of full ink's, as a share in [0, 1]

Rules and frames are left out (rules.py); what lies in a panel, such as a sheet on a table or a
picture in a plot, is read instead of it. Specks, and objects that lean in from the image's edge,
are removed; thin strokes are thickened. Out of scope: perspective, digits in street scenes.

Sources: N. Otsu, "A threshold selection method from gray-level histograms", 1979 (the global
threshold); P. D. Wellner, "Adaptive thresholding for the DigitalDesk", 1993 (the local one);
A. V. Oppenheim, R. W. Schafer, T. G. Stockham, 1968 (homomorphic brightness).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from .image_file import load_photo
from .preprocessing import (
    CONTRAST,
    EDGE,
    NOISE,
    Floats,
    Mask,
    Pixels,
    distance_from,
    frequent_colour,
    premultiplied,
    share_of_ink,
)
from .rows import TALL, Indices
from .rules import find_surrounding, without_rules
from .segmentation import FOOT, MOST, Components, find_components, stroke_width

RING = 0.03  # of the shorter side: the edge whose colour is the paper's
MOST_INK = 0.72  # of a picture; with more, it is a sheet on a table
INK_AT_EDGE = 0.37  # of the ring: with more ink, it is not paper that was found
# Paper is even when this share of 4 x 4 tiles has paper within EVEN, of full ink's distance.
EVEN_TILES, EVEN_SHARE, EVEN = 4, 0.9, 0.08
MOSTLY_INK = 0.25  # of a tile: with less paper, it is not looked at
GRAIN_TILES, GRAIN = 14, 1.25  # noise: GRAIN times the median of the maxima of tiles without ink
NEAR, GRAINY = 0.04, 2.0  # or GRAINY times what most pixels have that are no nearer to ink
MIXED = 0.05  # share of ink that may be lighter than paper if the rest is darker, or vice versa
LIGHT = 0.09  # of the longer side: the box within which light is even
STROKE = 0.35  # of that box: the scale of a stroke
PAPER_TONE = 12.0  # added to brightness, so that noise in the dark is not contrast
LEAST_CONTRAST = 0.15  # of the paper's brightness
SIGMAS = 5.0  # of the paper's noise: the least contrast of ink
LOW, HIGH = 0.3, 0.7  # of full ink's contrast: paper below, ink above
PALE = 0.05  # of the paper's brightness: the least contrast of strokes joined to darker ones
THINNEST, THICKEST = 0.5, 2.0  # of the width of strokes: less or more is no stroke
WIDE = 0.3  # of contrast: what is left where strokes are taken away is paper, not a shadow
LEAST_AREA = 2e-4  # of the image: smaller is no digit
SPECK = 0.02  # of the largest component's area
THIN = 0.05  # of the digit's longer side: thinner strokes are thickened
BESIDE = 0.5  # of a digit's height: a speck so near to its foot may be a point
# Of the strokes' width, and of a dot's area: the largest dot of dotted paper, and the others there.
DOT, ALIKE = 3.0, 2.0
EDGES = 0.04  # of the shorter side: components so near the image's edge may come from outside
SOLID = 2.0  # times the width of strokes: what is thicker there is an object
LINE, LONE = 0.25, 0.1  # of a component's longer side: the widest stroke; of its area: a speck's
PANELS = 2  # panels within each other that are opened
LEAST_DIGIT = 0.2  # of a panel's height: the least of what is looked for in it


def photo_ink(data: bytes, *, turns: int = 0) -> Floats | None:
    """The ink in an image file.

    Parameters
    ----------
    data : bytes of a PNG, JPEG, WebP, GIF, BMP, TIFF or PPM file of any mode; EXIF may rotate it
    turns : by how many quarters it is turned clockwise after that

    Returns
    -------
    (H, W) float32 in [0, 1], ink 1 on paper 0, H x W at most WORKING; None when there is no ink

    Raises
    ------
    PhotoError
        The file is of another kind, broken, or has more than LARGEST pixels.
    """
    ink = _ink(load_photo(data, turns=turns), PANELS)
    return None if ink is None else _thickened(ink)


def _ink(rgba: Pixels, panels: int) -> Floats | None:
    """The ink in a picture, or in the panel or frame in it."""
    colour = premultiplied(rgba)
    ink = _even_ink(rgba, _paper(_ring(colour)), whole=True)
    around = None if ink is None or panels == 0 else find_surrounding(ink >= EDGE)
    if ink is None or (around is None and (ink >= EDGE).mean() > MOST_INK):
        # The edges may show a table around the sheet.
        ink = _even_ink(rgba, _paper(colour), whole=False)
        if ink is None:
            ink = _local_ink(_grey(rgba))
        around = None if ink is None or panels == 0 else find_surrounding(ink >= EDGE)
    if ink is None or around is None:
        return ink
    (left, top, right, bottom), margin = around.box, 0
    if around.filled:
        margin = max(round(RING * min(right - left, bottom - top)), 1)
    within = slice(top + margin, bottom - margin), slice(left + margin, right - margin)
    inner = _ink(rgba[within], panels - 1) if around.filled else _unframed(ink[within])
    if inner is None or _height(inner) < LEAST_DIGIT * (bottom - top):
        return ink
    whole = np.zeros_like(ink)
    whole[within] = inner
    return whole


def _unframed(ink: Floats) -> Floats:
    """The ink within a frame, which is the component with the largest box."""
    found = find_components(ink > 0)
    sizes = found.boxes[:, 2:] - found.boxes[:, :2]
    others = np.ones(len(sizes), np.intp)
    others[sizes.prod(axis=1).argmax()] = 0
    inner: Floats = np.where(
        found.paint(others, (ink.shape[0], ink.shape[1])) > 0, ink, np.float32(0)
    )
    return inner


def _height(ink: Floats) -> int:
    """The height of the tallest component, in pixels."""
    boxes = find_components(ink >= EDGE).boxes
    return int((boxes[:, 3] - boxes[:, 1]).max(initial=0))


def _even_ink(rgba: Pixels, paper: Floats, *, whole: bool) -> Floats | None:
    """The ink on paper of one tone, as on a canvas, dark or light; None if the paper is uneven.

    Parameters
    ----------
    paper : its colour, (4,)
    whole : whether the paper must reach to the picture's edges

    Uneven light makes paper of several tones, and a lamp's reflection is lighter than the paper
    where the ink is darker: both are left to `_local_ink`.
    """
    colour = premultiplied(rgba)
    distance = distance_from(paper, colour)
    if distance.max(initial=0.0) < CONTRAST:
        return None
    distance = without_rules(distance, distance > _threshold(distance))
    between = _threshold(distance)
    marked = distance > between
    if not marked.any():
        return None
    contrast = float(np.median(distance[marked]))
    # The distance nearest to paper in each tile, so that strokes do not count.
    tiles = list(_tiles(distance, EVEN_TILES))
    if whole:  # a tile with hardly any paper is ink; else it may be a table, or a shadow
        tiles = [tile for tile in tiles if (tile <= between).mean() >= MOSTLY_INK]
    tones = [float(np.quantile(tile, 0.05)) for tile in tiles]
    if not tones or np.quantile(tones, EVEN_SHARE) > EVEN * contrast:
        return None
    if whole and (_ring(distance) > between).mean() > INK_AT_EDGE:
        return None
    grain = _grain(distance, between)
    kept = _digit_pixels(find_components(distance >= grain), distance.shape, whole=whole)
    distance = np.where(kept, distance, np.float32(0))
    ink = share_of_ink(distance, grain)
    if ink is None:
        return None
    grey = _grey(rgba)
    lighter = float((grey[ink >= EDGE] > np.median(grey[distance <= between])).mean())
    if min(lighter, 1.0 - lighter) > MIXED:
        return None
    return _with_pale_strokes(ink, distance, grain)


def _ring(values: Floats) -> Floats:
    """The values along the picture's four edges: of (H, W, 4) or (H, W), (1, n, 4) or (1, n)."""
    depth = max(round(RING * min(values.shape[:2])), 1)
    edges = np.ones(values.shape[:2], np.bool_)
    edges[depth:-depth, depth:-depth] = False
    return values[edges][None]


def _paper(colour: Floats) -> Floats:
    """The paper's colour, (4,): the most frequent one, then the mean of those near it, twice."""
    paper = frequent_colour(colour)
    for _ in range(2):
        paper = colour[distance_from(paper, colour) < CONTRAST].mean(axis=0)
    return paper


def _grain(distance: Floats, between: float) -> float:
    """Up to which distance paper is only noisy: among tiles, and pixels, that are far from ink."""
    highest = [float(tile.max()) for tile in _tiles(distance, GRAIN_TILES)]
    blank = [tone for tone in highest if tone <= between]
    tiles = GRAIN * float(np.median(blank)) if blank else 0.0
    radius = max(round(NEAR * min(distance.shape)), 1)
    near = _box_mean((distance > between).astype(np.float32), radius)
    far = distance[near < 1e-6]
    pixels = GRAINY * float(np.quantile(far, 0.9)) if far.size else 0.0
    return max(NOISE, tiles, min(pixels, between))


def _tiles(values: Floats, count: int) -> Iterator[Floats]:
    """The values in count x count tiles, or fewer if there are fewer pixels."""
    for band in np.array_split(values, min(count, values.shape[0]), axis=0):
        yield from np.array_split(band, min(count, values.shape[1]), axis=1)


def _threshold(values: Floats) -> float:
    """The threshold between two classes with the largest variance between them (Otsu)."""
    counts, edges = np.histogram(values, 256)
    below = np.cumsum(counts)[:-1].astype(np.float64)
    above = counts.sum() - below
    sums = np.cumsum(counts * (edges[1:] + edges[:-1]) / 2)
    low, high = sums[:-1] / np.maximum(below, 1), (sums[-1] - sums[:-1]) / np.maximum(above, 1)
    return float(edges[1 + (below * above * (high - low) ** 2).argmax()])


def _grey(rgba: Pixels) -> Floats:
    """Brightness from 0 to 255, (H, W); transparent pixels get a tone unlike the ink's."""
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
    """The ink of a photo, by its contrast with the paper around it; None when there is none."""
    tone = np.log(grey + np.float32(PAPER_TONE))
    radius = max(round(LIGHT * max(grey.shape)), 2)
    even = np.ones_like(tone)
    for share in (1.0, 0.35):  # light by all pixels, then by those nearest to it
        contrast = tone - _local_mean(tone, even, radius)
        limit = max(float(np.quantile(np.abs(contrast), 0.99)) * 0.5 * share, 1e-3)
        even = (np.abs(contrast) < limit).astype(np.float32)
    contrast = np.exp(tone - _local_mean(tone, even, radius)) - np.float32(1)
    if _is_dark(tone, radius):
        contrast = -contrast
    noise = 1.4826 * float(np.median(np.abs(contrast)))
    least = max(LEAST_CONTRAST, SIGMAS * noise)
    contrast = without_rules(contrast, contrast > least)
    standing_out = contrast[contrast > least]
    if standing_out.size == 0:
        return None
    full = float(np.quantile(standing_out, 0.75))
    ink = _without_specks(_between(contrast, full))
    return ink if ink is None else _with_pale_strokes(ink, contrast, max(SIGMAS * noise, PALE))


def _between(contrast: Floats, full: float) -> Floats:
    """Contrast between LOW and HIGH of full ink's, as a share in [0, 1]."""
    share: Floats = np.clip((contrast / np.float32(full) - LOW) / (HIGH - LOW), 0.0, 1.0)
    return share


def _with_pale_strokes(ink: Floats, contrast: Floats, least: float) -> Floats:
    """The ink with strokes that are pale, but of the same pen and joined to the others.

    Parameters
    ----------
    ink : (H, W) in [0, 1]
    contrast : (H, W), with the paper
    least : the least contrast of ink; less may be noise

    Without the pale bar, a 4 would be 11. What is wider than strokes is a shadow, which the opening
    by a square keeps and strokes do not survive; what is thinner is a fibre of the paper, and what
    is larger than the digits is a rule.
    """
    core = ink >= EDGE
    pen = stroke_width(core)
    radius = max(round(pen / 2), 1)
    halo = _box_mean(core.astype(np.float32), radius) > 0
    pale = (contrast >= least) & ~halo
    if np.count_nonzero(pale) < pen**2:
        return ink
    pale &= _opened(contrast, round(THICKEST * pen)) <= WIDE * contrast
    found = find_components(pale)
    stroke = (found.areas >= pen**2) & (_sizes(found).max(axis=1) <= _height(ink))
    stroke &= (found.boxes[:, :2] > 0).all(axis=1)  # else it may come from outside
    stroke &= (found.boxes[:, 2:] < ink.shape[::-1]).all(axis=1)
    owner = found.paint(np.arange(1, len(stroke) + 1) * stroke, (ink.shape[0], ink.shape[1]))
    thick = owner[_eroded(owner > 0, THINNEST * pen)]
    joined = np.intersect1d(thick, owner[_box_mean(halo.astype(np.float32), 1) > 0])
    whole, reach = ink.copy(), 2 * radius
    for number in joined[joined > 0]:
        left, top, right, bottom = found.boxes[number - 1]
        near = (
            slice(max(top - reach, 0), bottom + reach),
            slice(max(left - reach, 0), right + reach),
        )
        own = owner[near] == number
        full = float(np.quantile(contrast[near][own], 0.75))
        around = _box_mean(own.astype(np.float32), reach) > 0
        whole[near][around] = np.maximum(ink[near], _between(contrast[near], full))[around]
    return whole


def _opened(values: Floats, side: int) -> Floats:
    """The highest of the minima in all squares with a pixel in them, of (H, W): an opening."""
    side = min(side, *values.shape)
    lowest = _over_squares(values, side, np.minimum)
    return _over_squares(
        np.pad(lowest, side - 1, constant_values=np.float32(-np.inf)), side, np.maximum
    )


def _over_squares(values: Floats, side: int, extreme: np.ufunc) -> Floats:
    """The minimum or maximum in each square that lies within, (H - side + 1, W - side + 1)."""
    span = 1
    while span < side:
        step = min(span, side - span)
        values = extreme(values[step:], values[:-step])
        values = extreme(values[:, step:], values[:, :-step])
        span += step
    return values


def _is_dark(tone: Floats, radius: int) -> bool:
    """Whether the ink is darker than its paper, by the skewness of the tone at a stroke's scale.

    Strokes are few pixels that differ much. An edge between two surfaces is as much darker on one
    side as it is lighter on the other, and a lamp's reflection is smooth, so neither counts.
    """
    fine = tone - _local_mean(tone, np.ones_like(tone), max(round(STROKE * radius), 1))
    rows, columns = (slice(length // 10, length - length // 10) for length in tone.shape)
    return float((fine[rows, columns].astype(np.float64) ** 3).sum()) < 0


def _local_mean(values: Floats, weights: Floats, radius: int) -> Floats:
    """The weighted mean over a box of 2 radius + 1 pixels, twice, (H, W).

    The box is no longer than the picture is in either direction, so that a long narrow picture
    takes no more memory for its size than others do.
    """
    height, width = values.shape
    down, across = min(radius, height // 2), min(radius, width // 2)
    margins = (2 * down,) * 2, (2 * across,) * 2
    # Beyond the edges the light is mirrored about the edge's value.
    tones = np.pad(values, margins, mode="reflect", reflect_type="odd")
    weight = np.pad(weights, margins, mode="reflect")
    total = tones * weight
    for _ in range(2):
        total, weight = (_box_mean(part, down, across) for part in (total, weight))
    mean: Floats = np.where(weight > 1e-3, total / np.maximum(weight, 1e-3), tones)
    return mean[2 * down : 2 * down + height, 2 * across : 2 * across + width]


def _box_mean(values: Floats, down: int, across: int | None = None) -> Floats:
    """The mean over a box of 2 down + 1 rows and 2 across + 1 columns, a square by default."""
    return _column_mean(_column_mean(values, down).T, down if across is None else across).T


def _column_mean(values: Floats, radius: int) -> Floats:
    """The mean of each column over 2 radius + 1 rows, fewer at the ends, by running sums."""
    height = len(values)
    sums = np.zeros((height + 1, values.shape[1]))
    np.cumsum(values, axis=0, out=sums[1:])
    rows = np.arange(height)
    first, last = np.maximum(rows - radius, 0), np.minimum(rows + radius + 1, height)
    means: Floats = ((sums[last] - sums[first]) / (last - first)[:, None]).astype(np.float32)
    return means


def _without_specks(ink: Floats) -> Floats | None:
    """Only the components that are large and within the image; None when there is none."""
    found = find_components(ink >= 0.5)
    if found.areas.max(initial=0) < max(LEAST_AREA * ink.size, 2):
        return None
    # Ink below one half belongs to the strokes that it surrounds.
    core = Image.fromarray(np.uint8(255) * _digit_pixels(found, ink.shape, whole=False))
    around = np.asarray(core.filter(ImageFilter.MaxFilter(5))) > 0
    cleaned: Floats = np.where(around, ink, np.float32(0)).astype(np.float32)
    return cleaned


def _thickened(ink: Floats) -> Floats:
    """The ink with thin strokes made wide enough for 28 x 28 pixels."""
    core = ink >= 0.5
    found = find_components(core)
    if found.areas.size == 0:
        return ink
    left, top, right, bottom = found.boxes[found.areas.argmax()]
    missing = THIN * max(right - left, bottom - top) - stroke_width(core)
    if missing < 1:
        return ink
    image = Image.fromarray(np.rint(ink * 255).astype(np.uint8))
    for _ in range(round(missing / 2)):
        image = image.filter(ImageFilter.MaxFilter(3))
    return np.asarray(image, np.float32) / np.float32(255)


def _digit_pixels(found: Components, shape: tuple[int, ...], *, whole: bool) -> Mask:
    """The pixels of digits, (H, W): no specks, and no objects that lean in from outside.

    Where the paper is not the `whole` picture, all that begins at the edge may come from outside.
    """
    height, width = shape
    if found.areas.size == 0:
        return np.zeros((height, width), np.bool_)
    owner = found.paint(np.arange(1, found.areas.size + 1), (height, width))
    inside = _away_from_edges(found.boxes, owner)
    if not inside.all():
        inside |= _strokes_at_edges(found, owner, inside, whole=whole)
    kept = _no_specks(found, owner.shape, inside if inside.any() else np.ones_like(inside))
    dots = _dots(found, owner, kept)
    kept &= ~dots
    kept |= _points(found, owner, kept, inside & ~dots)
    pixels: Mask = np.concatenate([[False], kept])[owner]
    return pixels


def _away_from_edges(boxes: Indices, owner: Indices) -> Mask:
    """Which components, (n,), do not begin at the image's edge, or reach its middle.

    A finger or a table begins at the edge and ends before the middle.
    """
    height, width = owner.shape
    margin = EDGES * min(height, width)
    left, top, right, bottom = boxes.T
    away: Mask = (left >= margin) & (top >= margin) & (right <= width - margin)
    away &= bottom <= height - margin
    middle = owner[height // 3 : height - height // 3, width // 3 : width - width // 3]
    away[middle[middle > 0] - 1] = True
    return away


def _strokes_at_edges(found: Components, owner: Indices, inside: Mask, *, whole: bool) -> Mask:
    """Which components, (n,), are digits even if they touch the edge.

    They are hardly thicker than the strokes of those `inside`, nearly as tall, and most of their
    ink is not at the edge. Where there are only specks inside, they are themselves the digits.
    """
    height, width = owner.shape
    margin = round(EDGES * min(height, width))
    within = owner[margin : height - margin, margin : width - margin]
    beyond = np.bincount(within.ravel(), minlength=len(inside) + 1)[1:] > found.areas / 2
    lines = beyond & (_widths(found, owner) <= LINE * _sizes(found).max(axis=1))
    if found.areas[inside].max(initial=0) < LONE * found.areas[lines].max(initial=0):
        inside = lines
    if not inside.any():
        return inside
    strokes = inside[owner - 1] & (owner > 0)
    thick = owner[_eroded(owner > 0, SOLID * stroke_width(strokes))]
    digits = beyond.copy()
    digits[thick - 1] = False
    heights, usual = _sizes(found)[:, 1], _sizes(found)[inside, 1].max()
    digits &= heights >= TALL * usual
    if not whole:  # as the edge of a sheet or of a shadow is
        digits &= heights <= usual / TALL
    return digits


def _sizes(found: Components) -> Indices:
    """The width and height of each component, (n, 2)."""
    return found.boxes[:, 2:] - found.boxes[:, :2]


def _widths(found: Components, owner: Indices) -> NDArray[np.float64]:
    """The width of each component's strokes, (n,), as `stroke_width` measures them."""
    edges = np.zeros(len(found.areas) + 1)
    padded = np.pad(owner, 1)
    for before, after in ((padded[1:], padded[:-1]), (padded[:, 1:], padded[:, :-1])):
        change = before != after
        for side in (before, after):
            edges += np.bincount(side[change], minlength=len(edges))
    widths: NDArray[np.float64] = 8 / np.pi * found.areas / edges[1:]
    return widths


def _no_specks(found: Components, shape: tuple[int, ...], candidates: Mask) -> Mask:
    """Which candidates, (n,), are not tiny beside the heaviest of them.

    A component's weight is its area, more in the middle of the picture.
    """
    height, width = shape
    x = (found.boxes[:, 0] + found.boxes[:, 2]) / width - 1.0  # -1 to 1
    y = (found.boxes[:, 1] + found.boxes[:, 3]) / height - 1.0
    weights = candidates * found.areas * np.exp(-(x**2 + y**2))
    kept: Mask = weights >= SPECK * weights.max()
    return kept


def _dots(found: Components, owner: Indices, kept: Mask) -> Mask:
    """Which components, (n,), are the dots of dotted paper, beside what is kept.

    They are low, not much wider than strokes, and more than MOST have the same size.
    """
    sizes, areas = _sizes(found), np.sort(found.areas)
    pen = stroke_width(kept[owner - 1] & (owner > 0))
    alike = np.searchsorted(areas, ALIKE * found.areas, side="right")
    alike -= np.searchsorted(areas, found.areas / ALIKE)
    low = sizes[:, 1] < TALL * sizes[kept, 1].max()
    dots: Mask = low & (sizes.max(axis=1) <= DOT * pen) & (alike > MOST)
    return dots


def _points(found: Components, owner: Indices, kept: Mask, candidates: Mask) -> Mask:
    """Which candidates, (n,), may be points between the digits that are kept, not specks.

    They are as thick as strokes and lie beside the foot of a digit.
    """
    sizes = _sizes(found)
    pen = stroke_width(kept[owner - 1] & (owner > 0))
    digits = np.flatnonzero(kept & (sizes[:, 1] >= TALL * sizes[kept, 1].max()))
    small = np.flatnonzero(candidates & ~kept & (sizes.min(axis=1) >= pen))
    points = np.zeros_like(kept)
    if len(small) * len(digits) > MOST * MOST:
        return points
    left, top, right, bottom = found.boxes[digits].T
    x0, y0, x1, y1 = found.boxes[small].T[..., None]
    height = bottom - top
    middle = ((y0 + y1) / 2 - top) / height
    beside = (np.maximum(left - x1, x0 - right) <= BESIDE * height) & (y1 - y0 < TALL * height)
    points[small] = (beside & (middle >= FOOT[0]) & (middle <= FOOT[1])).any(axis=1)
    return points


def _eroded(mask: Mask, width: float) -> Mask:
    """The middles of squares of this width, or a little more, that lie in the mask."""
    radius = max(round(width / 2), 1)
    share = _box_mean(mask.astype(np.float32), radius)
    return share > 1 - 1e-6
