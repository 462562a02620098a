"""Skeletons: styles of handwriting as text, one per line.

`skeletons.txt` holds digits, `nondigits.txt` letters and symbols; the format is described at the
top of the former. Out of scope: drawing them (pen.py).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SKELETONS = Path(__file__).parent / "skeletons.txt"
NONDIGITS = Path(__file__).parent / "nondigits.txt"
DIGITS = tuple("0123456789")
NOT_A_DIGIT = "?"
LIMITS = (-50.0, 150.0)  # of a coordinate, in per cent


class SkeletonError(ValueError):
    """A line of a skeleton table is not in its format."""


@dataclass(frozen=True)
class Skeleton:
    """One style of one digit."""

    label: str  # "0" to "9", or "?" for a non-digit
    style: str
    # Each a row of control points: x and y in per cent, to the right and down, and whether there
    # is a corner.
    strokes: tuple[tuple[tuple[float, float, bool], ...], ...]


def load_skeletons(
    path: Path | str = SKELETONS, *, labels: Sequence[str] = DIGITS
) -> tuple[Skeleton, ...]:
    """Read a table of skeletons, with at least one of each of the labels.

    Raises SkeletonError, with line, column and what was expected, if it is not in the format.
    """
    path = Path(path)
    skeletons: list[Skeleton] = []
    seen: dict[tuple[str, str], int] = {}
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        skeleton = _parse(line, f"{path.name}, line {number}", labels)
        key = (skeleton.label, skeleton.style)
        if key in seen:
            column = line.index(skeleton.style, line.index(skeleton.label) + 1) + 1
            raise SkeletonError(
                f"{path.name}, line {number}, column {column}: expected a style once per label, "
                f"found {' '.join(key)} in line {seen[key]} already"
            )
        seen[key] = number
        skeletons.append(skeleton)
    if missing := [label for label in labels if label not in {label for label, _ in seen}]:
        raise SkeletonError(
            f"{path.name}: expected a skeleton of each label, found no {missing[0]}"
        )
    return tuple(skeletons)


def _parse(line: str, where: str, labels: Sequence[str]) -> Skeleton:
    words = [(match.start() + 1, match.group()) for match in re.finditer(r"\S+", line)]

    def refuse(column: int, rule: str, found: str) -> SkeletonError:
        return SkeletonError(f"{where}, column {column}: expected {rule}, found {found}")

    column, label = words[0]
    if label not in labels:
        raise refuse(column, f"a label, one of {' '.join(labels)}", repr(label))
    if len(words) < 3:
        raise refuse(len(line.rstrip()) + 1, "a label, a style and points", "the line's end")
    column, style = words[1]
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", style):
        raise refuse(column, "a style of lower-case letters, digits and hyphens", repr(style))
    strokes: list[list[tuple[float, float, bool]]] = [[]]
    for column, word in words[2:]:
        if word == "/":
            if not strokes[-1]:
                raise refuse(column, "a stroke's points before '/'", "none")
            strokes.append([])
            continue
        match = re.fullmatch(r"(-?\d+(?:\.\d+)?),(-?\d+(?:\.\d+)?)(!?)", word)
        if match is None:
            raise refuse(column, "a point 'x,y', a corner 'x,y!' or '/'", repr(word))
        x, y = float(match[1]), float(match[2])
        if not (LIMITS[0] <= min(x, y) and max(x, y) <= LIMITS[1]):
            raise refuse(column, "coordinates from -50 to 150 per cent", repr(word))
        if strokes[-1] and strokes[-1][-1][:2] == (x, y):
            raise refuse(column, "a point that differs from the one before", repr(word))
        strokes[-1].append((x, y, bool(match[3])))
    if not strokes[-1]:
        raise refuse(words[-1][0], "points after '/'", "the line's end")
    return Skeleton(label, style, tuple(tuple(stroke) for stroke in strokes))
