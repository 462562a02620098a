"""How well pictures of digits are read: MNIST's test digits, saved as files of many kinds.

    python -m docs.pictures                  # all 10,000 digits, which takes hours
    python -m docs.pictures --every 20       # ten minutes

Each digit is enlarged, saved, and read as the page reads a file that a visitor brings: `photo_ink`,
`separate`, `judge_number`. A table's cell is the share read correctly, divided by the share that
`read` reads correctly of the same pixels as RGBA, white on black.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nn import (
    Dataset,
    Network,
    judge_number,
    load_mnist,
    load_network,
    photo_ink,
    preprocess_ink,
    read,
    separate,
)
from nn.mnist import SIDE

BEST = Path(__file__).parent.parent / "weights" / "best.npz"
SIDES, FEW_SIDES = (28, 56, 112, 280, 450), (28, 112, 280)
FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "lanczos": Image.Resampling.LANCZOS,
}
WHITE, BLACK = "white on black", "black on white"
JPEG = "JPEG of quality 40"

Grey = NDArray[np.uint8]
Save = Callable[[Grey], bytes]  # of a digit's (side, side) pixels, ink 255


def enlarged(pixels: Grey, side: int, resampling: Image.Resampling) -> Grey:
    """A digit's 784 pixels as (side, side)."""
    image = Image.fromarray(pixels.reshape(SIDE, SIDE))
    return np.asarray(image if side == SIDE else image.resize((side, side), resampling))


def _file(image: Image.Image, kind: str = "PNG", **options: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _alpha(ink: Grey, tone: int) -> bytes:
    return _file(Image.merge("LA", [Image.new("L", ink.shape, tone), Image.fromarray(ink)]))


def _sixteen_bits(grey: Grey) -> bytes:
    return _file(Image.fromarray(grey.astype(np.uint16) * 257))


def _palette(grey: Grey) -> bytes:
    return _file(Image.fromarray(grey).convert("RGB").convert("P", palette=Image.Palette.ADAPTIVE))


def _jpeg(grey: Grey) -> bytes:
    return _file(Image.fromarray(grey), "JPEG", quality=40)


def _inverted(save: Save) -> Save:
    return lambda ink: save(255 - ink)


GREYS: dict[str, Save] = {
    "grey": lambda grey: _file(Image.fromarray(grey)),
    "16 bits": _sixteen_bits,
    "palette": _palette,
    JPEG: _jpeg,
}
FILES: dict[str, dict[str, Save]] = {  # kind of file: ink and paper: how it is saved
    kind: {WHITE: save, BLACK: _inverted(save)} for kind, save in GREYS.items()
}
FILES["alpha"] = {
    "white ink": lambda ink: _alpha(ink, 255),
    "black ink": lambda ink: _alpha(ink, 0),
}


def answer(network: Network, data: bytes) -> str | None:
    """The digits in a picture's file, as the page reads them; None without any."""
    ink = photo_ink(data)
    return None if ink is None else judge_number(network, separate(preprocess_ink(ink))).digits


def share_read(network: Network, digits: Dataset, side: int, filtering: str, save: Save) -> float:
    """The share of digits read correctly from files."""
    said = (answer(network, save(ink)) for ink in _all_enlarged(digits, side, filtering))
    return _share(said, [str(label) for label in digits.labels])


def share_of_pixels(network: Network, digits: Dataset, side: int, filtering: str) -> float:
    """The share that `read` reads correctly of the same pixels as RGBA, white on black."""
    canvases = (
        np.dstack([ink, ink, ink, np.full_like(ink, 255)])
        for ink in _all_enlarged(digits, side, filtering)
    )
    return _share((read(network, canvas).digit for canvas in canvases), digits.labels)


def _all_enlarged(digits: Dataset, side: int, filtering: str) -> Iterator[Grey]:
    return (enlarged(pixels, side, FILTERS[filtering]) for pixels in digits.images)


def _share(said: Iterable[object], labels: Iterable[object]) -> float:
    return float(np.mean([a == label for a, label in zip(said, labels, strict=True)]))


def tables(network: Network, digits: Dataset) -> Iterator[str]:
    """The lines of all tables."""
    kinds: list[tuple[str, str, tuple[int, ...]]]
    kinds = [("grey", filtering, SIDES) for filtering in FILTERS]
    kinds += [(kind, "bilinear", FEW_SIDES) for kind in ("16 bits", "palette", "alpha")]
    kinds += [(JPEG, filtering, SIDES) for filtering in FILTERS]
    plain: dict[tuple[str, int], float] = {}
    for kind, filtering, sides in kinds:
        yield f"\n| {kind}, {filtering} | {' | '.join(map(str, sides))} |"
        yield "|---" * (len(sides) + 1) + "|"
        for side in sides:
            if (filtering, side) not in plain:
                plain[filtering, side] = share_of_pixels(network, digits, side, filtering)
        for name, save in FILES[kind].items():
            cells = (
                share_read(network, digits, side, filtering, save) / plain[filtering, side]
                for side in sides
            )
            yield f"| {name} | {' | '.join(f'{cell:.3f}' for cell in cells)} |"


def one_or_more(text: str) -> int:
    """An option's whole number of at least 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected 1 or more, got {number}")
    return number


def main(arguments: Sequence[str] | None = None) -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description="How well pictures of MNIST's digits are read.")
    parser.add_argument("checkpoint", nargs="?", default=BEST, type=Path)
    parser.add_argument("--every", type=one_or_more, default=1, help="only every so many digits")
    options = parser.parse_args(arguments)
    network, test = load_network(options.checkpoint), load_mnist()[1]
    for line in tables(network, test[:: options.every]):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
