"""Pictures named on the command line, and what is read in them, in words and as JSON."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from PIL import Image

from nn.drawing.image_file import FORMATS, PhotoError
from nn.drawing.photo import photo_ink
from nn.drawing.preprocessing import preprocess_ink
from nn.drawing.reading import Found, Number, Reading, find_digits

SIGNS = {"point": " (a point or comma)", "dash": " (a minus sign)"}  # what it looks like
DECIMALS = 4  # of a probability
REFUSED = {".heic", ".heif"}  # pictures too, so a folder's are refused and not passed over


def pictures(path: Path) -> list[Path]:
    """The pictures in a folder, by the ends of their names, sorted; or the file itself."""
    if not path.is_dir():
        return [path]
    kinds = {end for end, kind in Image.registered_extensions().items() if kind in FORMATS}
    kinds |= REFUSED
    found = sorted(
        file
        for file in path.iterdir()
        if file.suffix.lower() in kinds and not file.name.startswith(".") and file.is_file()
    )
    if not found:
        raise PhotoError(f"{path}: expected a folder with pictures, found none in it")
    return found


def find_in(path: Path, *, turns: int = 0) -> Found | None:
    """The marks in a picture, None when it is blank; PhotoError with its name if it is none.

    It is turned clockwise by so many quarters.
    """
    try:
        bomb = Image.DecompressionBombWarning  # photo_ink checks the size
        with warnings.catch_warnings(action="ignore", category=bomb):
            ink = photo_ink(path.read_bytes(), turns=turns)
    except PhotoError as error:
        raise PhotoError(f"{path}: {error}") from None
    return None if ink is None else find_digits(preprocess_ink(ink))


def in_words(found: Found | None, number: Number) -> str:
    """A number in words, with a space between its rows and "?" for a mark that is no digit."""
    if found is None:
        return "no digit: blank"
    rest = f"; too many marks, {found.left_out} left out" if found.left_out else ""
    if len(number.readings) == 1:
        return _one_digit(number.readings[0]) + rest
    rows = found.by_row(number.readings)
    said = " ".join("".join(map(_mark, row)) for row in rows)
    notes = [
        f"{reading.digit} may be {reading.runner_up}"
        for reading in number.readings
        if reading.runner_up is not None
    ]
    if number.digits is None:
        refused = [
            (f"mark {place} from the left" if len(row) > 1 else "the mark")
            + (f" in row {line}" if len(rows) > 1 else "")
            + SIGNS.get(reading.sign or "", "")
            for line, row in enumerate(rows, start=1)
            for place, reading in enumerate(row, start=1)
            if reading.digit is None
        ]
        said, notes = f"no number: {said}", [f"not a digit: {' and '.join(refused)}", *notes]
    else:
        said = f"{'not sure: ' if notes else ''}{said} ({number.confidence:.0%})"
    return ", ".join([said, *notes]) + rest


def in_json(path: Path, found: Found | None, number: Number) -> dict[str, Any]:
    """A number as an object for JSON, with all marks in reading order."""
    rows = [] if found is None else found.by_row(number.readings)
    return {
        "file": str(path),
        "digits": number.digits,
        "confidence": round(number.confidence, DECIMALS),
        "marks": [
            {
                "row": line,
                "digit": reading.digit,
                "runner_up": reading.runner_up,
                "confidence": round(reading.confidence, DECIMALS),
                "refused": reading.digit is None,
                **({} if reading.sign is None else {"sign": reading.sign}),
                "probabilities": [round(float(p), DECIMALS) for p in reading.probabilities],
            }
            for line, row in enumerate(rows, start=1)
            for reading in row
        ],
        "left_out": 0 if found is None else found.left_out,
    }


def _mark(reading: Reading) -> str:
    return "?" if reading.digit is None else str(reading.digit)


def _one_digit(reading: Reading) -> str:
    if reading.digit is None:
        return "no digit: it does not look like one"
    if reading.runner_up is not None:
        return f"not sure: {reading.digit} or {reading.runner_up}? ({reading.confidence:.0%})"
    return f"{reading.digit} ({reading.confidence:.0%})"
