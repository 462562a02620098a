"""Recipes: named, serialisable settings of a training. Everything but the data and the seed.

A recipe is checked as it is made: a value out of range, or two that contradict each other, is
refused with the field, the value and what is allowed. The rule of each field stands beside it,
and the command line and the page build their options from the same rules.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from .layers import Array, Layer, LeakyReLU
from .mnist import CLASSES, PIXELS
from .network import ACTIVATIONS, Network, multilayer_perceptron
from .optimizers import OPTIMIZERS, GradientDescent
from .refusal import RefusalError
from .schedules import SCHEDULES

# What may change while a training runs.
LIVE_FIELDS = frozenset({"learning_rate", "dropout", "batch_size", "optimizer", "momentum"})
MAX_HIDDEN_LAYERS = 8


class RecipeError(RefusalError):
    """A recipe's field is out of range, or contradicts another."""


def _rule(help: str, **rule: Any) -> dict[str, Any]:
    """A field's rule: `low`, `high` (included unless `below`), or `choices`; and its meaning."""
    return {"help": help, **rule}


@dataclass(frozen=True)
class Recipe:
    """Settings of a training; see each field's `help` for its meaning.

    Raises
    ------
    RecipeError
        A field is out of its range, or two fields contradict each other.
    """

    name: str = field(default="custom", metadata=_rule("what the recipe is called"))
    hidden: tuple[int, ...] = field(
        default=(128,), metadata=_rule("hidden units, layer by layer", low=1, high=4096)
    )
    activation: str = field(
        default="leaky_relu",
        metadata=_rule("what each hidden unit applies to its sum", choices=tuple(ACTIVATIONS)),
    )
    leak: float = field(
        default=0.004,
        metadata=_rule("Leaky ReLU's slope below zero", low=0.0, high=1.0, below=True),
    )
    batch_norm: bool = field(
        default=False, metadata=_rule("batch normalisation of each hidden layer")
    )
    dropout: float = field(
        default=0.0,
        metadata=_rule("share of hidden units dropped in training", low=0.0, high=1.0, below=True),
    )
    optimizer: str = field(
        default="adam", metadata=_rule("the optimizer", choices=tuple(OPTIMIZERS))
    )
    learning_rate: float = field(
        default=0.001, metadata=_rule("step size", low=0.0, above=True, high=1e6)
    )
    momentum: float = field(
        default=0.9,
        metadata=_rule("velocity kept by momentum and nesterov", low=0.0, high=1.0, below=True),
    )
    schedule: str = field(
        default="constant",
        metadata=_rule("course of the learning rate", choices=tuple(SCHEDULES)),
    )
    warmup: float = field(
        default=0.0,
        metadata=_rule("epochs of linear warm-up, may be a fraction", low=0.0, high=1e6),
    )
    batch_size: int | None = field(
        default=128,
        metadata=_rule("samples a step; 'full' takes all of them", low=1, high=1_000_000),
    )
    epochs: int = field(
        default=10, metadata=_rule("passes over the training set", low=1, high=10_000)
    )
    weight_decay: float = field(
        default=0.0, metadata=_rule("L2 penalty; decoupled with adamw", low=0.0, high=1.0)
    )
    label_smoothing: float = field(
        default=0.0,
        metadata=_rule("share of the target spread evenly", low=0.0, high=1.0, below=True),
    )
    loss_epsilon: float = field(
        default=0.0,
        metadata=_rule("added to probabilities in the loss's logarithm", low=0.0, high=0.001),
    )
    clip_norm: float = field(
        default=0.0, metadata=_rule("largest norm of a gradient; 0 is no limit", low=0.0, high=1e6)
    )
    weight_average: float = field(
        default=0.0,
        metadata=_rule(
            "share kept a step by the average of weights that predicts; 0 is none",
            low=0.0,
            high=1.0,
            below=True,
        ),
    )
    augment: float = field(
        default=0.0,
        metadata=_rule("strength of affine, elastic and thickness distortion", low=0.0, high=3.0),
    )
    pen: float = field(
        default=0.0,
        metadata=_rule("digits of the synthetic pen for each of the data set's", low=0.0, high=4.0),
    )
    nondigits: float = field(
        default=0.0,
        metadata=_rule("its non-digits, to be refused, for each digit", low=0.0, high=1.0),
    )
    validation: int = field(
        default=5000,
        metadata=_rule("last samples of the training set kept for validation", low=0, high=50_000),
    )
    samples: int = field(
        default=0,
        metadata=_rule(
            "first samples of the training set trained on; 0 is all", low=0, high=60_000
        ),
    )

    def __post_init__(self) -> None:
        for option in dataclasses.fields(self):
            check_field(option.name, getattr(self, option.name))
        object.__setattr__(self, "hidden", tuple(self.hidden))
        if self.batch_norm and self.batch_size == 1:
            raise RecipeError(
                "batch_size: expected 2 or more with batch_norm, which needs a batch's variance, "
                "got 1; raise batch_size or leave out batch_norm",
                kind="batch_of_one",
            )
        if self.warmup > self.epochs:
            raise RecipeError(
                f"warmup: expected at most the {self.epochs} epochs of the training, "
                f"got {self.warmup:g}; lower warmup or raise epochs",
                kind="warmup",
                epochs=self.epochs,
                value=self.warmup,
            )

    def replace(self, **changes: Any) -> Recipe:
        """A copy with some fields changed, checked like a new one."""
        unknown = changes.keys() - {option.name for option in dataclasses.fields(self)}
        if unknown:
            raise RecipeError(f"expected fields of a recipe, got {', '.join(sorted(unknown))}")
        return dataclasses.replace(self, **changes)

    def check_size(self, samples: int) -> None:
        """Raise RecipeError unless a training set of `samples` digits can feed this recipe."""
        if samples < 1:
            raise RecipeError("expected at least one training sample, got none")
        if self.batch_size is not None and self.batch_size > samples:
            raise RecipeError(
                f"batch_size: expected at most the {samples} training samples, "
                f"got {self.batch_size}; lower it, or use 'full'",
                kind="batch_size",
                samples=samples,
                value=self.batch_size,
            )

    def check_live_change(self, changed: Recipe, *, samples: int | None = None) -> None:
        """Raise RecipeError if a running training cannot go on by `changed`.

        Parameters
        ----------
        changed : may differ in LIVE_FIELDS
        samples : of the training set, which must feed its batches; None where it is not known yet
        """
        after = changed.to_dict()
        differing = {name for name, value in self.to_dict().items() if after[name] != value}
        if fixed := differing - LIVE_FIELDS:
            raise RecipeError(
                f"{', '.join(sorted(fixed))}: fixed while a training runs; only "
                f"{', '.join(sorted(LIVE_FIELDS))} can change",
                kind="fixed",
                fields=sorted(fixed),
            )
        if samples is not None:
            changed.check_size(samples)

    def build_network(self, *, rng: np.random.Generator, dtype: DTypeLike = np.float32) -> Network:
        """A fresh network of this recipe's architecture, 784 inputs and 10 outputs."""
        activation: Layer = (
            LeakyReLU(self.leak)
            if self.activation == "leaky_relu"
            else ACTIVATIONS[self.activation]()
        )
        layers = multilayer_perceptron(
            (PIXELS, *self.hidden, CLASSES),
            activation=activation,
            batch_norm=self.batch_norm,
            dropout=self.dropout,
        )
        return Network(layers, dtype=dtype).initialize(rng=rng)

    def build_optimizer(self, params: Array, grads: Array) -> GradientDescent:
        """This recipe's optimizer on a network's flat vectors."""
        options: dict[str, float] = {"weight_decay": self.weight_decay}
        if self.optimizer in ("momentum", "nesterov"):
            options["momentum"] = self.momentum
        return OPTIMIZERS[self.optimizer](params, grads, **options)

    def to_dict(self) -> dict[str, Any]:
        """All fields, fit for JSON."""
        return {**dataclasses.asdict(self), "hidden": list(self.hidden)}

    def to_json(self) -> str:
        """All fields as a JSON object."""
        return json.dumps(self.to_dict())

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Recipe:
        """A recipe from the fields of `to_dict`; those left out take their defaults.

        Raises
        ------
        RecipeError
            A field is unknown, of another type, or out of range.
        """
        values = dict(values)
        if isinstance(values.get("hidden"), list):
            values["hidden"] = tuple(values["hidden"])
        return cls().replace(**values)

    @classmethod
    def from_json(cls, text: str) -> Recipe:
        """A recipe from `to_json`'s text; raises RecipeError where it is no such text."""
        try:
            values = json.loads(text)
        except (ValueError, RecursionError) as error:  # an endless number, endless nesting
            raise RecipeError(f"expected a recipe as a JSON object, got {text[:40]!r}") from error
        if not isinstance(values, dict):
            raise RecipeError(f"expected a recipe as a JSON object, got {text[:40]!r}")
        return cls.from_dict(values)


def check_field(name: str, value: Any) -> None:
    """Raise RecipeError unless `value` is allowed for the recipe field `name`."""
    option = Recipe.__dataclass_fields__[name]
    rule, kind = option.metadata, type(option.default)
    if name == "batch_size" and value is None:
        return
    if name == "hidden":
        if not isinstance(value, tuple | list) or len(value) > MAX_HIDDEN_LAYERS:
            raise RecipeError(
                f"hidden: expected units of up to {MAX_HIDDEN_LAYERS} layers, such as 256, 128; "
                f"got {value!r}",
                kind="hidden",
                layers=MAX_HIDDEN_LAYERS,
                value=value,
            )
        for units in value:
            _check_number(name, units, int, rule)
    elif "choices" in rule:
        if value not in rule["choices"]:
            raise RecipeError(
                f"{name}: expected one of {', '.join(rule['choices'])}; got {value!r}",
                kind="choice",
                field=name,
                choices=rule["choices"],
                value=value,
            )
    elif kind in (bool, str):
        if not isinstance(value, kind):
            raise RecipeError(
                f"{name}: expected {kind.__name__}, got {value!r}",
                kind="type",
                field=name,
                value=value,
            )
    else:
        _check_number(name, value, kind, rule)


def allowed(rule: Mapping[str, Any]) -> str:
    """A numeric rule in words: "from 1 to 4096", "from 0 to below 1"."""
    low = f"above {rule['low']:g}" if rule.get("above") else f"from {rule['low']:g}"
    return f"{low} to {'below ' if rule.get('below') else ''}{rule['high']:,}"


def _check_number(name: str, value: Any, kind: type, rule: Mapping[str, Any]) -> None:
    numeric = isinstance(value, int if kind is int else int | float) and not isinstance(value, bool)
    fits = (
        numeric  # a NaN fails both comparisons
        and (value > rule["low"] if rule.get("above") else value >= rule["low"])
        and (value < rule["high"] if rule.get("below") else value <= rule["high"])
    )
    if not fits:
        noun = "a whole number" if kind is int else "a number"
        ends = "above" if rule.get("above") else "below" if rule.get("below") else "number"
        raise RecipeError(
            f"{name}: expected {noun} {allowed(rule)}, got {value!r}",
            kind="whole" if kind is int else ends,
            field=name,
            low=rule["low"],
            high=rule["high"],
            value=value,
        )


RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        # The script that this project started from.
        Recipe(
            name="original",
            optimizer="gd",
            learning_rate=0.3,
            batch_size=None,
            epochs=400,
            loss_epsilon=1e-8,
            validation=0,
        ),
        # The same network, trained the modern way.
        Recipe(name="adam", epochs=10),
        # The original's wishes come true.
        Recipe(
            name="deep",
            hidden=(512, 256),
            batch_norm=True,
            dropout=0.2,
            optimizer="adamw",
            learning_rate=0.002,
            weight_decay=0.01,
            schedule="cosine",
            warmup=1,
            epochs=20,
        ),
        # What the page opens with: it has seen the styles that people really write.
        Recipe(
            name="best",
            hidden=(1024, 512),
            batch_norm=True,
            dropout=0.15,
            optimizer="adamw",
            learning_rate=0.002,
            weight_decay=0.02,
            label_smoothing=0.02,
            schedule="cosine",
            warmup=1,
            weight_average=0.995,
            batch_size=256,
            epochs=36,
            augment=1.0,
            pen=1.0,
            nondigits=0.2,
        ),
    )
}


def find_recipe(name: str) -> Recipe:
    """The recipe of that name; raises RecipeError naming those there are."""
    if name not in RECIPES:
        raise RecipeError(f"recipe: expected one of {', '.join(RECIPES)}; got {name!r}")
    return RECIPES[name]
