"""How many photos of digits are read rightly, by what makes them hard.

Run it with
`python -m tests.nn.drawing.photo_trials [--photos 24] [--kind shadow-edge] [--sheet FILE]`.
The synthetic pen writes on paper of its own, which is lit, soiled, blurred and compressed as
photos are. Only digits that are read rightly when drawn on a canvas are photographed, so what
is lost is lost by the photo. With 24 photos of each kind it takes about two minutes.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from nn import Network, PhotoError, judge_number, load_network, photo_ink, read, separate
from nn.drawing.preprocessing import preprocess_ink
from nn.pen.pen import _by_hand, _draw
from nn.pen.skeletons import Skeleton, load_skeletons

BEST = Path(__file__).parents[3] / "weights" / "best.npz"
Strokes = list[np.ndarray]
Rng = np.random.Generator
INKS = [(38, 38, 44), (40, 58, 140), (30, 80, 170), (105, 105, 110), (190, 45, 50), (30, 110, 70)]
PAPERS = [(244, 243, 240), (236, 228, 208), (214, 214, 210)]
SEED = 5
THUMB = 160  # of the sheet, in pixels


class Sheet:
    """A sheet of paper with a digit on it, as reflectance, before there is light on it."""

    def __init__(self, strokes: Strokes, rng: Rng, *, side: int = 900) -> None:
        self.rng, self.height, self.width = rng, side, side * 4 // 3
        self.strokes = strokes
        self.pen = rng.uniform(0.03, 0.11)  # of the digit's height
        self.ink = INKS[rng.integers(len(INKS))]
        self.paper = PAPERS[rng.integers(len(PAPERS))]
        self.tall = rng.uniform(0.3, 0.6)
        self.light = np.ones((self.height, self.width), np.float32)
        self.lines: list[tuple[tuple[float, ...], int, tuple[int, int, int]]] = []
        self.noise, self.blur, self.quality = rng.uniform(1.5, 4), rng.uniform(0.4, 1.2), 85

    @property
    def places(self) -> tuple[np.ndarray, np.ndarray]:
        """x (1, W) and y (H, 1) of the pixels, from -1 to 1."""
        return np.linspace(-1, 1, self.width)[None], np.linspace(-1, 1, self.height)[:, None]

    def reflectance(self) -> np.ndarray:
        """The paper with lines and ink, (H, W, 3) in 0 to 255."""
        image = Image.new("RGB", (self.width, self.height), self.paper)
        brush = ImageDraw.Draw(image)
        for line, width, colour in self.lines:
            brush.line(line, fill=colour, width=width)
        paper = np.asarray(image, np.float32)
        every = np.concatenate(self.strokes)
        low, span = every.min(axis=0), np.ptp(every, axis=0)
        scale = self.tall * self.height / max(span.max(), 1.0)
        room = np.array([self.width, self.height]) - span * scale
        at = room * self.rng.uniform(0.35, 0.65, 2)
        mask = Image.new("L", (self.width, self.height))
        pen, brush = self.pen * self.tall * self.height, ImageDraw.Draw(mask)
        for stroke in self.strokes:
            points = [tuple(point) for point in ((stroke - low) * scale + at).tolist()]
            if len(points) > 1:
                brush.line(points, fill=255, width=max(round(pen), 1), joint="curve")
            for x, y in points:
                brush.ellipse((x - pen / 2, y - pen / 2, x + pen / 2, y + pen / 2), fill=255)
        share = np.asarray(mask, np.float32)[..., None] / 255
        share = share * (0.85 + 0.15 * self.rng.random(share.shape, np.float32))
        return paper + share * (np.minimum(np.array(self.ink, np.float32), paper) - paper)

    def photograph(self) -> bytes:
        """A JPEG of it."""
        seen = self.reflectance() * self.light[..., None]
        seen += self.rng.normal(0, self.noise, seen.shape).astype(np.float32)
        return self.file(np.clip(seen, 0, 255).astype(np.uint8))

    def file(self, pixels: np.ndarray) -> bytes:
        image = Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(self.blur))
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=self.quality)
        return buffer.getvalue()


def smooth(rng: Rng, sheet: Sheet, cells: int) -> np.ndarray:
    """Soft random patches, (H, W), about -1 to 1."""
    patches = Image.fromarray(rng.normal(0, 1, (cells, cells)).astype(np.float32))
    size = sheet.width, sheet.height
    return np.asarray(patches.resize(size, Image.Resampling.BICUBIC), np.float32)


def even(sheet: Sheet) -> bytes:
    return sheet.photograph()


def falling_light(sheet: Sheet) -> bytes:
    x, y = sheet.places
    angle = sheet.rng.uniform(0, 2 * np.pi)
    ramp = (1 + (x * np.cos(angle) + y * np.sin(angle)) / np.sqrt(2)) / 2
    sheet.light *= (1 - sheet.rng.uniform(0.5, 0.8) * ramp**1.5).astype(np.float32)
    return sheet.photograph()


def shadow_edge(sheet: Sheet) -> bytes:
    """The photographer's own shadow: one edge, sharp or soft, across the digit."""
    x, y = sheet.places
    angle, at = sheet.rng.uniform(0, 2 * np.pi), sheet.rng.uniform(-0.2, 0.2)
    soft = 10 ** sheet.rng.uniform(-2.3, -0.7)
    side = 1 / (1 + np.exp(-np.clip((x * np.cos(angle) + y * np.sin(angle) - at) / soft, -50, 50)))
    sheet.light *= (1 - sheet.rng.uniform(0.35, 0.6) * side).astype(np.float32)
    return sheet.photograph()


def ruled(sheet: Sheet, *, squared: bool = False) -> bytes:
    pitch = sheet.height * sheet.rng.uniform(0.06, 0.14)
    colour = [(150, 180, 215), (175, 175, 180), (205, 165, 175)][sheet.rng.integers(3)]
    width, tilt = max(round(sheet.height / 400), 1), sheet.rng.normal(0, 0.02)
    for i in range(-2, int(sheet.height / pitch) + 3):
        y = i * pitch
        end = y + tilt * sheet.width
        sheet.lines.append(((0, y, sheet.width, end), width, colour))
    for i in range(-2, int(sheet.width / pitch) + 3) if squared else ():
        x = i * pitch
        sheet.lines.append(((x, 0, x - tilt * sheet.height, sheet.height), width, colour))
    return sheet.photograph()


def squared(sheet: Sheet) -> bytes:
    return ruled(sheet, squared=True)


def texture(sheet: Sheet) -> bytes:
    """Rough paper: fibres, patches, specks."""
    rng = sheet.rng
    sheet.light *= 1 + 0.03 * smooth(rng, sheet, 9) + 0.04 * smooth(rng, sheet, 120)
    for _ in range(60):
        x, y = rng.uniform(0, sheet.width), rng.uniform(0, sheet.height)
        dx, dy = rng.normal(0, 10, 2)
        tone = tuple(int(c * 0.78) for c in sheet.paper)
        sheet.lines.append(((x, y, x + dx, y + dy), 2, tone))
    return sheet.photograph()


def compressed(sheet: Sheet) -> bytes:
    sheet.quality, sheet.noise = int(sheet.rng.integers(8, 22)), 6
    return sheet.photograph()


def blurred(sheet: Sheet) -> bytes:
    sheet.blur = sheet.rng.uniform(4, 9)
    return sheet.photograph()


def noisy(sheet: Sheet) -> bytes:
    """By lamplight: dark, and grainy."""
    sheet.light *= sheet.rng.uniform(0.25, 0.45)
    sheet.noise, sheet.blur = sheet.rng.uniform(8, 14), 0.3
    return sheet.photograph()


def thin_pen(sheet: Sheet) -> bytes:
    """A ballpoint and a digit as large as the sheet."""
    sheet.pen, sheet.tall = sheet.rng.uniform(0.012, 0.022), sheet.rng.uniform(0.55, 0.75)
    return falling_light(sheet)


def small_digit(sheet: Sheet) -> bytes:
    sheet.tall = sheet.rng.uniform(0.1, 0.16)
    return falling_light(sheet)


def pencil(sheet: Sheet) -> bytes:
    sheet.ink, sheet.pen = (150, 150, 152), sheet.rng.uniform(0.025, 0.05)
    return falling_light(sheet)


def finger(sheet: Sheet) -> bytes:
    """A finger that holds the sheet, with its shadow."""
    rng = sheet.rng
    picture = sheet.reflectance() * sheet.light[..., None]
    x, y = sheet.places
    x = x * sheet.width / sheet.height
    edge = sheet.width / sheet.height
    side = rng.choice([-1, 1])
    at = np.array([side * edge, rng.uniform(-0.8, 0.8)])
    along, across = (x - at[0]) / rng.uniform(0.35, 0.6), (y - at[1]) / rng.uniform(0.12, 0.18)
    distance = np.sqrt(along**2 + across**2)
    shadow = 1 - 0.4 * np.clip(1.5 - distance, 0, 1)
    tone = np.array([[205, 160, 135], [120, 80, 60]][rng.integers(2)], np.float32)
    skin = np.clip((1 - distance) * 20, 0, 1)[..., None]
    shading = (1 - 0.25 * np.abs(across))[..., None]
    picture = picture * shadow[..., None] * (1 - skin) + tone * shading * skin
    picture += rng.normal(0, sheet.noise, picture.shape)
    return sheet.file(np.clip(picture, 0, 255).astype(np.uint8))


def on_a_table(sheet: Sheet) -> bytes:
    """The sheet lies askew on a table, whose wood shows on two sides or more."""
    rng = sheet.rng
    wood = np.array([[95, 62, 40], [60, 60, 64], [170, 130, 90]][rng.integers(3)], np.float32)
    grain = 1 + 0.08 * smooth(rng, sheet, 40)[..., None]
    corners = np.array([[-1.2, -1.2], [1.2, -1.2], [1.2, 1.2], [-1.2, 1.2]])
    for corner in rng.choice(4, rng.integers(1, 4), replace=False):
        corners[corner] *= rng.uniform(0.62, 0.8)
    size = np.array([sheet.width, sheet.height])
    outline = [tuple(point) for point in ((corners + 1) / 2 * size).tolist()]
    mask = Image.new("L", (sheet.width, sheet.height))
    ImageDraw.Draw(mask).polygon(outline, fill=255)
    share = np.asarray(mask.filter(ImageFilter.GaussianBlur(1.5)), np.float32)[..., None] / 255
    sheet.tall = min(sheet.tall, 0.4)
    picture = sheet.reflectance() * share + wood * grain * (1 - share)
    picture = picture * sheet.light[..., None] + rng.normal(0, sheet.noise, picture.shape)
    return sheet.file(np.clip(picture, 0, 255).astype(np.uint8))


def blackboard(sheet: Sheet) -> bytes:
    """Light on dark: chalk on a board that was wiped."""
    rng = sheet.rng
    sheet.pen = rng.uniform(0.06, 0.11)
    board = np.array([[40, 70, 58], [45, 45, 48]][rng.integers(2)], np.float32)
    sheet.paper, sheet.ink = (255, 255, 255), (0, 0, 0)
    chalk = 1 - sheet.reflectance()[..., :1] / 255
    chalk *= 0.75 + 0.25 * rng.random(chalk.shape)
    wiped = board * (1 + 0.12 * smooth(rng, sheet, 12)[..., None])
    picture = wiped + chalk * (225 - wiped) + rng.normal(0, sheet.noise, (*sheet.light.shape, 1))
    return sheet.file(np.clip(picture, 0, 255).astype(np.uint8))


def glare(sheet: Sheet) -> bytes:
    """A lamp mirrored on glossy paper beside the digit."""
    x, y = sheet.places
    at = sheet.rng.uniform(0.3, 0.9, 2) * sheet.rng.choice([-1, 1], 2)
    spot = np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / 0.12)
    sheet.light *= (0.6 + 0.9 * spot).astype(np.float32)
    return sheet.photograph()


def twenty_megapixels(sheet: Sheet) -> bytes:
    large = Sheet(sheet.strokes, sheet.rng, side=3870)
    large.pen, large.blur = sheet.rng.uniform(0.012, 0.03), 2.0
    return falling_light(large)


KINDS: dict[str, Callable[[Sheet], bytes]] = {
    kind.__name__.replace("_", "-"): kind
    for kind in (
        *(even, falling_light, shadow_edge, ruled, squared, texture, compressed, blurred, noisy),
        *(thin_pen, small_digit, pencil, finger, on_a_table, blackboard, glare),
        twenty_megapixels,
    )
}


def digit_that_is_read(network: Network, skeletons: tuple[Skeleton, ...], rng: Rng) -> tuple:
    """A written digit and its label, read rightly and without a doubt when drawn on a canvas."""
    while True:
        skeleton = skeletons[rng.integers(len(skeletons))]
        strokes = _by_hand(skeleton, rng)
        reading = read(network, _draw(strokes, rng))
        if str(reading.digit) == skeleton.label and reading.runner_up is None:
            return strokes, skeleton.label


def said_of(network: Network, data: bytes) -> str:
    """What is read in a photo; in words where there is no digit."""
    try:
        ink = photo_ink(data)
    except PhotoError as error:
        return str(error)
    if ink is None:
        return "no ink"
    return judge_number(network, separate(preprocess_ink(ink))).digits or "refused"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=24, help="of each kind (24)")
    parser.add_argument("--kind", choices=KINDS, help="only this kind")
    parser.add_argument("--sheet", type=Path, help="draw those that are lost")
    options = parser.parse_args()
    network, skeletons = load_network(BEST), load_skeletons()
    lost: list[tuple[str, bytes]] = []
    right = total = 0
    for place, (name, kind) in enumerate(KINDS.items()):
        if options.kind not in (None, name):
            continue
        rng = np.random.default_rng([SEED, place])
        photos = max(options.photos // 4, 1) if kind is twenty_megapixels else options.photos
        said = []
        for _ in range(photos):
            strokes, label = digit_that_is_read(network, skeletons, rng)
            data = kind(Sheet(strokes, rng))
            said.append((label, said_of(network, data)))
            if said[-1][0] != said[-1][1]:
                lost.append((f"{name}: {label} as {said[-1][1]}", data))
        hits = sum(label == answer for label, answer in said)
        right, total = right + hits, total + photos
        wrong = ", ".join(f"{label} as {answer}" for label, answer in said if label != answer)
        print(f"{name:18} {hits:3d} of {photos}  {wrong}", flush=True)
    print(f"{'all':18} {right:3d} of {total} ({right / total:.1%})")
    if options.sheet is not None:
        _sheet(lost).save(options.sheet)


def _sheet(lost: list[tuple[str, bytes]]) -> Image.Image:
    """The photos that were lost, the ink found in each beside it."""
    columns = 5
    rows = max(-(-len(lost) // columns), 1)
    sheet = Image.new("RGB", (columns * 2 * THUMB, rows * (THUMB + 16)), "white")
    for place, (caption, data) in enumerate(lost):
        x, y = place % columns * 2 * THUMB, place // columns * (THUMB + 16)
        with Image.open(io.BytesIO(data)) as picture:
            sheet.paste(picture.convert("RGB").resize((THUMB - 4, 3 * THUMB // 4)), (x, y + 14))
        ink = photo_ink(data)
        if ink is not None:
            found = Image.fromarray(np.uint8(255 * ink)).resize((THUMB - 4, 3 * THUMB // 4))
            sheet.paste(found, (x + THUMB, y + 14))
        ImageDraw.Draw(sheet).text((x, y), caption[:48], fill="black")
    return sheet


if __name__ == "__main__":
    main()
