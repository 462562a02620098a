"""What several test modules need: derivatives by differences, drawings, tiny trainings."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from nn import RECIPES, Dataset, Network, Progress, Recipe, load_mnist, save_checkpoint, train
from nn.drawing.segmentation import split_rows
from nn.losses import softmax_cross_entropy, targets

STEP = 1e-5  # of a central difference in float64


def numerical_gradient(f: Callable[[], float], array: np.ndarray) -> np.ndarray:
    """df/d(array) by central differences; `array` is changed in place and put back."""
    gradient = np.empty_like(array)
    for index in np.ndindex(array.shape):
        here = array[index]
        array[index] = here + STEP
        above = f()
        array[index] = here - STEP
        below = f()
        array[index] = here
        gradient[index] = (above - below) / (2 * STEP)
    return gradient


def relative_error(found: np.ndarray, expected: np.ndarray) -> float:
    """|found - expected| / (|found| + |expected|), Euclidean norms."""
    difference = np.linalg.norm(found - expected)
    return float(difference / (np.linalg.norm(found) + np.linalg.norm(expected)))


def inputs_of(dataset: Dataset, dtype: type = np.float32) -> np.ndarray:
    """The images as a network reads them, (n, 784) in [0, 1]."""
    return dataset.images.astype(dtype) / dtype(255)


def cross_entropy(
    logits: np.ndarray, labels: np.ndarray, *, label_smoothing: float = 0.0, epsilon: float = 0.0
) -> tuple[float, np.ndarray]:
    """The mean loss of labelled samples, and dL/dlogits."""
    target = targets(labels, label_smoothing=label_smoothing, dtype=logits.dtype)
    losses, dlogits = softmax_cross_entropy(logits, target, epsilon=epsilon)
    return float(losses.mean()), dlogits


def exhaust(events: Iterable[Progress]) -> list[Progress]:
    """All events of a training."""
    return list(events)


def few_digits() -> tuple[Dataset, Dataset]:
    """240 digits to train on and 100 to test: what another process can load by this name."""
    train_set, test_set = load_mnist()
    return train_set[:240], test_set[:100]


def trained(data: Dataset, recipe: Recipe, *, seed: int = 0, **options: type) -> Network:
    """A network after a whole training without validation."""
    rng = np.random.default_rng(seed)
    network = recipe.build_network(rng=rng, **options)
    exhaust(train(network, data, None, recipe, rng=rng))
    return network


def tiny_recipe(base: str = "adam", **changes: object) -> Recipe:
    """A recipe small enough for a few dozen digits."""
    small = {"hidden": (16,), "batch_size": 10, "epochs": 2, "validation": 0, "warmup": 0}
    return RECIPES[base].replace(**{**small, **changes})


def checkpoint_bytes(network: Network, **meta: object) -> bytes:
    """The file that `save_checkpoint` writes."""
    file = io.BytesIO()
    save_checkpoint(file, network, **meta)
    return file.getvalue()


def shown(elements: Iterable[Any]) -> list[str]:
    """What a visitor reads of Streamlit's warnings and errors, which hold Markdown."""
    texts = (element.value.replace("\u2060", "") for element in elements)
    return [re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", text) for text in texts]


def split_digits(ink: np.ndarray) -> list[np.ndarray]:
    """The ink of each mark that stands apart: row by row, from left to right."""
    return [mark.ink for row in split_rows(ink)[0] for mark in row]


# Digits as polylines in a box 1 wide and 1.4 high.
STROKES: dict[int, list[list[tuple[float, float]]]] = {
    0: [[(0.5, 0), (0.1, 0.3), (0, 0.7), (0.1, 1.1), (0.5, 1.4), (0.9, 1.1), (1, 0.7), (0.9, 0.3)]],
    1: [[(0.5, 0), (0.45, 1.4)]],
    2: [[(0.05, 0.35), (0.3, 0.02), (0.75, 0.05), (0.9, 0.4), (0.6, 0.85), (0, 1.4), (1, 1.35)]],
    3: [[(0.05, 0.1), (0.6, 0), (0.9, 0.3), (0.4, 0.65), (0.95, 0.95), (0.7, 1.35), (0, 1.3)]],
    4: [[(0.3, 0), (0.05, 0.75), (1, 0.7)], [(0.75, 0.1), (0.7, 1.4)]],
    5: [[(0.95, 0), (0.15, 0.05), (0.1, 0.6), (0.7, 0.6), (0.95, 1), (0.6, 1.38), (0, 1.3)]],
    6: [[(0.7, 0), (0.2, 0.6), (0.1, 1.1), (0.5, 1.4), (0.9, 1.1), (0.6, 0.75), (0.15, 0.95)]],
    7: [[(0, 0.1), (1, 0), (0.6, 0.7), (0.35, 1.4)]],
    8: [[(0.5, 0), (0.1, 0.3), (0.9, 1), (0.5, 1.4), (0.1, 1.05), (0.9, 0.35), (0.5, 0)]],
    9: [[(0.9, 0.35), (0.5, 0), (0.1, 0.35), (0.45, 0.7), (0.9, 0.35), (0.85, 0.9), (0.7, 1.4)]],
}
STROKES[0][0].append(STROKES[0][0][0])

FINE = 8  # sub-pixels a pixel: drawings are made this much larger and averaged
Colour = tuple[int, int, int, int]
WHITE, BLACK = (255, 255, 255, 255), (0, 0, 0, 255)


def coverage(
    strokes: list[list[tuple[float, float]]],
    *,
    size: tuple[int, int] = (280, 280),
    at: tuple[float, float] = (80.0, 50.0),
    scale: float = 120.0,
    pen: float = 18.0,
) -> np.ndarray:
    """How much of each pixel round-ended strokes cover, (H, W) in [0, 1].

    `size` is width and height, `at` the left top corner of the strokes' box, `scale` its width,
    `pen` the width of a stroke, all in pixels.
    """
    mask = Image.new("L", (size[0] * FINE, size[1] * FINE))
    draw, radius = ImageDraw.Draw(mask), pen * FINE / 2
    for stroke in strokes:
        points = [((at[0] + x * scale) * FINE, (at[1] + y * scale) * FINE) for x, y in stroke]
        draw.line(points, fill=255, width=round(2 * radius))
        for x, y in points:
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    return np.asarray(mask.reduce(FINE), np.float64) / 255


def canvas_of(mask: np.ndarray, *, ink: Colour = WHITE, paper: Colour = BLACK) -> np.ndarray:
    """A canvas with ink where the mask is 1 and paper where it is 0, (H, W, 4) uint8.

    On transparent paper, as the browser's canvas draws it, an edge is ink of lower alpha.
    """
    share = mask[..., None]
    blend = share * ink + (1 - share) * paper
    if paper[3] == 0:
        blend[..., :3] = ink[:3]
    return np.rint(blend).astype(np.uint8)


def drawing(
    digit: int, *, ink: Colour = WHITE, paper: Colour = BLACK, **place: object
) -> np.ndarray:
    """A canvas with one digit on it; `place` as for `coverage`."""
    return canvas_of(coverage(STROKES[digit], **place), ink=ink, paper=paper)
