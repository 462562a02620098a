"""Whether the model card says of the shipped weights what they are."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest
from PIL import Image

from nn import Dataset, evaluate, load_checkpoint

WEIGHTS = Path(__file__).parents[2] / "weights"
CARD = (WEIGHTS / "README.md").read_text("utf-8")
FILES = ("original.npz", "best.npz")
PICTURES = sorted((WEIGHTS / "card").glob("*.png"))
CLOSE = 2  # digits that another processor's rounding may turn


def row(name: str) -> dict[str, str]:
    """A row of the card's first table, by file."""
    cells = re.search(rf"^\| {re.escape(name)} \|(.*)\|$", CARD, re.MULTILINE)[1].split(" | ")
    return dict(zip(FILES, (cell.strip() for cell in cells), strict=True))


def sha256(file: str) -> str:
    return hashlib.sha256((WEIGHTS / file).read_bytes()).hexdigest()


@pytest.mark.parametrize("file", FILES)
def test_the_card_names_the_file_by_its_sha256(file: str) -> None:
    assert row("sha256")[file] == f"`{sha256(file)}`"


@pytest.mark.parametrize("file", FILES)
def test_the_cards_accuracy_is_the_files(file: str, mnist: tuple[Dataset, Dataset]) -> None:
    accuracy, errors = re.fullmatch(
        r"([\d.]+) % \((\d+) errors of 10,000\)", row("test accuracy, MNIST")[file]
    ).groups()
    found = evaluate(load_checkpoint(WEIGHTS / file).network, mnist[1])
    assert abs(found.errors - int(errors)) <= CLOSE
    assert float(accuracy) == pytest.approx(100 - int(errors) / 100, abs=1e-9)


def test_the_cards_command_is_the_files() -> None:
    for file, command in row("command").items():
        meta = load_checkpoint(WEIGHTS / file).meta
        says = f"--recipe {meta['recipe']['name']} --seed {meta['seed']} --out weights/{file}"
        assert command == f"`python -m nn train {says}`"


def test_the_cards_validation_accuracy_is_the_files(mnist: tuple[Dataset, Dataset]) -> None:
    said = float(re.match(r"([\d.]+) %", row("validation accuracy")["best.npz"])[1])
    found = evaluate(load_checkpoint(WEIGHTS / "best.npz").network, mnist[0][55_000:])
    assert said == pytest.approx(100 * found.accuracy, abs=100 * CLOSE / 5000)


def test_the_measured_table_counts_the_same_errors() -> None:
    """What `weights/card.py` wrote belongs to the same file as the first table."""
    measured = re.search(r"\| the most probable digit is wrong \| [\d.]+ % \((\d+)\)", CARD)[1]
    assert f"({measured} errors of 10,000)" in row("test accuracy, MNIST")["best.npz"]


def test_the_figures_of_real_handwriting_are_of_the_shipped_weights() -> None:
    assert re.search(r"sha256 `([0-9a-f]{8})`", CARD)[1] == sha256("best.npz")[:8]


def test_the_card_shows_every_picture_and_no_other() -> None:
    shown = re.findall(r"!\[[^\]]{30,}\]\(card/([\w-]+\.png)\)", CARD)
    assert sorted(shown) == [picture.name for picture in PICTURES]
    assert len(shown) >= 4


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.stem)
def test_a_picture_is_of_the_shipped_weights_and_small(picture: Path) -> None:
    with Image.open(picture) as image:
        assert image.info["Source"] == sha256("best.npz"), "run python weights/card.py"
    assert picture.stat().st_size < 150_000
