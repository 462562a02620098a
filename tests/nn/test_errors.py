from __future__ import annotations

import pytest

from nn import RECIPES, RecipeError


def test_a_refusal_tells_what_it_is_about_apart_from_its_sentence() -> None:
    with pytest.raises(RecipeError, match=r"^epochs: expected a whole number from 1") as refusal:
        RECIPES["adam"].replace(epochs=0)
    assert refusal.value.kind == "whole"
    assert refusal.value.figures == {"field": "epochs", "low": 1, "high": 10_000, "value": 0}


def test_a_refusal_may_be_no_more_than_its_sentence() -> None:
    assert (RecipeError("no").kind, RecipeError("no").figures) == ("", {})
