"""Files the page needs that are not Python: CSS, JavaScript, words, presets, pictures."""

from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent


@cache
def text(name: str) -> str:
    """The text of a file in this folder, such as "js/slate.js"."""
    return (FOLDER / name).read_text("utf-8")
