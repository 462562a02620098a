from __future__ import annotations

import pytest

from nn import RECIPES, DivergenceError
from ui import texts
from ui.lab import words
from ui.lab.hints import Hint, hint
from ui.scheduler.snapshot import LayerPoint, Mark, Snapshot, State

from .snapshots import curve, snapshot

ADAM = RECIPES["adam"]
FALLING = [1.0, 0.5, 0.35, 0.3, 0.27, 0.25, 0.24, 0.23]
RISING = [0.4, 0.3, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5]
JUMPY = [1.0, 0.6, 0.9, 0.5, 0.8, 0.4, 0.7, 0.5]


def found(run: Snapshot) -> str | None:
    told = hint(run)
    return told.name if told else None


def test_a_training_that_goes_well_needs_no_hint() -> None:
    assert hint(snapshot(curve(FALLING, validation=FALLING), best_epoch=8)) is None
    assert hint(snapshot()) is None


def test_a_training_that_diverged_is_mended_with_a_tenth_of_its_rate() -> None:
    error = DivergenceError("diverged_loss", 12, 1.0)
    recipe = ADAM.replace(learning_rate=1.0)
    run = snapshot(state=State.FAILED, error=error, recipe=recipe)
    told = hint(run)
    assert told == Hint("DIVERGED", {"rate": 1.0}, {"learning_rate": 0.1})
    assert not told.live(run)
    assert told.mended(recipe) == ADAM.replace(learning_rate=0.1)
    assert hint(snapshot(state=State.FAILED)) is None


def test_a_loss_that_jumps_asks_for_half_the_rate_which_can_be_had_live() -> None:
    run = snapshot(curve(JUMPY))
    told = hint(run)
    assert told == Hint("JUMPS", {"rate": 0.001, "jumps": 3}, {"learning_rate": 0.0005})
    assert told.live(run)
    assert not told.live(snapshot(curve(JUMPY), state=State.FINISHED))


def test_what_was_before_a_change_of_the_settings_is_not_told_again() -> None:
    mark = Mark(8.0, "learning_rate", 0.001, 0.0005)
    assert found(snapshot(curve(JUMPY), marks=(mark,))) is None
    assert found(snapshot(curve(JUMPY + JUMPY), marks=(mark,))) == "JUMPS"


def test_two_jumps_or_jumps_close_to_zero_are_no_trouble() -> None:
    assert found(snapshot(curve([1.0, 0.6, 0.9, 0.5, 0.8, 0.4]))) is None
    assert found(snapshot(curve([loss / 20 for loss in JUMPY]))) is None


@pytest.mark.parametrize(
    ("samples", "dropout", "expected", "live"),
    [
        (0, 0.0, Hint("OVERFITS", {"epoch": 3, "rate": 0.3}, {"dropout": 0.3}), False),
        (0, 0.3, Hint("OVERFITS", {"epoch": 3, "rate": 0.5}, {"dropout": 0.5}), True),
        (
            500,
            0,
            Hint("TOO_FEW", {"epoch": 3, "samples": 500}, {"samples": 0, "epochs": 10}),
            False,
        ),
    ],
)
def test_overfitting_is_seen_where_validation_rises_while_training_falls(
    samples: int, dropout: float, expected: Hint, live: bool
) -> None:
    recipe = ADAM.replace(samples=samples, dropout=float(dropout))
    run = snapshot(curve(FALLING, validation=RISING), recipe=recipe)
    assert hint(run) == expected
    assert expected.live(run) is live
    assert found(snapshot(curve(RISING, validation=RISING), recipe=recipe)) is None
    assert found(snapshot(curve(FALLING[:5], validation=RISING[:5]), recipe=recipe)) is None


def test_a_loss_that_barely_moves_asks_for_ten_times_the_rate() -> None:
    slow = curve([2.3, 2.29, 2.28, 2.27, 2.26], accuracy=0.15, an_epoch=8)
    assert hint(snapshot(slow)) == Hint("BARELY_MOVES", {"rate": 0.001}, {"learning_rate": 0.01})
    assert hint(snapshot(slow[:3])) is None
    full = ADAM.replace(batch_size=None)
    assert hint(snapshot(slow, recipe=full)) is None


@pytest.mark.parametrize(
    ("activation", "leak", "mend"),
    [
        ("relu", 0.004, {"activation": "leaky_relu", "leak": 0.01}),
        ("leaky_relu", 0.0, {"activation": "leaky_relu", "leak": 0.01}),
        ("leaky_relu", 0.004, {"learning_rate": 0.00033}),
    ],
)
def test_dead_units_are_told_with_their_layer(activation: str, leak: float, mend: dict) -> None:
    layers = (
        LayerPoint(0.5, 1, 1.0, 1.0, 0.9),
        LayerPoint(1.0, 1, 1.0, 1.0, 0.2),
        LayerPoint(1.0, 2, 1.0, 1.0, 0.45),
        LayerPoint(1.0, 3, 1.0, 1.0, None),
    )
    recipe = ADAM.replace(activation=activation, leak=leak)
    run = snapshot(curve(FALLING), layers=layers, recipe=recipe)
    assert hint(run) == Hint("DEAD", {"layer": 2, "dead": 0.45}, mend)
    assert found(snapshot(curve(FALLING), layers=layers[:2], recipe=recipe)) is None


def test_a_layer_that_is_too_narrow_is_named() -> None:
    narrow = ADAM.replace(hidden=(64, 2))
    run = snapshot(curve(FALLING, accuracy=0.52), recipe=narrow)
    assert hint(run) == Hint("TOO_SMALL", {"units": 2, "accuracy": 0.52}, {"hidden": (128,)})
    assert found(snapshot(curve(FALLING, accuracy=0.96), recipe=narrow)) is None
    assert found(snapshot(curve(FALLING, accuracy=0.52))) is None


def test_a_plateau_asks_for_smaller_steps_unless_a_schedule_takes_them() -> None:
    level = curve([0.2] * 10, validation=[0.1] * 10)
    run = snapshot(level, best_epoch=3)
    assert hint(run) == Hint("PLATEAU", {"epoch": 3}, {"learning_rate": 0.0002})
    assert found(snapshot(level, best_epoch=5)) is None
    assert found(snapshot(level, best_epoch=3, recipe=ADAM.replace(schedule="cosine"))) is None
    mark = Mark(7.0, "learning_rate", 0.01, 0.001)
    assert found(snapshot(level, best_epoch=3, marks=(mark,))) is None


@pytest.mark.parametrize("name", texts.CATALOGUES["en"]["HINTS"])
def test_every_hint_has_its_sentence_and_its_button(name: str) -> None:
    fields = {"rate": 0.3, "jumps": 3, "layer": 1, "dead": 0.45, "epoch": 4, "samples": 500}
    fields |= {"units": 2, "accuracy": 0.5}
    changes = {"learning_rate": 0.1, "dropout": 0.3, "hidden": (128,)}
    sentence, mend = words.hint(Hint(name, fields, changes))
    assert sentence
    assert mend
    assert "{" not in sentence + mend
