from __future__ import annotations

from dataclasses import replace

import pytest

from nn import RECIPES, DivergenceError
from tests.ui.snapshots import curve, snapshot
from ui import i18n
from ui.hints import Hint, hint
from ui.training.snapshot import LayerPoint, Mark, Point, Snapshot, State
from ui.view import sentences

ADAM = RECIPES["adam"]
FALLING = [1.0, 0.5, 0.35, 0.3, 0.27, 0.25, 0.24, 0.23]
RISING = [0.4, 0.3, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5]
JUMPY = [1.0, 0.6, 0.9, 0.5, 0.8, 0.4, 0.7, 0.5]


def found(run: Snapshot) -> str | None:
    found = hint(run)
    return found.name if found else None


def test_a_run_that_goes_well_gets_no_hint() -> None:
    assert (
        hint(snapshot(curve(FALLING, validation=FALLING), best=Point(float(8), 0.1, 0.9, 0.1, 0.9)))
        is None
    )
    assert hint(snapshot()) is None


def test_the_fix_for_divergence_is_a_tenth_of_the_learning_rate() -> None:
    error = DivergenceError("diverged_loss", 12, 1.0)
    recipe = ADAM.replace(learning_rate=1.0)
    run = snapshot(state=State.FAILED, error=error, recipe=recipe)
    found = hint(run)
    assert found == Hint("DIVERGED", {"rate": 1.0}, {"learning_rate": 0.1})
    assert not found.live(run)
    assert found.fixed(recipe) == ADAM.replace(learning_rate=0.1)
    assert hint(snapshot(state=State.FAILED)) is None


def test_the_fix_for_a_jumping_loss_is_half_the_learning_rate_live() -> None:
    run = snapshot(curve(JUMPY))
    found = hint(run)
    assert found == Hint(
        "JUMPS", {"rate": 0.001, "jumps": 3, "points": 12}, {"learning_rate": 0.0005}
    )
    assert found.live(run)
    assert not found.live(snapshot(curve(JUMPY), state=State.FINISHED))


def test_points_before_a_live_change_give_no_hint_again() -> None:
    mark = Mark(8.0, "learning_rate", 0.001, 0.0005)
    assert found(snapshot(curve(JUMPY), marks=(mark,))) is None
    assert found(snapshot(curve(JUMPY + JUMPY), marks=(mark,))) == "JUMPS"


def test_two_jumps_or_jumps_close_to_zero_give_no_hint() -> None:
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
def test_overfitting_is_validation_loss_rising_while_training_loss_falls(
    samples: int, dropout: float, expected: Hint, live: bool
) -> None:
    recipe = ADAM.replace(samples=samples, dropout=float(dropout))
    run = snapshot(curve(FALLING, validation=RISING), recipe=recipe)
    assert hint(run) == expected
    assert expected.live(run) is live
    assert found(snapshot(curve(RISING, validation=RISING), recipe=recipe)) is None
    assert found(snapshot(curve(FALLING[:5], validation=RISING[:5]), recipe=recipe)) is None


def test_the_fix_for_a_loss_that_barely_moves_is_ten_times_the_rate() -> None:
    slow = curve([2.3, 2.29, 2.28, 2.27, 2.26], accuracy=0.15, an_epoch=8)
    assert hint(snapshot(slow)) == Hint("BARELY_MOVES", {"rate": 0.001}, {"learning_rate": 0.01})
    assert hint(snapshot(slow[:3])) is None
    full = ADAM.replace(batch_size=None)
    assert hint(snapshot(slow, recipe=full)) is None


@pytest.mark.parametrize(
    ("activation", "leak", "fix"),
    [
        ("relu", 0.004, {"activation": "leaky_relu", "leak": 0.01}),
        ("leaky_relu", 0.0, {"activation": "leaky_relu", "leak": 0.01}),
        ("leaky_relu", 0.004, {"learning_rate": 0.00033}),
    ],
)
def test_the_hint_about_dead_units_names_their_layer(
    activation: str, leak: float, fix: dict
) -> None:
    layers = (
        LayerPoint(0.5, 1, 1.0, 1.0, 0.9),
        LayerPoint(1.0, 1, 1.0, 1.0, 0.2),
        LayerPoint(1.0, 2, 1.0, 1.0, 0.45),
        LayerPoint(1.0, 3, 1.0, 1.0, None),
    )
    recipe = ADAM.replace(activation=activation, leak=leak)
    run = snapshot(curve(FALLING), layers=layers, recipe=recipe)
    assert hint(run) == Hint("DEAD", {"layer": 2, "dead": 0.45}, fix)
    assert found(snapshot(curve(FALLING), layers=layers[:2], recipe=recipe)) is None


def test_of_a_convolution_it_is_filters_that_are_dead() -> None:
    layers = [LayerPoint(1.0, layer, 1.0, 1.0, 0.1) for layer in (1, 2, 3)]
    recipe = RECIPES["convolution"]
    for dead, name in ((1, "DEAD_FILTERS"), (2, "DEAD_FILTERS"), (3, "DEAD")):
        with_dead = [replace(it, dead=0.5) if it.layer == dead else it for it in layers]
        run = snapshot(curve(FALLING), layers=tuple(with_dead), recipe=recipe)
        fix = {"learning_rate": 0.001}
        assert hint(run) == Hint(name, {"layer": dead, "dead": 0.5}, fix)


def test_a_convolution_without_hidden_layers_is_not_too_narrow_and_has_nothing_to_drop() -> None:
    recipe = RECIPES["convolution"].replace(hidden=(), schedule="constant")
    assert found(snapshot(curve(FALLING, accuracy=0.5), recipe=recipe)) is None
    overfits = curve(FALLING, validation=RISING)
    assert found(snapshot(overfits, recipe=recipe)) is None
    assert found(snapshot(overfits, recipe=recipe.replace(hidden=(64,)))) == "OVERFITS"
    assert found(snapshot(overfits, recipe=recipe.replace(samples=500))) == "TOO_FEW"


def test_a_layer_that_is_too_narrow_is_named() -> None:
    narrow = ADAM.replace(hidden=(64, 2))
    run = snapshot(curve(FALLING, accuracy=0.52), recipe=narrow)
    assert hint(run) == Hint("TOO_SMALL", {"units": 2, "accuracy": 0.52}, {"hidden": (128,)})
    assert found(snapshot(curve(FALLING, accuracy=0.96), recipe=narrow)) is None
    assert found(snapshot(curve(FALLING, accuracy=0.52))) is None


@pytest.mark.parametrize(
    ("units", "epochs", "expected"),
    [(15, 3, "TOO_SMALL"), (15, 2, None), (16, 3, None), (16, 8, None), (1, 8, "TOO_SMALL")],
)
def test_a_layer_is_too_narrow_below_16_units_and_after_three_epochs(
    units: int, epochs: int, expected: str | None
) -> None:
    recipe = ADAM.replace(hidden=(64, units))
    assert found(snapshot(curve(FALLING[:epochs], accuracy=0.94), recipe=recipe)) == expected
    assert found(snapshot(curve(FALLING[:epochs], accuracy=0.95), recipe=recipe)) is None


def test_a_run_without_curves_gets_no_hint() -> None:
    """A loaded checkpoint has a number of epochs, but no training accuracy."""
    recipe = ADAM.replace(hidden=(8,))
    loaded = snapshot(epoch=5, recipe=recipe, state=State.FINISHED)
    assert (loaded.points, loaded.accuracy) == ((), 0.0)
    assert hint(loaded) is None


def test_the_fix_for_a_plateau_is_a_smaller_rate_unless_a_schedule_lowers_it() -> None:
    level = curve([0.2] * 10, validation=[0.1] * 10)
    run = snapshot(level, best=Point(float(3), 0.1, 0.9, 0.1, 0.9))
    assert hint(run) == Hint("PLATEAU", {"epoch": 3}, {"learning_rate": 0.0002})
    assert found(snapshot(level, best=Point(float(5), 0.1, 0.9, 0.1, 0.9))) is None
    assert (
        found(
            snapshot(
                level,
                best=Point(float(3), 0.1, 0.9, 0.1, 0.9),
                recipe=ADAM.replace(schedule="cosine"),
            )
        )
        is None
    )
    mark = Mark(7.0, "learning_rate", 0.01, 0.001)
    assert found(snapshot(level, best=Point(float(3), 0.1, 0.9, 0.1, 0.9), marks=(mark,))) is None


@pytest.mark.parametrize("name", i18n.CATALOGUES["en"]["HINTS"])
def test_every_hint_has_its_sentence_and_its_button(name: str) -> None:
    fields = {"rate": 0.3, "jumps": 3, "layer": 1, "dead": 0.45, "epoch": 4, "samples": 500}
    fields |= {"units": 2, "accuracy": 0.5, "points": 12}
    changes = {"learning_rate": 0.1, "dropout": 0.3, "hidden": (128,)}
    sentence, fix = sentences.hint(Hint(name, fields, changes))
    assert sentence
    assert fix
    assert "{" not in sentence + fix
