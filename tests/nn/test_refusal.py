from __future__ import annotations

import pickle

import pytest

from nn import RECIPES, RecipeError


def test_a_refusal_tells_what_it_is_about_apart_from_its_sentence() -> None:
    with pytest.raises(RecipeError, match=r"^epochs: expected a whole number from 1") as refusal:
        RECIPES["adam"].replace(epochs=0)
    assert refusal.value.kind == "whole"
    assert refusal.value.figures == {"field": "epochs", "low": 1, "high": 10_000, "value": 0}


def test_a_refusal_goes_from_one_process_to_another_whole() -> None:
    copy = pickle.loads(pickle.dumps(RecipeError("too many", kind="choice", value=3)))
    assert (str(copy), copy.kind, copy.figures) == ("too many", "choice", {"value": 3})


def test_a_refusal_may_be_no_more_than_its_sentence() -> None:
    assert (RecipeError("no").kind, RecipeError("no").figures) == ("", {})
