"""What nn/ refuses, in the visitor's language."""

from __future__ import annotations

import ast
import dataclasses
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nn import (
    RECIPES,
    Dataset,
    DivergenceError,
    Recipe,
    load_checkpoint,
    photo_ink,
    split_validation,
    teach,
)
from nn.divergence import DIVERGED
from tests.helpers import checkpoint_bytes, tiny_recipe
from ui import i18n
from ui.view import sentences

NN = Path(__file__).parents[2] / "nn"
RECIPE = RECIPES["adam"]
RNG = np.random.default_rng(0)
DIGITS = Dataset(np.zeros((40, 784), np.uint8), np.zeros(40, np.uint8))


def kinds() -> set[str]:
    """Every kind of refusal that nn/ names as it raises one: `SomeError(..., kind="choice")`."""
    return {
        keyword.value.value
        for path in NN.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "").endswith("Error")
        for keyword in node.keywords
        if keyword.arg == "kind" and isinstance(keyword.value, ast.Constant)
    }


def written(**changes: object) -> io.BytesIO:
    """A checkpoint with some arrays or a `meta` of another kind."""
    network = tiny_recipe().build_network(rng=np.random.default_rng(0))
    with np.load(io.BytesIO(checkpoint_bytes(network))) as archive:
        arrays = {**archive, **changes}
    file = io.BytesIO()
    np.savez(file, **arrays)
    file.seek(0)
    return file


def picture(side: int) -> bytes:
    """A blank PNG."""
    file = io.BytesIO()
    Image.new("1", (side, side)).save(file, "PNG")
    return file.getvalue()


# What is done, what an English and what a German page says of it.
CASES: dict[str, tuple[Callable[[], object], str, str]] = {
    "whole": (
        lambda: RECIPE.replace(hidden=(-5,)),
        "Hidden units: expected a whole number from 1 to 4,096, got -5",
        "Neuronen: erwartet wird eine ganze Zahl von 1 bis 4.096, da steht -5",
    ),
    "number": (lambda: RECIPE.replace(augment=4.5), "from 0 to 3, got 4.5", "bis 3, da steht 4,5"),
    "above": (lambda: RECIPE.replace(learning_rate=0.0), "Learning rate: expected", "über 0"),
    "below": (lambda: RECIPE.replace(dropout=1.0), "to below 1, got 1", "bis unter 1"),
    "layers": (
        lambda: RECIPE.replace(hidden=(9,) * 9),
        "Hidden units: expected numbers for up to 8 layers, such as 32, 16; got 9, 9, 9",
        "Neuronen: erwartet werden Zahlen für bis zu 8 Schichten, etwa 32, 16; da steht 9, 9",
    ),
    "filters": (
        lambda: RECIPE.replace(filters=(64, 64), kernel_size=11),
        "at most 262,144 numbers per image in a convolution, got 1,517,824; use fewer filters",
        "höchstens 262.144 Zahlen je Bild in einer Faltung, hier sind es 1.517.824; nimm weniger",
    ),
    "choice": (lambda: RECIPE.replace(optimizer="sgd"), "gd, momentum", "möglich sind gd"),
    "type": (lambda: RECIPE.replace(batch_norm=3), "3 is not a valid", "3 ist kein gültiger"),
    "no_drawings": (
        lambda: next(teach(RECIPE.build_network(rng=RNG), DIGITS[:0], DIGITS, rng=RNG)),
        "no drawings to learn from",
        "keine Zeichnungen zum Lernen",
    ),
    "batch_of_one": (
        lambda: RECIPE.replace(batch_norm=True, batch_size=1),
        "needs 2 or more",
        "braucht 2 oder mehr",
    ),
    "warmup": (lambda: RECIPE.replace(warmup=11.5), "the 10 epochs", "die 10 Epochen"),
    "patience": (
        lambda: RECIPE.replace(patience=3, validation=0),
        "Patience: early stopping needs digits set aside for validation",
        "Geduld: Early Stopping braucht Ziffern zur Validierung",
    ),
    "batch_size": (lambda: RECIPE.check_size(100), "at most the 100", "höchstens die 100"),
    "samples": (
        lambda: split_validation(DIGITS, RECIPE.replace(validation=10, samples=31)),
        "at most the 30",
        "höchstens die 30",
    ),
    "validation": (
        lambda: split_validation(DIGITS, RECIPE.replace(validation=40)),
        "fewer than the 40",
        "weniger als die 40",
    ),
    "fixed": (
        lambda: RECIPE.check_live_change(RECIPE.replace(hidden=(9,), epochs=3)),
        "Epochs, Hidden units: cannot be changed",
        "Epochen, Neuronen: Das lässt sich",
    ),
    "photo_other": (lambda: photo_ink(b"hello"), "of another kind", "andere Art von Datei"),
    "photo_heic": (lambda: photo_ink(b"\0\0\0\x18ftypheic" + bytes(40)), "HEIC", "HEIC"),
    "photo_broken": (lambda: photo_ink(picture(600)[:80]), "broken or cut", "beschädigt oder"),
    "photo_large": (lambda: photo_ink(picture(7000)), "at most 40 mega", "höchstens 40 Mega"),
    "checkpoint_missing": (
        lambda: load_checkpoint("nowhere/none.npz"),
        "none.npz: there is no such file",
        "none.npz: Diese Datei gibt es nicht",
    ),
    "checkpoint_unreadable": (
        lambda: load_checkpoint(io.BytesIO(b"hello")),
        "checkpoint: expected an .npz",
        "checkpoint: erwartet wird ein Netz als .npz",
    ),
    "checkpoint": (
        lambda: load_checkpoint(written(extra=np.zeros(3))),
        "this is not a network saved by this program",
        "Das ist kein Netz, das dieses Programm gespeichert hat",
    ),
    "checkpoint_large": (
        lambda: load_checkpoint(written(), max_bytes=1000),
        "at most 1,000 bytes",
        "höchstens 1.000 Bytes",
    ),
    "checkpoint_version": (
        lambda: load_checkpoint(written(meta=np.array('{"format_version": 99}'))),
        "expected format version 1, found 99",
        "erwartet wird Formatversion 1, dies ist 99",
    ),
    "checkpoint_pickle": (
        lambda: load_checkpoint(written(**{"0.dense.W": np.array([{}], dtype=object)})),
        "found a pickle",
        "da steht ein Pickle",
    ),
}


def test_every_kind_of_refusal_has_words_and_a_case_here() -> None:
    assert len(kinds()) > 10
    assert kinds() <= CASES.keys()  # some are chosen as they are raised: number, above, below
    assert i18n.ERRORS.keys() == CASES.keys() | DIVERGED.keys()


@pytest.mark.parametrize("kind", CASES)
def test_a_refusal_is_said_in_the_visitors_language(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused, english, german = CASES[kind]
    with pytest.raises(ValueError, match=r"\w") as refusal:
        refused()
    assert refusal.value.kind == kind
    assert english in sentences.complaint(refusal.value)
    monkeypatch.setattr(i18n, "language", lambda: "de")
    assert german in sentences.complaint(refusal.value)


@pytest.mark.parametrize("kind", DIVERGED)
def test_a_divergence_is_said_in_the_visitors_language(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = DivergenceError(kind, 57, 0.5, 8.125)
    assert "below 0.5, such as 0.05" in sentences.complaint(error)
    monkeypatch.setattr(i18n, "language", lambda: "de")
    assert "In Schritt 57" in sentences.complaint(error)
    assert "unter 0,5, etwa 0,05" in sentences.complaint(error)
    assert ("8,125" in sentences.complaint(error)) == (kind in ("diverged_high", "diverged_end"))


def test_an_error_without_a_kind_keeps_its_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(i18n, "language", lambda: "de")
    assert sentences.complaint(ValueError("no more than this")) == "no more than this"


def test_every_field_of_a_recipe_has_a_label() -> None:
    assert {field.name for field in dataclasses.fields(Recipe)} <= i18n.FIELDS.keys()
